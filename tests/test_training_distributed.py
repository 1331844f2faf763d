"""`fit` under torchrun: two processes on one CPU learn what one process learns."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from arlearn import checkpoint, training
from arlearn.batches import drawer
from arlearn.distributed import Team
from arlearn.training import Batches, Recipe, fit

ROOT = Path(__file__).resolve().parent.parent
STEPS = 8
X = torch.arange(50) % 11
Y = (X * 5 + 3) % 11


class Model(nn.Module):
    """Blocks, tied weights, and an odd number of rows, which two processes cannot halve."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(11, 16)
        self.blocks = nn.ModuleList(nn.Linear(16, 16) for _ in range(2))
        self.out = nn.Linear(16, 11)
        self.out.weight = self.embed.weight
        self.noise = []

    def loss(self, x, y):
        self.noise.append(float(torch.rand(())))
        h = self.embed(x)
        for block in self.blocks:
            h = h + torch.tanh(block(h))
        return nn.functional.cross_entropy(self.out(h), y)


def drawn(step):
    """Batches from torch's global generator, without slices of their own."""
    index = torch.randint(len(X), (8,))
    return X[index], Y[index]


def run(draw=None, seed=0, progress=False, **options):
    """A short run: the model and its history."""
    model, draw = Model(seed), Batches(X, Y, size=8) if draw is None else draw
    recipe = Recipe(lr=1e-2, ema=0.9)
    return model, fit(model, draw, STEPS, recipe=recipe, every=4, progress=progress, **options)


def totals(model):
    """One number for each parameter."""
    return [x.detach().double().sum().item() for x in model.parameters()]


def report(folder, rank):
    """What one of two processes finds; run by `torchrun` on this file."""
    written = []
    training.save = lambda path, *rest: (written.append(path.name), checkpoint.save(path, *rest))
    path = folder / "two.safetensors"
    model, history = run(seed=rank, checkpoint=path, label="TWO", progress=True)
    found = {"losses": history.losses, "noise": model.noise, "weights": totals(model)}
    found["written"] = list(written)
    found["drawn"] = run(drawn)[1].losses
    found["resumed"] = run(checkpoint=path)[1].resumed_from
    found["stopped"] = len(run(lambda step: pressed(step, rank))[1].losses)
    with pytest.raises(ValueError, match="batch size 7 does not divide among 2 processes"):
        run(Batches(X, Y, size=7))

    # FSDP2 is for GPUs, but its slicing, gathering and averaging run on gloo as well.
    join = training.join
    training.join = lambda parallel, model: replace(join("ddp", model), kind="fsdp")
    model, history = run(checkpoint=folder / "sharded.safetensors")
    found["sharded"], found["kind"] = history.losses, type(model.out.weight).__name__
    return found


def pressed(step, rank):
    """Ctrl-C in the second process only."""
    if step == 3 and rank == 1:
        signal.raise_signal(signal.SIGINT)
    return X[:8], Y[:8]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes report, what they printed, and the folder they wrote to."""
    folder = tmp_path_factory.mktemp("two")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, __file__, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reports = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return reports, done.stdout, folder


def test_two_processes_learn_what_one_learns(two):
    model, history = run()
    for found in two[0]:
        assert found["losses"] == pytest.approx(history.losses, abs=1e-5)
        assert found["weights"] == pytest.approx(totals(model), abs=1e-4)
    first, second = two[0]
    assert first["losses"] == second["losses"] and first["weights"] == second["weights"]


def test_any_function_of_the_step_is_sliced(two):
    expected = run(drawn)[1].losses
    for found in two[0]:
        assert found["drawn"] == pytest.approx(expected, abs=1e-5)


def test_each_process_has_noise_of_its_own(two):
    first, second = (found["noise"] for found in two[0])
    assert len(first) == len(second) == STEPS and not set(first) & set(second)


def test_only_the_first_process_writes_and_prints(two):
    reports, printed, folder = two
    assert [found["written"] for found in reports] == [["two.safetensors"] * 2, []]
    lines = [line.split(",")[0] for line in printed.splitlines()]
    assert lines == [
        *(f"TWO: step {step}/{STEPS}" for step in range(1, STEPS + 1)),
        f"training: stopped after 4 of {STEPS} steps; pass checkpoint= to go on later",
    ]
    assert not list(folder.glob("*.lock")) and not list(folder.glob(".*tmp*"))


def test_ctrl_c_in_one_process_stops_both_at_the_same_step(two):
    assert [found["stopped"] for found in two[0]] == [4, 4]


def test_one_process_reads_what_two_wrote(two):
    reports, _, folder = two
    assert [found["resumed"] for found in reports] == [STEPS, STEPS]
    for name in ("two", "sharded"):
        model, history = run(checkpoint=folder / f"{name}.safetensors")
        assert history.resumed_from == STEPS and history.averaged
        assert totals(model) == pytest.approx(reports[0]["weights"], abs=1e-4)


def test_sharded_training_learns_the_same(two):
    expected = run()[1].losses
    for found in two[0]:
        assert found["kind"] == "DTensor"
        assert found["sharded"] == pytest.approx(expected, abs=1e-5)


def test_bad_arguments_get_a_sentence(monkeypatch):
    with pytest.raises(ValueError, match="'dp' is unknown"):
        run(parallel="dp")
    with pytest.raises(ValueError, match='parallel="ddp" needs .*torchrun --nproc-per-node 2'):
        run(parallel="ddp")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match='parallel="fsdp" shards a model over GPUs, .* on cpu'):
        run(parallel="fsdp")


def test_a_batch_that_cannot_be_sliced_is_refused():
    team = Team(torch.device("cpu"), "ddp", rank=0, world=2)
    for batch, shape in [(torch.zeros(3, 2), r"\(3, 2\)"), (torch.zeros(()), r"\(\)")]:
        draw = drawer(lambda step, batch=batch: (batch,), 0, team)
        with pytest.raises(ValueError, match=rf"shape {shape} does not divide among 2 processes"):
            draw(0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    (folder / f"{rank}.json").write_text(json.dumps(report(folder, rank)))
