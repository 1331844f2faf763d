"""CIFAR-10 by download: small photographs of ten kinds of things."""

import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from arlearn.data.cards import card
from arlearn.data.download import fetch
from arlearn.data.images import Images, split_number

CLASSES = ("airplane", "automobile", "bird", "cat", "deer")
CLASSES += ("dog", "frog", "horse", "ship", "truck")
SIDE = 32
_RECORD = 1 + 3 * SIDE**2  # a label, then the red, the green and the blue plane
_FOLDER = "cifar-10-batches-bin"
_PARTS = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}


def cifar_10(split: str = "train") -> Images:
    """Photographs, `n 3 32 32`: 50,000 to train and 10,000 to test, as many of each class.

    Read from the binary version of the archive, in memory: nothing is unpacked onto the disk, and
    nothing unpickled. The training pictures take 600 MB as float32.

    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `download.fetch`.
    """
    split_number(split)
    path = fetch(card("cifar-10").files[0])
    records = np.concatenate([parse_records(data) for data in _members(path, split)])
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, SIDE, SIDE))
    labels = torch.from_numpy(records[:, 0].astype(np.int64))
    return Images(pixels.float().div_(255), labels, CLASSES)


def parse_records(data: bytes) -> np.ndarray:
    """The records of a CIFAR-10 file, [n 3073] bytes: a label 0..9 and 3 x 32 x 32 pixels each.

    Raises:
        ValueError: the length is no multiple of 3073, or a label is above 9.
    """
    if len(data) % _RECORD or not data:
        raise ValueError(f"{len(data)} bytes are no whole number of records of {_RECORD} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() >= len(CLASSES):
        raise ValueError(f"label {records[:, 0].max()} is above 9; these are no CIFAR-10 records")
    return records


def _members(path: Path, split: str) -> list[bytes]:
    """The files of a split, out of the archive."""
    try:
        with tarfile.open(path) as archive:
            names = [f"{_FOLDER}/{part}" for part in _PARTS[split]]
            return [archive.extractfile(name).read() for name in names]
    except (OSError, EOFError, KeyError, AttributeError, tarfile.TarError, zlib.error) as error:
        raise ValueError(
            f"{path} does not hold {', '.join(_PARTS[split])} in {_FOLDER}: {error}"
        ) from error
