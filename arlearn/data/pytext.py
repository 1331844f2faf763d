"""Code and documentation text: the source of the standard library of the Python that runs."""

import hashlib
import sys
import sysconfig
from pathlib import Path

import numpy as np

from arlearn.data.cache import Arrays, cached
from arlearn.data.images import split_number

TRAIN_BYTES, TEST_BYTES = 3_000_000, 200_000
_LEFT_OUT = {"test", "tests", "site-packages", "dist-packages", "idlelib", "lib2to3", "turtledemo"}
_LEFT_OUT |= {"ensurepip", "encodings", "lib-dynload", "__pycache__", "pydoc_data", "__phello__"}


def pytext(split: str = "train") -> str:
    """Python modules with their docstrings, one after the other: 3 MB to train, 0.2 MB to test.

    Whole files in an order that looks random but is fixed by their names' hashes; the first ones
    make the test split, the next ones the training split. Only plain ASCII with tabs expanded, so
    that a model of characters needs fewer than 100 of them. The text belongs to a Python version:
    3.11 and 3.12 give different ones.

    Raises:
        ValueError: `split` is neither train nor test.
        FileNotFoundError: this Python was installed without its sources.
    """
    split_number(split)
    version = ".".join(map(str, sys.version_info[:3]))
    return cached("pytext", 1, {"python": version}, _build)[split].tobytes().decode("ascii")


def _build() -> Arrays:
    folder = Path(sysconfig.get_path("stdlib"))
    texts = [text for path in _modules(folder) if (text := _plain(folder / path))]
    parts, at = {}, 0
    for split, wanted in (("test", TEST_BYTES), ("train", TRAIN_BYTES)):
        taken = 0
        begin = at
        while taken < wanted and at < len(texts):
            taken += len(texts[at])
            at += 1
        if taken < wanted:
            raise FileNotFoundError(
                f"{folder} holds too few Python sources for pytext; use a Python that was "
                "installed with its standard library as .py files"
            )
        parts[split] = np.frombuffer("\n".join(texts[begin:at]).encode("ascii"), np.uint8)
    return parts


def _modules(folder: Path) -> list[Path]:
    """The library's own modules, the same on every system, in a fixed shuffled order."""
    paths = [path.relative_to(folder) for path in folder.rglob("*.py")]
    paths = [
        path
        for path in paths
        if not _LEFT_OUT & set(path.parts)
        and not path.name.startswith("_sysconfigdata")  # differs from one machine to the next
        and not path.parts[0].startswith("config-")
    ]
    return sorted(paths, key=lambda path: hashlib.sha256(path.as_posix().encode()).digest())


def _plain(path: Path) -> str:
    """A module's text, or nothing where it is empty, large or not plain ASCII."""
    raw = path.read_bytes()
    if not 200 <= len(raw) <= 100_000 or not raw.isascii():
        return ""
    text = raw.decode("ascii").replace("\r\n", "\n").replace("\f", "").expandtabs(4)
    return text if all(sign.isprintable() or sign == "\n" for sign in text) else ""
