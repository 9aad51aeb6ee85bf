// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAttestations, LeafProof} from "../../contracts/interfaces/IAttestations.sol";
import {IProviderStaking, SlashReason} from "../../contracts/interfaces/IProviderStaking.sol";
import {ITensorbondToken} from "../../contracts/interfaces/ITensorbondToken.sol";
import {ProviderStaking} from "../../contracts/ProviderStaking.sol";
import {Rewards} from "../../contracts/Rewards.sol";

/// @dev The least of a token: balances.
contract Token {
    mapping(address account => uint256) public balanceOf;

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function burn(uint256 amount) external {
        balanceOf[msg.sender] -= amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

/// @dev Says that every leaf is final, and how much was emitted.
contract Final {
    uint256 public finalEmission;

    function emitted(uint256 amount) external {
        finalEmission = amount;
    }

    function requireFinalLeaf(LeafProof calldata) external pure {} // solhint-disable-line no-empty-blocks
}

/// @title One step of every verb that moves stake, for all amounts: what is owed stays what is there.
/// @dev The test is the provider, and every peer.
contract Money {
    Token private token = new Token();
    Final private attestations = new Final();
    ProviderStaking private staking;
    Rewards private rewards;
    address private constant CHALLENGER = address(0xc4a11e);
    address private constant VICTIM = address(0x71c714);

    function setUp() public {
        staking = new ProviderStaking(
            ITensorbondToken(address(token)), address(this), address(this), address(this), address(this), 300
        );
        rewards = new Rewards(
            ITensorbondToken(address(token)), IAttestations(address(attestations)), IProviderStaking(address(staking))
        );
        token.give(address(this), 1 << 100);
    }

    function check_stake__isOwedAndThere(uint96 amount) external {
        if (amount == 0) return;
        staking.stake(amount);
        _solvent();
        assert(staking.stakeOf(address(this)).active == amount);
    }

    function check_unbond__keepsWhatIsOwedAndTheLock(uint96 amount, uint96 locked, uint96 out) external {
        if (amount == 0 || locked > amount || out == 0) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        try staking.unbond(out) returns (uint256) {
            IProviderStaking.Stake memory s = staking.stakeOf(address(this));
            assert(s.active >= s.locked);
            assert(uint256(s.active) + s.unbonding == amount);
            _solvent();
        } catch {
            assert(uint256(out) + locked > amount);
        }
    }

    function check_withdraw__notBeforeItsTime(uint96 amount) external {
        if (amount == 0) return;
        staking.stake(amount);
        staking.unbond(amount);
        (bool ok,) = address(staking).call(abi.encodeCall(staking.withdraw, ()));
        assert(!ok);
    }

    function check_lock__neverMoreThanIsFree(uint96 amount, uint96 one, uint96 other) external {
        if (amount == 0) return;
        staking.stake(amount);
        (bool ok,) = address(staking).call(abi.encodeCall(staking.lock, (address(this), one)));
        (ok,) = address(staking).call(abi.encodeCall(staking.lock, (address(this), other)));
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(s.locked <= s.active);
    }

    function check_slash__splitsWhatItTakes(uint16 amount, uint16 locked, uint16 cut) external {
        if (amount == 0 || locked > amount || cut > locked) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        uint256 taken =
            staking.slash(address(this), cut, CHALLENGER, 2_500, VICTIM, 2_500, SlashReason.MissedSlot, bytes32(0));
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(taken == cut);
        assert(uint256(s.active) + taken == amount);
        assert(uint256(s.locked) + taken == locked);
        assert(token.balanceOf(CHALLENGER) * 4 <= taken && token.balanceOf(VICTIM) * 4 <= taken);
        _solvent();
    }

    function check_slash__takesAllOfItFromThePoolAndTheLock(uint96 amount, uint96 locked, uint96 cut) external {
        if (amount == 0 || locked > amount || cut > locked) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        uint256 taken =
            staking.slash(address(this), cut, address(0), 0, address(0), 0, SlashReason.MissedSlot, bytes32(0));
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(taken == cut);
        assert(uint256(s.active) + taken == amount && uint256(s.locked) + taken == locked);
        _solvent();
    }

    function check_slash__neverMoreThanTheLock(uint96 amount, uint96 locked, uint96 cut) external {
        if (amount == 0 || locked > amount || cut <= locked) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        bytes memory call = abi.encodeCall(
            staking.slash, (address(this), cut, CHALLENGER, 2_500, VICTIM, 0, SlashReason.MissedSlot, bytes32(0))
        );
        (bool ok,) = address(staking).call(call);
        assert(!ok);
    }

    function check_claim__paysOnceAndNeverAboveTheEmission(uint96 earned, uint96 emitted) external {
        attestations.emitted(emitted);
        LeafProof memory proof;
        proof.leaf.device = 1;
        proof.leaf.provider = address(0xbeef);
        proof.leaf.cumulativeReward = earned;
        bytes memory call = abi.encodeCall(rewards.claim, (proof));
        (bool ok,) = address(rewards).call(call);
        assert(rewards.totalClaimed() <= emitted);
        if (ok) assert(rewards.totalClaimed() == earned);
        (bool again,) = address(rewards).call(call);
        assert(!again);
    }

    function _solvent() private view {
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(staking.totalStaked() == uint256(s.active) + s.unbonding);
        assert(token.balanceOf(address(staking)) >= staking.totalStaked());
    }
}
