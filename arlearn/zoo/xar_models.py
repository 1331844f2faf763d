"""How chapter 2's models are made: the unit of prediction changes, or the context, and no more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Generator, nn

from arlearn import home
from arlearn.data import Images, digits
from arlearn.nets.flow_plan import FlowPlan
from arlearn.papers import xar
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.entry import Entry, large
from arlearn.zoo.pictures import device_of
from arlearn.zoo.sizes import glyphs16


@dataclass(frozen=True)
class Design:
    """The sizes of all arms of one dataset.

    Attributes:
        prefix: of the names, "digits".
        load: gives the pictures of a split, all or the first n.
        judge: the zoo's classifier of these pictures.
        patch: pixels along a side of a patch.
        cell: patches along a side of a cell, and the stride of a subsample.
        width, depth: of the transformer.
        steps, batch: of training, for every arm.
        seeds: how many models of each compared arm there are.
    """

    prefix: str
    load: Callable[..., Images]
    judge: str
    patch: int
    cell: int
    width: int
    depth: int
    steps: int
    batch: int
    seeds: int

    @property
    def classes(self) -> int:
        """Classes of the pictures."""
        return len(self.load("test").classes)


def digits8(split: str, n: int | None = None) -> Images:
    """Handwritten digits of 8 pixels; all, or the first n."""
    found = digits(split)
    return found if n is None else found.first(n)


def patches(design: Design, unit: str) -> xar.Patches:
    """How pictures become vectors; the constants are those of the training pictures."""
    return xar.Patches.of(design.load("train").images, design.patch, scales=unit == "scale")


def arm(design: Design, unit: str, context: str = "noisy") -> FlowPlan:
    """An untrained arm."""
    return xar.xar(
        unit,
        patches(design, unit),
        width=design.width,
        depth=design.depth,
        classes=design.classes,
        size=design.cell,
        context=context,
    )


def train(
    model: FlowPlan,
    seed: int,
    *,
    design: Design,
    unit: str,
    name: str,
    steps: int,
    number: int = 0,
    keep: bool = True,
) -> History:
    """All arms of one number see the same pictures in the same order; `keep` keeps checkpoints.

    The weights were drawn by the zoo under its own seed; those of number 1, 2, … are drawn again.
    """
    seed += number
    if number:
        torch.manual_seed(seed)
        model.load_state_dict(arm(design, unit, model.context).state_dict())
    data = design.load("train")
    units = patches(design, unit).encode(data.images).to(device_of(model))
    rows = Batches(units, data.labels.to(units.device), size=design.batch, seed=seed)
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.999, precision="fp32")
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    return fit(model, rows, steps, recipe=recipe, checkpoint=path, label=name)


@torch.no_grad()
def measure(model: nn.Module, *, design: Design, unit: str, draws: int = 16) -> float:
    """The test loss given clean earlier units, which is what the sampler asks of every arm."""
    test = design.load("test").to(device_of(model))
    units = patches(design, unit).encode(test.images)
    dice = Generator(units.device).manual_seed(0)
    found = [
        model.errors(units, test.labels, context=units, generator=dice).mean() for _ in range(draws)
    ]
    return float(torch.stack(found).mean())


def arms(design: Design) -> list[Entry]:
    """Every unit with noisy context; the cell and the patch with clean context too.

    The patch, the cell and the whole come in several numbers, which differ in their seeds; the
    others once. One clean arm more stops after half the steps, when it has read as many positions
    as a noisy one.
    """
    compared = [(unit, "noisy", design.steps) for unit in ("patch", "cell", "whole")]
    compared += [(unit, "clean", design.steps) for unit in ("patch", "cell")]
    once = [(unit, "noisy", design.steps) for unit in ("subsample", "scale")]
    once += [("cell", "clean", design.steps // 2)]
    found = []
    for number in range(design.seeds):
        for unit, context, steps in compared + once * (number == 0):
            name = named(design, unit, context, number, steps)
            what = f"Flow matching, {unit} after {unit}" if unit != "whole" else "Flow matching"
            given = {"design": design, "unit": unit}
            found.append(
                Entry(
                    name=name,
                    what=f"{what}, {context} context, {steps} steps, number {number}.",
                    data=design.prefix.rstrip("0123456789"),
                    build=partial(arm, design, unit, context),
                    train=partial(train, **given, name=name, steps=steps, number=number),
                    measure=partial(measure, **given),
                    metric="test error of the velocity",
                    at_most=1.2,  # saying 0 costs 2
                )
            )
    return found


def named(
    design: Design, unit: str, context: str = "noisy", number: int = 0, steps: int | None = None
) -> str:
    """The zoo's name of an arm, "digits-xar-cell-clean-1"."""
    parts = [design.prefix, "xar", unit]
    parts += ["clean"] * (context == "clean")
    parts += ["half"] * (steps is not None and steps < design.steps)
    return "-".join(parts + [str(number)] * (number > 0))


def beginning(design: Design, n: int) -> Design:
    """The same sizes with the first n training pictures only, for a look at the start of a run."""
    return replace(design, load=partial(design.load, n=n))


DIGITS = Design(
    "digits", digits8, "digits-classifier", 2, 2, width=32, depth=3, steps=1200, batch=64, seeds=3
)
GLYPHS = Design(
    "glyphs16", glyphs16, "glyphs16-features", 2, 4, width=192, depth=8, steps=4000, batch=256,
    seeds=3,
)  # fmt: skip
XAR_MODELS = (*arms(DIGITS), *large(arms(GLYPHS)))
