"""How chapter 12's models are made: one target, and drafts that differ from it in size alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Generator, nn

from arlearn import home
from arlearn.data import Images
from arlearn.heads import DiffusionHead
from arlearn.nets.vectors import VectorModel
from arlearn.papers.xar import Patches
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.entry import Entry
from arlearn.zoo.pictures import device_of
from arlearn.zoo.sizes import glyphs16
from arlearn.zoo.xar_models import digits8

Role = Literal["target", "draft"]


@dataclass(frozen=True)
class Size:
    """Width and depth of a transformer, and of the network of its diffusion head."""

    width: int
    depth: int
    head_width: int
    head_depth: int
    dropout: float


@dataclass(frozen=True)
class Design:
    """The sizes of both models of one dataset, and what they have in common.

    Attributes:
        prefix: of the names, "digits".
        load: gives the pictures of a split, all or the first n.
        judge: the zoo's classifier of these pictures.
        patch: pixels along a side of a patch; a unit is a patch.
        chain: steps T of the diffusion chain, in training and sampling.
        last: deviation of its last step; about that of the forward process there.
        sizes: of the target and of the draft.
        steps, batch: of training, for both.
        tier: "gpu" where the weights are not shipped.
    """

    prefix: str
    load: Callable[..., Images]
    judge: str
    patch: int
    chain: int
    last: float
    sizes: dict[Role, Size]
    steps: int
    batch: int
    tier: str = "cpu"

    @property
    def classes(self) -> int:
        """Classes of the pictures."""
        return len(self.load("test").classes)


def patches(design: Design) -> Patches:
    """How pictures become vectors; the constants are those of the training pictures."""
    return Patches.of(design.load("train").images, design.patch)


def model(design: Design, role: Role) -> VectorModel:
    """An untrained model. Only the target is ever asked for several units from one prefix."""
    size, tokens = design.sizes[role], patches(design)
    head = DiffusionHead(
        size.width,
        design.patch**2,
        size.head_width,
        size.head_depth,
        train_steps=design.chain,
        steps=design.chain,
        variance="forward",
        last=design.last,
        noise_draws=2,
    )
    return VectorModel(
        tokens.side**2,
        head,
        width=size.width,
        depth=size.depth,
        classes=design.classes,
        hide=0.3 if role == "target" else 0.0,
        dropout=size.dropout,
    )


def train(
    made: VectorModel,
    seed: int,
    *,
    design: Design,
    role: Role,
    name: str,
    number: int = 0,
    keep: bool = True,
) -> History:
    """Both roles see the same pictures in the same order; `keep` keeps checkpoints.

    The weights were drawn by the zoo under its own seed; those of number 1, 2, … are drawn again.
    """
    seed += number
    if number:
        torch.manual_seed(seed)
        made.load_state_dict(model(design, role).state_dict())
    data = design.load("train")
    units = patches(design).encode(data.images).to(device_of(made))
    rows = Batches(units, data.labels.to(units.device), size=design.batch, seed=seed)
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.999, precision="fp32")
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    return fit(made, rows, design.steps, recipe=recipe, checkpoint=path, label=name)


@torch.no_grad()
def measure(made: nn.Module, *, design: Design, draws: int = 16) -> float:
    """The test loss of the head: squared error of the predicted noise."""
    test = design.load("test").to(device_of(made))
    units = patches(design).encode(test.images)
    dice, states = Generator(units.device).manual_seed(0), made(units, test.labels)
    found = [made.head.loss(states, units, generator=dice).mean() for _ in range(draws)]
    return float(torch.stack(found).mean())


def named(design: Design, role: Role, number: int = 0) -> str:
    """The zoo's name of a model, "digits-cspd-draft-1"."""
    return "-".join([design.prefix, "cspd", role, *([str(number)] if number else [])])


def entry(design: Design, role: Role, number: int = 0) -> Entry:
    """One model of the zoo."""
    name = named(design, role, number)
    return Entry(
        name=name,
        what=f"Next-patch prediction with a diffusion head, the {role}, number {number}.",
        data=design.prefix.rstrip("0123456789"),
        build=partial(model, design, role),
        train=partial(train, design=design, role=role, name=name, number=number),
        measure=partial(measure, design=design),
        metric="test error of the predicted noise",
        at_most=0.2,  # a head that never learned costs 0.47
        tier=design.tier,
    )


def beginning(design: Design, steps: int) -> Design:
    """The same sizes, stopped after a few steps, for a look at the start of a run."""
    return replace(design, steps=steps, load=partial(design.load, n=steps * design.batch))


DIGITS = Design(
    "digits", digits8, "digits-classifier", patch=2, chain=8, last=0.2,
    sizes={"target": Size(96, 4, 64, 3, 0.1), "draft": Size(32, 1, 32, 2, 0.0)},
    steps=1500, batch=64,
)  # fmt: skip
GLYPHS = Design(
    "glyphs16", glyphs16, "glyphs16-features", patch=2, chain=25, last=0.2,
    sizes={"target": Size(256, 8, 192, 3, 0.1), "draft": Size(64, 2, 64, 2, 0.0)},
    steps=6000, batch=256, tier="gpu",
)  # fmt: skip
CSPD_MODELS = tuple(
    entry(design, role, number)
    for design in (DIGITS, GLYPHS)
    for role, numbers in (("target", 1), ("draft", 3))
    for number in range(numbers)
)
