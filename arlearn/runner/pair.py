"""The pair a chapter is: a py:percent source, and the notebook with the outputs of a saved run.

The source is the truth. Everything goes one way, from the `.py` into the `.ipynb`: following the
newest file, as `jupytext --sync` does, would let a fresh clone overwrite an edit.
"""

import hashlib
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

from arlearn import home

CELL = re.compile(r"^# %%(?P<marker>.*)$", re.MULTILINE)
PROSE = re.compile(r"\[(markdown|md|raw)\]")
# What a library prints once per machine, to stderr, and what no reader of a chapter needs.
PROGRESS = re.compile(r".+: step ([\d,]+)/([\d,]+), loss .+ left")  # a line of `fit`
NOISE = re.compile(r"Matplotlib is building the font cache.*|.*\d+%\|.*\|.*")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def cells(source: str) -> list[tuple[str, str]]:
    """The cells of a py:percent text, as ("code" or "prose", text without the marker)."""
    marks = list(CELL.finditer(source))
    ends = [mark.start() for mark in marks[1:]] + [len(source)]
    return [
        ("prose" if PROSE.search(mark["marker"]) else "code", source[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]


def sections(source: str) -> list[str]:
    """The `##` headings of a py:percent text, in order."""
    prose = [text for kind, text in cells(source) if kind == "prose"]
    return re.findall(r"^# ## +(.+?) *$", "\n".join(prose), re.MULTILINE)


def module(py: Path) -> Path:
    """Where the paper's module of a chapter lies, whether it exists or not: 18_var.py, var.py."""
    return home.PACKAGE / "papers" / f"{re.sub(r'^[0-9]+_', '', py.stem)}.py"


def source_sha256(py: Path) -> str:
    """The hash of what a chapter's outputs depend on: its code cells and its paper's module.

    Prose may be corrected without a run. The shared library is left out: it would make every
    output stale at once, and the sample that CI executes watches over it.
    """
    parts = [text for kind, text in cells(py.read_text(encoding="utf-8")) if kind == "code"]
    if module(py).exists():
        parts.append(module(py).read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read(py: Path) -> Any:
    """The chapter as a notebook: cells from the source, ids and outputs from the one beside it."""
    import jupytext
    import nbformat

    notebook = jupytext.read(py, fmt="py:percent")
    ipynb = py.with_suffix(".ipynb")
    if ipynb.exists():
        from jupytext.combine import combine_inputs_with_outputs

        saved = nbformat.read(ipynb, as_version=4)
        notebook = combine_inputs_with_outputs(notebook, saved, fmt="py:percent")
    return notebook


def write(notebook: Any, ipynb: Path) -> None:
    """The notebook as its file, never half written."""
    import nbformat

    with home.replacing(ipynb) as scratch:
        scratch.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def stale(py: Path, ipynb: Path) -> str:
    """Why the notebook's outputs are not those of the source; empty when they are."""
    import nbformat

    mend = f"run `arlearn run {py.stem} --save`"
    if not ipynb.exists():
        return f"{py.name} has no notebook beside it; {mend}"
    notebook = nbformat.read(ipynb, as_version=4)
    if "source_sha256" not in notebook.metadata.get("arlearn", {}):
        return f"{ipynb.name} holds no outputs of a saved run; {mend}"
    if notebook.metadata["arlearn"]["source_sha256"] != source_sha256(py):
        return f"the code of {py.name} or of its module changed after {ipynb.name} was run; {mend}"
    return ""


def unpaired(py: Path, ipynb: Path) -> str:
    """Why the notebook's cells are not those of the source; empty when they are."""
    import jupytext
    import nbformat

    def shape(notebook):
        return [(cell.cell_type, cell.source.strip()) for cell in notebook.cells]

    mine = shape(jupytext.read(py, fmt="py:percent"))
    theirs = shape(nbformat.read(ipynb, as_version=4))
    if mine == theirs:
        return ""
    same = next((i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
    first = min(len(mine), len(theirs)) if same is None else same
    return (
        f"cell {first + 1} of {ipynb.name} is not that of {py.name}; "
        f"run `jupytext --to ipynb --update {py.name}`, which keeps the outputs"
    )


def clean(notebook: Any) -> Any:
    """The notebook with nothing in it but sources and what a reader should see.

    Goes: widget state, timings and other metadata of the run, progress bars, paths of this machine.
    """
    kept = ("kernelspec", "jupytext", "language_info", "arlearn")
    notebook.metadata = {k: v for k, v in notebook.metadata.items() if k in kept}
    notebook.metadata.get("language_info", {}).pop("version", None)
    # jupytext keeps this in the source alone
    notebook.metadata.get("jupytext", {}).pop("text_representation", None)
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags" and v}
        if "hide-input" in cell.metadata.get("tags", ()):
            # the book folds by the tag, JupyterLab by this
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "code":
            outputs = [_clean_output(output) for output in _joined(cell.outputs)]
            cell.outputs = [output for output in outputs if output is not None]
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """The outputs with the pieces of one stream made one, up to the next picture or table."""
    whole: list[Any] = []
    for output in outputs:
        streams = takewhile(lambda one: one.output_type == "stream", reversed(whole))
        same = [one for one in streams if one.name == output.get("name")]
        if same:
            same[0].text += output.text
        else:
            whole.append(output)
    return whole


def _clean_output(output: Any) -> Any | None:
    """One output as it may be stored, or None when nothing of it is left to read."""
    if output.output_type == "stream":
        output.text = _plain(_settled(output.text, keep_bars=output.name == "stdout"))
        return output if output.text.strip() else None
    if "data" not in output:
        return output
    output.metadata = {}
    if output.data.pop(WIDGET_VIEW, None) and set(output.data) <= {"text/plain"}:
        return None
    for kind, value in output.data.items():
        if kind.startswith("text/"):
            output.data[kind] = _plain(value)
    return output


def _settled(text: str, keep_bars: bool) -> str:
    """What stands on a terminal at the end: of a line rewritten by `\\r`, its last form.

    On stderr such a line is a progress bar, and is dropped; so are `fit`'s lines but the last.
    """
    lines = []
    for line in text.split("\n"):
        forms = [form for form in line.split("\r") if form.strip()]
        under_way = PROGRESS.fullmatch(line)
        bar = ("\r" in line and not keep_bars) or (under_way and under_way[1] != under_way[2])
        if not bar and not (forms and NOISE.fullmatch(forms[-1].strip())):
            lines.append(forms[-1] if forms else "")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """The text without the paths of this machine."""
    text = re.sub(r"\S*/ipykernel_\d+/\d+\.py", "cell.py", text)
    for folder, name in ((f"{home.PACKAGE.parent}/", ""), (str(Path.home()), "~")):
        text = text.replace(folder, name) if len(folder) > 1 else text
    return text
