"""The exercises on noise: the solution passes, the stub is a hint, usual mistakes are named."""

import math

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def weight(n, total):
    return 1 / (n * math.comb(total, n))


def heun_step(velocity, x, t, s):
    here = velocity(x, t)
    return x + (s - t) * (here + velocity(x + (s - t) * here, s)) / 2


def reveal(x_t, logits, mask, k):
    sure, unit = logits.softmax(-1).max(-1)
    best = sure.masked_fill(x_t != mask, -1.0).topk(k).indices
    x_t = x_t.clone()
    x_t[best] = unit[best]
    return x_t


def in_place(x_t, logits, mask, k):
    x_t.copy_(reveal(x_t, logits, mask, k))
    return x_t


def known_too(x_t, logits, mask, k):
    sure, unit = logits.softmax(-1).max(-1)
    return x_t.index_copy(0, sure.topk(k).indices, unit[sure.topk(k).indices])


def known_count(x_t, logits, mask, k):
    sure, unit = logits.softmax(-1).max(-1)
    first = torch.zeros(5, dtype=torch.bool).index_fill(0, sure.topk(k).indices, True)
    return torch.where(first & (x_t == mask), unit, x_t)


def unsure_first(x_t, logits, mask, k):
    return reveal(x_t, logits * torch.tensor([9.0, 1, 0.1, 1, 1])[:, None], mask, k)


def always_zero(x_t, logits, mask, k):
    return torch.where(reveal(x_t, logits, mask, k) != x_t, 0, x_t)


def step(h_of, first, second):
    """A step with the wrong sign, point or time."""
    return lambda v, x, t, s: x + h_of(t, s) * (first(v, x, t, s) + second(v, x, t, s)) / 2


def here(v, x, t, s):
    return v(x, t)


@pytest.mark.parametrize(
    ("exercise", "solution"), [("noise.1", weight), ("noise.2", heun_step), ("noise.3", reveal)]
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence.startswith(f"{exercise}: right.")
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("noise.1", lambda n, total: 1 / math.comb(total, n), "chance of the set"),
        ("noise.1", lambda n, total: 1 / n, "how likely is the set"),
        ("noise.1", lambda n, total: total / n, "every set is summed"),
        ("noise.1", lambda n, total: n / math.comb(total, n), "divide by n"),
        ("noise.1", lambda n, total: 0.7, "for 2 of 4 it is 1/12"),
        ("noise.2", lambda v, x, t, s: x + (s - t) * v(x, t), "Euler's step"),
        ("noise.2", lambda v, x, t, s: heun_step(v, x, t, 2 * t - s), "leads to"),
        (
            "noise.2",
            step(lambda t, s: t - s, here, lambda v, x, t, s: v(x + (t - s) * v(x, t), s)),
            "time falls",
        ),
        (
            "noise.2",
            step(lambda t, s: s - t, here, lambda v, x, t, s: v(x + (s - t) * v(x, t), t)),
            "one of time s",
        ),
        ("noise.2", step(lambda t, s: s - t, here, lambda v, x, t, s: v(x, s)), "where Euler ends"),
        ("noise.2", lambda v, x, t, s: 2 * heun_step(v, x, t, s) - x, "take their mean"),
        ("noise.2", lambda v, x, t, s: x + (s - t) * v(x + (s - t) * v(x, t), s), "end alone"),
        (
            "noise.2",
            lambda v, x, t, s: x + (s - t) * v(x + (s - t) / 2 * v(x, t), (t + s) / 2),
            "midpoint",
        ),
        ("noise.3", in_place, "x_t.clone"),
        ("noise.3", known_too, "stood already"),
        ("noise.3", known_count, "it filled 0 masks"),
        ("noise.3", unsure_first, "other masks were surer"),
        ("noise.3", always_zero, "another unit than its most likely"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
