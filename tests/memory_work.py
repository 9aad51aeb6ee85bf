"""M-phases for tests of the contracts: commit to one, open it, and show parts of it to the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from tensorbond.chain.types import CapNode, Commit, HeaderOpening, MemoryItemOpening
from tests.acts import commit_as, mine_to_slot, register_as, stake_as
from tests.chain import Chain
from tests.labels import SAMPLES, Dimensions, Memory, bytes_of, path_in, salt_of, tree_of
from tests.system import role
from tests.work import BOND, CHAIN_ID, GOPS, first_slot_of, seal, sign_evidence

SMALL = Dimensions(layers=4, layer_bits=6, walker_bits=3, segments=3)

Prover = Callable[[Dimensions, bytes], Memory]


@dataclass(frozen=True)
class MemoryWork:
    """An M-phase that was committed to on chain, and, once the next slot is sealed, what it is asked for."""

    device: int
    slot: int
    provider: str
    key: str
    timestamp: int
    memory: Memory
    sample_beacon: bytes = bytes(32)

    @property
    def commitment(self) -> bytes:
        return self.memory.commitment

    @property
    def place(self) -> tuple[int, int, bytes]:
        """Whose it is, as the judge is asked."""
        return self.device, self.slot, self.commitment

    @property
    def record(self) -> tuple[bytes, int, str]:
        """The parts of the commit record."""
        return self.commitment, self.timestamp, self.key

    def sample(self, index: int) -> tuple[int, int]:
        return self.memory.sample(self.sample_beacon, index)

    def item(self, index: int) -> bytes:
        return self.memory.item(self.sample_beacon, index)

    def blocks(self, index: int) -> list[int]:
        return self.memory.blocks_of(self.sample_beacon, index)

    def index_of(self, segment: bool = False, *, layer: int | None = None, first: bool | None = None) -> int:
        """A sample of a label, not of layer 0 unless `layer` says so; or of a segment, the first or not."""
        for index in range(64, SAMPLES) if segment else range(64):
            place, bits = self.sample(index), self.memory.dimensions.layer_bits
            if segment and first in (None, place[1] == 0):
                return index
            if not segment and (place[0] >> bits == layer if layer is not None else place[0] >> bits > 0):
                return index
        raise AssertionError("no sample is of such a place")


def memory_class_as(chain: Chain, dimensions: Dimensions = SMALL) -> int:
    """Add a class with this M-phase."""
    terms = replace(
        chain.call("DeviceRegistry", "classOf", 0),
        layers=dimensions.layers,
        layer_bits=dimensions.layer_bits,
        walker_bits=dimensions.walker_bits,
        segments=dimensions.segments,
        peak_bandwidth=1000,
        min_bandwidth=1,
    )
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    return int(sent.event("ClassAdded")["classId"])


def memory_device_as(chain: Chain, provider: str, dimensions: Dimensions = SMALL) -> int:
    """A device of a class with this M-phase."""
    stake_as(chain, provider, BOND)
    return register_as(chain, provider, memory_class_as(chain, dimensions), GOPS)


def slot_of_phase(chain: Chain, slot: int, memory: bool) -> int:
    """Mine to slot after slot, this one first, until one asks for the M-phase (or the C-phase); seal it."""
    while True:
        mine_to_slot(chain, slot)
        if is_memory(seal(chain, slot)) == memory:
            return slot
        slot += 1


def is_memory(beacon: bytes) -> bool:
    return sha256(b"GPOW1/kind" + beacon).digest()[0] < 32


def dimensions_of(chain: Chain, device: int) -> Dimensions:
    found = chain.call("DeviceRegistry", "deviceOf", device)
    terms = chain.call("DeviceRegistry", "classOf", found.class_id)
    return Dimensions(terms.layers, terms.layer_bits, terms.walker_bits, terms.segments)


def commit_memory(
    chain: Chain, key: str, device: int, slot: int | None = None, prover: Prover = Memory
) -> MemoryWork:
    """Mine to the next slot of the M-phase, prove and commit with `key`."""
    first = first_slot_of(chain, device) if slot is None else slot
    slot = slot_of_phase(chain, first, memory=True)
    provider = chain.call("DeviceRegistry", "deviceOf", device).provider
    dimensions = dimensions_of(chain, device)
    salt = salt_of(seal(chain, slot), CHAIN_ID, bytes.fromhex(provider[2:]), device, slot, dimensions.layers)
    memory = prover(dimensions, salt)
    event = commit_as(chain, key, device, slot, memory.commitment).event("Committed")
    return MemoryWork(device, slot, provider, key, event["timestamp"], memory)


def open_memory(chain: Chain, work: MemoryWork) -> MemoryWork:
    """Mine into the next slot and seal it."""
    mine_to_slot(chain, work.slot + 1)
    return replace(work, sample_beacon=seal(chain, work.slot + 1))


# Showing it


def evidence_tree(work: MemoryWork, changed: Mapping[int, bytes] | None = None) -> list[list[bytes]]:
    """The evidence tree; `changed`: what stands in place of items, or of the header (96)."""
    parts = {index: work.item(index) for index in range(SAMPLES)} | {SAMPLES: work.memory.header}
    parts |= changed or {}
    leaves = [
        sha256(b"GPOW1/E" + index.to_bytes(4, "little") + parts[index]).digest()
        for index in range(SAMPLES + 1)
    ]
    return tree_of(leaves)


def show_item(work: MemoryWork, index: int, item: bytes | None = None) -> tuple[MemoryItemOpening, bytes]:
    """An item under an evidenceRoot, and that root. `item`: what stands in its place."""
    shown = work.item(index) if item is None else item
    tree = evidence_tree(work, {index: shown})
    opening = MemoryItemOpening(
        mem_root=work.memory.mem_root,
        walk_root=work.memory.walk_root,
        index=index,
        item=shown,
        path=tuple(path_in(tree, index)),
    )
    return opening, tree[-1][0]


def noise_item(work: MemoryWork, index: int) -> bytes:
    """An item of the right length and place with nothing right in it."""
    shape, (first, second) = work.memory.dimensions, work.sample(index)
    opening = 128 + 32 * shape.lower
    if index < 64:
        return first.to_bytes(8, "little") + b"\x5a" * (17 * opening)
    length = 160 + 64 * opening + 32 * (shape.segments - 1 + shape.walker_bits)
    noise = bytearray(first.to_bytes(4, "little") + second.to_bytes(4, "little") + b"\x5a" * length)
    if second == 0:
        noise[8:168] = bytes(32) + bytes_of(work.memory.start(first))
    unused = len(noise) - 32 * (shape.walker_bits + second)
    noise[unused : unused + 32 * second] = bytes(32 * second)
    return bytes(noise)


def fold_alone(index: int, item: bytes, path: Sequence[bytes]) -> bytes:
    """The evidenceRoot that an item folds to beside this path."""
    node = sha256(b"GPOW1/E" + index.to_bytes(4, "little") + item).digest()
    for level, sibling in enumerate(path):
        node = sha256(sibling + node if index >> level & 1 else node + sibling).digest()
    return node


def show_alone(work: MemoryWork, index: int, item: bytes) -> tuple[MemoryItemOpening, bytes]:
    """An item under an evidenceRoot that binds nothing else, and that root."""
    roots = work.memory.mem_root, work.memory.walk_root
    opened = MemoryItemOpening(*roots, index=index, item=item, path=(b"\x5a" * 32,) * 7)
    return opened, fold_alone(index, item, opened.path)


def show_header(work: MemoryWork, header: bytes | None = None) -> tuple[HeaderOpening, bytes]:
    """The header under an evidenceRoot, and that root. `header`: what stands in its place."""
    shown = work.memory.header if header is None else header
    tree = evidence_tree(work, {SAMPLES: shown})
    return HeaderOpening(header=shown, path=tuple(path_in(tree, SAMPLES))), tree[-1][0]


def cap_node(work: MemoryWork, index: int, opening: int = 0) -> CapNode:
    """What memRoot has above an opening of an item."""
    block, memory = work.blocks(index)[opening], work.memory
    place = block >> memory.dimensions.lower
    return CapNode(opening, memory.cap[place], tuple(memory.cap_path(block)))


def caps_of(work: MemoryWork, index: int) -> bytes:
    return work.memory.caps(work.blocks(index), 17 if index < 64 else 64)


def commit_of(work: MemoryWork) -> Commit:
    return Commit(work.device, work.slot, *work.record)


def sign_root(chain: Chain, work: MemoryWork, root: bytes, key: str | None = None) -> bytes:
    return sign_evidence(chain, key or work.key, work.commitment, root)
