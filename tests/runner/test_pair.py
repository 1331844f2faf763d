"""The pair: which change makes outputs stale, what is stored of them, and which ids stay."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from arlearn.runner import pair


def save(py, **metadata):
    """The notebook of a chapter as a saved run would write it, without running anything."""
    notebook = pair.read(py)
    notebook.metadata["arlearn"] = {"source_sha256": pair.source_sha256(py)} | metadata
    pair.write(pair.clean(notebook), py.with_suffix(".ipynb"))
    return py.with_suffix(".ipynb")


def replace(py, old, new):
    text = py.read_text(encoding="utf-8")
    assert old in text
    py.write_text(text.replace(old, new), encoding="utf-8")


def test_cells_and_sections(toy):
    text = toy.read_text(encoding="utf-8")
    kinds = [kind for kind, _ in pair.cells(text)]
    assert kinds == ["prose", "code", "prose", "code", "prose", "code"]
    assert pair.cells(text)[1] == ("code", "seed = 0")
    assert pair.sections(text) == ["Train", "Measure"]


def test_cells_are_those_of_jupytext(toy):
    cells = pair.cells(toy.read_text(encoding="utf-8"))
    notebook = pair.read(toy)
    assert [cell.cell_type == "code" for cell in notebook.cells] == [k == "code" for k, _ in cells]
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert code == [text for kind, text in cells if kind == "code"]


def test_prose_leaves_outputs_fresh_code_and_module_make_them_stale(toy):
    ipynb = save(toy)
    assert pair.stale(toy, ipynb) == ""
    replace(toy, "# ## Train", "# ## Training")
    assert pair.stale(toy, ipynb) == ""
    module = pair.module(toy)
    module.write_text("twist = 1\n", encoding="utf-8")
    assert "its module changed" in pair.stale(toy, ipynb)
    module.unlink()
    replace(toy, "seed = 0", "seed = 1")
    assert "arlearn run 01_toy --save" in pair.stale(toy, ipynb)


def test_a_notebook_never_run_is_stale(toy):
    ipynb = toy.with_suffix(".ipynb")
    assert "no notebook beside it" in pair.stale(toy, ipynb)
    pair.write(pair.read(toy), ipynb)
    assert "no outputs of a saved run" in pair.stale(toy, ipynb)


def test_unpaired_names_the_cell(toy):
    ipynb = save(toy)
    assert pair.unpaired(toy, ipynb) == ""
    replace(toy, "# ## Measure", "# ## Measured")
    assert pair.unpaired(toy, ipynb).startswith("cell 5 of 01_toy.ipynb")
    replace(toy, "# ## Measured", "# ## Measure")
    toy.write_text(toy.read_text(encoding="utf-8") + "\n# %%\nmore = 1\n", encoding="utf-8")
    assert pair.unpaired(toy, ipynb).startswith("cell 7")


def test_ids_and_outputs_stay_where_cells_stay(toy):
    ipynb = save(toy)
    before = nbformat.read(ipynb, as_version=4)
    before.cells[1].outputs = [new_output("stream", text="kept\n")]
    nbformat.write(before, ipynb)
    replace(toy, "# %% [markdown]\n# ## Train", "# %%\nnew = 1\n\n# %% [markdown]\n# ## Train")
    after = pair.read(toy)
    assert [cell.id for cell in after.cells if cell.source != "new = 1"] == [
        cell.id for cell in before.cells
    ]
    assert after.cells[1].outputs[0].text == "kept\n"


def test_a_written_notebook_is_what_jupytext_would_write(toy):
    jupytext = pytest.importorskip("jupytext.cli")
    ipynb = save(toy)
    before = ipynb.read_bytes()
    jupytext.jupytext(["--quiet", "--to", "ipynb", "--update", str(toy)])
    assert ipynb.read_bytes() == before
    assert json.loads(before)["metadata"]["arlearn"]["source_sha256"] == pair.source_sha256(toy)


def cleaned(*outputs):
    """One code cell with these outputs, cleaned."""
    cell = new_code_cell("x", outputs=list(outputs), metadata={"papermill": {"duration": 1}})
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}, "papermill": {}})
    done = pair.clean(notebook)
    assert done.metadata == {} and done.cells[0].metadata == {}
    return done.cells[0].outputs


def test_progress_is_settled_on_stdout_and_dropped_on_stderr():
    bar = new_output("stream", name="stderr", text="\r 0%|  | 0/2\r100%|##| 2/2\n")
    first, last = (new_output("stream", text=text) for text in ("\rstep 1", "\rstep 2\ndone\n"))
    assert [output.text for output in cleaned(first, bar, last)] == ["step 2\ndone\n"]


def test_warnings_on_stderr_are_kept_for_a_test_to_find():
    (output,) = cleaned(new_output("stream", name="stderr", text="UserWarning: careful\n"))
    assert output.text == "UserWarning: careful\n"


def test_streams_are_joined_up_to_the_next_picture():
    picture = new_output("display_data", data={"image/png": "aaaa"})
    texts = [new_output("stream", text=f"{n}\n") for n in range(4)]
    outputs = cleaned(texts[0], texts[1], picture, texts[2], texts[3])
    assert [output.get("text") for output in outputs] == ["0\n1\n", None, "2\n3\n"]


def test_widget_views_go_and_their_static_twin_stays():
    view = {pair.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "IntSlider()"}
    twin = new_output("display_data", data=view | {"text/html": "<b>frames</b>"})
    outputs = cleaned(new_output("display_data", data=dict(view)), twin)
    assert [sorted(output.data) for output in outputs] == [["text/html", "text/plain"]]


def test_paths_of_the_machine_go(toy):
    folder = pair.home.PACKAGE.parent
    html = new_output("display_data", data={"text/html": f"<i>{folder}/datasets</i>"})
    assert cleaned(html)[0].data["text/html"] == "<i>datasets</i>"
