"""Heads behind a trunk: the law is the head's, and a level's probability stays in its level."""

import pytest
import torch

from arlearn.heads.deep import Deep, LevelHead, Trunk
from arlearn.heads.gaussian import GaussianHead
from arlearn.heads.law import Law


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_deep_head_is_the_head_on_the_trunk():
    torch.manual_seed(0)
    trunk, law = Trunk(5, 8, 2), GaussianHead(8, 3, deviation=0.5)
    deep, h, null = Deep(trunk, law), torch.randn(4, 5), torch.randn(4, 5)
    x = torch.randn(4, 3)
    assert torch.equal(deep.loss(h, x), law.loss(trunk(h), x))
    light = Deep(trunk, law, weight=0.25)
    assert torch.allclose(light.loss(h, x), law.loss(trunk(h), x) / 4)
    ours, _ = deep.sample(h, null=null, guidance=0.7, generator=dice())
    theirs, _ = law.sample(trunk(h), null=trunk(null), guidance=0.7, generator=dice())
    assert torch.equal(ours, theirs)


def test_states_do_not_meet_in_a_trunk():
    trunk, h = Trunk(5, 8, 2), torch.randn(6, 5)
    bent = h.clone()
    bent[2] += 1
    moved = (trunk(bent) != trunk(h)).any(-1)
    assert moved.tolist() == [i == 2 for i in range(6)]


def test_a_level_shares_its_probability_among_its_own_codes():
    torch.manual_seed(0)
    head, h = LevelHead(5, 3, 4), torch.randn(2, 5)
    for level in range(3):
        codes = torch.arange(4) + 4 * level
        p = torch.stack([(-head.loss(h, codes[i].expand(2))).exp() for i in range(4)])
        assert torch.allclose(p.sum(0), torch.ones(2), atol=1e-5)
        drawn, log_p = head.sample(h.expand(2, 5).repeat(500, 1), level=level, generator=dice())
        assert int(drawn.min()) >= 4 * level and int(drawn.max()) < 4 * level + 4
        share = (drawn[::2, None] == codes).float().mean(0)
        assert torch.allclose(share, p[:, 0], atol=0.07)
        assert torch.allclose(-head.loss(h.repeat(500, 1), drawn), log_p, atol=1e-5)


def test_guidance_and_truncation_act_within_the_level():
    torch.manual_seed(0)
    head, (h, null) = LevelHead(5, 2, 4), torch.randn(2, 3, 5)
    best, _ = head.sample(h, level=1, law=Law(temperature=0))
    assert torch.equal(best, head(h)[:, 1].argmax(-1) + 4)
    pushed, _ = head.sample(h, level=1, null=null, guidance=2.0, law=Law(temperature=0))
    mixed = 3 * head(h)[:, 1] - 2 * head(null)[:, 1]
    assert torch.equal(pushed, mixed.argmax(-1) + 4)
    with pytest.raises(ValueError, match="needs null"):
        head.sample(h, guidance=1.0)
