"""Next-unit prediction over continuous vectors, with rows of a batch that advance on their own."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn import plans
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.rows import RowCache
from arlearn.nets.transformer import Transformer


class VectorModel(PlanModel):
    """Each vector from all before it: a causal transformer, and a head for the law of one vector.

    Position 0 is fed a start, position i > 0 the vector before it; every position adds its place
    and the class. A position may be fed a learned blank instead (`hidden`): then its state knows
    what came before the blanks and nothing else, so several vectors can be predicted at once from
    one prefix. A model that is to be asked so must be trained so: `hide` is the share of training
    samples whose inputs are blank behind a place drawn evenly.

    `decode.generate` samples from it step by step, `decode.speculative_units` speculates with it.

    Args:
        length: vectors of a sample.
        head: the law of a vector given its state; it says how many channels c there are.
        width, depth, heads, dropout: of the transformer.
        classes: number of labels; 0 for an unconditional model.
        hide: share of the training samples with a blank end.

    Raises:
        ValueError: a `hide` outside 0..1.

    Source: MAR (Li et al. 2024, arXiv 2406.11838), section 4, in raster order.
    """

    def __init__(
        self,
        length: int,
        head: nn.Module,
        *,
        width: int,
        depth: int,
        heads: int | None = None,
        classes: int = 0,
        hide: float = 0.0,
        dropout: float = 0.0,
    ):
        if not 0 <= hide <= 1:
            raise ValueError(f"hide={hide} is a share of the training samples, 0 to 1")
        backbone = Transformer(width, depth, heads, rotary=0, qk_norm=True, dropout=dropout)
        super().__init__(plans.raster(length), backbone, head, classes=classes, drop=0.0)
        self.hide = hide
        self.embed = nn.Linear(head.channels, width)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.unknown = nn.Parameter(torch.randn(width) * 0.02)
        self.place = nn.Parameter(torch.randn(length, width) * 0.02)

    def blank(self, batch: int) -> Float[Tensor, "b t c"]:
        """Vectors before anything is drawn: zeros."""
        return self.place.new_zeros(batch, len(self.step), self.head.channels)

    def inputs(
        self, units: Float[Tensor, "b t c"], s: int, cond: Float[Tensor, "b d"] | None
    ) -> Float[Tensor, "b 1 d"]:
        """The start, or the vector before position s."""
        where = torch.full((len(units), 1), s, device=units.device)
        return self.fed(units, where, cond)

    def sequence(
        self, units: Float[Tensor, "b t c"], cond: Float[Tensor, "b d"] | None
    ) -> Float[Tensor, "b t d"]:
        """All inputs in one look-up; in training some of them are blank."""
        where = torch.arange(len(self.step), device=units.device).expand(len(units), -1)
        hidden = None
        if self.training and self.hide:
            first = torch.randint(len(self.step), (len(units), 1), device=units.device)
            shown = torch.rand(len(units), 1, device=units.device) >= self.hide
            hidden = (where > first) & ~shown
        return self.fed(units, where, cond, hidden)

    def fed(
        self,
        units: Float[Tensor, "b m c"],
        where: Int[Tensor, "b n"],
        cond: Float[Tensor, "b d"] | None,
        hidden: Bool[Tensor, "b n"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """What the positions `where` are fed, another n of them in each row; blanks where `hidden`.

        Positions behind the last are taken for the last: a row that has less to say than its
        neighbours may be asked, and is not listened to.
        """
        where = where.clamp(max=len(self.step) - 1)
        before = (where - 1).clamp(min=0)[..., None].expand(-1, -1, units.shape[-1])
        x = self.embed(units.gather(1, before))
        if hidden is not None:
            x = torch.where(hidden[..., None], self.unknown, x)
        x = torch.where((where == 0)[..., None], self.start, x) + self.place[where]
        return x if cond is None else x + cond[:, None]

    def new_cache(self, batch: int, spare: int) -> RowCache:
        """Empty room for all positions of each row, and for `spare` behind the longest."""
        return RowCache.of(self.backbone, batch, len(self.step) + spare)

    def read(
        self,
        units: Float[Tensor, "b m c"],
        n: int,
        cache: RowCache,
        cond: Float[Tensor, "b d"] | None = None,
        *,
        known: Int[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """States of the next n positions of each row, those behind what its cache holds.

        `units` are the samples as they stand, whole; a row's inputs are taken from its own places.
        With `known`, only so many of a row's first vectors are shown; inputs behind are blank.
        """
        where = cache.places(n)
        hidden = None if known is None else where > known[:, None]
        x = self.fed(units, where, cond, hidden)
        return self.backbone(x, mask=cache.mask(n), cache=cache)
