"""What the tests of the book share: the site as it was built, and how its pages are read."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reader import Reader

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "book" / "_build" / "html"


@pytest.fixture(scope="session")
def book_module():
    """A function that imports a module of the book's folder by its name, as build.py does."""
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "book"))
    yield importlib.import_module
    sys.path[:] = before


@pytest.fixture(scope="session")
def site():
    """The built site; built now where that is asked for."""
    if os.environ.get("ARLEARN_BOOK_TEST") == "1":
        began = time.perf_counter()
        command = [sys.executable, str(ROOT / "book" / "build.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.perf_counter() - began < 180, "the book takes longer than 3 minutes"
    if not (SITE / "intro.html").exists():
        pytest.skip("no book is built; `make book`, or ARLEARN_BOOK_TEST=1, does")
    return {path: Reader(path.read_text(encoding="utf-8")) for path in SITE.rglob("*.html")
            if "_static" not in path.parts}  # fmt: skip
