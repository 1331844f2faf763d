"""A model that speaks: phones first, then units of sound one after the other, whatever they are."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn.nets.cache import Cache
from arlearn.nets.transformer import Transformer


class SpeechModel(nn.Module):
    """p(sound | phones) = Π_k p(y_k | S, x_1 … x_n, T, y_<k), and when to stop.

    One sequence: a start token S, phones x, a turn token T, units y; one causal transformer with
    one rotary index. The state at T answers for y_1, the state at y_k for y_(k+1), and every state
    from T on for whether the sound has ended. Phones carry no loss.

    Rows of phones are filled up on the left, where nobody looks, so that T stands in one column and
    rows of one batch are generated together. With probability `drop` all phones of a sample are
    zero vectors in training: the layout stays, only what is said is unknown (for guidance).

    Args:
        phones: the names of the phones.
        head: the law of a unit given a state: `loss(h, target)` per unit, `sample(h, …)`.
        channels: numbers of a unit; 0 for codes.
        codes: what a code can be, over all levels; 0 for continuous units.
        levels: units of one moment, drawn one after the other (codes of a residual quantizer).
        width, depth: of the transformer.
        drop: share of samples that learn without their phones.

    Raises:
        ValueError: units that are neither continuous nor codes.
    """

    def __init__(
        self,
        phones: Sequence[str],
        head: nn.Module,
        *,
        width: int,
        depth: int,
        channels: int = 0,
        codes: int = 0,
        levels: int = 1,
        drop: float = 0.2,
    ):
        super().__init__()
        if (channels > 0) == (codes > 0):
            raise ValueError(f"channels={channels}, codes={codes}: give one, units are of one kind")
        self.phones, self.levels, self.drop = tuple(phones), levels, drop
        self.start, self.turn = len(phones), len(phones) + 1
        self.backbone, self.head = Transformer(width, depth), head
        self.text = nn.Embedding(len(phones) + 2, width)
        self.enter = nn.Embedding(codes, width) if codes else nn.Linear(channels, width)
        self.stop = nn.Linear(width, 1)
        nn.init.normal_(self.text.weight, std=0.5)
        if codes:
            nn.init.normal_(self.enter.weight, std=0.5)

    def spelled(self, texts: Sequence[Sequence[str]]) -> Int[Tensor, "b n"]:
        """Rows [S, phones, T], filled up with -1 on the left.

        Raises:
            ValueError: no text, or a phone the model does not know.
        """
        strange = sorted({phone for text in texts for phone in text} - set(self.phones))
        if strange or not texts:
            raise ValueError(f"phones {strange} are unknown; the model knows {list(self.phones)}")
        rows = [[self.start, *map(self.phones.index, text), self.turn] for text in texts]
        longest = max(map(len, rows))
        made = torch.tensor([[-1] * (longest - len(row)) + row for row in rows])
        return made.to(self.stop.weight.device)

    def written(
        self, text: Int[Tensor, "b n"], silent: Bool[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """Vectors of a text; the phones of silent samples are zero, S and T stay."""
        made = self.text(text.clamp(min=0))
        if silent is None:
            return made
        return made.masked_fill((silent[:, None] & (text < self.start))[..., None], 0.0)

    def mask(self, text: Int[Tensor, "b n"], more: int) -> Bool[Tensor, "b q q"]:
        """Who looks at whom where `more` units stand behind the text: back, and at no filling."""
        there = F.pad(text >= 0, (0, more), value=True)
        causal = torch.ones(len(there[0]), len(there[0]), dtype=torch.bool, device=text.device)
        itself = torch.eye(len(causal), dtype=torch.bool, device=text.device)
        return (causal.tril() & there[:, None]) | itself

    def forward(
        self,
        text: Int[Tensor, "b n"],
        units: Tensor,
        silent: Bool[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b m d"]:
        """States at T and at every unit: of t moments, 1 + t levels."""
        flat = units.flatten(1) if self.codes else units
        x = torch.cat([self.written(text, silent), self.enter(flat)], 1)
        h = self.backbone(x, mask=self.mask(text, flat.shape[1]))
        return h[:, text.shape[1] - 1 :]

    @property
    def codes(self) -> bool:
        """Whether units are codes."""
        return isinstance(self.enter, nn.Embedding)

    def losses(
        self,
        text: Int[Tensor, "b n"],
        units: Tensor,
        lengths: Int[Tensor, "b"],
        silent: Bool[Tensor, "b"] | None = None,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The head's mean loss of a unit, and the stop's: cross-entropy of "it ends here" in nats.

        `lengths` moments of each row count; y_k is asked of the state before it, the stop of the
        states between moments, and its answer is yes behind the last one only.
        """
        h = self(text, units, silent)
        moment = torch.arange(units.shape[1] + 1, device=text.device)
        counts = (moment[:-1] < lengths[:, None]).repeat_interleave(self.levels, 1)
        target = units.flatten(1) if self.codes else units
        drawn = self.head.loss(h[:, :-1][counts], target[counts])
        asked = moment <= lengths[:, None]
        ended = (moment == lengths[:, None]).float()
        said = self.stop(h[:, :: self.levels])[..., 0]
        stop = F.binary_cross_entropy_with_logits(said[asked], ended[asked])
        return drawn.mean(), stop

    def loss(
        self, text: Int[Tensor, "b n"], units: Tensor, lengths: Int[Tensor, "b"]
    ) -> Float[Tensor, ""]:
        """Head plus stop, in one stage; some samples lose their phones in training."""
        silent = None
        if self.training and self.drop:
            silent = torch.rand(len(text), device=text.device) < self.drop
        drawn, stop = self.losses(text, units, lengths, silent)
        return drawn + stop

    def read(
        self, x: Float[Tensor, "b n d"], text: Int[Tensor, "b m"], cache: Cache
    ) -> Float[Tensor, "b d"]:
        """The last state after reading n vectors behind those in the cache."""
        end = cache.length + x.shape[1]
        mask = self.mask(text, end - text.shape[1])[:, cache.length : end]
        return self.backbone(x, mask=mask, cache=cache)[:, -1]
