"""What answers to requests show: leaves and parts of evidence, out of the calldata of their transactions.

Nothing is believed that doesn't fold to what was attested. A call that another contract made is taken from
the node's trace of the transaction or, where the node has none, looked for in the transaction's own calldata.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import RpcError
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import EvidenceRequest, Leaf, Outcome, Timing
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import ABSENT, DEPTH, ZERO, Node, Tree, fold, join, leaf_hash, outcomes_root
from tensorbond.proof import merkle
from tensorbond.proof.evidence import item_leaf
from tensorbond.watch.lies import counts_impossibly
from tensorbond.watch.sums import AttestedTree

MOST_TRIES = 256
"""Places in foreign calldata at which a call may begin, that are tried."""

Witnessed = tuple[int, int, bytes]
"""(device, slot, witness): one evidence that was attested to be there."""


@dataclass(frozen=True)
class ShownLeaf:
    """What stands at a device's place under the root. `leaf`: None where nothing does."""

    place: int
    leaf: Leaf | None
    path: bytes
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class ShownItem:
    """An item, or the header behind the last one, with its path under the witness."""

    item: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Answers:
    """All that answers show of one attestation. `unread`: (event, device, transaction) of those that were
    given in a way that nothing here can read."""

    leaves: Mapping[int, ShownLeaf] = field(default_factory=dict)
    items: Mapping[Witnessed, Mapping[int, ShownItem]] = field(default_factory=dict)
    unread: frozenset[tuple[str, int, str]] = frozenset()


NO_ANSWERS = Answers()


class AnswerReader:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._calls: dict[tuple[str, str], list[tuple[Any, ...]]] = {}

    def read(self, epoch: int, round: int, root: bytes, until: BlockRef) -> Answers:
        """Of the attestation of an epoch in this round, with this root."""
        timing: Timing = self._network.call("DeviceRegistry", "timingOf", epoch)
        since = slots.last_block(timing, epoch)
        leaves: dict[int, ShownLeaf] = {}
        items: dict[Witnessed, dict[int, ShownItem]] = {}
        unread: set[tuple[str, int, str]] = set()
        for event in self._events("Attestations", "LeafAnswered", epoch, since, until):
            place = event.args["device"]
            if event.args["request"] != keccak(encode(["uint256"] * 3, [epoch, round, place])):
                continue
            calls = self._calls_of(event, "answerLeaf")
            told = (read_leaf(call, epoch, place, root, 2 * timing.epoch_slots) for call in calls)
            shown = next((each for each in told if each is not None), None)
            if shown is not None:
                leaves[place] = shown
            elif place not in leaves:
                unread.add((event.name, place, event.transaction))
        for event in self._events("AttestationDisputes", "EvidenceAnswered", epoch, since, until):
            device, is_read = event.args["device"], False
            for call in self._calls_of(event, "answerEvidence"):
                if (part := read_item(call, epoch, device)) is not None:
                    asked, item = part
                    items.setdefault((device, asked.slot, asked.witness), {})[asked.index] = item
                    is_read = True
            if not is_read:
                unread.add((event.name, device, event.transaction))
        return Answers(leaves, items, frozenset(unread))

    def _events(self, contract: str, name: str, epoch: int, since: int, until: BlockRef) -> list[Event]:
        return self._network.events(contract, name, since=since, until=until, epoch=epoch)

    def _calls_of(self, event: Event, function: str) -> list[tuple[Any, ...]]:
        """The calls of a function in the transaction of an event. They stay as they are."""
        key = event.transaction, function
        if key not in self._calls:
            found = list(calls_in(self._network, event.transaction, event.contract, function))
            if not found:
                return []
            self._calls[key] = found
        return self._calls[key]


def calls_in(network: Network, transaction: str, contract: str, function: str) -> Iterator[tuple[Any, ...]]:
    """The arguments of each call of the contract's function that a transaction made, so far as that can be
    seen; of calls through other contracts also some that it never made."""
    told = network.rpc.request("eth_getTransactionByHash", transaction)
    if told is None:
        return
    abi, address = network.abi(contract), network.address(contract).lower()
    data = _bytes(told["input"])
    inputs: Iterable[bytes] = [data]
    if (told["to"] or "").lower() != address:
        inputs = [*_traced(network, transaction, address), *find_calls(data, abi.function(function).selector)]
    for each in inputs:
        with suppress(LookupError, DecodingError, OverflowError, ValueError):
            yield abi.decode_call(function, each)


def find_calls(data: bytes, selector: bytes) -> Iterator[bytes]:
    """What begins with the selector somewhere in the data."""
    at = -1
    for _ in range(MOST_TRIES):
        at = data.find(selector, at + 1)
        if at < 0:
            return
        yield data[at:]


def read_leaf(call: tuple[Any, ...], epoch: int, place: int, root: bytes, most: int) -> ShownLeaf | None:
    """Of the arguments of `answerLeaf`; None where they don't show what stands at the place. `most`:
    outcomes that a leaf of the epoch can have."""
    told_epoch, _, told_place, leaf, path, outcomes = call
    is_absent = int(leaf.provider, 16) == 0
    need = 0 if is_absent or counts_impossibly(leaf, most) else leaf.outcome_count
    if (told_epoch, told_place, len(outcomes)) != (epoch, place, need):
        return None
    if need and outcomes_root(outcomes) != leaf.outcomes_root:
        return None
    try:
        digest, weight = ABSENT if is_absent else (leaf_hash(leaf), leaf.weight)
        folded, _ = fold(digest, weight, place, path)
    except (ValueError, OverflowError):
        return None
    return ShownLeaf(place, None if is_absent else leaf, path, outcomes) if folded == root else None


def read_item(call: tuple[Any, ...], epoch: int, device: int) -> tuple[EvidenceRequest, ShownItem] | None:
    """Of the arguments of `answerEvidence`; None where the item isn't under the asked witness."""
    asked, _, item, path, _ = call
    depth = asked.items.bit_length()
    if (asked.epoch, asked.device, len(path)) != (epoch, device, depth) or asked.index > asked.items:
        return None
    if merkle.fold(item_leaf(asked.index, item), asked.index, path, depth) != asked.witness:
        return None
    return asked, ShownItem(item, path)


def graft(shown: Iterable[ShownLeaf], root: bytes, total_weight: int) -> AttestedTree:
    """As much of the tree as these leaves and their paths show."""
    levels: tuple[dict[int, Node], ...] = tuple({} for _ in range(DEPTH + 1))
    wrong, total = None, total_weight
    for each in shown:
        leaf, index, at = each.leaf, each.place, 3
        bitmap = int.from_bytes(each.path[:3], "big")
        node = ABSENT if leaf is None else (leaf_hash(leaf), leaf.weight)
        if leaf is not None and leaf.device != each.place:
            wrong = 0, each.place
        for level in range(DEPTH):
            sibling = ABSENT
            if bitmap >> level & 1:
                sibling = each.path[at : at + 32], int.from_bytes(each.path[at + 32 : at + 44], "big")
                at += 44
            for number, stated in ((index, node), (index ^ 1, sibling)):
                if stated != ABSENT:
                    levels[level][number] = stated
                if stated[0] == ABSENT[0] and stated != ABSENT:
                    wrong = level, number
            node = join(sibling, node) if index & 1 else join(node, sibling)
            index >>= 1
        levels[DEPTH][0], total = node, node[1]
    if total != total_weight:
        wrong = DEPTH, 0
    return AttestedTree(Tree(root, total_weight, levels), wrong)


def hidden_node(tree: Tree, devices: Collection[int]) -> tuple[int, int] | None:
    """(level, index) of the highest node that is known to be there, though none of these devices has its
    place below it."""
    for level, nodes in reversed(list(enumerate(tree.levels))):
        for index in sorted(nodes.keys() - {device >> level for device in devices}):
            if nodes[index][0] != ZERO:
                return level, index
    return None


def data_of(shown: Mapping[int, ShownLeaf], chain_id: int, epoch: int) -> EpochData:
    """The leaves that are shown."""
    there = {place: each for place, each in sorted(shown.items()) if each.leaf is not None}
    return EpochData(
        chain_id,
        epoch,
        {place: each.leaf for place, each in there.items() if each.leaf is not None},
        {place: each.outcomes for place, each in there.items()},
    )


def _traced(network: Network, transaction: str, address: str) -> Iterator[bytes]:
    """What the contract was called with; nothing where the node keeps no traces."""
    with suppress(RpcError):
        frames = [network.rpc.request("debug_traceTransaction", transaction, {"tracer": "callTracer"})]
        while frames:
            frame = frames.pop(0) or {}
            frames += frame.get("calls", [])
            if (frame.get("to") or "").lower() == address:
                yield _bytes(frame["input"])


def _bytes(told: str) -> bytes:
    return bytes.fromhex(told.removeprefix("0x"))
