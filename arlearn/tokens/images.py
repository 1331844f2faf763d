"""Pictures as discrete units: encoder, quantizer, decoder under one roof.

The continuous relatives, `Autoencoder` and `KLAutoencoder`, stand in `latents` and are imported
here, so that every picture tokenizer has one address.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.latents import Autoencoder, KLAutoencoder, to_grid, to_units
from arlearn.tokens.multiscale import MultiScaleQuantizer

__all__ = ["Autoencoder", "ImageTokenizer", "KLAutoencoder", "MultiScaleTokenizer"]

Features = Callable[[Tensor], Tensor]


class ImageTokenizer(nn.Module):
    """A picture as `side` x `side` indices in raster order (VQGAN without the adversary).

    Loss: mse(decoded, images) + perceptual * mse(features of both) + the quantizer's own.

    Args:
        encoder: pictures to latents `b c side side`.
        quantizer: `forward(z [b t c]) -> Quantized`, `encode`, `lookup`, `size`, `width`.
        decoder: latents back to pictures.
        side: side of the grid of units, so that t = side².
        features: pictures to feature vectors, such as the bound method `classifier.features` of a
            frozen classifier; None leaves the perceptual term out.
        perceptual: weight of that term.

    Raises:
        ValueError: `side` is not positive.
        TypeError: `features` is a module, which would be trained and saved along.
    """

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: nn.Module,
        decoder: nn.Module,
        side: int,
        *,
        features: Features | None = None,
        perceptual: float = 0.1,
    ):
        super().__init__()
        if side < 1:
            raise ValueError(f"a grid of units has a side of at least 1, not {side}")
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.side, self.length = side, side * side
        self.vocab, self.width = quantizer.size, quantizer.width
        self.features, self.perceptual = _plain(features), perceptual

    @torch.no_grad()
    def encode(self, images: Float[Tensor, "b ch h w"]) -> Int[Tensor, "b t"]:
        """The index at each cell of the grid, row by row; the codebook learns nothing."""
        return self.quantizer.encode(to_units(self.encoder(images), self.side))

    @torch.no_grad()
    def decode(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b ch h w"]:
        """Pictures with values 0..1.

        Raises:
            IndexError: a unit is outside the vocabulary.
        """
        return self.decoder(to_grid(self.vectors(units), self.side)).clamp(0, 1)

    def vectors(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
        """The code vector of each unit.

        Raises:
            IndexError: a unit is outside the vocabulary.
        """
        return self.quantizer.lookup(units)

    def loss(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, ""]:
        """Reconstruction and quantizer loss."""
        quantized = self.quantizer(to_units(self.encoder(images), self.side))
        decoded = self.decoder(to_grid(quantized.vectors, self.side))
        return quantized.loss + reconstruction(decoded, images, self.features, self.perceptual)


class MultiScaleTokenizer(nn.Module):
    """A picture as token maps from coarse to fine (VAR): t = sum of the sides' squares.

    Loss as in `ImageTokenizer`, with a `MultiScaleQuantizer`.

    Args:
        encoder: pictures to latents `b c h h`, h the quantizer's last side.
        quantizer: the pyramid.
        decoder: latents back to pictures.
        features: as in `ImageTokenizer`.
        perceptual: weight of that term.

    Raises:
        TypeError: `features` is a module, which would be trained and saved along.
    """

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: MultiScaleQuantizer,
        decoder: nn.Module,
        *,
        features: Features | None = None,
        perceptual: float = 0.1,
    ):
        super().__init__()
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.sides, self.side, self.length = quantizer.sides, quantizer.side, quantizer.length
        self.vocab, self.width = quantizer.size, quantizer.width
        self.features, self.perceptual = _plain(features), perceptual

    @torch.no_grad()
    def encode(self, images: Float[Tensor, "b ch h w"]) -> Int[Tensor, "b t"]:
        """All token maps, coarse to fine, each row by row; the codebook learns nothing."""
        return self.quantizer.encode(self.encoder(images))

    @torch.no_grad()
    def decode(
        self, units: Int[Tensor, "b t"], upto: int | None = None
    ) -> Float[Tensor, "b ch h w"]:
        """Pictures with values 0..1, from the first `upto` scales (None: all).

        Raises:
            ValueError: the units are fewer than these scales have.
            IndexError: a unit is outside the vocabulary.
        """
        return self.decode_map(self.picture(units, upto))

    @torch.no_grad()
    def decode_map(self, fhat: Float[Tensor, "b c h h"]) -> Float[Tensor, "b ch y x"]:
        """Pictures with values 0..1 from a feature map, such as a sampler's picture so far."""
        return self.decoder(fhat).clamp(0, 1)

    def picture(
        self, units: Int[Tensor, "b t"], upto: int | None = None
    ) -> Float[Tensor, "b c h h"]:
        """The feature map after the first `upto` scales (see `MultiScaleQuantizer.picture`)."""
        return self.quantizer.picture(units, upto)

    def vectors(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
        """The code vector of each unit, before up-sampling and phi.

        Raises:
            IndexError: a unit is outside the vocabulary.
        """
        return self.quantizer.codebook.lookup(units)

    def loss(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, ""]:
        """Reconstruction and quantizer loss."""
        quantized = self.quantizer(self.encoder(images))
        decoded = self.decoder(quantized.fhat)
        return quantized.loss + reconstruction(decoded, images, self.features, self.perceptual)


def reconstruction(
    decoded: Float[Tensor, "b c h w"],
    images: Float[Tensor, "b c h w"],
    features: Features | None = None,
    weight: float = 0.0,
) -> Float[Tensor, ""]:
    """mse(decoded, images) + weight * mse(features(decoded), features(images))."""
    loss = F.mse_loss(decoded, images)
    if features is None:
        return loss
    with torch.no_grad():
        target = features(images)
    return loss + weight * F.mse_loss(features(decoded), target)


def _plain(features: Features | None) -> Features | None:
    if isinstance(features, nn.Module):
        raise TypeError(
            f"features is a module ({type(features).__name__}), which would be trained and saved "
            "along with the tokenizer; freeze it and give its bound method"
        )
    return features
