// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {IProviderStaking, SlashReason} from "../../contracts/interfaces/IProviderStaking.sol";
import {ITensorbondToken} from "../../contracts/interfaces/ITensorbondToken.sol";
import {ProviderStaking} from "../../contracts/ProviderStaking.sol";
import {vm} from "../forge/Vm.sol";
import {Token} from "./Peers.sol";

/// @title One step of every verb that moves stake, for all amounts: what is owed stays what is there.
/// @dev The test is the provider, and every peer.
contract Money {
    uint256 private constant UNBONDING_BLOCKS = 300;
    address private constant CHALLENGER = address(0xc4a11e);
    address private constant VICTIM = address(0x71c714);

    Token private token = new Token();
    ProviderStaking private staking;

    function setUp() public {
        staking = new ProviderStaking(
            ITensorbondToken(address(token)),
            address(this),
            address(this),
            IChallenges(address(this)),
            address(this),
            address(this),
            UNBONDING_BLOCKS
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

    function check_withdraw__notBeforeItsTime(uint96 amount, uint16 later) external {
        if (amount == 0 || later >= UNBONDING_BLOCKS) return;
        staking.stake(amount);
        staking.unbond(amount);
        vm.roll(block.number + later);
        assert(!_calls(abi.encodeCall(staking.withdraw, ())));
    }

    function check_withdraw__paysOnce(uint96 amount, uint96 out) external {
        if (amount == 0 || out == 0 || out > amount) return;
        staking.stake(amount);
        staking.unbond(out);
        vm.roll(block.number + UNBONDING_BLOCKS);
        uint256 before = token.balanceOf(address(this));
        assert(staking.withdraw() == out);
        assert(token.balanceOf(address(this)) == before + out);
        _solvent();
        assert(!_calls(abi.encodeCall(staking.withdraw, ())));
    }

    function check_rebond__givesBackWhatWasUnbonded(uint96 amount, uint96 out, uint96 back) external {
        if (amount == 0 || out == 0 || out > amount || back == 0) return;
        staking.stake(amount);
        staking.unbond(out);
        try staking.rebond(back) {
            IProviderStaking.Stake memory s = staking.stakeOf(address(this));
            assert(s.unbonding == out - back);
            assert(uint256(s.active) + s.unbonding == amount);
            _solvent();
        } catch {
            assert(back > out);
        }
    }

    function check_lock__neverMoreThanIsFree(uint96 amount, uint96 one, uint96 other) external {
        if (amount == 0) return;
        staking.stake(amount);
        _calls(abi.encodeCall(staking.lock, (address(this), one)));
        _calls(abi.encodeCall(staking.lock, (address(this), other)));
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(s.locked <= s.active);
    }

    function check_unlock__neverMoreThanIsLocked(uint96 amount, uint96 locked, uint96 back) external {
        if (amount == 0 || locked > amount) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        bool unlocked = _calls(abi.encodeCall(staking.unlock, (address(this), back)));
        assert(unlocked == (back <= locked));
        assert(staking.stakeOf(address(this)).locked == (unlocked ? locked - back : locked));
    }

    function check_slash__splitsWhatItTakes(uint96 amount, uint96 locked, uint96 cut) external {
        if (amount == 0 || locked > amount || cut > locked) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        uint256 taken =
            staking.slash(address(this), cut, CHALLENGER, 1_250, VICTIM, 1_250, SlashReason.MissedSlot, bytes32(0));
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(taken == cut);
        assert(uint256(s.active) + taken == amount);
        assert(uint256(s.locked) + taken == locked);
        assert((token.balanceOf(CHALLENGER) + token.balanceOf(VICTIM)) * 4 <= taken);
        _solvent();
    }

    function check_slash__neverMoreThanTheLock(uint96 amount, uint96 locked, uint96 cut) external {
        if (amount == 0 || locked > amount || cut <= locked) return;
        staking.stake(amount);
        staking.lock(address(this), locked);
        bytes memory call = abi.encodeCall(
            staking.slash, (address(this), cut, CHALLENGER, 2_500, VICTIM, 0, SlashReason.MissedSlot, bytes32(0))
        );
        assert(!_calls(call));
    }

    function check_distribute__vestsAndIsReleasedOnce(uint96 amount, uint96 reward, uint16 later) external {
        if (amount == 0 || reward == 0) return;
        staking.stake(amount);
        token.give(address(staking), reward);
        staking.distribute(address(this), reward);
        vm.roll(block.number + later);
        staking.release(address(this));
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(uint256(s.active) + s.vesting + s.vested == uint256(amount) + reward);
        assert(staking.vestedOf(address(this)) == 0);
        _solvent();
    }

    function _calls(bytes memory call) private returns (bool ok) {
        (ok,) = address(staking).call(call);
    }

    function _solvent() private view {
        IProviderStaking.Stake memory s = staking.stakeOf(address(this));
        assert(staking.totalStaked() == uint256(s.active) + s.unbonding);
        assert(token.balanceOf(address(staking)) >= staking.totalStaked());
    }
}
