"""JupyterLab on the course: a launcher notebook of all chapters, and what stands open at first."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from arlearn import catalog, home
from arlearn.exercises import copies, published, solved

LAUNCHER = "course.ipynb"  # in the repository's folder; git does not see it
HEAD = "| no. | chapter | exercises | at the cpu tier |\n|---:|---|---|---:|"
TEXT = """\
# arlearn

Every chapter is a notebook: read it, run it, change it. Begin with {first}. A chapter that is named
without a link is still to come. This page is written anew by each `make lab`.

An exercise is at the end of its chapter; `arlearn exercise 18.1` in a terminal writes it into
`{folder}`, where your answers are yours alone. What you have solved is counted below.
"""


def launcher() -> Path:
    """Write the launcher: all chapters by part, with links that JupyterLab opens; says where."""
    import nbformat.v4 as v4

    from arlearn.runner import pair

    entries = [*catalog.lessons(), *catalog.papers()]
    first = next((_link(entry) for entry in entries if entry.in_book), "the first one")
    texts = [TEXT.format(first=first, folder=copies.folder())]
    for part, title in catalog.FOLDERS.items():
        rows = [_row(entry) for entry in entries if entry.part == part]
        texts.append("\n".join([f"## {title}\n", HEAD, *rows]))
    # Without its own formats JupyterLab would pair it with a script, as it does with chapters.
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about = {"kernelspec": kernel, "jupytext": {"formats": "ipynb"}}
    path = home.root() / LAUNCHER
    pair.write(v4.new_notebook(cells=[*map(v4.new_markdown_cell, texts)], metadata=about), path)
    return path


def command(words: list[str]) -> list[str]:
    """The command that starts JupyterLab; `words` are a file to open and options for JupyterLab.

    Its root is the repository, where jupytext finds how chapters are paired. At its first start the
    map and the launcher are open, later what the reader left open.

    Raises:
        FileNotFoundError: the file to open does not exist.
    """
    from jupyter_server.utils import url_escape

    launcher()
    for entry in (*catalog.lessons(), *catalog.papers()):
        if entry.in_book:
            _ready(home.root() / f"{entry.page}.py", home.root() / f"{entry.page}.ipynb")
    layout = home.root() / ".arlearn" / "lab"
    _first_layout(layout)
    root, page = home.root(), "/lab"
    for word in words:
        if not word.startswith("-"):
            path = Path(word).expanduser().resolve()
            if not path.exists():
                raise FileNotFoundError(f"there is no {word} to open")
            root = root if path.is_relative_to(root) else path.parent
            page = f"/lab/tree/{url_escape(path.relative_to(root).as_posix())}"
    started = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    started += [f"--LabApp.workspaces_dir={layout}", f"--LabApp.default_url={page}"]
    return started + [word for word in words if word.startswith("-")]


def _ready(py: Path, ipynb: Path) -> None:
    """Let JupyterLab open a chapter, and show its saved outputs as the book does.

    It refuses a pair whose notebook is the newer file, as `git pull` may leave it; where their
    cells are the same that means nothing. And it strips the scripts (players, explorers) of
    outputs that were made elsewhere, unless the notebook is signed here.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    from arlearn.runner import pair

    saved = ipynb.stat().st_mtime
    if saved > py.stat().st_mtime and not pair.unpaired(py, ipynb):
        os.utime(py, (saved, saved))
    notary, notebook = NotebookNotary(), nbformat.read(ipynb, as_version=4)
    if not notary.check_signature(notebook):
        notary.sign(notebook)


def _first_layout(folder: Path) -> None:
    """What stands open where nobody has opened anything yet: the map, and the launcher behind."""
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    if any(folder.glob("*.jupyterlab-workspace")):
        return
    shown = [f"{entry.page}.ipynb" for entry in catalog.lessons()[:1] if entry.in_book]
    names = [f"notebook:{path}" for path in (*shown, LAUNCHER)]
    files = {"widgets": ["filebrowser"], "current": "filebrowser", "collapsed": False}
    dock = {"type": "tab-area", "currentIndex": 0, "widgets": names}
    data: dict[str, Any] = {
        "layout-restorer:data": {"main": {"dock": dock, "current": names[0]}, "left": files}
    }
    for name in names:
        data[name] = {"data": {"path": name.partition(":")[2], "factory": "Notebook"}}
    folder.mkdir(parents=True, exist_ok=True)
    about = {"data": data, "metadata": {"id": "default"}}
    WorkspacesManager(str(folder)).save("default", json.dumps(about))


def _link(entry: catalog.Paper | catalog.Lesson) -> str:
    """A chapter's name, a link where there is a notebook to open."""
    title = entry.title if entry.title == entry.short else f"{entry.short}: {entry.title}"
    title = title.replace("|", "\\|").replace("[", "\\[").replace("]", "\\]")
    return f"[{title}]({entry.page}.ipynb)" if entry.in_book else title


def _row(entry: catalog.Paper | catalog.Lesson) -> str:
    """A chapter's line of the launcher: number, name, exercises solved, time of the saved run."""
    done, there = solved.share(published.prefix(entry))
    told = f"{done} of {there} solved" if there else ""
    seconds = (catalog.result(entry.slug, "cpu") or {}).get("seconds")
    return f"| {entry.number} | {_link(entry)} | {told} | {f'{seconds:.0f} s' if seconds else ''} |"
