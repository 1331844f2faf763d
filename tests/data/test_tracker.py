"""The tracker: right about every clean film, and every kind of damage is noticed."""

import pytest
import torch

from arlearn.data.motion import ACTIONS
from arlearn.data.moving import drawn, moving
from arlearn.data.sprites import FIRST, KINDS
from arlearn.data.tracker import VALID, lawful, track


@pytest.fixture(scope="module")
def films():
    return moving("test", 16, n=60, frames=8, objects=2, glyphs=True, dots=True, change=0.2)


def seen_of(films, tracks):
    """Kinds and places that were found of the colours that are there."""
    frames = films.frames.shape[1]
    which = films.colours[:, None].expand(-1, frames, -1)
    places = tracks.places.gather(2, which[..., None].expand(*which.shape, 2))
    return tracks.kinds.gather(2, which), places


@pytest.mark.parametrize(
    "options",
    [
        {"side": 16, "n": 100, "glyphs": True},
        {"side": 16, "n": 16, "objects": 2, "glyphs": True, "dots": True, "change": 0.4},
        {"side": 32, "n": 2, "objects": 3, "dots": True, "random_bounce": False},
        {"side": 64, "n": 8, "objects": 2, "frames": 12, "change": 0.0},
    ],
)
def test_clean_films_are_read_without_a_fault(options):
    films = moving("test", **{"seed": 3} | options)
    tracks = track(films.frames)
    kinds, places = seen_of(films, tracks)
    there = films.places[..., 0] >= 0
    assert torch.equal(places, films.places)
    assert torch.equal(kinds, films.kinds[:, None].where(there, -1))
    assert int((tracks.kinds >= 0).sum()) == int(there.sum()) and tracks.sound().all()
    assert (tracks.scores[tracks.kinds >= 0] == 1).all()
    bounce = {"random_bounce": options.get("random_bounce", True)}
    assert lawful(tracks, options["side"], films.actions, films.colours, **bounce).all()


def test_films_follow_the_law_without_being_told_the_actions(films):
    assert lawful(track(films.frames[:8]), 16).all()


def test_other_actions_are_noticed(films):
    tracks = track(films.frames)
    for i in range(10):
        told = films.actions[[i]].clone()
        told[0, 4, 0] = ACTIONS.index("vanish" if films.places[i, 4, 0, 0] >= 0 else "stop")
        right = lawful(tracks_of(tracks, i), 16, told, films.colours[[i]])
        assert not right[0, 4] and right[0, :4].all()


def tracks_of(tracks, i):
    fields = (tracks.kinds, tracks.places, tracks.scores, tracks.ground)
    return type(tracks)(*(field[[i]] for field in fields))


def test_a_mirror_is_asked_for_where_bounces_are_no_dice():
    films = moving("test", n=80, change=0)
    tracks = track(films.frames)
    assert lawful(tracks, 16, films.actions, films.colours).all()
    strict = lawful(tracks, 16, films.actions, films.colours, random_bounce=False)
    assert 0.02 < float((~strict).float().mean()) < 0.2


def test_a_lost_pixel_is_noticed(films):
    for i in range(12):
        frames, j = films.frames[[i]].clone(), 1 + i % 7
        y, x = (frames[0, j] >= FIRST).nonzero()[i % 5]
        frames[0, j, y, x] = 0
        tracks = track(frames)
        assert not tracks.sound()[0, j] and tracks.scores[0, j].max() <= 1
        assert VALID < tracks.scores[0, j][tracks.kinds[0, j] >= 0].min() < 1


def test_a_changed_ground_is_noticed(films):
    frames = films.frames[:1].clone()
    y, x = (frames[0] < FIRST).all(0).nonzero()[0]
    frames[0, 5, y, x] = 1 - frames[0, 5, y, x]
    tracks = track(frames)
    assert not tracks.ground[0, 5] and not tracks.sound()[0, 5] and tracks.sound()[0, :5].all()
    assert lawful(tracks, 16)[0].all()  # the objects move as before


def test_another_kind_or_colour_half_way_is_noticed(films):
    still = moving("test", n=6, objects=1, change=0, random_bounce=False)
    frames = still.frames.clone()
    other = (still.kinds + 1) % 4
    frames[:, 5] = drawn(
        torch.zeros(6, 16, 16, dtype=torch.uint8), other, still.colours, still.places
    )[:, 5]
    tracks = track(frames)
    assert not tracks.sound()[:, 5].any() and tracks.sound()[:, [0, 1, 2, 3, 4, 6, 7]].all()
    recoloured = still.frames.clone()
    where = recoloured[:, 5] >= FIRST
    recoloured[:, 5][where] = FIRST + (recoloured[:, 5][where] - FIRST + 1) % 6
    right = lawful(track(recoloured), 16, still.actions, still.colours)
    assert not right[:, 5].any() and not lawful(track(recoloured), 16)[:, 5].any()


def test_a_jump_and_a_wrong_order_are_noticed():
    films = moving("test", n=20, change=0, random_bounce=False, seed=2)
    places = films.places.clone()
    places[:, 4:, 0, 0] = 11 - places[:, 4:, 0, 0]  # mirrored from frame 4 on
    ground = torch.zeros(20, 16, 16, dtype=torch.uint8)
    tracks = track(drawn(ground, films.kinds, films.colours, places))
    jumped = (places[:, 4, 0, 0] - places[:, 3, 0, 0]).abs() > 2
    assert tracks.sound().all() and jumped.sum() > 5
    assert not lawful(tracks, 16)[jumped, 4].any()
    shuffled = films.frames[:, [0, 1, 2, 5, 4, 3, 6, 7]]
    right = lawful(track(shuffled), 16, films.actions, films.colours, random_bounce=False)
    assert int(right.all(1).sum()) <= 2  # one that goes to and fro looks the same


def test_after_a_fault_the_film_is_judged_anew():
    film = moving("test", n=1, frames=10, change=0, random_bounce=False, seed=5)
    frames = film.frames[:, [0, 1, 2, 6, 7, 8, 9]]
    right = lawful(track(frames), 16, random_bounce=False)
    assert right.tolist() == [[True, True, True, False, True, True, True]]


def test_empty_films_and_noise_are_neither():
    empty = torch.zeros(1, 3, 16, 16, dtype=torch.long)
    tracks = track(empty)
    assert (tracks.kinds == -1).all() and not tracks.sound().any() and lawful(tracks, 16).all()
    noise = torch.randint(0, 8, (4, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    tracks = track(noise)
    assert float(tracks.scores.max()) < VALID and not tracks.sound().any()


def test_thresholds_let_torn_objects_count():
    film = moving("test", n=1, change=0, random_bounce=False)
    frames = film.frames.clone()
    for j in range(8):
        y, x = (frames[0, j] >= FIRST).nonzero()[0]
        frames[0, j, y, x] = 0
    tracks = track(frames)
    assert not tracks.sound().any() and tracks.sound(VALID).all()
    assert lawful(tracks, 16).all() and KINDS[tracks.kinds.max()] in KINDS
    assert not lawful(tracks, 16, film.actions, film.colours, threshold=1.0)[0, 1:].any()


def test_bad_input_gets_a_sentence(films):
    with pytest.raises(ValueError, match="frames of 20 x 20 pixels have no cells"):
        track(torch.zeros(1, 2, 20, 20, dtype=torch.long))
    tracks = track(films.frames)
    with pytest.raises(ValueError, match=r"actions are \[60, 8, 2\] for 60 films of 8 frames"):
        lawful(tracks, 16, films.actions)
    with pytest.raises(ValueError, match=r"actions are \[60, 7, 2\] for 60 films of 8 frames"):
        lawful(tracks, 16, films.actions[:, 1:], films.colours)
