"""Pictures as a sequence of tokens that belong to no place: the 1-D query tokenizer.

A set of queries reads the feature map and becomes the latent tokens; a set of cells, one for each
place of the map, reads the latent tokens and becomes the map again (Q-Former, Li et al. 2023,
arXiv 2301.12597; as a tokenizer TiTok, Yu et al. 2024, arXiv 2406.07550).
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.nets.transformer import Transformer
from arlearn.tokens.images import Features, reconstruction


def pooled_queries(features: Float[Tensor, "b c h w"], levels: int) -> Float[Tensor, "b n c"]:
    """2^levels block means of a feature map, coarse to fine: where queries start.

    One global mean, then groups of 1, 2, 4, … 2^(levels-1) means. From one group to the next the
    blocks are halved, first in width, then in height, and so on; a group is in raster order.

    Raises:
        ValueError: the finest blocks do not divide the map.
    """
    h, w = features.shape[-2:]
    groups = []
    for group in range(levels + 1):
        cut = max(group - 1, 0)
        across, down = 2 ** ((cut + 1) // 2), 2 ** (cut // 2)
        if h % down or w % across:
            raise ValueError(
                f"2^{levels} queries cut the map into {down} x {across} blocks, which do not "
                f"divide {h} x {w} cells; take fewer levels or a larger map"
            )
        means = F.avg_pool2d(features, (h // down, w // across))
        groups.append(rearrange(means, "b c y x -> b (y x) c"))
    return torch.cat(groups, dim=1)


class QueryEncoder(nn.Module):
    """A feature map to 2^levels latent vectors: queries that read the map in every layer.

    Queries begin as block means of the map itself (`pooled_queries`), not as learned vectors; then
    in each layer self-attention, cross-attention to the map, feed-forward. Nothing is masked.

    The map, and every channel of every latent vector, are brought to mean 0 and deviation 1 over
    the batch (running figures in eval mode; Łańcucki et al. 2020, arXiv 2005.08520): else what all
    pictures have in common drowns what tells them apart, and a quantizer sees one point.

    Args:
        channels: of the feature map.
        latent: channels of a latent vector.
        levels: there are 2^levels queries.
        width, depth, heads: of the transformer.
    """

    def __init__(
        self,
        channels: int,
        latent: int,
        *,
        levels: int,
        width: int,
        depth: int,
        heads: int | None = None,
    ):
        super().__init__()
        self.levels, self.length = levels, 2**levels
        self.even_map = nn.BatchNorm2d(channels, affine=False)
        self.start = nn.Linear(channels, width)
        self.place = nn.Parameter(torch.randn(self.length, width) * 0.5)
        self.backbone = Transformer(
            width, depth, heads, memory_width=channels, rotary=0, qk_norm=True
        )
        self.out = nn.Linear(width, latent)
        self.even = nn.BatchNorm1d(self.length * latent, affine=False)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b t k"]:
        """The latent vectors.

        Raises:
            ValueError: the finest blocks do not divide the map.
        """
        features = self.even_map(features)
        queries = self.start(pooled_queries(features, self.levels)) + self.place
        memory = rearrange(features, "b c h w -> b (h w) c")
        latents = self.out(self.backbone(queries, memory=memory))
        return self.even(latents.flatten(1)).view_as(latents)


class QueryDecoder(nn.Module):
    """Latent vectors to a feature map: one cell for each place, which reads them in every layer.

    All cells begin as the first latent vector, each with its place's learned vector. The latent
    vectors carry a learned vector too, without which their order would be lost.

    Args:
        latent: channels of a latent vector.
        channels: of the feature map.
        length: number of latent vectors.
        side: the map has side x side cells.
        width, depth, heads: of the transformer.
    """

    def __init__(
        self,
        latent: int,
        channels: int,
        *,
        length: int,
        side: int,
        width: int,
        depth: int,
        heads: int | None = None,
    ):
        super().__init__()
        self.side, self.length = side, length
        self.enter = nn.Linear(latent, width)
        self.order = nn.Parameter(torch.randn(length, width) * 0.5)
        self.place = nn.Parameter(torch.randn(side * side, width) * 0.5)
        self.backbone = Transformer(width, depth, heads, memory_width=width, rotary=0, qk_norm=True)
        self.out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, vectors: Float[Tensor, "b t k"]) -> Float[Tensor, "b c h w"]:
        """The feature map.

        `nets.tap.tapped(decoder.backbone.blocks[l - 1])` sees what layer l makes of the cells.

        Raises:
            ValueError: not as many vectors as the decoder was made for.
        """
        if vectors.shape[1] != self.length:
            raise ValueError(
                f"{vectors.shape[1]} latent vectors, but the decoder reads {self.length}; "
                f"build it with length={vectors.shape[1]}"
            )
        memory = self.enter(vectors)
        cells = memory[:, :1] + self.place
        x = self.backbone(cells, memory=memory + self.order)
        return self.out(rearrange(x, "b (h w) d -> b d h w", h=self.side))


class QueryTokenizer(nn.Module):
    """A picture as `length` indices, each of which may speak of the whole picture.

    Loss: mse(decoded, images) + perceptual * mse(features of both) + the quantizer's own.

    Args:
        encoder: pictures to a feature map.
        reader: the map to latent vectors, such as `QueryEncoder`.
        quantizer: `forward(z [b t c]) -> Quantized`, `encode`, `lookup`, `size`, `width`.
        writer: latent vectors to a map, such as `QueryDecoder`.
        decoder: the map back to pictures.
        features, perceptual: as in `tokens.images.ImageTokenizer`.

    Raises:
        TypeError: `features` is a module, which would be trained and saved along.
    """

    def __init__(
        self,
        encoder: nn.Module,
        reader: nn.Module,
        quantizer: nn.Module,
        writer: nn.Module,
        decoder: nn.Module,
        *,
        features: Features | None = None,
        perceptual: float = 0.1,
    ):
        super().__init__()
        if isinstance(features, nn.Module):
            raise TypeError(
                f"features is a module ({type(features).__name__}), which would be trained and "
                "saved along with the tokenizer; freeze it and give its bound method"
            )
        self.encoder, self.reader, self.quantizer = encoder, reader, quantizer
        self.writer, self.decoder = writer, decoder
        self.length, self.vocab, self.width = writer.length, quantizer.size, quantizer.width
        self.features, self.perceptual = features, perceptual

    def latents(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b t c"]:
        """The vectors that are quantized."""
        return self.reader(self.encoder(images))

    @torch.no_grad()
    def encode(self, images: Float[Tensor, "b ch h w"]) -> Int[Tensor, "b t"]:
        """The indices, in the order of the queries; the codebook learns nothing."""
        return self.quantizer.encode(self.latents(images))

    @torch.no_grad()
    def decode(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b ch h w"]:
        """Pictures with values 0..1.

        Raises:
            IndexError: a unit is outside the vocabulary.
            ValueError: not `length` units a picture.
        """
        return self.paint(self.vectors(units)).clamp(0, 1)

    def vectors(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
        """The code vector of each unit.

        Raises:
            IndexError: a unit is outside the vocabulary.
        """
        return self.quantizer.lookup(units)

    def paint(self, vectors: Float[Tensor, "b t c"]) -> Float[Tensor, "b ch h w"]:
        """Pictures from code vectors, not clamped, so that a loss has gradients everywhere."""
        return self.decoder(self.writer(vectors))

    def loss(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, ""]:
        """Reconstruction and quantizer loss."""
        quantized = self.quantizer(self.latents(images))
        decoded = self.paint(quantized.vectors)
        return quantized.loss + reconstruction(decoded, images, self.features, self.perceptual)
