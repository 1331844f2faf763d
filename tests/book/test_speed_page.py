"""The page of the bench shows what was measured, goals that are missed included."""

import re
from html.parser import HTMLParser

import pytest


@pytest.fixture(scope="module")
def speed(book_module):
    """book/speed.py as a module."""
    return book_module("speed")


def toy(group="training"):
    """One row that meets its goal, one that does not, one without a peer, and a curve."""
    row = {"group": group, "unit": "ms a step", "ours": 2.0, "goal": 1.2}
    peer = {"name": "yard<stick>", "value": 3.0, "ratio": 1.5}
    rows = [
        row | {"name": "fast", "peers": [peer], "ratio": 1.5, "met": True},
        row | {"name": "slow", "peers": [peer | {"ratio": 0.9}], "ratio": 0.9, "met": False},
        row | {"name": "alone", "peers": [], "ratio": None, "met": None},
    ]
    curve = {"name": "a token", "x": "length", "y": "ms", "at": [1, 2], "ours": [0.5, 1.0]}
    return {"device": "CPU", "versions": {"torch": "2.13.0"}, "rows": rows, "curves": [curve]}


def test_each_row_stands_beside_its_goal(speed):
    page = speed.bench_page(toy())
    found = dict(re.findall(r'<th scope="row">(\w+)</th>.*?data-label="goal">(.*?)</td>', page))
    assert found == {"fast": "● 1.2", "slow": "○ 1.2", "alone": "– 1.2"}
    assert "yard&lt;stick&gt; 3 (<strong>1.50</strong>)" in page and "torch 2.13.0" in page
    assert "no peer installed" in page and "## Training" in page and "## Import" not in page


def test_the_curve_is_drawn_and_told(speed):
    page = speed.bench_page(toy("decoding"))
    assert 'points="40,108 440,20"' in page and "ours: 0.50, 1.00" in page


@pytest.mark.parametrize("group", ["training", "decoding", "import", "changes"])
def test_html_is_closed_and_loads_nothing(speed, group):
    open_tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert not {"src", "href"} & set(dict(attrs))
            if tag != "br":
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    for html in re.findall(r"```\{raw\} html\n(.*?)\n```", speed.bench_page(toy(group)), re.DOTALL):
        Reader().feed(html)
    assert open_tags == []


def test_without_results_the_page_says_how_to_get_them(speed, monkeypatch, tmp_path):
    monkeypatch.setattr(speed, "RESULTS", tmp_path / "bench.json")
    assert "`make bench`" in speed.bench_page()
