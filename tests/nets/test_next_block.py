"""Next blocks, exactly: the leak, both recipes' books, the cache, and what a block may see."""

import pytest
import torch
from torch import Generator
from torch.nn import functional as F

from arlearn.decode.generate import generate
from arlearn.heads.law import Law
from arlearn.nets.layout import Layout
from arlearn.nets.next_block import NextBlock, plan
from arlearn.papers.nbp import continued

SHAPE, VOCAB = (3, 4, 4), 7
BLOCKS = [(1, 1, 1), (1, 1, 2), (1, 1, 4), (1, 2, 2), (1, 4, 4)]


def made(block, **options):
    torch.manual_seed(0)
    model = NextBlock(Layout(SHAPE, block), torch.eye(VOCAB), width=16, depth=2, **options)
    return model.eval()


def films(n=3, seed=0):
    return torch.randint(VOCAB, (n, 48), generator=Generator().manual_seed(seed))


def paper_mask(given, n, size, hybrid):
    """As the paper's code builds it."""
    side = given + n if hybrid else given + n - size
    start = given + size if hybrid else given
    seen = torch.ones(side, side).tril() if hybrid else torch.zeros(side, side)
    seen[:, :given] = 1
    for i in range(start, side, size):
        seen[i : i + size, :start] = 1
        seen[i : i + size, start : i + size] = 1
    return seen.bool()


@pytest.mark.parametrize("given", [0, 3])
@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_the_plans_mask_is_the_papers(size, given):
    plain = plan(16 - size, size, given=given).mask()
    assert torch.equal(plain, paper_mask(given, 16, size, False))
    hybrid = plan(16, size, given=given, hybrid=True).mask()
    assert torch.equal(hybrid, paper_mask(given, 16, size, True))


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("block", BLOCKS)
def test_no_output_hears_the_block_it_predicts(block, hybrid):
    model, units = made(block, hybrid=hybrid), films()
    size = model.layout.size
    with torch.no_grad():
        before = model(units)
        for k in range(1, 48 // size):
            bent = units.clone()
            bent[:, k * size :] = (bent[:, k * size :] + 1) % VOCAB
            known = (k + 1) * size - model.skip  # outputs that predict the blocks up to k
            after = model(bent)
            assert torch.equal(after[:, :known], before[:, :known])
            assert known == before.shape[1] or not torch.equal(after, before)


@pytest.mark.parametrize("block", BLOCKS[1:])
def test_a_shift_by_one_token_would_leak(block):
    """Why the target is a block away: the token right behind a position is among those it sees."""
    model = made(block)
    seen = model.mask_of(48)
    assert bool(seen.diagonal(1).any()) and not bool(seen.diagonal(model.layout.size).any())


def test_blocks_of_one_are_next_token_prediction():
    model, units = made((1, 1, 1)), films()
    with torch.no_grad():
        states = model.backbone(
            model.embed(units[:, :-1]) + model.place[1:],
            mask="causal",
            positions=model.positions[1:],
        )
        plain = F.cross_entropy(model.head(states).flatten(0, 1), units[:, 1:].flatten())
        assert model.causal and torch.equal(plan(47, 1).mask(), torch.ones(47, 47).tril().bool())
        assert abs(float(model.loss(units)) - float(plain)) < 1e-6


@pytest.mark.parametrize("block", BLOCKS)
def test_the_hybrids_books_balance(block):
    model, units = made(block, hybrid=True), films()
    size = model.layout.size
    assert model.plan.n_steps == size + 48 // size - 1
    fed = model.sequence(units)
    assert fed.shape[1] == 48 == model(units).shape[1]
    inputs = torch.cat([model.inputs(units, s) for s in range(model.plan.n_steps)], 1)
    assert torch.equal(fed, inputs)
    bare = fed - model.place
    rest = torch.cat([bare[:, 1 : size + 1], bare[:, 2 * size :]], 1)  # start and fillers taken out
    assert torch.allclose(rest, model.embed(units[:, :-size]), atol=1e-6)
    assert len(model.special.unique(dim=0)) == size  # start and fillers differ


@pytest.mark.parametrize("block", BLOCKS)
def test_every_predicted_token_of_the_plain_recipe_is_scored_once(block):
    model, units = made(block), films()
    assert model.unit_loss(units).shape == (3, 48 - model.layout.size)
    last = made(block, scored=32)
    assert torch.equal(last.unit_loss(units), model.unit_loss(units)[:, -32:])
    assert torch.isclose(last.loss(units), model.unit_loss(units)[:, -32:].mean())


@pytest.mark.parametrize("inside", ["block", "causal"])
@pytest.mark.parametrize("block", BLOCKS)
def test_cached_states_are_those_of_training(block, inside):
    model, units = made(block, inside=inside), films()
    size = model.layout.size
    with torch.no_grad():
        whole, cache = model(units), model.backbone.cache(3, 48)
        parts = [model.read(units, size, 16 + size, cache)]
        for end in range(16 + 2 * size, 49, size):
            parts.append(model.read(units, end - size, end, cache))
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)  # all B queries of each block


@pytest.mark.parametrize("block", BLOCKS)
def test_the_sampler_takes_one_pass_a_block_and_keeps_what_is_given(block):
    model, given = made(block), films()[:, :16]
    dice = [Generator().manual_seed(1) for _ in range(2)]
    units, trace = continued(model, given, generator=dice[0], law=Law(top_p=0.9))
    again, _ = continued(model, given, generator=dice[1], law=Law(top_p=0.9), cached=False)
    assert torch.equal(units, again) and torch.equal(units[:, :16], given)
    assert trace.n_steps == trace.evaluations == 32 // model.layout.size
    assert torch.equal(trace.units_after(trace.n_steps)[:, 16:], units[:, 16:])


@pytest.mark.parametrize("block", BLOCKS)
def test_the_hybrid_samples_from_nothing(block):
    model = made(block, hybrid=True)
    pair = [
        generate(model, batch=2, generator=Generator().manual_seed(1), cached=cached)
        for cached in (True, False)
    ]
    assert torch.equal(pair[0][0], pair[1][0])
    assert pair[0][1].evaluations == model.layout.size + 48 // model.layout.size - 1


@pytest.mark.parametrize("block", [(1, 1, 4), (1, 2, 2)])
def test_inside_a_block_order_is_nothing_unless_the_control_says_so(block):
    units, turned = films(), torch.tensor([2, 0, 3, 1])
    moved = units.clone()
    moved[:, 16:20] = units[:, 16 + turned]
    for inside in ("block", "causal"):
        model = made(block, inside=inside)
        with torch.no_grad():
            model.place.zero_()
            model.positions.zero_()
            before, after = model(units)[:, 16:20], model(moved)[:, 16:20]
        same = torch.allclose(after, before[:, turned], atol=1e-5)
        assert same == (inside == "block")


def test_tokens_of_a_block_are_drawn_each_on_its_own():
    model = made((1, 4, 4))
    with torch.no_grad():
        model.head.linear.weight.zero_()
        model.head.linear.bias.zero_()
    units, _ = continued(model, films(400)[:, :16], generator=Generator().manual_seed(2))
    drawn = F.one_hot(units[:, 16:32], VOCAB).float().mean(0)
    assert (drawn - 1 / VOCAB).abs().max() < 0.1  # 400 draws: five deviations
    assert (units[:, 16] == units[:, 17]).float().mean() < 0.25  # one shared draw would give 1


def test_equal_parameters_but_for_the_fillers():
    count = {b: sum(x.numel() for x in made(b).parameters()) for b in BLOCKS}
    assert len(set(count.values())) == 1
    hybrid = sum(x.numel() for x in made((1, 1, 4), hybrid=True).parameters())
    assert hybrid == count[1, 1, 4] + 4 * 16


def test_what_cannot_be_drawn_is_refused():
    model = made((1, 1, 4))
    for m in (0, 3, 48):
        with pytest.raises(ValueError, match="no beginning of whole blocks"):
            continued(model, films()[:, :m])
    with pytest.raises(ValueError, match="use continued"):
        generate(model, batch=1)
    with pytest.raises(ValueError, match="begins by itself"):
        continued(made((1, 1, 4), hybrid=True), films()[:, :16])
    with pytest.raises(ValueError, match="score fewer"):
        made((1, 1, 4), scored=47)
    with pytest.raises(ValueError, match="a film of more blocks"):
        made((3, 4, 4))
    with pytest.raises(ValueError, match="block size 3 does not divide"):
        plan(16, 3)
