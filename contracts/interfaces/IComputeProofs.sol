// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IItemOpening} from "./IItemOpening.sol";

/// @notice One item of evidence under an evidenceRoot.
struct ItemOpening {
    /// commitment = SHA-256("GPOW1/C" ‖ finalSeed ‖ roundsRoot)
    bytes32 finalSeed;
    bytes32 roundsRoot;
    /// Which sample, its item's bytes as they stand in the evidence (proof.md §2, §4), and its path in the evidence tree.
    uint256 index;
    bytes item;
    bytes32[] path;
}

/// @notice The header of evidence under an evidenceRoot: all root_t, then finalSeed.
struct HeaderOpening {
    bytes header;
    bytes32[] path;
}

/// @notice One round under roundsRoot, whose leaf is SHA-256(seed ‖ root).
struct RoundOpening {
    bytes32 seed;
    bytes32 root;
    bytes32[] path;
}

/// @notice One link of the seed chain: what the commitment binds as seed_index, and what it must be.
/// @dev index 0: `here` is round 0. 0 < index < R: `before` is round index − 1, `here` round index. index R: `before` is round R − 1, and
/// finalSeed is bound. index > R: `here.root` is the padding leaf index − 1 itself, which must be zero. What isn't named is left empty.
struct Link {
    uint256 index;
    bytes32 finalSeed;
    RoundOpening before;
    RoundOpening here;
}

/// @title The judge of the C-phase (proof.md §2): stateless, and without an opinion about who pays.
/// @dev Reads class, provider, beacons and phase of a (device, slot) itself. Where evidence is judged it returns the evidenceRoot that
/// the opening folds to: the caller must compare it with the one that somebody answers for, by signature or attestation. What is
/// judged against the commitment reverts `CommitmentMismatch` unless it opens it. All revert `SlotNotSealed` (IChallenges) or
/// `PhaseMismatch` (Phases) where (device, slot) isn't of the C-phase.
///
/// The opening of a tile is leaf (32 bytes) ‖ tile path ‖ seed_t ‖ round path ‖ finalSeed, paths leaf to root.
interface IComputeProofs is IItemOpening {
    error CommitmentMismatch(bytes32 have, bytes32 need);
    error IndexOutOfRange(uint256 have, uint256 count);
    error EvidencePathMalformed(uint256 have, uint256 need);
    error RoundPathMalformed(uint256 have, uint256 need);
    error OpeningMalformed(uint256 have, uint256 need);
    error EntryOutOfRange(uint256 row, uint256 column);
    error LaneOutOfRange(uint256 lane);
    error LinkOutOfRange(uint256 index, uint256 most);

    /// @notice F1: the item has another length than the class gives, or is not of the tile that the sample asks for, or the entry in
    /// `row` and `column` (0..15 each) is not A_i · B_j, or its paths don't lead to roundsRoot. The slot after must be sealed.
    function isBadItem(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        ItemOpening calldata opened,
        uint256 row,
        uint256 column
    ) external view returns (bool bad, bytes32 evidenceRoot);

    /// @notice The opposite, for good: the item is what the sample asks for, folds to roundsRoot, and all its 256 entries are right.
    /// Whether seed_t is the chain's is `isBadLink`'s matter. The slot after must be sealed.
    function isGoodItem(uint256 device, uint256 slot, bytes32 commitment, ItemOpening calldata opened)
        external
        view
        returns (bool good, bytes32 evidenceRoot);

    /// @notice The header (leaf q of the evidence tree) has another length than the class gives, or the chain over its roots from seed_0
    /// leads to another finalSeed than it says, or to another commitment.
    function isBadHeader(uint256 device, uint256 slot, bytes32 commitment, HeaderOpening calldata opened)
        external
        view
        returns (bool bad, bytes32 evidenceRoot);

    /// @notice F2: a link of the committed seed chain is wrong: seed_0 is another challenge's, seed_{t+1} ≠ H("GPOW1/N" ‖ seed_t ‖ t ‖ root_t),
    /// or finalSeed isn't the last one; or a padding leaf isn't zero.
    function isBadLink(uint256 device, uint256 slot, bytes32 commitment, Link calldata link) external view returns (bool);

    /// @notice F3: lane 0..7 of the leaf that is opened at (round, tile) is not MIX of the 4 × 8 entries that its seed gives.
    function isBadLane(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        uint256 round,
        uint256 tile,
        uint256 lane,
        bytes calldata opening
    ) external view returns (bool);
}
