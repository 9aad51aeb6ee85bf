"""The verbs of the market as a play: each asks mostly for what should work, and else for what must not."""

from .auctions import AuctionVerbs
from .devices import DeviceVerbs
from .orders import OrderVerbs
from .requests import RequestVerbs
from .stake import StakeVerbs


class Play(StakeVerbs, DeviceVerbs, OrderVerbs, AuctionVerbs, RequestVerbs):
    """All of them."""


__all__ = ["Play"]
