"""Many small files in one: archives of tar, known by what they hold and not by their own bytes."""

import hashlib
import tarfile
from pathlib import Path, PurePosixPath


def contents(path: Path, folder: str) -> dict[str, bytes]:
    """The files that lie in a folder of this name, at any depth of the archive, by their names.

    Raises:
        ValueError: it is no tar archive, or is cut short.
    """
    try:
        with tarfile.open(path) as archive:
            inside = [one for one in archive if one.isfile() and _within(one.name, folder)]
            return {PurePosixPath(one.name).name: archive.extractfile(one).read() for one in inside}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{path} is no tar archive, or is cut short: {error}") from error


def _within(name: str, folder: str) -> bool:
    return PurePosixPath(name).parent.name == folder


def digest(files: dict[str, bytes]) -> str:
    """The hash of some files, whatever they are packed in.

    Made as `sha256sum * | sha256sum` makes it in their folder, names in the order of their bytes.
    Publishers pack an archive anew when their tools change, and its own hash with it.
    """
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pack(source: Path, folder: str, target: Path) -> None:
    """The files of a folder as an archive that holds them in `folder`; its folders are left out."""
    with tarfile.open(target, "w") as archive:
        for path in sorted(source.iterdir()):
            if path.is_file():
                archive.add(path, f"{folder}/{path.name}")
