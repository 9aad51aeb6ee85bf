"""The oracle's daemon: seal, verify evidence as it appears, judge the epoch, agree on it, submit it, close.

One cycle reads the chain at one pinned block. Whoever's turn it is acts first, the others step in after it by
their place in the rotation, so that no single oracle can hold anything up. Every oracle recomputes all that
it signs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

from tensorbond import __version__
from tensorbond.chain import slots
from tensorbond.chain.errors import (
    BlockUnknown,
    ChainReorganised,
    ContractRefused,
    EndpointFault,
    LogsUnavailable,
    RpcError,
    RpcUnreachable,
    TransactionError,
)
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.rpc import Rpc
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import Statement
from tensorbond.daemon import Daemon, exclusive
from tensorbond.journal import JournalLocked, JournalUnwritable
from tensorbond.oracle.answerer import Answerer
from tensorbond.oracle.archive import Archive, Case, cases_of
from tensorbond.oracle.board import Board
from tensorbond.oracle.ceremony import Attestation, Ceremony
from tensorbond.oracle.config import OracleConfig
from tensorbond.oracle.enforcer import Enforcer
from tensorbond.oracle.errors import FactsContradict, FactsIncomplete, LeafDataMissing
from tensorbond.oracle.exchange import Server, make_app
from tensorbond.oracle.journal import StatementJournal
from tensorbond.oracle.leaves import EpochData, no_leaves
from tensorbond.oracle.outcomes import judge_epoch
from tensorbond.oracle.peers import Peers
from tensorbond.oracle.reader import Reader, Turn
from tensorbond.oracle.rules import next_leaves
from tensorbond.oracle.sealer import Sealer
from tensorbond.oracle.security_txt import SecurityTxt
from tensorbond.oracle.tree import ZERO
from tensorbond.store import Store, StoreFull, StoreUnavailable

log = logging.getLogger(__name__)


class _Closable(Protocol):
    def close(self) -> None: ...


Resource = TypeVar("Resource", bound=_Closable)

# These may pass, so the next cycle tries again; any other error ends the process.
RETRIED = (
    BlockUnknown,
    ChainReorganised,
    ContractRefused,
    EndpointFault,
    FactsContradict,
    FactsIncomplete,
    JournalLocked,
    JournalUnwritable,
    LeafDataMissing,
    LogsUnavailable,
    RpcError,
    RpcUnreachable,
    StoreFull,
    StoreUnavailable,
    TransactionError,
)

# Somebody else was first.
OVERTAKEN = {"EpochOutOfOrder", "DeadlineNotPassed"}


class OracleNode:
    """All of one oracle but its loop. `close` when done."""

    def __init__(self, config: OracleConfig) -> None:
        self._config = config
        self._closing = ExitStack()
        with self._closing:
            self.network = Network.connect(config.rpc_urls, config.deployment, config.rpc_timeout)
            self._closing.callback(self.network.close)
            self._build()
            self._closing = self._closing.pop_all()

    def _build(self) -> None:
        config, network = self._config, self.network
        self._witnesses = [
            self._open(Rpc([url], chain_id=network.chain_id, timeout=config.rpc_timeout))
            for url in dict.fromkeys(config.rpc_urls)
        ]
        self._sender = Sender(network, config.account)
        self._reader = Reader(network, config.round_blocks)
        store = Store(config.store_url)
        self._archive = self._open(
            Archive(store, config.state_dir / "evidence", network.domain("Challenges"), config.workers)
        )
        self._journal = self._open(
            StatementJournal(
                config.state_dir / "journal.sqlite",
                network.chain_id,
                network.address("Attestations"),
                self.address,
            )
        )
        domain = network.domain("Attestations")
        self._board = Board(domain)
        self._ceremony = Ceremony(self._board, self._journal, config.account, domain)
        self._sealer = Sealer(self._sender)
        self._answerer = Answerer(self._sender, self._archive)
        self._enforcer = Enforcer(self._sender, store, config.state_dir / "enforced")
        self._peers = Peers({})
        self._seen: tuple[BlockRef, Turn] | None = None
        self._previewed: tuple[BlockRef, list[Case]] | None = None
        self._ready: dict[Statement, int] = {}
        self._previous_leaves = no_leaves(network.chain_id)
        self._health: dict[str, Any] = {}
        told = (
            {}
            if config.security_txt is None
            else {"security_txt": SecurityTxt.load(config.security_txt).current}
        )
        app = make_app(self._board, lambda: self._health, self._archive.read, **told)
        self._server = Server(app, config.listen_host, config.listen_port)
        self._closing.callback(self._server.stop)

    @property
    def address(self) -> str:
        return str(self._config.account.address)

    @property
    def port(self) -> int:
        """Where the exchange listens."""
        return self._server.port

    def serve(self) -> None:
        """Answer the peers, from a thread of its own."""
        self._server.start()
        log.info("oracle %s listens on %s:%d", self.address, self._config.listen_host, self.port)

    def close(self) -> None:
        self._closing.close()

    def cycle(self) -> None:
        """Everything that can be done now; raises what RETRIED lists, and what must stop the process."""
        head = self.network.head()
        pinned = self.network.block(max(0, head.number - self._config.confirmations))
        turn = self._turn_at(pinned)
        self._tell(turn, pinned)
        step = self._config.step_blocks
        self._answerer.answer(
            head, self._peers_of(turn, pinned), lambda number: step * self._rank(turn, number)
        )
        self._sealer.seal(turn, head, lambda slot: step * self._rank(turn, slot))
        if pinned.number < turn.opened:
            self._preview(turn, pinned)
        elif pinned.number > turn.deadline:
            self._close(turn, pinned)
        elif turn.quorum:
            self._attest(turn, pinned)
        if self._config.enforce:
            self._enforcer.enforce(pinned)

    def _turn_at(self, pinned: BlockRef) -> Turn:
        """Between two blocks nothing changes."""
        if self._seen is None or self._seen[0] != pinned:
            self._seen = pinned, self._reader.turn(pinned)
        return self._seen[1]

    def _preview(self, turn: Turn, pinned: BlockRef) -> None:
        """Judge what evidence there is already, so that the epoch's end is no rush."""
        if self._previewed is None or self._previewed[0] != pinned:
            facts = self._reader.preview(turn, pinned)
            self._previewed = pinned, [] if facts is None else cases_of(facts)
        self._archive.judge(self._previewed[1])

    def _attest(self, turn: Turn, pinned: BlockRef) -> None:
        last = self.network.block(turn.last_block)
        self._require_witnesses(last)
        self._ceremony.begin(turn, last.hash)
        peers = self._peers_of(turn, pinned)
        self._ceremony.exchange(turn, peers)
        attestation = self._ceremony.attestation(turn)
        if attestation is not None:
            self._submit(turn, attestation, pinned)
            return
        round = turn.round_at(pinned.number)
        if self.address in turn.active and self._ceremony.needs_draft(round):
            try:
                self._ceremony.draft(round, self._judge(turn, pinned, peers))
            except FactsIncomplete as error:
                log.info("epoch %d can't be judged yet: %s", turn.epoch, error)
                self._sealer.forget()
        data = self._ceremony.backed(turn)
        if data is not None:
            self._archive.publish(data)
            self._ceremony.sign(data)

    def _judge(self, turn: Turn, pinned: BlockRef, peers: Peers) -> EpochData:
        """The epoch's leaves and outcomes, from the chain and from evidence alone."""
        facts = self._reader.epoch_facts(turn.epoch, pinned)
        self._archive.forget_before(facts.slots[0].slot)
        outcomes = judge_epoch(facts, self._archive.judge(cases_of(facts), peers))
        self._discard(pinned)
        previous = self._leaves_before(turn, pinned, peers)
        leaves = next_leaves(facts, previous.leaves, outcomes)
        return EpochData(self.network.chain_id, turn.epoch, leaves, outcomes)

    def _discard(self, pinned: BlockRef) -> None:
        """Evidence about epochs that are final or void is asked for no more."""
        settled = self.network.call("Attestations", "settledThrough", block=pinned)
        timing = self.network.call("DeviceRegistry", "timingOf", settled, block=pinned)
        self._archive.discard_before(slots.first_slot(timing, settled))

    def _leaves_before(self, turn: Turn, pinned: BlockRef, peers: Peers) -> EpochData:
        chain_id, root = self.network.chain_id, turn.previous_root
        if root == ZERO:
            return no_leaves(chain_id)
        if self._previous_leaves.root != root:
            epoch = self._reader.epoch_of_root(root, turn.epoch, pinned)
            self._previous_leaves = self._archive.leaf_data(chain_id, epoch, root, peers)
        return self._previous_leaves

    def _submit(self, turn: Turn, attestation: Attestation, pinned: BlockRef) -> None:
        statement = attestation.statement
        since = self._ready.setdefault(statement, pinned.number)
        rank = self._rank(turn, statement.epoch + statement.round)
        if pinned.number < since + rank * self._config.step_blocks:
            return
        with _overtaken(f"epoch {turn.epoch} is not attested"):
            self._sender.send(
                "Attestations", "attest", statement, attestation.signers, attestation.signatures
            )
            log.info("epoch %d attested: root 0x%s", turn.epoch, statement.root.hex())
            self._ready = {}

    def _close(self, turn: Turn, pinned: BlockRef) -> None:
        if pinned.number > turn.deadline + self._rank(turn, turn.epoch) * self._config.step_blocks:
            with _overtaken(f"epoch {turn.epoch} is not closed"):
                self._sender.send("Attestations", "close", turn.epoch)
                log.warning("epoch %d is void: nobody attested it by block %d", turn.epoch, turn.deadline)

    def _rank(self, turn: Turn, number: int) -> int:
        """This oracle's place in the rotation that `number` gives; one that isn't seated comes last."""
        size = len(turn.members)
        if self.address not in turn.members:
            return size + int(self.address, 16) % 4
        return (turn.members.index(self.address) - number) % size

    def _peers_of(self, turn: Turn, pinned: BlockRef) -> Peers:
        others = [member for member in turn.active if member != self.address]
        endpoints = self._reader.endpoints(others, pinned)
        if endpoints != self._peers.endpoints:
            self._peers = Peers(endpoints)
        return self._peers

    def _require_witnesses(self, block: BlockRef) -> None:
        """With several endpoints, two must know the block by this hash, and none by another."""
        if len(self._witnesses) < 2:
            return
        agreeing = 0
        for rpc in self._witnesses:
            try:
                told = rpc.request("eth_getBlockByNumber", hex(block.number), False)
            except (RpcError, RpcUnreachable) as error:
                log.warning("%s is no witness: %s", rpc.urls[0], error)
                continue
            if told is not None and bytes.fromhex(told["hash"][2:]) != block.hash:
                raise FactsContradict(f"{rpc.urls[0]} has another block {block.number}: {told['hash']}")
            agreeing += told is not None
        if agreeing < 2:
            raise FactsContradict(f"only {agreeing} endpoint knows block {block.number}; two must agree")

    def _tell(self, turn: Turn, pinned: BlockRef) -> None:
        self._health = {
            "version": __version__,
            "chainId": self.network.chain_id,
            "attestations": self.network.address("Attestations"),
            "oracle": self.address,
            "seated": self.address in turn.active,
            "block": pinned.number,
            "blockHash": "0x" + pinned.hash.hex(),
            "nextEpoch": turn.epoch,
            "deadline": turn.deadline,
        }

    def _open(self, resource: Resource) -> Resource:
        self._closing.callback(resource.close)
        return resource


@contextmanager
def _overtaken(what: str) -> Iterator[None]:
    """A refusal because somebody else was first is no fault."""
    try:
        yield
    except ContractRefused as error:
        if error.error_name not in OVERTAKEN:
            raise
        log.debug("%s: %s", what, error)


def run(config: OracleConfig) -> None:
    """The oracle's process, until SIGINT or SIGTERM; raises TensorbondError where it can't go on."""
    with exclusive(config.state_dir):
        node = OracleNode(config)
        try:
            node.serve()
            if config.once:
                node.cycle()
            else:
                daemon = Daemon(
                    __name__, node.cycle, config.poll_seconds, lambda error: isinstance(error, RETRIED)
                )
                daemon.run()
        finally:
            node.close()
