"""A canvas: every pass sees the whole text at its final length, and nothing is forgotten."""

import torch

from arlearn.decode.block_loss import block_nats
from arlearn.decode.blocks import BlockModel, blockwise
from arlearn.decode.canvas import Canvas
from arlearn.decode.counted import Counted
from arlearn.heads.law import Law


def canvas(seen):
    """States that are the tokens themselves, noted as they are read; the head counts on by one."""

    def states(text):
        seen.append(text.clone())
        return text[..., None].float()

    def head(x):
        return -(x - torch.arange(9.0) + 1).abs()

    return Canvas(states, head, 9)


def test_every_pass_reads_what_stands_the_block_and_masks():
    seen = []
    units, trace = blockwise(
        canvas(seen), torch.tensor([[2, 3]]), 4, size=2, law=Law(temperature=0.0)
    )
    assert isinstance(canvas(seen), BlockModel)
    assert seen[0].tolist() == [[2, 3, 9, 9, 9, 9]]
    assert seen[1].tolist() == [[2, 3, 4, 9, 9, 9]]
    assert seen[2].tolist() == [[2, 3, 4, 5, 9, 9]]
    assert units.tolist() == [[4, 5, 6, 7]]
    assert trace.evaluations == len(seen) == 4


def test_one_canvas_serves_one_text():
    seen = []
    model = canvas(seen)
    first, second = model.new_cache(1, 3), model.new_cache(1, 3)
    model.look(torch.tensor([[1]]), first)
    assert (first.length, second.length, model.length) == (1, 0, 0)
    assert second.tokens.tolist() == [[9, 9, 9]]


def test_a_loss_over_blocks_asks_about_hidden_tokens_alone():
    import math

    import pytest

    class Even:
        mask_token = 5

        class head:
            @staticmethod
            def loss(states, units):
                return torch.full(units.shape, math.log(4.0))

        def new_cache(self, batch, capacity):
            return None

        def look(self, tokens, cache, *, mask="causal", positions=None, commit=True):
            self.read = [*getattr(self, "read", []), (tokens.clone(), mask, commit)]
            return torch.zeros(*tokens.shape, 1)

    model, text = Even(), torch.arange(8).repeat(40, 1) % 5
    assert block_nats(model, text, 4, context="block") == pytest.approx(math.log(4.0))
    looks = [tokens for tokens, _, commit in model.read if not commit]
    hidden = torch.cat(looks, 1) == 5
    assert not hidden[:, ::4].any() and 0.3 < hidden[:, 1:4].float().mean() < 0.7
    assert [mask for _, mask, commit in model.read if commit] == [None, None]
    with pytest.raises(ValueError, match="size=1 in 8 tokens"):
        block_nats(model, text, 1)


def test_what_is_asked_of_a_model_is_counted():
    seen = []
    model = Counted(canvas(seen))
    assert isinstance(model, BlockModel)
    _, trace = blockwise(model, torch.tensor([[2, 3]]), 5, size=3, law=Law(temperature=0.0))
    assert model.passes == trace.evaluations == len(seen)
    assert model.positions == 2 + 3 + 3 + 3 + 2  # prompt, two looks, a reading, a look
