"""Models that answer tasks: their problems fit, and shipped ones are half right on purpose."""

import pytest
import torch

from arlearn import home, zoo
from arlearn.data.tasks import ALPHABET
from arlearn.decode.perform import Way, perform
from arlearn.zoo import task_models
from arlearn.zoo.task_models import COUNTDOWN, TASK_MODELS

HERE = (home.PACKAGE / "weights" / "tasks-mlm-countdown.json").is_file()
shipped = pytest.mark.skipif(not HERE, reason="the weights are not in this checkout")


def test_train_and_test_share_no_problem():
    train, test = COUNTDOWN.sheet("train", 500), COUNTDOWN.sheet("test", 100)
    keys = [
        {(*sorted(p[:-1].partition(":")[0].split()), p.partition(":")[2]) for p in s.tasks.prompts}
        for s in (train, test)
    ]
    assert not keys[0] & keys[1] and train.length == test.length == 28


def test_every_model_reads_the_alphabet_and_has_a_bound_on_both_sides():
    for entry in TASK_MODELS:
        model = entry.build()
        assert model.mask == len(ALPHABET) and entry.name in zoo.names()
        assert 0.3 <= entry.at_least < entry.at_most <= 0.7, "a base is stopped half right"


def test_a_few_steps_of_training_learn_something():
    design = task_models.Answering("countdown", 12, 16, 200, width=16, depth=1, steps=12, batch=32)
    torch.manual_seed(0)
    model = task_models.answerer(design)
    history = task_models.train(model, 0, design=design, name="trial", keep=False)
    assert history.averaged and history.losses[-1] < 0.9 * history.losses[0]


@shipped
def test_the_shipped_model_solves_about_half_one_place_at_a_time():
    model, sheet = zoo.load("tasks-mlm-countdown"), COUNTDOWN.sheet("test", 150)
    assert 0.4 < perform(model, sheet, Way(16)).solved.float().mean() < 0.7


@shipped
def test_it_spoils_answers_when_it_is_hurried():
    """What chapter 54 is about must be there to be seen."""
    model, sheet = zoo.load("tasks-mlm-countdown"), COUNTDOWN.sheet("test", 150)
    done = perform(model, sheet, Way(8))
    assert done.over_denoised.float().mean() > 0.04


def test_problems_can_be_left_out_at_the_beginning():
    rest, all_ = COUNTDOWN.sheet("test", 10, skip=5), COUNTDOWN.sheet("test", 15)
    assert torch.equal(rest.rows, all_.rows[5:])
