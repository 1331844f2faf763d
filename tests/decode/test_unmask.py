"""Parallel unmasking: every position once, prompts untouched, the joint law in a blind order."""

import itertools
import math

import jaxtyping
import pytest
import torch

from arlearn.decode.unmask import _check, certainty, hidden_after, unmask
from arlearn.heads.law import Law, draw

V, T = 3, 3
MASK = V  # kept apart from the vocabulary
BEYOND = 4.5  # standard deviations at which a chi-square statistic is called wrong


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def joint(seed: int = 0) -> torch.Tensor:
    """A random law over V^T sequences, far from independent, with no sequence too rare to count."""
    law = (2 * torch.randn(V**T, generator=seeded(seed))).softmax(0).clamp_min(2e-3)
    return (law / law.sum()).view(*[V] * T)


def conditionals(table: torch.Tensor):
    """The network of a joint table: exact p(x_i | visible units) at every hidden position."""
    cells = torch.tensor(list(itertools.product(range(V), repeat=T)))

    def logits(units):
        open_to = (units[:, None] == cells) | (units[:, None] >= V)
        mass = table.flatten() * open_to.all(-1)  # what is left of the law, per sample
        out = torch.zeros(len(units), T, V)
        for i in range(T):
            out[:, i] = mass @ torch.nn.functional.one_hot(cells[:, i], V).float()
        return out.log()

    return logits


def noisy_network(units: torch.Tensor) -> torch.Tensor:
    """Logits that look random and depend on every visible unit; a vocabulary of 6."""
    place = torch.arange(units.shape[1])
    seen = ((units + 1) * (place + 2)).sum(1, keepdim=True) % 17
    return 2 * torch.sin(seen[..., None] + place[:, None] * 1.7 + torch.arange(6) * 2.3)


def excess(units: torch.Tensor, table: torch.Tensor) -> float:
    """How many standard deviations the chi-square statistic of samples lies above its mean."""
    index = (units * torch.tensor([V**i for i in reversed(range(T))])).sum(1)
    expected = table.flatten() * len(units)
    assert expected.min() > 5, "too few samples for a chi-square test"
    counts = torch.bincount(index, minlength=V**T)
    freedom = V**T - 1
    return float(((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom)


@pytest.mark.parametrize("score", ["random", "margin", "entropy"])
def test_one_at_a_time_in_a_blind_order_samples_the_joint_law(score):
    table = joint()
    start = torch.full((20_000, T), MASK)
    network = conditionals(table)
    units, _ = unmask(network, start, mask=MASK, n_steps=T, score=score, generator=seeded(1))
    assert excess(units, table) < BEYOND


def test_choosing_by_the_drawn_units_confidence_does_not():
    """The same test refuses two samplers that are known to be biased, so it can fail."""
    table = joint()
    start, network = torch.full((20_000, T), MASK), conditionals(table)
    greedy_order, _ = unmask(network, start, mask=MASK, n_steps=T, generator=seeded(1))
    at_once, _ = unmask(network, start, mask=MASK, n_steps=1, generator=seeded(1))
    assert excess(greedy_order, table) > 2 * BEYOND
    assert excess(at_once, table) > 2 * BEYOND


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("score", ["confidence", "margin", "entropy", "random"])
@pytest.mark.parametrize("noise", [0.0, 4.5])
def test_every_position_is_shown_once_and_prompts_stay(schedule, score, noise):
    start = torch.full((5, 12), 6)
    start[:, :2], start[2, 7] = torch.tensor([4, 1]), 3  # one sample has a unit more
    units, trace = unmask(
        noisy_network, start, mask=6, n_steps=4, schedule=schedule, score=score, noise=noise,
        generator=seeded(2),
    )  # fmt: skip
    given = start != 6
    assert (units[given] == start[given]).all() and (units < 6).all()
    shown = torch.stack([given, *(step.kept for step in trace.steps)]).long()
    fresh = shown.diff(dim=0)
    assert (fresh >= 0).all() and (fresh.sum(0) == (~given)).all()
    for i, n in enumerate((~given).sum(1).tolist()):
        assert [12 - int(s[i].sum()) for s in shown[1:]] == hidden_after(n, 4, schedule)
    assert torch.equal(trace.units_after(4), units)
    for step, now in zip(trace.steps, shown[1:], strict=True):
        stays = now.bool()
        assert (step.units[stays] == units[stays]).all()
        assert (step.units[given] == start[given]).all()


def test_a_step_costs_one_evaluation_and_sees_only_what_is_shown():
    seen = []

    def network(units):
        seen.append(units.clone())
        return noisy_network(units)

    start = torch.full((3, 8), 6)
    _, trace = unmask(network, start, mask=6, n_steps=4, generator=seeded(0))
    assert [step.evaluations for step in trace.steps] == [1] * 4
    assert trace.evaluations == len(seen) == 4 and trace.length == 8
    assert (seen[0] == 6).all()
    for before, step in zip(seen[1:], trace.steps, strict=False):
        assert torch.equal(before, torch.where(step.kept, step.units, 6))


def test_a_shown_unit_keeps_the_confidence_it_was_drawn_with():
    start = torch.full((4, 10), 6)
    start[:, 3] = 2
    _, trace = unmask(noisy_network, start, mask=6, n_steps=5, generator=seeded(8))
    shown, before = start != 6, torch.ones(4, 10)
    for step in trace.steps:
        units_then = torch.where(shown, step.units, 6)
        p = noisy_network(units_then).softmax(-1).gather(-1, step.units[..., None])[..., 0]
        assert torch.allclose(step.confidence, torch.where(shown, before, p))
        shown, before = step.kept, step.confidence


@pytest.mark.parametrize("remask", [None, "last", "max"])
def test_one_step_is_one_parallel_draw(remask):
    start = torch.full((4, 8), 6)
    start[:, 0] = 2
    law = Law(temperature=0.8, top_k=4)
    units, trace = unmask(
        noisy_network, start, mask=6, n_steps=1, law=law, remask=remask, generator=seeded(3)
    )
    drawn, _ = draw(law.filter(noisy_network(start)), seeded(3))
    assert torch.equal(units, torch.where(start == 6, drawn, start))
    assert trace.n_steps == 1


def test_noise_frees_the_order_from_the_scores():
    """Without noise a sure law shows the same half first in all samples; with much, any half."""
    start, sure = torch.full((400, 8), 6), Law(temperature=0.0)

    def first_half(noise):
        _, trace = unmask(
            noisy_network, start, mask=6, n_steps=2, noise=noise, law=sure, generator=seeded(0)
        )
        return trace.steps[0].kept.float().mean(0)

    assert set(first_half(0.0).tolist()) == {0.0, 1.0}
    assert torch.allclose(first_half(1e3), torch.tensor(0.5), atol=4 * 0.5 / 400**0.5)


def test_the_same_seed_gives_the_same_units():
    def sample(seed):
        start = torch.full((4, 12), 6)
        return unmask(
            noisy_network, start, mask=6, n_steps=5, noise=2.0, generator=seeded(seed)
        )[0]  # fmt: skip

    assert torch.equal(sample(0), sample(0))
    assert not torch.equal(sample(0), sample(1))


def test_the_start_is_not_written_and_nothing_hidden_costs_nothing():
    start = torch.full((2, 6), 6)
    unmask(noisy_network, start, mask=6, n_steps=2, generator=seeded(0))
    assert (start == 6).all()
    full = torch.arange(6).repeat(2, 1)
    units, trace = unmask(noisy_network, full, mask=6, n_steps=2)
    assert torch.equal(units, full) and trace.n_steps == 0


def test_a_mask_inside_the_vocabulary_is_never_drawn():
    def fond_of_the_mask(units):
        logits = noisy_network(units)
        logits[..., 5] = 50.0
        return logits

    units, _ = unmask(
        fond_of_the_mask, torch.full((8, 12), 5), mask=5, n_steps=3, generator=seeded(0)
    )
    assert (units < 5).all()


def test_a_threshold_shows_all_that_pass_it_and_at_least_one():
    start = torch.full((6, 12), 6)
    start[1, 4:] = 0  # another number of masks
    _, trace = unmask(noisy_network, start, mask=6, threshold=0.5, generator=seeded(4))
    shown = start != 6
    for step in trace.steps:
        fresh, sure = step.kept & ~shown, step.confidence >= 0.5
        assert (step.kept >= shown).all()
        assert (fresh >= (sure & ~shown)).all()
        assert (fresh.sum(1) == torch.maximum((sure & ~shown).sum(1), (~shown).any(1))).all()
        alone = fresh & ~sure  # shown below the threshold: the best of its sample
        best = step.confidence.masked_fill(shown, -1).amax(1, keepdim=True)
        assert (step.confidence == best)[alone].all()
        shown = step.kept
    assert shown.all()


def test_thresholds_0_and_above_1_are_one_step_and_one_position_a_step():
    start = torch.full((3, 6), 6)
    assert unmask(noisy_network, start, mask=6, threshold=0.0)[1].n_steps == 1
    assert unmask(noisy_network, start, mask=6, threshold=1.1)[1].n_steps == 6


@pytest.mark.parametrize("remask", ["last", "max"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_remasking_hides_the_least_sure_and_keeps_the_schedule(remask, schedule):
    start = torch.full((16, 12), 6)
    start[:, 0] = 1
    units, trace = unmask(
        noisy_network, start, mask=6, n_steps=4, schedule=schedule, remask=remask,
        generator=seeded(5),
    )  # fmt: skip
    left = [int(12 - step.kept[0].sum()) for step in trace.steps]
    assert left == hidden_after(11, 4, schedule)
    sure = torch.zeros(16, 12)
    shown = start != 6
    returned = 0
    for step in trace.steps:
        now = torch.where(shown, sure, step.confidence)
        sure = torch.maximum(sure, now) if remask == "max" else now
        sure[:, 0] = torch.inf
        least_shown = sure.masked_fill(~step.kept, torch.inf).amin(1)
        most_hidden = sure.masked_fill(step.kept, -1).amax(1)
        assert (least_shown >= most_hidden).all()
        returned += int((shown & ~step.kept).sum())
        shown = step.kept
    assert returned > 0, "no unit was ever hidden again, so this test saw nothing"
    assert shown.all() and (units[:, 0] == 1).all() and (units < 6).all()


@pytest.mark.parametrize("remask", [None, "last", "max"])
@pytest.mark.parametrize(("block", "n_steps"), [(4, 9), (5, 9), (12, 4)])
def test_blocks_are_filled_one_after_the_other_and_then_stay(remask, block, n_steps):
    start = torch.full((16, 14), 6)
    start[:, 0] = 1
    start[1:, 5] = 3  # a prompt may stand anywhere; the first sample has a mask more
    start[0, 12:] = 0
    _, trace = unmask(
        noisy_network, start, mask=6, n_steps=n_steps, block=block, remask=remask,
        generator=seeded(5),
    )  # fmt: skip
    given = start != 6
    part = ((~given).cumsum(1) - 1) // block
    share, shown, returned = n_steps // math.ceil(12 / block), given, 0
    for s, step in enumerate(trace.steps):
        now, place = s // share, s % share + 1
        own = (part == now) & ~given
        assert step.kept[(part < now) | given].all(), "an earlier block, or the prompt, was hidden"
        assert not step.kept[(part > now) & ~given].any(), "a later block was shown"
        for i in range(16):
            n = int(own[i].sum())
            assert n - int((own & step.kept)[i].sum()) == hidden_after(n, share)[place - 1]
        returned += int((shown & ~step.kept).sum())
        shown = step.kept
    assert shown.all() and (returned > 0) == (remask is not None and share > 1)


def test_one_block_is_no_block_and_blocks_of_one_go_from_left_to_right():
    start = torch.full((4, 8), 6)
    start[:, 2] = 5
    for remask in (None, "last"):
        options = {"mask": 6, "n_steps": 4, "remask": remask}
        whole, _ = unmask(noisy_network, start, generator=seeded(1), **options)
        one, _ = unmask(noisy_network, start, generator=seeded(1), block=7, **options)
        assert torch.equal(whole, one)
    _, trace = unmask(noisy_network, start, mask=6, n_steps=7, block=1, generator=seeded(1))
    kept = torch.stack([step.kept[0] for step in trace.steps])
    order = [0, 1, 3, 4, 5, 6, 7]
    assert [row.nonzero().flatten().tolist() for row in kept] == [
        sorted([2, *order[: s + 1]]) for s in range(7)
    ]


def test_a_threshold_holds_inside_the_block_only():
    start = torch.full((6, 12), 6)
    _, trace = unmask(noisy_network, start, mask=6, threshold=0.0, block=4, generator=seeded(4))
    assert [int(step.kept[0].sum()) for step in trace.steps] == [4, 8, 12]
    _, trace = unmask(noisy_network, start, mask=6, threshold=0.5, block=4, generator=seeded(4))
    for step in trace.steps:
        begun = [step.kept[:, 4 * k : 4 * k + 4].float().mean(1) for k in range(3)]
        assert ((begun[1] == 0) | (begun[0] == 1)).all()
        assert ((begun[2] == 0) | (begun[1] == 1)).all()


def test_guidance_needs_the_null_network_and_costs_two():
    def null(units):
        return noisy_network(units + 1)

    def by_hand(units):
        return 3 * noisy_network(units) - 2 * null(units)

    start, law = torch.full((2, 6), 6), Law(guidance=2.0)
    units, trace = unmask(
        noisy_network, start, mask=6, n_steps=3, null=null, law=law, generator=seeded(6)
    )
    same, _ = unmask(by_hand, start, mask=6, n_steps=3, generator=seeded(6))
    assert torch.equal(units, same) and [step.evaluations for step in trace.steps] == [2, 2, 2]
    law = Law(guidance=2.0, ramp=True)  # begins at strength 0, where the null network is not asked
    _, trace = unmask(noisy_network, start, mask=6, n_steps=3, null=null, law=law)
    assert [step.evaluations for step in trace.steps] == [1, 2, 2]
    with pytest.raises(ValueError, match="give it as null="):
        unmask(noisy_network, start, mask=6, n_steps=3, law=law)


def test_certainty_lies_between_0_and_1_and_ends_there():
    flat, sharp = torch.zeros(1, 1, 4), torch.tensor([[[-torch.inf, 0.0, -torch.inf, -torch.inf]]])
    unit = torch.ones(1, 1, dtype=torch.long)
    for score, least in (("confidence", 0.25), ("margin", 0.0), ("entropy", 0.0)):
        assert certainty(flat, unit, score).item() == pytest.approx(least, abs=1e-6)
        assert certainty(sharp, unit, score).item() == pytest.approx(1.0)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedules_end_at_0_and_show_something_in_every_step(schedule):
    for n in range(1, 40):
        for n_steps in range(1, n + 1):
            left = hidden_after(n, n_steps, schedule)
            assert left[-1] == 0 and len(left) == n_steps
            assert all(a > b for a, b in itertools.pairwise([n, *left]))
    assert hidden_after(12, 4, "linear") == [9, 6, 3, 0]
    assert hidden_after(12, 3, "cosine") == [10, 6, 0]


def test_contradictions_get_a_sentence():
    start = torch.full((1, 6), 6)
    with pytest.raises(ValueError, match="either n_steps or threshold"):
        unmask(noisy_network, start, mask=6)
    with pytest.raises(ValueError, match="either n_steps or threshold"):
        unmask(noisy_network, start, mask=6, n_steps=2, threshold=0.9)
    with pytest.raises(ValueError, match="n_steps 7 does not fit 6 masks.*choose 1 to 6"):
        unmask(noisy_network, start, mask=6, n_steps=7)
    with pytest.raises(ValueError, match="leave out noise=1.0"):
        unmask(noisy_network, start, mask=6, threshold=0.9, noise=1.0)
    with pytest.raises(ValueError, match="score='random'"):
        unmask(noisy_network, start, mask=6, threshold=0.9, score="random")
    with pytest.raises(jaxtyping.TypeCheckError):
        unmask(noisy_network, start, mask=6, n_steps=2, schedule="square")
    # what a user meets, whose types nobody checks
    for words, match in (
        (("square", None, "confidence"), "schedule 'square' is none of linear, cosine"),
        (("linear", None, "sure"), "score 'sure' is none of confidence, margin"),
    ):
        with pytest.raises(ValueError, match=match):
            _check(6, 2, *words, 0.0, None, None, Law())
    with pytest.raises(ValueError, match="2 blocks of 4 masks cannot share n_steps=3; choose 2, 4"):
        unmask(noisy_network, start, mask=6, n_steps=3, block=4)
    with pytest.raises(ValueError, match="block 0 holds no mask"):
        unmask(noisy_network, start, mask=6, n_steps=3, block=0)
    with pytest.raises(ValueError, match="remask True is neither"):
        _check(6, 2, "linear", None, "margin", 0.0, True, None, Law())
