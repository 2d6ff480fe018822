"""The one reason for which nothing is installed before npm is even asked."""

from __future__ import annotations


class Refused(Exception):
    """What was asked for is not done here; the text is a sentence that says what and why."""
