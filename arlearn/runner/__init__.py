"""Running a chapter: its source executed in a kernel of its own, watched, measured, and saved."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arlearn import home
from arlearn.runner import pair
from arlearn.runner.kernel import ChapterFailed, Watch, execute
from arlearn.runner.pair import source_sha256, stale

__all__ = ["ChapterFailed", "Run", "find", "results", "run_chapter", "source_sha256", "stale"]


@dataclass(frozen=True)
class Run:
    """What one execution gave; `result` is the file its claim wrote, None if it made no claim."""

    chapter: Path
    tier: str
    seconds: float
    peak_mb: int
    result: Path | None
    notebook: Any


def chapters() -> list[Path]:
    """The sources of all chapters that are written, in the order of the course."""
    return sorted((home.root() / "chapters").glob("*/[0-9]*_*.py"))


def slug(chapter: Path) -> str:
    """The name a chapter's result goes by: 18_var.py is var, 34_fast_dllm_v2.py fast-dllm-v2."""
    return re.sub(r"^[0-9]+_", "", chapter.stem).replace("_", "-")


def find(name: str | Path) -> Path:
    """The source of a chapter, from a paper's slug (`var`), a file's stem (`18_var`) or a path.

    Raises:
        FileNotFoundError: the paper has no chapter yet.
        LookupError: no chapter and no paper is called so.
    """
    named = Path(name).with_suffix(".py")
    if named.is_file():
        return named.resolve()
    written = {known: chapter for chapter in chapters() for known in (slug(chapter), chapter.stem)}
    if name in written:
        return written[name]
    from arlearn import catalog

    found = catalog.chapter(str(name))
    raise FileNotFoundError(f"the chapter on {found.slug} ({found.title}) is not written yet")


def shuffled(written: list[Path], text: str) -> list[Path]:
    """Chapters in an order drawn from a text (a commit's hash); as they stand if it is empty."""
    if not text:
        return written
    return sorted(written, key=lambda py: hashlib.sha256(f"{text}{py.stem}".encode()).digest())


def measured(chapter: Path, tier: str) -> bool:
    """Is there a result, of a saved run or of a plain one, for the chapter's code as it stands?"""
    from arlearn.catalog import result

    rows = [result(slug(chapter), tier, results(save)) or {} for save in (False, True)]
    return source_sha256(chapter) in [row.get("source_sha256") for row in rows]


def results(save: bool = False) -> Path:
    """Where claims go: book/results from a saved run, else where `arlearn.claim` writes them."""
    from arlearn import claims

    return home.root() / "book" / "results" if save else claims.results()


def run_chapter(
    name: str | Path,
    tier: str | None = None,
    save: bool = False,
    *,
    say: Callable[[str], None] = print,
    hint: Callable[[str], None] | None = None,
    cell_seconds: int = 1800,
) -> Run:
    """Execute a chapter with papermill in a kernel of its own.

    `say` hears each section as it begins, `hint` the latest line the kernel printed. A saved run
    writes its claim into book/results and, at the cpu tier, its outputs into the paired notebook.

    Raises:
        ValueError: there is no such tier, or smoke outputs were to be saved.
        LookupError, FileNotFoundError: there is no such chapter.
        ChapterFailed: a cell raised, ran longer than `cell_seconds`, or the kernel died.
    """
    tier = tier or home.tier()
    if tier not in home.TIERS:
        raise ValueError(f"tier {tier} is none of {', '.join(home.TIERS)}")
    if save and tier == "smoke":
        raise ValueError("nothing is learnt at the smoke tier; save the outputs of cpu or gpu")
    py, folder, began = find(name), results(save).resolve(), time.time()
    watch, notebook, sha256 = Watch(say, hint), pair.read(py), source_sha256(py)
    with _environment(ARLEARN_TIER=tier, ARLEARN_RESULTS=str(folder)):
        notebook, peak_mb = execute(notebook, py, watch, cell_seconds)
    seconds = watch.seconds
    notebook = pair.clean(notebook)
    if save and tier == "cpu":
        made = {"source_sha256": sha256, "tier": tier, "device": "cpu", "seconds": seconds}
        notebook.metadata["arlearn"] = made
        pair.write(notebook, py.with_suffix(".ipynb"))
        # JupyterLab refuses a pair whose notebook is the newer one.
        py.touch()
    result = _complete(folder / tier / f"{slug(py)}.json", began, seconds, peak_mb)
    return Run(py, tier, seconds, peak_mb, result, notebook)


def _complete(result: Path, began: float, seconds: float, peak_mb: int) -> Path | None:
    """A claim is written before its chapter ends: give it the whole time, and the peak."""
    # A second of grace, for file systems that keep whole seconds only.
    if not result.exists() or result.stat().st_mtime < began - 1:
        return None
    row = json.loads(result.read_text(encoding="utf-8"))
    home.write_json(result, row | {"seconds": seconds, "peak_mb": peak_mb})
    return result


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """These environment variables, for what is started in the block."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
