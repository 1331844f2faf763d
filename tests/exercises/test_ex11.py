"""Chapter 11's checkers: right answers in other words, and wrong ones told apart."""

import pytest
import torch

from arlearn.exercises import ex11


def groups(n):
    """The same list, built by halving in turn."""
    found, blocks = [(1, 1)], [1, 1]
    for cut in range(n):
        found.append((blocks[0], blocks[1]))
        blocks[(cut + 1) % 2] *= 2
    return found


def pull(f, g):
    unit = [torch.nn.functional.normalize(x, dim=-1) for x in (f, g.detach())]
    return -(unit[0] * unit[1]).sum(-1).mean()


def best(points, bits):
    """By the hull's own definition: the least over all mixtures of at most two points."""
    shares = [k / 1000 for k in range(1001)]
    return min(
        share * e + (1 - share) * f
        for b, e in points
        for c, f in points
        for share in shares
        if share * b + (1 - share) * c <= bits + 1e-9
    )


@pytest.mark.parametrize(
    ("check", "answer"), [(ex11.check_1, groups), (ex11.check_2, pull), (ex11.check_3, best)]
)
def test_right_answers_pass(check, answer):
    assert check(answer) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda n: groups(n)[1:], "stands there twice"),
        (lambda n: [(b, a) for a, b in groups(n)], "the width is halved first"),
        (lambda n: [(1, 2**k) for k in range(n + 1)], "queries, not 2^1 = 2"),
        (lambda n: groups(n) if n < 4 else [(1, 1), (1, 1), (1, 2), (1, 4), (1, 8)], "you said"),
    ],
)
def test_wrong_groups_are_told_apart(answer, said):
    assert said in ex11.check_1(answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda f, g: -pull(f, g), "point away"),
        (lambda f, g: -torch.cosine_similarity(f, g.detach(), dim=-1), "one number"),
        (lambda f, g: -torch.cosine_similarity(f.flatten(1), g.flatten(1)).mean(), "one angle for"),
        (lambda f, g: -(f * g.detach()).sum(-1).mean(), "only their direction"),
        (lambda f, g: -torch.cosine_similarity(f, g, dim=-1).mean(), "detach"),
        (lambda f, g: pull(f, g) * 2, "for one pair of maps"),
    ],
)
def test_wrong_losses_are_told_apart(answer, said):
    assert said in ex11.check_2(answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda points, bits: min(e for b, e in points if b <= bits), "can be mixed"),
        (lambda points, bits: 0.0, "the least error is"),
        (lambda points, bits: best(points, bits) if (10.0, 0.9) not in points else 0.9, "mixed"),
        (
            lambda points, bits: best(points, bits) if (10.0, 0.9) not in points else 0.7,
            "outer two",
        ),
    ],
)
def test_wrong_mixtures_are_told_apart(answer, said):
    assert said in ex11.check_3(answer)
