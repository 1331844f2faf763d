"""CLEAR: arms differ in units and heads alone; streamed speech is the whole, chunk by chunk."""

import pytest
import torch

from arlearn.data.mel import Mel
from arlearn.decode.speak import speak
from arlearn.papers import clear
from arlearn.tokens.sound import SoundVAE

PHONES = ("a", "b", "c")
SIZES = clear.Sizes(width=16, depth=2, hidden=16, latent=3, codes=2, size=5, bins=40, draws=2)


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def speaker():
    torch.manual_seed(0)
    model = clear.arm("flow", PHONES, SIZES).eval()
    for weights in model.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    model.stop.bias.data.fill_(-100.0)
    return model, SoundVAE(3, 40, (8, 8, 16, 16)).eval()


def counted(module):
    return sum(weights.numel() for weights in module.parameters())


def test_arms_share_the_transformer_and_have_heads_of_about_one_size():
    arms = [clear.arm(kind, PHONES, clear.Sizes()) for kind in clear.ARMS]
    assert len({counted(arm.backbone) for arm in arms}) == 1
    heads = [counted(arm.head) for arm in arms]
    assert max(heads) < 1.15 * min(heads)
    assert [arm.levels for arm in arms] == [1, 4, 1, 1]
    assert [arm.codes for arm in arms] == [False, True, False, False]


@pytest.mark.parametrize("kind", clear.ARMS)
def test_every_arm_learns_a_pair_by_heart(kind):
    torch.manual_seed(0)
    model = clear.arm(kind, PHONES, SIZES).train()
    text, lengths = model.spelled([["a", "b"], ["c"]]), torch.tensor([3, 4])
    units = torch.randn(2, 4, 40 if kind == "mel" else 3, generator=dice())
    if kind == "codes":
        units = torch.randint(5, (2, 4, 2), generator=dice()) + torch.tensor([0, 5])
    adam, losses = torch.optim.Adam(model.parameters(), 5e-3), []
    for _ in range(60):
        adam.zero_grad()
        losses.append(model.loss(text, units, lengths))
        losses[-1].backward()
        adam.step()
    found = [float(loss.detach()) for loss in losses]
    assert sum(found[-5:]) < 0.7 * sum(found[:5])


def test_weights_of_guidance_are_the_paper_s():
    assert clear.weighted(1.0).guidance == 0 and clear.weighted(2.5).guidance == 1.5
    assert clear.weighted(1.5, 0.8).temperature == 0.8


@pytest.mark.parametrize("chunk", [2, 4])
def test_what_is_streamed_is_what_is_said(speaker, chunk):
    model, tokens = speaker
    text = model.spelled([["a", "b"]])
    said = speak(model, text, most=11, generator=dice())
    parts = clear.stream(
        model, tokens, text, chunk=chunk, overlap=1, context=10, most=11, generator=dice()
    )
    parts = list(parts)
    assert len(parts) > 2 and len(parts[0]) == 8 * (chunk - 1)
    assert torch.allclose(torch.cat(parts), clear.heard(tokens, said)[0], atol=1e-3)


def test_chunks_of_sound_fit_together(speaker):
    model, tokens = speaker
    text, mel = model.spelled([["a", "b"]]), Mel()
    parts = clear.stream(model, tokens, text, mel=mel, most=6, generator=dice())
    assert sum(len(part) for part in parts) == 6 * 8 * mel.hop
    assert len(clear.waves(mel, torch.full((16, 40), -3.0))) == 16 * mel.hop


def test_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="choose one of flow"):
        clear.arm("spline", PHONES, SIZES)
