// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {HeaderOpening} from "./IComputeProofs.sol";
import {IItemOpening} from "./IItemOpening.sol";

/// @notice One item of M-phase evidence under an evidenceRoot.
struct MemoryItemOpening {
    /// commitment = SHA-256("GPOW1/MC" ‖ memRoot ‖ walkRoot)
    bytes32 memRoot;
    bytes32 walkRoot;
    /// Which sample, its item's bytes as they stand in the evidence (see `LabelProof`), and its path in the evidence tree.
    uint256 index;
    bytes item;
    bytes32[] path;
}

/// @notice What memRoot has above one of an item's block openings: the cap's node, and its path to memRoot.
struct CapNode {
    /// 0 the label's block and 1..16 its parents'; or the step, 0..63.
    uint256 opening;
    bytes32 node;
    bytes32[] path;
}

/// @title The judge of the M-phase (proof.md §3): stateless, and without an opinion about who pays.
/// @dev Reads class, provider, beacons and phase of a (device, slot) itself. Where evidence is judged it returns the evidenceRoot that
/// the opening folds to: the caller must compare it with the one that somebody answers for, by signature or attestation. What is
/// judged against the commitment reverts unless it opens it. All revert `SlotNotSealed` (IChallenges) or `PhaseMismatch` (Phases) where
/// (device, slot) isn't of the M-phase. Nothing but SHA-256 binds, at the depths that the class gives.
///
/// The opening of a label is memRoot ‖ walkRoot ‖ its label item ‖ for each of the item's 17 block openings the path from the cap to
/// memRoot (in layer 0 only the first counts). That of a segment is memRoot ‖ walkRoot ‖ its segment item ‖ 64 such paths ‖ the
/// committed H(state) at its end (in segment 0 the item's h and start state don't count, nor do digests without use in any).
interface IMemoryProofs is IItemOpening {
    error CommitmentMismatch(bytes32 have, bytes32 need);
    error IndexOutOfRange(uint256 have, uint256 count);
    error EvidencePathMalformed(uint256 have, uint256 need);
    error CapPathsMalformed(uint256 have, uint256 need);
    error OpeningMalformed(uint256 have, uint256 need);
    /// The opening is of another place, or doesn't lead to its memRoot or walkRoot.
    error OpeningUnbound();

    /// @notice F1: the item has another length than the class gives, or is not of the place that the sample asks for; its label is not
    /// made of its parents (of none in layer 0, whose bytes are zero); its walk, in segment 0, begins elsewhere than memRoot says or
    /// after another h than zero; its walk doesn't end in walkRoot; digests that it has no use for aren't zero; or the block opening
    /// that `shown` names doesn't lead to the node that memRoot has above it. Where anything else is wrong `shown` isn't looked at. The slot after
    /// must be sealed.
    function isBadItem(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        MemoryItemOpening calldata opened,
        CapNode calldata shown
    ) external view returns (bool bad, bytes32 evidenceRoot);

    /// @notice The opposite, for good. The slot after must be sealed.
    /// @param caps For each of the item's block openings, 17 or 64, the path from the cap to memRoot; in layer 0 only the first counts.
    function isGoodItem(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        MemoryItemOpening calldata opened,
        bytes calldata caps
    ) external view returns (bool good, bytes32 evidenceRoot);

    /// @notice The header (leaf 96 of the evidence tree: memRoot ‖ walkRoot ‖ cap) has another length than the class gives, or is of another
    /// commitment, or its cap doesn't lead to memRoot.
    function isBadHeader(uint256 device, uint256 slot, bytes32 commitment, HeaderOpening calldata opened)
        external
        view
        returns (bool bad, bytes32 evidenceRoot);

    /// @notice F4: the label that is opened is not made of its parents.
    function isBadLabel(uint256 device, uint256 slot, bytes32 commitment, uint256 number, bytes calldata opening)
        external
        view
        returns (bool);

    /// @notice F4: from the segment's start state, the steps over the blocks that they ask for don't lead to the committed end; or h
    /// before segment 1 was not made of zero.
    function isBadStep(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        uint256 walker,
        uint256 segment,
        bytes calldata opening
    ) external view returns (bool);
}
