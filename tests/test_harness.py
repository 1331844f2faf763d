"""The harness: its figures on codes whose truth is known, and a collapsed code that looks bad."""

import math
from dataclasses import replace

import pytest
import torch

from arlearn import harness
from arlearn.harness import Score
from arlearn.nets.plan_model import PlanModel
from arlearn.papers.raster import Raster
from arlearn.training import Batches, Recipe, fit

VOCAB, SIDE = 8, 2


class Toy:
    """A tokenizer of four pixels, each rounded to one of eight greys; or to `kept` of them."""

    def __init__(self, kept=VOCAB):
        self.vocab, self.length, self.kept = VOCAB, SIDE * SIDE, kept

    def encode(self, images):
        fine = (images.flatten(1) * VOCAB).long().clamp(max=VOCAB - 1)
        return fine * self.kept // VOCAB

    def decode(self, units):
        return ((units + 0.5) / self.kept).view(-1, 1, SIDE, SIDE)


def scenes(n, seed):
    """Rows are alike, so that half of a picture can be predicted; the label is the dark half."""
    generator = torch.Generator().manual_seed(seed)
    row = torch.rand(n, 1, 1, SIDE, generator=generator)
    return row.expand(-1, -1, SIDE, -1).contiguous(), (row[:, 0, 0, 0] > 0.5).long()


def fresh():
    torch.manual_seed(0)
    return Raster(SIDE, VOCAB, width=16, depth=2, classes=2)


@pytest.fixture(scope="module")
def judged():
    """name -> (tokenizer, its probe, its score): fine, a little coarser, and collapsed."""
    (images, labels), (test, wanted), found = scenes(600, 0), scenes(300, 1), {}
    for name, kept in (("fine", 8), ("coarse", 4), ("collapsed", 1)):
        tokens, probe = Toy(kept), fresh()
        units = harness.encoded(tokens, images)
        harness.teach(probe, units, labels, 80, progress=False)
        found[name] = tokens, probe, harness.score(tokens, probe, test, wanted)
    return found


def test_a_score_says_what_is_known(judged):
    fine = judged["fine"][2]
    assert (fine.vocab, fine.length, fine.usage) == (8, 4, 1.0)
    assert fine.entropy == pytest.approx(math.log(8), abs=0.02)
    assert fine.error == pytest.approx(1 / 12 / 64, rel=0.1)  # a uniform error of an eighth's width
    assert fine.total == 4 * fine.loss and fine.bits == pytest.approx(fine.total / math.log(2))
    assert fine.relative == fine.loss / fine.entropy
    # the label tells one bit, the second row nothing new: 5 bits of 12 remain
    assert 5 < fine.bits < 8.5


def test_total_bounds_the_entropy_of_the_code(judged):
    """Cross-entropy is at least entropy; here the code given the class has 5, 3 and 0 bits."""
    for name, truth in (("fine", 5), ("coarse", 3), ("collapsed", 0)):
        assert judged[name][2].bits >= truth - 0.05


def test_a_collapsed_code_does_not_look_good(judged):
    fine, collapsed = judged["fine"][2], judged["collapsed"][2]
    assert collapsed.loss < 0.01 < fine.loss  # the naive reading: what a learnable tokenizer!
    assert collapsed.usage == 1 / 8 and collapsed.entropy == 0
    assert collapsed.relative == 1.0 > fine.relative  # nothing but frequencies was learned
    with pytest.raises(ValueError, match="uses 12% of its words, the other 100%: a collapsed code"):
        harness.gain(collapsed, fine)
    blank = float(scenes(300, 1)[0].var(unbiased=False))
    # at its bits no tokenizer is as good, at the fine one's bits it does not help
    assert collapsed.error >= harness.error_at([fine], collapsed.bits, blank) - 1e-3
    alone = harness.error_at([collapsed], fine.bits, blank)
    assert alone > 10 * harness.error_at([fine], fine.bits, blank)


def test_a_code_of_which_a_few_words_are_left_does_not_look_good_either(judged):
    """The usual case: the loss praises it, so the error stands beside, and losses are refused."""
    fine, coarse = judged["fine"][2], judged["coarse"][2]
    assert coarse.loss < fine.loss and coarse.error > 3 * fine.error
    with pytest.raises(ValueError, match="uses 50% of its words"):
        harness.gain(coarse, fine)


def test_gains_are_between_like_codes_only(judged):
    fine = judged["fine"][2]
    assert harness.gain(replace(fine, loss=fine.loss - 0.5), fine) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="codes with vocab 16 and 8 are not comparable"):
        harness.gain(replace(fine, vocab=16), fine)
    with pytest.raises(ValueError, match="codes with length 9 and 4 are not comparable"):
        harness.gain(replace(fine, length=9), fine)
    with pytest.raises(ValueError, match="uses 80%"):
        harness.gain(replace(fine, usage=0.8), fine)
    assert harness.gain(replace(fine, usage=0.8), fine, usage=0.3) == 0


def flat(bits, error):
    return Score(2, 1, 1.0, 1.0, error, bits * math.log(2))


def test_mixtures_lie_on_the_lower_hull():
    points = [flat(10, 0.2), flat(20, 0.1), flat(15, 0.5)]
    assert harness.error_at(points, 0, 1.0) == 1.0
    assert harness.error_at(points, 5, 1.0) == pytest.approx(0.6)  # half the pictures are coded
    assert harness.error_at(points, 10, 1.0) == 0.2
    assert harness.error_at(points, 15, 1.0) == pytest.approx(0.15)  # the bad one is passed over
    assert harness.error_at(points, 99, 1.0) == pytest.approx(0.1)
    bent = [flat(10, 0.9), flat(20, 0.1)]
    assert harness.error_at(bent, 10, 1.0) == pytest.approx(0.55)  # above the chord: mix 0 and 20
    with pytest.raises(ValueError, match="0 tokenizers at 3 bits"):
        harness.error_at([], 3, 1.0)


def test_losses_are_the_probes_own(judged):
    tokens, probe, _ = judged["fine"]
    images, labels = scenes(7, 3)
    units = harness.encoded(tokens, images, size=3)
    with torch.no_grad():
        torch.testing.assert_close(
            harness.losses(probe, units, labels), probe.unit_loss(units, labels)
        )
        torch.testing.assert_close(harness.losses(probe, units), probe.unit_loss(units))
    assert torch.equal(harness.rebuilt(tokens, units, size=2), tokens.decode(units))


def test_probes_of_one_seed_are_taught_alike():
    images, labels = scenes(60, 0)
    units, made = Toy().encode(images), []
    for _ in range(2):
        probe = fresh()
        harness.teach(probe, units, labels, 3, seed=5, progress=False)
        made.append(probe.state_dict())
    again = fresh()
    recipe = Recipe(lr=2e-3, ema=0.99, precision="fp32", seed=5)
    fit(again, Batches(units, labels, size=64, seed=5), 3, recipe=recipe, progress=False)
    for name, x in again.state_dict().items():
        assert torch.equal(made[0][name], x) and torch.equal(made[1][name], x)


def test_the_readout_reads_the_middle_layer_without_being_told_the_class(judged, monkeypatch):
    tokens, probe, _ = judged["fine"]
    (images, labels), (test, wanted) = scenes(300, 4), scenes(200, 5)
    units, held_out = harness.encoded(tokens, images), harness.encoded(tokens, test)
    given, forward = [], PlanModel.forward
    monkeypatch.setattr(
        PlanModel, "forward", lambda self, u, y=None: given.append(y) or forward(self, u, y)
    )
    found = harness.readout(probe, (units, labels), (held_out, wanted))
    assert given and all(y is None for y in given)
    assert found > 0.9
    shuffled = labels[torch.randperm(300, generator=torch.Generator().manual_seed(0))]
    assert harness.readout(probe, (units, shuffled), (held_out, wanted)) < 0.75
    with torch.no_grad():
        layers = [harness.states(probe, units, layer) for layer in (None, 1, 2)]
    assert torch.equal(layers[0], layers[1]) and not torch.equal(layers[1], layers[2])
    with pytest.raises(ValueError, match="layer 3 is none of the probe's layers 1 … 2"):
        harness.states(probe, units, 3)


def test_a_probe_of_another_length_is_refused():
    with pytest.raises(ValueError, match="the 9 positions of the plan"):
        harness.score(Toy(), Raster(3, VOCAB, width=16, depth=1, classes=2), *scenes(4, 0))
