"""Checkers of chapter 54, MDPO."""

from collections.abc import Callable

import torch
from torch import Tensor

from arlearn.papers.mdpo import step_value
from arlearn.reward import advantages


def check_1(answer: Callable[[Tensor], Tensor]) -> str | None:
    """What the steps of one rollout are worth, from the marks of its drafts."""
    for marks in ([0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0], [0.5, 0.0, 1.0, 1.0, 0.25]):
        marks = torch.tensor(marks)
        said, right = answer(marks.clone()), step_value(marks)
        if tuple(said.shape) != tuple(right.shape):
            return f"{len(marks)} marks make {len(marks)} values, not shape {tuple(said.shape)}."
        if torch.allclose(said, right, atol=1e-5):
            continue
        gained = torch.cat([marks[:1], marks.diff()])
        if torch.allclose(said, gained, atol=1e-5):
            return "that is what each step improved; add the mean of the marks that follow it."
        if torch.allclose(said, right - gained, atol=1e-5):
            return "that is what follows each step; add what the step itself improved."
        if torch.allclose(said[1:], right[1:], atol=1e-5):
            return "before the first step stands nothing: r_(-1) is 0."
        if torch.allclose(said[:-1], right[:-1], atol=1e-5):
            return "nothing follows the last step; its second term is its own mark."
        including = torch.stack([marks[t:].mean() for t in range(len(marks))])
        if torch.allclose(said, gained + including, atol=1e-5):
            return "the mean is over the marks after the step, without its own."
        told = ", ".join(f"{value:.3g}" for value in right.tolist())
        return f"the marks {marks.tolist()} are worth {told}."
    return None


def check_2(answer: Callable[[], Tensor]) -> str | None:
    """Two rollouts of equal end that the values of their steps tell apart, `steps 2`."""
    marks = torch.as_tensor(answer()).float()
    if marks.ndim != 2 or marks.shape[1] != 2 or len(marks) < 3:
        return f"give marks of shape (steps, 2) with 3 steps or more, not {tuple(marks.shape)}."
    if not ((marks == 0) | (marks == 1)).all():
        return "a draft is right, 1, or wrong, 0; nothing in between."
    if marks[-1, 0] != marks[-1, 1]:
        return "the last marks must be equal: the end alone must not tell the rollouts apart."
    if torch.equal(marks[:, 0], marks[:, 1]):
        return "both rollouts are the same; let one be right early."
    lost = marks.diff(dim=0)[:, 0] < 0
    if not lost.any():
        return "the first rollout never loses an answer that it had; let it spoil one."
    a = advantages(step_value(marks))[:, 0]
    if not (a[1:][lost] < -0.1).any():
        return "where the first rollout spoils its draft the other does no better, so A is not < 0."
    if not (a > 0.1).any():
        return "the first rollout is nowhere ahead; let it be right where the other is not yet."
    return None


def check_3(answer: Callable[[Tensor, Tensor, int], Tensor]) -> str | None:
    """Which places to hide: the n of lowest running confidence, never one of the prompt."""
    dice = torch.Generator().manual_seed(0)
    for prompt, n in ((0, 3), (4, 3), (4, 0), (2, 8)):
        running = torch.rand(5, 10, generator=dice)
        running[:, :prompt] *= 0.1  # the prompt's numbers are the lowest, and mean nothing
        given = torch.arange(10).expand(5, -1) < prompt
        said = answer(running.clone(), given, n)
        if tuple(said.shape) != (5, 10) or said.dtype != torch.bool:
            return f"return True where a place is hidden, shape (5, 10), not {tuple(said.shape)}."
        lowest = running.masked_fill(given, 2.0).argsort(1).argsort(1) < n
        if torch.equal(said, lowest):
            continue
        if (said & given).any():
            return "a place of the prompt was hidden; prompts do not take part in the ranking."
        if (said.sum(1) != n).any():
            return f"{n} places should be hidden in each row, yours are {said.sum(1).tolist()}."
        highest = running.masked_fill(given, -1.0).argsort(1, descending=True).argsort(1) < n
        if torch.equal(said, highest):
            return "these are the surest places; hide those of lowest confidence."
        return "the right number of places is hidden, but not those of lowest confidence."
    return None


def _gained(marks: Tensor) -> Tensor:
    return torch.cat([marks[:1], marks.diff()])


def _everywhere(running: Tensor, given: Tensor, n: int) -> Tensor:
    return running.argsort(1).argsort(1) < n


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: _gained,
    2: lambda: torch.tensor([[0, 0], [1, 0], [1, 1]]),
    3: _everywhere,
}
