"""An autoregressive model over any plan: it says what a step is fed, the plan says the rest."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.nets.transformer import Transformer
from arlearn.plans import Plan


class PlanModel(nn.Module):
    """A backbone and a head over a plan.

    A subclass defines `inputs(units, s, cond)`: what the positions of step s are fed, from units
    of earlier steps and the condition alone. Teacher forcing is the concatenation over all steps
    under `plan.mask()`; sampling is one loop over `plan.groups()` with a cache
    (`decode.generate`). Both see the same numbers because both call `inputs`.

    Args:
        plan: the order of generation of the units.
        backbone: a transformer; one with a `cond_width` gets the label's embedding by adaLN.
        head: the law of one unit given its hidden state.
        classes: number of labels; 0 for an unconditional model.
        drop: share of labels replaced by "no label" in training, for guidance.
        positions: rotary positions of the units, if not 0, 1, 2, …
    """

    def __init__(
        self,
        plan: Plan,
        backbone: Transformer,
        head: nn.Module,
        *,
        classes: int = 0,
        drop: float = 0.1,
        positions: Tensor | None = None,
    ):
        super().__init__()
        if backbone.cond_width is not None and not classes:
            raise ValueError("the backbone takes a condition, but the model has no classes")
        self.backbone, self.head, self.classes, self.drop = backbone, head, classes, drop
        self.label = (
            nn.Embedding(classes + 1, backbone.cond_width or backbone.width) if classes else None
        )
        self.register_buffer("step", plan.step, persistent=False)
        self.register_buffer("order", plan.order(), persistent=False)
        where = torch.arange(len(plan)) if positions is None else positions
        self.register_buffer("positions", where, persistent=False)
        ordered = Plan(plan.step[plan.order()])
        causal = ordered.n_steps == len(ordered)
        self.causal = causal  # one unit a step: the mask is the triangle, which has a fast kernel
        self.register_buffer("mask", None if causal else ordered.mask(), persistent=False)

    @property
    def plan(self) -> Plan:
        """The order of generation, on the model's device."""
        return Plan(self.step)

    def inputs(
        self, units: Tensor, s: int, cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b n d"]:
        """What the n positions of step s are fed; may read units of steps before s only."""
        raise NotImplementedError(f"{type(self).__name__} must say what a step is fed")

    def sequence(self, units: Tensor, cond: Float[Tensor, "b e"] | None) -> Float[Tensor, "b t d"]:
        """The inputs of all steps, in the order of generation (teacher forcing)."""
        steps = range(self.plan.n_steps)
        return torch.cat([self.inputs(units, s, cond) for s in steps], dim=1)

    def blank(self, batch: int) -> Tensor:
        """Units before anything is drawn: zeros, indices unless a subclass says otherwise."""
        return torch.zeros(batch, len(self.step), dtype=torch.long, device=self.step.device)

    def condition(self, labels: Int[Tensor, "b"] | None, batch: int) -> Float[Tensor, "b e"] | None:
        """The label's embedding; the one for "no label" where labels is None.

        Raises:
            ValueError: a label outside the classes, not one per sample, or labels for a model
                without classes.
        """
        if self.label is None:
            if labels is not None:
                raise ValueError("labels were given to a model without classes")
            return None
        if labels is not None and len(labels) != batch:
            raise ValueError(f"{len(labels)} labels for {batch} samples; give one for each")
        if labels is None:
            labels = torch.full((batch,), self.classes, device=self.step.device)
        elif len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= self.classes:
            bad = labels[(labels < 0) | (labels > self.classes)][0].item()
            raise ValueError(
                f"label {bad} is none of the {self.classes} classes 0 … "
                f"{self.classes - 1} (nor {self.classes}, no label)"
            )
        return self.label(labels)

    def forward(
        self, units: Tensor, labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """Hidden states of all units under teacher forcing, in the order of generation.

        Raises:
            ValueError: not as many units as the plan has positions, or labels that do not fit.
        """
        if units.shape[1:2] != self.step.shape:
            raise ValueError(
                f"units of shape {tuple(units.shape)} must be b t with the {len(self.step)} "
                "positions of the plan"
            )
        cond = self.condition(labels, len(units))
        return self.backbone(
            self.sequence(units, cond),
            mask="causal" if self.causal else self.mask,
            positions=self.positions[self.order] if self.backbone.rotary else None,
            cond=None if self.backbone.cond_width is None else cond,
        )

    def unit_loss(
        self, units: Tensor, labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b t"]:
        """The head's loss of every unit (nats where it is a likelihood), order of generation."""
        return self.head.loss(self(units, labels), units[:, self.order])

    def loss(self, units: Tensor, labels: Int[Tensor, "b"] | None = None) -> Float[Tensor, ""]:
        """Mean loss per unit; in training, labels are dropped with probability `drop`."""
        if labels is not None and self.training and self.drop:
            dropped = torch.rand(len(labels), device=labels.device) < self.drop
            labels = torch.where(dropped, self.classes, labels)
        return self.unit_loss(units, labels).mean()

    def draw(self, session, units: Tensor, s: int) -> tuple[Tensor, Tensor | None]:
        """Draw the units of step s: one look of the backbone, one sample of the head.

        A model whose step refines (flow, unmasking) overrides this; it may look as often as it
        likes with `commit=False` and commits once. `session` is `decode.generate.Session`.
        """
        hidden, null = session.look(session.inputs(units, s), s)
        return self.head.sample(
            hidden,
            null=null,
            guidance=session.strength(s),
            law=session.law,
            generator=session.generator,
        )
