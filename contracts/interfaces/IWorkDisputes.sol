// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeafProof, OutcomeProof} from "./IAttestations.sol";
import {Commit} from "./IChallenges.sol";
import {HeaderOpening, Link} from "./IComputeProofs.sol";
import {Place} from "./IItemOpening.sol";
import {CapNode, MemoryItemOpening} from "./IMemoryProofs.sol";
import {SlashReason} from "./IProviderStaking.sol";

/// @title Fraud proofs about work (proof.md §5), and the enforcement of a final bad-item outcome.
/// @dev A verb binds its claim to the commit record, and where evidence is judged to a root that the committing key signed; asks the
/// judge (`ComputeProofs`, `MemoryProofs`); and slashes. All but F0 cost the device one and the same, once per (device, slot): its class's share of
/// the bond for the first fault, the more the more other bond failed lately (`Penalties`); all that is left for a second within FAULT_EPOCHS, or
/// for a second bad item (F1) of one slot, at another place than the first. The device is suspended. The sender can be
/// neither the provider, nor its operator, nor the committing key. What is claimed must be judged bad: the judge's reverts stand in
/// its interface. Invariants 9, 10.
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
    /// F2, F3, F4, F7, F8, or a bad header. `evidence` is the signed evidenceRoot; the commitment; the hash of both roots; or of the place.
    event FaultProven(
        uint256 indexed device,
        uint256 indexed slot,
        address indexed challenger,
        SlashReason reason,
        bytes32 evidence,
        uint256 amount,
        uint256 reward
    );
    event BadItemEnforced(
        uint256 indexed device, uint256 indexed slot, address indexed challenger, uint256 epoch, uint256 amount, uint256 reward
    );

    /// Before a device's first fault, in a slot of `epoch`, `failed` wei of other bond had failed lately, of `staked` wei of all stake: its share
    /// of the bond grows by 3 · failed / staked. Not emitted where nothing had.
    event FaultsCorrelated(uint256 indexed device, uint256 epoch, uint256 failed, uint256 staked);

    error NotDrawn(uint256 device, uint256 slot);
    error WindowOpen(uint256 slot, uint256 blockNumber, uint256 lastBlock);
    error EvidenceSignerMismatch(address have, address need);
    /// The item is what its sample asked for, folds, and the entry equals A_i · B_j.
    error ItemGood(uint256 index, uint256 row, uint256 column);
    /// The header's chain leads to the commitment, and to the finalSeed that it says.
    error HeaderGood();
    /// The seed, or the padding leaf, is what it must be.
    error LinkGood(uint256 index);
    /// The lane is MIX of its entries.
    error LaneGood(uint256 round, uint256 tile, uint256 lane);
    /// The item is what its sample asked for, as far as it says itself, and nothing is wrong with the opening that was shown.
    error MemoryItemGood(uint256 index, uint256 opening);
    /// The label is made of its parents.
    error LabelGood(uint256 number);
    /// The segment's steps lead to its end.
    error SegmentGood(uint256 walker, uint256 segment);
    error RootsEqual(bytes32 root);
    error OutcomeNotBadItem(uint256 result);
    /// No transaction has room to show that the named item is good: `proveBadItem` instead.
    error OutcomeIrrefutable(uint256 device, uint256 slot);
    /// The item lies at the same place as the first that was proven bad: one wrong tile, label or segment is one fault.
    error PlaceProvenAlready(uint256 device, uint256 slot, uint256 index);
    error ProofStillPossible(uint256 device, uint256 have, uint256 need);

    /// @notice F0: the slot is sealed, the device was drawn, the window is over, and there is no record. In a slot of the M-phase, if its
    /// class has one, the device must not have been held when the slot began. Anyone; costs the class's fixed sum; the MISS_LIMIT-th miss within MISS_EPOCHS costs a share of the bond.
    function proveMissed(uint256 device, uint256 slot) external returns (uint256 amount);

    /// @notice F1: the item has another length than the class gives, or is not of the tile that the sample asks for, or an entry is
    /// not A_i · B_j, or its paths don't lead to roundsRoot. Seals the next slot if nobody has. Anyone but the provider, its
    /// operator and the committing key. @return amount Wei slashed: 0 where the slot has paid for a fault that is no item, so that a next
    /// bad item of it is its second.
    function proveBadItem(BadItem calldata proof) external returns (uint256 amount);

    /// @notice The header of evidence that the committing key signed is bad (`IComputeProofs.isBadHeader`). @return amount Wei slashed.
    function proveBadHeader(Commit calldata commit, HeaderOpening calldata header, bytes calldata signature)
        external
        returns (uint256 amount);

    /// @notice F2, from the commitment alone (`IComputeProofs.isBadLink`). @return amount Wei slashed.
    function proveBadLink(Commit calldata commit, Link calldata link) external returns (uint256 amount);

    /// @notice F3, from the commitment alone (`IComputeProofs.isBadLane`). @return amount Wei slashed.
    function proveBadLane(Commit calldata commit, uint256 round, uint256 tile, uint256 lane, bytes calldata opening)
        external
        returns (uint256 amount);

    /// @notice F1 of the M-phase (`IMemoryProofs.isBadItem`). Seals the next slot if nobody has. @return amount Wei slashed.
    function proveBadMemoryItem(
        Commit calldata commit,
        MemoryItemOpening calldata opened,
        CapNode calldata shown,
        bytes calldata signature
    ) external returns (uint256 amount);

    /// @notice The header of M-phase evidence that the committing key signed is bad (`IMemoryProofs.isBadHeader`).
    /// @return amount Wei slashed.
    function proveBadMemoryHeader(Commit calldata commit, HeaderOpening calldata header, bytes calldata signature)
        external
        returns (uint256 amount);

    /// @notice F4, from the commitment alone (`IMemoryProofs.isBadLabel`). @return amount Wei slashed.
    function proveBadLabel(Commit calldata commit, uint256 number, bytes calldata opening)
        external
        returns (uint256 amount);

    /// @notice F4, from the commitment alone (`IMemoryProofs.isBadStep`). @return amount Wei slashed.
    function proveBadStep(Commit calldata commit, uint256 walker, uint256 segment, bytes calldata opening)
        external
        returns (uint256 amount);

    /// @notice F8: the committing key signed two evidenceRoots for the commitment. @return amount Wei slashed.
    function proveTwoEvidences(Commit calldata commit, bytes32[2] calldata roots, bytes[2] calldata signatures)
        external
        returns (uint256 amount);

    /// @notice F7: what was asked for by `Challenges.requestItem` was not answered in time. @return amount Wei slashed.
    function proveWithheld(Commit calldata commit, Place calldata place) external returns (uint256 amount);

    /// @notice Slash for a bad-item outcome under a final attestation. Anyone but the provider and its operator. Not where a lying quorum
    /// could not have been refuted: a tile whose lines (K · bytes of an element) are longer than 8,192 bytes. Reverts `PhaseMismatch`
    /// (Phases) where a forced row names an item of a slot in which the device proves the M-phase.
    function enforce(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount);

    /// @notice Free the rest of an ended device's bond once every epoch it was drawn in is final or void, and two proof windows have
    /// passed since the last of them, under every entry so far, could have been attested in time, and one since it could first be enforced.
    /// Anyone.
    function discharge(uint256 device) external;

    /// @return Wei of bond that failed in the window of `epoch` and in the one before, as far as it is known: it makes a fault there dearer.
    function failedIn(uint256 epoch) external view returns (uint256);
    /// Share of a slash that the sender of an F0 or F1 gets, and of an enforcement; bps.
    function CHALLENGER_BPS() external view returns (uint256);
    function ENFORCER_BPS() external view returns (uint256);
    function MISS_LIMIT() external view returns (uint256);
    function FAULT_EPOCHS() external view returns (uint256);
    function WINDOW_EPOCHS() external view returns (uint256);
    function CORRELATION() external view returns (uint256);
}
