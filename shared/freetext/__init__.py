"""Identifiers in free text: whatever looks like one (`find`), and those of one person (`stands_in`)."""

from shared.freetext.seek import Span, find
from shared.freetext.stand import stands_in

__all__ = ["Span", "find", "stands_in"]
