"""Slashing what final attestations found: every bad item is enforced once its epoch is final."""

from __future__ import annotations

import logging
from pathlib import Path

from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.network import BlockRef
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import EpochStatus, OutcomeResult
from tensorbond.oracle.errors import LeafDataInvalid
from tensorbond.oracle.leaves import load_epoch
from tensorbond.store import Store, StoreError

log = logging.getLogger(__name__)

EPOCHS_AT_ONCE = 16


class Enforcer:
    """Goes through the final epochs in order; the file `progress` remembers how far it came."""

    def __init__(self, sender: Sender, store: Store, progress: Path) -> None:
        self._sender = sender
        self._network = sender.network
        self._store = store
        self._progress = progress

    def enforce(self, pinned: BlockRef) -> None:
        settled = self._network.call("Attestations", "settledThrough", block=pinned)
        begin = self._done()
        for epoch in range(begin, min(settled, begin + EPOCHS_AT_ONCE)):
            status = self._network.call("Attestations", "statusOf", epoch, block=pinned)
            if status == EpochStatus.FINAL and not self._enforce_epoch(epoch, pinned):
                return
            self._progress.write_text(f"{epoch + 1}\n")

    def _enforce_epoch(self, epoch: int, pinned: BlockRef) -> bool:
        """Whether nothing is left to be done."""
        root, _ = self._network.call("Attestations", "attestedOf", epoch, block=pinned)
        try:
            data = load_epoch(self._store, self._network.chain_id, epoch, root)
        except (StoreError, LeafDataInvalid) as error:
            log.warning("epoch %d can't be enforced: %s", epoch, error)
            return False
        for device, rows in data.outcomes.items():
            bad = {row.slot: row for row in rows if row.result == OutcomeResult.BAD_ITEM}
            for slot, row in bad.items():
                proofs = data.leaf_proof(device), data.outcome_proof(device, slot, row.job)
                try:
                    self._sender.send("WorkDisputes", "enforce", *proofs)
                    log.info("device %d is slashed for slot %d", device, slot)
                except ContractRefused as error:
                    log.info("device %d is not slashed for slot %d: %s", device, slot, error)
        return True

    def _done(self) -> int:
        try:
            return int(self._progress.read_text())
        except (FileNotFoundError, ValueError):
            return 0
