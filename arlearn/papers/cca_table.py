"""CCA on tables: the expected loss is a sum, so what alignment converges to can be looked at.

A table holds p(x|c), one row a condition, all conditions equally likely. Its logits are the
parameters, the gradient is exact, and there is no sampling, no network and no generalisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.reward import approval

Table = Float[Tensor, "c x"]


@dataclass(frozen=True)
class Knobs:
    """β and λ of one alignment, as in `cca.CCA`."""

    beta: float
    weight: float = 1.0


def random_table(conditions: int, outcomes: int, seed: int, spread: float = 1.0) -> Table:
    """The softmax of normal numbers with that standard deviation."""
    dice = torch.Generator().manual_seed(seed)
    drawn = torch.randn(conditions, outcomes, generator=dice, dtype=torch.float64)
    return (spread * drawn).softmax(-1)


def guided(p: Table, s: float) -> Table:
    """p(x|c) (p(x|c) / p(x))^s, normalised: what guidance of strength s aims at."""
    log_p = p.log()
    return ((1 + s) * log_p - s * p.mean(0).log()).softmax(-1)


def expected_loss(
    log_q: Float[Tensor, "k c x"], p: Table, knobs: Sequence[Knobs]
) -> Float[Tensor, "k"]:
    """CCA's loss in the mean over all pairs, over max(λ, 1); one table for each of the knobs.

    Matched pairs have the law p(x|c) p(c), mismatched ones p(x) p(c); the few mismatched pairs
    whose label is right by chance are not taken out, as in the paper's equations.
    """
    beta, weight = _columns(knobs, p)
    gap = beta * (log_q - p.log())
    yes = torch.ones_like(gap, dtype=torch.bool)
    matched = p * approval(gap, yes, beta=1.0)
    other = weight * p.mean(0) * approval(gap, ~yes, beta=1.0)
    return ((matched + other) / weight.clamp(min=1)).sum(-1).mean(-1)


def align(
    p: Table, knobs: Sequence[Knobs], *, at: Sequence[int], lr: float = 0.02
) -> dict[int, Float[Tensor, "k c x"]]:
    """Adam on the logits, from the logits of p: the tables after each of the steps in `at`.

    Every table walks on its own, since Adam looks at each number alone.

    Raises:
        ValueError: an outcome without probability, which has no logit.
    """
    if not (p > 0).all():
        raise ValueError("an outcome has probability 0 and no logit; give every one a little")
    logits = p.log().repeat(len(knobs), 1, 1).requires_grad_(True)
    optimizer = torch.optim.Adam([logits], lr=lr, betas=(0.9, 0.95))
    kept = {0: logits.detach().softmax(-1)}
    for step in range(1, max(at) + 1):
        optimizer.zero_grad()
        expected_loss(logits.log_softmax(-1), p, knobs).sum().backward()
        optimizer.step()
        if step in at:
            kept[step] = logits.detach().softmax(-1)
    return {step: kept[step] for step in at}


def divergence(q: Table, p: Table) -> float:
    """KL(q || p) in nats, the mean over the conditions."""
    return float(torch.special.xlogy(q, q / p).sum(-1).mean())


def effective_scale(q: Table, p: Table, most: float = 8.0) -> tuple[float, float]:
    """The guidance strength in 0 … most that is nearest to q, and the divergence that is left.

    The nearest is that with the least KL(q || guided(p, s)), to a hundredth.
    """
    scales = torch.linspace(0, most, round(most * 100) + 1, dtype=p.dtype)
    told = scales[:, None, None]
    near = ((1 + told) * p.log() - told * p.mean(0).log()).log_softmax(-1)
    left = (torch.special.xlogy(q, q) - q * near).sum(-1).mean(-1)
    best = int(left.argmin())
    return float(scales[best]), float(left[best])


def perplexity(q: Table) -> float:
    """e to the entropy, the mean over conditions: how many outcomes are in use."""
    return float((-torch.special.xlogy(q, q).sum(-1)).mean().exp())


def sequences(p: Table, length: int) -> Float[Tensor, "c w"]:
    """All words of that length whose letters are drawn one by one from p(·|c): the longer table.

    Raises:
        ValueError: more than 2^16 words.
    """
    if p.shape[1] ** length > 2**16:
        raise ValueError(f"{p.shape[1]} letters make too many words of length {length}")
    words = torch.cartesian_prod(*[torch.arange(p.shape[1])] * length).view(-1, length)
    return p[:, words].prod(-1)


def plane(side: int = 24) -> Table:
    """Three overlapping clouds on a square, each a bent ridge turned by a third: side² outcomes."""
    line = torch.linspace(-1.6, 1.6, side, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    clouds = []
    for turn in range(3):
        angle = torch.tensor(2 * torch.pi * turn / 3 + torch.pi / 2)
        out = x * angle.cos() - y * angle.sin()
        across = x * angle.sin() + y * angle.cos()
        ridge = (across - 0.45 * out.square()).square() / 0.12 + (out - 0.45).square() / 0.5
        clouds.append((-ridge).exp().flatten() + 1e-4)
    stacked = torch.stack(clouds)
    return stacked / stacked.sum(-1, keepdim=True)


def _columns(knobs: Sequence[Knobs], p: Table) -> tuple[Tensor, Tensor]:
    """β and λ as columns that go with `k c x`."""
    told = torch.tensor([(one.beta, one.weight) for one in knobs], dtype=p.dtype, device=p.device)
    beta, weight = told.T[..., None, None]
    return beta, weight
