"""The provider's daemon: watch the draw, prove, commit in time, publish signed evidence, serve jobs.

    B(s) ─ prove ─ commit ┄┄ last block of the window ─ B(s+1) ─ open, record, sign, publish ─ B(s+2)

The chain is the agent's memory: a restarted one sees from the records what it committed, proves it again,
which gives the same, and publishes what is still wanted. Only the journal is its own: one evidence for one
commitment.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import (
    BlockUnknown,
    ChainReorganised,
    ContractRefused,
    EndpointFault,
    JobUnknown,
    LogsUnavailable,
    RpcError,
    RpcUnreachable,
    TransactionError,
)
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import Commit, ItemRequest, Place, PlaceKind, Session, Timing
from tensorbond.daemon import Daemon, exclusive
from tensorbond.journal import Journal, JournalLocked, JournalUnwritable, PromiseBroken
from tensorbond.proof.challenge import Challenge, Shape
from tensorbond.proof.errors import GpuMemoryExhausted
from tensorbond.proof.memory import MemoryChallenge, MemoryShape
from tensorbond.proof.memory_prover import MemoryProof
from tensorbond.proof.prover import Proof as ComputeProof
from tensorbond.proof.verifier import AnyChallenge
from tensorbond.provider.config import AgentConfig, Proof
from tensorbond.provider.devices import (
    NO_RECORD,
    Devices,
    OwnDevice,
    challenge_of,
    is_due,
    longest_run,
)
from tensorbond.provider.errors import ConfirmationsExcessive, EvidenceUnfit, NotOperator
from tensorbond.provider.jobs import JobDesk
from tensorbond.provider.publisher import Publisher
from tensorbond.store import NameTaken, Store, StoreFull, StoreUnavailable
from tensorbond.watch.openings import open_sample
from tensorbond.watch.work import answer

log = logging.getLogger(__name__)

# These may pass, so the next cycle tries again; any other error ends the process.
RETRIED = (
    BlockUnknown,
    ChainReorganised,
    ContractRefused,
    EndpointFault,
    GpuMemoryExhausted,
    JobUnknown,
    JournalLocked,
    JournalUnwritable,
    LogsUnavailable,
    RpcError,
    RpcUnreachable,
    StoreFull,
    StoreUnavailable,
    TransactionError,
)


SESSION_DEVICES = 64
"""That a session covers at most."""

# What a first proof spends on loading and compiling must not count against the first window.
WARM_UP = (
    Challenge(bytes(32), 0, bytes(20), 0, 0, Shape(256, 256, 1024, 1, 1)),
    MemoryChallenge(bytes(32), 0, bytes(20), 0, 0, MemoryShape(2, 16, 1, 64)),
)


class Agent:
    """All of one agent but its loop. `close` when done. Raises NotOperator, ConfirmationsExcessive."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        self._closing = ExitStack()
        with self._closing:
            self.network = Network.connect(config.rpc_urls, config.deployment, config.rpc_timeout)
            self._closing.callback(self.network.close)
            self._build()
            self._closing = self._closing.pop_all()

    def _build(self) -> None:
        config, network = self._config, self.network
        self.provider = config.provider or config.account.address
        operator = network.call("ProviderStaking", "operatorOf", self.provider)
        if operator != config.account.address:
            raise NotOperator(f"{config.account.address} is not {self.provider}'s operator, {operator} is")
        timing: Timing = network.call("DeviceRegistry", "timingNow")
        most = timing.slot_blocks - 3 - config.commit_margin
        if config.confirmations > most:
            raise ConfirmationsExcessive(
                f"{config.confirmations} confirmations leave no time to commit, at most {most} do"
            )
        self._sender = Sender(network, config.account)
        self._devices = Devices(network, self.provider, config.devices)
        self._prover = config.prover_factory()
        for challenge in WARM_UP:
            self._prover.prove(challenge)
        self._proofs: dict[AnyChallenge, Proof] = {}
        owner = f"operator {config.account.address} on chain {network.chain_id}"
        journal = Journal(
            config.state_dir / "journal.sqlite", f"{owner}, contract {network.address('Challenges')}"
        )
        self._closing.callback(journal.close)
        store = Store(config.store_url)
        self._publisher = Publisher(
            store, journal, config.account, network.domain("Challenges"), config.self_check
        )
        self._done: set[bytes] = set()
        self._refused: tuple[range, int, str] | None = None
        self._desk = JobDesk(self._sender, self.provider, store, config.jobs)
        self._closing.callback(self._desk.close)
        log.info("operator %s serves the devices of %s", operator, self.provider)

    def close(self) -> None:
        self._closing.close()

    def cycle(self) -> None:
        """Everything that can be done now; raises what RETRIED lists, and what must stop the process."""
        head = self.network.head()
        timing: Timing = self.network.call("DeviceRegistry", "timingNow", block=head)
        if head.number < timing.from_block:
            return
        devices = self._devices.at(head)
        self._commit_due(devices, timing, head)
        try:
            self._publish_due(devices, self.network.block(max(0, head.number - self._config.confirmations)))
        finally:
            # An answer that is owed costs the bond; a full store is no reason to owe it.
            following = slots.start_of(timing, slots.slot_at(timing, head.number) + 1)
            self._answer_due(devices, self.network.head(), following)
        self._open_session(devices, timing, head)
        # Proving took its time.
        self._desk.serve(devices, self.network.head())

    def _open_session(self, devices: list[OwnDevice], timing: Timing, head: BlockRef) -> None:
        """A commit costs a fifth less with a session. One is wanted for the most devices in a row: at first,
        when there are more, and when `setOperator` has ended the last; never in the way of a commit. One that
        was refused is asked for again in another epoch, for other devices, or under another operator."""
        slot = slots.slot_at(timing, head.number)
        run = longest_run([d.number for d in devices if d.state.until_slot > slot + 1], SESSION_DEVICES)
        session: Session = self.network.call("Challenges", "sessionOf", self._config.account.address)
        if not run or session.first <= run.start < run.stop <= session.end:
            return
        operator = self.network.call("ProviderStaking", "operatorOf", self.provider)
        asked = run, slots.epoch_of(timing, slot), operator
        if asked == self._refused:
            return
        try:
            self._sender.send("Challenges", "openSession", run.start, len(run))
            log.info("session opened for devices %d to %d", run.start, run.stop - 1)
        except ContractRefused as error:
            self._refused = asked
            log.warning("no session opened for devices %d to %d: %s", run.start, run.stop - 1, error)

    def _commit_due(self, devices: list[OwnDevice], timing: Timing, head: BlockRef) -> None:
        """Prove at once, for the clock runs; commit when no fork can change the beacon any more."""
        slot = slots.slot_at(timing, head.number)
        start = self.network.block(slots.start_of(timing, slot))
        draw = self._devices.draw(devices, slot, start.hash, head)
        for device in devices:
            place = device.number, slot
            if is_due(device, timing, draw) and self._is_open(timing, slot, place):
                try:
                    proof = self._prove(challenge_of(self.network.chain_id, device, draw))
                except GpuMemoryExhausted as error:
                    # It may pass, and evidence that is due does not wait for it.
                    log.warning("device %d slot %d: not proven yet: %s", *place, error)
                    continue
                if not self._is_open(timing, slot, place):
                    log.error("device %d: proven too late for the window of slot %d", *place)
                elif self._is_settled(start):
                    self._commit(place, proof.commitment)

    def _is_settled(self, block: BlockRef) -> bool:
        """Whether the block lies deep enough in the chain, and is still the one it was."""
        deep = self.network.head().number >= block.number + self._config.confirmations
        return deep and self.network.block(block.number) == block

    def _is_open(self, timing: Timing, slot: int, place: tuple[int, int]) -> bool:
        """Whether a commit sent now would be in time and the first; a late or second one is never sent."""
        last = slots.start_of(timing, slot + 1) - 2 - self._config.commit_margin
        in_time = slots.start_of(timing, slot) < self.network.head().number + 1 <= last
        return in_time and self.network.call("Challenges", "recordOf", *place) == NO_RECORD

    def _commit(self, place: tuple[int, int], commitment: bytes) -> None:
        try:
            self._sender.send("Challenges", "commit", *place, commitment)
            log.info("device %d slot %d: committed 0x%s", *place, commitment.hex())
        except ContractRefused as error:
            log.warning("device %d slot %d: not committed: %s", *place, error)

    def _prove(self, challenge: AnyChallenge) -> Proof:
        """The proof; kept until its evidence is published."""
        if challenge not in self._proofs:
            phase = "M" if isinstance(challenge, MemoryChallenge) else "C"
            log.info("device %d slot %d: proving the %s-phase", challenge.device, challenge.slot, phase)
            self._proofs[challenge] = self._prover.prove(challenge)
        return self._proofs[challenge]

    def _publish_due(self, devices: list[OwnDevice], pinned: BlockRef) -> None:
        """Publish the evidence of every own record from the next epoch to be attested on."""
        epoch = self.network.call("Attestations", "nextEpoch", block=pinned)
        timing: Timing = self.network.call("DeviceRegistry", "timingOf", epoch, block=pinned)
        since = slots.start_of(timing, slots.first_slot(timing, epoch))
        own = {device.number: device for device in devices}
        committed = self.network.events(
            "Challenges", "Committed", since=since, until=pinned, key=self._config.account.address
        )
        for event in committed:
            device = own.get(event.args["device"])
            if device is not None and event.args["commitment"] not in self._done:
                self._publish(device, event, pinned)
        self._done &= {event.args["commitment"] for event in committed}
        recent = slots.slot_at(timing, pinned.number) - 2
        self._proofs = {each: proof for each, proof in self._proofs.items() if each.slot >= recent}

    def _publish(self, device: OwnDevice, record: Event, pinned: BlockRef) -> None:
        slot, commitment = record.args["slot"], record.args["commitment"]
        place = device.number, slot
        start, following = self._starts(slot)
        if following > pinned.number:
            return
        draw = self._devices.draw([device], slot, self.network.block(start).hash, pinned)
        challenge = challenge_of(self.network.chain_id, device, draw)
        if not self._publisher.is_published(challenge, commitment):
            sample_beacon = self.network.block(following).hash
            proof = self._prove(challenge)
            try:
                self._publisher.publish(challenge, commitment, sample_beacon, proof)
                log.info("device %d slot %d: evidence published", *place)
            except (EvidenceUnfit, NameTaken, PromiseBroken) as error:
                log.error("device %d slot %d: no evidence published: %s", *place, error)
        self._done.add(commitment)
        self._proofs.pop(challenge, None)

    def _answer_due(self, devices: list[OwnDevice], head: BlockRef, following: int) -> None:
        """Open what was asked for on chain, the most urgent first: what isn't answered costs the bond.

        What can't be answered stops nothing else, and the next slot, which begins in block `following`,
        doesn't wait for more than one answer.
        """
        own = {device.number: device for device in devices}
        events = self.network.events("Challenges", "ItemRequested", since=self._oldest_open(head), until=head)
        places = [
            (event.args["device"], event.args["slot"], event.args["place"])
            for event in events
            if event.args["device"] in own
        ]
        asked: list[ItemRequest] = self.network.calls(
            [("Challenges", "requestOf", *place) for place in places]
        )
        pairs = zip(asked, places, strict=True)
        due = [pair for pair in pairs if not pair[0].answered and head.number < pair[0].deadline]
        for _, (number, slot, place) in sorted(due, key=lambda pair: pair[0].deadline):
            try:
                self._answer(own[number], slot, place, head)
            except (ContractRefused, GpuMemoryExhausted, TransactionError) as error:
                log.error("device %d slot %d: no answer for %s: %s", number, slot, place, error)
            if self.network.head().number >= following:
                return

    def _oldest_open(self, head: BlockRef) -> int:
        """A block that no request that is still open is older than, whichever timing it was made under."""
        count = self.network.call("DeviceRegistry", "timingCount")
        timings: list[Timing] = self.network.calls(
            [("DeviceRegistry", "timingEntry", entry) for entry in range(count)]
        )
        longest = max(timing.proof_blocks for timing in timings) // 2
        return max(self.network.deployment.first_block, head.number - longest)

    def _answer(self, device: OwnDevice, slot: int, place: Place, head: BlockRef) -> None:
        (record,) = self.network.events("Challenges", "Committed", device=device.number, slot=slot)
        start, following = (self.network.block(number).hash for number in self._starts(slot))
        draw = self._devices.draw([device], slot, start, head)
        challenge = challenge_of(self.network.chain_id, device, draw)
        commitment = record.args["commitment"]
        opening = self._open(challenge, commitment, place, following)
        commit = Commit(device.number, slot, commitment, record.args["timestamp"], record.args["key"])
        self._sender.send("Challenges", "answerItem", commit, place, opening)
        log.info("device %d slot %d: answered for %s", device.number, slot, place)

    def _open(self, challenge: AnyChallenge, commitment: bytes, place: Place, sample_beacon: bytes) -> bytes:
        """What the commitment binds at a place. A sample is in what was published, if a job fills the GPU."""
        try:
            proof = self._prove(challenge)
        except GpuMemoryExhausted:
            evidence = self._publisher.find(challenge, commitment)
            if evidence is None or place.kind != PlaceKind.SAMPLE:
                raise
            return open_sample(evidence, place.first)
        assert isinstance(proof, ComputeProof | MemoryProof)  # of whatever prover
        return answer(proof, place, sample_beacon)

    def _starts(self, slot: int) -> tuple[int, int]:
        """The first blocks of the slot and of the next."""
        timings: list[Timing] = self.network.calls(
            [("DeviceRegistry", "timingAt", each) for each in (slot, slot + 1)]
        )
        return slots.start_of(timings[0], slot), slots.start_of(timings[1], slot + 1)


def run(config: AgentConfig) -> None:
    """The agent's process, until SIGINT or SIGTERM; raises TensorbondError where it can't go on."""
    with exclusive(config.state_dir):
        agent = Agent(config)
        try:
            if config.once:
                agent.cycle()
            else:
                Daemon(
                    __name__, agent.cycle, config.poll_seconds, lambda error: isinstance(error, RETRIED)
                ).run()
        finally:
            agent.close()
