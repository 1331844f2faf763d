"""arlearn: autoregressive generation and its rivals, each paper run, sampled and held to its claim.

Every generator here is three choices and a twist: tokens (what is one unit?), a plan (which units
are drawn together, in which order?) and a head (what law does one unit follow?).
"""

import importlib
from typing import TYPE_CHECKING

from arlearn.home import device, tier

if TYPE_CHECKING:
    from arlearn.catalog import card as card
    from arlearn.claims import Measured as Measured
    from arlearn.claims import claim as claim
    from arlearn.show.exercises import check as check
    from arlearn.show.source import source as source
    from arlearn.training import Batches as Batches
    from arlearn.training import Recipe as Recipe
    from arlearn.training import fit as fit

_HOMES = {
    "card": "arlearn.catalog",
    "claim": "arlearn.claims",
    "Measured": "arlearn.claims",
    "check": "arlearn.show.exercises",
    "source": "arlearn.show.source",
    "Batches": "arlearn.training",
    "Recipe": "arlearn.training",
    "fit": "arlearn.training",
}
_FLOORS = (
    *("catalog", "claims", "corrupt", "data", "decode", "heads", "metrics", "nets", "papers"),
    *("plans", "show", "tokens", "trace", "training", "zoo"),
)

__all__ = ["device", "tier", *_HOMES, *_FLOORS]


def __getattr__(name: str):
    """Import what is asked for when it is asked for, so that `import arlearn` stays quick."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _FLOORS:
        return importlib.import_module(f"arlearn.{name}")
    raise AttributeError(f"arlearn has no {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
