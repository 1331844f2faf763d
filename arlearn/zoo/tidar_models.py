"""How chapter 52's models are made: one language model goes on learning, with masks or without."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from arlearn import home
from arlearn.batches import Draw, Windows
from arlearn.data import pytext
from arlearn.nets.two_half import TwoHalf
from arlearn.papers.tidar import TiDAR
from arlearn.training import History, Recipe, fit
from arlearn.zoo import task_texts, texts
from arlearn.zoo.entry import Entry

WINDOW = 128  # characters of pytext that are learned from at once, half of what its model can read


@dataclass(frozen=True)
class Arm:
    """One way to go on: `full` and `alpha` as for `TiDAR`."""

    full: bool = True
    alpha: float = 1.0


FULL, RANDOM, TEXT = "", "-random", "-text"  # ends of names
ARMS = {FULL: Arm(), RANDOM: Arm(full=False), TEXT: Arm(alpha=math.inf)}


@dataclass(frozen=True)
class Plan:
    """From where and how long all arms of a text learn.

    Attributes:
        base: the language model they start from, a name of the zoo.
        width, depth: its transformer.
        block: drafts of a block, K.
        steps, batch: rows of text.
        seeds: models of an arm; they differ in their rows and, where masks are random, in those.
    """

    base: str
    width: int
    depth: int
    block: int
    steps: int
    batch: int = 16
    lr: float = 2e-3
    seeds: int = 1

    @property
    def data(self) -> str:
        """The dataset: "tasks" or "pytext"."""
        return self.base.partition("-")[0]


def rows(plan: Plan, seed: int, problems: int = task_texts.LEARNED) -> Draw:
    """What an arm sees: the same rows as every other arm of this seed.

    A text of tasks holds so many problems of each kind.
    """
    if plan.data == "tasks":
        text = task_texts.text("train", problems)
        return task_texts.Lines(text, 0, task_texts.CONTEXT, plan.batch, seed)
    return Windows(texts.characters().encode(pytext("train")), WINDOW, plan.batch, seed)


def judged(plan: Plan, n: int = 128) -> Int[Tensor, "n t"]:
    """Rows of the test split that every arm is measured on."""
    if plan.data == "tasks":
        held_out = task_texts.text("test", 1000)
        return task_texts.Lines(held_out, 0, task_texts.CONTEXT, n, 0)(0)[0]
    return texts.characters().encode(pytext("test")[: n * WINDOW]).view(n, WINDOW)


def untrained(plan: Plan, arm: Arm) -> TiDAR:
    """A model of an arm, before it has taken over the language model's weights."""
    tasks = plan.data == "tasks"
    vocab = len(task_texts.ALPHABET if tasks else texts.ALPHABET)
    context = task_texts.CONTEXT if tasks else texts.CONTEXT
    sizes = {"width": plan.width, "depth": plan.depth}
    return TiDAR(vocab, context, block=plan.block, alpha=arm.alpha, full=arm.full, **sizes)


def go_on(
    model: TiDAR,
    seed: int,
    *,
    plan: Plan,
    name: str,
    keep: bool = True,
    batches: Draw | None = None,
) -> History:
    """Take over the language model's weights and learn on from there.

    `keep=False` writes no checkpoint, for a look at the beginning of a run; `batches` stand in for
    the plan's rows.
    """
    from arlearn import zoo

    base = zoo.obtain(plan.base).to(next(model.parameters()).device)
    model.load_state_dict(TwoHalf.grown(base).state_dict())
    recipe = Recipe(lr=plan.lr, seed=seed, ema=0.999, precision="bf16")
    path = home.data_folder() / "zoo" / f"{name}-{seed}.safetensors" if keep else None
    batches = batches or rows(plan, seed)
    return fit(model, batches, plan.steps, recipe=recipe, checkpoint=path, label=name)


def family(plan: Plan, arm: Arm) -> nn.ModuleList:
    """An untrained model for each seed."""
    return nn.ModuleList(untrained(plan, arm) for _ in range(plan.seeds))


def train_family(models: nn.ModuleList, seed: int, *, plan: Plan, name: str) -> History:
    """The models of an arm one after the other, from seed·n on."""
    told = [
        go_on(model, seed * len(models) + k, plan=plan, name=name) for k, model in enumerate(models)
    ]
    return replace(
        told[0],
        losses=[loss for history in told for loss in history.losses],
        steps=sum(history.steps for history in told),
        seconds=sum(history.seconds for history in told),
    )


@torch.no_grad()
def test_nats(model: TiDAR, units: Int[Tensor, "n t"]) -> tuple[float, list[float]]:
    """Test nats per token of the text, and of a full block's masks by their place in the block.

    Source: the two terms of TiDAR's loss.
    """
    units = units.to(next(model.parameters()).device)
    found = [model.both(part, full=True)[:2] for part in units.split(32)]
    talk, think = (torch.cat(parts) for parts in zip(*found, strict=True))
    whole = think.shape[1] // model.block * model.block
    return float(talk.mean()), think[:, :whole].unflatten(1, (-1, model.block)).mean(
        (0, 1)
    ).tolist()


@dataclass(frozen=True, eq=False)
class Watched:
    """Rows to learn from, with a look at the model in front of every few steps' rows.

    Attributes:
        seen: step -> what `look` saw there.
    """

    rows: Draw
    look: Callable[[], Any]
    every: int
    seen: dict[int, Any] = field(default_factory=dict)

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """The rows of a step, as without anybody watching."""
        if step % self.every == 0 and step not in self.seen:
            self.seen[step] = self.look()
        return self.rows(step)


def beginning(
    plan: Plan, arm: Arm, *, every: int, judges: int = 32, problems: int = 8000, seed: int = 0
) -> tuple[TiDAR, dict[int, tuple[float, list[float]]]]:
    """The first steps of an arm, `plan.steps` of them: the model, and its `test_nats` on the way.

    Args:
        every: steps from one look to the next; the last look is at the end.
        judges: rows of the test split that are looked at.
        problems: of each kind, to learn from.
    """
    model, units = untrained(plan, arm).to(home.device()), judged(plan, judges)
    watched = Watched(rows(plan, seed, problems), lambda: test_nats(model, units), every)
    go_on(model, seed, plan=plan, name=plan.base, keep=False, batches=watched)
    return model, watched.seen | {plan.steps: test_nats(model, units)}


def measure_family(models: nn.ModuleList, *, plan: Plan) -> float:
    """Test nats per token of the text, the mean over an arm's models."""
    nats = [test_nats(model, judged(plan))[0] for model in models]
    return sum(nats) / len(nats)


def entry(name: str, what: str, plan: Plan, arm: Arm, at_most: float) -> Entry:
    """The models of an arm, in one file."""
    return Entry(
        name=name,
        what=what,
        data=plan.data,
        build=partial(family, plan, arm),
        train=partial(train_family, plan=plan, name=name),
        measure=partial(measure_family, plan=plan),
        metric="test nats per token",
        at_most=at_most,
    )


def arms(name: str, plan: Plan, kinds: dict[str, str], at_most: float) -> list[Entry]:
    """Some arms of a plan; kinds are ends of names and what they say."""
    return [
        entry(name + kind, f"{plan.base}, gone on {what}.", plan, ARMS[kind], at_most)
        for kind, what in kinds.items()
    ]


TOLD = {
    FULL: "beside full blocks of masks",
    RANDOM: "beside blocks with random masks",
    TEXT: "without masks",
}
# About 6, 6 and 6 minutes of one core.
PYTEXT = Plan("pytext-ar", 128, 4, block=4, steps=1400, batch=8)
TASKS = Plan("tasks-ar", 96, 3, block=8, steps=1000, batch=16)
SMALL = Plan("tasks-ar-small", 48, 2, block=8, steps=1200, batch=8, seeds=3)
TIDAR_MODELS = (
    *arms("pytext-tidar", PYTEXT, {FULL: TOLD[FULL]}, 1.45),
    *arms("tasks-tidar", TASKS, TOLD, 0.8),
    *arms("tasks-tidar-small", SMALL, TOLD, 1.0),
)
