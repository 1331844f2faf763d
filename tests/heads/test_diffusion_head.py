"""The diffusion head: a fresh one is a linear chain with a closed form; a trained one draws."""

import pytest
import torch

from arlearn.heads import DiffusionHead, Law

POINTS = torch.tensor([[1.0, -0.5], [-1.0, 1.5]])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_a_fresh_chain_is_the_closed_form_for_normal_units():
    """x̂ = √ᾱ_t x_t makes every mean √a x_t, a = ᾱ_t / ᾱ_s: the chain is a weighted sum."""
    head = DiffusionHead(3, 2, 8, 1, train_steps=100, steps=4, variance="forward", last=0.2)
    h, noise = torch.randn(5, 3), head.noise((5,), generator=seeded(0))
    signal = head.process.alpha_bar(torch.tensor([100, 75, 50, 25, 0])).float()
    shrink = (signal[:-1] / signal[1:]).sqrt()
    x = noise[0]
    for step in range(4):
        mean = shrink[step] * x
        assert torch.allclose(head.mean(x, step, h), mean, atol=1e-5)
        x = mean + (1 - shrink[step] ** 2).sqrt() * noise[step + 1]
    assert torch.allclose(head.chain(h, noise), mean, atol=1e-5)


def test_fresh_draws_with_forward_variances_are_standard_normal():
    """Forward variances keep variance 1 down to the last step; so does a last one that fits."""
    head = DiffusionHead(3, 4, 8, 1, train_steps=100, steps=8, variance="forward")
    head.deviations[-1] = float((1 - head.process.alpha_bar(head.times[-2])).sqrt())
    units, _ = head.sample(torch.zeros(5000, 3), generator=seeded(1))
    assert units.mean().abs() < 0.02 and abs(units.std() - 1) < 0.02  # 20,000 numbers


@pytest.mark.parametrize("variance", ["posterior", "forward"])
def test_deviations_are_those_of_the_respaced_chain(variance):
    head = DiffusionHead(3, 2, train_steps=1000, steps=5, variance=variance, last=0.25)
    assert head.times == [1000, 800, 600, 400, 200, 0] and head.deviations[-1] == 0.25
    for step in range(4):
        late, early = (head.process.alpha_bar(t) for t in head.times[step : step + 2])
        wanted = 1 - late / early
        if variance == "posterior":
            wanted = wanted * (1 - early) / (1 - late)
        assert head.deviations[step] == pytest.approx(float(wanted.sqrt()), abs=1e-12)


def test_a_draw_is_the_chain_on_its_noise_and_shared_noise_is_shared():
    head = DiffusionHead(3, 2, 8, 1, steps=6, last=0.3)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=seeded(2))
    h = torch.randn(4, 3, generator=seeded(3))
    noise = head.noise((4,), generator=seeded(4))
    with torch.no_grad():
        mean = head.chain(h, noise)
    units, log_p = head.sample(h, generator=seeded(4))
    assert log_p is None
    assert torch.equal(units, mean + 0.3 * noise[-1])
    other = noise.clone()
    other[-1] += 1  # the last step's noise does not enter its mean
    with torch.no_grad():
        assert torch.equal(head.chain(h, other), mean)


def test_guidance_zero_is_conditional_and_equal_null_changes_nothing():
    head = DiffusionHead(3, 2, 8, 1, steps=6)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=seeded(2))
    h, null = torch.randn(4, 3, generator=seeded(3)), torch.randn(4, 3, generator=seeded(5))
    plain, _ = head.sample(h, generator=seeded(6))
    assert torch.equal(plain, head.sample(h, null=null, generator=seeded(6))[0])
    same, _ = head.sample(h, null=h, guidance=2.0, generator=seeded(6))
    assert torch.allclose(plain, same, atol=1e-4)
    other, _ = head.sample(h, null=null, guidance=2.0, generator=seeded(6))
    assert (plain - other).abs().max() > 1e-2


def test_temperature_zero_has_no_noise_left():
    head = DiffusionHead(3, 2, 8, 1, steps=6, last=0.3)
    units, _ = head.sample(torch.ones(3, 3), law=Law(temperature=0.0), generator=seeded(7))
    assert torch.equal(units, torch.zeros(3, 2))  # a fresh head's chain is linear in its noise


def test_a_fresh_loss_is_that_of_the_best_head_for_normal_units():
    """ε̂ = √(1 - ᾱ) x_t leaves E(ε - ε̂)² = ᾱ_t for standard normal units."""
    head = DiffusionHead(3, 4, 8, 1, train_steps=10, steps=10)
    x = torch.randn(8000, 4, generator=seeded(8))
    loss = head.loss(torch.zeros(8000, 3), x, generator=seeded(9)).mean()
    wanted = head.process.alpha_bar(torch.arange(1, 11)).mean()
    assert loss.item() == pytest.approx(float(wanted), rel=0.03)


def test_it_draws_a_two_point_law():
    """Trained for 200 steps: mass 0.5 ± 0.08 and nine in ten within 0.25 of a point."""
    torch.manual_seed(0)
    head, generator = DiffusionHead(1, 2, 32, 2, train_steps=200, steps=25), seeded(1)
    optimizer = torch.optim.Adam(head.parameters(), lr=6e-3)
    h = torch.ones(192, 1)
    for step in range(200):
        target = POINTS[torch.randint(2, (192,), generator=generator)]
        loss = head.loss(h, target, generator=generator).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] = 6e-3 * (1 - step / 200)
    units, _ = head.sample(torch.ones(2000, 1), generator=seeded(2))
    distance, nearest = torch.cdist(units, POINTS).min(1)
    assert abs(nearest.float().mean() - 0.5) < 0.08
    assert (distance < 0.25).float().mean() > 0.9


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="30 sampling steps out of a chain of 20"):
        DiffusionHead(3, 2, train_steps=20, steps=30)
    with pytest.raises(ValueError, match="last=-1"):
        DiffusionHead(3, 2, last=-1.0)
    with pytest.raises(ValueError, match="3 channels, the head draws 2"):
        DiffusionHead(3, 2).loss(torch.randn(1, 3), torch.randn(1, 3))
    with pytest.raises(ValueError, match="needs null"):
        DiffusionHead(3, 2).sample(torch.randn(1, 3), guidance=1.0)
    with pytest.raises(ValueError, match="truncate"):
        DiffusionHead(3, 2).sample(torch.randn(1, 3), law=Law(top_p=0.5))
