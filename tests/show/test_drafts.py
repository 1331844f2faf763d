"""The picture of one pass says which drafts stood and which group is used next."""

import pytest

from arlearn import show

GROUPS = [list("abc"), list("def"), list("ghi")]


def places_of(things, where):
    """What is drawn, by its column and row."""
    return {tuple(map(round, where(thing))): thing for thing in things}


def letters(axes):
    return {at: text.get_text() for at, text in
            places_of(axes.texts, lambda t: t.get_position()).items()}  # fmt: skip


def test_draft_written_and_groups_stand_at_their_places():
    picture = show.drafts(list("xyz"), 2, "\n", GROUPS)
    (axes,) = picture.figure.axes
    found = letters(axes)
    assert [found[j, 0] for j in range(3)] == ["x", "y", "z"]
    assert [found[j, 1] for j in range(3)] == ["x", "y", "↵"]  # what stood, then what was added
    for a, group in enumerate(GROUPS, 1):
        assert [found[a + j, a + 1] for j in range(3)] == group
    assert len(found) == 3 + 3 + 9 and len(axes.lines) == 1  # one draft is struck out
    assert "'xy' stands" in picture.alt and "from group 2" in picture.alt


def test_only_the_group_behind_what_stands_is_lit():
    (axes,) = show.drafts(list("xyz"), 3, "w", GROUPS).figure.axes
    squares = places_of(axes.patches, lambda p: (p.get_x() + 0.44, p.get_y() + 0.44))
    lit = {squares[3 + j, 4].get_facecolor() for j in range(3)}
    dark = {squares[a + j, a + 1].get_facecolor() for a in (1, 2) for j in range(3)}
    assert len(lit) == len(dark) == 1 and lit != dark
    assert not axes.lines


def test_dollars_are_no_formula():
    picture = show.drafts(["$", "$"], 1, "$", [["$", "a"], ["b", "$"]])
    assert len(picture.png) > 1000


@pytest.mark.parametrize(("stands", "groups"), [(0, GROUPS), (4, GROUPS), (2, GROUPS[:2])])
def test_what_cannot_be_is_refused(stands, groups):
    with pytest.raises(ValueError, match="there is a group for every draft"):
        show.drafts(list("xyz"), stands, "w", groups)
