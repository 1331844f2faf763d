"""Handwritten digits: a fixed, stratified split of scikit-learn's pictures."""

import hashlib

import numpy as np
import pytest
import torch

from arlearn.data import digits


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARLEARN_DATA", str(tmp_path_factory.mktemp("data")))
        yield


def fingerprint(made) -> str:
    pixels = (made.images * 16).round().byte().numpy().tobytes()
    return hashlib.sha256(pixels + made.labels.numpy().astype("<i8").tobytes()).hexdigest()


def test_the_splits_are_these_very_digits():
    assert (
        fingerprint(digits("train"))
        == "52c52d30b3601f1280bdc93f0c4e5b7338840bd4769979701b2609bb12800fe7"
    )
    assert (
        fingerprint(digits("test"))
        == "0aaf5d04e49db6aeab8f62915dc82cc6a6d3312c7e8011640a5ee8f56dd86ed9"
    )


def test_the_splits_are_all_of_scikit_learns_digits_once():
    from sklearn.datasets import load_digits

    train, test = digits("train"), digits("test")
    assert (len(train), len(test)) == (1500, 297)
    ours = torch.cat([train.images, test.images])[:, 0].numpy() * 16
    theirs = load_digits().images
    assert sorted(map(bytes, ours.astype(np.uint8))) == sorted(map(bytes, theirs.astype(np.uint8)))


def test_every_class_keeps_its_share():
    train, test = (torch.bincount(digits(split).labels) for split in ("train", "test"))
    assert ((test - (train + test) * 297 / 1797).abs() <= 1).all()


def test_values_and_types():
    made = digits("test")
    assert made.images.shape == (297, 1, 8, 8) and made.images.dtype == torch.float32
    assert made.images.min() == 0 and made.images.max() == 1
    assert made.labels.dtype == torch.int64 and made.classes == tuple("0123456789")


def test_an_unknown_split_gets_a_sentence():
    with pytest.raises(ValueError, match="split 'dev' does not exist"):
        digits("dev")
