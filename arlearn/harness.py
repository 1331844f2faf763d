"""What a tokenizer is worth to a language model: what it keeps, and what its code costs to learn.

A tokenizer is anything with `vocab`, `length`, `encode(images) -> units` and `decode(units) ->
images`. The measuring device is a small autoregressive model, the probe: one architecture, one
recipe and one seed for every tokenizer that is compared (GigaTok, arXiv 2504.08736, section 3.2).

A probe's loss alone says nothing: codes that are all alike are learned at once and tell nothing of
the picture. So a `Score` carries the loss beside the code's use, its unigram entropy and the error
of the reconstruction, losses of unlike codes are not compared (`gain`), and tokenizers of any size
meet in the plane of bits and error (`error_at`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.metrics.linear_probe import linear_probe
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.tap import tapped
from arlearn.tokens import statistics
from arlearn.training import Batches, History, Recipe, fit


@runtime_checkable
class Tokenizer(Protocol):
    """Pictures as `length` units of a vocabulary, and back."""

    vocab: int
    length: int
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Score:
    """A tokenizer on held-out pictures.

    Attributes:
        vocab, length: codes, and units of a picture.
        usage: share of the codes that occur.
        entropy: of single units, H(unigram), in nats per token.
        error: mean squared error of the reconstruction, per value.
        loss: of the probe, in nats per token.
    """

    vocab: int
    length: int
    usage: float
    entropy: float
    error: float
    loss: float

    @property
    def total(self) -> float:
        """Nats a picture: loss * length, an upper bound of the entropy of its code."""
        return self.loss * self.length

    @property
    def bits(self) -> float:
        """`total` in bits: what a picture costs, sent with the probe as the coder."""
        return self.total / math.log(2)

    @property
    def relative(self) -> float:
        """loss / entropy: 1 where the probe knows no more than how frequent each code is.

        A code of one word has nothing to be learned either; it counts as 1, the worst. Where only
        some codes die it can fall all the same, so read it beside `usage`.
        """
        return self.loss / self.entropy if self.entropy > 0 else 1.0


def encoded(
    tokenizer: Tokenizer, images: Float[Tensor, "n c h w"], size: int = 500
) -> Int[Tensor, "n t"]:
    """Every picture's units, encoded `size` at a time."""
    return _in_parts(tokenizer.encode, images, size)


def rebuilt(
    tokenizer: Tokenizer, units: Int[Tensor, "n t"], size: int = 500
) -> Float[Tensor, "n c h w"]:
    """The pictures of some units, decoded `size` at a time."""
    return _in_parts(tokenizer.decode, units, size)


def teach(
    probe: PlanModel,
    units: Int[Tensor, "n t"],
    labels: Int[Tensor, "n"] | None,
    steps: int,
    *,
    seed: int = 0,
    recipe: Recipe | None = None,
    size: int = 64,
    **options,
) -> History:
    """Train a probe by the recipe all probes share; batches depend on `seed` alone.

    Args:
        labels: classes, or None for a probe without.
        recipe: learning rate 2e-3, averaged weights, fp32 unless given; its seed is `seed`.
        size: pictures in a step.
        options: of `training.fit`: `checkpoint`, `label`, `progress`.
    """
    recipe = recipe or Recipe(lr=2e-3, ema=0.99, precision="fp32", seed=seed)
    tensors = (units,) if labels is None else (units, labels.to(units.device))
    return fit(probe, Batches(*tensors, size=size, seed=seed), steps, recipe=recipe, **options)


def score(
    tokenizer: Tokenizer,
    probe: PlanModel,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, "n"] | None = None,
) -> Score:
    """A tokenizer and the probe that was taught its code, on pictures neither has seen.

    Raises:
        ValueError: the probe's plan has another length than the code.
    """
    units = encoded(tokenizer, images)
    error = float((rebuilt(tokenizer, units) - images).square().mean())
    return Score(
        vocab=tokenizer.vocab,
        length=tokenizer.length,
        usage=statistics.usage(units, tokenizer.vocab),
        entropy=statistics.entropy(units, tokenizer.vocab) * math.log(2),
        error=error,
        loss=float(losses(probe, units, labels).mean()),
    )


@torch.no_grad()
def losses(
    probe: PlanModel, units: Int[Tensor, "n t"], labels: Int[Tensor, "n"] | None = None
) -> Float[Tensor, "n t"]:
    """Nats of every unit under a probe, in the order of generation.

    Raises:
        ValueError: the probe's plan has another length than the code.
    """
    parts = [None] * len(units.split(500)) if labels is None else labels.split(500)
    pairs = zip(units.split(500), parts, strict=True)
    return torch.cat([probe.unit_loss(some, of) for some, of in pairs])


def states(
    probe: PlanModel, units: Int[Tensor, "n t"], layer: int | None = None
) -> Float[Tensor, "n d"]:
    """What a probe makes of pictures: the states after a layer, averaged over positions.

    No class is told. `layer` counts from 1; None is the middle one, depth // 2 rounded up.

    Raises:
        ValueError: there is no such layer.
    """
    blocks = probe.backbone.blocks
    layer = -(-len(blocks) // 2) if layer is None else layer
    if not 1 <= layer <= len(blocks):
        raise ValueError(f"layer {layer} is none of the probe's layers 1 … {len(blocks)}")

    def middle(some: Tensor) -> Tensor:
        with tapped(blocks[layer - 1]) as seen:
            probe(some)
        return seen[0].mean(1)

    return _in_parts(middle, units, 500)


def readout(
    probe: PlanModel,
    train: tuple[Int[Tensor, "n t"], Int[Tensor, "n"]],
    test: tuple[Int[Tensor, "m t"], Int[Tensor, "m"]],
    *,
    layer: int | None = None,
) -> float:
    """Accuracy of a linear classifier on a probe's states (`states`, `metrics.linear_probe`)."""
    (units, labels), (held_out, wanted) = train, test
    learn, judge = states(probe, units, layer), states(probe, held_out, layer)
    return linear_probe((learn, labels), (judge, wanted))


def gain(method: Score, baseline: Score, *, usage: float = 0.1) -> float:
    """How many nats per token the probe saves with `method`'s code, at equal code use.

    Raises:
        ValueError: the codes have other vocabularies or lengths, or one uses more of its codes by
            more than `usage` of the vocabulary; then only `error_at` compares them.
    """
    for what in ("vocab", "length"):
        if (one := getattr(method, what)) != (other := getattr(baseline, what)):
            raise ValueError(
                f"losses per token of codes with {what} {one} and {other} are not comparable; "
                "compare bits a picture at equal error (error_at)"
            )
    if abs(method.usage - baseline.usage) > usage:
        raise ValueError(
            f"one code uses {method.usage:.0%} of its words, the other {baseline.usage:.0%}: a "
            "collapsed code is cheap and says nothing; compare bits at equal error (error_at)"
        )
    return baseline.loss - method.loss


def error_at(scores: Sequence[Score], bits: float, blank: float) -> float:
    """The least error that mixtures of some tokenizers reach with `bits` a picture.

    Code a share of the pictures with one tokenizer and the rest with another, or with none (0 bits,
    error `blank`: always the mean picture): the lower convex hull of the points (bits, error). So
    tokenizers of any vocabulary and length are compared at equal bits.

    Raises:
        ValueError: no tokenizer, or fewer bits than none.
    """
    if not scores or bits < 0:
        raise ValueError(f"{len(scores)} tokenizers at {bits} bits; give at least one, and 0 bits")
    points = [(0.0, blank), *((each.bits, each.error) for each in scores)]
    within = [error for cost, error in points if cost <= bits]
    mixed = [
        near + (far - near) * (bits - low) / (high - low)
        for low, near in points
        for high, far in points
        if low < bits < high
    ]
    return min(within + mixed)


@torch.no_grad()
def _in_parts(function: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    return torch.cat([function(part) for part in x.split(size)])
