"""Forward and backward sums against every path added up one by one."""

import itertools

import pytest
import torch

from arlearn.nets.chain import backward, forward, posterior, until_last

K, T = 3, 6


def chances(*shape, seed=0):
    """Rows that sum to 1."""
    drawn = torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return drawn.log_softmax(-1).exp()


@pytest.fixture
def given():
    """log b, π, A of one unit, and log w(z) p(x, z) of all K^T paths."""
    log_b = torch.randn(1, T, K, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    start, move = chances(K), chances(K, K, seed=1)
    paths = torch.tensor(list(itertools.product(range(K), repeat=T)))
    joint = start[paths[:, 0]].log() + log_b[0, range(T), paths].sum(1)
    joint = joint + move[paths[:, :-1], paths[:, 1:]].log().sum(1)
    return log_b, start, move, paths, joint


def all_there(units=1, times=T):
    return torch.ones(units, times, dtype=torch.bool)


def test_everything_equals_the_sum_over_all_paths(given):
    log_b, start, move, paths, joint = given
    found = posterior(log_b, start, move, all_there())
    law = (joint - joint.logsumexp(0)).exp()
    assert torch.allclose(found.log_likelihood[0], joint.logsumexp(0), rtol=0, atol=1e-10)
    for t in range(T):
        for k in range(K):
            here = law[paths[:, t] == k].sum()
            assert abs(found.states[0, t, k] - here) < 1e-10
    for t in range(T - 1):
        for i, j in itertools.product(range(K), repeat=2):
            both = law[(paths[:, t] == i) & (paths[:, t + 1] == j)].sum()
            assert abs(found.moves[0, t, i, j] - both) < 1e-10


def test_alpha_and_beta_are_the_sums_of_the_parts(given):
    log_b, start, move, _, _ = given
    alpha, beta = forward(log_b, start, move, all_there()), backward(log_b, move, all_there())
    for t in range(1, T + 1):
        paths = torch.tensor(list(itertools.product(range(K), repeat=t)))
        joint = start[paths[:, 0]].log() + log_b[0, range(t), paths].sum(1)
        joint = joint + move[paths[:, :-1], paths[:, 1:]].log().sum(1)
        for k in range(K):
            ends = joint[paths[:, -1] == k].logsumexp(0)
            assert abs(alpha[0, t - 1, k] - ends) < 1e-10
    total = (alpha + beta).logsumexp(-1)[0]  # the same at every time
    assert (total - total[0]).abs().max() < 1e-10 and not beta[0, -1].any()


def test_probabilities_sum_to_one_and_agree(given):
    log_b, start, move, _, _ = given
    found = posterior(log_b, start, move, all_there())
    one = torch.ones(1, dtype=torch.float64)
    assert torch.allclose(found.states.sum(-1), one) and torch.allclose(
        found.moves.sum((-1, -2)), one
    )
    assert torch.allclose(found.moves.sum(-1), found.states[:, :-1])
    assert torch.allclose(found.moves.sum(-2), found.states[:, 1:])


def test_filling_changes_nothing(given):
    log_b, start, move, _, _ = given
    alone = posterior(log_b, start, move, all_there())
    more = torch.cat([log_b, torch.full((1, 4, K), 7.0, dtype=torch.float64)], 1)
    other = torch.randn(1, T + 4, K, dtype=torch.float64)
    seen = torch.cat([torch.arange(T + 4)[None] < T, all_there(1, T + 4)])
    both = posterior(torch.cat([more, other]), start, move, seen)
    assert torch.allclose(both.log_likelihood[0], alone.log_likelihood[0], rtol=0, atol=1e-12)
    assert torch.allclose(both.states[0, :T], alone.states[0], rtol=0, atol=1e-12)
    assert torch.allclose(both.moves[0, : T - 1], alone.moves[0], rtol=0, atol=1e-12)
    assert not both.states[0, T:].any() and not both.moves[0, T - 1 :].any()


def test_models_stand_side_by_side(given):
    log_b, start, move, _, _ = given
    starts, moves = (
        torch.stack([start, chances(K, seed=8)]),
        torch.stack([move, chances(K, K, seed=9)]),
    )
    seen = all_there()
    both = posterior(log_b.expand(2, -1, -1, -1), starts, moves, seen.expand(2, -1, -1))
    for i in range(2):
        alone = posterior(log_b, starts[i], moves[i], seen)
        assert torch.allclose(both.states[i], alone.states, rtol=0, atol=1e-12)
        assert torch.allclose(both.log_likelihood[i], alone.log_likelihood, rtol=0, atol=1e-12)


def test_long_and_unlikely_sequences_do_not_vanish():
    log_b = torch.full((1, 3000, K), -500.0, dtype=torch.float64)
    found = posterior(log_b, chances(K), chances(K, K), all_there(1, 3000))
    assert abs(float(found.log_likelihood) + 3000 * 500) < 1e-6
    assert torch.isfinite(found.states).all()


def test_certain_states_are_followed_and_impossible_paths_refused(given):
    log_b, start, _, _, _ = given
    ordered = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], dtype=torch.float64)
    sure = torch.full((1, T, K), -torch.inf, dtype=torch.float64)
    path = torch.tensor([0, 0, 1, 1, 2, 2])
    sure[0, range(T), path] = 0.0
    found = posterior(log_b + sure, start, ordered, all_there())
    assert torch.equal(found.states[0].argmax(-1), path) and float(found.states.max()) == 1
    with pytest.raises(ValueError, match="no path of states explains some unit"):
        posterior(log_b + sure.flip(1), start, ordered, all_there())


def test_expected_steps_equal_a_walk():
    move = torch.tensor([[0.9, 0.1, 0.0], [0.05, 0.8, 0.15], [0.0, 0.3, 0.7]], dtype=torch.float64)
    alive, steps = torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for _ in range(3000):
        steps, alive = steps + alive, move[:2, :2] @ alive
    found = until_last(move)
    assert torch.allclose(found[:2], steps) and found[2] == 0
    assert abs(float(until_last(torch.tensor([[0.9, 0.1], [0.0, 1.0]]))[0]) - 10) < 1e-3
    assert until_last(torch.eye(3, dtype=torch.float64))[:2].isinf().all()
    assert until_last(torch.ones(1, 1)).tolist() == [0]
