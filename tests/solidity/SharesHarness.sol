// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Shares} from "../../contracts/libraries/Shares.sol";

/// @dev Opens the library's internal functions to the tests.
contract SharesHarness {
    function toSharesDown(uint256 amount, uint256 pool, uint256 shares) external pure returns (uint256) {
        return Shares.toSharesDown(amount, pool, shares);
    }

    function toSharesUp(uint256 amount, uint256 pool, uint256 shares) external pure returns (uint256) {
        return Shares.toSharesUp(amount, pool, shares);
    }

    function toAmountDown(uint256 part, uint256 pool, uint256 shares) external pure returns (uint256) {
        return Shares.toAmountDown(part, pool, shares);
    }

    function isSpent(uint256 left, uint256 before) external pure returns (bool) {
        return Shares.isSpent(left, before);
    }

    function overdue(uint256 pool, uint256 shares) external pure returns (uint256) {
        return Shares.overdue(pool, shares);
    }

    function inGeneration(uint256 part, uint256 from, uint256 to) external pure returns (uint256) {
        return Shares.inGeneration(part, from, to);
    }
}
