"""Built datasets on disk: made once, read back by every later run and every other process."""

import re
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from arlearn import home

Arrays = dict[str, np.ndarray]


def cached(
    name: str, version: int, options: dict[str, object], build: Callable[[], Arrays]
) -> Arrays:
    """The arrays `build()` gives, from `data_folder()/built` if a run before has left them there.

    The file is named after the dataset, the version of its builder and the options, so a builder
    that changes its output counts its version up. Two processes may build the same file at once:
    each writes its own and renames it, and both read a whole one. A file that cannot be read
    (cut short, damaged) is built again, with a warning that says so.

    Raises:
        ValueError: an option's value has signs that do not belong into a file name.
    """
    values = "".join(f"-{key}{value}" for key, value in sorted(options.items()))
    if not re.fullmatch(r"[\w.\-]*", values):
        raise ValueError(f"options {options} of {name} make no file name; use plain words")
    path = home.data_folder() / "built" / f"{name}-v{version}{values}.npz"
    if path.exists():
        try:
            return _read(path)
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            warnings.warn(
                f"cache file {path} cannot be read ({error}); {name} is built again", stacklevel=3
            )
    arrays = build()
    with home.replacing(path) as scratch:
        np.savez_compressed(scratch, **arrays)
    return arrays


def _read(path: Path) -> Arrays:
    """All arrays of an npz file; its checksums are verified on the way."""
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
