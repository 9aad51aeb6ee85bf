// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leaf, Outcome} from "../libraries/MerkleSum.sol";
import {DataRequest} from "../libraries/Requests.sol";
import {LeafProof, OracleFault, OutcomeProof, Statement} from "./IAttestations.sol";
import {HeaderOpening, ItemOpening} from "./IComputeProofs.sol";
import {Job} from "./IJobEscrow.sol";
import {Record} from "./ILeafProofs.sol";
import {CapNode, MemoryItemOpening} from "./IMemoryProofs.sol";

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

/// @notice Which item of whose evidence is asked for. Its hash is the request's id.
struct EvidenceRequest {
    uint256 epoch;
    /// Another round, another attestation: what was asked of one is not asked of the next.
    uint256 round;
    uint256 device;
    uint256 slot;
    /// The evidenceRoot that the outcome names.
    bytes32 witness;
    /// How many items the evidence has, and which of them; that number itself is the header.
    uint256 items;
    uint256 index;
    /// Bytes of the item.
    uint256 length;
}

/// @title Fraud proofs about attestations (design: §4, F5 and F6 of proof.md).
/// @dev Every proof but `proveEquivocation` is about one attestation: the standing one, or, within `proveRevoked`, one that was revoked.
/// Then every signer that has a bond left loses it, once, and a standing attestation is revoked unless it is final; the challenger may
/// be anyone but a signer. A leaf was signed with respect to the root that stood before it: so it is judged, whatever stands now.
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
    /// `device` is the leaf's, of a bad sum zero, of a hidden leaf the first place below the node.
    event FraudProven(
        uint256 indexed epoch,
        OracleFault indexed fault,
        address indexed challenger,
        uint256 device,
        bytes32 evidence,
        uint256 amount,
        uint256 reward
    );

    event EvidenceRequested(
        uint256 indexed epoch,
        uint256 indexed device,
        address indexed asker,
        bytes32 request,
        EvidenceRequest asked,
        uint256 deposit,
        uint256 answerBy
    );
    /// Item, path and signature stand in the transaction's calldata.
    event EvidenceAnswered(
        uint256 indexed epoch, uint256 indexed device, address indexed answerer, bytes32 request, uint256 paid
    );
    event DepositReturned(bytes32 indexed request, address indexed asker, uint256 amount);

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
    error WitnessMismatch(bytes32 have, bytes32 need);
    /// A bad item that the outcome names is the only one to ask for.
    error ItemNotNamed(uint256 have, uint256 need);
    error EvidencePathMalformed(uint256 have, uint256 need);
    error PreviousLeafNotUnderRoot(uint256 epoch, bytes32 have, bytes32 need);
    /// The rows aren't those of the leaf.
    error OutcomesNotUnderLeaf(uint256 count, bytes32 have, bytes32 need);
    /// A proof about a revoked attestation holds no other.
    error RoundNamedAlready(uint256 round);

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

    /// @notice Bring any proof of this contract about an epoch, or `requestEvidence`, against its attestation of `round`, which was
    /// revoked: who signed it answers for it as long as for one that stands. @param proof The proof's calldata. @return result Its answer.
    function proveRevoked(uint256 round, bytes calldata proof) external payable returns (bytes memory result);

    /// @notice A node under the root that no tree has: its children's sums don't add up to its own, it is absent but has a sum, it is
    /// present over two absent children, or it is a leaf that says another device or another weight. Show the highest that is wrong:
    /// above it the sums must add up to the attested total weight.
    function proveBadSum(NodeProof calldata node) external returns (uint256 amount);

    /// @notice A leaf for a device that doesn't exist or begins after the epoch, or with another provider or class than the registry's.
    function proveBadDevice(LeafProof calldata leaf) external returns (uint256 amount);

    /// @notice The place of a device that has begun is empty. @param path The empty place's.
    function proveLeafMissing(uint256 epoch, uint256 device, bytes calldata path) external returns (uint256 amount);

    /// @notice A node under the root that is present, though no device that has begun has its place below it: place 0, or what lies past
    /// the last device that has. Whoever knows a path beside it knows the node, though nobody shows the leaf below. @param level 0: a leaf,
    /// 20: the root. @param index Its place among the nodes of its level. @param sum As the node above states it. @param path
    /// `MerkleSum.foldFrom` of this node.
    function proveLeafHidden(
        uint256 epoch,
        uint256 level,
        uint256 index,
        bytes32 node,
        uint96 sum,
        bytes calldata path
    ) external returns (uint256 amount);

    /// @notice cumulativeReward ≠ the previous leaf's + ⌊emission · weight / totalWeight⌋.
    function proveBadReward(LeafProof calldata leaf, Leaf calldata previous, bytes calldata previousPath)
        external
        returns (uint256 amount);

    /// @notice `ILeafProofs.isBadWeight`.
    function proveBadWeight(LeafProof calldata leaf) external returns (uint256 amount);

    /// @notice `ILeafProofs.isBadThroughput` of one of the leaf's rows.
    function proveBadThroughput(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        bytes calldata header
    ) external returns (uint256 amount);

    /// @notice `ILeafProofs.isBadOutcomes` of all the leaf's rows; or the leaf counts more than two for each slot, or none under a root,
    /// which no rows give: then `outcomes` and `previous` aren't looked at.
    function proveBadOutcomes(
        LeafProof calldata leaf,
        Outcome[] calldata outcomes,
        Leaf calldata previous,
        bytes calldata previousPath
    ) external returns (uint256 amount);

    /// @notice `ILeafProofs.isBadForced` of all the leaf's rows.
    function proveBadForced(LeafProof calldata leaf, Outcome[] calldata outcomes, uint256 job, Job calldata state)
        external
        returns (uint256 amount);

    /// @notice A row that is passed or slow where the chain has no commit record.
    function proveFalsePass(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount);

    /// @notice A row that is missed where the chain has a commit record, or a bad item or withheld where it has none.
    function proveFalseFail(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount);

    /// @notice A row that is passed, although an item under its witness is bad (`IComputeProofs.isBadItem`).
    function proveFalsePassItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        ItemOpening calldata opened,
        uint256 row,
        uint256 column
    ) external returns (uint256 amount);

    /// @notice A row that is passed, although the header under its witness is bad (`IComputeProofs.isBadHeader`).
    function proveFalsePassHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount);

    /// @notice A row that names a bad item, although that item under its witness is good (`IComputeProofs.isGoodItem`).
    function proveFalseFailItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        ItemOpening calldata opened
    ) external returns (uint256 amount);

    /// @notice A row that names a bad header, although the header under its witness is good.
    function proveFalseFailHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount);

    /// @notice `proveFalsePassItem` for the M-phase (`IMemoryProofs.isBadItem`): of a row that is passed or slow.
    function proveFalsePassMemoryItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        MemoryItemOpening calldata opened,
        CapNode calldata shown
    ) external returns (uint256 amount);

    /// @notice `proveFalsePassHeader` for the M-phase (`IMemoryProofs.isBadHeader`).
    function proveFalsePassMemoryHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount);

    /// @notice `proveFalseFailItem` for the M-phase (`IMemoryProofs.isGoodItem`).
    function proveFalseFailMemoryItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        MemoryItemOpening calldata opened,
        bytes calldata caps
    ) external returns (uint256 amount);

    /// @notice `proveFalseFailHeader` for the M-phase.
    function proveFalseFailMemoryHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount);

    /// @notice Ask for an item of the evidence under a row's witness: of a passed or slow row any, of a bad item the one that it names.
    /// With at least `evidenceDepositOf` wei, once in a round. Anyone. @return request Its id.
    function requestEvidence(LeafProof calldata leaf, OutcomeProof calldata outcome, uint256 index)
        external
        payable
        returns (bytes32 request);

    /// @notice Answer: the item's bytes with their path under the witness, and the signature by which the committing key vouched for it.
    /// Whoever does is paid the deposit. Anyone.
    function answerEvidence(
        EvidenceRequest calldata asked,
        Record calldata record,
        bytes calldata item,
        bytes32[] calldata path,
        bytes calldata signature
    ) external returns (uint256 paid);

    /// @notice Send the asker what is left of its deposit, once the request is answered or can't be any more. Anyone.
    function returnDeposit(bytes32 request) external returns (uint256 amount);

    /// @notice The signers vouched for a leaf that was asked for by `Attestations.requestLeaf`, and nobody showed it in time.
    /// @param round The attestation's, which may have been revoked since, or `IAttestations.STANDING`.
    function proveWithheldLeaf(uint256 epoch, uint256 round, uint256 device) external returns (uint256 amount);

    /// @notice The signers vouched for evidence that was asked for, and nobody showed it in time.
    function proveWithheldEvidence(EvidenceRequest calldata asked) external returns (uint256 amount);

    function requestOf(bytes32 request) external view returns (DataRequest memory);
    /// @return Wei that `requestEvidence` takes at least, in this block and at this gas price, for an item of this length
    /// (`ILeafProofs.itemOf`).
    function evidenceDepositOf(uint256 length, uint256 gasPrice) external view returns (uint256);
}
