"""The command line: what it says, the status it leaves, and errors as one sentence."""

import re
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arlearn import catalog, cli, home, runner


@pytest.fixture
def invoke(monkeypatch):
    """Run the command line on a wide screen; answers (exit status, output with errors)."""
    for console in (cli.out, cli.err):
        monkeypatch.setattr(console, "_width", 300)

    def call(*words):
        done = CliRunner().invoke(cli.app, list(words))
        return done.exit_code, done.output

    return call


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """An empty repository that `home` takes for its own, with the real catalog."""
    catalog.papers()
    for folder in ("chapters/00_toy", "datasets", "arlearn"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(home, "PACKAGE", tmp_path / "arlearn")
    monkeypatch.delenv("ARLEARN_RESULTS", raising=False)
    return tmp_path


def chapter(repository, name, code="1"):
    """A chapter in the empty repository; nothing runs it here."""
    py = repository / "chapters" / "00_toy" / f"{name}.py"
    py.write_text(f"# %%\n{code}\n", encoding="utf-8")
    return py


def run_as_recorded(monkeypatch, failing=()):
    """Let `run_chapter` only note what it was asked for, and write what a claim would."""
    asked = []

    def run_chapter(py, tier=None, save=False, *, say, hint):
        asked.append(py.stem)
        if py.stem in failing:
            raise runner.ChapterFailed(f"the kernel of {py.name} died in 'Train': killed", "line 1")
        result = runner.results(save) / tier / f"{runner.slug(py)}.json"
        part = catalog.Part("passes", "network evaluations", "20x", "passes", "lower", factor=8.0)
        here = {"method": 4.0, "baseline": 64.0, "spread": None, "ratio": 16.0, "note": ""}
        part = asdict(part) | here | {"verdict": "reproduced", "reason": ""}
        row = {"slug": runner.slug(py), "tier": tier, "verdict": "in part", "parts": [part]}
        row |= {"equal": "steps", "seeds": [0], "device": "CPU", "seconds": 41.5}
        home.write_json(result, row | {"source_sha256": runner.source_sha256(py)})
        return runner.Run(py, tier, 41.5, 812, result, None)

    monkeypatch.setattr(runner, "run_chapter", run_chapter)
    return asked


def test_list_shows_every_chapter_in_order(invoke):
    status, text = invoke("list")
    slugs = [entry.slug for entry in (*catalog.lessons(), *catalog.papers())]
    found = re.findall(r"^ *\d+ +([\w-]+) ", text, re.MULTILINE)
    assert status == 0 and found == slugs and len(slugs) == 5 + 58


def test_list_of_what_is_done(invoke, repository):
    assert not re.search(r"^ *\d", invoke("list", "--done")[1], re.MULTILINE)
    (repository / "chapters" / "03_next_x").mkdir()
    (repository / "chapters" / "03_next_x" / "18_var.py").write_text("", encoding="utf-8")
    lines = [line.split() for line in invoke("list", "--done")[1].splitlines()]
    assert [line[1] for line in lines if line[0] == "18"] == ["var"]
    assert len([line for line in lines if line[0].isdigit()]) == 1


def test_an_unknown_chapter_gets_the_nearest_name(invoke):
    status, text = invoke("run", "vra")
    assert status == 2 and text == "no chapter is called 'vra'; did you mean 'var'?\n"


def test_a_paper_without_chapter(invoke, repository):
    status, text = invoke("run", "tidar")
    assert (
        status == 2 and text.startswith("the chapter on tidar (TiDAR") and "Traceback" not in text
    )


def test_traceback_on_request(repository):
    done = CliRunner().invoke(cli.app, ["--traceback", "run", "vra"])
    assert isinstance(done.exception, LookupError)


def test_run_says_what_was_measured(invoke, repository, monkeypatch):
    chapter(repository, "18_toy")
    run_as_recorded(monkeypatch)
    status, text = invoke("run", "toy", "--tier", "cpu")
    assert status == 0 and "18_toy.py: 42 s, 812 MB at most" in text
    assert "toy: in part" in text
    assert "4 against 64 passes (16x better, 8x expected); paper: 20x" in text
    assert "18_toy.ipynb" in text and not (repository / "book").exists()


def test_run_builds_the_book_and_says_where(invoke, repository, monkeypatch):
    chapter(repository, "18_toy")
    run_as_recorded(monkeypatch)
    (repository / "book").mkdir()
    build = repository / "book" / "build.py"
    build.write_text("from pathlib import Path\nPath(__file__).with_name('built').touch()\n")
    status, text = invoke("run", "toy", "--tier", "cpu", "--book")
    assert status == 0 and (repository / "book" / "built").exists()
    assert text.splitlines()[-1].endswith("book/_build/html/index.html")
    build.write_text("raise SystemExit(3)\n")
    assert invoke("run", "toy", "--tier", "cpu", "--book")[0] == 1


def test_run_that_fails_shows_the_cell(invoke, repository, monkeypatch):
    chapter(repository, "18_toy")
    run_as_recorded(monkeypatch, failing=["18_toy"])
    status, text = invoke("run", "toy", "--tier", "cpu")
    assert status == 1 and text.splitlines()[-2:] == [
        "line 1", "the kernel of 18_toy.py died in 'Train': killed"
    ]  # fmt: skip


def test_ctrl_c_is_said(invoke, repository, monkeypatch):
    chapter(repository, "18_toy")

    def interrupted(*_, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_chapter", interrupted)
    assert invoke("run", "toy") == (130, "stopped; what was running is not saved\n")


def test_claims_go_on_after_a_failure_and_skip_what_is_unchanged(invoke, repository, monkeypatch):
    for name in ("01_a", "02_b", "03_c"):
        chapter(repository, name)
    asked = run_as_recorded(monkeypatch, failing=["02_b"])
    status, text = invoke("claims", "--tier", "cpu")
    assert status == 1 and asked == ["01_a", "02_b", "03_c"]
    assert "failed: the kernel of 02_b.py died" in text.splitlines()[-1]
    asked.clear()
    chapter(repository, "03_c", code="2")
    assert invoke("claims", "--tier", "cpu")[0] == 1 and asked == ["02_b", "03_c"]
    asked = run_as_recorded(monkeypatch)
    assert invoke("claims", "--tier", "cpu")[0] == 0 and asked == ["02_b"]
    assert invoke("claims", "--tier", "cpu")[1].startswith("0 of 3 chapters to run")
    assert invoke("claims", "--tier", "cpu", "--all")[0] == 0 and len(asked) == 4


def test_claims_in_an_order_and_for_a_time(invoke, repository, monkeypatch):
    written = [chapter(repository, f"{n:02}_c") for n in range(12)]
    asked = run_as_recorded(monkeypatch)
    invoke("claims", "--tier", "cpu", "--all", "--shuffle", "abc")
    assert asked == [py.stem for py in runner.shuffled(written, "abc")] != sorted(asked)
    asked.clear()
    status, text = invoke("claims", "--tier", "cpu", "--all", "--minutes", "-1")
    assert status == 0 and asked == [] and "12 chapters not run" in text


def test_zoo(invoke, monkeypatch):
    from arlearn import zoo

    def verify(name):
        if name == "bad":
            raise ValueError("bad.safetensors is not the file that was recorded")
        value = 0.98 if name == "good" else 0.5
        return zoo.Check(name, "test accuracy", 0.97, value, value > 0.9, name == "good")

    monkeypatch.setattr(zoo, "names", lambda: ["good", "large", "bad", "worse"])
    monkeypatch.setattr(zoo, "verify", verify)
    monkeypatch.setattr(zoo, "shipped", lambda name: name != "large")
    status, text = invoke("zoo", "verify")
    assert status == 1 and text.splitlines() == [
        "OK good: test accuracy 0.98, recorded 0.97",
        "bad.safetensors is not the file that was recorded",
        "out of bounds worse: test accuracy 0.5, recorded 0.97; its recipe has changed since",
    ]
    monkeypatch.setattr(zoo, "names", lambda: ["good"])
    assert invoke("zoo", "verify")[0] == 0


def test_zoo_list_and_train(invoke, monkeypatch):
    from arlearn import zoo

    status, text = invoke("zoo", "list")
    assert status == 0 and re.search(r"^ *digits-classifier +Reads", text, re.MULTILINE)
    assert re.search(r"^ *scenes32-vq .* made at the gpu tier", text, re.MULTILINE)
    assert "no weights yet" not in text
    assert invoke("train", "digit-classifier")[1].count("did you mean digits-classifier?") == 1
    trained = []
    monkeypatch.setattr(zoo, "train", trained.append)
    assert invoke("train", "good")[1].startswith("good trained in 0 s")
    assert invoke("zoo", "train", "better")[0] == 0 and trained == ["good", "better"]


def test_doctor(invoke, repository, monkeypatch):
    monkeypatch.setenv("ARLEARN_TIER", "cpu")
    status, text = invoke("doctor")
    assert status == 0 and "tier  cpu (ARLEARN_TIER), device cpu" in text
    monkeypatch.setenv("ARLEARN_TIER", "tpu")
    status, text = invoke("doctor")
    assert status == 1 and "ARLEARN_TIER=tpu is no tier" in text


def test_lab_starts_in_the_repository(invoke, repository, monkeypatch):
    started = []
    monkeypatch.setattr(cli.os, "execv", lambda path, words: started.extend(words))
    assert invoke("lab", "--ip=0.0.0.0", "--no-browser")[0] == 0
    assert started[:3] == [sys.executable, "-m", "jupyterlab"]
    assert started[3] == f"--ServerApp.root_dir={repository}"
    assert started[-2:] == ["--ip=0.0.0.0", "--no-browser"]
    assert (repository / "course.ipynb").exists()
    status, text = invoke("lab", "nothing.ipynb")
    assert status == 2 and text == "there is no nothing.ipynb to open\n"


def test_an_exercise_is_written_once(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("ARLEARN_EXERCISES", str(tmp_path))
    status, text = invoke("exercise", "18.2")
    copy = tmp_path / "18_2.ipynb"
    assert status == 0 and text == f"Open it with `arlearn lab {copy}`\n" and copy.exists()
    status, text = invoke("exercise", "18.2")
    assert status == 2 and text.startswith(f"{copy} is there already") and text.count("\n") == 1
    status, text = invoke("exercise", "18.9")
    assert status == 2 and "did you mean 18.3" in text


def test_progress_is_shown(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("ARLEARN_HOME", str(tmp_path))
    home.write_json(tmp_path / "solved.json", {"18.2": "2026-03-14"})
    lines = [line.split() for line in invoke("list")[1].splitlines()]
    (var,) = [line for line in lines if line[:2] == ["18", "var"]]
    assert var[-3:] == ["1", "of", "3"]
    rows = [line.split() for line in invoke("exercise")[1].splitlines()]
    assert ["18.1", "VAR"] in rows and ["18.2", "VAR", "2026-03-14"] in rows
    (tmp_path / "solved.json").write_text("{")
    status, text = invoke("list")
    assert status == 2 and "delete it to begin anew" in text
