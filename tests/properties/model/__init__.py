"""What the contracts should do, in plain Python: a second writing of docs/protocol.md without their code.

Every verb is a method. It either changes the books and returns, or raises `Refused` with the error's name
and arguments and changes nothing. `block` is the number of the block that the verb is mined in, `timestamp`
its time. One module a room, each on the ones before it: books, staking, devices, epochs, faults, jobs,
leases, orders, auctions,
requests.
"""

from .books import ZERO, ZERO_ADDRESS, Addresses, Deployed, Refused, Token
from .requests import Requests as Market

__all__ = ["ZERO", "ZERO_ADDRESS", "Addresses", "Deployed", "Market", "Refused", "Token"]
