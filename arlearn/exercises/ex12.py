"""Checkers of chapter 12, CSpD."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from arlearn.decode.overlap import log_ratio, reflect


def _case(seed: int, shift: float = 1.0) -> tuple[Tensor, Tensor, Tensor, float]:
    """Drafts of q, and the means of p and q."""
    dice, sigma = Generator().manual_seed(seed), 0.3
    q = torch.randn(64, 4, generator=dice)
    p = q + shift * 0.3 * torch.randn(64, 4, generator=dice)
    return q + sigma * torch.randn(64, 4, generator=dice), p, q, sigma


def check_1(answer: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str | None:
    """The probability that a draft stands, given the two means of the last step."""
    x, p, q, sigma = _case(0)
    said = answer(x, p, q, sigma)
    if not isinstance(said, Tensor) or said.shape != (64,):
        return "one probability per draft: 64 drafts of 4 numbers want a tensor of shape (64,)."
    right = log_ratio(x, p, q, sigma)
    if torch.allclose(said, right.clamp(max=0).exp(), atol=1e-5):
        far, p, q, sigma = (part * 40 if isinstance(part, Tensor) else part for part in _case(1))
        said = answer(far, p, q, sigma)
        if not said.isfinite().all():
            return "far from both means the two densities underflow to 0/0: subtract the logs."
        wanted = log_ratio(far, p, q, sigma).clamp(max=0).exp()
        return None if torch.allclose(said, wanted, atol=1e-4) else "not so far from the means."
    if torch.allclose(said, (-right).clamp(max=0).exp(), atol=1e-5):
        return "that is q over p: a draft that q likes more than p does must be the one that falls."
    if torch.allclose(said, right.exp(), rtol=1e-3):
        return "a ratio above 1 is no probability: the draft surely stands then, min(1, ratio)."
    if torch.allclose(said, (right * sigma**2).clamp(max=0).exp(), atol=1e-5):
        return "the squares are divided by 2σ²: the noisier the last step, the milder the test."
    return "log N(x; p, σ²) - log N(x; q, σ²), summed over the 4 numbers; then min(1, exp)."


def check_2(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """The unit that stands in for a fallen draft, by reflection."""
    x, p, q, _ = _case(2)
    said = answer(x, p, q)
    if not isinstance(said, Tensor) or said.shape != x.shape:
        return f"one unit per draft: a tensor of shape {tuple(x.shape)}."
    if torch.allclose(said, reflect(x, p, q), atol=1e-4):
        return None
    if torch.allclose(said, x + p - q, atol=1e-4):
        return (
            "that moves the draft along, which carries q onto p; but what fell of q must be "
            "carried onto what p lacks: turn the part along p - q round."
        )
    if torch.allclose(said, 2 * p - x, atol=1e-4) or torch.allclose(said, p + q - x, atol=1e-4):
        return "that turns all directions round; only the one along p - q, the others stay."
    if torch.allclose(said, p, atol=1e-4):
        return "the mean is no draw: every picture would get it. Mirror the draft's own noise."
    return "with e = (p - q)/|p - q| and d = x - q, the mirror image is p + d - 2 e (e · d)."


def check_3(answer: Callable[[Sequence[tuple[int, float]]], float]) -> str | None:
    """The cost of a draft step from (drafts, speed-up) of a schedule that drops nothing."""
    for cost in (0.38, 0.1):
        rows = [(k, 1 / (cost + 1 / k)) for k in (2, 4, 8, 16)]
        said = float(answer(rows))
        if abs(said - cost) < 1e-3:
            continue
        if abs(said + cost) < 1e-3:
            return "the sign: 1/speed is the time of a unit, c + 1/γ; take 1/γ away from it."
        if abs(said - sum(1 / s for _, s in rows) / 4) < 1e-3:
            return "that is the time of a unit; 1/γ of it is the target's pass, shared by γ units."
        if (
            abs(said - sum((k + 1) / s - 1 for k, s in rows) / 4) < 1e-3
            or abs(said - sum(((k + 1) / s - 1) / k for k, s in rows) / 4) < 1e-3
        ):
            return "no unit is added behind the drafts here: a round gives γ units, not γ + 1."
        return "a round of γ units takes γ c + 1 passes' time: solve speed = γ / (γ c + 1) for c."
    return None


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda x, p, q, sigma: (-log_ratio(x, p, q, sigma)).clamp(max=0).exp(),
    2: lambda x, p, q: x + p - q,
    3: lambda rows: sum(1 / speed for _, speed in rows) / len(rows),
}
