"""The flow head: a regression with a known best answer, and draws that follow a two-point law."""

import pytest
import torch

from arlearn.heads import FlowHead, Law

POINTS = torch.tensor([[1.0, -0.5], [-1.0, 1.5]])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def trained():
    """State (1, 0): one of two points, evenly; state (0, 1): the second point alone."""
    torch.manual_seed(0)
    head, generator = FlowHead(2, 2, 32, 2, steps=25), seeded(1)
    optimizer = torch.optim.Adam(head.parameters(), lr=6e-3)
    h = torch.eye(2).repeat_interleave(128, 0)
    for step in range(200):
        which = torch.randint(2, (128,), generator=generator)
        target = torch.cat([POINTS[which], POINTS[1].expand(128, 2)])
        loss = head.loss(h, target, generator=generator).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 6e-3 * (1 - step / 200)
    return head.eval()


def test_it_draws_a_two_point_law(trained):
    """Mass 0.5 ± 0.06 (2000 draws alone: 0.011), nine in ten draws within 0.2 of a point."""
    h = torch.tensor([1.0, 0.0]).expand(2000, 2)
    units, log_p = trained.sample(h, generator=seeded(2))
    assert log_p is None and units.shape == (2000, 2)
    distance, nearest = torch.cdist(units, POINTS).min(1)
    assert abs(nearest.float().mean() - 0.5) < 0.06
    assert (distance < 0.2).float().mean() > 0.9
    for i in range(2):
        assert (units[nearest == i].mean(0) - POINTS[i]).abs().max() < 0.1


def test_each_state_has_its_own_law(trained):
    units, _ = trained.sample(torch.tensor([0.0, 1.0]).expand(500, 2), generator=seeded(3))
    assert (units - POINTS[1]).norm(dim=1).median() < 0.1


def test_guidance_moves_the_velocity_away_from_null(trained):
    """Away from "the second point", so the first is drawn more often than half the time."""
    h, null = torch.tensor([1.0, 0.0]).expand(500, 2), torch.tensor([0.0, 1.0]).expand(500, 2)
    units, _ = trained.sample(h, null=null, guidance=0.5, generator=seeded(4))
    assert (torch.cdist(units, POINTS).argmin(1) == 0).float().mean() > 0.6


def test_guidance_zero_is_conditional_and_equal_null_changes_nothing(trained):
    h, null = torch.eye(2), torch.eye(2).flip(0)
    plain, _ = trained.sample(h, generator=seeded(5))
    assert torch.equal(plain, trained.sample(h, null=null, guidance=0.0, generator=seeded(5))[0])
    same, _ = trained.sample(h, null=h, guidance=2.0, generator=seeded(5))
    assert torch.allclose(plain, same, atol=1e-4)


def test_temperature_scales_the_first_noise(trained):
    h = torch.tensor([1.0, 0.0]).expand(3, 2)
    still, _ = trained.sample(h, law=Law(temperature=0.0), generator=seeded(6))
    assert torch.equal(still[0], still[1]) and torch.equal(still[0], still[2])
    fresh = FlowHead(2, 2, 8, 1)  # velocity 0: a draw is its first noise
    noise, _ = fresh.sample(h, generator=seeded(7))
    half, _ = fresh.sample(h, law=Law(temperature=0.5), generator=seeded(7))
    assert torch.allclose(half, noise / 2) and noise.std() > 0.3


def test_a_fresh_loss_is_the_variance_of_the_velocity():
    """v = 0 predicts ε - x with error 1 + x², whatever the times."""
    head = FlowHead(3, 1, 8, 1, noise_draws=4000)
    loss = head.loss(torch.randn(1, 2, 3), torch.tensor([[[0.0], [2.0]]]), generator=seeded(8))
    assert torch.allclose(loss, torch.tensor([[1.0, 5.0]]), rtol=0.1)  # 4000 draws


def test_more_noise_draws_mean_the_same_with_less_noise():
    losses = []
    for n in (1, 8):
        head, g = FlowHead(3, 2, 8, 1, noise_draws=n), seeded(9)
        h, x = torch.ones(16, 3), torch.ones(16, 2)
        losses.append(torch.stack([head.loss(h, x, generator=g) for _ in range(60)]))
    one, eight = losses
    assert abs(one.mean() - eight.mean()) < 0.2  # both 2; 960 losses of deviation 1.7
    assert 4 < one.var(0).mean() / eight.var(0).mean() < 16


def test_times_can_be_given_one_for_each_unit():
    """The loss at given times is |v(z_t, t, h) - (ε - x)|² with exactly those times."""
    torch.manual_seed(0)
    head, asked = FlowHead(4, 3, 8, 1, noise_draws=2), []
    h, x = torch.randn(2, 5, 4), torch.randn(2, 5, 3)
    t = torch.rand(2, 2, generator=seeded(1)).repeat_interleave(torch.tensor([2, 3]), 1)
    inner = head.net.forward
    head.net.forward = lambda z, time, state: (asked.append((z, time)), inner(z, time, state))[1]
    loss = head.loss(h, x, t=t, generator=seeded(2))
    z, time = asked[0]
    assert torch.equal(time, t.flatten().expand(2, -1)) and loss.shape == (2, 5)
    eps = torch.randn(20, 3, generator=seeded(2)).view(2, 2, 5, 3)
    noisy = (1 - t[..., None]) * x + t[..., None] * eps
    torch.testing.assert_close(z.view(noisy.shape), noisy)
    right = (eps - x).square().mean((0, -1))  # a fresh network says 0
    torch.testing.assert_close(loss, right)


@pytest.mark.parametrize("shape", [(7,), (2, 5), (2, 4, 3)])
def test_units_stand_on_any_axes_and_each_hears_its_own_state(shape):
    """A token, a sequence, a sequence of cells: units have the leading axes of their states."""
    torch.manual_seed(0)
    head = FlowHead(4, 3, 8, 1, steps=2)
    for weights in head.parameters():
        weights.data += 0.3 * torch.randn(weights.shape)
    h = torch.randn(*shape, 4)
    units, _ = head.sample(h, generator=seeded(3))
    assert units.shape == (*shape, 3) and head.loss(h, units).shape == shape
    other = h.clone()
    other.view(-1, 4)[1] += 1
    changed = (head.sample(other, generator=seeded(3))[0] != units).any(-1).flatten()
    assert changed.tolist() == [i == 1 for i in range(len(changed))]


def test_heun_spends_two_evaluations_a_step():
    calls = []
    for solver in ("euler", "heun"):
        head = FlowHead(3, 2, 8, 1, steps=5, solver=solver)
        head.net.register_forward_hook(lambda *_: calls.append(1))
        head.sample(torch.randn(1, 3))
        calls.append(0)
    assert calls == [1] * 5 + [0] + [1] * 10 + [0]


def test_gradients_reach_the_state():
    head, h = FlowHead(3, 2, 8, 1), torch.randn(4, 3, requires_grad=True)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    head.loss(h, torch.randn(4, 2)).sum().backward()
    assert h.grad.abs().min() > 0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="3 channels, the head draws 2"):
        FlowHead(3, 2).loss(torch.randn(1, 3), torch.randn(1, 3))
    with pytest.raises(ValueError, match="guidance 1.0 needs null"):
        FlowHead(3, 2).sample(torch.randn(1, 3), guidance=1.0)
    with pytest.raises(ValueError, match="top_k=3, top_p=None truncate a categorical law"):
        FlowHead(3, 2).sample(torch.randn(1, 3), law=Law(top_k=3))
    with pytest.raises(ValueError, match="steps=0"):
        FlowHead(3, 2, steps=0)
