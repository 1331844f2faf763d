"""The decoding chapter's exercises: solutions pass, stubs are hints, usual mistakes are named."""

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def nucleus(law, share):
    ordered, index = law.sort(descending=True)
    kept = ordered * (ordered.cumsum(0) - ordered < share)
    return torch.zeros_like(law).scatter(0, index, kept / kept.sum())


def short_of(law, share):
    ordered, index = law.sort(descending=True)
    return torch.zeros_like(law).scatter(0, index, ordered * (ordered.cumsum(0) <= share))


def unordered(law, share):
    return law * (law.cumsum(0) - law < share)


def residual(p, q):
    more = (p - q).clamp_min(0)
    return float(torch.minimum(p, q).sum()), more / more.sum()


def gain(alpha, cost, k):
    return sum(alpha**j for j in range(k + 1)) / (k * cost + 1)


def best_length(alpha, cost, most):
    return max(range(most + 1), key=lambda k: gain(alpha, cost, k))


def without_the_targets_token(alpha, cost, most):
    drafts = [sum(alpha**j for j in range(1, k + 1)) / (k * cost + 1) for k in range(most + 1)]
    return drafts.index(max(drafts))


@pytest.mark.parametrize(
    ("exercise", "solution"),
    [("decoding.1", nucleus), ("decoding.2", residual), ("decoding.3", best_length)],
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence == f"{exercise}: right."
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("decoding.1", short_of, "the unit that crosses the line"),
        ("decoding.1", lambda law, share: nucleus(law, share) * 0.5, "add up to 0.50"),
        ("decoding.1", unordered, "order of the vocabulary"),
        ("decoding.1", lambda law, share: law * (law >= share * law.max()), "that is min-p"),
        ("decoding.1", lambda law, share: law[:1], "one probability per unit, 4 of them"),
        ("decoding.1", lambda law, share: 1 - law, r"keeps the units \[1\]"),
        ("decoding.2", lambda p, q: (0.5, p), r"q\(x\) · min"),
        ("decoding.2", lambda p, q: (residual(p, q)[0], p), "counts twice"),
        ("decoding.2", lambda p, q: (residual(p, q)[0], (p - q).clamp_min(0)), "divide by that"),
        (
            "decoding.2",
            lambda p, q: (residual(p, q)[0], (p - q).abs() / (p - q).abs().sum()),
            "drafts too often",
        ),
        ("decoding.2", lambda p, q: (residual(p, q)[0], q), r"max\(p - q, 0\)"),
        ("decoding.3", lambda alpha, cost, most: most, "drafts are not free"),
        ("decoding.3", lambda alpha, cost, most: best_length(alpha, cost, most) or 1, "answer 0"),
        ("decoding.3", lambda alpha, cost, most: 99, "a whole number from 0 to 8"),
        ("decoding.3", without_the_targets_token, "count the token that the target adds"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
