"""GigaTok: aligned tokenizers stay learnable as they grow (Xiong et al. 2025, arXiv 2504.08736).

Tokens: a 1-D query tokenizer with a unit-norm codebook (`tokens.query`, `tokens.sphere`). Plan:
raster. Head: categorical. The twist: in training a layer of the tokenizer's DECODER is held to the
features of a frozen teacher. See chapters/02_tokens/11_gigatok.py.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from arlearn.nets.tap import tapped
from arlearn.tokens.query import QueryDecoder, QueryEncoder, QueryTokenizer
from arlearn.tokens.sphere import UnitQuantizer

Teacher = Callable[[Tensor], Tensor]


class AdaptiveNorm(nn.Module):
    """Group norm whose scale and bias come from the feature map that is decoded.

    norm(x) * (1 + A std(z)) + B mean(z), deviation and mean of each channel of z over all places;
    A and B start at zero. x has `width` channels, a multiple of 8, z has `channels`.
    """

    def __init__(self, width: int, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(min(8, width // 4), width, affine=False)
        self.scale, self.bias = nn.Linear(channels, width), nn.Linear(channels, width)
        for part in (*self.scale.parameters(), *self.bias.parameters()):
            nn.init.zeros_(part)

    def forward(
        self, x: Float[Tensor, "b d h w"], z: Float[Tensor, "b c y x"]
    ) -> Float[Tensor, "b d h w"]:
        """x normalised, with the style of z."""
        deviation = (z.var((2, 3), unbiased=False) + 1e-6).sqrt()
        scale, bias = self.scale(deviation), self.bias(z.mean((2, 3)))
        return self.norm(x) * (1 + scale[..., None, None]) + bias[..., None, None]


class AdaptiveDecoder(nn.Module):
    """A feature map to pictures: a convolution, the adaptive norm, a convolution to depth, and
    depth-to-space, which turns `channels_out * factor²` channels of a cell into its pixels.

    `width`, between the two convolutions, is a multiple of 8.
    """

    def __init__(self, channels: int, channels_out: int, width: int, factor: int):
        super().__init__()
        self.enter = nn.Conv2d(channels, width, 3, padding=1)
        self.norm = AdaptiveNorm(width, channels)
        self.out = nn.Conv2d(width, channels_out * factor**2, 3, padding=1)
        self.factor = factor

    def forward(self, z: Float[Tensor, "b c y x"]) -> Float[Tensor, "b ch h w"]:
        x = F.silu(self.norm(self.enter(z), z))
        return F.pixel_shuffle(self.out(x), self.factor)


def tokenizer(
    side: int,
    channels: int,
    *,
    factor: int,
    levels: int,
    vocab: int,
    reader: tuple[int, int],
    writer: tuple[int, int],
    map_width: int = 32,
    latent: int = 8,
) -> QueryTokenizer:
    """An untrained tokenizer of pictures of `side` pixels as 2^levels indices.

    Args:
        factor: pixels along a side of one cell of the feature map.
        reader, writer: (width, depth) of the query encoder and of the query decoder.
        map_width: channels of the feature map, a multiple of 8; the same for every size.
        latent: channels of a code vector.
    """
    return QueryTokenizer(
        nn.Conv2d(channels, map_width, factor, stride=factor),
        QueryEncoder(map_width, latent, levels=levels, width=reader[0], depth=reader[1]),
        UnitQuantizer(vocab, latent),
        QueryDecoder(
            latent,
            map_width,
            length=2**levels,
            side=side // factor,
            width=writer[0],
            depth=writer[1],
        ),
        AdaptiveDecoder(map_width, channels, map_width, factor),
    )


def alignment(
    features: Float[Tensor, "b n c"], teacher: Float[Tensor, "b n c"]
) -> Float[Tensor, ""]:
    """L_sem = -mean cos(features, teacher) over pictures and places; -1 where they point alike."""
    return -F.cosine_similarity(features, teacher.detach(), dim=-1).mean()


class Aligned(nn.Module):
    """A tokenizer in training: L = its own loss + λ L_sem + entropy weight * L_ent.

    L_sem compares MLP(f_l), f_l the cells after layer l of the decoder's transformer, with the
    teacher's vectors at the same places, MLP of three layers, hidden width 4d, SiLU.

    Args:
        tokens: the tokenizer, which learns.
        teacher: pictures (0..1) to a feature map `b channels side side`, one vector for each cell
            of the tokenizer's map; a function, such as a frozen network's bound method, so that no
            gradient and no batch statistics reach it. None leaves the term out.
        channels: of the teacher's map.
        weight: λ.
        layer: l, from 1 to the depth of the decoder.
        entropy: weight of the entropy penalty; 0 leaves it out.

    Raises:
        TypeError: the teacher is a module, which would be trained along.
        ValueError: there is no such layer.
    """

    def __init__(
        self,
        tokens: QueryTokenizer,
        teacher: Teacher | None = None,
        channels: int = 0,
        *,
        weight: float = 0.5,
        layer: int = 2,
        entropy: float = 0.0,
    ):
        super().__init__()
        if isinstance(teacher, nn.Module):
            raise TypeError(
                f"the teacher is a module ({type(teacher).__name__}), which would be trained "
                "along; freeze it and give its bound method"
            )
        blocks = tokens.writer.backbone.blocks
        if not 1 <= layer <= len(blocks):
            raise ValueError(f"layer {layer} is none of the decoder's layers 1 … {len(blocks)}")
        self.tokens, self.teacher = tokens, teacher
        self.weight, self.layer, self.entropy = weight, layer, entropy
        self.project = (
            None if teacher is None else projector(blocks[0].mlp.out.out_features, channels)
        )

    def loss(self, images: Float[Tensor, "b ch h w"]) -> Float[Tensor, ""]:
        """All terms.

        Raises:
            ValueError: the teacher's map has other places than the tokenizer's.
        """
        tokens = self.tokens
        with (
            tapped(tokens.reader) as latents,
            tapped(tokens.writer.backbone.blocks[self.layer - 1]) as cells,
        ):
            total = tokens.loss(images)
        if self.entropy:
            total = total + self.entropy * tokens.quantizer.entropy_penalty(latents[0])
        if self.teacher is not None:
            total = total + self.weight * self.semantic(cells[0], images)
        return total

    def semantic(
        self, cells: Float[Tensor, "b n d"], images: Float[Tensor, "b ch h w"]
    ) -> Float[Tensor, ""]:
        """L_sem of the cells that some pictures became.

        Raises:
            ValueError: the teacher's map has other places than the tokenizer's.
        """
        with torch.no_grad():
            wanted = rearrange(self.teacher(images), "b c h w -> b (h w) c")
        if wanted.shape[1] != cells.shape[1]:
            raise ValueError(
                f"the teacher sees {wanted.shape[1]} places, the tokenizer's decoder "
                f"{cells.shape[1]}; take a layer of the teacher with as many"
            )
        return alignment(self.project(cells), wanted)


def projector(width: int, channels: int) -> nn.Sequential:
    """MLP of three layers: width -> 4 width -> 4 width -> channels, SiLU between."""
    hidden = 4 * width
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.SiLU(),
        nn.Linear(hidden, hidden),
        nn.SiLU(),
        nn.Linear(hidden, channels),
    )
