"""A market on a chain of its own: providers prove, oracles attest, requesters pay."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from tensorbond.audit import Report, audit
from tensorbond.chain import digests, slots
from tensorbond.chain.network import Network
from tensorbond.chain.types import DeviceClass, Statement
from tensorbond.oracle.attestation import build_statement
from tensorbond.oracle.duties import challenge_of, duties, memory_shape_of
from tensorbond.oracle.emission import emission_at
from tensorbond.oracle.leaves import EpochData, data_name, no_leaves
from tensorbond.oracle.outcomes import Finding, judge_epoch
from tensorbond.oracle.outcomes import examine as examine_evidence
from tensorbond.oracle.reader import Reader
from tensorbond.oracle.rules import next_leaves, pay
from tensorbond.proof import (
    AnyChallenge,
    AnyEvidence,
    CpuProver,
    MemoryChallenge,
    MemoryProof,
    Proof,
    evidence_name,
    evidence_root,
    is_drawn,
    is_memory_slot,
    is_roll_call,
)
from tensorbond.store import NameMissing, Store
from tests import acts
from tests.chain import Chain
from tests.leaves import Epoch
from tests.work import challenge_of as challenge_in
from tests.work import seal

TBND = acts.TBND
ALWAYS = DeviceClass(
    m=256,
    n=256,
    k=8192,
    r=8,
    q=16,
    draw_threshold=(1 << 32) - 1,
    bond_per_gops=TBND,
    miss_penalty=TBND // 10,
    peak_gops=1000,
    min_gops=1,
    fault_bps=3000,
)
"""Drawn in (almost) every slot, for 8 gigaoperations: who commits within a second or two has some weight."""
SOMETIMES = replace(
    ALWAYS,
    draw_threshold=1 << 31,
    layers=32,
    layer_bits=10,
    walker_bits=2,
    segments=2,
    peak_bandwidth=1000,
    min_bandwidth=1,
)
"""With an M-phase, too."""


@dataclass
class Worker:
    """Who proves for a device, and how. No prover: it commits to nothing."""

    key: str
    prover: CpuProver | None = field(default_factory=CpuProver)
    publishes: bool = True


@dataclass
class Market:
    chain: Chain
    deployment: Path
    folder: Path
    oracles: list[str]
    classes: list[int] = field(default_factory=list)
    workers: dict[int, Worker] = field(default_factory=dict)
    standing: EpochData = field(default_factory=lambda: no_leaves(31337))
    """The leaf data under the last standing root."""

    @property
    def store(self) -> Store:
        return Store(self.folder)

    def connect(self) -> Network:
        return Network.connect([self.chain.url], self.deployment)

    def audit(self, block: int | None = None) -> Report:
        with closing(self.connect()) as network:
            return audit(network, self.store, block)

    # Devices

    def add_class(self, governor: str, terms: DeviceClass) -> int:
        added = self.chain.send("DeviceRegistry", "addClass", terms, sender=governor)
        self.classes.append(int(added.event("ClassAdded")["classId"]))
        return self.classes[-1]

    def employ(self, provider: str, class_id: int, gops: int, worker: Worker) -> int:
        """Register a device, drawn from the next epoch on."""
        device = acts.register_as(self.chain, provider, class_id, gops)
        self.workers[device] = worker
        return device

    # Epochs

    def slots_of(self, epoch: int) -> range:
        timing = acts.timing(self.chain)
        first = slots.first_slot(timing, epoch)
        return range(first, first + timing.epoch_slots)

    def work(self, epoch: int, memory_of: int | None = None) -> None:
        """Play what is left of an epoch, up to the first block after it. Its second slot is a roll call; its
        third one, if asked for, draws device `memory_of` for the M-phase."""
        timing = acts.timing(self.chain)
        ahead = [
            slot for slot in self.slots_of(epoch) if self.chain.block_number < slots.start_of(timing, slot)
        ]
        waiting: list[tuple[str, Proof | MemoryProof]] = []
        for slot in ahead:
            self._begin(slot, slot == ahead[1], memory_of if slot == ahead[-2] else None)
            self._publish_all(waiting)
            workers = [(device, each) for device, each in self.workers.items() if self._is_due(device, slot)]
            for device, worker in workers:
                if worker.prover is not None:
                    proof = worker.prover.prove(self._challenge(device, slot))
                    acts.commit_as(self.chain, worker.key, device, slot, proof.commitment)
                    waiting += [(worker.key, proof)] if worker.publishes else []
        acts.mine_to_slot(self.chain, self.slots_of(epoch).stop)
        self._publish_all(waiting)

    def _challenge(self, device: int, slot: int) -> AnyChallenge:
        """Nobody is held in a slot of the M-phase here."""
        due = challenge_in(self.chain, device, slot)
        class_id = self.chain.call("DeviceRegistry", "deviceOf", device).class_id
        terms = self.chain.call("DeviceRegistry", "classOf", class_id)
        if not terms.layers or not is_memory_slot(due.beacon):
            return due
        shape = memory_shape_of(terms)
        return MemoryChallenge(due.beacon, due.chain_id, due.provider, device, slot, shape)

    def _publish_all(self, waiting: list[tuple[str, Proof | MemoryProof]]) -> None:
        """The head is the slot's first block, whose hash is the sample beacon of the slot before."""
        while waiting:
            key, proof = waiting.pop()
            self.publish(key, proof.open(self.chain.block_hash(self.chain.block_number)))

    def publish(self, key: str, evidence: AnyEvidence) -> str:
        """Sign evidence with `key` and store it; returns its name."""
        domain = acts.domain(self.chain, "Challenges")
        signable = digests.evidence(domain, evidence.commitment, evidence_root(evidence))
        challenge = evidence.challenge
        name = evidence_name(31337, challenge.device, challenge.slot, evidence.commitment)
        self.store.put(name, evidence.sign(signable.sign(self.chain.key(key))).encode())
        return name

    def _begin(self, slot: int, roll_call: bool, memory_of: int | None) -> None:
        """Mine to the slot's first block, in a second that gives it a fitting hash."""
        threshold = acts.timing(self.chain).roll_call

        def fits(beacon: bytes) -> bool:
            drawn = memory_of is None or is_drawn(beacon, memory_of, SOMETIMES.draw_threshold)
            phase = is_memory_slot(beacon) == (memory_of is not None)
            return drawn and phase and is_roll_call(beacon, threshold) == roll_call

        acts.mine_to_slot_with(self.chain, slot, fits)

    def _is_due(self, device: int, slot: int) -> bool:
        """By the hash of the slot's first block, the head; nobody has sealed it yet."""
        chain, beacon = self.chain, self.chain.block_hash(self.chain.block_number)
        found = chain.call("DeviceRegistry", "deviceOf", device)
        accepts = chain.events("JobEscrow", "JobAccepted")
        if any((each.args["device"], each.args["forcedSlot"]) == (device, slot) for each in accepts):
            return True
        terms = chain.call("DeviceRegistry", "classOf", found.class_id)
        drawn = is_drawn(beacon, device, terms.draw_threshold)
        called = is_roll_call(beacon, acts.timing(chain).roll_call)
        return bool(chain.call("DeviceRegistry", "isActive", device, slot)) and (drawn or called)

    def seal(self, epoch: int) -> None:
        """Whatever nobody has sealed, the first slot after the epoch included."""
        for slot in (*self.slots_of(epoch), self.slots_of(epoch).stop):
            start = slots.start_of(acts.timing(self.chain), slot)
            self.chain.mine_to(max(start, self.chain.block_number))
            seal(self.chain, slot)

    def judge(self, epoch: int) -> EpochData:
        """What honest oracles sign: the oracle's own code, on chain and store."""
        with closing(self.connect()) as network:
            facts = Reader(network).epoch_facts(epoch, network.head())
            devices = {device.device: device for device in facts.devices}
            findings: dict[tuple[int, int], list[Finding]] = {}
            for due in duties(facts).values():
                for duty in due:
                    commit = facts.commits.get((duty.device, duty.slot))
                    if commit is None:
                        continue
                    challenge = challenge_of(facts, devices[duty.device], duty.slot)
                    name = evidence_name(31337, duty.device, duty.slot, commit.commitment)
                    try:
                        raw = self.store.get(name, 1 << 26)
                    except NameMissing:
                        continue
                    sample_beacon = facts.slot(duty.slot).sample_beacon
                    found = examine_evidence(
                        raw, challenge, commit, sample_beacon, network.domain("Challenges")
                    )
                    findings[duty.device, duty.slot] = [found] if found else []
            outcomes = judge_epoch(facts, findings)
            leaves = next_leaves(facts, self.standing.leaves, outcomes)
            return EpochData(31337, epoch, leaves, outcomes)

    def statement(self, data: EpochData, round: int = 0) -> Statement:
        call = self.chain.call
        config = call("Attestations", "configDigestOf", call("Attestations", "setOf", data.epoch))
        last_block = slots.last_block(acts.timing(self.chain), data.epoch)
        root = call("Attestations", "standingRoot")
        return build_statement(data, round, root, self.chain.block_hash(last_block), config)

    def attest(
        self,
        data: EpochData,
        *,
        round: int = 0,
        signers: Sequence[int] = (0, 1, 2),
        statement: Statement | None = None,
    ) -> Statement:
        """A quorum signs the data, honest or not, publishes and submits them."""
        acts.mine_past_epoch(self.chain, data.epoch)
        statement = statement or self.statement(data, round)
        bitmap, signatures = acts.sign_as_quorum(self.chain, statement, self.oracles, signers)
        self.store.put(data_name(31337, data.epoch, statement.root), data.encode())
        self.chain.send(
            "Attestations", "attest", statement, bitmap, signatures, sender=self.chain.accounts[5]
        )
        self.standing = data
        return statement

    def attest_honestly(self, epoch: int, **how: object) -> Statement:
        self.seal(epoch)
        return self.attest(self.judge(epoch), **how)  # type: ignore[arg-type]

    def proofs_of(self, data: EpochData) -> Epoch:
        """The same data as the tests' own reading of the format, which makes paths."""
        return Epoch(data.epoch, data.leaves, data.outcomes)

    def attest_blindly(self, data: EpochData, raw: bytes | None) -> None:
        """A quorum signs and submits, and publishes something else under the root's name, or nothing."""
        statement = self.statement(data)
        bitmap, signatures = acts.sign_as_quorum(self.chain, statement, self.oracles, (0, 1, 2))
        if raw is not None:
            self.store.put(data_name(31337, data.epoch, statement.root), raw)
        self.chain.send(
            "Attestations", "attest", statement, bitmap, signatures, sender=self.chain.accounts[5]
        )
        self.standing = data

    def tamper(self, contract: str, function: str, *args: object, word: int = 0, bit: int = 0) -> None:
        """Flip a bit of the storage that a view reads: in word number `word`, in the order of keys."""
        chain, address = self.chain, self.chain.address[contract]
        data = chain._abi(contract).encode_call(function, args)
        seen = chain.rpc.request("eth_createAccessList", {"to": address, "data": "0x" + data.hex()}, "latest")
        (keys,) = [e["storageKeys"] for e in seen["accessList"] if e["address"].lower() == address.lower()]
        key = sorted(keys)[word]
        old = int(chain.rpc.request("eth_getStorageAt", address, key, "latest"), 16)
        chain.rpc.request("anvil_setStorageAt", address, key, f"0x{old ^ (1 << bit):064x}")
        chain.mine()


def relabel(data: EpochData, device: int, **changes: object) -> EpochData:
    """The data with one leaf changed and nothing else."""
    leaf = replace(data.leaves[device], **changes)  # type: ignore[arg-type]
    return EpochData(data.chain_id, data.epoch, {**data.leaves, device: leaf}, data.outcomes)


def repay(data: EpochData) -> EpochData:
    """The data with every reward as the weights give it; before there was none."""
    bare = {device: replace(leaf, cumulative_reward=0) for device, leaf in data.leaves.items()}
    return EpochData(data.chain_id, data.epoch, pay(bare, emission_at(data.epoch)), data.outcomes)
