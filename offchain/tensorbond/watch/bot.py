"""The auditor's bot: looks into every epoch, with no hint where a lie is, and proves what it finds.

    over ── missed slots, bad evidence ─► WorkDisputes          attested ── lies ─► AttestationDisputes
    withheld: ask on chain ── nobody answers in time ─► the proof of that
    a fault is proven ─► the device's leases are halted

What stands on the chain decides: each proof is simulated first, so whoever comes second sends nothing. What
was done is in the state folder; after a restart the bot goes on where it was.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from eth_utils.crypto import keccak

from tensorbond.chain import slots
from tensorbond.chain.errors import (
    BlockUnknown,
    ChainReorganised,
    ContractRefused,
    EndpointFault,
    FundsInsufficient,
    LogsUnavailable,
    RpcError,
    RpcUnreachable,
    TransactionError,
    TransactionReverted,
)
from tensorbond.chain.lane import MAX_TRANSACTION_GAS
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import Timing
from tensorbond.daemon import Daemon, exclusive
from tensorbond.journal import Journal, JournalLocked, JournalUnwritable
from tensorbond.oracle.errors import ClassUnsupported, FactsContradict, FactsIncomplete
from tensorbond.oracle.exchange import parse_statements
from tensorbond.oracle.peers import Peers
from tensorbond.oracle.reader import Reader
from tensorbond.store import Store, StoreUnavailable
from tensorbond.watch.accuse import Accuser, Alternatives, equivocation
from tensorbond.watch.config import WatchConfig
from tensorbond.watch.coverage import Coverage
from tensorbond.watch.deposits import Deposits
from tensorbond.watch.dispute import Dispute
from tensorbond.watch.fraud import NoFraud
from tensorbond.watch.inquiry import Claim, Inquirer
from tensorbond.watch.leases import Leases
from tensorbond.watch.lies import LieKind
from tensorbond.watch.shelf import Shelf
from tensorbond.watch.statements import Statements, attested_statements

log = logging.getLogger(__name__)

# These may pass, so the next cycle tries again; any other error ends the process.
RETRIED = (
    BlockUnknown,
    ChainReorganised,
    EndpointFault,
    FactsContradict,
    JournalLocked,
    JournalUnwritable,
    LogsUnavailable,
    RpcError,
    RpcUnreachable,
    StoreUnavailable,
    TransactionError,
)

REVERTED = "reverted"
"""In place of the transaction of a proof that was mined in vain; of one that is too large, its reason."""

RETURNS_AT_ONCE = 4
"""Deposits that are taken back in a cycle."""

# Of one epoch only: the others are looked into all the same.
POSTPONED = (ClassUnsupported, ContractRefused, FactsIncomplete)


class _Closable(Protocol):
    def close(self) -> None: ...


Resource = TypeVar("Resource", bound=_Closable)


@dataclass(frozen=True)
class Act:
    """What the bot found, and what it did about it."""

    kind: str
    subject: str
    told: str
    result: str
    """proven, asked, sealed, halted, returned, would send, refused, waits (for gas), or found: nothing on
    chain judges it."""
    transaction: str = ""
    reason: str = ""

    @property
    def is_sent(self) -> bool:
        return bool(self.transaction)

    def __str__(self) -> str:
        text = f"{self.result}: {self.kind} {self.subject}"
        text += f": {self.told}" if self.told else ""
        text += f" ({self.reason})" if self.reason else ""
        return text + (f" {self.transaction}" if self.transaction else "")

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


class Watcher:
    """All of the bot but its loop. `close` when done."""

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self._closing = ExitStack()
        with self._closing:
            self.network = self._open(Network.connect(config.rpc_urls, config.deployment, config.rpc_timeout))
            self._build()
            self._closing = self._closing.pop_all()

    def _build(self) -> None:
        config, network = self._config, self.network
        store = Store(config.store_url)
        owner = f"the watch of chain {network.chain_id}, contract {network.address('Attestations')}"
        self._journal = self._open(Journal(config.state_dir / "watch.sqlite", owner))
        self._shelf = self._open(
            Shelf(store, config.state_dir / "evidence", network.domain("Challenges"), config.workers)
        )
        self._reader = Reader(network)
        self._inquirer = Inquirer(network, self._reader, store, self._shelf)
        self._coverage = Coverage(network)
        self._leases = Leases(network)
        self._accuser = Accuser(network, self._shelf, self._salt(), ask=config.ask)
        self._statements = Statements(network, self._journal)
        self._sender = None if config.account is None else Sender(network, config.account)
        self._deposits = None if config.account is None else Deposits(network, config.account.address)
        self._told: set[tuple[str, str]] = set()
        self._peers: dict[int, Peers] = {}
        for path in config.statements:
            self._statements.see(parse_statements(path.read_bytes()))

    def close(self) -> None:
        self._closing.close()

    def cycle(self) -> list[Act]:
        """Everything that can be found and done now; raises what RETRIED lists, and what must stop the
        process."""
        pinned = self._pin()
        acts = self._all([[dispute] for dispute in self._duties(pinned)])
        epochs = list(self._epochs(pinned))
        for epoch in epochs:
            # Whatever was sent for the epoch before may have revoked this one.
            pinned = self._pin()
            try:
                acts += self._watch(epoch, pinned)
            except POSTPONED as error:
                log.info("epoch %d can't be judged yet: %s", epoch, error)
        if epochs:
            timing = self.network.call("DeviceRegistry", "timingOf", epochs[0])
            self._shelf.forget_before(slots.first_slot(timing, epochs[0]))
        if self._deposits is not None:
            # They wait; a proof does not.
            returns = islice(self._deposits.returnable(self._pin()), RETURNS_AT_ONCE)
            acts += self._all([[dispute] for dispute in returns])
        return acts

    def _duties(self, pinned: BlockRef) -> Iterator[Dispute]:
        """What is due whatever the epochs show: first what somebody's money leaves without."""
        if self._config.halt:
            yield from self._leases.ended(pinned)
        yield from self._coverage.uncovered(pinned)

    def _pin(self) -> BlockRef:
        head = self.network.head()
        if not self._config.confirmations:
            return head
        return self.network.block(max(0, head.number - self._config.confirmations))

    def _epochs(self, pinned: BlockRef) -> Iterator[int]:
        """Those that are over and not done with."""
        settled = self.network.call("Attestations", "settledThrough", block=pinned)
        begin = self._config.from_epoch
        if begin is None:
            told = self._journal.texts("begin")
            begin = int(told[0]) if told else settled
            self._promise("begin", str(begin))
        epoch = begin
        while True:
            timing: Timing = self.network.call("DeviceRegistry", "timingOf", epoch, block=pinned)
            if slots.last_block(timing, epoch) >= pinned.number:
                return
            if self._journal.promised(f"done/{epoch}") is None:
                yield epoch
            epoch += 1

    def _watch(self, epoch: int, pinned: BlockRef) -> list[Act]:
        settled = epoch < self.network.call("Attestations", "settledThrough", block=pinned)
        claims = self._inquirer.claims_of(epoch, pinned)
        standing = next((claim for claim in claims if not claim.is_revoked), None)
        peers = self._peers_of(epoch, pinned)
        acts = self._contradictions(epoch, claims, peers)
        if standing is not None or self._is_over(epoch, pinned):
            acts += self._judge(epoch, standing, settled, pinned, peers)
        for claim in claims:
            # Whoever signed a lie answers for it, though the attestation fell by something else.
            if claim.is_revoked and self._inquirer.is_punishable(claim, pinned):
                acts += self._judge(epoch, claim, settled, pinned, peers)
        if settled:
            self._promise(f"done/{epoch}", "")
            self._peers.pop(epoch, None)
        return acts

    def _judge(
        self, epoch: int, claim: Claim | None, settled: bool, pinned: BlockRef, peers: Peers
    ) -> list[Act]:
        """The epoch itself, and this attestation of it."""
        stage = "open" if claim is None else f"{claim.record.round}/{claim.root.hex()}"
        if self._journal.promised(f"clean/{epoch}/{stage}") is not None:
            return []
        inquiry = self._inquirer.inquire(epoch, claim, pinned, peers)
        lies, asked, work = self._accuser.lies(inquiry), [], self._accuser.work(inquiry)
        is_felled, acts = self._try(lies)
        if not is_felled:
            # No lie, or none whose proof the chain takes: what nobody shows may tell of one.
            asked = self._accuser.asked(inquiry)
            acts += self._all(asked)
        acts += self._all(work)
        for lie in inquiry.lies:
            if lie.kind == LieKind.UNPROVEN:
                acts += self._tell(Act(lie.kind, lie.subject, lie.told, "found"))
        # While a slot's evidence may still come, nothing is clean for good.
        if not lies and not asked and not work and inquiry.is_whole and (claim is not None or settled):
            self._promise(f"clean/{epoch}/{stage}", "")
            log.info("epoch %d is in order as far as %s", epoch, stage)
        return acts

    def _is_over(self, epoch: int, pinned: BlockRef) -> bool:
        """Whether no evidence can be early any more: the slot after the epoch has ended, too."""
        timing, after = self.network.calls(
            [("DeviceRegistry", "timingOf", epoch), ("DeviceRegistry", "timingOf", epoch + 1)], pinned
        )
        return bool(slots.last_block(timing, epoch) + after.slot_blocks < pinned.number)

    def _contradictions(self, epoch: int, claims: Sequence[Claim], peers: Peers) -> list[Act]:
        """Equivocations in what is seen of an epoch: on the chain, at the oracles' exchanges, in files."""
        rounds = range(max((claim.record.round for claim in claims), default=0) + 1)
        for round in rounds[-3:]:
            self._statements.see(peers.signatures(epoch, round))
        for claim in claims:
            self._statements.see(attested_statements(self.network, claim.transaction, claim.record))
        acts: list[Act] = []
        for pair in self._statements.pairs(epoch):
            with suppress(NoFraud):
                acts += self._act([equivocation(self.network, pair)])
        return acts

    def _all(self, accusations: Sequence[Alternatives]) -> list[Act]:
        acts: list[Act] = []
        for alternatives in accusations:
            acts += self._act(alternatives)
        return acts

    def _act(self, alternatives: Alternatives) -> list[Act]:
        return self._try(alternatives)[1]

    def _try(self, alternatives: Alternatives) -> tuple[bool, list[Act]]:
        """Send the first of several that the chain takes; nothing if one was sent before and is still known.
        Whether one is on its way or waits for gas; what is refused stands in no other's way."""
        refused: Act | None = None
        for dispute in alternatives:
            if done := self._journal.texts(_sent(dispute)):
                if not done[-1].startswith("0x"):
                    continue
                if self.network.rpc.request("eth_getTransactionByHash", done[-1]) is not None:
                    return True, []
                log.warning("%s %s: %s left the chain", dispute.kind, dispute.subject, done[-1])
            told = dispute.kind, dispute.subject, dispute.told
            try:
                if self._sender is None:
                    dispute.simulate(self.network)
                if (gas := self._gas_of(dispute)) > MAX_TRANSACTION_GAS:
                    reason = f"too large: at least {gas} gas, and a transaction has {MAX_TRANSACTION_GAS}"
                    self._promise(_sent(dispute), reason)
                    refused = Act(*told, "refused", reason=reason)
                    continue
                if self._sender is None:
                    return True, self._tell(Act(*told, "would send"))
                receipt = dispute.send(self._sender)
            except ContractRefused as error:
                log.info("%s %s: %s", dispute.kind, dispute.subject, error)
                # A request that stands already is refused, too: its answer is waited for.
                if not alternatives[-1].is_request:
                    refused = Act(*told, "refused", reason=str(error))
                continue
            except RpcError as error:
                # So nodes refuse what their pool has no room for; another, or a later one, may take it.
                log.warning("%s %s: %s", dispute.kind, dispute.subject, error)
                refused = Act(*told, "refused", reason=str(error))
                continue
            except FundsInsufficient as error:
                log.warning("%s %s: %s", dispute.kind, dispute.subject, error)
                return True, self._tell(Act(*told, "waits", reason=str(error)))
            except TransactionReverted as error:
                # It would again, and cost again: a proof that takes more gas than a transaction has.
                self._promise(_sent(dispute), REVERTED)
                refused = Act(*told, "refused", reason=str(error))
                continue
            self._promise(_sent(dispute) + receipt.transaction, receipt.transaction)
            return True, self._tell(Act(*told, dispute.result, receipt.transaction))
        return False, [] if refused is None else self._tell(refused)

    def _gas_of(self, dispute: Dispute) -> int:
        """What the proof takes; 0 where the chain refuses it: sending it tells why."""
        try:
            return dispute.gas(self.network, None if self._sender is None else self._sender.address)
        except RpcError as error:
            # So say nodes that let no call have more gas than a transaction.
            return MAX_TRANSACTION_GAS + 1 if "exceeds allowance" in error.message.lower() else 0

    def _tell(self, act: Act) -> list[Act]:
        """Each thing once."""
        if (act.subject, act.result) in self._told:
            return []
        self._told.add((act.subject, act.result))
        log.info("%s", act)
        return [act]

    def _peers_of(self, epoch: int, pinned: BlockRef) -> Peers:
        """Kept, so that a dead one rests."""
        if epoch not in self._peers:
            self._peers[epoch] = self._inquirer.peers_of(epoch, pinned)
        return self._peers[epoch]

    def _salt(self) -> bytes:
        told = self._journal.texts("salt")
        if not told:
            self._promise("salt", secrets.token_hex(16))
            told = self._journal.texts("salt")
        return bytes.fromhex(told[0])

    def _promise(self, subject: str, text: str) -> None:
        if self._journal.promised(subject) is None:
            self._journal.promise(subject, keccak(text.encode()), text)

    def _open(self, resource: Resource) -> Resource:
        self._closing.callback(resource.close)
        return resource


def _sent(dispute: Dispute) -> str:
    """The same proof of an attestation that has fallen meanwhile is another transaction."""
    what = "sent" if dispute.revoked is None else "revoked"
    return f"{what}/{dispute.kind}/{dispute.subject}/"


def run(config: WatchConfig, once: bool, report: Callable[[Act], None]) -> int:
    """The bot's process, until SIGINT or SIGTERM, or with `once` until nothing more can be done now; how much
    it reported. Raises TensorbondError where it can't go on."""
    count, sent = 0, 1

    def cycle() -> None:
        nonlocal count, sent
        acts = watcher.cycle()
        count, sent = count + len(acts), sum(act.is_sent for act in acts)
        for act in acts:
            report(act)

    with exclusive(config.state_dir):
        watcher = Watcher(config)
        try:
            if once:
                while sent:
                    cycle()
            else:
                Daemon(__name__, cycle, config.poll_seconds, lambda error: isinstance(error, RETRIED)).run()
        finally:
            watcher.close()
    return count
