"""How good samples and models are: distances, likelihoods, fits, spreads."""

from arlearn.metrics.accuracy import accuracy
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
from arlearn.metrics.repetition import repetition
from arlearn.metrics.scaling import PowerLaw, Spread, mean_spread, power_law
from arlearn.metrics.spread import Comparison, compare

__all__ = [
    "Comparison",
    "PowerLaw",
    "Spread",
    "accuracy",
    "bits",
    "bits_per_dimension",
    "bits_per_unit",
    "compare",
    "frechet",
    "independence_price",
    "linear_probe",
    "mean_spread",
    "nats_per_unit",
    "perplexity",
    "power_law",
    "repetition",
]
