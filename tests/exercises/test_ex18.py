"""Chapter 18's exercises: the solution passes, the stub is a hint, the usual mistakes are named."""

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def pairs(sides):
    return sum(s * s * sum(r * r for r in sides[: k + 1]) for k, s in enumerate(sides))


def guided(cond, null, guidance, k, n_scales):
    strength = guidance * k / (n_scales - 1)
    return (1 + strength) * cond - strength * null


def kept_tokens(keep, side):
    share = torch.nn.functional.interpolate(keep[None, None].float(), (side, side), mode="area")
    return share.flatten() > 0.5


def step_between(cond, null, guidance, k, n_scales):
    return null + guidance * k / (n_scales - 1) * (cond - null)


def always_full(cond, null, guidance, k, n_scales):
    return guided(cond, null, guidance, n_scales - 1, n_scales)


def at_least_half(keep, side):
    n = 8 // side
    return keep.float().view(side, n, side, n).mean((1, 3)).flatten() >= 0.5


def one_pixel(keep, side):
    return keep[:: 8 // side, :: 8 // side].flatten()


@pytest.mark.parametrize(
    ("exercise", "solution"), [("18.1", pairs), ("18.2", guided), ("18.3", kept_tokens)]
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence == f"{exercise}: right."
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("18.1", lambda sides: sum(s * s for s in sides) ** 2, "may not look at finer scales"),
        ("18.1", lambda sides: sum(s**4 for s in sides), "counts each scale alone"),
        ("18.1", lambda sides: pairs(sides) + 1, "the mask has 5797 pairs"),
        ("18.2", step_between, "ignores the class altogether"),
        ("18.2", always_full, "full strength everywhere"),
        ("18.2", lambda cond, *_: cond, "the logits are others"),
        ("18.3", at_least_half, "exactly half"),
        ("18.3", one_pixel, "one pixel of each token"),
        ("18.3", lambda keep, side: keep, "one flag each"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
