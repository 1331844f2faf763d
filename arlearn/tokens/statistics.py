"""What a tokenizer makes of data: codes used, entropy, and how far from even the units are."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.tokens.codes import inside


def unigram(units: Int[Tensor, "*n"], vocab: int) -> Float[Tensor, "{vocab}"]:
    """How often each code occurs, as probabilities.

    Raises:
        ValueError: there are no units.
        IndexError: a unit is outside the vocabulary.
    """
    if not units.numel():
        raise ValueError("there are no units to count; encode some data first")
    counts = torch.bincount(inside(units, vocab).flatten(), minlength=vocab)
    return (counts.double() / counts.sum()).float()


def usage(units: Int[Tensor, "*n"], vocab: int) -> float:
    """Share of the vocabulary that occurs at all; a collapsed codebook shows here first.

    Raises:
        ValueError: there are no units.
        IndexError: a unit is outside the vocabulary.
    """
    return float((unigram(units, vocab) > 0).float().mean())


def entropy(units: Int[Tensor, "*n"], vocab: int) -> float:
    """H = -sum p log2 p of single units, in bits; log2(vocab) where all are equally frequent.

    Estimated from n units it is too low by about (used - 1) / (2 n ln 2) bits (Miller 1955), so
    compare tokenizers on equally many.

    Raises:
        ValueError: there are no units.
        IndexError: a unit is outside the vocabulary.
    """
    p = unigram(units, vocab).double()
    return float(-torch.xlogy(p, p).sum()) / math.log(2)


def divergence(units: Int[Tensor, "*n"], vocab: int) -> float:
    """KL(p || uniform) = log v - H(p) of single units, in nats; 0 where all are equally frequent.

    Estimated from n units it is too high by about (v - 1) / 2n where n is large, and by much more
    where n is not above v. So compare at equal n, and with the divergence of n even draws.

    Raises:
        ValueError: there are no units.
        IndexError: a unit is outside the vocabulary.
    """
    return math.log(vocab) - math.log(2) * entropy(units, vocab)


def pairs(units: Int[Tensor, "n t"], vocab: int) -> Int[Tensor, "n u"]:
    """Neighbours in a sequence as one unit of a vocabulary of v² (a v + b): bigrams.

    Raises:
        ValueError: sequences of a single unit have no neighbours.
        IndexError: a unit is outside the vocabulary.
    """
    if units.shape[1] < 2:
        raise ValueError(f"sequences of {units.shape[1]} unit(s) hold no pairs; give longer ones")
    inside(units, vocab)
    return units[:, :-1] * vocab + units[:, 1:]
