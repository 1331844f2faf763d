"""The card that opens a chapter: what it stands on, its claim, its data, and what a run takes."""

from dataclasses import dataclass
from html import escape

from arlearn.catalog import HEADS, PLANS, Chapter, Lesson, Paper, lessons, result

FRAME = (
    "border:1px solid #8886;border-left:4px solid #3b78b8;border-radius:4px;"
    "padding:.8em 1em;max-width:46em"
)


def time(chapter: Chapter) -> str:
    """How long its runs took, tier by tier."""
    found = [(tier, result(chapter.slug, tier)) for tier in ("cpu", "gpu")]
    took = [
        f"{row['seconds']:.0f} s at the {tier} tier ({row['device']})"
        for tier, row in found
        if row and row.get("seconds")
    ]
    return ", ".join(took) or "not measured yet"


def frame(above: str, title: str, below: str, claim: str, rows: list[tuple[str, str]]) -> str:
    """A card as HTML: the title large, a line above and one below it, the claim, a table."""
    # Half-transparent grey is legible on a light and on a dark page.
    told = "".join(
        f'<dt style="opacity:.8;font-weight:normal">{name}</dt>'
        f'<dd style="margin:0">{escape(text)}</dd>'
        for name, text in rows
    )
    return (
        f'<div class="paper-card" style="{FRAME}"><div style="opacity:.8">{escape(above)}</div>'
        f'<div style="font-size:1.15em;font-weight:600">{escape(title)}</div>{below}'
        f'<p style="margin:.7em 0">{escape(claim)}</p>'
        '<dl style="display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;margin:0">'
        f"{told}</dl></div>"
    )


def markdown(head: str, claim: str, rows: list[tuple[str, str]]) -> str:
    """A card as Markdown: what stands above, the claim, a table."""
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])
    return f"{head}\n\n> {claim}\n\n{table}\n"


@dataclass(frozen=True, repr=False)
class LessonCard:
    """A lesson of the opening part on a card; shows itself as HTML, Markdown or plain text."""

    lesson: Lesson

    def rows(self) -> list[tuple[str, str]]:
        """What stands below the claim, as (name, text)."""
        titles = {other.slug: other.title for other in lessons()}
        after = ", ".join(titles[slug] for slug in self.lesson.after)
        told = [("after", after), ("data", ", ".join(self.lesson.dataset))]
        return [(name, text) for name, text in (*told, ("time", time(self.lesson))) if text]

    @property
    def above(self) -> str:
        """Which chapter of the opening part it is."""
        return f"Opening part, {self.lesson.number} of {len(lessons())}"

    def __repr__(self) -> str:
        lines = [f"{name:>8}  {text}" for name, text in self.rows()]
        return "\n".join([self.above, self.lesson.title, self.lesson.claim, *lines])

    def _repr_markdown_(self) -> str:
        head = f"**{self.lesson.title}**  \n{self.above}"
        return markdown(head, self.lesson.claim, self.rows())

    def _repr_html_(self) -> str:
        return frame(self.above, self.lesson.title, "", self.lesson.claim, self.rows())


@dataclass(frozen=True, repr=False)
class PaperCard:
    """A paper on a card; shows itself as HTML, Markdown or plain text."""

    paper: Paper

    def rows(self) -> list[tuple[str, str]]:
        """What stands below the claim, as (name, text)."""
        cell = self.paper.cell
        return [
            ("tokens", cell.tokens),
            ("plan", f"{cell.plan}: {PLANS[cell.plan]}"),
            ("head", f"{cell.head}: {HEADS[cell.head]}"),
            ("data", ", ".join(self.paper.dataset)),
            ("time", time(self.paper)),
        ]

    def __repr__(self) -> str:
        cite = self.paper.citation
        head = f"{self.paper.number} · {cite.short}\n{cite.title}\n{cite.place}, {cite.url}"
        lines = [f"{name:>8}  {text}" for name, text in self.rows()]
        return "\n".join([head, self.paper.claim, *lines])

    def _repr_markdown_(self) -> str:
        cite = self.paper.citation
        head = f"**{cite.title}**  \n{cite.place}, [arXiv {cite.arxiv}]({cite.url})"
        return markdown(head, self.paper.claim, self.rows())

    def _repr_html_(self) -> str:
        cite = self.paper.citation
        links = f'<a href="{cite.url}">arXiv {cite.arxiv}</a>'
        if cite.official:
            links += f' · <a href="https://github.com/{cite.official}">official repository</a>'
        below = f"<div>{escape(cite.place)} · {links}</div>"
        above = f"{self.paper.number} · {cite.short}"
        return frame(above, cite.title, below, self.paper.claim, self.rows())
