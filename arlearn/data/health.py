"""One number for the state of an engine: a health indicator built from settings and sensors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.data.turbofan import Engines

SMOOTH = 5  # cycles of the moving average


@dataclass(frozen=True, eq=False)
class HealthIndicator:
    """Sensors to one indicator: near 0 on a new engine, near 0.95 at failure.

    x_t = mean over the last `window` cycles of a + Σ_j b_j z_tj, where z are the kept sensors,
    standardised within their operating condition. Nothing looks ahead.

    Attributes:
        centres: settings in the middle of each operating condition.
        mean, deviation: of every sensor in each condition.
        kept: the sensors that follow an engine's age.
        weights: a, then b of the kept ones.
        window: cycles of the moving average.
    """

    centres: Float[Tensor, "o 3"]
    mean: Float[Tensor, "o 21"]
    deviation: Float[Tensor, "o 21"]
    kept: Bool[Tensor, "21"]
    weights: Float[Tensor, "m"]
    window: int = SMOOTH

    def __call__(self, engines: Engines) -> Float[Tensor, "n t 1"]:
        """The indicator of every recorded cycle, 0 where none was recorded."""
        z = standardised(engines, self.centres, self.mean, self.deviation)[..., self.kept]
        raw = (self.weights[0] + z @ self.weights[1:]) * engines.recorded
        total = torch.nn.functional.pad(raw.cumsum(1), (self.window, 0))
        number = torch.arange(1, raw.shape[1] + 1).clamp(max=self.window)
        smooth = (total[:, self.window :] - total[:, : -self.window]) / number
        return (smooth * engines.recorded)[..., None]


def health_indicator(
    engines: Engines, *, conditions: int = 1, least: float = 0.5, window: int = SMOOTH
) -> HealthIndicator:
    """Learn the indicator from engines that ran until failure.

    (1) k-means of the settings gives the operating conditions; each sensor is standardised in each.
    (2) Sensors with |Spearman(sensor, cycle)| > least stay. (3) They are regressed on
    y_t = 1 - exp(t log(0.05) / (0.95 T)), which is 0 on a new engine and 0.96 at failure.

    Raises:
        ValueError: an engine did not run until failure (its T is not known), or no sensor follows
            the age of the engines.
    """
    if bool((engines.remaining > 0).any()):
        raise ValueError("an engine has cycles left; the indicator is learned from whole lives, "
                         "which only training engines show")  # fmt: skip
    seen, centres = engines.recorded, _centres(engines, conditions)
    belongs = torch.cdist(engines.settings[seen], centres).argmin(1)
    sensors = engines.sensors[seen]
    mean = torch.stack([sensors[belongs == o].mean(0) for o in range(conditions)])
    deviation = torch.stack([sensors[belongs == o].std(0) for o in range(conditions)])
    z = standardised(engines, centres, mean, deviation)[seen]
    age = torch.arange(1.0, seen.shape[1] + 1, dtype=z.dtype).expand(seen.shape)
    kept = torch.tensor([abs(_spearman(column, age[seen])) > least for column in z.T])
    if not kept.any():
        raise ValueError(f"no sensor follows the engines' age with |Spearman| > {least}; lower it")
    share = (age / engines.cycles[:, None])[seen]
    target = 1 - torch.exp(share * math.log(0.05) / 0.95)
    inputs = torch.cat([torch.ones_like(z[:, :1]), z[:, kept]], 1)
    weights = torch.linalg.lstsq(inputs, target[:, None]).solution[:, 0]
    return HealthIndicator(centres, mean, deviation, kept, weights, window)


@dataclass(frozen=True, eq=False)
class Fleets:
    """Several fleets side by side, filled up to one length, so that one model of each can learn.

    Attributes:
        readings: the health indicator of every cycle.
        recorded: which cycles there are.
        regimes: the true phases, -1 where they are not known.
        life: the true remaining life after each cycle.
        cycles: of each engine.
    """

    readings: Float[Tensor, "r u t 1"]
    recorded: Bool[Tensor, "r u t"]
    regimes: Int[Tensor, "r u t"]
    life: Int[Tensor, "r u t"]
    cycles: Int[Tensor, "r u"]

    def to(self, device: str | torch.device) -> "Fleets":
        """The same on `device`."""
        return Fleets(*(part.to(device) for part in vars(self).values()))


def fleets(engines: Sequence[Engines], indicators: Sequence[HealthIndicator]) -> Fleets:
    """Fleets of equally many engines, each seen through an indicator of its own.

    Raises:
        ValueError: fleets of different sizes.
    """
    sizes = {len(fleet) for fleet in engines}
    if len(sizes) != 1:
        raise ValueError(f"fleets of {sorted(sizes)} engines cannot stand side by side; make them "
                         "equally large")  # fmt: skip
    longest = max(fleet.sensors.shape[1] for fleet in engines)

    def filled(part: Tensor, value: int) -> Tensor:
        more = part.new_full((len(part), longest - part.shape[1], *part.shape[2:]), value)
        return torch.cat([part, more], 1)

    rows = [
        (filled(read(fleet), 0), filled(fleet.recorded, 0), filled(fleet.regimes, -1),
         filled(fleet.life(), 0), fleet.cycles)
        for fleet, read in zip(engines, indicators, strict=True)
    ]  # fmt: skip
    return Fleets(*map(torch.stack, zip(*rows, strict=True)))


def standardised(
    engines: Engines,
    centres: Float[Tensor, "o 3"],
    mean: Float[Tensor, "o 21"],
    deviation: Float[Tensor, "o 21"],
) -> Float[Tensor, "n t 21"]:
    """Sensors less their mean over their deviation, in the nearest operating condition.

    A sensor that never changes there stays 0.
    """
    belongs = torch.cdist(engines.settings, centres.expand(len(engines), -1, -1)).argmin(-1)
    still = deviation < 1e-8 * (1 + mean.abs())
    scale = torch.where(still, torch.inf, deviation)
    return (engines.sensors - mean[belongs]) / scale[belongs]


def _centres(engines: Engines, conditions: int) -> Float[Tensor, "o 3"]:
    settings = engines.settings[engines.recorded]
    if conditions == 1:
        return settings.mean(0, keepdim=True)
    from sklearn.cluster import KMeans

    found = KMeans(conditions, n_init=4, random_state=0).fit(settings.numpy())
    return torch.from_numpy(np.asarray(found.cluster_centers_)).to(settings)


def _spearman(a: Float[Tensor, "n"], b: Float[Tensor, "n"]) -> float:
    """Rank correlation, ties sharing their mean rank; 0 where one of them never changes."""
    ranks = []
    for values in (a, b):
        _, place, count = values.unique(return_inverse=True, return_counts=True)
        if len(count) == 1:
            return 0.0
        ranks.append((count.cumsum(0) - (count.double() - 1) / 2)[place])
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])
