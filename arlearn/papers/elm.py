"""ELM, the design space of language models on image tokens (Liu et al. 2024, arXiv 2410.16257).

Tokens: the bits of a binary autoencoder, cut into sub-codes. Plan: raster, or another scan. Head:
one softmax per sub-code on one state. `MaskedELM` is the masked rival with the same blocks. See
chapters/01_what_ar_learns/36_elm.py.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.corrupt.masking import Absorbing
from arlearn.decode.unmask import hidden_after
from arlearn.heads.factored import Factored
from arlearn.heads.law import Law
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.subcodes import SubCodeEmbedding
from arlearn.nets.transformer import Transformer, grid
from arlearn.plans import scan, whole
from arlearn.trace import Trace


class ELM(PlanModel):
    """p(c | class) = Π_l Π_j p_j(c_lj | c_<l, class): next-token prediction with m sub-codes.

    The first input is the class's vector, every later one the code drawn before it. No twist: a
    Llama-style decoder (RMSNorm, SwiGLU, rotary positions on the grid), ordinary training.

    Args:
        side: the grid has side x side positions.
        bits, parts: D bits a position in m sub-codes, "m-d" in the paper with D = m d.
        width, depth, heads: of the transformer.
        scan: the order of the positions, one of `plans.SCANS`.
        dropout: in the transformer (the paper has 0.1).
    """

    def __init__(
        self,
        side: int,
        bits: int,
        parts: int,
        *,
        width: int,
        depth: int,
        classes: int,
        heads: int | None = None,
        order: str = "row",
        dropout: float = 0.0,
    ):
        backbone = Transformer(width, depth, heads, rotary=2, dropout=dropout)
        head, plan = Factored(width, bits, parts), scan(side, side, order)
        super().__init__(plan, backbone, head, classes=classes, positions=grid(side))
        self.embed = SubCodeEmbedding(bits, parts, width)

    def inputs(
        self, units: Int[Tensor, "b t"], s: int, cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b n d"]:
        """The class for step 0, else the code drawn one step before."""
        return cond[:, None] if s == 0 else self.embed(units[:, self.order[s - 1 : s]])

    def sequence(
        self, units: Int[Tensor, "b t"], cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b t d"]:
        """All steps' inputs in one look-up."""
        return torch.cat([cond[:, None], self.embed(units[:, self.order[:-1]])], dim=1)


class MaskedELM(PlanModel):
    """The masked rival (MaskGIT's way, Chang et al. 2022, arXiv 2202.04200), same blocks and head.

    All positions see each other, a learned vector stands where a code is hidden. In training the
    share of hidden codes is cos(π r / 2 rounds), r uniform in 0 … rounds - 1, as met in sampling.

    Args:
        rounds: passes of the sampler, T.
    """

    def __init__(
        self,
        side: int,
        bits: int,
        parts: int,
        *,
        width: int,
        depth: int,
        classes: int,
        heads: int | None = None,
        rounds: int = 10,
        dropout: float = 0.0,
    ):
        backbone = Transformer(width, depth, heads, rotary=2, dropout=dropout)
        head = Factored(width, bits, parts)
        # the class stands in front, off the grid, so that places can be told by their distance
        where = torch.cat([torch.full((1, 2), -1.0), grid(side)])
        super().__init__(whole(side * side), backbone, head, classes=classes, positions=where)
        self.embed = SubCodeEmbedding(bits, parts, width)
        self.hidden = nn.Parameter(torch.randn(width) * 0.5)
        self.rounds, self.noise = rounds, Absorbing(2**bits)

    def forward(
        self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """States of all positions; `noise.mask` among the units marks what is hidden."""
        cond, hidden = self.condition(labels, len(units)), units == self.noise.mask
        x = self.embed(units.masked_fill(hidden, 0))
        x = torch.where(hidden[..., None], self.hidden, x)
        x = torch.cat([cond[:, None], x], dim=1)
        return self.backbone(x, positions=self.positions)[:, 1:]

    def unit_loss(
        self,
        units: Int[Tensor, "b t"],
        labels: Int[Tensor, "b"] | None = None,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b t"]:
        """Nats of the codes hidden at a random round, 0 at the others, times t / their mean number.

        So scaled, the mean is that over hidden positions.
        """
        r = torch.randint(self.rounds, (len(units),), generator=generator, device=units.device)
        share = torch.cos(math.pi / 2 * r / self.rounds)
        noisy = self.noise.corrupt(units, share, generator=generator)
        hidden = noisy == self.noise.mask
        nats = self.head.loss(self(noisy, labels), units)
        return nats * hidden / hidden.float().mean().clamp(min=1e-6)

    @torch.no_grad()
    def generate(
        self,
        labels: Int[Tensor, "b"],
        *,
        rounds: int | None = None,
        noise: float = 1.0,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> tuple[Int[Tensor, "b t"], Trace]:
        """Guess all hidden codes and keep the surest, on a cosine schedule, in `rounds` passes.

        Surest: highest log p + noise (1 - round / T) Gumbel. `decode.unmask` does the same over
        whole codes; here a law acts on each sub-code, as it does for `ELM`.

        Raises:
            ValueError: more rounds than positions, or fewer than 1.
        """
        law, units = law or Law(), self.blank(len(labels)).fill_(self.noise.mask)
        rounds, trace = rounds or self.rounds, Trace(units.shape[1])
        if not 1 <= rounds <= trace.length:
            raise ValueError(f"{rounds} rounds for {trace.length} positions; each shows at least 1")
        for s, left in enumerate(hidden_after(trace.length, rounds, "cosine")):
            g, shown = law.strength(s, rounds), units != self.noise.mask
            states, null = self(units, labels), self(units) if g else None
            guess, log_p = self.head.sample(
                states, null=null, guidance=g, law=law, generator=generator
            )
            gumbel = -torch.empty_like(log_p).exponential_(generator=generator).log()
            rank = (log_p + noise * (1 - (s + 1) / rounds) * gumbel).masked_fill(shown, torch.inf)
            kept = rank.argsort(1, descending=True).argsort(1) < trace.length - left
            guess = torch.where(shown, units, guess)
            units = torch.where(kept, guess, self.noise.mask)
            sure = log_p.exp().masked_fill(shown, 1.0)
            trace.record(torch.arange(trace.length), guess, 1 + bool(g), confidence=sure, kept=kept)
        return units, trace


@dataclass(frozen=True)
class Growing(Law):
    """A law whose guidance grows as w_t - 1 = (w - 1) f(t / L), t = 1 … L, with w = 1 + guidance.

    The linear shape has w_1 = 1 + (w - 1)/L and w_L = w; `ramp` of `Law` starts at exactly none.

    Attributes:
        shape: f, one of "linear", "constant", "square", "root", "cosine", "log".

    Raises:
        ValueError: an unknown shape.
    """

    shape: str = "linear"

    def __post_init__(self):
        super().__post_init__()
        if self.shape not in SHAPES:
            raise ValueError(f"shape {self.shape!r} is unknown; choose one of {', '.join(SHAPES)}")

    def strength(self, step: int, n_steps: int) -> float:
        """w_t - 1 at step t - 1 of L."""
        return self.guidance * SHAPES[self.shape]((step + 1) / n_steps)


SHAPES = {
    "linear": lambda x: x,
    "constant": lambda x: 1.0,
    "square": lambda x: x * x,
    "root": math.sqrt,
    "cosine": lambda x: (1 - math.cos(math.pi * x)) / 2,
    "log": lambda x: math.log1p(x * (math.e - 1)),
}
