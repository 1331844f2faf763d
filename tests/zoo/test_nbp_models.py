"""Chapter 22's arms: what is equal between them is equal, and what differs is one choice."""

from dataclasses import replace

import torch

from arlearn import zoo
from arlearn.data.continuations import choices, directions
from arlearn.training import History
from arlearn.zoo import nbp_models
from arlearn.zoo.nbp_models import COMPARED, MOVING16, PART, SHORTER, book, films, named, windows

FEW = replace(MOVING16, training=replace(MOVING16.training, films=12))


def test_every_arm_has_the_same_budget_and_as_many_parameters():
    judge, *entries = nbp_models.arms(MOVING16)
    names = [judge.name, *(entry.name for entry in entries)]
    assert len(set(names)) == len(names) == 1 + 3 * len(COMPARED) + 4 + 1 + len(SHORTER)
    assert set(names) <= set(zoo.names())
    steps = {
        e.train.keywords.get("steps", MOVING16.training.steps)
        for e in entries
        if "short" not in e.name
    }
    assert steps == {MOVING16.training.steps}
    fewer = [e.train.keywords["steps"] for e in entries if "short" in e.name]
    assert fewer == [MOVING16.training.steps // PART] * len(SHORTER)
    sizes = {sum(p.numel() for p in entry.build().parameters()) for entry in entries}
    assert len(sizes) == 1


def test_names_say_what_differs():
    assert named(MOVING16, (1, 1, 8)) == "moving16-nbp-1x1x8"
    assert named(MOVING16, (1, 1, 8), "causal") == "moving16-nbp-1x1x8-causal"
    assert named(MOVING16, (1, 2, 4), number=2) == "moving16-nbp-1x2x4-2"
    assert named(MOVING16, (1, 2, 4), part=3) == "moving16-nbp-1x2x4-shorter"


def test_the_book_holds_every_patch_of_every_film():
    for split in ("train", "test"):
        frames = films(MOVING16, split, 200, 8).frames
        units = book(16).encode(frames)
        assert torch.equal(book(16).decode(units), frames)
    assert len(book(16)) == 79 and not book(16).patches[0].any()


def test_films_move_by_one_patch_and_leave_a_choice_now_and_then():
    found = films(MOVING16, "test", 50, 8)
    assert len(found) == len(found.captions) == 50
    places = found.places[:, :, 0]
    assert ((places[:, 1:] - places[:, :-1]).abs().amax(-1) == 2).all()
    assert (choices(places, 16)[:, 2:] > 1).any()
    again = films(MOVING16, "test", 20, 8)
    assert torch.equal(again.frames, found.frames[:20])


def test_windows_are_told_the_direction_of_what_is_given_and_nothing_later():
    found, (frames, told, seen) = films(FEW, "train", 12, 10), windows(FEW, "train", 12)
    assert frames.shape == (12 * 7, 4, 16, 16)
    way = directions(found.places[:, :, 0])
    for start in range(7):
        one = torch.arange(12) * 7 + start
        assert torch.equal(frames[one], found.frames[:, start : start + 4].long())
        assert torch.equal(told[one], way[:, start + 1])
        assert torch.equal(seen[one], found.kinds[:, 0] * 8 + way[:, start + 3])


def test_arms_of_one_number_begin_alike_and_see_the_same_films(monkeypatch):
    seen = []

    def fit(model, rows, steps, **rest):
        frames = model.layout.unflatten(rows(0)[0])
        seen.append((model.backbone.blocks[0].mlp.out.weight.clone(), frames, rest["recipe"].seed))
        return History([], steps, 0.0, 0.0, "fp32")

    monkeypatch.setattr(nbp_models, "fit", fit)
    for name in ("1x1x1", "1x2x4", "1x1x1-1", "1x8x8-1"):
        entry = zoo.find(f"moving16-nbp-{name}")
        torch.manual_seed(0)
        number = entry.train.keywords["number"]
        made = entry.build()
        nbp_models.train(made, 0, design=FEW, name=name, number=number)
    for (weight, frames, seed), (other, same, equal) in (seen[:2], seen[2:]):
        assert torch.equal(weight, other) and torch.equal(frames, same) and seed == equal
    assert not torch.equal(seen[0][0], seen[2][0]) and not torch.equal(seen[0][1], seen[2][1])


def test_measuring_counts_the_drawn_frames_alone():
    model = nbp_models.arm(MOVING16, (1, 1, 8)).eval()
    with torch.no_grad():
        model.head.linear.weight.zero_()
        model.head.linear.bias.zero_()
    found = nbp_models.measure(model, design=MOVING16, n=3)
    assert abs(found - torch.tensor(79.0).log()) < 1e-5
    assert model.scored == 128
