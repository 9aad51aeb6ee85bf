"""A job's state, rebuilt from events: the chain keeps only its hash, and every verb wants the state
before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain.abi import Event
from tensorbond.chain.errors import JobUnknown
from tensorbond.chain.network import BlockRef, Network
from tensorbond.chain.types import Job, JobStatus, Terms

_TERMS = (
    "(address,address,address,uint96,uint16,address,uint8,uint24,uint96,uint40,uint40,uint32,uint40,"
    "address,address,bytes32)"
)
_JOB = f"({_TERMS},uint16,address,uint32,uint32,uint8,uint16,uint40,uint40,bytes32)"
_FIXED = (16 + 4) * 32
"""The bytes of a state's encoding before its status: the terms and four words."""
JOB_EVENTS = (
    "JobFunded",
    "JobAssigned",
    "JobAccepted",
    "JobSubmitted",
    "JobPartsPaid",
    "JobDisputed",
    "DisputeResolved",
    "JobSettled",
    "JobRefunded",
)
"""Every event that changes a job's state."""


def job_state(network: Network, job: int, block: BlockRef | None = None) -> Job:
    """The job as of `block` (default: the head), checked against the hash that the chain keeps. Raises
    `JobUnknown`."""
    block = block or network.head()
    state = replay(network.events("JobEscrow", JOB_EVENTS, until=block, job=job))
    if state is None:
        raise JobUnknown(f"there is no job {job} in block {block.number}")
    have, need = job_hash(state), network.call("JobEscrow", "jobHash", job, block=block)
    if have != need:
        raise JobUnknown(
            f"job {job}: its events give the state 0x{have.hex()}, the chain keeps 0x{need.hex()}"
        )
    return state


def replay(events: Iterable[Event]) -> Job | None:
    """The state after one job's events in order; None if there are none."""
    state: Job | None = None
    for event in events:
        if event.name == "JobFunded":
            state = Job(event.args["terms"], event.args["feeBps"])
        elif state is not None:
            state = _after(state, event)
    return state


def job_hash(state: Job) -> bytes:
    """keccak256(abi.encode(job)), as the escrow keeps it."""
    return keccak(_encode(state))


def terms_hash(state: Job) -> bytes:
    """keccak256(abi.encode(terms, feeBps, provider, device, forcedSlot)), fixed once a device is held: what
    an approval names."""
    return keccak(_encode(state)[:_FIXED])


def _encode(state: Job) -> bytes:
    terms = tuple(getattr(state.terms, each.name) for each in fields(Terms))
    rest = tuple(getattr(state, each.name) for each in fields(Job)[1:])
    return encode([_JOB], [(terms, *rest)])


def _after(state: Job, event: Event) -> Job:
    args = event.args
    match event.name:
        case "JobAssigned":
            terms = replace(state.terms, provider=args["provider"], price=args["price"])
            return replace(state, terms=terms)
        case "JobAccepted":
            return replace(
                state,
                status=JobStatus.ACCEPTED,
                provider=args["provider"],
                device=args["device"],
                forced_slot=args["forcedSlot"],
            )
        case "JobSubmitted":
            return replace(
                state, status=JobStatus.SUBMITTED, result=args["result"], submitted_at=args["submittedAt"]
            )
        case "JobPartsPaid":
            return replace(state, paid_parts=args["paidParts"])
        case "JobDisputed":
            return replace(state, status=JobStatus.DISPUTED, verdict_by=args["verdictBy"])
        case "DisputeResolved":
            # By a verdict it is closed in the next event.
            return replace(state, status=JobStatus.SUBMITTED)
        case "JobSettled":
            return replace(state, status=JobStatus.SETTLED)
        case "JobRefunded":
            return replace(state, status=JobStatus.REFUNDED)
    return state
