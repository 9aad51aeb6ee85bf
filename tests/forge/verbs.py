"""Which handler plays which verb of the contracts that are deployed; and which verbs none plays, and why.

A verb is a function that is no view. Where only one contract has one of that name, the handler has it too,
unless it is named here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from tensorbond.chain.artifacts import CONTRACTS
from tests.anvil import ROOT
from tests.chain import project_artifacts

PLAYS = ROOT / "tests" / "forge"

# Verbs whose handler has another name, or whose name another contract has, too.
HANDLERS = {
    "AttestationDisputes.returnDeposit": "returnEvidenceDeposit",
    "Attestations.returnDeposit": "returnLeafDeposit",
    "Challenges.commit": "commit",
    "Challenges.returnDeposit": "returnItemDeposit",
    "DeviceRegistry.pause": "pause",
    "DeviceRegistry.unpause": "unpause",
    "JobEscrow.accept": "accept",
    "JobEscrow.approve": "approve",
    "JobEscrow.collect": "collect",
    "JobEscrow.pause": "pause",
    "JobEscrow.refund": "refund",
    "JobEscrow.setFee": "setFee",
    "JobEscrow.settle": "settle",
    "JobEscrow.sweep": "sweep",
    "JobEscrow.unpause": "unpause",
    "LeaseEscrow.accept": "acceptLease",
    "LeaseEscrow.collect": "collectLease",
    "LeaseEscrow.open": "openLease",
    "LeaseEscrow.pause": "pause",
    "LeaseEscrow.refund": "refundLease",
    "LeaseEscrow.setFee": "setFee",
    "LeaseEscrow.settle": "settleLease",
    "LeaseEscrow.stop": "stopLease",
    "LeaseEscrow.sweep": "sweep",
    "LeaseEscrow.unpause": "unpause",
    "OrderBook.cancel": "cancelOrders",
    "OrderBook.cancelAll": "cancelOrders",
    "ProviderStaking.release": "release",
    "ProviderStaking.setOperator": "openSession",
    "SealedAuction.commit": "commitBid",
    "SealedAuction.open": "commitBid",
    "SealedAuction.reveal": "revealBid",
    "WorkDisputes.discharge": "discharge",
}
# How a handler's helpers name a room that they don't have by its interface.
ALIASES = {"_rooms[i]": ("DeviceRegistry", "JobEscrow", "LeaseEscrow")}

_BY_PEERS = "for a peer alone, which a handler makes call it; `callAnything` tries it, too"
_BY_GOVERNOR = "for the governor alone, behind its delay: tests/contracts"
_MEMORY = "no class of this network has an M-phase: tests/contracts, tests/parity"
_REAL = "needs a tile that was really computed: tests/contracts, tests/parity"
_ERC20 = "OpenZeppelin's ERC-20, which everybody here pays by"
_BATCH = "batches other verbs: tests/contracts"
UNPLAYED = {
    "AttestationDisputes.proveFalseFailItem": _REAL,
    "AttestationDisputes.proveFalseFailMemoryHeader": _MEMORY,
    "AttestationDisputes.proveFalseFailMemoryItem": _MEMORY,
    "AttestationDisputes.proveFalsePassMemoryHeader": _MEMORY,
    "AttestationDisputes.proveFalsePassMemoryItem": _MEMORY,
    "Attestations.punish": _BY_PEERS,
    "Attestations.revoke": _BY_PEERS,
    "Attestations.setAuthority": _BY_GOVERNOR,
    "Attestations.slashOracle": _BY_PEERS,
    "Challenges.endSession": _BY_PEERS,
    "Challenges.recordFault": _BY_PEERS,
    "Challenges.recordMiss": _BY_PEERS,
    "DeviceRegistry.addClass": _BY_GOVERNOR,
    "DeviceRegistry.debit": _BY_PEERS,
    "DeviceRegistry.discharge": _BY_PEERS,
    "DeviceRegistry.force": _BY_PEERS,
    "DeviceRegistry.hold": _BY_PEERS,
    "DeviceRegistry.recordFault": _BY_PEERS,
    "DeviceRegistry.recordMiss": _BY_PEERS,
    "DeviceRegistry.release": _BY_PEERS,
    "DeviceRegistry.schedule": _BY_GOVERNOR,
    "DeviceRegistry.setAuthority": _BY_GOVERNOR,
    "DeviceRegistry.suspend": _BY_PEERS,
    "JobEscrow.allowToken": _BY_GOVERNOR,
    "JobEscrow.multicall": _BATCH,
    "JobEscrow.open": _BY_PEERS,
    "JobEscrow.permit": _BATCH,
    "JobEscrow.setAuthority": _BY_GOVERNOR,
    "LeaseEscrow.allowToken": _BY_GOVERNOR,
    "LeaseEscrow.multicall": _BATCH,
    "LeaseEscrow.openFor": _BY_PEERS,
    "LeaseEscrow.permit": _BATCH,
    "LeaseEscrow.setAuthority": _BY_GOVERNOR,
    "OrderBook.multicall": _BATCH,
    "OrderBook.permit": _BATCH,
    "ProviderStaking.distribute": _BY_PEERS,
    "ProviderStaking.lock": _BY_PEERS,
    "ProviderStaking.slash": _BY_PEERS,
    "ProviderStaking.unlock": _BY_PEERS,
    "TensorbondToken.approve": _ERC20,
    "TensorbondToken.burn": _ERC20,
    "TensorbondToken.mint": _BY_PEERS,
    "TensorbondToken.permit": _ERC20,
    "TensorbondToken.transfer": _ERC20,
    "TensorbondToken.transferFrom": _ERC20,
    "WorkDisputes.proveBadLabel": _MEMORY,
    "WorkDisputes.proveBadMemoryHeader": _MEMORY,
    "WorkDisputes.proveBadMemoryItem": _MEMORY,
    "WorkDisputes.proveBadStep": _MEMORY,
}
# OpenZeppelin's, which only says who may call the verbs for the governor.
UNPLAYED_CONTRACTS = {"AccessManager"}


@cache
def verbs() -> frozenset[str]:
    """Every verb of what is deployed, as `Contract.verb`."""
    artifacts = project_artifacts()
    return frozenset(
        f"{contract}.{entry['name']}"
        for contract in CONTRACTS
        if contract not in UNPLAYED_CONTRACTS
        for entry in artifacts[contract].entries
        if entry["type"] == "function" and entry["stateMutability"] in ("nonpayable", "payable")
    )


def named() -> set[str]:
    """The verbs that the plays' sources name, as the contract's own."""
    sources = "\n".join(path.read_text() for path in sorted(PLAYS.glob("*.sol")) if ".t." not in path.name)
    rooms = {name: (contract,) for name, contract in re.findall(r'(\w+) = I\w+\(_at\("(\w+)"\)\)', sources)}
    return {
        f"{contract}.{verb}"
        for name, verb in re.findall(r"(_rooms\[i\]|\w+)(?:\(address\(\w+\)\))?\.(\w+)", sources)
        for contract in (rooms | ALIASES).get(name, ())
    }


def without_handler(
    handlers: Iterable[str], elsewhere: Mapping[str, str] = HANDLERS, unplayed: Mapping[str, str] = UNPLAYED
) -> set[str]:
    """Verbs that no handler plays, and of which nobody says why."""
    known, source = set(handlers), named()
    count = Counter(verb.partition(".")[2] for verb in verbs())
    missing = set()
    for verb in verbs() - set(unplayed):
        name = verb.partition(".")[2]
        handler = elsewhere.get(verb, name if count[name] == 1 else "")
        if handler not in known or verb not in source:
            missing.add(verb)
    return missing


def outdated() -> set[str]:
    """What is said here of verbs that there aren't."""
    return (set(HANDLERS) | set(UNPLAYED)) - verbs() | (set(HANDLERS) & set(UNPLAYED))
