"""Sub-codes in parallel: one law over whole codes, made of independent ones."""

import pytest
import torch
from scipy.stats import chisquare

from arlearn.heads import Categorical, Law
from arlearn.heads.factored import Factored
from arlearn.tokens.binary import split


def states(*shape, seed=1):
    return torch.randn(*shape, 6, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def head():
    torch.manual_seed(0)
    return Factored(6, 4, 2)


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_probabilities_of_all_codes_sum_to_one(parts):
    torch.manual_seed(0)
    head, h = Factored(6, 8, parts), states(1, 1)
    every = torch.arange(256)[:, None]
    log_p = head.log_prob(h.expand(256, 1, 6), every)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(head.joint(h)[0], log_p.T, atol=1e-5, rtol=0)


def test_a_code_costs_the_sum_of_its_sub_codes(head):
    h, target = states(3, 5), torch.arange(15).view(3, 5)
    log_p = head(h).log_softmax(-1)
    by_hand = log_p.gather(-1, split(target, 2, 4)[..., None])[..., 0].sum(-1)
    torch.testing.assert_close(head.log_prob(h, target), by_hand)
    assert torch.equal(head.loss(h, target), -head.log_prob(h, target))


def test_one_part_is_an_ordinary_head():
    torch.manual_seed(0)
    head, plain = Factored(6, 4, 1), Categorical(6, 16)
    plain.load_state_dict(head.state_dict())
    h, target = states(3, 5), torch.arange(15).view(3, 5)
    torch.testing.assert_close(head.loss(h, target), plain.loss(h, target))
    law = Law(temperature=0.9, top_k=7)
    drawn = [
        x.sample(h, law=law, generator=torch.Generator().manual_seed(2)) for x in (head, plain)
    ]
    assert torch.equal(drawn[0][0], drawn[1][0])
    torch.testing.assert_close(drawn[0][1], drawn[1][1])


def test_draws_follow_the_product_of_the_laws(head):
    """One shared random number for both sub-codes would leave most of the 16 codes undrawn."""
    h, null = states(1, 1), states(1, 1, seed=2)
    units, log_p = head.sample(
        h.expand(20_000, 1, 6),
        null=null.expand(20_000, 1, 6),
        guidance=0.5,
        generator=torch.Generator().manual_seed(3),
    )
    with torch.no_grad():
        laws = (1.5 * head(h) - 0.5 * head(null)).softmax(-1)[0, 0]
    joint = (laws[0][:, None] * laws[1]).flatten()
    assert torch.allclose(log_p.exp(), joint[units], atol=1e-5)
    counts = torch.bincount(units.flatten(), minlength=16)
    expected = joint.double() / joint.double().sum() * 20_000
    assert chisquare(counts, expected).pvalue > 1e-3  # fixed seed


def test_top_k_acts_on_each_sub_code_and_all_of_them_changes_nothing(head):
    h = states(500, 1).mean(0, keepdim=True).expand(500, 1, 6)

    def draw(k):
        return head.sample(h, law=Law(top_k=k), generator=torch.Generator().manual_seed(4))[0]

    assert torch.equal(draw(4), draw(None))
    two = split(draw(2), 2, 4)[:, 0]
    best = head(h[:1, 0]).topk(2, dim=-1).indices[0]
    for j in range(2):  # two values of each part, so four codes: not two of the sixteen
        assert set(two[:, j].tolist()) == set(best[j].tolist())
    assert len(draw(2).unique()) == 4
    with pytest.raises(ValueError, match="top_k 5 exceeds the vocabulary of 4"):
        draw(5)


def test_bad_input_gets_a_sentence(head):
    with pytest.raises(ValueError, match="3 sub-codes do not divide 4 bits"):
        Factored(6, 4, 3)
    with pytest.raises(IndexError, match="code 16 is outside a vocabulary of 16"):
        head.loss(states(1, 1), torch.tensor([[16]]))
    with pytest.raises(ValueError, match="needs null"):
        head.sample(states(1, 1), guidance=1.0)


def test_logits_are_float32_whatever_the_network(head):
    assert head.bfloat16()(states(2, 3).bfloat16()).dtype == torch.float32
