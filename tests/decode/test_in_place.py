"""A block sampler over a model that answers in place: its guesses are those at the masks."""

import pytest
import torch

from arlearn import decode
from arlearn.decode.blocks import BlockModel, blockwise
from arlearn.decode.in_place import InPlace
from arlearn.heads.law import Law
from arlearn.papers.tidar import TiDAR

GREEDY = Law(temperature=0.0)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = TiDAR(5, 40, block=4, width=16, depth=2, heads=2).eval()
    for p in model.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return model


@pytest.fixture
def prompt(model):
    return torch.tensor([[model.start, 1, 2]])


def test_it_is_what_a_block_sampler_takes(model):
    assert isinstance(InPlace(model), BlockModel)


def test_blocks_of_one_are_plain_decoding(model, prompt):
    text, _ = blockwise(InPlace(model), prompt, 12, size=1, law=GREEDY)
    assert torch.equal(text, decode.write(model, prompt, 12, law=GREEDY)[0])


def test_one_pass_shows_the_guesses_at_the_masks(model, prompt):
    """A threshold of 0 shows a whole block after one look: the guesses a draft would be made of."""
    text, trace = blockwise(InPlace(model), prompt, 4, size=4, threshold=1e-9, law=GREEDY)
    cache = model.new_cache(1, 7)
    with torch.no_grad():
        first = model.read(prompt, cache)[:, -1].argmax(-1)
        block = torch.cat([first[:, None], prompt.new_full((1, 3), model.mask_token)], 1)
        guesses = model.head(model.look(block, cache, mask=None, commit=False)).argmax(-1)
    assert text[0, 0] == first and torch.equal(text[:, 1:], guesses[:, 1:])
    assert trace.evaluations == 2
