"""JupyterLab on the course: the launcher, what is open at first, pairs that open either way."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import pytest

from arlearn import catalog, home
from arlearn.runner import lab, pair

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def repository(toy, tmp_path, monkeypatch):
    """A repository with VAR's chapter, with the map if asked for, and a home of the reader's."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "ARLEARN_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "reader" / name))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write(toy, "03_next_x", "18_var")
    return tmp_path


def write(toy, folder, stem):
    """The toy's chapter in the place of another, with a notebook that holds an output."""
    py = toy.parent.parent / folder / f"{stem}.py"
    py.parent.mkdir(exist_ok=True)
    py.write_text(toy.read_text(encoding="utf-8") + '\n# %% tags=["hide-input"]\n1\n')
    notebook = pair.clean(pair.read(py))
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="from a run\n")]
    pair.write(notebook, py.with_suffix(".ipynb"))
    return py


def texts():
    """The Markdown of the launcher."""
    notebook = nbformat.read(home.root() / lab.LAUNCHER, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells)


def test_the_launcher_names_every_chapter_and_links_those_there_are(repository):
    home.write_json(repository / "book" / "results" / "cpu" / "var.json", {"seconds": 61.7})
    home.write_json(repository / "reader" / "ARLEARN_HOME" / "solved.json", {"18.2": "2026-03-14"})
    lab.launcher()
    lines = texts().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    entries = [*catalog.lessons(), *catalog.papers()]
    assert [row for row in rows if row.isdigit()] == [str(entry.number) for entry in entries]
    (var,) = [line for line in lines if "(chapters/" in line and line.startswith("|")]
    assert var.startswith("| 18 | [VAR: ") and "(chapters/03_next_x/18_var.ipynb)" in var
    assert var.endswith(" | 1 of 3 solved | 62 s |")
    assert (repository / "chapters" / "03_next_x" / "18_var.ipynb").exists()
    written = nbformat.read(repository / lab.LAUNCHER, as_version=4)
    nbformat.validate(written)
    assert written.metadata["jupytext"] == {"formats": "ipynb"}


def test_git_sees_neither_the_launcher_nor_the_readers_folder():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {f"/{lab.LAUNCHER}", "/exercises/", ".arlearn/"} <= set(ignored)


def open_at_first(repository):
    """The documents of the first layout, the one in front first."""
    (file,) = (repository / ".arlearn" / "lab").glob("*.jupyterlab-workspace")
    data = json.loads(file.read_text(encoding="utf-8"))["data"]
    main = data["layout-restorer:data"]["main"]
    assert main["current"] == main["dock"]["widgets"][0]
    return [data[name]["data"]["path"] for name in main["dock"]["widgets"]]


def test_the_map_is_open_at_first_with_the_launcher_behind(repository, toy):
    write(toy, "00_start", "01_map")
    lab.command([])
    assert open_at_first(repository) == ["chapters/00_start/01_map.ipynb", "course.ipynb"]


def test_without_a_map_there_is_the_launcher_and_a_layout_is_never_overwritten(repository, toy):
    lab.command([])
    assert open_at_first(repository) == ["course.ipynb"]
    write(toy, "00_start", "01_map")
    lab.command([])
    assert open_at_first(repository) == ["course.ipynb"]


def test_a_file_and_options_are_passed_on(repository, toy, tmp_path_factory):
    folder = repository / "exercises"
    folder.mkdir()
    (folder / "18 1.ipynb").write_text("{}")
    started = lab.command(["--ip=0.0.0.0", str(folder / "18 1.ipynb"), "--no-browser"])
    assert started[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={repository}" in started
    assert "--LabApp.default_url=/lab/tree/exercises/18%201.ipynb" in started
    assert started[-2:] == ["--ip=0.0.0.0", "--no-browser"]
    away = tmp_path_factory.mktemp("away")
    (away / "a.ipynb").write_text("{}")
    started = lab.command([str(away / "a.ipynb")])
    assert f"--ServerApp.root_dir={away}" in started
    assert "--LabApp.default_url=/lab/tree/a.ipynb" in started
    with pytest.raises(FileNotFoundError, match=r"there is no nothing\.ipynb to open"):
        lab.command(["nothing.ipynb"])


def answer(server, path):
    """What the server says to a path: the page, or JSON as an object."""
    request = Request(server + path, headers={"Authorization": "token secret"})
    with urlopen(request, timeout=60) as page:
        text = page.read().decode()
        return json.loads(text) if "json" in page.headers["Content-Type"] else text


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def until_it_listens(port, process):
    """Wait for a server to answer, or say why it does not."""
    for _ in range(1200):
        assert process.poll() is None, f"JupyterLab left with status {process.poll()}"
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("JupyterLab did not start within a minute")


def later(file):
    """Let a file be an hour newer."""
    hour_later = time.time() + 3600
    os.utime(file, (hour_later, hour_later))


def test_a_notebook_that_is_newer_and_another_is_left_to_the_reader(repository, toy):
    write(toy, "00_start", "01_map")
    same, other = (
        repository / "chapters" / name for name in ("00_start/01_map", "03_next_x/18_var")
    )
    for stem in (same, other):
        later(stem.with_suffix(".ipynb"))
    py = other.with_suffix(".py")
    py.write_text(py.read_text(encoding="utf-8").replace("seed = 0", "seed = 7"), encoding="utf-8")
    lab.command([])
    ages = [
        [stem.with_suffix(end).stat().st_mtime for end in (".py", ".ipynb")]
        for stem in (same, other)
    ]
    assert ages[0][0] == ages[0][1] and ages[1][0] < ages[1][1] - 3000


def test_lab_starts_and_opens_either_file_of_a_pair(repository, toy):
    pytest.importorskip("jupyterlab")
    py = repository / "chapters" / "03_next_x" / "18_var.py"
    py.write_text(py.read_text(encoding="utf-8").replace("seed = 0", "seed = 7"), encoding="utf-8")
    later(py)
    later(write(toy, "00_start", "01_map").with_suffix(".ipynb"))  # as `git pull` may leave it
    port = free_port()
    words = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    started = lab.command([*words, "--IdentityProvider.token=secret"])
    process = subprocess.Popen(started, cwd=repository, stderr=subprocess.DEVNULL)
    try:
        until_it_listens(port, process)
        server = f"http://127.0.0.1:{port}/"
        assert "<title>JupyterLab</title>" in answer(server, "lab")
        launcher = answer(server, "api/contents/course.ipynb")["content"]["cells"]
        assert launcher[0]["source"].startswith("# arlearn")
        for seed, file in ((7, "03_next_x/18_var"), (0, "00_start/01_map")):
            for end in (".ipynb", ".py?type=notebook"):
                cells = answer(server, f"api/contents/chapters/{file}{end}")["content"]["cells"]
                assert cells[1]["source"] == f"seed = {seed}"  # the source's cell
                assert cells[-1]["metadata"]["jupyter"] == {"source_hidden": True}
                assert seed or cells[1]["metadata"]["trusted"]
    finally:
        process.terminate()
        process.wait(timeout=20)
