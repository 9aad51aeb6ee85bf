// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Basis points: shares of 10,000, rounded down.
library Bps {
    uint256 internal constant ONE = 10_000;

    /// @return ⌊amount · bps / 10,000⌋
    function share(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return (amount * bps) / ONE;
    }
}
