// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAttestations, LeafProof, OutcomeProof} from "./interfaces/IAttestations.sol";
import {IChallenges} from "./interfaces/IChallenges.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
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

    uint256 private constant TILE = 16;
    uint256 private constant RESULT_BAD_ITEM = 3;
    bytes32 private constant COMMITTED = bytes32(uint256(1));

    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;
    IAttestations private immutable ATTESTATIONS;
    IProviderStaking private immutable STAKING;

    constructor(
        IDeviceRegistry registry,
        IChallenges challenges,
        IAttestations attestations,
        IProviderStaking staking
    ) {
        REGISTRY = registry;
        CHALLENGES = challenges;
        ATTESTATIONS = attestations;
        STAKING = staking;
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
        require(isDrawn, NotDrawn(device, slot));
        uint256 lastBlock = timing.startOf(slot + 1) - 2;
        require(block.number > lastBlock, WindowOpen(slot, block.number, lastBlock));

        uint256 misses = CHALLENGES.recordMiss(device, slot);
        if (misses == MISS_LIMIT) {
            (amount,) = _punish(device, slot, d, c, CHALLENGER_BPS, SlashReason.MissedOften, beacon);
        } else {
            uint256 penalty = Math.min(c.missPenalty, REGISTRY.bondOf(device));
            amount = _slash(device, d.provider, penalty, CHALLENGER_BPS, SlashReason.MissedSlot, beacon);
        }

        emit MissProven(device, slot, msg.sender, amount, misses);
    }

    /// @inheritdoc IWorkDisputes
    function proveBadItem(BadItem calldata proof) external returns (uint256 amount) {
        CHALLENGES.requireRecord(proof.device, proof.slot, proof.commitment, proof.timestamp, proof.key);
        require(msg.sender != proof.key, IProviderStaking.ChallengerIsAccused(msg.sender));
        bytes32 commitment = TileProof.commitmentOf(proof.finalSeed, proof.roundsRoot);
        require(commitment == proof.commitment, CommitmentMismatch(commitment, proof.commitment));
        require(proof.row < TILE && proof.column < TILE, EntryOutOfRange(proof.row, proof.column));
        Device memory d = REGISTRY.deviceOf(proof.device);
        DeviceClass memory c = REGISTRY.classOf(d.classId);
        bytes32 evidenceRoot = _signedRoot(proof, c.q);
        require(_isBad(proof, d, c), ItemGood(proof.index, proof.row, proof.column));

        uint256 reward;
        (amount, reward) =
            _punish(proof.device, proof.slot, d, c, CHALLENGER_BPS, SlashReason.BadItem, evidenceRoot);

        emit BadItemProven(proof.device, proof.slot, msg.sender, proof.index, amount, reward);
    }

    /// @inheritdoc IWorkDisputes
    function enforce(LeafProof calldata leaf, OutcomeProof calldata outcome) external returns (uint256 amount) {
        uint256 result = outcome.outcome.result;
        require(result == RESULT_BAD_ITEM, OutcomeNotBadItem(result));
        ATTESTATIONS.requireFinalOutcome(leaf, outcome);
        uint256 device = leaf.leaf.device;
        uint256 slot = outcome.outcome.slot;
        require(CHALLENGES.recordOf(device, slot) & COMMITTED != 0, IChallenges.RecordMissing(device, slot));
        Device memory d = REGISTRY.deviceOf(device);
        DeviceClass memory c = REGISTRY.classOf(d.classId);

        uint256 reward;
        (amount, reward) =
            _punish(device, slot, d, c, ENFORCER_BPS, SlashReason.BadItemAttested, outcome.outcome.witness);

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
        // A proof window after the last epoch could have been attested, and one after it is final: until then it can be enforced.
        uint256 provableUntil = timing.startOf(d.untilSlot) + timing.attestBlocks + timing.proofBlocks;
        (, IAttestations.Attested memory attested) = ATTESTATIONS.attestedOf(epoch);
        provableUntil = Math.max(provableUntil, uint256(attested.provableUntil) + timing.proofBlocks);
        require(block.number > provableUntil, ProofStillPossible(device, block.number, provableUntil + 1));

        REGISTRY.discharge(device);
    }

    // ---- Internal ----

    /// @dev The evidence root that the item folds to, which the committing key must have signed for this commitment.
    function _signedRoot(BadItem calldata proof, uint256 samples) private view returns (bytes32 root) {
        require(proof.index < samples, IndexOutOfRange(proof.index, samples));
        // One leaf more than samples: the header.
        uint256 depth = TileProof.depthOf(samples + 1);
        require(proof.evidencePath.length == depth, EvidencePathMalformed(proof.evidencePath.length, depth));
        root = TileProof.fold(TileProof.evidenceLeaf(proof.index, proof.item), proof.index, proof.evidencePath);
        bytes32 digest = CHALLENGES.evidenceDigest(proof.commitment, root);
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, proof.signature);
        require(signer == proof.key, EvidenceSignerMismatch(signer, proof.key));
    }

    /// @dev Whether signed bytes are not the item that the sample asked for. The challenger chooses only where to look.
    function _isBad(BadItem calldata proof, Device memory d, DeviceClass memory c) private returns (bool) {
        uint256 tileColumns = c.n / TILE;
        uint256 tiles = (c.m / TILE) * tileColumns;
        bytes calldata item = proof.item;
        if (item.length != TileProof.itemLength(tiles, c.R)) return true;

        (uint256 round, uint256 tile) = TileProof.placeOf(item);
        (uint256 askedRound, uint256 askedTile) =
            TileProof.sampleOf(proof.commitment, _sampleBeacon(proof.slot), proof.index, c.R, tiles);
        if (round != askedRound || tile != askedTile) return true;

        // Either is enough, and a wrong entry is what one finds: the paths only matter where the entry is right.
        int256 product = TileProof.product(
            TileProof.seedOf(item, tiles),
            TileProof.firstSeed(
                CHALLENGES.beaconOf(proof.slot), d.provider, proof.device, proof.slot, c.m, c.n, c.K, c.R
            ),
            TILE * (tile / tileColumns) + proof.row,
            TILE * (tile % tileColumns) + proof.column,
            c.K
        );
        if (TileProof.entryOf(item, proof.row, proof.column) != product) return true;

        return TileProof.foldItem(item, tiles, c.R) != proof.roundsRoot;
    }

    /// @dev The beacon of the next slot, sealed now if nobody has and it still can be.
    function _sampleBeacon(uint256 slot) private returns (bytes32 beacon) {
        beacon = CHALLENGES.beaconOf(slot + 1);
        if (beacon != 0) return beacon;
        try CHALLENGES.seal(slot + 1) returns (bytes32 found) {
            return found;
        } catch {
            revert IChallenges.SlotNotSealed(slot + 1);
        }
    }

    /// @dev What a proven fault costs, once for a (device, slot): a share of the bond it was registered with, or all that is left
    /// when another fault lies within FAULT_EPOCHS.
    function _punish(
        uint256 device,
        uint256 slot,
        Device memory d,
        DeviceClass memory c,
        uint256 challengerBps,
        SlashReason reason,
        bytes32 evidence
    ) private returns (uint256 amount, uint256 reward) {
        uint256 penalty = REGISTRY.bondOf(device);
        if (!_isRepeated(device, slot)) {
            penalty = Math.min(penalty, Bps.share(uint256(d.bondedGops) * c.bondPerGops, c.faultBps));
        }

        CHALLENGES.recordFault(device, slot);
        REGISTRY.suspend(device);
        amount = _slash(device, d.provider, penalty, challengerBps, reason, evidence);
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
