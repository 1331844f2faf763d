"""ARPHMM: the traps of the paper that can be checked exactly."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from arlearn.data import turbofan
from arlearn.data.health import fleets, health_indicator
from arlearn.nets import knowledge
from arlearn.papers import arphmm
from arlearn.papers.arphmm import Switching


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def series(units=4, t=30, c=1, seed=0):
    """Random walks of different lengths, filled up with something that must not matter."""
    x = torch.randn(units, t, c, dtype=torch.float64, generator=dice(seed)).cumsum(1) * 0.3
    seen = torch.arange(t) < torch.linspace(t, t * 0.6, units).long()[:, None]
    return torch.where(seen[..., None], x, 99.0), seen


def begun(x, seen, states=3, order=2, seed=0):
    return arphmm.beginning(x[None], seen[None], states, order, [seed]).one(0)


def weights(x, states, seed=5):
    return 3 * torch.rand(*x.shape[:2], states, dtype=torch.float64, generator=dice(seed)).log()


def equal(one, other, atol=0.0):
    return all(
        torch.allclose(a, b, rtol=0, atol=atol)
        for a, b in zip(one.parts(), other.parts(), strict=True)
    )


def test_weights_of_one_are_the_ordinary_model_bit_for_bit():
    x, seen = series()
    one = other = begun(x, seen)
    nothing = torch.zeros(*x.shape[:2], 3, dtype=torch.float64)
    for _ in range(5):
        one = arphmm.maximise(one, arphmm.expect(one, x, seen), x, 1e-6)
        other = arphmm.maximise(other, arphmm.expect(other, x, seen, nothing), x, 1e-6)
        assert all(torch.equal(a, b) for a, b in zip(one.parts(), other.parts(), strict=True))


@pytest.mark.parametrize(("order", "c"), [(0, 1), (1, 2), (2, 1), (3, 2)])
def test_the_likelihood_never_falls_under_any_weights(order, c):
    x, seen = series(c=c)
    for log_w in (None, weights(x, 3), 5 * weights(x, 3, 6)):
        found = arphmm.learn(begun(x, seen, order=order), x, seen, log_w, most=25, tolerance=0)
        curve = found.log_likelihood
        assert len(curve) == 26 and int(found.iterations) == 25
        assert float((curve[1:] - curve[:-1]).min()) > -1e-8 and curve[-1] > curve[0]


def test_the_expectation_equals_the_sum_over_all_paths():
    x = torch.randn(1, 8, 1, dtype=torch.float64, generator=dice())
    seen, log_w = torch.ones(1, 8, dtype=torch.bool), weights(x, 3)
    model = begun(x, seen)
    h = torch.stack([torch.tensor([1, x[0, t - 1, 0], x[0, t - 2, 0]]) for t in range(2, 8)])
    law = torch.distributions.Normal(
        h @ model.lags[:, 0].T, model.noise[:, 0, 0].sqrt()
    ).log_prob(x[0, 2:])  # fmt: skip
    scored = law + log_w[0, 2:]
    joint = []
    for z in itertools.product(range(3), repeat=6):
        path = model.start[z[0]].log() + sum(
            model.move[i, j].log() for i, j in itertools.pairwise(z)
        )
        joint.append(path + sum(scored[t, k] for t, k in enumerate(z)))
    found = arphmm.expect(model, x, seen, log_w)
    assert abs(float(found.log_likelihood[0] - torch.stack(joint).logsumexp(0))) < 1e-10


def test_certain_labels_are_least_squares_and_counts():
    x, seen = series(t=40)
    labels = (torch.arange(40) // 7 % 3).expand(4, -1)
    log_w = knowledge.doubted(labels, 3, 0.0)
    model = begun(x, seen)
    model = arphmm.maximise(model, arphmm.expect(model, x, seen, log_w), x, 1e-12)
    h, y, z, there = arphmm.lagged(x, 2), x[:, 2:], labels[:, 2:], seen[:, 2:]
    for k in range(3):
        own = there & (z == k)
        wanted = torch.linalg.lstsq(h[own], y[own]).solution
        assert torch.allclose(model.lags[k], wanted.T, atol=1e-6)
        left = y[own] - h[own] @ wanted
        assert torch.allclose(model.noise[k], left.T @ left / own.sum(), atol=1e-8)
    pairs = torch.zeros(3, 3, dtype=torch.float64)
    for unit in range(4):
        run = z[unit][there[unit]].tolist()
        for i, j in itertools.pairwise(run):
            pairs[i, j] += 1
    assert torch.allclose(model.move, pairs / pairs.sum(1, keepdim=True), atol=1e-12)
    first = torch.bincount(z[:, 0], minlength=3).double() / 4
    assert torch.allclose(model.start, first, atol=1e-12)


def test_scaling_the_weights_of_a_moment_shifts_the_likelihood_alone():
    x, seen = series()
    log_w, model = weights(x, 3), begun(x, seen)
    scale = torch.randn(*x.shape[:2], 1, dtype=torch.float64, generator=dice(9))
    one, other = (arphmm.expect(model, x, seen, w) for w in (log_w, log_w + scale))
    shift = (scale[..., 0] * seen)[:, 2:].sum(1)
    assert torch.allclose(other.log_likelihood - one.log_likelihood, shift, rtol=0, atol=1e-10)
    models = [arphmm.maximise(model, found, x, 1e-6) for found in (one, other)]
    assert equal(*models, atol=1e-10)


def test_one_state_is_ordinary_least_squares_and_no_lag_a_gaussian():
    x, seen = series()
    found = arphmm.learn(begun(x, seen, states=1), x, seen, most=3)
    h, y = arphmm.lagged(x, 2)[seen[:, 2:]], x[:, 2:][seen[:, 2:]]
    assert torch.allclose(found.model.lags[0], torch.linalg.lstsq(h, y).solution.T, atol=1e-6)
    found = arphmm.learn(begun(x, seen, states=1, order=0), x, seen, most=3).model
    assert torch.allclose(found.lags[0, :, 0], x[seen].mean(0), atol=1e-7)
    assert torch.allclose(found.noise[0, 0, 0], x[seen].var(0, unbiased=False)[0], atol=1e-7)
    assert found.order == 0 and begun(x, seen).order == 2


def test_lags_never_reach_into_another_unit_nor_into_filling():
    x = torch.arange(10.0, dtype=torch.float64).view(2, 5, 1)
    h = arphmm.lagged(x, 2)
    assert h[0, 0].tolist() == [1, 1, 0] and h[1, 0].tolist() == [1, 6, 5] and h.shape == (2, 3, 3)
    x, seen = series()
    other = torch.where(seen[..., None], x, -7.0)
    log_w = weights(x, 3)
    tilted = torch.where(seen[..., None], log_w, -torch.inf)
    model = begun(x, seen)
    one = arphmm.learn(model, x, seen, log_w, most=4)
    two = arphmm.learn(model, other, seen, tilted, most=4)
    assert equal(one.model, two.model, atol=1e-10)


def test_filtering_knows_no_future_and_no_weight():
    x, seen = series()
    seen = torch.ones_like(seen)
    model = begun(x, seen)
    whole = arphmm.filtered(model, x, seen)
    changed = x.clone()
    changed[:, 20:] += 5
    assert torch.allclose(whole[:, :18], arphmm.filtered(model, changed, seen)[:, :18], atol=1e-12)
    assert (whole[:, 18:] - arphmm.filtered(model, changed, seen)[:, 18:]).abs().max() > 1e-3
    cut = arphmm.filtered(model, x[:, :20], seen[:, :20])
    assert torch.allclose(cut, whole[:, :18], atol=1e-12)
    assert torch.allclose(whole.sum(-1), torch.ones(1, dtype=torch.float64))
    last = arphmm.expect(model, x, seen).states[:, -1]
    assert torch.allclose(last, whole[:, -1])  # at the end, filtering and smoothing agree


def test_seeds_side_by_side_are_the_models_alone():
    x, seen = series()
    both = arphmm.beginning(x.expand(2, -1, -1, -1), seen.expand(2, -1, -1), 3, 2, [0, 7])
    found = arphmm.learn(both, x.expand(2, -1, -1, -1), seen.expand(2, -1, -1), most=20)
    for i, seed in enumerate((0, 7)):
        alone = arphmm.learn(begun(x, seen, seed=seed), x, seen, most=20)
        assert equal(found.model.one(i), alone.model, atol=1e-7)
        assert int(found.iterations[i]) == int(alone.iterations)


def test_states_in_the_order_of_their_readings_are_the_same_model():
    x, seen = series()
    model = begun(x, seen, states=4, seed=3)
    found = arphmm.expect(model, x, seen)
    ordered = arphmm.by_level(model, found, x)
    again = arphmm.expect(ordered, x, seen)
    assert torch.allclose(again.log_likelihood, found.log_likelihood)
    y = x[:, 2:, 0]
    level = (again.states * y[..., None]).sum((0, 1)) / again.states.sum((0, 1))
    assert (level.diff() >= 0).all()
    assert not torch.equal(ordered.start, model.start) or not equal(ordered, model)


def test_a_state_with_nothing_keeps_its_parameters_and_no_variance_vanishes():
    x, seen = series()
    log_w = torch.zeros(*x.shape[:2], 3, dtype=torch.float64)
    log_w[..., 2] = -2000.0
    model = begun(x, seen)
    better = arphmm.maximise(model, arphmm.expect(model, x, seen, log_w), x, 1e-6)
    assert torch.equal(better.lags[2], model.lags[2]) and torch.equal(
        better.noise[2], model.noise[2]
    )
    still = torch.ones_like(x) * 2
    better = arphmm.maximise(model, arphmm.expect(model, still, seen), still, 1e-3)
    assert (better.noise >= 1e-3 - 1e-12).all() and better.noise.isfinite().all()


def straight(lags, noise=1e-30, move=None):
    """A model of one or more states without noise."""
    lags = torch.tensor(lags, dtype=torch.float64)
    k = len(lags)
    move = torch.eye(k) if move is None else torch.tensor(move)
    noise = torch.full((k, 1, 1), noise, dtype=torch.float64)
    return Switching(torch.full((k,), 1 / k, dtype=torch.float64), move.double(), lags, noise)


def test_a_walk_without_noise_is_the_recursion():
    model = straight([[[0.5, 0.6, 0.3]]])
    past, state = torch.tensor([[2.0, 1.0]]).double(), torch.ones(1, 1).double()
    walked = [float(x) for x in itertools.islice(arphmm.walk(model, state, past, 1, dice()), 8)]
    now, before = 2.0, 1.0
    for said in walked:
        now, before = 0.5 + 0.6 * now + 0.3 * before, now
        assert abs(said - now) < 1e-9
    reached = arphmm.first_passage(arphmm.walk(model, state, past, 3, dice()), walked[4] - 1e-6, 50)
    assert reached.tolist() == [[5.0, 5.0, 5.0]]
    never = arphmm.first_passage(arphmm.walk(model, state, past, 2, dice()), 99.0, 6)
    assert never.tolist() == [[6.0, 6.0]]


def test_a_walk_changes_states_as_its_chain_says():
    """State 0 reads 0, state 1 reads 1 and stays: the first passage is geometric."""
    model = straight([[[0.0]], [[1.0]]], move=[[0.8, 0.2], [0.0, 1.0]])
    state = torch.tensor([[1.0, 0.0]]).double()
    walked = arphmm.walk(model, state, torch.zeros(1, 0).double(), 20_000, dice())
    reached = arphmm.first_passage(walked, 0.5, 200)
    for n in (1, 2, 5):
        share = float((reached > n).double().mean())
        assert abs(share - 0.8**n) < 4 * math.sqrt(0.25 / 20_000)
    assert abs(float(reached.mean()) - 5) < 0.15


def test_two_channels_walk_in_their_order():
    model = Switching(
        torch.ones(1).double(), torch.ones(1, 1).double(),
        torch.tensor([[[0.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]]]).double(),
        1e-30 * torch.eye(2).double()[None],
    )  # fmt: skip
    past = torch.tensor([[3.0, 4.0, 5.0, 6.0]]).double()  # newest first, channel by channel
    walked = arphmm.walk(model, torch.ones(1, 1).double(), past, 1, dice())
    one, two = itertools.islice(walked, 2)
    assert torch.allclose(one[0, 0], torch.tensor([4.0, 1.0]).double())
    assert torch.allclose(two[0, 0], torch.tensor([1.0, 1.0]).double())


@pytest.fixture(scope="module")
def fleet():
    engines = turbofan("train", 12)
    tested = turbofan("test", 12, whole=True)
    read = health_indicator(engines, window=1)
    return fleets([engines], [read]), fleets([tested], [read])


def test_notes_with_doubt_find_the_phases_quickly(fleet):
    """Statistical: notes that are wrong in every third cycle still cut test lives at the phases."""
    from arlearn.metrics.clusters import adjusted_rand

    known, unseen = fleet
    notes = knowledge.mistaken(known.regimes[0], 4, 0.3, seed=0)
    log_w = knowledge.doubted(notes, 4, 0.5)[None]
    start = arphmm.beginning(known.readings, known.recorded, 4, 2, [0])
    found = arphmm.learn(start, known.readings, known.recorded, log_w)
    assert int(found.iterations) < 20
    law = arphmm.filtered(found.model, unseen.readings, unseen.recorded)
    seen = unseen.recorded[0, :, 2:]
    index = adjusted_rand(law[0].argmax(-1)[seen], unseen.regimes[0, :, 2:][seen])
    assert index > 0.65


def test_impossible_knowledge_gets_a_sentence(fleet):
    known, _ = fleet
    start = arphmm.beginning(known.readings, known.recorded, 4, 2, [0])
    ordered = replace(start, move=start.move.triu() / start.move.triu().sum(-1, keepdim=True))
    backwards = knowledge.doubted(3 - known.regimes[0].clamp(min=0), 4, 0.0)[None]
    with pytest.raises(ValueError, match="no path of states explains some unit"):
        arphmm.expect(ordered, known.readings, known.recorded, backwards)
