"""What JupyterLab does with a chapter, in a real kernel: interrupt a cell, run all cells again,
solve an exercise. And two chapters at once, on one cache."""

import json
import multiprocessing
import os
from types import SimpleNamespace

import pytest

from arlearn import data
from arlearn.exercises import published

TOY = [
    """
import torch

import arlearn
from arlearn import decode
from arlearn.nets.language import LanguageModel
from arlearn.training import Batches, Recipe, fit

dice = lambda seed: torch.Generator().manual_seed(seed)
""",
    """
torch.manual_seed(0)
model = LanguageModel(5, 8, width=16, depth=1, heads=2)
texts = torch.randint(5, (64, 8), generator=dice(1))
history = fit(model, Batches(texts, size=8, seed=0), 5, progress=False)
print([f"{loss:.6f}" for loss in history.losses])
""",
    """
units, trace = decode.generate(model, batch=3, generator=dice(2))
print(units.tolist(), trace.evaluations)
""",
]

LONG = """
def under_way(step):
    if step == 3:
        print("three steps done", flush=True)
    return (texts[:8],)

before = model.embed.weight.detach().clone()
history = fit(model, under_way, 10**6, progress=False)
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel as JupyterLab starts it; `run(code)` answers (status, what the cell printed)."""
    from jupyter_client.manager import start_new_kernel

    home = tmp_path_factory.mktemp("home")
    own = {"OMP_NUM_THREADS": "1", "ARLEARN_TIER": "smoke", "ARLEARN_HOME": str(home)}
    manager, client = start_new_kernel(kernel_name="python3", env=os.environ | own)

    def run(code, interrupt_on=None):
        said = []

        def hear(message):
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
                if interrupt_on and interrupt_on in said[-1]:
                    manager.interrupt_kernel()
            elif message["msg_type"] == "error":
                said.append("{ename}: {evalue}".format(**message["content"]))

        reply = client.execute_interactive(code, output_hook=hear, timeout=60)
        return reply["content"]["status"], "".join(said)

    yield SimpleNamespace(run=run, home=home)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_running_all_cells_again_gives_the_same_numbers(kernel):
    first, again = ([kernel.run(cell) for cell in TOY] for _ in range(2))
    assert [status for status, _ in first] == ["ok"] * 3, first
    assert first == again and first[1][1].startswith("['1.") and first[2][1].endswith(" 8\n")


def test_an_interrupted_training_keeps_what_was_learned(kernel):
    kernel.run(TOY[0] + TOY[1])
    status, said = kernel.run(LONG, interrupt_on="three steps done")
    assert status == "ok" and "stopped after" in said and "of 1000000 steps" in said, said
    _, told = kernel.run(
        "print(history.interrupted, len(history.losses) >= 3, model.training,"
        " torch.equal(before, model.embed.weight))"
    )
    assert told == "True True False False\n"
    status, drawn = kernel.run(TOY[2])
    assert status == "ok" and drawn.endswith(" 8\n"), drawn


def test_the_published_solution_is_right_but_not_the_readers(kernel):
    exercise = published.find("18.1")
    status, said = kernel.run(exercise.solution.replace("\n\n", "\n\n\n"))
    assert (status, said.partition("\n")[0]) == ("ok", "18.1: right.")
    assert not (kernel.home / "solved.json").exists()


def test_the_readers_answer_is_kept(kernel):
    exercise = published.find("18.1")
    assert kernel.run(exercise.stub)[1].startswith("18.1: not tried yet.")
    wrong = 'arlearn.check("18.1", lambda sides: 0)'
    assert kernel.run(wrong)[0] == "error" and not (kernel.home / "solved.json").exists()
    own = exercise.solution.replace("def pairs", "def mine").replace(
        '"18.1", pairs', '"18.1", mine'
    )
    _, said = kernel.run(own)
    assert said.startswith("18.1: right. Solved in this chapter: 1 of 3.\n")
    days = json.loads((kernel.home / "solved.json").read_text())
    assert list(days) == ["18.1"]


def pixels(barrier, answers):
    """What one of two chapters gets that ask for the same data at the same moment."""
    barrier.wait(timeout=30)
    answers.put([float(data.digits(split).images.sum()) for split in ("train", "test")])


def test_two_chapters_at_once_share_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(2), context.Queue()
    chapters = [context.Process(target=pixels, args=(barrier, answers)) for _ in range(2)]
    for chapter in chapters:
        chapter.start()
    first, second = (answers.get(timeout=60) for _ in chapters)
    for chapter in chapters:
        chapter.join(timeout=60)
    assert first == second and first[0] > first[1] > 0
    assert [path.name for path in (tmp_path / "built").iterdir()] == ["digits-v1.npz"]
    assert first[1] == float(data.digits("test").images.sum())
