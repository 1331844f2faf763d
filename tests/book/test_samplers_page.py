"""The page of all samplers: every point of every chapter, with what its quality is."""

import re

import pytest

from arlearn import catalog
from arlearn.frontier import Point
from arlearn.ledger import Row


@pytest.fixture(scope="module")
def samplers(book_module):
    """book/samplers.py as a module."""
    return book_module("samplers")


def row(slug, quality):
    return Row(catalog.chapter(slug), {"cpu": {"frontier": {"quality": quality, "points": []}}})


def test_every_point_stands_beside_its_chapter_and_its_quality(samplers):
    found = [
        (
            row("var", "share of <classes>"),
            [Point("raster", 1, 0.9, 0.01), Point("scales", 20, 0.8)],
        ),
        (row("noise", "share well-formed"), [Point("masked", 4, 0.5)]),
    ]
    page = samplers.samplers_page({"cpu": found, "gpu": []})
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", page, re.S)
    assert len(rows) == 3 and "0.90 ± 0.01" in rows[0] and "share of &lt;classes&gt;" in rows[1]
    assert f'href="{catalog.chapter("noise").page}.html"' in rows[2]
    assert "## Two cores" in page and "## One GPU" not in page
    assert "data:image/png;base64," in page and "masked 0.50 at 4" in page


def test_without_points_it_says_so(samplers):
    assert "No chapter has said its points yet" in samplers.samplers_page({"cpu": [], "gpu": []})
