// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EpochStatus, IAttestations, LeafProof, OutcomeProof} from "../../contracts/interfaces/IAttestations.sol";
import {Job, JobStatus, Terms} from "../../contracts/interfaces/IJobEscrow.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {LiePlay} from "./LiePlay.sol";
import {vm} from "./Vm.sol";
import {IToken} from "./World.sol";

/// @title Jobs at a fixed price: in parts, paid by sponsors, assigned, disputed.
abstract contract JobPlay is LiePlay {
    using Slots for Timing;

    function fund(uint256 seed) external {
        seed = _begin("fund", seed);
        _fund(seed);
        _done("fund");
    }

    function assign(uint256 seed) external {
        seed = _begin("assign", seed);
        (address invited, address other) = (_other(seed), _other(seed + 1));
        uint256 job = _fundFor(seed, _tokens[seed % 2], invited);
        Job memory state = _jobs[job];
        uint256 parts = state.terms.parts < 2 ? 1 : state.terms.parts;
        uint256 price = state.terms.price / parts;
        price = parts * bound(seed >> 30, (price + 1) / 2, price);
        bytes memory call = abi.encodeCall(jobEscrow.assign, (job, state, other, uint96(price)));
        _refuse(_stranger, address(jobEscrow), call, "assigned by a stranger");
        call = abi.encodeCall(jobEscrow.assign, (job, state, other, uint96(state.terms.price + parts)));
        _refuse(invited, address(jobEscrow), call, "assigned at a higher price");
        uint256 before = _balance(state, _payerOf(state));
        _leaving();
        vm.prank(invited);
        jobEscrow.assign(job, state, other, uint96(price));
        _read();
        equal(_balance(state, _payerOf(state)) - before, state.terms.price - price, "7: what is returned");
        call = abi.encodeCall(jobEscrow.assign, (job, _jobs[job], invited, uint96(price)));
        _refuse(invited, address(jobEscrow), call, "assigned twice");
        _done("assign");
    }

    function accept(uint256 seed) external {
        seed = _begin("accept", seed);
        uint256 job = _fund(seed);
        _accept(job, seed);
        _done("accept");
    }

    function submit(uint256 seed) external {
        seed = _begin("submit", seed);
        _submit(_acceptedJob(seed), seed);
        _done("submit");
    }

    // -------------------------------------------------------------------------------------------------------- approvals

    function approve(uint256 seed) external {
        seed = _begin("approve", seed);
        uint256 job = _submittedJob(seed);
        Job memory state = _jobs[job];
        _refuse(_stranger, address(jobEscrow), abi.encodeCall(jobEscrow.approve, (job, state)), "approved by a stranger");
        _leaving();
        vm.prank(state.terms.requester);
        jobEscrow.approve(job, state);
        _read();
        _refuse(
            state.terms.requester, address(jobEscrow), abi.encodeCall(jobEscrow.approve, (job, _jobs[job])), "paid twice"
        );
        _done("approve");
    }

    function approvePart(uint256 seed) external {
        seed = _begin("approvePart", seed);
        uint256 job = seed & 1 << 208 != 0 ? _fundIn(seed | 3 << 110, _tokens[seed % 2]) : _partedJob();
        if (job == 0) job = _fundIn(seed | 3 << 110, _tokens[seed % 2]);
        if (_jobs[job].status == JobStatus.Funded) _accept(job, seed);
        Job memory state = _jobs[job];
        uint256 left = uint256(state.terms.parts) - state.paidParts;
        uint256 most = state.status == JobStatus.Accepted ? left - 1 : left;
        bytes memory call = abi.encodeCall(jobEscrow.approvePart, (job, state, most + 1));
        _refuse(state.terms.requester, address(jobEscrow), call, "7: a part that is not there");
        if (most == 0) return;
        call = abi.encodeCall(jobEscrow.approvePart, (job, state, 1));
        _refuse(_stranger, address(jobEscrow), call, "a part approved by a stranger");
        _leaving();
        vm.prank(state.terms.requester);
        jobEscrow.approvePart(job, state, bound(seed >> 40, 1, most));
        _read();
        _refuse(state.terms.requester, address(jobEscrow), call, "7: the state of before");
        _done("approvePart");
    }

    function approveWithSignature(uint256 seed) external {
        seed = _begin("approveWithSignature", seed);
        uint256 job = _submittedJob(seed);
        Job memory state = _jobs[job];
        uint256 key = _keyOf[state.terms.requester];
        _refuseApproval(job, state, _approval(job + 1, state, state.result), key, "an approval of another job");
        _refuseApproval(job, state, _approval(job, state, keccak256("other")), key, "an approval of another result");
        _refuseApproval(job, state, _approval(job, state, state.result), 0xbad, "a stranger's approval");
        bytes memory signature = _signature(key, _approval(job, state, state.result));
        _leaving();
        vm.prank(_stranger);
        jobEscrow.approveWithSignature(job, state, signature);
        _done("approveWithSignature");
    }

    // --------------------------------------------------------------------------------------------------------- disputes

    function dispute(uint256 seed) external {
        seed = _begin("dispute", seed);
        uint256 job = _undisputedJob(seed);
        _leaving();
        _dispute(job);
        _done("dispute");
    }

    function attestVerdict(uint256 seed) external {
        seed = _begin("attestVerdict", seed);
        (bool given,) = _verdict(seed);
        if (given) _done("attestVerdict");
    }

    function resolve(uint256 seed) external {
        seed = _begin("resolve", seed);
        (bool given, uint256 job) = _verdict(seed);
        if (!given) return;
        Job memory state = _jobs[job];
        bool forProvider = seed & 1 << 209 != 0;
        address winner = forProvider ? state.provider : state.terms.requester;
        uint256 locked = staking.stakeOf(state.provider).locked;
        _leaving();
        vm.prank(_stranger);
        jobEscrow.resolve(job, state);
        _read();
        isTrue(_jobs[job].status == (forProvider ? JobStatus.Settled : JobStatus.Refunded), "7: the verdict");
        isTrue(winner != address(0), "7: a winner");
        equal(locked - staking.stakeOf(state.provider).locked, state.terms.collateral, "a verdict took collateral");
        bytes memory call = abi.encodeCall(jobEscrow.resolve, (job, _jobs[job]));
        _refuse(_stranger, address(jobEscrow), call, "7: resolved twice");
        _done("resolve");
    }

    /// @dev The arbiter says nothing in time: bond back, and the job goes on.
    function resolveSilent(uint256 seed) external {
        seed = _begin("resolveSilent", seed);
        uint256 job = _disputedJob(seed);
        Job memory state = _jobs[job];
        bytes memory call = abi.encodeCall(jobEscrow.resolve, (job, state));
        if (_now() <= state.verdictBy) _refuse(_stranger, address(jobEscrow), call, "resolved before the verdict");
        _advanceTo(uint256(state.verdictBy) + 1);
        uint256 before = _balance(state, state.terms.requester);
        uint256 bond = _bondOf(job);
        _leaving();
        vm.prank(_stranger);
        jobEscrow.resolve(job, state);
        _read();
        equal(_balance(state, state.terms.requester) - before, bond, "7: the bond comes back");
        call = abi.encodeCall(jobEscrow.dispute, (job, _jobs[job]));
        _refuse(state.terms.requester, address(jobEscrow), call, "disputed twice");
        _done("resolveSilent");
    }

    // --------------------------------------------------------------------------------------------------- by the outcome

    function settle(uint256 seed) external {
        seed = _begin("settle", seed);
        (bool decided, uint256 job, uint256 epoch, uint256 index) = _decided(seed | 1 << 204);
        if (!decided || _rows[epoch][_jobs[job].device][index].result != 1) return;
        Job memory state = _jobs[job];
        _advanceTo(uint256(state.submittedAt) + state.terms.reviewBlocks + 1);
        LeafProof memory leaf = _proof(epoch, state.device);
        OutcomeProof memory outcome = _outcome(epoch, state.device, index);
        _leaving();
        vm.prank(_stranger);
        jobEscrow.settle(job, state, leaf, outcome);
        _done("settle");
    }

    function refundByOutcome(uint256 seed) external {
        seed = _begin("refundByOutcome", seed);
        (bool decided, uint256 job, uint256 epoch, uint256 index) = _decided(seed & ~(uint256(1) << 204));
        if (!decided || _rows[epoch][_jobs[job].device][index].result == 1) return;
        Job memory state = _jobs[job];
        LeafProof memory leaf = _proof(epoch, state.device);
        OutcomeProof memory outcome = _outcome(epoch, state.device, index);
        _leaving();
        vm.prank(_stranger);
        jobEscrow.refundByOutcome(job, state, leaf, outcome);
        _done("refundByOutcome");
    }

    function refund(uint256 seed) external {
        seed = _begin("refund", seed);
        uint256 job = seed % 3 == 0 ? _fund(seed) : seed % 3 == 1 ? _acceptedJob(seed) : _submittedJob(seed);
        Job memory state = _jobs[job];
        uint256 after_ = state.status == JobStatus.Funded ? state.terms.acceptBy : state.terms.submitBy;
        if (state.status == JobStatus.Submitted) after_ = _undecidedUntil(state);
        bytes memory call = abi.encodeCall(jobEscrow.refund, (job, state));
        if (_now() <= state.terms.acceptBy) _refuse(_stranger, address(jobEscrow), call, "refunded early");
        _advanceTo(after_ + 1);
        uint256 before = _balance(state, _payerOf(state));
        uint256 unpaid = _left[job];
        _leaving();
        vm.prank(_stranger);
        jobEscrow.refund(job, state);
        equal(_balance(state, _payerOf(state)) - before, unpaid, "7: back to the payer");
        _done("refund");
    }

    // --------------------------------------------------------------------------------------------------------- payments

    function collect(uint256 seed) external {
        seed = _begin("collect", seed);
        // The token refuses the provider its pay, which then waits.
        uint256 job = _fundIn(seed, _tokens[1]);
        _accept(job, seed);
        _submit(job, seed);
        Job memory state = _jobs[job];
        _blacklist.setBlocked(state.provider, true);
        vm.prank(state.terms.requester);
        jobEscrow.approve(job, state);
        bytes memory call = abi.encodeCall(jobEscrow.collect, (state.provider, address(_blacklist)));
        _refuse(_stranger, address(jobEscrow), call, "paid while blocked");
        _blacklist.setBlocked(state.provider, false);
        uint256 before = _blacklist.balanceOf(state.provider);
        _leaving();
        uint256 amount = jobEscrow.collect(state.provider, address(_blacklist));
        equal(_blacklist.balanceOf(state.provider) - before, amount, "collected");
        _done("collect");
    }

    function sweep(uint256 seed) external {
        seed = _begin("sweep", seed);
        IToken token = _tokens[seed % 2];
        if (jobEscrow.ledgerOf(address(token)).fees == 0) {
            uint256 job = _fundIn(seed | (1 << 60), token);
            _accept(job, seed);
            _submit(job, seed);
            vm.prank(_jobs[job].terms.requester);
            jobEscrow.approve(job, _jobs[job]);
        }
        if (jobEscrow.ledgerOf(address(token)).fees == 0) return;
        uint256 before = token.balanceOf(jobEscrow.feeRecipient());
        _leaving();
        uint256 amount = jobEscrow.sweep(address(token));
        equal(token.balanceOf(jobEscrow.feeRecipient()) - before, amount, "swept");
        _done("sweep");
    }

    function setFee(uint256 seed) external {
        seed = _begin("setFee", seed);
        uint256 bps = bound(seed, 0, jobEscrow.MAX_FEE_BPS());
        vm.prank(governor);
        jobEscrow.setFee(bps);
        vm.prank(governor);
        leaseEscrow.setFee(bps);
        uint256 over = bound(seed, jobEscrow.MAX_FEE_BPS() + 1, type(uint256).max);
        _refuse(governor, address(jobEscrow), abi.encodeCall(jobEscrow.setFee, (over)), "a fee above the bound");
        _refuse(governor, address(leaseEscrow), abi.encodeCall(leaseEscrow.setFee, (over)), "a fee above the bound");
        _done("setFee");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    /// @dev The last block in which a submitted job can't be refunded, as long as nobody attests or revokes.
    function _undecidedUntil(Job memory state) internal view returns (uint256 until) {
        until = state.verdictBy > state.terms.refundAt ? state.verdictBy : state.terms.refundAt;
        Timing memory timing = registry.timingAt(state.forcedSlot);
        uint256 epoch = timing.epochOf(state.forcedSlot);
        EpochStatus status = attestations.statusOf(epoch);
        if (status == EpochStatus.Void) return until;
        if (status == EpochStatus.Open) {
            uint256 deadline = attestations.deadline();
            return deadline > until ? deadline : until;
        }
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        if (attested.provableUntil > until) until = attested.provableUntil;
        until += timing.proofBlocks;
    }

    function _payerOf(Job memory state) internal pure returns (address) {
        return state.terms.sponsor == address(0) ? state.terms.requester : state.terms.sponsor;
    }

    function _balance(Job memory state, address account) internal view returns (uint256) {
        return IToken(state.terms.token).balanceOf(account);
    }

    function _fund(uint256 seed) internal returns (uint256 job) {
        return _fundIn(seed, _tokens[seed % 2]);
    }

    function _fundIn(uint256 seed, IToken token) internal returns (uint256 job) {
        return _fundFor(seed, token, address(0));
    }

    function _fundFor(uint256 seed, IToken token, address invited) internal returns (uint256 job) {
        Timing memory timing = registry.timingNow();
        Terms memory terms;
        terms.requester = _requesters[(seed >> 4) % 2];
        if ((seed >> 207) & 3 == 0) terms.sponsor = _sponsor;
        terms.token = address(token);
        terms.parts = uint16((seed >> 110) & 3) * 2;
        terms.price = uint96(_amount(seed, 1, 1e23) * (terms.parts < 2 ? 1 : terms.parts));
        terms.provider = invited;
        terms.minGops = 1;
        terms.collateral = uint96((seed >> 205) & 3 == 0 ? 0 : _amount(seed >> 3, 1, 500e18));
        terms.acceptBy = uint40(_now() + 45);
        terms.submitBy = uint40(_now() + 90);
        terms.reviewBlocks = uint32(5 + ((seed >> 100) % 60));
        uint256 decision = timing.slotBlocks + timing.epochBlocks() + timing.attestBlocks + timing.proofBlocks;
        terms.refundAt = uint40(terms.submitBy + 2 * decision + 60);
        address payer = terms.sponsor == address(0) ? terms.requester : terms.sponsor;
        _admit(payer, address(jobEscrow), abi.encodeCall(jobEscrow.fund, (terms)));
        vm.prank(payer);
        job = jobEscrow.fund(terms);
        _read();
        isTrue(keccak256(abi.encode(terms)) == keccak256(abi.encode(_jobs[job].terms)), "14: the job's terms");
    }

    function _accept(uint256 job, uint256 seed) internal {
        uint256 device = _find(seed, _fits);
        if (device == 0) {
            device = _register(_other(seed), 0);
            Timing memory timing = registry.timingNow();
            _advanceTo(timing.lastBlock(timing.epochOf(_slot())) + 2);
        }
        _acceptWith(job, device);
    }

    function _acceptWith(uint256 job, uint256 device) internal {
        address provider = registry.deviceOf(device).provider;
        _stakeAtLeast(provider, _jobs[job].terms.collateral);
        bytes memory call = abi.encodeCall(jobEscrow.accept, (job, _jobs[job], device));
        _admit(provider, address(jobEscrow), call);
        vm.prank(provider);
        jobEscrow.accept(job, _jobs[job], device);
        _read();
        Timing memory t = registry.timingNow();
        equal(_jobs[job].forcedSlot, t.slotAt(_now() + 2 * uint256(t.slotBlocks) - 1), "the forced slot");
    }

    function _fits(uint256 device) internal view returns (bool) {
        Timing memory t = registry.timingNow();
        uint256 forced = t.slotAt(_now() + 2 * uint256(t.slotBlocks) - 1);
        if (!_isFree(device) || registry.deviceOf(device).classId != 0) return false;
        for (uint256 job = _jobCount; job > 0 && job + 12 > _jobCount; --job) {
            if (_jobs[job].device == device && _jobs[job].forcedSlot == forced) return false;
        }
        return registry.isActive(device, forced);
    }

    function _submit(uint256 job, uint256 seed) internal {
        Job memory state = _jobs[job];
        vm.prank(state.provider);
        jobEscrow.submit(job, state, bytes32(seed));
        _read();
    }

    function _acceptedJob(uint256 seed) internal returns (uint256 job) {
        for (job = _jobCount; job > 0; --job) {
            if (_jobs[job].status == JobStatus.Accepted && _now() <= _jobs[job].terms.submitBy) return job;
        }
        job = _fund(seed);
        _accept(job, seed);
    }

    function _submittedJob(uint256 seed) internal returns (uint256 job) {
        for (job = _jobCount; job > 0 && seed & 1 << 206 != 0; --job) {
            if (_jobs[job].status == JobStatus.Submitted && _now() <= _jobs[job].terms.refundAt) return job;
        }
        job = _acceptedJob(seed);
        _submit(job, seed);
    }

    /// @return job One of which a part can still be paid; 0: there is none.
    function _partedJob() private view returns (uint256 job) {
        for (job = _jobCount; job > 0; --job) {
            Job storage state = _jobs[job];
            uint256 left = uint256(state.terms.parts) - (state.terms.parts == 0 ? 0 : state.paidParts);
            if (state.status == JobStatus.Accepted && left > 1) return job;
            if (state.status == JobStatus.Submitted && left > 0) return job;
        }
    }

    function _approval(uint256 job, Job memory state, bytes32 result) private view returns (bytes32) {
        bytes32 kind = keccak256("Approval(uint256 job,bytes32 terms,bytes32 result)");
        bytes32 terms =
            keccak256(abi.encode(state.terms, state.feeBps, state.provider, state.device, state.forcedSlot));
        return _typed("JobEscrow", address(jobEscrow), keccak256(abi.encode(kind, job, terms, result)));
    }

    function _refuseApproval(uint256 job, Job memory state, bytes32 digest, uint256 key, string memory what) private {
        bytes memory call = abi.encodeCall(jobEscrow.approveWithSignature, (job, state, _signature(key, digest)));
        _refuse(_stranger, address(jobEscrow), call, what);
    }

    // Disputes

    function _undisputedJob(uint256 seed) private returns (uint256 job) {
        job = _submittedJob(seed & ~(uint256(1) << 206));
        if (_now() <= uint256(_jobs[job].submittedAt) + _jobs[job].terms.reviewBlocks) return job;
        job = _fund(seed);
        _accept(job, seed);
        _submit(job, seed);
    }

    function _dispute(uint256 job) private {
        Job memory state = _jobs[job];
        bytes memory call = abi.encodeCall(jobEscrow.dispute, (job, state));
        _refuse(_stranger, address(jobEscrow), call, "a stranger's dispute");
        vm.prank(state.terms.requester);
        jobEscrow.dispute(job, state);
        _read();
        call = abi.encodeCall(jobEscrow.approve, (job, _jobs[job]));
        _refuse(state.terms.requester, address(jobEscrow), call, "7: a disputed job moved");
    }

    function _disputedJob(uint256 seed) private returns (uint256 job) {
        for (job = _jobCount; job > 0 && job + 8 > _jobCount; --job) {
            if (_jobs[job].status != JobStatus.Disputed) continue;
            (bool decided,) = oracleArbiter.verdictOf(address(jobEscrow), job);
            if (!decided) return job;
        }
        job = _undisputedJob(seed);
        _dispute(job);
    }

    /// @dev A disputed job, and the verdict of the oracle set in force: by a quorum, not by fewer, and only once.
    function _verdict(uint256 seed) private returns (bool, uint256 job) {
        job = _disputedJob(seed);
        uint256 setId = oracleArbiter.setInForce();
        if (setId == 0) return (false, job);
        bool forProvider = seed & 1 << 209 != 0;
        bytes32 digest = oracleArbiter.verdictDigest(
            job, keccak256(abi.encode(_jobs[job])), forProvider, attestations.configDigestOf(setId)
        );
        uint256 quorum = attestations.quorumOf(setId);
        bytes memory call = _verdictCall(job, forProvider, digest, setId, quorum - 1);
        if (call.length != 0) _refuse(_stranger, address(oracleArbiter), call, "11: a verdict of k - 1");
        call = _verdictCall(job, !forProvider, digest, setId, quorum);
        if (call.length == 0) {
            _seat(seed);
            return (false, job);
        }
        _refuse(_stranger, address(oracleArbiter), call, "11: the other verdict");
        call = _verdictCall(job, forProvider, digest, setId, quorum);
        vm.prank(_stranger);
        (bool ok,) = address(oracleArbiter).call(call);
        isTrue(ok, "a verdict of a quorum");
        _refuse(_stranger, address(oracleArbiter), call, "a second verdict");
        return (true, job);
    }

    function _verdictCall(uint256 job, bool forProvider, bytes32 digest, uint256 setId, uint256 need)
        private
        view
        returns (bytes memory)
    {
        (bool enough, uint256 signers, bytes memory signatures) = _sign(digest, setId, need, job);
        if (!enough) return "";
        return abi.encodeCall(oracleArbiter.attestVerdict, (job, _jobs[job], forProvider, signers, signatures));
    }

    /// @dev A submitted job whose forced outcome is final, and where that stands.
    function _decided(uint256 seed) private returns (bool, uint256 job, uint256 epoch, uint256 index) {
        job = _submittedJob(seed & ~(uint256(1) << 206));
        Job storage state = _jobs[job];
        epoch = registry.timingAt(state.forcedSlot).epochOf(state.forcedSlot);
        if (attestations.nextEpoch() > epoch) return (false, job, epoch, 0);
        if (!_attestThrough(epoch, 0, 0, seed & ~(uint256(1) << 203))) return (false, job, epoch, 0);
        _finish(epoch);
        index = _rowOf(epoch, state.device, state.forcedSlot, job);
        bool found = index != type(uint256).max && attestations.statusOf(epoch) == EpochStatus.Final;
        return (found, job, epoch, index);
    }
}
