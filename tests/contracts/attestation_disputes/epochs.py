"""Epochs as honest oracles tell them, by the oracle's own rules over the chain's facts, and lies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256

from eth_utils.crypto import keccak

from tensorbond.chain import slots
from tensorbond.chain.types import Leaf, NodeProof, OracleFault, Outcome, Statement, Timing
from tensorbond.oracle.facts import CommitFact, DeviceFact, EpochFacts, ForcedDraw, Place, SlotFact
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.outcomes import Finding, judge_epoch
from tensorbond.oracle.rules import next_leaves
from tensorbond.oracle.tree import ABSENT, DEPTH, Node, encode_leaf, outcomes_root
from tensorbond.proof import item_leaf
from tests.acts import commit_as, mine_past_epoch, mine_to_slot, sign_as_quorum, timing
from tests.chain import Chain, Sent
from tests.conftest import role
from tests.contracts.attestations.epochs import BOND, moving
from tests.work import evidence_path, seal

CHAIN_ID = 31337
ITEMS = 16
REWARD = BOND // 4
SIGNERS = (0, 1, 2)
Findings = Mapping[Place, Collection[Finding]]


# What happens


def keys_of(chain: Chain) -> dict[str, str]:
    """Who commits for a provider: itself, as nobody named an operator."""
    return {name: name for name in (role(chain, "provider"), role(chain, "other_provider"))}


def play_slot(chain: Chain, slot: int, devices: Sequence[int]) -> dict[Place, list[Finding]]:
    """These devices commit in the slot, and show good evidence."""
    chain.mine_to(max(slots.start_of(timing(chain), slot), chain.block_number))
    found = {}
    for device in devices:
        provider = chain.call("DeviceRegistry", "deviceOf", device).provider
        commit_as(chain, keys_of(chain)[provider], device, slot, commitment_of(device, slot))
        found[device, slot] = [Finding(witness_of(device, slot), None)]
    return found


def commitment_of(device: int, slot: int) -> bytes:
    return sha256(b"commitment %d %d" % (device, slot)).digest()


def items_of(device: int, slot: int) -> list[bytes]:
    """What a device shows of a slot: as many items as its class has samples, and the header."""
    return [b"item %d %d %d" % (device, slot, index) for index in range(ITEMS + 1)]


def opening_of(device: int, slot: int, index: int) -> tuple[tuple[bytes, ...], bytes]:
    """The path of an item, and the evidence root."""
    return evidence_path([item_leaf(i, item) for i, item in enumerate(items_of(device, slot))], index)


def witness_of(device: int, slot: int) -> bytes:
    return opening_of(device, slot, 0)[1]


def slots_of(chain: Chain, epoch: int) -> range:
    first = slots.first_slot(timing(chain), epoch)
    return range(first, first + timing(chain).epoch_slots)


def end_epoch(chain: Chain, epoch: int) -> None:
    """Mine past it, and seal its slots and the one after."""
    within = slots_of(chain, epoch)
    mine_to_slot(chain, within.stop)
    for slot in range(within.start, within.stop + 1):
        seal(chain, slot)


# What honest oracles say of it


def facts_of(chain: Chain, epoch: int) -> EpochFacts:
    """What the chain says of an epoch that is over and sealed."""
    within = slots_of(chain, epoch)
    spans: Timing = timing(chain)
    starts = [chain.block(slots.start_of(spans, slot)) for slot in range(within.start, within.stop + 1)]
    hashes = [bytes.fromhex(block["hash"][2:]) for block in starts]
    devices = []
    for device in range(1, chain.call("DeviceRegistry", "deviceCount") + 1):
        d = chain.call("DeviceRegistry", "deviceOf", device)
        fact = DeviceFact(device, d.provider, d.class_id, d.bonded_gops, d.from_epoch, d.until_slot)
        devices.append(replace(fact, holds=holds_of(chain, device)))
    count = chain.call("DeviceRegistry", "classCount")
    commits = [each.args for each in chain.events("Challenges", "Committed")]
    accepts = [each.args for each in chain.events("JobEscrow", "JobAccepted")]
    return EpochFacts(
        chain_id=CHAIN_ID,
        epoch=epoch,
        timing=spans,
        slots=tuple(
            SlotFact(slot, hashes[index], hashes[index + 1], int(starts[index]["timestamp"], 16))
            for index, slot in enumerate(within)
        ),
        devices=tuple(devices),
        classes={class_id: chain.call("DeviceRegistry", "classOf", class_id) for class_id in range(count)},
        commits={
            (a["device"], a["slot"]): CommitFact(
                a["device"], a["slot"], a["key"], a["commitment"], a["timestamp"]
            )
            for a in commits
        },
        forced=tuple(ForcedDraw(a["job"], a["device"], a["forcedSlot"]) for a in accepts),
    )


def holds_of(chain: Chain, device: int) -> tuple[tuple[int, int], ...]:
    """From the block that accepted a job of the device to that which closed it."""
    events = chain.events("JobEscrow")
    closed = {e.args["job"]: e.block for e in events if e.name in ("JobSettled", "JobRefunded")}
    return tuple(
        (e.block, closed.get(e.args["job"], 1 << 40))
        for e in events
        if e.name == "JobAccepted" and e.args["device"] == device
    )


def tell(chain: Chain, epoch: int, before: EpochData | None, findings: Findings) -> EpochData:
    """The leaves and outcomes that the rules give after those of `before`."""
    facts = facts_of(chain, epoch)
    outcomes = judge_epoch(facts, findings)
    leaves = next_leaves(facts, before.leaves if before else {}, outcomes)
    return EpochData(CHAIN_ID, epoch, leaves, outcomes)


# Lies


def with_leaf(data: EpochData, device: int, **changes: object) -> EpochData:
    """The same epoch, but for this leaf."""
    leaf = replace(data.leaves[device], **changes)  # type: ignore[arg-type]
    return replace(data, leaves={**data.leaves, device: leaf})


def with_rows(data: EpochData, device: int, rows: Sequence[Outcome], **changes: object) -> EpochData:
    """The same epoch, but for this device's outcomes."""
    told = replace(data, outcomes={**data.outcomes, device: tuple(rows)})
    return with_leaf(told, device, outcomes_root=outcomes_root(rows), outcome_count=len(rows), **changes)


def with_row(data: EpochData, device: int, index: int, **changes: object) -> EpochData:
    """The same epoch, but for this outcome."""
    rows = list(data.outcomes[device])
    rows[index] = replace(rows[index], **changes)  # type: ignore[arg-type]
    return with_rows(data, device, rows)


@dataclass(frozen=True)
class Tree:
    """An attestation's tree; `lies` by (level, place) stand where the children give another node."""

    leaves: Mapping[int, bytes]
    weights: Mapping[int, int]
    lies: Mapping[tuple[int, int], Node] = field(default_factory=dict)

    @classmethod
    def of(cls, data: EpochData, lies: Mapping[tuple[int, int], Node] | None = None) -> Tree:
        encoded = {device: encode_leaf(leaf) for device, leaf in data.leaves.items()}
        return cls(encoded, {d: leaf.weight for d, leaf in data.leaves.items()}, lies or {})

    @property
    def levels(self) -> list[dict[int, Node]]:
        nodes = {device: (keccak(raw), self.weights[device]) for device, raw in self.leaves.items()}
        levels = [nodes | self._lies(0)]
        for level in range(1, DEPTH + 1):
            below = levels[-1]
            nodes = {}
            for index in {index >> 1 for index in below}:
                preimage = self._packed(below, index)
                total = below.get(2 * index, ABSENT)[1] + below.get(2 * index + 1, ABSENT)[1]
                nodes[index] = (keccak(preimage), total)
            levels.append(nodes | self._lies(level))
        return levels

    @property
    def root(self) -> Node:
        return self.levels[DEPTH].get(0, ABSENT)

    def proof(self, epoch: int, level: int, index: int) -> NodeProof:
        """Node `index` of a level with its preimage."""
        levels = self.levels
        preimage = self._packed(levels[level - 1], index) if level else self.leaves.get(index, b"")
        node = levels[level].get(index, ABSENT)
        return NodeProof(
            epoch, level, index, node[1], preimage if node[0] != bytes(32) else b"", self.path(level, index)
        )

    def path(self, level: int, index: int) -> bytes:
        bitmap, siblings = 0, b""
        for step, nodes in enumerate(self.levels[level:DEPTH]):
            sibling = nodes.get((index >> step) ^ 1)
            if sibling is not None:
                bitmap |= 1 << step
                siblings += sibling[0] + sibling[1].to_bytes(12, "big")
        return bitmap.to_bytes(3, "big") + siblings

    def _lies(self, level: int) -> dict[int, Node]:
        return {index: node for (at, index), node in self.lies.items() if at == level}

    @staticmethod
    def _packed(below: Mapping[int, Node], index: int) -> bytes:
        pair = below.get(2 * index, ABSENT), below.get(2 * index + 1, ABSENT)
        return b"".join(node + weight.to_bytes(12, "big") for node, weight in pair)


def retell(
    chain: Chain, data: EpochData, before: EpochData, device: int, rows: Sequence[Outcome]
) -> EpochData:
    """The same epoch, had these been the device's outcomes."""
    facts = facts_of(chain, data.epoch)
    outcomes = {**data.outcomes, device: tuple(rows)}
    return replace(data, outcomes=outcomes, leaves=next_leaves(facts, before.leaves, outcomes))


# Attesting and proving


def statement_about(chain: Chain, data: EpochData, round: int = 0, **changes: object) -> Statement:
    """What oracles sign that stand by the data."""
    set_id = chain.call("Attestations", "setOf", data.epoch)
    statement = Statement(
        epoch=data.epoch,
        round=round,
        previous_root=chain.call("Attestations", "standingRoot"),
        last_block_hash=chain.block_hash(slots.last_block(timing(chain), data.epoch)),
        root=data.root,
        total_weight=data.total_weight,
        data_digest=data.data_digest,
        config_digest=chain.call("Attestations", "configDigestOf", set_id),
    )
    return replace(statement, **changes)  # type: ignore[arg-type]


def attest_data(chain: Chain, data: EpochData, round: int = 0, **changes: object) -> Sent:
    """Members 0, 1 and 2 sign and submit it."""
    mine_past_epoch(chain, data.epoch)
    statement = statement_about(chain, data, round, **changes)
    members = chain.call("Attestations", "membersOf", chain.call("Attestations", "setOf", data.epoch))
    signers, signatures = sign_as_quorum(chain, statement, members, SIGNERS)
    return chain.send(
        "Attestations", "attest", statement, signers, signatures, sender=role(chain, "stranger")
    )


def prove(chain: Chain, verb: str, *args: object, sender: str | None = None) -> Sent:
    return chain.send("AttestationDisputes", verb, *args, sender=sender or role(chain, "auditor"))


@contextmanager
def punishing(
    chain: Chain, epoch: int, fault: OracleFault, device: int, evidence: bytes
) -> Iterator[list[Sent]]:
    """What is put into the list takes the three signers' bonds and revokes the epoch, and no more."""
    auditor = role(chain, "auditor")
    members = chain.call("Attestations", "membersOf", chain.call("Attestations", "setOf", epoch))
    assert chain.call("Attestations", "nextEpoch") > epoch
    found: list[Sent] = []
    with moving(
        chain, Attestations=-3 * BOND, bonded=-3 * BOND, auditor=3 * REWARD, supply=-3 * (BOND - REWARD)
    ):
        yield found
    (sent,) = found
    assert sent.event("FraudProven") == {
        "epoch": epoch,
        "fault": fault,
        "challenger": auditor,
        "device": device,
        "evidence": evidence,
        "amount": 3 * BOND,
        "reward": 3 * REWARD,
    }
    slashed = sent.all("OracleSlashed")
    assert [each["oracle"] for each in slashed] == [members[index] for index in SIGNERS]
    assert {(each["fault"], each["evidence"], each["challenger"]) for each in slashed} == {
        (fault, evidence, auditor)
    }
    assert sent.event("EpochRevoked")["epoch"] == epoch
    assert chain.call("Attestations", "nextEpoch") == epoch
    assert chain.call("Attestations", "bondOf", members[3]).amount == BOND


def no_leaf() -> Leaf:
    """What stands for the previous leaf of a device that had none."""
    return Leaf(0, "0x" + "00" * 20, *([0] * 15), bytes(32), 0)
