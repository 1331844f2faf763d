"""VAR: the invariants of the paper that can be checked exactly, on an untrained model."""

import pytest
import torch

from arlearn import plans
from arlearn.decode import Session, generate
from arlearn.heads.law import Law
from arlearn.papers.var import VAR, attention_pairs, known_units
from arlearn.tokens.multiscale import MultiScaleQuantizer

SIDES = [1, 2, 4]


@pytest.fixture
def quantizer():
    torch.manual_seed(0)
    quantizer = MultiScaleQuantizer(16, 6, SIDES).eval()
    for p in quantizer.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return quantizer


@pytest.fixture
def model(quantizer):
    torch.manual_seed(1)
    model = VAR(quantizer, width=16, depth=2, heads=2, classes=3)
    for name, p in model.named_parameters():
        if not name.startswith("quantizer"):
            p.data += 0.2 * torch.randn_like(p)
    return model.eval()


@pytest.fixture
def units():
    return torch.randint(16, (3, 21), generator=torch.Generator().manual_seed(2))


def test_training_and_sampling_build_the_same_inputs(model, units):
    cond = model.condition(torch.tensor([0, 1, 2]), 3)
    step_by_step = torch.cat([model.inputs(units, s, cond) for s in range(3)], 1)
    torch.testing.assert_close(model.sequence(units, cond), step_by_step, atol=1e-6, rtol=0)


def test_the_input_is_the_accumulated_picture_not_the_last_scale(model, quantizer, units):
    """FlexVAR would feed the codes of the last scale alone; here scale 0 must still be felt."""
    changed = units.clone()
    changed[:, 0] = (changed[:, 0] + 1) % 16
    cond = model.condition(None, 3)
    assert not torch.allclose(model.inputs(units, 2, cond), model.inputs(changed, 2, cond))
    fhat = sum(quantizer.part(tokens, k) for k, tokens in enumerate(quantizer.split(units)[:2]))
    fed = model.project(quantizer.next_input(fhat, 2)) + model._where(2)
    torch.testing.assert_close(model.inputs(units, 2, cond), fed, atol=1e-6, rtol=0)


def test_no_scale_hears_of_itself_or_finer_ones(model, units):
    labels, step = torch.tensor([0, 1, 2]), model.plan.step
    with torch.no_grad():
        logits = model.head(model(units, labels))
        for s in range(3):
            changed = torch.where(step >= s, (units + 5) % 16, units)
            moved = (model.head(model(changed, labels)) - logits).abs().sum(-1).amax(0)
            assert moved[step <= s].max() == 0
            assert s == 2 or moved[step > s].min() > 0


def test_cached_scales_equal_the_masked_forward(model, units):
    labels = torch.tensor([0, 1, 2])
    with torch.no_grad():
        session = Session(model, labels, 3, law=Law(), generator=None)
        looks = [session.look(session.inputs(units, s), s)[0] for s in range(3)]
        torch.testing.assert_close(torch.cat(looks, 1), model(units, labels), atol=1e-5, rtol=0)


def test_guidance_ramps_from_nothing_to_its_full_strength(model):
    session = Session(model, torch.tensor([0]), 1, law=Law(guidance=1.5, ramp=True), generator=None)
    assert [session.strength(s) for s in range(3)] == [0.0, 0.75, 1.5]


def test_one_scale_is_one_shot_parallel_prediction():
    model = VAR(MultiScaleQuantizer(16, 6, [4]), width=16, depth=1, heads=2, classes=3)
    assert model.plan == plans.whole(16)
    _, trace = generate(model, torch.tensor([0, 1]))
    assert trace.evaluations == 1


def test_passes_are_counted(model):
    _, trace = generate(model, torch.tensor([0, 1, 2]))
    assert (trace.n_steps, trace.evaluations, len(model.plan)) == (3, 3, 21)


def test_keeping_everything_returns_the_picture_exactly(model, units):
    keep = torch.ones(8, 8, dtype=torch.bool)
    drawn, _ = generate(model, batch=3, given=units, known=known_units(keep, model.sides))
    assert torch.equal(drawn, units)


def test_a_kept_half_keeps_its_tokens_and_only_those(model, units):
    keep = torch.zeros(8, 8, dtype=torch.bool)
    keep[4:] = True
    known = known_units(keep, model.sides)
    assert known.sum() == 0 + 2 + 8  # the single coarsest token covers half, not more than half
    drawn, _ = generate(model, batch=3, given=units, known=known)
    assert torch.equal(drawn[:, known], units[:, known])
    assert not torch.equal(drawn[:, ~known], units[:, ~known])


def test_the_codebook_does_not_move_in_training(model, units):
    before = {name: x.clone() for name, x in model.quantizer.state_dict().items()}
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.loss(units, torch.tensor([0, 1, 2])).backward()
    optimizer.step()
    assert all(torch.equal(x, before[name]) for name, x in model.quantizer.state_dict().items())


def test_pairs_of_the_mask_are_counted_as_in_the_exercise():
    assert attention_pairs((1, 2, 4, 8)) == 5797
    assert attention_pairs((1, 2, 4)) == int(plans.scales([1, 2, 4]).mask().sum())


def test_a_region_smaller_than_a_scale_is_refused():
    with pytest.raises(ValueError, match="cannot mask a grid of 4"):
        known_units(torch.ones(2, 2, dtype=torch.bool), (1, 2, 4))
