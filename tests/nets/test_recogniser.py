"""The recogniser: what is padded is not heard, blanks and repeats are read right, it learns."""

import pytest
import torch

from arlearn.nets.recogniser import (
    LETTERS,
    Listener,
    Recogniser,
    SpeakerEncoder,
    halved,
    spelled,
)
from arlearn.training import Recipe, fit


def frames(seed: int, n: int, bins: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, bins, generator=generator) * 3 - 3


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Recogniser(("_", "a", "b"), bins=8, width=16, depth=3).eval()


def test_an_utterance_is_heard_alike_in_any_batch(model):
    short, long = frames(0, 21), frames(1, 40)
    rows = torch.full((2, 40, 8), 50.0)  # what is padded could not be louder
    rows[0, :21], rows[1] = short, long
    together = model.listener(rows, torch.tensor([21, 40]))
    alone = model.listener(short[None], torch.tensor([21]))
    assert torch.allclose(together[0, :11], alone[0], atol=1e-5)
    assert (together[0, 11:] == 0).all() and together.shape == (2, 20, 16)
    features = model.features(rows, torch.tensor([21, 40]))
    assert torch.allclose(features[0], alone[0].mean(0), atol=1e-5)
    law = model.posteriors(rows, torch.tensor([21, 40]))
    assert law.shape == (2, 20, 3) and torch.allclose(law.sum(-1), torch.ones(2, 20))


def test_a_hidden_vector_sees_as_far_as_it_should():
    listener = Listener(8, 16, 1).eval()
    with torch.no_grad():
        for parameter in listener.parameters():
            parameter.add_(0.01)
    given = frames(2, 40)
    changed = given.clone()
    changed[20] += 1
    lengths = torch.tensor([40])
    apart = (listener(given[None], lengths) - listener(changed[None], lengths)).abs().sum(-1)[0]
    seen = (apart > 0).nonzero().flatten().tolist()
    assert seen == list(range(6, 15))  # frame 20 enters vectors 9 to 11, and 3 to either side


@pytest.mark.parametrize(
    ("units", "text"),
    [
        ([0, 1 + LETTERS.index("o"), 1 + LETTERS.index("n"), 0, 1 + LETTERS.index("e")], "one"),
        ([2, 2, 2, 0, 2, 0, 0], "aa"),
        ([0, 0, 0], ""),
        ([2, 1, 1, 3], "a b"),
    ],
)
def test_repeats_are_one_and_blanks_are_gone(model, units, text):
    class Fixed(torch.nn.Module):
        def forward(self, hidden):
            return torch.nn.functional.one_hot(torch.tensor(units), 28)[None].float()

    spoken = Recogniser(("_",), bins=8, width=16, depth=1).eval()
    spoken.letters = Fixed()
    n = 2 * len(units)
    assert spoken.read(frames(0, n)[None], torch.tensor([n])) == [text]


def test_letters_are_numbered_from_one():
    assert spelled("a z") == [2, 1, 27] and halved(5) == 3 and halved(6) == 3
    with pytest.raises(ValueError, match=r"'One' holds \['O'\]; a recogniser knows a to z"):
        spelled("One")


def test_it_learns_what_two_sounds_are_called():
    patterns = {"a": frames(5, 10), "be": frames(6, 12)}
    rows = torch.nn.utils.rnn.pad_sequence(list(patterns.values()), batch_first=True)
    lengths = torch.tensor([10, 12])
    texts = torch.tensor([spelled("a") + [0], spelled("be")])
    phones = torch.tensor([[1] * 5 + [-1], [2] * 6])
    torch.manual_seed(0)
    learner = Recogniser(("_", "a", "b"), bins=8, width=16, depth=2)
    recipe = Recipe(lr=1e-2, precision="fp32")
    history = fit(
        learner, lambda step: (rows, lengths, texts, phones), 50, recipe=recipe, progress=False
    )
    assert history.losses[-1] < 0.2 < history.losses[0]
    assert learner.read(rows, lengths) == ["a", "be"]
    assert learner.posteriors(rows, lengths)[1].argmax(-1).tolist() == [2] * 6


def test_voices_are_unit_vectors_that_learn_to_part():
    torch.manual_seed(0)
    encoder = SpeakerEncoder(2, 8, bins=8, width=16, depth=1)
    rows = torch.stack([frames(seed, 20) + 2 * (seed % 2) for seed in range(8)])
    lengths, speakers = torch.full((8,), 20), torch.arange(8) % 2
    recipe = Recipe(lr=1e-2, precision="fp32")
    fit(encoder, lambda step: (rows, lengths, speakers), 40, recipe=recipe, progress=False)
    with torch.no_grad():
        vectors = encoder(rows, lengths)
        assert torch.equal(encoder.logits(rows, lengths).argmax(-1), speakers)
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(8), atol=1e-5)
    alike = vectors @ vectors.T
    same = speakers[:, None] == speakers
    assert alike[same].min() > alike[~same].max()
