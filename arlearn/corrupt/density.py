"""The likelihood of a flow: how much it squeezes the space around a point on its way to noise."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.corrupt.flow import Velocity, time_grid


def log_density(
    velocity: Velocity, x: Float[Tensor, "b *c"], steps: int = 32
) -> Float[Tensor, "b"]:
    """log p(x) in nats of the law that `velocity` carries noise to, as a density.

    log p(x_0) = log N(x_1; 0, I) + ∫_0^1 div v(x_t, t) dt along the path that starts at the data
    point, by the midpoint rule: two evaluations a step, and for the divergence as many gradients
    as x has numbers, so keep it to a few. Densities of data in bins are no probabilities (see
    `metrics.bits_per_dimension`).

    Raises:
        ValueError: no step.

    Source: Chen et al. 2018 (arXiv 1806.07366), theorem 1.
    """
    gained, times = x.new_zeros(len(x)), time_grid(steps).flip(0).tolist()
    x = x.detach()
    for t, s in pairwise(times):
        with torch.no_grad():
            middle = x + (s - t) / 2 * velocity(x, x.new_full((len(x),), t))
        v, divergence = _divergence(velocity, middle, x.new_full((len(x),), (t + s) / 2))
        x, gained = x + (s - t) * v, gained + (s - t) * divergence
    flat = x.flatten(1)
    noise = -flat.square().sum(1) / 2 - flat.shape[1] / 2 * math.log(2 * math.pi)
    return noise + gained


def _divergence(velocity: Velocity, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """v and Σ_i dv_i / dx_i of each sample; samples must not look at each other."""
    with torch.enable_grad():
        x = x.requires_grad_()
        v = velocity(x, t) + 0 * x  # a velocity that ignores x has a gradient too: zero
        total = x.new_zeros(len(x))
        for i, number in enumerate(v.flatten(1).unbind(1)):
            (slope,) = torch.autograd.grad(number.sum(), x, retain_graph=True)
            total = total + slope.flatten(1)[:, i]
    return v.detach(), total
