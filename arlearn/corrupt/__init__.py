"""Forward processes that destroy data, their training losses and their steps back.

Time runs from 0 (data) to 1 (nothing left). Every process answers `corrupt(x, t)`,
`loss(model, x)` and `reverse(model, x_t, t, s)`; `Diffusion` counts its times in whole steps.
"""

from arlearn.corrupt.density import log_density
from arlearn.corrupt.flow import Flow, Solution, euler, euler_maruyama, heun, time_grid
from arlearn.corrupt.gaussian import Diffusion
from arlearn.corrupt.masking import Absorbing
from arlearn.corrupt.mixture import Mixture
from arlearn.corrupt.times import Cosine, Linear, Schedule
from arlearn.corrupt.uniform import Uniform

__all__ = [
    "Absorbing",
    "Cosine",
    "Diffusion",
    "Flow",
    "Linear",
    "Mixture",
    "Schedule",
    "Solution",
    "Uniform",
    "euler",
    "euler_maruyama",
    "heun",
    "log_density",
    "time_grid",
]
