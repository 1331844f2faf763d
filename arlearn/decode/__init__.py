"""Samplers: one loop over any plan, parallel unmasking, exact speculation."""

from arlearn.decode.generate import Session, generate

__all__ = ["Session", "generate"]
