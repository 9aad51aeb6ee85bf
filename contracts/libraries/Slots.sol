// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title One entry of the schedule: how blocks group into slots, slots into epochs, and how long windows are.
/// @dev Packs into one word. Units: blocks unless the name says otherwise. All windows are counted in blocks, so a
/// halted chain halts them too and no producer can move them by a timestamp.
struct Timing {
    /// First epoch, first slot and first block under this entry.
    uint24 fromEpoch;
    uint32 fromSlot;
    uint40 fromBlock;
    /// Blocks per slot (at least 4) and slots per epoch.
    uint16 slotBlocks;
    uint16 epochSlots;
    /// An epoch is attested at most this many blocks after its last block, or is void.
    uint32 attestBlocks;
    /// The proof window: an attestation is final this many blocks after its transaction.
    uint32 proofBlocks;
    /// A slot is a roll call when the first byte of H("GPOW1/roll" ‖ beacon) is below this (0 = never, 256 = always).
    uint16 rollCall;
}

/// @title Slot and epoch arithmetic under one schedule entry. Nothing is stored; mirrored by `tensorbond.chain.slots`.
library Slots {
    /// @return The first block of `slot`.
    function startOf(Timing memory t, uint256 slot) internal pure returns (uint256) {
        return t.fromBlock + (slot - t.fromSlot) * t.slotBlocks;
    }

    /// @return The slot that `blockNumber` lies in; the block must not precede the entry.
    function slotAt(Timing memory t, uint256 blockNumber) internal pure returns (uint256) {
        return t.fromSlot + (blockNumber - t.fromBlock) / t.slotBlocks;
    }

    /// @return The epoch that `slot` lies in.
    function epochOf(Timing memory t, uint256 slot) internal pure returns (uint256) {
        return t.fromEpoch + (slot - t.fromSlot) / t.epochSlots;
    }

    /// @return The first slot of `epoch`.
    function firstSlot(Timing memory t, uint256 epoch) internal pure returns (uint256) {
        return t.fromSlot + (epoch - t.fromEpoch) * t.epochSlots;
    }

    /// @return The last block of `epoch`; its hash stands in the signed statement.
    function lastBlock(Timing memory t, uint256 epoch) internal pure returns (uint256) {
        return startOf(t, firstSlot(t, epoch + 1)) - 1;
    }

    /// @return Blocks in one epoch.
    function epochBlocks(Timing memory t) internal pure returns (uint256) {
        return uint256(t.slotBlocks) * t.epochSlots;
    }
}
