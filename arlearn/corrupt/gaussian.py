"""Gaussian diffusion (DDPM): a chain of small noisy steps, and its exact reverse given the data."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

Moment = int | Int[Tensor, "*b"]
Denoiser = Callable[[Tensor, Tensor], Tensor]  # (x_t [b ...], t [b]) -> predicted noise [b ...]


@dataclass(frozen=True)
class Diffusion:
    """x_t = √ᾱ_t x + √(1 - ᾱ_t) ε for t = 0 (data) … steps (noise), on the cosine schedule.

    ᾱ_t = f(t) / f(0), f(t) = cos²((t/steps + s)/(1 + s) π/2) with s = offset, and the last step
    loses no more than 99.9% of the signal's variance, so that ᾱ never reaches zero.

    Attributes:
        steps: length T of the training chain; a sampler may leave most of its times out.
        offset: keeps the first steps from being vanishingly small.

    Raises:
        ValueError: fewer than 1 step.

    Source: Ho et al. 2020 (arXiv 2006.11239), section 2; Nichol & Dhariwal 2021 (arXiv
    2102.09672), section 3.2.
    """

    steps: int = 1000
    offset: float = 0.008

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"a diffusion chain needs at least 1 step, not {self.steps}")

    def alpha_bar(self, t: Moment, device: torch.device | str = "cpu") -> Float[Tensor, "*b"]:
        """ᾱ_t, the share of variance that is still signal, in float64 on `device`.

        Raises:
            ValueError: a time outside 0 … steps.
        """
        t = torch.as_tensor(t).double()
        if not ((t >= 0) & (t <= self.steps)).all():
            raise ValueError(
                f"times of this chain run from 0 to {self.steps}; got {t.min()} to {t.max()}"
            )
        last = 1e-3 * self._f(torch.tensor(self.steps - 1.0).double())
        signal = torch.where(t == self.steps, last.to(t.device), self._f(t)) / self._f(0 * t)
        return signal.to(device)

    def _f(self, t: Tensor) -> Tensor:
        return torch.cos((t / self.steps + self.offset) / (1 + self.offset) * math.pi / 2) ** 2

    def corrupt(
        self, x: Float[Tensor, "b *c"], t: Moment, eps: Float[Tensor, "b *c"]
    ) -> Float[Tensor, "b *c"]:
        """x_t = √ᾱ_t x + √(1 - ᾱ_t) ε, with t one number or one per sample."""
        signal = self._beside(t, x)
        return signal.sqrt().to(x.dtype) * x + (1 - signal).sqrt().to(x.dtype) * eps

    def posterior(
        self,
        x_t: Float[Tensor, "b *c"],
        x: Float[Tensor, "b *c"],
        t: Moment,
        s: Moment,
    ) -> tuple[Float[Tensor, "b *c"], Float[Tensor, "#b *#c"]]:
        """Mean and variance of q(x_s | x_t, x) for any earlier time s < t; the chain may skip.

        With a = ᾱ_t / ᾱ_s:  mean = √ᾱ_s (1 - a)/(1 - ᾱ_t) x + √a (1 - ᾱ_s)/(1 - ᾱ_t) x_t,
        variance = (1 - a) (1 - ᾱ_s)/(1 - ᾱ_t).  (DDPM, equations 6 and 7.)

        Raises:
            ValueError: unless 0 <= s < t <= steps.
        """
        if not (torch.as_tensor(s) < torch.as_tensor(t)).all():
            raise ValueError(f"a reverse step goes from t down to an earlier s; got t={t}, s={s}")
        late, early = self._beside(t, x), self._beside(s, x)
        a = late / early
        to_x = early.sqrt() * (1 - a) / (1 - late)
        to_x_t = a.sqrt() * (1 - early) / (1 - late)
        variance = (1 - a) * (1 - early) / (1 - late)
        return to_x.to(x.dtype) * x + to_x_t.to(x.dtype) * x_t, variance.to(x.dtype)

    def loss(
        self, model: Denoiser, x: Float[Tensor, "b *c"], *, generator: Generator | None = None
    ) -> Float[Tensor, "b"]:
        """mean |model(x_t, t) - ε|² of each sample at a random time 1 … steps.

        Source: Ho et al. 2020, equation 14.
        """
        t = torch.randint(1, self.steps + 1, (len(x),), generator=generator, device=x.device)
        eps = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        error = model(self.corrupt(x, t, eps), t) - eps
        return error.float().square().flatten(1).mean(1)

    def reverse(
        self,
        model: Denoiser,
        x_t: Float[Tensor, "b *c"],
        t: int,
        s: int,
        *,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b *c"]:
        """Draw x_s from q(x_s | x_t, x̂), where x̂ = (x_t - √(1 - ᾱ_t) ε̂) / √ᾱ_t.

        Raises:
            ValueError: unless 0 <= s < t <= steps.
        """
        late = self._beside(t, x_t)
        eps = model(x_t, torch.full((len(x_t),), t, device=x_t.device))
        x = ((x_t - (1 - late).sqrt() * eps) / late.sqrt()).to(x_t.dtype)
        mean, variance = self.posterior(x_t, x, t, s)
        noise = torch.randn(x_t.shape, generator=generator, device=x_t.device, dtype=x_t.dtype)
        return mean + variance.sqrt() * noise

    def grid(self, steps: int) -> list[int]:
        """`steps` + 1 times of a sampler, evenly spaced from the chain's end down to 0.

        Raises:
            ValueError: more steps than the chain has, or none.
        """
        if not 1 <= steps <= self.steps:
            raise ValueError(f"{steps} sampling steps out of a chain of {self.steps}; use fewer")
        return [round(self.steps * (steps - i) / steps) for i in range(steps + 1)]

    def _beside(self, t: Moment, x: Tensor) -> Tensor:
        signal = self.alpha_bar(t, x.device)
        return signal.reshape(-1, *[1] * (x.ndim - 1))
