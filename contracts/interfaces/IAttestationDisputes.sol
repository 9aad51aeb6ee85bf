// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leaf, Outcome} from "../libraries/MerkleSum.sol";
import {LeafProof, OracleFault, OutcomeProof, Statement} from "./IAttestations.sol";
import {Job} from "./IJobEscrow.sol";

/// @notice A node of an attestation's tree with what was hashed into it, and its place under the root.
struct NodeProof {
    uint256 epoch;
    /// 0: a leaf, 20: the root.
    uint256 level;
    /// Its place among the nodes of its level, from the left.
    uint256 index;
    /// The sum that the node above states for it, or, for the root, the attested total weight.
    uint96 sum;
    /// Of an inner node 88 bytes, of a leaf its encoding, of an absent node none.
    bytes preimage;
    /// `MerkleSum.foldFrom` of this node.
    bytes path;
}

/// @notice The parts of a commit record, from its event.
struct Record {
    bytes32 commitment;
    uint256 timestamp;
    address key;
}

/// @title Fraud proofs about attestations (design: §4, F5 and F6 of proof.md).
/// @dev Every proof but `proveEquivocation` is about a standing attestation: a leaf was signed with respect to the root that stood before
/// it, and only as long as it stands does that root stand before it. Then every signer that has a bond left loses it, once, and the
/// attestation is revoked unless it is final; the challenger may be anyone but a signer.
///
/// A proof judges by what nobody can change after the epoch's last block. Where a proof needs a leaf, it stands under the attested root
/// by its hash: sums that don't add up are `proveBadSum`'s.
///
/// The leaf before: `previous` with its path under the root that stood before the epoch; all zeros, with the path of the empty place,
/// where the device had none.
interface IAttestationDisputes {
    event EquivocationProven(
        uint256 indexed epoch, address indexed oracle, address indexed challenger, uint256 round, uint256 amount, uint256 reward
    );
    /// `amount` wei were taken from all signers of the epoch together (one OracleSlashed each), `reward` of it went to the challenger.
    /// `device` is the leaf's, of a bad sum zero.
    event FraudProven(
        uint256 indexed epoch,
        OracleFault indexed fault,
        address indexed challenger,
        uint256 device,
        bytes32 evidence,
        uint256 amount,
        uint256 reward
    );

    /// The two don't agree in epoch, round, previous root and last block.
    error StatementsNotComparable();
    error StatementsEqual();
    error SignerMismatch(address have, address need);
    /// The set isn't the one in force for the statements' epoch.
    error SetNotInForce(uint256 have, uint256 need);
    /// What was shown is as the rules say.
    error FaultNotShown(uint256 epoch, OracleFault fault);
    error NodeMalformed(uint256 level, uint256 length);
    error PreviousLeafMismatch(uint256 device, uint256 need);
    error PreviousLeafNotUnderRoot(uint256 epoch, bytes32 have, bytes32 need);
    /// The rows aren't those of the leaf.
    error OutcomesNotUnderLeaf(uint256 count, bytes32 have, bytes32 need);
    /// The row's result is none that the proof is about.
    error ResultWrong(uint256 have);
    /// The bytes are not the header of the slot's first block.
    error HeaderMismatch(uint256 slot, bytes32 have, bytes32 need);

    /// @notice F5: member `index` of set `setId` signed two statements for one (epoch, round, previous root, last block). Its whole
    /// bond is slashed; an attestation of that epoch that rests on its signature and isn't final is revoked, even if another proof has
    /// taken the bond before. Refused where there is neither. Anyone but the oracle. @return amount Wei slashed.
    function proveEquivocation(
        Statement calldata first,
        bytes calldata firstSignature,
        Statement calldata second,
        bytes calldata secondSignature,
        uint256 setId,
        uint256 index
    ) external returns (uint256 amount);

    /// @notice A node under the root that no tree has: its children's sums don't add up to its own, it is absent but has a sum, it is
    /// present over two absent children, or it is a leaf that says another device or another weight. Show the highest that is wrong:
    /// above it the sums must add up to the attested total weight.
    function proveBadSum(NodeProof calldata node) external returns (uint256 amount);

    /// @notice A leaf for a device that doesn't exist or begins after the epoch, or with another provider or class than the registry's.
    function proveBadDevice(LeafProof calldata leaf) external returns (uint256 amount);

    /// @notice The place of a device that has begun is empty. @param path The empty place's.
    function proveLeafMissing(uint256 epoch, uint256 device, bytes calldata path) external returns (uint256 amount);

    /// @notice cumulativeReward ≠ the previous leaf's + ⌊emission · weight / totalWeight⌋.
    function proveBadReward(LeafProof calldata leaf, Leaf calldata previous, bytes calldata previousPath)
        external
        returns (uint256 amount);

    /// @notice weight ≠ ⌊min(minGops, bondedGops) · least ratio⌋ by the leaf's own record, or ≠ 0 for a device that isn't active in the
    /// epoch's last slot.
    function proveBadWeight(LeafProof calldata leaf) external returns (uint256 amount);

    /// @notice A passed or slow row whose throughput is not min(class peak, ⌊work / elapsed⌋) of its phase, elapsed from the timestamp of
    /// block B(slot) to that of the record, at least 1 s; or that is slow although it is fast enough, or of the C-phase; or passed
    /// although it is too slow. @param header The RLP header of block B(slot), whose hash the slot is sealed with.
    function proveBadThroughput(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        bytes calldata header
    ) external returns (uint256 amount);

    /// @notice The leaf's rows are not exactly the device's drawn slots of the epoch in order, each of its kind, and after them forced
    /// draws of the epoch, strictly ascending by (slot, job); or a row tells what its result doesn't; or the leaf's due, passed, idle,
    /// minGops, minBandwidth or vram are not what these rows give after the previous leaf. A slot of the epoch that isn't sealed is
    /// the signers' fault, too: they seal before they sign. Nothing is held against a row of an M slot, or the want of one, of which
    /// the registry no longer knows whether the device was held.
    /// @param outcomes All the leaf's; not looked at if the leaf counts more than two for each slot.
    function proveBadOutcomes(
        LeafProof calldata leaf,
        Outcome[] calldata outcomes,
        Leaf calldata previous,
        bytes calldata previousPath
    ) external returns (uint256 amount);

    /// @notice What the leaf's rows say of a job is not so: there is a forced row of it, but the job doesn't exist or forces no draw on
    /// this device in this slot; or it does in this epoch, and there is no such row.
    /// @param outcomes All the leaf's. @param state The job's state now; not looked at if there is no such job.
    function proveBadForced(LeafProof calldata leaf, Outcome[] calldata outcomes, uint256 job, Job calldata state)
        external
        returns (uint256 amount);
}
