"""The book's pages that are made from data: map, reading order, ledger, errata."""

import re
from collections.abc import Iterable
from html import escape

from arlearn import catalog
from arlearn.catalog import Lesson, Paper
from arlearn.ledger import Row, ledger
from arlearn.show.claim_card import SIGNS, here, rule
from arlearn.show.periodic import BESIDE, held, table

# A page whose table needs the width of a page: no second table of contents beside it.
WIDE = """\
---
html_theme.sidebar_secondary.remove: true
---

"""
SORT = """\
<script>
for (const button of document.querySelectorAll(".sorted thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0];
    const at = head.cellIndex, down = head.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[at].dataset.key;
    const order = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
    const rows = [...body.rows].sort((a, b) => (down ? order(b, a) : order(a, b)));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  });
}
</script>"""


def raw(html: str) -> str:
    """HTML inside a Markdown page."""
    return f"```{{raw}} html\n{html}\n```\n"


def plain(text: str) -> str:
    """Text in a Markdown page that means nothing but itself."""
    return re.sub(r"([\\`*_$<>\[\]{}])", r"\\\1", text)


def link(paper: Paper | Lesson, text: str, *, kind: str = "") -> str:
    """A paper's name; where its chapter is in the book, a link to it."""
    kind, title = (f' class="{kind}"' if kind else ""), escape(paper.title, quote=True)
    if not paper.in_book:
        return f'<span{kind} title="{title}">{escape(text)}</span>'
    return f'<a{kind} title="{title}" href="{paper.page}.html">{escape(text)}</a>'


def chips(papers: Iterable[Paper]) -> str:
    """Papers of one cell, by name."""
    return " ".join(link(paper, paper.short, kind="paper") for paper in papers)


def map_page() -> str:
    """The periodic table: a row per plan, a column per head, every paper in its cell."""
    papers = catalog.papers()
    cells = table(lambda plan, head: chips(held(papers, plan, head)), kind="periodic stacked wide")
    beside = [paper for paper in papers if paper.head in BESIDE]
    others = "\n".join(
        f"- **{paper.short}**: plan {paper.plan}, head {paper.head}. {plain(paper.claim)}"
        for paper in beside
    )
    done = sum(paper.in_book for paper in papers)
    return f"""\
{WIDE}# The map

Every paper of the course in its cell: a row says which units are drawn together and in which
order, a column by which law one unit is drawn. A solid frame links to a chapter ({done} of
{len(papers)}); a dashed one is still to come. An open cell (·) is an exercise: the parts compose.

{raw(f'<div class="scroll">{cells}</div>')}
## Beside the table

{others}
"""


def order_page() -> str:
    """The course in order, with what to read before each paper and beside it."""
    by_slug = {paper.slug: paper for paper in catalog.papers()}
    text = f"""\
{WIDE}# Reading order

The numbers are names, not the order. Each paper says what to read before it, and which others to
hold it against; a link leads to a chapter that is written.

## {catalog.FOLDERS[catalog.OPENING]}

{raw(rows(("lesson", "says", "after"), "".join(map(_lesson, catalog.lessons()))))}"""
    for folder, title in catalog.FOLDERS.items():
        held = [paper for paper in by_slug.values() if paper.part == folder]
        body = ""
        for paper in held:
            before, beside = (
                ", ".join(link(by_slug[slug], by_slug[slug].short) for slug in slugs) or "–"
                for slugs in (paper.prerequisites, paper.contrast)
            )
            body += (
                f'<tr><th scope="row">{link(paper, paper.short)}'
                f'<small>{paper.number} · <a href="{paper.url}">{paper.arxiv}</a></small></th>'
                f'<td data-label="says">{escape(paper.claim)}</td>'
                f'<td data-label="before">{before}</td>'
                f'<td data-label="against">{beside}</td></tr>\n'
            )
        if body:
            text += f"\n## {title}\n\n" + raw(rows(("paper", "says", "before", "against"), body))
    return text


def _lesson(lesson: Lesson) -> str:
    titles = {other.slug: link(other, other.title) for other in catalog.lessons()}
    after = ", ".join(titles[slug] for slug in lesson.after) or "–"
    return (
        f'<tr><th scope="row">{titles[lesson.slug]}<small>{lesson.number}</small></th>'
        f'<td data-label="says">{escape(lesson.claim)}</td>'
        f'<td data-label="after">{after}</td></tr>\n'
    )


def rows(columns: Iterable[str], body: str, *, sort: bool = False) -> str:
    """A table that turns into cards on a narrow screen; `sort` makes its headings buttons."""
    names = (f'<button type="button">{name}</button>' if sort else name for name in columns)
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    kind = "rows stacked wide sorted" if sort else "rows stacked wide"
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>'
    return table + (f"\n{SORT}" if sort else "")


def ledger_page() -> str:
    """Every claim at both tiers: verdict, each part here against the paper, device, seconds."""
    found = ledger()
    body = "".join(map(_ledger_row, found))
    counts = []
    for tier in ("cpu", "gpu"):
        verdicts = [row.measured[tier]["verdict"] for row in found if tier in row.measured]
        each = [f"{verdicts.count(v)} {v}" for v in SIGNS if v in verdicts]
        counts.append(f"{tier} tier: {', '.join(each) or 'nothing measured yet'}")
    columns = ("paper", "cpu tier", "cpu time", "gpu tier", "gpu time")
    return f"""\
{WIDE}# The ledger of claims

What every chapter measured, beside what its paper reports. A claim is a list of parts that were
named before anything was measured; open a verdict to see each part. Times are whole runs of a
chapter, imports and training included. {"; ".join(counts)}.

- ● **reproduced**: better beyond the spread, by the factor that can be expected at this size
- ◐ **in part**: some parts are reproduced; **direction only**: better, but by less
- ○ **not at this scale**: not better here, with the reason beside it

{raw(rows(columns, body, sort=True))}

## The opening part

Its lessons stand on no paper; they are held to what theory or the field says.

{raw(rows(("lesson", *columns[1:]), "".join(map(_ledger_row, ledger(opening=True)))))}"""


def _ledger_row(row: Row) -> str:
    name, short = link(row.paper, row.paper.short), escape(row.paper.short)
    cells = f'<th scope="row" data-key="{short}">{name} <i>{row.paper.number}</i></th>'
    for tier in ("cpu", "gpu"):
        measured = row.measured.get(tier)
        if measured is None:
            cells += '<td class="nothing" data-key="~">–</td>' * 2
            continue
        changed = "<small>the chapter's code changed since</small>" if row.stale(tier) else ""
        verdict = measured["verdict"]
        parts = "".join(f"<li>{_part(part)}</li>" for part in measured["parts"])
        cells += (
            f'<td data-label="{tier} tier" data-key="{list(SIGNS).index(verdict)}">'
            f"<details><summary>{SIGNS[verdict]} {verdict}</summary><ul>{parts}</ul></details>"
            f'{changed}</td><td class="number" data-label="{tier} time"'
            f' data-key="{measured["seconds"]:.0f}">{measured["seconds"]:.0f} s'
            f"<small>{escape(measured['device'])}</small></td>"
        )
    return f"<tr>{cells}</tr>\n"


def _part(part: dict) -> str:
    compared = f" ({rule(part)})" if rule(part) else ""
    said = f"<small>{escape(part['reason'])}</small>" if part["reason"] else ""
    return (
        f"{SIGNS[part['verdict']]} <strong>{escape(part['name'])}</strong> "
        f"{escape(here(part) + compared)}; paper: {escape(part['paper'])}{said}"
    )


def errata_page() -> str:
    """Where released code differs from its paper."""
    body = ""
    for paper in catalog.papers():
        for erratum in paper.errata:
            body += (
                f'<tr><th scope="row">{link(paper, paper.short)}</th>'
                f'<td data-label="paper">{escape(erratum.paper)}</td>'
                f'<td data-label="release">{escape(erratum.release)}</td>'
                f'<td data-label="course">{escape(erratum.here)}</td></tr>\n'
            )
    table = rows(("paper", "the paper means", "the release does", "the course does"), body)
    return f"""\
{WIDE}# Where releases differ from their papers

Found while reading both. A chapter implements what the paper means and says so; where it is cheap,
it shows what the release does beside it. Papers without a link have no chapter yet. A difference
is no reproach: most are harmless, some explain a number that does not come out.

{raw(table)}"""
