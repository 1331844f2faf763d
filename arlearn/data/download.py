"""Public files, taken from a mirror or downloaded on request, and never used unverified."""

import os
import shutil
from pathlib import Path

from arlearn import home
from arlearn.data import archive
from arlearn.data.cards import DataFile, card


def fetch(file: DataFile) -> Path:
    """Where the verified file lies under `data_folder()/public`; fetched if it is not there yet.

    It comes from `ARLEARN_DATA_MIRROR` where that is set, a folder or a URL that holds the files as
    `<dataset folder>/<file>`, else from its publisher.

    Raises:
        FileNotFoundError: the mirror folder does not hold it.
        ConnectionError: it cannot be downloaded.
        ValueError: its hash is not the card's.
    """
    target = home.data_folder() / "public" / file.path
    if target.exists():
        _verify(target, file, f"delete {target}, it will be fetched again")
        return target
    mirror = os.environ.get("ARLEARN_DATA_MIRROR", "").strip()
    with home.replacing(target) as scratch:
        if mirror and not mirror.startswith(("http://", "https://")):
            _copy(Path(mirror).expanduser() / file.path, file, scratch)
        else:
            url = f"{mirror.rstrip('/')}/{file.path}" if mirror else file.url
            _download(url, file, scratch)
    return target


def at_hand(name: str) -> bool:
    """Whether a public dataset can be read without asking its publisher.

    That is: it was fetched before, or `ARLEARN_DATA_MIRROR` is a folder that holds its files, or an
    address. A chapter asks before it shows real data; no chapter downloads of its own accord.

    Raises:
        LookupError: no dataset has this name.
    """
    mirror = os.environ.get("ARLEARN_DATA_MIRROR", "").strip()
    if mirror.startswith(("http://", "https://")):
        return True
    folders = [home.data_folder() / "public", *([Path(mirror).expanduser()] if mirror else [])]
    files = card(name).files
    return all(any(_there(folder, file) for folder in folders) for file in files)


def _there(folder: Path, file: DataFile) -> bool:
    return (folder / file.path).is_file() or _unpacked(folder / file.path, file)


def _unpacked(source: Path, file: DataFile) -> bool:
    """Whether a mirror holds the files of an archive, and not the archive."""
    return bool(file.folder) and source.parent.is_dir() and any(source.parent.iterdir())


def _copy(source: Path, file: DataFile, scratch: Path) -> None:
    if not source.is_file() and _unpacked(source, file):
        archive.pack(source.parent, file.folder, scratch)
    elif not source.is_file():
        raise FileNotFoundError(
            f"the mirror has no {source} (expected sha256 {file.sha256}, found no file); "
            f"put there what {file.url} gives, or unset ARLEARN_DATA_MIRROR to download it"
        )
    else:
        shutil.copyfile(source, scratch)
    _verify(scratch, file, f"replace {source} by what the URL gives")


def _download(url: str, file: DataFile, scratch: Path) -> None:
    import pooch

    try:
        pooch.HTTPDownloader(progressbar=False, timeout=30)(url, str(scratch), None)
    except OSError as error:  # what requests raises, and a full disk
        raise ConnectionError(
            f"{url} cannot be downloaded ({error}); expected sha256 {file.sha256}, found no file. "
            f"Without a network, set ARLEARN_DATA_MIRROR to a folder that holds {file.path}"
        ) from error
    _verify(scratch, file, f"{url} may have changed or the download was cut short, try again")


def _verify(path: Path, file: DataFile, mend: str) -> None:
    held = archive.contents(path, file.folder) if file.folder else None
    found = home.sha256(path) if held is None else archive.digest(held)
    if found not in (file.sha256, *file.also):
        raise ValueError(
            f"{file.path} is not the file {file.url} is known for: "
            f"expected sha256 {file.sha256}, found {found}; {mend}"
        )
