"""Chapter 40's models: arms that see the same rows and differ in what they were named after."""

import pytest
import torch

from arlearn import home, zoo
from arlearn.papers.nbdiff import Annealed, NBDiff
from arlearn.zoo import nbdiff_models, task_texts
from arlearn.zoo.nbdiff_models import ARMS, Opening, Plan

PLAN = Plan("tasks-ar-small", width=8, depth=1, largest=4, steps=12, batch=3, seeds=2)


@pytest.fixture(autouse=True)
def small_world(monkeypatch, tmp_path):
    """Few problems, and an untrained base."""
    torch.manual_seed(0)
    base = task_texts.task_model(task_texts.Size(8, 1, 1, 1, 1e-3)).eval()
    few = task_texts.text("train", 60)
    monkeypatch.setattr(zoo, "obtain", lambda name: base)
    monkeypatch.setattr(task_texts, "text", lambda split="train", n=60: few)
    monkeypatch.setattr(home, "data_folder", lambda: tmp_path)
    return base


def test_all_arms_see_the_same_rows_in_their_own_layout():
    for step in (0, 11):
        seen = {name: nbdiff_models.batches(PLAN, arm, 1)(step) for name, arm in ARMS.items()}
        rows = seen["nbdiff"][0]
        assert all(torch.equal(units, rows) for units, _ in seen.values())
    sizes = {name: int(torch.bincount(block[0]).max()) for name, (_, block) in seen.items()
             if name != "annealed"}  # fmt: skip
    assert sizes.pop("next-token") == 1
    assert set(sizes.values()) == {4}
    grown = nbdiff_models.batches(PLAN, ARMS["nbdiff"], 1)(0)[1]
    fixed = nbdiff_models.batches(PLAN, ARMS["fixed-size"], 1)(0)[1]
    assert int(torch.bincount(grown[0]).max()) == 1 and int(torch.bincount(fixed[0]).max()) == 4


def test_arms_are_what_their_names_say():
    made = {name: nbdiff_models.untrained(PLAN, arm) for name, arm in ARMS.items()}
    assert isinstance(made.pop("annealed"), Annealed)
    assert all(isinstance(model, NBDiff) for model in made.values())
    clean = {name for name, model in made.items() if model.clean == "block"}
    assert clean == {"transplant", "block-causal"}
    kept = {name for name, model in made.items() if model.keep}
    assert kept == {"next-token", "nbdiff", "fixed-size"}
    sizes = {sum(p.numel() for p in model.parameters()) for model in made.values()}
    assert len(sizes) == 1


def test_a_path_begins_at_the_base_and_can_be_watched(small_world):
    rows, told = nbdiff_models.judged_rows(4), []

    def look(step, model):
        told.append((step, nbdiff_models.old_nats(model, rows)))
        assert nbdiff_models.masked_nats(model, rows, 4) > 0

    for name in ("nbdiff", "annealed"):
        told.clear()
        nbdiff_models.watched(PLAN, ARMS[name], 5, look, learned=60)
        assert [step for step, _ in told] == [0, 5, 10, 12]
        start = nbdiff_models.old_nats(small_world, rows)
        assert told[0][1] == pytest.approx(start, abs=1e-5)
        assert told[-1][1] != pytest.approx(start, abs=1e-5)


def test_a_family_has_a_model_for_each_seed_and_they_differ():
    arm = ARMS["fixed-size"]
    models = nbdiff_models.family(PLAN, arm)
    history = nbdiff_models.adapt_family(models, 0, plan=PLAN, arm=arm, name="trial")
    assert history.steps == len(history.losses) == 24
    first, second = (model.embed.weight for model in models)
    assert not torch.equal(first, second)
    found = nbdiff_models.measure_family(models, plan=PLAN, arm=arm)
    each = [nbdiff_models.masked_nats(m, nbdiff_models.judged_rows(), 4) for m in models]
    assert found == pytest.approx(sum(each) / 2)


def test_the_future_opens_evenly_and_stays_open():
    opening = Opening(lambda step: (torch.zeros(2, 3).long(),), steps=30)
    shares = [float(opening(step)[1][0]) for step in (0, 10, 20, 29)]
    assert shares == pytest.approx([0.0, 0.5, 1.0, 1.0])


def test_every_arm_has_an_entry_of_the_same_plan():
    for name in ARMS:
        made = zoo.find(f"tasks-nbdiff-small-{name}")
        assert len(made.build()) == nbdiff_models.SMALL.seeds
    assert isinstance(zoo.find("tasks-nbdiff").build(), NBDiff)
