"""Truncation relative to the most likely unit."""

import pytest
import torch

from arlearn.heads.law import Law


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_min_p_keeps_what_is_likely_enough_by_brute_force(share, temperature):
    logits = 2 * torch.randn(20, 7, generator=torch.Generator().manual_seed(0))
    kept = Law(temperature=temperature, min_p=share).filter(logits) > -torch.inf
    p = (logits / temperature).double().softmax(-1)
    assert torch.equal(kept, p >= share * p.amax(-1, keepdim=True) * (1 - 1e-6))
    assert share < 1 or (kept.sum(-1) == 1).all()


def test_a_flat_law_keeps_all_and_a_sharp_one_little():
    law = Law(min_p=0.1)
    assert (law.filter(torch.zeros(1, 9)) > -torch.inf).all()
    assert int((law.filter(3.0 * torch.arange(9.0)[None]) > -torch.inf).sum()) == 1
    three = torch.tensor([[1.0, 0.9, 0.8]])
    assert (Law(min_p=0.1, top_k=2).filter(three) > -torch.inf).tolist() == [[True, True, False]]


def test_kept_logits_stay_as_they_are():
    logits = torch.tensor([[2.0, 1.5, -9.0]])
    assert torch.equal(Law(min_p=0.1).filter(logits), torch.tensor([[2.0, 1.5, -torch.inf]]))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(ValueError, match=f"min_p {share} is no share"):
        Law(min_p=share)
