"""The task models: a small language model that answers problems with exact checkers."""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn import home
from arlearn.batches import mixed
from arlearn.data.tasks import ALPHABET, END, Tasks, tasks
from arlearn.decode.answers import answers
from arlearn.decode.write import write
from arlearn.heads.law import Law
from arlearn.nets.language import LanguageModel
from arlearn.tokens.text import CharTokenizer
from arlearn.training import History, Recipe, fit
from arlearn.zoo.entry import Entry

# Two kinds in one form, `prompt=answer` and a line break. Sums of three numbers, with both running
# results from the last digit on: 8+6+9=41;32. Numbers in words, in any one of three styles.
KINDS = {
    "arithmetic": {"digits": 2, "terms": 3, "reverse": True, "steps": True},
    "number-words": {},
}
CONTEXT = 96  # tokens a model reads at once
ANSWER = 48  # tokens that hold any answer with its end
LEARNED = 40_000  # training problems of each kind
JUDGED = 250  # test problems of each kind that the models are measured on


@dataclass(frozen=True)
class Size:
    """One model: its transformer, and how long it learns, in rows of CONTEXT characters."""

    width: int
    depth: int
    steps: int
    batch: int
    lr: float


@dataclass(frozen=True, eq=False)
class Lines:
    """Rows that begin with a line of a text, `Lines(units, end, length=96, size=16)(step)`.

    A row holds as many whole lines as fit and the beginning of the next. The rows of a step depend
    on seed and step alone.

    Raises:
        ValueError: no line begins `length` units before the text's end, or size is below 1.
    """

    units: Int[Tensor, "n"]
    end: int
    length: int = CONTEXT
    size: int = 16
    seed: int = 0

    def __post_init__(self):
        if self.size < 1:
            raise ValueError(f"a batch has at least 1 row, not size={self.size}")
        if self.length < 1 or not len(self.begins):
            raise ValueError(
                f"no row of length={self.length} begins with a line of this text of "
                f"{len(self.units)} units; choose a shorter one"
            )

    @cached_property
    def begins(self) -> Int[Tensor, "k"]:
        """Where lines begin that have a whole row behind them."""
        behind_ends = (self.units == self.end).nonzero().flatten() + 1
        places = torch.cat([behind_ends.new_zeros(1), behind_ends])
        return places[places <= len(self.units) - self.length]

    def __call__(self, step: int) -> tuple[Int[Tensor, "b t"]]:
        """`size` rows, each from a line drawn evenly."""
        dice = torch.Generator().manual_seed(mixed(self.seed, "lines", step))
        chosen = torch.randint(len(self.begins), (self.size, 1), generator=dice)
        places = self.begins[chosen]
        return (self.units[places + torch.arange(self.length)],)


def characters() -> CharTokenizer:
    """The tokenizer of the task models: `data.tasks`' alphabet, whose unit 0 ends a line."""
    return CharTokenizer(ALPHABET)


def problems(split: str = "train", n: int = JUDGED, seed: int = 0) -> dict[str, Tasks]:
    """n problems of each kind."""
    return {kind: tasks(split, kind, n, seed, **options) for kind, options in KINDS.items()}


@lru_cache(maxsize=4)
def text(split: str = "train", n: int = LEARNED) -> Int[Tensor, "_"]:
    """n problems of each kind with their answers, a line each, in random order."""
    lines = [line for kind in problems(split, n).values() for line in kind.texts]
    order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(0)).tolist()
    return characters().encode("".join(lines[k] + END for k in order))


def task_model(size: Size) -> LanguageModel:
    """An untrained model of rows of CONTEXT characters."""
    return LanguageModel(len(ALPHABET), CONTEXT, width=size.width, depth=size.depth)


def train_task_model(
    model: LanguageModel, seed: int, *, size: Size, name: str, keep: bool = True
) -> History:
    """Next-character prediction on rows of problems with their answers.

    `keep=False` writes no checkpoint, for a look at the beginning of a run.
    """
    rows = Lines(text(), 0, CONTEXT, size.batch, seed)
    recipe = Recipe(lr=size.lr, seed=seed, ema=0.999, precision="bf16")
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    return fit(model, rows, size.steps, recipe=recipe, checkpoint=path, label=name)


def exact_match(model: LanguageModel, n: int = JUDGED) -> dict[str, float]:
    """The share of n test problems of each kind that the model answers right, greedily."""
    greedy, device = Law(temperature=0.0), next(model.parameters()).device
    return {
        kind: asked.accuracy(
            answers(
                asked,
                lambda prompt: write(model, prompt, ANSWER, law=greedy),
                start=model.start,
                device=device,
            ).texts
        )
        for kind, asked in problems("test", n).items()
    }


def measure_task_model(model: LanguageModel) -> float:
    """Exact match over both kinds, greedy."""
    return sum(exact_match(model).values()) / len(KINDS)


def entry(name: str, what: str, size: Size, at_least: float) -> Entry:
    """An entry of the zoo; `at_least` bounds its exact match."""
    return Entry(
        name=name,
        what=what,
        data="tasks",
        build=partial(task_model, size),
        train=partial(train_task_model, size=size, name=name),
        measure=measure_task_model,
        metric="test exact match",
        at_least=at_least,
    )


# About 3 and 2 minutes of one core.
LARGE = Size(width=96, depth=3, steps=2400, batch=16, lr=3e-3)
SMALL = Size(width=48, depth=2, steps=5000, batch=16, lr=4e-3)

TASK_TEXTS = (
    entry("tasks-ar", "Adds numbers and writes them in words, character by character.", LARGE, 0.9),
    entry("tasks-ar-small", "A sixth of its size, to be adapted many times.", SMALL, 0.6),
)
