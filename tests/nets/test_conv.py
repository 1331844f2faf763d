"""Convolutional encoder, decoder and classifier."""

import pytest
import torch
from torch import nn

from arlearn.nets.conv import Classifier, Decoder, Encoder, ResidualBlock, stage_widths


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_decoder_undoes_the_encoders_shape(factor, depth):
    images = torch.rand(2, 3, 16, 16)
    latents = Encoder(3, 5, 8, factor, depth)(images)
    assert latents.shape == (2, 5, 16 // factor, 16 // factor)
    assert Decoder(5, 3, 8, factor, depth)(latents).shape == images.shape


def test_other_sides_than_powers_of_two():
    latents = Encoder(1, 4, 8, factor=2)(torch.rand(1, 1, 28, 20))
    assert latents.shape == (1, 4, 14, 10)
    assert Decoder(4, 1, 8, factor=2)(latents).shape == (1, 1, 28, 20)


def test_widths_double_up_to_four_times():
    assert stage_widths(8, 1) == [8]
    assert stage_widths(8, 2) == [8]
    assert stage_widths(8, 16) == [8, 16, 32, 32]


def test_a_new_residual_block_changes_nothing():
    x = torch.randn(2, 16, 5, 5)
    assert torch.equal(ResidualBlock(16)(x), x)


def test_a_trained_residual_block_does_change_something():
    block, x = ResidualBlock(16), torch.randn(2, 16, 5, 5)
    nn.init.ones_(block.branch[-1].weight)
    assert not torch.allclose(block(x), x)


def test_a_new_decoder_paints_no_chequerboard():
    torch.manual_seed(0)
    image = Decoder(4, 3, 8, factor=2)(torch.randn(2, 4, 3, 3))
    cells = image.unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.allclose(cells, cells[..., :1, :1].expand_as(cells), atol=1e-6)
    assert image.std() > 0


def test_every_weight_gets_a_gradient():
    torch.manual_seed(0)
    model = nn.Sequential(Encoder(3, 4, 8, factor=4), Decoder(4, 3, 8, factor=4))
    for block in (m for m in model.modules() if isinstance(m, ResidualBlock)):
        nn.init.normal_(block.branch[-1].weight)  # at zero it would hide the layers before it
    model(torch.rand(2, 3, 16, 16)).square().sum().backward()
    silent = [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0]
    assert silent == []


def test_encoder_sees_only_near_pixels():
    torch.manual_seed(0)
    # group norm couples all cells through its statistics; without it the blocks are local
    encoder = Encoder(1, 2, 8, factor=2)
    for name, module in list(encoder.layers.named_children()):
        if isinstance(module, nn.GroupNorm):
            setattr(encoder.layers, name, nn.Identity())
    images = torch.rand(1, 1, 16, 16)
    changed = images.clone()
    changed[..., 0, 0] += 1
    moved = (encoder(changed) - encoder(images)).abs().sum(1)[0] > 1e-7
    assert moved[0, 0] and not moved[4:].any() and not moved[:, 4:].any()


@pytest.mark.parametrize("side", [4, 8, 16, 28, 32])
def test_classifier_reads_every_side(side):
    model = Classifier(3, 5, 8, side=side)
    images = torch.rand(2, 3, side, side)
    assert model.features(images).shape == (2, 16)
    assert model(images).shape == (2, 5)


def test_classifier_loss_is_the_mean_cross_entropy():
    model = Classifier(1, 4, 8, side=8)
    images, labels = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 3, 0, 1])
    log_p = model(images).log_softmax(-1)
    wanted = -sum(log_p[i, label] for i, label in enumerate(labels)) / 6
    assert torch.allclose(model.loss(images, labels), wanted, atol=1e-6)


def test_classifier_learns_which_half_is_bright():
    torch.manual_seed(0)
    model = Classifier(1, 2, 8, side=8)
    labels = torch.arange(32) % 2
    images = torch.rand(32, 1, 8, 8) * 0.5
    images[labels == 1, :, :4] += 0.5
    images[labels == 0, :, 4:] += 0.5
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(12):
        optimizer.zero_grad()
        model.loss(images, labels).backward()
        optimizer.step()
    assert (model(images).argmax(-1) == labels).all()


def test_bad_sizes_get_a_sentence():
    with pytest.raises(ValueError, match="factor 3 is no power of two; choose one of"):
        Encoder(3, 4, factor=3)
    with pytest.raises(ValueError, match="factor 0 is no power of two"):
        Decoder(4, 3, factor=0)
    with pytest.raises(ValueError, match="width 12 is no multiple of 8"):
        ResidualBlock(12)
    with pytest.raises(ValueError, match="factor 4 does not divide a 18 x 16 picture"):
        Encoder(3, 4, 8, factor=4)(torch.rand(1, 3, 18, 16))
    with pytest.raises(ValueError, match=r"reads pictures of \(3, 16, 16\).*not \(1, 16, 16\)"):
        Classifier(3, 4, 8, side=16)(torch.rand(2, 1, 16, 16))
    with pytest.raises(ValueError, match="pictures of 4 pixels a side or more .here 2."):
        Classifier(3, 4, 8, side=2)
