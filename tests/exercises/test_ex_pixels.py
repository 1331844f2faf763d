"""The exercises on pixels: the solution passes, the stub is a hint, usual mistakes are named."""

import math

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def frequencies(units, vocab):
    return torch.bincount(units.flatten(), minlength=vocab) / units.numel()


def bits(units, vocab):
    p = frequencies(units, vocab)
    return units.shape[1] * float(-(p[p > 0] * p[p > 0].log2()).sum())


def not_a_number(units, vocab):
    p = frequencies(units, vocab)
    return units.shape[1] * float(-(p * p.log2()).sum())


def straight_through(z, code):
    return z + (code - z).detach()


def revive(codes, counts, vectors, floor=0.1):
    dead = counts < floor * counts.sum() / len(codes)
    codes = codes.clone()
    codes[dead] = vectors[: int(dead.sum())]
    return codes


def in_place(codes, counts, vectors):
    codes[[1, 3]] = vectors[:2]
    return codes


def one_vector(codes, counts, vectors):
    codes = codes.clone()
    codes[[1, 3]] = vectors[0]
    return codes


def near_a_vector(codes, counts, vectors):
    return revive(codes, counts, vectors + 0.5)


@pytest.mark.parametrize(
    ("exercise", "solution"),
    [("pixels.1", bits), ("pixels.2", straight_through), ("pixels.3", revive)],
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence.startswith(f"{exercise}: right.")
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("pixels.1", not_a_number, "0 log 0 counts as 0"),
        ("pixels.1", lambda u, v: u.shape[1] * math.log2(v), "equally frequent"),
        ("pixels.1", lambda u, v: bits(u, v) / u.shape[1], "bits of one token"),
        ("pixels.1", lambda u, v: bits(u, v) * math.log(2), "those are nats"),
        ("pixels.1", lambda u, v: bits(u, v) * len(u), "all pictures together"),
        ("pixels.1", lambda u, v: bits(u, v) + 1, "in use of 8 it is"),
        ("pixels.2", lambda z, code: z, "its value is z"),
        ("pixels.2", lambda z, code: 2 * code, "not the code"),
        ("pixels.2", lambda z, code: code.detach(), "nothing carries a gradient"),
        ("pixels.2", lambda z, code: z + (code - z), "gradient at z is not"),
        ("pixels.2", lambda z, code: z - z.detach() + code, "gets a gradient too"),
        ("pixels.3", in_place, "codes.clone"),
        ("pixels.3", lambda c, n, v: revive(c, n, v)[:5], "six codes"),
        ("pixels.3", lambda c, n, v: revive(c, n, v, 0.01), "below a tenth"),
        ("pixels.3", near_a_vector, "exactly on one"),
        ("pixels.3", one_vector, "same vector"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
