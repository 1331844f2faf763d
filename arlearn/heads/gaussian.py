"""The law of a continuous unit as one Gaussian per channel: exact, and blind to a second mode."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from arlearn.heads.checks import guidable, has_channels, untruncated
from arlearn.heads.law import Law, guided


class GaussianHead(nn.Module):
    """p(x | h) = Π_c N(x_c; mean_c(h), deviation_c(h)²).

    Args:
        width: size d of a state.
        channels: size c of a unit.
        deviation: one fixed deviation for all channels (its loss is then squared error up to scale
            and constant); None predicts one per channel.
        least: floor of the predicted deviation, in units of the data; without it the density of
            data that repeats a value grows without bound.

    Raises:
        ValueError: a deviation or floor that is not positive.
    """

    def __init__(
        self, width: int, channels: int, *, deviation: float | None = None, least: float = 1e-3
    ):
        super().__init__()
        if not least > 0 or (deviation is not None and not deviation > 0):
            raise ValueError(f"deviation={deviation} and least={least} must be above 0")
        self.channels, self.deviation, self.least = channels, deviation, least
        self.linear = nn.Linear(width, channels if deviation is not None else 2 * channels)

    def forward(
        self, h: Float[Tensor, "*b d"]
    ) -> tuple[Float[Tensor, "*b c"], Float[Tensor, "*b c"]]:
        """Mean and deviation of every channel, in float32."""
        out = self.linear(h).float()
        if self.deviation is not None:
            return out, torch.full_like(out, self.deviation)
        mean, raw = out.chunk(2, dim=-1)
        return mean, nn.functional.softplus(raw) + self.least

    def log_prob(
        self, h: Float[Tensor, "*b d"], target: Float[Tensor, "*b c"]
    ) -> Float[Tensor, "*b"]:
        """log density of each unit, in nats, summed over its channels.

        Raises:
            ValueError: targets of another size than the head draws.
        """
        has_channels(target, self.channels)
        return _log_density(target, *self(h))

    def loss(self, h: Float[Tensor, "*b d"], target: Float[Tensor, "*b c"]) -> Float[Tensor, "*b"]:
        """-log density of each unit, in nats; it may be negative.

        Raises:
            ValueError: targets of another size than the head draws.
        """
        return -self.log_prob(h, target)

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> tuple[Float[Tensor, "*b c"], Float[Tensor, "*b"] | None]:
        """Draw a unit per state; returns it and its log density under the law drawn from.

        Guidance moves the mean and keeps the conditional deviation, which the law's temperature
        scales. At temperature 0 the law is a point and has no density: None.

        Raises:
            ValueError: guidance without `null`, or a law that truncates.
        """
        law = law or Law()
        guidable(null, guidance)
        untruncated(law)
        mean, deviation = self(h)
        mean = guided(mean, self(null)[0] if guidance else None, guidance)
        if law.temperature == 0:
            return mean, None
        deviation = law.temperature * deviation
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        x = mean + deviation * noise
        return x, _log_density(x, mean, deviation)


def _log_density(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    score = ((x - mean) / deviation).square() / 2
    return -(score + deviation.log() + math.log(2 * math.pi) / 2).sum(-1)
