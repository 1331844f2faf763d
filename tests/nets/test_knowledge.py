"""Weights on hidden states: ignorance, certainty and everything between."""

import math

import pytest
import torch

from arlearn.nets.knowledge import doubted, ends, honest_doubt, mistaken, stages

LABELS = torch.tensor([[0, 2, -1], [1, 1, 0]])


def test_labels_with_doubt():
    log_w = doubted(LABELS, 3, 0.25)
    assert torch.allclose(log_w[0, 0].exp(), torch.tensor([1, 0.25, 0.25], dtype=torch.float64))
    assert not log_w[0, 2].any() and log_w.amax(-1).eq(0).all()
    assert not doubted(LABELS, 3, 1.0).any()
    sure = doubted(LABELS, 3, 0.0)
    assert sure[0, 1].tolist() == [-math.inf, -math.inf, 0.0] and not sure[0, 2].any()


def test_the_honest_doubt_is_the_ratio_of_what_notes_say():
    """Count how often each state carries note 0: the ratio to the true one is the honest doubt."""
    true = torch.randint(4, (1, 200_000), generator=torch.Generator().manual_seed(0))
    notes = mistaken(true, 4, 0.3, seed=1)
    shares = [float((notes[true == k] == 0).double().mean()) for k in range(4)]
    wanted = honest_doubt(0.3, 4)
    assert abs(wanted - 1 / 7) < 1e-12
    assert all(abs(share / shares[0] - wanted) < 0.01 for share in shares[1:])


def test_mistakes_are_as_many_as_asked_and_seeded():
    true = torch.full((1, 20_000), 2)
    true[0, :10] = -1
    notes = mistaken(true, 4, 0.3, seed=0)
    assert torch.equal(notes, mistaken(true, 4, 0.3, seed=0))
    assert not torch.equal(notes, mistaken(true, 4, 0.3, seed=1))
    assert (notes[0, :10] == -1).all() and abs(float((notes != true).double().mean()) - 0.3) < 0.01
    assert torch.equal(mistaken(true, 4, 0.0, seed=0), true)
    assert set(notes[0, 10:].tolist()) == {0, 1, 2, 3}


def test_stages_follow_the_share_of_life_and_peak_at_one():
    log_w = stages(torch.tensor([40, 80]), 80, 4, doubt=0.05)
    w = log_w.exp()
    assert w.shape == (2, 80, 4) and (w.amax(-1) - 1).abs().max() < 1e-12
    assert (w >= 0.05 - 1e-12).all()
    assert torch.equal(w[0, :40].argmax(-1), torch.arange(1, 41).sub(1).div(10).long())
    assert torch.allclose(w[0, 9], w[1, 19])  # both a quarter through


def test_ends_are_known_and_nothing_between():
    log_w = ends(torch.tensor([3, 5]), 5, 3, doubt=0.01)
    assert log_w[0, 0].tolist() == [0, math.log(0.01), math.log(0.01)]
    assert log_w[0, 2].tolist() == [math.log(0.01), math.log(0.01), 0]
    assert not log_w[0, 1].any() and not log_w[0, 3:].any() and not log_w[1, 1:4].any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: doubted(LABELS, 3, 1.5), "doubt 1.5, highest label 2: doubt lies in 0..1"),
        (lambda: doubted(LABELS, 2, 0.5), "labels of 2 states end at 1"),
        (lambda: honest_doubt(1.0, 3), "wrong=1.0, states=3"),
        (lambda: honest_doubt(0.1, 1), "wrong=0.1, states=1"),
        (lambda: stages(torch.tensor([3]), 3, 2, doubt=0), "doubt 0, width 0.15"),
        (lambda: stages(torch.tensor([3]), 3, 2, width=0), "width 0: doubt lies"),
        (lambda: ends(torch.tensor([3]), 3, 2, doubt=0), "doubt 0 must lie in 0..1"),
    ],
)
def test_bad_arguments_get_a_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
