"""Masked language models that answer tasks, stopped on purpose while they are half right.

They are what the chapters on diffusion language models decode, speed up and improve by rewards: a
model that is always right shows nothing there, one that never is earns no reward.
"""

from dataclasses import dataclass
from functools import partial

import torch

from arlearn import home
from arlearn.data.sheet import Sheet
from arlearn.data.tasks import ALPHABET, Tasks, tasks
from arlearn.decode.unmask import unmask
from arlearn.heads.law import Law
from arlearn.nets.prompted import PromptedDenoiser
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.entry import Entry

JUDGED = 1000  # test problems a model is measured on


@dataclass(frozen=True)
class Answering:
    """One task and the size of the model that answers it.

    Attributes:
        kind: of task, with its usual options.
        prompt, answer: places of a row.
        problems: how many it learns from.
        width, depth: of the transformer.
        steps, batch: of its training.
    """

    kind: str
    prompt: int
    answer: int
    problems: int
    width: int
    depth: int
    steps: int
    batch: int

    def sheet(self, split: str, n: int | None = None, skip: int = 0) -> Sheet:
        """The problems of a split as rows of units; n of them, behind the first `skip`."""
        usual = self.problems if split == "train" else JUDGED
        found = tasks(split, self.kind, n=skip + (usual if n is None else n))
        rest = Tasks(found.kind, found.prompts[skip:], found.answers[skip:])
        return Sheet(rest, self.prompt, self.answer)


def answerer(design: Answering) -> PromptedDenoiser:
    """An untrained model."""
    return PromptedDenoiser(
        len(ALPHABET), design.prompt, design.answer, width=design.width, depth=design.depth
    )


def train(
    model: PromptedDenoiser, seed: int, *, design: Answering, name: str, keep: bool = True
) -> History:
    """Masked diffusion on right answers, prompts given; each masked unit counts the same.

    `keep=False` writes no checkpoint, for a look at the beginning of a run.
    """
    batches = Batches(design.sheet("train").rows, size=design.batch, seed=seed)
    recipe = Recipe(lr=3e-3, seed=seed, ema=0.999, precision="fp32")
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    return fit(model, batches, design.steps, recipe=recipe, checkpoint=path, label=name)


@torch.no_grad()
def measure(model: PromptedDenoiser, *, design: Answering) -> float:
    """Share of test problems solved greedily, the surest place of the answer in every step."""
    sheet, right = design.sheet("test"), []
    for part in torch.arange(len(sheet)).split(250):
        start = sheet.asked(model.mask)[part].to(model.place.device)
        law = Law(temperature=0.0)
        units, _ = unmask(model, start, mask=model.mask, n_steps=design.answer, law=law)
        right.append(sheet.marks(units, part))
    return float(torch.cat(right).mean())


def answering_model(design: Answering, what: str, at_least: float, at_most: float) -> Entry:
    """An entry of the zoo, held to a share of problems from both sides."""
    name = f"tasks-mlm-{design.kind}"
    return Entry(
        name=name,
        what=what,
        data="tasks",
        build=partial(answerer, design),
        train=partial(train, design=design, name=name),
        measure=partial(measure, design=design),
        metric="test problems solved",
        at_least=at_least,
        at_most=at_most,
    )


# About 10 minutes of one core; prompts of three numbers up to 20, as `tasks` draws them.
COUNTDOWN = Answering(
    "countdown", 12, 16, problems=100_000, width=64, depth=3, steps=4000, batch=128
)
TASK_MODELS = (
    answering_model(
        COUNTDOWN, "Answers Countdown in any order, right about every second time.", 0.4, 0.65
    ),
)
