// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {Clock} from "./Clock.sol";
import {vm} from "./Vm.sol";

/// @title Stake: the owner's, the delegators', and what vests.
abstract contract StakingPlay is Clock {
    function stake(uint256 seed) external {
        seed = _begin("stake", seed);
        address provider = _provider(seed);
        vm.prank(provider);
        staking.stake(_amount(seed, 1e10, 5_000e18));
        _done("stake");
    }

    function stakeWithPermit(uint256 seed) external {
        seed = _begin("stakeWithPermit", seed);
        address provider = _provider(seed);
        uint256 amount = _amount(seed, 1e10, 100e18);
        uint256 deadline = vm.getBlockTimestamp() + 1;
        (uint8 v, bytes32 r, bytes32 s) = _permit(provider, address(staking), amount, deadline);
        if (seed & 1 << 200 != 0) _permitted(provider, address(staking), amount, deadline, v, r, s); // seen, and sent by another
        vm.prank(provider);
        staking.stakeWithPermit(amount, deadline, v, r, s);
        _approve(provider, tbnd, address(staking));
        _done("stakeWithPermit");
    }

    function unbond(uint256 seed) external {
        seed = _begin("unbond", seed);
        address provider = _provider(seed);
        uint256 most = _unbondable(provider, 1e18);
        _leaving();
        _unbond(provider, _amount(seed, 1, most));
        _done("unbond");
    }

    function rebond(uint256 seed) external {
        seed = _begin("rebond", seed);
        address provider = _provider(seed);
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        if (s.firstRequest == s.nextRequest || s.unbonding == 0) _unbond(provider, _amount(seed, 1e12, _unbondable(provider, 1e18)));
        uint256 before = staking.stakeOf(provider).unbonding;
        // A slash may have left the request nothing.
        if (!_try(provider, address(staking), abi.encodeCall(staking.rebond, (type(uint256).max)))) return;
        isTrue(staking.stakeOf(provider).unbonding < before, "rebond: nothing moved");
        _done("rebond");
    }

    function withdraw(uint256 seed) external {
        seed = _begin("withdraw", seed);
        address provider = _provider(seed);
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        if (s.firstRequest == s.nextRequest) _unbond(provider, _amount(seed, 1, _unbondable(provider, 1e18)));
        uint256 maturesAt = staking.requestOf(provider, s.firstRequest).maturesAt;
        if (seed & 1 << 201 != 0 && _now() < maturesAt) {
            _refuse(provider, address(staking), abi.encodeCall(staking.withdraw, ()), "withdrawn before its time");
        }
        _advanceTo(maturesAt);
        uint256 before = tbnd.balanceOf(provider);
        uint256 need = staking.withdrawableOf(provider);
        _leaving();
        vm.prank(provider);
        uint256 amount = staking.withdraw();
        equal(tbnd.balanceOf(provider) - before, amount, "withdraw: paid");
        isTrue(amount <= need, "withdraw: more than withdrawable");
        _done("withdraw");
    }

    // ------------------------------------------------------------------------------------------------------- delegation

    function delegate(uint256 seed) external {
        seed = _begin("delegate", seed);
        if (_delegate(_provider(seed), _delegator(seed), _amount(seed, 1e10, 2_000e18))) _done("delegate");
    }

    function delegateWithPermit(uint256 seed) external {
        seed = _begin("delegateWithPermit", seed);
        address provider = _provider(seed);
        address delegator = _delegator(seed);
        uint256 amount = _amount(seed, 1e10, 100e18);
        if (!_makeRoom(provider, amount)) return;
        uint256 deadline = vm.getBlockTimestamp() + 1;
        (uint8 v, bytes32 r, bytes32 s) = _permit(delegator, address(staking), amount, deadline);
        if (seed & 1 << 200 != 0) _permitted(delegator, address(staking), amount, deadline, v, r, s); // seen, and sent by another
        vm.prank(delegator);
        staking.delegateWithPermit(provider, amount, deadline, v, r, s);
        _approve(delegator, tbnd, address(staking));
        _done("delegateWithPermit");
    }

    function undelegate(uint256 seed) external {
        seed = _begin("undelegate", seed);
        (address provider, address delegator) = (_provider(seed), _delegator(seed));
        uint256 worth = staking.delegatedOf(provider, delegator);
        if (worth == 0) {
            if (!_delegate(provider, delegator, _amount(seed, 1e18, 2_000e18))) return;
            worth = staking.delegatedOf(provider, delegator);
        }
        _refuse(
            delegator, address(staking), abi.encodeCall(staking.undelegate, (provider, worth + 1)), "3: more than it is worth"
        );
        _leaving();
        // Nothing keeps a delegator: not even what is locked.
        vm.prank(delegator);
        staking.undelegate(provider, seed & 1 << 202 != 0 ? type(uint256).max : _amount(seed, 1, worth));
        _done("undelegate");
    }

    function rebondDelegated(uint256 seed) external {
        seed = _begin("rebondDelegated", seed);
        (address provider, address delegator) = (_provider(seed), _delegator(seed));
        uint256 amount = _amount(seed, 1e12, 100e18);
        if (!_undelegated(provider, delegator, amount) || !_makeRoom(provider, amount)) return;
        bytes memory call = abi.encodeCall(staking.rebondDelegated, (provider, amount / 2 + 1e11));
        if (_try(delegator, address(staking), call)) _done("rebondDelegated");
    }

    function withdrawDelegated(uint256 seed) external {
        seed = _begin("withdrawDelegated", seed);
        (address provider, address delegator) = (_provider(seed), _delegator(seed));
        IProviderStaking.Delegation memory d = staking.delegationOf(provider, delegator);
        if (d.firstRequest == d.nextRequest && !_undelegated(provider, delegator, _amount(seed, 1e12, 100e18))) return;
        uint256 maturesAt = staking.delegationRequestOf(provider, delegator, d.firstRequest).maturesAt;
        bytes memory call = abi.encodeCall(staking.withdrawDelegated, (provider));
        if (_now() < maturesAt) _refuse(delegator, address(staking), call, "a delegator's withdrawal before its time");
        _advanceTo(maturesAt);
        uint256 before = tbnd.balanceOf(delegator);
        uint256 need = staking.withdrawableDelegatedOf(provider, delegator);
        _leaving();
        vm.prank(delegator);
        uint256 amount = staking.withdrawDelegated(provider);
        equal(tbnd.balanceOf(delegator) - before, amount, "withdrawDelegated: paid");
        isTrue(amount <= need, "withdrawDelegated: more than withdrawable");
        _done("withdrawDelegated");
    }

    function setCommission(uint256 seed) external {
        seed = _begin("setCommission", seed);
        address provider = _provider(seed);
        uint256 before = staking.commissionOf(provider);
        uint256 most = staking.MAX_COMMISSION_BPS();
        uint256 bps = bound(seed, 0, most);
        vm.prank(provider);
        staking.setCommission(bps);
        equal(staking.commissionOf(provider), bps < before ? bps : before, "a rise of the commission waits");
        _refuse(provider, address(staking), abi.encodeCall(staking.setCommission, (most + 1)), "a commission above the bound");
        _done("setCommission");
    }

    function release(uint256 seed) external {
        seed = _begin("release", seed);
        address provider = _provider(seed);
        _advanceTo(_now() + 1 + (seed % 30));
        uint256 comes = staking.vestedOf(provider);
        uint256 before = staking.stakeOf(provider).active;
        _leaving();
        vm.prank(_stranger);
        staking.release(provider);
        equal(staking.stakeOf(provider).active - before, comes, "release");
        equal(staking.vestedOf(provider), 0, "released in part");
        _done("release");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    function _stakeAtLeast(address provider, uint256 amount) internal {
        uint256 free = staking.freeOf(provider);
        if (free >= amount && staking.shortSince(provider) == 0) return;
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        // After delegators left less may be active than locked.
        uint256 short = s.locked > s.active ? s.locked - s.active : 0;
        vm.prank(provider);
        staking.stake(amount - free + short + 1e10);
    }

    function _unbond(address provider, uint256 amount) internal {
        vm.prank(provider);
        staking.unbond(amount);
        _read();
    }

    /// @return most What the owner can unbond: at least this much, after a deposit if need be.
    function _unbondable(address provider, uint256 least) internal returns (uint256 most) {
        most = _spareOf(provider);
        if (most >= least) return most;
        uint256 locked = staking.stakeOf(provider).locked;
        vm.prank(provider);
        staking.stake(locked + 2 * least);
        return _spareOf(provider);
    }

    /// @dev Free, beside the owner's quarter; and the honest one doesn't take a delegator's word for its bond.
    function _spareOf(address provider) private returns (uint256 spare) {
        staking.release(provider);
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        spare = s.active > s.locked ? s.active - s.locked : 0;
        uint256 others = s.delegatedShares + _leavingShares(s);
        if (others == 0) return spare;
        uint256 own = uint256(s.shares) - s.delegatedShares;
        uint256 room = own * 3 > others ? (own * 3 - others) / 3 : 0;
        room = s.shares == 0 ? 0 : (room * s.active) / s.shares;
        if (room < spare) spare = room;
        if (provider != _providers[0] || !s.delegated) return spare;
        room = (own * s.active) / s.shares;
        room = room > uint256(s.locked) + 1e12 ? room - s.locked - 1e12 : 0;
        if (room < spare) spare = room;
    }

    /// @dev Let the owner hold enough shares for so much to be delegated. @return Whether it can afford them.
    function _makeRoom(address provider, uint256 amount) internal returns (bool) {
        staking.release(provider);
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        (uint256 active, uint256 shares) = s.active == 0 ? (1, 1) : (uint256(s.active), uint256(s.shares));
        uint256 own = s.active == 0 ? 0 : shares - s.delegatedShares;
        uint256 others = s.delegatedShares + _leavingShares(s) + (amount * shares) / active;
        uint256 need = others / 3 + 2 * staking.MIN_OWN_SHARES() + shares / 1e6;
        if (own >= need) return true;
        uint256 cost = ((need - own) * active) / shares + 1e10;
        if (cost > tbnd.balanceOf(provider)) return false;
        vm.prank(provider);
        staking.stake(cost);
        return true;
    }

    function _delegate(address provider, address delegator, uint256 amount) internal returns (bool) {
        if (!_makeRoom(provider, amount)) return false;
        _refuse(provider, address(staking), abi.encodeCall(staking.delegate, (provider, amount)), "a delegation to itself");
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        bytes memory call = abi.encodeCall(staking.delegate, (provider, 4 * uint256(s.active) + 1e18));
        _refuse(delegator, address(staking), call, "5: a delegation beyond the owner's quarter");
        vm.prank(delegator);
        staking.delegate(provider, amount);
        return true;
    }

    /// @dev A request of this much in the delegator's queue. @return Whether there could be one.
    function _undelegated(address provider, address delegator, uint256 amount) internal returns (bool) {
        if (staking.delegatedOf(provider, delegator) < amount && !_delegate(provider, delegator, amount + 1e12)) return false;
        vm.prank(delegator);
        staking.undelegate(provider, amount);
        _read();
        return true;
    }
}
