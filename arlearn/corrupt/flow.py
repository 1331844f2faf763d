"""Straight paths between data and noise (rectified flow), and solvers along a velocity.

One convention everywhere: t = 0 is data, t = 1 is Gaussian noise, x_t = (1 - t) x + t ε and the
velocity is dx_t/dt = ε - x, so that sampling runs t down from 1 to 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from arlearn.corrupt.checks import one_of
from arlearn.corrupt.times import Time, along, draw_times, in_order

Velocity = Callable[[Tensor, Tensor], Tensor]  # (x_t [b ...], t [b]) -> velocity [b ...]


@dataclass(frozen=True)
class Flow:
    """The straight path x_t = (1 - t) x + t ε.

    Attributes:
        time: how training times are drawn: uniform on (0, 1], or `logit-normal`, the sigmoid of a
            standard normal, which spends more of them in the middle.

    Raises:
        ValueError: `time` is neither.

    Source: Liu et al. 2022 (arXiv 2209.03003); Esser et al. 2024 (arXiv 2403.03206), section 3.1.
    """

    time: Literal["uniform", "logit-normal"] = "uniform"

    def __post_init__(self):
        one_of("time", self.time, ("uniform", "logit-normal"))

    def times(
        self, n: int, *, generator: Generator | None = None, device: torch.device | str = "cpu"
    ) -> Float[Tensor, "{n}"]:
        """`n` training times."""
        if self.time == "uniform":
            return draw_times(n, generator=generator, device=device)
        return torch.randn(n, generator=generator, device=device).sigmoid()

    def corrupt(
        self, x: Float[Tensor, "b *c"], t: Time, eps: Float[Tensor, "b *c"]
    ) -> Float[Tensor, "b *c"]:
        """x_t = (1 - t) x + t ε."""
        t = along(t, x)
        return (1 - t) * x + t * eps

    def loss(
        self,
        model: Velocity,
        x: Float[Tensor, "b *c"],
        *,
        t: Time | None = None,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b"]:
        """mean |model(x_t, t) - (ε - x)|² of each sample, the mean over all its numbers.

        Args:
            model: predicts the velocity from x_t and t, which has one time per sample, or as many
                as the `t` given here.
            x: clean data.
            t: the times to train at (one per sample, or per sample and position); else drawn.
        """
        if t is None:
            t = self.times(len(x), generator=generator, device=x.device)
        eps = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        error = model(self.corrupt(x, t, eps), t) - (eps - x)
        return error.float().square().flatten(1).mean(1)

    def reverse(
        self, model: Velocity, x_t: Float[Tensor, "b *c"], t: float, s: float
    ) -> Float[Tensor, "b *c"]:
        """One Euler step from t down to s: x_s = x_t + (s - t) v(x_t, t); exact on straight paths.

        Raises:
            ValueError: unless 0 <= s < t <= 1.
        """
        in_order(t, s)
        return x_t + (s - t) * model(x_t, x_t.new_full((len(x_t),), t))


@dataclass(frozen=True)
class Solution:
    """Where a solver ended.

    Attributes:
        x: the state at the last time.
        evaluations: how often it asked for the velocity (a guided velocity is one call here,
            though it may run a network twice).
        path: the state at every time of the grid, if it was asked for.
    """

    x: Float[Tensor, "b *c"]
    evaluations: int
    path: Float[Tensor, "s b *c"] | None = None


def time_grid(steps: int, *, start: float = 1.0, end: float = 0.0) -> Float[Tensor, "{steps}+1"]:
    """`steps` equal steps from `start` (1, noise) down to `end` (0, data).

    Raises:
        ValueError: no step, or times that do not fall from 1 to 0.
    """
    if steps < 1:
        raise ValueError(f"a solver needs at least 1 step, not {steps}")
    in_order(start, end)
    return torch.linspace(start, end, steps + 1)


def euler(
    velocity: Velocity,
    x: Float[Tensor, "b *c"],
    times: Float[Tensor, "s"],
    *,
    keep_path: bool = False,
) -> Solution:
    """Euler's method, one evaluation a step: x ← x + (t' - t) v(x, t).

    Args:
        velocity: (x_t, t) -> dx/dt, with one time per sample.
        x: the state at times[0].
        times: the grid, falling (`time_grid`).
        keep_path: also return every state.

    Raises:
        ValueError: times that do not fall from at most 1 to at least 0.
    """

    def step(x, t, s):
        return x + (s - t) * velocity(x, x.new_full((len(x),), t))

    return _solve(step, x, times, evaluations=len(times) - 1, keep_path=keep_path)


def heun(
    velocity: Velocity,
    x: Float[Tensor, "b *c"],
    times: Float[Tensor, "s"],
    *,
    keep_path: bool = False,
) -> Solution:
    """Heun's method, two evaluations a step: Euler, then again with the mean of both velocities.

    Arguments and errors as for `euler`; its error falls with the square of the step.
    """

    def step(x, t, s):
        here = velocity(x, x.new_full((len(x),), t))
        there = velocity(x + (s - t) * here, x.new_full((len(x),), s))
        return x + (s - t) * (here + there) / 2

    return _solve(step, x, times, evaluations=2 * (len(times) - 1), keep_path=keep_path)


def euler_maruyama(
    velocity: Velocity,
    x: Float[Tensor, "b *c"],
    times: Float[Tensor, "s"],
    *,
    diffusion: Callable[[float], float] | None = None,
    generator: Generator | None = None,
    keep_path: bool = False,
) -> Solution:
    """Sample with fresh noise at every step: the stochastic process with the flow's marginals.

    x ← x + (v - w(t)/2 score) (t' - t) + sqrt(w(t) |t' - t|) ξ,  score = -(x + (1 - t) v) / t.
    A step that ends at t = 0 takes the mean only.

    Args:
        diffusion: w(t), by default 2t (as xAR does); w = 0 is `euler`.

    Other arguments and errors as for `euler`.
    Source: Ma et al. 2024 (SiT, arXiv 2401.08740), section 2; xAR (arXiv 2502.20388), its sampler.
    """

    def step(x, t, s):
        w = 2 * t if diffusion is None else diffusion(t)
        v = velocity(x, x.new_full((len(x),), t))
        score = -(x + (1 - t) * v) / t
        x = x + (s - t) * (v - w / 2 * score)
        if s == 0 or w == 0:
            return x
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return x + (w * (t - s)) ** 0.5 * noise

    return _solve(step, x, times, evaluations=len(times) - 1, keep_path=keep_path)


def _solve(step, x: Tensor, times: Tensor, *, evaluations: int, keep_path: bool) -> Solution:
    grid = times.tolist()
    if len(grid) < 2 or any(s >= t for t, s in pairwise(grid)):
        raise ValueError(f"a solver's times fall from noise to data, like 1, 0.5, 0; got {grid}")
    in_order(grid[0], grid[-1])
    path = [x]
    for t, s in pairwise(grid):
        x = step(x, t, s)
        if keep_path:
            path.append(x)
    return Solution(x, evaluations, torch.stack(path) if keep_path else None)
