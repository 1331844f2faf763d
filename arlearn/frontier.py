"""Quality against tokens per network evaluation: the one form in which samplers are compared.

A sampler that draws more units per evaluation is faster and, as a rule, worse; what counts is how
much worse. Every chapter with a sampler says its points in this form, `claims.claim` stores them,
and a page of the book lays all of them over each other.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arlearn.ledger import TIERS, Row, ledger


@dataclass(frozen=True)
class Point:
    """One setting of one sampler.

    Attributes:
        sampler: its name within the chapter; points of one name are joined by a line.
        tokens_per_evaluation: units drawn (and kept) per pass of the network.
        quality: the share that an exact oracle or checker calls right, 0..1.
        spread: standard deviation of the quality, over seeds or by counting.

    Raises:
        ValueError: no name, a number that is not finite or not above 0, or no share.
    """

    sampler: str
    tokens_per_evaluation: float
    quality: float
    spread: float = 0.0

    def __post_init__(self):
        if not self.sampler.strip():
            raise ValueError("a point of the frontier needs the name of its sampler")
        if not (math.isfinite(self.tokens_per_evaluation) and self.tokens_per_evaluation > 0):
            raise ValueError(
                f"{self.sampler}: {self.tokens_per_evaluation} tokens per evaluation; give a "
                "finite number above 0, such as trace.steps' units over trace.evaluations"
            )
        if not 0 <= self.quality <= 1 or not 0 <= self.spread < math.inf:
            raise ValueError(
                f"{self.sampler}: quality {self.quality} ± {self.spread} must be a share in 0..1 "
                "with a spread of at least 0"
            )


def lines(points: Sequence[Point]) -> dict[str, list[Point]]:
    """The points of each sampler, from few tokens per evaluation to many; samplers as they came."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.sampler, []).append(point)
    return {
        name: sorted(some, key=lambda point: point.tokens_per_evaluation)
        for name, some in found.items()
    }


def stored(points: Sequence[Point], quality: str) -> dict[str, Any]:
    """What a result file holds of a frontier.

    Raises:
        ValueError: there are points, but it is not said what their quality is.
    """
    if points and not quality.strip():
        raise ValueError("say what the points' quality is: quality='share of tasks solved'")
    kept = [asdict(point) for some in lines(points).values() for point in some]
    return {"quality": quality, "points": kept}


def read(result: dict[str, Any]) -> list[Point]:
    """The points of a result file; none where its chapter says none."""
    return [Point(**point) for point in result.get("frontier", {}).get("points", [])]


def gathered(tier: str, folder: Path | None = None) -> list[tuple[Row, list[Point]]]:
    """Every chapter of the course whose result at this tier holds points, in reading order.

    Raises:
        ValueError: there is no such tier.
    """
    if tier not in TIERS:
        raise ValueError(f"tier {tier!r} has no ledger; choose one of {', '.join(TIERS)}")
    rows = ledger(folder, opening=True) + ledger(folder)
    found = [(row, read(row.measured[tier])) for row in rows if tier in row.measured]
    return [(row, points) for row, points in found if points]
