"""ELM: the traps of the paper that can be checked exactly, on untrained models."""

import math

import pytest
import torch

from arlearn import plans
from arlearn.decode import Session, generate, unmask
from arlearn.heads.law import Law, draw
from arlearn.papers.elm import ELM, SHAPES, Growing, MaskedELM
from arlearn.tokens.binary import join

LABELS = torch.tensor([0, 1, 2])


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def shaken(model, seed=1):
    torch.manual_seed(seed)
    for p in model.parameters():
        p.data += 0.2 * torch.randn_like(p)
    return model.eval()


def arm(order="row", parts=2):
    torch.manual_seed(0)
    return shaken(ELM(4, 6, parts, width=16, depth=2, classes=3, order=order))


@pytest.fixture
def masked():
    torch.manual_seed(0)
    return shaken(MaskedELM(4, 6, 2, width=16, depth=2, classes=3, rounds=4))


@pytest.fixture
def units():
    return torch.randint(64, (3, 16), generator=dice(2))


@pytest.mark.parametrize("order", plans.SCANS)
def test_training_and_sampling_build_the_same_inputs(order, units):
    model = arm(order)
    cond = model.condition(LABELS, 3)
    step_by_step = torch.cat([model.inputs(units, s, cond) for s in range(16)], 1)
    torch.testing.assert_close(model.sequence(units, cond), step_by_step, atol=1e-6, rtol=0)


@pytest.mark.parametrize("order", ["row", "diagonal"])
def test_cached_sampling_equals_teacher_forcing(order, units):
    model = arm(order)
    with torch.no_grad():
        session = Session(model, LABELS, 3, law=Law(), generator=None)
        looks = [session.look(session.inputs(units, s), s)[0] for s in range(16)]
        torch.testing.assert_close(torch.cat(looks, 1), model(units, LABELS), atol=1e-5, rtol=0)


@pytest.mark.parametrize("order", plans.SCANS)
def test_a_code_hears_of_all_earlier_ones_and_of_no_later_one(order, units):
    model = arm(order)
    with torch.no_grad():
        states = model(units, LABELS)
        for s in (0, 5, 14):
            changed = units.clone()
            changed[:, model.order[s]] = (changed[:, model.order[s]] + 21) % 64
            moved = (model(changed, LABELS) - states).abs().sum(-1).amax(0)
            assert moved[: s + 1].max() == 0 and moved[s + 1 :].min() > 0


def test_every_bit_of_a_code_is_felt(units):
    """A table left out of the concatenation would leave the model blind to a run of bits."""
    model = arm(parts=3)
    for bit in range(6):
        fed = [model.embed(u) for u in (units, units ^ (1 << bit))]
        assert (fed[0] - fed[1]).abs().sum(-1).min() > 0


def test_the_loss_is_nats_per_position_whatever_the_split(units):
    """An untrained head that says nothing costs D log 2 for every split, not that over m."""
    for parts in (1, 2, 3, 6):
        model = ELM(4, 6, parts, width=16, depth=1, classes=3).eval()
        model.head.linear.weight.data.zero_(), model.head.linear.bias.data.zero_()
        assert model.loss(units, LABELS).item() == pytest.approx(6 * math.log(2), rel=1e-5)


def test_the_law_of_a_picture_sums_to_one():
    """All 2^D codes at each of two positions: the chain rule over positions, a product inside."""
    torch.manual_seed(0)
    model = shaken(ELM(2, 3, 3, width=16, depth=1, classes=3))
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    pictures = torch.cat([pairs, torch.zeros(64, 2, dtype=torch.long)], 1)
    with torch.no_grad():
        nats = model.unit_loss(pictures, torch.ones(64, dtype=torch.long))
    assert (-nats[:, :2].sum(1)).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_guidance_grows_from_a_little_to_all_of_it():
    w, length = 4.0, 64
    law = Growing(guidance=w - 1)
    strengths = [1 + law.strength(s, length) for s in range(length)]
    assert strengths[0] == 1 + (w - 1) / length and strengths[-1] == w
    assert strengths == sorted(strengths)
    constant = Growing(guidance=w - 1, shape="constant")
    assert {constant.strength(s, length) for s in range(length)} == {w - 1}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_shape_of_guidance_ends_with_all_of_it(shape):
    law = Growing(guidance=3.0, shape=shape)
    steps = [law.strength(s, 8) for s in range(8)]
    assert steps == sorted(steps) and steps[0] > 0 and steps[-1] == pytest.approx(3)


def test_a_guidance_scale_of_one_is_conditional_sampling():
    model = arm()
    plain, trace = generate(model, LABELS, generator=dice())
    same, _ = generate(model, LABELS, law=Growing(guidance=0.0), generator=dice())
    assert torch.equal(plain, same) and trace.evaluations == 16


def test_the_model_samples_as_many_passes_as_positions_and_twice_with_guidance():
    units, trace = generate(arm("diagonal"), LABELS, law=Growing(guidance=1.0), generator=dice())
    assert (trace.n_steps, trace.evaluations) == (16, 32)
    assert units.shape == (3, 16) and 0 <= units.min() <= units.max() < 64


def test_the_masked_rival_sees_everything_but_what_is_hidden(masked, units):
    hidden = units.clone()
    hidden[:, 5] = masked.noise.mask
    with torch.no_grad():
        states = masked(hidden, LABELS)
        for position in (0, 15):  # before and behind
            changed = hidden.clone()
            changed[:, position] = (changed[:, position] + 21) % 64
            assert (masked(changed, LABELS) - states)[:, 5].abs().sum(-1).min() > 0


def test_one_round_with_everything_hidden_is_one_parallel_draw(masked):
    units, trace = masked.generate(LABELS, rounds=1, generator=dice(5))
    with torch.no_grad():
        states = masked(torch.full((3, 16), masked.noise.mask), LABELS)
        subcodes = draw(masked.head(states), dice(5))[0]
    assert torch.equal(units, join(subcodes, 6))
    assert trace.evaluations == 1


def test_over_whole_codes_the_rival_samples_as_decode_unmask_does():
    torch.manual_seed(0)
    masked = shaken(MaskedELM(4, 6, 1, width=16, depth=2, classes=3, rounds=4))
    wanted, _ = unmask(
        lambda units: masked.head.joint(masked(units, LABELS)),
        torch.full((3, 16), masked.noise.mask),
        mask=masked.noise.mask,
        n_steps=4,
        schedule="cosine",
        noise=2.0,
        generator=dice(6),
    )
    assert torch.equal(masked.generate(LABELS, noise=2.0, generator=dice(6))[0], wanted)


def test_the_rival_keeps_to_the_cosine_schedule(masked):
    _, trace = masked.generate(LABELS, generator=dice())
    shown = [int(step.kept[0].sum()) for step in trace.steps]
    assert shown == [16 - math.floor(16 * math.cos(math.pi / 2 * r / 4)) for r in (1, 2, 3)] + [16]
    _, guided = masked.generate(LABELS, law=Law(guidance=1.0), generator=dice())
    assert guided.evaluations == 2 * trace.evaluations == 8


def test_only_hidden_codes_are_learned_and_all_shares_of_the_sampler_occur(masked, units):
    many = units[:1].expand(400, 16)
    nats = masked.unit_loss(many, torch.zeros(400, dtype=torch.long), dice(1))
    hidden = (nats > 0).float().mean(1)
    met = torch.cos(math.pi / 2 * torch.arange(4) / 4)
    assert hidden.mean().item() == pytest.approx(met.mean().item(), abs=0.03)
    whole = (met**16).mean().item()  # r = 0 hides all, a large share may
    assert (hidden == 1).float().mean().item() == pytest.approx(whole, abs=0.04)
    assert nats.mean() > 0 and masked.loss(units, LABELS).isfinite()


def test_dropout_acts_in_training_alone(units):
    torch.manual_seed(0)
    model = ELM(4, 6, 2, width=16, depth=1, classes=3, dropout=0.5)
    assert not torch.equal(model.train()(units, LABELS), model(units, LABELS))
    assert torch.equal(model.eval()(units, LABELS), model(units, LABELS))


def test_bad_input_gets_a_sentence(masked):
    with pytest.raises(ValueError, match="4 sub-codes do not divide 6 bits"):
        ELM(4, 6, 4, width=16, depth=1, classes=3)
    with pytest.raises(ValueError, match="scan 'hilbert' is unknown"):
        arm("hilbert")
    with pytest.raises(ValueError, match="shape 'late' is unknown; choose one of linear"):
        Growing(shape="late")
    with pytest.raises(ValueError, match="label 3|label 9"):
        generate(arm(), torch.tensor([9]))
    with pytest.raises(ValueError, match="17 rounds for 16 positions"):
        masked.generate(LABELS, rounds=17)
