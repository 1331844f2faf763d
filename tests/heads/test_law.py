"""What a sampler may do to a law, against brute force."""

import itertools

import pytest
import torch
from scipy.stats import chisquare

from arlearn.heads.law import Law, draw, guided


def laws(seed=0, n=20, v=7):
    return 2 * torch.randn(n, v, generator=torch.Generator().manual_seed(seed))


def test_plain_law_changes_nothing():
    logits = laws()
    assert torch.equal(Law().filter(logits), logits)
    assert torch.equal(Law(top_k=7, top_p=1.0).filter(logits), logits)


def test_temperature_divides():
    logits = laws()
    assert torch.equal(Law(temperature=0.5).filter(logits), logits / 0.5)


def test_temperature_zero_takes_the_most_likely_unit():
    logits = laws()
    units, log_p = draw(Law(temperature=0.0, top_k=3, top_p=0.5).filter(logits))
    assert torch.equal(units, logits.argmax(-1))
    assert torch.equal(log_p, torch.zeros(20))


def test_small_temperature_tends_to_zero_temperature():
    logits = laws()
    cold = Law(temperature=1e-3).filter(logits).softmax(-1)
    assert torch.allclose(cold, Law(temperature=0.0).filter(logits).softmax(-1), atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 6])
def test_top_k_keeps_the_best_k_sets_by_brute_force(k):
    for row in laws():
        kept = Law(top_k=k).filter(row[None])[0] > -torch.inf
        subsets = itertools.combinations(range(len(row)), k)
        best = max(subsets, key=lambda s, row=row: float(row[list(s)].exp().sum()))
        assert set(kept.nonzero().flatten().tolist()) == set(best)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_top_p_keeps_the_smallest_set_by_brute_force(p, temperature):
    for row in laws(seed=1):
        kept = Law(temperature=temperature, top_p=p).filter(row[None])[0] > -torch.inf
        mass = (row.double() / temperature).softmax(-1)
        sizes = (
            max(
                itertools.combinations(range(len(row)), n), key=lambda s: float(mass[list(s)].sum())
            )
            for n in range(1, len(row) + 1)
        )
        smallest = next(s for s in sizes if mass[list(s)].sum() >= p)
        assert set(kept.nonzero().flatten().tolist()) == set(smallest)


def test_what_is_kept_keeps_its_ratios():
    logits = laws()
    kept = Law(top_k=3).filter(logits)
    there = kept > -torch.inf
    assert torch.equal(kept[there], logits[there])


def test_guided_is_the_formula_and_zero_is_conditional():
    cond, away = laws(0), laws(1)
    assert torch.allclose(guided(cond, away, 1.5), 2.5 * cond - 1.5 * away)
    assert guided(cond, away, 0.0) is cond
    assert torch.allclose(guided(cond, cond, 3.0), cond, atol=1e-5)


def test_guidance_ramps_from_zero_to_full():
    law = Law(guidance=3.0, ramp=True)
    assert [law.strength(s, 4) for s in range(4)] == [0.0, 1.0, 2.0, 3.0]
    assert [Law(guidance=3.0).strength(s, 4) for s in range(4)] == [3.0] * 4
    assert law.strength(0, 1) == 0.0


@pytest.mark.parametrize(
    "law",
    [Law(), Law(temperature=0.7), Law(top_k=3), Law(temperature=1.5, top_k=5, top_p=0.8)],
    ids=str,
)
def test_draws_follow_the_filtered_law(law):
    logits = law.filter(laws(seed=2, n=1))
    units, log_p = draw(logits.expand(20_000, -1), torch.Generator().manual_seed(3))
    mass = logits[0].softmax(-1)
    assert torch.allclose(log_p.exp(), mass[units], atol=1e-6)
    counts = torch.bincount(units, minlength=7)
    assert counts[mass == 0].sum() == 0
    # Fixed seed; a right law falls below 1e-3 once in a thousand seeds.
    expected = mass[mass > 0].double() / mass.double().sum() * 20_000
    assert chisquare(counts[mass > 0], expected).pvalue > 1e-3


def test_draw_repeats_with_its_generator():
    logits = laws().view(4, 5, 7)
    first, _ = draw(logits, torch.Generator().manual_seed(5))
    again, log_p = draw(logits, torch.Generator().manual_seed(5))
    assert torch.equal(first, again) and first.shape == log_p.shape == (4, 5)


@pytest.mark.parametrize("rows", [1, 3, 64])
@pytest.mark.parametrize("top_k", [1, 4, 200])
def test_drawing_is_multinomial_to_the_last_bit(rows, top_k):
    ours, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    for seed in range(20):
        logits = Law(top_k=top_k).filter(laws(seed, rows, 200))
        index, log_p = draw(logits, ours)
        log_laws = logits.log_softmax(-1)
        wanted = torch.multinomial(log_laws.exp(), 1, generator=theirs)
        assert torch.equal(index, wanted[:, 0])
        assert torch.equal(log_p, log_laws.gather(-1, wanted)[:, 0])
    assert torch.equal(ours.get_state(), theirs.get_state())


@pytest.mark.parametrize("wrong", ["nan", "-inf", "inf"])
def test_nothing_is_drawn_from_no_law(wrong):
    logits = laws()
    logits[3] = float(wrong)
    with pytest.raises(ValueError, match="nan give" if wrong == "nan" else "everywhere, or"):
        draw(logits)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"temperature": -1.0}, "temperature -1.0 is negative"),
        ({"temperature": float("nan")}, "negative"),
        ({"top_k": 0}, "top_k 0 keeps nothing"),
        ({"top_p": 0.0}, "no probability above 0"),
        ({"top_p": 1.5}, "no probability above 0"),
    ],
)
def test_bad_laws_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        Law(**fields)


def test_top_k_above_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="top_k 8 exceeds the vocabulary of 7"):
        Law(top_k=8).filter(laws())


def test_guidance_away_from_nothing_is_refused():
    with pytest.raises(ValueError, match="needs the unconditional branch"):
        guided(torch.zeros(3), None, 1.0)
    assert torch.equal(guided(torch.ones(3), None, 0.0), torch.ones(3))
