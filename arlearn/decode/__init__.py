"""Samplers: one loop over any plan, text with a cache, parallel unmasking, exact speculation."""

from arlearn.decode.answers import Answers, answers, passes
from arlearn.decode.blocks import BlockModel, blockwise
from arlearn.decode.flow_units import flow_units
from arlearn.decode.generate import Session, generate
from arlearn.decode.rounds import Verdict, passes_until, tally
from arlearn.decode.speculative import (
    CachedModel,
    accept,
    accept_ratio,
    expected_tokens,
    speculative,
)
from arlearn.decode.unmask import unmask
from arlearn.decode.write import write

__all__ = [
    "Answers",
    "BlockModel",
    "CachedModel",
    "Session",
    "Verdict",
    "accept",
    "accept_ratio",
    "answers",
    "blockwise",
    "expected_tokens",
    "flow_units",
    "generate",
    "passes",
    "passes_until",
    "speculative",
    "tally",
    "unmask",
    "write",
]
