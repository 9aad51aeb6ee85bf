// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAttestations, Leaf, LeafProof} from "./interfaces/IAttestations.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";
import {Emission} from "./libraries/Emission.sol";
import {MerkleMany} from "./libraries/MerkleMany.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Statements} from "./libraries/Statements.sol";

contract Rewards is IRewards {
    using MerkleSum for Leaf;
    using SafeCast for uint256;

    uint256 private constant LEAVES_PER_CALL = 64;
    /// @inheritdoc IRewards
    uint256 public constant GRAIN = 1 gwei;

    ITensorbondToken private immutable TOKEN;
    IAttestations private immutable ATTESTATIONS;
    IProviderStaking private immutable STAKING;

    /// What four neighbours have claimed, in grains of 64 bits each: all that is ever emitted is 5e17 of them.
    mapping(uint256 four => uint256 word) private _claimed;
    /// @inheritdoc IRewards
    uint256 public totalClaimed;

    constructor(ITensorbondToken token, IAttestations attestations, IProviderStaking staking) {
        TOKEN = token;
        ATTESTATIONS = attestations;
        STAKING = staking;
    }

    /// @inheritdoc IRewards
    function claim(LeafProof calldata proof) external returns (uint256 amount) {
        Leaf calldata leaf = proof.leaf;
        (bytes32 root, uint256 weight) = MerkleSum.fold(leaf.hash(), leaf.weight, leaf.device, proof.path);
        _requireRoot(proof.epoch, root, weight);

        uint256 total;
        (amount, total) = _enter(proof.epoch, leaf, totalClaimed);
        if (amount == 0) revert NothingToClaim(leaf.device, _grains(leaf) * GRAIN, claimedOf(leaf.device));
        _mint(total, amount);

        STAKING.distribute(leaf.provider, amount);
    }

    /// @inheritdoc IRewards
    function claimMany(uint256 epoch, Leaf[] calldata leaves, bytes calldata path) external returns (uint256 amount) {
        uint256 count = leaves.length;
        if (count == 0 || count > LEAVES_PER_CALL) revert LeavesOutOfRange(count, LEAVES_PER_CALL);
        uint256[] memory nodes = new uint256[](3 * count);
        for (uint256 n = 0; n < count; ++n) {
            (nodes[3 * n], nodes[3 * n + 1], nodes[3 * n + 2]) =
                (leaves[n].device, uint256(leaves[n].hash()), leaves[n].weight);
        }
        (bytes32 root, uint256 weight) = MerkleMany.foldMany(nodes, path);
        _requireRoot(epoch, root, weight);

        uint256 before = totalClaimed;
        uint256 total = before;
        uint256[] memory amounts = new uint256[](count);
        for (uint256 n = 0; n < count; ++n) {
            (amounts[n], total) = _enter(epoch, leaves[n], total);
        }
        amount = total - before;
        if (amount == 0) {
            revert NothingToClaim(leaves[0].device, _grains(leaves[0]) * GRAIN, claimedOf(leaves[0].device));
        }
        _mint(total, amount);

        // One deposit for each run of leaves of one provider.
        uint256 sum = 0;
        for (uint256 n = 0; n < count; ++n) {
            sum += amounts[n];
            if (n + 1 < count && leaves[n + 1].provider == leaves[n].provider) continue;
            if (sum != 0) STAKING.distribute(leaves[n].provider, sum);
            sum = 0;
        }
    }

    /// @inheritdoc IRewards
    function claimedOf(uint256 device) public view returns (uint256) {
        return uint64(_claimed[device >> 2] >> _shift(device)) * GRAIN;
    }

    /// @inheritdoc IRewards
    function emissionOf(uint256 epoch) external pure returns (uint256) {
        return Emission.at(epoch);
    }

    function _requireRoot(uint256 epoch, bytes32 root, uint256 weight) private view {
        (bytes32 need, IAttestations.Attested memory attested) = ATTESTATIONS.attestedOf(epoch);
        if (attested.flags & Statements.ATTESTED == 0 || block.number <= attested.provableUntil) {
            revert IAttestations.EpochNotFinal(epoch);
        }
        uint256 most = attested.totalWeight;
        if (root != need) revert IAttestations.LeafNotUnderRoot(epoch, root, need);
        if (weight != most) revert IAttestations.TotalWeightMismatch(epoch, weight, most);
    }

    /// @dev Note what a proven leaf has earned beyond what was claimed. @return amount That. @return total Σ claimed, with it.
    function _enter(uint256 epoch, Leaf calldata leaf, uint256 before) private returns (uint256 amount, uint256 total) {
        uint256 device = leaf.device;
        uint256 word = _claimed[device >> 2];
        uint256 earned = _grains(leaf);
        uint256 claimed = uint64(word >> _shift(device));
        if (earned <= claimed) return (0, before);
        _claimed[device >> 2] = word + ((earned - claimed) << _shift(device));
        amount = (earned - claimed) * GRAIN;
        total = before + amount;

        emit RewardClaimed(device, leaf.provider, epoch, amount, earned * GRAIN, total);
    }

    function _grains(Leaf calldata leaf) private pure returns (uint256) {
        return (uint256(leaf.cumulativeReward) / GRAIN).toUint64();
    }

    function _shift(uint256 device) private pure returns (uint256) {
        return (device & 3) << 6;
    }

    function _mint(uint256 total, uint256 amount) private {
        uint256 most = ATTESTATIONS.finalEmission();
        if (total > most) revert EmissionExceeded(total, most);
        totalClaimed = total;

        TOKEN.mint(address(STAKING), amount);
    }
}
