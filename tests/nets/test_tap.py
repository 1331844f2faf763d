"""A look inside a network leaves the network alone."""

import pytest
import torch
from torch import nn

from arlearn.nets.tap import tapped


def test_what_a_part_returns_is_seen_call_by_call_and_its_gradient_flows():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    plain = net(x)
    with tapped(net[1]) as seen:
        looked = net(x)
        net(2 * x)
    assert torch.equal(plain, looked) and len(seen) == 2
    assert torch.equal(seen[0], net[:2](x)) and torch.equal(seen[1], net[:2](2 * x))
    seen[0].sum().backward()
    assert net[0].weight.grad.abs().sum() > 0 and net[2].weight.grad is None


def test_the_look_ends_with_the_block_even_where_it_fails():
    net = nn.Linear(3, 2)
    with pytest.raises(RuntimeError, match="shapes"), tapped(net) as seen:
        net(torch.zeros(1, 5))
    net(torch.zeros(1, 3))
    assert seen == []
