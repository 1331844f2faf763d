"""The papers and lessons as data: what each one says, its place, the parts of its claim."""

import difflib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from arlearn import home
from arlearn.chapter import Chapter, Lesson, Part

__all__ = [
    *("Cell", "Chapter", "Citation", "Erratum", "Lesson", "Paper", "Part"),
    *("FOLDERS", "HEADS", "OPENING", "PLANS"),
    *("card", "chapter", "lessons", "paper", "papers", "result"),
]

_FILE = tomllib.loads((Path(__file__).with_name("catalog.toml")).read_text(encoding="utf-8"))
# Rows and columns of the periodic table, and the folders of chapters/, each with what it means.
PLANS: dict[str, str] = _FILE["plans"]
HEADS: dict[str, str] = _FILE["heads"]
FOLDERS: dict[str, str] = _FILE["folders"]
OPENING = "00_start"  # the folder of the lessons


@dataclass(frozen=True)
class Erratum:
    """Where a release differs from its paper: what both say, and what is done here."""

    paper: str
    release: str
    here: str


@dataclass(frozen=True)
class Citation:
    """Where a paper stands; `official` is its authors' repository on GitHub, empty if none."""

    title: str
    short: str
    arxiv: str
    year: int
    venue: str
    official: str = ""

    @property
    def url(self) -> str:
        """The paper's page on arXiv."""
        return f"https://arxiv.org/abs/{self.arxiv}"

    @property
    def place(self) -> str:
        """Venue and year: `NeurIPS 2024`, `preprint 2025`."""
        return self.venue if any(map(str.isdigit, self.venue)) else f"{self.venue} {self.year}"


@dataclass(frozen=True)
class Cell:
    """What is drawn, in which order, by which law; plan and head give row and column.

    Raises:
        ValueError: a plan or a head that the periodic table does not have.
    """

    tokens: str
    plan: str
    head: str

    def __post_init__(self):
        for what, value, known in (("plan", self.plan, PLANS), ("head", self.head, HEADS)):
            if value not in known:
                raise ValueError(f"{what} {value!r} is none of {', '.join(known)}")


@dataclass(frozen=True)
class Paper(Chapter):
    """One paper of the course; beside what every chapter has:

    Attributes:
        citation, cell: where it stands, and its place in the periodic table.
        reading: slugs to read before it (`prerequisites`) and beside it (`contrast`).
        errata: where its release differs from it.
    """

    citation: Citation
    cell: Cell
    reading: dict[str, tuple[str, ...]]
    errata: tuple[Erratum, ...]

    def __getattr__(self, name: str) -> Any:
        """`paper.title`, `paper.plan`, `paper.contrast`: what citation, cell and reading hold."""
        if not name.startswith("_"):
            for held in (vars(self)["citation"], vars(self)["cell"]):
                if hasattr(held, name):
                    return getattr(held, name)
            if name in vars(self)["reading"]:
                return vars(self)["reading"][name]
        raise AttributeError(f"a paper has no {name!r}")


def papers() -> list[Paper]:
    """All papers, in the order of the course.

    Raises:
        ValueError: an entry of catalog.toml has a field too many, too few, or out of range.
    """
    return list(_read())


def lessons() -> list[Lesson]:
    """The chapters of the opening part, in their order.

    Raises:
        ValueError: an entry of catalog.toml has a field too many, too few, or out of range.
    """
    return list(_lessons())


def paper(slug: str) -> Paper:
    """The paper of this slug.

    Raises:
        LookupError: no paper is called so.
    """
    return _named(slug, "paper", _read())


def chapter(slug: str) -> Paper | Lesson:
    """The paper or the lesson of this slug.

    Raises:
        LookupError: neither is called so.
    """
    return _named(slug, "chapter", (*_lessons(), *_read()))


def result(slug: str, tier: str, folder: Path | None = None) -> dict[str, Any] | None:
    """What was measured for a paper at a tier, as `claim` wrote it; None if nothing was.

    `folder` holds one folder per tier; book/results, the published ones, unless given.
    """
    folder = home.root() / "book" / "results" if folder is None else folder
    path = folder / tier / f"{slug}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def card(slug: str) -> Any:
    """What opens a chapter: citation, claim, place in the periodic table, data, and time.

    Raises:
        LookupError: no paper and no lesson is called so.
    """
    from arlearn.show.paper_card import LessonCard, PaperCard

    found = chapter(slug)
    return PaperCard(found) if isinstance(found, Paper) else LessonCard(found)


def _named(slug: str, what: str, entries: tuple[Any, ...]) -> Any:
    known = {entry.slug: entry for entry in entries}
    if slug in known:
        return known[slug]
    near = difflib.get_close_matches(slug.lower().replace("_", "-"), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else "`arlearn list` shows all of them"
    raise LookupError(f"no {what} is called {slug!r}; {hint}")


@cache
def _lessons() -> tuple[Lesson, ...]:
    return tuple(map(_lesson, _FILE["lesson"]))


def _lesson(entry: dict[str, Any]) -> Lesson:
    entry = dict(entry)
    try:
        parts = tuple(Part(**part) for part in entry.pop("parts"))
        lists = {key: tuple(entry.pop(key, ())) for key in ("dataset", "after")}
        return Lesson(part=OPENING, parts=parts, **lists, **entry)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"catalog.toml, lesson {entry.get('slug')!r}: {error}") from error


@cache
def _read() -> tuple[Paper, ...]:
    return tuple(map(_paper, _FILE["paper"]))


def _paper(entry: dict[str, Any]) -> Paper:
    entry = dict(entry)
    try:
        return Paper(
            citation=Citation(**{key: entry.pop(key) for key in Citation.__annotations__}),
            cell=Cell(**{key: entry.pop(key) for key in Cell.__annotations__}),
            dataset=tuple(entry.pop("dataset")),
            reading={key: tuple(entry.pop(key)) for key in ("prerequisites", "contrast")},
            errata=tuple(Erratum(**erratum) for erratum in entry.pop("errata", ())),
            parts=tuple(Part(**part) for part in entry.pop("parts")),
            **entry,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"catalog.toml, paper {entry.get('slug')!r}: {error}") from error
