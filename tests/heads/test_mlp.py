"""The network of the continuous heads: silent when fresh, per unit, steered by state and time."""

import torch

from arlearn.heads.mlp import ModulatedBlock, ModulatedMLP, TimeEmbedding


def awake(net):
    """The network with every zero-initialised layer drawn anew."""
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        if not parameter.any():
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return net


def test_a_fresh_network_says_zero_and_a_fresh_block_nothing():
    x, c = torch.randn(3, 8), torch.randn(3, 8)
    assert torch.equal(ModulatedBlock(8)(x, c), x)
    assert not ModulatedMLP(5, 4, 8, 2)(torch.randn(3, 4), torch.rand(3), torch.randn(3, 5)).any()


def test_units_do_not_look_at_each_other():
    net = awake(ModulatedMLP(5, 4, 8, 2))
    z, t, h = torch.randn(6, 4), torch.rand(6), torch.randn(6, 5)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.allclose(net(z, t, h)[order], net(z[order], t[order], h[order]), atol=1e-6)


def test_it_reads_unit_time_and_state():
    net = awake(ModulatedMLP(5, 4, 8, 2))
    z, t, h = torch.randn(1, 4), torch.rand(1), torch.randn(1, 5)
    out = net(z, t, h)
    for other in (net(z + 1, t, h), net(z, t / 2, h), net(z, t, h + 1)):
        assert (out - other).abs().max() > 1e-3


def test_every_block_reads_the_condition():
    """With the last modulation cut, only the blocks can tell two states apart."""
    net = awake(ModulatedMLP(5, 4, 8, 1))
    torch.nn.init.zeros_(net.modulation.weight)
    z, t, h = torch.randn(1, 4), torch.rand(1), torch.randn(1, 5)
    assert (net(z, t, h) - net(z, t, h + 1)).abs().max() > 1e-3


def test_one_state_serves_many_draws():
    net = awake(ModulatedMLP(5, 4, 8, 2))
    z, t, h = torch.randn(3, 2, 4), torch.rand(3, 2), torch.randn(2, 5)
    assert torch.allclose(net(z, t, h)[1], net(z[1], t[1], h), atol=1e-6)


def test_times_a_thousandth_apart_are_told_apart():
    embed = TimeEmbedding(8)
    t = torch.linspace(0, 1, 1001)
    waves = torch.cat(
        [(t[:, None] * embed.frequencies).cos(), (t[:, None] * embed.frequencies).sin()], 1
    )
    apart = torch.cdist(waves, waves) + 10 * torch.eye(1001)
    assert apart.min() > 0.1
