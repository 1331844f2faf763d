"""A mixture of round Gaussians under the straight flow: everything about it is known exactly."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """x = means[k] + deviation ξ with k uniform: a toy law whose flow needs no network.

    Under x_t = (1 - t) x + t ε every component stays Gaussian, so the velocity that a perfect
    network would learn, E[ε - x | x_t], has a closed form. Times run as in `corrupt.flow`: 0 is
    data, 1 is noise.

    Attributes:
        means: the centres, one row each.
        deviation: the standard deviation of each component along each axis.

    Raises:
        ValueError: `deviation` is not positive, or there is no centre.
    """

    means: Float[Tensor, "k c"]
    deviation: float

    def __post_init__(self):
        if not self.deviation > 0 or not len(self.means):
            raise ValueError(
                f"a mixture needs a centre (here {len(self.means)}) and a deviation above 0 "
                f"(here {self.deviation})"
            )

    def sample(
        self, n: int, generator: Generator | None = None
    ) -> tuple[Float[Tensor, "{n} c"], Int[Tensor, "{n}"]]:
        """`n` points and the component each came from."""
        which = torch.randint(len(self.means), (n,), generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator)
        return self.means[which] + self.deviation * noise, which

    def log_prob(self, x: Float[Tensor, "n c"], t: float = 0.0) -> Float[Tensor, "n"]:
        """log p(x_t) in nats, at the data (t = 0) or anywhere on the way to noise (t = 1)."""
        clean, noise = 1 - t, t
        variance = (clean * self.deviation) ** 2 + noise**2
        apart = (x[:, None] - clean * self.means).square().sum(-1)
        each = -apart / (2 * variance) - x.shape[1] / 2 * math.log(2 * math.pi * variance)
        return each.logsumexp(1) - math.log(len(self.means))

    def velocity(self, x_t: Float[Tensor, "n c"], t: Float[Tensor, "n"]) -> Float[Tensor, "n c"]:
        """E[ε - x | x_t] = Σ_k p(k | x_t) (E[ε | x_t, k] - E[x | x_t, k]).

        With d_k = x_t - (1-t) μ_k and the variance V = (1-t)² σ² + t² of x_t in component k:
        p(k | x_t) ∝ exp(-|d_k|² / 2V), E[ε | x_t, k] = t/V d_k and
        E[x | x_t, k] = μ_k + (1-t) σ²/V d_k.
        """
        clean, noise = (1 - t)[:, None, None], t[:, None, None]
        variance = (clean * self.deviation) ** 2 + noise**2
        d = x_t[:, None] - clean * self.means
        share = (-d.square().sum(-1, keepdim=True) / (2 * variance)).softmax(1)
        x = self.means + clean * self.deviation**2 / variance * d
        return (share * (noise / variance * d - x)).sum(1)
