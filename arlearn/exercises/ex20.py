"""Checkers of chapter 20, CCA."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from arlearn.reward import preference


def check_1(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """The logit that is best for a pair, with a weight on the mismatched pairs."""
    p, q = torch.rand(2, 6, generator=Generator().manual_seed(0)).double() + 0.1
    for weight in (1.0, 3.0, 0.5):
        said, right = (
            torch.as_tensor(answer(p, q, weight)),
            (p / q).log() - torch.tensor(weight).log(),
        )
        if torch.allclose(said.double(), right, atol=1e-5):
            continue
        if torch.allclose(said.double(), (p / q).log(), atol=1e-5):
            return "that is the answer for a weight of 1; where does the weight go for others?"
        if torch.allclose(said.double(), (p / (p + weight * q)).double(), atol=1e-5):
            return "that is the probability σ(f) that the pair is matched; f is its logit."
        if torch.allclose(said.double(), (q / p).log() + torch.tensor(weight).log(), atol=1e-5):
            return "the sign: a matched pair should get a large logit."
        return f"for a weight of {weight:g} it is log P/Q, moved by something; solve P(1-σ) = λQσ."
    return None


def check_2(answer: Callable[[], tuple[float, float]]) -> str | None:
    """Two gaps that DPO likes, though the true picture has become far less likely."""
    said = answer()
    if not isinstance(said, tuple) or len(said) != 2:
        return "return two numbers: the gap with the right label and the gap with the wrong one."
    up, down = (float(x) for x in said)
    if up > -20:
        return (
            f"a gap of {up:g} is no factor of e^20 lost: the true picture's log-likelihood must "
            "have fallen by 20 nats or more, which is a gap of -20 or less."
        )
    loss = float(preference(torch.tensor(up), torch.tensor(down), beta=0.1))
    if loss >= 0.1:
        return f"DPO is not content yet, its loss is {loss:.2f}: the wrong gap must fall further."
    return None


def check_3(answer: Callable[[Tensor, Tensor, int], tuple]) -> str | None:
    """Labels of matched and mismatched pairs with some dropped, and the signs."""
    labels, null = torch.tensor([3, 1, 1, 0, 2, 3]), 4
    dropped = torch.tensor([True, False, False, False, True, False])
    said = answer(labels, dropped, null)
    if not isinstance(said, tuple) or len(said) != 3:
        return "return three tensors: matched labels, mismatched labels, signs."
    matched, mismatched, sign = said
    own = torch.where(dropped, null, labels)
    if not torch.equal(matched, own):
        return "a matched pair has the picture's own label, or the null label where it is dropped."
    rolled = torch.where(dropped, null, labels.roll(-1))
    if torch.equal(mismatched, torch.where(dropped, null, labels).roll(-1)):
        return "roll first and drop then: the same pictures lose their label in both copies."
    if torch.equal(mismatched, labels.roll(-1)):
        return "a dropped label is dropped from both members of the pair."
    if torch.equal(mismatched, torch.where(dropped, null, labels.roll(1))):
        return "roll by -1, so that each picture gets the next one's label."
    if not torch.equal(mismatched, rolled):
        return "the wrong label is the next picture's, labels.roll(-1), or null where dropped."
    if torch.equal(sign, torch.where(dropped, 1, -1)):
        return "the second and third picture have one class: the 'wrong' label is right there."
    if not torch.equal(sign, torch.where(own == rolled, 1, -1)):
        return "the sign is +1 where both labels are the same, -1 where they differ."
    return None


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda p, q, weight: (p / q).log(),
    2: lambda: (2.0, -60.0),
    3: lambda labels, dropped, null: (
        labels.masked_fill(dropped, null),
        labels.roll(-1).masked_fill(dropped, null),
        torch.where(dropped, 1, -1),
    ),
}
