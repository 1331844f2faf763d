"""The models of the zoo."""

from torch import nn

from arlearn.data import digits
from arlearn.metrics.accuracy import accuracy
from arlearn.nets.conv import Classifier
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.clear_models import CLEAR_MODELS
from arlearn.zoo.cspd_models import CSPD_MODELS
from arlearn.zoo.elm_models import ELM_MODELS
from arlearn.zoo.entry import Entry
from arlearn.zoo.gigatok_models import GIGATOK_MODELS
from arlearn.zoo.mdpo_models import MDPO_MODELS
from arlearn.zoo.nbdiff_models import NBDIFF_MODELS
from arlearn.zoo.nbp_models import NBP_MODELS
from arlearn.zoo.shelf import PICTURES
from arlearn.zoo.speech_models import SPEECH_MODELS
from arlearn.zoo.task_models import TASK_MODELS
from arlearn.zoo.task_texts import TASK_TEXTS
from arlearn.zoo.texts import TEXTS
from arlearn.zoo.tidar_models import TIDAR_MODELS
from arlearn.zoo.xar_models import XAR_MODELS


def digits_classifier() -> Classifier:
    """An untrained classifier of 8-pixel digits."""
    return Classifier(1, 10, 16, side=8)


def train_digits_classifier(model: Classifier, seed: int) -> History:
    """Cross-entropy over 17 epochs; a few seconds on one core."""
    train = digits("train")
    batches = Batches(train.images, train.labels, size=128, seed=seed)
    recipe = Recipe(lr=3e-3, seed=seed, precision="fp32")
    return fit(model, batches, 200, recipe=recipe, label="digits-classifier")


def measure_digits_classifier(model: nn.Module) -> float:
    """Accuracy on the test split."""
    test = digits("test").to(next(model.parameters()).device)
    return accuracy(model(test.images).argmax(-1), test.labels)


ENTRIES = (
    Entry(
        name="digits-classifier",
        what="Reads 8-pixel handwritten digits; its features give the Fréchet distance.",
        data="digits",
        build=digits_classifier,
        train=train_digits_classifier,
        measure=measure_digits_classifier,
        metric="test accuracy",
        at_least=0.97,
    ),
    *PICTURES,
    *ELM_MODELS,
    *GIGATOK_MODELS,
    *TEXTS,
    *TASK_TEXTS,
    *NBDIFF_MODELS,
    *TASK_MODELS,
    *MDPO_MODELS,
    *XAR_MODELS,
    *TIDAR_MODELS,
    *SPEECH_MODELS,
    *NBP_MODELS,
    *CSPD_MODELS,
    *CLEAR_MODELS,
)
