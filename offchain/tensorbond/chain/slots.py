"""Slot and epoch arithmetic under one schedule entry: the twin of `contracts/libraries/Slots.sol`."""

from __future__ import annotations

from tensorbond.chain.types import Timing


def start_of(timing: Timing, slot: int) -> int:
    """The first block of `slot`, whose hash is the slot's beacon."""
    return timing.from_block + (slot - timing.from_slot) * timing.slot_blocks


def slot_at(timing: Timing, block: int) -> int:
    """The slot that `block` lies in; it must not precede the entry."""
    return timing.from_slot + (block - timing.from_block) // timing.slot_blocks


def epoch_of(timing: Timing, slot: int) -> int:
    return timing.from_epoch + (slot - timing.from_slot) // timing.epoch_slots


def first_slot(timing: Timing, epoch: int) -> int:
    return timing.from_slot + (epoch - timing.from_epoch) * timing.epoch_slots


def last_block(timing: Timing, epoch: int) -> int:
    """The last block of `epoch`; its hash stands in the signed statement."""
    return start_of(timing, first_slot(timing, epoch + 1)) - 1


def epoch_blocks(timing: Timing) -> int:
    return timing.slot_blocks * timing.epoch_slots


def decision_blocks(timing: Timing) -> int:
    """From an accept on, the most blocks until the outcome of its forced draw is final or void."""
    return timing.slot_blocks + epoch_blocks(timing) + timing.attest_blocks + timing.proof_blocks


def forced_slot(timing: Timing, block: int) -> int:
    """The slot that an accept in `block` forces: the first that starts at least one slot later."""
    return slot_at(timing, block + 2 * timing.slot_blocks - 1)
