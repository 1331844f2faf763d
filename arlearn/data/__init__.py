"""Datasets by name: pictures and texts that need no network, and loaders for public ones."""

from arlearn.data.cards import DatasetCard, card, names
from arlearn.data.cifar import cifar_10
from arlearn.data.digits import digits
from arlearn.data.geneval import judge
from arlearn.data.glyphs import glyphs
from arlearn.data.images import Images
from arlearn.data.multi30k import Translations, multi30k
from arlearn.data.oracle import parse, scene_accuracy
from arlearn.data.public import fashion_mnist, mnist, tiny_shakespeare
from arlearn.data.pytext import pytext
from arlearn.data.scene_counts import counted_scenes
from arlearn.data.scene_maps import SceneMaps, scene_maps
from arlearn.data.scenes import Scenes, scenes
from arlearn.data.tasks import Tasks, tasks

__all__ = [
    "DatasetCard",
    "Images",
    "SceneMaps",
    "Scenes",
    "Tasks",
    "Translations",
    "card",
    "cifar_10",
    "counted_scenes",
    "digits",
    "fashion_mnist",
    "glyphs",
    "judge",
    "load",
    "mnist",
    "multi30k",
    "names",
    "parse",
    "pytext",
    "scene_accuracy",
    "scene_maps",
    "scenes",
    "tasks",
    "tiny_shakespeare",
]


def load(name: str, split: str = "train", **options) -> Images | Tasks | Translations | str:
    """A dataset by its card's name: the function of that name, with `_` for `-`.

    Raises:
        LookupError: no dataset has this name.
    """
    return globals()[card(name).name.replace("-", "_")](split, **options)
