// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeafProof, OutcomeProof} from "./IAttestations.sol";

/// @title Fraud proofs about work (proof.md §5): F0 missed, F1 badItem, and the enforcement of a final bad-item outcome.
/// @dev A proof costs the device once per (device, slot): its class's share of the bond for the first fault, all that is left for a
/// second within FAULT_EPOCHS. The device is suspended. Invariants 9, 10.
interface IWorkDisputes {
    /// @notice F1: item `index` of evidence that the committing key signed is bad.
    struct BadItem {
        uint256 device;
        uint256 slot;
        /// The commit record's parts.
        bytes32 commitment;
        uint256 timestamp;
        address key;
        /// commitment = SHA-256("GPOW1/C" ‖ finalSeed ‖ roundsRoot)
        bytes32 finalSeed;
        bytes32 roundsRoot;
        /// Which sample, its item's bytes as signed (proof.md §2, §4), and its path in the evidence tree.
        uint256 index;
        bytes item;
        bytes32[] evidencePath;
        /// The committing key's 65-byte signature of Evidence(commitment, evidenceRoot).
        bytes signature;
        /// The entry to recompute, 0..15 each: a wrong one, or any where the item is bad in another way.
        uint256 row;
        uint256 column;
    }

    event MissProven(uint256 indexed device, uint256 indexed slot, address indexed challenger, uint256 amount, uint256 misses);
    event BadItemProven(
        uint256 indexed device, uint256 indexed slot, address indexed challenger, uint256 index, uint256 amount, uint256 reward
    );
    event BadItemEnforced(
        uint256 indexed device, uint256 indexed slot, address indexed challenger, uint256 epoch, uint256 amount, uint256 reward
    );

    error NotDrawn(uint256 device, uint256 slot);
    error WindowOpen(uint256 slot, uint256 blockNumber, uint256 lastBlock);
    error CommitmentMismatch(bytes32 have, bytes32 need);
    error IndexOutOfRange(uint256 have, uint256 count);
    error EvidencePathMalformed(uint256 have, uint256 need);
    error EvidenceSignerMismatch(address have, address need);
    error EntryOutOfRange(uint256 row, uint256 column);
    /// The item is what its sample asked for, folds, and the entry equals A_i · B_j.
    error ItemGood(uint256 index, uint256 row, uint256 column);
    error OutcomeNotBadItem(uint256 result);
    error ProofStillPossible(uint256 device, uint256 have, uint256 need);

    /// @notice F0: the slot is sealed, the device was drawn, the window is over, and there is no record. Anyone; costs the class's
    /// fixed sum; the MISS_LIMIT-th miss within MISS_EPOCHS costs a share of the bond.
    function proveMissed(uint256 device, uint256 slot) external returns (uint256 amount);

    /// @notice F1: the item has another length than the class gives, or is not of the tile that the sample asks for, or an entry is
    /// not A_i · B_j, or its paths don't lead to roundsRoot. Seals the next slot if nobody has. Anyone but the provider, its
    /// operator and the committing key. @return amount Wei slashed.
    function proveBadItem(BadItem calldata proof) external returns (uint256 amount);

    /// @notice Slash for a bad-item outcome under a final attestation. Anyone but the provider and its operator.
    function enforce(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount);

    /// @notice Free the rest of an ended device's bond once every epoch it was drawn in is final or void, and a proof window has
    /// passed both since the last of them could have been attested in time and since it could first be enforced. Anyone.
    function discharge(uint256 device) external;

    /// Share of a slash that the sender of an F0 or F1 gets, and of an enforcement; bps.
    function CHALLENGER_BPS() external view returns (uint256);
    function ENFORCER_BPS() external view returns (uint256);
    function MISS_LIMIT() external view returns (uint256);
    function FAULT_EPOCHS() external view returns (uint256);
}
