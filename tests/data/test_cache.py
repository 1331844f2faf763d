"""The cache: built once, whole at all times, rebuilt where it is damaged."""

import multiprocessing
import time

import numpy as np
import pytest

from arlearn.data.cache import cached


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    return tmp_path / "built"


def build():
    return {"x": np.arange(1000), "y": np.ones((2, 3), np.uint8)}


def must_not_build():
    raise AssertionError("built although the cache holds it")


def test_the_second_call_reads_what_the_first_built(folder):
    first = cached("toy", 1, {"side": 16, "seed": 0}, build)
    again = cached("toy", 1, {"seed": 0, "side": 16}, must_not_build)
    assert [path.name for path in folder.iterdir()] == ["toy-v1-seed0-side16.npz"]
    for key, array in first.items():
        assert np.array_equal(again[key], array) and again[key].dtype == array.dtype


@pytest.mark.parametrize(
    "other", [("toy2", 1, {"a": 1}), ("toy", 2, {"a": 1}), ("toy", 1, {"a": 2})]
)
def test_name_version_and_options_each_make_another_file(other, folder):
    cached("toy", 1, {"a": 1}, build)
    cached(*other, lambda: {"z": np.zeros(1)})
    assert len(list(folder.iterdir())) == 2
    assert set(cached("toy", 1, {"a": 1}, must_not_build)) == {"x", "y"}


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_a_damaged_file_is_built_again_and_says_so(folder, damage):
    cached("toy", 1, {}, build)
    path = folder / "toy-v1.npz"
    raw = bytearray(path.read_bytes())
    raw[60] ^= 0xFF
    damaged = {
        "truncated": bytes(raw[: len(raw) // 2]),
        "flipped": bytes(raw),
        "empty": b"",
        "foreign": b"not an archive",
    }
    path.write_bytes(damaged[damage])
    with pytest.warns(UserWarning, match=r"toy-v1.npz cannot be read .*; toy is built again"):
        again = cached("toy", 1, {}, build)
    assert np.array_equal(again["x"], np.arange(1000))
    assert np.array_equal(cached("toy", 1, {}, must_not_build)["x"], np.arange(1000))


def test_a_failing_builder_leaves_nothing_behind(folder):
    with pytest.raises(AssertionError, match="built although"):
        cached("toy", 1, {}, must_not_build)
    assert not folder.exists() or not list(folder.iterdir())


def slow_build():
    time.sleep(0.05)
    return {"x": np.full(200_000, 7)}


def read_often(barrier, answers):
    barrier.wait()
    answers.put(all((cached("race", 1, {}, slow_build)["x"] == 7).all() for _ in range(5)))


def test_processes_at_once_do_not_clash(folder):
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    workers = [context.Process(target=read_often, args=(barrier, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert [answers.get(timeout=60) for _ in workers] == [True] * 4
    for worker in workers:
        worker.join(timeout=60)
    assert [path.name for path in folder.iterdir()] == ["race-v1.npz"]


def test_options_that_make_no_file_name_get_a_sentence():
    with pytest.raises(ValueError, match="make no file name"):
        cached("toy", 1, {"path": "../up"}, build)
