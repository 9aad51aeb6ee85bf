// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {Lease, LeaseStatus, LeaseTerms} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {JobPlay} from "./JobPlay.sol";
import {vm} from "./Vm.sol";
import {IToken} from "./World.sol";

/// @title Leases by the second, and tabs: funded by one or several, paid as it ripens or by vouchers, ended by notice or by a fault.
abstract contract LeasePlay is JobPlay {
    using Slots for Timing;

    function openLease(uint256 seed) external {
        seed = _begin("openLease", seed);
        _openLease(seed);
        _done("openLease");
    }

    function acceptLease(uint256 seed) external {
        seed = _begin("acceptLease", seed);
        uint256 lease = _pick(seed, _isOffered);
        if (lease == 0) lease = _openLease(seed);
        _acceptLease(lease);
        _done("acceptLease");
    }

    function topUp(uint256 seed) external {
        seed = _begin("topUp", seed);
        uint256 lease = _pick(seed, _hasRoom);
        if (lease == 0) lease = _newLease(seed);
        Lease memory terms = _leases[lease].terms;
        _tick(lease);
        uint256 room = terms.terms.cap - (_leases[lease].deposited - _leases[lease].refunded);
        address payer = seed & 1 << 210 == 0 ? terms.terms.requester : (seed & 1 << 211 == 0 ? _sponsor : _requesters[seed % 2]);
        bytes memory call = abi.encodeCall(leaseEscrow.topUp, (lease, terms, room + 1));
        _refuse(payer, address(leaseEscrow), call, "8: deposits above the cap");
        uint256 least = uint256(terms.terms.rate) * (terms.terms.grace + 1) + 1;
        if (room < least) return;
        vm.prank(payer);
        leaseEscrow.topUp(lease, terms, bound(seed >> 20, least, room));
        _read();
        _done("topUp");
    }

    function settleLease(uint256 seed) external {
        seed = _begin("settleLease", seed);
        uint256 lease = _accruing(seed, _accrues);
        if (!_ripen(lease)) return;
        Lease memory terms = _leases[lease].terms;
        uint256 before = IToken(terms.terms.token).balanceOf(terms.terms.provider);
        uint256 paid = _leases[lease].paid;
        _leaving();
        vm.prank(_stranger);
        leaseEscrow.settle(lease, terms);
        _read();
        paid = _leases[lease].paid - paid;
        equal(IToken(terms.terms.token).balanceOf(terms.terms.provider) - before, paid, "8: the provider's pay");
        _done("settleLease");
    }

    function redeem(uint256 seed) external {
        seed = _begin("redeem", seed);
        uint256 lease = _pick(seed, _takesVouchers);
        if (lease == 0) lease = _newLease(seed | 3 << 212);
        _tick(lease);
        Lease memory terms = _leases[lease].terms;
        uint256 left = _leases[lease].left;
        if (left == 0) return;
        uint256 amount = _leases[lease].redeemed + bound(seed >> 20, 1, left + (seed % 3));
        bytes memory call = abi.encodeCall(leaseEscrow.redeem, (lease, terms, amount, _voucher(lease, amount, 0xbad)));
        _refuse(_stranger, address(leaseEscrow), call, "8: a stranger's voucher");
        uint256 key = _keyOf[terms.terms.requester];
        call = abi.encodeCall(leaseEscrow.redeem, (lease, terms, amount, _voucher(lease + 1, amount, key)));
        _refuse(_stranger, address(leaseEscrow), call, "8: another lease's voucher");
        bytes memory voucher = _voucher(lease, amount, key);
        uint256 before = IToken(terms.terms.token).balanceOf(terms.terms.provider);
        _leaving();
        vm.prank(_stranger);
        uint256 paid = leaseEscrow.redeem(lease, terms, amount, voucher);
        equal(IToken(terms.terms.token).balanceOf(terms.terms.provider) - before, paid, "8: the voucher's pay");
        _read();
        amount = _leases[lease].redeemed;
        equal(leaseEscrow.redeem(lease, terms, amount, _voucher(lease, amount, key)), 0, "8: a voucher paid twice");
        equal(leaseEscrow.redeem(lease, terms, amount - 1, _voucher(lease, amount - 1, key)), 0, "8: an older voucher paid");
        _refuseStop(lease);
        _done("redeem");
    }

    function giveNotice(uint256 seed) external {
        seed = _begin("giveNotice", seed);
        uint256 lease = _pick(seed, _isActiveLease);
        if (lease == 0) lease = _newLease(seed);
        _leaving();
        _giveNotice(lease, seed);
        _done("giveNotice");
    }

    function stopLease(uint256 seed) external {
        seed = _begin("stopLease", seed);
        uint256 lease = _pick(seed, _runs);
        if (lease == 0) lease = _newLease(seed);
        _prepareStop(lease, seed);
        Lease memory terms = _leases[lease].terms;
        (address requester, IToken token) = (terms.terms.requester, IToken(terms.terms.token));
        bool free = _leases[lease].status == LeaseStatus.Ending;
        uint256 before = token.balanceOf(requester);
        _leaving();
        vm.prank(free ? _stranger : requester);
        leaseEscrow.stop(lease, terms);
        _read();
        equal(token.balanceOf(requester) - before, _leases[lease].refunded, "8: back to the requester");
        _refuse(requester, address(leaseEscrow), abi.encodeCall(leaseEscrow.stop, (lease, terms)), "8: stopped twice");
        if (terms.device != 0) isTrue(!registry.isHeld(terms.device), "a stopped lease holds its device");
        _done("stopLease");
    }

    /// @dev A proven fault, or the device's end: nothing counts from there on.
    function halt(uint256 seed) external {
        seed = _begin("halt", seed);
        uint256 lease = _accruing(seed, _holds);
        Lease memory terms = _leases[lease].terms;
        _advanceTo(_now() + 1 + (seed % 20));
        uint256 slot = _endDevice(terms.device, seed);
        uint256 start = registry.timingAt(slot).startOf(slot);
        _advanceTo(start + 2);
        bytes memory header = _header(start);
        if (challenges.beaconOf(slot) != keccak256(header)) return;
        uint256 time = _timeOf(start);
        bytes memory call = abi.encodeCall(leaseEscrow.halt, (lease, terms, _header(start - 1), _resumedAfter(lease, time)));
        _refuse(_stranger, address(leaseEscrow), call, "8: another block's header");
        uint256 late = _hasRoom(lease) && _now() % 2 == 0 ? _fundLate(lease) : 0;
        _leaving();
        vm.prank(_stranger);
        leaseEscrow.halt(lease, terms, header, _resumedAfter(lease, time));
        _read();
        if (late != 0) equal(_refundLast(lease), late, "8: who pays after a fault gets back what it paid");
        call = abi.encodeCall(leaseEscrow.halt, (lease, terms, header, _resumedAfter(lease, time)));
        _refuse(_stranger, address(leaseEscrow), call, "8: halted twice");
        _done("halt");
    }

    /// @dev Several funders, each of whom gets its part back.
    function refundLease(uint256 seed) external {
        seed = _begin("refundLease", seed);
        uint256 lease = _accruing(seed, _accepts);
        Lease memory terms = _leases[lease].terms;
        _tick(lease);
        uint256 room = terms.terms.cap - (_leases[lease].deposited - _leases[lease].refunded);
        uint256 least = uint256(terms.terms.rate) * (terms.terms.grace + 1) + 1e9;
        if (room < least) return;
        vm.prank(_sponsor);
        leaseEscrow.topUp(lease, terms, bound(seed >> 20, least, room));
        _read();
        _advanceTo(_now() + (seed % 30));
        bytes memory call = abi.encodeCall(leaseEscrow.refund, (lease, terms, _sponsor, _lastPayment(lease).from));
        _refuse(_stranger, address(leaseEscrow), call, "8: refunded while it runs");
        _prepareStop(lease, seed);
        vm.prank(_leases[lease].status == LeaseStatus.Ending ? _stranger : terms.terms.requester);
        leaseEscrow.stop(lease, terms);
        _read();
        _leaving();
        _refundAll(lease);
        equal(_leases[lease].sharedOut, _leases[lease].left, "8: all that is left goes back");
        _done("refundLease");
    }

    function collectLease(uint256 seed) external {
        seed = _begin("collectLease", seed);
        address escrow = address(leaseEscrow);
        for (uint256 t = 0; t < 2; ++t) {
            if (_leaseFees[address(_tokens[t])] != 0) leaseEscrow.sweep(address(_tokens[t]));
        }
        // The token refuses the provider its pay, which then waits.
        uint256 lease = _newLease((seed | 1 << 214) & ~(uint256(3) << 212));
        if (!_ripen(lease)) return;
        address provider = _leases[lease].terms.terms.provider;
        _blacklist.setBlocked(provider, true);
        leaseEscrow.settle(lease, _leases[lease].terms);
        bytes memory call = abi.encodeCall(leaseEscrow.collect, (provider, address(_blacklist)));
        _refuse(_stranger, escrow, call, "paid while blocked");
        _blacklist.setBlocked(provider, false);
        equal(leaseEscrow.owedOf(provider, address(_blacklist)), _owed[escrow][address(_blacklist)][provider], "14: owed");
        _leaving();
        vm.prank(_stranger);
        leaseEscrow.collect(provider, address(_blacklist));
        _done("collectLease");
    }

    /// @dev The chain stands still: leases count seconds, all else counts blocks.
    function stall(uint256 seed) external {
        seed = _begin("stall", seed);
        _stall(1 + (seed % 100));
        _done("stall");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    /// @dev By somebody else, just before a halt that is sure to come.
    function _fundLate(uint256 lease) private returns (uint256 amount) {
        Lease memory terms = _leases[lease].terms;
        amount = uint256(terms.terms.rate) * (terms.terms.grace + 1) + 1e9;
        vm.prank(_sponsor);
        leaseEscrow.topUp(lease, terms, amount);
        _read();
    }

    function _lastPayment(uint256 lease) private view returns (Payment storage) {
        return _payments[lease][_payments[lease].length - 1];
    }

    function _refundLast(uint256 lease) private returns (uint256 amount) {
        Payment storage payment = _lastPayment(lease);
        amount = leaseEscrow.refund(lease, _leases[lease].terms, payment.by, payment.from);
        _read();
    }

    /// @dev Whatever of each deposit is unspent, and never twice.
    function _refundAll(uint256 lease) private {
        Lease memory terms = _leases[lease].terms;
        for (uint256 i = 0; i < _payments[lease].length; ++i) {
            Payment memory payment = _payments[lease][i];
            (, uint256 unspent) = _paymentAt(lease, payment.from);
            uint256 before = IToken(terms.terms.token).balanceOf(payment.by);
            if (unspent > payment.refunded) {
                vm.prank(_stranger);
                leaseEscrow.refund(lease, terms, payment.by, payment.from);
                _read();
            }
            before += unspent - payment.refunded;
            equal(IToken(terms.terms.token).balanceOf(payment.by), before, "8: back to the funder");
            bytes memory call = abi.encodeCall(leaseEscrow.refund, (lease, terms, payment.by, payment.from));
            _refuse(_stranger, address(leaseEscrow), call, "8: refunded twice");
        }
    }

    /// @dev Bits 212 and 213: takes vouchers; 214: in the token that can block; 215: has a notice; 216: is a tab.
    function _openLease(uint256 seed) internal returns (uint256 lease) {
        bool tab = (seed >> 212) & 3 == 3 && (seed >> 216) & 1 != 0;
        uint256 device = tab ? 0 : _freeDevice(seed);
        LeaseTerms memory terms;
        terms.requester = _requesters[(seed >> 4) % 2];
        terms.provider = tab ? _other(seed) : registry.deviceOf(device).provider;
        terms.token = address(_tokens[(seed >> 214) & 1]);
        terms.rate = tab ? 0 : uint96(bound(seed >> 60, 1, 1e15));
        terms.grace = uint32((seed >> 120) % 30);
        uint256 deposit = tab ? 1e18 : uint256(terms.rate) * (terms.grace + (seed >> 130) % 300 + 1) + ((seed >> 140) % terms.rate);
        terms.cap = uint96(3 * deposit);
        terms.notice = (seed >> 215) & 1 == 0 ? 0 : uint32(10 + (seed >> 150) % 50);
        terms.voucherBlocks = (seed >> 212) & 3 == 3 ? uint32(50 + (seed >> 160) % 20) : 0;
        terms.acceptBy = uint40(_now() + 60);
        bytes memory call = abi.encodeCall(leaseEscrow.open, (terms, device, deposit));
        _refuse(_stranger, address(leaseEscrow), call, "a stranger's offer");
        _admit(terms.requester, address(leaseEscrow), call);
        vm.prank(terms.requester);
        lease = leaseEscrow.open(terms, device, deposit);
        _read();
    }

    function _acceptLease(uint256 lease) internal {
        Lease memory terms = _leases[lease].terms;
        if (_leases[lease].status == LeaseStatus.Active) return; // a tab
        bytes memory call = abi.encodeCall(leaseEscrow.accept, (lease, terms));
        _refuse(_stranger, address(leaseEscrow), call, "accepted by a stranger");
        _stakeAtLeast(terms.terms.provider, 0);
        _admit(terms.terms.provider, address(leaseEscrow), call);
        vm.prank(terms.terms.provider);
        leaseEscrow.accept(lease, terms);
        _read();
    }

    function _newLease(uint256 seed) internal returns (uint256 lease) {
        lease = _openLease(seed);
        _acceptLease(lease);
    }

    /// @dev A running one with a device and a rate.
    function _accruing(uint256 seed, function(uint256) view returns (bool) fits) private returns (uint256 lease) {
        lease = _pick(seed, fits);
        if (lease == 0) lease = _newLease(seed & ~(uint256(1) << 216));
    }

    function _freeDevice(uint256 seed) internal returns (uint256 device) {
        device = _newDevice(seed, _find(seed, _isFreeNow));
        _stakeAtLeast(registry.deviceOf(device).provider, 0);
    }

    function _isFreeNow(uint256 device) private view returns (bool) {
        return _isFree(device) && registry.isActive(device, _slot() + 1);
    }

    function _pick(uint256 seed, function(uint256) view returns (bool) fits) private view returns (uint256) {
        if (seed & 7 == 0) return 0; // a new one now and then
        for (uint256 i = _openLeases.length; i > 0; --i) {
            if (fits(_openLeases[i - 1])) return _openLeases[i - 1];
        }
        return 0;
    }

    function _isOffered(uint256 lease) private view returns (bool) {
        Lease storage terms = _leases[lease].terms;
        bool open = _leases[lease].status == LeaseStatus.Offered && _now() <= terms.terms.acceptBy;
        return open && _isFreeNow(terms.device);
    }

    function _isActiveLease(uint256 lease) private view returns (bool) {
        return _leases[lease].status == LeaseStatus.Active;
    }

    function _runs(uint256 lease) private view returns (bool) {
        return _leases[lease].status == LeaseStatus.Active || _leases[lease].status == LeaseStatus.Ending;
    }

    function _accepts(uint256 lease) private view returns (bool) {
        return _hasRoom(lease) && _leases[lease].terms.terms.rate != 0;
    }

    function _hasRoom(uint256 lease) private view returns (bool) {
        LeaseBook storage book = _leases[lease];
        uint256 least = uint256(book.terms.terms.rate) * (book.terms.terms.grace + 1) + 1e9;
        return _isActiveLease(lease) && book.deposited - book.refunded + least <= book.terms.terms.cap;
    }

    function _holds(uint256 lease) private view returns (bool) {
        return _runs(lease) && _leases[lease].terms.device != 0;
    }

    function _accrues(uint256 lease) private view returns (bool) {
        LeaseBook storage book = _leases[lease];
        if (book.terms.terms.rate == 0) return false;
        if (book.status == LeaseStatus.Stopped) return true;
        return _runs(lease) && (book.active > book.paidSeconds || book.left >= book.terms.terms.rate);
    }

    function _takesVouchers(uint256 lease) private view returns (bool) {
        LeaseBook storage book = _leases[lease];
        return _runs(lease) && book.terms.terms.voucherBlocks != 0 && book.left > 0;
    }

    /// @dev The next settlement pays.
    function _ripen(uint256 lease) private returns (bool) {
        LeaseBook storage book = _leases[lease];
        if (book.heldSeconds == book.paidSeconds && book.status != LeaseStatus.Stopped) {
            _advanceTo(_now() + 5);
            _tick(lease);
            if (book.active == book.heldSeconds) return false;
            _advanceTo(book.ripeAt);
            leaseEscrow.settle(lease, book.terms);
            _read();
        }
        bytes memory call = abi.encodeCall(leaseEscrow.settle, (lease, book.terms));
        if (_now() < book.ripeAt) _refuse(_stranger, address(leaseEscrow), call, "12: paid before it was ripe");
        _advanceTo(book.ripeAt);
        return true;
    }

    function _voucher(uint256 lease, uint256 amount, uint256 key) private view returns (bytes memory) {
        bytes32 content = keccak256(abi.encode(keccak256("Voucher(uint256 lease,uint256 amount)"), lease, amount));
        return _signature(key, _typed("LeaseEscrow", address(leaseEscrow), content));
    }

    function _giveNotice(uint256 lease, uint256 seed) private {
        Lease memory terms = _leases[lease].terms;
        bytes memory call = abi.encodeCall(leaseEscrow.giveNotice, (lease, terms));
        _refuse(_stranger, address(leaseEscrow), call, "a stranger's notice");
        vm.prank(seed & 1 << 217 == 0 ? terms.terms.requester : terms.terms.provider);
        leaseEscrow.giveNotice(lease, terms);
        _read();
        call = abi.encodeCall(leaseEscrow.topUp, (lease, terms, 1e18));
        _refuse(terms.terms.requester, address(leaseEscrow), call, "topped up after a notice");
    }

    /// @dev While it can pay, nobody stops it from one moment to the next: neither from under a notice nor from under a voucher.
    function _refuseStop(uint256 lease) private {
        LeaseBook storage book = _leases[lease];
        _tick(lease);
        uint256 rate = book.terms.terms.rate;
        bytes memory call = abi.encodeCall(leaseEscrow.stop, (lease, book.terms));
        if (book.terms.terms.voucherBlocks == 0 && rate != 0 && book.left < rate) return;
        if (book.status == LeaseStatus.Ending && vm.getBlockTimestamp() >= book.endsAt) return;
        _refuse(book.terms.terms.requester, address(leaseEscrow), call, "8: stopped from under a notice");
        _refuse(book.terms.terms.provider, address(leaseEscrow), call, "8: stopped from under a notice");
    }

    function _prepareStop(uint256 lease, uint256 seed) private {
        LeaseBook storage book = _leases[lease];
        LeaseTerms memory terms = book.terms.terms;
        if (terms.notice == 0 && terms.voucherBlocks == 0 && book.status == LeaseStatus.Active) return;
        if (book.status == LeaseStatus.Active) {
            _refuseStop(lease);
            _giveNotice(lease, seed);
        }
        _refuseStop(lease);
        uint256 time = vm.getBlockTimestamp();
        _advanceTo(_now() + (book.endsAt > time ? book.endsAt - time : 0));
        _advanceTo(_noticedIn[lease] + terms.voucherBlocks);
    }

    /// @return slot The first in which the device counts for nothing: by a fault, or because it retires.
    function _endDevice(uint256 device, uint256 seed) private returns (uint256 slot) {
        IChallenges.Faults memory faults = challenges.faultsOf(device);
        slot = registry.deviceOf(device).untilSlot;
        if (!faults.faulted && slot == OPEN) {
            if (seed & 1 << 218 == 0) {
                _proveTwoEvidences(_commit(device, seed), seed);
            } else {
                vm.prank(registry.deviceOf(device).provider);
                registry.retire(device);
            }
            faults = challenges.faultsOf(device);
            slot = registry.deviceOf(device).untilSlot;
        }
        if (faults.faulted && faults.earliestSlot <= slot) slot = faults.earliestSlot;
    }

    /// @return The origin after the first pause that ended later than `time`; 0: none did.
    function _resumedAfter(uint256 lease, uint256 time) private view returns (uint256) {
        Span[] storage resumes = _resumes[lease];
        for (uint256 i = 0; i < resumes.length; ++i) {
            if (resumes[i].to + resumes[i].from > time) return resumes[i].to;
        }
        return 0;
    }
}
