"""The judge: all yes on clean scenes, no where something else was asked, honest under noise."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from arlearn.data.geneval import PARTS, Asked, ask, judge, under_noise
from arlearn.data.oracle import VALID
from arlearn.data.scene_counts import counted_scenes
from arlearn.data.scenes import SceneObject, scenes

SIDES = [16, 32, 64]


def clean(kind, side, n):
    if kind == "counted":
        return counted_scenes("test", side=side, n=n)
    return scenes("test", side=side, n=n, objects=2 if kind == "two" else 1)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["one", "two", "counted"])
def test_every_answer_is_yes_on_clean_scenes(kind, side):
    made = clean(kind, side, 1600 // side)
    answers = judge(made.images, made.captions)
    assert all(getattr(answers, part).all() for part in PARTS)
    assert answers.related.all() if kind == "two" else not answers.related.any()
    assert set(answers.shares()) == set(PARTS) - (set() if kind == "two" else {"position"})
    assert set(answers.shares().values()) == {1.0}
    assert judge(made.images, made.objects).overall.all()


@pytest.fixture(scope="module")
def two():
    """The picture of a red triangle left of a yellow circle."""
    made = scenes("test", side=32, n=400, objects=2)
    for k, words in enumerate(made.captions):
        if words == "a red triangle left of a yellow circle":
            return made.images[k : k + 1]
    raise AssertionError("the test scenes hold no red triangle left of a yellow circle")


@pytest.mark.parametrize(
    ("caption", "right"),
    [
        ("a red triangle left of a yellow circle", "objects colours count binding position"),
        ("a yellow circle right of a red triangle", "objects colours count binding position"),
        ("a red triangle right of a yellow circle", "objects colours count binding"),
        ("a red triangle above a yellow circle", "objects colours count binding"),
        ("a yellow triangle left of a red circle", "objects colours count"),
        ("a red circle left of a yellow triangle", "objects colours count"),
        ("a red cross left of a yellow circle", "colours count"),
        ("a blue triangle left of a yellow circle", "objects count"),
        ("a blue cross left of a green square", "count"),
        ("a red triangle", "objects colours binding position"),
        ("a yellow circle", "objects colours binding position"),
        ("two red triangles", "count position"),
        ("three yellow circles", "position"),
    ],
)
def test_what_was_asked_is_compared_part_by_part(two, caption, right):
    answers = judge(two, [caption])
    found = {part for part in PARTS[:-1] if getattr(answers, part).item()}
    assert found == set(right.split())
    assert answers.overall.item() == (len(found) == 5)


def test_a_count_is_exact():
    made = counted_scenes("test", side=32, n=40)
    words = ["a", "two", "three", "four"]
    for asked in range(4):
        captions = [
            f"{words[asked]} {item.colour} {item.shape}"
            + ("" if asked == 0 else "es" if item.shape == "cross" else "s")
            for item in (objects[0] for objects in made.objects)
        ]
        answers = judge(made.images, captions)
        counts = torch.tensor([len(objects) for objects in made.objects])
        assert torch.equal(answers.count, counts == asked + 1)
        assert torch.equal(answers.binding, counts >= asked + 1)
        assert torch.equal(answers.overall, counts == asked + 1)


def test_shares_are_means_and_position_is_of_those_asked_for_one():
    one, both = scenes("test", side=32, n=20), scenes("test", side=32, n=20, objects=2)
    images, captions = torch.cat([one.images, both.images]), [*one.captions, *both.captions]
    other = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    for k in range(20, 30):
        said = ask(captions[k]).relation
        captions[k] = captions[k].replace(said, other[said])
    shares = judge(images, captions).shares()
    assert shares["position"] == 0.5 and shares["overall"] == 0.75 and shares["binding"] == 1


def test_an_empty_picture_shows_nothing():
    answers = judge(torch.full((1, 3, 16, 16), 0.5), ["a red circle"])
    assert not any(getattr(answers, part).any() for part in ("objects", "count", "overall"))


NOISE = (0.0, 0.05, 0.1, 0.15, 0.2)


@pytest.mark.parametrize("kind", ["one", "two", "counted"])
def test_noise_costs_little_by_little(kind):
    """All right to 0.05; at 0.2 nothing counts as an object; never better with more noise.

    Tolerance 0.02. Wholly right of 200 at 0.1 and 0.15: one object 0.97 and 0.02, two 0.52 and 0,
    counted 0.38 and 0.
    """
    made = clean(kind, 32, 30)
    rows = under_noise(made, NOISE)
    assert [row["noise"] for row in rows] == list(NOISE)
    for part in rows[0].keys() - {"noise"}:
        shares = [row[part] for row in rows]
        assert shares[0] == shares[1] == 1 and shares[-1] <= 0.02
        assert all(b <= a + 0.02 for a, b in pairwise(shares)), part


def test_a_lower_threshold_forgives_noise():
    made = clean("one", 32, 40)
    strict, mild = (under_noise(made, [0.15], threshold=t)[0]["overall"] for t in (VALID, 0.5))
    assert strict < 0.2 < 0.4 < mild
    assert under_noise(made, [0.15], seed=1) == under_noise(made, [0.15], seed=1)


@pytest.mark.parametrize(
    ("caption", "asked"),
    [
        ("a red circle", Asked((("red", "circle"),))),
        ("three cyan crosses", Asked((("cyan", "cross"),) * 3)),
        ("two red squares", Asked((("red", "square"),) * 2)),
        (
            "a red circle below a blue cross",
            Asked((("red", "circle"), ("blue", "cross")), "below"),
        ),
        (
            "a magenta triangle right of a magenta triangle",
            Asked((("magenta", "triangle"),) * 2, "right of"),
        ),
    ],
)
def test_captions_are_read(caption, asked):
    assert ask(caption) == asked


@pytest.mark.parametrize("kind", ["one", "two", "counted"])
def test_captions_and_objects_ask_for_the_same(kind):
    made = clean(kind, 16, 200)
    assert list(map(ask, made.captions)) == list(map(ask, made.objects))


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "red circle",
        "a circle",
        "a red circles",
        "two red circle",
        "three red crosss",
        "a pink circle",
        "five red circles",
        "a red circle near a blue cross",
        "a red circle left of",
        "a red circle left of two blue squares",
        "a red circle left of a blue square below a red cross",
        "A red circle",
    ],
)
def test_a_caption_that_cannot_be_read_gets_a_sentence(caption):
    with pytest.raises(ValueError, match=r"caption '.*' (cannot be read at|relates more than two)"):
        ask(caption)


def test_bad_arguments_get_a_sentence():
    made = clean("one", 16, 2)
    with pytest.raises(ValueError, match="no pictures to judge"):
        judge(made.images[:0], [])
    with pytest.raises(ValueError, match="1 captions for 2 pictures; give one for each"):
        judge(made.images, made.captions[:1])
    with pytest.raises(ValueError, match="an empty scene asks for nothing"):
        ask(())
    with pytest.raises(ValueError, match="noise of -0.1 is negative"):
        under_noise(made, [-0.1])
    item = made.objects[0][0]
    assert isinstance(item, SceneObject) and ask([item, replace(item, x=0.1)]).relation == ""
