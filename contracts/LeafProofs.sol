// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IChallenges} from "./interfaces/IChallenges.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Job} from "./interfaces/IJobEscrow.sol";
import {ILeafProofs, Record} from "./interfaces/ILeafProofs.sol";
import {BlockHeader} from "./libraries/BlockHeader.sol";
import {Counts, LeafRules} from "./libraries/LeafRules.sol";
import {LabelProof, MemoryShape} from "./libraries/LabelProof.sol";
import {Leaf, Outcome} from "./libraries/MerkleSum.sol";
import {Slots, Timing} from "./libraries/Slots.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `ILeafProofs`.
contract LeafProofs is ILeafProofs {
    using LeafRules for Counts;
    using LeafRules for Leaf;
    using Slots for Timing;

    /// @dev Where the calldata of `isBadForced` has the job's state, which is static: after the selector and four words.
    uint256 private constant STATE = 4 + 4 * 32;
    uint256 private constant STATE_END = STATE + 25 * 32;

    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;
    IJobEscrow private immutable JOB_ESCROW;

    constructor(IDeviceRegistry registry, IChallenges challenges, IJobEscrow jobEscrow) {
        REGISTRY = registry;
        CHALLENGES = challenges;
        JOB_ESCROW = jobEscrow;
    }

    /// @inheritdoc ILeafProofs
    function itemOf(uint256 device, Outcome calldata row, uint256 index)
        external
        view
        returns (uint256 items, uint256 length)
    {
        DeviceClass memory terms = REGISTRY.classOf(REGISTRY.deviceOf(device).classId);
        if (_isMemoryRow(terms, row, _sealed(row.slot))) {
            items = LabelProof.SAMPLES;
            MemoryShape memory shape =
                LabelProof.shapeOf(terms.layers, terms.layerBits, terms.walkerBits, terms.segments);
            length = index == items
                ? LabelProof.headerLength(shape)
                : LabelProof.itemLength(shape, index < LabelProof.LABEL_SAMPLES);
        } else {
            items = terms.q;
            uint256 tiles = TileProof.tilesOf(terms.m, terms.n);
            length = index == items ? 32 * uint256(terms.R) + 32 : TileProof.itemLength(tiles, terms.R);
        }
        if (index > items) revert ItemOutOfRange(index, items);
    }

    /// @inheritdoc ILeafProofs
    function isBadWeight(uint256 epoch, Leaf calldata leaf) external view returns (bool) {
        Device memory d = REGISTRY.deviceOf(leaf.device);
        // What ends a device names a slot that is yet to come, so an epoch that is over keeps its active slots.
        uint256 lastSlot = REGISTRY.timingOf(epoch).firstSlot(epoch + 1) - 1;
        if (d.fromEpoch > epoch || lastSlot >= d.untilSlot) return leaf.weight != 0;
        return leaf.weight != leaf.weightOf(d.bondedGops, REGISTRY.classOf(d.classId).layers > 0);
    }

    /// @inheritdoc ILeafProofs
    function isBadThroughput(uint256 device, Outcome calldata row, Record calldata record, bytes calldata header)
        external
        view
        returns (bool)
    {
        uint256 result = row.result;
        if (result != LeafRules.PASSED && result != LeafRules.SLOW) revert ResultWrong(result);
        CHALLENGES.requireRecord(device, row.slot, record.commitment, record.timestamp, record.key);
        bytes32 beacon = _sealed(row.slot);
        if (keccak256(header) != beacon) revert HeaderMismatch(row.slot, keccak256(header), beacon);
        (bool ok, uint256 startedAt) = BlockHeader.timestampOf(header);
        if (!ok) revert IChallenges.HeaderMalformed(0);

        DeviceClass memory terms = REGISTRY.classOf(REGISTRY.deviceOf(device).classId);
        if (!_isMemoryRow(terms, row, beacon)) {
            uint256 gops = LeafRules.gopsOf(terms, startedAt, record.timestamp);
            return row.throughput != gops || (gops < terms.slowGops) != (result == LeafRules.SLOW);
        }
        uint256 bandwidth = LeafRules.bandwidthOf(terms, startedAt, record.timestamp);
        return row.throughput != bandwidth || (bandwidth < terms.minBandwidth) != (result == LeafRules.SLOW);
    }

    /// @inheritdoc ILeafProofs
    function isBadOutcomes(uint256 epoch, Leaf calldata leaf, Outcome[] calldata rows, Leaf calldata before)
        external
        view
        returns (bool)
    {
        Timing memory timing = REGISTRY.timingOf(epoch);
        return !_isRight(leaf, rows, before, timing, timing.firstSlot(epoch));
    }

    /// @inheritdoc ILeafProofs
    function isBadForced(uint256 epoch, uint256 device, Outcome[] calldata rows, uint256 job, Job calldata state)
        external
        view
        returns (bool)
    {
        (bool isForced, uint256 slot) = _forcedSlot(epoch, device, job, state);
        bool isTold = false;
        for (uint256 index = 0; index < rows.length; ++index) {
            Outcome calldata row = rows[index];
            if (row.kind != LeafRules.KIND_FORCED || row.job != job) continue;
            if (!isForced || row.slot != slot) return true;
            isTold = true;
        }
        return isTold != isForced;
    }

    // ---- Internal ----

    /// @dev Whether the rows are those that were due, and the leaf is what they give.
    function _isRight(
        Leaf calldata leaf,
        Outcome[] calldata rows,
        Leaf calldata before,
        Timing memory timing,
        uint256 firstSlot
    ) private view returns (bool) {
        Device memory d = REGISTRY.deviceOf(leaf.device);
        DeviceClass memory terms = REGISTRY.classOf(d.classId);
        uint256 endSlot = firstSlot + timing.epochSlots;
        Counts memory counts;
        uint256 at = 0;
        for (uint256 slot = firstSlot; slot < endSlot; ++slot) {
            bytes32 beacon = CHALLENGES.beaconOf(slot);
            if (beacon == 0) return false;
            uint256 kind = _kindDrawn(beacon, leaf.device, timing.rollCall, terms);
            if (kind == LeafRules.KIND_FORCED || slot >= d.untilSlot) continue;
            bool isMemory = _isMemory(terms, beacon);
            bool isTold = at < rows.length && rows[at].kind != LeafRules.KIND_FORCED && rows[at].slot == slot;
            if (isMemory) {
                if (REGISTRY.heldIn(leaf.device, slot) == isTold) return false;
                if (!isTold) continue;
            }
            if (!isTold || rows[at].kind != kind || rows[at].job != 0) return false;
            if (!LeafRules.isWellFormed(rows[at], isMemory ? LabelProof.SAMPLES : terms.q)) return false;
            counts.add(rows[at], isMemory);
            ++at;
        }
        return _areForced(rows, at, firstSlot, endSlot, terms.q) && leaf.follows(before, counts, terms);
    }

    /// @dev Whether the rows from `at` on are forced draws of the epoch, strictly ascending by (slot, job).
    function _areForced(Outcome[] calldata rows, uint256 at, uint256 firstSlot, uint256 endSlot, uint256 items)
        private
        pure
        returns (bool)
    {
        uint256 last = 0;
        for (; at < rows.length; ++at) {
            Outcome calldata row = rows[at];
            uint256 place = (uint256(row.slot) << 64) | row.job;
            if (row.kind != LeafRules.KIND_FORCED || row.slot < firstSlot || row.slot >= endSlot) return false;
            if (place <= last || !LeafRules.isWellFormed(row, items)) return false;
            last = place;
        }
        return true;
    }

    /// @return isForced Whether the job forced a draw on the device in the epoch. @return slot The slot that it forces.
    function _forcedSlot(uint256 epoch, uint256 device, uint256 job, Job calldata state)
        private
        view
        returns (bool isForced, uint256 slot)
    {
        bytes32 need = JOB_ESCROW.jobHash(job);
        if (need == 0) return (false, 0);
        bytes32 have = keccak256(msg.data[STATE:STATE_END]);
        if (have != need) revert IJobEscrow.JobStateMismatch(job, have, need);
        slot = state.forcedSlot;
        // A job that nobody took names device 0, and none is ever taken for a slot that has begun.
        isForced = state.device == device && device != 0 && REGISTRY.timingAt(slot).epochOf(slot) == epoch;
    }

    /// @return The kind of the row that a slot with this beacon gives an active device; KIND_FORCED: it is not drawn.
    function _kindDrawn(bytes32 beacon, uint256 device, uint256 rollCall, DeviceClass memory terms)
        private
        pure
        returns (uint256)
    {
        if (TileProof.isRollCall(beacon, rollCall)) return LeafRules.KIND_ROLL;
        if (!TileProof.isDrawnByLot(beacon, device, terms.drawThreshold)) return LeafRules.KIND_FORCED;
        return _isMemory(terms, beacon) ? LeafRules.KIND_M : LeafRules.KIND_C;
    }

    /// @dev A row is of its slot's phase, but what a job forces is of the C-phase.
    function _isMemoryRow(DeviceClass memory terms, Outcome calldata row, bytes32 beacon) private pure returns (bool) {
        return row.kind != LeafRules.KIND_FORCED && _isMemory(terms, beacon);
    }

    function _sealed(uint256 slot) private view returns (bytes32 beacon) {
        beacon = CHALLENGES.beaconOf(slot);
        if (beacon == 0) revert IChallenges.SlotNotSealed(slot);
    }

    function _isMemory(DeviceClass memory terms, bytes32 beacon) private pure returns (bool) {
        return terms.layers > 0 && TileProof.isMemorySlot(beacon);
    }
}
