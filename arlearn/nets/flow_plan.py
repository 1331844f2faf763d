"""Continuous units over any plan: a velocity for each, at a time of its own, given earlier ones."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from arlearn.corrupt.checks import one_of
from arlearn.corrupt.flow import Flow
from arlearn.nets.cache import Cache
from arlearn.nets.denoiser import Denoiser
from arlearn.plans import Plan, two_streams


class FlowPlan(Denoiser):
    """v(z_i, t_i | units of earlier steps, class): flow matching inside a step, a chain over steps.

    The positions of one step are a *unit*: they share a time and are denoised together. Each
    position is fed its own noisy vector and answers with its own velocity: nothing is shifted, no
    start is needed. Its time comes through adaLN, position by position, so a unit knows how noisy
    it is itself, and how noisy every earlier unit is that it looks at. Only the plan says what a
    unit is: `raster` predicts token after token, `cells` cell after cell, `whole` is plain flow
    matching.

    In training earlier units are seen

    - with `context="noisy"` as they are trained on themselves, in one stream under `plan.mask()`
      (noisy context learning): every position is an input and a target at once;
    - with `context="clean"` as data at time 0, in two streams under `plans.two_streams`: as many
      targets, twice as many positions.

    The sampler is `decode.flow_units`; there earlier units are always clean.

    Args:
        plan: which positions are a unit, and the order of the units.
        channels: numbers c of a position; they should have about unit variance.
        width, depth, heads, classes, drop: as for `Denoiser`.
        positions: row and column of every position for 2D rotary angles, beside the learned places;
            None leaves the angles out.
        context: "noisy" or "clean".
        time: how training times are drawn, one per unit (`corrupt.Flow`).

    Raises:
        ValueError: an unknown context or time.

    Source: xAR (Ren et al. 2025, arXiv 2502.20388), section 3, and its released code.
    """

    def __init__(
        self,
        plan: Plan,
        channels: int,
        *,
        width: int,
        depth: int,
        heads: int | None = None,
        classes: int = 0,
        drop: float = 0.1,
        positions: Float[Tensor, "t 2"] | None = None,
        context: str = "noisy",
        time: Literal["uniform", "logit-normal"] = "logit-normal",
    ):
        one_of("context", context, ("noisy", "clean"))
        shape = {"width": width, "depth": depth, "heads": heads}
        rotary = 0 if positions is None else 2
        super().__init__(len(plan), **shape, classes=classes, drop=drop, timed=True, rotary=rotary)
        self.channels, self.context, self.process = channels, context, Flow(time)
        self.entry = nn.Linear(channels, width)
        self.exit = nn.Linear(width, channels)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)
        one = plan.n_steps == 1  # everybody sees everybody: no mask, as in a plain denoiser
        self.register_buffer("step", plan.step, persistent=False)
        self.register_buffer("positions", positions, persistent=False)
        self.register_buffer("mask", None if one else plan.mask(), persistent=False)
        self.register_buffer("streams", two_streams(plan, plan), persistent=False)

    @property
    def plan(self) -> Plan:
        """Which positions are a unit, on the model's device."""
        return Plan(self.step)

    def forward(
        self,
        z: Float[Tensor, "b t c"],
        t: Float[Tensor, "b"] | Float[Tensor, "b t"],
        labels: Int[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b t c"]:
        """Velocities of all positions in one stream: earlier units are seen as they stand in z."""
        return self.velocity(z, t, self.told(labels, len(z)), mask=self.mask)

    def beside(
        self,
        context: Float[Tensor, "b t c"],
        z: Float[Tensor, "b t c"],
        t: Float[Tensor, "b t"],
        labels: Int[Tensor, "b"] | None = None,
        *,
        context_time: float = 0.0,
    ) -> Float[Tensor, "b t c"]:
        """Velocities of z where earlier units are seen as in `context`: two streams in one pass.

        So all units of a chain are asked at once what a sampler asks them one by one.
        """
        both, times = torch.cat([context, z], 1), torch.full_like(t, context_time)
        where = torch.arange(self.length, device=z.device).repeat(2)
        v = self.velocity(
            both,
            torch.cat([times, t], 1),
            self.told(labels, len(z)),
            where=where,
            mask=self.streams,
        )
        return v[:, self.length :]

    def told(self, labels: Int[Tensor, "b"] | None, batch: int) -> Float[Tensor, "b e"] | None:
        """The vector of each label, which every position's condition contains; None: no classes.

        In training some labels are dropped.

        Raises:
            ValueError: labels the model cannot be told.
        """
        if self.label is not None:
            return self.label(self._known(batch, labels))
        if labels is not None:
            raise ValueError("labels cannot be told to a model without classes; build it with some")
        return None

    def velocity(
        self,
        z: Float[Tensor, "b n c"],
        t: Float[Tensor, "b"] | Float[Tensor, "b n"],
        told: Float[Tensor, "b e"] | Float[Tensor, "b n e"] | None,
        *,
        where: Int[Tensor, "n"] | None = None,
        mask: Bool[Tensor, "n k"] | None = None,
        cache: Cache | None = None,
        commit: bool = True,
    ) -> Float[Tensor, "b n c"]:
        """Velocities of the positions `where` (all of them unless given), at one time per sample,
        or per sample and position; mask, cache and commit as for `Transformer`.

        What is told beside the time is one vector per sample (`told`), or one per position: the
        states of another network, for instance. Then this is a flow head whose positions see each
        other, as FlowAR's (arXiv 2412.15205).
        """
        if where is None:
            where = torch.arange(self.length, device=z.device)
        cond = self.time(t)
        if told is not None:
            cond = cond[:, None] if told.ndim > cond.ndim else cond
            cond = cond + (told[:, None] if told.ndim < cond.ndim else told)
        hidden = self.backbone(
            self.entry(z) + self.place[where],
            mask=mask,
            positions=None if self.positions is None else self.positions[where],
            cond=cond,
            cache=cache,
            commit=commit,
        )
        return self.exit(hidden)

    def times(self, batch: int, generator: Generator | None = None) -> Float[Tensor, "b t"]:
        """Training times: one per sample and unit, the same for all positions of a unit."""
        n, device = self.plan.n_steps, self.place.device
        drawn = self.process.times(batch * n, generator=generator, device=device)
        return drawn.view(batch, n)[:, self.step]

    def errors(
        self,
        units: Float[Tensor, "b t c"],
        labels: Int[Tensor, "b"] | None = None,
        *,
        t: Float[Tensor, "b t"] | None = None,
        context: Float[Tensor, "b t c"] | None = None,
        context_time: float = 0.0,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b t"]:
        """|v_i - (ε_i - x_i)|² of every position, the mean over its channels.

        Earlier units are seen as `context` if it is given; else as the model is trained.

        Args:
            t: times of all positions; drawn per unit unless given.
            context: what stands in for the earlier units, at time `context_time`: the units
                themselves for clean context, or what a sampler drew.
        """
        t = self.times(len(units), generator) if t is None else t
        eps = torch.randn(units.shape, generator=generator, device=units.device, dtype=units.dtype)
        z = self.process.corrupt(units, t, eps)
        if context is None and self.context == "noisy":
            v = self(z, t, labels)
        else:
            seen = units if context is None else context
            v = self.beside(seen, z, t, labels, context_time=context_time)
        return (v - (eps - units)).float().square().mean(-1)

    def loss(
        self,
        units: Float[Tensor, "b t c"],
        labels: Int[Tensor, "b"] | None = None,
        *,
        generator: Generator | None = None,
    ) -> Float[Tensor, ""]:
        """The mean of `errors`, all positions counting alike."""
        return self.errors(units, labels, generator=generator).mean()
