"""A small model over any plan: what is changed is the order, and nothing else."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.heads.categorical import Categorical
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.transformer import Transformer
from arlearn.plans import Plan


class AnyPlan(PlanModel):
    """One categorical law per position, over whichever plan: raster, cells, shuffled, whole, …

    Position i of step s is fed a vector for its place and the vector of a unit of step s - 1, of
    position `sources(plan)[i]`. Each unit of a step is fed to at least one position of the next,
    so by attention a step sees every unit of all steps before it, and none of its own. Plans that
    differ in nothing but the order have equally many parameters here.

    Args:
        plan: the order; a step must not be smaller than the one before it.
        vocab: values a unit can take.
        width, depth, heads: of the transformer, which is told the class by adaLN.
        classes: number of labels, 0 for none. They are never dropped in training (`drop` 0), so
            the loss is the likelihood that is measured.

    Raises:
        ValueError: a step is smaller than the one before it, whose units it could not all be fed.
    """

    def __init__(
        self,
        plan: Plan,
        vocab: int,
        *,
        width: int,
        depth: int,
        heads: int | None = None,
        classes: int = 0,
    ):
        told = width if classes else None
        backbone = Transformer(width, depth, heads, cond_width=told, rotary=0, qk_norm=True)
        super().__init__(plan, backbone, Categorical(width, vocab), classes=classes, drop=0.0)
        self.vocab = vocab
        self.place = nn.Parameter(torch.randn(len(plan), width) * 0.5)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.embed = nn.Embedding(vocab, width)
        nn.init.normal_(self.embed.weight, std=0.5)
        self.register_buffer("source", sources(plan), persistent=False)

    def inputs(
        self, units: Int[Tensor, "b t"], s: int, cond: Float[Tensor, "b e"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """The places of step s, with the start for step 0, else units of the step before."""
        here = self.plan.groups()[s]
        if s == 0:
            return (self.place[here] + self.start).expand(len(units), -1, -1)
        return self.place[here] + self.embed(units[:, self.source[here]])

    def sequence(
        self, units: Int[Tensor, "b t"], cond: Float[Tensor, "b e"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """All steps' inputs in one look-up, in the order of generation."""
        first = int((self.step == 0).sum())
        rest = self.order[first:]
        told = self.place[rest] + self.embed(units[:, self.source[rest]])
        return torch.cat([self.inputs(units, 0), told], dim=1)


def sources(plan: Plan) -> Int[Tensor, "t"]:
    """For each position the one of the step before whose unit it is fed; -1 in step 0.

    Offset o of a step of n positions is fed offset o * m // n of the m before: the same offset
    where steps are equal (xAR's and next-block prediction's rule), each of them at least once
    where n >= m.

    Raises:
        ValueError: a step is smaller than the one before it.
    """
    found, groups = torch.full_like(plan.step, -1), plan.groups()
    for s, (before, here) in enumerate(pairwise(groups), 1):
        if len(here) < len(before):
            raise ValueError(
                f"step {s} of the plan has {len(here)} positions and step {s - 1} has "
                f"{len(before)}: not all of its units could be fed; let steps keep their size or "
                "grow"
            )
        found[here] = before[torch.arange(len(here), device=here.device) * len(before) // len(here)]
    return found
