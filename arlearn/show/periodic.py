"""The periodic table of the course: a row per plan, a column per head, every paper in its cell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from arlearn import catalog
from arlearn.catalog import Paper

BESIDE = ("several", "none")  # heads that are no column: their papers stand beside the table
# Grey lines at half strength can be read on a light and on a dark page.
LINE = "border:1px solid #8886;padding:.3em .4em;text-align:left;vertical-align:top"
CHIP = (
    "display:inline-block;line-height:1.6;margin:0 .15em .25em 0;padding:0 .3em;border-radius:4px;"
    "color:inherit;border:1px {} currentColor"
)
FAINT = "display:block;font-weight:400;opacity:.8"
VACANT = '<span style="opacity:.7">·</span>'


@dataclass(frozen=True, repr=False)
class Periodic:
    """The table with some papers in it; shows itself as HTML or as plain text.

    Attributes:
        papers: what stands in it.
        root: how to get from the page to the repository's folder, where the links begin.
    """

    papers: Sequence[Paper]
    root: str = "../.."

    @property
    def cells(self) -> dict[tuple[str, str], list[Paper]]:
        """The papers of every cell (plan, head) of the table, the vacant ones too."""
        return {(p, h): held(self.papers, p, h) for p in plans() for h in heads()}

    def __repr__(self) -> str:
        lines = []
        for plan in plans():
            named = {h: ", ".join(p.short for p in held(self.papers, plan, h)) for h in heads()}
            lines += [f"{plan}: " + "; ".join(f"{h} – {n or '·'}" for h, n in named.items())]
        return "\n".join([*lines, f"beside the table: {self._beside()}"])

    def _repr_html_(self) -> str:
        body = table(self._chips, kind="periodic stacked", styles=(LINE, FAINT), vacant=VACANT)
        begin = '<div class="arlearn-periodic" style="font-size:.9em"><div style="overflow-x:auto">'
        return f"{begin}{body}</div><div>Beside the table: {escape(self._beside())}.</div></div>"

    def _beside(self) -> str:
        return ", ".join(paper.short for paper in self.papers if paper.head in BESIDE)

    def _chips(self, plan: str, head: str) -> str:
        return " ".join(map(self._chip, held(self.papers, plan, head)))

    def _chip(self, paper: Paper) -> str:
        title, name = escape(paper.title, quote=True), escape(paper.short)
        if not paper.in_book:
            style = CHIP.format("dashed") + ";opacity:.8"
            return f'<span title="{title}" style="{style}">{name}</span>'
        address = f"{self.root}/{paper.page}.ipynb"
        style = CHIP.format("solid") + ";font-weight:600"
        return f'<a title="{title}" style="{style}" href="{address}">{name}</a>'


def periodic(papers: Iterable[Paper] | None = None, *, root: str = "../..") -> Periodic:
    """The papers of the course in their cells: solid frames link to chapters, dashed ones have
    none yet, and a dot marks a cell that no paper fills.

    Args:
        papers: all of the catalog unless given.
        root: the repository's folder as seen from the page, `../..` from a chapter.
    """
    return Periodic(tuple(catalog.papers() if papers is None else papers), root)


def plans() -> list[str]:
    """The rows, in the order of the catalog."""
    return [plan for plan in catalog.PLANS if plan != "none"]


def heads() -> list[str]:
    """The columns, in the order of the catalog."""
    return [head for head in catalog.HEADS if head not in BESIDE]


def held(papers: Iterable[Paper], plan: str, head: str) -> list[Paper]:
    """The papers of one cell."""
    return [paper for paper in papers if (paper.plan, paper.head) == (plan, head)]


def table(
    chips: Callable[[str, str], str],
    *,
    kind: str,
    styles: tuple[str, str] = ("", ""),
    vacant: str = "",
) -> str:
    """The table as HTML, for a notebook and for a page of the book alike.

    Args:
        chips: `chips(plan, head)`, the HTML of a cell's papers, empty where there are none.
        kind: classes of the table.
        styles: of every cell, and of the words below a row's or column's name, for pages that
            have no style sheet of their own.
        vacant: what stands in a cell without papers.
    """
    line, faint = (f' style="{style}"' if style else "" for style in styles)

    def named(scope: str, name: str, told: str) -> str:
        return f'<th scope="{scope}"{line}>{name}<small{faint}>{told}</small></th>'

    def cell(plan: str, head: str) -> str:
        inside = chips(plan, head)
        what = f'data-label="{head}"' if inside else f'class="{"vacant" if vacant else "open"}"'
        return f"<td {what}{line}>{inside or vacant}</td>"

    top = "".join(named("col", head, catalog.HEADS[head]) for head in heads())
    body = ""
    for plan in plans():
        row = "".join(cell(plan, head) for head in heads())
        body += f"<tr>{named('row', plan, catalog.PLANS[plan])}{row}</tr>\n"
    return (
        f'<table class="{kind}"><thead><tr><td{line}></td>{top}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table>"
    )
