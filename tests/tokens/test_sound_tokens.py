"""Sound as units: latents of unit size, codes that name their level, frames; causal throughout."""

import pytest
import torch

from arlearn.tokens.sound import MelFrames, SoundCodec, SoundVAE, whole

WIDTHS = (8, 8, 16, 16)


@pytest.fixture(scope="module")
def frames():
    return torch.randn(2, 48, 10, generator=torch.Generator().manual_seed(0)) * 2 - 2


def vae(**options):
    torch.manual_seed(0)
    return SoundVAE(3, 10, WIDTHS, **options)


def codec():
    torch.manual_seed(0)
    made = SoundCodec(2, 8, 3, 10, WIDTHS)
    for _ in range(3):
        made.loss(torch.randn(4, 64, 10) * 2 - 2)
    return made.eval()


def test_frames_are_filled_up_with_the_last_one(frames):
    longer = whole(frames[:, :13], 8)
    assert longer.shape == (2, 16, 10) and torch.equal(longer[:, :13], frames[:, :13])
    assert (longer[:, 13:] == frames[:, 12:13]).all()
    assert torch.equal(whole(frames, 8), frames)


def test_latents_have_the_size_of_noise_after_fitting_the_scale(frames):
    made = vae()
    rows = list(torch.randn(20, 32, 10) * 3 + 1)
    made.fit_scale(rows)
    units = made.encode(torch.stack(rows))
    assert units.shape == (20, 4, 3)
    assert torch.allclose(units.mean((0, 1)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(units.flatten(0, 1).std(0), torch.ones(3), atol=1e-3)
    with torch.no_grad():  # and undone before decoding
        raw = made.frames(made.posterior(torch.stack(rows))[0])
        assert torch.allclose(made.decode(units), raw, atol=1e-4)


def test_a_generator_draws_from_the_posterior(frames):
    made = vae()
    mean, log_variance = made.posterior(frames)
    drawn = torch.stack(
        [made.encode(frames, generator=torch.Generator().manual_seed(k)) for k in range(300)]
    )
    assert torch.allclose(drawn.mean(0), mean, atol=0.35)
    assert torch.allclose(drawn.std(0), (0.5 * log_variance).exp(), rtol=0.3)
    assert torch.equal(made.encode(frames), made.encode(frames))


def test_a_latent_hears_its_own_frames_and_earlier_ones(frames):
    for made in (vae(), codec()):
        bent = frames.clone()
        bent[:, 24:] += 5
        before, after = made.read(frames), made.read(bent)
        assert torch.equal(before[:, :3], after[:, :3]) and (before[:, 3:] != after[:, 3:]).any()


def test_codes_name_their_level_and_come_back(frames):
    made = codec()
    codes = made.encode(frames)
    assert codes.shape == (2, 6, 2)
    assert (codes // 8 == torch.arange(2)).all()
    plain = made.quantizer.encode(made.read(frames))
    with torch.no_grad():
        assert torch.allclose(made.decode(codes), made.frames(made.quantizer.lookup(plain)))
        first = made.frames(made.quantizer.books[0].lookup(plain[..., 0]))
        assert torch.allclose(made.decode(codes[..., :1]), first, atol=1e-5)


def test_both_learn_to_resynthesise(frames):
    for made in (vae(), codec().train()):
        adam = torch.optim.Adam(made.parameters(), 5e-3)
        losses = []
        for _ in range(40):
            adam.zero_grad()
            losses.append(made.loss(frames))
            losses[-1].backward()
            adam.step()
        assert float(losses[-1].detach()) < 0.8 * float(losses[0].detach())


def test_what_stands_behind_the_frames_does_not_count(frames):
    made = vae()
    longer = torch.cat([frames, torch.full((2, 8, 10), 50.0)], 1)
    assert float(made.distance(longer, frames)) == 0


def test_mel_frames_are_themselves(frames):
    made = MelFrames(10)
    units = made.encode(frames)
    assert made.stride == 1 and torch.allclose(made.decode(units), frames, atol=1e-5)
    assert units.std() < frames.std()
