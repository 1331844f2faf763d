"""Sampling continuous units one after the other: a small solver inside a chain, with a cache."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from arlearn.corrupt.checks import one_of
from arlearn.corrupt.flow import euler, euler_maruyama, heun, time_grid
from arlearn.heads.checks import untruncated
from arlearn.heads.law import Law, guided
from arlearn.nets.flow_plan import FlowPlan
from arlearn.trace import Trace

SOLVERS = ("euler", "heun", "euler-maruyama")
LAST = 0.04  # where the stochastic solver stops adding noise: its score divides by the time


@torch.no_grad()
def flow_units(
    model: FlowPlan,
    labels: Int[Tensor, "b"] | None = None,
    *,
    batch: int | None = None,
    steps: int = 16,
    solver: str = "euler",
    law: Law | None = None,
    context: Float[Tensor, "b t c"] | None = None,
    context_time: float = 0.0,
    cached: bool = True,
    generator: Generator | None = None,
) -> tuple[Float[Tensor, "b t c"], Trace]:
    """Draw unit after unit: from noise at t = 1 to data at t = 0, given the finished units.

    A unit's first velocity is a wider pass, [unit before, clean | noisy unit], that puts the unit
    before into the cache; all later ones read the cache and leave it as it is. So n units cost
    n * steps passes (twice that under guidance), and what is cached was clean.

    Guidance acts on the velocity, where it is the same as on the drift of the stochastic solver:
    drift is affine in the velocity. With `law.ramp` unit i of n has strength g i / (n - 1), the
    first none; with one unit alone that is no guidance at all, so leave ramp out there. The law's
    temperature scales the noise a unit starts from.

    Args:
        labels: the class of each sample, or None (then say how many: `batch`).
        steps: solver steps of a unit.
        solver: "euler", "heun" (two velocities a step), or "euler-maruyama", which adds fresh noise
            (w(t) = 2t) down to t = 0.04 and takes the mean from there, as xAR does.
        context: what later units see instead of what was drawn: data for teacher forcing, or data
            spoilt on purpose. The units returned are those drawn.
        context_time: the time that finished units are told to have, 0 for clean.
        cached: False reads everything again at every step (the same result, slowly).

    Returns: the units, and the trace with one entry per unit.

    Raises:
        ValueError: neither labels nor batch, no steps, an unknown solver, guidance without labels,
            a law that truncates, or a context of another shape.
    """
    law = law or Law()
    _check(model, labels, steps, solver, law, context)
    batch = _batch(labels, batch, context)
    was_training = model.training
    model.eval()
    chain = Chain(model, labels, batch, law=law, context_time=context_time, cached=cached)
    units = torch.zeros(batch, model.length, model.channels, device=model.place.device)
    trace, times = Trace(model.length), _times(steps, solver)
    for here in chain.groups:
        before = chain.evaluations
        shape = (batch, len(here), model.channels)
        z = law.temperature * torch.randn(shape, generator=generator, device=units.device)
        if solver == "euler-maruyama":
            drawn = euler_maruyama(chain.velocity, z, times, generator=generator).x
        else:
            drawn = {"euler": euler, "heun": heun}[solver](chain.velocity, z, times).x
        units[:, here] = drawn
        chain.finish(drawn if context is None else context[:, here])
        trace.record(here, drawn, chain.evaluations - before)
    model.train(was_training)
    return units, trace


class Chain:
    """One call of the sampler: what is cached, both branches of guidance, the unit at hand.

    `velocity` is asked for the unit at hand as often as a solver likes; `finish` says what the unit
    became, and goes on to the next one.
    """

    def __init__(
        self,
        model: FlowPlan,
        labels: Int[Tensor, "b"] | None,
        batch: int,
        *,
        law: Law,
        context_time: float = 0.0,
        cached: bool = True,
    ):
        self.model, self.law, self.context_time = model, law, context_time
        self.plan = model.plan
        self.groups = self.plan.groups()
        self.branches = 2 if law.guidance else 1
        self.told = model.told(labels, batch)
        if self.branches == 2:
            self.told = torch.cat([self.told, model.told(None, batch)])
        self.evaluations, self.at, self.cached = 0, 0, cached
        self.cache = model.backbone.cache(self.branches * batch, model.length) if cached else None
        self.finished: list[Tensor] = []  # units that stand, in order
        self.read = 0  # how many of them the cache holds

    def finish(self, unit: Float[Tensor, "b n c"]) -> None:
        """The unit at hand stands; the next one is at hand."""
        self.finished.append(unit.repeat(self.branches, 1, 1))
        self.at += 1

    def velocity(self, z: Float[Tensor, "b n c"], t: Float[Tensor, "b"]) -> Float[Tensor, "b n c"]:
        """The guided velocity of the unit at hand."""
        self.evaluations += self.branches
        z, t = z.repeat(self.branches, 1, 1), t.repeat(self.branches)
        new = self.finished[self.read :] if self.cached else self.finished
        v = self._wide(new, z, t) if new else self._narrow(z, t)
        if self.branches == 1:
            return v
        return guided(*v.chunk(2), self.law.strength(self.at, len(self.groups)))

    def _narrow(self, z: Tensor, t: Tensor) -> Tensor:
        """The unit at hand alone, which sees itself and all that is cached."""
        where = self.groups[self.at]
        return self.model.velocity(z, t, self.told, where=where, cache=self.cache, commit=False)

    def _wide(self, new: list[Tensor], z: Tensor, t: Tensor) -> Tensor:
        """Finished units that are not cached yet, clean, and the unit at hand behind them.

        The cache keeps the finished ones only: keys of a noisy unit would poison all later steps.
        """
        where = torch.cat(self.groups[self.at - len(new) : self.at + 1])
        live, step = z.shape[1], self.plan.step
        clean = t.new_full((len(t), len(where) - live), self.context_time)
        old = self.cache.length if self.cached else 0
        keys = torch.cat([*self.groups[: self.at - len(new)], where])
        v = self.model.velocity(
            torch.cat([*new, z], 1),
            torch.cat([clean, t[:, None].expand(-1, live)], 1),
            self.told,
            where=where,
            mask=step[keys][None, :] <= step[where][:, None],
            cache=self.cache,
        )
        if self.cached:
            self.cache.crop(old + len(where) - live)
            self.read = len(self.finished)
        return v[:, -live:]


def _times(steps: int, solver: str) -> Float[Tensor, "s"]:
    if solver != "euler-maruyama" or steps == 1:
        return time_grid(steps)
    return torch.cat([torch.linspace(1, LAST, steps), torch.zeros(1)])


def _check(
    model: FlowPlan,
    labels: Tensor | None,
    steps: int,
    solver: str,
    law: Law,
    context: Tensor | None,
) -> None:
    one_of("solver", solver, SOLVERS)
    untruncated(law)
    if steps < 1:
        raise ValueError(f"a unit needs at least 1 solver step, not steps={steps}")
    if law.guidance and (labels is None or model.label is None):
        raise ValueError(f"guidance {law.guidance} needs labels and a model with classes")
    if context is not None and context.shape[1:] != (model.length, model.channels):
        raise ValueError(
            f"a context of shape {tuple(context.shape)} must be b {model.length} {model.channels}, "
            "one vector for every position of the plan"
        )


def _batch(labels: Tensor | None, batch: int | None, context: Tensor | None) -> int:
    sizes = {len(x) for x in (labels, context) if x is not None} | ({batch} if batch else set())
    if len(sizes) != 1 or min(sizes) < 1:
        raise ValueError(
            f"labels, batch and context name {sorted(sizes)} samples; they must name one number, "
            "at least 1: labels=, or batch= for a model without classes"
        )
    return sizes.pop()
