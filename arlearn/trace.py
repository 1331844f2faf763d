"""What a sampler did, step by step: which units it drew, how sure it was, and what that cost."""

import time
from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Step:
    """One step of a sampler.

    Attributes:
        positions: which positions were written, n of them, the same for the whole batch.
        units: what stands there now, `b n` (indices) or `b n c` (continuous units).
        evaluations: network evaluations this step took (a guided one counts two).
        seconds: wall-clock time since the sampler began.
        confidence: probability of each written unit under its law, `b n`, where it has one.
        kept: whether each unit was accepted (speculation) or stays (remasking), `b n`.
    """

    positions: Int[Tensor, "n"]
    units: Tensor
    evaluations: int
    seconds: float
    confidence: Float[Tensor, "b n"] | None = None
    kept: Bool[Tensor, "b n"] | None = None


@dataclass
class Trace:
    """The steps of one call of a sampler; every sampler returns one beside its units."""

    length: int
    steps: list[Step] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def record(self, positions, units, evaluations, *, confidence=None, kept=None) -> None:
        """Append a step; tensors are copied to the CPU, so later in-place work cannot change it."""
        self.steps.append(
            Step(
                positions=_still(positions),
                units=_still(units),
                evaluations=evaluations,
                seconds=time.perf_counter() - self.began,
                confidence=None if confidence is None else _still(confidence).float(),
                kept=None if kept is None else _still(kept),
            )
        )

    @property
    def evaluations(self) -> int:
        """Network evaluations in all, a guided one counting two (NFE)."""
        return sum(step.evaluations for step in self.steps)

    @property
    def n_steps(self) -> int:
        """Sequential steps: what a machine with room for everything at once would wait for."""
        return len(self.steps)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds until the last step."""
        return self.steps[-1].seconds if self.steps else 0.0

    def units_after(self, step: int, empty: int | float = -1) -> Tensor:
        """All units as they stood after `step` steps (0: nothing yet).

        `empty` stands where nothing was drawn, and where what was drawn was not kept.

        Raises:
            IndexError: the trace has fewer steps.
        """
        if not 0 <= step <= len(self.steps) or not self.steps:
            raise IndexError(f"step {step} of a trace that has {len(self.steps)} steps")
        first = self.steps[0].units
        units = first.new_full((len(first), self.length, *first.shape[2:]), empty)
        for done in self.steps[:step]:
            drawn = done.units
            if done.kept is not None:
                kept = done.kept.view(*done.kept.shape, *[1] * (drawn.ndim - 2))
                drawn = drawn.masked_fill(~kept, empty)
            units[:, done.positions] = drawn
        return units


def _still(x: Tensor) -> Tensor:
    return x.detach().to("cpu", copy=True)
