"""Block by block: what each cache promises, held against models whose answers are known."""

import pytest
import torch

from arlearn.decode import blocks as sampler
from arlearn.decode import blockwise, write
from arlearn.heads.law import Law
from arlearn.nets.language import LanguageModel
from arlearn.nets.two_half import TwoHalf
from arlearn.plans import block_steps, blocks, raster, two_streams

GREEDY = Law(temperature=0.0)
CACHES = ("exact", "prefix", "dual", "last")


class Watched(TwoHalf):
    """Notes every pass: how many tokens, whether they are remembered, and the cache before it."""

    def new_cache(self, batch, capacity):
        self.notes, self.used = [], super().new_cache(batch, capacity)
        return self.used

    def look(self, tokens, cache, *, mask="causal", positions=None, commit=True):
        before, held = cache.both[..., : cache.length, :].clone(), cache.length
        states = super().look(tokens, cache, mask=mask, positions=positions, commit=commit)
        same = torch.equal(cache.both[..., :held, :], before)
        self.notes.append((tokens.clone(), held, commit, same, states))
        return states


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    language = LanguageModel(11, 40, width=16, depth=2, heads=2)
    return Watched.grown(language).eval()


@pytest.fixture
def prompt():
    some = torch.randint(11, (3, 4), generator=torch.Generator().manual_seed(1))
    return torch.cat([torch.full((3, 1), 11), some], 1)


def prefill(model, text):
    cache = TwoHalf.new_cache(model, len(text), text.shape[1])
    with torch.no_grad():
        TwoHalf.look(model, text, cache)
    return cache.both[..., : text.shape[1], :]


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("threshold", [None, 0.3])
def test_blocks_of_one_are_plain_decoding(model, prompt, cache, threshold):
    plain, told = write(model, prompt, 9, law=GREEDY)
    units, trace = blockwise(model, prompt, 9, size=1, cache=cache, threshold=threshold, law=GREEDY)
    assert torch.equal(units, plain)
    assert trace.evaluations == told.evaluations == 9


@pytest.mark.parametrize("cache", ["exact", "prefix", "dual"])
@pytest.mark.parametrize("size,sub", [(4, 4), (4, 2), (6, 3), (5, 1)])
def test_only_fresh_readings_are_remembered(model, prompt, cache, size, sub):
    units, _ = blockwise(model, prompt, 11, size=size, sub=sub, cache=cache, law=GREEDY)
    used = model.used
    read = torch.cat([prompt, units], 1)[:, : used.length]
    assert used.length == prompt.shape[1] + 11 - (11 % size or size)
    mine = used.both[..., : used.length, :]
    assert torch.allclose(mine, prefill(model, read), atol=1e-5)


def test_keys_of_the_last_look_are_not_those_of_the_text(model, prompt):
    units, _ = blockwise(model, prompt, 8, size=4, cache="last", law=GREEDY)
    used, m = model.used, prompt.shape[1]
    right = prefill(model, torch.cat([prompt, units[:, :4]], 1))
    assert used.length == m + 4
    assert torch.allclose(used.both[..., :m, :], right[..., :m, :], atol=1e-5)
    assert (used.both[..., m : m + 4, :] - right[..., m:, :]).abs().max() > 1e-2


@pytest.mark.parametrize("cache", CACHES)
def test_a_pass_that_is_not_remembered_leaves_the_cache_as_it_was(model, prompt, cache):
    blockwise(model, prompt, 12, size=6, sub=3, cache=cache, law=GREEDY)
    inner = [note for note in model.notes if not note[2]]
    assert inner and all(same for *_, same, _ in inner)


@pytest.mark.parametrize("threshold", [None, 0.1, 0.2])
def test_evaluations_are_inner_passes_and_one_a_block(model, prompt, threshold):
    _, trace = blockwise(model, prompt, 10, size=4, threshold=threshold, law=GREEDY)
    inner = sum(not commit for _, _, commit, _, _ in model.notes)
    assert trace.evaluations == trace.n_steps == len(model.notes) == inner + 3
    if threshold is None:
        assert inner == 10 - 3  # one token a pass, the first of each block is known
    assert trace.evaluations <= 10


def test_the_last_look_saves_a_pass_a_block(model, prompt):
    _, exact = blockwise(model, prompt, 12, size=4, law=GREEDY)
    _, last = blockwise(model, prompt, 12, size=4, cache="last", law=GREEDY)
    assert (exact.evaluations, last.evaluations) == (12, 10)
    assert last.evaluations == len(model.notes)


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("threshold", [None, 0.12])
def test_every_pass_shows_something_and_what_is_shown_stays(model, prompt, cache, threshold):
    units, trace = blockwise(
        model, prompt, 12, size=6, sub=2, cache=cache, threshold=threshold, law=GREEDY
    )
    before = torch.full((3, 12), -1)
    for k in range(1, trace.n_steps + 1):
        after = trace.units_after(k)
        fresh = (before < 0) & (after >= 0)
        stuck = trace.steps[k - 1].positions
        assert torch.equal(after[before >= 0], before[before >= 0])
        assert fresh.any() and fresh[:, stuck].sum() == fresh.sum()
        before = after
    assert torch.equal(before, units)
    assert int(units.max()) < 11


def test_without_a_threshold_one_token_a_pass(model, prompt):
    _, trace = blockwise(model, prompt, 12, size=6, threshold=None, law=GREEDY)
    shown = [trace.units_after(k).ge(0).sum(1).tolist() for k in range(1, trace.n_steps + 1)]
    assert shown == [[k] * 3 for k in range(1, 13)]
    _, above = blockwise(model, prompt, 12, size=6, threshold=1.5, law=GREEDY)
    assert above.evaluations == 12


def test_exact_looks_are_those_of_the_two_half_mask(model, prompt):
    """Behind a cache and without one: the state of every look under the mask of training."""
    units, _ = blockwise(model, prompt, 8, size=4, law=GREEDY)
    m = prompt.shape[1]
    text = torch.cat([prompt, units], 1)
    steps = block_steps(m + 8, 4, torch.tensor([(m - 1) % 4 + 1]))[0]
    mask = two_streams(raster(m + 8), blocks(m + 8, 4, first=(m - 1) % 4 + 1))
    assert steps.tolist() == blocks(m + 8, 4, first=(m - 1) % 4 + 1).step.tolist()
    for tokens, held, commit, _, states in model.notes:
        if commit:
            continue
        noisy = text.clone()
        noisy[:, held : held + 4] = tokens
        with torch.no_grad():
            _, active = model.halves(text, noisy, mask)
        assert torch.allclose(states, active[:, held : held + 4], atol=1e-5)


@pytest.mark.parametrize("cache", ["prefix", "dual"])
@pytest.mark.parametrize("threshold", [None, 0.12])
def test_a_sub_block_that_is_the_block_keeps_nothing(model, prompt, cache, threshold):
    asked = {"size": 5, "threshold": threshold, "law": GREEDY}
    exact, told = blockwise(model, prompt, 15, **asked)
    kept, same = blockwise(model, prompt, 15, cache=cache, **asked)
    assert torch.equal(exact, kept)
    for a, b in zip(told.steps, same.steps, strict=True):
        assert torch.allclose(a.confidence[:, -4:], b.confidence[:, -4:], atol=1e-5)


def test_what_prefix_and_dual_look_at_again(model, prompt):
    lengths = {}
    for cache in ("exact", "prefix", "dual"):
        blockwise(model, prompt, 8, size=8, sub=4, cache=cache, law=GREEDY)
        lengths[cache] = [tokens.shape[1] for tokens, _, commit, _, _ in model.notes if not commit]
    assert lengths["exact"] == [8] * 7
    assert lengths["prefix"] == [8, 8, 8, 8, 5, 5, 5]  # from the token before the sub-block on
    assert len(lengths["dual"]) == 7 and lengths["dual"][:3] == [8, 4, 4]
    second = lengths["dual"][3:]
    assert second[0] == 8 and second == sorted(second, reverse=True) and set(second) <= {4, 8}


def test_kept_keys_go_stale_within_a_block_and_never_beyond(model, prompt):
    asked = {"size": 8, "sub": 4, "law": GREEDY}
    _, exact = blockwise(model, prompt, 8, **asked)
    _, dual = blockwise(model, prompt, 8, cache="dual", **asked)
    first, second = (
        (a.confidence[:, -3:], b.confidence[:, -3:])
        for a, b in zip(exact.steps[1:3], dual.steps[1:3], strict=True)
    )
    assert torch.allclose(*first, atol=1e-5)  # a look at the whole block
    assert not torch.allclose(*second, atol=1e-5)  # the later half as it was before


def test_finished_text_may_be_read_block_by_block(model, prompt):
    """As Fast-dLLM v2 is trained: tokens of a finished block see each other."""
    units, _ = blockwise(model, prompt, 8, size=4, context="block", law=GREEDY)
    text = torch.cat([prompt, units[:, :4]], 1)
    mask = blocks(len(text[0]), 4, first=(prompt.shape[1] - 1) % 4 + 1).mask()
    cache = TwoHalf.new_cache(model, 3, text.shape[1])
    with torch.no_grad():
        TwoHalf.look(model, text, cache, mask=mask)
    length = model.used.length
    assert length == text.shape[1]
    assert torch.allclose(model.used.both[..., :length, :], cache.both[..., :length, :], atol=1e-5)


def test_a_sample_that_has_ended_is_filled_up_and_costs_nothing(model, prompt):
    free, _ = blockwise(model, prompt, 16, size=4, law=GREEDY)
    stop = int(free[0, 5])
    units, trace = blockwise(model, prompt, 16, size=4, stop=stop, law=GREEDY)
    for row, was in zip(units, free, strict=True):
        ends = (was == stop).nonzero().flatten().tolist()
        end = (ends[0] // 4 + 1) * 4 if ends else 16  # the block that holds it is finished
        assert torch.equal(row[:end], was[:end])
        assert (row[end:] == stop).all()
    alone, short = blockwise(model, prompt[:1], 16, size=4, stop=stop, law=GREEDY)
    assert torch.equal(alone[0], units[0])
    assert short.evaluations <= 8 and short.evaluations <= trace.evaluations


@pytest.mark.parametrize("score", ["confidence", "margin", "entropy", "random"])
def test_scores_and_draws_come_from_the_generator_alone(model, prompt, score):
    def once(seed):
        dice = torch.Generator().manual_seed(seed)
        return blockwise(model, prompt, 12, size=6, score=score, generator=dice)[0]

    assert torch.equal(once(0), once(0))
    assert not torch.equal(once(0), once(1))


@pytest.mark.parametrize(
    "wrong,said",
    [
        ({"size": 0}, "size=0"),
        ({"size": 4, "sub": 5}, "sub=5"),
        ({"size": 4, "threshold": 0.0}, "threshold=0.0"),
        ({"size": 4, "threshold": 0.9, "score": "random"}, "score='random'"),
        ({"size": 4, "law": Law(guidance=1.0)}, "guidance 1.0"),
    ],
)
def test_what_contradicts_itself_is_refused(model, prompt, wrong, said):
    with pytest.raises(ValueError, match=said):
        blockwise(model, prompt, 8, **wrong)
    with pytest.raises(ValueError, match="at least one token to continue"):
        blockwise(model, prompt[:, :0], 8, size=4)


@pytest.mark.parametrize(
    "score,cache,context,said",
    [
        ("hope", "exact", "causal", "score 'hope' is none of confidence"),
        ("margin", "warm", "causal", "cache 'warm' is none of exact, prefix, dual, last"),
        ("margin", "exact", "free", "context 'free' is none of causal, block"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(prompt, score, cache, context, said):
    with pytest.raises(ValueError, match=said):  # behind the types that the tests check
        sampler._check(prompt, 8, 4, 4, None, score, cache, context, GREEDY)
