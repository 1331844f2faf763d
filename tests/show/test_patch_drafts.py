"""Frames of a speculation: drafts, what stands and falls, what is added; nothing else changes."""

import pytest
import torch

from arlearn.decode.row_rounds import Round, Rounds
from arlearn.show.patch_drafts import EMPTY, patch_drafts


def one(*values):
    return torch.tensor(values)


def picture(units):
    return units.view(1, 1, 2, 2)


FIRST = Round(
    rows=one(0, 1),
    known=one(0, 0),
    drafts=torch.full((2, 2, 1), 0.2),
    limit=one(2, 2),
    stands=one(1, 2),
    added=one([0.9], [0.7]),
)
SECOND = Round(
    rows=one(0, 1),
    known=one(2, 3),
    drafts=torch.full((2, 1, 1), 0.4),
    limit=one(1, 0),
    stands=one(1, 0),
    added=one([1.0], [0.3]),
)
ROUNDS = Rounds(2, 4, [FIRST, SECOND])


def test_a_round_is_its_drafts_their_fate_and_the_unit_added():
    frames, told = patch_drafts(ROUNDS, 0, picture)
    assert len(frames) == len(told) == 6 and frames[0].shape == (3, 2, 2)
    assert (frames[0][:, 1] == EMPTY).all()  # nothing is drawn of the second row
    assert told[1] == "pass 1: 1 of 2 drafts stand" and "fell" in told[2]
    assert not torch.equal(frames[1][:, 0, 0], frames[1][:, 0, 1])  # one stands, one falls
    assert told[-1].endswith("one more")
    last = frames[-1]
    assert torch.allclose(last[:, 0, 0], torch.tensor(0.2))  # settled, no colour any more
    assert torch.allclose(last[:, 0, 1], torch.tensor(0.9))  # the replacement, not the draft


def test_a_round_without_drafts_is_one_frame_and_rows_are_told_apart():
    frames, told = patch_drafts(ROUNDS, 1, picture)
    assert len(frames) == 4 and "2 of 2 drafts stand" in told[1]


def test_beside_it_another_sample_is_drawn_one_unit_a_pass():
    frames, _ = patch_drafts(ROUNDS, 0, picture, beside=torch.ones(4, 1))
    assert frames[0].shape == (3, 2, 5)
    assert [int((frame[0, :, 3:] == 1).sum()) for frame in frames] == [0, 0, 1, 1, 1, 2]


def test_a_sample_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="sample 2 of 2"):
        patch_drafts(ROUNDS, 2, picture)
