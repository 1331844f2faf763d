"""Samplers: one loop over any plan, parallel unmasking, exact speculation."""

from arlearn.decode.generate import Session, generate
from arlearn.decode.speculative import accept, accept_ratio, speculative
from arlearn.decode.unmask import unmask

__all__ = ["Session", "accept", "accept_ratio", "generate", "speculative", "unmask"]
