"""Uniform-state diffusion against enumeration."""

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare

from arlearn.corrupt import Cosine, Linear, Uniform
from arlearn.heads import Law

V = 4
TIMES = [(0.8, 0.3), (1.0, 0.5), (0.4, 0.0)]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def kernel(process, s, t):
    """q(x_t | x_s) as a matrix, from row to column, as the chain is defined."""
    late, early = (float(process.schedule.alpha(torch.tensor(time))) for time in (t, s))
    step = late / early
    return step * torch.eye(V).double() + (1 - step) / V


def bayes(process, t, s):
    """q(x_s | x_t, x) at [x, x_t, x_s], by Bayes from the two kernels."""
    first, second = kernel(process, 0.0, s), kernel(process, s, t)
    both = first[:, None, :] * second.T[None, :, :]
    return both / both.sum(-1, keepdim=True)


def every_pair():
    """All (x, x_t), as two rows of 16 positions."""
    x = torch.arange(V).repeat_interleave(V)[None]
    return x, torch.arange(V).repeat(V)[None]


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=str)
@pytest.mark.parametrize(("t", "s"), TIMES)
def test_posterior_is_bayes_and_sums_to_one(schedule, t, s):
    process, (x, x_t) = Uniform(V, schedule), every_pair()
    known = F.one_hot(x[0], V).double().view(V, V, V)  # at s = 0, x_s is x
    wanted = bayes(process, t, s) if s > 0 else known
    law = process.posterior(x_t, F.one_hot(x, V).float(), t, s)
    assert torch.allclose(law.view(V, V, V).double(), wanted, atol=1e-6)
    assert torch.allclose(law.sum(-1), torch.ones(1, V * V), atol=1e-6)


@pytest.mark.parametrize(("t", "s"), TIMES)
def test_posterior_of_a_law_is_the_mixture(t, s):
    process = Uniform(V)
    clean = torch.rand(1, V, V, generator=seeded(0)).softmax(-1)
    x_t = torch.arange(V)[None]
    law = process.posterior(x_t, clean, t, s)
    if s > 0:
        parts = bayes(process, t, s)  # [x, x_t, x_s]
        wanted = torch.einsum("tx,xts->ts", clean[0].double(), parts)
        assert torch.allclose(law[0].double(), wanted, atol=1e-6)
    assert torch.allclose(law.sum(-1), torch.ones(1, V), atol=1e-6)
    if s == 0:
        assert torch.allclose(law, clean, atol=1e-6)


@pytest.mark.parametrize(("t", "s"), TIMES)
def test_forward_then_posterior_gives_the_forward_law_of_the_earlier_time(t, s):
    process, (x, x_t) = Uniform(V, Cosine()), every_pair()
    there = process.forward_law(torch.arange(V)[None], t)[0]  # [x, x_t]
    law = process.posterior(x_t, F.one_hot(x, V).float(), t, s).view(V, V, V)
    earlier = torch.einsum("xt,xts->xs", there, law)
    assert torch.allclose(earlier, process.forward_law(torch.arange(V)[None], s)[0], atol=1e-6)


def exact(process, prior):
    """The model that knows p(x) of a single unit: p(x | x_t) by Bayes."""

    def model(x_t, t):
        likely = process.forward_law(torch.arange(V)[None], float(t[0]))[0]  # [x, x_t]
        return (prior[:, None] * likely).T[x_t].log()

    return model


def test_the_exact_model_of_one_unit_meets_the_entropy():
    """Expected bound over data and noise, summed exactly = H(p): no gap in the exact reverse."""
    process, prior, steps = Uniform(V), torch.tensor([0.5, 0.3, 0.15, 0.05]), 7
    (x, x_t), total = every_pair(), 0.0
    for i in range(1, steps + 1):
        there = process.forward_law(torch.arange(V)[None], i / steps)[0].flatten()
        cost = process.divergence(
            exact(process, prior), x.view(-1, 1), x_t.view(-1, 1), i / steps, (i - 1) / steps
        )[:, 0]
        total += (prior.repeat_interleave(V) * there * cost).sum()
    assert float(total) == pytest.approx(float(-(prior * prior.log()).sum()), abs=1e-5)


def test_divergence_is_zero_for_the_truth_and_positive_else():
    process, (x, x_t) = Uniform(V), every_pair()
    right = lambda u, t: 50 * F.one_hot(x, V).float()  # noqa: E731
    wrong = lambda u, t: torch.zeros(*u.shape, V)  # noqa: E731
    assert process.divergence(right, x, x_t, 0.6, 0.2).abs().max() < 1e-5
    assert process.divergence(wrong, x, x_t, 0.6, 0.2).min() > 1e-4


def test_loss_has_the_bound_as_its_mean():
    process, prior = Uniform(V), torch.tensor([0.5, 0.3, 0.15, 0.05])
    skewed = lambda u, t: prior.log() + 2 * F.one_hot(u, V) * (1 - t[:, None, None])  # noqa: E731
    x = torch.tensor([[0, 3]]).expand(8000, 2)
    loss = process.loss(skewed, x, steps=6, generator=seeded(1)).sum(1)
    bound = process.bound(skewed, x, steps=6, generator=seeded(2))
    error = (loss.var() / 8000 + bound.var() / 8000).sqrt()
    assert (loss.mean() - bound.mean()).abs() < 4 * error
    assert bound.std() < loss.std()


def test_uniform_weights_are_the_cross_entropy_of_the_clean_unit():
    logits = torch.randn(V, generator=seeded(3))
    x = torch.tensor([[0, 1, 2, 3]])
    loss = Uniform(V).loss(lambda u, t: logits.expand(*u.shape, V), x, weight="uniform")
    assert torch.allclose(loss[0], -logits.log_softmax(0), atol=1e-6)


@pytest.mark.parametrize("t", [0.0, 0.4, 1.0])
def test_corrupt_follows_the_forward_law(t):
    process, x = Uniform(V), torch.full((20_000, 1), 2)
    counts = torch.bincount(process.corrupt(x, t, generator=seeded(4)).flatten(), minlength=V)
    law = process.forward_law(x[:1], t)[0, 0].double()
    assert counts[law == 0].sum() == 0
    if t > 0:
        assert chisquare(counts, law / law.sum() * 20_000).pvalue > 1e-3  # fixed seed


def test_reverse_follows_the_posterior_and_may_change_any_unit():
    process, logits = Uniform(V), torch.tensor([1.0, 0.0, -1.0, 0.5])
    model = lambda u, t: logits.expand(*u.shape, V)  # noqa: E731
    x_t = torch.full((20_000, 1), 2)
    x_s = process.reverse(model, x_t, 0.7, 0.2, generator=seeded(5))
    law = process.posterior(x_t[:1], logits.softmax(0).view(1, 1, V), 0.7, 0.2)[0, 0].double()
    counts = torch.bincount(x_s.flatten(), minlength=V)
    assert chisquare(counts, law / law.sum() * 20_000).pvalue > 1e-3
    end = process.reverse(model, x_t, 0.5, 0.0, law=Law(temperature=0.0))
    assert (end == 0).all()


def test_bad_arguments_are_refused():
    process, x = Uniform(V), torch.tensor([[0, 1]])
    model = lambda u, t: torch.zeros(*u.shape, V)  # noqa: E731
    with pytest.raises(ValueError, match="vocabulary from 0 to 3"):
        process.corrupt(x + 4, 0.5)
    with pytest.raises(ValueError, match="times run from 0"):
        process.corrupt(x, -0.1)
    with pytest.raises(ValueError, match="goes from t down to s"):
        process.reverse(model, x, 0.2, 0.2)
    with pytest.raises(ValueError, match="must give 4 logits"):
        process.bound(lambda u, t: torch.zeros(*u.shape, V + 1), x)
    with pytest.raises(ValueError, match="at least 1 step"):
        process.loss(model, x, steps=0)
