// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Timing} from "../libraries/Slots.sol";
import {IChallenges} from "./IChallenges.sol";

/// @notice The immutable terms of a kind of GPU: the benchmarks' shapes, how often it is drawn, and what a fault costs.
/// @dev Two words, shape and money. The C-phase as in proof.md §2: powers of two, 256 ≤ m, n ≤ 2¹⁵, 1024 ≤ K ≤ 2¹⁴;
/// 1 ≤ R ≤ 4,000 (a header fits one transaction, of which nodes pass on at most 128 KiB), 1 ≤ q ≤ 1024. The M-phase as in its §3,
/// or none at all: everything zero.
struct DeviceClass {
    uint16 m;
    uint16 n;
    uint16 K;
    uint16 R;
    uint16 q;
    /// What an element of a matrix is: 0 an int8 (W1), 1 a 9-bit value (W2; K ≤ 2¹²).
    uint8 profile;
    /// A device is drawn when u32(H("GPOW1/draw" ‖ beacon ‖ u64 device)[0:4]) < drawThreshold.
    uint32 drawThreshold;
    /// Layers of 2^layerBits labels, 32 bytes each (3 or more; 2 ≤ layerBits ≤ 18); 2^walkerBits walkers (≤ 2¹⁶) of 64 · segments
    /// steps (1..256 segments: the later checkpoints fit one transaction).
    uint16 layers;
    uint8 layerBits;
    uint8 walkerBits;
    uint16 segments;
    /// MB/s: attested bandwidth never counts more, and a proof with less than minBandwidth hasn't passed.
    uint24 peakBandwidth;
    uint24 minBandwidth;
    /// Likewise gops of the C-phase. Above half the peak, one card can't pass for two devices in one slot. 0: no bound.
    uint24 slowGops;
    /// Wei of bond per bonded gops.
    uint96 bondPerGops;
    /// Wei that one missed slot costs: at most the least bond of the class.
    uint96 missPenalty;
    uint24 peakGops;
    /// Least gops that a device of the class may bond for.
    uint24 minGops;
    /// The share of the bond that a device's first fault takes.
    uint16 faultBps;
}

/// @notice One device. One word.
struct Device {
    address provider;
    /// Drawn from the first slot of `fromEpoch` on, up to but not including `untilSlot` (2³²−1: open).
    uint24 fromEpoch;
    uint32 untilSlot;
    /// The rate its bond vouches for: weight never counts more.
    uint24 bondedGops;
    uint8 classId;
}

/// @notice Who pays for a proven fault of a device, and of what.
struct FaultCost {
    address provider;
    /// Wei that the device was registered with, and what no slash took of it yet.
    uint256 bond;
    uint256 left;
    /// Its class's share of the bond for a first fault.
    uint256 faultBps;
    /// The epoch of the faulty slot.
    uint256 epoch;
}

/// @title The only home of devices, device classes and the schedule of timing parameters.
interface IDeviceRegistry {
    event ClassAdded(uint256 indexed classId, DeviceClass terms);
    event TimingScheduled(uint256 indexed entry, Timing timing);
    event DeviceRegistered(
        uint256 indexed device, address indexed provider, uint256 indexed classId, uint256 bondedGops, uint256 bond, uint256 fromEpoch
    );
    event DeviceRetired(uint256 indexed device, address indexed provider, uint256 untilSlot);
    event DeviceSuspended(uint256 indexed device, address indexed provider, uint256 untilSlot);
    event DeviceHeld(uint256 indexed device);
    event DeviceReleased(uint256 indexed device);
    /// A slash took `amount` of the device's bond; `bond` is left.
    event BondDebited(uint256 indexed device, uint256 amount, uint256 bond);
    /// The device is over and what was left of its bond is unlocked.
    event DeviceDischarged(uint256 indexed device, address indexed provider, uint256 amount);

    error ClassUnknown(uint256 classId);
    error ClassTermsInvalid(bytes32 field, uint256 have, uint256 bound);
    error TimingInvalid(bytes32 field, uint256 have, uint256 bound);
    error DeviceUnknown(uint256 device);
    error DeviceNotActive(uint256 device, uint256 slot);
    error DeviceHeldAlready(uint256 device);
    error DeviceNotHeld(uint256 device);
    /// An earlier job forces its draw in the same slot: one proof decides one job.
    error DeviceForcedAlready(uint256 device, uint256 slot);
    error DeviceRetiredAlready(uint256 device, uint256 untilSlot);
    error DeviceDischargedAlready(uint256 device);
    error BondedGopsOutOfRange(uint256 have, uint256 least, uint256 most);
    error CountOutOfRange(uint256 have, uint256 most);
    error RegistryFull(uint256 have, uint256 most);
    error ProviderOnly(address account, address provider);
    error EscrowOnly(address account);
    error ChallengesOnly(address account);
    error WorkDisputesOnly(address account);
    error EntryUnknown(uint256 entry);
    /// The provider has as much active stake as is locked.
    error ProviderCovered(address provider);
    /// The provider has been short since `since`; its devices can be suspended after block `graceUntil`.
    error GraceRunning(address provider, uint256 since, uint256 graceUntil);

    /// @notice Add a class; it never changes after. Caller: the governor. @return classId From 0 on, at most 256.
    function addClass(DeviceClass calldata terms) external returns (uint256 classId);

    /// @notice Append a timing entry that takes effect at the first slot of epoch `timing.fromEpoch`, at the earliest two epochs
    /// from now, after the newest entry's and after the epoch in which a job that is accepted now forces its draw, and at most 1,024 later
    /// than that; `fromSlot` and `fromBlock` are computed, given values are ignored. Caller: the governor.
    /// Refused if the unbonding time were shorter than epoch + attestation deadline + 2 × proof window.
    function schedule(Timing calldata timing) external;

    /// @notice Register `count` equal devices (1..64), locking bondedGops · bondPerGops of the caller's stake for each.
    /// They are drawn from the first slot of the next epoch on. @return first The first id; ids are dense, from 1, never reused.
    function register(uint256 classId, uint256 bondedGops, uint256 count) external returns (uint256 first);

    /// @notice The caller's device is drawn no more from the end of the next epoch on.
    function retire(uint256 device) external;

    /// @notice Stop a device from the next slot on whose provider has been short of locked stake for longer than an epoch, because
    /// delegators left. Anyone.
    function suspendUncovered(uint256 device) external;

    /// @notice Bind a device to a lease or a job. Caller: an escrow. @param slot The slot that it forces: one in which the device must be
    /// active, and no other job's; 0: none, and the device must be active in the first slot that begins in this block or later.
    function hold(uint256 device, uint256 slot) external returns (Device memory);

    /// @notice `hold` with the first slot that starts at least one slot from now. Caller: an escrow.
    /// @return held The device. @return slot The slot. @return startsAt Its first block. @return finalFrom The first block in which an
    /// attestation of its epoch is surely final or missing, by the entries in force before, now and then.
    function force(uint256 device) external returns (Device memory held, uint256 slot, uint256 startsAt, uint256 finalFrom);

    /// @notice End a device's lease or job. Caller: an escrow.
    function release(uint256 device) external;

    /// @notice Stop a device from the next slot on, because of a proven fault in `slot`; nothing happens if it ends earlier.
    /// Caller: `WorkDisputes`.
    function suspend(uint256 device, uint256 slot) external returns (FaultCost memory);

    /// @notice Count a fault in `slot`, one of `epoch`. Caller: `Challenges`, once for a slot.
    /// @return count The device's faults, this one included.
    /// @return isRepeated Whether the last one lies within FAULT_EPOCHS.
    function recordFault(uint256 device, uint256 slot, uint256 epoch) external returns (uint256 count, bool isRepeated);

    /// @notice Count a missed slot. Caller: `Challenges`, once for a slot.
    /// @return misses `IChallenges.recordMiss`.
    function recordMiss(uint256 device, uint256 slot) external returns (uint256 misses);

    /// @notice Note that a slash took `amount` of the device's bond. Caller: `WorkDisputes`.
    function debit(uint256 device, uint256 amount) external;

    /// @notice Unlock what is left of an ended device's bond; refused once nothing is. Caller: `WorkDisputes`, which knows that no proof
    /// can touch it.
    function discharge(uint256 device) external;

    function deviceOf(uint256 device) external view returns (Device memory);
    /// @return What is left of the device's locked bond, wei.
    function bondOf(uint256 device) external view returns (uint256);
    /// @return Where the device's faults lie. They share a word with what they cost.
    function faultsOf(uint256 device) external view returns (IChallenges.Faults memory);
    function classOf(uint256 classId) external view returns (DeviceClass memory);
    function classCount() external view returns (uint256);
    /// @return Ids 1..deviceCount() exist.
    function deviceCount() external view returns (uint256);
    function isHeld(uint256 device) external view returns (bool);
    /// @return Whether it was held when `slot` began, in the block whose hash is the beacon; however long ago that was.
    function heldIn(uint256 device, uint256 slot) external view returns (bool);
    /// @return Whether the device may be drawn in `slot`.
    function isActive(uint256 device, uint256 slot) external view returns (bool);
    /// @return The schedule entry in force at `slot`, at `epoch`, or now.
    function timingAt(uint256 slot) external view returns (Timing memory);
    function timingOf(uint256 epoch) external view returns (Timing memory);
    function timingNow() external view returns (Timing memory);
    /// @return The most blocks from a deed to its slot's final attestation, by the entry in force now: slot + epoch + attestation deadline
    /// + proof window.
    function decisionBlocks() external view returns (uint256);
    function timingEntry(uint256 entry) external view returns (Timing memory);
    function timingCount() external view returns (uint256);
}
