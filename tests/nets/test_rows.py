"""Rows that advance on their own read the same as each would alone."""

import pytest
import torch

from arlearn.heads import DiffusionHead
from arlearn.nets.rows import RowCache
from arlearn.nets.vectors import VectorModel

LENGTH = 7


def model(**options):
    torch.manual_seed(0)
    head = DiffusionHead(16, 3, 8, 1, train_steps=4, steps=4, last=0.3)
    made = VectorModel(LENGTH, head, width=16, depth=2, classes=5, **options)
    for weights in made.parameters():
        weights.data += 0.2 * torch.randn_like(weights)
    return made.eval()


UNITS = torch.randn(3, LENGTH, 3, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 3, 4])


@torch.no_grad()
def test_read_bit_by_bit_at_unequal_places_equals_one_full_pass():
    made = model()
    cond, whole = made.condition(LABELS, 3), made(UNITS, LABELS)
    cache = made.new_cache(3, 4)
    torch.testing.assert_close(made.read(UNITS, 4, cache, cond), whole[:, :4])
    cache.crop(torch.tensor([1, 4, 2]))
    found = made.read(UNITS, 3, cache, cond)
    for row, begin in enumerate((1, 4, 2)):
        torch.testing.assert_close(found[row], whole[row, begin : begin + 3], atol=1e-5, rtol=1e-4)
    assert cache.lengths.tolist() == [4, 7, 5]


@torch.no_grad()
def test_what_was_rolled_back_is_heard_by_nobody():
    """Junk is read behind every row's place; after the crop the states are as if it never was."""
    made = model()
    cond, whole = made.condition(LABELS, 3), made(UNITS, LABELS)
    cache, junk = made.new_cache(3, 4), UNITS + 5
    stand = torch.tensor([2, 5, 3])
    made.read(UNITS, 5, cache, cond)
    cache.crop(torch.minimum(cache.lengths, stand))
    made.read(junk, 2, cache, cond)
    cache.crop(stand)
    found = made.read(UNITS, 2, cache, cond)
    for row, begin in enumerate(stand.tolist()):
        torch.testing.assert_close(found[row], whole[row, begin : begin + 2], atol=1e-5, rtol=1e-4)
    cache.crop(stand)
    made.read(junk, 1, cache, cond)  # not rolled back, the junk is heard
    wrong = made.read(UNITS, 1, cache, cond)
    assert (wrong[0, 0] - whole[0, 3]).abs().max() > 0.1


@torch.no_grad()
def test_rows_can_be_left_out():
    made = model()
    cond, whole = made.condition(LABELS, 3), made(UNITS, LABELS)
    cache = made.new_cache(3, 4)
    made.read(UNITS, 3, cache, cond)
    cache.crop(torch.tensor([3, 2, 1]))
    left = torch.tensor([2, 0])
    cache.reindex(left)
    found = made.read(UNITS[left], 2, cache, cond[left])
    torch.testing.assert_close(found[0], whole[2, 1:3], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[1], whole[0, 3:5], atol=1e-5, rtol=1e-4)


def test_a_mask_lets_positions_see_up_to_themselves():
    cache = RowCache(1, 2, 2, 4, 9)
    cache.lengths = torch.tensor([0, 3])
    assert cache.mask(2).shape == (2, 2, 5)
    assert cache.mask(2).sum(-1).tolist() == [[1, 2], [4, 5]]


@torch.no_grad()
def test_hidden_inputs_say_nothing_of_what_stands_there():
    made = model(hide=0.5)
    cond, other = made.condition(LABELS, 3), UNITS.clone()
    other[:, 2:] += 9
    known = torch.tensor([2, 2, 2])
    found = [made.read(x, 6, made.new_cache(3, 0), cond, known=known) for x in (UNITS, other)]
    assert torch.equal(*found)
    whole = made(UNITS, LABELS)
    torch.testing.assert_close(found[0][:, :3], whole[:, :3])  # places 0 … 2 read units 0 and 1
    assert (found[0][:, 3] - whole[:, 3]).abs().max() > 0.1


def test_training_hides_ends_and_evaluation_nothing():
    made = model(hide=1.0).train()
    told = made.condition(LABELS, 3)
    torch.manual_seed(2)
    first = made.sequence(UNITS, told)
    changed = (first != made.eval().sequence(UNITS, told)).any(-1)
    assert not changed[:, 0].any() and changed.any()
    ends = changed.long()
    assert (ends[:, 1:] >= ends[:, :-1]).all()  # once blank, blank to the end


def test_bad_input_is_refused():
    cache = RowCache(1, 2, 2, 4, 5)
    with pytest.raises(ValueError, match="one length per row"):
        cache.crop(torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="at least 0"):
        cache.crop(torch.tensor([0, -1]))
    with pytest.raises(ValueError, match="do not fit a cache for 5"):
        cache.write(0, torch.zeros(2, 2, 6, 4), torch.zeros(2, 2, 6, 4))
    with pytest.raises(ValueError, match="hide=2"):
        model(hide=2)
