"""Checkers of chapter 40, NBDiff."""

from collections.abc import Callable

import torch
from torch import Tensor

from arlearn.plans import blocks, raster, two_streams


def check_1(answer: Callable[[int, int], Tensor]) -> str | None:
    """The context-causal mask of t tokens in blocks of `size`, clean half first."""
    for t, size in ((8, 4), (6, 1), (9, 3)):
        said, right = answer(t, size), two_streams(raster(t), blocks(t, size))
        if not isinstance(said, Tensor) or said.shape != right.shape:
            return f"{t} tokens stand twice, so the mask has {2 * t} rows and columns."
        said = said.bool()
        if torch.equal(said, right):
            continue
        if torch.equal(said, right.roll((t, t), (0, 1))):
            return "the clean half comes first: rows and columns 0 to t - 1."
        if torch.equal(said[:t], two_streams(blocks(t, size), blocks(t, size))[:t]):
            return (
                f"with blocks of {size} a clean token sees the rest of its block: that is "
                "block-causal (BD3-LM), and the next-token loss would read its answer."
            )
        if said[:t, t:].any():
            return "a clean token never looks at the noisy half; that is why it stays the AR model."
        if not torch.equal(said[:t, :t], right[:t, :t]):
            return "the clean half is strictly causal: clean i sees clean j where j <= i."
        block = torch.arange(t) // size
        if said[t:, :t][block[:, None] == block[None, :]].any():
            return "a noisy token sees clean tokens of its own block: the answer leaks."
        if not torch.equal(said[t:, :t], right[t:, :t]):
            return "a noisy token sees all clean tokens of the blocks before its own."
        return "within the noisy half, a token sees all of its block, both ways, and nothing else."
    return None


def check_2(answer: Callable[[int, int], tuple[float, float]]) -> str | None:
    """Expected supervised tokens of a row: (NBDiff, BD3-LM), levels t ~ U(0, 1) per block."""
    for t, size in ((96, 8), (96, 1), (64, 16)):
        said = tuple(float(x) for x in answer(t, size))
        ours, theirs = t + (t - t // size) / 2, t / 2
        if len(said) == 2 and abs(said[0] - ours) < 1e-6 and abs(said[1] - theirs) < 1e-6:
            continue
        if len(said) != 2:
            return "give two numbers: the targets of NBDiff, and those of BD3-LM."
        if abs(said[0] - (t + t / 2)) < 1e-6:
            return (
                f"of {t // size} blocks the first token is never hidden; only {t - t // size} of "
                f"{t} tokens can be."
            )
        if abs(said[0] - (t - t // size) / 2) < 1e-6:
            return "NBDiff also asks every clean token for the next one: t targets more."
        if abs(said[1] - t) < 1e-6:
            return "at a level t ~ U(0, 1) a token is hidden in one of two cases, on the average."
        return (
            f"with {t} tokens in blocks of {size} NBDiff has {ours:g} targets and BD3-LM, which "
            f"hides any token and asks for hidden ones alone, {theirs:g}; you say {said}."
        )
    return None


def check_3(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """Which hidden tokens to show: all that score the threshold, and the best one anyhow."""
    sure = torch.tensor([[0.95, 0.2, 0.92, 0.5], [0.3, 0.6, 0.4, 0.99], [0.9, 0.8, 0.7, 0.6]])
    hidden = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0]]).bool()
    right = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]).bool()
    said = answer(sure.clone(), hidden.clone(), 0.9)
    if not isinstance(said, Tensor) or said.shape != right.shape:
        return "give one truth value a token, of the same shape as the scores."
    said = said.bool()
    if torch.equal(said, right):
        if not torch.equal(answer(sure, hidden, 2.0).bool().sum(1), torch.tensor([1, 1, 0])):
            return "above every score, still one token a pass is shown; else it never ends."
        return None
    if said[2].any():
        return "the third sample has nothing hidden; nothing of it is shown again."
    if said[1, 3]:
        return "the token that scores 0.99 in the second sample stands already; mind `hidden`."
    if not said[1].any():
        return "no token of the second sample reaches 0.9: show the best one, or it never ends."
    return "show the hidden tokens that score at least the threshold, and the best hidden one."


def _leaky(t: int, size: int) -> Tensor:
    plan = blocks(t, size)
    return two_streams(plan, plan)


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: _leaky,
    2: lambda t, size: (t + t / 2, t / 2),
    3: lambda sure, hidden, threshold: hidden & (sure >= threshold),
}
