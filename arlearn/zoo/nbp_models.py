"""How chapter 22's models are made: the block changes, or what is seen in it; no more."""

import math
from dataclasses import dataclass
from functools import cache, partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn import home
from arlearn.data.continuations import directions
from arlearn.data.moving import CLASSES, Moving, drawn, moving
from arlearn.data.sprites import COLOURS, FIRST, SHAPES, painted
from arlearn.metrics import accuracy
from arlearn.nets.conv import Classifier
from arlearn.nets.layout import Layout, Three
from arlearn.nets.next_block import NextBlock
from arlearn.tokens.patches import PatchBook
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.entry import Entry
from arlearn.zoo.pictures import device_of, in_parts

GIVEN = 2  # frames: fewer would not tell the velocity
PATCH = 2  # pixels along a side of a patch
PACE = 2  # cells a frame: the films in which an object moves by one patch
COMPARED: tuple[Three, ...] = ((1, 1, 1), (1, 1, 8), (1, 2, 4), (1, 8, 8))
SHORTER: tuple[Three, ...] = ((1, 1, 8), (1, 2, 4))  # trained once more, for fewer steps
PART = 3  # how many times fewer


@dataclass(frozen=True)
class Training:
    """How every arm learns; `films` of `length` frames are cut into windows. Of 2, 4 and 8
    thousandths `lr` was the best after a third of the steps, but for the blocks in `rates`."""

    films: int
    length: int
    steps: int
    batch: int
    lr: float
    precision: str
    rates: tuple[tuple[Three, float], ...] = ()


@dataclass(frozen=True)
class Design:
    """The sizes of all arms.

    Attributes:
        prefix, side: of the names, "moving16"; of a film in pixels.
        frames: of a window, which is what a model reads and draws.
        width, depth, hidden: of the transformer.
        training: the same for all.
        seeds, once: models of each compared block; blocks of which there is one model.
    """

    prefix: str
    side: int
    frames: int
    width: int
    depth: int
    hidden: int
    training: Training
    seeds: int
    once: tuple[Three, ...]

    @property
    def shape(self) -> Three:
        """Frames, rows and columns of a window's tokens."""
        return self.frames, self.side // PATCH, self.side // PATCH

    @property
    def scored(self) -> int:
        """Tokens of the frames that are not given."""
        return (self.frames - GIVEN) * self.shape[1] * self.shape[2]


@cache
def book(side: int) -> PatchBook:
    """Every patch that one shape of one colour can show, wherever it stands; numbered by pixels."""
    looks = torch.cartesian_prod(torch.arange(len(SHAPES)), torch.arange(len(COLOURS)))
    unit, n = side // 16, len(looks)
    at = [(x * unit, y * unit) for x in range(PATCH) for y in range(PATCH)]
    places = torch.tensor(at)[None, :, None].expand(n, -1, -1, -1)
    ground = torch.zeros(n, side, side, dtype=torch.uint8)
    frames = drawn(ground, looks[:, :1], looks[:, 1:], places)
    return PatchBook.of(frames, PATCH, FIRST + len(COLOURS))


def films(design: Design, split: str, n: int, frames: int) -> Moving:
    """The first n films in which one object moves `PACE` cells a frame and bounces at random."""
    asked = 2 * n + 40
    while True:
        found = moving(split, design.side, asked, frames=frames, change=0.0, vanish=False)
        step = (found.places[:, 1, 0] - found.places[:, 0, 0]).abs().amax(-1)
        quick = torch.nonzero(step == PACE * design.side // 16).flatten()
        if len(quick) >= n:
            return found.only(quick[:n])
        asked *= 2


@cache
def windows(
    design: Design, split: str, n: int
) -> tuple[Int[Tensor, "m f h w"], Int[Tensor, "m"], Int[Tensor, "m"]]:
    """All windows of n films as palette indices; the direction in which the object moves through
    the given frames, a place in `CLASSES`; kind and last direction in one number."""
    found = films(design, split, n, design.training.length)
    cut = found.frames.unfold(1, design.frames, 1).movedim(-1, 2)
    way = directions(found.places[:, :, 0])
    last = way[:, design.frames - 1 :]
    first = way[:, GIVEN - 1 : way.shape[1] - design.frames + GIVEN]
    seen = found.kinds * len(CLASSES) + last
    return cut.flatten(0, 1).long(), first.flatten(), seen.flatten()


def arm(design: Design, block: Three, inside: str = "block") -> NextBlock:
    """An untrained arm."""
    return NextBlock(
        Layout(design.shape, block),
        book(design.side).features(),
        width=design.width,
        depth=design.depth,
        hidden=design.hidden,
        classes=len(CLASSES),
        inside=inside,
        scored=design.scored,
    )


def train(
    model: NextBlock,
    seed: int,
    *,
    design: Design,
    name: str,
    number: int = 0,
    steps: int | None = None,
    keep: bool = True,
) -> History:
    """All arms of one number see the same windows in the same order; `keep` keeps checkpoints.

    The weights were drawn by the zoo under its own seed; those of number 1, 2, … are drawn again.
    """
    how, seed = design.training, seed + number
    if number:
        torch.manual_seed(seed)
        model.load_state_dict(arm(design, model.layout.block, model.inside).state_dict())
    frames, labels, _ = windows(design, "train", how.films)
    units = model.layout.flatten(book(design.side).encode(frames)).to(device_of(model))
    lr = dict(how.rates).get(model.layout.block, how.lr)
    recipe = Recipe(lr=lr, final=0.02, seed=seed, precision=how.precision)
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    rows = Batches(units, labels.to(units.device), size=how.batch, seed=seed)
    return fit(model, rows, steps or how.steps, recipe=recipe, checkpoint=path, label=name)


@torch.no_grad()
def measure(model: nn.Module, *, design: Design, n: int = 40) -> float:
    """Nats per token of the frames that are not given, in windows of test films."""
    frames, labels, _ = windows(design, "test", n)
    units = model.layout.flatten(book(design.side).encode(frames)).to(device_of(model))
    parts = zip(units.split(100), labels.to(units.device).split(100), strict=True)
    return float(torch.cat([model.unit_loss(u, y) for u, y in parts]).mean())


def judge(design: Design) -> Classifier:
    """An untrained classifier of windows: their frames' colours are its channels."""
    return Classifier(3 * design.frames, len(SHAPES) * len(CLASSES), 16, side=design.side)


def pictures(frames: Int[Tensor, "n f h w"]) -> Float[Tensor, "n fc h w"]:
    """Windows as the judge reads them, colours of all frames one behind the other."""
    return painted(frames).flatten(1, 2)


def train_judge(model: Classifier, seed: int, *, design: Design) -> History:
    """Cross-entropy over kind and direction, with a little noise."""
    frames, _, labels = windows(design, "train", design.training.films)
    batches = Batches(pictures(frames), labels, size=64, seed=seed)

    def noisy(step: int) -> tuple[Tensor, ...]:
        images, told = batches(step)
        return images + 0.05 * torch.randn_like(images), told

    recipe = Recipe(lr=3e-3, seed=seed, precision="fp32")
    return fit(model, noisy, 800, recipe=recipe, label="judge")


def measure_judge(model: nn.Module, *, design: Design, n: int = 40) -> float:
    """Accuracy on windows of test films."""
    frames, _, labels = windows(design, "test", n)
    where = device_of(model)
    return accuracy(in_parts(model, pictures(frames).to(where)).argmax(-1), labels.to(where))


def arms(design: Design) -> list[Entry]:
    """The judge, compared blocks in several numbers, others once, and two for fewer steps."""
    wide = design.shape[2]
    made = [(block, "block", k, 1) for k in range(design.seeds) for block in COMPARED]
    made += [(block, "block", 0, 1) for block in design.once] + [((1, 1, wide), "causal", 0, 1)]
    made += [(block, "block", 0, PART) for block in SHORTER]
    found = [
        Entry(
            name=f"{design.prefix}-judge",
            what="Reads shape and direction in a window of film; its features give the distance.",
            data="moving",
            build=partial(judge, design),
            train=partial(train_judge, design=design),
            measure=partial(measure_judge, design=design),
            metric="test accuracy",
            at_least=0.85,
        )
    ]
    for block, inside, number, part in made:
        name, size = named(design, block, inside, number, part), math.prod(block)
        given = {"design": design, "name": name, "number": number}
        fewer = {"steps": design.training.steps // part} if part > 1 else {}
        found.append(
            Entry(
                name=name,
                what=f"Next-block prediction, {size} tokens a block, number {number}.",
                data="moving",
                build=partial(arm, design, block, inside),
                train=partial(train, **given, **fewer),
                measure=partial(measure, design=design),
                metric="nats per token of a test film",
                at_most=0.25,
            )
        )
    return found


def named(
    design: Design, block: Three, inside: str = "block", number: int = 0, part: int = 1
) -> str:
    """The zoo's name of an arm, "moving16-nbp-1x1x8-causal"."""
    parts = [design.prefix, "nbp", "x".join(map(str, block))]
    parts += ["causal"] * (inside == "causal") + ["shorter"] * (part > 1)
    return "-".join(parts + [str(number)] * (number > 0))


MOVING16 = Design(
    "moving16", 16, frames=4, width=64, depth=3, hidden=128,
    training=Training(2000, 10, 2100, 8, 4e-3, "bf16", rates=(((1, 1, 1), 8e-3),)),
    seeds=3, once=((1, 1, 4), (1, 2, 8), (1, 4, 8), (2, 1, 4)),
)  # fmt: skip
NBP_MODELS = (*arms(MOVING16),)
