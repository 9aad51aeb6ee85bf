// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The emission, fixed in code: wei of TBND minted at most for one final epoch.
/// @dev Halves every `HALVING` epochs; Σ over all epochs < 2 · INITIAL · HALVING = 500,000,000 TBND.
/// Mirrored by `tensorbond.oracle.emission`.
library Emission {
    uint256 internal constant INITIAL = 1_000e18;
    uint256 internal constant HALVING = 250_000;

    /// @return Wei minted at most for `epoch`; never rises from one epoch to the next.
    function at(uint256 epoch) internal pure returns (uint256) {
        uint256 halvings = epoch / HALVING;
        return halvings > 255 ? 0 : INITIAL >> halvings;
    }
}
