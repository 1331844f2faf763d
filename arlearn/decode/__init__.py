"""Samplers: one loop over any plan, text with a cache, parallel unmasking, exact speculation."""

from arlearn.decode.generate import Session, generate
from arlearn.decode.speculative import (
    CachedModel,
    Verdict,
    accept,
    accept_ratio,
    expected_tokens,
    speculative,
    tally,
)
from arlearn.decode.unmask import unmask
from arlearn.decode.write import write

__all__ = [
    "CachedModel",
    "Session",
    "Verdict",
    "accept",
    "accept_ratio",
    "expected_tokens",
    "generate",
    "speculative",
    "tally",
    "unmask",
    "write",
]
