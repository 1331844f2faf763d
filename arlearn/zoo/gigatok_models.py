"""How chapter 11's models are made: tokenizers of two sizes, with and without a teacher, and for
each a probe that learns its code."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from arlearn import harness, home
from arlearn.data import Images
from arlearn.nets.teacher import PatchClassifier
from arlearn.papers.gigatok import Aligned, tokenizer
from arlearn.papers.raster import Raster
from arlearn.tokens.query import QueryTokenizer
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo import pictures
from arlearn.zoo.entry import Entry, large
from arlearn.zoo.shortened import shorten
from arlearn.zoo.sizes import SCENES16, SCENES32, Budget, Sizes


@dataclass(frozen=True)
class Design:
    """The sizes of everything in the chapter.

    Attributes:
        sizes: the pictures, steps of tokenizers and probes, and their batch.
        prefix: of the names, "scenes16".
        levels, vocab: 2^levels units a picture, each one of `vocab` codes.
        scales: name of a size -> (reader, writer), each (width, depth).
        teacher: its channels and its training steps.
        probe: (width, depth) of every probe.
        layer: of the decoder that is aligned; `weight` is λ.
    """

    sizes: Sizes
    prefix: str
    levels: int
    vocab: int
    scales: dict[str, tuple[tuple[int, int], tuple[int, int]]]
    teacher: tuple[int, int]
    probe: tuple[int, int]
    layer: int = 1
    weight: float = 0.5

    @property
    def factor(self) -> int:
        """Pixels along a side of a cell of the feature map, one for each unit."""
        return self.sizes.pictures.side // 2 ** (self.levels // 2)


class Arm(nn.Module):
    """One way to make a tokenizer, over several seeds, each tokenizer with its probe."""

    def __init__(self, tokens: list[QueryTokenizer], probes: list[Raster]):
        super().__init__()
        self.tokens, self.probes = nn.ModuleList(tokens), nn.ModuleList(probes)


def patch_classifier(design: Design) -> PatchClassifier:
    """An untrained teacher whose patches are the cells of the tokenizers' map."""
    shown, channels = design.sizes.pictures, design.teacher[0]
    return PatchClassifier(shown.channels, shown.classes, channels, 32, design.factor)


def one_tokenizer(design: Design, scale: str) -> QueryTokenizer:
    """An untrained tokenizer of one size."""
    reader, writer = design.scales[scale]
    shown = design.sizes.pictures
    return tokenizer(
        shown.side,
        shown.channels,
        factor=design.factor,
        levels=design.levels,
        vocab=design.vocab,
        reader=reader,
        writer=writer,
    )


def one_probe(design: Design) -> Raster:
    """An untrained probe: the same architecture for every tokenizer."""
    width, depth = design.probe
    side, classes = 2 ** (design.levels // 2), design.sizes.pictures.classes
    return Raster(side, design.vocab, width=width, depth=depth, classes=classes)


def arm(design: Design, scale: str, seeds: int) -> Arm:
    """Untrained tokenizers and probes; seed s gives both the same start in every arm."""
    tokens, probes = [], []
    for seed in range(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            tokens.append(one_tokenizer(design, scale))
            torch.manual_seed(seed)
            probes.append(one_probe(design))
    return Arm(tokens, probes)


def train_teacher(model: PatchClassifier, seed: int, *, design: Design, name: str) -> History:
    """Cross-entropy on the training pictures."""
    train = design.sizes.pictures.load("train")
    batches = Batches(train.images, train.labels, size=64, seed=seed)
    given = {"recipe": _recipe(2e-3, seed), "checkpoint": _kept(name), "label": name}
    return fit(model, batches, design.teacher[1], **given)


def train_arm(model: Arm, seed: int, *, design: Design, weight: float, name: str) -> History:
    """Each tokenizer, then its probe; the history is that of all of them together."""
    train, made = design.sizes.pictures.load("train"), []
    for k, (tokens, probe) in enumerate(zip(model.tokens, model.probes, strict=True)):
        own = {"seed": seed + k, "design": design}
        made.append(train_tokenizer(tokens, **own, weight=weight, name=f"{name}-{k}"))
        _round(tokens)
        made.append(train_probe(probe, tokens, train, **own, name=f"{name}-{k}-probe"))
    losses = [loss for history in made for loss in history.losses]
    spent = {"steps": sum(x.steps for x in made), "seconds": sum(x.seconds for x in made)}
    stopped = any(history.interrupted for history in made)
    return replace(made[-1], losses=losses, interrupted=stopped, **spent)


def train_tokenizer(
    tokens: QueryTokenizer,
    seed: int,
    *,
    design: Design,
    weight: float,
    name: str,
    steps: int | None = None,
    images: int | None = None,
    keep: bool = True,
) -> History:
    """A tokenizer learns, held to the teacher where `weight` is above 0.

    `images` learns from the first few alone, and `keep=False` writes no checkpoint, for a look at
    the beginning of a run.
    """
    from arlearn import zoo

    teacher, channels, device = None, 0, pictures.device_of(tokens)
    if weight:
        frozen = zoo.obtain(f"{design.prefix}-teacher").to(device).requires_grad_(False)
        teacher, channels = frozen.patches, design.teacher[0]
    aligned = Aligned(tokens, teacher, channels, weight=weight, layer=design.layer).to(device)
    shown, size = design.sizes.pictures.load("train").images[:images], design.sizes.budget.batch
    return fit(
        aligned,
        Batches(shown, size=size, seed=seed),
        steps or design.sizes.budget.tokenizer_steps,
        recipe=_recipe(3e-3, seed),
        checkpoint=_kept(name) if keep else None,
        label=name,
    )


def train_probe(
    probe: Raster, tokens: QueryTokenizer, train: Images, seed: int, *, design: Design, name: str
) -> History:
    """The probe learns the code of a finished tokenizer."""
    device = pictures.device_of(tokens)
    units = harness.encoded(tokens, train.images.to(device))
    given = {"seed": seed, "recipe": _recipe(2e-3, seed, ema=0.99), "size": 64}
    given |= {"checkpoint": _kept(name), "label": name}
    return harness.teach(probe, units, train.labels, design.sizes.budget.steps, **given)


def measure_arm(model: Arm, *, design: Design) -> float:
    """Mean squared error of the reconstructed test pictures, the mean over the seeds."""
    errors = [pictures.measure_tokenizer(tokens, sizes=design.sizes) for tokens in model.tokens]
    return sum(errors) / len(errors)


def grid(design: Design, seeds: int, error: float) -> list[Entry]:
    """The teacher, and an arm for each size without and with it."""
    data = design.prefix.rstrip("0123456789")
    teacher = f"{design.prefix}-teacher"
    made = [
        Entry(
            name=teacher,
            what="A classifier of scenes with one vector for each patch, a teacher of tokenizers.",
            data=data,
            build=partial(patch_classifier, design),
            train=partial(train_teacher, design=design, name=teacher),
            measure=partial(pictures.measure_classifier, sizes=design.sizes),
            metric="test accuracy",
            at_least=0.95,
        )
    ]
    for scale in design.scales:
        for kind, weight in (("plain", 0.0), ("aligned", design.weight)):
            name = f"{design.prefix}-gigatok-{scale}-{kind}"
            made.append(
                Entry(
                    name=name,
                    what=f"{seeds} {scale} query tokenizers, {kind}, each with its probe.",
                    data=data,
                    build=partial(arm, design, scale, seeds),
                    train=partial(train_arm, design=design, weight=weight, name=name),
                    measure=partial(measure_arm, design=design),
                    metric="test mean squared error",
                    at_most=error,
                )
            )
    return made


def _round(tokens: QueryTokenizer) -> None:
    """Weights as they are stored, so that the probe learns the code that is shipped."""
    shorten(tokens)


def _recipe(lr: float, seed: int, **options: float) -> Recipe:
    precision = "bf16" if home.device() == "cuda" else "fp32"
    return Recipe(lr=lr, seed=seed, weight_decay=1e-4, precision=precision, **options)


def _kept(name: str) -> Path:
    """Where an interrupted `arlearn zoo train` goes on from."""
    return home.data_folder() / "zoo" / f"{name}.safetensors"


DESIGN16 = Design(
    replace(SCENES16, budget=Budget(tokenizer_steps=2000, steps=600, batch=32)),
    "scenes16",
    levels=4,
    vocab=128,
    scales={"small": ((16, 1), (16, 2)), "large": ((24, 1), (48, 3))},
    teacher=(64, 1000),
    probe=(32, 2),
)
DESIGN32 = Design(
    replace(SCENES32, budget=Budget(tokenizer_steps=2500, steps=2000, batch=128)),
    "scenes32",
    levels=6,
    vocab=1024,
    scales={
        "small": ((64, 2), (128, 4)),
        "medium": ((128, 4), (256, 6)),
        "large": ((256, 6), (512, 8)),
    },
    teacher=(128, 2000),
    probe=(256, 6),
    layer=3,
)
GIGATOK_MODELS = (*grid(DESIGN16, 3, 0.02), *large(grid(DESIGN32, 3, 0.02)))
