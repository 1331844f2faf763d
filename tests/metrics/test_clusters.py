"""The adjusted Rand index: by counting pairs, and against another implementation."""

import itertools

import pytest
import torch

from arlearn.metrics.clusters import adjusted_rand


def by_pairs(found, true):
    """The same from the four kinds of pairs."""
    kinds = [[0, 0], [0, 0]]
    for i, j in itertools.combinations(range(len(true)), 2):
        kinds[int(found[i] == found[j])][int(true[i] == true[j])] += 1
    (apart, true_only), (found_only, both) = kinds
    n, one, other = sum(map(sum, kinds)), both + found_only, both + true_only
    chance = one * other / n
    assert apart + true_only + found_only + both == n
    return (both - chance) / ((one + other) / 2 - chance)


def test_the_index_counts_pairs():
    dice = torch.Generator().manual_seed(0)
    for _ in range(5):
        found = torch.randint(4, (40,), generator=dice)
        true = torch.where(torch.rand(40, generator=dice) < 0.6, found,
                           torch.randint(3, (40,), generator=dice))  # fmt: skip
        assert abs(adjusted_rand(found, true) - by_pairs(found, true)) < 1e-12


def test_it_is_the_one_of_scikit_learn():
    from sklearn.metrics import adjusted_rand_score

    dice = torch.Generator().manual_seed(1)
    found, true = torch.randint(5, (300,), generator=dice), torch.randint(4, (300,), generator=dice)
    true[:150] = found[:150].clamp(max=3)
    assert abs(adjusted_rand(found, true) - adjusted_rand_score(true, found)) < 1e-12


def test_names_do_not_matter_and_one_group_alone_is_chance():
    true = torch.tensor([0, 0, 1, 1, 2, 2])
    assert adjusted_rand(torch.tensor([7, 7, -1, -1, 3, 3]), true) == 1
    assert adjusted_rand(torch.zeros(6, dtype=torch.long), true) == 0
    assert adjusted_rand(torch.zeros(6, dtype=torch.long), torch.zeros(6, dtype=torch.long)) == 1
    with pytest.raises(ValueError, match="2 and 6 labels; both must name the same"):
        adjusted_rand(true[:2], true)
