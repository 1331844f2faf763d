"""The law of a continuous unit as a short diffusion chain, whose every step is a known Gaussian."""

import itertools
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from arlearn.corrupt.checks import one_of
from arlearn.corrupt.gaussian import Diffusion
from arlearn.heads.checks import guidable, has_channels, untruncated
from arlearn.heads.law import Law, guided
from arlearn.heads.mlp import ModulatedMLP


class DiffusionHead(nn.Module):
    """Each unit alone, given its state: a network for the noise ε in x_t, trained as in DDPM.

    The draw is a chain x_T → … → x_0 whose steps are Gaussians with a predicted mean and a fixed
    deviation. The chain can be run on noise that is handed in: two heads on the same noise make
    nearly the same unit, which is what speculation on continuous units lives on.

    Args:
        width: size d of a state.
        channels: size c of a unit; units should have about unit variance.
        hidden, depth: width and blocks of the network.
        train_steps: length T of the training chain.
        steps: steps of a draw, spread evenly over the training chain.
        variance: of a step from x_t to x_s: `posterior`, the one of q(x_s | x_t, x_0), or
            `forward`, the larger one of q(x_t | x_s).
        last: deviation of the last step; 0 ends on the mean, speculation needs a noisy end.
        noise_draws: noise and time draws per unit in the loss.

    Raises:
        ValueError: a count below 1, more `steps` than `train_steps`, a negative `last`, or an
            unknown `variance`.

    Source: Li et al. 2024 (MAR, arXiv 2406.11838), section 3, with fixed variances; CSpD (arXiv
    2411.11925) for the shared noise.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        hidden: int = 128,
        depth: int = 3,
        *,
        train_steps: int = 1000,
        steps: int = 25,
        variance: Literal["posterior", "forward"] = "posterior",
        last: float = 0.0,
        noise_draws: int = 1,
    ):
        super().__init__()
        if noise_draws < 1 or last < 0:
            raise ValueError(f"noise_draws={noise_draws} must be >= 1 and last={last} >= 0")
        one_of("variance", variance, ("posterior", "forward"))
        self.channels, self.steps, self.noise_draws = channels, steps, noise_draws
        self.process = Diffusion(train_steps)
        self.times = self.process.grid(steps)
        self.deviations = [*self._deviations(variance), last]
        self.weights = [self._weights(*pair) for pair in itertools.pairwise(self.times)]
        self.net = ModulatedMLP(width, channels, hidden, depth)

    def _deviations(self, variance: str) -> list[float]:
        late = self.process.alpha_bar(torch.tensor(self.times[:-2]))
        early = self.process.alpha_bar(torch.tensor(self.times[1:-1]))
        lost = 1 - late / early
        small = lost * (1 - early) / (1 - late)
        return (small if variance == "posterior" else lost).sqrt().tolist()

    def _weights(self, t: int, s: int) -> tuple[float, float]:
        """Of x_t and of r in the mean of a step: looked up, as a chain asks for them T times."""
        zero, one = torch.zeros(1).double(), torch.ones(1).double()
        to_x, to_x_t = (
            self.process.posterior(*pair, t, s)[0] for pair in ((zero, one), (one, zero))
        )
        signal = float(self.process.alpha_bar(t))
        return float(to_x) * signal**0.5 + float(to_x_t), -float(to_x) * (1 - signal) ** 0.5

    def _answer(self, x_t: Tensor, t: Tensor, h: Tensor) -> Tensor:
        return self.net(x_t, (t / self.process.steps).to(x_t.dtype), h)

    def loss(
        self,
        h: Float[Tensor, "*b d"],
        target: Float[Tensor, "*b c"],
        *,
        generator: Generator | None = None,
    ) -> Float[Tensor, "*b"]:
        """|ε̂ - ε|² of each unit, the mean over channels and noise draws; a regression loss.

        The network's answer r enters as ε̂ = √(1 - ᾱ_t) x_t + √ᾱ_t r, so that the data it implies,
        x̂ = √ᾱ_t x_t - √(1 - ᾱ_t) r, needs no division by √ᾱ_t, which at the noisy end would
        magnify a small network's error ten thousand times. A fresh head (r = 0) is then the best
        one for standard normal units.

        Raises:
            ValueError: targets of another size than the head draws.
        """
        has_channels(target, self.channels)
        h, x = h.flatten(0, -2), target.flatten(0, -2)
        many = x.expand(self.noise_draws, *x.shape)

        def model(x_t, t):
            r = self._answer(x_t.view(many.shape), t.view(many.shape[:2]), h).flatten(0, 1)
            signal = self.process.alpha_bar(t, x_t.device)[:, None].to(x_t.dtype)
            return (1 - signal).sqrt() * x_t + signal.sqrt() * r

        loss = self.process.loss(model, many.flatten(0, 1), generator=generator)
        return loss.view(self.noise_draws, *target.shape[:-1]).mean(0)

    def mean(
        self,
        x_t: Float[Tensor, "*b c"],
        step: int,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
    ) -> Float[Tensor, "*b c"]:
        """The mean of the Gaussian that step 0, 1, … of the chain draws from, at x_t.

        Its deviation is `deviations[step]`. Guidance acts on the predicted noise.
        """
        guidable(null, guidance)
        time = torch.full(x_t.shape[:-1], self.times[step], device=x_t.device)
        away = self._answer(x_t, time, null) if guidance else None
        r = guided(self._answer(x_t, time, h), away, guidance)
        to_x_t, to_r = self.weights[step]
        return to_x_t * x_t + to_r * r

    def noise(
        self,
        shape: tuple[int, ...],
        *,
        generator: Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, "{self.steps}+1 *b c"]:
        """All the noise that draws of the given shape use: x_T, then one row per step."""
        size = (self.steps + 1, *shape, self.channels)
        return torch.randn(size, generator=generator, device=device)

    def chain(
        self,
        h: Float[Tensor, "*b d"],
        noise: Float[Tensor, "{self.steps}+1 *b c"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
    ) -> Float[Tensor, "*b c"]:
        """The mean of the last step's Gaussian, after all steps before it on the given noise.

        The unit itself is `chain(h, noise) + deviations[-1] * noise[-1]`; the last row of the
        noise is not read here, so the density of any unit under this path is that of a Gaussian.
        """
        x = noise[0]
        for step in range(self.steps - 1):
            x = self.mean(x, step, h, null=null, guidance=guidance)
            x = x + self.deviations[step] * noise[step + 1]
        return self.mean(x, self.steps - 1, h, null=null, guidance=guidance)

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> tuple[Float[Tensor, "*b c"], None]:
        """Draw a unit per state; the law's temperature scales all noise of the chain.

        Raises:
            ValueError: guidance without `null`, or a law that truncates.
        """
        law = law or Law()
        untruncated(law)
        noise = self.noise(h.shape[:-1], generator=generator, device=h.device) * law.temperature
        mean = self.chain(h, noise, null=null, guidance=guidance)
        return mean + self.deviations[-1] * noise[-1], None
