"""CIFAR-10: the binary records, and the loader on an archive as small as can be."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from arlearn import home
from arlearn.data import card, cifar_10, load
from arlearn.data.cifar import CLASSES, parse_records

FILES = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]


def record(label, pixels) -> bytes:
    return bytes([label]) + pixels.astype(np.uint8).tobytes()


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Writes a mirror's archive and a card with its hash, which the loader then reads."""
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path / "mirror"))
    path = tmp_path / "mirror" / "cifar-10" / "cifar-10-binary.tar.gz"

    def write(members, raw=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        if raw is not None:
            path.write_bytes(raw)
        real = card("cifar-10")
        small = replace(real, files=(replace(real.files[0], sha256=home.sha256(path)),))
        monkeypatch.setattr("arlearn.data.cifar.card", lambda name: small)

    return write


def test_pictures_labels_and_splits(archive):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (12, 3, 32, 32))
    records = [record(k % 10, picture) for k, picture in enumerate(pixels)]
    archive({name: records[2 * k] + records[2 * k + 1] for k, name in enumerate(FILES)})
    train, test = cifar_10("train"), cifar_10("test")
    assert train.images.shape == (10, 3, 32, 32) and train.images.dtype == torch.float32
    assert train.images.max() <= 1 and train.classes == CLASSES and len(CLASSES) == 10
    assert np.array_equal((train.images * 255).round().int().numpy(), pixels[:10])
    assert np.array_equal((test.images * 255).round().int().numpy(), pixels[10:])
    assert train.labels.tolist() == list(range(10)) and test.labels.tolist() == [0, 1]
    assert torch.equal(load("cifar-10", "test").images, test.images)


def test_a_record_is_a_label_and_three_planes():
    red = np.zeros((3, 32, 32))
    red[0, 2, 5] = 200
    records = parse_records(record(3, red))
    assert records.shape == (1, 3073) and records[0, 0] == 3
    assert records[0, 1 + 2 * 32 + 5] == 200 and records.sum() == 203


def test_classes_have_their_published_numbers():
    assert (CLASSES[0], CLASSES[3], CLASSES[9]) == ("airplane", "cat", "truck")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes are no whole number of records of 3073 bytes"),
        (bytes(3072), "3072 bytes are no whole number"),
        (b"\x0a" + bytes(3072), "label 10 is above 9"),
    ],
)
def test_what_is_no_record_gets_a_sentence(data, words):
    with pytest.raises(ValueError, match=words):
        parse_records(data)


@pytest.mark.parametrize("raw", [None, b"no archive", b"\x1f\x8b\x08\x00" + bytes(40)])
def test_an_archive_without_the_files_gets_a_sentence(archive, raw):
    archive({"readme.html": b"x"}, raw)
    with pytest.raises(ValueError, match=r"does not hold test_batch.bin in cifar-10-batches-bin"):
        cifar_10("test")


def test_without_the_file_the_sentence_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"cs.toronto.edu\S*cifar-10-binary.tar.gz "):
        cifar_10()
    with pytest.raises(ValueError, match="split 'valid' does not exist"):
        cifar_10("valid")
