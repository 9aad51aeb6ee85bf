// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAttestations, LeafProof} from "./interfaces/IAttestations.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";
import {Emission} from "./libraries/Emission.sol";

contract Rewards is IRewards {
    ITensorbondToken private immutable TOKEN;
    IAttestations private immutable ATTESTATIONS;
    IProviderStaking private immutable STAKING;

    /// @inheritdoc IRewards
    mapping(uint256 device => uint256) public claimedOf;
    /// @inheritdoc IRewards
    uint256 public totalClaimed;

    constructor(ITensorbondToken token, IAttestations attestations, IProviderStaking staking) {
        TOKEN = token;
        ATTESTATIONS = attestations;
        STAKING = staking;
    }

    /// @inheritdoc IRewards
    function claim(LeafProof calldata proof) external returns (uint256 amount) {
        uint256 device = proof.leaf.device;
        uint256 earned = proof.leaf.cumulativeReward;
        uint256 claimed = claimedOf[device];
        if (earned <= claimed) revert NothingToClaim(device, earned, claimed);
        amount = earned - claimed;
        uint256 total = totalClaimed + amount;
        ATTESTATIONS.requireFinalLeaf(proof);
        uint256 most = ATTESTATIONS.finalEmission();
        if (total > most) revert EmissionExceeded(total, most);

        claimedOf[device] = earned;
        totalClaimed = total;

        emit RewardClaimed(device, proof.leaf.provider, proof.epoch, amount, earned, total);

        TOKEN.mint(proof.leaf.provider, amount);
    }

    /// @inheritdoc IRewards
    function emissionOf(uint256 epoch) external pure returns (uint256) {
        return Emission.at(epoch);
    }
}
