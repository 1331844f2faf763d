"""Flow paths and solvers against laws whose velocity is known."""

import math
from itertools import pairwise

import pytest
import torch

from arlearn.corrupt import Flow, euler, euler_maruyama, heun, time_grid

S = 0.5  # the deviation of the Gaussian data below


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def gaussian(x, t):
    """The exact velocity for data N(0, S²): every path is noise * sqrt((1-t)² S² + t²)."""
    t = t[:, None]
    return x * (t - (1 - t) * S**2) / ((1 - t) ** 2 * S**2 + t**2)


def two_points(x, t):
    """The exact velocity for data ±1: (x - E[data | x]) / t."""
    t = t[:, None]
    return (x - torch.tanh((1 - t) * x / t**2)) / t


def test_corrupt_ends_at_data_and_noise():
    x, eps = torch.randn(4, 3, 2), torch.randn(4, 3, 2)
    assert torch.equal(Flow().corrupt(x, 0.0, eps), x)
    assert torch.equal(Flow().corrupt(x, 1.0, eps), eps)
    mixed = Flow().corrupt(x, torch.tensor([0.0, 1.0, 0.25, 0.5]), eps)
    assert torch.allclose(mixed[2], 0.75 * x[2] + 0.25 * eps[2])
    by_unit = Flow().corrupt(x, torch.tensor([[0.0, 1.0, 0.5]] * 4), eps)
    assert torch.equal(by_unit[:, 0], x[:, 0]) and torch.equal(by_unit[:, 1], eps[:, 1])


@pytest.mark.parametrize("time", ["uniform", "logit-normal"])
def test_the_true_velocity_has_no_loss_and_zero_has_its_variance(time):
    x = torch.full((4000, 3), 2.0)

    def truth(x_t, t):  # for data that is one point, ε - x follows from x_t
        return (x_t - x) / t[:, None]

    flow = Flow(time)
    assert flow.loss(truth, x, generator=seeded(0)).max() < 1e-4
    zero = flow.loss(lambda x_t, t: torch.zeros_like(x_t), x, generator=seeded(0))
    assert zero.shape == (4000,) and zero.mean().item() == pytest.approx(5.0, rel=0.05)


def test_loss_takes_times_per_position():
    seen = []

    def model(x_t, t):
        seen.append(t)
        return torch.zeros_like(x_t)

    t = torch.rand(2, 3)
    Flow().loss(model, torch.randn(2, 3, 4), t=t)
    assert torch.equal(seen[0], t)


def test_training_times_follow_their_law():
    uniform = Flow().times(1000, generator=seeded(1)).sort().values
    assert (uniform - torch.arange(1, 1001) / 1000).abs().max() <= 1e-3 + 1e-6  # one per stratum
    middle = Flow("logit-normal").times(20_000, generator=seeded(2))
    assert abs((middle < torch.tensor(1.0).sigmoid()).float().mean() - 0.8413) < 0.01


def test_reverse_is_exact_on_straight_paths():
    x, eps = torch.randn(5, 2), torch.randn(5, 2)
    x_t = Flow().corrupt(x, 0.9, eps)
    for s in (0.5, 0.0):
        x_s = Flow().reverse(lambda x_t, t: eps - x, x_t, 0.9, s)
        assert torch.allclose(x_s, Flow().corrupt(x, s, eps), atol=1e-6)


@pytest.mark.parametrize("solve", [euler, heun])
def test_solvers_are_exact_on_straight_paths(solve):
    x, eps = torch.randn(5, 2), torch.randn(5, 2)
    solution = solve(lambda x_t, t: eps - x, eps, time_grid(3), keep_path=True)
    assert torch.allclose(solution.x, x, atol=1e-6)
    assert solution.path.shape == (4, 5, 2)
    assert torch.equal(solution.path[0], eps) and torch.equal(solution.path[-1], solution.x)


@pytest.mark.parametrize(("solve", "order"), [(euler, 1), (heun, 2)])
def test_solvers_converge_with_their_order(solve, order):
    x = torch.randn(50, 1, generator=seeded(3)).double()
    error = [(solve(gaussian, x, time_grid(n)).x - S * x).abs().max().item() for n in (40, 80, 160)]
    for coarse, fine in pairwise(error):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize(("solve", "each"), [(euler, 1), (heun, 2), (euler_maruyama, 1)])
def test_evaluations_are_counted(solve, each):
    calls = []

    def velocity(x, t):
        calls.append(t)
        assert t.shape == (3,)
        return torch.zeros_like(x)

    solution = solve(velocity, torch.randn(3, 2), time_grid(7))
    assert solution.evaluations == len(calls) == 7 * each
    assert solution.path is None


def test_two_points_are_reached_evenly():
    x = torch.randn(4000, 1, generator=seeded(4))
    plain = euler(two_points, x, time_grid(50)).x
    noisy = euler_maruyama(two_points, x, time_grid(50), generator=seeded(5)).x
    for end in (plain, noisy):
        assert abs((end > 0).float().mean() - 0.5) < 0.03  # 4000 draws: 3.8 deviations
    assert (plain.abs() - 1).abs().quantile(0.99) < 1e-3
    # The stochastic end keeps noise in the order of its last step, 0.02.
    assert (noisy.abs() - 1).abs().quantile(0.9) < 0.1


def test_without_diffusion_euler_maruyama_is_euler():
    x = torch.randn(6, 2, generator=seeded(6))
    plain = euler(gaussian, x, time_grid(9)).x
    assert torch.equal(plain, euler_maruyama(gaussian, x, time_grid(9), diffusion=lambda t: 0.0).x)


def test_euler_maruyama_keeps_the_marginals_of_the_flow():
    """At every time the deviation is sqrt((1-t)² S² + t²), though the paths are others."""
    x = torch.randn(20_000, 1, generator=seeded(7))
    times = time_grid(200)
    path = euler_maruyama(gaussian, x, times, generator=seeded(8), keep_path=True).path
    for i in (50, 100, 150, 200):
        t = float(times[i])
        wanted = math.sqrt((1 - t) ** 2 * S**2 + t**2)
        assert path[i].std().item() == pytest.approx(wanted, rel=0.03)  # sampling: 0.5%
    together = torch.corrcoef(torch.stack([x[:, 0], path[-1][:, 0]]))[0, 1]
    assert together < 0.5  # the flow itself would keep it at 1


def test_time_grid():
    assert time_grid(4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert time_grid(2, start=0.5, end=0.1).tolist() == pytest.approx([0.5, 0.3, 0.1])


def test_bad_arguments_are_refused():
    x = torch.zeros(2, 1)
    with pytest.raises(ValueError, match="at least 1 step"):
        time_grid(0)
    with pytest.raises(ValueError, match="fall from noise to data"):
        euler(gaussian, x, torch.tensor([0.0, 0.5, 1.0]))
    with pytest.raises(ValueError, match="fall from noise to data"):
        heun(gaussian, x, torch.tensor([1.0]))
    with pytest.raises(ValueError, match="goes from t down to s"):
        euler(gaussian, x, torch.tensor([1.5, 0.0]))
    with pytest.raises(ValueError, match="goes from t down to s"):
        Flow().reverse(gaussian, x, 0.0, 0.5)
    with pytest.raises(ValueError, match="times run from 0"):
        Flow().corrupt(x, 2.0, x)
