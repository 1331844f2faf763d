"""Numbers about numbers: a power law through points, a mean over seeds and its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

Values = Sequence[float] | np.ndarray | Tensor


@dataclass(frozen=True)
class PowerLaw:
    """y = scale * x ** exponent, fitted to points.

    Attributes:
        scale: y at x = 1.
        exponent: slope in the log-log plane; negative where y falls.
        correlation: Pearson's, between log x and log y; -1 or 1 is a perfect line. It is nan where
            all y are equal.
    """

    scale: float
    exponent: float
    correlation: float

    def __call__(self, x: float) -> float:
        """The law's y at x."""
        return self.scale * x**self.exponent


def power_law(x: Values, y: Values) -> PowerLaw:
    """The power law through points, by least squares on log y = log scale + exponent * log x.

    Raises:
        ValueError: x and y differ in length, fewer than 2 different x, or a value not above 0
            (subtract no offset here: an irreducible loss has to be known, not guessed).

    Source: Kaplan et al. 2020 (arXiv 2001.08361), section 3; VAR (arXiv 2404.02905), section 4.2.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"a power law needs as many x as y; got shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all() and (y > 0).all()):
        raise ValueError("a power law lives on finite x and y above 0; drop the other points")
    if len(np.unique(x)) < 2:
        raise ValueError(f"a power law needs at least 2 different x; got {x.tolist()}")
    log_x, log_y = np.log(x) - np.log(x).mean(), np.log(y) - np.log(y).mean()
    exponent = (log_x @ log_y) / (log_x @ log_x)
    spread = np.sqrt((log_x @ log_x) * (log_y @ log_y))
    return PowerLaw(
        scale=float(np.exp(np.log(y).mean() - exponent * np.log(x).mean())),
        exponent=float(exponent),
        correlation=float(log_x @ log_y / spread) if spread > 0 else float("nan"),
    )


@dataclass(frozen=True)
class Spread:
    """A mean over repetitions, with its uncertainty.

    Attributes:
        mean: of the values.
        deviation: their standard deviation (n - 1 in the denominator).
        low, high: the interval of the mean, 95% unless asked otherwise, by Student's t.
        n: how many values there were.
    """

    mean: float
    deviation: float
    low: float
    high: float
    n: int


def mean_spread(values: Values, level: float = 0.95) -> Spread:
    """Mean, standard deviation and interval of the mean of a few repetitions (seeds).

    mean ± t_{n-1, (1 + level)/2} * deviation / √n; at 95% with three seeds t is 4.3, not 1.96.

    Raises:
        ValueError: fewer than 2 values, or one that is not finite.
    """
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"a spread needs at least 2 values, got {values.tolist()}; add seeds")
    if not np.isfinite(values).all():
        raise ValueError(f"a spread needs finite values, got {values.tolist()}")
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * deviation / np.sqrt(len(values))
    return Spread(mean, deviation, float(mean - half), float(mean + half), len(values))
