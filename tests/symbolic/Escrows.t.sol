// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAttestations} from "../../contracts/interfaces/IAttestations.sol";
import {IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {IDeviceRegistry} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {Job, JobStatus, Terms} from "../../contracts/interfaces/IJobEscrow.sol";
import {Lease, LeaseTerms} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {ITensorbondToken} from "../../contracts/interfaces/ITensorbondToken.sol";
import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {JobEscrow} from "../../contracts/JobEscrow.sol";
import {LeaseEscrow} from "../../contracts/LeaseEscrow.sol";
import {vm} from "../forge/Vm.sol";
import {Collateral, Everybody, OneDevice, Signer, Token} from "./Peers.sol";

/// @title A job's money leaves once, and vouchers never take more than there is, whatever the price and the amounts.
/// @dev The test is the requester of jobs; `signer`, a wallet that has signed everything, is the one of leases.
contract Escrows {
    address private constant PROVIDER = address(0xbeef);
    address private constant FEES = address(0xfee5);
    uint256 private constant FEE_BPS = 300;

    Token private token = new Token();
    Signer private signer = new Signer();
    JobEscrow private jobs;
    LeaseEscrow private leases;

    function setUp() public {
        Everybody everybody = new Everybody();
        OneDevice registry = new OneDevice(PROVIDER);
        Collateral stakes = new Collateral();
        jobs = new JobEscrow(
            address(everybody),
            ITensorbondToken(address(0x7b4d)),
            IDeviceRegistry(address(registry)),
            IProviderStaking(address(stakes)),
            IAttestations(address(this)),
            address(this),
            address(this),
            FEES,
            FEE_BPS,
            0,
            10
        );
        leases = new LeaseEscrow(
            address(everybody),
            ITensorbondToken(address(token)),
            IDeviceRegistry(address(registry)),
            IProviderStaking(address(stakes)),
            IChallenges(address(this)),
            address(this),
            FEES,
            FEE_BPS,
            0
        );
        jobs.allowToken(address(token), 1 << 87);
        leases.allowToken(address(token), 1 << 87);
        token.give(address(this), 1 << 100);
        token.give(address(signer), 1 << 100);
        vm.roll(1_000);
    }

    // ---- Jobs ----

    function check_approve__paysThePriceOnce(uint80 price) external {
        if (price == 0) return;
        Job memory job = _submitted(price);
        jobs.approve(1, job);
        uint256 paid = token.balanceOf(PROVIDER);
        uint256 fee = jobs.ledgerOf(address(token)).fees;
        assert(paid + fee == price);
        assert(fee * 10_000 <= uint256(price) * FEE_BPS);
        assert(jobs.ledgerOf(address(token)).tracked == fee);
        assert(token.balanceOf(address(jobs)) == fee);

        assert(!_jobCall(abi.encodeCall(jobs.approve, (1, job))));
        job.status = JobStatus.Settled;
        assert(!_jobCall(abi.encodeCall(jobs.approve, (1, job))));
        vm.roll(10_000);
        assert(!_jobCall(abi.encodeCall(jobs.refund, (1, job))));
    }

    function check_refund__givesThePriceBackOnce(uint80 price) external {
        if (price == 0) return;
        uint256 before = token.balanceOf(address(this));
        Job memory job = _funded(price);
        assert(token.balanceOf(address(this)) + price == before);
        vm.roll(10_000);
        jobs.refund(1, job);
        assert(token.balanceOf(address(this)) == before);
        assert(jobs.ledgerOf(address(token)).tracked == 0);

        assert(!_jobCall(abi.encodeCall(jobs.refund, (1, job))));
        job.status = JobStatus.Refunded;
        assert(!_jobCall(abi.encodeCall(jobs.refund, (1, job))));
    }

    function check_sweep__takesTheFeesOnce(uint80 price) external {
        if (price == 0) return;
        jobs.approve(1, _submitted(price));
        uint256 fee = jobs.ledgerOf(address(token)).fees;
        bool swept = _jobCall(abi.encodeCall(jobs.sweep, (address(token))));
        assert(swept == (fee > 0));
        assert(token.balanceOf(FEES) == fee);
        assert(token.balanceOf(address(jobs)) == 0);
        assert(!_jobCall(abi.encodeCall(jobs.sweep, (address(token)))));
    }

    // ---- Vouchers ----

    function check_redeem__neverPaysMoreThanTheDeposit(uint80 deposit, uint96 amount) external {
        if (deposit == 0) return;
        uint256 paid = leases.redeem(1, _tab(deposit), amount, "");
        assert(paid <= amount);
        assert(paid <= deposit);
    }

    function _terms(uint80 price) private view returns (Terms memory terms) {
        terms.requester = address(this);
        terms.token = address(token);
        terms.price = price;
        terms.acceptBy = 2_000;
        terms.submitBy = 3_000;
        terms.refundAt = 4_000;
    }

    function _funded(uint80 price) private returns (Job memory job) {
        job.terms = _terms(price);
        job.feeBps = uint16(FEE_BPS);
        job.status = JobStatus.Funded;
        jobs.fund(job.terms);
    }

    function _submitted(uint80 price) private returns (Job memory job) {
        job = _funded(price);
        vm.prank(PROVIDER);
        jobs.accept(1, job, 1);
        (job.provider, job.device, job.forcedSlot, job.status) = (PROVIDER, 1, 1, JobStatus.Accepted);
        vm.prank(PROVIDER);
        jobs.submit(1, job, bytes32(uint256(7)));
        (job.status, job.submittedAt, job.result) = (JobStatus.Submitted, 1_000, bytes32(uint256(7)));
    }

    /// @dev A lease without a device: only vouchers are paid.
    function _tab(uint80 deposit) private returns (Lease memory lease) {
        LeaseTerms memory terms;
        terms.requester = address(signer);
        terms.provider = PROVIDER;
        terms.token = address(token);
        terms.cap = 1 << 87;
        terms.voucherBlocks = 100;
        vm.prank(address(signer));
        leases.open(terms, 0, deposit);
        (lease.terms, lease.feeBps, lease.exposure) = (terms, uint16(FEE_BPS), 1 << 87);
    }

    function _jobCall(bytes memory call) private returns (bool ok) {
        (ok,) = address(jobs).call(call);
    }
}
