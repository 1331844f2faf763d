"""A model that speaks: filling is not seen, silence keeps the layout, nothing hears the future."""

import pytest
import torch

from arlearn.nets.speech import SpeechModel
from arlearn.papers import clear

PHONES = ("a", "b", "c")
SIZES = clear.Sizes(width=16, depth=2, hidden=16, latent=3, codes=2, size=5, bins=6, draws=2)


def arm(kind="flow"):
    torch.manual_seed(0)
    made = clear.arm(kind, PHONES, SIZES)
    for weights in made.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    return made.eval()


def units_for(kind, b=2, t=6):
    dice = torch.Generator().manual_seed(1)
    if kind == "codes":
        return torch.randint(5, (b, t, 2), generator=dice) + torch.tensor([0, 5])
    return torch.randn(b, t, 6 if kind == "mel" else 3, generator=dice)


def test_texts_are_filled_up_on_the_left():
    model = arm()
    rows = model.spelled([["a"], ["b", "c", "a"]])
    assert rows.tolist() == [[-1, -1, 3, 0, 4], [3, 1, 2, 0, 4]]
    with pytest.raises(ValueError, match="unknown"):
        model.spelled([["x"]])


@pytest.mark.parametrize("kind", clear.ARMS)
def test_filling_changes_nothing(kind):
    model, units = arm(kind), units_for(kind)
    both = model.spelled([["a"], ["b", "c", "a"]])
    alone = model.spelled([["a"]])
    with torch.no_grad():
        h, single = model(both, units), model(alone, units[:1])
    assert h.shape == (2, 1 + 6 * model.levels, 16)
    assert torch.allclose(h[:1], single, atol=1e-5)


@pytest.mark.parametrize("kind", ["flow", "codes"])
def test_a_unit_is_not_heard_before_it_stands(kind):
    model, units = arm(kind), units_for(kind)
    text, bent = model.spelled([["a"], ["b", "c"]]), units.clone()
    bent[:, 3] = bent[:, 3] + 1 if kind == "flow" else 9 - bent[:, 3].flip(-1)
    with torch.no_grad():
        moved = (model(text, bent) != model(text, units)).any(-1).any(0)
    first = 1 + 3 * model.levels  # states 0 … 3 levels are those at T and at moments 1 to 3
    assert not moved[:first].any() and moved[first:].all()


def test_silence_keeps_the_layout_and_tells_nothing():
    model, units = arm(), units_for("flow")
    silent = torch.tensor([True, False])
    one, other = model.spelled([["a", "b"], ["a", "b"]]), model.spelled([["c", "c"], ["c", "c"]])
    made = model.written(one, silent)
    assert (made[0, 1:3] == 0).all() and (made[0, [0, 3]] != 0).all() and (made[1] != 0).all()
    with torch.no_grad():
        h, g = model(one, units, silent), model(other, units, silent)
    assert torch.equal(h[0], g[0]) and not torch.allclose(h[1], g[1])
    longer = model.spelled([["c", "c", "c"], ["c", "c", "c"]])
    with torch.no_grad():  # how long the text is is still to be seen
        assert not torch.allclose(model(longer, units, silent)[0], h[0], atol=1e-5)


@pytest.mark.parametrize("kind", clear.ARMS)
def test_cached_states_are_those_of_training(kind):
    model, units = arm(kind), units_for(kind)
    text = model.spelled([["a"], ["b", "c", "a"]])
    with torch.no_grad():
        states = model(text, units)
        flat = units.flatten(1) if model.codes else units
        cache = model.backbone.cache(2, text.shape[1] + flat.shape[1])
        found = [model.read(model.written(text), text, cache)]
        for i in range(flat.shape[1]):
            found.append(model.read(model.enter(flat[:, i : i + 1]), text, cache))
    assert torch.allclose(torch.stack(found, 1), states, atol=1e-5)


@pytest.mark.parametrize("kind", ["flow", "codes"])
def test_what_stands_behind_a_row_costs_nothing(kind):
    model, units = arm(kind), units_for(kind)
    text, lengths = model.spelled([["a"], ["b"]]), torch.tensor([4, 6])
    bent = units.clone()
    bent[0, 4:] = bent[1, :2]
    torch.manual_seed(0)
    before = model.losses(text, units, lengths)
    torch.manual_seed(0)
    after = model.losses(text, bent, lengths)
    assert all(torch.allclose(a, b) for a, b in zip(before, after, strict=True))


def test_the_stop_is_asked_between_moments_and_once_answered_yes():
    model, units = arm("codes"), units_for("codes")
    text, lengths = model.spelled([["a"], ["b"]]), torch.tensor([4, 6])
    for weights in model.stop.parameters():
        weights.data.zero_()
    assert float(model.losses(text, units, lengths)[1].detach()) == pytest.approx(0.6931, abs=1e-3)
    model.stop.bias.data.fill_(-100.0)  # "never" is wrong once in 5 and once in 7 times
    assert float(model.losses(text, units, lengths)[1].detach()) == pytest.approx(200 / 12)


def test_phones_are_dropped_in_training_only():
    model, units = arm("squares"), units_for("squares")
    text, lengths = model.spelled([["a"], ["b"]]), torch.tensor([6, 6])
    model.drop = 1.0
    plain = sum(model.losses(text, units, lengths))
    assert torch.equal(model.loss(text, units, lengths), plain)
    assert not torch.equal(model.train().loss(text, units, lengths), plain)


def test_units_of_one_kind():
    with pytest.raises(ValueError, match="units are of one kind"):
        SpeechModel(PHONES, torch.nn.Identity(), width=16, depth=1, channels=2, codes=3)
