"""How speed is measured: rivals take turns in one run, and the ratio of their best rounds counts.

What a machine does beside the bench slows single rounds, never speeds one up; so the best of
several interleaved rounds is the figure that another machine can be held to.
"""

import json
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch

from arlearn import home

sys.path.insert(0, str(Path(__file__).parent))  # for yardstick.py and peers.py
if type(home.__spec__.loader).__name__ == "_JaxtypingLoader":
    raise pytest.UsageError("shapes are being checked, which takes time; run `make bench`")

PEERS = ("transformers", "x-transformers", "vector-quantize-pytorch")


@dataclass
class Results:
    """What was measured, row by row, and the curves; written as book/results/bench.json."""

    rows: list[dict] = field(default_factory=list)
    curves: list[dict] = field(default_factory=list)

    def race(self, group, name, arms, *, goal, rounds, unit, per=1.0) -> None:
        """Time the arms in turns; `ours` is the first. `per` is what one call does, in `unit`s.

        A goal is a ratio to each peer: the slowest ratio decides.
        """
        seconds = interleaved(arms, rounds)
        ours, *peers = [{"name": arm, "value": seconds[arm] / per} for arm in arms]
        ratios = [peer["value"] / ours["value"] for peer in peers]
        for peer, ratio in zip(peers, ratios, strict=True):
            peer["ratio"] = ratio
        row = {"group": group, "name": name, "unit": unit, "ours": ours["value"], "peers": peers}
        row |= {"ratio": min(ratios, default=None), "goal": goal}
        row["met"] = None if row["ratio"] is None else row["ratio"] >= goal
        self.tell(row)

    def tell(self, row: dict) -> None:
        """Keep a row and print it."""
        self.rows.append(row)
        ratio = "no peer" if row["ratio"] is None else f"{row['ratio']:.2f} (goal {row['goal']})"
        peers = ", ".join(f"{one['name']} {one['value']:.4g}" for one in row["peers"])
        print(f"\n{row['group']}, {row['name']}: {ratio}; ours {row['ours']:.4g} {row['unit']}; "
              f"{peers}", flush=True)  # fmt: skip


def interleaved(arms: dict, rounds: int) -> dict[str, float]:
    """The best time of each arm in seconds; in every round each arm runs once."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    clock = time.process_time if one_thread() else time.perf_counter
    for turn in range(rounds + 1):
        for name, work in arms.items():
            began = clock()
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn:  # the first round sets up kernels and memory
                found[name].append(clock() - began)
    return {name: min(times) for name, times in found.items()}


def one_thread() -> bool:
    """One thread's own seconds can be told from those of whatever else the machine does."""
    return torch.get_num_threads() == 1 and not torch.cuda.is_available()


def described() -> dict:
    """The machine and the versions that a result belongs to."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    cores = f"CPU ({platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads)"
    cores += ", seconds of this process alone" if one_thread() else ""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else cores
    return {"device": device, "versions": found}


def joined(path: Path, found: Results) -> dict:
    """What is written: this session's rows, and those it left out, if they come from the same
    machine and the same versions."""
    told = described() | {"rows": found.rows, "curves": found.curves}
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if all(old.get(key) == told[key] for key in ("device", "versions")):
        new = {(row["group"], row["name"]) for row in found.rows}
        kept = [row for row in old["rows"] if (row["group"], row["name"]) not in new]
        told["rows"] = [*kept, *found.rows]
        told["curves"] = found.curves or old["curves"]
    return told


@pytest.fixture(scope="session")
def results():
    """Rows of this session; written at its end."""
    found = Results()
    yield found
    if found.rows:
        path = home.root() / "book" / "results" / "bench.json"
        home.write_json(path, joined(path, found))
        print(f"\nwritten to {path.relative_to(home.root())}")


@pytest.fixture(scope="session", autouse=True)
def threads():
    """As many threads as the caller allows, or as many as there are cores."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
