// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Shares of a pool of wei. Every function rounds as its name says, always in the pool's favour.
/// @dev Exact for pools below 2⁹⁶ wei and below 2¹²⁸ shares: no product then exceeds 2²²⁴.
library Shares {
    /// @return Shares minted for a deposit of `amount` into a pool of `pool` wei in `shares` shares; an empty one starts at 1:1.
    function toSharesDown(uint256 amount, uint256 pool, uint256 shares) internal pure returns (uint256) {
        return shares == 0 ? amount : (amount * shares) / pool;
    }

    /// @return Shares burned for taking `amount` out of a pool of `pool` wei in `shares` shares.
    function toSharesUp(uint256 amount, uint256 pool, uint256 shares) internal pure returns (uint256) {
        return Math.ceilDiv(amount * shares, pool);
    }

    /// @return Wei paid for `part` of the `shares` shares of a pool of `pool` wei.
    function toAmountDown(uint256 part, uint256 pool, uint256 shares) internal pure returns (uint256) {
        return (part * pool) / shares;
    }

    /// @return What is owed, at most, for `part` of the `shares` shares of a pool of `pool` wei.
    function toAmountUp(uint256 part, uint256 pool, uint256 shares) internal pure returns (uint256) {
        return Math.ceilDiv(part * pool, shares);
    }

    /// @return Whether a pool with `pool` wei in `shares` shares is spent: a share is worth so little, 2⁻³² wei, that a deposit could need
    /// more shares than fit. It doesn't matter in how many slashes it came to that.
    function isSpent(uint256 pool, uint256 shares) internal pure returns (bool) {
        return pool <= shares >> 32;
    }

    /// @return generations By how many a pool that a slash leaves with `pool` wei in `shares` shares goes on: until it is not spent, which
    /// leaves a share worth a wei at most; and where it has no wei left, until it has no shares. Four at most.
    function overdue(uint256 pool, uint256 shares) internal pure returns (uint256 generations) {
        for (; shares != 0 && isSpent(pool, shares); shares >>= 32) {
            ++generations;
        }
    }

    /// @return What `part` of a pool's shares of generation `from` counts as in generation `to`, the same or a later one: in each, one share
    /// for 2³² of the one before. Parts of a whole never come to more than the whole does. Generations have 32 bits.
    function inGeneration(uint256 part, uint256 from, uint256 to) internal pure returns (uint256) {
        unchecked {
            return part >> 32 * (to - from);
        }
    }
}
