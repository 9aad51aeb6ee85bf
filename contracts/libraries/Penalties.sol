// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {DeviceClass} from "../interfaces/IDeviceRegistry.sol";
import {Bps} from "./Bps.sol";

/// @notice Bond that failed lately, all devices together. One word.
struct Failed {
    /// The newest window with a fault, and wei of bond that failed in it and in the one before.
    uint32 window;
    uint112 here;
    uint112 before;
}

/// @title What a proven fault of a device costs (docs/protocol.md, "What a fault costs"). Mirrored by `tensorbond.chain.penalties`.
library Penalties {
    /// What the sender of a proof gets of a slash, and of an enforcement.
    uint256 internal constant CHALLENGER_BPS = 2_500;
    uint256 internal constant ENFORCER_BPS = 500;
    /// So many misses within so many epochs of the first cost as much as a fault.
    uint256 internal constant MISS_LIMIT = 8;
    uint256 internal constant MISS_EPOCHS = 8;
    /// A fault within so many epochs of another takes the whole bond. After them, the next is a first one again.
    uint256 internal constant FAULT_EPOCHS = 32;
    /// Faults are correlated that lie in one window of so many epochs, or in two that follow each other.
    uint256 internal constant WINDOW_EPOCHS = 8;
    /// The share grows by this many times the share of all stake that failed.
    uint256 internal constant CORRELATION = 3;

    /// @dev Bytes of a matrix line up to which a transaction has room to compute a whole tile.
    uint256 private constant MAX_LINE = 8_192;

    /// @param faultBps The class's share for a fault alone. @param failed Wei of other bond that failed in its window and the one before.
    /// @param staked Wei of all stake. @return The share of the bond that a device's first fault takes: min(1, faultBps + 3 · failed / staked).
    function shareBps(uint256 faultBps, uint256 failed, uint256 staked) internal pure returns (uint256) {
        if (staked == 0) return faultBps;
        uint256 bps = faultBps + (CORRELATION * Bps.ONE * failed) / staked;
        return bps > Bps.ONE ? Bps.ONE : bps;
    }

    /// @notice Add the bond of a device that failed in `epoch`. @return next What is known after. @return failed Wei of other bond
    /// that failed in the epoch's window and in the one before, as far as it is still known.
    function add(Failed memory known, uint256 epoch, uint256 bond) internal pure returns (Failed memory next, uint256 failed) {
        uint256 window = epoch / WINDOW_EPOCHS;
        next = known;
        if (window > next.window) {
            next.before = window == uint256(next.window) + 1 ? next.here : 0;
            next.here = 0;
            next.window = uint32(window); // an epoch has 24 bits
        }
        if (window == next.window) {
            failed = uint256(next.here) + next.before;
            next.here += uint112(bond); // 96 bits, and the supply bounds the sum
        } else if (window + 1 == next.window) {
            failed = next.before;
            next.before += uint112(bond);
        }
    }

    /// @param isMemory Whether the slot's record is of the M-phase. @return Whether a transaction has room to show that the item is good
    /// which a bad-item outcome names.
    function isRefutable(DeviceClass memory terms, bool isMemory, uint256 item) internal pure returns (bool) {
        bool isTile = !isMemory && item < terms.q;
        return !isTile || uint256(terms.K) << terms.profile <= MAX_LINE;
    }
}
