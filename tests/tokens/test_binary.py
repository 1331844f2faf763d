"""The binary autoencoder's code: bits, numbers and sub-codes are one thing said three ways."""

import pytest
import torch
from scipy.stats import binomtest

from arlearn.nets.conv import Decoder, Encoder
from arlearn.tokens.binary import BinaryQuantizer, draw_codes, join, split, to_bits, to_index
from arlearn.tokens.images import ImageTokenizer


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def quantizer():
    torch.manual_seed(0)
    return BinaryQuantizer(6, 5).eval()


@pytest.mark.parametrize("bits", [1, 6, 12])
def test_bits_to_numbers_and_back(bits):
    ids = torch.arange(2**bits)
    assert torch.equal(to_index(to_bits(ids, bits)), ids)


@pytest.mark.parametrize(("parts", "each"), [(1, 12), (2, 6), (3, 4), (4, 3), (6, 2), (12, 1)])
def test_bits_to_sub_codes_and_back_for_every_split(parts, each):
    """bits -> ids -> bits is the identity for every m-d with m d = D."""
    bits = torch.randint(2, (3, 7, 12), generator=dice())
    # the paper's line: most significant bit first inside each sub-code
    radix = 2 ** torch.arange(each - 1, -1, -1)
    written = (bits.view(3, 7, parts, each) * radix).sum(-1)
    subcodes = split(to_index(bits), parts, 12)
    assert torch.equal(subcodes, written)
    assert torch.equal(to_bits(join(subcodes, 12), 12), bits)


def test_the_first_channel_is_the_most_significant_bit():
    assert to_index(torch.tensor([[1, 0, 0], [0, 0, 1]])).tolist() == [4, 1]
    assert split(torch.tensor(0b1101), 2, 4).tolist() == [3, 1]


def test_a_code_stands_for_the_sum_of_its_bits_vectors(quantizer):
    ids = torch.arange(64).view(4, 16)
    bits = to_bits(ids, 6)
    by_hand = sum(bits[..., n, None] * quantizer.codes[n] for n in range(6))
    torch.testing.assert_close(quantizer.lookup(ids), by_hand)
    assert quantizer.lookup(torch.tensor([0])).abs().max() == 0


def test_the_decoder_gets_the_same_from_codes_as_from_bits():
    """decode(ids) equals decode(bits): the order of the bits is one and the same."""
    torch.manual_seed(1)
    quantizer = BinaryQuantizer(6, 4)
    tokens = ImageTokenizer(Encoder(3, 6, 8, 2), quantizer, Decoder(4, 3, 8, 2), 4).eval()
    images = torch.rand(2, 3, 8, 8, generator=dice())
    z = tokens.encoder(images).flatten(2).mT
    quantized = quantizer(z)
    grid = quantized.vectors.mT.reshape(2, 4, 4, 4)
    units = tokens.encode(images)
    assert torch.equal(units, quantized.indices)
    torch.testing.assert_close(tokens.decode(units), tokens.decoder(grid).clamp(0, 1))


def test_the_gradient_of_a_bit_is_that_of_its_chance(quantizer):
    """b + p - sg(p): db/dp = 1, so d vectors / d z = E p (1 - p), whatever was drawn."""
    z = torch.randn(2, 3, 6, generator=dice()).requires_grad_()
    toward = torch.randn(2, 3, 5, generator=dice(1))
    quantizer.train()
    (quantizer(z).vectors * toward).sum().backward()
    p = torch.sigmoid(z.detach())
    torch.testing.assert_close(z.grad, toward @ quantizer.codes.detach().T * p * (1 - p))


def test_bits_in_training_follow_their_chances(quantizer):
    torch.manual_seed(2)
    p = torch.tensor([0.02, 0.3, 0.5, 0.6, 0.9, 0.999])
    drawn = to_bits(quantizer.train()(torch.logit(p).expand(1, 4000, 6)).indices, 6)[0]
    for n in range(6):
        assert binomtest(int(drawn[:, n].sum()), 4000, float(p[n])).pvalue > 1e-3  # fixed seed


def test_fresh_codes_follow_their_chances_bit_by_bit():
    p = torch.tensor([0.2, 0.5, 0.7])
    bits = to_bits(draw_codes(p.expand(6000, 3), dice(3)), 3).double()
    for n in range(3):
        assert binomtest(int(bits[:, n].sum()), 6000, float(p[n])).pvalue > 1e-3
    together = torch.corrcoef(bits.T) - torch.eye(3)
    assert together.abs().max() < 0.05  # each bit has a random number of its own
    assert torch.equal(draw_codes(p.expand(9, 3), dice(3)), draw_codes(p.expand(9, 3), dice(3)))


def test_evaluation_and_the_plain_variant_take_the_likelier_value(quantizer):
    z = torch.randn(2, 50, 6, generator=dice())
    likely = to_index(z > 0)
    assert torch.equal(quantizer(z).indices, likely)
    assert torch.equal(quantizer.encode(z), likely)
    assert torch.equal(BinaryQuantizer(6, 5, stochastic=False).train()(z).indices, likely)
    assert not torch.equal(quantizer.train()(z).indices, likely)
    assert quantizer(z).loss == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: BinaryQuantizer(0, 4), "0 bits make no vocabulary"),
        (lambda: BinaryQuantizer(4, 0), "a code of 0 channels"),
        (lambda: BinaryQuantizer(4, 4)(torch.zeros(1, 2, 3)), "4 channels, not 3"),
        (lambda: split(torch.tensor([3]), 5, 12), "5 sub-codes do not divide 12 bits.*1, 2, 3, 4"),
        (lambda: split(torch.tensor([16]), 2, 4), "code 16 is outside"),
        (lambda: join(torch.tensor([[4, 0]]), 4), "code 4 is outside"),
        (lambda: to_bits(torch.tensor([-1]), 4), "code -1 is outside"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises((ValueError, IndexError), match=sentence):
        call()
