"""Every chapter keeps the rules of the house: a fresh pair, the sections in order, small outputs.

`make test` also executes each one at the smoke tier, by nbval on the notebooks in chapters/; that
this finds a broken chapter is shown here on toys.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from arlearn import home, runner
from arlearn.runner import pair

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTERS = sorted((ROOT / "chapters").glob("**/[0-9]*_*.py"))
RUBRIC = (
    *("The question", "The idea", "The maths", "The code", "Train", "Sample", "Measure", "Play"),
    *("Where it breaks", "Exercises"),
)
LARGEST_KB, LONGEST_SECONDS = 300, 120
CALLS = ("arlearn.card(", "arlearn.claim(", "arlearn.source(", "arlearn.check(")
# A folder at the root of some machine, not the end of an HTML tag or a part of an address.
ABSOLUTE = re.compile(r"(?<![\w.:/<-])/(home|root|Users|tmp|usr|var|opt|mnt|private|work\w*)/\w")


def section_faults(py: Path) -> list[str]:
    """Sections of the rubric that are missing or out of order, and calls that are missing."""
    text, faults, place = py.read_text(encoding="utf-8"), [], 0
    sections = pair.sections(text)
    for name in RUBRIC:
        found = [i for i, section in enumerate(sections) if section.startswith(name)]
        if not found:
            faults.append(f"has no section called {name!r}")
        elif found[0] < place:
            faults.append(f"has {name!r} before {sections[place]!r}")
        place = max([place, *found[:1]])
    return faults + [f"never calls {call}…)" for call in CALLS if call not in text]


def notebook_faults(py: Path) -> list[str]:
    """What keeps the notebook from being the source's, with the outputs of a saved run."""
    ipynb = py.with_suffix(".ipynb")
    late = pair.stale(py, ipynb)
    if late or pair.unpaired(py, ipynb):
        return [late or pair.unpaired(py, ipynb)]
    notebook, faults = nbformat.read(ipynb, as_version=4), []
    made = notebook.metadata["arlearn"]
    if made["tier"] != "cpu" or made["seconds"] > LONGEST_SECONDS:
        faults.append(f"took {made['seconds']} s at the {made['tier']} tier, at most 120 s at cpu")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        faults.append("names no kernel python3 in its header")
    if "widgets" in notebook.metadata:
        faults.append("holds widget state, which GitHub cannot show")
    if ipynb.stat().st_size > LARGEST_KB * 1000:
        faults.append(f"has {ipynb.stat().st_size // 1000} KB, at most {LARGEST_KB}")
    return faults + output_faults(notebook)


def output_faults(notebook) -> list[str]:
    """Outputs a reader should not meet: warnings, errors, paths, progress bars, cells never run."""
    faults = []
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        if cell.source.strip() and cell.execution_count is None:
            faults.append(f"cell {number} was not run")
        for output in cell.outputs:
            if output.output_type == "error":
                faults.append(f"cell {number} raised {output.ename}")
            if output.get("name") == "stderr":
                faults.append(f"cell {number} warns: {output.text[:200]}")
            faults += [f"cell {number} {fault}" for fault in text_faults(texts(output))]
    return faults


def texts(output) -> str:
    """All of an output that is text."""
    data = output.get("data", {})
    shown = [value for kind, value in data.items() if kind.startswith("text/")]
    return "\n".join([output.get("text", ""), *shown])


def text_faults(text: str) -> list[str]:
    """What is wrong with a text as an output."""
    faults = ["holds a carriage return"] if "\r" in text else []
    if str(ROOT) in text or ABSOLUTE.search(text):
        faults.append("shows a path of the machine it ran on")
    return faults


@pytest.mark.parametrize("py", CHAPTERS, ids=lambda py: py.stem)
def test_a_chapter_is_whole(py):
    faults = notebook_faults(py) + section_faults(py)
    assert not faults, "\n".join([f"{py.stem}:", *faults])


@pytest.mark.parametrize("py", CHAPTERS, ids=lambda py: py.stem)
def test_a_chapter_stands_in_the_catalog_and_its_claim_in_the_results(py):
    from arlearn import catalog

    entry = catalog.chapter(runner.slug(py))
    assert entry.chapter == py, f"the catalog looks for {entry.page}.py"
    row = catalog.result(entry.slug, "cpu")
    assert row, f"book/results/cpu has no {entry.slug}.json; run `arlearn run {entry.slug} --save`"
    assert row["source_sha256"] == runner.source_sha256(py), "its claim is older than its code"


def test_every_notebook_has_a_source():
    alone = [
        ipynb.name
        for ipynb in (ROOT / "chapters").glob("**/*.ipynb")
        if ipynb.with_suffix(".py") not in CHAPTERS and ".ipynb_checkpoints" not in ipynb.parts
    ]
    assert not alone, f"{alone} have no source of the name NN_slug.py beside them"


HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""


def write_pair(folder: Path, *cells: str, execution_count: int | None = 1) -> Path:
    """A toy chapter with its notebook, as a saved run would leave it."""
    py = folder / "01_toy.py"
    py.write_text("\n\n".join([HEADER.strip(), *cells]) + "\n", encoding="utf-8")
    notebook = pair.read(py)
    made = {"source_sha256": pair.source_sha256(py), "tier": "cpu", "seconds": 40}
    notebook.metadata["arlearn"] = made
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = execution_count
    pair.write(notebook, py.with_suffix(".ipynb"))
    return py


def with_notebook(py: Path, change) -> list[str]:
    """The faults found after `change` was done to the notebook of a toy."""
    ipynb = py.with_suffix(".ipynb")
    notebook = nbformat.read(ipynb, as_version=4)
    change(notebook)
    nbformat.write(notebook, ipynb)
    return notebook_faults(py)


def stream(text: str, name: str = "stdout"):
    """A change that gives the first cell an output."""

    def change(notebook):
        notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name=name, text=text)]

    return change


def test_a_good_pair_has_no_faults(tmp_path):
    assert notebook_faults(write_pair(tmp_path, "# %%\n1", "# %% [markdown]\n# ## Train")) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (stream("UserWarning: beware", "stderr"), "cell 1 warns: UserWarning"),
        (stream(f"{home.PACKAGE}/weights"), "shows a path"),
        (stream("saved " + "/home" + "/me/x.png"), "shows a path"),
        (stream("50%\r100%"), "carriage return"),
        (stream("x" * 301_000), "at most 300"),
        (lambda notebook: notebook.metadata.update(widgets={}), "widget state"),
        (lambda notebook: notebook.metadata.pop("kernelspec"), "kernel python3"),
        (lambda notebook: notebook.metadata["arlearn"].update(seconds=121), "took 121 s"),
        (lambda notebook: notebook.metadata["arlearn"].update(tier="gpu"), "at the gpu tier"),
        (lambda notebook: notebook.metadata["arlearn"].update(source_sha256="0"), "changed after"),
        (lambda notebook: notebook.cells.pop(), "cell 1 of 01_toy.ipynb is not that"),
    ],
)
def test_each_fault_is_found(tmp_path, change, fault):
    (found,) = with_notebook(write_pair(tmp_path, "# %%\n1"), change)
    assert fault in found


def test_cells_never_run_are_found(tmp_path):
    assert notebook_faults(write_pair(tmp_path, "# %%\n1", execution_count=None)) == [
        "cell 1 was not run"
    ]


def test_addresses_and_tags_are_no_paths():
    text = "https://arxiv.org/abs/1 <td>a</td> chapters/00_toy/01.py a/home/b </tmp/x"
    assert text_faults(text) == []


def test_the_rubric_is_kept(tmp_path):
    cells = [f"# %% [markdown]\n# ## {name}, and more" for name in RUBRIC]
    calls = "# %%\n" + "\n".join(f"{call}'toy')" for call in CALLS)
    py = tmp_path / "01_toy.py"
    py.write_text("\n\n".join([*cells, calls]), encoding="utf-8")
    assert section_faults(py) == []
    py.write_text("\n\n".join([cells[1], cells[0], *cells[3:]]), encoding="utf-8")
    assert section_faults(py) == [
        "has 'The idea' before 'The question, and more'",
        "has no section called 'The maths'",
        *(f"never calls {call}…)" for call in CALLS),
    ]


def test_nbval_runs_chapters_at_the_smoke_tier_and_finds_the_broken(tmp_path):
    flags = re.search(r"^NBVAL := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir(), bad.mkdir()
    write_pair(good, "# %%\nimport os\nassert os.environ['ARLEARN_TIER'] == 'smoke'")
    write_pair(bad, "# %%\nassert 1 == 2")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *flags.split()]
    environment = os.environ | {"ARLEARN_TIER": "smoke"}
    done = subprocess.run(
        [*command, tmp_path], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "assert 1 == 2" in done.stdout
