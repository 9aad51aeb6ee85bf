// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {EpochStatus, IAttestations, LeafProof, OutcomeProof} from "./interfaces/IAttestations.sol";
import {Device, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {CloseReason, IJobEscrow, Job, JobStatus, Terms} from "./interfaces/IJobEscrow.sol";
import {IProviderStaking, SlashReason} from "./interfaces/IProviderStaking.sol";
import {Bps} from "./libraries/Bps.sol";
import {Slots, Timing} from "./libraries/Slots.sol";

/// @title See `IJobEscrow`: what each verb asks, changes and emits stands there.
contract JobEscrow is IJobEscrow, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Slots for Timing;

    /// @dev One word, nonzero from the first job on, so that a new job changes it and never adds one.
    struct Counter {
        uint64 jobs;
        uint16 feeBps;
    }

    uint256 public constant MAX_FEE_BPS = 500;
    uint256 public constant VICTIM_BPS = 2_500;

    uint256 private constant KIND_FORCED = 3;
    uint256 private constant RESULT_PASSED = 1;
    uint256 private constant RESULT_MISSED = 2;
    uint256 private constant RESULT_BAD_ITEM = 3;

    IDeviceRegistry private immutable REGISTRY;
    IProviderStaking private immutable STAKING;
    IAttestations private immutable ATTESTATIONS;
    address private immutable FEE_RECIPIENT;

    Counter private _counter;
    mapping(uint256 job => bytes32 hash) private _hashes;
    mapping(address token => Ledger) private _ledgers;
    mapping(address account => mapping(address token => uint256 amount)) private _owed;

    constructor(
        address authority,
        IDeviceRegistry registry,
        IProviderStaking staking,
        IAttestations attestations,
        address recipient,
        uint256 bps
    ) AccessManaged(authority) {
        REGISTRY = registry;
        STAKING = staking;
        ATTESTATIONS = attestations;
        FEE_RECIPIENT = recipient;
        _setFee(bps);
    }

    // ---------------------------------------------------------------------------------------------------- a job's life

    /// @inheritdoc IJobEscrow
    function fund(Terms calldata terms) external nonReentrant returns (uint256 job) {
        require(terms.requester == msg.sender, RequesterOnly(msg.sender, terms.requester));
        Ledger memory ledger = _ledgers[terms.token];
        require(ledger.allowed, TokenNotAllowed(terms.token));
        require(terms.price > 0, PriceZero());
        _requireLater("acceptBy", terms.acceptBy, block.number);
        _requireLater("submitBy", terms.submitBy, terms.acceptBy);
        _requireLater("refundAt", terms.refundAt, _leastRefundAt(terms));

        Counter memory counter = _counter;
        job = ++counter.jobs;
        _counter = counter;
        ledger.tracked += terms.price;
        _ledgers[terms.token] = ledger;
        Job memory state;
        state.terms = terms;
        state.feeBps = counter.feeBps;
        state.status = JobStatus.Funded;
        _hashes[job] = _hashOf(state);

        emit JobFunded(job, terms.requester, terms.token, terms, counter.feeBps, ledger.tracked);

        _pull(IERC20(terms.token), terms.requester, terms.price, ledger.tracked);
    }

    /// @inheritdoc IJobEscrow
    function accept(uint256 job, Job calldata state, uint256 device) external nonReentrant {
        Job memory next = _load(job, state, JobStatus.Funded);
        Terms memory terms = next.terms;
        _requireBy(job, terms.acceptBy);
        uint256 slot = _forcedSlot(terms);
        Device memory held = REGISTRY.hold(device, slot);
        _requireOperator(held.provider);
        require(
            terms.provider == address(0) || terms.provider == held.provider,
            ProviderNotInvited(held.provider, terms.provider)
        );
        require(held.classId == terms.classId, DeviceUnfit("classId", held.classId, terms.classId));
        require(held.bondedGops >= terms.minGops, DeviceUnfit("bondedGops", held.bondedGops, terms.minGops));

        // Slots and device ids are 32 bits wide wherever they are kept: the registry knows no others.
        next.status = JobStatus.Accepted;
        next.provider = held.provider;
        next.device = uint32(device);
        next.forcedSlot = uint32(slot);
        _hashes[job] = _hashOf(next);
        if (terms.collateral > 0) STAKING.lock(held.provider, terms.collateral);

        emit JobAccepted(job, held.provider, device, slot, terms.collateral);
    }

    /// @inheritdoc IJobEscrow
    function submit(uint256 job, Job calldata state, bytes32 result) external nonReentrant {
        Job memory next = _load(job, state, JobStatus.Accepted);
        _requireOperator(next.provider);
        _requireBy(job, next.terms.submitBy);

        next.status = JobStatus.Submitted;
        next.submittedAt = uint40(block.number);
        next.result = result;
        _hashes[job] = _hashOf(next);

        emit JobSubmitted(job, next.provider, result, block.number);
    }

    /// @inheritdoc IJobEscrow
    function approve(uint256 job, Job calldata state) external nonReentrant {
        Job memory next = _load(job, state, JobStatus.Submitted);
        require(msg.sender == next.terms.requester, RequesterOnly(msg.sender, next.terms.requester));

        _settle(job, next, CloseReason.Approved);
    }

    /// @inheritdoc IJobEscrow
    function settle(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        external
        nonReentrant
    {
        Job memory next = _load(job, state, JobStatus.Submitted);
        _requireAfter(job, uint256(next.submittedAt) + next.terms.reviewBlocks);
        _requireForced(job, next, leaf, outcome);
        uint256 result = outcome.outcome.result;
        require(result == RESULT_PASSED, OutcomeNotPassed(job, result));

        _settle(job, next, CloseReason.OutcomePassed);
    }

    /// @inheritdoc IJobEscrow
    function refund(uint256 job, Job calldata state) external nonReentrant {
        Job memory next = _load(job, state);

        if (next.status == JobStatus.Funded) {
            _requireAfter(job, next.terms.acceptBy);
            _refund(job, next, CloseReason.NotAccepted, SlashReason.None);
        } else if (next.status == JobStatus.Accepted) {
            _requireAfter(job, next.terms.submitBy);
            _refund(job, next, CloseReason.NotSubmitted, SlashReason.JobNotSubmitted);
        } else {
            require(next.status == JobStatus.Submitted, JobStatusWrong(job, next.status, JobStatus.Submitted));
            _requireAfter(job, next.terms.refundAt);
            _requireUndecided(job, next);
            _refund(job, next, CloseReason.NotAttested, SlashReason.None);
        }
    }

    /// @inheritdoc IJobEscrow
    function refundByOutcome(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        external
        nonReentrant
    {
        Job memory next = _load(job, state, JobStatus.Submitted);
        _requireForced(job, next, leaf, outcome);
        uint256 result = outcome.outcome.result;
        require(result != RESULT_PASSED, OutcomePassed(job));

        if (result == RESULT_MISSED) {
            _refund(job, next, CloseReason.OutcomeMissed, SlashReason.JobOutcomeMissed);
        } else if (result == RESULT_BAD_ITEM) {
            _refund(job, next, CloseReason.OutcomeBad, SlashReason.JobOutcomeBad);
        } else {
            _refund(job, next, CloseReason.OutcomeWithheld, SlashReason.None);
        }
    }

    // --------------------------------------------------------------------------------------------- what is left to pay

    /// @inheritdoc IJobEscrow
    function collect(address account, address token) external nonReentrant returns (uint256 amount) {
        amount = _owed[account][token];
        require(amount > 0, NothingOwed(account, token));

        _owed[account][token] = 0;
        uint128 tracked = _ledgers[token].tracked - uint128(amount); // owed ≤ tracked
        _ledgers[token].tracked = tracked;

        emit PaymentCollected(account, token, amount, tracked);

        IERC20(token).safeTransfer(account, amount);
    }

    /// @inheritdoc IJobEscrow
    function sweep(address token) external nonReentrant returns (uint256 amount) {
        Ledger memory ledger = _ledgers[token];
        amount = ledger.fees;
        require(amount > 0, NothingOwed(FEE_RECIPIENT, token));

        ledger.tracked -= ledger.fees;
        ledger.fees = 0;
        _ledgers[token] = ledger;

        emit FeesSwept(token, FEE_RECIPIENT, amount, ledger.tracked);

        IERC20(token).safeTransfer(FEE_RECIPIENT, amount);
    }

    // ------------------------------------------------------------------------------------------------------ parameters

    /// @inheritdoc IJobEscrow
    function allowToken(address token, bool allowed) external restricted {
        _ledgers[token].allowed = allowed;

        emit TokenAllowed(token, allowed);
    }

    /// @inheritdoc IJobEscrow
    function setFee(uint256 bps) external restricted {
        _setFee(bps);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IJobEscrow
    function jobHash(uint256 job) external view returns (bytes32) {
        return _hashes[job];
    }

    /// @inheritdoc IJobEscrow
    function jobCount() external view returns (uint256) {
        return _counter.jobs;
    }

    /// @inheritdoc IJobEscrow
    function feeBps() external view returns (uint256) {
        return _counter.feeBps;
    }

    /// @inheritdoc IJobEscrow
    function feeRecipient() external view returns (address) {
        return FEE_RECIPIENT;
    }

    /// @inheritdoc IJobEscrow
    function ledgerOf(address token) external view returns (Ledger memory) {
        return _ledgers[token];
    }

    /// @inheritdoc IJobEscrow
    function owedOf(address account, address token) external view returns (uint256) {
        return _owed[account][token];
    }

    // ---------------------------------------------------------------------------------------------------- closing a job

    function _settle(uint256 job, Job memory state, CloseReason reason) private {
        Terms memory terms = state.terms;
        uint256 fee = Bps.share(terms.price, state.feeBps);
        uint256 paid = terms.price - fee;

        state.status = JobStatus.Settled;
        _hashes[job] = _hashOf(state);
        Ledger memory ledger = _ledgers[terms.token];
        ledger.tracked -= uint128(paid); // both at most the price, which is 96 bits wide
        ledger.fees += uint120(fee);
        _ledgers[terms.token] = ledger;
        if (terms.collateral > 0) STAKING.unlock(state.provider, terms.collateral);
        REGISTRY.release(state.device);

        emit JobSettled(job, state.provider, terms.token, reason, paid, fee, ledger.tracked);

        _pay(terms.token, state.provider, paid);
    }

    /// @param fault Why the collateral is slashed; none: it is unlocked.
    function _refund(uint256 job, Job memory state, CloseReason reason, SlashReason fault) private {
        Terms memory terms = state.terms;
        bool accepted = state.status != JobStatus.Funded;

        state.status = JobStatus.Refunded;
        _hashes[job] = _hashOf(state);
        Ledger memory ledger = _ledgers[terms.token];
        ledger.tracked -= terms.price;
        _ledgers[terms.token] = ledger;
        uint256 slashed;
        if (accepted) {
            if (terms.collateral > 0) slashed = _returnCollateral(job, state, fault);
            REGISTRY.release(state.device);
        }

        emit JobRefunded(
            job, terms.requester, terms.token, reason, terms.price, slashed, Bps.share(slashed, VICTIM_BPS), ledger.tracked
        );

        _pay(terms.token, terms.requester, terms.price);
    }

    /// @return slashed What the collateral lost; of it ⌊slashed · VICTIM_BPS⌋ went to the requester.
    function _returnCollateral(uint256 job, Job memory state, SlashReason fault) private returns (uint256 slashed) {
        Terms memory terms = state.terms;
        if (fault == SlashReason.None) {
            STAKING.unlock(state.provider, terms.collateral);
        } else {
            slashed = STAKING.slash(
                state.provider, terms.collateral, address(0), 0, terms.requester, VICTIM_BPS, fault, bytes32(job)
            );
        }
    }

    // ----------------------------------------------------------------------------------------------------------- tokens

    /// @dev By difference of balances, so a token that keeps a fee is refused; so is one whose earlier holdings have shrunk,
    /// because new money would pay old debts.
    function _pull(IERC20 token, address from, uint256 amount, uint256 tracked) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        uint256 balance = token.balanceOf(address(this));
        uint256 have = Math.saturatingSub(balance, before);

        require(have == amount, TokenAmountMismatch(address(token), have, amount));
        require(balance >= tracked, TokenAmountMismatch(address(token), balance, tracked));
    }

    /// @dev The token is called last, and the job is closed whatever it does. One that burns all its gas leaves 1/64 of it:
    /// deferring needs less than 60,000, so 4,000,000 close any job, and no caller can starve a transfer that needs less.
    function _pay(address token, address account, uint256 amount) private {
        if (IERC20(token).trySafeTransfer(account, amount)) return;

        _ledgers[token].tracked += uint128(amount);
        uint256 owed = _owed[account][token] + amount;
        _owed[account][token] = owed;

        emit PaymentDeferred(account, token, amount, owed);
    }

    // ----------------------------------------------------------------------------------------------------------- checks

    function _load(uint256 job, Job calldata state) private view returns (Job memory) {
        bytes32 have = keccak256(abi.encode(state));
        bytes32 need = _hashes[job];
        require(have == need, JobStateMismatch(job, have, need));
        return state;
    }

    function _load(uint256 job, Job calldata state, JobStatus need) private view returns (Job memory loaded) {
        loaded = _load(job, state);
        require(loaded.status == need, JobStatusWrong(job, loaded.status, need));
    }

    function _hashOf(Job memory state) private pure returns (bytes32) {
        return keccak256(abi.encode(state));
    }

    function _requireLater(bytes32 field, uint256 have, uint256 least) private pure {
        require(have >= least, DeadlineInvalid(field, have, least));
    }

    function _requireBy(uint256 job, uint256 deadline) private view {
        require(block.number <= deadline, DeadlinePassed(job, block.number, deadline));
    }

    function _requireAfter(uint256 job, uint256 deadline) private view {
        require(block.number > deadline, DeadlineNotPassed(job, block.number, deadline));
    }

    function _requireOperator(address provider) private view {
        if (msg.sender == provider) return;
        address operator = STAKING.operatorOf(provider);
        require(msg.sender == operator, OperatorOnly(msg.sender, operator));
    }

    /// @dev The forced epoch must have time to become final, and the review to end, before an undecided job is refunded.
    function _leastRefundAt(Terms calldata terms) private view returns (uint256) {
        Timing memory timing = REGISTRY.timingNow();
        uint256 decision = timing.slotBlocks + timing.epochBlocks() + timing.attestBlocks + timing.proofBlocks;
        return terms.submitBy + Math.max(decision, terms.reviewBlocks);
    }

    /// @return slot The first that starts at least one slot from now, by the timing in force now.
    function _forcedSlot(Terms memory terms) private view returns (uint256 slot) {
        Timing memory timing = REGISTRY.timingNow();
        slot = timing.slotAt(block.number + 2 * uint256(timing.slotBlocks) - 1);
        uint256 windows = uint256(timing.attestBlocks) + timing.proofBlocks;

        // Another entry may be in force by then, or may have come into force since the job was funded; and an epoch isn't final
        // before the one that precedes it.
        timing = REGISTRY.timingAt(slot);
        windows = Math.max(windows, uint256(timing.attestBlocks) + timing.proofBlocks);
        _requireLater("submitBy", terms.submitBy, timing.startOf(slot));
        _requireLater("refundAt", terms.refundAt, timing.lastBlock(timing.epochOf(slot)) + windows + 1);
    }

    function _requireForced(uint256 job, Job memory state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        private
        view
    {
        bool forced = outcome.outcome.kind == KIND_FORCED && outcome.outcome.job == job
            && outcome.outcome.slot == state.forcedSlot && leaf.leaf.device == state.device;
        require(forced, OutcomeNotForced(job, outcome.outcome.slot, outcome.outcome.job));
        ATTESTATIONS.requireFinalOutcome(leaf, outcome);
    }

    /// @dev Once the forced epoch is final, its outcome has a proof window more to be shown.
    function _requireUndecided(uint256 job, Job memory state) private view {
        Timing memory timing = REGISTRY.timingAt(state.forcedSlot);
        if (block.number > uint256(state.terms.refundAt) + timing.proofBlocks) return;
        uint256 epoch = timing.epochOf(state.forcedSlot);
        require(ATTESTATIONS.statusOf(epoch) != EpochStatus.Final, OutcomeDecides(job, epoch));
    }

    function _setFee(uint256 bps) private {
        require(bps <= MAX_FEE_BPS, FeeTooHigh(bps, MAX_FEE_BPS));
        _counter.feeBps = uint16(bps);

        emit FeeSet(bps);
    }
}
