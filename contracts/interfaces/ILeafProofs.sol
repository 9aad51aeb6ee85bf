// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leaf, Outcome} from "../libraries/MerkleSum.sol";
import {Job} from "./IJobEscrow.sol";

/// @notice The parts of a commit record, from its event.
struct Record {
    bytes32 commitment;
    uint256 timestamp;
    address key;
}

/// @title The judge of leaves (docs/protocol.md, "Leaf"): stateless, and without an opinion about who pays.
/// @dev Judges by what nobody can change after the epoch's last block, and takes the caller's word that a leaf, its rows and the leaf
/// before (zeros, where the device had none) stand where they are said to. All revert DeviceUnknown for a leaf of no device.
interface ILeafProofs {
    /// The row's result is none that the proof is about.
    error ResultWrong(uint256 have);
    error ItemOutOfRange(uint256 have, uint256 most);
    /// The bytes are not the header of the slot's first block.
    error HeaderMismatch(uint256 slot, bytes32 have, bytes32 need);

    /// @return items How many items the evidence behind the row has; the header has the next index. @return length Bytes of that with
    /// `index`. Reverts SlotNotSealed, and `ItemOutOfRange` past the header.
    function itemOf(uint256 device, Outcome calldata row, uint256 index)
        external
        view
        returns (uint256 items, uint256 length);

    /// @notice weight ≠ ⌊min(minGops, bondedGops) · least ratio⌋ by the leaf's own record, or ≠ 0 for a device that isn't active in the
    /// epoch's last slot.
    function isBadWeight(uint256 epoch, Leaf calldata leaf) external view returns (bool);

    /// @notice The row, passed or slow, has another throughput than min(class peak, ⌊work / elapsed⌋) of its phase, elapsed from the
    /// timestamp of block B(slot) to that of the record, at least 1 s; or is slow although it is fast enough, or of the C-phase; or
    /// passed although it is too slow. @param header The RLP header of block B(slot), whose hash the slot is sealed with.
    function isBadThroughput(uint256 device, Outcome calldata row, Record calldata record, bytes calldata header)
        external
        view
        returns (bool);

    /// @notice The rows are not exactly the device's drawn slots of the epoch in order, each of its kind, and after them forced draws of
    /// the epoch, strictly ascending by (slot, job); or a row tells what its result doesn't; or the leaf's due, passed, idle, minGops,
    /// minBandwidth or vram are not what these rows give after the leaf before; or a slot of the epoch isn't sealed: who signs has sealed
    /// them. A device that was held when a slot of the M-phase began has no drawn row of it.
    function isBadOutcomes(uint256 epoch, Leaf calldata leaf, Outcome[] calldata rows, Leaf calldata before)
        external
        view
        returns (bool);

    /// @notice What the rows say of a job is not so: there is a forced row of it, but the job doesn't exist or forces no draw on this device
    /// in this slot; or it does in this epoch, and there is no such row. @param state The job's state now; not looked at if there is no such job.
    function isBadForced(uint256 epoch, uint256 device, Outcome[] calldata rows, uint256 job, Job calldata state)
        external
        view
        returns (bool);
}
