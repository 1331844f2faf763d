"""Checkpoints of `fit`: what a killed run goes on from, and what is refused with a sentence."""

import json
import os
import resource
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from arlearn import checkpoint as checkpoints
from arlearn.training import Batches, Recipe, fit

ROOT = Path(__file__).resolve().parent.parent
STEPS, LONG = 20, 300
RECIPE = Recipe(lr=1e-2, ema=0.9, precision="fp32")


class Model(nn.Module):
    """Tied weights, dropout, buffers that learn, and a part that is frozen."""

    def __init__(self, seed=0, width=8):
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(7, width)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(0.3)
        self.frozen = nn.Linear(width, width).requires_grad_(False)
        self.out = nn.Linear(width, 7)
        self.out.weight = self.embed.weight

    def loss(self, x, y):
        h = self.dropout(self.frozen(self.norm(self.embed(x))))
        return nn.functional.cross_entropy(self.out(h), y)


def batches(size=6, seed=0):
    x = torch.arange(25) % 7
    return Batches(x, (x * 3 + 1) % 7, size=size, seed=seed)


class Stopped(Exception):
    """Stands for whatever ends a run between two checkpoints."""


def quiet(model, draw=None, steps=STEPS, recipe=RECIPE, every=3, **options):
    draw = batches() if draw is None else draw
    return fit(model, draw, steps, recipe=recipe, every=every, progress=False, **options)


def until(last):
    """Batches that end the run when step `last` is asked for; the first is left readable."""

    def draw(step):
        if step == last:
            raise Stopped
        return batches()(step)

    return draw


def assert_same(a, b):
    a, b = a.state_dict(), b.state_dict()
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.fixture
def stopped(path):
    """A checkpoint after 9 of 20 steps."""
    with pytest.raises(Stopped):
        quiet(Model(), until(10), checkpoint=path)
    return path


def test_killed_with_sigkill_and_started_again_ends_bit_identical(path):
    """The child saves after every step and dies at a moment that nobody chose."""
    seen = 10 + secrets.randbelow(90)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        for _ in range(seen):
            assert child.stdout.readline(), "the child ended before it was killed"
        child.kill()
    assert child.returncode == -9
    assert path.with_name(path.name + ".lock").exists()  # nobody was left to clean up

    resumed, whole = Model(seed=1), Model()
    history = quiet(resumed, steps=LONG, checkpoint=path, every=LONG)
    assert seen - 2 <= history.resumed_from < LONG  # the first batch is asked for once more
    assert history.losses == quiet(whole, steps=LONG).losses
    assert_same(resumed, whole)
    assert [x.name for x in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("last", [1, 3, 4, 9, 11, 14])
def test_resumed_runs_equal_whole_ones(path, last):
    """Stopped twice: in either half, at a checkpoint, between two, and before the first."""
    whole = Model()
    losses = quiet(whole).losses
    for stop in (last, last + 5):
        with pytest.raises(Stopped):
            quiet(Model(seed=5 if path.exists() else 0), until(stop), checkpoint=path)
    model = Model(seed=9)
    history = quiet(model, checkpoint=path)
    assert history.resumed_from == (last + 5) // 3 * 3
    assert history.losses == losses and history.averaged
    assert_same(model, whole)


def test_a_finished_run_returns_at_once(path):
    model, other = Model(), Model(seed=3)
    history = quiet(model, checkpoint=path)
    other.loss = lambda *batch: pytest.fail("nothing is left to learn")
    again = quiet(other, checkpoint=path)
    assert_same(model, other)
    assert again.resumed_from == STEPS and again.losses == history.losses
    assert again.averaged and not other.training and again.items_per_second == 0
    assert again.seconds == history.seconds


def test_a_chosen_precision_is_kept(path):
    with pytest.raises(Stopped):
        quiet(Model(), until(10), recipe=Recipe(), checkpoint=path)
    tensors, facts = checkpoints.read(path)
    assert facts["precision"] == "auto" and facts["chosen"] == "fp32"
    checkpoints.save(path, tensors, facts | {"chosen": "bf16"})
    assert quiet(Model(), recipe=Recipe(), checkpoint=path).precision == "bf16"


def test_the_file_is_plain_safetensors(stopped):
    with safe_open(stopped, framework="pt") as file:
        names, described = set(file.keys()), file.metadata()
    assert all(isinstance(value, str) for value in described.values())
    assert json.loads(described["facts"])["lr"] == 1e-2
    assert {"losses", "weights/embed.weight", "optimizer/exp_avg/embed.weight"} <= names
    assert not any("out.weight" in name for name in names)  # tied: stands there once
    assert not any(name.startswith(("average/", "optimizer/exp_avg/frozen")) for name in names)


@pytest.mark.parametrize("left", [0, 7, 100, 0.5, -1])
def test_a_truncated_file_is_refused(stopped, left):
    whole = stopped.read_bytes()
    stopped.write_bytes(whole[: int(left * len(whole)) if isinstance(left, float) else left])
    with pytest.raises(ValueError, match=r"run.safetensors is truncated or no safetensors file"):
        quiet(Model(), checkpoint=stopped)


def test_foreign_files_are_refused(path):
    path.write_bytes(b"PK\x03\x04" + bytes(range(256)) * 8)
    with pytest.raises(ValueError, match="no safetensors file .*; name another checkpoint="):
        quiet(Model(), checkpoint=path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="holds tensors but no run of fit; name another"):
        quiet(Model(), checkpoint=path)


def test_another_model_is_refused_and_left_alone(stopped):
    other = Model(width=16)
    before = other.embed.weight.clone()
    with pytest.raises(
        ValueError,
        match=r"embed.weight is float32 \(7, 8\) in the file and float32 \(7, 16\) in this model",
    ):
        quiet(other, checkpoint=stopped)
    assert torch.equal(other.embed.weight, before)
    more, less, half = Model(), Model(), Model().double()
    more.extra = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"extra.weight is missing in the file and float32"):
        quiet(more, checkpoint=stopped)
    less.frozen = nn.Identity()
    with pytest.raises(ValueError, match=r"frozen.bias is float32 .* and missing in this model"):
        quiet(less, checkpoint=stopped)
    with pytest.raises(ValueError, match=r"float32 .* and float64 .* in this model"):
        quiet(half, checkpoint=stopped)


def test_another_run_is_refused(stopped):
    with pytest.raises(ValueError, match=r"made with lr=0.01, this run asks for lr=0.02; go back"):
        quiet(Model(), recipe=replace(RECIPE, lr=2e-2), checkpoint=stopped)
    with pytest.raises(ValueError, match="made with steps=20, this run asks for steps=21"):
        quiet(Model(), steps=21, checkpoint=stopped)
    for draw in (batches(size=5), batches(seed=1)):
        with pytest.raises(ValueError, match="trained on other batches: the data, their order"):
            quiet(Model(), draw, checkpoint=stopped)


def test_one_run_at_a_time(path):
    with checkpoints.held(path), pytest.raises(BlockingIOError, match="by another run; wait until"):
        quiet(Model(), checkpoint=path)
    assert not list(path.parent.iterdir())
    quiet(Model(), checkpoint=path)
    assert [x.name for x in path.parent.iterdir()] == [path.name]


def test_what_killed_runs_leave_is_swept(path):
    """A lock nobody holds does not bar the way; half-written scratch files go, others stay."""
    path.with_name(path.name + ".lock").touch()
    path.with_name(f".{path.name}.abc.tmp.safetensors").touch()
    path.with_name(".other.safetensors.abc.tmp.safetensors").touch()
    quiet(Model(), checkpoint=path)
    left = sorted(x.name for x in path.parent.iterdir())
    assert left == [".other.safetensors.abc.tmp.safetensors", path.name]


def test_a_full_disk_names_the_path_and_keeps_the_last_checkpoint(stopped):
    before, limits = stopped.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    big = {"x": torch.zeros(1_000_000)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match=rf"{stopped} could not be written .*is untouched"):
            checkpoints.save(stopped, big, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert stopped.read_bytes() == before
    assert [x.name for x in stopped.parent.iterdir()] == [stopped.name]


def test_a_place_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "run.safetensors"
    asked = []
    with pytest.raises(OSError, match=rf"checkpoint {path} cannot be written .*name a checkpoint="):
        quiet(Model(), lambda step: asked.append(step), checkpoint=path)
    assert not asked


def test_state_that_is_no_tensor_is_refused(path):
    class Counting(nn.Linear):
        def get_extra_state(self):
            return {"count": 1}

    model = Model()
    model.counting = Counting(2, 2)
    with pytest.raises(TypeError, match="keeps counting._extra_state as dict; make it a buffer"):
        quiet(model, checkpoint=path)


def told(step):
    """Batches that say on stdout which step they are asked for."""
    print(step, flush=True)
    return batches()(step)


if __name__ == "__main__":
    torch.set_num_threads(1)
    quiet(Model(), told, steps=LONG, checkpoint=sys.argv[1], every=1)
