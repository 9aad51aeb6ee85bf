"""What the tests of the registry say again and again."""

from __future__ import annotations

from typing import Any

from tensorbond.chain.deploy import create_address
from tensorbond.chain.types import Device, DeviceClass, Timing
from tests.acts import TBND, stake_as
from tests.chain import Chain, Sent
from tests.conftest import role

OPEN = 2**32 - 1
TERMS = DeviceClass(
    m=512,
    n=256,
    k=2048,
    r=3,
    q=64,
    draw_threshold=2**30,
    layers=9,
    layer_bits=10,
    walker_bits=5,
    segments=4,
    peak_bandwidth=10_000,
    min_bandwidth=100,
    slow_gops=4,
    bond_per_gops=2 * TBND,
    miss_penalty=TBND,
    peak_gops=500,
    min_gops=5,
    fault_bps=2_000,
)


MANAGER = "0x" + "ac" * 20
# Answers every question with (true, 0): PUSH1 1, PUSH0, MSTORE, PUSH1 64, PUSH0, RETURN.
ALLOWING = "0x60015f5260405ff3"


def deploy_early(bare_chain: Chain, owner: str) -> str:
    """A registry with a class, 100 blocks before its first slot; `owner` is every peer, and has staked."""
    genesis = bare_chain.block_number + 100
    token = bare_chain.deploy("TensorbondToken", owner, owner, 100 * TBND)
    nonce = int(bare_chain.rpc.request("eth_getTransactionCount", owner, "latest"), 16)
    registry = create_address(owner, nonce + 1)
    staking = bare_chain.deploy("ProviderStaking", token, registry, owner, owner, owner, owner, 300)
    timing = Timing(0, 0, genesis, 10, 4, 60, 30, 64)
    assert bare_chain.deploy("DeviceRegistry", MANAGER, staking, *[owner] * 4, timing) == registry
    bare_chain.rpc.request("anvil_setCode", MANAGER, ALLOWING)
    bare_chain.send(registry, "addClass", TERMS, sender=owner)
    stake_as(bare_chain, owner, 100 * TBND)
    return registry


def add_class(chain: Chain, terms: DeviceClass) -> Sent:
    return chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))


def schedule(chain: Chain, timing: Timing) -> Sent:
    return chain.send("DeviceRegistry", "schedule", timing, sender=role(chain, "governor"))


def as_peer(chain: Chain, peer: str, verb: str, *args: Any) -> Sent:
    """Act as one of the contracts that may."""
    return chain.send("DeviceRegistry", verb, *args, sender=chain.impersonate(peer))


def device_of(chain: Chain, device: int) -> Device:
    found: Device = chain.call("DeviceRegistry", "deviceOf", device)
    return found


def bond_of(chain: Chain, device: int) -> int:
    return int(chain.call("DeviceRegistry", "bondOf", device))


def is_active(chain: Chain, device: int, slot: int) -> bool:
    return bool(chain.call("DeviceRegistry", "isActive", device, slot))


def locked(chain: Chain, provider: str) -> int:
    return int(chain.call("ProviderStaking", "stakeOf", provider).locked)
