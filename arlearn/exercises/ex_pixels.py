"""Checkers of the lesson on pixels and tokens."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from arlearn.tokens.codes import straight_through
from arlearn.tokens.statistics import entropy


def check_1(answer: Callable[[Tensor, int], float]) -> str | None:
    """Bits per picture of tokens coded by their frequencies."""
    generator = torch.Generator().manual_seed(0)
    for vocab, used in ((8, 8), (8, 5), (6, 1)):
        units = torch.randint(used, (40, 9), generator=generator)
        said, h = float(answer(units, vocab)), entropy(units, vocab)
        if math.isclose(said, 9 * h, rel_tol=1e-4, abs_tol=1e-4):
            continue
        if math.isnan(said):
            return f"{vocab - used} of {vocab} codes never occur there; 0 log 0 counts as 0."
        named = {
            9 * math.log2(vocab): "that is t log2 k, for codes that are all equally frequent.",
            h: "those are the bits of one token; a picture has t of them.",
            9 * h * math.log(2): "those are nats; a bit is log 2 = 0.693 nats.",
            360 * h: "those are the bits of all pictures together; t is units.shape[1].",
        }
        for value, sentence in named.items():
            if math.isclose(said, value, rel_tol=1e-4):
                return sentence
        return f"for {used} codes in use of {vocab} it is {9 * h:.3f} bits, not {said:.3f}."
    return None


def check_2(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """The straight-through estimator: value of the code, gradient of the vector."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 4, generator=generator).requires_grad_()
    code = torch.randn(3, 4, generator=generator).requires_grad_()
    said = answer(z, code)
    if not torch.allclose(said, straight_through(z, code)):
        if torch.allclose(said, z):
            return "its value is z: the decoder would never see a code."
        return "its value is not the code."
    if not said.requires_grad:
        return "nothing carries a gradient; only code - z is to be detached."
    to_z, to_code = torch.autograd.grad((said * 3).sum(), (z, code), allow_unused=True)
    if to_z is None or not torch.allclose(to_z, torch.full_like(to_z, 3.0)):
        return "the value is right, but the gradient at z is not the one at the output."
    if to_code is not None and to_code.abs().max() > 0:
        return "the code gets a gradient too; its loss is another, so detach it here."
    return None


def check_3(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Revival: dead codes on vectors of the batch, all others where they were."""
    codes = torch.arange(12.0).view(6, 2)
    counts = torch.tensor([50, 0, 30, 1, 2, 17])  # an even share is 16.7, a tenth of it 1.67
    vectors = 100 + torch.arange(20.0).view(10, 2)
    kept = codes.clone()
    said = answer(codes, counts, vectors)
    if not torch.equal(codes, kept):
        return "the codes that were given have changed; work on codes.clone()."
    if said.shape != codes.shape:
        return f"six codes of two channels are expected back, not {list(said.shape)}."
    moved = (said != codes).any(1).tolist()
    if moved != [False, True, False, True, False, False]:
        right = "with counts 50, 0, 30, 1, 2, 17 codes 1 and 3 are below a tenth of an even share"
        return f"{right} of 16.7; yours moved {[i for i, yes in enumerate(moved) if yes]}."
    fresh = said[[1, 3]]
    if not all((vectors == row).all(1).any() for row in fresh):
        return "a revived code must stand exactly on one of the vectors."
    if torch.equal(fresh[0], fresh[1]):
        return "both dead codes stand on the same vector, and one of them is dead again."
    return None


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda units, vocab: units.shape[1] * math.log2(vocab),
    2: lambda z, code: z + (code - z),
    3: lambda codes, counts, vectors: vectors[: len(codes)],
}
