"""The sizes of the picture models.

Everything of one dataset shares one `Sizes`, so that methods are compared at equal size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from arlearn.data import Images, glyphs, scenes


@dataclass(frozen=True)
class Pictures:
    """Which pictures: `load(split)` gives them with labels; `side` in pixels."""

    load: Callable[[str], Images]
    channels: int
    classes: int
    side: int


@dataclass(frozen=True)
class Budget:
    """How long everything learns.

    Attributes:
        tokenizer_steps, steps: training steps of tokenizers and generators.
        batch: pictures in a step.
        widths: of the family whose losses show the scaling law, trained `family_steps` each.
    """

    tokenizer_steps: int
    steps: int
    batch: int
    widths: tuple[int, ...] = ()
    family_steps: int = 0


@dataclass(frozen=True)
class Sizes:
    """The sizes of all models of one dataset.

    Attributes:
        factor: pixels along a side of one latent cell.
        scales: sides of VAR's token maps, the last one the latent grid's.
        vocab, latent: codes and their channels, the same for both tokenizers.
        width, depth: of the generators.
    """

    pictures: Pictures
    budget: Budget
    factor: int
    scales: tuple[int, ...]
    vocab: int
    latent: int
    width: int
    depth: int

    @property
    def grid(self) -> int:
        """Latent cells along a side."""
        return self.pictures.side // self.factor

    def fewer(self, n: int) -> "Sizes":
        """The same models on n pictures of each split, for runs that should only run."""
        pictures = replace(self.pictures, load=partial(self.pictures.load, n=n))
        return replace(self, pictures=pictures)

    @property
    def equal_tokens(self) -> int:
        """Steps in which VAR, with more tokens a picture, reads as many as a raster model."""
        length = sum(side * side for side in self.scales)
        return round(self.budget.steps * self.grid**2 / length)


@lru_cache(maxsize=4)
def scenes16(split: str, n: int | None = None) -> Images:
    """20,000 one-object scenes of 16 pixels to learn from, 2,000 to be judged by; or n of each."""
    usual = 20000 if split == "train" else 2000
    return scenes(split, side=16, n=usual if n is None else n)


@lru_cache(maxsize=4)
def scenes32(split: str, n: int | None = None) -> Images:
    """50,000 one-object scenes of 32 pixels to learn from, 5,000 to be judged by; or n of each."""
    usual = 50000 if split == "train" else 5000
    return scenes(split, side=32, n=usual if n is None else n)


def glyphs16(split: str, n: int | None = None) -> Images:
    """Letters and digits of 16 pixels; all, or the first n."""
    found = glyphs(split, side=16)
    return found if n is None else found.first(n)


SCENES16 = Sizes(
    Pictures(scenes16, channels=3, classes=24, side=16),
    Budget(2500, 4000, batch=64, widths=(12, 16, 24, 32, 48), family_steps=1000),
    *(2, (1, 2, 3, 4, 6, 8), 256, 8, 64, 4),
)
SCENES32 = Sizes(
    Pictures(scenes32, channels=3, classes=24, side=32),
    Budget(2000, 2000, batch=256, widths=(32, 64, 96, 128, 192), family_steps=400),
    *(4, (1, 2, 3, 4, 6, 8), 512, 12, 256, 8),
)
GLYPHS16 = Sizes(
    Pictures(glyphs16, channels=1, classes=36, side=16),
    Budget(1500, 1500, batch=64),
    *(2, (1, 2, 3, 4, 6, 8), 256, 8, 64, 4),
)
