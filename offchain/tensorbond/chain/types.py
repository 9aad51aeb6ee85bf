"""What crosses the chain's border: one frozen dataclass per Solidity struct, one enum per Solidity enum.

A dataclass carries its struct's name, and its fields the struct's fields in order, in snake_case
(`tests/parity` holds the two together). Amounts are wei or the payment token's smallest unit, times are block
numbers, addresses are EIP-55 strings, hashes 32 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

ZERO_ADDRESS = "0x" + "00" * 20


class JobStatus(IntEnum):
    NONE = 0
    FUNDED = 1
    ACCEPTED = 2
    SUBMITTED = 3
    DISPUTED = 4
    SETTLED = 5
    REFUNDED = 6


class CloseReason(IntEnum):
    NONE = 0
    APPROVED = 1
    OUTCOME_PASSED = 2
    NOT_ACCEPTED = 3
    NOT_SUBMITTED = 4
    OUTCOME_MISSED = 5
    OUTCOME_BAD = 6
    OUTCOME_WITHHELD = 7
    NOT_ATTESTED = 8
    OUTCOME_SLOW = 9
    VERDICT_FOR_PROVIDER = 10
    VERDICT_FOR_REQUESTER = 11


class Verdict(IntEnum):
    """How a job's dispute ended."""

    NONE = 0
    FOR_PROVIDER = 1
    FOR_REQUESTER = 2


class LeaseStatus(IntEnum):
    NONE = 0
    OFFERED = 1
    ACTIVE = 2
    ENDING = 3
    STOPPED = 4
    CLOSED = 5


class StopReason(IntEnum):
    """Why a lease ended."""

    NONE = 0
    NOT_ACCEPTED = 1
    REQUESTER_STOPPED = 2
    PROVIDER_STOPPED = 3
    EXHAUSTED = 4
    FAULTED = 5
    DEVICE_ENDED = 6


class SlashReason(IntEnum):
    NONE = 0
    MISSED_SLOT = 1
    MISSED_OFTEN = 2
    BAD_ITEM = 3
    BAD_ITEM_ATTESTED = 4
    JOB_NOT_SUBMITTED = 5
    JOB_OUTCOME_MISSED = 6
    JOB_OUTCOME_BAD = 7
    BAD_HEADER = 8
    BAD_LINK = 9
    BAD_LANE = 10
    BAD_LABEL = 11
    BAD_STEP = 12
    TWO_EVIDENCES = 13
    WITHHELD = 14


class PlaceKind(IntEnum):
    """What a request asks for; see `contracts/interfaces/IItemOpening.sol`."""

    SAMPLE = 0
    TILE = 1
    LABEL = 2
    SEGMENT = 3


class OracleFault(IntEnum):
    NONE = 0
    EQUIVOCATION = 1
    BAD_SUM = 2
    BAD_DEVICE = 3
    LEAF_MISSING = 4
    BAD_REWARD = 5
    BAD_WEIGHT = 6
    BAD_THROUGHPUT = 7
    BAD_OUTCOMES = 8
    BAD_FORCED = 9
    FALSE_PASS = 10
    FALSE_FAIL = 11
    WITHHELD_DATA = 12


class EpochStatus(IntEnum):
    OPEN = 0
    ATTESTED = 1
    FINAL = 2
    VOID = 3


class OutcomeKind(IntEnum):
    """Why a benchmark was due."""

    DRAWN_C = 0
    DRAWN_M = 1
    ROLL_CALL = 2
    FORCED = 3


class OutcomeResult(IntEnum):
    """How a benchmark ended."""

    PASSED = 1
    MISSED = 2
    BAD_ITEM = 3
    WITHHELD = 4
    SLOW = 5


@dataclass(frozen=True)
class Timing:
    """One schedule entry; see `contracts/libraries/Slots.sol`."""

    from_epoch: int
    from_slot: int
    from_block: int
    slot_blocks: int
    epoch_slots: int
    attest_blocks: int
    proof_blocks: int
    roll_call: int


@dataclass(frozen=True)
class DeviceClass:
    """A kind of GPU; see `contracts/interfaces/IDeviceRegistry.sol`."""

    m: int
    n: int
    k: int
    r: int
    q: int
    profile: int = field(default=0, kw_only=True)
    draw_threshold: int
    layers: int = field(default=0, kw_only=True)
    layer_bits: int = field(default=0, kw_only=True)
    walker_bits: int = field(default=0, kw_only=True)
    segments: int = field(default=0, kw_only=True)
    peak_bandwidth: int = field(default=0, kw_only=True)
    min_bandwidth: int = field(default=0, kw_only=True)
    slow_gops: int = field(default=0, kw_only=True)
    bond_per_gops: int
    miss_penalty: int
    peak_gops: int
    min_gops: int
    fault_bps: int


@dataclass(frozen=True)
class Device:
    provider: str
    from_epoch: int
    until_slot: int
    bonded_gops: int
    class_id: int


@dataclass(frozen=True)
class Outcome:
    """What one slot gave for one device; see `contracts/libraries/MerkleSum.sol`."""

    slot: int
    kind: int
    result: int
    throughput: int
    witness: bytes
    item: int
    job: int


@dataclass(frozen=True)
class Leaf:
    """What an attestation says of one device; see `contracts/libraries/MerkleSum.sol`."""

    device: int
    provider: str
    class_id: int
    due_c: int
    passed_c: int
    idle_c: int
    due_m: int
    passed_m: int
    idle_m: int
    due_roll: int
    passed_roll: int
    idle_roll: int
    min_gops: int
    min_bandwidth: int
    vram: int
    weight: int
    cumulative_reward: int
    outcomes_root: bytes
    outcome_count: int


@dataclass(frozen=True)
class Statement:
    """The signed statement of an epoch; see `contracts/interfaces/IAttestations.sol`."""

    epoch: int
    round: int
    previous_root: bytes
    last_block_hash: bytes
    root: bytes
    total_weight: int
    data_digest: bytes
    config_digest: bytes


@dataclass(frozen=True)
class LeafProof:
    epoch: int
    leaf: Leaf
    path: bytes


@dataclass(frozen=True)
class OutcomeProof:
    outcome: Outcome
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Attested:
    total_weight: int
    provable_until: int
    set_id: int
    round: int
    signers: int
    flags: int


@dataclass(frozen=True)
class OracleSet:
    table: str
    threshold: int
    size: int
    from_epoch: int
    excluded: int


@dataclass(frozen=True)
class Bond:
    amount: int
    left_epoch: int
    exposed_until: int
    seated: bool


@dataclass(frozen=True)
class Stake:
    active: int
    locked: int
    generation: int
    delegated: bool
    rewarded: bool
    short: bool
    unbonding: int
    first_request: int
    next_request: int
    unbonding_generation: int
    unbonding_uneven: bool
    lane_start: int
    shares: int
    delegated_shares: int
    unbonding_shares: int
    delegated_unbonding_shares: int
    short_since: int
    commission_bps: int
    next_commission_bps: int
    commission_from: int
    vesting: int
    vested: int
    vested_at: int
    vests_until: int


@dataclass(frozen=True)
class Delegation:
    shares: int
    generation: int
    first_request: int
    next_request: int
    lane_start: int


@dataclass(frozen=True)
class Request:
    shares: int
    matures_at: int
    generation: int


@dataclass(frozen=True)
class Faults:
    earliest_slot: int
    faulted: bool
    count: int
    last_epoch: int
    misses: int
    miss_epoch: int


@dataclass(frozen=True)
class FaultCost:
    provider: str
    bond: int
    left: int
    fault_bps: int
    epoch: int


@dataclass(frozen=True)
class Session:
    first: int
    end: int
    from_epoch: int


@dataclass(frozen=True)
class BadItem:
    """Calldata of `WorkDisputes.proveBadItem`; see `contracts/interfaces/IWorkDisputes.sol`."""

    device: int
    slot: int
    commitment: bytes
    timestamp: int
    key: str
    final_seed: bytes
    rounds_root: bytes
    index: int
    item: bytes
    evidence_path: tuple[bytes, ...]
    signature: bytes
    row: int
    column: int


@dataclass(frozen=True)
class NodeProof:
    """A node of an attestation's tree; see `contracts/interfaces/IAttestationDisputes.sol`."""

    epoch: int
    level: int
    index: int
    sum: int
    preimage: bytes
    path: bytes


@dataclass(frozen=True)
class Record:
    """The parts of a commit record, from its event."""

    commitment: bytes
    timestamp: int
    key: str


@dataclass(frozen=True)
class Commit:
    """The parts of a commit record; see `contracts/interfaces/IChallenges.sol`."""

    device: int
    slot: int
    commitment: bytes
    timestamp: int
    key: str


@dataclass(frozen=True)
class ItemOpening:
    """One item under an evidence root; this and what follows: `contracts/interfaces/IComputeProofs.sol`."""

    final_seed: bytes
    rounds_root: bytes
    index: int
    item: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class HeaderOpening:
    header: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class RoundOpening:
    seed: bytes
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Link:
    index: int
    final_seed: bytes
    before: RoundOpening
    here: RoundOpening


@dataclass(frozen=True)
class MemoryItemOpening:
    """One item of the M-phase under an evidence root; see `contracts/interfaces/IMemoryProofs.sol`."""

    mem_root: bytes
    walk_root: bytes
    index: int
    item: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class CapNode:
    opening: int
    node: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Place:
    """One place in what a commitment binds; see `contracts/interfaces/IItemOpening.sol`."""

    kind: int
    first: int
    second: int


@dataclass(frozen=True)
class ItemRequest:
    asker: str
    deposit: int
    deadline: int
    answered: bool
    of_memory: bool


@dataclass(frozen=True)
class DataRequest:
    """What was asked about an attestation; see `contracts/libraries/Requests.sol`."""

    asker: str
    deposit: int
    answer_by: int
    answered: bool


@dataclass(frozen=True)
class EvidenceRequest:
    """Which item of whose evidence; see `contracts/interfaces/IAttestationDisputes.sol`."""

    epoch: int
    round: int
    device: int
    slot: int
    witness: bytes
    items: int
    index: int
    length: int


@dataclass(frozen=True)
class Terms:
    """What a requester asks for; see `contracts/interfaces/IJobEscrow.sol`."""

    requester: str
    sponsor: str = field(default=ZERO_ADDRESS, kw_only=True)
    token: str
    price: int
    parts: int = field(default=0, kw_only=True)
    provider: str
    class_id: int
    min_gops: int
    collateral: int
    accept_by: int
    submit_by: int
    review_blocks: int
    refund_at: int
    arbiter: str = field(default=ZERO_ADDRESS, kw_only=True)
    callback: str = field(default=ZERO_ADDRESS, kw_only=True)
    spec: bytes

    @property
    def payer(self) -> str:
        return self.requester if self.sponsor == ZERO_ADDRESS else self.sponsor


@dataclass(frozen=True)
class Job:
    terms: Terms
    fee_bps: int
    provider: str = ZERO_ADDRESS
    device: int = 0
    forced_slot: int = 0
    status: int = JobStatus.FUNDED
    paid_parts: int = 0
    verdict_by: int = 0
    submitted_at: int = 0
    result: bytes = bytes(32)

    @property
    def unpaid(self) -> int:
        """What of the price was not released in parts."""
        return self.terms.price - self.terms.price * self.paid_parts // max(self.terms.parts, 1)


@dataclass(frozen=True)
class Ledger:
    tracked: int
    fees: int
    cap: int


@dataclass(frozen=True)
class LeaseTerms:
    """What both sides agree on; see `contracts/interfaces/ILeaseEscrow.sol`."""

    requester: str
    provider: str
    token: str
    rate: int
    cap: int
    notice: int
    """Seconds, as is the grace."""
    grace: int
    voucher_blocks: int
    accept_by: int


@dataclass(frozen=True)
class Lease:
    """All that is fixed when a lease is opened."""

    terms: LeaseTerms
    device: int
    fee_bps: int
    exposure: int


@dataclass(frozen=True)
class LeaseState:
    funds: int
    origin: int
    """A timestamp."""
    paid_seconds: int
    held_seconds: int
    ripe_at: int
    status: int
    reason: int
    shared: bool


@dataclass(frozen=True)
class LeaseExtra:
    redeemed: int
    ends_at: int
    """A timestamp."""
    stop_from: int
    reason: int
    vouchers: bool


@dataclass(frozen=True)
class LeaseDeposit:
    """Into a shared lease; kept under who paid it and what had been deposited before."""

    amount: int
    refunded: int


@dataclass(frozen=True)
class LeaseLedger:
    tracked: int
    fees: int
    cap: int


@dataclass(frozen=True)
class Order:
    """What every order says; this and its kinds: `contracts/libraries/Orders.sol`."""

    account: str
    counterparty: str
    token: str
    price: int
    class_id: int
    count: int
    expiry: int
    series: int
    nonce: int


@dataclass(frozen=True)
class JobAsk:
    order: Order
    device: int
    collateral: int
    submit_blocks: int
    hold_blocks: int
    arbiter: str
    spec: bytes


@dataclass(frozen=True)
class JobBid:
    order: Order
    requester: str
    whole: bool
    min_gops: int
    min_weight: int
    since_epoch: int
    collateral: int
    submit_blocks: int
    review_blocks: int
    refund_blocks: int
    parts: int
    callback: str
    arbiter: str
    spec: bytes


@dataclass(frozen=True)
class Auction:
    """A job's sealed auction; this and what follows: `contracts/interfaces/ISealedAuction.sol`."""

    commit_by: int
    reveal_by: int
    bids: int
    provider: str
    price: int


@dataclass(frozen=True)
class SealedBid:
    seal: bytes
    place: int


@dataclass(frozen=True)
class JobOffer:
    """An ask with the devices that it gives to a bid; see `contracts/interfaces/IOrderBook.sol`."""

    ask: JobAsk
    signature: bytes
    devices: tuple[int, ...]


@dataclass(frozen=True)
class LeaseAsk:
    order: Order
    device: int
    deposit: int
    notice: int
    grace: int
    voucher_blocks: int


@dataclass(frozen=True)
class LeaseBid:
    order: Order
    whole: bool
    min_gops: int
    min_weight: int
    since_epoch: int
    deposit: int
    cap: int
    notice: int
    grace: int
    voucher_blocks: int


@dataclass(frozen=True)
class LeaseOffer:
    ask: LeaseAsk
    signature: bytes
    devices: tuple[int, ...]
