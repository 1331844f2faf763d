"""The cards of the datasets: what each one is, where it comes from, what may be done with it."""

import difflib
import tomllib
from dataclasses import dataclass

from arlearn import home


@dataclass(frozen=True)
class DataFile:
    """A public file a dataset is read from.

    Attributes:
        path: where it lies under a mirror or the cache, `<dataset folder>/<file>`.
        url: where its publisher keeps it.
        sha256: the hash of its bytes.
        also: hashes of other copies in use that are known to hold the same values.
        folder: of an archive, where in it the files lie that count; the hash is theirs, see
            `archive.digest`, and a mirror may hold them unpacked.
    """

    path: str
    url: str
    sha256: str
    also: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class DatasetCard:
    """A dataset in short, as written in `datasets/NAME.toml`.

    Attributes:
        name: what `data.load` takes.
        title: its full name.
        what: what one example is.
        source: who made it, and where it is described.
        licence: what may be done with it.
        splits: the content of each split.
        size: what it takes on disk, and how long it takes to build.
        simulated: what is simulated and how; empty where the data are real.
        files: what is downloaded; empty where nothing is.
    """

    name: str
    title: str
    what: str
    source: str
    licence: str
    splits: dict[str, str]
    size: str
    simulated: str = ""
    files: tuple[DataFile, ...] = ()


def names() -> list[str]:
    """The names of all datasets that have a card."""
    return sorted(path.stem for path in (home.root() / "datasets").glob("*.toml"))


def card(name: str) -> DatasetCard:
    """The card of a dataset.

    Raises:
        LookupError: no dataset has this name.
        ValueError: the card has a field too many or too few, or holds another name.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise LookupError(f"no dataset is called {name!r}; {hint}")
    path = home.root() / "datasets" / f"{name}.toml"
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        files = tuple(
            DataFile(**file | {"also": tuple(file.get("also", ()))})
            for file in fields.pop("files", ())
        )
        found = DatasetCard(**fields, files=files)
    except TypeError as error:
        raise ValueError(f"card {path} does not have the fields of a card: {error}") from error
    if found.name != name:
        raise ValueError(f"card {path} is named {found.name!r}; name it {name!r} like its file")
    return found
