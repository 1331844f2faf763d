"""Advantages, clipped gradients, distances and preferences: each against its formula, exactly."""

import math

import pytest
import torch

from arlearn import reward


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradient(loss, x):
    return torch.autograd.grad(loss.sum(), x)[0]


@pytest.mark.parametrize("baseline", ["mean", "others"])
@pytest.mark.parametrize("scaled", [True, False])
def test_advantages_sum_to_zero_and_ignore_a_constant(baseline, scaled):
    rewards = rand(3, 4, 6)
    found = reward.advantages(rewards, baseline=baseline, scaled=scaled)
    assert torch.allclose(found.sum(-1), torch.zeros(3, 4), atol=1e-5)
    moved = reward.advantages(rewards + 7, baseline=baseline, scaled=scaled)
    assert torch.allclose(found, moved, atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 1.0, 0.1, 1 / 3])
def test_equal_rewards_give_exactly_nothing(level):
    assert (reward.advantages(torch.full((2, 7), level)) == 0).all()


def test_advantages_of_both_kinds_by_hand():
    one = torch.tensor([1.0, 0.0, 0.0, 0.0])
    assert torch.allclose(reward.advantages(one, scaled=False), torch.tensor([0.75] + 3 * [-0.25]))
    others = reward.advantages(one, baseline="others", scaled=False)
    assert torch.allclose(others, torch.tensor([1.0] + 3 * [-1 / 3]))
    scaled = reward.advantages(one, epsilon=0.0)
    assert torch.allclose(scaled, torch.tensor([1.5] + 3 * [-0.5]))  # std is 1/2


def test_a_group_of_one_is_refused():
    with pytest.raises(ValueError, match="a group of 1 answers has nothing to compare"):
        reward.advantages(torch.ones(3, 1))


def test_the_policy_gradient_is_that_of_the_expected_reward():
    """Over all outcomes of a small law, weighed by it: the gradient of -Σ p r, by two ways."""
    logits, earned = rand(5).requires_grad_(), rand(5, seed=1)
    log_p = logits.log_softmax(-1)
    sampled = (log_p.exp().detach() * reward.policy_gradient(log_p, earned)).sum()
    exact = gradient(-(logits.softmax(-1) * earned), logits)
    assert torch.allclose(gradient(sampled, logits), exact, atol=1e-6)


def test_the_first_clipped_gradient_is_the_policy_gradient():
    log_p, a = rand(8).requires_grad_(), rand(8, seed=1)
    found = gradient(reward.clipped(log_p, log_p.detach(), a), log_p)
    assert torch.equal(found, -a)


def test_clipping_stops_the_gradient_on_the_side_of_the_gain_only():
    old = torch.zeros(4)
    log_p = torch.tensor([1.5, 1.5, 0.5, 0.5]).log().requires_grad_()
    a = torch.tensor([1.0, -1.0, 1.0, -1.0])
    loss = reward.clipped(log_p, old, a, clip=0.2)
    assert torch.allclose(loss, torch.tensor([-1.2, 1.5, -0.5, 0.8]))
    assert torch.allclose(gradient(loss, log_p), torch.tensor([0.0, 1.5, -0.5, 0.0]))
    with pytest.raises(ValueError, match="clip=-0.1 is negative"):
        reward.clipped(log_p, old, a, clip=-0.1)


def test_distances_are_zero_at_the_reference_and_right_in_the_mean():
    p, q = rand(6).softmax(-1), rand(6, seed=1).softmax(-1)
    true = float((p * (p / q).log()).sum())
    for kind in ("k1", "k3"):
        estimate = (p * reward.divergence(p.log(), q.log(), kind)).sum()
        assert float(estimate) == pytest.approx(true, rel=1e-5)
    for kind in ("k1", "k2", "k3"):
        assert (reward.divergence(p.log(), p.log(), kind) == 0).all()
    for kind in ("k2", "k3"):
        assert (reward.divergence(p.log(), q.log(), kind) > 0).all()


def test_the_gradient_of_k2_is_that_of_the_divergence_in_the_mean():
    logits, q = rand(6).requires_grad_(), rand(6, seed=1).log_softmax(-1)
    log_p = logits.log_softmax(-1)
    drawn = (log_p.exp().detach() * reward.divergence(log_p, q, "k2")).sum()
    again = logits.log_softmax(-1)
    exact = gradient(again.exp() * (again - q), logits)
    assert torch.allclose(gradient(drawn, logits), exact, atol=1e-6)


def test_no_reference_or_old_policy_gets_a_gradient():
    log_p, other = rand(4).requires_grad_(), rand(4, seed=1).requires_grad_()
    loss = reward.clipped(log_p, other, torch.ones(4)) + reward.divergence(log_p, other)
    loss.sum().backward()
    assert other.grad is None and log_p.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="kind='k4' is unknown; choose one of k1, k2, k3"):
        reward.divergence.__wrapped__(log_p, other, "k4")


def test_the_mean_is_over_all_units_that_count_and_zero_without_any():
    loss, counts = torch.tensor([[1.0, 9.0], [2.0, 3.0]]), torch.tensor([[1, 0], [1, 1]]).bool()
    assert float(reward.unit_mean(loss, counts)) == 2.0
    assert float(reward.unit_mean(loss, torch.zeros_like(counts))) == 0.0


def test_preference_sees_the_difference_of_the_gaps_alone():
    up, down = rand(5).requires_grad_(), rand(5, seed=1).requires_grad_()
    loss = reward.preference(up, down, beta=0.3)
    assert torch.allclose(loss, reward.preference(up + 4, down + 4, beta=0.3), atol=1e-6)
    assert torch.allclose(loss, -(0.3 * (up - down)).sigmoid().log())
    slope = 0.3 * (0.3 * (down - up)).sigmoid()  # by hand: -β σ(-β (gap⁺ - gap⁻))
    assert torch.allclose(gradient(loss, up), -slope)
    even = reward.preference(torch.zeros(1), torch.zeros(1), beta=0.3)
    assert float(even) == pytest.approx(math.log(2))


def test_approval_judges_each_answer_alone():
    gap, wanted = rand(6).requires_grad_(), torch.arange(6) < 3
    loss = reward.approval(gap, wanted, beta=0.5, weight=2.0)
    by_hand = torch.where(wanted, -(0.5 * gap).sigmoid().log(), -2 * (-0.5 * gap).sigmoid().log())
    assert torch.allclose(loss, by_hand)
    assert (gradient(loss, gap)[:3] < 0).all()
    assert not torch.allclose(loss, reward.approval(gap + 4, wanted, beta=0.5, weight=2.0))
    start = reward.approval(torch.zeros(6), wanted, beta=0.5, weight=2.0)
    assert float(start[:3].mean() + start[3:].mean()) == pytest.approx(3 * math.log(2))


def test_the_best_gap_is_the_log_ratio_of_wanted_to_unwanted():
    p, q = rand(6).softmax(-1), rand(6, seed=1).softmax(-1)
    gap = ((p / q).log() / 0.5).requires_grad_()
    yes, no = torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)
    total = p * reward.approval(gap, yes, beta=0.5) + q * reward.approval(gap, no, beta=0.5)
    assert gradient(total, gap).abs().max() < 1e-6


def test_unlearning_is_the_line_that_approval_follows_at_first():
    gap, wanted = rand(6).requires_grad_(), torch.arange(6) < 3
    loss = reward.unlearning(gap, wanted, weight=2.0)
    assert torch.allclose(loss, torch.where(wanted, -gap, 2 * gap))
    line = gradient(loss, gap)
    start = torch.zeros(6, requires_grad=True)
    bent = gradient(reward.approval(start, wanted, beta=0.3, weight=2.0), start)
    assert torch.allclose(bent, 0.15 * line)
