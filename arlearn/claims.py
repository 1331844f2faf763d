"""What a chapter measured, held against what its paper claims."""

import math
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import torch

from arlearn import catalog, home
from arlearn.catalog import Chapter, Part
from arlearn.frontier import Point, stored
from arlearn.metrics.spread import mean_spread

REPRODUCED, DIRECTION, NOT, SMOKE = "reproduced", "direction only", "not at this scale", "smoke"
BEGAN = time.perf_counter()


@dataclass(frozen=True)
class Measured:
    """What was measured for one part of a claim.

    Attributes:
        method: the paper's method; None where this tier cannot measure it (say why in `reason`).
        baseline: what it is compared with; parts with a target need none.
        spread: standard deviation over seeds, of the difference or of (method, baseline).
        reason: why the part does not hold at this scale; needed only where it does not.
        note: what a reader of the row should know (where the numbers come from, how many samples).

    Raises:
        ValueError: a number is infinite or not a number.
    """

    method: float | None
    baseline: float | None = None
    spread: float | tuple[float, float] | None = None
    reason: str = ""
    note: str = ""

    def __post_init__(self):
        spread = self.spread if isinstance(self.spread, tuple) else (self.spread,)
        for what, value in (("method", self.method), ("baseline", self.baseline),
                            *(("spread", part) for part in spread)):  # fmt: skip
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{what} is {value}; give a finite number, or method=None where "
                                 "the part cannot be measured at this tier")  # fmt: skip

    @classmethod
    def over(
        cls, method: Sequence[float], baseline: Sequence[float], *, reason="", note=""
    ) -> "Measured":
        """Means over seeds, one number each, with their standard deviations.

        Raises:
            ValueError: a side without numbers.
        """
        if not method or not baseline:
            raise ValueError(f"{len(method)} and {len(baseline)} numbers; give one a seed at least")
        sides = method, baseline
        spread = tuple(mean_spread(some).deviation if len(some) > 1 else 0.0 for some in sides)
        means = [sum(some) / len(some) for some in sides]
        return cls(*means, spread if any(spread) else None, reason, note)

    @property
    def noise(self) -> float:
        """Standard deviation of the difference; that of two independent runs is sqrt(a² + b²)."""
        if isinstance(self.spread, tuple):
            return math.hypot(*self.spread)
        return self.spread or 0.0


def improvement(part: Part, measured: Measured) -> float | None:
    """How many times better the method is: baseline / method where lower is better, else inverse.

    None where that says nothing: a value is missing or negative, or both are 0.
    """
    method, baseline = measured.method, measured.baseline
    if method is None or baseline is None or min(method, baseline) < 0 or method == baseline == 0:
        return None
    above, below = (baseline, method) if part.better == "lower" else (method, baseline)
    return above / below if below else math.inf


def judge(part: Part, measured: Measured) -> str:
    """`reproduced`, `direction only` or `not at this scale`, by the part's rule.

    With gain = baseline - method where lower is better, else method - baseline:
    a target is reached or not; a margin allows gain >= -margin |baseline|; all else needs
    gain > noise, and `reproduced` also improvement >= factor, if there is one.

    Raises:
        ValueError: the part needs a baseline and has none.
    """
    sign = 1 if part.better == "higher" else -1
    if measured.method is None:
        return NOT
    if part.target is not None:
        return REPRODUCED if sign * (measured.method - part.target) >= 0 else NOT
    if measured.baseline is None:
        raise ValueError(f"part {part.name} is a comparison; give Measured(…, baseline=…)")
    gain = sign * (measured.method - measured.baseline)
    if part.margin is not None:
        allowed = part.margin * abs(measured.baseline) * (1 + 1e-9)  # 0.95 of 1.0 is 5% worse
        return REPRODUCED if gain >= -allowed else NOT
    if gain <= measured.noise:
        return NOT
    enough = part.factor is None or (improvement(part, measured) or 0) >= part.factor
    return REPRODUCED if enough else DIRECTION


def overall(verdicts: list[str]) -> str:
    """A row's verdict: `reproduced` when every part is, `in part` when some are, else not."""
    if SMOKE in verdicts:
        return SMOKE
    if all(verdict == REPRODUCED for verdict in verdicts):
        return REPRODUCED
    return "in part" if REPRODUCED in verdicts else NOT


def claim(
    slug: str,
    measured: Mapping[str, Measured],
    *,
    equal: str | dict[str, Any],
    seeds: Sequence[int],
    frontier: Sequence[Point] = (),
    quality: str = "",
    seconds: float | None = None,
    write: bool | None = None,
) -> Any:
    """Judge what was measured, write it to the results, and return the card that shows it.

    `equal` says what method and baseline had in common. `frontier` are the chapter's samplers as
    points, `quality` what their share is of (see `arlearn.frontier`). `seconds` is the run's
    wall-clock time, this process's unless given. At the smoke tier nothing is judged, and nothing
    written unless `write`. Results go to `ARLEARN_RESULTS`, else .arlearn/results, as
    `<tier>/<slug>.json`.

    Raises:
        LookupError: no chapter is called so, or the parts are not those of the catalog.
        ValueError: a part that does not hold has no reason; what was held equal is not said.
        AssertionError: a counted part does not hold (after the card is shown and the file written).
    """
    from arlearn.show.claim_card import ClaimCard, shown

    chapter, tier = catalog.chapter(slug), home.tier()
    if not equal:
        raise ValueError(f"claim {slug!r}: say what method and baseline had in common (equal=…)")
    _complete(chapter, measured)
    parts = [_judged(part, measured[part.name], tier) for part in chapter.parts]
    verdict = overall([part["verdict"] for part in parts])
    row = {"slug": slug, "tier": tier, "verdict": verdict, "parts": parts, "equal": equal}
    if frontier:
        row["frontier"] = stored(frontier, quality)
    card = ClaimCard(row | {"seeds": [*map(int, seeds)]} | _circumstances(chapter, seconds))
    missed = [part for part in parts if part["verdict"] == NOT]
    failed = [p["name"] for p in missed if p["asserted"] and p["method"] is not None]
    silent = [p["name"] for p in missed if not p["reason"] and p["name"] not in failed]
    shown(card, always=bool(failed or silent))
    if silent:
        raise ValueError(f"claim {slug!r}: {', '.join(silent)} did not hold; say why: "
                         "Measured(…, reason=…)")  # fmt: skip
    if write or (write is None and tier != SMOKE):
        home.write_json(results() / tier / f"{slug}.json", card.row)
    if failed:
        raise AssertionError(f"claim {slug!r}: {', '.join(failed)} is counted and did not hold; "
                             "the card above has the numbers")  # fmt: skip
    return card


def results() -> Path:
    """Where `claim` writes: the folder `ARLEARN_RESULTS`, else .arlearn/results."""
    named = os.environ.get("ARLEARN_RESULTS")
    return Path(named).expanduser() if named else home.root() / ".arlearn" / "results"


def _complete(chapter: Chapter, measured: Mapping[str, Measured]) -> None:
    names = [part.name for part in chapter.parts]
    missing = [name for name in names if name not in measured]
    unknown = [name for name in measured if name not in names]
    if missing or unknown:
        said = [f"{', '.join(found)} {what}" for found, what in
                ((missing, "missing"), (unknown, "not in the catalog")) if found]  # fmt: skip
        raise LookupError(f"claim {chapter.slug!r}: {'; '.join(said)}; its parts are "
                          f"{', '.join(names)}")  # fmt: skip


def _judged(part: Part, measured: Measured, tier: str) -> dict[str, Any]:
    verdict = SMOKE if tier == SMOKE else judge(part, measured)
    ratio, spread = improvement(part, measured), measured.spread
    return asdict(part) | {
        "method": _plain(measured.method),
        "baseline": _plain(measured.baseline),
        "spread": [*map(float, spread)] if isinstance(spread, tuple) else _plain(spread),
        "ratio": None if ratio is None or math.isinf(ratio) else _plain(ratio),
        "verdict": verdict,
        "reason": "" if verdict == REPRODUCED else measured.reason,
        "note": measured.note,
    }


def _plain(value: float | None) -> float | None:
    return None if value is None else float(value)


def _circumstances(chapter: Chapter, seconds: float | None) -> dict[str, Any]:
    import resource

    from arlearn.runner.pair import source_sha256

    unit = 2**20 if sys.platform == "darwin" else 2**10
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    return {
        "device": _device(),
        "versions": versions | {"numpy": numpy.__version__},
        "seconds": round(_since_start() if seconds is None else seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit,
        "source_sha256": source_sha256(chapter.chapter) if chapter.chapter else None,
    }


def _device() -> str:
    if home.device() == "cuda":
        return torch.cuda.get_device_name()
    free = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    return f"CPU, {len(free)} cores"


def _since_start() -> float:
    """Seconds since this process began, where the system tells; else since this import."""
    try:
        fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.perf_counter() - BEGAN
    return uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
