// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeafProof} from "../../contracts/interfaces/IAttestations.sol";
import {Job, JobStatus} from "../../contracts/interfaces/IJobEscrow.sol";
import {LeaseStatus} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {IOrderBook, JobOffer, LeaseOffer} from "../../contracts/interfaces/IOrderBook.sol";
import {JobAsk, JobBid, LeaseAsk, LeaseBid, Order} from "../../contracts/libraries/Orders.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {LeasePlay} from "./LeasePlay.sol";
import {vm} from "./Vm.sol";

/// @title Signed asks and bids, filled whole or in part, cancelled; and sealed auctions.
abstract contract OrderPlay is LeasePlay {
    using Slots for Timing;

    struct Sealed {
        address provider;
        uint256 device;
        uint96 price;
        bytes32 salt;
    }

    uint64 private _nonce;

    // ----------------------------------------------------------------------------------------------------------- orders

    /// @dev An ask for one or two, and a bid for each.
    function matchJobs(uint256 seed) external {
        seed = _begin("matchJobs", seed);
        uint256 device = _jobDevice(seed);
        (JobAsk memory ask, bytes memory signature) = _jobAsk(seed, device);
        JobBid memory bid = _jobBid(seed, ask);
        bytes memory call = _jobMatch(bid, 0xbad, ask, signature, device);
        _refuseAs(call, IOrderBook.SignatureInvalid.selector, "a forged bid");
        call = _jobMatch(bid, _keyOf[bid.order.account], ask, _signature(0xbad, orderBook.jobAskDigest(ask)), device);
        _refuseAs(call, IOrderBook.SignatureInvalid.selector, "a forged ask");
        call = _jobMatch(bid, _keyOf[bid.order.account], ask, signature, device);
        _match(call);
        Job storage made = _jobs[_jobCount];
        isTrue(made.status == JobStatus.Accepted && made.device == device, "7: a matched job");
        equal(made.terms.price, ask.order.price, "7: the ask's price");
        _refuseAs(call, IOrderBook.OrderSpent.selector, "a bid filled twice");
        if (ask.order.count == 1 || _fillAgain(seed, ask, signature)) {
            bid = _jobBid(seed, ask);
            call = _jobMatch(bid, _keyOf[bid.order.account], ask, signature, device);
            _refuseAs(call, IOrderBook.OrderSpent.selector, "an ask filled twice");
        }
        _done("matchJobs");
    }

    function matchLeases(uint256 seed) external {
        seed = _begin("matchLeases", seed);
        uint256 device = _freeDevice(seed);
        (LeaseAsk memory ask, bytes memory signature) = _leaseAsk(seed, device);
        LeaseBid memory bid = _leaseBid(seed, ask);
        uint256 key = _keyOf[bid.order.account];
        bytes memory call = _leaseMatch(bid, 0xbad, ask, signature, device);
        _refuseAs(call, IOrderBook.SignatureInvalid.selector, "a forged bid");
        call = _leaseMatch(bid, key, ask, signature, device);
        _match(call);
        LeaseBook storage made = _leases[_leaseCount];
        isTrue(made.status == LeaseStatus.Active && made.terms.device == device, "8: a matched lease");
        equal(made.terms.terms.rate, ask.order.price, "8: the ask's rate");
        _refuseAs(call, IOrderBook.OrderSpent.selector, "a bid filled twice");
        _done("matchLeases");
    }

    /// @dev One nonce, or all.
    function cancelOrders(uint256 seed) external {
        seed = _begin("cancelOrders", seed);
        uint256 device = _jobDevice(seed);
        (JobAsk memory ask, bytes memory signature) = _jobAsk(seed, device);
        JobBid memory bid = _jobBid(seed, ask);
        bytes memory call = _jobMatch(bid, _keyOf[bid.order.account], ask, signature, device);
        bool all = seed & 1 << 219 != 0;
        Order memory order = seed & 1 << 220 == 0 ? ask.order : bid.order;
        bytes memory cancel = all
            ? abi.encodeCall(orderBook.cancelAll, (order.account))
            : abi.encodeCall(orderBook.cancel, (order.account, order.nonce >> 8, 1 << (order.nonce & 255)));
        _refuse(_stranger, address(orderBook), cancel, "cancelled by a stranger");
        _leaving();
        vm.prank(order.account);
        (bool ok,) = address(orderBook).call(cancel);
        isTrue(ok, "cancel");
        _refuseAs(call, all ? IOrderBook.SeriesWrong.selector : IOrderBook.OrderSpent.selector, "a cancelled order");
        _done("cancelOrders");
    }

    // --------------------------------------------------------------------------------------------------------- auctions

    function commitBid(uint256 seed) external {
        seed = _begin("commitBid", seed);
        _commitBids(seed);
        _done("commitBid");
    }

    function revealBid(uint256 seed) external {
        seed = _begin("revealBid", seed);
        (uint256 job, Sealed[2] memory bids) = _commitBids(seed);
        _revealBids(job, bids);
        _done("revealBid");
    }

    function award(uint256 seed) external {
        seed = _begin("award", seed);
        (uint256 job, Sealed[2] memory bids) = _commitBids(seed);
        _revealBids(job, bids);
        Job memory state = _jobs[job];
        bytes memory call = abi.encodeCall(sealedAuction.award, (job, state));
        _refuse(_stranger, address(sealedAuction), call, "awarded before the last can reveal");
        _advanceTo(uint256(sealedAuction.auctionOf(job).revealBy) + 1);
        uint256 payers = _balance(state, _payerOf(state));
        _leaving();
        vm.prank(_stranger);
        sealedAuction.award(job, state);
        _read();
        Sealed memory best = bids[1].provider != address(0) && bids[1].price < bids[0].price ? bids[1] : bids[0];
        equal(_jobs[job].terms.price, best.price, "7: the cheapest bid");
        isTrue(_jobs[job].terms.provider == best.provider, "7: the cheapest bidder");
        equal(_balance(state, _payerOf(state)) - payers, state.terms.price - best.price, "7: the difference");
        call = abi.encodeCall(sealedAuction.award, (job, _jobs[job]));
        _refuse(_stranger, address(sealedAuction), call, "awarded twice");
        if (!_shut && _fits(best.device)) _acceptWith(job, best.device);
        _done("award");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    /// @dev The call must fail with this error.
    function _refuseAs(bytes memory call, bytes4 selector, string memory what) private {
        _read();
        vm.prank(_stranger);
        (bool ok, bytes memory fault) = address(orderBook).call(call);
        isTrue(!ok && bytes4(fault) == selector, what);
        vm.getRecordedLogs();
    }

    function _match(bytes memory call) private {
        _admit(_stranger, address(orderBook), call);
        vm.prank(_stranger);
        (bool ok, bytes memory fault) = address(orderBook).call(call);
        if (!ok) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                revert(add(fault, 32), mload(fault))
            }
        }
        _read();
    }

    /// @return Whether there was a device for the rest of the ask.
    function _fillAgain(uint256 seed, JobAsk memory ask, bytes memory signature) private returns (bool) {
        equal(orderBook.filledOf(orderBook.jobAskDigest(ask)), 1, "an ask filled in part");
        uint256 device = _find(seed, _fits);
        if (device == 0 || registry.deviceOf(device).provider != ask.order.account) return false;
        _stakeAtLeast(ask.order.account, ask.collateral);
        JobBid memory bid = _jobBid(seed, ask);
        _match(_jobMatch(bid, _keyOf[bid.order.account], ask, signature, device));
        return true;
    }

    function _jobDevice(uint256 seed) private returns (uint256 device) {
        return _newDevice(seed, _find(seed, _fits));
    }

    function _order(address account, uint256 seed, uint256 price) private returns (Order memory order) {
        order.account = account;
        order.token = address(_tokens[(seed >> 214) & 1]);
        order.price = uint96(price);
        order.count = 1;
        order.expiry = uint40(_now() + 200);
        order.series = uint64(orderBook.seriesOf(account));
        // The first 192 lie in another word than those that follow.
        order.nonce = (++_nonce) * 5;
    }

    function _jobAsk(uint256 seed, uint256 device) private returns (JobAsk memory ask, bytes memory signature) {
        address provider = registry.deviceOf(device).provider;
        ask.order = _order(provider, seed, _amount(seed, 1, 1e23) * 4);
        ask.order.count = uint16(1 + ((seed >> 221) & 1));
        ask.collateral = uint96(bound(seed >> 70, 0, 100e18));
        _stakeAtLeast(provider, ask.collateral);
        ask.submitBlocks = uint32(50 + (seed % 40));
        ask.holdBlocks = 1 << 20;
        signature = _signature(_keyOf[provider], orderBook.jobAskDigest(ask));
    }

    function _jobBid(uint256 seed, JobAsk memory ask) private returns (JobBid memory bid) {
        bid.order = _order(_requesters[(seed >> 4) % 2], seed, uint256(ask.order.price) + (seed % 1e18));
        if (seed & 1 << 222 != 0) bid.order.counterparty = ask.order.account;
        if (seed & 1 << 223 != 0) bid.requester = _requesters[1 - ((seed >> 4) % 2)];
        bid.minGops = 1;
        bid.collateral = ask.collateral;
        bid.submitBlocks = 90;
        bid.reviewBlocks = uint32(5 + ((seed >> 100) % 60));
        bid.refundBlocks = uint32(2 * registry.decisionBlocks() + 60);
        bid.parts = uint16((seed >> 110) & 3) == 3 ? 4 : 0;
    }

    function _jobMatch(JobBid memory bid, uint256 key, JobAsk memory ask, bytes memory signature, uint256 device)
        private
        view
        returns (bytes memory)
    {
        JobOffer[] memory offers = new JobOffer[](1);
        offers[0].ask = ask;
        offers[0].signature = signature;
        offers[0].devices = new uint32[](1);
        offers[0].devices[0] = uint32(device);
        bytes memory signed = _signature(key, orderBook.jobBidDigest(bid));
        return abi.encodeCall(orderBook.matchJobs, (bid, signed, offers, new LeafProof[](0)));
    }

    function _leaseAsk(uint256 seed, uint256 device) private returns (LeaseAsk memory ask, bytes memory signature) {
        address provider = registry.deviceOf(device).provider;
        ask.order = _order(provider, seed, bound(seed >> 60, 1, 1e15));
        ask.order.classId = registry.deviceOf(device).classId;
        ask.device = uint32(device);
        ask.notice = (seed >> 215) & 1 == 0 ? 0 : uint32(10 + (seed >> 150) % 50);
        ask.grace = 60;
        ask.voucherBlocks = 100;
        signature = _signature(_keyOf[provider], orderBook.leaseAskDigest(ask));
    }

    function _leaseBid(uint256 seed, LeaseAsk memory ask) private returns (LeaseBid memory bid) {
        bid.order = _order(_requesters[(seed >> 4) % 2], seed, uint256(ask.order.price) + (seed % 1e9));
        bid.order.classId = ask.order.classId;
        bid.minGops = 1;
        bid.notice = ask.notice;
        bid.grace = uint32((seed >> 120) % 30);
        bid.voucherBlocks = (seed >> 212) & 3 == 3 ? 60 : 0;
        bid.deposit = uint96(uint256(ask.order.price) * (bid.grace + (seed >> 130) % 300 + 1) + (seed % 1e3));
        bid.cap = 3 * bid.deposit;
    }

    function _leaseMatch(LeaseBid memory bid, uint256 key, LeaseAsk memory ask, bytes memory signature, uint256 device)
        private
        view
        returns (bytes memory)
    {
        LeaseOffer[] memory offers = new LeaseOffer[](1);
        offers[0].ask = ask;
        offers[0].signature = signature;
        offers[0].devices = new uint32[](1);
        offers[0].devices[0] = uint32(device);
        bytes memory signed = _signature(key, orderBook.leaseBidDigest(bid));
        return abi.encodeCall(orderBook.matchLeases, (bid, signed, offers, new LeafProof[](0)));
    }

    // Auctions

    function _commitBids(uint256 seed) private returns (uint256 job, Sealed[2] memory bids) {
        uint256 device = _jobDevice(seed);
        uint256 rival = _find(seed >> 9, _fits);
        job = _fundFor(seed, _tokens[seed % 2], address(sealedAuction));
        Job memory state = _jobs[job];
        bytes memory call = abi.encodeCall(sealedAuction.open, (job, state, _now() + 6, _now() + 14));
        _refuse(_stranger, address(sealedAuction), call, "a stranger's auction");
        vm.prank(state.terms.requester);
        sealedAuction.open(job, state, _now() + 6, _now() + 14);
        _refuse(state.terms.requester, address(sealedAuction), call, "an auction opened twice");
        bids[0] = _commitBid(job, state, device, seed);
        if (rival != 0 && registry.deviceOf(rival).provider != bids[0].provider) bids[1] = _commitBid(job, state, rival, seed >> 5);
    }

    function _commitBid(uint256 job, Job memory state, uint256 device, uint256 seed) private returns (Sealed memory bid) {
        address provider = registry.deviceOf(device).provider;
        uint256 parts = state.terms.parts < 2 ? 1 : state.terms.parts;
        bid = Sealed(provider, device, uint96(bound(seed >> 80, 1, state.terms.price / parts) * parts), bytes32(seed));
        _stakeAtLeast(provider, state.terms.collateral);
        bytes32 hash = sealedAuction.bidHash(job, provider, device, bid.price, bid.salt);
        bytes memory call = abi.encodeCall(sealedAuction.commit, (job, provider, hash));
        _refuse(_stranger, address(sealedAuction), call, "a stranger's bid");
        vm.prank(provider);
        sealedAuction.commit(job, provider, hash);
        _refuse(provider, address(sealedAuction), call, "a second bid");
    }

    function _revealBids(uint256 job, Sealed[2] memory bids) private {
        bytes memory call = _reveal(job, bids[0], 0);
        _refuse(bids[0].provider, address(sealedAuction), call, "revealed while others commit");
        _advanceTo(uint256(sealedAuction.auctionOf(job).commitBy) + 1);
        for (uint256 i = 0; i < 2; ++i) {
            address provider = bids[i].provider;
            if (provider == address(0)) continue;
            _refuse(provider, address(sealedAuction), _reveal(job, bids[i], 1), "another price than was committed");
            _stakeAtLeast(provider, _jobs[job].terms.collateral);
            call = _reveal(job, bids[i], 0);
            vm.prank(provider);
            (bool ok,) = address(sealedAuction).call(call);
            isTrue(ok, "reveal");
            _refuse(provider, address(sealedAuction), call, "revealed twice");
        }
    }

    function _reveal(uint256 job, Sealed memory bid, uint256 off) private view returns (bytes memory) {
        uint256 parts = _jobs[job].terms.parts < 2 ? 1 : _jobs[job].terms.parts;
        uint96 price = uint96(off == 0 ? bid.price : bid.price > parts ? bid.price - parts : bid.price + parts);
        return abi.encodeCall(sealedAuction.reveal, (job, _jobs[job], bid.device, price, bid.salt));
    }
}
