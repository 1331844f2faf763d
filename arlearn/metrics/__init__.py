"""How good samples and models are: distances, likelihoods, fits, spreads."""

from arlearn.metrics.accuracy import accuracy
from arlearn.metrics.coverage import coverage
from arlearn.metrics.energy import TwoSample, energy_distance, two_sample
from arlearn.metrics.frechet import frechet
from arlearn.metrics.independence import independence_price
from arlearn.metrics.likelihood import (
    bits,
    bits_per_dimension,
    bits_per_unit,
    nats_per_unit,
    perplexity,
)
from arlearn.metrics.linear_probe import linear_probe
from arlearn.metrics.normality import normality
from arlearn.metrics.repetition import repetition
from arlearn.metrics.scaling import PowerLaw, Spread, mean_spread, power_law
from arlearn.metrics.spread import Comparison, compare

__all__ = [
    "Comparison",
    "PowerLaw",
    "Spread",
    "TwoSample",
    "accuracy",
    "bits",
    "bits_per_dimension",
    "bits_per_unit",
    "compare",
    "coverage",
    "energy_distance",
    "frechet",
    "independence_price",
    "linear_probe",
    "mean_spread",
    "nats_per_unit",
    "normality",
    "perplexity",
    "power_law",
    "repetition",
    "two_sample",
]
