"""Checkers of the second lesson, from the chain rule to a transformer."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def check_1(answer: Callable[[Tensor], tuple[float, float]]) -> str | None:
    """Bits per character and perplexity, from the probability of each character."""
    for given in ([0.5, 0.25, 0.125, 0.125], [1.0, 1.0], [0.9, 0.01, 0.3]):
        p = torch.tensor(given)
        bits, perplexity = map(float, answer(p))
        nats = float(-p.log().mean())
        right = nats / math.log(2)
        if abs(bits - nats) < 1e-5 < abs(nats - right):
            return "those are nats; divide by ln 2 to have bits."
        if abs(bits - nats * math.log(2)) < 1e-5 < abs(nats):
            return "nats are the larger unit: divide by ln 2 to have bits, not multiply."
        if abs(bits - float(-p.log2().sum())) < 1e-5 < abs(bits - right):
            return "those are the bits of the whole text; per character means the mean."
        if abs(bits + float(p.mean().log2())) < 1e-5 < abs(bits - right):
            return "that is the logarithm of the mean; the mean of the logarithms is asked for."
        if abs(bits - right) > 1e-5:
            return f"probabilities {given} are {right:.4f} bits a character, not {bits:.4f}."
        if abs(perplexity - float((1 / p).mean())) < 1e-5 < abs(perplexity - 2**right):
            return "that is the mean of 1/p; perplexity is 2 to the power of the mean bits."
        if abs(perplexity - math.exp(right)) < 1e-5 < abs(perplexity - 2**right):
            return "exp goes with nats; with bits the perplexity is 2 to their power."
        if abs(perplexity - 2**right) > 1e-4:
            return f"{right:.4f} bits are a perplexity of {2**right:.4f}, not {perplexity:.4f}."
    return None


def check_2(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """The law behind a context, from its counts, the shorter context's law, and the discount."""
    shorter = torch.tensor([0.4, 0.3, 0.2, 0.1])
    for given in ([3.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 5.0], [0.0, 0.0, 0.0, 0.0]):
        counts = torch.tensor(given)
        said = torch.as_tensor(answer(counts, shorter, 0.6))
        if said.shape != counts.shape:
            return f"one probability a character, {len(counts)} in all; got {tuple(said.shape)}."
        if not said.isfinite().all():
            return "a context that was never seen divides by zero; it knows what `shorter` knows."
        total, kinds = counts.sum(), (counts > 0).sum()
        right = ((counts - 0.6).clamp(min=0) + 0.6 * kinds * shorter) / total if total else shorter
        if torch.allclose(said, right, atol=1e-5):
            continue
        if bool((said < 0).any()):
            return "a probability is below 0; a count of 0 has nothing that could be taken."
        if abs(float(said.sum()) - 1) > 1e-4:
            return (
                f"the law adds up to {float(said.sum()):.3f}; what is taken is the discount once "
                "for every kind of character counted, and all of it is handed on."
            )
        if total and torch.allclose(said, counts / total):
            return "those are the bare shares; what was never counted would be impossible."
        return f"for the counts {given} the law is {[round(p, 3) for p in right.tolist()]}."
    return None


def check_3(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """The logarithm of a mixture of two laws, from their logarithms."""
    laws = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(0)).softmax(-1)
    tiny = torch.tensor([[-200.0], [-201.0]])[:, None].expand(2, 3, 1)  # zero once exp is taken
    p, q = torch.cat([laws.log(), tiny], -1)
    for share in (0.5, 0.2, 0.9):
        said = torch.as_tensor(answer(p, q, share))
        right = (share * p.double().exp() + (1 - share) * q.double().exp()).log()
        if said.shape != right.shape:
            return f"one logarithm for each of the {tuple(p.shape)}; got {tuple(said.shape)}."
        if torch.allclose(said.double(), right, atol=1e-4):
            continue
        if torch.allclose(said, share * p + (1 - share) * q, atol=1e-4):
            return "that mixes the logarithms; the result adds up to less than 1. Mix the laws."
        if torch.allclose(said.double(), right.exp(), atol=1e-4):
            return "that is the mixture itself; its logarithm is asked for."
        if not said.isfinite().all():
            return "a tiny probability became zero on the way; stay in logarithms throughout."
        turned = (share * q.double().exp() + (1 - share) * p.double().exp()).log()
        if torch.allclose(said.double(), turned, atol=1e-4):
            return "the shares are swapped: `share` belongs to the first of the two."
        return f"with a share of {share} the first logarithm is {float(right.flatten()[0]):.4f}."
    return None


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda p: (float(-p.log().mean()), float((-p.log().mean()).exp())),
    2: lambda counts, shorter, discount: (counts + discount * shorter) / (counts.sum() + 1),
    3: lambda log_p, log_q, share: share * log_p + (1 - share) * log_q,
}
