"""Where things lie and how they are written: tier, folders, files that are never half there."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

Tier = Literal["smoke", "cpu", "gpu"]
TIERS: tuple[Tier, ...] = get_args(Tier)
PACKAGE = Path(__file__).resolve().parent


def tier() -> Tier:
    """The size at which everything runs: `ARLEARN_TIER`, else gpu where CUDA is, else cpu.

    Raises:
        ValueError: `ARLEARN_TIER` holds something else than smoke, cpu or gpu.
    """
    named = os.environ.get("ARLEARN_TIER", "").strip().lower()
    if named in TIERS:
        return named
    if named:
        raise ValueError(f"ARLEARN_TIER={named} is no tier; choose one of {', '.join(TIERS)}")
    import torch

    return "gpu" if torch.cuda.is_available() else "cpu"


def device() -> str:
    """`cuda` at the gpu tier where CUDA is, else `cpu`."""
    import torch

    return "cuda" if tier() == "gpu" and torch.cuda.is_available() else "cpu"


def root() -> Path:
    """The repository's folder (chapters, datasets, book), found beside the package.

    Raises:
        FileNotFoundError: the package was installed without its repository.
    """
    here = PACKAGE.parent
    if not (here / "chapters").is_dir() or not (here / "datasets").is_dir():
        raise FileNotFoundError(
            f"{here} holds no chapters and datasets; clone the repository and `pip install -e .` it"
        )
    return here


def data_folder() -> Path:
    """Where built and downloaded data lie: `ARLEARN_DATA`, else datasets/.cache; made if missing.

    Raises:
        PermissionError: the folder cannot be made or written.
    """
    named = os.environ.get("ARLEARN_DATA")
    folder = Path(named).expanduser() if named else root() / "datasets" / ".cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionError(
            f"data folder {folder} cannot be made ({error.strerror}); "
            "set ARLEARN_DATA to a folder you may write"
        ) from error
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"data folder {folder} is not writable; set ARLEARN_DATA to a folder you may write"
        )
    return folder


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write beside, then rename: yields a scratch path which becomes `path` if the block succeeds.

    Readers see the old file or the whole new one, and two writers at once cannot clash.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=f".tmp{path.suffix}"
    )
    os.close(handle)
    try:
        yield Path(scratch)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON with a final newline, never half written."""
    with replacing(path) as scratch:
        scratch.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """The hash of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
