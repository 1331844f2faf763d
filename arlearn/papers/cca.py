"""CCA, condition contrastive alignment (Chen et al. 2024, arXiv 2410.09347).

Tokens: a grid of indices. Plan: raster. Head: categorical. The twist comes after training: a copy
of the model learns to tell a picture's own label from another one, by how much likelier it has
become than the frozen model finds it. What guidance asks at every step of sampling, with two
passes, is thereby learned once. See chapters/05_steering/20_cca.py.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn.nets.plan_model import PlanModel
from arlearn.reward import approval, preference, unlearning


@dataclass(frozen=True)
class Gaps:
    """How much likelier the policy finds pictures than the reference does, in nats a picture.

    Attributes:
        matched: log p(x|c) - log p_ref(x|c), each picture with its own label.
        mismatched: the same with another picture's label.
        same: where that label is right after all, by chance or because both were dropped.
    """

    matched: Float[Tensor, "b"]
    mismatched: Float[Tensor, "b"]
    same: Bool[Tensor, "b"]


Objective = Callable[[Gaps], Float[Tensor, ""]]


@dataclass(frozen=True)
class CCA:
    """-log σ(β gap) of matched pairs, -λ log σ(-β gap) of mismatched ones, over max(λ, 1).

    A "mismatched" pair whose label is right counts as one more matched pair, with weight 1.

    Attributes:
        beta: β; about 1 over the guidance scale that is learned.
        weight: λ, of the mismatched pairs.

    Source: equation 12, and `VAR_CCA_trainer.py` of the release.
    """

    beta: float = 0.05
    weight: float = 1.0

    def __call__(self, gaps: Gaps) -> Float[Tensor, ""]:
        """The mean over the batch."""
        right = torch.ones_like(gaps.same)
        matched = approval(gaps.matched, right, beta=self.beta)
        other = approval(gaps.mismatched, gaps.same, beta=self.beta, weight=self.weight)
        return (matched + other).mean() / max(self.weight, 1.0)


@dataclass(frozen=True)
class DPO:
    """Direct preference optimisation: the right label is preferred to the other one.

    Where both labels are the same the two gaps are one, and nothing is learned.
    """

    beta: float = 0.05

    def __call__(self, gaps: Gaps) -> Float[Tensor, ""]:
        """The mean over the batch."""
        return preference(gaps.matched, gaps.mismatched, beta=self.beta).mean()


@dataclass(frozen=True)
class Unlearning:
    """-gap of matched pairs, +λ gap of mismatched ones, over max(λ, 1).

    With λ = 0 only the likelihood is left, and this is plain training, continued.
    """

    weight: float = 1.0

    def __call__(self, gaps: Gaps) -> Float[Tensor, ""]:
        """The mean over the batch."""
        other = unlearning(gaps.mismatched, gaps.same, weight=self.weight)
        matched = unlearning(gaps.matched, torch.ones_like(gaps.same))
        # without mismatched pairs their accidental matches are no task either
        loss = matched + other if self.weight else matched
        return loss.mean() / max(self.weight, 1.0)


def mismatch(labels: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
    """Each picture gets its neighbour's label, so that every label stands in the batch once."""
    return labels.roll(-1)


class Alignment(nn.Module):
    """A policy, its frozen copy, and what is asked of the two on pairs of picture and label.

    `fit` trains it like any model; the policy is then used like the model it was copied from.

    Args:
        base: the trained model; it stays as it is.
        objective: from the gaps of a batch to a number, `CCA(...)` for example.
        drop: share of the pairs whose labels are both dropped, so that the policy stays a model
            without labels too; the base's own unless given.

    Attributes:
        policy: the copy that learns.
        seen: of every training step, the mean gap of matched and of mismatched pairs, nats.
    """

    def __init__(self, base: PlanModel, objective: Objective, *, drop: float | None = None):
        super().__init__()
        if base.label is None:
            raise ValueError("the base has no labels; there is no pair to be matched")
        self.policy, self.reference = copy.deepcopy(base), copy.deepcopy(base)
        self.reference.requires_grad_(False)
        self.objective, self.drop = objective, base.drop if drop is None else drop
        self.seen: list[tuple[float, float]] = []

    def train(self, mode: bool = True) -> "Alignment":
        """Dropout stays off in both copies: two masks would be noise in the gap."""
        super().train(mode)
        self.policy.eval()
        self.reference.eval()
        return self

    def gaps(self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"]) -> Gaps:
        """One pass of each copy over [matched; mismatched]; the sum over a picture's tokens."""
        other = mismatch(labels)
        if self.training and self.drop:
            dropped = torch.rand(len(labels), device=labels.device) < self.drop
            null = torch.full_like(labels, self.policy.classes)
            labels, other = torch.where(dropped, null, labels), torch.where(dropped, null, other)
        twice, both = units.repeat(2, 1), torch.cat([labels, other])
        with torch.no_grad():
            before = self.reference.unit_loss(twice, both).sum(1)
        gap = before - self.policy.unit_loss(twice, both).sum(1)
        matched, mismatched = gap.chunk(2)
        return Gaps(matched, mismatched, labels == other)

    def loss(self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """The objective on one batch.

        Raises:
            ValueError: a single picture, which has no other's label to be told from.
        """
        if len(labels) < 2:
            raise ValueError("a batch of one picture has no mismatched pair; give at least 2")
        gaps = self.gaps(units, labels)
        if self.training:
            with torch.no_grad():
                apart = gaps.mismatched[~gaps.same]
                pair = gaps.matched.mean(), apart.mean() if len(apart) else apart.sum()
                self.seen.append((float(pair[0]), float(pair[1])))
        return self.objective(gaps)
