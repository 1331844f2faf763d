"""Checkers of chapter 6, CLEAR."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from arlearn.nets.sound import down_shortcut


def check_1(answer: Callable[[Tensor, int, int], Tensor]) -> str | None:
    """The parameter-free shortcut where the rate falls."""
    dice = Generator().manual_seed(0)
    for c, stride, out in ((3, 2, 3), (2, 4, 4), (4, 2, 8)):
        x = torch.randn(2, c, 4 * stride, generator=dice)
        right, said = down_shortcut(x, stride, out), answer(x, stride, out)
        if said.shape != right.shape:
            return (
                f"{c} channels at stride {stride} become {out} channels of {x.shape[2] // stride} "
                f"frames: shape {tuple(right.shape)}, not {tuple(said.shape)}."
            )
        if torch.allclose(said, right, atol=1e-6):
            continue
        group = c * stride // out
        if torch.allclose(said, right * group, atol=1e-5):
            return "that is the sum of each group; its mean keeps the size of the numbers."
        wide = x.unflatten(2, (-1, stride)).permute(0, 3, 1, 2).flatten(1, 2)
        if torch.allclose(said, wide.unflatten(1, (out, group)).mean(2), atol=1e-6):
            return "the moments of one channel stand beside each other: channel first, then stride."
        return f"for {c} channels, stride {stride} and {out} groups other numbers come out."
    return None


def check_2(answer: Callable[..., Tensor]) -> str | None:
    """A draw along a guided velocity, from noise at t = 1 to data at t = 0."""
    noise, h, null = torch.randn(3, 4, 5, generator=Generator().manual_seed(0)).double()

    def velocity(z: Tensor, t: float, state: Tensor) -> Tensor:
        return torch.tanh(z * state) + t * z - state * state

    def drawn(w: float, steps: int, mix: Callable[..., Tensor]) -> Tensor:
        z = noise
        for i in range(steps):
            z = z - mix(z, 1 - i / steps, w) / steps
        return z

    def right(z: Tensor, t: float, w: float) -> Tensor:
        return w * velocity(z, t, h) + (1 - w) * velocity(z, t, null)

    usual = {
        "mix the two velocities, not the two states: the network is no straight line.": (
            lambda z, t, w: velocity(z, t, w * h + (1 - w) * null)
        ),
        "weights w and 1 - w: at w = 1 nothing of the unconditional velocity is left.": (
            lambda z, t, w: (1 + w) * velocity(z, t, h) - w * velocity(z, t, null)
        ),
        "time begins at 1, where all is noise; yours begins at 0.": (
            lambda z, t, w: right(z, 1 - t, w)
        ),
        "the velocity points from data to noise; sampling goes the other way.": (
            lambda z, t, w: -right(z, t, w)
        ),
    }
    for w, steps in ((1.0, 1), (2.5, 1), (2.5, 4), (0.0, 3)):
        said = answer(velocity, noise, h, null, w, steps)
        if torch.allclose(said, drawn(w, steps, right), atol=1e-6):
            continue
        for sentence, mix in usual.items():
            if torch.allclose(said, drawn(w, steps, mix), atol=1e-6):
                return sentence
        return f"for w = {w} and {steps} steps another point is reached; check one step first."
    return None


def check_3(answer: Callable[[float, float], tuple[float, float]]) -> str | None:
    """The best Gaussian for two modes at ±m: its deviation, and how much of it is near no mode."""
    for m, s in ((2.0, 0.5), (1.0, 1.0), (5.0, 0.2), (0.0, 1.0)):
        said = answer(m, s)
        if not isinstance(said, tuple) or len(said) != 2:
            return "return two numbers: the deviation, and the share that is lost."
        deviation, lost = (float(one) for one in said)
        wide = math.hypot(m, s)
        if not math.isclose(deviation, wide, rel_tol=1e-4):
            if math.isclose(deviation, s, rel_tol=1e-4) or math.isclose(deviation, m, rel_tol=1e-4):
                return "the variance of a mixture is that within the modes plus that of the modes."
            return f"for m = {m} and s = {s} the best deviation is {wide:.4f}, not {deviation:.4f}."
        right = _lost(m, s, wide)
        if not math.isclose(lost, right, abs_tol=1e-3):
            if math.isclose(lost, 1 - right, abs_tol=1e-3):
                return "that is the share that is near a mode; asked is the rest."
            return (
                f"for m = {m} and s = {s}, {right:.3f} of the draws are more than 2 s away from "
                f"both modes, not {lost:.3f}; where the two stretches overlap, count them once."
            )
    return None


def _lost(m: float, s: float, deviation: float) -> float:
    """1 - P(|x| within 2 s of m), for x normal with mean 0."""

    def below(x: float) -> float:
        return 0.5 * (1 + math.erf(x / deviation / math.sqrt(2)))

    inner, outer = max(m - 2 * s, 0.0), m + 2 * s
    return 1 - 2 * (below(outer) - below(inner))


def _summed(x: Tensor, stride: int, out: int) -> Tensor:
    return down_shortcut(x, stride, out) * (x.shape[1] * stride // out)


def _of_states(
    velocity: Callable, noise: Tensor, h: Tensor, null: Tensor, w: float, steps: int
) -> Tensor:
    z = noise
    for i in range(steps):
        z = z - velocity(z, 1 - i / steps, w * h + (1 - w) * null) / steps
    return z


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {1: _summed, 2: _of_states, 3: lambda m, s: (s, _lost(m, s, s))}
