"""Datasets by name: pictures and texts that need no network, and loaders for public ones."""

from arlearn.data.cards import DatasetCard, card, names
from arlearn.data.digits import digits
from arlearn.data.glyphs import glyphs
from arlearn.data.images import Images
from arlearn.data.oracle import parse, scene_accuracy
from arlearn.data.public import fashion_mnist, mnist, tiny_shakespeare
from arlearn.data.pytext import pytext
from arlearn.data.scenes import Scenes, scenes

__all__ = [
    "DatasetCard",
    "Images",
    "Scenes",
    "card",
    "digits",
    "fashion_mnist",
    "glyphs",
    "load",
    "mnist",
    "names",
    "parse",
    "pytext",
    "scene_accuracy",
    "scenes",
    "tiny_shakespeare",
]


def load(name: str, split: str = "train", **options) -> Images | str:
    """A dataset by its card's name: the function of that name, with `_` for `-`.

    Raises:
        LookupError: no dataset has this name.
    """
    return globals()[card(name).name.replace("-", "_")](split, **options)
