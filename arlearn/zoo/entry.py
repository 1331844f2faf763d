"""What the zoo knows of a model: how it is built, taught and measured, and what it is held to."""

import functools
import hashlib
import inspect
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from torch import nn

from arlearn.training import History


@dataclass(frozen=True)
class Entry:
    """One model of the zoo: how it is made and what it is held to.

    Attributes:
        name: `digits-classifier`; the name of its files too.
        what: one sentence about it.
        data: the dataset it learns from.
        build: the untrained module, with every size fixed.
        train: `train(module, seed)`; teaches it in place and returns fit's history.
        measure: `measure(module)`; the number it is held to, on data it has not seen.
        metric: what that number is, as "test accuracy".
        at_least, at_most: the bound; a model outside it is neither saved nor loaded.
        tier: "cpu", or "gpu" for a model whose weights are not shipped but made at that tier.

    Raises:
        ValueError: a name that is no file name, or no bound.
    """

    name: str
    what: str
    data: str
    build: Callable[[], nn.Module]
    train: Callable[[nn.Module, int], History]
    measure: Callable[[nn.Module], float]
    metric: str
    at_least: float = -math.inf
    at_most: float = math.inf
    tier: str = "cpu"

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"{self.name!r} is no name; use a-z, 0-9 and single hyphens")
        if math.isinf(self.at_least) and math.isinf(self.at_most):
            raise ValueError(f"{self.name} is held to nothing; set at_least= or at_most=")

    @property
    def bound(self) -> str:
        """The bound in words, `at least 0.95`."""
        named = {"at least": self.at_least, "at most": self.at_most}
        return " and ".join(f"{word} {x:g}" for word, x in named.items() if not math.isinf(x))

    def holds(self, value: float) -> bool:
        """Whether a measured value is within the bound; nan never is."""
        return self.at_least <= value <= self.at_most

    def sha256(self) -> str:
        """The hash of the functions that make the model, with the sizes they are given."""
        text = "\n".join(_written(part) for part in (self.build, self.train, self.measure))
        return hashlib.sha256(text.encode()).hexdigest()


def large(entries: Iterable[Entry]) -> list[Entry]:
    """The same, made at the gpu tier: too large to ship, or trained too long for two cores."""
    return [replace(entry, tier="gpu") for entry in entries]


def _written(part: Callable) -> str:
    """The source of a function, and what a partial one is given."""
    if isinstance(part, functools.partial):
        given = f"{part.args} {sorted(part.keywords.items())}"
        # an object without a repr of its own shows its address, another one in every process
        return _written(part.func) + re.sub(r" at 0x[0-9a-f]+", "", given)
    return inspect.getsource(inspect.unwrap(part))
