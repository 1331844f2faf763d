"""Chapter 54's arms: they differ in the lesson alone, and keep how it went."""

from dataclasses import replace

import pytest
import torch

from arlearn import home, zoo
from arlearn.decode.perform import Way
from arlearn.papers.masked_rl import Continued, OneStep
from arlearn.papers.mdpo import MDPO, end_value, step_value
from arlearn.zoo import mdpo_models
from arlearn.zoo.mdpo_models import HEATS, LESSON, MDPO_MODELS, RATES, SEEDS, SHIPPED, Taught
from arlearn.zoo.task_models import Answering

HERE = (home.PACKAGE / "weights" / "tasks-mlm-countdown.json").is_file()
shipped = pytest.mark.skipif(not HERE, reason="the weights are not in this checkout")
TINY = Answering("countdown", 12, 16, 100, width=16, depth=1, steps=1, batch=8)
COURSE = replace(
    LESSON, base=TINY, way=Way(4, 1.0), group=2, prompts=3, problems=12, updates=3, kept=(0, 2, 3),
    watched=8, filtered=False,
)  # fmt: skip


def test_every_arm_has_every_seed():
    names = {entry.name for entry in MDPO_MODELS}
    assert len(names) == len(SHIPPED) * len(SEEDS) and names <= set(zoo.names())


def test_arms_differ_in_their_lesson_alone():
    made = {kind: mdpo_models.learner(mdpo_models.answerer(TINY), COURSE, kind) for kind in RATES}
    assert isinstance(made["one-step"], OneStep) and isinstance(made["masks"], Continued)
    arms = {kind: made[kind] for kind in ("mdpo", "end-reward", "random-steps")}
    assert all(isinstance(arm, MDPO) for arm in arms.values())
    assert [arm.steps.value for arm in arms.values()] == [step_value, end_value, step_value]
    assert [arm.steps.by_signal for arm in arms.values()] == [True, True, False]
    cool = {kind: arm.lesson for kind, arm in made.items() if kind not in HEATS}
    assert len(set(cool.values())) == 1
    for kind, heat in HEATS.items():
        way = replace(COURSE.way, temperature=heat)
        assert made[kind].lesson == replace(cool["mdpo"], way=way)
    assert COURSE.judged == Way(4, 0.0), "answers are judged greedily, and else as they are drawn"


def test_arms_see_the_same_problems_in_the_same_order():
    seen = {}
    for kind in ("mdpo", "one-step", "masks"):
        made = mdpo_models.learner(mdpo_models.answerer(TINY), COURSE, kind)
        loss = made.loss
        made.loss = lambda which, kind=kind, loss=loss: (
            seen.setdefault(kind, []).append(which.tolist()) or loss(which)
        )
        mdpo_models.teach(made, COURSE, kind, torch.arange(12), seed=5)
    assert seen["mdpo"] == seen["one-step"] == seen["masks"] and len(seen["mdpo"]) == 3


def test_a_taught_policy_keeps_its_curve(monkeypatch):
    torch.manual_seed(0)
    base = mdpo_models.answerer(TINY)
    monkeypatch.setattr(zoo, "obtain", lambda name: base)
    model = Taught(COURSE)
    history = mdpo_models.train(model, 0, course=COURSE, kind="mdpo", lesson_seed=1)
    assert len(history.losses) == 3 and model.earned.shape == (3,) and model.solved.shape == (3,)
    assert int(model.passes) == 3 * 6 * (4 + 2 * 3), "four steps rolled out, three learned from"
    assert mdpo_models.measure(model, course=COURSE) == pytest.approx(float(model.solved[-1]))


def test_the_policy_is_as_it_was_after_a_look_at_other_weights():
    torch.manual_seed(0)
    policy = mdpo_models.answerer(TINY)
    before = {name: x.clone() for name, x in policy.state_dict().items()}
    other = {name: x + 1 for name, x in before.items()}
    mdpo_models.solved(policy, COURSE, other)
    assert all(torch.equal(x, before[name]) for name, x in policy.state_dict().items())


@shipped
def test_the_pool_holds_problems_that_are_spoiled():
    course = replace(LESSON, problems=120)
    model = zoo.load("tasks-mlm-countdown")
    numbers = mdpo_models.pool(model, course)
    done = mdpo_models.perform(model, course.base.sheet("train", 120), course.judged)
    assert 0 < len(numbers) < 40 and done.over_denoised[numbers].all()
    assert len(mdpo_models.pool(model, replace(course, filtered=False))) == 120


@shipped
@pytest.mark.parametrize("seed", SEEDS)
def test_shipped_arms_keep_what_the_chapter_says_of_them(seed):
    arms = {kind: zoo.load(f"tasks-rl-countdown-{kind}-{seed}") for kind in SHIPPED}
    starts = {round(float(arm.solved[0]), 3) for arm in arms.values()}
    assert len(starts) == 1, "the arms did not begin as the same model"
    ends = {kind: float(arm.solved[-1]) for kind, arm in arms.items()}
    assert ends["mdpo"] > ends["end-reward"] > ends["one-step"]
    assert int(arms["mdpo"].passes) == int(arms["end-reward"].passes)
    assert int(arms["mdpo"].passes) > int(arms["one-step"].passes)
