"""Learning by reward on masked models: what is rolled out, scored, kept and left alone."""

import pytest
import torch

from arlearn.data.sheet import Sheet
from arlearn.data.tasks import ALPHABET, tasks
from arlearn.decode.perform import Way, perform
from arlearn.nets.prompted import PromptedDenoiser
from arlearn.papers.masked_rl import Continued, Learner, Lesson, OneStep, log_probs
from arlearn.papers.mdpo import MDPO
from arlearn.training import Batches, Recipe, fit


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def sheet():
    return Sheet(tasks("train", "countdown", n=6))


def policy():
    torch.manual_seed(0)
    model = PromptedDenoiser(len(ALPHABET), 12, 16, width=16, depth=1)
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return model.eval()


class Copy(PromptedDenoiser):
    """Answers with the rows of a sheet: it is always right, and sure where it likes to be."""

    def __init__(self, sheet):
        super().__init__(len(ALPHABET), 12, 16, width=16, depth=1)
        self.rows = sheet.rows

    def forward(self, units, labels=None):
        own = (units[:, None, :12] == self.rows[None, :, :12]).all(-1).float().argmax(1)
        return 9.0 * torch.nn.functional.one_hot(self.rows[own], len(ALPHABET)).float()


def test_every_draft_is_marked_as_it_stands(sheet):
    done = perform(Copy(sheet), sheet, Way(4))
    assert done.marks.shape == (4, 6) and (done.marks == 1).all(), "masks were left in a draft"
    assert done.solved.all() and done.once_right.all() and not done.over_denoised.any()


def test_right_on_the_way_and_wrong_at_the_end(sheet):
    done = perform(policy(), sheet, Way(4))
    marks = torch.tensor([[0, 1, 0], [1, 1, 0], [0, 1, 0]]).float()
    done = type(done)(done.film, marks)
    assert done.solved.tolist() == [False, True, False]
    assert done.once_right.tolist() == [True, True, False]
    assert done.over_denoised.tolist() == [True, False, False]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_guess_and_confidence_are_of_the_law_that_is_scored(sheet, temperature):
    model = policy()
    seen = perform(model, sheet, Way(4, temperature), generator=dice()).film
    for state, guess, sure, hidden in zip(
        seen.states, seen.guesses, seen.confidence, seen.hidden, strict=True
    ):
        p = log_probs(model, state, guess, temperature).exp()
        assert torch.allclose(p[hidden], sure[hidden], atol=1e-5)


def test_answers_of_a_group_differ_and_the_greedy_one_does_not(sheet):
    which = torch.zeros(8, dtype=torch.long)
    model = policy()
    warm = perform(model, sheet, Way(4, 1.0), which=which, generator=dice()).film.guesses[-1]
    cold = perform(model, sheet, Way(4), which=which).film.guesses[-1]
    assert len(warm.unique(dim=0)) > 1 and len(cold.unique(dim=0)) == 1


@pytest.mark.parametrize("arm", [MDPO, OneStep])
def test_a_learner_changes_its_policy_and_never_its_reference(sheet, arm, monkeypatch):
    lesson = Lesson(Way(4, 1.0), group=4)
    model = arm(policy(), sheet, lesson, keep=(1,))
    marked = iter(range(10_000))
    monkeypatch.setattr(  # a judge that always has a favourite
        Sheet, "marks", lambda self, units, which: torch.arange(len(which)) % 2 + 0.0 * next(marked)
    )
    before = {name: x.clone() for name, x in model.state_dict().items()}
    recipe = Recipe(lr=1e-2, precision="fp32")
    batches = Batches(torch.arange(6), size=2, seed=0)
    fit(model, batches, 2, recipe=recipe, progress=False)
    after = model.state_dict()
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith("policy.") for name in moved)
    assert model.earned == [0.5, 0.5] and set(model.snapshots) == {1}
    kept = model.snapshots[1]["embed.weight"]
    assert not torch.equal(kept, before["policy.embed.weight"])
    assert not torch.equal(kept, after["policy.embed.weight"])


def test_passes_count_every_row_that_went_through_a_network(sheet):
    which, lesson = torch.tensor([0, 1]), Lesson(Way(4, 1.0), group=3)
    one, many = OneStep(policy(), sheet, lesson), MDPO(policy(), sheet, lesson)
    one.loss(which), many.loss(which)
    assert one.passes == 6 * (4 + 2) and many.passes == 6 * (4 + 3 * 2)


def test_a_block_length_is_drawn_for_each_update(sheet):
    class Looking(Learner):
        def objective(self, seen, marks, which):
            later = seen.hidden[1, :, 20:].all()  # the second block after the first step
            self.found = [*getattr(self, "found", []), bool(later)]
            return torch.zeros((), requires_grad=True)

    model = Looking(policy(), sheet, Lesson(Way(4, 1.0), group=2, blocks=(8,)))
    assert [model.loss(torch.tensor([0])) is None for _ in range(3)] == [False] * 3
    assert model.found == [True] * 3
    torch.manual_seed(1)
    both = Looking(policy(), sheet, Lesson(Way(4, 1.0), group=2, blocks=(8, 16)))
    for _ in range(12):
        both.loss(torch.tensor([0]))
    assert set(both.found) == {True, False}


def test_one_look_scores_units_it_hides_and_stops_at_the_end(sheet):
    """Every unit of the answers is hidden while it is scored, and nothing behind the first end."""
    model = OneStep(policy(), sheet, Lesson(Way(4, 1.0), group=3, beta=0.0), drop=0.5)
    which = torch.tensor([0, 1])
    many = which.repeat_interleave(3)
    seen = perform(model.policy, sheet, model.lesson.way, which=many, generator=dice()).film
    read, forward = [], model.policy.forward
    model.policy.forward = lambda units: read.append(units.clone()) or forward(units)
    marks = torch.zeros(4, 2, 3)
    marks[-1, :, 0] = 1.0
    loss = model.objective(seen, marks, which)
    assert (read[0][:, 12:] == model.policy.mask).all()
    share = (read[0][:, :12] == model.policy.mask).float().mean()
    assert 0.2 < share < 0.8
    # what it amounts to: -A log p over the units up to the end, all of them counting the same
    p = log_probs(model.policy, read[0], seen.guesses[-1])
    a = torch.tensor([2.0, -1.0, -1.0, 2.0, -1.0, -1.0])[:, None] / 3**0.5
    ends = sheet.ends(seen.guesses[-1])
    by_hand = -(a * p * ends).sum() / ends.sum()
    names = [name for name, _ in model.policy.named_parameters()]
    found = torch.autograd.grad(loss, list(model.policy.parameters()), retain_graph=True)
    right = torch.autograd.grad(by_hand, list(model.policy.parameters()))
    for name, a, b in zip(names, found, right, strict=True):
        assert torch.allclose(a, b, atol=1e-4), name


def test_equal_ends_teach_one_step_nothing(sheet):
    model = OneStep(policy(), sheet, Lesson(Way(4, 1.0), group=3, beta=0.0))
    which = torch.tensor([0, 1])
    done = perform(model.policy, sheet, model.lesson.way, which=which.repeat_interleave(3))
    marks = torch.rand(4, 2, 3)
    marks[-1] = 1.0  # whatever the drafts before were
    model.objective(done.film, marks, which).backward()
    grads = [p.grad for p in model.policy.parameters() if p.grad is not None]
    assert grads and all((g == 0).all() for g in grads)


def test_fine_tuning_sees_right_answers_as_often_as_a_group(sheet):
    model = Continued(policy(), sheet, Lesson(Way(4, 1.0), group=5))
    seen = []
    model.policy.loss = lambda rows: seen.append(rows) or torch.zeros(())
    model.loss(torch.tensor([4, 2]))
    assert torch.equal(seen[0], sheet.rows[[4] * 5 + [2] * 5])


def test_a_lesson_without_choice_is_refused():
    with pytest.raises(ValueError, match="within a group of 2 or more answers that differ"):
        Lesson(Way(4, 0.0))
    with pytest.raises(ValueError, match="group=1 answers at temperature 1.0"):
        Lesson(group=1)
