"""The auditor: replays every balance from logs and every proof from chain and evidence. Trusts nobody."""

from __future__ import annotations

from tensorbond.audit.balances import check_state
from tensorbond.audit.books import Books
from tensorbond.audit.epochs import check_epochs
from tensorbond.audit.findings import AuditImpossible, Finding, Progress, Report
from tensorbond.audit.history import History
from tensorbond.audit.leases import LeaseBooks, check_halts, check_leases, replay_leases
from tensorbond.audit.pinned import Pinned
from tensorbond.audit.replay import replay
from tensorbond.chain.abi import Event
from tensorbond.chain.network import Network
from tensorbond.store import Store

__all__ = ["AuditImpossible", "Books", "Finding", "History", "Progress", "Report", "audit"]

CONTRACTS = (
    "TensorbondToken",
    "ProviderStaking",
    "DeviceRegistry",
    "Challenges",
    "Attestations",
    "WorkDisputes",
    "AttestationDisputes",
    "Rewards",
    "JobEscrow",
    "LeaseEscrow",
)


def audit(
    network: Network, store: Store, block: int | None = None, progress: Progress | None = None
) -> Report:
    """Replay the network up to `block` (default: the head) and compare it with the chain there.

    There are no findings exactly if every balance matches to the wei, every invariant holds and every
    standing attestation is what chain and evidence give. Raises `AuditImpossible`, or what `Network` and
    `Store` raise, where that can't be told: no node, another chain, a block that is gone, no store.
    """
    tell = progress or (lambda what, done, total: None)
    at = network.head() if block is None else network.block(block)
    deployed = max(network.deployment.contracts[name].block for name in CONTRACTS)
    if at.number < deployed:
        raise AuditImpossible(
            f"block {at.number} is older than the contracts, which are there from {deployed} on"
        )
    pinned = Pinned(network, at, tell)
    report = Report(network.chain_id, at.number, at.hash)
    events = _read_events(pinned)
    address = network.address
    books = Books(
        address("TensorbondToken"),
        address("ProviderStaking"),
        address("JobEscrow"),
        address("Attestations"),
        network.deployment.contracts["TensorbondToken"].transaction,
        network.call("ProviderStaking", "UNBONDING_BLOCKS", block=at),
        network.call("JobEscrow", "FEE_BURN_BPS", block=at),
    )
    replay(books, events, report)
    history = History.read(network.chain_id, books.attestations, events, report)
    blocks = {event.block for event in events if event.contract == "LeaseEscrow"}
    times = {number: header.timestamp for number, header in pinned.headers(blocks).items()}
    recipient = network.call("LeaseEscrow", "feeRecipient", block=at)
    burned = network.call("LeaseEscrow", "FEE_BURN_BPS", block=at)
    leases = LeaseBooks(address("LeaseEscrow"), recipient, times, address("TensorbondToken"), burned)
    replay_leases(leases, events, report)
    try:
        check_state(pinned, books, history, report)
        check_halts(pinned, events, history, report)
        check_leases(pinned, leases, report)
        check_epochs(pinned, store, history, report)
    except LookupError as error:
        # Logs that contradict themselves are a finding already; what else is wrong can't be told from them.
        if report.ok:
            raise
        report.notes.append(f"the logs lack what the other checks rest on ({error!r}); the audit ends here")
    network.require_canonical(at)
    return report


def _read_events(pinned: Pinned) -> list[Event]:
    """All events of the contracts, and the transfers of payment tokens from and to the escrows."""
    network, at = pinned.network, pinned.block
    events = []
    first, last = network.deployment.first_block, at.number
    for event in network.stream(CONTRACTS, until=at):
        events.append(event)
        pinned.tell("logs", event.block - first, last - first)
    tokens = {event.args["token"] for event in events if event.name == "TokenAllowed"}
    others = sorted(tokens - {network.address("TensorbondToken")})
    if others:
        escrows = [network.address("JobEscrow"), network.address("LeaseEscrow")]
        moved: dict[tuple[int, int], Event] = {}
        for party in ({"from": escrows}, {"to": escrows}):
            found = network.events(others, "Transfer", until=at, **party)  # type: ignore[arg-type]
            moved |= {(event.block, event.log_index): event for event in found}
        events = sorted([*events, *moved.values()], key=lambda event: (event.block, event.log_index))
    pinned.tell("logs", last - first, last - first)
    return events
