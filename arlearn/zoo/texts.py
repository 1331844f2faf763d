"""The text models: a character-level language model of Python's own library, and its draft."""

from dataclasses import dataclass
from functools import partial

import torch

from arlearn import home
from arlearn.batches import Windows
from arlearn.data import pytext
from arlearn.metrics import bits_per_unit
from arlearn.nets.language import LanguageModel
from arlearn.tokens.text import CharTokenizer
from arlearn.training import History, Recipe, fit
from arlearn.zoo.entry import Entry

# Newline and printable ASCII, blank to tilde: all that any Python's pytext may hold.
ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
CONTEXT = 256
JUDGED = 2**16  # characters of the test split that the models are measured on


@dataclass(frozen=True)
class Size:
    """One model: its transformer, and how long it learns, in windows of CONTEXT characters."""

    width: int
    depth: int
    steps: int
    batch: int
    precision: str


def characters() -> CharTokenizer:
    """The tokenizer of the text models: one unit per character of ALPHABET, 96 in all."""
    return CharTokenizer(ALPHABET)


def language_model(size: Size) -> LanguageModel:
    """An untrained model of windows of CONTEXT characters."""
    return LanguageModel(len(ALPHABET), CONTEXT, width=size.width, depth=size.depth)


def train_language_model(
    model: LanguageModel, seed: int, *, size: Size, name: str, keep: bool = True
) -> History:
    """Next-character prediction on random windows of pytext's training split.

    `keep=False` writes no checkpoint, for a look at the beginning of a run.
    """
    windows = Windows(characters().encode(pytext("train")), CONTEXT, size.batch, seed)
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.999, precision=size.precision)
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    return fit(model, windows, size.steps, recipe=recipe, checkpoint=path, label=name)


@torch.no_grad()
def measure_language_model(model: LanguageModel) -> float:
    """Bits per character on the first JUDGED characters of the test split, in windows of CONTEXT.

    Every window begins from nothing, so its first characters are guessed with little to go by.
    """
    device = next(model.parameters()).device
    test = characters().encode(pytext("test")[:JUDGED]).view(-1, CONTEXT).to(device)
    nats = [model.unit_loss(part).flatten() for part in test.split(32)]
    return float(bits_per_unit(torch.cat(nats).mean()))


def text_model(name: str, what: str, size: Size, at_most: float) -> Entry:
    """An entry of the zoo; `at_most` bounds its bits per character."""
    return Entry(
        name=name,
        what=what,
        data="pytext",
        build=partial(language_model, size),
        train=partial(train_language_model, size=size, name=name),
        measure=measure_language_model,
        metric="test bits per character",
        at_most=at_most,
    )


# About 20 and 5 minutes of one core.
LARGE = Size(width=128, depth=4, steps=3400, batch=16, precision="bf16")
SMALL = Size(width=64, depth=2, steps=3600, batch=16, precision="fp32")

TEXTS = (
    text_model("pytext-ar", "Writes Python, character by character.", LARGE, 2.4),
    text_model("pytext-ar-small", "A seventh of its size, to draft for it.", SMALL, 2.8),
)
