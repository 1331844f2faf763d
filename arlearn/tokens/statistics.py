"""What a tokenizer makes of data, in two numbers: codes used, and the entropy of single units."""

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
