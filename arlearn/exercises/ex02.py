"""Checkers of chapter 2, xAR."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from arlearn import plans


def check_1(answer: Callable[[Tensor, Tensor, Tensor, Tensor], tuple]) -> str | None:
    """Noisy units, the time of every position, and the velocity to be learned."""
    dice = Generator().manual_seed(0)
    step = plans.cells(4, 4, 2).step
    x, eps = torch.randn(2, 3, 16, 5, generator=dice)
    t = torch.rand(3, 4, generator=dice)
    said = answer(x, eps, t, step)
    if not isinstance(said, tuple) or len(said) != 3:
        return "return three tensors: the noisy vectors, the times of the positions, the target."
    z, times, target = said
    spread = t[:, step]
    if times.shape != (3, 16):
        return f"3 samples of 16 positions have times of shape (3, 16), not {tuple(times.shape)}."
    if not torch.allclose(times, spread):
        if torch.allclose(times, t.repeat(1, 4)) or torch.allclose(
            times, t.repeat_interleave(4, 1)
        ):
            return "which unit a position belongs to says step: its time is t[:, step]."
        return "all positions of a unit share its time, and no other unit's: t[:, step]."
    noisy = (1 - spread[..., None]) * x + spread[..., None] * eps
    if not torch.allclose(z, noisy, atol=1e-5):
        if torch.allclose(z, spread[..., None] * x + (1 - spread[..., None]) * eps, atol=1e-5):
            return "time runs the other way here: t = 0 is data, t = 1 is noise."
        return "the noisy vector is (1 - t) x + t ε, with the time of the position's own unit."
    if torch.allclose(target, x - eps, atol=1e-5):
        return "the velocity dz/dt of (1 - t) x + t ε is ε - x; yours points back to the data."
    if not torch.allclose(target, eps - x, atol=1e-5):
        return "the target is dz/dt of (1 - t) x + t ε, whatever t is."
    return None


def check_2(answer: Callable[[int, int], int]) -> str | None:
    """How many pairs the two-stream mask of n units of m positions allows."""
    for n, m in ((3, 1), (3, 4), (16, 1), (1, 16)):
        unit = plans.blocks(n * m, m)
        right, said = int(plans.two_streams(unit, unit).sum()), int(answer(n, m))
        if said == right:
            continue
        if said == right * 3 // 2 or said == right + n * m * m:
            return "a noisy unit must not see its own clean copy: the answer stands there."
        if said == right - n * m * m:
            return "a unit sees itself, in both streams: the blocks on the diagonal count too."
        if 2 * said == right:
            return "that is one stream; there are two, the clean one and the noisy one."
        if said * m * m == right:
            return "that counts pairs of units; a pair of units is m times m pairs of positions."
        return f"for n = {n} units of m = {m} positions there are {right} pairs, not {said}."
    return None


def check_3(answer: Callable[[Tensor, Tensor, float, float, Tensor], Tensor]) -> str | None:
    """One step of the stochastic solver from time t down to s, with w(t) = 2t."""
    z, v, xi = torch.randn(3, 4, 5, generator=Generator().manual_seed(0)).double()
    for t, s in ((0.7, 0.5), (1.0, 0.9), (0.04, 0.0)):
        said, w = answer(z, v, t, s, xi), 2 * t
        score = -(z + (1 - t) * v) / t
        spread = 0.0 if s == 0 else (w * (t - s)) ** 0.5
        if torch.allclose(said, z + (s - t) * (v - w / 2 * score) + spread * xi, atol=1e-6):
            continue
        if torch.allclose(said, z + (s - t) * (v + w / 2 * score) + spread * xi, atol=1e-6):
            return "the sign of the score: the drift is v - w/2 score, and score is -(z + …)/t."
        if torch.allclose(said, z + (t - s) * (v - w / 2 * score) + spread * xi, atol=1e-6):
            return "time runs down: dt is s - t, which is negative."
        wide = (w * (t - s)) ** 0.5
        if s == 0 and torch.allclose(said, z + (s - t) * (v - w / 2 * score) + wide * xi):
            return "a step that ends at 0 takes the mean only; noise there would stay for good."
        if torch.allclose(said, z + (s - t) * v + spread * xi, atol=1e-6):
            return "fresh noise widens the law; the score must pull it together: v - w/2 score."
        return f"from t = {t} to s = {s} that is another step; compare drift and noise in turn."
    return None


def _mirrored(z: Tensor, v: Tensor, t: float, s: float, xi: Tensor) -> Tensor:
    score = (z + (1 - t) * v) / t  # the sign of the other time direction
    return z + (s - t) * (v - t * score) + (s > 0) * (2 * t * (t - s)) ** 0.5 * xi


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda x, eps, t, step: (
        (1 - t[:, step, None]) * x + t[:, step, None] * eps,
        t[:, step],
        x - eps,
    ),
    2: lambda n, m: m * m * n * (n + 1) + n * m * m,
    3: _mirrored,
}
