"""Chapter 52's models: arms that differ in one choice, and a family that learns from equal rows."""

import math
from dataclasses import replace

import pytest
import torch

from arlearn import home, zoo
from arlearn.zoo import task_texts
from arlearn.zoo import tidar_models as made
from arlearn.zoo.tidar_models import ARMS, FULL, PYTEXT, RANDOM, SMALL, TASKS, TEXT

HERE = (home.PACKAGE / "weights" / "tasks-tidar.json").is_file()
shipped = pytest.mark.skipif(not HERE, reason="the weights are not in this checkout")


@pytest.fixture(autouse=True)
def few_problems(monkeypatch):
    """Texts of a few problems; all of them take a while to draw."""
    text = task_texts.text
    monkeypatch.setattr(task_texts, "text", lambda split="train", n=0: text(split, 150))


@pytest.fixture
def tiny(monkeypatch):
    """A plan whose language model is an untrained one."""
    plan = replace(TASKS, width=16, depth=1, steps=4, batch=2, seeds=2)
    base = made.untrained(plan, ARMS[TEXT])
    monkeypatch.setattr(zoo, "obtain", lambda name: without_mask(base))
    return plan


def without_mask(model):
    from arlearn.nets.language import LanguageModel

    language = LanguageModel(model.vocab, model.context, width=16, depth=1)
    weights = model.state_dict()
    language.load_state_dict(weights | {"embed.weight": weights["embed.weight"][:-1]})
    return language


def test_arms_differ_in_one_choice():
    full, random, text = (ARMS[kind] for kind in (FULL, RANDOM, TEXT))
    assert full.full and not random.full and full.alpha == random.alpha == 1.0
    assert math.isinf(text.alpha)
    for plan in (PYTEXT, TASKS, SMALL):
        assert plan.base in zoo.names() and plan.data in ("pytext", "tasks")
    assert {f"tasks-tidar{kind}" for kind in ARMS} <= set(zoo.names())
    assert {f"tasks-tidar-small{kind}" for kind in ARMS} <= set(zoo.names())


@pytest.mark.parametrize("plan", [PYTEXT, TASKS], ids=["pytext", "tasks"])
def test_rows_are_the_same_for_every_arm_of_a_seed(plan):
    (units,), (again,), (other,) = (made.rows(plan, seed)(3) for seed in (0, 0, 1))
    assert torch.equal(units, again) and not torch.equal(units, other)
    assert units.shape[0] == plan.batch
    vocab = made.untrained(plan, ARMS[FULL]).vocab
    held_out = made.judged(plan, 8)
    assert held_out.shape == (8, units.shape[1]) and held_out.max() < vocab


def test_a_family_grows_from_the_language_model_with_other_rows(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(home, "data_folder", lambda: tmp_path)
    models = made.family(tiny, ARMS[FULL])
    history = made.train_family(models, 0, plan=tiny, name="x")
    assert history.steps == 8 and len(history.losses) == 8
    one, two = (model.embed.weight for model in models)
    assert not torch.equal(one, two)
    assert 0 < made.measure_family(models, plan=tiny) < 5


def test_a_beginning_is_looked_at_on_the_way_and_at_the_end(tiny):
    model, seen = made.beginning(tiny, ARMS[FULL], every=2, judges=4)
    assert list(seen) == [0, 2, 4]
    talk, think = seen[4]
    assert talk == made.test_nats(model, made.judged(tiny, 4))[0]
    assert len(think) == tiny.block and seen[0][0] != talk


def test_nobody_learns_otherwise_for_being_watched(tiny):
    watched = made.Watched(made.rows(tiny, 0), lambda: 1, every=3)
    for step in (0, 1, 3, 3, 5):
        assert torch.equal(watched(step)[0], made.rows(tiny, 0)(step)[0])
    assert watched.seen == {0: 1, 3: 1}


@shipped
def test_the_shipped_models_read_text_and_draft():
    full, random, text = (zoo.load(f"tasks-tidar{kind}")[0] for kind in (FULL, RANDOM, TEXT))
    units = made.judged(TASKS, 32)
    nats = {name: made.test_nats(model, units) for name, model in
            (("full", full), ("random", random), ("text", text))}  # fmt: skip
    assert max(talk for talk, _ in nats.values()) < 0.8
    # a model that never saw a mask guesses worse at every place of a block
    assert all(a < b for a, b in zip(nats["full"][1], nats["text"][1], strict=True))
