// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {DeviceClass} from "../interfaces/IDeviceRegistry.sol";
import {Emission} from "./Emission.sol";
import {LabelProof} from "./LabelProof.sol";
import {Leaf, Outcome} from "./MerkleSum.sol";

/// @notice What some rows come to: how many, how many of them passed, and the least throughput of these.
struct Tally {
    uint256 due;
    uint256 passed;
    uint256 least;
}

/// @notice An epoch's natural rows, counted by kind and by phase. A row of a roll call counts in its slot's phase.
struct Counts {
    Tally drawnC;
    Tally drawnM;
    Tally roll;
    Tally compute;
    Tally memory_;
}

/// @title The leaf rules (docs/protocol.md, "Leaf"): an epoch's rows and the previous leaf give the next leaf.
/// @dev Exact integers only; ratios are compared by cross-multiplication. Mirrored by `tensorbond.oracle.rules` and
/// `tensorbond.oracle.outcomes`. An absent previous leaf is one of zeros.
library LeafRules {
    uint256 internal constant KIND_C = 0;
    uint256 internal constant KIND_M = 1;
    uint256 internal constant KIND_ROLL = 2;
    uint256 internal constant KIND_FORCED = 3;

    uint256 internal constant PASSED = 1;
    uint256 internal constant MISSED = 2;
    uint256 internal constant BAD_ITEM = 3;
    uint256 internal constant WITHHELD = 4;
    uint256 internal constant SLOW = 5;

    /// For how many epochs a kind with nothing due keeps its last ratio.
    uint256 internal constant IDLE_EPOCHS = 8;

    uint256 private constant IDLE_MAX = type(uint16).max;

    // ---- One row ----

    /// @return Whether the row's result is one that the phase has, and it tells nothing that the result has no use for.
    /// @param items How many items an evidence of the phase has; the next number is its header's.
    function isWellFormed(Outcome calldata row, uint256 items) internal pure returns (bool) {
        uint256 result = row.result;
        if (result == PASSED || result == SLOW) return row.witness != 0 && row.item == 0;
        if (row.throughput != 0) return false;
        if (result == BAD_ITEM) return row.witness != 0 && row.item <= items;
        return (result == MISSED || result == WITHHELD) && row.witness == 0 && row.item == 0;
    }

    /// @return Gops by the chain's own clock, at most the class's peak.
    function gopsOf(DeviceClass memory terms, uint256 startedAt, uint256 committedAt) internal pure returns (uint256) {
        uint256 operations = 2 * uint256(terms.m) * terms.n * terms.K * terms.R;
        return Math.min(terms.peakGops, operations / (_elapsed(startedAt, committedAt) * 1e9));
    }

    /// @return MB/s by the chain's own clock, at most the class's peak.
    function bandwidthOf(DeviceClass memory terms, uint256 startedAt, uint256 committedAt)
        internal
        pure
        returns (uint256)
    {
        uint256 labels = uint256(terms.layers) << terms.layerBits;
        uint256 steps = (LabelProof.STEPS * terms.segments) << terms.walkerBits;
        uint256 moved = 544 * labels + 128 * steps;
        return Math.min(terms.peakBandwidth, moved / (_elapsed(startedAt, committedAt) * 1e6));
    }

    // ---- An epoch's rows ----

    /// @notice Count a natural row. @param isMemory Whether its slot is of the M-phase.
    function add(Counts memory counts, Outcome calldata row, bool isMemory) internal pure {
        Tally memory kind = row.kind == KIND_ROLL ? counts.roll : row.kind == KIND_M ? counts.drawnM : counts.drawnC;
        _add(kind, row);
        _add(isMemory ? counts.memory_ : counts.compute, row);
    }

    /// @return Whether the leaf counts as these rows after `before` give it: due, passed and idle of each kind, minGops, minBandwidth
    /// and vram.
    function follows(Leaf calldata leaf, Leaf memory before, Counts memory counts, DeviceClass memory terms)
        internal
        pure
        returns (bool)
    {
        if (!_isAfter(leaf.dueC, leaf.passedC, leaf.idleC, before.dueC, before.passedC, before.idleC, counts.drawnC)) {
            return false;
        }
        if (!_isAfter(
                leaf.dueRoll, leaf.passedRoll, leaf.idleRoll, before.dueRoll, before.passedRoll, before.idleRoll, counts.roll
            )) return false;
        if (leaf.minGops != _least(before.minGops, counts.compute, Math.min(leaf.idleC, leaf.idleRoll))) return false;
        if (terms.layers == 0) {
            return leaf.dueM == 0 && leaf.passedM == 0 && leaf.idleM == 0 && leaf.minBandwidth == 0 && leaf.vram == 0;
        }
        if (!_isAfter(leaf.dueM, leaf.passedM, leaf.idleM, before.dueM, before.passedM, before.idleM, counts.drawnM)) {
            return false;
        }
        uint256 idle = Math.min(leaf.idleM, leaf.idleRoll);
        if (leaf.minBandwidth != _least(before.minBandwidth, counts.memory_, idle)) return false;
        if (counts.memory_.passed == 0) return leaf.vram == _least(before.vram, counts.memory_, idle);
        return leaf.vram == (92 * 32 * (uint256(terms.layers) << terms.layerBits)) / 100;
    }

    // ---- What they are worth ----

    /// @return The weight that the leaf's own record gives a device that is active in the epoch's last slot.
    function weightOf(Leaf calldata leaf, uint256 bondedGops, bool hasMemory) internal pure returns (uint256) {
        (uint256 passed, uint256 due) = _ratio(leaf.dueC, leaf.passedC, leaf.idleC, 1);
        (passed, due) = _lesser(passed, due, leaf.dueRoll, leaf.passedRoll, leaf.idleRoll, 0);
        if (hasMemory) (passed, due) = _lesser(passed, due, leaf.dueM, leaf.passedM, leaf.idleM, 1);
        return (Math.min(leaf.minGops, bondedGops) * passed) / due;
    }

    /// @return Wei that the epoch adds to the leaf's cumulative reward.
    function rewardOf(uint256 epoch, uint256 weight, uint256 totalWeight) internal pure returns (uint256) {
        return totalWeight == 0 ? 0 : (Emission.at(epoch) * weight) / totalWeight;
    }

    // ---- Internal ----

    function _elapsed(uint256 startedAt, uint256 committedAt) private pure returns (uint256) {
        return committedAt > startedAt ? committedAt - startedAt : 1;
    }

    function _add(Tally memory tally, Outcome calldata row) private pure {
        ++tally.due;
        if (row.result != PASSED) return;
        if (tally.passed == 0 || row.throughput < tally.least) tally.least = row.throughput;
        ++tally.passed;
    }

    /// @dev Whether a kind's record follows from the one before and this epoch's rows of the kind.
    function _isAfter(
        uint256 due,
        uint256 passed,
        uint256 idle,
        uint256 dueBefore,
        uint256 passedBefore,
        uint256 idleBefore,
        Tally memory rows
    ) private pure returns (bool) {
        if (rows.due > 0) return due == rows.due && passed == rows.passed && idle == 0;
        return due == dueBefore && passed == passedBefore && idle == Math.min(idleBefore + 1, IDLE_MAX);
    }

    /// @dev The least over this epoch's passed rows of a phase, 0 if none of them passed; carried over a while if there are none.
    function _least(uint256 before, Tally memory rows, uint256 idle) private pure returns (uint256) {
        if (rows.due > 0) return rows.least;
        return idle > IDLE_EPOCHS ? 0 : before;
    }

    function _ratio(uint256 due, uint256 passed, uint256 idle, uint256 ifNeverDue)
        private
        pure
        returns (uint256 numerator, uint256 denominator)
    {
        if (idle > IDLE_EPOCHS) return (0, 1);
        return due == 0 ? (ifNeverDue, 1) : (passed, due);
    }

    /// @dev The lesser of a fraction and a kind's ratio.
    function _lesser(
        uint256 numerator,
        uint256 denominator,
        uint256 due,
        uint256 passed,
        uint256 idle,
        uint256 ifNeverDue
    ) private pure returns (uint256, uint256) {
        (uint256 a, uint256 b) = _ratio(due, passed, idle, ifNeverDue);
        return a * denominator < numerator * b ? (a, b) : (numerator, denominator);
    }
}
