"""One kind of proof, about one place, out of chain and evidence: for `tensorbond dispute build`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tensorbond.chain import slots
from tensorbond.chain.network import Network
from tensorbond.chain.types import Timing
from tensorbond.oracle.board import SignedStatement
from tensorbond.oracle.reader import Reader
from tensorbond.store import Store
from tensorbond.watch.accuse import Accuser, equivocation
from tensorbond.watch.dispute import Dispute
from tensorbond.watch.inquiry import Inquirer
from tensorbond.watch.shelf import Shelf
from tensorbond.watch.statements import contradictions, is_signed


@dataclass(frozen=True)
class Wanted:
    """What a dispute is to be about; None: whatever is found."""

    kind: str
    epoch: int
    device: int | None = None
    slot: int | None = None


def build(network: Network, store: Store, wanted: Wanted) -> list[Dispute]:
    """The disputes of the kind that chain and evidence give for an epoch. Raises FactsIncomplete,
    StoreUnavailable."""
    pinned = network.head()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Shelf(store, Path(folder), network.domain("Challenges"))) as shelf,
    ):
        inquirer = Inquirer(network, Reader(network), store, shelf)
        peers = inquirer.peers_of(wanted.epoch, pinned)
        accuser = Accuser(network, shelf, salt=b"")
        # What stands first, then what was revoked: its signers answer for it all the same.
        claims = [claim for claim in inquirer.claims_of(wanted.epoch, pinned) if claim.is_revoked]
        inquiries = [
            inquirer.inquire(wanted.epoch, claim, pinned, peers)
            for claim in (inquirer.claim_of(wanted.epoch, pinned), *claims)
        ]
        found = [
            dispute
            for each in inquiries
            for alternatives in (accuser.lies(each), *accuser.asked(each), *accuser.work(each))
            for dispute in alternatives
        ]
    return [dispute for dispute in found if _is_about(dispute, wanted)]


def build_equivocations(network: Network, signed: Iterable[SignedStatement]) -> list[Dispute]:
    """F5 of all that contradict each other in these."""
    domain = network.domain("Attestations")
    true = [each for each in signed if is_signed(domain, each)]
    return [equivocation(network, pair) for pair in contradictions(true)]


def epoch_of_slot(network: Network, slot: int) -> int:
    timing: Timing = network.call("DeviceRegistry", "timingAt", slot)
    return slots.epoch_of(timing, slot)


def _is_about(dispute: Dispute, wanted: Wanted) -> bool:
    return (
        dispute.kind == wanted.kind
        and wanted.device in (None, dispute.about.get("device"))
        and wanted.slot in (None, dispute.about.get("slot"))
    )
