"""The small network of a continuous head: per unit, steered by the state through adaLN."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class TimeEmbedding(nn.Module):
    """A time in 0..1 as a vector: sines and cosines of 1000 t, then a two-layer network.

    Source: Vaswani et al. 2017 for the frequencies; Peebles & Xie 2023 (DiT, arXiv 2212.09748).
    """

    def __init__(self, width: int, frequencies: int = 64):
        super().__init__()
        falling = torch.exp(-math.log(10_000) * torch.arange(frequencies) / frequencies)
        self.register_buffer("frequencies", 1000 * falling, persistent=False)
        self.net = nn.Sequential(
            nn.Linear(2 * frequencies, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, t: Float[Tensor, "*b"]) -> Float[Tensor, "*b d"]:
        """Embed each time."""
        angle = t[..., None] * self.frequencies
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)
        return self.net(waves.to(self.net[0].weight.dtype))


class ModulatedBlock(nn.Module):
    """x + gate(c) * MLP((1 + scale(c)) * norm(x) + shift(c)); the identity when it is born."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.net = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = _zeroed(nn.Linear(width, 3 * width))

    def forward(self, x: Float[Tensor, "*b d"], c: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """One residual block under the condition c."""
        shift, scale, gate = self.modulation(nn.functional.silu(c)).chunk(3, dim=-1)
        return x + gate * self.net((1 + scale) * self.norm(x) + shift)


class ModulatedMLP(nn.Module):
    """A residual network on single units, conditioned on a state and a time through adaLN.

    Every block reads c = W h + embed(t). The last layer starts at zero, so a fresh network says 0.

    Args:
        width: size of the state h.
        channels: size of a unit, in and out.
        hidden: width of the blocks.
        depth: how many blocks.

    Source: Li et al. 2024 (MAR, arXiv 2406.11838), section 4.1, after DiT (arXiv 2212.09748).
    """

    def __init__(self, width: int, channels: int, hidden: int, depth: int):
        super().__init__()
        self.state = nn.Linear(width, hidden)
        self.time = TimeEmbedding(hidden)
        self.entry = nn.Linear(channels, hidden)
        self.blocks = nn.ModuleList(ModulatedBlock(hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.modulation = _zeroed(nn.Linear(hidden, 2 * hidden))
        self.exit = _zeroed(nn.Linear(hidden, channels))

    def forward(
        self, z: Float[Tensor, "*b c"], t: Float[Tensor, "*b"], h: Float[Tensor, "*#b d"]
    ) -> Float[Tensor, "*b c"]:
        """The network's answer to each noisy unit z at its time t, given its state h.

        States may have fewer leading axes than units: each then serves several noise draws.
        """
        x, c = self.entry(z), self.state(h) + self.time(t)
        for block in self.blocks:
            x = block(x, c)
        shift, scale = self.modulation(nn.functional.silu(c)).chunk(2, dim=-1)
        return self.exit((1 + scale) * self.norm(x) + shift)


def _zeroed(linear: nn.Linear) -> nn.Linear:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
