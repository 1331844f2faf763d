"""Datasets by name: some that need no network, and loaders for public ones."""

from arlearn.data.cards import DatasetCard, card, names
from arlearn.data.cifar import cifar_10
from arlearn.data.cmapss import cmapss
from arlearn.data.digits import digits
from arlearn.data.download import at_hand
from arlearn.data.geneval import judge
from arlearn.data.glyphs import glyphs
from arlearn.data.images import Images
from arlearn.data.mel import Mel
from arlearn.data.moving import Moving, moving
from arlearn.data.moving_digits import moving_digits
from arlearn.data.multi30k import Translations, multi30k
from arlearn.data.oracle import parse, scene_accuracy
from arlearn.data.public import fashion_mnist, mnist, tiny_shakespeare
from arlearn.data.pytext import pytext
from arlearn.data.scene_counts import counted_scenes
from arlearn.data.scene_maps import SceneMaps, scene_maps
from arlearn.data.scenes import Scenes, scenes
from arlearn.data.speech import Speech, speech
from arlearn.data.spoken_digits import free_spoken_digits
from arlearn.data.tasks import Tasks, tasks
from arlearn.data.turbofan import Engines, turbofan

__all__ = [
    "DatasetCard",
    "Engines",
    "Images",
    "Mel",
    "Moving",
    "SceneMaps",
    "Scenes",
    "Speech",
    "Tasks",
    "Translations",
    "at_hand",
    "card",
    "cifar_10",
    "cmapss",
    "counted_scenes",
    "digits",
    "fashion_mnist",
    "free_spoken_digits",
    "glyphs",
    "judge",
    "load",
    "mnist",
    "moving",
    "moving_digits",
    "multi30k",
    "names",
    "parse",
    "pytext",
    "scene_accuracy",
    "scene_maps",
    "scenes",
    "speech",
    "tasks",
    "tiny_shakespeare",
    "turbofan",
]


def load(
    name: str, split: str = "train", **options
) -> Images | Engines | Moving | Speech | Tasks | Translations | str:
    """A dataset by its card's name: the function of that name, with `_` for `-`.

    Raises:
        LookupError: no dataset has this name.
    """
    return globals()[card(name).name.replace("-", "_")](split, **options)
