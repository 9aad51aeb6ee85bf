// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IAttestationDisputes, NodeProof, Record} from "./interfaces/IAttestationDisputes.sol";
import {IAttestations, LeafProof, OracleFault, OutcomeProof, Statement} from "./interfaces/IAttestations.sol";
import {IChallenges} from "./interfaces/IChallenges.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Job} from "./interfaces/IJobEscrow.sol";
import {BlockHeader} from "./libraries/BlockHeader.sol";
import {Counts, LeafRules} from "./libraries/LeafRules.sol";
import {Leaf, MerkleSum, Outcome, OutcomeTree} from "./libraries/MerkleSum.sol";
import {Slots, Timing} from "./libraries/Slots.sol";
import {Statements} from "./libraries/Statements.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IAttestationDisputes`.
contract AttestationDisputes is IAttestationDisputes {
    using LeafRules for Counts;
    using LeafRules for Leaf;
    using MerkleSum for Leaf;
    using OutcomeTree for Outcome;
    using Slots for Timing;
    using Statements for Statement;

    /// @dev A standing attestation, and the root that stood before it.
    struct Standing {
        bytes32 root;
        uint256 totalWeight;
        bytes32 previousRoot;
    }

    uint256 private constant ATTESTED = 1;
    uint256 private constant NODE_LENGTH = 88;
    /// @dev Where the calldata of `proveBadForced` has the job's state, which is static: after the selector and three words.
    uint256 private constant STATE = 4 + 3 * 32;
    uint256 private constant STATE_END = STATE + 19 * 32;

    IAttestations private immutable ATTESTATIONS;
    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;
    IJobEscrow private immutable JOB_ESCROW;

    constructor(
        IAttestations attestations,
        IDeviceRegistry registry,
        IChallenges challenges,
        IJobEscrow jobEscrow
    ) {
        ATTESTATIONS = attestations;
        REGISTRY = registry;
        CHALLENGES = challenges;
        JOB_ESCROW = jobEscrow;
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

    // ---- The tree ----

    /// @inheritdoc IAttestationDisputes
    function proveBadSum(NodeProof calldata node) external returns (uint256 amount) {
        Standing memory standing = _standing(node.epoch);
        (bytes32 digest, bool isBad) = _judgeNode(node);
        (bytes32 root, uint256 sum) = MerkleSum.foldFrom(digest, node.sum, node.level, node.index, node.path);
        if (root != standing.root) revert IAttestations.LeafNotUnderRoot(node.epoch, root, standing.root);
        if (sum != standing.totalWeight) {
            revert IAttestations.TotalWeightMismatch(node.epoch, sum, standing.totalWeight);
        }

        return _punish(node.epoch, 0, OracleFault.BadSum, isBad, digest);
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

        return _punish(epoch, device, OracleFault.LeafMissing, hasBegun, bytes32(device));
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
            before.cumulativeReward + LeafRules.rewardOf(leaf.epoch, leaf.leaf.weight, standing.totalWeight);

        return _punishLeaf(leaf, OracleFault.BadReward, leaf.leaf.cumulativeReward != need);
    }

    /// @inheritdoc IAttestationDisputes
    function proveBadWeight(LeafProof calldata leaf) external returns (uint256 amount) {
        _requireLeaf(leaf);
        Device memory d = REGISTRY.deviceOf(leaf.leaf.device);
        // Neither slot nor epoch can move past a slot that is over: what changes them names a later one.
        uint256 lastSlot = REGISTRY.timingOf(leaf.epoch).firstSlot(leaf.epoch + 1) - 1;
        uint256 need = 0;
        if (d.fromEpoch <= leaf.epoch && lastSlot < d.untilSlot) {
            need = leaf.leaf.weightOf(d.bondedGops, REGISTRY.classOf(d.classId).layers > 0);
        }

        return _punishLeaf(leaf, OracleFault.BadWeight, leaf.leaf.weight != need);
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
        Outcome calldata row = outcome.outcome;
        uint256 result = row.result;
        if (result != LeafRules.PASSED && result != LeafRules.SLOW) revert ResultWrong(result);
        CHALLENGES.requireRecord(leaf.leaf.device, row.slot, record.commitment, record.timestamp, record.key);
        bytes32 beacon = _sealed(row.slot);
        if (keccak256(header) != beacon) revert HeaderMismatch(row.slot, keccak256(header), beacon);
        (bool ok, uint256 startedAt) = BlockHeader.timestampOf(header);
        if (!ok) revert IChallenges.HeaderMalformed(0);

        DeviceClass memory terms = REGISTRY.classOf(REGISTRY.deviceOf(leaf.leaf.device).classId);
        bool isBad;
        if (row.kind != LeafRules.KIND_FORCED && _isMemory(terms, beacon)) {
            uint256 bandwidth = LeafRules.bandwidthOf(terms, startedAt, record.timestamp);
            isBad = row.throughput != bandwidth || (bandwidth < terms.minBandwidth) != (result == LeafRules.SLOW);
        } else {
            uint256 gops = LeafRules.gopsOf(terms, startedAt, record.timestamp);
            isBad = result == LeafRules.SLOW || row.throughput != gops;
        }

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
        Timing memory timing = REGISTRY.timingOf(leaf.epoch);
        bool isBad = leaf.leaf.outcomeCount > 2 * uint256(timing.epochSlots);
        if (!isBad) {
            _requireOutcomes(leaf.leaf, outcomes);
            Leaf memory before = _requirePrevious(leaf, standing, previous, previousPath);
            isBad = !_isRight(leaf.leaf, outcomes, before, timing, timing.firstSlot(leaf.epoch));
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
        (bool isForced, uint256 slot) = _forcedSlot(leaf, job, state);
        bool isTold = false;
        bool isBad = false;
        for (uint256 index = 0; index < outcomes.length; ++index) {
            Outcome calldata row = outcomes[index];
            if (row.kind != LeafRules.KIND_FORCED || row.job != job) continue;
            isTold = true;
            isBad = isBad || !isForced || row.slot != slot;
        }

        return _punishLeaf(leaf, OracleFault.BadForced, isBad || isTold != isForced);
    }

    // ---- What stands ----

    function _standing(uint256 epoch) private view returns (Standing memory standing) {
        IAttestations.Attested memory attested;
        (standing.root, attested) = ATTESTATIONS.attestedOf(epoch);
        if (attested.flags & ATTESTED == 0) revert IAttestations.EpochNotAttested(epoch);
        standing.totalWeight = attested.totalWeight;
        // Below a standing epoch all stand or are void, and a void one carries the root over.
        if (epoch > 0) (standing.previousRoot,) = ATTESTATIONS.attestedOf(epoch - 1);
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

    function _requireOutcome(LeafProof calldata leaf, OutcomeProof calldata proof) private view {
        _requireLeaf(leaf);
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

    // ---- Rows ----

    /// @dev Whether the rows are those that were due, and the leaf is what they give.
    function _isRight(
        Leaf calldata leaf,
        Outcome[] calldata rows,
        Leaf memory before,
        Timing memory timing,
        uint256 firstSlot
    ) private view returns (bool) {
        Device memory d = REGISTRY.deviceOf(leaf.device);
        DeviceClass memory terms = REGISTRY.classOf(d.classId);
        uint256 endSlot = firstSlot + timing.epochSlots;
        Counts memory counts;
        uint256 at = 0;
        for (uint256 slot = firstSlot; slot < endSlot; ++slot) {
            bytes32 beacon = CHALLENGES.beaconOf(slot);
            if (beacon == 0) return false;
            uint256 kind = _kindDrawn(beacon, leaf.device, timing.rollCall, terms);
            if (kind == LeafRules.KIND_FORCED || slot >= d.untilSlot) continue;
            bool isMemory = _isMemory(terms, beacon);
            bool isTold = at < rows.length && rows[at].kind != LeafRules.KIND_FORCED && rows[at].slot == slot;
            if (isMemory) {
                (bool known, bool held) = REGISTRY.heldIn(leaf.device, slot);
                if (known && held == isTold) return false;
                if (!isTold) continue;
            }
            if (!isTold || rows[at].kind != kind || rows[at].job != 0) return false;
            if (!LeafRules.isWellFormed(rows[at], isMemory, isMemory ? LeafRules.MEMORY_ITEMS : terms.q)) return false;
            counts.add(rows[at], isMemory);
            ++at;
        }
        return _areForced(rows, at, firstSlot, endSlot, terms.q) && leaf.follows(before, counts, terms);
    }

    /// @dev Whether the rows from `at` on are forced draws of the epoch, strictly ascending by (slot, job).
    function _areForced(Outcome[] calldata rows, uint256 at, uint256 firstSlot, uint256 endSlot, uint256 items)
        private
        pure
        returns (bool)
    {
        uint256 last = 0;
        for (; at < rows.length; ++at) {
            Outcome calldata row = rows[at];
            uint256 place = (uint256(row.slot) << 64) | row.job;
            if (row.kind != LeafRules.KIND_FORCED || row.slot < firstSlot || row.slot >= endSlot) return false;
            if (place <= last || !LeafRules.isWellFormed(row, false, items)) return false;
            last = place;
        }
        return true;
    }

    /// @return isForced Whether the job forced a draw on the leaf's device in its epoch. @return slot The slot that it forces.
    function _forcedSlot(LeafProof calldata leaf, uint256 job, Job calldata state)
        private
        view
        returns (bool isForced, uint256 slot)
    {
        bytes32 need = JOB_ESCROW.jobHash(job);
        if (need == 0) return (false, 0);
        bytes32 have = keccak256(msg.data[STATE:STATE_END]);
        if (have != need) revert IJobEscrow.JobStateMismatch(job, have, need);
        slot = state.forcedSlot;
        // A job that nobody took names device 0, and none is ever taken for a slot that has begun.
        isForced = state.device == leaf.leaf.device && state.device != 0
            && REGISTRY.timingAt(slot).epochOf(slot) == leaf.epoch;
    }

    /// @return The kind of the row that a slot with this beacon gives an active device; KIND_FORCED: it is not drawn.
    function _kindDrawn(bytes32 beacon, uint256 device, uint256 rollCall, DeviceClass memory terms)
        private
        pure
        returns (uint256)
    {
        if (TileProof.isRollCall(beacon, rollCall)) return LeafRules.KIND_ROLL;
        if (!TileProof.isDrawnByLot(beacon, device, terms.drawThreshold)) return LeafRules.KIND_FORCED;
        return _isMemory(terms, beacon) ? LeafRules.KIND_M : LeafRules.KIND_C;
    }

    function _isMemory(DeviceClass memory terms, bytes32 beacon) private pure returns (bool) {
        return terms.layers > 0 && TileProof.isMemorySlot(beacon);
    }

    function _sealed(uint256 slot) private view returns (bytes32 beacon) {
        beacon = CHALLENGES.beaconOf(slot);
        if (beacon == 0) revert IChallenges.SlotNotSealed(slot);
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
        if (node.level == 0 || preimage.length != NODE_LENGTH) revert NodeMalformed(node.level, preimage.length);
        uint256 left = uint96(bytes12(preimage[32:44]));
        uint256 right = uint96(bytes12(preimage[76:88]));
        bool isEmpty = left == 0 && right == 0 && bytes32(preimage[0:32]) == 0 && bytes32(preimage[44:76]) == 0;
        isBad = isEmpty || left + right != node.sum;
    }

    // ---- Punishment ----

    function _punishLeaf(LeafProof calldata proof, OracleFault fault, bool isFault) private returns (uint256 amount) {
        return _punish(proof.epoch, proof.leaf.device, fault, isFault, proof.leaf.hash());
    }

    function _punish(uint256 epoch, uint256 device, OracleFault fault, bool isFault, bytes32 evidence)
        private
        returns (uint256 amount)
    {
        if (!isFault) revert FaultNotShown(epoch, fault);

        uint256 reward;
        (amount, reward) = ATTESTATIONS.punish(epoch, msg.sender, fault, evidence);

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
