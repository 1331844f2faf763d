"""Samplers: one loop over any plan, text with a cache, unmasking, exact speculation, speech."""

from arlearn.decode.answers import Answers, answers, passes
from arlearn.decode.blocks import BlockModel, blockwise
from arlearn.decode.dice import Dice
from arlearn.decode.flow_units import flow_units
from arlearn.decode.generate import Session, generate
from arlearn.decode.rounds import Verdict, passes_until, tally
from arlearn.decode.speak import Spoken, chunked, moments, speak
from arlearn.decode.speculative import (
    CachedModel,
    accept,
    accept_ratio,
    expected_tokens,
    speculative,
)
from arlearn.decode.speculative_units import speculative_units
from arlearn.decode.unmask import unmask
from arlearn.decode.write import write

__all__ = [
    "Answers",
    "BlockModel",
    "CachedModel",
    "Dice",
    "Session",
    "Spoken",
    "Verdict",
    "accept",
    "accept_ratio",
    "answers",
    "blockwise",
    "chunked",
    "expected_tokens",
    "flow_units",
    "generate",
    "moments",
    "passes",
    "passes_until",
    "speak",
    "speculative",
    "speculative_units",
    "tally",
    "unmask",
    "write",
]
