"""MDPO and running confidence: the traps of the paper that can be checked exactly."""

import pytest
import torch

from arlearn.data.sheet import Sheet
from arlearn.data.tasks import ALPHABET, tasks
from arlearn.decode.film import film
from arlearn.decode.perform import Way, perform
from arlearn.decode.unmask import hidden_after, unmask
from arlearn.heads.law import Law
from arlearn.nets.prompted import PromptedDenoiser
from arlearn.papers.masked_rl import Lesson
from arlearn.papers.mdpo import MDPO, Steps, choose, end_value, step_loss, step_value
from arlearn.reward import advantages

MASK = 6


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def network(units):
    place = torch.arange(units.shape[1])
    seen = ((units + 1) * (place + 2)).sum(1, keepdim=True) % 17
    return 2 * torch.sin(seen[..., None] + place[:, None] * 1.7 + torch.arange(6) * 2.3)


def begin(batch=8, prompt=2, answer=12):
    start = torch.full((batch, prompt + answer), MASK)
    start[:, :prompt] = torch.randint(6, (batch, prompt), generator=dice(3))
    return start


def written_out(start, n_steps, mode, block):
    """RCR as the paper's release writes it, row by row; c̄ is 1 where nothing was ever guessed."""
    prompt, blocks = int((start[0] != MASK).sum()), (start.shape[1] - 2) // block
    share, out = n_steps // blocks, []
    for x in start.clone():
        kept, running = [], torch.zeros(len(x))
        for b in range(blocks):
            here = torch.arange(prompt + b * block, prompt + (b + 1) * block)
            for left in hidden_after(block, share):
                p = network(x[None])[0].softmax(-1)
                sure, guess = p.max(-1)
                fresh = x == MASK
                if mode == "max":
                    running = torch.where(fresh, torch.maximum(running, sure), running)
                else:
                    running = torch.where(fresh, sure, running)
                full = torch.where(fresh, guess, x)
                x = x.clone()
                x[here] = full[here]
                x[here[running[here].argsort()[:left]]] = MASK
                kept.append(x != MASK)
        out.append((x, torch.stack(kept)))
    return torch.stack([x for x, _ in out]), torch.stack([k for _, k in out], 1)


@pytest.mark.parametrize("mode", ["last", "max"])
@pytest.mark.parametrize(("n_steps", "block"), [(4, 12), (6, 12), (12, 12), (6, 4), (8, 6)])
def test_running_confidence_is_the_releases(mode, n_steps, block):
    start = begin()
    units, kept = written_out(start, n_steps, mode, block)
    found, trace = unmask(
        network, start, mask=MASK, n_steps=n_steps, block=block, remask=mode,
        law=Law(temperature=0.0),
    )  # fmt: skip
    assert torch.equal(torch.stack([step.kept for step in trace.steps]), kept)
    assert torch.equal(found, units)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5, 8, 12])
def test_every_way_leaves_as_many_masks_and_costs_the_same(n_steps):
    counts = {}
    for remask in (None, "last", "max"):
        _, trace = unmask(network, begin(), mask=MASK, n_steps=n_steps, remask=remask)
        counts[remask] = [(~step.kept).sum(1).tolist() for step in trace.steps]
        assert counts[remask][-1] == [0] * 8 and trace.evaluations == n_steps
    assert counts[None] == counts["last"] == counts["max"]


def test_without_a_later_guess_surer_than_what_stands_nothing_is_taken_back():
    def doubting(units):
        """Less sure the more is known, so that what stands is always the surest."""
        known = (units != MASK).sum(1)[:, None, None] - 2
        return network(units) * 0.4**known

    sure = Law(temperature=0.0)
    plain, first = unmask(doubting, begin(), mask=MASK, n_steps=4, law=sure)
    other, second = unmask(doubting, begin(), mask=MASK, n_steps=4, law=sure, remask="last")
    assert torch.equal(plain, other)
    for a, b in zip(first.steps, second.steps, strict=True):
        assert torch.equal(a.kept, b.kept)


def test_one_step_is_the_same_for_all():
    found = [
        unmask(network, begin(), mask=MASK, n_steps=1, remask=remask, generator=dice())[0]
        for remask in (None, "last", "max")
    ]
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_the_value_of_steps_by_hand():
    marks = torch.tensor([0.0, 1.0, 1.0, 0.0])
    assert torch.allclose(step_value(marks), torch.tensor([2 / 3, 1.5, 0.0, -1.0]))
    assert torch.allclose(step_value(torch.tensor([1.0])), torch.tensor([2.0]))  # r_0 + r_0
    assert end_value(marks).tolist() == [0, 0, 0, 0]
    many = torch.rand(5, 3, 4, generator=dice())
    for p in range(3):
        for g in range(4):
            assert torch.allclose(step_value(many)[:, p, g], step_value(many[:, p, g]))


def test_early_and_late_success_of_equal_end_are_told_apart():
    spoiled, kept = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0.0, 0.0, 0.0, 1.0])
    assert step_value(spoiled)[2] < step_value(kept)[2] and step_value(spoiled)[1] > 1
    assert torch.equal(end_value(spoiled), end_value(kept))


def test_advantages_are_over_the_group_at_each_step():
    marks = torch.rand(5, 3, 6, generator=dice())
    a = advantages(step_value(marks))
    assert torch.allclose(a.sum(-1), torch.zeros(5, 3), atol=1e-4)
    assert (a.sum(0).abs() > 1e-3).any(), "these advantages were centred over time"
    # a constant on every mark moves raw_t of all rollouts alike, so A stays
    assert torch.allclose(a, advantages(step_value(marks + 3)), atol=1e-3)


def test_the_steps_with_most_signal_are_chosen_and_ties_by_chance():
    a = torch.zeros(6, 2, 4)
    a[4, 0], a[1, 0], a[2, 1] = 3.0, torch.tensor([2.0, -2.0, 2.0, -2.0]), 1.0
    chosen = choose(a, 2)
    assert set(chosen[:, 0].tolist()) == {4, 1} and chosen[0, 1] == 2
    torch.manual_seed(0)
    others = {int(choose(a, 2)[1, 1]) for _ in range(60)}
    assert others == {0, 1, 3, 4, 5}
    free = {int(i) for _ in range(60) for i in choose(a, 2, by_signal=False)[:, 0]}
    assert free == set(range(6))
    assert all(len(set(choose(a, 3)[:, p].tolist())) == 3 for p in range(2))
    with pytest.raises(ValueError, match="7 steps cannot be chosen from 6"):
        choose(a, 7)


def test_the_gradient_of_a_step_is_the_formulas():
    """-q A (L/|m|) / |m| at masks, plus the reference's pull; 0 where nothing was hidden."""
    now = torch.randn(4, 9, generator=dice()).requires_grad_()
    before, a = torch.randn(4, 9, generator=dice(1)), torch.tensor([1.0, -2.0, 0.5, 0.0])
    sure = torch.rand(4, 9, generator=dice(2))
    hidden = torch.rand(4, 9, generator=dice(3)) < 0.5
    hidden[2], hidden[:, 0] = False, False
    m = hidden.sum(1, keepdim=True).clamp(min=1)
    for beta in (0.0, 0.3):
        loss = step_loss(now, before, a, sure, hidden, length=7, lesson=Lesson(beta=beta))
        found = torch.autograd.grad(loss.sum(), now)[0]
        by_hand = -sure * a[:, None] * (7 / m) / m + beta * sure * (now - before) / m
        assert torch.allclose(found, by_hand * hidden, atol=1e-6)
        assert (found[~hidden] == 0).all()


# -- with a small policy on real problems ----------------------------------------------------------


@pytest.fixture(scope="module")
def sheet():
    return Sheet(tasks("train", "countdown", n=6))


def learner(sheet, *, beta=0.0, temperature=1.0, group=3, **steps):
    torch.manual_seed(0)
    policy = PromptedDenoiser(len(ALPHABET), 12, 16, width=16, depth=1)
    for p in policy.parameters():
        p.data += 0.1 * torch.randn_like(p)
    lesson = Lesson(Way(4, temperature), group=group, beta=beta)
    return MDPO(policy, sheet, lesson, steps=Steps(**steps))


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.policy.parameters() if p.grad is not None]


def seen_by(model, sheet, which):
    way = model.lesson.way
    many = which.repeat_interleave(model.lesson.group)
    return perform(model.policy, sheet, way, which=many, generator=dice()).film


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_equal_marks_teach_nothing(sheet, level):
    model, which = learner(sheet), torch.tensor([0, 4])
    marks = torch.full((4, 2, 3), level)
    found = gradients(model, model.objective(seen_by(model, sheet, which), marks, which))
    assert found and all((g == 0).all() for g in found)


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_the_objective_is_the_papers_loop(sheet, temperature):
    """Problem by problem, step by step, as the release writes it, and the same gradient."""
    model = learner(sheet, beta=0.1, temperature=temperature, k=2)
    for p in model.reference.parameters():
        p.data += 0.05
    which = torch.tensor([3, 1])
    seen = seen_by(model, sheet, which)
    marks = torch.randint(2, (4, 2, 3), generator=dice(5)).float()
    marks[:, :, 0] = torch.tensor([0.0, 1.0, 1.0, 0.0])[:, None]  # steps of different signal
    loss = model.objective(seen, marks, which)

    terms = []
    for p in range(2):
        raw = torch.stack([step_value(marks[:, p, g]) for g in range(3)])
        a = (raw - raw.mean(0)) / (raw.std(0) + 1e-4)
        for t in a.abs().sum(0).topk(2).indices.tolist():
            rows = slice(3 * p, 3 * p + 3)
            x, guess, conf = seen.states[t, rows], seen.guesses[t, rows], seen.confidence[t, rows]
            m = x == model.policy.mask

            def logp(net, x=x, guess=guess):
                return (net(x) / temperature).log_softmax(-1).gather(-1, guess[..., None])[..., 0]

            lp, ref = logp(model.policy), logp(model.reference).detach()
            gain = -(a[:, t : t + 1] * (lp - lp.detach()).exp()) * 16 / m.sum(-1, keepdim=True)
            terms.append((conf * (gain + 0.1 * 0.5 * (ref - lp) ** 2) * m).sum() / m.sum())
    by_hand = torch.stack(terms).mean()
    assert torch.allclose(loss, by_hand, atol=1e-5)
    pairs = zip(gradients(model, loss), gradients(model, by_hand), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)


def test_steps_without_signal_do_not_count(sheet):
    model, which = learner(sheet, beta=0.1, k=4), torch.tensor([0])
    seen = seen_by(model, sheet, which)
    for p in model.reference.parameters():
        p.data += 0.05  # so that a step without signal would still be pulled
    marks = torch.zeros(4, 1, 3)
    marks[3, 0, 0] = 1.0  # every step of the group lies before it, and has signal
    whole = model.objective(seen, marks, which)
    none = model.objective(seen, torch.zeros(4, 1, 3), which)
    assert whole != 0 and none == 0


def test_films_hold_the_states_before_each_step(sheet):
    model, which = learner(sheet), torch.tensor([2])
    seen = seen_by(model, sheet, which)
    assert (seen.hidden[0] == ~model.policy.given).all()
    assert [int(h[0].sum()) for h in seen.hidden] == [16, *hidden_after(16, 4)[:-1]]
    start = sheet.asked(model.policy.mask)[which]
    _, trace = unmask(model.policy, start, mask=model.policy.mask, n_steps=4)
    assert torch.equal(film(trace, start, model.policy.mask).states[0], start)
