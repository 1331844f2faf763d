"""Changes of rate: nothing is lost on the way, the shortcut keeps the mean."""

import pytest
import torch

from arlearn.nets.sound import (
    Down,
    Snake,
    Up,
    decoder,
    down_shortcut,
    encoder,
    to_channels,
    to_time,
    up_shortcut,
)

WIDTHS = (8, 8, 16, 16)


def test_time_into_channels_and_back_is_the_identity():
    x = torch.randn(2, 6, 24)
    for stride in (2, 3, 4, 8):
        assert torch.equal(to_time(to_channels(x, stride), stride), x)
    row = torch.arange(6.0).view(1, 1, 6)
    assert to_channels(row, 2)[0].tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize(("channels", "stride", "out"), [(6, 2, 4), (8, 4, 8), (8, 2, 16)])
def test_the_shortcut_alone_keeps_the_mean(channels, stride, out):
    x = torch.randn(3, channels, 8 * stride)
    down = down_shortcut(x, stride, out)
    assert down.shape == (3, out, 8)
    assert torch.allclose(down.mean((1, 2)), x.mean((1, 2)), atol=1e-6)
    up = up_shortcut(torch.randn(3, out, 8), stride, channels * out)
    assert up.shape == (3, channels * out, 8 * stride)


def test_up_keeps_the_mean_and_undoes_a_shortcut_that_averages_nothing():
    x = torch.randn(2, 4, 12)
    assert torch.allclose(up_shortcut(x, 2, 6).mean((1, 2)), x.mean((1, 2)), atol=1e-6)
    assert torch.equal(up_shortcut(down_shortcut(x, 2, 8), 2, 4), x)


def test_a_layer_with_zero_weights_is_its_shortcut():
    x = torch.randn(2, 8, 16)
    for layer, short in ((Down(8, 16, 2), down_shortcut), (Up(8, 4, 2), up_shortcut)):
        for weights in layer.parameters():
            weights.data.zero_()
        assert torch.allclose(layer(x), short(x, 2, layer(x).shape[1]))
    bare = Down(8, 16, 2, shortcut=False)
    for weights in bare.parameters():
        weights.data.zero_()
    assert (bare(x) == 0).all()


def test_latents_see_their_own_frames_and_earlier_ones_and_so_does_the_decoder():
    torch.manual_seed(0)
    down, up = encoder(5, 3, WIDTHS), decoder(3, 5, WIDTHS)
    x, z = torch.randn(1, 5, 64), torch.randn(1, 3, 8)
    bent, moved = x.clone(), z.clone()
    bent[..., 24:] += 1
    moved[..., 3:] += 1
    with torch.no_grad():
        assert down(x).shape == (1, 3, 8) and up(z).shape == (1, 5, 64)
        latents, frames = (down(bent) != down(x)).any(1)[0], (up(moved) != up(z)).any(1)[0]
    assert latents.tolist() == [False] * 3 + [True] * 5
    assert not frames[:24].any() and frames[24:].all()


def test_snake_is_a_slope_with_ripples():
    x = torch.linspace(-3, 3, 50).view(1, 1, -1)
    snake = Snake(1)
    assert torch.allclose(snake(x), x + x.sin().square(), atol=1e-2)
    assert (snake(x).diff() >= -1e-3).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="pad the sequence"):
        to_channels(torch.zeros(1, 2, 7), 2)
    with pytest.raises(ValueError, match="equal groups"):
        down_shortcut(torch.zeros(1, 5, 8), 2, 4)
    with pytest.raises(ValueError, match="cannot be repeated"):
        up_shortcut(torch.zeros(1, 5, 8), 2, 4)
    with pytest.raises(ValueError, match="3 channels"):
        to_time(torch.zeros(1, 3, 8), 2)
