"""What people do, as sentences: `stake_as(chain, provider, 100 * TBND)`. Each act is what its name says and
no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain import digests, slots
from tensorbond.chain.digests import Domain
from tensorbond.chain.types import Job, JobStatus, Statement, Terms, Timing
from tests.chain import Chain, Sent
from tests.leaves import Epoch

TBND = 10**18
TUSD = 10**6
TOKEN_CAP = 10**26
ZERO_ADDRESS = "0x" + "00" * 20
ZERO = bytes(32)


# Providers


def stake_as(chain: Chain, provider: str, amount: int) -> Sent:
    """Approve and stake."""
    chain.send("TensorbondToken", "approve", chain.address["ProviderStaking"], amount, sender=provider)
    return chain.send("ProviderStaking", "stake", amount, sender=provider)


def delegate_as(chain: Chain, delegator: str, provider: str, amount: int) -> Sent:
    """Approve and delegate."""
    chain.send("TensorbondToken", "approve", chain.address["ProviderStaking"], amount, sender=delegator)
    return chain.send("ProviderStaking", "delegate", provider, amount, sender=delegator)


def register_as(chain: Chain, provider: str, class_id: int = 0, gops: int = 10, count: int = 1) -> int:
    """Register devices; returns the first id. The provider must have the stake."""
    sent = chain.send("DeviceRegistry", "register", class_id, gops, count, sender=provider)
    return int(sent.all("DeviceRegistered")[0]["device"])


def set_operator_as(chain: Chain, provider: str, operator: str) -> Sent:
    """Let `operator` sign its consent and name it."""
    nonce = chain.call("ProviderStaking", "nonces", provider)
    signature = digests.operator(domain(chain, "ProviderStaking"), provider, operator, nonce).sign(
        chain.key(operator)
    )
    return chain.send("ProviderStaking", "setOperator", operator, signature, sender=provider)


def commit_as(chain: Chain, operator: str, device: int, slot: int, commitment: bytes) -> Sent:
    """Commit in the current window."""
    return chain.send("Challenges", "commit", device, slot, commitment, sender=operator)


# Time


def timing(chain: Chain) -> Timing:
    found: Timing = chain.call("DeviceRegistry", "timingEntry", 0)
    return found


def current_slot(chain: Chain) -> int:
    """The slot that the head lies in."""
    return slots.slot_at(timing(chain), chain.block_number)


def current_epoch(chain: Chain) -> int:
    return slots.epoch_of(timing(chain), current_slot(chain))


def mine_to_slot(chain: Chain, slot: int, offset: int = 0) -> None:
    """Mine until the head is block `offset` of `slot`. The next transaction is one block later."""
    chain.mine_to(slots.start_of(timing(chain), slot) + offset)


def mine_to_slot_with(chain: Chain, slot: int, fits: Callable[[bytes], bool], seconds: int = 400) -> bytes:
    """Mine to the slot's first block, in a second that gives it a hash that fits; returns the hash."""
    chain.mine_to(slots.start_of(timing(chain), slot) - 1)
    here, now = chain.snapshot(), chain.timestamp
    for later in range(1, seconds):
        chain.set_time(now + later)
        chain.mine()
        beacon = chain.block_hash(chain.block_number)
        if fits(beacon):
            return beacon
        chain.revert_to(here)
        here = chain.snapshot()
    raise AssertionError("no second gives such a hash")


def mine_past_epoch(chain: Chain, epoch: int) -> None:
    """Mine until the epoch's last block is the head, so that the next transaction is after it."""
    chain.mine_to(max(slots.last_block(timing(chain), epoch), chain.block_number))


def mine_to_final(chain: Chain, epoch: int) -> None:
    """Mine until an attested epoch is final in the head."""
    _, attested = chain.call("Attestations", "attestedOf", epoch)
    chain.mine_to(max(attested.provable_until + 1, chain.block_number))


# Oracles


def join_oracles(
    chain: Chain, oracles: Sequence[str], threshold: int = 3, from_epoch: int | None = None
) -> int:
    """Bond every oracle and seat them, in force from the epoch after the next to be attested. Returns the
    set's id."""
    bond = chain.call("Attestations", "BOND")
    for index, oracle in enumerate(oracles):
        if chain.call("Attestations", "bondOf", oracle).amount == 0:
            chain.send("TensorbondToken", "approve", chain.address["Attestations"], bond, sender=oracle)
            chain.send("Attestations", "join", f"http://127.0.0.1:{9000 + index}", sender=oracle)
    if from_epoch is None:
        from_epoch = chain.call("Attestations", "nextEpoch") + 1
    members = sorted(oracles, key=lambda address: int(address, 16))
    sent = chain.send("Attestations", "seat", members, threshold, from_epoch, sender=chain.accounts[0])
    return int(sent.event("SetSeated")["setId"])


@dataclass(frozen=True)
class Attestation:
    """An attested epoch with all that proofs about it need."""

    statement: Statement
    epoch: Epoch
    signers: int
    signatures: bytes
    sent: Sent | None = None


def close_before(chain: Chain, epoch: int, sender: str | None = None) -> None:
    """Void every epoch before `epoch` that is yet to be attested."""
    while (next_epoch := chain.call("Attestations", "nextEpoch")) < epoch:
        chain.mine_to(max(chain.call("Attestations", "deadline"), chain.block_number))
        chain.send("Attestations", "close", next_epoch, sender=sender or chain.accounts[5])


def statement_of(chain: Chain, epoch: Epoch, round: int = 0, **changes: Any) -> Statement:
    """The statement that honest oracles sign now; its epoch must be over."""
    statement = Statement(
        epoch=epoch.number,
        round=round,
        previous_root=chain.call("Attestations", "standingRoot"),
        last_block_hash=chain.block_hash(slots.last_block(timing(chain), epoch.number)),
        root=epoch.root,
        total_weight=epoch.total_weight,
        data_digest=epoch.data_digest,
        config_digest=chain.call(
            "Attestations", "configDigestOf", chain.call("Attestations", "setOf", epoch.number)
        ),
    )
    return replace(statement, **changes)


def sign_statement(chain: Chain, statement: Statement, oracle: str) -> bytes:
    return digests.attestation(domain(chain, "Attestations"), statement).sign(chain.key(oracle))


def sign_as_quorum(
    chain: Chain, statement: Statement, members: Sequence[str], indices: Sequence[int]
) -> tuple[int, bytes]:
    """The signer bitmap and the joined signatures of these members of the set."""
    signatures = b"".join(sign_statement(chain, statement, members[index]) for index in sorted(indices))
    return sum(1 << index for index in set(indices)), signatures


def attest(
    chain: Chain,
    epoch: int,
    leaves: Sequence[Any] = (),
    outcomes: Any = None,
    *,
    round: int = 0,
    signers: Sequence[int] | None = None,
    sender: str | None = None,
    **changes: Any,
) -> Attestation:
    """Mine past the epoch's end, let a quorum of its set (members `signers`, by default the first) sign, and
    submit.

    Earlier epochs that nobody attested are closed first. `leaves`: of `leaves.make_leaf`; `outcomes` by
    device."""
    close_before(chain, epoch, sender)
    mine_past_epoch(chain, epoch)
    data = Epoch.of(epoch, leaves, outcomes)
    statement = statement_of(chain, data, round, **changes)
    set_id = chain.call("Attestations", "setOf", epoch)
    members = chain.call("Attestations", "membersOf", set_id)
    if signers is None:
        signers = range(chain.call("Attestations", "quorumOf", set_id))
    bitmap, signatures = sign_as_quorum(chain, statement, members, signers)
    sent = chain.send(
        "Attestations", "attest", statement, bitmap, signatures, sender=sender or chain.accounts[5]
    )
    return Attestation(statement, data, bitmap, signatures, sent)


# Jobs


@dataclass(frozen=True)
class FundedJob:
    """A job's number and its state as the chain has hashed it."""

    number: int
    state: Job
    sent: Sent


def terms_of(chain: Chain, requester: str, /, **changes: Any) -> Terms:
    """Terms of 100 test dollars for a device of class 0 that `fund` takes in the next block."""
    head, first = chain.block_number, timing(chain)
    submit_by = head + 60
    wait = first.slot_blocks + slots.epoch_blocks(first) + first.attest_blocks + first.proof_blocks
    terms = Terms(
        requester=requester,
        token=chain.address["TestDollar"],
        price=100 * TUSD,
        provider=ZERO_ADDRESS,
        class_id=0,
        min_gops=1,
        collateral=20 * TBND,
        accept_by=head + 30,
        submit_by=submit_by,
        review_blocks=10,
        refund_at=submit_by + wait,
        spec=keccak(b"multiply these"),
    )
    return replace(terms, **changes)


def fund_as(
    chain: Chain, payer: str, /, terms: Terms | None = None, *, approve: bool = True, **changes: Any
) -> FundedJob:
    """Approve the price and fund."""
    terms = terms or terms_of(chain, payer, **changes)
    if approve:
        chain.send(terms.token, "approve", chain.address["JobEscrow"], terms.price, sender=payer)
    sent = chain.send("JobEscrow", "fund", terms, sender=payer)
    fee_bps = chain.call("JobEscrow", "feeBps")
    state = Job(terms, fee_bps)
    return FundedJob(int(sent.event("JobFunded")["job"]), state, sent)


def accept_as(chain: Chain, operator: str, job: FundedJob, device: int) -> FundedJob:
    """Accept with `device`; the sender is its provider or operator."""
    sent = chain.send("JobEscrow", "accept", job.number, job.state, device, sender=operator)
    event = sent.event("JobAccepted")
    state = replace(
        job.state,
        status=JobStatus.ACCEPTED,
        provider=event["provider"],
        device=device,
        forced_slot=event["forcedSlot"],
    )
    return FundedJob(job.number, state, sent)


def submit_as(chain: Chain, operator: str, job: FundedJob, result: bytes | None = None) -> FundedJob:
    result = result or keccak(b"the product")
    sent = chain.send("JobEscrow", "submit", job.number, job.state, result, sender=operator)
    state = replace(job.state, status=JobStatus.SUBMITTED, submitted_at=sent.block, result=result)
    return FundedJob(job.number, state, sent)


def dispute_as(chain: Chain, requester: str, job: FundedJob) -> FundedJob:
    """Approve whatever the bond is, unless enough is, and dispute."""
    token, escrow = job.state.terms.token, chain.address["JobEscrow"]
    if chain.call(token, "allowance", requester, escrow) < job.state.unpaid:
        chain.send(token, "approve", escrow, job.state.unpaid, sender=requester)
    sent = chain.send("JobEscrow", "dispute", job.number, job.state, sender=requester)
    verdict_by = sent.event("JobDisputed")["verdictBy"]
    return FundedJob(job.number, replace(job.state, status=JobStatus.DISPUTED, verdict_by=verdict_by), sent)


def approve_as(chain: Chain, requester: str, job: FundedJob) -> Sent:
    return chain.send("JobEscrow", "approve", job.number, job.state, sender=requester)


# Signing


def domain(chain: Chain, contract: str) -> Domain:
    """The EIP-712 domain of a contract."""
    return Domain(contract, 31337, chain.address[contract])
