"""How chapter 54's policies are made: one base, equal problems and updates, another lesson each."""

from dataclasses import dataclass, field, replace
from functools import partial

import torch
from jaxtyping import Int
from torch import Tensor, nn

from arlearn.decode.perform import Way, perform
from arlearn.nets.prompted import PromptedDenoiser
from arlearn.papers.masked_rl import Continued, Learner, Lesson, OneStep
from arlearn.papers.mdpo import MDPO, Steps, end_value
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.entry import Entry
from arlearn.zoo.task_models import COUNTDOWN, Answering, answerer

# (learning rate, temperature of the answers) -> share of the watched test problems solved, one
# number a seed: trials of 60 updates without averaged weights. Other arms learn as MDPO does.
TRIED = {
    "mdpo": {(5e-4, 1.0): (0.279,), (5e-4, 0.4): (0.393, 0.258), (1e-3, 0.4): (0.271,)},
    "one-step": {
        (2.5e-4, 1.0): (0.299, 0.301), (5e-4, 1.0): (0.273,), (2.5e-4, 0.4): (0.283,),
        (5e-4, 0.4): (0.225,),
    },
    "one-step, prompts whole": {(1e-4, 0.4): (0.305,)},
    "masks": {(5e-4, 0.4): (0.289,)},
}  # fmt: skip
RATES = dict.fromkeys(("mdpo", "end-reward", "random-steps", "one-step", "masks"), 2.5e-4)
HEATS = {"one-step": 1.0}  # temperature of its answers, where another one than the course's is best


@dataclass(frozen=True)
class Course:
    """What all arms of one base have in common.

    Attributes:
        base: the task and the model that everybody begins as.
        way: how answers are drawn while learning; greedily, and else alike, when they are judged.
        problems: of the training split, that everybody learns from.
        filtered: learn only from those that the base has right at some step and wrong at the end,
            when it answers greedily (the paper's data filter).
        prompts: problems in an update, each answered `group` times.
        updates: how many; `kept` says after which the policy is judged on `watched` test problems.
    """

    base: Answering
    way: Way = field(default_factory=lambda: Way(8, temperature=0.4))
    group: int = 6
    problems: int = 3000
    filtered: bool = True
    prompts: int = 12
    updates: int = 120
    kept: tuple[int, ...] = (0, 20, 40, 80, 120)
    watched: int = 512

    @property
    def judged(self) -> Way:
        """How answers are unmasked when they count: greedily, in as many steps."""
        return Way(self.way.n_steps, 0.0)


class Taught(nn.Module):
    """A policy after its lesson, and how it went.

    Attributes:
        policy: as it is after the last update.
        earned: mean reward of the answers drawn in each update.
        solved: share of the watched test problems solved greedily after `kept` updates.
        passes: rows that went through a network in all.
    """

    def __init__(self, course: Course):
        super().__init__()
        self.policy = answerer(course.base)
        self.register_buffer("earned", torch.zeros(course.updates))
        self.register_buffer("solved", torch.zeros(len(course.kept)))
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))


def learner(policy: PromptedDenoiser, course: Course, kind: str) -> Learner:
    """An arm before its first update.

    Args:
        kind: mdpo; end-reward (MDPO without step rewards); random-steps (MDPO without selection);
            one-step (diffu-GRPO); masks (fine-tuning on right answers).
    """
    sheet = course.base.sheet("train", course.problems)
    way = replace(course.way, temperature=HEATS.get(kind, course.way.temperature))
    lesson = Lesson(way, course.group)
    if kind in ("one-step", "masks"):
        made = {"one-step": OneStep, "masks": Continued}[kind]
        return made(policy, sheet, lesson, keep=course.kept)
    steps = {
        "mdpo": Steps(),
        "end-reward": Steps(value=end_value),
        "random-steps": Steps(by_signal=False),
    }[kind]
    return MDPO(policy, sheet, lesson, steps=steps, keep=course.kept)


def pool(model: PromptedDenoiser, course: Course) -> Int[Tensor, "n"]:
    """The numbers of the problems that everybody learns from; `model` is the base."""
    sheet = course.base.sheet("train", course.problems)
    if not course.filtered:
        return torch.arange(len(sheet))
    return perform(model, sheet, course.judged).over_denoised.nonzero().flatten().cpu()


def teach(
    made: Learner,
    course: Course,
    kind: str,
    numbers: Int[Tensor, "n"],
    *,
    seed: int,
    updates: int | None = None,
) -> History:
    """The updates of an arm on these problems; all arms see them in the same order."""
    batches = Batches(numbers, size=course.prompts, seed=seed)
    recipe = Recipe(
        lr=RATES[kind], betas=(0.9, 0.99), weight_decay=0.0, warmup=0.1, final=1.0, ema=0.95,
        seed=seed, precision="fp32",
    )  # fmt: skip
    return fit(made, batches, updates or course.updates, recipe=recipe, label=kind)


def solved(
    policy: PromptedDenoiser, course: Course, weights: dict[str, Tensor] | None = None
) -> float:
    """Share of the watched test problems solved greedily, with these weights if there are any."""
    sheet = course.base.sheet("test", course.watched)
    if weights is None:
        return float(perform(policy, sheet, course.judged).solved.float().mean())
    now = {name: x.clone() for name, x in policy.state_dict().items()}
    policy.load_state_dict(weights)
    found = solved(policy, course)
    policy.load_state_dict(now)
    return found


def train(model: Taught, seed: int, *, course: Course, kind: str, lesson_seed: int) -> History:
    """From the base to the taught policy, with its curves."""
    from arlearn import zoo

    model.policy.load_state_dict(zoo.obtain(f"tasks-mlm-{course.base.kind}").state_dict())
    numbers = pool(model.policy, course)
    made = learner(model.policy, course, kind)
    history = teach(made, course, kind, numbers, seed=1000 * seed + lesson_seed)
    snapshots = {**made.snapshots, course.updates: None}
    curve = [solved(model.policy, course, snapshots[update]) for update in course.kept]
    model.earned.copy_(torch.tensor(made.earned))
    model.solved.copy_(torch.tensor(curve))
    model.passes.fill_(made.passes)
    return history


def measure(model: Taught, *, course: Course) -> float:
    """Share of the watched test problems solved greedily."""
    return solved(model.policy, course)


def taught(course: Course, kind: str, what: str, seed: int) -> Entry:
    """One arm with one seed."""
    return Entry(
        name=f"tasks-rl-{course.base.kind}-{kind}-{seed}",
        what=what,
        data="tasks",
        build=partial(Taught, course),
        train=partial(train, course=course, kind=kind, lesson_seed=seed),
        measure=partial(measure, course=course),
        metric="test problems solved in 8 steps",
        at_least=0.1,
    )


LESSON = Course(COUNTDOWN)
SEEDS = (0, 1, 2)
SHIPPED = {
    "mdpo": "MDPO: a reward for every draft, in the states that were visited.",
    "end-reward": "MDPO with the end's reward only, at as many random steps.",
    "one-step": "diffu-GRPO: the end's reward, one look at the fully masked answer.",
}
MDPO_MODELS = tuple(taught(LESSON, kind, what, s) for kind, what in SHIPPED.items() for s in SEEDS)
