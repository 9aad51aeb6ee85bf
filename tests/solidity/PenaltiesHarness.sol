// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Failed, Penalties} from "../../contracts/libraries/Penalties.sol";

/// @title `Penalties` from outside, for the parity test of `tensorbond.chain.penalties`.
contract PenaltiesHarness {
    function shareBps(uint256 faultBps, uint256 failed, uint256 staked) external pure returns (uint256) {
        return Penalties.shareBps(faultBps, failed, staked);
    }

    /// @dev One fault after another. @return met What had failed before each. @return known After all.
    function play(uint256[] calldata epochs, uint256[] calldata bonds)
        external
        pure
        returns (uint256[] memory met, uint256[3] memory known)
    {
        Failed memory failed;
        met = new uint256[](epochs.length);
        for (uint256 i = 0; i < epochs.length; ++i) {
            (failed, met[i]) = Penalties.add(failed, epochs[i], bonds[i]);
        }
        known = [uint256(failed.window), failed.here, failed.before];
    }
}
