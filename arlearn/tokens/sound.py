"""Log-mel frames as units: a few continuous latents a second, a few codes, or the frames."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.nets.sound import decoder, encoder
from arlearn.tokens.latents import kl_divergence
from arlearn.tokens.residual import ResidualQuantizer

_MEAN, _SPREAD = -1.5, 2.25  # of log-mel frames, about
WIDTHS = (48, 48, 96, 96)


def whole(frames: Float[Tensor, "b n k"], stride: int) -> Float[Tensor, "b m k"]:
    """Frames up to a multiple of `stride`, the last one repeated."""
    missing = -frames.shape[1] % stride
    return torch.cat([frames, frames[:, -1:].expand(-1, missing, -1)], 1)


class MelFrames(nn.Module):
    """Units that are the frames themselves, of about unit variance: one unit a frame.

    Args:
        bins: mel bins of a frame.
    """

    stride, levels = 1, 1

    def __init__(self, bins: int = 40):
        super().__init__()
        self.bins = self.width = bins

    @torch.no_grad()
    def encode(
        self, frames: Float[Tensor, "b n k"], *, generator: Generator | None = None
    ) -> Float[Tensor, "b t c"]:
        """Normalised frames; there is nothing to draw."""
        return (frames - _MEAN) / _SPREAD

    @torch.no_grad()
    def decode(self, units: Float[Tensor, "b t c"]) -> Float[Tensor, "b n k"]:
        """Frames from normalised ones."""
        return units * _SPREAD + _MEAN


class SoundVAE(nn.Module):
    """Frames as latents at 1/8 of their rate: a causal variational autoencoder.

    The encoder gives mean m and log-variance v of each latent; z = m + exp(v / 2) ε is decoded.

        L = mean |decoded - frames| + kl · KL(N(m, e^v) || N(0, 1)),   frames in units of deviation

    After training, `fit_scale` stores mean and deviation of each channel, and units are normalised:
    a flow head starts from noise of variance 1 and wants data of the same size. Noise of training
    comes from torch's global generator, like dropout.

    Args:
        width: channels c of a latent.
        bins: mel bins of a frame.
        widths: channels at each rate, the finest first; each step halves the rate.
        kl: weight of the KL term.
        shortcut: whether changes of rate have the parameter-free shortcut.
    """

    levels = 1

    def __init__(
        self,
        width: int = 12,
        bins: int = 40,
        widths: tuple[int, ...] = WIDTHS,
        *,
        kl: float = 1e-2,
        shortcut: bool = True,
    ):
        super().__init__()
        self.width, self.bins, self.kl = width, bins, kl
        self.stride = 2 ** (len(widths) - 1)
        self.encoder = encoder(bins, self.statistics, widths, shortcut=shortcut)
        self.decoder = decoder(width, bins, widths, shortcut=shortcut)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    @property
    def statistics(self) -> int:
        """Numbers the encoder gives for one latent."""
        return 2 * self.width

    def read(self, frames: Float[Tensor, "b n k"]) -> Float[Tensor, "b t s"]:
        """What the encoder gives for each latent, t = ceil(n / stride)."""
        scaled = (whole(frames, self.stride) - _MEAN) / _SPREAD
        return self.encoder(scaled.transpose(1, 2)).transpose(1, 2)

    def posterior(
        self, frames: Float[Tensor, "b n k"]
    ) -> tuple[Float[Tensor, "b t c"], Float[Tensor, "b t c"]]:
        """Mean and log-variance of each latent, the latter within -12..4."""
        mean, log_variance = self.read(frames).chunk(2, -1)
        return mean, log_variance.clamp(-12, 4)

    def frames(self, z: Float[Tensor, "b t c"]) -> Float[Tensor, "b n k"]:
        """Decoded frames, n = t stride, from latents that are not normalised."""
        return self.decoder(z.transpose(1, 2)).transpose(1, 2) * _SPREAD + _MEAN

    def distance(self, made: Tensor, frames: Float[Tensor, "b n k"]) -> Float[Tensor, ""]:
        """Mean |made - frames| in deviations; what stands behind the frames does not count."""
        return F.l1_loss(made[:, : frames.shape[1]], frames) / _SPREAD

    def loss(self, frames: Float[Tensor, "b n k"]) -> Float[Tensor, ""]:
        """Reconstruction from a noisy latent, plus the weighted KL."""
        mean, log_variance = self.posterior(frames)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        lost = self.distance(self.frames(z), frames)
        return lost + self.kl * kl_divergence(mean, log_variance)

    @torch.no_grad()
    def encode(
        self, frames: Float[Tensor, "b n k"], *, generator: Generator | None = None
    ) -> Float[Tensor, "b t c"]:
        """Normalised latents: the means, or with a generator a draw of each."""
        mean, log_variance = self.posterior(frames)
        if generator is not None:
            noise = torch.randn(mean.shape, generator=generator, device=mean.device)
            mean = mean + (0.5 * log_variance).exp() * noise
        return (mean - self.mean) / self.deviation

    @torch.no_grad()
    def decode(self, units: Float[Tensor, "b t c"]) -> Float[Tensor, "b n k"]:
        """Frames from normalised latents."""
        return self.frames(units * self.deviation + self.mean)

    @torch.no_grad()
    def fit_scale(self, frames: list[Tensor]) -> None:
        """Store mean and deviation of every channel over these utterances, each `n k`."""
        here = self.mean.device
        latents = torch.cat([self.posterior(one[None].to(here))[0][0] for one in frames])
        deviation, mean = torch.std_mean(latents, 0)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=1e-3))


class SoundCodec(SoundVAE):
    """The same network with codes for a bottleneck: `levels` codes for each latent.

    L = mean |decoded - frames| + commitment. A unit of one position is a row of codes, written as
    level · size + code, so that no two levels share a number.

    Args:
        codes, size: codes of a latent, and how many there are to choose from.
        width, bins, widths, shortcut: as in `SoundVAE`.
    """

    def __init__(
        self,
        codes: int = 4,
        size: int = 256,
        width: int = 12,
        bins: int = 40,
        widths: tuple[int, ...] = WIDTHS,
        *,
        shortcut: bool = True,
    ):
        super().__init__(width, bins, widths, shortcut=shortcut)
        self.levels = codes
        self.quantizer = ResidualQuantizer(codes, size, width)
        self.register_buffer("offsets", size * torch.arange(codes), persistent=False)

    @property
    def statistics(self) -> int:
        """Numbers the encoder gives for one latent."""
        return self.width

    def loss(self, frames: Float[Tensor, "b n k"]) -> Float[Tensor, ""]:
        """Reconstruction from codes, plus the commitment's loss."""
        vectors, _, commitment = self.quantizer(self.read(frames))
        return self.distance(self.frames(vectors), frames) + commitment

    @torch.no_grad()
    def encode(
        self, frames: Float[Tensor, "b n k"], *, generator: Generator | None = None
    ) -> Int[Tensor, "b t q"]:
        """The codes of each latent; there is nothing to draw."""
        return self.quantizer.encode(self.read(frames)) + self.offsets

    @torch.no_grad()
    def decode(self, units: Int[Tensor, "b t q"]) -> Float[Tensor, "b n k"]:
        """Frames from codes; fewer levels than there are give a coarser sound."""
        return self.frames(self.quantizer.lookup(units - self.offsets[: units.shape[-1]]))

    def fit_scale(self, frames: list[Tensor]) -> None:
        """Nothing: codes have no scale."""
