"""Turbofan engines that wear out: simulated runs in the format of C-MAPSS, with what is true."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.data.images import split_number

SETTINGS, SENSORS = 3, 21
LONGEST = 1000  # cycles; no simulated engine comes near
# Of each sensor: its reading on a healthy engine, what it gains until failure, its noise. Rounded
# figures of FD001; seven sensors say nothing, as there.
LAWS = np.array([
    (518.67, 0, 0), (642.4, 1.32, 0.3), (1587.0, 15.3, 4.0), (1402.9, 26.5, 4.0), (14.62, 0, 0),
    (21.61, 0, 0.001), (553.9, -2.5, 0.41), (2388.06, 0.18, 0.03), (9056.0, 43.0, 12.0),
    (1.3, 0, 0), (47.36, 0.81, 0.1), (521.9, -2.15, 0.3), (2388.06, 0.18, 0.03),
    (8137.0, 30.0, 9.0), (8.419, 0.104, 0.02), (0.03, 0, 0), (392.3, 4.05, 0.93), (2388.0, 0, 0),
    (100.0, 0, 0), (38.93, -0.5, 0.1), (23.36, -0.29, 0.06),
])  # fmt: skip
# Operating conditions: altitude (1000 ft), Mach number, throttle (%); the first is that of FD001.
CONDITIONS = ((0, 0, 100), (10, 0.25, 100), (20, 0.7, 100), (25, 0.62, 60), (35, 0.84, 100),
              (42, 0.84, 100))  # fmt: skip


@dataclass(frozen=True)
class Regime:
    """A phase of an engine's life: wear w follows w_t = level + pull (w_t-1 - level) + noise e_t.

    Attributes:
        level: where wear is drawn to; the engine fails when it first reaches 1.
        pull: the autoregressive coefficient, below 1; near 1 is slow.
        noise: standard deviation of the steps, e_t being a standard normal draw.
        shortest, longest: how many cycles the phase lasts, uniform; the last ends in failure.
    """

    level: float
    pull: float
    noise: float
    shortest: int
    longest: int


REGIMES = (
    Regime(0.0, 0.5, 0.030, 30, 130),
    Regime(0.22, 0.9, 0.012, 25, 75),
    Regime(0.55, 0.94, 0.022, 20, 60),
    Regime(1.25, 0.965, 0.020, LONGEST, LONGEST),
)


@dataclass(frozen=True, eq=False)
class Engines:
    """Runs of engines, one row a cycle, filled up with zeros to the longest run.

    Attributes:
        settings: three operating settings of each cycle.
        sensors: 21 sensor readings of each cycle.
        cycles: how many cycles of each engine were recorded.
        remaining: how many it had left after the last of them; 0 where it ran until failure.
        regimes: the true phase of each cycle, 0 the healthiest; -1 where it is not known.
    """

    settings: Float[Tensor, "n t 3"]
    sensors: Float[Tensor, "n t 21"]
    cycles: Int[Tensor, "n"]
    remaining: Int[Tensor, "n"]
    regimes: Int[Tensor, "n t"]

    def __len__(self) -> int:
        return len(self.cycles)

    @property
    def recorded(self) -> Bool[Tensor, "n t"]:
        """Which rows are cycles, and not filling."""
        return torch.arange(self.sensors.shape[1]) < self.cycles[:, None]

    def life(self) -> Int[Tensor, "n t"]:
        """The true remaining life after each recorded cycle: cycles - (t + 1) + remaining."""
        passed = torch.arange(1, self.sensors.shape[1] + 1)
        return ((self.cycles + self.remaining)[:, None] - passed) * self.recorded

    def first(self, n: int) -> "Engines":
        """The first n engines (all of them if there are fewer)."""
        t = int(self.cycles[:n].max())
        rows = (part[:n, :t] for part in (self.settings, self.sensors))
        return Engines(*rows, self.cycles[:n], self.remaining[:n], self.regimes[:n, :t])

    def text(self) -> str:
        """The runs as C-MAPSS has them: engine, cycle, settings and sensors, a row a cycle."""
        lines = []
        for k, run in enumerate(self.recorded):
            for t in range(int(run.sum())):
                values = torch.cat([self.settings[k, t], self.sensors[k, t]]).tolist()
                lines.append(f"{k + 1} {t + 1} " + " ".join(f"{value:.4f}" for value in values))
        return "\n".join(lines) + "\n"


def turbofan(
    split: str = "train", n: int = 100, *, seed: int = 0, conditions: int = 1, whole: bool = False
) -> Engines:
    """Simulated engines: four phases of wear, each an autoregressive process of its own.

    Sensor j reads healthy_j + gain_j w_t + noise_j e. Training engines run until failure, test
    engines stop at a random moment before it, from cycle 30 on. Engine k is the same for any n.

    Args:
        seed: another one gives other engines.
        conditions: operating conditions, 1 (as FD001) or 6 (as FD002); a flight is in one of them
            at random, and each shifts all sensors by far more than wear does.
        whole: let test engines run until failure too, to judge at every moment of their life.

    Raises:
        ValueError: an unknown split, fewer than 1 engine, or conditions other than 1 and 6.
    """
    test = split_number(split)
    if n < 1 or conditions not in (1, len(CONDITIONS)):
        raise ValueError(f"n={n}, conditions={conditions}: simulate 1 engine or more, under 1 or "
                         f"{len(CONDITIONS)} operating conditions")  # fmt: skip
    runs, left = [], []
    for k in range(n):
        random = np.random.default_rng((seed, test, k))
        wear, regime = _life(random)
        settings, sensors = _readings(wear, conditions, random)
        stop = int(random.integers(min(30, len(wear) - 1), len(wear)))  # drawn by all: same engines
        stop = stop if test and not whole else len(wear)
        runs.append((settings[:stop], sensors[:stop], regime[:stop]))
        left.append(len(wear) - stop)
    return gather(runs, left)


def gather(runs: list[tuple[np.ndarray, np.ndarray, np.ndarray]], left: list[int]) -> Engines:
    """Runs of different lengths, each (settings, sensors, regimes), as one `Engines`."""
    cycles = [len(run[0]) for run in runs]
    settings, sensors, regimes = (
        np.full((len(runs), max(cycles), *runs[0][i].shape[1:]), -1 if i == 2 else 0.0)
        for i in range(3)
    )
    for k, run in enumerate(runs):
        for held, part in zip((settings, sensors, regimes), run, strict=True):
            held[k, : len(part)] = part
    numbers = (torch.tensor(cycles), torch.tensor(left), torch.from_numpy(regimes).long())
    return Engines(torch.from_numpy(settings), torch.from_numpy(sensors), *numbers)


def _life(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Wear of one engine until it first reaches 1, and its phase, cycle by cycle."""
    ends = np.cumsum([random.integers(r.shortest, r.longest + 1) for r in REGIMES])
    wear, phases, now = [], [], 0.0
    for t in range(LONGEST):
        phase = int(np.searchsorted(ends, t, side="right"))
        regime = REGIMES[phase]
        now = regime.level + regime.pull * (now - regime.level) + regime.noise * random.normal()
        wear.append(now)
        phases.append(phase)
        if now >= 1:
            break
    return np.array(wear), np.array(phases)


def _readings(
    wear: np.ndarray, conditions: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Settings and sensors of one engine."""
    flown = random.integers(conditions, size=len(wear))
    about = np.array(CONDITIONS)[flown] + random.normal(size=(len(wear), 3)) * (0.002, 0.0003, 0)
    healthy, gain, noise = LAWS.T
    # each condition has its own place, the same for all engines; the first is FD001's
    away = np.random.default_rng(0).uniform(-0.3, 0.0, (len(CONDITIONS), SENSORS))
    away[0] = 0
    read = healthy * (1 + away[flown]) + gain * wear[:, None]
    return about.round(4), (read + noise * random.normal(size=read.shape)).round(4)
