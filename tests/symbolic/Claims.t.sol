// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAttestations, LeafProof} from "../../contracts/interfaces/IAttestations.sol";
import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {ITensorbondToken} from "../../contracts/interfaces/ITensorbondToken.sol";
import {Leaf, MerkleSum} from "../../contracts/libraries/MerkleSum.sol";
import {Rewards} from "../../contracts/Rewards.sol";
import {FinalEpochs, Token} from "./Peers.sol";

/// @title Claims under epochs of one leaf, whatever a quorum signed it to have earned.
/// @dev The test is the stake, too.
contract Claims {
    using MerkleSum for Leaf;

    FinalEpochs private epochs = new FinalEpochs();
    Token private token = new Token();
    Rewards private rewards;
    uint256 private distributed;

    function setUp() public {
        rewards = new Rewards(
            ITensorbondToken(address(token)), IAttestations(address(epochs)), IProviderStaking(address(this))
        );
    }

    function distribute(address, uint256 amount) external {
        distributed += amount;
    }

    /// @dev The same leaf again pays nothing, and no leaf more than was emitted.
    function check_claim__paysOnceAndNeverAboveTheEmission(uint96 earned, uint96 emitted) external {
        epochs.emitted(emitted);
        bytes memory call = _claim(earned);
        (bool ok,) = address(rewards).call(call);
        if (earned == 1 gwei && emitted == 1 gwei) assert(ok);
        assert(rewards.totalClaimed() <= emitted);
        assert(rewards.totalClaimed() <= (ok ? earned : 0));
        assert(distributed == rewards.totalClaimed());
        assert(token.balanceOf(address(this)) == rewards.totalClaimed());
        (bool again,) = address(rewards).call(call);
        assert(!again);
    }

    function _claim(uint96 earned) private returns (bytes memory) {
        LeafProof memory proof;
        proof.leaf.device = 4; // the first of its word
        proof.leaf.provider = address(0xbeef);
        proof.leaf.cumulativeReward = earned;
        proof.path = hex"000000";
        epochs.rooted(this.rootOf(proof), 0);
        return abi.encodeCall(rewards.claim, (proof));
    }

    function rootOf(LeafProof calldata proof) external pure returns (bytes32 root) {
        (root,) = MerkleSum.fold(proof.leaf.hash(), proof.leaf.weight, proof.leaf.device, proof.path);
    }
}
