"""Which exercises the reader has solved: a file on this machine, read by `arlearn list`."""

import json
import os
import sys
from datetime import date
from pathlib import Path

from arlearn import home
from arlearn.exercises import published


def file() -> Path:
    """Where it is kept: in `ARLEARN_HOME`, else in the user's own data folder."""
    named = os.environ.get("ARLEARN_HOME")
    shared = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "arlearn"
    return (Path(named) if named else shared).expanduser() / "solved.json"


def solved() -> dict[str, str]:
    """The day on which each exercise was first solved, `{"18.1": "2026-03-14"}`.

    Raises:
        ValueError: the file holds something else.
        OSError: it cannot be read.
    """
    path = file()
    if not path.exists():
        return {}
    try:
        days = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to begin anew") from error
    if not isinstance(days, dict):
        raise ValueError(f"{path} holds no exercises with their days; delete it to begin anew")
    return days


def share(chapter: str) -> tuple[int, int]:
    """How many exercises of a chapter ("18", "map") are solved, of how many.

    Raises:
        ValueError, OSError: what is solved cannot be read.
    """
    own = [name for name in published.names() if name.partition(".")[0] == chapter]
    return len(solved().keys() & own), len(own)


def note(exercise: str) -> str:
    """Keep that an exercise is solved, and say how far its chapter is; or why it was not kept."""
    try:
        days = solved()
        if exercise not in days:
            home.write_json(file(), days | {exercise: date.today().isoformat()})
        done, there = share(exercise.partition(".")[0])
    except (OSError, ValueError) as error:
        return f"(not kept: {error}; ARLEARN_HOME names another folder)"
    return f"Solved in this chapter: {done} of {there}."


def by_reader(exercise: str) -> bool:
    """Is the running cell the reader's own?  Not where the published solution runs as it stands,
    in JupyterLab or under `arlearn run`, nor in a script or a test, which have no cells."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return False
    try:
        solution = published.find(exercise).solution
    except FileNotFoundError:  # the package without its chapters has no solution to run
        return True
    return _plain(shell.user_ns["In"][-1]) != _plain(solution)


def _plain(cell: str) -> list[str]:
    """A cell's lines as a notebook may change them on the way: no space at ends, no empty lines."""
    return [line.rstrip() for line in cell.splitlines() if line.strip()]
