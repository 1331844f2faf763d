"""Pictures as continuous units: the plain autoencoder and the variational one."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """A picture as `side` x `side` latent vectors in raster order, without a bottleneck but width.

    Loss: mse(decoded, images). After training, `fit_scale` stores the mean and standard deviation
    of each channel, and units are normalised by them: models of continuous units expect about unit
    variance. Before that, mean 0 and deviation 1 change nothing.

    Args:
        encoder: pictures to latents `b c side side` (2c channels for `KLAutoencoder`).
        decoder: latents `b c side side` back to pictures.
        side: side of the grid of units, so that t = side².
        width: channels c of one unit.

    Raises:
        ValueError: `side` or `width` is not positive.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, side: int, width: int):
        super().__init__()
        if side < 1 or width < 1:
            raise ValueError(f"units need a side (here {side}) and a width (here {width}) above 0")
        self.encoder, self.decoder = encoder, decoder
        self.side, self.length, self.width = side, side * side, width
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def latents(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b t c"]:
        """The latents as the decoder wants them, not normalised."""
        return to_units(self.encoder(images), self.side)

    @torch.no_grad()
    def encode(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b t c"]:
        """The latent of each cell, normalised, row by row. No noise, in the variational one too."""
        return (self.latents(images).float() - self.mean) / self.deviation

    @torch.no_grad()
    def decode(self, units: Float[Tensor, "b t c"]) -> Float[Tensor, "b ch h w"]:
        """Pictures with values 0..1 from normalised units."""
        return self.decoder(to_grid(units * self.deviation + self.mean, self.side)).clamp(0, 1)

    def loss(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, ""]:
        """Reconstruction."""
        return F.mse_loss(self.decoder(to_grid(self.latents(images), self.side)), images)

    @torch.no_grad()
    def fit_scale(self, images: Float[Tensor, "n ch h w"], batch: int = 256) -> None:
        """Store mean and standard deviation of each latent channel over `images`.

        Raises:
            ValueError: a channel is constant over all of them.
        """
        latents = torch.cat([self.latents(part).float() for part in images.split(batch)])
        deviation, mean = torch.std_mean(latents.flatten(0, 1), dim=0)
        if not bool((deviation > 1e-6).all()):
            raise ValueError(
                f"channel {int(deviation.argmin())} of the latents is constant over these "
                f"{len(images)} images; train the autoencoder first, or lower its width"
            )
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)


class KLAutoencoder(Autoencoder):
    """A variational autoencoder (Kingma & Welling 2013, arXiv 1312.6114) with a small KL weight.

    The encoder gives mean m and log-variance v of each latent. Loss: mse(decoded, images) +
    kl * KL, with z = m + exp(v / 2) * noise and KL = 0.5 mean(m² + exp(v) - 1 - v), in nats per
    latent value. Noise comes from torch's global generator, like dropout.

    Args:
        encoder: pictures to `b 2c side side`, means first.
        decoder: latents `b c side side` back to pictures.
        side: side of the grid of units, so that t = side².
        width: channels c of one unit.
        kl: weight of the KL term.

    Raises:
        ValueError: `side` or `width` is not positive, or `kl` is negative.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, side: int, width: int, *, kl: float = 1e-3
    ):
        super().__init__(encoder, decoder, side, width)
        if kl < 0:
            raise ValueError(f"the KL weight {kl} is negative; 0 leaves a noisy autoencoder")
        self.kl = kl

    def posterior(
        self, images: Float[Tensor, "b ch h w"]
    ) -> tuple[Float[Tensor, "b t c"], Float[Tensor, "b t c"]]:
        """Mean and log-variance of each latent; the latter is kept in -20..10.

        Raises:
            ValueError: the encoder does not give 2c channels.
        """
        both = to_units(self.encoder(images), self.side)
        if both.shape[-1] != 2 * self.width:
            raise ValueError(
                f"the encoder gives {both.shape[-1]} channels; means and log-variances of "
                f"{self.width} channels need {2 * self.width}"
            )
        mean, log_variance = both.float().chunk(2, dim=-1)
        return mean, log_variance.clamp(-20, 10)

    def latents(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b t c"]:
        """The means, not normalised."""
        return self.posterior(images)[0]

    def loss(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, ""]:
        """Reconstruction from a noisy latent, plus the weighted KL."""
        mean, log_variance = self.posterior(images)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        decoded = self.decoder(to_grid(z, self.side))
        return F.mse_loss(decoded, images) + self.kl * kl_divergence(mean, log_variance)


def kl_divergence(
    mean: Float[Tensor, "*n"], log_variance: Float[Tensor, "*n"]
) -> Float[Tensor, ""]:
    """KL(N(m, e^v) || N(0, 1)) = 0.5 (m² + e^v - 1 - v), mean over all values, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def to_units(latents: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b t c"]:
    """A grid as a sequence, row by row.

    Raises:
        ValueError: the grid is not `side` x `side`.
    """
    if latents.shape[-2:] != (side, side):
        h, w = latents.shape[-2:]
        raise ValueError(
            f"the encoder gives a {h} x {w} grid, but side is {side}; "
            f"side counts units, and must be the picture's side divided by the factor"
        )
    return latents.flatten(2).transpose(1, 2)


def to_grid(units: Float[Tensor, "b t c"], side: int) -> Float[Tensor, "b c h h"]:
    """A sequence as a grid, row by row; undoes `to_units`.

    Raises:
        ValueError: the sequence has not side² units.
    """
    if units.shape[1] != side * side:
        raise ValueError(
            f"a {side} x {side} grid has {side * side} units, but {units.shape[1]} are given"
        )
    return units.transpose(1, 2).unflatten(2, (side, side)).contiguous()
