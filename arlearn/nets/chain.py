"""Hidden chains: which states a sequence went through, by forward and backward sums of logarithms.

The same forward sum is behind CTC and every other model that adds up all alignments.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Posterior:
    """What observations say about the states of a chain.

    Attributes:
        log_likelihood: log Σ_z Π_t p(z_t | z_t-1) b_t(z_t) of each unit.
        states: γ_t(k), the probability of state k at time t given all of the unit; 0 in filling.
        moves: ξ_t(i, j), that of i at time t and j at t + 1; 0 at the last time and in filling.
    """

    log_likelihood: Float[Tensor, "*r u"]
    states: Float[Tensor, "*r u t k"]
    moves: Float[Tensor, "*r u m k k"]


def forward(
    log_b: Float[Tensor, "*r u t k"],
    start: Float[Tensor, "*r k"],
    move: Float[Tensor, "*r k k"],
    recorded: Bool[Tensor, "*r u t"],
) -> Float[Tensor, "*r u t k"]:
    """log α_t(j) = log b_t(j) + log Σ_i α_t-1(i) A_ij,  α_1 = π b_1; filling carries it on.

    Args:
        log_b: log-probability of each observation in each state.
        start, move: π and A, probabilities.
        recorded: which times exist; the first of every unit does.
    """
    now = start.log()[..., None, :] + log_b[..., 0, :]
    found, there = [now], recorded[..., None].unbind(-2)
    for b, seen in zip(log_b.unbind(-2)[1:], there[1:], strict=True):
        top = now.amax(-1, keepdim=True)
        following = ((now - top).exp() @ move).log() + (top + b)
        now = torch.where(seen, following, now)
        found.append(now)
    return torch.stack(found, -2)


def backward(
    log_b: Float[Tensor, "*r u t k"],
    move: Float[Tensor, "*r k k"],
    recorded: Bool[Tensor, "*r u t"],
) -> Float[Tensor, "*r u t k"]:
    """log β_t(i) = log Σ_j A_ij b_t+1(j) β_t+1(j),  β_T = 1 at the last time of each unit."""
    now = torch.zeros_like(log_b[..., 0, :])
    found, there, back = [now], recorded[..., None].unbind(-2), move.mT
    for b, seen in zip(log_b.unbind(-2)[:0:-1], there[:0:-1], strict=True):
        ahead = b + now
        top = ahead.amax(-1, keepdim=True)
        now = torch.where(seen, ((ahead - top).exp() @ back).log() + top, now)
        found.append(now)
    return torch.stack(found[::-1], -2)


def posterior(
    log_b: Float[Tensor, "*r u t k"],
    start: Float[Tensor, "*r k"],
    move: Float[Tensor, "*r k k"],
    recorded: Bool[Tensor, "*r u t"],
) -> Posterior:
    """γ_t(k) = α_t(k) β_t(k) / L and ξ_t(i, j) = α_t(i) A_ij b_t+1(j) β_t+1(j) / L.

    Raises:
        ValueError: a unit that no path of states can explain (a weight of 0 on every path).
    """
    alpha = forward(log_b, start, move, recorded)
    beta = backward(log_b, move, recorded)
    total = alpha[..., -1, :].logsumexp(-1)
    if not bool(total.isfinite().all()):
        raise ValueError("no path of states explains some unit; leave every weight above 0, or "
                         "allow the moves that its labels show")  # fmt: skip
    here = (alpha + beta - total[..., None, None]).exp() * recorded[..., None]
    ahead = (log_b + beta)[..., 1:, None, :] + move.log()[..., None, None, :, :]
    before = (alpha - total[..., None, None])[..., :-1, :, None]
    moves = ahead.add_(before).exp_().mul_(recorded[..., 1:, None, None])  # the largest tensor
    return Posterior(total, here, moves)


def until_last(move: Float[Tensor, "k k"]) -> Float[Tensor, "k"]:
    """Expected steps from each state until the last one is reached, 0 from there.

    (I - Q)^-1 1 with Q = the moves among the other states; infinite where it is never reached.

    Source: Kemeny & Snell 1960, "Finite Markov chains", chapter 3.
    """
    inner = torch.eye(len(move) - 1, dtype=move.dtype) - move[:-1, :-1].cpu()
    steps = torch.ones(len(inner), dtype=move.dtype)
    if len(inner) and torch.linalg.matrix_rank(inner) < len(inner):
        steps = torch.full_like(steps, torch.inf)
    elif len(inner):
        steps = torch.linalg.solve(inner, steps)
    return torch.cat([steps, torch.zeros(1, dtype=move.dtype)]).to(move.device)
