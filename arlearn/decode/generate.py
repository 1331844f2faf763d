"""One loop that samples from a model over any plan: raster, blocks, scales, frames, cells."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.heads.law import Law
from arlearn.nets.plan_model import PlanModel
from arlearn.trace import Trace


class Session:
    """One call of the sampler: the cache, both branches of guidance, the law, the randomness.

    A guided session holds the conditional and the unconditional branch as two halves of one batch,
    and each look counts two network evaluations.
    """

    def __init__(
        self,
        model: PlanModel,
        labels: Int[Tensor, "b"] | None,
        batch: int,
        *,
        law: Law,
        generator: torch.Generator | None,
        cached: bool = True,
    ):
        self.model, self.law, self.generator = model, law, generator
        self.plan = model.plan
        self.groups = self.plan.groups()
        self.branches = 2 if law.guidance else 1
        if law.guidance and (labels is None or model.label is None):
            raise ValueError(f"guidance {law.guidance} needs labels and a model with classes")
        cond = model.condition(labels, batch)
        if self.branches == 2:
            cond = torch.cat([cond, model.condition(None, batch)])
        self.cond, self.evaluations = cond, 0
        self._modulating = None if model.backbone.cond_width is None else cond
        capacity = len(self.plan)
        self.cache = model.backbone.cache(self.branches * batch, capacity) if cached else None
        self.read: list[Tensor] = []  # without a cache: everything fed so far

    def strength(self, s: int) -> float:
        """Guidance at step s."""
        return self.law.strength(s, self.plan.n_steps)

    def inputs(self, units: Tensor, s: int) -> Float[Tensor, "b n d"]:
        """What the model feeds step s, for every branch."""
        return self.model.inputs(units.repeat(self.branches, *[1] * (units.ndim - 1)), s, self.cond)

    def look(
        self, x: Float[Tensor, "b n d"], s: int, *, commit: bool = True
    ) -> tuple[Float[Tensor, "b2 n d"], Float[Tensor, "b2 n d"] | None]:
        """Hidden states of step s fed x (all branches); the unconditional ones beside them.

        All new positions see each other and everything committed, which is what `plan.mask()` says
        of the newest step; so no mask is needed.
        """
        self.evaluations += self.branches
        rotary = self.model.backbone.rotary
        where = self.model.positions[self.groups[s]] if rotary else None
        if self.cache is None:
            hidden = self._look_again(x, s, commit)
        else:
            hidden = self.model.backbone(
                x, positions=where, cond=self._modulating, cache=self.cache, commit=commit
            )
        return (hidden, None) if self.branches == 1 else hidden.chunk(2)

    def _look_again(self, x: Tensor, s: int, commit: bool) -> Tensor:
        """The same without a cache: read everything from the beginning (for comparison only)."""
        seen = torch.cat([*self.read, x], dim=1)
        order = torch.cat(self.groups[: s + 1])
        step = self.plan.step[order]
        hidden = self.model.backbone(
            seen,
            mask=step[None, :] <= step[:, None],
            positions=self.model.positions[order] if self.model.backbone.rotary else None,
            cond=self._modulating,
        )
        if commit:
            self.read.append(x)
        return hidden[:, -x.shape[1] :]


@torch.no_grad()
def generate(
    model: PlanModel,
    labels: Int[Tensor, "b"] | None = None,
    *,
    batch: int | None = None,
    law: Law | None = None,
    generator: torch.Generator | None = None,
    given: Tensor | None = None,
    known: Bool[Tensor, "t"] | Bool[Tensor, "b t"] | None = None,
    cached: bool = True,
) -> tuple[Tensor, Trace]:
    """Sample units step by step; each step sees all earlier ones.

    Args:
        labels: the class of each sample, or None (then say how many: `batch`).
        law: temperature, truncation, guidance.
        given, known: units that stand already, and where; they replace what is drawn there, so
            later steps see them. A prefix is a prompt, anything else is in-painting.
        cached: False reads everything again at every step (the same result, slowly).

    Returns: the units, `b t` or `b t c`, and the trace with one entry per step.

    Raises:
        ValueError: neither labels nor batch, `given` without `known`, guidance without labels.
    """
    batch = _batch(labels, batch, given)
    if (given is None) != (known is None):
        raise ValueError("in-painting needs both: given= (the units) and known= (where they stand)")
    was_training = model.training
    model.eval()
    session = Session(model, labels, batch, law=law or Law(), generator=generator, cached=cached)
    units, trace = model.blank(batch), Trace(len(session.plan))
    for s, here in enumerate(session.groups):
        before = session.evaluations
        drawn, log_p = model.draw(session, units, s)
        if known is not None:
            keep = known.expand(batch, -1)[:, here]
            wide = keep.view(*keep.shape, *[1] * (drawn.ndim - 2))
            drawn = torch.where(wide, given[:, here], drawn)
        units[:, here] = drawn
        trace.record(
            here,
            drawn,
            session.evaluations - before,
            confidence=None if log_p is None else log_p.exp(),
        )
    model.train(was_training)
    return units, trace


def _batch(labels: Tensor | None, batch: int | None, given: Tensor | None) -> int:
    sizes = {len(x) for x in (labels, given) if x is not None} | ({batch} if batch else set())
    if len(sizes) != 1:
        raise ValueError(
            "say how many samples: labels=, or batch= for a model without classes"
            if not sizes
            else f"labels, given units and batch disagree about the number of samples: {sizes}"
        )
    size = sizes.pop()
    if size < 1:
        raise ValueError(f"{size} samples cannot be drawn; ask for at least 1")
    return size
