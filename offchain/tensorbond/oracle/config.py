"""Everything that one oracle process is told, built by the command line and handed down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

CONFIRMATIONS = 3
"""Deeper than forks go on the chains that we know."""


@dataclass(frozen=True)
class OracleConfig:
    """Times in seconds, distances in blocks."""

    rpc_urls: tuple[str, ...]
    deployment: Path | str
    """A deployment file, or the name of one."""
    account: LocalAccount
    store_url: str
    """Where evidence is read, and leaf data are published."""
    state_dir: Path
    """Journal and own copies of evidence; one folder for each oracle, never shared, never lost."""
    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    """The endpoint published by `join` must lead here."""
    security_txt: Path | None = None
    """Served as /.well-known/security.txt (RFC 9116)."""
    poll_seconds: float = 1.0
    confirmations: int = CONFIRMATIONS
    """Blocks that must lie above the block that all reads of a cycle are pinned to."""
    round_blocks: int | None = None
    """Length of a voting round, the same for all. None: an eighth of the attestation deadline, at least 4."""
    step_blocks: int = 2
    """How much later each next oracle steps in where another one's turn passes unused."""
    enforce: bool = False
    """Also slash devices for bad items in final attestations."""
    once: bool = False
    """One cycle, then stop; its errors are raised."""
    workers: int | None = None
    """Threads that verify evidence; None: one for each core."""
    rpc_timeout: float = 10.0
