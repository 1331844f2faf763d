"""The card that opens a chapter: a paper's citation, claim, cell, data, and what a run takes."""

from dataclasses import dataclass
from html import escape

from arlearn.catalog import HEADS, PLANS, Paper, result


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
            ("time", self._time()),
        ]

    def _time(self) -> str:
        found = [(tier, result(self.paper.slug, tier)) for tier in ("cpu", "gpu")]
        took = [
            f"{row['seconds']:.0f} s at the {tier} tier ({row['device']})"
            for tier, row in found
            if row and row.get("seconds")
        ]
        return ", ".join(took) or "not measured yet"

    def __repr__(self) -> str:
        cite = self.paper.citation
        head = f"{self.paper.number} · {cite.short}\n{cite.title}\n{cite.place}, {cite.url}"
        lines = [f"{name:>8}  {text}" for name, text in self.rows()]
        return "\n".join([head, self.paper.claim, *lines])

    def _repr_markdown_(self) -> str:
        cite = self.paper.citation
        head = f"**{cite.title}**  \n{cite.place}, [arXiv {cite.arxiv}]({cite.url})"
        table = "\n".join(["| | |", "|---|---|", *(f"| {n} | {text} |" for n, text in self.rows())])
        return f"{head}\n\n> {self.paper.claim}\n\n{table}\n"

    def _repr_html_(self) -> str:
        cite = self.paper.citation
        links = f'<a href="{cite.url}">arXiv {cite.arxiv}</a>'
        if cite.official:
            links += f' · <a href="https://github.com/{cite.official}">official repository</a>'
        # Half-transparent grey is legible on a light and on a dark page.
        rows = "".join(
            f'<dt style="opacity:.8;font-weight:normal">{name}</dt>'
            f'<dd style="margin:0">{escape(text)}</dd>'
            for name, text in self.rows()
        )
        return (
            '<div class="paper-card" style="border:1px solid #8886;border-left:4px solid #3b78b8;'
            'border-radius:4px;padding:.8em 1em;max-width:46em">'
            f'<div style="opacity:.8">{self.paper.number} · {escape(cite.short)}</div>'
            f'<div style="font-size:1.15em;font-weight:600">{escape(cite.title)}</div>'
            f"<div>{escape(cite.place)} · {links}</div>"
            f'<p style="margin:.7em 0">{escape(self.paper.claim)}</p>'
            '<dl style="display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;margin:0">'
            f"{rows}</dl></div>"
        )
