"""The law of motion: what may follow on what, case by case."""

from dataclasses import replace

import pytest

from arlearn.data.motion import ACTIONS, Body, advance, steered, touch

START = Body(5, 5, 1, 0, 2)


def one(body, action="keep", side=16, **options):
    """The only state that may follow on one object."""
    ((after,),) = advance([body], [action], side, **options)
    return after


def test_an_object_moves_by_its_speed_and_direction():
    assert one(START) == replace(START, x=7)
    assert one(Body(5, 5, -1, 1, 1)) == Body(4, 6, -1, 1, 1)


@pytest.mark.parametrize(
    ("action", "x", "y"),
    [("left", 3, 5), ("right", 7, 5), ("up", 5, 3), ("down", 5, 7), ("stop", 5, 5)],
)
def test_actions_steer(action, x, y):
    after = one(START, action)
    assert (after.x, after.y) == (x, y)
    assert one(after) == replace(after, x=2 * x - 5, y=2 * y - 5)


def test_a_mirror_at_the_border():
    assert one(Body(10, 5, 1, 1, 2)) == Body(8, 7, -1, 1, 2)
    assert one(Body(11, 0, 1, -1, 1)) == Body(10, 1, -1, 1, 1)
    assert one(Body(11, 3, 1, 0, 1), "right") == Body(10, 3, -1, 0, 1)


def test_a_random_bounce_keeps_away_from_the_border():
    after = {bodies[0] for bodies in advance([Body(11, 5, 1, 1, 1)], ["keep"], 16, True)}
    assert after == {Body(10, 5 + down, -1, down, 1) for down in (-1, 0, 1)}
    along_the_edge = {bodies[0] for bodies in advance([Body(11, 0, 1, 0, 1)], ["keep"], 16, True)}
    assert along_the_edge == {Body(10, 0, -1, 0, 1), Body(10, 1, -1, 1, 1)}
    corner = list(advance([Body(11, 11, 1, 1, 1)], ["keep"], 16, True))
    assert corner == [(Body(10, 10, -1, -1, 1),)]
    free = list(advance([START], ["keep"], 16, True))
    assert free == [(replace(START, x=7),)]


def test_objects_that_would_touch_stay_and_turn():
    left, right = Body(0, 5, 1, 0, 1), Body(6, 5, -1, 0, 1)
    (after,) = advance([left, right], ["keep", "keep"], 16)
    assert after == (left.turned(), right.turned())
    (later,) = advance(after, ["keep", "keep"], 16)
    assert later == (Body(1, 5, 1, 0, 1), Body(7, 5, 1, 0, 1))  # the left one met the border


def test_one_that_stays_is_in_the_way_of_a_third():
    a, b, c = Body(0, 0, 1, 0, 1), Body(5, 0, -1, 0, 1), Body(4, 5, 0, -1, 1)
    (after,) = advance([a, b, c], ["keep"] * 3, 16)
    assert after == (a.turned(), b.turned(), c.turned())
    assert not any(touch(x, y) for x, y in ((after[0], after[1]), (after[1], after[2])))


def test_what_has_vanished_keeps_still_and_touches_nobody():
    gone = one(START, "vanish")
    assert gone == replace(START, there=False) and one(gone) == gone
    assert one(gone, "appear") == replace(START, x=7)
    passing = Body(0, 5, 1, 0, 2)
    (after,) = advance([gone, passing], ["keep", "keep"], 16)
    assert after == (gone, Body(2, 5, 1, 0, 2)) and not touch(gone, after[1])


def test_impossible_actions_get_a_sentence():
    gone = steered(START, "vanish")
    for body, action, words in (
        (START, "appear", "action 'appear' cannot be followed: the object is there"),
        (gone, "left", "action 'left' cannot be followed: the object has vanished"),
        (gone, "vanish", "cannot be followed"),
        (START, "jump", f"action 'jump' does not exist; choose one of {', '.join(ACTIONS)}"),
    ):
        with pytest.raises(ValueError, match=words):
            one(body, action)
    with pytest.raises(ValueError, match="2 actions for 1 objects"):
        list(advance([START], ["keep", "keep"], 16))
    with pytest.raises(ValueError, match="cannot appear where another one stands"):
        list(advance([gone, Body(4, 4, 0, 0, 1)], ["appear", "keep"], 16))
