"""How chapter 36's models are made: one choice changed at a time, everything else equal."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from arlearn import home
from arlearn.nets.conv import Decoder, Encoder
from arlearn.papers.elm import ELM, MaskedELM
from arlearn.plans import SCANS
from arlearn.tokens.binary import BinaryQuantizer, draw_codes
from arlearn.tokens.images import ImageTokenizer, to_units
from arlearn.tokens.quantize import VectorQuantizer
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo import pictures
from arlearn.zoo.entry import Entry, large
from arlearn.zoo.sizes import SCENES16, SCENES32, Sizes


@dataclass(frozen=True)
class Design:
    """The sizes of all arms of one dataset.

    Attributes:
        sizes: the pictures, the tokenizers' trunk and their budget.
        prefix: of the names, "scenes16".
        bits: D of a code; the list-of-vectors tokenizers have 2^D codes.
        parts: the splits of a code that are compared.
        two: the split that all other arms use.
        width, small, depth: of the transformers; `small` is the width of the second size.
        steps, scan_steps: of the arms, and of the small arms whose scans are compared.
    """

    sizes: Sizes
    prefix: str
    bits: int
    parts: tuple[int, ...]
    width: int
    small: int
    depth: int
    steps: int
    scan_steps: int
    two: int = 2

    @property
    def name(self) -> str:
        """Of the arm that every other one differs from in one choice."""
        return f"{self.prefix}-elm-{self.two}x{self.bits // self.two}"


def bae(design: Design, width: int = 32) -> ImageTokenizer:
    """An untrained binary autoencoder with the trunk of the other tokenizers."""
    sizes, channels = design.sizes, design.sizes.pictures.channels
    encoder = Encoder(channels, design.bits, 32, sizes.factor)
    decoder = Decoder(width, channels, 32, sizes.factor)
    return ImageTokenizer(encoder, BinaryQuantizer(design.bits, width), decoder, sizes.grid)


def vq(design: Design, revive: bool) -> ImageTokenizer:
    """An untrained tokenizer with a list of 2^D vectors, with or without revival of dead ones."""
    sizes, channels = design.sizes, design.sizes.pictures.channels
    encoder = Encoder(channels, sizes.latent, 32, sizes.factor)
    decoder = Decoder(sizes.latent, channels, 32, sizes.factor)
    codes = VectorQuantizer(2**design.bits, sizes.latent, revive=revive)
    return ImageTokenizer(encoder, codes, decoder, sizes.grid)


def elm(
    design: Design, *, parts: int | None = None, width: int | None = None, order: str = "row"
) -> ELM:
    """An untrained autoregressive arm."""
    return ELM(
        design.sizes.grid,
        design.bits,
        parts or design.two,
        width=width or design.width,
        depth=design.depth,
        classes=design.sizes.pictures.classes,
        order=order,
    )


def mlm(design: Design, *, width: int | None = None) -> MaskedELM:
    """An untrained masked arm."""
    return MaskedELM(
        design.sizes.grid,
        design.bits,
        design.two,
        width=width or design.width,
        depth=design.depth,
        classes=design.sizes.pictures.classes,
    )


@torch.no_grad()
def chances(tokenizer: ImageTokenizer, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n t d"]:
    """The odds of every bit of every position, from which codes are drawn afresh at each visit."""

    def odds(part: Tensor) -> Tensor:
        z = to_units(tokenizer.encoder(part), tokenizer.side)
        return tokenizer.quantizer.chances(z).half()

    return pictures.in_parts(odds, images.to(pictures.device_of(tokenizer))).float()


def codes(
    tokenizer: ImageTokenizer, images: Float[Tensor, "n c h w"], seed: int = 0
) -> Int[Tensor, "n t"]:
    """Codes as every arm sees them, in training and in test: each bit drawn from its odds."""
    odds = chances(tokenizer, images)
    return draw_codes(odds, Generator(odds.device).manual_seed(seed))


def train(
    model: ELM | MaskedELM,
    seed: int,
    *,
    design: Design,
    steps: int,
    name: str,
    keep: bool = True,
    images: int | None = None,
) -> History:
    """An arm learns from codes drawn anew at every visit; all arms see the same ones.

    `images` learns from the first few alone, and `keep=False` writes no checkpoint, for a look at
    the beginning of a run.
    """
    from arlearn import zoo

    maker = zoo.obtain(f"{design.prefix}-bae").to(pictures.device_of(model))
    data = design.sizes.pictures.load("train")
    odds = chances(maker, data.images[:images])
    rows = Batches(
        odds, data.labels[:images].to(odds.device), size=design.sizes.budget.batch, seed=seed
    )

    def fresh(step: int) -> tuple[Tensor, ...]:
        p, labels = rows(step)
        return draw_codes(p, Generator(p.device).manual_seed(step)), labels

    precision = "bf16" if home.device() == "cuda" else "fp32"
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.999, precision=precision)
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    return fit(model, fresh, steps, recipe=recipe, checkpoint=path, label=name)


def measure(model: ELM | MaskedELM, *, design: Design) -> float:
    """Test nats per position (of a hidden position, where codes are masked)."""
    from arlearn import zoo

    device = pictures.device_of(model)
    test = design.sizes.pictures.load("test").to(device)
    units = codes(zoo.obtain(f"{design.prefix}-bae").to(device), test.images)
    return float(pictures.test_losses(model, units, test.labels).mean())


def beginning(design: Design, n: int) -> Design:
    """The same sizes with the first n training pictures only, for a look at the start of a run."""
    return replace(design, sizes=design.sizes.fewer(n))


def arm(design: Design, kind: str, what: str, build: Callable, steps: int) -> Entry:
    """One generator."""
    name = f"{design.prefix}-{kind}"
    return Entry(
        name=name,
        what=what,
        data=design.prefix.rstrip("0123456789"),
        build=build,
        train=partial(train, design=design, steps=steps, name=name),
        measure=partial(measure, design=design),
        metric="test nats per position",
        at_most=0.95 * 0.6931 * design.bits,  # drawing codes evenly costs D log 2
    )


def tokenizer(design: Design, kind: str, what: str, build: Callable) -> Entry:
    """One tokenizer, learned exactly as the ones of chapter 18 are."""
    name = f"{design.prefix}-{kind}"
    return Entry(
        name=name,
        what=what,
        data=design.prefix.rstrip("0123456789"),
        build=build,
        train=partial(pictures.train_tokenizer, sizes=design.sizes, name=name),
        measure=partial(pictures.measure_tokenizer, sizes=design.sizes),
        metric="test mean squared error",
        at_most=0.01,
    )


def design_space(design: Design) -> list[Entry]:
    """All models of one dataset: both rivals at two sizes, splits and scans at the small one."""
    bits, small, two = design.bits, design.small, f"{design.two}x{design.bits // design.two}"
    lists = f"A list of {2**bits} vectors by moving averages"
    next_token = f"Next-token prediction at width {small}"

    def little(kind: str, what: str, build: Callable, steps: int, **given) -> Entry:
        made = partial(build, design, width=small, **given)
        return arm(design, kind, f"{what}.", made, steps)

    few, more = design.scan_steps, 2 * design.scan_steps
    return [
        tokenizer(design, "bae", f"A binary autoencoder of {bits} bits.", partial(bae, design)),
        tokenizer(design, f"vq{bits}", f"{lists}.", partial(vq, design, False)),
        tokenizer(
            design, f"vq{bits}-revived", f"{lists}, dead ones revived.", partial(vq, design, True)
        ),
        arm(design, f"elm-{two}", "Next-token prediction.", partial(elm, design), design.steps),
        arm(design, "mlm", "The masked rival.", partial(mlm, design), design.steps),
        *(
            little(f"elm-small-{m}x{bits // m}", f"{next_token}, {m} parts", elm, more, parts=m)
            for m in design.parts
        ),
        little("mlm-small", f"The masked rival at width {small}", mlm, more),
        *(
            little(f"elm-scan-{order}", f"{next_token}, scan: {order}", elm, few, order=order)
            for order in SCANS
        ),
    ]


DESIGN16 = Design(
    SCENES16, "scenes16", 10, (1, 2, 5), width=64, small=32, depth=3, steps=2500, scan_steps=1000
)
DESIGN32 = Design(
    SCENES32,
    "scenes32",
    12,
    (1, 2, 3, 4),
    width=384,
    small=128,
    depth=8,
    steps=2000,
    scan_steps=500,
)
ELM_MODELS = (*design_space(DESIGN16), *large(design_space(DESIGN32)))
