"""The catalog is complete and consistent; cards show what it says."""

import re
from dataclasses import replace

import pytest

from arlearn import catalog
from arlearn.catalog import Cell, Part
from arlearn.show.paper_card import PaperCard

# The course in order: folder, and the numbers of its papers.
COURSE = {
    "01_what_ar_learns": [58, 23, 36],
    "02_tokens": [8, 11, 25, 1, 50, 28, 26],
    "03_next_x": [18, 13, 24, 2, 10],
    "04_continuous": [9, 14, 41, 17],
    "05_steering": [20, 3, 15, 16, 7, 4],
    "06_faster": [12, 21, 57, 31],
    "07_parallel": [27, 29, 33, 5, 55, 49],
    "08_diffusion_lm": [53, 34, 37, 40, 30, 52, 42, 48, 46, 39, 38, 47, 54],
    "09_sound": [6, 56, 43, 51, 32],
    "10_time": [22, 44, 35, 19, 45],
}
PAPERS = catalog.papers()
DATA = {
    *("digits", "glyphs", "scenes", "pytext", "tasks", "speech", "chorales", "spectra", "turbofan"),
    *("linear", "moving", "drive", "dyads"),
}


def test_the_course_is_whole_and_in_order():
    given = [(folder, number) for folder, numbers in COURSE.items() for number in numbers]
    assert [(paper.part, paper.number) for paper in PAPERS] == given
    assert sorted(paper.number for paper in PAPERS) == list(range(1, 59))
    assert [folder for folder in catalog.FOLDERS if folder != "00_start"] == list(COURSE)


@pytest.mark.parametrize("field", ["slug", "arxiv", "title", "short", "claim"])
def test_nothing_stands_twice(field):
    values = [getattr(paper, field) for paper in PAPERS]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.slug)
def test_entry(paper):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", paper.slug)
    year, month = re.fullmatch(r"(\d\d)(\d\d)\.\d{5}", paper.arxiv).groups()
    assert 1 <= int(month) <= 12 and paper.year == 2000 + int(year)
    assert paper.official == "" or re.fullmatch(r"[\w.-]+/[\w.-]+", paper.official)
    assert paper.claim.endswith(".") and "\n" not in paper.claim
    assert paper.dataset and set(paper.dataset) <= DATA
    assert paper.tokens and paper.venue
    names = [part.name for part in paper.parts]
    assert 2 <= len(names) <= 10 and len(set(names)) == len(names)
    for part in paper.parts:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", part.name)
        assert part.what and part.paper and part.unit
        assert part.factor is None or part.factor > 1
        assert part.margin is None or 0 < part.margin <= 2


def test_reading_has_no_dangling_slug_and_no_cycle():
    place = {paper.slug: i for i, paper in enumerate(PAPERS)}
    for paper in PAPERS:
        for slugs in (paper.prerequisites, paper.contrast):
            assert set(slugs) <= set(place) - {paper.slug} and len(set(slugs)) == len(slugs)
        # what is read before a paper stands before it, so there can be no cycle
        assert all(place[slug] < place[paper.slug] for slug in paper.prerequisites)
        assert paper.contrast


def test_every_row_and_column_of_the_table_is_used():
    assert {paper.plan for paper in PAPERS} == set(catalog.PLANS)
    assert {paper.head for paper in PAPERS} == set(catalog.HEADS)


def test_var_has_its_parts():
    parts = {part.name: part for part in catalog.paper("var").parts}
    assert list(parts) == [
        *("passes", "latency", "quality", "quality-tokens", "accuracy", "scaling", "editing"),
        "reconstruction",
    ]
    assert parts["passes"].factor == 8 and parts["scaling"].target == -0.95
    assert [name for name, part in parts.items() if part.asserted] == ["passes", "editing"]
    assert [name for name, part in parts.items() if part.better == "higher"] == [
        "accuracy",
        "editing",
    ]


def test_names_follow_the_slug():
    paper = catalog.paper("fast-dllm-v2")
    assert paper.module == "fast_dllm_v2"
    assert paper.page == "chapters/08_diffusion_lm/30_fast_dllm_v2"
    assert catalog.paper("token-shuffle").page == "chapters/02_tokens/01_token_shuffle"
    assert paper.url == "https://arxiv.org/abs/2509.26328"


def test_done_follows_the_chapter(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog.home, "root", lambda: tmp_path)
    paper = catalog.paper("var")
    assert paper.chapter is None and not paper.done
    (tmp_path / "chapters" / "03_next_x").mkdir(parents=True)
    (tmp_path / "chapters" / "03_next_x" / "18_var.py").touch()
    assert paper.chapter == tmp_path / "chapters/03_next_x/18_var.py" and paper.done


def test_an_unknown_slug_gets_the_nearest():
    with pytest.raises(LookupError, match="'fast_dllm'; did you mean 'fast-dllm-v2'"):
        catalog.paper("fast_dllm")
    with pytest.raises(LookupError, match="`arlearn list` shows all"):
        catalog.paper("xyzzy-plugh-42")
    with pytest.raises(AttributeError, match="no 'weight'"):
        _ = catalog.paper("var").weight


def test_bad_entries_are_refused():
    good = catalog.paper("var").parts[0]
    with pytest.raises(ValueError, match="give one of factor, margin and target"):
        replace(good, target=1.0)
    with pytest.raises(ValueError, match="better is lower or higher, not 'larger'"):
        Part.__post_init__(type("Loose", (), {"name": "x", "better": "larger"})())
    with pytest.raises(ValueError, match="plan 'sideways' is none of raster"):
        Cell("patches", "sideways", "categorical")
    with pytest.raises(ValueError, match="head 'fuzzy' is none of categorical"):
        Cell("patches", "raster", "fuzzy")
    entry = {"slug": "x", "number": 1}
    with pytest.raises(ValueError, match="catalog.toml, paper 'x'"):
        catalog._paper(entry)


def test_papers_cannot_be_changed_by_a_caller():
    catalog.papers().clear()
    assert len(catalog.papers()) == 58


def test_a_card_shows_citation_claim_and_cell(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog.home, "root", lambda: tmp_path)
    card = catalog.card("var")
    for text in (repr(card), card._repr_markdown_(), card._repr_html_()):
        assert "Visual Autoregressive Modeling" in text and "FID 18.65" in text
        assert "NeurIPS 2024" in text and "https://arxiv.org/abs/2404.02905" in text
        assert "scales: whole pictures, from coarse to fine" in text and "not measured yet" in text
    assert 'href="https://github.com/FoundationVision/VAR"' in card._repr_html_()
    assert "official repository" not in catalog.card("clear")._repr_html_()


def test_a_card_tells_the_time_of_published_results(monkeypatch, tmp_path):
    monkeypatch.setattr(catalog.home, "root", lambda: tmp_path)
    path = tmp_path / "book" / "results" / "cpu" / "var.json"
    catalog.home.write_json(path, {"slug": "var", "seconds": 58.3, "device": "CPU, 2 cores"})
    assert "58 s at the cpu tier (CPU, 2 cores)" in repr(catalog.card("var"))


def test_a_card_escapes_what_it_shows():
    paper = catalog.paper("var")
    harmful = replace(paper, claim="a < b & <script>")
    assert "a &lt; b &amp; &lt;script&gt;" in PaperCard(harmful)._repr_html_()


def test_lessons_stand_in_order_and_measure_something():
    lessons = catalog.lessons()
    assert [lesson.number for lesson in lessons] == list(range(1, len(lessons) + 1))
    slugs = [lesson.slug for lesson in lessons]
    for at, lesson in enumerate(lessons):
        assert lesson.part == catalog.OPENING and lesson.parts and lesson.claim.endswith(".")
        assert set(lesson.after) <= set(slugs[:at]), f"{lesson.slug} comes after what follows it"
        assert set(lesson.dataset) <= DATA
        names = [part.name for part in lesson.parts]
        assert len(set(names)) == len(names)


def test_a_slug_names_one_chapter():
    slugs = [entry.slug for entry in (*catalog.lessons(), *PAPERS)]
    assert len(set(slugs)) == len(slugs)
    assert catalog.chapter("map").page == "chapters/00_start/01_map"
    assert catalog.chapter("var") is catalog.paper("var")
    with pytest.raises(LookupError, match="did you mean 'decoding'"):
        catalog.chapter("decodin")


def test_a_lesson_has_a_card():
    card = catalog.card("transformer")
    assert "Opening part, 2 of 5" in repr(card) and "pytext" in card._repr_markdown_()
    assert "The map" in card._repr_html_() and card.lesson.title in card._repr_html_()
