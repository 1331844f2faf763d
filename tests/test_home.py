"""The tier, the folders, and files that are never half there."""

import hashlib
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
import torch

from arlearn import home


@pytest.fixture
def cuda(monkeypatch):
    """Pretend that CUDA is, or is not, there."""
    return lambda there: monkeypatch.setattr(torch.cuda, "is_available", lambda: there)


@pytest.mark.parametrize("named", ["smoke", "cpu", "gpu", " CPU ", "Smoke"])
def test_the_variable_names_the_tier(monkeypatch, named):
    monkeypatch.setenv("ARLEARN_TIER", named)
    assert home.tier() == named.strip().lower()


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_without_a_name_cuda_decides(monkeypatch, cuda, empty):
    monkeypatch.delenv("ARLEARN_TIER", raising=False)
    if empty is not None:
        monkeypatch.setenv("ARLEARN_TIER", empty)
    cuda(True)
    assert home.tier() == "gpu"
    cuda(False)
    assert home.tier() == "cpu"


def test_an_unknown_tier_is_refused(monkeypatch):
    monkeypatch.setenv("ARLEARN_TIER", "huge")
    with pytest.raises(ValueError, match="ARLEARN_TIER=huge is no tier.*smoke, cpu, gpu"):
        home.tier()


@pytest.mark.parametrize(
    ("named", "there", "device"),
    [("gpu", True, "cuda"), ("gpu", False, "cpu"), ("cpu", True, "cpu"), ("smoke", True, "cpu")],
)
def test_the_device_follows_the_tier(monkeypatch, cuda, named, there, device):
    monkeypatch.setenv("ARLEARN_TIER", named)
    cuda(there)
    assert home.device() == device


def test_the_root_holds_chapters_and_datasets():
    root = home.root()
    assert (root / "chapters").is_dir() and (root / "arlearn" / "home.py").is_file()


def test_a_package_without_its_repository_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(home, "PACKAGE", tmp_path / "site-packages" / "arlearn")
    with pytest.raises(FileNotFoundError, match="holds no chapters and datasets; clone"):
        home.root()


def test_the_data_folder_is_made_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "a" / "b"))
    folder = home.data_folder()
    assert folder == tmp_path / "a" / "b" and folder.is_dir()
    assert home.data_folder() == folder  # a second time it is there already


def test_the_data_folder_lies_in_the_repository_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("ARLEARN_DATA", raising=False)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "datasets").mkdir()
    monkeypatch.setattr(home, "PACKAGE", tmp_path / "arlearn")
    assert home.data_folder() == tmp_path / "datasets" / ".cache"


def test_a_tilde_is_the_users_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARLEARN_DATA", "~/data")
    assert home.data_folder() == tmp_path / "data"


def test_a_data_folder_that_cannot_be_made_says_why(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("ARLEARN_DATA", str(place))
        with pytest.raises(PermissionError, match="cannot be made .*; set ARLEARN_DATA"):
            home.data_folder()


def test_a_data_folder_that_cannot_be_written_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="is not writable; set ARLEARN_DATA"):
        home.data_folder()


def test_replacing_writes_the_whole_file_or_leaves_the_old_one(tmp_path):
    path = tmp_path / "deep" / "new.txt"
    with home.replacing(path) as scratch:
        scratch.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with pytest.raises(RuntimeError, match="half way"), home.replacing(path) as scratch:
        scratch.write_text("seco")
        raise RuntimeError("half way")
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path], "a scratch file was left behind"


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "state.txt"
    path.write_text("whole")
    code = """
import os, sys
from pathlib import Path
from arlearn.home import replacing
with replacing(Path(sys.argv[1])) as scratch:
    scratch.write_text("ha")
    os._exit(9)  # as SIGKILL does it: no clean-up runs
"""
    command = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(command, cwd=home.PACKAGE.parent, check=False).returncode == 9
    assert path.read_text() == "whole"


def test_two_writers_at_once_do_not_meet(tmp_path):
    path = tmp_path / "shared.bin"
    with home.replacing(path) as first:
        first.write_bytes(b"1" * 10)
        with home.replacing(path) as second:
            assert second != first and second.parent == first.parent == tmp_path
            second.write_bytes(b"2" * 10)
        assert path.read_bytes() == b"2" * 10
    assert path.read_bytes() == b"1" * 10


def test_the_scratch_keeps_the_suffix_and_the_file_can_be_read_by_all(tmp_path):
    path = tmp_path / "arrays.npz"
    with home.replacing(path) as scratch:
        assert scratch.suffix == ".npz"  # numpy would add one otherwise, and miss the scratch
        np.savez(scratch, x=np.arange(3))
    assert np.load(path, allow_pickle=False)["x"].tolist() == [0, 1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_json_is_readable_and_never_half_written(tmp_path):
    path = tmp_path / "result.json"
    home.write_json(path, {"name": "Fréchet", "parts": [1, 2.5, None]})
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Fréchet", "parts": [1, 2.5, None]}
    assert "Fréchet" in text and text.endswith("}\n") and "\n  " in text
    with pytest.raises(TypeError):
        home.write_json(path, {"tensor": torch.zeros(1)})
    assert path.read_text(encoding="utf-8") == text


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(b"abc")
    assert home.sha256(path) == hashlib.sha256(b"abc").hexdigest()
    assert home.sha256(path).startswith("ba7816bf8f01cfea")
