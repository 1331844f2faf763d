"""Verdicts on films: clean films pass, each kind of damage is told."""

import pytest
import torch

from arlearn.data.continuations import choices, directions, resampled, verdict
from arlearn.data.moving import moving

FILMS = moving("train", n=40, frames=6, change=0.0, vanish=False)
KINDS, COLOURS, PLACES = FILMS.kinds[:, 0], FILMS.colours[:, 0], FILMS.places[:, :, 0]


def test_clean_films_are_whole_lawful_and_in_place():
    found = verdict(FILMS.frames, KINDS, COLOURS)
    for name in ("present", "clean", "whole", "lawful"):
        assert getattr(found, name).all(), name
    assert torch.equal(found.places, PLACES) and not found.apart(PLACES).any()


def test_each_damage_is_told_and_what_follows_is_no_longer_lawful():
    lost, other, torn = (FILMS.frames.clone() for _ in range(3))
    lost[:, 3] = 0
    other[:, 3, 0, 0] = (2 + (COLOURS + 1) % 6).byte()
    torn[:, 3] = torch.where(FILMS.frames[:, 3].roll(8, -1) > 0, FILMS.frames[:, 3], 0)
    told = verdict(lost, KINDS, COLOURS)
    assert not told.present[:, 3].any() and told.clean.all() and told.present[:, 4].all()
    assert told.lawful[:, :3].all() and not told.lawful[:, 3:].any() and told.whole[:, 4:].all()
    assert told.apart(PLACES)[:, 3].isnan().all()
    told = verdict(other, KINDS, COLOURS)
    hidden = FILMS.frames[:, 3, 0, 0] > 1
    assert not told.clean[:, 3].any() and (told.present[:, 3] | hidden).all()
    assert not verdict(torn, KINDS, COLOURS).whole[:, 3].any()
    assert not verdict(FILMS.frames, (KINDS + 1) % 4, COLOURS).whole.any()
    assert not verdict(FILMS.frames, KINDS, (COLOURS + 1) % 6).present.any()


def test_a_frame_that_jumps_is_whole_and_not_lawful():
    swapped = FILMS.frames[:, [0, 1, 5, 2, 3, 4]]
    told = verdict(swapped, KINDS, COLOURS)
    far = (PLACES[:, 5] - PLACES[:, 1]).abs().amax(-1) > 4
    assert far.any() and told.whole.all() and not told.lawful[far, 2].any()


def test_choices_are_the_places_the_law_allows():
    count = choices(PLACES, 16)
    assert (count[:, :2] == 0).all() and (count[:, 2:] >= 1).all() and (count <= 3).all()
    moves = PLACES[:, 1:] - PLACES[:, :-1]
    straight = (moves[:, 1:] == moves[:, :-1]).all(-1)
    assert (straight | (count[:, 2:] >= 1)).all() and (count[:, 2:] > 1).any()
    inside = ((PLACES[:, 1:-1] >= 2) & (PLACES[:, 1:-1] <= 9)).all(-1)
    assert (count[:, 2:][inside] == 1).all()  # far from the border nothing is left to chance


def test_directions_are_those_of_the_law():
    way = directions(PLACES)
    assert (way[:, 0] == -1).all() and way[:, 1:].min() >= 0 and way.max() <= 7
    straight = choices(PLACES, 16)[:, 2] == 1
    assert (way[straight, 1] == FILMS.labels[straight]).float().mean() > 0.6  # the first may bounce
    assert directions(torch.tensor([[[4, 4], [6, 2], [6, 2]]])).tolist() == [[-1, 5, -1]]


def test_films_with_other_luck_are_as_lawful():
    again = resampled(FILMS, 2)
    assert torch.equal(again[:, :2], FILMS.frames[:, :2]) and torch.equal(
        again, resampled(FILMS, 2)
    )
    assert verdict(again, KINDS, COLOURS).lawful.all()
    same = (again == FILMS.frames).flatten(1).all(1)
    chance = (choices(PLACES, 16)[:, 2:] > 1).any(1)
    assert same[~chance].all() and not same[chance].all()


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match="give one of each for every film"):
        verdict(FILMS.frames, KINDS[:3], COLOURS)
    with pytest.raises(ValueError, match="stands still"):
        choices(PLACES[:, :1].expand(-1, 3, -1), 16)
