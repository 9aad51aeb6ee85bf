"""Everything that the auditor's bot is told, built by the command line and handed down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount


@dataclass(frozen=True)
class WatchConfig:
    """Times in seconds, distances in blocks."""

    rpc_urls: tuple[str, ...]
    deployment: Path | str
    """A deployment file, or the name of one."""
    store_url: str
    """Where evidence and leaf data lie."""
    state_dir: Path
    """What was seen, done and asked for; one folder for each bot."""
    account: LocalAccount | None = None
    """Who sends the proofs and is paid for them; None: only look, and tell what would be sent."""
    from_epoch: int | None = None
    """Where to begin. None: where it was left, at first with the oldest epoch that can still be revoked."""
    statements: tuple[Path, ...] = ()
    """Files of signed statements, in the form in which oracles exchange them."""
    ask: bool = True
    """Also ask on chain, against a deposit, for what is withheld."""
    halt: bool = True
    """Also halt leases of devices that have failed or ended; nobody pays for that."""
    poll_seconds: float = 1.0
    confirmations: int = 0
    """Blocks that must lie above the block that all reads of a cycle are pinned to."""
    workers: int | None = None
    """Threads that verify evidence; None: one for each core."""
    rpc_timeout: float = 10.0
