"""Everything that one agent process is told, built by the command line and handed down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eth_account.signers.local import LocalAccount

from tensorbond.proof.evidence import AnyEvidence
from tensorbond.proof.prover import CpuProver
from tensorbond.proof.verifier import AnyChallenge

CONFIRMATIONS = 3
"""Deeper than forks go on the chains that we know; shorter than any slot's commit window should be."""


class Proof(Protocol):
    """A finished computation: what it commits to, and what it opens."""

    @property
    def commitment(self) -> bytes: ...

    def open(self, sample_beacon: bytes, /) -> AnyEvidence: ...


class Prover(Protocol):
    """Must give the same proof whenever it is asked for the same challenge: a restarted agent proves anew."""

    def prove(self, challenge: AnyChallenge, /) -> Proof: ...


@dataclass(frozen=True)
class JobPolicy:
    """Which jobs the agent takes by itself, and how it gets their results."""

    min_price: int = 1
    """In the payment token's smallest unit."""
    max_collateral: int | None = None
    """Wei of TBND; None: the bond of the device that takes the job."""
    max_review_blocks: int | None = None
    """From submission to where anyone may settle; None: as long as an outcome takes to be final."""
    max_refund_blocks: int | None = None
    """From submitBy to refundAt, which is how long collateral and device are kept where nothing is attested;
    None: four times as long as an outcome takes to be final."""
    result_digest: bytes | None = None
    """The same for every job; or"""
    result_command: tuple[str, ...] = ()
    """run with the job's number and its spec as 0x-hex; prints the result's digest as 0x-hex, exits 0."""
    arbiters: tuple[str, ...] = ()
    """Who a job may say decides its dispute, besides the escrow's own arbiter: one that the requester chose
    alone decides for the requester."""


@dataclass(frozen=True)
class AgentConfig:
    """Times in seconds, distances in blocks."""

    rpc_urls: tuple[str, ...]
    deployment: Path | str
    """A deployment file, or the name of one."""
    account: LocalAccount
    """The operator's key."""
    store_url: str
    """Where evidence is published."""
    state_dir: Path
    """The journal; one folder for each agent, never shared, never lost."""
    provider: str | None = None
    """The owner whose devices are served; None: the key's own."""
    devices: frozenset[int] | None = None
    """Only these of the provider's; None: all."""
    poll_seconds: float = 1.0
    confirmations: int = CONFIRMATIONS
    """Blocks above a beacon before what rests on it is committed or signed. A proof begins before."""
    commit_margin: int = 0
    """A commit is not tried unless the window stays open for as many blocks after the next."""
    prover_factory: Callable[[], Prover] = CpuProver
    self_check: bool = True
    """Verify what is about to be signed, and rather sign nothing than something bad."""
    jobs: JobPolicy | None = None
    """None: taking jobs is left to the owner; being paid for them is not."""
    once: bool = False
    """One cycle, then stop; its errors are raised."""
    rpc_timeout: float = 10.0
