"""A linear classifier on frozen features: what is linear is found, what is not is not."""

import pytest
import torch

from arlearn.metrics.linear_probe import linear_probe


def test_the_linear_probe_finds_what_is_linear_and_no_more():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(600, 5, generator=generator)
    labels = (x[:, :3] * torch.tensor([1.0, 50.0, -3.0])).argmax(1)
    scaled = x * torch.tensor([1e3, 1.0, 1e-3, 1.0, 1.0]) + 7  # scales are evened out
    train, test = (scaled[:400], labels[:400]), (scaled[400:], labels[400:])
    again = linear_probe(train, test)
    assert again == linear_probe(train, test) > 0.9
    ring = (x.square().sum(1) > 4.3).long()
    assert linear_probe((x[:400], ring[:400]), (x[400:], ring[400:])) < 0.7
    with pytest.raises(ValueError, match="take both from the same layer"):
        linear_probe((x[:400], ring[:400]), (x[400:, :4], ring[400:]))
