"""Checkers of the opening chapter on decoding."""

from collections.abc import Callable

import torch
from torch import Tensor

from arlearn.decode import expected_tokens
from arlearn.heads.law import Law


def check_1(answer: Callable[[Tensor, float], Tensor]) -> str | None:
    """The law that top-p draws from, for probabilities of any order."""
    dice = torch.Generator().manual_seed(0)
    for law in (torch.tensor([0.1, 0.5, 0.15, 0.25]), torch.randn(9, generator=dice).softmax(0)):
        for share in (0.3, 0.6, 0.9):
            said = answer(law.clone(), share)
            right = Law(top_p=share).filter(law.log()).softmax(0)
            if said.shape == right.shape and torch.allclose(said, right, atol=1e-5):
                continue
            return _about_top_p(said, right, law, share)
    return None


def _about_top_p(said: Tensor, right: Tensor, law: Tensor, share: float) -> str:
    if said.shape != law.shape:
        return f"give one probability per unit, {len(law)} of them, 0 for those left out."
    ordered, index = law.sort(descending=True)
    short = torch.zeros_like(law).scatter(0, index, ordered * (ordered.cumsum(0) <= share))
    if torch.equal(said > 0, short > 0):
        return (
            f"what you keep holds less than {share}: the unit that crosses the line is kept too, "
            "or nothing would be left of a law with one likely unit."
        )
    if torch.equal(said > 0, right > 0):
        return f"the right units, but their probabilities add up to {float(said.sum()):.2f}."
    in_order = law * (law.cumsum(0) - law < share)
    if torch.equal(said > 0, in_order > 0):
        return "that adds up in the order of the vocabulary; start from the most likely unit."
    if torch.equal(said > 0, law >= share * law.max()):
        return "that is min-p, a bound relative to the most likely unit; top-p bounds the sum."
    kept = right.nonzero().flatten().tolist()
    return f"of the law {law.tolist()} top-p {share} keeps the units {kept}."


def check_2(answer: Callable[[Tensor, Tensor], tuple[float, Tensor]]) -> str | None:
    """The chance that a draft from q stands, and the law of what replaces it if it falls."""
    dice = torch.Generator().manual_seed(1)
    for _ in range(3):
        p, q = torch.randn(2, 6, generator=dice).softmax(-1)
        chance, rest = answer(p, q)
        right = torch.minimum(p, q).sum()
        law = (p - q).clamp_min(0) / (p - q).clamp_min(0).sum()
        if abs(float(chance) - float(right)) > 1e-5:
            return (
                f"drafts stand with probability {float(right):.3f}, you say {float(chance):.3f}: "
                "the sum over units of q(x) · min(1, p(x) / q(x))."
            )
        if torch.allclose(rest, law, atol=1e-5):
            continue
        if torch.allclose(rest, p, atol=1e-5):
            return (
                "drawing the replacement from p counts twice what the drafts already cover: "
                "min(p, q) + (1 - α) p is not p. Only what p has beyond q is missing."
            )
        if torch.allclose(rest, law * (p - q).clamp_min(0).sum(), atol=1e-5):
            return "the right shape, but it adds up to 1 - α; divide by that."
        if torch.allclose(rest, (p - q).abs() / (p - q).abs().sum(), atol=1e-5):
            return "|p - q| also gives units that q drafts too often; those need no more."
        return "the replacement is drawn from max(p - q, 0), made a law."
    return None


def check_3(answer: Callable[[float, float, int], int]) -> str | None:
    """The draft length from 0 to `most` with the highest predicted speed-up."""
    for alpha in (0.3, 0.6, 0.8, 0.95):
        for cost in (0.0, 0.02, 0.2, 0.5, 0.7):
            said, gains = answer(alpha, cost, 8), _gains(alpha, cost, 8)
            right = gains.index(max(gains))
            if said == right:
                continue
            where = f"with acceptance {alpha} and cost {cost}"
            if said not in range(9):
                return f"{where} the answer is a whole number from 0 to 8, not {said}."
            if right == 0:
                return (
                    f"{where} no draft length pays (its best is {max(gains[1:]):.2f} times as "
                    "fast): answer 0."
                )
            if said == 8:
                return f"{where} drafts are not free: each costs {cost} of a target pass."
            return (
                f"{where} length {said} is {gains[said]:.3f} times as fast, length {right} "
                f"{gains[right]:.3f} times. Does a round count the token that the target adds?"
            )
    return None


def _gains(alpha: float, cost: float, most: int) -> list[float]:
    """Predicted speed-up of each draft length from 0 to `most`."""
    return [expected_tokens(alpha, k) / (k * cost + 1) for k in range(most + 1)]


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda law, share: law * (law.cumsum(0) - law < share),
    2: lambda p, q: (torch.minimum(p, q).sum(), p),
    3: lambda alpha, cost, most: most,
}
