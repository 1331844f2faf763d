"""The directed flow head: the paper's guidance, each unit alone, both of two modes."""

import pytest
import torch

from arlearn.corrupt.flow import time_grid
from arlearn.heads.directed import DirectedFlow
from arlearn.heads.flow import FlowHead
from arlearn.heads.gaussian import GaussianHead
from arlearn.heads.law import Law


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def head():
    torch.manual_seed(0)
    made = DirectedFlow(6, 3, 16, 2, steps=5)
    for weights in made.parameters():
        weights.data += 0.3 * torch.randn_like(weights)
    return made


def test_a_prepared_draw_is_that_of_the_plain_flow_head(head):
    plain = FlowHead(6, 3, 16, 2, steps=5)
    plain.load_state_dict(head.state_dict())
    h, null = torch.randn(2, 4, 5, 6)
    for options in ({}, {"null": null, "guidance": 1.5}):
        ours, _ = head.sample(h, generator=dice(), **options)
        theirs, _ = plain.sample(h, generator=dice(), **options)
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_weight_1_is_the_conditional_velocity_and_weight_0_the_unconditional(head):
    h, null = torch.randn(2, 7, 6)
    one, _ = head.sample(h, null=null, guidance=1.0 - 1, generator=dice())
    zero, _ = head.sample(h, null=null, guidance=0.0 - 1, generator=dice())
    assert torch.equal(one, head.sample(h, generator=dice())[0])
    assert torch.allclose(zero, head.sample(null, generator=dice())[0], atol=1e-6)


def test_guidance_mixes_velocities_of_one_z(head):
    h, null = torch.randn(2, 7, 6)
    w, (t, s) = 2.5, time_grid(1).tolist()
    z = torch.randn(7, 3, generator=dice())
    both = [head.velocity(z, torch.full((7,), t), x) for x in (h, null)]
    step = z + (s - t) * (w * both[0] + (1 - w) * both[1])
    found, _ = head.sample(h, null=null, guidance=w - 1, steps=1, generator=dice())
    assert torch.allclose(found, step, atol=1e-5)


def test_each_unit_is_drawn_alone(head):
    h, order = torch.randn(9, 6), torch.randperm(9, generator=dice(3))
    t, z = torch.rand(9), torch.randn(9, 3)
    with torch.no_grad():
        straight, mixed = head.velocity(z, t, h), head.velocity(z[order], t[order], h[order])
    assert torch.allclose(straight[order], mixed, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 4, 10])
def test_where_the_velocity_is_constant_one_step_lands_as_well_as_ten(head, steps):
    for weights in head.parameters():
        weights.data.zero_()
    head.net.exit.bias.data.copy_(torch.tensor([1.0, -2.0, 0.5]))
    noise = torch.randn(4, 3, generator=dice())
    found, path = head.sample(torch.randn(4, 6), generator=dice(), steps=steps, keep_path=True)
    assert torch.allclose(found, noise - head.net.exit.bias, atol=1e-5)
    assert path.shape == (steps + 1, 4, 3) and torch.equal(path[0], noise)


def test_the_loss_counts_size_and_direction(head):
    for weights in head.parameters():
        weights.data.zero_()
    x = torch.zeros(500, 3)
    lost = head.loss(torch.zeros(500, 6), x, generator=dice())
    assert float(lost.mean().detach()) == pytest.approx(1 + 1, abs=0.1)  # |ε|² = 1, no direction
    t = torch.full((500,), 0.5)
    other = head.loss(torch.zeros(500, 6), x, t=t, generator=dice())
    assert lost.shape == other.shape == (500,)


def test_several_draws_make_the_loss_steadier():
    torch.manual_seed(0)
    heads = [DirectedFlow(6, 3, 16, 1, noise_draws=n) for n in (1, 8)]
    h, x = torch.randn(400, 6), torch.randn(400, 3)
    with torch.no_grad():
        spread = [float(one.loss(h, x, generator=dice()).std()) for one in heads]
    assert spread[1] < 0.6 * spread[0]


def test_two_modes_are_both_drawn_and_the_mean_of_squares_lies_between():
    torch.manual_seed(0)
    flow, mean = DirectedFlow(2, 2, 32, 2, noise_draws=2), GaussianHead(2, 2, deviation=1.0)
    modes, h = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.ones(256, 2)
    for head, rate in ((flow, 4e-3), (mean, 3e-2)):
        adam = torch.optim.Adam(head.parameters(), rate)
        for step in range(300):
            which = torch.randint(2, (256,), generator=dice(step))
            adam.zero_grad()
            head.loss(h, modes[which]).mean().backward()
            adam.step()
    drawn, _ = flow.sample(torch.ones(2000, 2), generator=dice(), steps=20)
    near = (drawn[:, None] - modes).norm(dim=-1)
    assert float((near.min(1).values < 0.5).float().mean()) > 0.9
    assert float((near.argmin(1) == 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    middle, _ = mean.sample(h[:1], law=Law(temperature=0))
    assert middle.abs().max() < 0.15


def test_what_does_not_fit_is_refused(head):
    with pytest.raises(ValueError, match="4 channels"):
        head.loss(torch.zeros(2, 6), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="needs null"):
        head.sample(torch.zeros(2, 6), guidance=1.0)
    with pytest.raises(ValueError, match="truncate"):
        head.sample(torch.zeros(2, 6), law=Law(top_k=2))
