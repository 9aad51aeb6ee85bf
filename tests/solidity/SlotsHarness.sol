// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Slots, Timing} from "../../contracts/libraries/Slots.sol";

/// @title `Slots` from outside, for the parity test of `tensorbond.chain.slots`.
contract SlotsHarness {
    function startOf(Timing calldata t, uint256 slot) external pure returns (uint256) {
        return Slots.startOf(t, slot);
    }

    function slotAt(Timing calldata t, uint256 blockNumber) external pure returns (uint256) {
        return Slots.slotAt(t, blockNumber);
    }

    function epochOf(Timing calldata t, uint256 slot) external pure returns (uint256) {
        return Slots.epochOf(t, slot);
    }

    function firstSlot(Timing calldata t, uint256 epoch) external pure returns (uint256) {
        return Slots.firstSlot(t, epoch);
    }

    function lastBlock(Timing calldata t, uint256 epoch) external pure returns (uint256) {
        return Slots.lastBlock(t, epoch);
    }

    function epochBlocks(Timing calldata t) external pure returns (uint256) {
        return Slots.epochBlocks(t);
    }
}
