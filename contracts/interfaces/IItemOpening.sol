// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Which kind of place in a commitment is meant: the one that sample `first` asks for; tile `second` of round `first`; label
/// number `first`; segment `second` of walker `first`.
enum PlaceKind {
    Sample,
    Tile,
    Label,
    Segment
}

/// @notice One place in what a commitment binds (F7).
struct Place {
    PlaceKind kind;
    uint64 first;
    uint64 second;
}

/// @title What a judge of one phase knows about opening a commitment at a place (F7): `ComputeProofs` and `MemoryProofs`.
interface IItemOpening {
    /// The benchmark of this (device, slot) has no such place.
    error PlaceUnknown(PlaceKind kind, uint256 first, uint256 second);

    /// @return Bytes of the opening of a place. Reverts `PhaseMismatch` unless (device, slot) is of this judge's phase, `PlaceUnknown`
    /// where its class has no such place.
    function openingLength(uint256 device, uint256 slot, Place calldata place) external view returns (uint256);

    /// @return Whether `opening` shows what `commitment` binds at the place. Doesn't ask for the phase, which the commitment binds; the
    /// slot after must be sealed for a sample.
    function opens(uint256 device, uint256 slot, bytes32 commitment, Place calldata place, bytes calldata opening)
        external
        view
        returns (bool);

    /// @return Which place sample `index` of the commitment asks for: two samples may ask for one. The slot after must be sealed.
    function placeOf(uint256 device, uint256 slot, bytes32 commitment, uint256 index) external view returns (bytes32);
}
