"""The page that lays every chapter's samplers over each other: quality against evaluations."""

from html import escape

import pages

from arlearn import frontier, show
from arlearn.frontier import Point
from arlearn.ledger import TIERS, Row
from arlearn.show.picture import image_tag, size

OPENING = """\
# Samplers

A sampler that draws more tokens per evaluation of the network is faster and, as a rule, worse. This
page lays the samplers of all chapters over each other in one form: to the right, how many tokens an
evaluation brings; upwards, the share of samples that an exact checker calls right. A line is one
sampler at several settings, a colour is one chapter; the table below names every point.

Lines of one colour can be compared with each other: same task, same checker. Between colours only
the shape says something, how far a sampler can be pushed before its quality falls, as tasks differ
in how hard they are.
"""
NAMES = {"cpu": "Two cores", "gpu": "One GPU"}


def samplers_page(found: dict[str, list[tuple[Row, list[Point]]]] | None = None) -> str:
    """Every tier with its figure and the points behind it."""
    if found is None:
        found = {tier: frontier.gathered(tier) for tier in TIERS}
    text = OPENING
    for tier, rows in found.items():
        if rows:
            text += f"\n## {NAMES[tier]}\n\n{_figure(rows)}\n{_table(rows, tier)}"
    return text if any(found.values()) else f"{text}\nNo chapter has said its points yet.\n"


def _figure(found: list[tuple[Row, list[Point]]]) -> str:
    groups = {_short(row): points for row, points in found}
    picture = show.frontier(groups, quality="share right, by an exact checker")
    width, height = size(picture.png)
    image = image_tag(picture.png, picture.alt, f'width="{width}" height="{height}"')
    return pages.raw(f"<figure>{image}</figure>")


def _table(found: list[tuple[Row, list[Point]]], tier: str) -> str:
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("Chapter", "Sampler", "Tokens per evaluation", "Quality", "What is counted")
    )
    body = ""
    for row, points in found:
        page, quality = row.paper.page, row.measured[tier]["frontier"]["quality"]
        for point in points:
            spread = f" ± {point.spread:.2f}" if point.spread else ""
            body += (
                f'<tr><th scope="row"><a href="{page}.html">{escape(_short(row))}</a></th>'
                f'<td data-label="sampler">{escape(point.sampler)}</td>'
                f'<td class="number" data-label="tokens per evaluation">'
                f"{point.tokens_per_evaluation:.3g}</td>"
                f'<td class="number" data-label="quality">{point.quality:.2f}{spread}</td>'
                f'<td data-label="what is counted">{escape(quality)}</td></tr>\n'
            )
    return pages.raw(
        f'<table class="rows stacked wide"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table>"
    )


def _short(row: Row) -> str:
    return getattr(row.paper, "short", row.paper.title)
