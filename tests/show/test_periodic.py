"""The periodic table: every paper once, free cells visible, links where there is a chapter."""

import re
from html.parser import HTMLParser

import pytest

from arlearn import catalog
from arlearn.show.periodic import Periodic, heads, held, periodic, plans, table


class Cells(HTMLParser):
    """The text of every cell of a table, row by row, and all links."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.links, self.depth = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def page(made):
    return Cells(made._repr_html_().partition("Beside the table")[0])


def test_every_paper_stands_once_in_the_table_or_beside_it():
    made = periodic()
    inside = [paper for papers in made.cells.values() for paper in papers]
    beside = [paper for paper in made.papers if paper.head in ("several", "none")]
    assert sorted(p.slug for p in inside + beside) == sorted(p.slug for p in catalog.papers())
    written = made._repr_html_()
    for paper in catalog.papers():
        assert len(re.findall(rf"[> ]{re.escape(paper.short)}[<,.]", written)) == 1, paper.slug


def test_the_html_has_a_row_per_plan_a_column_per_head_and_dots_in_free_cells():
    made = periodic()
    rows = page(made).rows
    assert [row[0] for row in rows] == ["", *[f"{p}{catalog.PLANS[p]}" for p in plans()]]
    assert [name.strip() for name in rows[0][1:]] == [f"{h}{catalog.HEADS[h]}" for h in heads()]
    for plan, row in zip(plans(), rows[1:], strict=True):
        for head, cell in zip(heads(), row[1:], strict=True):
            names = [paper.short for paper in held(catalog.papers(), plan, head)]
            assert cell.strip() == (" ".join(names) or "·"), (plan, head)


@pytest.mark.parametrize("root", ["../..", "."])
def test_only_chapters_with_a_notebook_are_linked(root):
    made = periodic(root=root)
    there = [paper for paper in catalog.papers() if paper.in_book and paper.head in heads()]
    assert sorted(page(made).links) == sorted(f"{root}/{paper.page}.ipynb" for paper in there)


def test_some_papers_only():
    var = catalog.paper("var")
    made = periodic([var])
    assert made == Periodic((var,))
    assert made.cells["scales", "categorical"] == [var]
    assert sum(map(len, made.cells.values())) == 1
    assert repr(made).count("VAR") == 1
    assert "scales: categorical – VAR; point – ·" in repr(made)


def test_the_table_takes_the_page_s_own_chips_and_needs_no_styles():
    bare = table(lambda plan, head: "X" if plan == head == "none" else "", kind="k")
    assert "style" not in bare
    assert bare.count('<td class="open"></td>') == len(plans()) * len(heads())
    assert bare.startswith('<table class="k">')
