"""Speculation over continuous units: whatever the drafts, the target's law; and its bookkeeping."""

import copy

import pytest
import torch
from torch import Generator

from arlearn import decode
from arlearn.decode.dice import Dice, at
from arlearn.decode.overlap import log_ratio, reflect
from arlearn.decode.speculative_units import speculative_units
from arlearn.heads import DiffusionHead
from arlearn.metrics.energy import two_sample
from arlearn.nets.vectors import VectorModel

T, C, STEPS, LAST = 6, 2, 3, 0.4


def model(seed, depth=2, spread=0.15, length=T, **options):
    torch.manual_seed(seed)
    options = {"train_steps": STEPS, "steps": STEPS, "last": LAST} | options
    head = DiffusionHead(16, C, 8, 1, **options)
    made = VectorModel(length, head, width=16, depth=depth, classes=3)
    for weights in made.parameters():
        weights.data += spread * torch.randn_like(weights)
    return made.eval()


TARGET, DRAFT = model(0), model(1, depth=1)
LABELS = torch.tensor([0, 1, 2, 1, 0])


def dice(n=5, seed=0, **options):
    return Dice.roll(TARGET, n, generator=Generator().manual_seed(seed), **options)


def run(target=TARGET, draft=DRAFT, rolled=None, labels=LABELS, length=3, **options):
    rolled = rolled or dice(len(labels))
    return speculative_units(target, draft, labels, length=length, dice=rolled, **options)


@torch.no_grad()
def alone(target, labels, rolled):
    """Plain decoding, one full pass after another, no cache: what the dice say of the target."""
    units = target.blank(len(labels))
    for i in range(units.shape[1]):
        noise = rolled.noise[:, :, i]
        units[:, i] = target.head.chain(target(units, labels)[:, i], noise) + LAST * noise[-1]
    return units


@torch.no_grad()
def by_hand(target, draft, label, rolled, gamma):
    """The strict loop for one sample, written out with full passes."""
    label, units, n, passes = torch.tensor([label]), target.blank(1), 0, 0
    while n < T:
        k, x, q = min(gamma, T - 1 - n), units.clone(), []
        for j in range(n, n + k):
            noise = rolled.draft[:, :, j]
            q.append(draft.head.chain(draft(x, label)[:, j], noise))
            x[:, j] = q[-1] + LAST * noise[-1]
        states, passes = target(x, label), passes + 1
        p = [target.head.chain(states[:, j], rolled.noise[:, :, j]) for j in range(n, n + k + 1)]
        for j in range(k):
            r = log_ratio(x[:, n + j], p[j], q[j], LAST)
            if rolled.chance[:, n + j].log() >= r:
                x[:, n + j], n = reflect(x[:, n + j], p[j], q[j]), n + j + 1
                break
        else:
            x[:, n + k] = p[k] + LAST * rolled.noise[-1, :, n + k]
            n = n + k + 1
        units[:, :n] = x[:, :n]
    return units, passes


@pytest.mark.parametrize("gamma", [1, 3, 5, 9])
def test_a_batch_gives_what_each_sample_gives_by_hand(gamma):
    """Token for token, with rows that end their rounds at different places, cached and not."""
    rolled = dice(5, aligned=False)
    units, rounds = run(rolled=rolled, length=gamma)
    slow, _ = run(rolled=rolled, length=gamma, cached=False)
    torch.testing.assert_close(units, slow, atol=1e-5, rtol=1e-4)
    for i, label in enumerate(LABELS.tolist()):
        wanted, passes = by_hand(TARGET, DRAFT, label, rolled.take(torch.tensor([i])), gamma)
        torch.testing.assert_close(units[i : i + 1], wanted, atol=1e-5, rtol=1e-4)
        assert int(rounds.passes[i]) == passes
    assert len(set(rounds.passes.tolist())) > 1 or gamma == 1  # rows did go their own ways


def test_without_drafts_it_is_the_target_alone():
    rolled = dice()
    units, rounds = run(rolled=rolled, length=0)
    torch.testing.assert_close(units, alone(TARGET, LABELS, rolled), atol=1e-5, rtol=1e-4)
    assert (rounds.passes == T).all() and not rounds.tested.any() and not rounds.drafted.any()


@pytest.mark.parametrize("gamma", [1, 2, 5])
def test_a_draft_that_is_the_target_always_stands(gamma):
    rolled = dice()
    units, rounds = run(draft=copy.deepcopy(TARGET), rolled=rolled, length=gamma)
    torch.testing.assert_close(units, alone(TARGET, LABELS, rolled), atol=1e-5, rtol=1e-4)
    assert rounds.acceptance == rounds.rate == 1.0
    assert (rounds.passes == -(-T // (gamma + 1))).all()


def test_prefill_all_of_it_is_the_target_alone_and_some_is_in_between():
    rolled = dice()
    units, rounds = run(rolled=rolled, prefill=T)
    torch.testing.assert_close(units, alone(TARGET, LABELS, rolled), atol=1e-5, rtol=1e-4)
    some, rounds = run(rolled=rolled, prefill=2)
    torch.testing.assert_close(some[:, :2], units[:, :2], atol=1e-5, rtol=1e-4)
    assert not rounds.tested[:, :2].any() and rounds.tested[:, 2].all()


def test_a_sample_does_not_know_its_batch():
    rolled = dice()
    units, _ = run(rolled=rolled)
    some = torch.tensor([3, 1])
    alone_, _ = run(rolled=rolled.take(some), labels=LABELS[some])
    torch.testing.assert_close(alone_, units[some], atol=1e-5, rtol=1e-4)


def test_what_was_done_adds_up():
    units, rounds = run(length=3)
    written = torch.zeros(5, dtype=torch.long)
    for done in rounds.log:
        assert (done.stands <= done.limit).all() and (done.limit <= 3).all()
        written[done.rows] += done.stands + 1
        assert (done.known + done.stands < T).all()
    assert (written == T).all()
    assert (rounds.stood.sum(1) + rounds.passes == T).all()  # a pass adds one unit
    assert (rounds.stood <= rounds.tested).all()
    assert (rounds.tested.sum(1) <= rounds.drafted).all()
    for i in range(5):
        trace = rounds.trace(i)
        assert trace.evaluations == rounds.passes[i]
        assert torch.equal(trace.units_after(trace.n_steps), units[i : i + 1])
        tally = decode.tally(trace)
        assert (tally.drafted, tally.accepted) == (
            int(rounds.drafted[i]),
            int(rounds.stood[i].sum()),
        )


def test_the_targets_head_runs_once_a_place_a_round():
    target, calls = copy.deepcopy(TARGET), []
    chain = target.head.chain
    target.head.chain = lambda h, noise: calls.append(h.shape) or chain(h, noise)
    _, rounds = run(target=target)
    assert len(calls) == len(rounds.log)
    widths = [int(done.limit.max()) + 1 for done in rounds.log]
    assert [shape[1] for shape in calls] == widths


def test_fresh_noise_for_the_draft_costs_acceptance():
    near = copy.deepcopy(TARGET)
    for weights in near.parameters():
        weights.data += 0.01 * torch.randn(weights.shape, generator=Generator().manual_seed(3))
    many = torch.zeros(300, dtype=torch.long)
    _, shared = run(draft=near, rolled=dice(300), labels=many)
    _, own = run(draft=near, rolled=dice(300, aligned=False), labels=many)
    assert shared.acceptance > 0.8 > own.acceptance + 0.2


N = 1500


def law(**options):
    """Units of a short chain, drawn so many times that their law shows."""
    target, draft = model(4, length=3), model(5, depth=1, length=3)
    seed, gamma = options.pop("seed", 0), options.pop("length", 2)
    rolled = Dice.roll(
        target, N, generator=Generator().manual_seed(seed), aligned=options.pop("aligned", True)
    )
    if options.pop("swapped", False):
        target, draft = draft, target
    labels = torch.zeros(N, dtype=torch.long)
    units, rounds = speculative_units(target, draft, labels, length=gamma, dice=rolled, **options)
    return units.flatten(1), rounds


def test_given_the_path_the_unit_is_the_targets_last_gaussian():
    """A far sharper test: (x - p)/σ is standard normal, and along p - q nothing else is."""
    n, labels = 20_000, torch.zeros(20_000, dtype=torch.long)
    rolled = Dice.roll(TARGET, n, generator=Generator().manual_seed(7))
    with torch.no_grad():
        first = [made(made.blank(1), labels[:1])[:, 0].expand(n, -1) for made in (TARGET, DRAFT)]
        p, q = (
            m.head.chain(h, rolled.noise[:, :, 0])
            for m, h in zip((TARGET, DRAFT), first, strict=True)
        )
    e = (p - q) / (p - q).norm(dim=-1, keepdim=True)
    for softness, exact in ((1.0, True), (3.0, False)):
        units, _ = run(rolled=rolled, labels=labels, length=1, softness=softness)
        z = (((units[:, 0] - p) / LAST) * e).sum(-1).double().sort().values
        apart = (torch.special.ndtr(z) - (torch.arange(n) + 0.5) / n).abs().max() * n**0.5
        assert (apart < 1.63) == exact, (softness, apart)


def test_the_law_is_the_targets_and_other_laws_are_told_apart():
    plain, _ = law(length=0, seed=1)
    for options in ({}, {"aligned": False}, {"length": 1}, {"prefill": 1}):
        strict, rounds = law(seed=3, **options)
        assert 0.1 < rounds.acceptance < 0.95
        assert two_sample(strict, plain, deals=99).p_value > 0.02, options
    soft, rounds = law(seed=3, softness=5.0)
    assert rounds.acceptance > 0.7
    for wrong in (soft, law(seed=3, swapped=True)[0], law(seed=3, residual=lambda x, p, q: x)[0]):
        assert two_sample(wrong, plain, deals=99).p_value == 0.01


def test_dice_stay_at_their_places():
    rolled = dice(2, aligned=False)
    where = torch.tensor([[1, 2], [4, 7]])
    found = at(rolled.noise, where)
    assert torch.equal(found[:, 0, 1], rolled.noise[:, 0, 2])
    assert torch.equal(found[:, 1, 1], rolled.noise[:, 1, T - 1])  # behind the end: the last one's
    assert torch.equal(dice(2).noise, rolled.noise) and torch.equal(dice(2).chance, rolled.chance)
    assert dice(2).draft is dice(2).noise or torch.equal(dice(2).draft, dice(2).noise)
    one = rolled.take(torch.tensor([1]))
    assert torch.equal(one.draft[:, 0], rolled.draft[:, 1])


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="length=-1"):
        run(length=-1)
    with pytest.raises(ValueError, match="softness=0"):
        run(softness=0.0)
    with pytest.raises(ValueError, match="5 labels, and dice for 4"):
        run(rolled=dice(4))
    with pytest.raises(ValueError, match="the same steps with the same deviations"):
        run(draft=model(1, last=0.2))
    with pytest.raises(ValueError, match="no density"):
        run(target=model(0, last=0.0), draft=model(1, last=0.0))
    with pytest.raises(ValueError, match="dice for 0"):
        dice(0)
