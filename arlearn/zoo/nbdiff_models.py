"""How chapter 40's models are made: one language model, adapted in seven ways at equal tokens."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn import home
from arlearn.batches import Draw
from arlearn.decode.block_loss import block_nats
from arlearn.decode.blocks import BlockModel
from arlearn.decode.canvas import Canvas
from arlearn.nets.language import LanguageModel
from arlearn.nets.two_half import TwoHalf
from arlearn.papers.nbdiff import Annealed, Blocked, NBDiff
from arlearn.training import History, Recipe, fit
from arlearn.zoo import task_texts
from arlearn.zoo.entry import Entry
from arlearn.zoo.task_texts import CONTEXT, LEARNED, Lines


@dataclass(frozen=True)
class Arm:
    """One way to adapt a language model.

    Attributes:
        clean, keep: as for `NBDiff`.
        grow: whether blocks grow to the largest size, or have it from the start.
        opens: the rival instead, whose causal mask is opened.
        blocks: whether there are blocks at all; else next-token prediction just goes on.
    """

    clean: str = "causal"
    keep: float = 1.0
    grow: bool = True
    opens: bool = False
    blocks: bool = True


ARMS = {
    "next-token": Arm(blocks=False),
    "transplant": Arm(clean="block", keep=0.0, grow=False),
    "annealed": Arm(opens=True),
    "nbdiff": Arm(),
    "fixed-size": Arm(grow=False),
    "no-old-loss": Arm(keep=0.0),
    "block-causal": Arm(clean="block", keep=0.0),
}


@dataclass(frozen=True)
class Plan:
    """How long and from where all arms learn.

    Attributes:
        base: the language model they start from, a name of the zoo.
        width, depth: its transformer.
        largest: tokens of a block in the end.
        steps, batch: rows of CONTEXT tokens.
        seeds: models of an arm; they differ in rows, edges and noise.
    """

    base: str
    width: int
    depth: int
    largest: int
    steps: int
    batch: int = 16
    lr: float = 1e-3
    seeds: int = 1


@dataclass(frozen=True, eq=False)
class Opening:
    """Rows for `Annealed`, and the share of the future that is open in them, from 0 to 1.

    It rises evenly over the first two thirds of the steps; the last third sees everything.
    """

    rows: Draw
    steps: int

    def __call__(self, step: int) -> tuple[Int[Tensor, "b t"], Float[Tensor, "b"]]:
        """Rows, and the share for each."""
        (units,) = self.rows(step)
        return units, torch.full((len(units),), min(1.0, 1.5 * step / self.steps))


def batches(plan: Plan, arm: Arm, seed: int, learned: int = LEARNED) -> Draw:
    """What an arm sees: the same rows as every other arm of this seed, laid out its own way."""
    rows = Lines(task_texts.text("train", learned), 0, CONTEXT, plan.batch, seed)
    if arm.opens:
        return Opening(rows, plan.steps)
    return Blocked(rows, plan.steps, plan.largest if arm.blocks else 1, arm.grow, seed)


def untrained(plan: Plan, arm: Arm) -> TwoHalf:
    """A model of an arm, before it has taken over the language model's weights."""
    sizes = {"width": plan.width, "depth": plan.depth}
    vocab = task_texts.characters().vocab
    if arm.opens:
        return Annealed(vocab, CONTEXT, **sizes)
    return NBDiff(vocab, CONTEXT, clean=arm.clean, keep=arm.keep, **sizes)


def adapt(
    model: TwoHalf, seed: int, *, plan: Plan, arm: Arm, name: str, keep: bool = True
) -> History:
    """Take over the language model's weights and learn on from there."""
    path = home.data_folder() / "zoo" / f"{name}-{seed}.safetensors" if keep else None
    return go_on(model, batches(plan, arm, seed), seed, plan, checkpoint=path, label=name)


def go_on(model: TwoHalf, draw: Draw, seed: int, plan: Plan, **options) -> History:
    """The base's weights, then the plan's steps over what `draw` gives."""
    from arlearn import zoo

    model.load_state_dict(TwoHalf.grown(zoo.obtain(plan.base)).state_dict())
    recipe = Recipe(lr=plan.lr, seed=seed, ema=0.99, precision="bf16")
    return fit(model, draw, plan.steps, recipe=recipe, **options)


def watched(
    plan: Plan,
    arm: Arm,
    every: int,
    look: Callable[[int, TwoHalf], None],
    *,
    learned: int = LEARNED,
    seed: int = 0,
) -> TwoHalf:
    """A model that adapts before one's eyes: `look(step, model)` is called every so many steps.

    Nothing is written. It learns from the first `learned` problems of each kind.
    """
    model = untrained(plan, arm).to(home.device())
    rows = batches(plan, arm, seed, learned)

    def draw(step: int) -> tuple[Tensor, ...]:
        if step % every == 0:
            look(step, model)
        return rows(step)

    go_on(model, draw, seed, plan, progress=False)
    look(plan.steps, model)
    return model


def family(plan: Plan, arm: Arm) -> nn.ModuleList:
    """An untrained model for each seed."""
    return nn.ModuleList(untrained(plan, arm) for _ in range(plan.seeds))


def adapt_family(models: nn.ModuleList, seed: int, *, plan: Plan, arm: Arm, name: str) -> History:
    """The models of an arm one after the other, from seed·n on."""
    told = [
        adapt(model, seed * len(models) + k, plan=plan, arm=arm, name=name)
        for k, model in enumerate(models)
    ]
    return replace(
        told[0],
        losses=[loss for history in told for loss in history.losses],
        steps=sum(history.steps for history in told),
        seconds=sum(history.seconds for history in told),
    )


def reads_blocks(model: TwoHalf) -> tuple[BlockModel, str]:
    """A model as `decode.blockwise` takes it, and how it reads finished text."""
    if isinstance(model, Annealed):
        return Canvas(model.states, model.head, model.mask_token), "causal"
    return model, model.clean


def judged_rows(n: int = 128) -> Int[Tensor, "n t"]:
    """Rows of test problems that every arm is measured on."""
    return Lines(task_texts.text("test", 1000), 0, CONTEXT, n, 0)(0)[0]


@torch.no_grad()
def old_nats(model: LanguageModel, rows: Int[Tensor, "n t"]) -> float:
    """Test nats per token of next-token prediction: what is left of the language model."""
    return float(model.unit_loss(rows).mean())


def masked_nats(model: TwoHalf, rows: Int[Tensor, "n t"], size: int) -> float:
    """Test nats per hidden token of a block, as its sampler meets them."""
    reader, context = reads_blocks(model)
    return block_nats(reader, model.read_as(rows), size, context=context)


def measure_family(models: nn.ModuleList, *, plan: Plan, arm: Arm) -> float:
    """The mean over an arm's models, of what the arm was taught."""
    rows = judged_rows().to(next(models.parameters()).device)
    found = [
        masked_nats(model, rows, plan.largest) if arm.blocks else old_nats(model, rows)
        for model in models
    ]
    return sum(found) / len(found)


def entry(name: str, what: str, plan: Plan, arm: Arm, at_most: float) -> Entry:
    """The models of an arm, in one file."""
    return Entry(
        name=name,
        what=what,
        data="tasks",
        build=partial(family, plan, arm),
        train=partial(adapt_family, plan=plan, arm=arm, name=name),
        measure=partial(measure_family, plan=plan, arm=arm),
        metric=f"test nats per {'hidden token' if arm.blocks else 'token'}",
        at_most=at_most,
    )


# Of two learning rates, 1e-3 and 3e-3, the higher one was better for NBDiff and the transplant.
LARGE = Plan("tasks-ar", width=96, depth=3, largest=16, steps=2400, lr=3e-3)
SMALL = Plan("tasks-ar-small", width=48, depth=2, largest=8, steps=320, lr=3e-3, seeds=3)


def measure(model: NBDiff, *, plan: Plan) -> float:
    """Test nats per hidden token at the largest block size."""
    rows = judged_rows().to(next(model.parameters()).device)
    return masked_nats(model, rows, plan.largest)


NBDIFF_MODELS = (
    Entry(
        name="tasks-nbdiff",
        what="The task model, grown to blocks of 16 tokens.",
        data="tasks",
        build=partial(untrained, LARGE, ARMS["nbdiff"]),
        train=partial(adapt, plan=LARGE, arm=ARMS["nbdiff"], name="tasks-nbdiff"),
        measure=partial(measure, plan=LARGE),
        metric="test nats per hidden token",
        at_most=1.5,
    ),
    *(
        entry(
            f"tasks-nbdiff-small-{name}", f"The small task model, adapted: {name}.", SMALL, arm, 3
        )
        for name, arm in ARMS.items()
    ),
)
