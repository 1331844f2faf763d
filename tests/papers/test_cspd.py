"""CSpD: the released schedule is what its code does, and the formulas are those of the table."""

import pytest
import torch
from torch import Generator

from arlearn.decode.dice import Dice, at
from arlearn.decode.overlap import log_ratio, reflect
from arlearn.decode.speculative_units import speculative_units
from arlearn.heads import DiffusionHead
from arlearn.nets.vectors import VectorModel
from arlearn.papers import cspd

T, LAST = 6, 0.4
LABELS = torch.tensor([0, 1, 2, 1])


def model(seed, depth=2, hide=0.5):
    torch.manual_seed(seed)
    head = DiffusionHead(16, 2, 8, 1, train_steps=3, steps=3, last=LAST)
    made = VectorModel(T, head, width=16, depth=depth, classes=3, hide=hide)
    for weights in made.parameters():
        weights.data += 0.15 * torch.randn_like(weights)
    return made.eval()


TARGET, DRAFT = model(0), model(1, depth=1, hide=0.0)
DICE = Dice.roll(TARGET, 4, generator=Generator().manual_seed(0))


def run(length, draft=DRAFT, dice=DICE, **options):
    return cspd.released(TARGET, draft, LABELS, length=length, dice=dice, **options)


@torch.no_grad()
def by_hand(length, drafted=True, prefill=0):
    """The same schedule with full passes: the target is fed blanks behind what stood."""
    units, places, n = TARGET.blank(4), torch.arange(T).expand(4, -1), 0
    while n < T:
        k = 1 if n < prefill else min(length, T - n)
        x, q, here = units.clone(), {}, range(n, n + k)
        for j in here if drafted and n >= prefill else ():
            q[j] = DRAFT.head.chain(DRAFT(x, LABELS)[:, j], DICE.draft[:, :, j])
            x[:, j] = q[j] + LAST * DICE.draft[-1, :, j]
        cond = TARGET.condition(LABELS, 4)
        states = TARGET.backbone(TARGET.fed(units, places, cond, places > n), mask="causal")
        for j in here:
            p = TARGET.head.chain(states[:, j], DICE.noise[:, :, j])
            units[:, j] = p + LAST * DICE.noise[-1, :, j]
            if j in q:
                stands = DICE.chance[:, j].log() < log_ratio(x[:, j], p, q[j], LAST)
                units[:, j] = torch.where(stands[:, None], x[:, j], reflect(x[:, j], p, q[j]))
        n += k
    return units


@pytest.mark.parametrize("options", [{}, {"prefill": 2}, {"drafted": False}])
@pytest.mark.parametrize("length", [2, 4, 6])
def test_it_is_the_schedule_written_out(length, options):
    wanted = by_hand(length, **options)
    given = {"prefill": options.get("prefill", 0)}
    found, _ = run(length, DRAFT if options.get("drafted", True) else None, **given)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_a_round_of_one_unit_is_exact_speculation_whose_drafts_never_wait():
    """Then there is no neighbour to miss: the same tests and units as the strict first draft."""
    units, done = run(1)
    alone, _ = run(1, None)
    plain, _ = speculative_units(TARGET, DRAFT, LABELS, length=0, dice=DICE)
    torch.testing.assert_close(alone, plain, atol=1e-5, rtol=1e-4)
    strict, rounds = speculative_units(TARGET, DRAFT, LABELS, length=1, dice=DICE)
    torch.testing.assert_close(units[:, 0], strict[:, 0], atol=1e-5, rtol=1e-4)
    assert torch.equal(done.stood[:, 0], rounds.stood[:, 0]) and done.passes == T


@pytest.mark.parametrize("length, prefill, passes", [(2, 0, 3), (4, 0, 2), (6, 0, 1), (2, 1, 4)])
def test_passes_do_not_depend_on_what_stands(length, prefill, passes):
    for softness in (1.0, 100.0):
        _, done = run(length, prefill=prefill, softness=softness)
        assert done.passes == passes
        assert done.tested[:, prefill:].all() and not done.tested[:, :prefill].any()
    assert done.acceptance > 0.99  # at so soft a test
    assert 0 < run(length, prefill=prefill)[1].acceptance < 0.9


def test_later_drafts_stay_where_one_before_them_was_replaced():
    _, done = run(6)
    later = done.stood[:, 1:] & ~done.stood[:, :-1]
    assert later.any()  # strict speculation would have dropped these


def test_a_target_that_never_saw_blanks_is_refused():
    with pytest.raises(ValueError, match="hide=0"):
        cspd.released(DRAFT, TARGET, LABELS, length=2, dice=DICE)
    with pytest.raises(ValueError, match="length=0"):
        run(0)


def test_the_table_follows_a_schedule_that_drops_nothing():
    """Four speeds within 5% of 1/(c + 1/γ), and far from what dropping would give."""
    for row in cspd.TABLE:
        assert cspd.speed_released(row.length, cspd.COST) == pytest.approx(row.speed, rel=0.05)
        if row.acceptance is not None:
            assert cspd.speed_strict(row.acceptance, row.length, cspd.COST) < 0.6
    with pytest.raises(ValueError, match="length=0"):
        cspd.speed_released(0, 0.4)


def test_formulas_at_their_corners():
    assert cspd.speed_strict(1.0, 4, 0.0) == 5.0 and cspd.speed_strict(0.0, 4, 0.25) == 0.5
    assert cspd.speed_strict(0.7, 0, 0.9) == 1.0
    assert cspd.speed_released(4, 0.0) == 4.0


def test_a_path_begins_with_noise_and_ends_with_the_unit():
    head, noise = TARGET.head, at(DICE.noise, torch.zeros(4, 1, dtype=torch.long))[:, :, 0]
    h = torch.randn(4, 16, generator=Generator().manual_seed(1))
    found = cspd.path(head, h, noise)
    assert torch.equal(found[0], noise[0]) and len(found) == head.steps + 1
    with torch.no_grad():
        torch.testing.assert_close(found[-1], head.chain(h, noise) + LAST * noise[-1])


def test_the_soft_law_is_a_density_and_the_exact_one_the_targets():
    x = torch.linspace(-8, 9, 8001)
    target = torch.exp(-0.5 * ((x - 0.8) / 0.7) ** 2) / (0.7 * (2 * torch.pi) ** 0.5)
    torch.testing.assert_close(cspd.spoken(x, 0.8, 0.7), target, atol=1e-5, rtol=1e-4)
    for softness in (2.0, 50.0):
        soft = cspd.spoken(x, 0.8, 0.7, softness)
        assert float(torch.trapezoid(soft, x)) == pytest.approx(1, abs=1e-4)
        assert float(torch.trapezoid(x * soft, x)) < 0.75  # drawn towards the draft's mean, 0
    torch.testing.assert_close(soft, cspd.spoken(x, 0.0, 0.7), atol=2e-3, rtol=0)


def test_with_open_dice_an_exact_sampler_is_standard_normal_at_every_place():
    """400 samples of 6 places: a mean within 4 deviations of 1/√2400, a variance within 4 too."""
    n, labels = 400, torch.zeros(400, dtype=torch.long)
    rolled = Dice.roll(TARGET, n, generator=Generator().manual_seed(3))
    made = {}
    for name, options in {"plain": {"length": 0}, "strict": {}, "soft": {"softness": 3.0}}.items():
        given = {"length": 3, "dice": rolled} | options
        made[name], _ = speculative_units(TARGET, DRAFT, labels, **given)
    for name, units in made.items():
        lean = cspd.leans(TARGET, DRAFT, units, labels, rolled)
        sure = abs(float(lean.mean())) * lean.numel() ** 0.5
        wide = abs(float(lean.var()) - 1) * (lean.numel() / 2) ** 0.5
        assert (max(sure, wide) < 4) == (name in ("plain", "strict")), (name, sure, wide)
    soft = cspd.leans(TARGET, DRAFT, made["soft"], labels, rolled)
    assert soft.mean() < -0.1
