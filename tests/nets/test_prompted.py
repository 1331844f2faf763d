"""A model that answers: its prompt is never masked and never scored."""

import math

import torch

from arlearn.nets.prompted import PromptedDenoiser


def model():
    torch.manual_seed(0)
    return PromptedDenoiser(7, 4, 6, width=16, depth=2).eval()


def test_the_prompt_is_read_and_never_hidden():
    net, rows = model(), torch.randint(7, (32, 10), generator=torch.Generator().manual_seed(1))
    seen, forward = [], net.forward
    net.forward = lambda units: seen.append(units) or forward(units)
    net.loss(rows)
    assert torch.equal(seen[0][:, :4], rows[:, :4]) and (seen[0][:, 4:] == net.mask).any()
    assert net.given.tolist() == [True] * 4 + [False] * 6


def test_the_loss_counts_answers_alone():
    """Untrained with logits 0: half of the answer is hidden in the mean, each costs log 7."""
    net = model()
    torch.nn.init.zeros_(net.head.linear.weight)
    torch.nn.init.zeros_(net.head.linear.bias)
    rows = torch.randint(7, (4000, 10), generator=torch.Generator().manual_seed(1))
    dice = torch.Generator().manual_seed(2)
    assert abs(net.loss(rows, generator=dice).item() - math.log(7) / 2) < 0.02
    bound = net.loss(rows, weight="likelihood", generator=dice)
    assert abs(bound.item() - math.log(7)) < 0.1
