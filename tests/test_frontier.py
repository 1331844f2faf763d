"""The frontier: what a point may be, how it is stored, and that the book finds it again."""

import pytest

from arlearn import catalog, claims, frontier, home, show
from arlearn.frontier import Point

POINTS = [Point("b", 4, 0.5), Point("a", 1, 0.9, 0.02), Point("b", 2, 0.75)]


def test_a_samplers_points_are_one_line_from_few_tokens_to_many():
    found = frontier.lines(POINTS)
    assert list(found) == ["b", "a"]
    assert [point.tokens_per_evaluation for point in found["b"]] == [2, 4]


def test_what_is_stored_is_read_again():
    kept = frontier.stored(POINTS, "share of tasks solved")
    again = frontier.read({"frontier": kept})
    assert sorted(again, key=str) == sorted(POINTS, key=str)
    assert frontier.read({}) == []


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (("", 1, 0.5), "name of its sampler"),
        (("a", 0, 0.5), "finite number above 0"),
        (("a", float("inf"), 0.5), "finite number above 0"),
        (("a", 1, 1.5), "share in 0..1"),
        (("a", 1, float("nan")), "share in 0..1"),
        (("a", 1, 0.5, -1), "share in 0..1"),
    ],
)
def test_what_is_no_point_is_refused(given, match):
    with pytest.raises(ValueError, match=match):
        Point(*given)


def test_points_without_a_word_on_their_quality_are_refused():
    with pytest.raises(ValueError, match="what the points' quality is"):
        frontier.stored(POINTS, " ")
    with pytest.raises(ValueError, match="at least one point"):
        show.frontier([], quality="share")
    with pytest.raises(ValueError, match="choose one of cpu, gpu"):
        frontier.gathered("smoke")


def test_a_claim_keeps_its_points_and_the_ledger_finds_them(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_RESULTS", str(tmp_path))
    monkeypatch.setenv("ARLEARN_TIER", "cpu")
    chapter = catalog.chapter("noise")
    measured = {part.name: claims.Measured(None, reason="a test") for part in chapter.parts}
    claims.claim(
        "noise", measured, equal="all", seeds=[0], frontier=POINTS, quality="share", write=True
    )
    assert home.tier() == "cpu"
    (found,) = [
        points for row, points in frontier.gathered("cpu", tmp_path) if row.paper.slug == "noise"
    ]
    assert sorted(found, key=str) == sorted(POINTS, key=str)


def test_the_plot_has_a_line_for_each_sampler_and_says_its_ends():
    picture = show.frontier(POINTS, quality="share of tasks solved")
    axes = picture.figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["b", "a"]
    assert "b 0.75 at 2, 0.50 at 4" in picture.alt
    both = show.frontier({"One": POINTS[:1], "Two": POINTS[1:]}, quality="share")
    assert [text.get_text() for text in both.figure.axes[0].get_legend().get_texts()] == [
        "One",
        "Two",
    ]
    assert len(both.figure.axes[0].containers) == 3 and "a 0.90 at 1" in both.alt


def test_seeds_are_dots_with_their_mean():
    picture = show.spread({"method": [1.0, 2.0, 3.0], "rival": [2.0]}, label="loss (nats)")
    assert "method 2, rival 2" in picture.alt
    assert [text.get_text() for text in picture.figure.axes[0].get_yticklabels()] == [
        "method",
        "rival",
    ]
    with pytest.raises(ValueError, match="one value a seed"):
        show.spread({"method": []}, label="loss")
