"""Chapter 40's checkers: the solutions pass, and each usual mistake is told what it is."""

import pytest
import torch

from arlearn.exercises import ex40
from arlearn.plans import blocks, raster, two_streams


def mask(t, size):
    block, at = torch.arange(t) // size, torch.arange(t)
    clean = at[None, :] <= at[:, None]
    earlier, same = block[None, :] < block[:, None], block[None, :] == block[:, None]
    upper = torch.cat([clean, torch.zeros_like(clean)], 1)
    return torch.cat([upper, torch.cat([earlier, same], 1)])


def shown(sure, hidden, threshold):
    sure = sure.masked_fill(~hidden, -1.0)
    best = torch.arange(sure.shape[1]) == sure.argmax(1, keepdim=True)
    return hidden & (best | (sure >= threshold))


def test_solutions_pass():
    assert ex40.check_1(mask) is None
    assert ex40.check_2(lambda t, size: (t + (t - t // size) / 2, t / 2)) is None
    assert ex40.check_3(shown) is None


@pytest.mark.parametrize(
    "wrong,said",
    [
        (lambda t, size: torch.ones(t, t), "16 rows and columns"),
        (lambda t, size: mask(t, size).roll((t, t), (0, 1)), "clean half comes first"),
        (lambda t, size: two_streams(blocks(t, size), blocks(t, size)), "block-causal"),
        (lambda t, size: torch.ones(2 * t, 2 * t), "never looks at the noisy half"),
        (lambda t, size: torch.eye(2 * t), "strictly causal|own block|sees all"),
        (lambda t, size: leak(t, size), "the answer leaks"),
        (lambda t, size: late(t, size), "all clean tokens of the blocks before"),
        (lambda t, size: ahead(t, size), "within the noisy half"),
    ],
)
def test_masks_that_are_wrong(wrong, said):
    import re

    assert re.search(said, ex40.check_1(wrong))


def leak(t, size):
    found = two_streams(raster(t), blocks(t, size))
    found[t:, :t] |= torch.eye(t, dtype=torch.bool)
    return found


def late(t, size):
    found = two_streams(raster(t), blocks(t, size))
    found[t:, 0] = False
    return found


def ahead(t, size):
    found = two_streams(raster(t), blocks(t, size))
    found[t:, t:] = torch.eye(t, dtype=torch.bool).flip(0)
    return found


@pytest.mark.parametrize(
    "wrong,said",
    [
        (lambda t, size: (1.0,), "give two numbers"),
        (lambda t, size: (1.5 * t, t / 2), "first token is never hidden"),
        (lambda t, size: ((t - t // size) / 2, t / 2), "t targets more"),
        (lambda t, size: (t + (t - t // size) / 2, t), "one of two cases"),
        (lambda t, size: (1.0, 2.0), "BD3-LM"),
    ],
)
def test_counts_that_are_wrong(wrong, said):
    assert said in ex40.check_2(wrong)


@pytest.mark.parametrize(
    "wrong,said",
    [
        (lambda sure, hidden, at: torch.ones(2), "same shape"),
        (lambda sure, hidden, at: torch.ones_like(hidden), "third sample"),
        (lambda sure, hidden, at: (sure >= at) & hidden.any(1, True), "stands already"),
        (lambda sure, hidden, at: hidden & (sure >= at), "or it never ends"),
        (lambda sure, hidden, at: hidden & (sure >= 0.5), "at least the threshold"),
        (lambda sure, hidden, at: shown(sure, hidden, min(at, 0.9)), "still one token a pass"),
    ],
)
def test_choices_that_are_wrong(wrong, said):
    assert said in ex40.check_3(wrong)
