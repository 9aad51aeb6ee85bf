// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Rewards that vest evenly, many of them in one line: so much, from one block to another.
/// @dev Written a second time in `tensorbond.audit.books`.
library Vesting {
    /// @return Of `amount` wei that vest from block `since` to block `until`, those vested by block `at` ≥ since.
    function vestedBy(uint256 amount, uint256 since, uint256 until, uint256 at) internal pure returns (uint256) {
        return at >= until ? amount : (amount * (at - since)) / (until - since);
    }

    /// @notice Blocks in which `amount` wei with `left` blocks to go and `added` with `term` ≥ left blocks vest together, so that the
    /// mean wait of a wei stays what it was apart. One that adds little delays little.
    function joined(uint256 amount, uint256 left, uint256 added, uint256 term) internal pure returns (uint256) {
        return (amount * left + added * term) / (amount + added);
    }
}
