"""A chapter executed: watched, measured, saved, and every way it can end told from the others."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

from arlearn import home, runner
from arlearn.runner import ChapterFailed, pair, run_chapter


def with_cell(toy, source):
    """The toy chapter with one code cell more."""
    toy.write_text(toy.read_text(encoding="utf-8") + f"\n# %%\n{source}\n", encoding="utf-8")
    return toy


def test_a_saved_run(toy, monkeypatch):
    monkeypatch.setenv("ARLEARN_TIER", "smoke")
    said, hinted = [], []
    done = run_chapter(toy, "cpu", save=True, say=said.append, hint=hinted.append)
    assert [line.split(" s  ")[1] for line in said] == ["A toy chapter", "  Train", "  Measure"]
    assert "100%|##| 2/2" in hinted
    assert 0 < done.seconds < 120 and 20 < done.peak_mb < 2000
    assert os.environ["ARLEARN_TIER"] == "smoke" and "ARLEARN_RESULTS" not in os.environ

    ipynb = toy.with_suffix(".ipynb")
    saved = nbformat.read(ipynb, as_version=4)
    made = saved.metadata["arlearn"]
    assert made["source_sha256"] == runner.source_sha256(toy)
    assert [made[key] for key in ("tier", "device", "seconds")] == ["cpu", "cpu", done.seconds]
    assert toy.stat().st_mtime >= ipynb.stat().st_mtime
    assert pair.stale(toy, ipynb) == "" and pair.unpaired(toy, ipynb) == ""
    assert saved.cells[3].outputs[0].text == "step 2 of 2\nchapters/00_toy/weights ~/data\n"
    assert len(saved.cells[3].outputs) == 1 and saved.cells[5].outputs[0].data["text/plain"] == "0"
    assert [cell.id for cell in pair.read(toy).cells] == [cell.id for cell in saved.cells]

    assert done.result == home.root() / "book" / "results" / "cpu" / "toy.json"
    row = json.loads(done.result.read_text(encoding="utf-8"))
    assert row["seconds"] == done.seconds and row["peak_mb"] == done.peak_mb


def test_a_cell_that_raises(toy):
    with_cell(toy, "raise ValueError('block size 5 does not divide 64')")
    with pytest.raises(ChapterFailed, match="failed in 'Measure': ValueError: block size") as error:
        run_chapter(toy, "cpu", save=True, say=lambda text: None)
    assert "1 raise ValueError('block size 5" in error.value.traceback
    assert not toy.with_suffix(".ipynb").exists()


def test_a_kernel_that_is_killed_for_memory(toy):
    with_cell(toy, "import signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ChapterFailed, match="died in 'Measure': killed, as a system does that"):
        run_chapter(toy, "cpu", say=lambda text: None)


def test_a_plain_script_runs_too(toy, tmp_path):
    environment = os.environ | {"ARLEARN_RESULTS": str(tmp_path / "r"), "ARLEARN_TIER": "cpu"}
    subprocess.run([sys.executable, toy], check=True, env=environment, capture_output=True)
    assert (tmp_path / "r" / "cpu" / "toy.json").exists()


def test_where_results_go(toy, monkeypatch, tmp_path):
    assert runner.results() == home.root() / ".arlearn" / "results"
    assert runner.results(save=True) == home.root() / "book" / "results"
    monkeypatch.setenv("ARLEARN_RESULTS", str(tmp_path / "here"))
    assert runner.results() == tmp_path / "here"
    assert runner.results(save=True) == home.root() / "book" / "results"


def test_measured_follows_the_code(toy):
    result = runner.results() / "cpu" / "toy.json"
    assert not runner.measured(toy, "cpu")
    home.write_json(result, {"source_sha256": runner.source_sha256(toy)})
    assert runner.measured(toy, "cpu") and not runner.measured(toy, "gpu")
    with_cell(toy, "more = 1")
    assert not runner.measured(toy, "cpu")


def test_chapters_are_found_by_slug_stem_and_path(toy):
    long = toy.with_name("34_fast_dllm_v2.py")
    long.write_text("", encoding="utf-8")
    assert runner.chapters() == [toy, long]
    assert runner.find("toy") == runner.find("01_toy") == runner.find(toy) == toy
    assert runner.find("fast-dllm-v2") == long


def test_an_order_drawn_from_a_text(toy):
    written = [toy.with_name(f"{n:02}_c.py") for n in range(20)]
    first, again, other = (runner.shuffled(written, text) for text in ("ab", "ab", "cd"))
    assert first == again != other and sorted(first) == sorted(other) == written
    assert runner.shuffled(written, "") == written


def test_what_cannot_be_run_is_said(toy):
    with pytest.raises(ValueError, match="tier tpu is none of smoke, cpu, gpu"):
        run_chapter(toy, "tpu")
    with pytest.raises(ValueError, match="save the outputs of cpu or gpu"):
        run_chapter(toy, "smoke", save=True)
