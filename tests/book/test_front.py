"""Paths, status, advice, run notes and the reference say what the catalog and the code say."""

import json

import pytest

from arlearn import catalog


@pytest.fixture(scope="module")
def front(book_module):
    return book_module("front")


@pytest.fixture(scope="module")
def reference(book_module):
    return book_module("reference")


def test_a_path_holds_everything_its_goals_stand_on_in_order(front):
    found = front.paths()
    assert [path["name"] for path in found] == [
        *("Images", "Language", "Speed", "Theory", "Speech and science"),
    ]
    for path in found:
        slugs = path["slugs"]
        assert len(set(slugs)) == len(slugs) and {*path["goals"], *path["lessons"]} <= {*slugs}
        for at, slug in enumerate(slugs):
            entry = catalog.chapter(slug)
            before = getattr(entry, "after", None) or getattr(entry, "prerequisites", ())
            assert set(before) <= set(slugs[:at]), f"{path['name']}: {slug} comes too early"


def test_every_paper_can_be_reached_and_no_circle_is_accepted(front, monkeypatch):
    for paper in catalog.papers():
        found = []
        front._with_what_it_needs(paper.slug, found, ())
        assert found[-1] == paper.slug
    loop = {"a": ("b",), "b": ("a",)}

    class Entry:
        def __init__(self, slug):
            self.prerequisites = loop[slug]

    monkeypatch.setattr(front.catalog, "chapter", Entry)
    with pytest.raises(ValueError, match="goes round: a -> b -> a"):
        front._with_what_it_needs("a", [], ())


def test_a_path_to_nowhere_is_refused(front):
    with pytest.raises(LookupError, match="no chapter is called 'vra'"):
        front._with_what_it_needs("vra", [], ())


def test_status_shows_what_the_results_hold(front):
    page = front.status_page()
    row = catalog.result("var", "cpu")
    assert f"{row['seconds']:.0f} s<small>{row['device']}" in page
    assert f"{row['peak_mb']:,} MB" in page and "torch 2." in page


def test_advice_links_only_to_what_is_written(front, monkeypatch):
    for name in ("choose_plan", "choose_head", "choose_sampler"):
        text = front.advice(name)
        assert "@" not in text
    monkeypatch.setattr(catalog.Chapter, "in_book", property(lambda self: False))
    assert "(order.md)" in front.advice("choose_plan")
    monkeypatch.setattr(catalog.Chapter, "in_book", property(lambda self: True))
    assert "(chapters/03_next_x/18_var.ipynb)" in front.advice("choose_plan")


def test_the_run_note_stands_behind_the_title_and_names_the_repository(front, tmp_path):
    notebook = tmp_path / "toy.ipynb"
    cell = {"cell_type": "markdown", "source": ["# VAR\n", "more"], "metadata": {}}
    table = '<a href="../../chapters/03_next_x/18_var.ipynb">VAR</a>'
    output = {"cell_type": "code", "source": [], "outputs": [{"data": {"text/html": table}}]}
    notebook.write_text(json.dumps({"cells": [cell, output]}), encoding="utf-8")
    entry = catalog.paper("var")
    text = "".join(
        json.loads(front.with_launch(notebook, entry, "owner/name"))["cells"][0]["source"]
    )
    assert text.startswith("# VAR\nmore\n\n:::{dropdown} Run this chapter")
    assert "colab.research.google.com/github/owner/name/blob/main/chapters/03_next_x" in text
    assert "`arlearn run var`" in text and "at the cpu tier" in text
    assert "colab.research" not in front.launch(entry, "")


def test_a_docstring_becomes_markdown(reference):
    def sample(x: int, *, law: str = "a_b") -> float:
        """Draw `x_1` from p_2.

        Args:
            x: how many; more
                than one line.

        Raises:
            ValueError: x is *odd*.
        """

    text = reference.entry(sample, "##")
    assert "## sample\n\n```python\nsample(x: int, *, law: str = 'a_b') -> float\n```" in text
    assert "Draw `x_1` from p\\_2." in text
    assert "*Args:*" not in text and "*Args*" in text and "- `x`: how many; more" in text
    assert "- `ValueError`: x is \\*odd\\*." in text


def test_the_reference_has_every_public_name_of_the_samplers(reference):
    text = reference.pages()["reference/decode"]
    for name in ("generate", "speculative", "unmask", "write", "accept", "Session.look"):
        assert f" {name}\n\n```python\n" in text
    assert 'Int[Tensor, "b t"]' in text and "_check" not in text
