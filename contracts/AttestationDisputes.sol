// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {EvidenceRequest, IAttestationDisputes, NodeProof} from "./interfaces/IAttestationDisputes.sol";
import {IAttestations, LeafProof, OracleFault, OutcomeProof, Statement} from "./interfaces/IAttestations.sol";
import {IChallenges} from "./interfaces/IChallenges.sol";
import {HeaderOpening, IComputeProofs, ItemOpening} from "./interfaces/IComputeProofs.sol";
import {Device, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {Job} from "./interfaces/IJobEscrow.sol";
import {ILeafProofs, Record} from "./interfaces/ILeafProofs.sol";
import {CapNode, IMemoryProofs, MemoryItemOpening} from "./interfaces/IMemoryProofs.sol";
import {LabelProof} from "./libraries/LabelProof.sol";
import {LeafRules} from "./libraries/LeafRules.sol";
import {Leaf, MerkleSum, Outcome, OutcomeTree} from "./libraries/MerkleSum.sol";
import {Records} from "./libraries/Records.sol";
import {DataRequest, Requests} from "./libraries/Requests.sol";
import {Timing} from "./libraries/Slots.sol";
import {Statements} from "./libraries/Statements.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IAttestationDisputes`.
contract AttestationDisputes is IAttestationDisputes {
    using MerkleSum for Leaf;
    using OutcomeTree for Outcome;
    using Requests for mapping(bytes32 id => DataRequest);
    using Statements for Statement;

    /// @dev An attestation, standing or revoked, and the root that stood before it.
    struct Standing {
        bytes32 root;
        bytes32 previousRoot;
        IAttestations.Attested attested;
    }


    IAttestations private immutable ATTESTATIONS;
    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;
    ILeafProofs private immutable LEAF_PROOFS;
    IComputeProofs private immutable COMPUTE_PROOFS;
    IMemoryProofs private immutable MEMORY_PROOFS;

    mapping(bytes32 id => DataRequest) private _requests;
    /// @dev Within `proveRevoked` 1 + the round that it names; else zero.
    uint256 private transient _revokedRound;

    constructor(
        IAttestations attestations,
        IDeviceRegistry registry,
        IChallenges challenges,
        ILeafProofs leafProofs,
        IComputeProofs computeProofs,
        IMemoryProofs memoryProofs
    ) {
        ATTESTATIONS = attestations;
        REGISTRY = registry;
        CHALLENGES = challenges;
        LEAF_PROOFS = leafProofs;
        COMPUTE_PROOFS = computeProofs;
        MEMORY_PROOFS = memoryProofs;
    }

    // ---- Two statements ----

    /// @inheritdoc IAttestationDisputes
    function proveEquivocation(
        Statement calldata first,
        bytes calldata firstSignature,
        Statement calldata second,
        bytes calldata secondSignature,
        uint256 setId,
        uint256 index
    ) external returns (uint256 amount) {
        uint256 epoch = first.epoch;
        _requireConflict(first, second);
        (uint256 inForce, address oracle, bytes32 configDigest) = ATTESTATIONS.seatOf(epoch, index);
        if (setId != inForce) revert SetNotInForce(setId, inForce);
        _requireConfig(first, configDigest);
        _requireConfig(second, configDigest);
        if (msg.sender == oracle) revert IAttestations.ChallengerIsAccused(msg.sender);
        bytes32 domain = ATTESTATIONS.domainSeparator();
        bytes32 firstDigest = _requireSigned(domain, first, firstSignature, oracle);
        bytes32 secondDigest = _requireSigned(domain, second, secondSignature, oracle);

        uint256 reward;
        bool rests = (ATTESTATIONS.signersOf(epoch) >> index) & 1 == 1;
        // An oracle that lost its bond by a fault in another epoch must not have bought off this one.
        if (!rests || ATTESTATIONS.bondOf(oracle).amount > 0) {
            (amount, reward) = ATTESTATIONS.slashOracle(
                setId, index, msg.sender, OracleFault.Equivocation, keccak256(abi.encode(firstDigest, secondDigest))
            );
        }
        if (rests) ATTESTATIONS.revoke(epoch);

        emit EquivocationProven(epoch, oracle, msg.sender, first.round, amount, reward);
    }

    // ---- A revoked attestation ----

    /// @inheritdoc IAttestationDisputes
    function proveRevoked(uint256 round, bytes calldata proof) external payable returns (bytes memory result) {
        if (_revokedRound != 0) revert RoundNamedAlready(_revokedRound - 1);
        if (round > type(uint8).max) revert IAttestations.RoundTooLarge(round, type(uint8).max);

        _revokedRound = round + 1;
        result = Address.functionDelegateCall(address(this), proof);
        _revokedRound = 0;
    }

    // ---- The tree ----

    /// @inheritdoc IAttestationDisputes
    function proveBadSum(NodeProof calldata node) external returns (uint256 amount) {
        Standing memory standing = _standing(node.epoch);
        (bytes32 digest, bool isBad) = _judgeNode(node);
        (bytes32 root, uint256 sum) = MerkleSum.foldFrom(digest, node.sum, node.level, node.index, node.path);
        if (root != standing.root) revert IAttestations.LeafNotUnderRoot(node.epoch, root, standing.root);
        uint256 total = standing.attested.totalWeight;
        if (sum != total) revert IAttestations.TotalWeightMismatch(node.epoch, sum, total);

        return _punishShown(node.epoch, 0, OracleFault.BadSum, isBad, digest);
    }

    /// @inheritdoc IAttestationDisputes
    function proveBadDevice(LeafProof calldata leaf) external returns (uint256 amount) {
        _requireLeaf(leaf);
        uint256 device = leaf.leaf.device;
        bool isBad = device == 0 || device > REGISTRY.deviceCount();
        if (!isBad) {
            Device memory d = REGISTRY.deviceOf(device);
            isBad = d.fromEpoch > leaf.epoch || leaf.leaf.provider != d.provider || leaf.leaf.classId != d.classId;
        }

        return _punishLeaf(leaf, OracleFault.BadDevice, isBad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveLeafMissing(uint256 epoch, uint256 device, bytes calldata path) external returns (uint256 amount) {
        Standing memory standing = _standing(epoch);
        (bytes32 root,) = MerkleSum.fold(0, 0, device, path);
        if (root != standing.root) revert IAttestations.LeafNotUnderRoot(epoch, root, standing.root);
        bool hasBegun = REGISTRY.deviceOf(device).fromEpoch <= epoch;

        return _punishShown(epoch, device, OracleFault.LeafMissing, hasBegun, bytes32(device));
    }

    /// @inheritdoc IAttestationDisputes
    function proveLeafHidden(
        uint256 epoch,
        uint256 level,
        uint256 index,
        bytes32 node,
        uint96 sum,
        bytes calldata path
    ) external returns (uint256 amount) {
        Standing memory standing = _standing(epoch);
        (bytes32 root,) = MerkleSum.foldFrom(node, sum, level, index, path);
        if (root != standing.root) revert IAttestations.LeafNotUnderRoot(epoch, root, standing.root);
        // Ids are dense and begin in order: if the first below the node has not begun, none has. Place 0 is no device's.
        uint256 first = index == 0 && level != 0 ? 1 : index << level;
        bool isVacant =
            first == 0 || first > REGISTRY.deviceCount() || REGISTRY.deviceOf(first).fromEpoch > epoch;

        // An absent node with a sum is `proveBadSum`'s.
        return _punishShown(epoch, first, OracleFault.BadDevice, isVacant && node != 0, node);
    }

    // ---- A leaf's arithmetic ----

    /// @inheritdoc IAttestationDisputes
    function proveBadReward(LeafProof calldata leaf, Leaf calldata previous, bytes calldata previousPath)
        external
        returns (uint256 amount)
    {
        Standing memory standing = _requireLeaf(leaf);
        Leaf memory before = _requirePrevious(leaf, standing, previous, previousPath);
        uint256 need =
            before.cumulativeReward + LeafRules.rewardOf(leaf.epoch, leaf.leaf.weight, standing.attested.totalWeight);

        return _punishLeaf(leaf, OracleFault.BadReward, leaf.leaf.cumulativeReward != need);
    }

    /// @inheritdoc IAttestationDisputes
    function proveBadWeight(LeafProof calldata leaf) external returns (uint256 amount) {
        _requireLeaf(leaf);

        return _punishLeaf(leaf, OracleFault.BadWeight, LEAF_PROOFS.isBadWeight(leaf.epoch, leaf.leaf));
    }

    // ---- A leaf's rows ----

    /// @inheritdoc IAttestationDisputes
    function proveBadThroughput(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        bytes calldata header
    ) external returns (uint256 amount) {
        _requireOutcome(leaf, outcome);
        bool isBad = LEAF_PROOFS.isBadThroughput(leaf.leaf.device, outcome.outcome, record, header);

        return _punishLeaf(leaf, OracleFault.BadThroughput, isBad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveBadOutcomes(
        LeafProof calldata leaf,
        Outcome[] calldata outcomes,
        Leaf calldata previous,
        bytes calldata previousPath
    ) external returns (uint256 amount) {
        Standing memory standing = _requireLeaf(leaf);
        uint256 count = leaf.leaf.outcomeCount;
        bool isBad = count == 0
            ? leaf.leaf.outcomesRoot != 0
            : count > 2 * uint256(REGISTRY.timingOf(leaf.epoch).epochSlots);
        if (!isBad) {
            _requireOutcomes(leaf.leaf, outcomes);
            Leaf memory before = _requirePrevious(leaf, standing, previous, previousPath);
            isBad = LEAF_PROOFS.isBadOutcomes(leaf.epoch, leaf.leaf, outcomes, before);
        }

        return _punishLeaf(leaf, OracleFault.BadOutcomes, isBad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveBadForced(LeafProof calldata leaf, Outcome[] calldata outcomes, uint256 job, Job calldata state)
        external
        returns (uint256 amount)
    {
        _requireLeaf(leaf);
        _requireOutcomes(leaf.leaf, outcomes);
        bool isBad = LEAF_PROOFS.isBadForced(leaf.epoch, leaf.leaf.device, outcomes, job, state);

        return _punishLeaf(leaf, OracleFault.BadForced, isBad);
    }

    // ---- An outcome against the record ----

    /// @inheritdoc IAttestationDisputes
    function proveFalsePass(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount) {
        _requireOutcome(leaf, outcome);
        _requirePassed(outcome.outcome);

        return _punishLeaf(leaf, OracleFault.FalsePass, !_isCommitted(leaf, outcome));
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalseFail(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount) {
        _requireOutcome(leaf, outcome);
        uint256 result = outcome.outcome.result;
        if (result < LeafRules.MISSED || result > LeafRules.WITHHELD) revert ILeafProofs.ResultWrong(result);
        bool isBad = _isCommitted(leaf, outcome) == (result == LeafRules.MISSED);

        return _punishLeaf(leaf, OracleFault.FalseFail, isBad);
    }

    // ---- An outcome against the evidence under its witness ----

    /// @inheritdoc IAttestationDisputes
    function proveFalsePassItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        ItemOpening calldata opened,
        uint256 row,
        uint256 column
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool bad, bytes32 root) =
            COMPUTE_PROOFS.isBadItem(device, slot, record.commitment, opened, row, column);

        return _punishPass(leaf, outcome.outcome, root, bad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalsePassHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool bad, bytes32 root) = COMPUTE_PROOFS.isBadHeader(device, slot, record.commitment, opened);

        return _punishPass(leaf, outcome.outcome, root, bad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalseFailItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        ItemOpening calldata opened
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool good, bytes32 root) = COMPUTE_PROOFS.isGoodItem(device, slot, record.commitment, opened);

        return _punishFail(leaf, outcome.outcome, opened.index, root, good);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalseFailHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool bad, bytes32 root) = COMPUTE_PROOFS.isBadHeader(device, slot, record.commitment, opened);
        uint256 header = REGISTRY.classOf(REGISTRY.deviceOf(device).classId).q;

        return _punishFail(leaf, outcome.outcome, header, root, !bad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalsePassMemoryItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        MemoryItemOpening calldata opened,
        CapNode calldata shown
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool bad, bytes32 root) = MEMORY_PROOFS.isBadItem(device, slot, record.commitment, opened, shown);

        return _punishPass(leaf, outcome.outcome, root, bad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalsePassMemoryHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool bad, bytes32 root) = MEMORY_PROOFS.isBadHeader(device, slot, record.commitment, opened);

        return _punishPass(leaf, outcome.outcome, root, bad);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalseFailMemoryItem(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        MemoryItemOpening calldata opened,
        bytes calldata caps
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool good, bytes32 root) = MEMORY_PROOFS.isGoodItem(device, slot, record.commitment, opened, caps);

        return _punishFail(leaf, outcome.outcome, opened.index, root, good);
    }

    /// @inheritdoc IAttestationDisputes
    function proveFalseFailMemoryHeader(
        LeafProof calldata leaf,
        OutcomeProof calldata outcome,
        Record calldata record,
        HeaderOpening calldata opened
    ) external returns (uint256 amount) {
        (uint256 device, uint256 slot) = _requireJudged(leaf, outcome, record);
        (bool bad, bytes32 root) = MEMORY_PROOFS.isBadHeader(device, slot, record.commitment, opened);

        return _punishFail(leaf, outcome.outcome, LabelProof.SAMPLES, root, !bad);
    }

    // ---- What the signers vouch for ----

    /// @inheritdoc IAttestationDisputes
    function requestEvidence(LeafProof calldata leaf, OutcomeProof calldata outcome, uint256 index)
        external
        payable
        returns (bytes32 request)
    {
        IAttestations.Attested memory attested = _requireOutcome(leaf, outcome).attested;
        Outcome calldata row = outcome.outcome;
        if (row.result != LeafRules.BAD_ITEM) _requirePassed(row);
        else if (index != row.item) revert ItemNotNamed(index, row.item);
        (uint256 items, uint256 length) = LEAF_PROOFS.itemOf(leaf.leaf.device, row, index);
        EvidenceRequest memory asked =
            EvidenceRequest(leaf.epoch, attested.round, leaf.leaf.device, row.slot, row.witness, items, index, length);
        request = _requestId(asked);

        Timing memory timing = REGISTRY.timingOf(leaf.epoch);
        uint256 answerBy = _requests.ask(request, timing, attested.provableUntil, _answerBytes(length));

        emit EvidenceRequested(leaf.epoch, asked.device, msg.sender, request, asked, msg.value, answerBy);
    }

    /// @inheritdoc IAttestationDisputes
    function answerEvidence(
        EvidenceRequest calldata asked,
        Record calldata record,
        bytes calldata item,
        bytes32[] calldata path,
        bytes calldata signature
    ) external returns (uint256 paid) {
        bytes32 request = _requestId(asked);
        CHALLENGES.requireRecord(asked.device, asked.slot, record.commitment, record.timestamp, record.key);
        uint256 depth = TileProof.depthOf(asked.items + 1);
        if (path.length != depth) revert EvidencePathMalformed(path.length, depth);
        bytes32 root = TileProof.fold(TileProof.evidenceLeaf(asked.index, item), asked.index, path);
        _requireWitness(root, asked.witness);
        bytes32 digest = CHALLENGES.evidenceDigest(record.commitment, root);
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer != record.key) revert SignerMismatch(signer, record.key);

        paid = _requests.answer(request, 1, 1);

        emit EvidenceAnswered(asked.epoch, asked.device, msg.sender, request, paid);

        Address.sendValue(payable(msg.sender), paid);
    }

    /// @inheritdoc IAttestationDisputes
    function returnDeposit(bytes32 request) external returns (uint256 amount) {
        address asker;
        (asker, amount) = _requests.giveBack(request);

        emit DepositReturned(request, asker, amount);

        Address.sendValue(payable(asker), amount);
    }

    /// @inheritdoc IAttestationDisputes
    function proveWithheldLeaf(uint256 epoch, uint256 round, uint256 device) external returns (uint256 amount) {
        bytes32 request = ATTESTATIONS.requireLeafWithheld(epoch, round, device);

        return _punish(epoch, round, device, OracleFault.WithheldData, request);
    }

    /// @inheritdoc IAttestationDisputes
    function proveWithheldEvidence(EvidenceRequest calldata asked) external returns (uint256 amount) {
        bytes32 request = _requestId(asked);
        _requests.requireWithheld(request);

        return _punish(asked.epoch, asked.round, asked.device, OracleFault.WithheldData, request);
    }

    // ---- Views ----

    /// @inheritdoc IAttestationDisputes
    function requestOf(bytes32 request) external view returns (DataRequest memory) {
        return _requests[request];
    }

    /// @inheritdoc IAttestationDisputes
    function evidenceDepositOf(uint256 length, uint256 gasPrice) external view returns (uint256) {
        return Requests.depositFor(_answerBytes(length), gasPrice);
    }

    // ---- What stands, or did ----

    /// @dev The round that a proof is about.
    function _round() private view returns (uint256) {
        return _revokedRound == 0 ? Statements.STANDING : _revokedRound - 1;
    }

    function _standing(uint256 epoch) private view returns (Standing memory standing) {
        (standing.root, standing.previousRoot, standing.attested) = ATTESTATIONS.attestationOf(epoch, _round());
    }

    function _requireLeaf(LeafProof calldata proof) private view returns (Standing memory standing) {
        standing = _standing(proof.epoch);
        (bytes32 root,) = MerkleSum.fold(proof.leaf.hash(), proof.leaf.weight, proof.leaf.device, proof.path);
        if (root != standing.root) revert IAttestations.LeafNotUnderRoot(proof.epoch, root, standing.root);
    }

    /// @return before The device's leaf under the root that stood before the epoch, or zeros.
    function _requirePrevious(
        LeafProof calldata proof,
        Standing memory standing,
        Leaf calldata previous,
        bytes calldata path
    ) private pure returns (Leaf memory before) {
        uint256 device = proof.leaf.device;
        bytes32 digest = 0;
        if (previous.device != 0) {
            if (previous.device != device) revert PreviousLeafMismatch(previous.device, device);
            before = previous;
            digest = previous.hash();
        }
        (bytes32 root,) = MerkleSum.fold(digest, before.weight, device, path);
        if (root != standing.previousRoot) {
            revert PreviousLeafNotUnderRoot(proof.epoch, root, standing.previousRoot);
        }
    }

    function _requireOutcome(LeafProof calldata leaf, OutcomeProof calldata proof)
        private
        view
        returns (Standing memory standing)
    {
        standing = _requireLeaf(leaf);
        bytes32 root = proof.outcome.fold(proof.index, leaf.leaf.outcomeCount, proof.path);
        if (root != leaf.leaf.outcomesRoot) {
            revert IAttestations.OutcomeNotUnderLeaf(root, leaf.leaf.outcomesRoot);
        }
    }

    function _requireOutcomes(Leaf calldata leaf, Outcome[] calldata outcomes) private pure {
        bytes32 root = OutcomeTree.rootOf(outcomes);
        if (outcomes.length != leaf.outcomeCount || root != leaf.outcomesRoot) {
            revert OutcomesNotUnderLeaf(outcomes.length, root, leaf.outcomesRoot);
        }
    }

    function _requirePassed(Outcome calldata row) private pure {
        if (row.result != LeafRules.PASSED && row.result != LeafRules.SLOW) revert ILeafProofs.ResultWrong(row.result);
    }

    /// @dev A window that is over leaves a record for good, or none.
    function _isCommitted(LeafProof calldata leaf, OutcomeProof calldata outcome) private view returns (bool) {
        return CHALLENGES.recordOf(leaf.leaf.device, outcome.outcome.slot) & Records.COMMITTED != 0;
    }

    /// @dev What an outcome says of evidence is judged against the record's commitment.
    function _requireJudged(LeafProof calldata leaf, OutcomeProof calldata outcome, Record calldata record)
        private
        view
        returns (uint256 device, uint256 slot)
    {
        _requireOutcome(leaf, outcome);
        (device, slot) = (leaf.leaf.device, outcome.outcome.slot);
        CHALLENGES.requireRecord(device, slot, record.commitment, record.timestamp, record.key);
    }

    function _requireWitness(bytes32 have, bytes32 need) private pure {
        if (have != need) revert WitnessMismatch(have, need);
    }

    // ---- Requests ----

    function _requestId(EvidenceRequest memory asked) private pure returns (bytes32) {
        return keccak256(abi.encode(asked));
    }

    /// @dev Bytes of an answer: the item, and some room for path, record and signature.
    function _answerBytes(uint256 length) private pure returns (uint256) {
        return length + 1024;
    }

    // ---- Nodes ----

    /// @return digest The node's hash. @return isBad Whether no tree has such a node.
    function _judgeNode(NodeProof calldata node) private pure returns (bytes32 digest, bool isBad) {
        bytes calldata preimage = node.preimage;
        if (preimage.length == 0) return (0, node.sum != 0);

        digest = keccak256(preimage);
        if (node.level == 0 && preimage.length == MerkleSum.LEAF_LENGTH) {
            uint256 device = uint256(bytes32(preimage[0:32]));
            uint256 weight = uint256(bytes32(preimage[MerkleSum.WEIGHT_AT:MerkleSum.WEIGHT_AT + 32]));
            return (digest, device != node.index || weight != node.sum);
        }
        if (node.level == 0 || preimage.length != MerkleSum.NODE_LENGTH) revert NodeMalformed(node.level, preimage.length);
        uint256 left = uint96(bytes12(preimage[32:44]));
        uint256 right = uint96(bytes12(preimage[76:88]));
        bool isEmpty = left == 0 && right == 0 && bytes32(preimage[0:32]) == 0 && bytes32(preimage[44:76]) == 0;
        isBad = isEmpty || left + right != node.sum;
    }

    // ---- Punishment ----

    function _punishLeaf(LeafProof calldata proof, OracleFault fault, bool isFault) private returns (uint256 amount) {
        return _punishShown(proof.epoch, proof.leaf.device, fault, isFault, proof.leaf.hash());
    }

    /// @param root The evidence root that the judge found. @param isBad Whether what was opened under it is.
    function _punishPass(LeafProof calldata leaf, Outcome calldata row, bytes32 root, bool isBad)
        private
        returns (uint256 amount)
    {
        _requirePassed(row);
        _requireWitness(root, row.witness);

        return _punishLeaf(leaf, OracleFault.FalsePass, isBad);
    }

    /// @param item What was opened. @param isGood Whether it is.
    function _punishFail(LeafProof calldata leaf, Outcome calldata row, uint256 item, bytes32 root, bool isGood)
        private
        returns (uint256 amount)
    {
        if (row.result != LeafRules.BAD_ITEM) revert ILeafProofs.ResultWrong(row.result);
        if (item != row.item) revert ItemNotNamed(item, row.item);
        _requireWitness(root, row.witness);

        return _punishLeaf(leaf, OracleFault.FalseFail, isGood);
    }

    function _punishShown(uint256 epoch, uint256 device, OracleFault fault, bool isFault, bytes32 evidence)
        private
        returns (uint256 amount)
    {
        if (!isFault) revert FaultNotShown(epoch, fault);

        return _punish(epoch, _round(), device, fault, evidence);
    }

    function _punish(uint256 epoch, uint256 round, uint256 device, OracleFault fault, bytes32 evidence)
        private
        returns (uint256 amount)
    {
        uint256 reward;
        (amount, reward) = ATTESTATIONS.punish(epoch, round, msg.sender, fault, evidence);

        emit FraudProven(epoch, fault, msg.sender, device, evidence, amount, reward);
    }

    // ---- Statements ----

    function _requireConflict(Statement calldata first, Statement calldata second) private pure {
        if (
            first.epoch != second.epoch || first.round != second.round || first.previousRoot != second.previousRoot
                || first.lastBlockHash != second.lastBlockHash
        ) revert StatementsNotComparable();
        if (
            first.root == second.root && first.totalWeight == second.totalWeight
                && first.dataDigest == second.dataDigest
        ) revert StatementsEqual();
    }

    /// @dev A statement for another configuration can never be attested: to have signed it binds nobody.
    function _requireConfig(Statement calldata statement, bytes32 need) private pure {
        if (statement.configDigest != need) revert IAttestations.ConfigDigestMismatch(statement.configDigest, need);
    }

    function _requireSigned(bytes32 domain, Statement calldata statement, bytes calldata signature, address oracle)
        private
        pure
        returns (bytes32 digest)
    {
        digest = MessageHashUtils.toTypedDataHash(domain, statement.hash());
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer != oracle) revert SignerMismatch(signer, oracle);
    }
}
