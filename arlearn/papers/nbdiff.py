"""NBDiff: from next token to next block inside one family (arXiv 2512.06776).

Tokens: characters. Plan: two streams, a token-causal clean one and a noisy one in blocks. Head:
categorical. An autoregressive model is block diffusion with blocks of one, so it is adapted by
letting the blocks grow while its old loss goes on. `Annealed` is the rival that opens the causal
mask instead. See chapters/08_diffusion_lm/40_nbdiff.py.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from arlearn.batches import Draw, mixed
from arlearn.corrupt.masking import Absorbing
from arlearn.decode.blocks import blockwise
from arlearn.decode.canvas import Canvas
from arlearn.nets.two_half import TwoHalf
from arlearn.plans import block_steps, streams
from arlearn.trace import Trace


@dataclass(frozen=True)
class Losses:
    """Both losses of a batch, in nats: of hidden tokens given their block, of all given the past.

    Attributes:
        masked: mean over hidden tokens; 0 where none is hidden.
        old: mean over all tokens, next-token prediction by the clean half.
    """

    masked: Float[Tensor, ""]
    old: Float[Tensor, ""]


class NBDiff(TwoHalf):
    """A language model that also fills in blocks of its text: L = L_masked + λ L_next-token.

    Both halves read y = [start, x_0, x_1, …]. Every token of a block but its first may be hidden,
    and the state at y_i predicts y_(i+1), in both halves (the token shift). The first one is never
    predicted by the noisy half: it is the next token of a text that is clean.

    Args:
        vocab, context, **sizes: as for `TwoHalf`.
        clean: "causal", or "block" for a clean half in which tokens of a block see each other, as
            in BD3-LM (arXiv 2503.09573); there the next token is visible, so λ must be 0.
        keep: λ, the weight of the old loss.
        weight: of hidden tokens, "uniform", or "likelihood" for 1/t.

    Raises:
        ValueError: an old loss that reads its answer.
    """

    def __init__(
        self,
        vocab: int,
        context: int,
        *,
        clean: Literal["causal", "block"] = "causal",
        keep: float = 1.0,
        weight: Literal["uniform", "likelihood"] = "uniform",
        **sizes,
    ):
        super().__init__(vocab, context, **sizes)
        if clean == "block" and keep:
            raise ValueError(
                f"keep={keep} with clean='block': tokens of a clean block see the next token, so "
                "its loss falls to 0 and teaches nothing; set keep=0"
            )
        self.clean, self.keep, self.weight = clean, keep, weight

    def losses(
        self,
        units: Int[Tensor, "b t"],
        block: Int[Tensor, "b t"],
        generator: Generator | None = None,
    ) -> Losses:
        """Both losses under a fresh noise level t ~ U(0, 1) for every block.

        Args:
            block: which block each token of y belongs to, from `plans.block_steps`.
        """
        y, noise = self.read_as(units), Absorbing(self.vocab + 1)  # the start token may be read
        t = torch.rand(block.shape, generator=generator, device=y.device).gather(1, block)
        noisy = noise.corrupt(y, t, given=first_of(block), generator=generator)
        order = block if self.clean == "block" else torch.arange(y.shape[1], device=y.device)
        past, active = self.halves(y, noisy, streams(order, block))
        hidden = (noisy == noise.mask)[:, 1:].float()
        nats = self.head.loss(active[:, :-1], units[:, :-1]) * hidden
        if self.weight == "likelihood":
            nats, hidden = nats / t[:, 1:].clamp(min=1e-3), (~first_of(block)[:, 1:]).float()
        masked = nats.sum() / hidden.sum().clamp(min=1)
        return Losses(masked, self.head.loss(past, units).mean())

    def loss(
        self,
        units: Int[Tensor, "b t"],
        block: Int[Tensor, "b t"],
        generator: Generator | None = None,
    ) -> Float[Tensor, ""]:
        """L_masked + λ L_next-token; with blocks of one, λ times the language model's loss."""
        found = self.losses(units, block, generator)
        return found.masked + self.keep * found.old

    def fill(
        self, prompt: Int[Tensor, "b m"], n: int, *, size: int, **options
    ) -> tuple[Int[Tensor, "b n"], Trace]:
        """`decode.blockwise`, with finished text read as in training."""
        return blockwise(self, prompt, n, size=size, context=self.clean, **options)


class Annealed(TwoHalf):
    """The rival of DiffuLLaMA and Dream (arXiv 2410.17891, 2508.15487): masks over the whole text,
    and a causal attention mask that is opened at random, more and more, until all see all.

    The token shift is kept. Once opened it has no cache to offer: every pass reads everything.
    """

    def loss(
        self,
        units: Int[Tensor, "b t"],
        opened: Float[Tensor, "b"],
        generator: Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Mean nats of the hidden tokens of a text, one level t ~ U(0, 1) a sample.

        Args:
            opened: the share of later tokens that a token may see.
        """
        y, noise = self.read_as(units), Absorbing(self.vocab + 1)
        t = torch.rand(len(y), generator=generator, device=y.device)
        begin = torch.zeros_like(y, dtype=torch.bool)
        begin[:, 0] = True
        noisy = noise.corrupt(y, t, given=begin, generator=generator)
        shape = (*y.shape, y.shape[1])
        ahead = torch.rand(shape, generator=generator, device=y.device) < opened[:, None, None]
        states = self.backbone(self.embed(noisy), mask=ahead | ahead.new_ones(shape).tril())
        hidden = (noisy == noise.mask)[:, 1:].float()
        nats = self.head.loss(states[:, :-1], units[:, :-1]) * hidden
        return nats.sum() / hidden.sum().clamp(min=1)

    def states(self, y: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """Hidden states of a whole text in which all tokens see all."""
        return self.backbone(self.embed(y))

    def fill(
        self, prompt: Int[Tensor, "b m"], n: int, *, size: int, **options
    ) -> tuple[Int[Tensor, "b n"], Trace]:
        """`decode.blockwise` over one canvas: blocks from left to right, masks behind (LLaDA)."""
        return blockwise(
            Canvas(self.states, self.head, self.mask_token), prompt, n, size=size, **options
        )


@dataclass(frozen=True, eq=False)
class Blocked:
    """Rows with blocks laid over them: `Blocked(rows, steps=…, largest=16)(step) -> (b t, b t)`.

    The edges lie elsewhere in every row, so that blocks are tied to no place.

    Attributes:
        rows: `rows(step) -> (units,)`.
        steps: of the whole run.
        largest: size of the blocks at the end.
        grow: from 1 to there, by `size_at`; else that size from the start.
    """

    rows: Draw
    steps: int
    largest: int
    grow: bool = True
    seed: int = 0

    def __call__(self, step: int) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b t"]]:
        """Rows, and the block of every token of theirs."""
        (units,) = self.rows(step)
        size = size_at(step, self.steps, self.largest) if self.grow else self.largest
        dice = torch.Generator().manual_seed(mixed(self.seed, "edges", step))
        first = torch.randint(1, size + 1, (len(units),), generator=dice)
        return units, block_steps(units.shape[1], size, first)


def first_of(block: Int[Tensor, "b t"]) -> Tensor:
    """Whether a token is the first one of its block."""
    return torch.diff(block, dim=1, prepend=block[:, :1] - 1) > 0


def size_at(step: int, steps: int, largest: int) -> int:
    """Tokens of a block: doubled every s0 = steps / (log2 largest + 2) steps, from 1 to `largest`.

    The last third or so of the steps is left to the largest size.
    """
    doublings = largest.bit_length() - 1
    return min(largest, 2 ** int(step * (doublings + 2) / steps))
