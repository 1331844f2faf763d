"""Checkers of chapter 52, TiDAR."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from arlearn.papers.tidar import decode_mask


def check_1(answer: Callable[[float, int], float]) -> str | None:
    """The chance r that a draft stands at which k drafts give so many tokens a pass."""
    for tokens, k in ((7.45, 16), (8.25, 16), (1.0, 4), (3.5, 4), (4.0, 4)):
        said = float(answer(tokens, k))
        where = f"for {tokens} tokens a pass with {k} drafts"
        if not 0 <= said <= 1:
            return f"{where} you say {said:.3f}; r is a probability, 0 … 1."
        given = _tokens(said, k)
        if abs(given - tokens) < 0.01:
            continue
        if abs(_tokens(said, k + 1) - tokens) < 0.01:
            return (
                f"{where}: the first draft is final before the pass, so only {k - 1} of them are "
                f"tested, and the sum over j of r^j ends at j = {k - 1}."
            )
        return f"{where} r = {said:.3f} gives {given:.2f}; more drafts stand with a larger r."
    return None


def _tokens(r: float, k: int) -> float:
    """1 + r + … + r^(k-1)."""
    return sum(r**j for j in range(k))


def check_2(answer: Callable[[int], Tensor]) -> str | None:
    """Who sees whom among k drafts and k groups of k masks."""
    for k in (1, 2, 3, 4):
        said, right = answer(k), decode_mask(k)[0]
        n = k + k * k
        if tuple(said.shape) != (n, n):
            return f"k = {k} has {n} positions, so the mask is {n} x {n}, not {tuple(said.shape)}."
        said = said.bool()
        if torch.equal(said, right):
            continue
        return f"k = {k}: {_first_fault(said, right, k)}"
    return None


def _first_fault(said: Tensor, right: Tensor, k: int) -> str:
    """What the first wrong cell means."""
    i, j = ((said != right).nonzero())[0].tolist()
    if i < k:
        if j >= k:
            return "a draft sees a mask; the text must be read as if there were none."
        return f"draft {i} {'sees' if said[i, j] else 'does not see'} draft {j}; they are causal."
    a, b = (i - k) // k + 1, (j - k) // k + 1
    if j < k:
        verb = "sees" if said[i, j] else "does not see"
        return f"group {a} {verb} draft {j}; it stands behind drafts 0 … {a - 1}, and sees those."
    if a == b:
        return f"the masks of group {a} see each other, in both directions."
    return f"group {a} sees group {b}; only one of them will be what happened."


def check_3(answer: Callable[[Sequence[float], dict[int, float]], int]) -> str | None:
    """The draft length that writes fastest, from chances to stand and seconds a pass."""
    chances = [0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1]
    machines = {
        "free": dict.fromkeys(range(1, 73), 1.0),
        "steep": {n: float(n) for n in range(1, 73)},
        "half free": {n: max(1.0, n / 24) for n in range(1, 73)},
    }
    for name, seconds in machines.items():
        said, speeds = answer(chances, seconds), _speeds(chances, seconds)
        right = max(speeds, key=speeds.get)
        if said == right:
            continue
        where = f"on the {name} machine"
        if said not in speeds:
            return f"{where} you say {said}; with {len(chances)} chances k is 1 … {len(speeds)}."
        if name == "steep":
            return f"{where} every position costs; k = {said} reads {said + said**2} of them."
        if name == "free":
            return f"{where} a pass costs the same whatever it reads; what keeps k at {said}?"
        return (
            f"{where} k = {said} writes {speeds[said]:.2f} tokens a second, k = {right} "
            f"{speeds[right]:.2f}. Draft j stands only if those before it do."
        )
    return None


def _speeds(chances: Sequence[float], seconds: dict[int, float]) -> dict[int, float]:
    """Tokens a second for each k; plain decoding, k = 1, reads one position."""
    tokens, stand, found = 1.0, 1.0, {1: 1.0 / seconds[1]}
    for k, chance in enumerate(chances, 2):
        stand *= chance
        tokens += stand
        found[k] = tokens / seconds.get(k + k * k, float("inf"))
    return {k: speed for k, speed in found.items() if speed}


def _too_blind(k: int) -> Tensor:
    """Groups that see all drafts, whatever comes to be accepted."""
    seen = decode_mask(k)[0].clone()
    seen[k:, :k] = True
    return seen


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda tokens, k: _solved(tokens, k + 1),
    2: _too_blind,
    3: lambda chances, seconds: 8,
}


def _solved(tokens: float, k: int) -> float:
    """r by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _tokens(middle, k) < tokens else (low, middle)
    return low
