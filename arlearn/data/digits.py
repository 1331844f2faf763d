"""Real handwritten digits, 8 x 8 pixels, as scikit-learn ships them."""

import numpy as np
import torch

from arlearn.data.cache import Arrays, cached
from arlearn.data.images import Images, split_number

CLASSES = tuple("0123456789")
N_TEST = 297


def digits(split: str = "train") -> Images:
    """1,797 digits by 13 people: 1,500 to train and 297 to test, each class in proportion.

    Pictures `n 1 8 8`, ink is 1; 17 grey levels. Source: Alpaydin & Kaynak 1998, "Optical
    Recognition of Handwritten Digits", UCI Machine Learning Repository.

    Raises:
        ValueError: `split` is neither train nor test.
    """
    split_number(split)
    arrays = cached("digits", 1, {}, _build)
    images = torch.from_numpy(arrays[f"{split}_images"]).float() / 16
    return Images(images, torch.from_numpy(arrays[f"{split}_labels"]), CLASSES)


def _build() -> Arrays:
    from sklearn.datasets import load_digits

    raw = load_digits()
    images, labels = raw.images.astype(np.uint8)[:, None], raw.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    picked = (np.arange(N_TEST) + 0.5) * len(labels) / N_TEST  # evenly through the sorted classes
    test = by_class[picked.astype(np.int64)]
    rows = {"train": np.setdiff1d(order, test), "test": np.sort(test)}
    return {
        f"{split}_{what}": array[some]
        for split, some in rows.items()
        for what, array in (("images", images), ("labels", labels))
    }
