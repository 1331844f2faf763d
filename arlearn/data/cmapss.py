"""NASA's C-MAPSS engines by download: FD001, or any of the four from a folder that has them."""

from pathlib import Path

import numpy as np

from arlearn.data.cards import card
from arlearn.data.download import fetch
from arlearn.data.images import split_number
from arlearn.data.turbofan import SENSORS, SETTINGS, Engines, gather

SUBSETS = ("FD001", "FD002", "FD003", "FD004")
COLUMNS = 2 + SETTINGS + SENSORS


def cmapss(
    split: str = "train", *, subset: str = "FD001", folder: Path | str | None = None
) -> Engines:
    """Engines simulated by NASA's C-MAPSS; true phases are not known there, so regimes are -1.

    FD001 (one operating condition, one kind of fault): 100 engines until failure to train, 100 that
    stop before it to test. It is fetched and verified; files in a `folder` are read as they are.

    Source: Saxena, Goebel, Simon & Eklund 2008, "Damage propagation modeling for aircraft engine
    run-to-failure simulation", PHM.

    Raises:
        ValueError: an unknown split or subset, a subset other than FD001 without a folder, or files
            that are not in the format.
        FileNotFoundError, ConnectionError: as `download.fetch`; the folder has no such file.
    """
    test = split_number(split)
    if subset not in SUBSETS:
        raise ValueError(f"subset {subset!r} does not exist; choose one of {', '.join(SUBSETS)}")
    if folder is None and subset != "FD001":
        raise ValueError(
            f"only FD001 is fetched and verified; for {subset} pass folder=, where "
            f"{split}_{subset}.txt{f' and RUL_{subset}.txt' * test} lie, from the archive that "
            "the card of cmapss names"
        )
    rows = parse_runs(_found(f"{split}_{subset}.txt", folder).read_text(encoding="ascii"))
    units = np.unique(rows[:, 0])
    runs = []
    for unit in units:
        own = rows[rows[:, 0] == unit, 2:]
        runs.append((own[:, :SETTINGS], own[:, SETTINGS:], np.full(len(own), -1)))
    left = [0] * len(units)
    if test:
        told = _found(f"RUL_{subset}.txt", folder).read_text(encoding="ascii").split()
        left = [int(cycles) for cycles in told]
        if len(left) != len(units):
            raise ValueError(f"{len(units)} engines and {len(left)} remaining lives do not pair")
    return gather(runs, left)


def parse_runs(text: str) -> np.ndarray:
    """Rows of engine, cycle, 3 settings and 21 sensors, [n 26], between any blanks.

    Raises:
        ValueError: a row has another number of columns or something that is no number, or an
            engine's cycles do not count 1, 2, 3, … in one piece.
    """
    words = [line.split() for line in text.splitlines() if line.strip()]
    for number, row in enumerate(words, 1):
        if len(row) != COLUMNS:
            raise ValueError(f"row {number} has {len(row)} columns, C-MAPSS has {COLUMNS}")
    if not words:
        raise ValueError("the file has no rows; C-MAPSS has one for each cycle of each engine")
    rows = np.array(words, dtype=float)
    same = np.diff(rows[:, 0]) == 0
    counted = np.where(same, np.diff(rows[:, 1]) == 1, rows[1:, 1] == 1)
    if rows[0, 1] != 1 or not counted.all() or (np.diff(rows[:, 0])[~same] <= 0).any():
        raise ValueError(
            "the cycles of an engine must count 1, 2, 3, …, one engine after the other"
        )
    return rows


def _found(name: str, folder: Path | str | None) -> Path:
    """A file in the user's folder, else fetched and verified."""
    if folder is None:
        return fetch(next(file for file in card("cmapss").files if file.path.endswith(f"/{name}")))
    path = Path(folder).expanduser() / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; put NASA's {name} into that folder")
    return path
