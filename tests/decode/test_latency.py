"""The latency probe counts positions, leaves nothing behind, and refuses nonsense."""

import pytest
import torch

from arlearn.decode.latency import IN_A_ROW, latency
from arlearn.nets.language import LanguageModel


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LanguageModel(7, 32, width=16, depth=1).eval()


def test_every_size_is_timed_behind_the_same_text(model, monkeypatch):
    seen, read = [], model.read

    def counted(tokens, cache):
        seen.append((tokens.shape[1], cache.length))
        return read(tokens, cache)

    monkeypatch.setattr(model, "read", counted)
    found = latency(model, [1, 40], behind=20, tries=3)
    assert list(found) == [1, 40] and all(0 < seconds < 1 for seconds in found.values())
    turn = [(1, 20)] * IN_A_ROW + [(40, 20)] * IN_A_ROW
    assert seen == [(20, 0), *turn * 3]


def test_many_positions_take_longer_than_one(model):
    found = latency(model, [1, 2000], behind=1, tries=3)
    assert found[2000] > 2 * found[1]


@pytest.mark.parametrize("positions", [[], [0], [3, -1]])
def test_nonsense_is_refused(model, positions):
    with pytest.raises(ValueError, match="numbers of at least 1"):
        latency(model, positions)
