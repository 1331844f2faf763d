"""MDPO, rewards at every step of unmasking (He et al. 2025, arXiv 2508.13148).

Tokens: characters. Plan: any order, the surest first. Head: categorical. The twist: every step of
the sampler writes a whole draft, so every step earns a reward, and the loss scores the guesses of
the steps that mattered, in the states the sampler was in. Running confidence remasking, the
paper's second part, is `remask=` of `decode.unmask`. See chapters/08_diffusion_lm/54_mdpo.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn import reward
from arlearn.decode.film import Film
from arlearn.papers.masked_rl import Learner, Lesson


def step_value(marks: Float[Tensor, "s *b"]) -> Float[Tensor, "s *b"]:
    """What each step is worth: r_t - r_(t-1) + mean(r_(t+1), …, r_(T-1)).

    The first term asks whether the step improved the draft (before the first step stands 0), the
    second whether it lies on a way that ends well; after the last step that is r_(T-1) itself.

    Source: the paper's release, `adv-v3 + adv-v2` of mdpo_trainer.py, less a constant.
    """
    gained = torch.cat([marks[:1], marks[1:] - marks[:-1]])
    later = marks.flip(0).cumsum(0).flip(0) - marks  # what follows each step, in all
    left = torch.arange(len(marks) - 1, -1, -1, device=marks.device).clamp(min=1)
    ahead = later / left.view(-1, *[1] * (marks.ndim - 1))
    ahead[-1] = marks[-1]
    return gained + ahead


def end_value(marks: Float[Tensor, "s *b"]) -> Float[Tensor, "s *b"]:
    """The last mark, at every step: what a method without step rewards has."""
    return marks[-1:].expand_as(marks)


def choose(
    advantages: Float[Tensor, "s p g"], k: int, *, by_signal: bool = True
) -> Int[Tensor, "k p"]:
    """The k steps of each problem with the largest Σ_g |A|; equal ones, or all, in random order.

    Raises:
        ValueError: more steps than there are.
    """
    if not 1 <= k <= len(advantages):
        raise ValueError(f"{k} steps cannot be chosen from {len(advantages)}")
    signal = advantages.abs().sum(-1)
    luck = torch.rand(signal.shape, device=signal.device)
    # Equal sums may differ in their last digits, which must not decide; luck does.
    order = (signal * 1e4).round() + luck if by_signal else luck
    return order.topk(k, dim=0).indices


@dataclass(frozen=True)
class Steps:
    """Which steps are learned from, and what they are worth.

    Attributes:
        k: steps of each problem, of those that were walked.
        value: `step_value`, or `end_value` without step rewards.
        by_signal: the steps with the largest advantages; else random ones.
    """

    k: int = 3
    value: Callable[[Tensor], Tensor] = step_value
    by_signal: bool = True


class MDPO(Learner):
    """Masked Diffusion Policy Optimization.

    Args:
        policy, sheet, lesson, keep: as for `Learner`.
        steps: which steps are learned from.
    """

    def __init__(self, *args, steps: Steps | None = None, **options):
        super().__init__(*args, **options)
        self.steps = steps or Steps()

    def objective(
        self, seen: Film, marks: Float[Tensor, "s p g"], which: Int[Tensor, "p"]
    ) -> Float[Tensor, ""]:
        """The mean over the chosen steps of `step_loss`; steps without signal do not count."""
        better = reward.advantages(self.steps.value(marks))  # over the group, at each step alone
        chosen = choose(better, self.steps.k, by_signal=self.steps.by_signal)
        problem = torch.arange(len(which), device=marks.device)

        def picked(x: Tensor) -> Tensor:
            """The chosen steps of `s (p g) …`, as rows `(k p g) …`."""
            return x.unflatten(1, (len(which), -1))[chosen, problem].flatten(0, 2)

        x, units, sure = picked(seen.states), picked(seen.guesses), picked(seen.confidence)
        now, before = self.both(x, units)
        a = picked(better.flatten(1))
        hidden, length = x == self.policy.mask, self.policy.answer
        loss = step_loss(now, before, a, sure, hidden, length=length, lesson=self.lesson)
        counts = picked((better != 0).any(-1, keepdim=True).expand_as(better).flatten(1))
        return reward.unit_mean(loss, counts)


def step_loss(
    now: Float[Tensor, "b t"],
    before: Float[Tensor, "b t"],
    advantage: Float[Tensor, "b"],
    sure: Float[Tensor, "b t"],
    hidden: Bool[Tensor, "b t"],
    *,
    length: int,
    lesson: Lesson,
) -> Float[Tensor, "b"]:
    """(1/|m|) Σ_(i in m) q_i [ (L/|m|) (-min(ρA, clip(ρ)A)) + β (log p_ref - log p)²/2 ].

    With one update per rollout the ratio ρ is 1 and its gradient that of log p; L/|m| is the 1/t
    of the likelihood bound.

    Args:
        now, before: log-probabilities of the guesses under policy and reference.
        advantage: A of each row.
        sure: q, the confidence each guess had when it was drawn.
        hidden: m, where the state had a mask before the step: all guesses are scored, not only
            those that were kept.
        length: L, places of the answer.
    """
    masks = hidden.sum(1, keepdim=True).clamp(min=1)
    gain = reward.clipped(now, now.detach(), advantage[:, None].expand_as(now), clip=lesson.clip)
    far = reward.divergence(now, before, "k2")
    loss = sure * (length / masks * gain + lesson.beta * far)
    return (loss * hidden / masks).sum(1)
