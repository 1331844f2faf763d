"""Public datasets: the idx format, and loaders on files as small as can be."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import arlearn
from arlearn import home
from arlearn.data import card, fashion_mnist, load, mnist, tiny_shakespeare
from arlearn.data.public import CLOTHES, parse_idx

MIRROR = Path(arlearn.__file__).resolve().parents[2] / "shared" / "data"


def idx(array, code=0x08) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}i", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")],
)
@pytest.mark.parametrize("shape", [(6,), (3, 4, 5), (0, 2)])
def test_every_idx_type_comes_back(code, dtype, shape):
    array = np.random.default_rng(0).integers(-100, 100, shape).astype(dtype)
    back = parse_idx(idx(array, code))
    assert np.array_equal(back, array) and back.dtype == np.dtype(dtype) and back.dtype.isnative


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no idx file begins with"),
        (b"\x1f\x8b\x08\x00", "1f 8b 08 00"),
        (b"\0\0\x07\1\0\0\0\0", "no idx file begins with"),
        (b"\0\0\x08\3\0\0", "rank 3 needs 16 bytes, the file has 6"),
        (idx(np.zeros((2, 3), np.uint8))[:-1], r"shape \(2, 3\) needs 18 bytes, it has 17"),
        (idx(np.zeros(3, np.uint8)) + b"x", r"needs 11 bytes, it has 12"),
    ],
)
def test_what_is_no_idx_file_gets_a_sentence(data, words):
    with pytest.raises(ValueError, match=words):
        parse_idx(data)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A mirror with 5 training and 2 test pictures, and cards that carry its hashes."""
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path / "mirror"))
    random = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 5), ("test", 2)):
        pixels = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[split] = pixels, np.arange(n, dtype=np.uint8)

    def small_card(name):
        real, files = card(name), []
        for file, array in zip(real.files, (*arrays["train"], *arrays["test"]), strict=True):
            path = tmp_path / "mirror" / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(idx(array), mtime=0))
            files.append(replace(file, sha256=home.sha256(path)))
        return replace(real, files=tuple(files))

    monkeypatch.setattr("arlearn.data.public.card", small_card)
    return arrays


@pytest.mark.parametrize(("loader", "name"), [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")])
@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_and_labels_of_each_split(tiny, loader, name, split):
    pixels, labels = tiny[split]
    made = loader(split)
    assert made.images.shape == (len(labels), 1, 28, 28) and made.images.dtype == torch.float32
    assert np.array_equal((made.images[:, 0] * 255).round().byte().numpy(), pixels)
    assert made.labels.tolist() == labels.tolist() and made.labels.dtype == torch.int64
    assert len(made.classes) == 10
    assert torch.equal(load(name, split).images, made.images)


def test_clothes_have_their_published_numbers(tiny):
    assert fashion_mnist("test").classes == CLOTHES
    assert (CLOTHES[0], CLOTHES[5], CLOTHES[9]) == ("T-shirt/top", "Sandal", "Ankle boot")


def test_a_true_hash_of_a_file_that_is_no_gzip(tiny, tmp_path, monkeypatch):
    path = tmp_path / "mirror" / "mnist" / "train-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"plain")
    file = replace(card("mnist").files[0], sha256=home.sha256(path))
    monkeypatch.setattr("arlearn.data.public.card", lambda name: replace(card(name), files=(file,)))
    with pytest.raises(ValueError, match="holds no gzipped idx array"):
        mnist()


def test_without_the_file_the_sentence_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"ossci-datasets\S*train-images-idx3-ubyte.gz "):
        mnist()


def test_an_unknown_split_gets_a_sentence():
    for loader in (mnist, fashion_mnist, tiny_shakespeare):
        with pytest.raises(ValueError, match="split 'valid' does not exist"):
            loader("valid")


def test_tiny_shakespeare_as_published(tmp_path, monkeypatch):
    if not (MIRROR / "tinyshakespeare" / "input.txt").is_file():
        pytest.skip(f"no mirror of public data at {MIRROR}, so the real file is not read")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(MIRROR))
    train, test = tiny_shakespeare("train"), tiny_shakespeare("test")
    assert len(train) + len(test) == 1_115_394 and len(set(train + test)) == 65
    assert train.startswith("First Citizen:") and len(train) == 1_115_394 * 9 // 10
