"""A comparison over seeds: the mean difference, and how sure a few repetitions make us of it."""

from dataclasses import dataclass

import numpy as np

from arlearn.metrics.scaling import Values, mean_spread


@dataclass(frozen=True)
class Comparison:
    """Method minus baseline over repetitions.

    Attributes:
        difference: the mean of method - baseline.
        low, high: its interval at `level`, by Student's t.
        wins: in how many pairs the method's value is the larger one; None where nothing is paired.
        n: repetitions of the method.
        level: the share of such intervals that hold the true difference.
    """

    difference: float
    low: float
    high: float
    wins: int | None
    n: int
    level: float

    @property
    def settled(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        won = "" if self.wins is None else f", larger in {self.wins} of {self.n} seeds"
        return (
            f"{self.difference:+.3g} ({self.level:.0%} interval {self.low:+.3g} to "
            f"{self.high:+.3g}{won})"
        )


def compare(
    method: Values, baseline: Values, *, paired: bool = True, level: float = 0.95
) -> Comparison:
    """How much larger the method's values are than the baseline's, over seeds.

    Paired (the i-th of both share a seed, so data and order are equal): the interval of the mean of
    the differences, t with n - 1 degrees of freedom. Else Welch's: the standard errors add in
    squares, with his degrees of freedom. Both take differences to be normal; with three seeds an
    interval is wide, as it should be.

    Raises:
        ValueError: fewer than 2 values, values that are not finite, unequal numbers of paired
            values, or a level outside 0..1.

    Source: Student 1908; Welch 1947, Biometrika 34.
    """
    from scipy.special import stdtrit

    one, two = (np.asarray(values, dtype=float) for values in (method, baseline))
    _check(one, two, paired, level)
    if paired:
        gap = mean_spread(one - two, level)
        return Comparison(gap.mean, gap.low, gap.high, int((one > two).sum()), gap.n, level)
    squares = [values.var(ddof=1) / len(values) for values in (one, two)]
    total = sum(squares)
    parts = sum(s**2 / (len(v) - 1) for s, v in zip(squares, (one, two), strict=True))
    freedom = total**2 / parts if parts else float(len(one) + len(two) - 2)
    half = float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(total))
    mean = float(one.mean() - two.mean())
    return Comparison(mean, mean - half, mean + half, None, len(one), level)


def _check(one: np.ndarray, two: np.ndarray, paired: bool, level: float) -> None:
    for name, values in (("method", one), ("baseline", two)):
        if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(
                f"{name} {values.tolist()} must be at least 2 finite numbers, one a seed"
            )
    if paired and len(one) != len(two):
        raise ValueError(
            f"{len(one)} values and {len(two)} cannot be paired; run the same seeds for both, or "
            "pass paired=False"
        )
    if not 0 < level < 1:
        raise ValueError(f"level {level} must lie between 0 and 1, such as 0.95")
