"""The root of every error that a caller or a user is meant to see."""

from __future__ import annotations


class TensorbondError(Exception):
    """Something did not work for a reason that the message tells a human to act on."""
