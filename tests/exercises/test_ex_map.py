"""The map's exercises: the solution passes, the stub is a hint, the usual mistakes are named."""

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def mask_of(step):
    return step[None, :] <= step[:, None]


def entropy(law):
    return -torch.xlogy(law, law).sum()


def price(joint):
    return float(entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint))


def four_steps():
    row, column = torch.arange(64) // 8, torch.arange(64) % 8
    coarse = (row % 2 == 0) & (column % 2 == 0)
    return torch.where(coarse, (row // 2 + column // 2) % 2, 2 + (row + column) % 2)


def lattice():
    row, column = torch.arange(64) // 8, torch.arange(64) % 8
    return row % 2 * 2 + column % 2


def careless(joint):
    marginals = entropy(joint.sum(0)) + entropy(joint.sum(1))
    return float(marginals + (joint * joint.log()).sum())


@pytest.mark.parametrize(
    ("exercise", "solution"), [("map.1", mask_of), ("map.2", price), ("map.3", four_steps)]
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence.startswith(f"{exercise}: right.")
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("map.1", lambda step: step[None, :] < step[:, None], "no position sees its own step"),
        ("map.1", lambda step: mask_of(step).T, "turned over: row i"),
        ("map.1", lambda step: torch.ones(len(step), len(step)).tril(), "whatever the steps say"),
        ("map.1", lambda step: step, "3 x 3, not of shape"),
        ("map.1", lambda step: step[None, :] == step[:, None], "3 pairs are wrong"),
        ("map.2", careless, "0 log 0|leave it out"),
        ("map.2", lambda joint: -price(joint), "sign is turned over"),
        ("map.2", lambda joint: price(joint) / 0.6931471805599453, "in bits"),
        ("map.2", lambda joint: entropy(joint.sum(0)) + entropy(joint.sum(1)), "drawing apart"),
        ("map.2", lambda joint: 0.3, "price is 0.0000 nats, not 0.3000"),
        ("map.3", lattice, "loses .* nats, the lattice"),
        ("map.3", lambda: torch.arange(16), "has 64 pixels"),
        ("map.3", lambda: torch.arange(64) // 8, "four steps"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
