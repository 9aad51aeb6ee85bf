"""The verbs of the market as a play: each asks mostly for what should work, and else for what must not."""

from .devices import DeviceVerbs
from .jobs import JobVerbs
from .stake import StakeVerbs


class Play(StakeVerbs, DeviceVerbs, JobVerbs):
    """All of them."""


__all__ = ["Play"]
