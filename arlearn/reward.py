"""Learning from a judge: advantages, the clipped policy gradient, closeness to a reference, pairs.

Everything works on log-probabilities and rewards that the caller has computed; no model, sampler
or tokenizer is known here. Losses come per unit or per pair, so the caller chooses the mean.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from arlearn.corrupt.checks import one_of

Baseline = Literal["mean", "others"]
Estimator = Literal["k1", "k2", "k3"]


def advantages(
    rewards: Float[Tensor, "*b g"],
    *,
    baseline: Baseline = "mean",
    scaled: bool = True,
    epsilon: float = 1e-4,
) -> Float[Tensor, "*b g"]:
    """How much better each of g answers to one prompt is than its group, the last axis.

    mean:   A_i = r_i - mean(r), over std(r) + epsilon where scaled (with g - 1 in the variance).
    others: A_i = r_i - mean of the other rewards = g / (g - 1) (r_i - mean(r)).

    Equal rewards give exactly 0, and a constant added to a group changes nothing.

    Raises:
        ValueError: a group of one, which has nothing to be compared with; an unknown baseline.

    Sources: GRPO (Shao et al. 2024, arXiv 2402.03300), section 4.1; RLOO (Ahmadian et al. 2024,
    arXiv 2402.14740).
    """
    one_of("baseline", baseline, ("mean", "others"))
    g = rewards.shape[-1]
    if g < 2:
        raise ValueError(f"a group of {g} answers has nothing to compare; draw at least 2")
    # about the first reward, so that equal ones leave no rounding behind
    level = rewards - rewards[..., :1]
    centred = level - level.mean(-1, keepdim=True)
    if baseline == "others":
        centred = centred * (g / (g - 1))
    return centred / (level.std(-1, keepdim=True) + epsilon) if scaled else centred


def policy_gradient(
    log_p: Float[Tensor, "*b"], advantage: Float[Tensor, "*b"]
) -> Float[Tensor, "*b"]:
    """-A log p, whose gradient in the mean is that of minus the expected reward.

    Source: Williams 1992 (REINFORCE).
    """
    return -advantage.detach() * log_p


def clipped(
    log_p: Float[Tensor, "*b"],
    old: Float[Tensor, "*b"],
    advantage: Float[Tensor, "*b"],
    *,
    clip: float = 0.2,
) -> Float[Tensor, "*b"]:
    """-min(ρ A, clip(ρ, 1 - ε, 1 + ε) A) with ρ = p / p_old: no gain from leaving p_old far behind.

    Where `old` equals `log_p` (the first update after a rollout) the gradient is -A ∇ log p.

    Args:
        old: log-probabilities under the policy that drew the units.
        clip: ε.

    Raises:
        ValueError: a negative clip.

    Source: PPO (Schulman et al. 2017, arXiv 1707.06347), equation 7.
    """
    if clip < 0:
        raise ValueError(f"clip={clip} is negative; it is how far the ratio may be from 1")
    ratio = (log_p - old.detach()).exp()
    held, advantage = ratio.clamp(1 - clip, 1 + clip), advantage.detach()
    return -torch.minimum(ratio * advantage, held * advantage)


def divergence(
    log_p: Float[Tensor, "*b"],
    reference: Float[Tensor, "*b"],
    kind: Estimator = "k3",
) -> Float[Tensor, "*b"]:
    """An estimate of KL(p || reference) at units drawn from p, with d = log p_ref - log p.

    k1 = -d (unbiased, either sign); k2 = d²/2 (biased, and its gradient is the KL's own in the
    mean); k3 = e^d - d - 1 (unbiased, never negative). All are 0 where both agree.

    Raises:
        ValueError: an unknown kind.

    Source: Schulman 2020, "Approximating KL divergence".
    """
    one_of("kind", kind, ("k1", "k2", "k3"))
    d = reference.detach() - log_p
    if kind == "k1":
        return -d
    return d.square() / 2 if kind == "k2" else d.exp() - d - 1


def unit_mean(loss: Float[Tensor, "*b"], counts: Bool[Tensor, "*b"]) -> Float[Tensor, ""]:
    """The mean over the units that count, all samples together; 0 where none does."""
    return (loss * counts).sum() / counts.sum().clamp(min=1)


def preference(
    chosen: Float[Tensor, "*b"], refused: Float[Tensor, "*b"], *, beta: float
) -> Float[Tensor, "*b"]:
    """DPO: -log σ(β (gap⁺ - gap⁻)), a gap being log p(x) - log p_ref(x) of a whole answer.

    A constant added to both gaps changes nothing, so both may fall as long as the refused one
    falls faster.

    Args:
        chosen, refused: the gaps of the better and of the worse answer; sums over units.

    Source: Rafailov et al. 2023 (arXiv 2305.18290), equation 7.
    """
    return -logsigmoid(beta * (chosen - refused))


def approval(
    gap: Float[Tensor, "*b"], wanted: Bool[Tensor, "*b"], *, beta: float, weight: float = 1.0
) -> Float[Tensor, "*b"]:
    """Unpaired answers: -log σ(β gap) where wanted, -w log σ(-β gap) where not.

    Each answer is judged alone, so adding a constant to all gaps does change the loss. Its optimum
    for w = 1 is the log-ratio of the wanted law to the unwanted one.

    Args:
        gap: log p(x) - log p_ref(x) of each answer.
        weight: w, of those that are not wanted.

    Source: noise-contrastive estimation, as CCA uses it (Chen et al. 2024, arXiv 2410.09347).
    """
    return torch.where(wanted, -logsigmoid(beta * gap), -weight * logsigmoid(-beta * gap))


def unlearning(
    gap: Float[Tensor, "*b"], wanted: Bool[Tensor, "*b"], *, weight: float = 1.0
) -> Float[Tensor, "*b"]:
    """-gap where wanted, +w gap where not: `approval` without the sigmoid, and without a floor.

    `approval` has half β times this gradient where β gap is small; there nothing bounds it.

    Args:
        gap: log p(x) - log p_ref(x) of each answer.
        weight: w, of those that are not wanted.

    Source: gradient ascent on what is to be forgotten, as in Chen et al. 2024 (arXiv 2410.09347),
    appendix C.
    """
    return torch.where(wanted, -gap, weight * gap)
