"""The categorical head against torch's own cross-entropy, and its draws against its law."""

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare

from arlearn.heads import Categorical, Law


@pytest.fixture
def head():
    torch.manual_seed(0)
    return Categorical(6, 5)


def states(*shape, seed=1):
    return torch.randn(*shape, 6, generator=torch.Generator().manual_seed(seed))


def test_loss_is_cross_entropy_in_nats_per_unit(head):
    h, target = states(3, 4), torch.arange(12).view(3, 4) % 5
    loss = head.loss(h, target)
    wanted = F.cross_entropy(head(h).permute(0, 2, 1), target, reduction="none")
    assert loss.shape == (3, 4)
    assert torch.allclose(loss, wanted)
    assert torch.equal(head.log_prob(h, target), -loss)


def test_probabilities_of_all_units_sum_to_one(head):
    h = states(1, 1).expand(5, 1, 6)
    assert torch.allclose(head.log_prob(h, torch.arange(5)[:, None]).exp().sum(), torch.tensor(1.0))


def test_a_fresh_head_with_norm_does_not_see_the_scale_of_the_state():
    head = Categorical(6, 5, norm=True)
    assert torch.allclose(head(states(2, 3)), head(100 * states(2, 3)), atol=1e-5)
    assert not torch.allclose(Categorical(6, 5)(states(2, 3)), head(states(2, 3)))


def test_logits_are_float32_whatever_the_network(head):
    assert head.bfloat16()(states(2, 3).bfloat16()).dtype == torch.float32


def test_draws_follow_the_guided_law_and_report_it(head):
    h, null, law = states(1, 1), states(1, 1, seed=2), Law(temperature=0.8, top_k=4)
    units, log_p = head.sample(
        h.expand(20_000, 1, 6),
        null=null.expand(20_000, 1, 6),
        guidance=1.5,
        law=law,
        generator=torch.Generator().manual_seed(3),
    )
    with torch.no_grad():
        mass = law.filter(2.5 * head(h) - 1.5 * head(null)).softmax(-1)[0, 0]
    assert torch.allclose(log_p.exp(), mass[units], atol=1e-5)
    counts, kept = torch.bincount(units.flatten(), minlength=5), mass > 0
    assert kept.sum() == 4 and counts[~kept].sum() == 0
    expected = mass[kept].double() / mass.double().sum() * 20_000
    assert chisquare(counts[kept], expected).pvalue > 1e-3  # fixed seed


def test_guidance_zero_is_conditional(head):
    h = states(2, 3)
    plain = head.sample(h, generator=torch.Generator().manual_seed(4))
    zero = head.sample(
        h, null=states(2, 3, seed=5), guidance=0.0, generator=torch.Generator().manual_seed(4)
    )
    assert all(torch.equal(a, b) for a, b in zip(plain, zero, strict=True))


def test_temperature_zero_is_the_argmax(head):
    units, log_p = head.sample(states(2, 3), law=Law(temperature=0.0))
    assert torch.equal(units, head(states(2, 3)).argmax(-1)) and not log_p.any()


@pytest.mark.parametrize("bad", [-1, 5])
def test_targets_outside_the_vocabulary_are_refused(head, bad):
    target = torch.tensor([[0, bad]])
    with pytest.raises(ValueError, match="vocabulary from 0 to 4"):
        head.loss(states(1, 2), target)


def test_guidance_without_null_is_refused(head):
    with pytest.raises(ValueError, match="guidance 2.0 needs null"):
        head.sample(states(1, 1), guidance=2.0)
