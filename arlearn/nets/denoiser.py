"""Bidirectional transformers that undo noise: one for masked units, one for continuous ones."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.corrupt.flow import Flow
from arlearn.corrupt.masking import Absorbing
from arlearn.heads.categorical import Categorical
from arlearn.heads.mlp import TimeEmbedding
from arlearn.nets.transformer import Transformer


class Denoiser(nn.Module):
    """What both denoisers share: every position sees every other; places, class and time are told.

    The condition of every block (adaLN) is the sum of the class's vector and the time's; without
    either the blocks are plain.

    Args:
        length: positions t at most; each has a learned place.
        width, depth, heads: of the transformer.
        classes: number of labels, 0 for none; label `classes` is "no label".
        drop: share of the labels that training replaces by "no label", for guidance.
        timed: whether the network is told the time.
        rotary: axes of rotary positions beside the learned places (`Transformer`).
    """

    def __init__(
        self,
        length: int,
        *,
        width: int,
        depth: int,
        heads: int | None = None,
        classes: int = 0,
        drop: float = 0.0,
        timed: bool = False,
        rotary: int = 0,
    ):
        super().__init__()
        told = width if classes or timed else None
        self.length, self.classes, self.drop = length, classes, drop
        self.backbone = Transformer(
            width, depth, heads, cond_width=told, rotary=rotary, qk_norm=True
        )
        self.place = nn.Parameter(torch.randn(length, width) * 0.5)
        self.label = nn.Embedding(classes + 1, width) if classes else None
        self.time = TimeEmbedding(width) if timed else None

    def hidden(
        self,
        x: Float[Tensor, "b t d"],
        labels: Int[Tensor, "b"] | None = None,
        time: Float[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Hidden states of embedded units.

        Raises:
            ValueError: more positions than `length`, labels or times the network cannot be told,
                a label outside the classes, or no time where it needs one.
        """
        if x.shape[1] > self.length:
            raise ValueError(
                f"{x.shape[1]} positions do not fit a denoiser of length {self.length}; "
                "build it with a larger length="
            )
        cond = self._condition(len(x), labels, time)
        return self.backbone(x + self.place[: x.shape[1]], cond=cond)

    def _condition(self, batch: int, labels: Tensor | None, time: Tensor | None) -> Tensor | None:
        for name, value, part in (("labels", labels, self.label), ("a time", time, self.time)):
            if value is not None and part is None:
                raise ValueError(f"{name} cannot be told to this denoiser; build it to take them")
        if self.time is not None and time is None:
            raise ValueError(
                "this denoiser was built with timed=True; give the time of each sample"
            )
        told = [] if self.time is None else [self.time(time)]
        if self.label is not None:
            told.append(self.label(self._known(batch, labels)))
        return sum(told) if told else None

    def _known(self, batch: int, labels: Tensor | None) -> Tensor:
        """Labels within the classes, some of them dropped in training; "no label" for None."""
        if labels is None:
            return torch.full((batch,), self.classes, device=self.place.device)
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= self.classes:
            raise ValueError(
                f"labels run from {int(labels.min())} to {int(labels.max())}; the classes are "
                f"0 … {self.classes - 1}, and {self.classes} is no label"
            )
        if self.training and self.drop:
            dropped = torch.rand(len(labels), device=labels.device) < self.drop
            labels = torch.where(dropped, self.classes, labels)
        return labels


class MaskedDenoiser(Denoiser):
    """p(x_i | what is not masked) for every position i at once: a masked language model.

    It reads vocab + 1 units, of which the last is the mask, and answers with vocab logits, as
    `corrupt.Absorbing` and `decode.unmask` ask. It needs no time: how many masks it sees says
    enough (Ou et al. 2024, arXiv 2406.03736).

    Args:
        vocab: number of units v.
        length, **options: as for `Denoiser`.

    Source: Sahoo et al. 2024 (MDLM, arXiv 2406.07524); Nie et al. 2025 (LLaDA, arXiv 2502.09992).
    """

    def __init__(self, vocab: int, length: int, **options):
        super().__init__(length, **options)
        self.process = Absorbing(vocab)
        self.embed = nn.Embedding(vocab + 1, self.backbone.width)
        self.head = Categorical(self.backbone.width, vocab)
        nn.init.normal_(self.embed.weight, std=0.5)

    @property
    def mask(self) -> int:
        """The index of the mask."""
        return self.process.mask

    def forward(
        self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b t v"]:
        """Logits of every position, masked or not."""
        return self.head(self.hidden(self.embed(units), labels))

    def blank(self, batch: int) -> Int[Tensor, "b t"]:
        """Nothing but masks: where a sampler begins."""
        return torch.full((batch, self.length), self.mask, device=self.place.device)

    def loss(
        self,
        units: Int[Tensor, "b t"],
        labels: Int[Tensor, "b"] | None = None,
        *,
        weight: Literal["likelihood", "uniform"] = "likelihood",
        generator: Generator | None = None,
    ) -> Float[Tensor, ""]:
        """The bound on -log p in nats per unit, at one random time a sample (`Absorbing.loss`)."""
        return self.process.loss(
            lambda x_t: self(x_t, labels), units, weight=weight, generator=generator
        ).mean()


class VelocityDenoiser(Denoiser):
    """v(x_t, t) of continuous units: a small diffusion transformer (DiT, arXiv 2212.09748).

    Units go in and out through one linear layer each; the last one starts at zero. The time is
    always told. `corrupt.flow` says what the velocity means and solves along it.

    Args:
        channels: numbers c in a unit.
        length, **options: as for `Denoiser`.
        time: how training times are drawn (`corrupt.Flow`).
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        time: Literal["uniform", "logit-normal"] = "uniform",
        **options,
    ):
        super().__init__(length, timed=True, **options)
        self.channels, self.process = channels, Flow(time)
        self.entry = nn.Linear(channels, self.backbone.width)
        self.exit = nn.Linear(self.backbone.width, channels)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(
        self,
        x_t: Float[Tensor, "b t c"],
        t: Float[Tensor, "b"],
        labels: Int[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b t c"]:
        """The velocity of every unit."""
        return self.exit(self.hidden(self.entry(x_t), labels, t))

    def noise(self, batch: int, generator: Generator | None = None) -> Float[Tensor, "b t c"]:
        """Standard normal units: where a solver begins."""
        shape = (batch, self.length, self.channels)
        return torch.randn(shape, generator=generator, device=self.place.device)

    def loss(
        self,
        units: Float[Tensor, "b t c"],
        labels: Int[Tensor, "b"] | None = None,
        *,
        generator: Generator | None = None,
    ) -> Float[Tensor, ""]:
        """The mean squared error of the velocity, at one random time a sample (`Flow.loss`)."""
        return self.process.loss(
            lambda x_t, t: self(x_t, t, labels), units, generator=generator
        ).mean()
