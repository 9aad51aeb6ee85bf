// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IChallenges} from "./interfaces/IChallenges.sol";
import {Device, DeviceClass, FaultCost, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IPausable} from "./interfaces/IPausable.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {Bps} from "./libraries/Bps.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Penalties} from "./libraries/Penalties.sol";
import {Slots, Timing} from "./libraries/Slots.sol";

contract DeviceRegistry is IDeviceRegistry, IPausable, AccessManaged {
    using Arrays for uint256[];
    using SafeCast for uint256;
    using Slots for Timing;

    /// @dev The newest schedule entry and all counters: the one word that every verb reads.
    struct Head {
        uint24 fromEpoch;
        uint32 fromSlot;
        uint40 fromBlock;
        uint16 slotBlocks;
        uint16 epochSlots;
        /// At most MAX_ATTEST_BLOCKS.
        uint24 attestBlocks;
        uint32 proofBlocks;
        uint16 rollCall;
        uint8 entries;
        uint16 classes;
        bool paused;
        uint24 devices;
    }

    /// @dev What a device's faults have cost, and where they lie. One word: a proof changes both.
    struct Ledger {
        /// Wei of the device's bond that were slashed, or unlocked at its discharge.
        uint96 debited;
        // As in `IChallenges.Faults`.
        uint32 earliestSlot;
        bool faulted;
        uint16 count;
        uint24 lastEpoch;
        uint16 misses;
        uint24 missEpoch;
    }

    uint32 private constant OPEN = type(uint32).max;
    /// @dev `_holds`, from the lowest bits on: the slot that the device's last job forced, 32 bits; then its last three times of being
    /// held, newest first, each the block of `release`, STILL while there is none, and the block of `hold`; then how many of the three
    /// stand in no word of `_earlierHolds`, 2 bits. A block has 37 bits.
    uint256 private constant STILL = (1 << 37) - 1;
    uint256 private constant TIME_BITS = 2 * 37;
    uint256 private constant THREE_BITS = 3 * TIME_BITS;
    uint256 private constant THREE_TIMES = (1 << THREE_BITS) - 1;
    /// @dev Where the oldest of three times has its block of `hold`, the word's highest bits: later words are greater.
    uint256 private constant OLDEST_SHIFT = THREE_BITS - 37;
    /// Epochs that an entry may lie ahead of the first one it may begin with: nobody can block the schedule for ever.
    uint256 private constant MAX_SCHEDULE_DELAY = 1_024;
    uint256 private constant DEVICES_PER_CALL = 64;
    /// A device's id is its leaf's index in the attestation tree.
    uint256 private constant MAX_DEVICES = (1 << MerkleSum.DEPTH) - 1;
    uint256 private constant MAX_CLASSES = 256;
    uint256 private constant MAX_ENTRIES = type(uint8).max;
    /// An epoch's last block must still be known to EIP-2935 (8,191 blocks) when the epoch is attested.
    uint256 private constant MAX_ATTEST_BLOCKS = 8_000;
    /// All outcomes of a device in an epoch, two a slot, fit one transaction that a node's pool takes (128 KiB).
    uint256 private constant MAX_EPOCH_SLOTS = 256;

    IProviderStaking private immutable STAKING;
    address private immutable JOB_ESCROW;
    address private immutable LEASE_ESCROW;
    address private immutable CHALLENGES;
    address private immutable WORK_DISPUTES;

    Head private _head;
    mapping(uint256 device => Device) private _devices;
    mapping(uint256 device => uint256) private _holds;
    /// Three times a word, oldest first, all that `_holds` had no more room for: nothing is ever forgotten.
    mapping(uint256 device => uint256[]) private _earlierHolds;
    mapping(uint256 device => Ledger) private _ledgers;
    mapping(uint256 classId => DeviceClass) private _classes;
    /// Entry 0 on, the newest one included.
    mapping(uint256 entry => Timing) private _timings;

    constructor(
        address authority,
        IProviderStaking staking,
        address jobEscrow,
        address leaseEscrow,
        address challenges,
        address workDisputes,
        Timing memory first
    ) AccessManaged(authority) {
        STAKING = staking;
        JOB_ESCROW = jobEscrow;
        LEASE_ESCROW = leaseEscrow;
        CHALLENGES = challenges;
        WORK_DISPUTES = workDisputes;

        if (first.fromBlock < block.number) revert TimingInvalid("fromBlock", first.fromBlock, block.number);
        first.fromEpoch = 0;
        first.fromSlot = 0;
        _append(first, 0);
    }

    // ---- Governor ----

    /// @inheritdoc IDeviceRegistry
    function addClass(DeviceClass calldata terms) external restricted returns (uint256 classId) {
        classId = _head.classes;
        if (classId == MAX_CLASSES) revert CountOutOfRange(classId + 1, MAX_CLASSES);
        _requireShape(terms);
        _requireMemoryShape(terms);
        _requireClassRange("minGops", terms.minGops, 1, type(uint24).max);
        _requireClassRange("peakGops", terms.peakGops, terms.minGops, type(uint24).max);
        _requireClassRange("slowGops", terms.slowGops, 0, terms.peakGops);
        _requireClassRange("bondPerGops", terms.bondPerGops, 1, type(uint96).max);
        _requireClassRange("missPenalty", terms.missPenalty, 0, uint256(terms.minGops) * terms.bondPerGops);
        _requireClassRange("faultBps", terms.faultBps, 1, Bps.ONE);

        _classes[classId] = terms;
        _head.classes = (classId + 1).toUint16();

        emit ClassAdded(classId, terms);
    }

    /// @inheritdoc IDeviceRegistry
    function schedule(Timing calldata timing) external restricted {
        uint256 entry = _head.entries;
        if (entry == MAX_ENTRIES) revert CountOutOfRange(entry + 1, MAX_ENTRIES);
        Timing memory last = _timings[entry - 1];
        Timing memory present = timingNow();
        // What a job has forced may lie in the epoch after the next, where an epoch is one slot: its deadlines rest on the entries so far.
        uint256 forced = _comingSlot(present) + 1;
        uint256 least = Math.max(_nextEpoch(present), timingAt(forced).epochOf(forced));
        least = Math.max(least, last.fromEpoch) + 1;
        _requireTimingRange("fromEpoch", timing.fromEpoch, least, least + MAX_SCHEDULE_DELAY);

        Timing memory next = timing;
        uint256 fromSlot = last.firstSlot(timing.fromEpoch);
        next.fromSlot = fromSlot.toUint32();
        next.fromBlock = last.startOf(fromSlot).toUint40();
        _append(next, entry);
    }

    /// @inheritdoc IPausable
    function pause() external restricted {
        _head.paused = true;

        emit PauseSet(true);
    }

    /// @inheritdoc IPausable
    function unpause() external restricted {
        _head.paused = false;

        emit PauseSet(false);
    }

    // ---- Provider ----

    /// @inheritdoc IDeviceRegistry
    function register(uint256 classId, uint256 bondedGops, uint256 count) external returns (uint256 first) {
        Head storage head = _head;
        if (head.paused) revert Paused();
        DeviceClass storage terms = _classes[classId];
        if (classId >= head.classes) revert ClassUnknown(classId);
        if (bondedGops < terms.minGops || bondedGops > terms.peakGops) {
            revert BondedGopsOutOfRange(bondedGops, terms.minGops, terms.peakGops);
        }
        if (count == 0 || count > DEVICES_PER_CALL) revert CountOutOfRange(count, DEVICES_PER_CALL);
        uint256 last = head.devices + count;
        if (last > MAX_DEVICES) revert RegistryFull(last, MAX_DEVICES);

        first = last + 1 - count;
        head.devices = last.toUint24();
        uint256 bond = bondedGops * terms.bondPerGops;
        uint24 fromEpoch = _nextEpoch(timingNow()).toUint24();
        for (uint256 device = first; device <= last; ++device) {
            Device storage d = _devices[device];
            d.provider = msg.sender;
            d.fromEpoch = fromEpoch;
            d.untilSlot = OPEN;
            // Bounded by peakGops, a uint24, and by MAX_CLASSES.
            d.bondedGops = uint24(bondedGops);
            d.classId = uint8(classId);

            emit DeviceRegistered(device, msg.sender, classId, bondedGops, bond, fromEpoch);
        }

        STAKING.lock(msg.sender, bond * count);
    }

    /// @inheritdoc IDeviceRegistry
    function retire(uint256 device) external {
        Device memory d = deviceOf(device);
        if (msg.sender != d.provider) revert ProviderOnly(msg.sender, d.provider);
        if (d.untilSlot != OPEN) revert DeviceRetiredAlready(device, d.untilSlot);

        uint256 untilEpoch = _nextEpoch(timingNow()) + 1;
        uint256 untilSlot = timingOf(untilEpoch).firstSlot(untilEpoch);
        _devices[device].untilSlot = untilSlot.toUint32();

        emit DeviceRetired(device, d.provider, untilSlot);
    }

    // ---- Anyone ----

    /// @inheritdoc IDeviceRegistry
    function suspendUncovered(uint256 device) external {
        Device memory d = deviceOf(device);
        // What has vested may cover it.
        STAKING.release(d.provider);
        uint256 since = STAKING.shortSince(d.provider);
        if (since == 0) revert ProviderCovered(d.provider);
        Timing memory timing = timingNow();
        uint256 graceUntil = since + timing.epochBlocks();
        if (block.number <= graceUntil) revert GraceRunning(d.provider, since, graceUntil);
        uint256 untilSlot = timing.slotAt(block.number) + 1;
        if (d.untilSlot <= untilSlot) revert DeviceRetiredAlready(device, d.untilSlot);

        _devices[device].untilSlot = untilSlot.toUint32();

        emit DeviceSuspended(device, d.provider, untilSlot);
    }

    // ---- For the peers ----

    /// @inheritdoc IDeviceRegistry
    function hold(uint256 device, uint256 slot) external onlyEscrow returns (Device memory) {
        Timing memory timing = timingNow();
        uint256 active = slot == 0 ? _comingSlot(timing) : slot;
        Device memory held = deviceOf(device);
        uint256 holds = _requireReleased(device);
        _requireActive(device, held, active, timingAt(active));

        _hold(device, holds, slot, timing);
        return held;
    }

    /// @inheritdoc IDeviceRegistry
    function force(uint256 device)
        external
        onlyEscrow
        returns (Device memory held, uint256 slot, uint256 startsAt, uint256 finalFrom)
    {
        Timing memory timing = timingNow();
        uint256 windows = uint256(timing.attestBlocks) + timing.proofBlocks;
        slot = _comingSlot(timing) + 1;
        Timing memory then_ = timing;
        if (block.number < _head.fromBlock) {
            // Another entry may be in force by then; and an epoch isn't final before the one that precedes it.
            then_ = timingAt(slot);
            windows = Math.max(windows, uint256(then_.attestBlocks) + then_.proofBlocks);
        }
        startsAt = then_.startOf(slot);
        finalFrom = _finalAfter(timing, then_.lastBlock(then_.epochOf(slot)) + windows + 1);
        held = deviceOf(device);
        uint256 holds = _requireReleased(device);
        _requireActive(device, held, slot, then_);

        _hold(device, holds, slot, timing);
    }

    /// @inheritdoc IDeviceRegistry
    function release(uint256 device) external onlyEscrow {
        uint256 holds = _holds[device];
        if ((holds >> 32) & STILL != STILL) revert DeviceNotHeld(device);

        _holds[device] = holds ^ ((STILL ^ block.number) << 32);

        emit DeviceReleased(device);
    }

    /// @inheritdoc IDeviceRegistry
    function suspend(uint256 device, uint256 slot) external onlyWorkDisputes returns (FaultCost memory cost) {
        Device memory d = deviceOf(device);
        DeviceClass storage terms = _classes[d.classId];
        uint256 bond = uint256(d.bondedGops) * terms.bondPerGops;
        cost = FaultCost({
            provider: d.provider,
            bond: bond,
            left: bond - _ledgers[device].debited,
            faultBps: terms.faultBps,
            epoch: timingAt(slot).epochOf(slot)
        });
        uint256 untilSlot = timingNow().slotAt(block.number) + 1;
        if (d.untilSlot <= untilSlot) return cost;

        _devices[device].untilSlot = untilSlot.toUint32();

        emit DeviceSuspended(device, d.provider, untilSlot);
    }

    /// @inheritdoc IDeviceRegistry
    function recordFault(uint256 device, uint256 slot, uint256 epoch)
        external
        onlyChallenges
        returns (uint256 count, bool isRepeated)
    {
        Ledger memory ledger = _ledgers[device];
        uint256 apart = epoch > ledger.lastEpoch ? epoch - ledger.lastEpoch : ledger.lastEpoch - epoch;
        isRepeated = ledger.count > 0 && apart <= Penalties.FAULT_EPOCHS;
        if (!ledger.faulted || slot < ledger.earliestSlot) ledger.earliestSlot = slot.toUint32();
        if (epoch > ledger.lastEpoch) ledger.lastEpoch = epoch.toUint24();
        ledger.faulted = true;
        count = ++ledger.count;
        _save(device, ledger);
    }

    /// @inheritdoc IDeviceRegistry
    function recordMiss(uint256 device, uint256 slot) external onlyChallenges returns (uint256 misses) {
        uint256 epoch = timingAt(slot).epochOf(slot);
        // A miss of an epoch before the window counts for nothing: a provider must not move the window back by reporting one.
        Ledger memory ledger = _ledgers[device];
        if (ledger.misses == 0 || epoch >= ledger.missEpoch + Penalties.MISS_EPOCHS) {
            ledger.missEpoch = epoch.toUint24();
            ledger.misses = 0;
        }
        if (epoch < ledger.missEpoch) return 0;
        misses = ++ledger.misses;
        _save(device, ledger);
    }

    /// @inheritdoc IDeviceRegistry
    function debit(uint256 device, uint256 amount) external onlyWorkDisputes {
        uint256 bond = bondOf(device) - amount;
        _ledgers[device].debited += uint96(amount); // at most the bond, which is locked stake

        emit BondDebited(device, amount, bond);
    }

    /// @inheritdoc IDeviceRegistry
    function discharge(uint256 device) external onlyWorkDisputes {
        uint256 bond = bondOf(device);
        if (bond == 0) revert DeviceDischargedAlready(device);
        address provider = _devices[device].provider;

        _ledgers[device].debited += uint96(bond); // locked stake

        emit DeviceDischarged(device, provider, bond);

        STAKING.unlock(provider, bond);
    }

    // ---- Views ----

    /// @inheritdoc IDeviceRegistry
    function deviceOf(uint256 device) public view returns (Device memory d) {
        d = _devices[device];
        if (d.provider == address(0)) revert DeviceUnknown(device);
    }

    /// @inheritdoc IDeviceRegistry
    function bondOf(uint256 device) public view returns (uint256) {
        Device memory d = deviceOf(device);
        return uint256(d.bondedGops) * _classes[d.classId].bondPerGops - _ledgers[device].debited;
    }

    /// @inheritdoc IDeviceRegistry
    function faultsOf(uint256 device) external view returns (IChallenges.Faults memory) {
        Ledger storage ledger = _ledgers[device];
        return IChallenges.Faults({
            earliestSlot: ledger.earliestSlot,
            faulted: ledger.faulted,
            count: ledger.count,
            lastEpoch: ledger.lastEpoch,
            misses: ledger.misses,
            missEpoch: ledger.missEpoch
        });
    }

    /// @inheritdoc IDeviceRegistry
    function classOf(uint256 classId) external view returns (DeviceClass memory terms) {
        terms = _classes[classId];
        if (terms.q == 0) revert ClassUnknown(classId);
    }

    /// @inheritdoc IDeviceRegistry
    function classCount() external view returns (uint256) {
        return _head.classes;
    }

    /// @inheritdoc IDeviceRegistry
    function deviceCount() external view returns (uint256) {
        return _head.devices;
    }

    /// @inheritdoc IDeviceRegistry
    function isHeld(uint256 device) external view returns (bool) {
        return (_holds[device] >> 32) & STILL == STILL;
    }

    /// @inheritdoc IDeviceRegistry
    function heldIn(uint256 device, uint256 slot) external view returns (bool held) {
        uint256 begins = timingAt(slot).startOf(slot);
        uint256 times = _holds[device] >> 32;
        if (begins < (times >> OLDEST_SHIFT) & STILL) {
            uint256[] storage earlier = _earlierHolds[device];
            uint256 later = earlier.upperBound((begins << OLDEST_SHIFT) | ((1 << OLDEST_SHIFT) - 1));
            if (later == 0) return false;
            times = earlier[later - 1];
        }
        while (begins < (times >> 37) & STILL) times >>= TIME_BITS;
        held = begins < times & STILL;
    }

    /// @inheritdoc IDeviceRegistry
    function isActive(uint256 device, uint256 slot) external view returns (bool) {
        return _isActive(_devices[device], slot, timingAt(slot));
    }

    /// @inheritdoc IDeviceRegistry
    function timingAt(uint256 slot) public view returns (Timing memory timing) {
        _loadNewest(timing);
        for (uint256 entry = _head.entries - 1; slot < timing.fromSlot;) {
            timing = _timings[--entry];
        }
    }

    /// @inheritdoc IDeviceRegistry
    function timingOf(uint256 epoch) public view returns (Timing memory timing) {
        _loadNewest(timing);
        for (uint256 entry = _head.entries - 1; epoch < timing.fromEpoch;) {
            timing = _timings[--entry];
        }
    }

    /// @inheritdoc IDeviceRegistry
    function timingNow() public view returns (Timing memory timing) {
        _loadNewest(timing);
        for (uint256 entry = _head.entries - 1; entry != 0 && block.number < timing.fromBlock;) {
            timing = _timings[--entry];
        }
    }

    /// @inheritdoc IDeviceRegistry
    function decisionBlocks() external view returns (uint256) {
        Timing memory timing = timingNow();
        return timing.slotBlocks + timing.epochBlocks() + timing.attestBlocks + timing.proofBlocks;
    }

    /// @inheritdoc IDeviceRegistry
    function timingEntry(uint256 entry) external view returns (Timing memory) {
        if (entry >= _head.entries) revert EntryUnknown(entry);
        return _timings[entry];
    }

    /// @inheritdoc IDeviceRegistry
    function timingCount() external view returns (uint256) {
        return _head.entries;
    }

    /// @inheritdoc IPausable
    function paused() external view returns (bool) {
        return _head.paused;
    }

    // ---- Internal ----

    modifier onlyEscrow() {
        if (msg.sender != JOB_ESCROW && msg.sender != LEASE_ESCROW) revert EscrowOnly(msg.sender);
        _;
    }

    modifier onlyChallenges() {
        if (msg.sender != CHALLENGES) revert ChallengesOnly(msg.sender);
        _;
    }

    modifier onlyWorkDisputes() {
        if (msg.sender != WORK_DISPUTES) revert WorkDisputesOnly(msg.sender);
        _;
    }

    /// @dev In one place, and so the compiler makes one store of it.
    function _save(uint256 device, Ledger memory ledger) private {
        _ledgers[device] = ledger;
    }

    function _append(Timing memory t, uint256 entry) private {
        _requireTimingRange("slotBlocks", t.slotBlocks, 4, type(uint16).max);
        _requireTimingRange("epochSlots", t.epochSlots, 1, MAX_EPOCH_SLOTS);
        _requireTimingRange("attestBlocks", t.attestBlocks, 2 * uint256(t.slotBlocks), MAX_ATTEST_BLOCKS);
        _requireTimingRange("proofBlocks", t.proofBlocks, t.slotBlocks, type(uint32).max);
        _requireTimingRange("rollCall", t.rollCall, 0, 256);
        uint256 exposed = t.epochBlocks() + t.attestBlocks + 2 * uint256(t.proofBlocks);
        _requireTimingRange("unbondingBlocks", STAKING.UNBONDING_BLOCKS(), exposed, type(uint256).max);

        _timings[entry] = t;
        Head storage head = _head;
        _head = Head({
            fromEpoch: t.fromEpoch,
            fromSlot: t.fromSlot,
            fromBlock: t.fromBlock,
            slotBlocks: t.slotBlocks,
            epochSlots: t.epochSlots,
            attestBlocks: uint24(t.attestBlocks),
            proofBlocks: t.proofBlocks,
            rollCall: t.rollCall,
            entries: (entry + 1).toUint8(),
            classes: head.classes,
            paused: head.paused,
            devices: head.devices
        });

        emit TimingScheduled(entry, t);
    }

    /// @dev Into `timing`, the newest entry: another one in memory would cost more than the reading.
    function _loadNewest(Timing memory timing) private view {
        Head storage head = _head;
        timing.fromEpoch = head.fromEpoch;
        timing.fromSlot = head.fromSlot;
        timing.fromBlock = head.fromBlock;
        timing.slotBlocks = head.slotBlocks;
        timing.epochSlots = head.epochSlots;
        timing.attestBlocks = head.attestBlocks;
        timing.proofBlocks = head.proofBlocks;
        timing.rollCall = head.rollCall;
    }

    /// @dev The epoch after the present one, given the timing in force; before the first block that is epoch 0.
    function _nextEpoch(Timing memory timing) private view returns (uint256) {
        if (block.number < timing.fromBlock) return timing.fromEpoch;
        return timing.epochOf(timing.slotAt(block.number)) + 1;
    }

    /// @return Not before the last epoch of an entry before `timing` is final either, whose windows may have been longer; but none is longer
    /// than stake is in unbonding.
    function _finalAfter(Timing memory timing, uint256 finalFrom) private view returns (uint256) {
        while (timing.fromSlot != 0 && timing.fromBlock + STAKING.UNBONDING_BLOCKS() > finalFrom) {
            uint256 after_ = timing.fromBlock;
            timing = timingAt(timing.fromSlot - 1);
            finalFrom = Math.max(finalFrom, after_ + timing.attestBlocks + timing.proofBlocks);
        }
        return finalFrom;
    }

    /// @return The first slot that begins in this block or later, given the timing in force.
    function _comingSlot(Timing memory timing) private view returns (uint256) {
        return block.number < timing.fromBlock ? timing.fromSlot : timing.slotAt(block.number + timing.slotBlocks - 1);
    }

    /// @dev Begin a time of being held; it goes on with the last one if no slot has begun in between, so that a device has at most one
    /// time a slot. @param forcedSlot 0: none. @param timing The entry in force.
    function _hold(uint256 device, uint256 holds, uint256 forcedSlot, Timing memory timing) private {
        uint256 until = (holds >> 32) & STILL;
        uint256 last = uint32(holds);
        if (forcedSlot != 0) {
            if (forcedSlot == last) revert DeviceForcedAlready(device, forcedSlot);
            last = forcedSlot.toUint32();
        }

        uint256 times = holds >> 32 | STILL;
        if (until < block.number && until <= _lastStart(timing)) {
            uint256 three = (holds >> 32) & THREE_TIMES;
            uint256 unkept = holds >> (32 + THREE_BITS);
            if (unkept == 3) {
                _earlierHolds[device].push(three);
                unkept = 0;
            }
            times = ((three << TIME_BITS | block.number << 37 | STILL) & THREE_TIMES) | ((unkept + 1) << THREE_BITS);
        }
        _holds[device] = times << 32 | last;

        emit DeviceHeld(device);
    }

    /// @return The block in which the last slot began before this block, given the timing in force; where that was under another
    /// entry, the block before this one: then one slot more counts as begun.
    function _lastStart(Timing memory timing) private view returns (uint256) {
        uint256 before = block.number - 1;
        if (before < timing.fromBlock) return before;
        return before - (before - timing.fromBlock) % timing.slotBlocks;
    }

    /// @return holds The device's word.
    function _requireReleased(uint256 device) private view returns (uint256 holds) {
        holds = _holds[device];
        if ((holds >> 32) & STILL == STILL) revert DeviceHeldAlready(device);
    }

    function _requireActive(uint256 device, Device memory d, uint256 slot, Timing memory timing) private pure {
        if (!_isActive(d, slot, timing)) revert DeviceNotActive(device, slot);
    }

    function _isActive(Device memory d, uint256 slot, Timing memory timing) private pure returns (bool) {
        return slot < d.untilSlot && d.fromEpoch <= timing.epochOf(slot);
    }

    /// @dev Shapes that every verifier takes (`tensorbond.proof.Shape`): a class that nobody can verify would pay nobody.
    function _requireShape(DeviceClass calldata terms) private pure {
        _requirePowerOfTwo("m", terms.m, 1 << 8, 1 << 15);
        _requirePowerOfTwo("n", terms.n, 1 << 8, 1 << 15);
        _requireClassRange("profile", terms.profile, 0, 1);
        _requirePowerOfTwo("K", terms.K, 1 << 10, terms.profile == 0 ? 1 << 14 : 1 << 12);
        _requireClassRange("R", terms.R, 1, 4_000);
        _requireClassRange("q", terms.q, 1, 1_024);
    }

    /// @dev Likewise `tensorbond.proof.MemoryShape`; or there is no M-phase.
    function _requireMemoryShape(DeviceClass calldata terms) private pure {
        uint256 most = terms.layers == 0 ? 0 : type(uint256).max;
        _requireClassRange("layers", terms.layers, most == 0 ? 0 : 3, type(uint16).max);
        _requireClassRange("layerBits", terms.layerBits, most == 0 ? 0 : 2, Math.min(most, 18));
        _requireClassRange("walkerBits", terms.walkerBits, 0, Math.min(most, 16));
        _requireClassRange("segments", terms.segments, most == 0 ? 0 : 1, Math.min(most, 256));
        _requireClassRange("peakBandwidth", terms.peakBandwidth, most == 0 ? 0 : 1, Math.min(most, type(uint24).max));
        _requireClassRange("minBandwidth", terms.minBandwidth, 0, terms.peakBandwidth);
    }

    function _requirePowerOfTwo(bytes32 field, uint256 have, uint256 least, uint256 most) private pure {
        _requireClassRange(field, have, least, most);
        uint256 floor = 1 << Math.log2(have);
        if (have != floor) revert ClassTermsInvalid(field, have, floor);
    }

    function _requireClassRange(bytes32 field, uint256 have, uint256 least, uint256 most) private pure {
        if (have < least) revert ClassTermsInvalid(field, have, least);
        if (have > most) revert ClassTermsInvalid(field, have, most);
    }

    function _requireTimingRange(bytes32 field, uint256 have, uint256 least, uint256 most) private pure {
        if (have < least) revert TimingInvalid(field, have, least);
        if (have > most) revert TimingInvalid(field, have, most);
    }
}
