"""Every reason for which a proof, its evidence or a request about them is refused."""

from __future__ import annotations

from enum import Enum
from reprlib import repr

from tensorbond.errors import TensorbondError


class ProofError(TensorbondError):
    """Anything that this package refuses."""


class InputInvalid(ProofError):
    """A value that the caller passed in cannot be what it is said to be."""

    def __init__(self, name: str, have: object, need: str) -> None:
        super().__init__(f"{name} is {have}, need {need}")
        self.name = name
        self.have = have
        self.need = need


class FieldInvalid(InputInvalid):
    """A field of a challenge, or a digest, has the wrong length or is out of range."""


class ShapeInvalid(InputInvalid):
    """A dimension is out of its bounds or not a power of two."""


class LinesInvalid(InputInvalid):
    """A line range, or an array handed to the workload, does not fit the workload."""


class LeafCountInvalid(InputInvalid):
    """A Merkle tree is asked for over a number of leaves that is not a power of two."""


class LeafIndexInvalid(InputInvalid):
    """A Merkle tree is asked about a leaf that it does not have."""


class PathDepthWrong(ProofError):
    """A Merkle path is not exactly as long as its tree is deep."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"path has {have} nodes, need exactly {need}")
        self.have = have
        self.need = need


class ProofTooLarge(ProofError):
    """The CPU prover would need more memory than it was given."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"the prover may use {have} bytes, this shape needs {need}; raise memory_limit")
        self.have = have
        self.need = need


class GpuUnavailable(ProofError):
    """There is no GPU to prove on, or not what it takes to use it."""


class GpuMemoryExhausted(ProofError):
    """The GPU has less memory free than is needed. Nothing was committed to."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"the GPU has {have} bytes free, {need} are needed")
        self.have = have
        self.need = need


class GpuLost(ProofError):
    """The GPU failed or went away. Nothing was committed to; the process must start anew to use it again."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"GPU {name} failed: {problem}")
        self.name = name


class GpuWrong(ProofError):
    """The GPU computed something else than the CPU, or than it did before: trust nothing of it."""

    def __init__(self, what: str, have: bytes, need: bytes) -> None:
        super().__init__(f"{what} is {have.hex()}, need {need.hex()}")
        self.have = have
        self.need = need


class EvidenceMalformed(ProofError):
    """The bytes are not an evidence file, whatever the challenge."""


class EvidenceOversized(EvidenceMalformed):
    """The file is longer than the reader's limit; nothing of it was read."""

    def __init__(self, have: int, limit: int) -> None:
        super().__init__(f"evidence has {have} bytes, the limit is {limit}")
        self.have = have
        self.limit = limit


class EvidenceTruncated(EvidenceMalformed):
    """The file ends before its declared shape does."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"evidence has {have} bytes, its declared shape needs {need}")
        self.have = have
        self.need = need


class EvidenceTrailing(EvidenceMalformed):
    """Bytes follow the signature, so the declared shape does not match the size."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"evidence has {have} bytes, its declared shape ends after {need}")
        self.have = have
        self.need = need


class EvidenceMagicWrong(EvidenceMalformed):
    """The file does not begin with the magic of the evidence that was to be read."""

    def __init__(self, have: bytes, need: bytes) -> None:
        super().__init__(f"file begins with {have!r}, need {need!r}: this is no such evidence")
        self.have = have
        self.need = need


class EvidenceVersionUnknown(EvidenceMalformed):
    """The file is of a version that this package cannot read."""

    def __init__(self, have: int, need: tuple[int, ...]) -> None:
        super().__init__(f"evidence version is {have}, this package reads {', '.join(map(str, need))}")
        self.have = have
        self.need = need


class ItemCountWrong(EvidenceMalformed):
    """The evidence has not exactly one item for each sample; an empty list is no evidence."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"evidence has {have} items, need exactly {need}")
        self.have = have
        self.need = need


class ItemLengthWrong(EvidenceMalformed):
    """An item has another length than its class fixes (for one, a path of another depth)."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"item has {have} bytes, its class fixes {need}")
        self.have = have
        self.need = need


class CapCountWrong(EvidenceMalformed):
    """The header has not exactly the nodes of the tree at the cap's height."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"header has {have} cap nodes, need exactly {need}")
        self.have = have
        self.need = need


class RootCountWrong(EvidenceMalformed):
    """The header has not exactly one root for each round."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"header has {have} roots, need exactly {need}")
        self.have = have
        self.need = need


class EvidenceMisaddressed(ProofError):
    """The evidence is about something else than it was asked to show."""

    def __init__(self, have: object, need: object) -> None:
        super().__init__(f"evidence declares {self.what} {have}, asked about {need}")
        self.have = have
        self.need = need

    what = "challenge"


class WrongChain(EvidenceMisaddressed):
    """The evidence declares another chain id."""

    what = "chain id"


class WrongProvider(EvidenceMisaddressed):
    """The evidence declares another provider."""

    what = "provider"


class WrongDevice(EvidenceMisaddressed):
    """The evidence declares another device."""

    what = "device"


class WrongSlot(EvidenceMisaddressed):
    """The evidence declares another slot."""

    what = "slot"


class WrongShape(EvidenceMisaddressed):
    """The evidence declares a dimension that differs from the class's."""

    what = "shape"


class WrongBeacon(EvidenceMisaddressed):
    """The evidence declares another beacon."""

    what = "beacon"


class WrongSampleBeacon(EvidenceMisaddressed):
    """The evidence declares another sample beacon."""

    what = "sample beacon"


class WrongCommitment(EvidenceMisaddressed):
    """The evidence declares another commitment."""

    what = "commitment"


class Fault(Enum):
    """What is wrong with the first bad item, or with the header."""

    ROUND = "round"
    """The item opens another round than its sample asks for."""
    TILE = "tile"
    """The item opens another tile than its sample asks for."""
    PATH = "path"
    """The entries and paths of the item do not fold to what was committed."""
    ENTRY = "entry"
    """An entry of the item is not the exact product of its row and its column."""
    FINAL_SEED = "final seed"
    """The header's final seed is not the end of the seed chain over the header's roots."""
    ROOT = "root"
    """A root in the header is not the root to which an opened item folds."""
    SEED = "seed"
    """A committed round was not computed from the seed that the seed chain gives it."""
    COMMITMENT = "commitment"
    """The header's roots (and final seed) do not hash to the commitment."""
    CAP = "cap"
    """The header's cap does not fold to its memRoot."""
    LABEL_NUMBER = "label number"
    """The item opens another label than its sample asks for."""
    LABEL = "label"
    """The opened label is not the hash of its parents."""
    PARENTS = "parents"
    """A label of layer 0 has no parents, yet their bytes are not zero."""
    OPENING = "opening"
    """An opened block does not fold to the cap at the place where it was asked for."""
    WALKER = "walker"
    """The item opens another walker than its sample asks for."""
    SEGMENT = "segment"
    """The item opens another segment than its sample asks for."""
    BEFORE = "checkpoint before"
    """Nothing precedes a walker's first segment, yet the item says so."""
    START = "start state"
    """The first segment does not start from the state that memRoot gives the walker."""
    UNUSED = "unused digests"
    """The bytes after the last later checkpoint's digest are not zero."""
    WALK = "walk"
    """The segment and its later checkpoints do not fold to the committed walkRoot."""


class EvidenceBad(ProofError):
    """The evidence is well formed and about the right challenge, but shows no proof.

    `index` is the leaf in the evidence tree at fault: the item's, or the number of items for the header.
    """

    def __init__(self, index: int, reason: Fault, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.reason = reason


class ItemBad(EvidenceBad):
    """An item is bad; `row`, `col` and `opening` are those of `BadItem`."""

    def __init__(
        self,
        index: int,
        reason: Fault,
        have: object,
        need: object,
        row: int | None = None,
        col: int | None = None,
        opening: int | None = None,
    ) -> None:
        place = "" if row is None else f" at row {row}, column {col}"
        place += "" if opening is None else f" {opening}"
        super().__init__(index, reason, f"item {index} is bad: {reason.value}{place} is {have}, need {need}")
        self.have = have
        self.need = need
        self.row = row
        self.col = col
        self.opening = opening


class HeaderBad(EvidenceBad):
    """The header is bad; in the C-phase this means that every item stands by itself."""

    def __init__(self, index: int, reason: Fault, have: object, need: object) -> None:
        super().__init__(
            index, reason, f"header (leaf {index}) is bad: {reason.value} is {have}, need {need}"
        )
        self.have = have
        self.need = need


class VectorInvalid(ProofError):
    """A request for a vector is not what the vector file's format allows."""


class VectorSyntax(VectorInvalid):
    """The request is not JSON."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"not valid JSON: {problem}")


class VectorTypeWrong(VectorInvalid):
    """A value is of another JSON type than its place needs."""

    def __init__(self, where: str, have: object, need: str) -> None:
        super().__init__(f"{where} is {repr(have)}, need {need}")
        self.where = where


class VectorFieldMissing(VectorInvalid):
    """A field that the inputs must have is not there."""

    def __init__(self, where: str, names: list[str]) -> None:
        super().__init__(f"{where} lacks {', '.join(names)}")
        self.names = names


class VectorFieldUnknown(VectorInvalid):
    """A field that the inputs do not have is there."""

    def __init__(self, where: str, names: list[str]) -> None:
        super().__init__(f"{where} has unknown fields: {', '.join(names)}")
        self.names = names


class VectorFieldRepeated(VectorInvalid):
    """One JSON object names a field twice."""

    def __init__(self, name: str) -> None:
        super().__init__(f"field {name} is given twice")
        self.name = name
