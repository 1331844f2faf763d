"""What every chapter has, on a paper or a lesson of the opening part: a place, and parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arlearn import home


@dataclass(frozen=True)
class Part:
    """One measurable statement of a chapter, named before anybody measures it.

    Attributes:
        name: short, unique within its chapter.
        what: what is measured, and against what.
        paper: the paper's own figure, in a lesson what theory says, as text.
        unit: of the method's value and the baseline's.
        better: the direction that supports the statement.
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
class Chapter:
    """One chapter of the course.

    Attributes:
        slug: names its chapter, its result, and a paper's module (`fast-dllm-v2`).
        number: its chapter's number within its part's numbering; the course does not follow it.
        part: folder of its chapter.
        claim: what it says, in one sentence.
        dataset: names of our data it is measured on.
        parts: what its claim is split into.
    """

    slug: str
    number: int
    part: str
    claim: str
    dataset: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def module(self) -> str:
        """Its slug as Python spells it: the name of a paper's module in arlearn.papers."""
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

    @property
    def in_book(self) -> bool:
        """Has its chapter a notebook, so that the book shows it?"""
        return self.chapter is not None and self.chapter.with_suffix(".ipynb").exists()


@dataclass(frozen=True)
class Lesson(Chapter):
    """A chapter of the opening part, which stands on no paper but measures what it says.

    Attributes:
        title: what it is about.
        after: slugs of the lessons to read before it.
    """

    title: str
    after: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """What it is called where there is little room."""
        return self.title
