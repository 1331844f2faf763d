"""An exercise as a notebook in the reader's own folder, where nothing is overwritten."""

import os
from pathlib import Path

from arlearn import home
from arlearn.exercises import published

TEXT = """\
# Exercise {name}

{text}

Run the next two cells, then change the second until it is right. {where}"""


def folder() -> Path:
    """The reader's own folder: `ARLEARN_EXERCISES`, else `exercises` where the command is run."""
    return Path(os.environ.get("ARLEARN_EXERCISES") or "exercises").expanduser()


def write(exercise: str) -> Path:
    """Write an exercise (its text, the imports it needs, the stub) as a notebook; says where.

    Raises:
        ValueError: there is no such exercise.
        FileNotFoundError: its chapter is not written.
        FileExistsError: there is a copy already, perhaps with an answer in it.
    """
    import nbformat.v4 as v4

    from arlearn.runner import pair

    found = published.find(exercise)
    path = folder() / f"{exercise.replace('.', '_')}.ipynb"
    if path.exists():
        raise FileExistsError(
            f"{path} is there already and may hold your answer, so nothing was written; "
            "open that, or rename it for a fresh copy"
        )
    text = TEXT.format(name=exercise, text=found.text, where=_where(found.chapter, path))
    cells = [v4.new_markdown_cell(text), *map(v4.new_code_cell, (found.imports, found.stub))]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    # Without its own formats JupyterLab would pair it with a script, as it does with chapters.
    about = {"kernelspec": kernel, "jupytext": {"formats": "ipynb"}}
    pair.write(v4.new_notebook(cells=cells, metadata=about), path)
    return path


def how_to_open(path: Path) -> str:
    """The command that opens a notebook; `make lab` sees all that lies in the repository."""
    if path.resolve().is_relative_to(home.root()):
        return f"Open {os.path.relpath(path)} with `make lab`"
    return f"Open it with `arlearn lab {path}`"


def _where(chapter: Path, path: Path) -> str:
    """Where the solution stands, with a link if JupyterLab can follow it from the copy."""
    notebook = chapter.with_suffix(".ipynb")
    if not path.resolve().is_relative_to(home.root()):
        return f"A solution stands folded at the end of `{notebook.name}`."
    link = Path(os.path.relpath(notebook, path.resolve().parent)).as_posix()
    return f"A solution stands folded at the end of [its chapter]({link})."
