"""The quantizers: nearest code, straight-through gradients, codes to indices and back."""

import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save

from arlearn.tokens.quantize import FSQ, LFQ, VectorQuantizer


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def latents(b=3, t=10, c=4, seed=0):
    return torch.randn(b, t, c, generator=torch.Generator().manual_seed(seed))


QUANTIZERS = [
    lambda: VectorQuantizer(16, 4),
    lambda: VectorQuantizer(16, 4, method="gradient"),
    lambda: LFQ(4),
    lambda: FSQ([8, 5, 4, 3]),
]
NEAREST = QUANTIZERS[:3]  # FSQ squashes its input: its codes are no fixed points


@pytest.mark.parametrize("make", QUANTIZERS)
def test_vectors_are_the_codes_of_the_indices(make):
    quantizer, z = make().eval(), latents()
    out = quantizer(z)
    assert torch.allclose(out.vectors, quantizer.lookup(out.indices), atol=1e-6)
    assert torch.equal(quantizer.encode(z), out.indices)
    assert out.indices.min() >= 0 and out.indices.max() < quantizer.size


@pytest.mark.parametrize("make", NEAREST)
def test_quantizing_codes_gives_them_back(make):
    quantizer = make().eval()
    codes = torch.arange(quantizer.size).view(2, -1)
    assert torch.equal(quantizer.encode(quantizer.lookup(codes)), codes)


@pytest.mark.parametrize("make", NEAREST)
def test_straight_through_passes_the_gradient_unchanged(make):
    z, weight = latents().requires_grad_(), latents(seed=1)
    (make().eval()(z).vectors * weight).sum().backward()
    assert torch.allclose(z.grad, weight)


@pytest.mark.parametrize("make", QUANTIZERS)
def test_weights_are_rebuilt_from_safetensors(make):
    torch.manual_seed(0)
    quantizer = make()
    quantizer(latents())
    torch.manual_seed(1)
    rebuilt = make()
    state = quantizer.state_dict()
    rebuilt.load_state_dict(load(save(state)) if state else {})
    assert torch.equal(rebuilt.eval().encode(latents()), quantizer.eval().encode(latents()))


def test_ema_loss_is_the_commitment_alone():
    quantizer, z = VectorQuantizer(16, 4, commitment=0.5).eval(), latents().requires_grad_()
    out = quantizer(z)
    codes = quantizer.lookup(out.indices)
    assert torch.allclose(out.loss, 0.5 * F.mse_loss(z, codes))
    out.loss.backward()
    assert torch.allclose(z.grad, (z - codes).detach() / z.numel(), atol=1e-7)
    assert list(quantizer.parameters()) == []


def test_gradient_loss_pulls_the_codebook_as_well():
    quantizer = VectorQuantizer(16, 4, method="gradient", commitment=0.25).eval()
    z = latents().requires_grad_()
    out = quantizer(z)
    distance = F.mse_loss(z, quantizer.lookup(out.indices)).detach()
    assert torch.allclose(out.loss.detach(), 1.25 * distance)
    out.loss.backward()
    pulled = quantizer.codebook.codes.grad.abs().sum(1) > 0
    chosen = torch.zeros(16, dtype=torch.bool).index_fill(0, out.indices.unique(), True)
    assert torch.equal(pulled, chosen)


@pytest.mark.parametrize("method", ["ema", "gradient"])
def test_the_codebook_learns_in_training_only(method):
    quantizer, z = VectorQuantizer(16, 4, method=method), latents()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer.eval()(z)
    quantizer.train().encode(z)
    assert all(torch.equal(v, before[name]) for name, v in quantizer.state_dict().items())
    quantizer(z)
    assert quantizer.codebook.counts.sum() > 0


def test_training_revives_codes_and_lowers_the_error():
    torch.manual_seed(0)
    alive, dying = VectorQuantizer(64, 2), VectorQuantizer(64, 2, revive=False)
    for seed in range(150):
        z = latents(8, 32, 2, seed) * 0.2 + 3
        for quantizer in (alive, dying):
            quantizer(z)
    z = latents(8, 32, 2, 999) * 0.2 + 3
    error = [F.mse_loss(q.eval()(z).vectors, z) for q in (alive, dying)]
    assert alive.usage() > 0.9 > 0.3 > dying.usage()
    assert error[0] < 0.2 * error[1]


@pytest.mark.parametrize("levels", [[3], [5, 4], [8, 5, 5, 5], [7, 3, 6]])
def test_fsq_round_trip_over_the_whole_vocabulary(levels):
    quantizer = FSQ(levels)
    codes = torch.arange(quantizer.size)
    vectors = quantizer.lookup(codes)
    assert quantizer.size == math.prod(levels)
    assert torch.equal(quantizer.index(vectors), codes)
    assert len(torch.unique(vectors, dim=0)) == quantizer.size
    assert vectors.abs().max() <= 1


def test_fsq_reaches_every_level_and_no_other():
    levels = [8, 5, 4, 3]
    z = torch.linspace(-8, 8, 2001)[None, :, None].expand(1, 2001, 4)
    vectors = FSQ(levels)(z).vectors[0]
    assert [len(torch.unique(vectors[:, i])) for i in range(4)] == levels
    assert (vectors.diff(dim=0) >= 0).all()


def test_fsq_puts_zero_on_the_middle_level():
    assert torch.equal(FSQ([8, 5, 3])(torch.zeros(1, 1, 3)).vectors, torch.zeros(1, 1, 3))


def test_fsq_gradient_is_that_of_the_squashing():
    quantizer, z = FSQ([8, 5, 4, 3]), latents().requires_grad_()
    quantizer(z).vectors.sum().backward()
    found = z.grad.clone()
    z.grad = None
    (quantizer.bound(z) / torch.tensor([4, 2, 2, 1])).sum().backward()
    assert torch.allclose(found, z.grad) and (found > 0).all()


def test_first_channel_is_the_most_significant():
    fsq = FSQ([3, 5]).lookup(torch.tensor([0, 1, 5, 14]))
    assert fsq.tolist() == [[-1, -1], [-1, -0.5], [0, -1], [1, 1]]
    lfq = LFQ(3).lookup(torch.tensor([0, 1, 4, 6]))
    assert lfq.tolist() == [[-1, -1, -1], [-1, -1, 1], [1, -1, -1], [1, 1, -1]]


def test_lfq_round_trip_over_the_whole_vocabulary():
    quantizer = LFQ(6)
    codes = torch.arange(64)
    assert torch.equal(quantizer.index(quantizer.lookup(codes)), codes)


def test_lfq_entropy_term_at_its_extremes():
    quantizer = LFQ(4)
    same = torch.full((100, 4), 9.0)
    every = 9.0 * quantizer.lookup(torch.arange(16))
    assert quantizer.entropy_term(same).item() == pytest.approx(0, abs=1e-3)
    assert quantizer.entropy_term(every).item() == pytest.approx(-4 * math.log(2), abs=1e-3)
    assert quantizer.entropy_term(torch.zeros(100, 4)).item() == pytest.approx(0, abs=1e-3)


def test_lfq_probabilities_are_those_of_the_distances():
    z, tau = torch.tensor([0.3, -0.2]), 1.5
    quantizer = LFQ(2, temperature=tau)
    q = (-(torch.cdist(z[None], quantizer.lookup(torch.arange(4)))[0] ** 2) / tau).softmax(0)
    joint = -(q * q.log()).sum()
    one, two = torch.stack([z, z]), torch.stack([z, -z])
    # the same vector twice: both entropies are equal; z and -z: the mean bit is a fair coin
    assert quantizer.entropy_term(one).item() == pytest.approx(0, abs=1e-6)
    wanted = float(joint) - 2 * math.log(2)
    assert quantizer.entropy_term(two).item() == pytest.approx(wanted, abs=1e-5)


def test_lfq_stays_finite_where_bits_are_certain():
    z = torch.full((2, 3, 4), 100.0, requires_grad=True)
    LFQ(4, entropy=1.0)(z).loss.backward()
    assert z.grad.isfinite().all()


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match=r"needs 3 levels or more, not \[8, 2\]; two levels are"):
        FSQ([8, 2])
    with pytest.raises(ValueError, match="0 bits make no vocabulary"):
        LFQ(0)
    with pytest.raises(ValueError, match="temperature 0.0 must be above 0"):
        LFQ(2, temperature=0.0)
    with pytest.raises(IndexError, match="code 15 is outside a vocabulary of 15"):
        FSQ([3, 5]).lookup(torch.tensor([[15]]))
    with pytest.raises(IndexError, match="code -2 is outside a vocabulary of 8"):
        LFQ(3).lookup(torch.tensor([-2]))
    with pytest.raises(IndexError, match="code 16 is outside a vocabulary of 16"):
        VectorQuantizer(16, 4).lookup(torch.tensor([16]))
    for quantizer in (VectorQuantizer(16, 4), FSQ([3] * 4), LFQ(4)):
        with pytest.raises(ValueError, match="takes vectors of 4 channels, not 5"):
            quantizer(latents(c=5))
