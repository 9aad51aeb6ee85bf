// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAttestations, LeafProof, OutcomeProof} from "./interfaces/IAttestations.sol";
import {Commit, IChallenges} from "./interfaces/IChallenges.sol";
import {HeaderOpening, IComputeProofs, ItemOpening, Link} from "./interfaces/IComputeProofs.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {Place} from "./interfaces/IItemOpening.sol";
import {CapNode, IMemoryProofs, MemoryItemOpening} from "./interfaces/IMemoryProofs.sol";
import {IProviderStaking, SlashReason} from "./interfaces/IProviderStaking.sol";
import {IWorkDisputes} from "./interfaces/IWorkDisputes.sol";
import {Bps} from "./libraries/Bps.sol";
import {Slots, Timing} from "./libraries/Slots.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IWorkDisputes`: what each verb asks, changes and emits stands there.
contract WorkDisputes is IWorkDisputes {
    using Slots for Timing;

    uint256 public constant CHALLENGER_BPS = 2_500;
    uint256 public constant ENFORCER_BPS = 500;
    uint256 public constant MISS_LIMIT = 8;
    uint256 public constant FAULT_EPOCHS = 32;

    uint256 private constant KIND_M = 1;
    uint256 private constant RESULT_BAD_ITEM = 3;
    /// @dev Bytes of a matrix line up to which a transaction has room to compute a whole tile.
    uint256 private constant MAX_LINE = 8_192;
    bytes32 private constant COMMITTED = bytes32(uint256(1));

    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;
    IAttestations private immutable ATTESTATIONS;
    IProviderStaking private immutable STAKING;
    IComputeProofs private immutable COMPUTE_PROOFS;
    IMemoryProofs private immutable MEMORY_PROOFS;

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
        require(isDrawn && _isDue(device, slot, beacon, c.layers), NotDrawn(device, slot));
        uint256 lastBlock = timing.startOf(slot + 1) - 2;
        require(block.number > lastBlock, WindowOpen(slot, block.number, lastBlock));

        uint256 misses = CHALLENGES.recordMiss(device, slot);
        if (misses == MISS_LIMIT) {
            (amount,) = _punish(device, slot, CHALLENGER_BPS, SlashReason.MissedOften, beacon);
        } else {
            uint256 penalty = Math.min(c.missPenalty, REGISTRY.bondOf(device));
            amount = _slash(device, d.provider, penalty, CHALLENGER_BPS, SlashReason.MissedSlot, beacon);
        }

        emit MissProven(device, slot, msg.sender, amount, misses);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadItem(BadItem calldata proof) external returns (uint256 amount) {
        _requireRecord(Commit(proof.device, proof.slot, proof.commitment, proof.timestamp, proof.key));
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
        (amount, reward) = _punish(proof.device, proof.slot, CHALLENGER_BPS, SlashReason.BadItem, evidenceRoot);

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
        (amount, reward) = _punish(commit.device, commit.slot, CHALLENGER_BPS, SlashReason.BadItem, evidenceRoot);

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
        require(result == RESULT_BAD_ITEM, OutcomeNotBadItem(result));
        ATTESTATIONS.requireFinalOutcome(leaf, outcome);
        uint256 device = leaf.leaf.device;
        uint256 slot = outcome.outcome.slot;
        require(CHALLENGES.recordOf(device, slot) & COMMITTED != 0, IChallenges.RecordMissing(device, slot));
        require(_isRefutable(device, outcome), OutcomeIrrefutable(device, slot));

        uint256 reward;
        (amount, reward) = _punish(device, slot, ENFORCER_BPS, SlashReason.BadItemAttested, outcome.outcome.witness);

        emit BadItemEnforced(device, slot, msg.sender, leaf.epoch, amount, reward);
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
        require(block.number > provableUntil, ProofStillPossible(device, block.number, provableUntil + 1));

        REGISTRY.discharge(device);
    }

    // ---- Internal ----

    /// @dev Whether the provider could have shown in a transaction that the named item is good.
    function _isRefutable(uint256 device, OutcomeProof calldata outcome) private view returns (bool) {
        DeviceClass memory c = REGISTRY.classOf(REGISTRY.deviceOf(device).classId);
        bool isTile = outcome.outcome.kind != KIND_M && outcome.outcome.item < c.q;
        return !isTile || uint256(c.K) << c.profile <= MAX_LINE;
    }

    /// @dev Whether a drawn slot counts: a memory slot doesn't where the class has an M-phase and the device is held, or may have been.
    function _isDue(uint256 device, uint256 slot, bytes32 beacon, uint256 layers) private view returns (bool) {
        if (layers == 0 || !TileProof.isMemorySlot(beacon)) return true;
        (bool known, bool held) = REGISTRY.heldIn(device, slot);
        return known && !held;
    }

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
        (amount, reward) = _punish(commit.device, commit.slot, CHALLENGER_BPS, reason, evidence);

        emit FaultProven(commit.device, commit.slot, msg.sender, reason, evidence, amount, reward);
    }

    /// @dev What a proven fault costs, once for a (device, slot): a share of the bond it was registered with, or all that is left
    /// when another fault lies within FAULT_EPOCHS.
    function _punish(
        uint256 device,
        uint256 slot,
        uint256 challengerBps,
        SlashReason reason,
        bytes32 evidence
    ) private returns (uint256 amount, uint256 reward) {
        (address provider, uint256 first, uint256 all) = REGISTRY.faultCostOf(device);
        uint256 penalty = _isRepeated(device, slot) ? all : first;

        CHALLENGES.recordFault(device, slot);
        REGISTRY.suspend(device);
        amount = _slash(device, provider, penalty, challengerBps, reason, evidence);
        reward = Bps.share(amount, challengerBps);
    }

    /// @dev Whether the device's last fault lies within FAULT_EPOCHS of this slot, before or after.
    function _isRepeated(uint256 device, uint256 slot) private view returns (bool) {
        IChallenges.Faults memory faults = CHALLENGES.faultsOf(device);
        if (faults.count == 0) return false;
        uint256 epoch = REGISTRY.timingAt(slot).epochOf(slot);
        return Math.max(epoch, faults.lastEpoch) - Math.min(epoch, faults.lastEpoch) <= FAULT_EPOCHS;
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
