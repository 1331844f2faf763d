"""Speculation is exact: the law of the target, its greedy text, its cache, whatever the draft."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch

from arlearn.decode.rounds import tally
from arlearn.decode.speculative import (
    CachedModel,
    accept,
    accept_ratio,
    expected_tokens,
    speculative,
)
from arlearn.heads.law import Law

V = 4
BEYOND = 4.5  # standard deviations at which a chi-square statistic is called wrong


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Bigrams:
    """A model that looks two tokens back in a random table; its cache is the text it has read."""

    def __init__(self, seed: int, sharp: float = 1.5):
        self.table = sharp * torch.randn(V, V, V, generator=seeded(seed))
        self.caches, self.passes = [], 0

    def new_cache(self, batch, capacity):
        cache = SimpleNamespace(tokens=torch.zeros(batch, 0, dtype=torch.long), length=0)

        def crop(length):
            assert 0 <= length <= cache.length
            cache.tokens, cache.length = cache.tokens[:, :length], length

        cache.crop, cache.capacity = crop, capacity
        self.caches.append(cache)
        return cache

    def read(self, tokens, cache):
        assert tokens.shape[1] > 0, "a pass over nothing"
        text = torch.cat([cache.tokens, tokens], dim=1)
        assert text.shape[1] <= cache.capacity
        self.passes += 1
        cache.tokens, cache.length = text, text.shape[1]
        before = torch.cat([text[:, :1], text[:, :-1]], dim=1)
        return self.table[before, text][:, -tokens.shape[1] :]


def law_of(model: Bigrams, prompt: torch.Tensor, n: int, law: Law) -> torch.Tensor:
    """The exact probability of every continuation of n tokens, by the chain rule."""
    p = torch.ones(V**n, dtype=torch.float64)
    for row, words in enumerate(itertools.product(range(V), repeat=n)):
        text = torch.cat([prompt, torch.tensor([words])], dim=1)
        logits = law.filter(model.read(text, model.new_cache(1, text.shape[1]))).double()
        chance = logits[0, -n - 1 : -1].softmax(-1)
        p[row] = chance[torch.arange(n), torch.tensor(words)].prod()
    return p


def excess(counts: torch.Tensor, p: torch.Tensor) -> float:
    """Standard deviations of the chi-square statistic above its mean; rare cells are pooled."""
    expected = p * counts.sum()
    rare = expected < 5
    seen = torch.cat([counts[~rare], counts[rare].sum()[None]]).double()
    due = torch.cat([expected[~rare], expected[rare].sum()[None]])
    seen, due = seen[due > 1e-9], due[due > 1e-9]
    freedom = len(due) - 1
    return float(((seen - due) ** 2 / due).sum() - freedom) / math.sqrt(2 * freedom)


def many(p: torch.Tensor, q: torch.Tensor, n: int, seed: int, drawn_from: torch.Tensor):
    """n rounds of k drafts under p `k+1 v` and q `k v`: the texts and the verdicts.

    Row j of p does not depend on the text, so token j of a text that reaches it follows p[j].
    """
    k, generator = len(q), seeded(seed)
    draft = torch.multinomial(drawn_from, n, replacement=True, generator=generator).T
    verdict = accept(draft, q.expand(n, k, -1), p.expand(n, k + 1, -1), generator)
    text = torch.cat([draft, torch.zeros(n, 1, dtype=torch.long)], dim=1)
    text[torch.arange(n), verdict.n_accepted] = verdict.next_token
    return text, verdict


@pytest.mark.parametrize("seed", range(4))
def test_accept_follows_the_target_for_random_laws(seed):
    p = (1.5 * torch.randn(3, V, generator=seeded(seed))).softmax(-1)
    q = (1.5 * torch.randn(2, V, generator=seeded(seed + 100))).softmax(-1)
    text, verdict = many(p, q, 40_000, seed, drawn_from=q)
    assert excess(torch.bincount(text[:, 0], minlength=V), p[0].double()) < BEYOND
    # beyond the first token: what follows an accepted draft is drawn from the next row of p
    both = text[verdict.n_accepted >= 1]
    assert excess(torch.bincount(both[:, 1], minlength=V), p[1].double()) < BEYOND
    all_stand = text[verdict.n_accepted == 2]
    assert excess(torch.bincount(all_stand[:, 2], minlength=V), p[2].double()) < BEYOND
    overlap = torch.minimum(p[0], q[0]).sum().item()  # 1 - TV(p, q)
    rate = (verdict.n_accepted >= 1).float().mean().item()
    assert rate == pytest.approx(overlap, abs=4 * (0.25 / 40_000) ** 0.5)


def test_a_wrong_q_is_found_by_the_same_test():
    """Drafts that were not drawn from q break the law, and the statistic says so."""
    p = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]])
    q = torch.tensor([[0.1, 0.6, 0.2, 0.1]])
    text, _ = many(p, q, 40_000, 0, drawn_from=torch.full((1, V), 0.25))
    assert excess(torch.bincount(text[:, 0], minlength=V), p[0].double()) > 2 * BEYOND


def test_equal_laws_accept_everything():
    p = torch.randn(1000, 6, V, generator=seeded(0)).softmax(-1)
    draft = torch.multinomial(p[:, :5].reshape(-1, V), 1, generator=seeded(1)).view(1000, 5)
    assert (accept(draft, p[:, :5], p, seeded(2)).n_accepted == 5).all()


def test_disjoint_laws_accept_nothing_and_answer_from_p():
    q = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).repeat(3, 1)
    p = torch.tensor([[0.0, 0.0, 0.3, 0.7]]).repeat(4, 1)
    verdict = accept(torch.tensor([0, 1, 0]), q, p, seeded(0))
    assert verdict.n_accepted == 0 and verdict.next_token in (2, 3)


def test_a_refusal_with_nothing_left_to_draw_from_falls_back_to_the_target():
    """What rounding may do once in 1e7 draws, exaggerated: p below q everywhere."""
    q = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    p = torch.tensor([[0.0, 1e-6, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
    verdict = accept(torch.tensor([1]), q, p, seeded(0))
    assert verdict.n_accepted == 0 and verdict.next_token == 1


def test_greedy_is_the_one_hot_case():
    best, draft = torch.tensor([2, 1, 3, 0]), torch.tensor([2, 1, 0])
    one_hot = torch.nn.functional.one_hot
    verdict = accept(draft, one_hot(draft, V).float(), one_hot(best, V).float(), seeded(0))
    assert verdict.n_accepted == 2 and verdict.next_token == 3


def test_no_draft_is_a_draw_from_p():
    p = torch.tensor([[[0.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]])
    verdict = accept(torch.zeros(2, 0, dtype=torch.long), p[:, :0], p)
    assert verdict.n_accepted.tolist() == [0, 0] and verdict.next_token.tolist() == [1, 3]


def test_batched_and_single_agree():
    """Axes before k are free: none, one or two of them, with the same random numbers."""
    p, q = torch.randn(1, 4, V).softmax(-1), torch.randn(1, 3, V).softmax(-1)
    draft = torch.tensor([[0, 3, 1]])
    flat = accept(draft[0], q[0], p[0], seeded(3))
    row = accept(draft, q, p, seeded(3))
    deep = accept(draft[None], q[None], p[None], seeded(3))
    for verdict, shape in ((flat, ()), (row, (1,)), (deep, (1, 1))):
        assert verdict.n_accepted.shape == verdict.next_token.shape == shape
        assert verdict.n_accepted.item() == flat.n_accepted
        assert verdict.next_token.item() == flat.next_token


def test_a_token_that_q_could_not_draw_is_refused():
    q = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="probability 0 under q"):
        accept(torch.tensor([1]), q, torch.full((2, V), 0.25))


def test_ratios_accept_until_the_first_that_falls():
    sure, never = 0.0, -torch.inf
    log_ratio = torch.tensor([[sure, sure, never, sure], [never, sure, sure, sure], [1e9] * 4])
    assert accept_ratio(log_ratio, seeded(0)).tolist() == [2, 0, 4]
    assert accept_ratio(torch.zeros(5, 0), seeded(0)).tolist() == [0] * 5
    half = torch.full((40_000, 1), math.log(0.3))
    rate = accept_ratio(half, seeded(1)).float().mean().item()
    assert rate == pytest.approx(0.3, abs=4 * (0.21 / 40_000) ** 0.5)
    with pytest.raises(ValueError, match="not a number"):
        accept_ratio(torch.tensor([math.nan]))


def test_ratios_of_two_gaussians_are_lossless():
    """CSpD's last step: accept at N(x; a) / N(x; b), else reflect; the result follows N(a, 1)."""
    n, a, b = 40_000, 0.0, 1.2
    x = b + torch.randn(n, generator=seeded(0))
    log_ratio = ((x - b) ** 2 - (x - a) ** 2) / 2
    stands = accept_ratio(log_ratio[:, None], seeded(1)).bool()
    y = torch.where(stands, x, a - (x - b))  # (I - 2 e eᵀ)(x - b) in one dimension
    normal = torch.distributions.Normal(0.0, 1.0)
    overlap = 2 * normal.cdf(torch.tensor(-(b - a) / 2)).item()
    assert stands.float().mean().item() == pytest.approx(overlap, abs=4 * (0.25 / n) ** 0.5)
    gap = (normal.cdf(y.sort().values) - torch.arange(1, n + 1) / n).abs().max().item()
    assert gap < 1.95 / n**0.5  # Kolmogorov-Smirnov at 0.1 %
    kept_alone = (normal.cdf(x.sort().values) - torch.arange(1, n + 1) / n).abs().max().item()
    assert kept_alone > 10 * gap


def test_expected_tokens():
    assert expected_tokens(0.0, 5) == 1
    assert expected_tokens(1.0, 5) == 6
    assert expected_tokens(0.5, 2) == 1.75
    assert expected_tokens(0.885, 15) == pytest.approx(7.45, abs=0.05)  # TiDAR at 16 positions
    with pytest.raises(ValueError, match=r"alpha 1\.5"):
        expected_tokens(1.5, 2)


def test_expected_tokens_is_what_accept_does():
    alpha, k, n = 0.7, 3, 40_000
    lengths = accept_ratio(torch.full((n, k), math.log(alpha)), seeded(4)) + 1
    mean = lengths.float().mean().item()
    assert mean == pytest.approx(expected_tokens(alpha, k), abs=4 * 1.2 / n**0.5)


LAWS = [
    (2, Law()),
    (1, Law(temperature=0.6)),
    (4, Law(top_k=2)),
    (2, Law(temperature=1.5, top_p=0.8)),
]


@pytest.mark.parametrize(("length", "law"), LAWS)
def test_three_tokens_follow_the_targets_law(length, law):
    target, draft, prompt = Bigrams(0), Bigrams(1), torch.tensor([[1, 3]])
    p, other = law_of(target, prompt, 3, law), law_of(draft, prompt, 3, law)
    generator, counts = seeded(7), torch.zeros(V**3, dtype=torch.long)
    for _ in range(300):
        units, _ = speculative(
            target, draft, prompt, 3, length=length, law=law, generator=generator
        )
        counts[units[0, 0] * V * V + units[0, 1] * V + units[0, 2]] += 1
    assert not counts[p == 0].any(), "a text that the law forbids"
    assert excess(counts, p) < BEYOND
    assert excess(counts, other.clamp_min(1e-6)) > 2 * BEYOND, "the draft's law would pass as well"


def greedy(model: Bigrams, prompt: torch.Tensor, n: int) -> torch.Tensor:
    text = prompt
    for _ in range(n):
        logits = model.read(text, model.new_cache(1, text.shape[1]))
        text = torch.cat([text, logits[:, -1:].argmax(-1)], dim=1)
    return text[:, prompt.shape[1] :]


@pytest.mark.parametrize("length", [0, 1, 3, 50])
@pytest.mark.parametrize("n", [1, 2, 17])
def test_greedy_speculation_is_the_targets_greedy_text(length, n):
    target, prompt = Bigrams(0), torch.tensor([[2]])
    near = Bigrams(0)
    near.table = target.table + 0.5 * torch.randn(V, V, V, generator=seeded(9))  # often right
    units, trace = speculative(
        target, near, prompt, n, length=length, law=Law(temperature=0.0), generator=seeded(0)
    )
    assert torch.equal(units, greedy(target, prompt, n))
    assert (1, n) == units.shape
    assert math.ceil(n / (length + 1)) <= trace.evaluations <= n


def test_length_0_is_plain_sampling():
    target, draft, prompt = Bigrams(0), Bigrams(1), torch.tensor([[0, 1]])
    _, trace = speculative(target, draft, prompt, 9, length=0, generator=seeded(0))
    assert trace.evaluations == trace.n_steps == 9 and draft.passes == 0
    assert tally(trace).tokens_per_pass == 1


def test_the_target_as_its_own_draft_is_never_refused():
    target, prompt = Bigrams(0), torch.tensor([[0]])
    _, trace = speculative(target, target, prompt, 20, length=4, generator=seeded(0))
    count = tally(trace)
    assert count.rate == 1 and trace.evaluations == 4 and count.tokens == 20
    assert count.tokens_per_pass == expected_tokens(1.0, 4)


@pytest.mark.parametrize("length", [1, 3, 8])
def test_rollback_leaves_both_caches_as_a_prefill(length):
    target, draft, prompt = Bigrams(0), Bigrams(1), torch.tensor([[3, 0, 2]])
    units, trace = speculative(target, draft, prompt, 25, length=length, generator=seeded(5))
    text = torch.cat([prompt, units], dim=1)
    count = tally(trace)
    assert 0 < count.accepted < count.drafted, "no rejection or no acceptance: nothing was tested"
    read = target.caches[0].tokens
    assert torch.equal(read, text[:, :-1])  # all but the last token, which nobody has read
    read = draft.caches[0].tokens
    assert torch.equal(read, text[:, : read.shape[1]])


def test_the_trace_tells_rounds_drafts_and_costs():
    target, draft, prompt = Bigrams(0), Bigrams(1), torch.tensor([[3, 0]])
    units, trace = speculative(target, draft, prompt, 30, length=3, generator=seeded(1))
    assert trace.length == 30 and trace.evaluations == target.passes
    count = tally(trace)
    assert count.drafted == draft.passes and count.tokens == 30
    written = []
    for step in trace.steps:
        assert step.positions[0] <= len(written)
        kept = step.units[0, step.kept[0]].tolist()
        assert step.positions[step.kept[0]].tolist() == list(
            range(len(written), len(written) + len(kept))
        )
        assert ((step.confidence > 0) & (step.confidence <= 1)).all()
        written += kept
    assert written == units[0].tolist()
    assert torch.equal(trace.units_after(trace.n_steps), units)


def test_the_same_seed_gives_the_same_text():
    def text(seed):
        return speculative(
            Bigrams(0), Bigrams(1), torch.tensor([[0]]), 20, length=3, generator=seeded(seed)
        )[0]  # fmt: skip

    assert torch.equal(text(0), text(0))
    assert not torch.equal(text(0), text(1))


def test_bad_arguments_get_a_sentence():
    model, prompt = Bigrams(0), torch.tensor([[0]])
    for words, match in (
        ({"prompt": prompt[:, :0], "n": 3, "length": 1}, "prompt of at least 1 token"),
        ({"prompt": prompt, "n": 0, "length": 1}, r"n of at least 1 \(got 0\)"),
        ({"prompt": prompt, "n": 3, "length": -1}, r"draft length of at least 0 \(got -1\)"),
        ({"prompt": prompt, "n": 3, "length": 1, "law": Law(guidance=2.0)}, "guidance 2.0"),
    ):
        with pytest.raises(ValueError, match=match):
            speculative(model, model, **words)
    assert isinstance(model, CachedModel) and not isinstance(object(), CachedModel)


def test_a_transformer_with_its_cache_speculates():
    """The real cache behind the protocol: greedy text and rolled-back keys equal a plain run."""
    from torch import nn

    from arlearn.nets.transformer import Transformer

    class Language(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.embed = nn.Embedding(V, 32)
            self.backbone, self.head = Transformer(32, depth, 2), nn.Linear(32, V)
            self.caches = []

        def new_cache(self, batch, capacity):
            self.caches.append(self.backbone.cache(batch, capacity))
            return self.caches[-1]

        def read(self, tokens, cache):
            return self.head(self.backbone(self.embed(tokens), mask="causal", cache=cache))

    torch.manual_seed(0)
    target, draft, prompt = Language(2).eval(), Language(1).eval(), torch.tensor([[1, 2, 0]])
    law = Law(temperature=0.0)
    plain, _ = speculative(target, draft, prompt, 16, length=0, law=law)
    units, trace = speculative(target, draft, prompt, 16, length=3, law=law)
    assert torch.equal(units, plain)
    assert tally(trace).accepted < tally(trace).drafted
    sampled, trace = speculative(target, draft, prompt, 16, length=3, generator=seeded(0))
    assert 0 < tally(trace).accepted < tally(trace).drafted
    cache, fresh = target.caches[-1], target.backbone.cache(1, 32)
    read = torch.cat([prompt, sampled], dim=1)[:, :-1]
    with torch.no_grad():
        target.read(read, fresh)
    end = fresh.length
    assert cache.length == end
    assert torch.allclose(cache.keys[..., :end, :], fresh.keys[..., :end, :], atol=1e-5)
    assert torch.allclose(cache.values[..., :end, :], fresh.values[..., :end, :], atol=1e-5)
