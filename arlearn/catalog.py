"""The 58 papers as data: what each one says, its cell in the periodic table, its claim's parts."""

import difflib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from arlearn import home

_FILE = tomllib.loads((Path(__file__).with_name("catalog.toml")).read_text(encoding="utf-8"))
# Rows and columns of the periodic table, and the folders of chapters/, each with what it means.
PLANS: dict[str, str] = _FILE["plans"]
HEADS: dict[str, str] = _FILE["heads"]
FOLDERS: dict[str, str] = _FILE["folders"]


@dataclass(frozen=True)
class Part:
    """One measurable statement of a paper, named before anybody measures it.

    Attributes:
        name: short, unique within its paper.
        what: what is measured, and against what.
        paper: the paper's own figure, as text.
        unit: of the method's value and the baseline's.
        better: the direction that supports the paper.
        factor: improvement over the baseline that can be expected at our size; None: any.
        margin: for what should be kept: the share of the baseline it may be worse by.
        target: for what has no baseline: the value to reach.
        asserted: counted rather than timed or sampled; a chapter fails where it does not hold.

    Raises:
        ValueError: more than one of factor, margin and target, or an unknown direction.
    """

    name: str
    what: str
    paper: str
    unit: str
    better: Literal["lower", "higher"]
    factor: float | None = None
    margin: float | None = None
    target: float | None = None
    asserted: bool = False

    def __post_init__(self):
        if self.better not in ("lower", "higher"):
            raise ValueError(f"part {self.name}: better is lower or higher, not {self.better!r}")
        if sum(rule is not None for rule in (self.factor, self.margin, self.target)) > 1:
            raise ValueError(f"part {self.name}: give one of factor, margin and target, not more")


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
class Paper:
    """One paper of the course.

    Attributes:
        slug: names its module, its chapter and its result (`fast-dllm-v2`).
        number: its chapter's number; the course does not follow it.
        part: folder of its chapter.
        citation, cell: where it stands, and its place in the periodic table.
        dataset: names of our data it is measured on.
        claim: what it says, in one sentence.
        reading: slugs to read before it (`prerequisites`) and beside it (`contrast`).
        errata: where its release differs from it.
        parts: what its claim is split into.
    """

    slug: str
    number: int
    part: str
    citation: Citation
    cell: Cell
    dataset: tuple[str, ...]
    claim: str
    reading: dict[str, tuple[str, ...]]
    errata: tuple[Erratum, ...]
    parts: tuple[Part, ...]

    def __getattr__(self, name: str) -> Any:
        """`paper.title`, `paper.plan`, `paper.contrast`: what citation, cell and reading hold."""
        if not name.startswith("_"):
            for held in (vars(self)["citation"], vars(self)["cell"]):
                if hasattr(held, name):
                    return getattr(held, name)
            if name in vars(self)["reading"]:
                return vars(self)["reading"][name]
        raise AttributeError(f"a paper has no {name!r}")

    @property
    def module(self) -> str:
        """Its module's name in arlearn.papers."""
        return self.slug.replace("-", "_")

    @property
    def page(self) -> str:
        """Its chapter from the repository's folder, without suffix; written or not."""
        return f"chapters/{self.part}/{self.number:02d}_{self.module}"

    @property
    def chapter(self) -> Path | None:
        """The source of its chapter, None while it is not written."""
        path = home.root() / f"{self.page}.py"
        return path if path.exists() else None

    @property
    def done(self) -> bool:
        """Is its chapter written?"""
        return self.chapter is not None


def papers() -> list[Paper]:
    """All papers, in the order of the course.

    Raises:
        ValueError: an entry of catalog.toml has a field too many, too few, or out of range.
    """
    return list(_read())


def paper(slug: str) -> Paper:
    """The paper of this slug.

    Raises:
        LookupError: no paper is called so.
    """
    known = {entry.slug: entry for entry in _read()}
    if slug in known:
        return known[slug]
    near = difflib.get_close_matches(slug.lower().replace("_", "-"), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else "`arlearn list` shows all 58"
    raise LookupError(f"no paper is called {slug!r}; {hint}")


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
        LookupError: no paper is called so.
    """
    from arlearn.show.paper_card import PaperCard

    return PaperCard(paper(slug))


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
