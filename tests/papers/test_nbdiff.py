"""NBDiff: the clean half stays the language model, no answer leaks, and blocks of one are AR."""

import math

import pytest
import torch

from arlearn import plans
from arlearn.decode import write
from arlearn.decode.block_loss import block_nats
from arlearn.decode.canvas import Canvas
from arlearn.heads.law import Law
from arlearn.nets.language import LanguageModel
from arlearn.nets.two_half import TwoHalf
from arlearn.papers.nbdiff import Annealed, Blocked, NBDiff, first_of, size_at

GREEDY = Law(temperature=0.0)
T = 12


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    return LanguageModel(7, 40, width=16, depth=2, heads=2).eval()


@pytest.fixture(scope="module")
def model(base):
    return NBDiff.grown(base).eval()


@pytest.fixture
def text():
    return torch.randint(0, 7, (5, T), generator=torch.Generator().manual_seed(0))


def cut(size, seed=0, n=5):
    first = torch.randint(1, size + 1, (n,), generator=torch.Generator().manual_seed(seed))
    return plans.block_steps(T, size, first)


def dice(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [1, 2, 4, 12])
def test_the_old_loss_is_the_language_models_whatever_is_hidden(base, model, text, size):
    right = base.unit_loss(text).mean()
    for seed in range(3):
        found = model.losses(text, cut(size, seed), dice(seed))
        assert torch.allclose(found.old, right, atol=1e-5)


def test_with_blocks_of_one_the_path_begins_at_the_checkpoint(base, model, text):
    found = model.losses(text, cut(1), dice(0))
    assert found.masked == 0
    assert torch.allclose(model.loss(text, cut(1)), base.unit_loss(text).mean(), atol=1e-5)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_no_token_reaches_its_own_prediction(model, text, size):
    """Change one token: no clean logit at or before it moves, none in a block where it is hidden,
    and none in an earlier one."""
    block = cut(size)
    y = model.read_as(text)
    mask = plans.streams(torch.arange(T), block)
    with torch.no_grad():
        noisy = y.masked_fill(~first_of(block), model.mask_token)
        clean, active = model.halves(y, noisy, mask)
        for place in range(1, T):
            moved = y.clone()
            moved[:, place] = (moved[:, place] + 1) % 7
            shown = moved.masked_fill(~first_of(block), model.mask_token)
            clean_after, active_after = model.halves(moved, shown, mask)
            assert (clean_after - clean)[:, :place].abs().max() < 1e-5
            change = (active_after - active).abs().amax(-1) > 1e-6
            for row in range(len(text)):
                at = block[row, place]
                opens = bool(first_of(block)[row, place])
                assert change[row][block[row] < at].sum() == 0
                assert bool(change[row][block[row] == at].any()) == opens
                later = block[row] > at
                assert not later.any() or change[row][later].all()


@pytest.mark.parametrize("size", [2, 3, 6])
def test_the_first_token_of_a_block_is_never_hidden_nor_asked_of_the_noisy_half(model, text, size):
    """The masked loss over two tokens a block is about the second ones alone."""
    block, asked = cut(size), []

    class Spy(NBDiff):
        def halves(self, clean, noisy, mask, positions=None):
            asked.append(noisy)
            return super().halves(clean, noisy, mask, positions)

    spy = Spy.grown(model)
    found = spy.losses(text, block, dice(1))
    (noisy,) = asked
    hidden = noisy == spy.mask_token
    assert hidden.any() and not (hidden & first_of(block)).any()
    with torch.no_grad():
        _, active = model.halves(model.read_as(text), noisy, plans.streams(torch.arange(T), block))
        nats = model.head.loss(active, text)  # the state at y_i predicts y_(i+1) = text_i
    asked_of = torch.cat([hidden[:, 1:], torch.zeros(5, 1, dtype=torch.bool)], 1)
    assert torch.allclose(found.masked, nats[asked_of].mean(), atol=1e-5)


def test_every_block_has_a_level_of_its_own(model):
    """Over many draws the share hidden in a block is spread from none to all, blocks apart."""
    text = torch.zeros(400, T, dtype=torch.long)
    block = plans.blocks(T, 6).step.expand(400, -1)
    seen = []

    class Spy(NBDiff):
        def halves(self, clean, noisy, mask, positions=None):
            seen.append(noisy == self.mask_token)
            return super().halves(clean, noisy, mask, positions)

    Spy(7, T, width=8, depth=1, heads=1).losses(text, block, dice(0))
    share = seen[0].view(400, 2, 6)[:, :, 1:].float().mean(-1)
    assert abs(float(share.mean()) - 0.5) < 0.04
    assert float(share.std()) > 0.3
    assert abs(float(torch.corrcoef(share.T)[0, 1])) < 0.15


def test_likelihood_weights_are_one_over_t(model, text):
    """In expectation over t: both weights see each token, and 1/t counts it once a sample."""
    ones = torch.zeros(4000, 4, dtype=torch.long)
    block = torch.zeros_like(ones)

    class Even(NBDiff):
        def halves(self, clean, noisy, mask, positions=None):
            states = torch.zeros(*clean.shape, self.backbone.width)
            return states, states

    even = Even(7, 4, width=8, depth=1, heads=1, weight="likelihood")
    torch.nn.init.zeros_(even.head.linear.weight), torch.nn.init.zeros_(even.head.linear.bias)
    found = even.losses(ones, block, dice(0)).masked
    assert float(found.detach()) == pytest.approx(math.log(7.0), abs=0.3)


def test_a_causal_loss_over_a_clean_half_that_sees_ahead_is_refused(base):
    with pytest.raises(ValueError, match="keep=1.0 with clean='block'"):
        NBDiff(7, T, width=8, depth=1, heads=1, clean="block")
    leaky = NBDiff.grown(base)
    leaky.clean = "block"
    text = torch.randint(0, 7, (1, T), generator=dice(0))
    block = plans.blocks(T, 4).step[None]
    before = leaky.losses(text, block, dice(0)).old
    y = leaky.read_as(text)
    with torch.no_grad():
        mask = plans.streams(block, block)
        clean, _ = leaky.halves(y, y, mask)
        moved = y.clone()
        moved[:, 2] = (moved[:, 2] + 1) % 7
        after, _ = leaky.halves(moved, moved, mask)
    assert (after - clean)[:, 1].abs().max() > 1e-4  # the state at 1, asked for token 2, saw it
    assert torch.isfinite(before)


def test_blocks_of_one_write_what_the_language_model_writes(base, model):
    prompt = torch.tensor([[7, 1, 2], [7, 3, 3]])
    plain, told = write(base, prompt, 10, law=GREEDY)
    units, trace = model.fill(prompt, 10, size=1, law=GREEDY)
    assert torch.equal(units, plain)
    assert trace.evaluations == told.evaluations


def test_the_size_of_a_block_changes_masks_and_no_parameter(model, text):
    shapes = {name: x.shape for name, x in model.state_dict().items()}
    for size in (1, 2, 4, 6, 12):
        assert torch.isfinite(model.loss(text, cut(size), dice(0)))
        assert model.fill(text[:, :3], 9, size=size, law=GREEDY)[0].shape == (5, 9)
    assert shapes == {name: x.shape for name, x in model.state_dict().items()}


def test_blocks_double_and_the_last_size_has_the_last_third():
    sizes = [size_at(step, 60, 16) for step in range(60)]
    assert sizes == [1] * 10 + [2] * 10 + [4] * 10 + [8] * 10 + [16] * 20
    assert [size_at(step, 7, 1) for step in range(7)] == [1] * 7


def test_rows_are_cut_at_other_places_and_always_the_same_way(text):
    batches = Blocked(lambda step: (text,), steps=30, largest=4, seed=1)
    units, block = batches(25)
    assert torch.equal(units, text)
    assert len({tuple(row.tolist()) for row in block}) > 1
    assert all(int(torch.bincount(row).max()) == 4 for row in block)
    assert torch.equal(batches(25)[1], block)
    assert (batches(0)[1] == torch.arange(T)).all()
    fixed = Blocked(lambda step: (text,), steps=30, largest=4, grow=False)
    assert int(fixed(0)[1].max()) <= 3


def test_the_rivals_mask_opens_from_causal_to_none(base, text):
    rival = Annealed.grown(base).eval()
    masks = []

    def note(module, args, options):
        masks.append(options["mask"])

    rival.backbone.register_forward_pre_hook(note, with_kwargs=True)
    for share in (0.0, 0.3, 1.0):
        rival.loss(text, torch.full((5,), share), dice(0))
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    assert (masks[0] == causal).all() and masks[2].all()
    assert masks[1][:, causal].all()
    assert abs(float(masks[1][:, ~causal].float().mean()) - 0.3) < 0.06


def test_the_rival_sees_the_whole_canvas(base):
    rival, prompt = Annealed.grown(base).eval(), torch.tensor([[7, 1, 2]])
    units, trace = rival.fill(prompt, 6, size=3, law=GREEDY)
    assert units.shape == (1, 6) and int(units.max()) < 7
    assert trace.evaluations == 6
    states = rival.states(torch.cat([prompt, torch.full((1, 6), rival.mask_token)], 1))
    assert int(rival.head(states)[0, 2].argmax()) == int(units[0, 0])


def test_the_loss_behind_a_cache_is_the_loss_of_training(model):
    """`block_nats` reads block by block; one pass under the two-half mask must say the same."""
    text = torch.randint(0, 7, (40, T), generator=dice(0))
    y = torch.cat([torch.full((40, 1), 7), text], 1)[:, :T]
    noises = []

    class Spy(TwoHalf):
        def look(self, tokens, cache, *, commit=True, **how):
            if not commit:
                noises.append(tokens)
            return super().look(tokens, cache, commit=commit, **how)

    nats = block_nats(Spy.grown(model), y, 4)
    noisy = torch.cat(noises, 1)
    hidden = (noisy == model.mask_token)[:, 1:]
    with torch.no_grad():
        mask = plans.two_streams(plans.raster(T), plans.blocks(T, 4))
        _, active = model.halves(y, noisy, mask)
        each = model.head.loss(active[:, :-1], y[:, 1:])
    assert nats == pytest.approx(float(each[hidden].mean()), abs=1e-5)
    opened = Canvas(Annealed.grown(model).states, model.head, model.mask_token)
    assert block_nats(opened, y, 4) != pytest.approx(nats, abs=1e-5)
