"""Public datasets by download: MNIST, Fashion-MNIST, Tiny Shakespeare."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from arlearn.data.cards import card
from arlearn.data.download import fetch
from arlearn.data.images import Images, split_number

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
CLOTHES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def mnist(split: str = "train") -> Images:
    """Handwritten digits, `n 1 28 28`, ink is 1: 60,000 to train and 10,000 to test.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", 1998.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `download.fetch`.
    """
    return _idx_images("mnist", split, DIGITS)


def fashion_mnist(split: str = "train") -> Images:
    """Pieces of clothing, `n 1 28 28`, in the format of MNIST: 60,000 to train, 10,000 to test.

    Source: Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `download.fetch`.
    """
    return _idx_images("fashion-mnist", split, CLOTHES)


def tiny_shakespeare(split: str = "train") -> str:
    """Plays by Shakespeare, 1.1 MB: the first nine tenths to train, the last to test.

    Source: Karpathy 2015, char-rnn.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `download.fetch`.
    """
    test = split_number(split)
    text = fetch(card("tiny-shakespeare").files[0]).read_text(encoding="utf-8")
    cut = len(text) * 9 // 10
    return text[cut:] if test else text[:cut]


def parse_idx(data: bytes) -> np.ndarray:
    """The array in an idx file, unpacked: `00 00 type rank`, the sizes as big-endian int32, values.

    Raises:
        ValueError: these bytes are no idx file, or not all of one.
    """
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_TYPES:
        raise ValueError(f"no idx file begins with {data[:4].hex(' ')!r}; unpack gzip first")
    dtype, rank = np.dtype(_IDX_TYPES[data[2]]), data[3]
    begin = 4 + 4 * rank
    if len(data) < begin:
        raise ValueError(f"idx header of rank {rank} needs {begin} bytes, the file has {len(data)}")
    shape = struct.unpack(f">{rank}i", data[4:begin])
    wanted = begin + math.prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise ValueError(f"idx file of shape {shape} needs {wanted} bytes, it has {len(data)}")
    values = np.frombuffer(data, dtype, offset=begin).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _idx_images(name: str, split: str, classes: tuple[str, ...]) -> Images:
    """The card lists images and labels of train, then of test."""
    test = split_number(split)
    pixels, labels = (_read_idx(fetch(file)) for file in card(name).files[2 * test : 2 * test + 2])
    return Images(
        torch.from_numpy(pixels)[:, None].float() / 255,
        torch.from_numpy(labels.astype(np.int64)),
        classes,
    )


def _read_idx(path: Path) -> np.ndarray:
    try:
        return parse_idx(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{path} holds no gzipped idx array: {error}") from error
