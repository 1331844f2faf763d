"""What a speculation over a batch did: rounds in which every sample is at a place of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.trace import Trace


@dataclass(frozen=True)
class Round:
    """What one pass of the target did to the samples that were not finished.

    Attributes:
        rows: which samples of the batch these are.
        known: units of each that stood before.
        drafts: k drafts of each, of which the first `limit` count.
        stands: how many of them stand.
        added: the unit behind those: in the place of one that fell, or one more.
    """

    rows: Int[Tensor, "b"]
    known: Int[Tensor, "b"]
    drafts: Float[Tensor, "b k c"]
    limit: Int[Tensor, "b"]
    stands: Int[Tensor, "b"]
    added: Float[Tensor, "b c"]


@dataclass
class Rounds:
    """All rounds of a speculation over `batch` samples of `length` units."""

    batch: int
    length: int
    log: list[Round] = field(default_factory=list)

    @property
    def passes(self) -> Int[Tensor, "b"]:
        """Passes of the target over each sample."""
        rows = torch.cat([done.rows for done in self.log])
        return torch.bincount(rows, minlength=self.batch)

    @property
    def drafted(self) -> Int[Tensor, "b"]:
        """Units that the draft model drew for each sample, dropped ones included."""
        rows, limit = (
            torch.cat([getattr(r, name) for r in self.log]) for name in ("rows", "limit")
        )
        return torch.zeros(self.batch, dtype=torch.long).index_add(0, rows, limit)

    @property
    def tested(self) -> Bool[Tensor, "b t"]:
        """Which positions were tested; none is tested twice."""
        return self._marked(lambda done: torch.minimum(done.stands + 1, done.limit))

    @property
    def stood(self) -> Bool[Tensor, "b t"]:
        """Which positions hold a draft."""
        return self._marked(lambda done: done.stands)

    @property
    def acceptance(self) -> float:
        """Share of the tested drafts that stand; those behind one that fell were not tested."""
        return float(self.stood.sum() / self.tested.sum().clamp(min=1))

    @property
    def rate(self) -> float:
        """Share of all drafts that stand; those behind one that fell do not."""
        return float(self.stood.sum() / self.drafted.sum().clamp(min=1))

    def trace(self, sample: int) -> Trace:
        """One sample's rounds as other speculations record theirs: drafts, then the unit added."""
        trace = Trace(self.length)
        for done in self.log:
            for i in (done.rows == sample).nonzero()[:, 0].tolist():
                known, k, stands = int(done.known[i]), int(done.limit[i]), int(done.stands[i])
                if k:
                    kept = torch.arange(k)[None] < stands
                    trace.record(known + torch.arange(k), done.drafts[i : i + 1, :k], 0, kept=kept)
                trace.record(torch.tensor([known + stands]), done.added[i : i + 1, None], 1)
        return trace

    def _marked(self, count: Callable[[Round], Tensor]) -> Bool[Tensor, "b t"]:
        marks = torch.zeros(self.batch, self.length, dtype=torch.bool)
        where = torch.arange(self.length)
        for done in self.log:
            known = done.known[:, None]
            marks[done.rows] |= (where >= known) & (where < known + count(done)[:, None])
        return marks
