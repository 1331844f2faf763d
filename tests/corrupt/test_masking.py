"""Masked diffusion on laws small enough to enumerate."""

import itertools

import pytest
import torch
from scipy.stats import binom, chisquare

from arlearn.corrupt import Absorbing, Cosine, Linear
from arlearn.heads import Law

V, T = 3, 3


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def joint():
    """p(x) of three units over three symbols, at random."""
    return torch.randn(27, generator=seeded(0)).softmax(0).view(V, V, V)


EVERY = torch.tensor(list(itertools.product(range(V), repeat=T)))


def exact(joint):
    """The model whose answers are the conditionals of the joint law, read off by summation."""

    def model(x_t):
        out = torch.empty(*x_t.shape, V)
        for row, state in enumerate(x_t.tolist()):
            fits = torch.ones_like(joint)
            for i, unit in enumerate(state):
                if unit != V:
                    fits = fits * (torch.arange(V) == unit).view(
                        [-1 if a == i else 1 for a in range(T)]
                    )
            for i in range(T):
                others = [a for a in range(T) if a != i]
                out[row, i] = (joint * fits).sum(others)
        return out.log()

    return model


def table(seed=1):
    """A model that is the conditionals of no joint law: any answer for any state."""
    answers = torch.randn((V + 1) ** T, T, V, generator=seeded(seed))
    return lambda x_t: answers[(x_t * (V + 1) ** torch.arange(T)).sum(1)]


def any_order_cost(model, x):
    """The mean over all orders of -log p(x), drawn one unit after the other."""
    process, costs = Absorbing(V), []
    for order in itertools.permutations(range(x.shape[1])):
        x_t, cost = torch.full_like(x, V), torch.zeros(len(x))
        for i in order:
            cost += process.surprise(model, x, x_t)[:, i]
            x_t[:, i] = x[:, i]
        costs.append(cost)
    return torch.stack(costs).mean(0)


def test_bound_of_exact_conditionals_is_the_likelihood(joint):
    bound = Absorbing(V).bound(exact(joint), EVERY, draws=None)
    assert torch.allclose(bound, -joint.flatten().log(), atol=1e-5)


def test_bound_is_the_any_order_likelihood_of_any_model():
    bound = Absorbing(V).bound(table(), EVERY, draws=None)
    assert torch.allclose(bound, any_order_cost(table(), EVERY), atol=1e-5)


def test_bound_of_a_wrong_model_lies_above_the_entropy(joint):
    bound = Absorbing(V).bound(table(), EVERY, draws=None)
    law = joint.flatten()
    assert (law * bound).sum() > -(law * law.log()).sum()


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=str)
@pytest.mark.parametrize("stratified", [True, False])
def test_loss_has_the_bound_as_its_mean_on_any_schedule(schedule, stratified):
    process, model = Absorbing(V, schedule), table()
    x = EVERY[5].expand(60_000, T)
    loss = process.loss(model, x, stratified=stratified, generator=seeded(2)).sum(1)
    wanted = process.bound(model, EVERY[5:6], draws=None)
    # Four standard errors of the mean of independent draws.
    assert (loss.mean() - wanted).abs() < 4 * loss.std() / 60_000**0.5


def test_random_sets_give_the_bound_in_the_mean():
    process, model = Absorbing(V), table()
    x = EVERY[7].expand(4000, T)
    bound = process.bound(model, x, draws=3, generator=seeded(3))
    wanted = process.bound(model, EVERY[7:8], draws=None)
    assert (bound.mean() - wanted).abs() < 4 * bound.std() / 4000**0.5


def test_given_units_stand_and_the_bound_is_conditional(joint):
    given = torch.tensor([True, False, True]).expand(27, T)
    process = Absorbing(V)
    bound = process.bound(exact(joint), EVERY, draws=None, given=given)
    conditional = (joint / joint.sum(1, keepdim=True)).flatten()
    assert torch.allclose(bound, -conditional.log(), atol=1e-5)
    drawn = process.bound(exact(joint), EVERY, draws=2, given=given, generator=seeded(4))
    assert torch.allclose(drawn, bound, atol=1e-5)  # one free unit: nothing is left to chance
    assert torch.equal(process.corrupt(EVERY, 1.0, given=given)[given], EVERY[given])
    loss = process.loss(exact(joint), EVERY, given=given, generator=seeded(5))
    assert not loss[given].any() and loss[~given].any()


def test_bound_where_everything_is_given_is_zero(joint):
    given = torch.ones(27, T, dtype=torch.bool)
    for draws in (None, 3):
        assert not Absorbing(V).bound(exact(joint), EVERY, draws=draws, given=given).any()


def test_uniform_weights_are_plain_cross_entropy():
    process, model = Absorbing(V), table()
    x = EVERY.repeat(40, 1)
    plain = process.loss(model, x, weight="uniform", generator=seeded(6))
    weighted = process.loss(model, x, generator=seeded(6))
    ratio = (weighted / plain)[plain > 0]  # 1/t of each sample's time
    assert ratio.min() >= 1 - 1e-5 and ratio.median() > 1
    assert torch.equal(plain > 0, weighted > 0)


def test_times_may_be_given_per_block():
    """The second block stands (t = 0), the first is masked whole (t = 1, weight 1)."""
    process, model = Absorbing(V), table()
    t = torch.tensor([[1.0, 1.0, 0.0]]).expand(27, T)
    loss = process.loss(model, EVERY, t=t)
    wanted = process.surprise(model, EVERY, EVERY.masked_fill(t == 1, V))
    assert torch.equal(loss, wanted) and not loss[:, 2].any()


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=str)
def test_corrupt_masks_the_share_the_schedule_says(schedule):
    x, process = torch.randint(V, (200, 100), generator=seeded(7)), Absorbing(V, schedule)
    for t in (0.0, 0.3, 1.0):
        hidden = process.corrupt(x, t, generator=seeded(8)) == process.mask
        share = 1 - float(schedule.alpha(torch.tensor(t)))
        low, high = binom(20_000, share).interval(1 - 1e-6)
        assert low <= hidden.sum() <= high
        assert torch.equal(process.corrupt(x, t, generator=seeded(8))[~hidden], x[~hidden])


def test_times_may_differ_per_sample_and_per_position():
    x, process = torch.zeros(2, 4, dtype=torch.long), Absorbing(V)
    rows = process.corrupt(x, torch.tensor([0.0, 1.0]))
    assert rows.tolist() == [[0] * 4, [V] * 4]
    columns = process.corrupt(x, torch.tensor([[0.0, 1.0, 1.0, 0.0]] * 2))
    assert columns.tolist() == [[0, V, V, 0]] * 2


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=str)
def test_reverse_follows_the_exact_posterior(schedule):
    """A mask stays with (1 - α_s)/(1 - α_t), else it is drawn; what stands is kept."""
    process, t, s = Absorbing(V, schedule), 0.8, 0.3
    logits = torch.tensor([0.5, -1.0, 0.2])
    x_t = torch.tensor([[V, 1]]).expand(20_000, 2)
    x_s = process.reverse(lambda x: logits.expand(*x.shape, V), x_t, t, s, generator=seeded(9))
    late, early = (float(schedule.alpha(torch.tensor(time))) for time in (t, s))
    lifted = (early - late) / (1 - late)
    expected = torch.cat([lifted * logits.double().softmax(0), torch.tensor([1 - lifted]).double()])
    counts = torch.bincount(x_s[:, 0], minlength=V + 1)
    assert chisquare(counts, expected * 20_000).pvalue > 1e-3  # fixed seed
    assert (x_s[:, 1] == 1).all()


def test_forward_and_reverse_agree_about_two_times():
    """Of the units masked at t, the share already masked at s, seen going forward."""
    process, x = Absorbing(V), torch.zeros(20_000, 1, dtype=torch.long)
    x_s = process.corrupt(x, 0.3, generator=seeded(10))
    further = torch.rand(20_000, 1, generator=seeded(11)) >= (1 - 0.8) / (1 - 0.3)
    x_t = x_s.masked_fill(further, V)
    back = process.reverse(lambda u: torch.zeros(*u.shape, V), x_t, 0.8, 0.3, generator=seeded(12))
    hidden = x_t == V
    share = (x_s[hidden] == V).float().mean(), (back[hidden] == V).float().mean()
    assert abs(share[0] - 0.375) < 0.02 and abs(share[1] - 0.375) < 0.02  # 16,000 units


def test_one_by_one_the_exact_model_draws_the_joint_law(joint):
    """100 steps seldom lift two masks at once, and the law of whole samples comes out."""
    process, n = Absorbing(V), 2000
    table = torch.stack([exact(joint)(state[None])[0] for state in STATES])
    x = torch.full((n, T), V)
    generator = seeded(13)
    for i in range(100, 0, -1):
        x = process.reverse(
            lambda u: table[(u * (V + 1) ** torch.arange(T)).sum(1)],
            x,
            i / 100,
            (i - 1) / 100,
            generator=generator,
        )
    assert (x != V).all()
    counts = torch.bincount((x * torch.tensor([9, 3, 1])).sum(1), minlength=27)
    assert chisquare(counts, joint.flatten().double() / joint.double().sum() * n).pvalue > 1e-3


STATES = torch.tensor(list(itertools.product(range(V + 1), repeat=T))).flip(1)


def test_parallel_decoding_pays_the_known_price():
    """{ABAB, BABA}: with k units drawn at once, 2^(1 - k) of the samples are valid."""

    def model(x_t):
        parity = torch.arange(4) % 2
        logits = torch.zeros(*x_t.shape, 2)
        for row, state in enumerate(x_t):
            seen = state != 2
            if seen.any():
                first = (state[seen][0] + parity[seen][0]) % 2
                logits[row, torch.arange(4), (parity + first) % 2] = 1e4
        return logits

    process = Absorbing(2)
    x = process.reverse(model, torch.full((2000, 4), 2), 1.0, 0.0, generator=seeded(14))
    valid = ((x[:, :-1] + x[:, 1:]) == 1).all(1).float().mean()
    assert abs(valid - 2.0**-3) < 0.03  # 2000 draws: four deviations


def test_reverse_obeys_the_law():
    x_t = torch.full((50, 4), V)
    model = lambda u: torch.tensor([0.0, 2.0, 1.0]).expand(*u.shape, V)  # noqa: E731
    cold = Absorbing(V).reverse(model, x_t, 1.0, 0.0, law=Law(temperature=0.0))
    assert (cold == 1).all()
    two = Absorbing(V).reverse(model, x_t, 1.0, 0.0, law=Law(top_k=2), generator=seeded(15))
    assert set(two.flatten().tolist()) == {1, 2}


def test_bad_arguments_are_refused():
    process, model = Absorbing(V), table()
    with pytest.raises(ValueError, match="3 is the mask"):
        process.corrupt(torch.tensor([[3, 0, 1]]), 0.5)
    with pytest.raises(ValueError, match="times run from 0"):
        process.corrupt(EVERY, 1.5)
    with pytest.raises(ValueError, match="do not fit units"):
        process.corrupt(EVERY, torch.rand(27, 2))
    with pytest.raises(ValueError, match="none for the mask"):
        process.surprise(lambda x: torch.zeros(*x.shape, V + 1), EVERY, EVERY)
    with pytest.raises(ValueError, match="goes from t down to s"):
        process.reverse(model, EVERY, 0.2, 0.5)
    with pytest.raises(ValueError, match=r"2\^13 evaluations"):
        process.bound(model, torch.zeros(1, 13, dtype=torch.long), draws=None)
    with pytest.raises(ValueError, match="at least 1 draw"):
        process.bound(model, EVERY, draws=0)
