"""Checkers of chapter 23, ARPHMM."""

from collections.abc import Callable

import torch
from torch import Tensor


def check_1(answer: Callable[[float, int], float]) -> str | None:
    """The doubt that says what is true of notes with a share e of uniform errors."""
    for e, states in ((0.3, 4), (0.1, 2), (0.0, 5), (0.75, 4)):
        said, right = float(answer(e, states)), e / (states - 1) / (1 - e)
        if abs(said - right) < 1e-6:
            continue
        if abs(said - e / (1 - e)) < 1e-6:
            return "the errors are shared by K - 1 states; yours gives all of them to each."
        if abs(said - e / (states - 1)) < 1e-6:
            return "that is p(note | another state) itself; the noted state must come out at 1."
        if abs(said - e) < 1e-6:
            return "e is how often notes are wrong; the weight is a ratio of two likelihoods."
        return f"for e = {e} and {states} states the doubt is {right:.4f}, not {said:.4f}."
    return None


def check_2(answer: Callable[[Tensor, Tensor], float]) -> str | None:
    """Jensen's lower bound of log Σ_z exp(log_joint), tight at the posterior."""
    generator = torch.Generator().manual_seed(0)
    for scale in (1.0, 30.0):
        log_joint = scale * torch.randn(24, dtype=torch.float64, generator=generator)
        total, posterior = float(log_joint.logsumexp(0)), log_joint.softmax(0)
        other = torch.rand(24, dtype=torch.float64, generator=generator)
        sure = torch.zeros(24, dtype=torch.float64)
        sure[int(log_joint.argmax())] = 1.0
        for q, name in ((posterior, "the posterior"), (other / other.sum(), "another law"),
                        (sure, "a law with zeros")):  # fmt: skip
            said = float(answer(log_joint, q))
            right = float((q * log_joint).sum() - torch.xlogy(q, q).sum())
            if abs(said - right) < 1e-6 * max(1, abs(right)):
                continue
            if said != said:
                return "0 log 0 counts as 0; torch.xlogy(q, q) knows that."
            if abs(said - float((q * log_joint).sum())) < 1e-6 * max(1, abs(said)):
                return "the entropy of q is missing: -Σ q log q belongs to the bound."
            if said > total + 1e-6:
                return f"at {name} yours is {said:.3f}, above log L_w = {total:.3f}: no bound."
            return f"at {name} the bound is {right:.4f}, your answer is {said:.4f}."
    return None


def check_3(answer: Callable[[Tensor], tuple[Tensor, Tensor]]) -> str | None:
    """Mean and deviation of the steps until the last state, from each other state."""
    steady = torch.tensor([[0.9, 0.1], [0.0, 1.0]], dtype=torch.float64)
    line = torch.tensor(
        [
            [0.95, 0.05, 0.0, 0.0],
            [0.0, 0.9, 0.08, 0.02],
            [0.0, 0.1, 0.8, 0.1],
            [0.0, 0.0, 0.3, 0.7],
        ],
        dtype=torch.float64,
    )
    for move in (steady, line):
        mean, deviation = answer(move)
        if tuple(mean.shape) != (len(move) - 1,) or mean.shape != deviation.shape:
            wanted, got = (len(move) - 1,), tuple(mean.shape)
            return f"one mean and one deviation for each state but the last: {wanted}, not {got}."
        right = _steps(move)
        if not torch.allclose(mean.double(), right[0], atol=1e-6):
            if torch.allclose(mean.double() + 1, right[0], atol=1e-6):
                return "the step into the last state counts, too."
            wanted, got = float(right[0][0]), float(mean[0])
            return f"the first mean is {got:.3f}, not {wanted:.3f}; the rows of Q do not sum to 1."
        if torch.allclose(deviation.double(), right[1] ** 2, atol=1e-6):
            return "the means are right, and these are variances; take the root."
        if not torch.allclose(deviation.double(), right[1], atol=1e-6):
            wanted, got = float(right[1][0]), float(deviation[0])
            return f"the means are right; the first deviation is {got:.3f}, not {wanted:.3f}."
    return None


def _steps(move: Tensor) -> tuple[Tensor, Tensor]:
    """The same by walking: P(T > n) = the mass not yet absorbed."""
    inner, alive = move[:-1, :-1], torch.ones(len(move) - 1, dtype=move.dtype)
    first = second = torch.zeros_like(alive)
    for n in range(4000):
        first, second = first + alive, second + (2 * n + 1) * alive
        alive = inner @ alive
    return first, (second - first**2).sqrt()


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda e, states: e / (1 - e),
    2: lambda log_joint, q: float((q * log_joint).sum()),
    3: lambda move: (_steps(move)[0], _steps(move)[1] ** 2),
}
