"""The law of one unit given its context: how it is scored in training and drawn in sampling.

Every head answers `loss(h, target)` per unit and `sample(h, …)`, and `log_prob(h, target)` where
its law can be written down.
"""

from arlearn.heads.categorical import Categorical
from arlearn.heads.deep import Deep, LevelHead, Trunk
from arlearn.heads.diffusion import DiffusionHead
from arlearn.heads.directed import DirectedFlow
from arlearn.heads.factored import Factored
from arlearn.heads.flow import FlowHead
from arlearn.heads.gaussian import GaussianHead
from arlearn.heads.law import Law
from arlearn.heads.mlp import ModulatedMLP

__all__ = [
    "Categorical",
    "Deep",
    "DiffusionHead",
    "DirectedFlow",
    "Factored",
    "FlowHead",
    "GaussianHead",
    "Law",
    "LevelHead",
    "ModulatedMLP",
    "Trunk",
]
