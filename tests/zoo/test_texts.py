"""The text models: their alphabet, their windows, and that they write Python."""

import pytest
import torch

from arlearn import decode, zoo
from arlearn.data import pytext
from arlearn.heads.law import Law
from arlearn.metrics import bits_per_unit
from arlearn.nets.language import LanguageModel
from arlearn.nets.markov import Markov
from arlearn.zoo import texts

UNIFORM = 6.58  # bits of one of 96 characters


def test_the_alphabet_is_newline_and_printable_ascii_whatever_the_python():
    assert len(texts.ALPHABET) == 96 and texts.ALPHABET[:2] == "\n " and texts.ALPHABET[-1] == "~"
    assert texts.ALPHABET[1:].isascii() and texts.ALPHABET[1:].isprintable()
    assert set(pytext("train")) | set(pytext("test")) <= set(texts.ALPHABET)
    tokens = texts.characters()
    assert tokens.decode(tokens.encode("def f(x):\n    ~")) == "def f(x):\n    ~"


def test_what_they_are_measured_by_is_bits_per_character():
    class Uniform(LanguageModel):
        def unit_loss(self, units, labels=None):
            assert units.shape[1] == texts.CONTEXT
            return torch.full(units.shape, 96.0).log()

    model = Uniform(96, texts.CONTEXT, width=8, depth=1)
    assert texts.measure_language_model(model) == pytest.approx(UNIFORM, abs=0.01)


def test_they_learn():
    size = texts.Size(width=16, depth=1, steps=30, batch=8, precision="fp32")
    torch.manual_seed(0)
    model = texts.language_model(size)
    history = texts.train_language_model(model, 0, size=size, name="trial", keep=False)
    assert history.curve(5)[-1] < 0.9 * history.losses[0]


def test_the_draft_is_a_seventh_and_both_read_the_same_characters():
    large, small = (texts.language_model(size) for size in (texts.LARGE, texts.SMALL))
    count = [sum(p.numel() for p in model.parameters()) for model in (large, small)]
    assert 6 < count[0] / count[1] < 8 and 2 * count[0] < 2_000_000
    assert large.vocab == small.vocab == 96 and large.context == small.context == 256


@pytest.mark.parametrize(("name", "most"), [("pytext-ar", 2.0), ("pytext-ar-small", 2.4)])
def test_the_shipped_models_know_python_better_than_counts_do(name, most):
    tokens, model = texts.characters(), zoo.load(name)
    test = tokens.encode(pytext("test")[: texts.JUDGED]).view(-1, texts.CONTEXT)[::8]
    counted = Markov.count(tokens.encode(pytext("train")[:300_000]), 96, 1)
    read = torch.cat([torch.full((len(test), 1), 96), test[:, :-1]], 1)
    laws = counted.read(read, counted.new_cache(len(test), texts.CONTEXT))
    counts = bits_per_unit(-float(laws.gather(-1, test[..., None]).mean()))
    with torch.no_grad():
        bits = bits_per_unit(float(model.unit_loss(test).mean()))
    assert bits < most < counts


def test_the_shipped_pair_writes_the_same_greedy_text_alone_and_together():
    target, draft = zoo.load("pytext-ar"), zoo.load("pytext-ar-small")
    begun = torch.cat([torch.tensor([96]), texts.characters().encode("import os\n")])[None]
    greedy = Law(temperature=0.0)
    alone, _ = decode.write(target, begun, 60, law=greedy)
    together, trace = decode.speculative(target, draft, begun, 60, length=4, law=greedy)
    assert torch.equal(alone, together) and trace.evaluations < 45
