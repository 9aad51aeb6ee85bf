// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What stands in the low bits of a (device, slot)'s record, under its commitment's hash (`IChallenges.recordOf`).
library Records {
    bytes32 internal constant COMMITTED = bytes32(uint256(1));
    bytes32 internal constant FAULT_PAID = bytes32(uint256(2));
    bytes32 internal constant MISSED = bytes32(uint256(4));
    bytes32 internal constant BOND_TAKEN = bytes32(uint256(8));
    /// All low bits: flags, and over them the index + 1 of the first item that was proven bad.
    bytes32 internal constant MARKS = bytes32(uint256(0xffff));
    uint256 internal constant ITEM_SHIFT = 5;
    uint256 internal constant ITEM_MASK = 0x7ff;
}
