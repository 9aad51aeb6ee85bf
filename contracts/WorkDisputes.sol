// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAttestations, LeafProof, OutcomeProof} from "./interfaces/IAttestations.sol";
import {Commit, IChallenges} from "./interfaces/IChallenges.sol";
import {HeaderOpening, IComputeProofs, ItemOpening, Link} from "./interfaces/IComputeProofs.sol";
import {Device, DeviceClass, FaultCost, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IItemOpening, Place} from "./interfaces/IItemOpening.sol";
import {CapNode, IMemoryProofs, MemoryItemOpening} from "./interfaces/IMemoryProofs.sol";
import {IProviderStaking, SlashReason} from "./interfaces/IProviderStaking.sol";
import {IWorkDisputes} from "./interfaces/IWorkDisputes.sol";
import {Bps} from "./libraries/Bps.sol";
import {LabelProof} from "./libraries/LabelProof.sol";
import {LeafRules} from "./libraries/LeafRules.sol";
import {Failed, Penalties} from "./libraries/Penalties.sol";
import {Phases} from "./libraries/Phases.sol";
import {Records} from "./libraries/Records.sol";
import {Slots, Timing} from "./libraries/Slots.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IWorkDisputes`: what each verb asks, changes and emits stands there.
contract WorkDisputes is IWorkDisputes {
    using Slots for Timing;

    uint256 public constant CHALLENGER_BPS = Penalties.CHALLENGER_BPS;
    uint256 public constant ENFORCER_BPS = Penalties.ENFORCER_BPS;
    uint256 public constant MISS_LIMIT = Penalties.MISS_LIMIT;
    uint256 public constant FAULT_EPOCHS = Penalties.FAULT_EPOCHS;
    uint256 public constant WINDOW_EPOCHS = Penalties.WINDOW_EPOCHS;
    uint256 public constant CORRELATION = Penalties.CORRELATION;

    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;
    IAttestations private immutable ATTESTATIONS;
    IProviderStaking private immutable STAKING;
    IComputeProofs private immutable COMPUTE_PROOFS;
    IMemoryProofs private immutable MEMORY_PROOFS;

    Failed private _failed;

    constructor(
        IDeviceRegistry registry,
        IChallenges challenges,
        IAttestations attestations,
        IProviderStaking staking,
        IComputeProofs computeProofs,
        IMemoryProofs memoryProofs
    ) {
        REGISTRY = registry;
        CHALLENGES = challenges;
        ATTESTATIONS = attestations;
        STAKING = staking;
        COMPUTE_PROOFS = computeProofs;
        MEMORY_PROOFS = memoryProofs;
    }

    // ---- Proofs ----

    /// @inheritdoc IWorkDisputes
    function proveMissed(uint256 device, uint256 slot) external returns (uint256 amount) {
        bytes32 beacon = CHALLENGES.beaconOf(slot);
        require(beacon != 0, IChallenges.SlotNotSealed(slot));
        Timing memory timing = REGISTRY.timingAt(slot);
        Device memory d = REGISTRY.deviceOf(device);
        DeviceClass memory c = REGISTRY.classOf(d.classId);
        // What `Challenges.isDrawn` answers, without reading all this twice.
        bool isActive = d.fromEpoch <= timing.epochOf(slot) && slot < d.untilSlot;
        bool isDrawn = isActive && TileProof.isDrawn(beacon, device, timing.rollCall, c.drawThreshold);
        require(isDrawn && Phases.isDue(REGISTRY, device, slot, beacon, c.layers), NotDrawn(device, slot));
        uint256 lastBlock = timing.startOf(slot + 1) - 2;
        require(block.number > lastBlock, WindowOpen(slot, block.number, lastBlock));

        uint256 misses = CHALLENGES.recordMiss(device, slot);
        if (misses == MISS_LIMIT) {
            (amount,) = _punish(device, slot, 0, CHALLENGER_BPS, SlashReason.MissedOften, beacon);
        } else {
            uint256 penalty = Math.min(c.missPenalty, REGISTRY.bondOf(device));
            amount = _slash(device, d.provider, penalty, CHALLENGER_BPS, SlashReason.MissedSlot, beacon);
        }

        emit MissProven(device, slot, msg.sender, amount, misses);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadItem(BadItem calldata proof) external returns (uint256 amount) {
        Commit memory commit = Commit(proof.device, proof.slot, proof.commitment, proof.timestamp, proof.key);
        _requireRecord(commit);
        _seal(proof.slot + 1);
        (bool bad, bytes32 evidenceRoot) = COMPUTE_PROOFS.isBadItem(
            proof.device,
            proof.slot,
            proof.commitment,
            ItemOpening(proof.finalSeed, proof.roundsRoot, proof.index, proof.item, proof.evidencePath),
            proof.row,
            proof.column
        );
        _requireSigned(proof.commitment, proof.key, evidenceRoot, proof.signature);
        require(bad, ItemGood(proof.index, proof.row, proof.column));

        uint256 reward;
        (amount, reward) = _punishItem(commit, proof.index, evidenceRoot, COMPUTE_PROOFS);

        emit BadItemProven(proof.device, proof.slot, msg.sender, proof.index, amount, reward);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadHeader(Commit calldata commit, HeaderOpening calldata header, bytes calldata signature)
        external
        returns (uint256 amount)
    {
        _requireRecord(commit);
        (bool bad, bytes32 evidenceRoot) =
            COMPUTE_PROOFS.isBadHeader(commit.device, commit.slot, commit.commitment, header);
        _requireSigned(commit.commitment, commit.key, evidenceRoot, signature);
        require(bad, HeaderGood());

        return _settle(commit, SlashReason.BadHeader, evidenceRoot);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadLink(Commit calldata commit, Link calldata link) external returns (uint256 amount) {
        _requireRecord(commit);
        bool bad = COMPUTE_PROOFS.isBadLink(commit.device, commit.slot, commit.commitment, link);
        require(bad, LinkGood(link.index));

        return _settle(commit, SlashReason.BadLink, commit.commitment);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadLane(
        Commit calldata commit,
        uint256 round,
        uint256 tile,
        uint256 lane,
        bytes calldata opening
    ) external returns (uint256 amount) {
        _requireRecord(commit);
        bool bad =
            COMPUTE_PROOFS.isBadLane(commit.device, commit.slot, commit.commitment, round, tile, lane, opening);
        require(bad, LaneGood(round, tile, lane));

        return _settle(commit, SlashReason.BadLane, commit.commitment);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadMemoryItem(
        Commit calldata commit,
        MemoryItemOpening calldata opened,
        CapNode calldata shown,
        bytes calldata signature
    ) external returns (uint256 amount) {
        _requireRecord(commit);
        _seal(commit.slot + 1);
        (bool bad, bytes32 evidenceRoot) =
            MEMORY_PROOFS.isBadItem(commit.device, commit.slot, commit.commitment, opened, shown);
        _requireSigned(commit.commitment, commit.key, evidenceRoot, signature);
        require(bad, MemoryItemGood(opened.index, shown.opening));

        uint256 reward;
        (amount, reward) = _punishItem(commit, opened.index, evidenceRoot, MEMORY_PROOFS);

        emit BadItemProven(commit.device, commit.slot, msg.sender, opened.index, amount, reward);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadMemoryHeader(Commit calldata commit, HeaderOpening calldata header, bytes calldata signature)
        external
        returns (uint256 amount)
    {
        _requireRecord(commit);
        (bool bad, bytes32 evidenceRoot) =
            MEMORY_PROOFS.isBadHeader(commit.device, commit.slot, commit.commitment, header);
        _requireSigned(commit.commitment, commit.key, evidenceRoot, signature);
        require(bad, HeaderGood());

        return _settle(commit, SlashReason.BadHeader, evidenceRoot);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadLabel(Commit calldata commit, uint256 number, bytes calldata opening)
        external
        returns (uint256 amount)
    {
        _requireRecord(commit);
        bool bad = MEMORY_PROOFS.isBadLabel(commit.device, commit.slot, commit.commitment, number, opening);
        require(bad, LabelGood(number));

        return _settle(commit, SlashReason.BadLabel, commit.commitment);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadStep(Commit calldata commit, uint256 walker, uint256 segment, bytes calldata opening)
        external
        returns (uint256 amount)
    {
        _requireRecord(commit);
        bool bad = MEMORY_PROOFS.isBadStep(commit.device, commit.slot, commit.commitment, walker, segment, opening);
        require(bad, SegmentGood(walker, segment));

        return _settle(commit, SlashReason.BadStep, commit.commitment);
    }

    /// @inheritdoc IWorkDisputes
    function proveTwoEvidences(Commit calldata commit, bytes32[2] calldata roots, bytes[2] calldata signatures)
        external
        returns (uint256 amount)
    {
        _requireRecord(commit);
        require(roots[0] != roots[1], RootsEqual(roots[0]));
        for (uint256 i = 0; i < 2; ++i) {
            _requireSigned(commit.commitment, commit.key, roots[i], signatures[i]);
        }

        return _settle(commit, SlashReason.TwoEvidences, keccak256(abi.encode(roots)));
    }

    /// @inheritdoc IWorkDisputes
    function proveWithheld(Commit calldata commit, Place calldata place) external returns (uint256 amount) {
        _requireRecord(commit);
        CHALLENGES.requireWithheld(commit.device, commit.slot, place);

        return _settle(commit, SlashReason.Withheld, keccak256(abi.encode(place)));
    }

    /// @inheritdoc IWorkDisputes
    function enforce(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount) {
        uint256 result = outcome.outcome.result;
        require(result == LeafRules.BAD_ITEM, OutcomeNotBadItem(result));
        ATTESTATIONS.requireFinalOutcome(leaf, outcome);
        uint256 device = leaf.leaf.device;
        uint256 slot = outcome.outcome.slot;
        bytes32 record = CHALLENGES.recordOf(device, slot);
        require(record & Records.COMMITTED != 0, IChallenges.RecordMissing(device, slot));
        require(record & Records.FAULT_PAID == 0, IChallenges.FaultedAlready(device, slot));
        DeviceClass memory c = REGISTRY.classOf(REGISTRY.deviceOf(device).classId);
        bool isMemory = Phases.isMemory(REGISTRY, device, slot, CHALLENGES.beaconOf(slot), c.layers);
        // What a job forces is of the C-phase, and so names nothing in a record of the other.
        require(!isMemory || outcome.outcome.kind != LeafRules.KIND_FORCED, Phases.PhaseMismatch(device, slot));
        uint256 item = outcome.outcome.item;
        require(Penalties.isRefutable(c, isMemory, item), OutcomeIrrefutable(device, slot));

        uint256 mark = item < (isMemory ? LabelProof.SAMPLES : c.q) ? item + 1 : 0;
        uint256 reward;
        (amount, reward) =
            _punish(device, slot, mark, ENFORCER_BPS, SlashReason.BadItemAttested, outcome.outcome.witness);

        emit BadItemEnforced(device, slot, msg.sender, leaf.epoch, amount, reward);
    }

    /// @inheritdoc IWorkDisputes
    function failedIn(uint256 epoch) external view returns (uint256 failed) {
        (, failed) = Penalties.add(_failed, epoch, 0);
    }

    // ---- The end of a device ----

    /// @inheritdoc IWorkDisputes
    function discharge(uint256 device) external {
        Device memory d = REGISTRY.deviceOf(device);
        Timing memory timing = REGISTRY.timingAt(d.untilSlot - 1);
        uint256 epoch = timing.epochOf(d.untilSlot - 1);
        uint256 settled = ATTESTATIONS.settledThrough();
        require(settled > epoch, ProofStillPossible(device, settled, epoch + 1));
        // What was asked for last must be answered within one proof window of the attestation deadline; in the next it can be proven
        // withheld. And one after the last epoch is final, it can be enforced.
        uint256 provableUntil = timing.lastBlock(epoch) + timing.attestBlocks + 2 * uint256(timing.proofBlocks);
        (, IAttestations.Attested memory attested) = ATTESTATIONS.attestedOf(epoch);
        provableUntil = Math.max(provableUntil, uint256(attested.provableUntil) + timing.proofBlocks);
        // An epoch under an earlier entry may be longer in proving, but no longer than stake is in unbonding.
        while (timing.fromSlot != 0 && timing.fromBlock + STAKING.UNBONDING_BLOCKS() > provableUntil) {
            uint256 last = timing.fromBlock - 1;
            timing = REGISTRY.timingAt(timing.fromSlot - 1);
            provableUntil = Math.max(provableUntil, last + timing.attestBlocks + 2 * uint256(timing.proofBlocks));
        }
        require(block.number > provableUntil, ProofStillPossible(device, block.number, provableUntil + 1));

        REGISTRY.discharge(device);
    }

    // ---- Internal ----

    /// @dev Whoever committed answers for it, though its key be rotated since, and can't accuse itself.
    function _requireRecord(Commit memory commit) private view {
        CHALLENGES.requireRecord(commit.device, commit.slot, commit.commitment, commit.timestamp, commit.key);
        require(msg.sender != commit.key, IProviderStaking.ChallengerIsAccused(msg.sender));
    }

    /// @dev The committing key must have signed this very root for the commitment.
    function _requireSigned(bytes32 commitment, address key, bytes32 evidenceRoot, bytes calldata signature) private view {
        (address signer,,) = ECDSA.tryRecoverCalldata(CHALLENGES.evidenceDigest(commitment, evidenceRoot), signature);
        require(signer == key, EvidenceSignerMismatch(signer, key));
    }

    /// @dev Seal the slot if nobody has.
    function _seal(uint256 slot) private {
        if (CHALLENGES.beaconOf(slot) != 0) return;
        try CHALLENGES.seal(slot) returns (bytes32) {
            return;
        } catch {
            revert IChallenges.SlotNotSealed(slot);
        }
    }

    /// @dev Punish what a challenger has proven.
    function _settle(Commit calldata commit, SlashReason reason, bytes32 evidence) private returns (uint256 amount) {
        uint256 reward;
        (amount, reward) = _punish(commit.device, commit.slot, 0, CHALLENGER_BPS, reason, evidence);

        emit FaultProven(commit.device, commit.slot, msg.sender, reason, evidence, amount, reward);
    }

    /// @dev Punish a bad item. A second one of the slot must be of another place than the first: one flipped bit must not take the whole
    /// bond, though it be sampled twice.
    function _punishItem(Commit memory commit, uint256 index, bytes32 evidence, IItemOpening judge)
        private
        returns (uint256 amount, uint256 reward)
    {
        (uint256 device, uint256 slot) = (commit.device, commit.slot);
        uint256 first;
        (amount, reward, first) = _charge(device, slot, index + 1, CHALLENGER_BPS, SlashReason.BadItem, evidence);
        if (first == 0) return (amount, reward);

        bytes32 place = judge.placeOf(device, slot, commit.commitment, first - 1);
        bool isSame = place == judge.placeOf(device, slot, commit.commitment, index);
        require(!isSame, PlaceProvenAlready(device, slot, first - 1));
    }

    /// @dev Punish a fault of no item, or an item of which no place is known.
    function _punish(
        uint256 device,
        uint256 slot,
        uint256 mark,
        uint256 challengerBps,
        SlashReason reason,
        bytes32 evidence
    ) private returns (uint256 amount, uint256 reward) {
        (amount, reward,) = _charge(device, slot, mark, challengerBps, reason, evidence);
    }

    /// @dev What a proven fault costs: all that is left of the bond for a second bad item of the slot, or if another fault lies within
    /// FAULT_EPOCHS; nothing for the first bad item of a slot that has paid for something else; else a share of the bond.
    /// @return amount Wei slashed.
    /// @return reward The sender's share of it.
    /// @return first The mark of the item that was proven bad in the slot before, or 0.
    function _charge(
        uint256 device,
        uint256 slot,
        uint256 mark,
        uint256 challengerBps,
        SlashReason reason,
        bytes32 evidence
    ) private returns (uint256 amount, uint256 reward, uint256 first) {
        FaultCost memory cost = REGISTRY.suspend(device, slot);
        bool isPaid;
        bool isRepeated;
        (isPaid, isRepeated, first) = CHALLENGES.recordFault(device, slot, cost.epoch, mark);
        if (isPaid && first == 0) return (0, 0, 0);
        uint256 penalty = isPaid || isRepeated ? cost.left : Math.min(_shareOf(device, cost), cost.left);

        amount = _slash(device, cost.provider, penalty, challengerBps, reason, evidence);
        reward = Bps.share(amount, challengerBps);
    }

    /// @dev What a first fault takes of the bond, of which what is left counts as failed from now on: what has nothing left to lose
    /// makes nobody pay more.
    function _shareOf(uint256 device, FaultCost memory cost) private returns (uint256 share) {
        if (cost.left == 0) return 0;
        (Failed memory next, uint256 failed) = Penalties.add(_failed, cost.epoch, cost.left);
        _failed = next;
        if (failed == 0) return Bps.share(cost.bond, cost.faultBps);

        uint256 staked = STAKING.totalStaked();
        share = Bps.share(cost.bond, Penalties.shareBps(cost.faultBps, failed, staked));

        emit FaultsCorrelated(device, cost.epoch, failed, staked);
    }

    function _slash(
        uint256 device,
        address provider,
        uint256 penalty,
        uint256 challengerBps,
        SlashReason reason,
        bytes32 evidence
    ) private returns (uint256 amount) {
        amount = STAKING.slash(provider, penalty, msg.sender, challengerBps, address(0), 0, reason, evidence);
        if (amount > 0) REGISTRY.debit(device, amount);
    }
}
