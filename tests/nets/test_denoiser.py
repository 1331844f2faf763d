"""The denoisers see both ways, fit the processes and samplers, and refuse what they cannot."""

import pytest
import torch

from arlearn.corrupt import euler, time_grid
from arlearn.decode import unmask
from arlearn.nets.denoiser import MaskedDenoiser, VelocityDenoiser
from arlearn.training import Batches, Recipe, fit


def masked(**options):
    torch.manual_seed(0)
    return MaskedDenoiser(5, 6, width=16, depth=2, **options).eval()


def velocity(**options):
    torch.manual_seed(0)
    model = VelocityDenoiser(3, 6, width=16, depth=2, **options).eval()
    torch.nn.init.normal_(model.exit.weight)  # it starts at zero, which would hide everything
    for part in model.modules():
        if isinstance(part, torch.nn.Linear) and not part.weight.any():
            torch.nn.init.normal_(part.weight, std=0.2)
    return model


def test_every_position_sees_both_ways():
    model, units = masked(), torch.randint(5, (1, 6), generator=torch.Generator().manual_seed(0))
    before = model(units)
    for i in range(6):
        other = units.clone()
        other[0, i] = (units[0, i] + 1) % 5
        assert ((model(other) - before).abs().sum(-1) > 0).all()


def test_places_tell_equal_units_apart():
    logits = masked()(torch.full((1, 6), 5))
    assert (logits[0, 1:] - logits[0, :-1]).abs().sum(-1).min() > 1e-3


def test_a_short_text_is_read_as_its_prefix():
    model = masked()
    assert model(torch.zeros(2, 4, dtype=torch.long)).shape == (2, 4, 5)


def test_the_untrained_bound_is_that_of_guessing():
    """Logits near 0 cost about log v nats a unit, whatever is masked."""
    model, units = masked(), torch.randint(5, (64, 6), generator=torch.Generator().manual_seed(1))
    torch.nn.init.zeros_(model.head.linear.weight)
    torch.nn.init.zeros_(model.head.linear.bias)
    bound = model.process.bound(model, units, draws=None) / 6
    assert torch.allclose(bound, torch.tensor(5.0).log().expand(64), atol=1e-4)
    loss = torch.stack([
        model.loss(units, generator=torch.Generator().manual_seed(seed)) for seed in range(20)
    ])  # fmt: skip
    assert loss.mean().item() == pytest.approx(1.609, abs=0.05)


def test_the_class_reaches_every_position_and_none_is_a_class_too():
    model, units = masked(classes=3), torch.zeros(3, 6, dtype=torch.long)
    for part in model.modules():
        if isinstance(part, torch.nn.Linear) and not part.weight.any():
            torch.nn.init.normal_(part.weight, std=0.2)
    one, two, none = (model(units[:1], torch.tensor([k])) for k in (0, 1, 3))
    assert (one - two).abs().sum(-1).min() > 1e-3
    assert torch.equal(model(units[:1]), none)


def test_labels_are_dropped_in_training_only():
    model = masked(classes=3, drop=1.0)
    labels = torch.tensor([0, 1, 2])
    assert torch.equal(model._known(3, labels), labels)
    assert model.train()._known(3, labels).tolist() == [3, 3, 3]


def test_the_time_and_both_neighbours_reach_the_velocity():
    model = velocity()
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    early, late = model(x, torch.full((2,), 0.1)), model(x, torch.full((2,), 0.9))
    assert (early - late).abs().amax() > 1e-3
    moved = x.clone()
    moved[:, -1] += 1
    assert (model(moved, torch.full((2,), 0.1)) - early)[:, 0].abs().max() > 1e-4


def test_a_new_velocity_is_zero_and_its_loss_that_of_the_target():
    torch.manual_seed(0)
    model = VelocityDenoiser(3, 6, width=16, depth=1)
    loss = model.loss(torch.zeros(4096, 6, 3), generator=torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(1, abs=0.02)


def test_samplers_and_fit_take_them():
    model, units = masked(), torch.randint(5, (20, 6), generator=torch.Generator().manual_seed(2))
    fit(model, Batches(units, size=8), 3, recipe=Recipe(precision="fp32"), progress=False)
    dice = torch.Generator().manual_seed(0)
    drawn, trace = unmask(model, model.blank(4), mask=model.mask, n_steps=3, generator=dice)
    assert drawn.shape == (4, 6) and drawn.max() < 5 and trace.evaluations == 3
    flow = velocity(classes=2)
    fit(
        flow,
        Batches(torch.randn(20, 6, 3, generator=dice), torch.arange(20) % 2, size=8),
        3,
        recipe=Recipe(precision="fp32"),
        progress=False,
    )
    with torch.no_grad():
        end = euler(flow, flow.noise(4, dice), time_grid(5))
    assert end.x.shape == (4, 6, 3) and end.evaluations == 5


def test_what_they_refuse():
    with pytest.raises(ValueError, match="7 positions do not fit a denoiser of length 6"):
        masked()(torch.zeros(1, 7, dtype=torch.long))
    with pytest.raises(ValueError, match="labels cannot be told"):
        masked()(torch.zeros(1, 6, dtype=torch.long), torch.tensor([0]))
    with pytest.raises(ValueError, match="classes are 0 … 2"):
        masked(classes=3)(torch.zeros(1, 6, dtype=torch.long), torch.tensor([4]))
    with pytest.raises(ValueError, match="give the time of each sample"):
        velocity().hidden(torch.zeros(1, 6, 16))
