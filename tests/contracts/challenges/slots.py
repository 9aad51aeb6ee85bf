"""Where a slot's blocks lie in the tests' schedule."""

from __future__ import annotations

from tensorbond.chain import slots
from tests.acts import timing
from tests.chain import Chain

HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935"
HASH_BLOCKS = 256
"""How far BLOCKHASH does."""


def start_of(chain: Chain, slot: int) -> int:
    return slots.start_of(timing(chain), slot)


def window_of(chain: Chain, slot: int) -> tuple[int, int]:
    """The first and the last block that takes commitments of the slot."""
    return start_of(chain, slot) + 1, start_of(chain, slot + 1) - 2


def mine_before(chain: Chain, block: int) -> None:
    """Mine so that the next transaction lies in `block`."""
    chain.mine_to(block - 1)


def forget_history(chain: Chain) -> None:
    """A chain without EIP-2935: only BLOCKHASH is left."""
    chain.rpc.request("anvil_setCode", HISTORY, "0x")


def mine_out_of_reach(chain: Chain, block: int) -> None:
    """Mine until the next transaction can't read the hash of `block` by BLOCKHASH any more."""
    mine_before(chain, block + HASH_BLOCKS + 1)
