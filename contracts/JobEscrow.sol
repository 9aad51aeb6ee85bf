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
    uint256 public constant MAX_JOB_BLOCKS = 1 << 22;

    uint256 private constant KIND_FORCED = 3;
    uint256 private constant RESULT_PASSED = 1;
    uint256 private constant RESULT_MISSED = 2;
    uint256 private constant RESULT_BAD_ITEM = 3;
    uint256 private constant RESULT_SLOW = 5;

    /// @dev Where the calldata of every verb has `state`, after its selector and the job's number. A job is static, so it lies there
    /// as abi.encode lays it: first what `fund` fixed, then the tail that changes. Bytes that abi.encode would not write
    /// never hash to a kept word.
    uint256 private constant STATE = 4 + 32;
    uint256 private constant STATE_TAIL = STATE + 13 * 32;
    uint256 private constant STATE_END = STATE_TAIL + 6 * 32;

    IDeviceRegistry private immutable REGISTRY;
    IProviderStaking private immutable STAKING;
    IAttestations private immutable ATTESTATIONS;
    address private immutable FEE_RECIPIENT;
    address private immutable ORDER_BOOK;
    address private immutable ARBITER;

    Counter private _counter;
    mapping(uint256 job => bytes32 hash) private _hashes;
    mapping(address token => Ledger) private _ledgers;
    mapping(address account => mapping(address token => uint256 amount)) private _owed;

    constructor(
        address authority,
        IDeviceRegistry registry,
        IProviderStaking staking,
        IAttestations attestations,
        address orderBook,
        address arbiter,
        address recipient,
        uint256 bps
    ) AccessManaged(authority) {
        REGISTRY = registry;
        STAKING = staking;
        ATTESTATIONS = attestations;
        ORDER_BOOK = orderBook;
        ARBITER = arbiter;
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
        uint256 latest = block.number + MAX_JOB_BLOCKS;
        require(terms.refundAt <= latest, RefundTooLate(terms.refundAt, latest));

        Counter memory counter = _counter;
        job = ++counter.jobs;
        _counter = counter;
        ledger.tracked += terms.price;
        _ledgers[terms.token] = ledger;
        _hashes[job] = keccak256(abi.encode(terms, counter.feeBps, JobStatus.Funded, address(0), 0, 0, 0, bytes32(0)));

        emit JobFunded(job, terms.requester, terms.token, terms, counter.feeBps, ledger.tracked);

        _pull(IERC20(terms.token), terms.requester, terms.price, ledger.tracked);
    }

    /// @inheritdoc IJobEscrow
    function accept(uint256 job, Job calldata state, uint256 device) external nonReentrant {
        _requireStatus(job, state, JobStatus.Funded);
        _requireBy(job, state.terms.acceptBy);
        uint256 slot = _forcedSlot(state.terms);
        Device memory held = REGISTRY.hold(device, slot);
        _requireOperator(held.provider);
        _requireFit(state.terms, held);

        _advance(job, JobStatus.Accepted, held.provider, device, slot, 0, 0);
        uint256 collateral = state.terms.collateral;
        if (collateral > 0) STAKING.lock(held.provider, collateral);

        emit JobAccepted(job, held.provider, device, slot, collateral);
    }

    /// @inheritdoc IJobEscrow
    function submit(uint256 job, Job calldata state, bytes32 result) external nonReentrant {
        _requireStatus(job, state, JobStatus.Accepted);
        _requireOperator(state.provider);
        _requireBy(job, state.terms.submitBy);

        _advance(job, JobStatus.Submitted, state.provider, state.device, state.forcedSlot, block.number, result);

        emit JobSubmitted(job, state.provider, result, block.number);
    }

    /// @inheritdoc IJobEscrow
    function approve(uint256 job, Job calldata state) external nonReentrant {
        _requireStatus(job, state, JobStatus.Submitted);
        require(msg.sender == state.terms.requester, RequesterOnly(msg.sender, state.terms.requester));

        _settle(job, state, CloseReason.Approved);
    }

    /// @inheritdoc IJobEscrow
    function settle(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        external
        nonReentrant
    {
        _requireStatus(job, state, JobStatus.Submitted);
        _requireAfter(job, uint256(state.submittedAt) + state.terms.reviewBlocks);
        _requireForced(job, state, leaf, outcome);
        uint256 result = outcome.outcome.result;
        require(result == RESULT_PASSED, OutcomeNotPassed(job, result));

        _settle(job, state, CloseReason.OutcomePassed);
    }

    /// @inheritdoc IJobEscrow
    function refund(uint256 job, Job calldata state) external nonReentrant {
        if (state.status == JobStatus.Funded) {
            _requireState(job);
            _requireAfter(job, state.terms.acceptBy);
            _refund(job, state, CloseReason.NotAccepted, SlashReason.None);
        } else if (state.status == JobStatus.Accepted) {
            _requireState(job);
            _requireAfter(job, state.terms.submitBy);
            _refund(job, state, CloseReason.NotSubmitted, SlashReason.JobNotSubmitted);
        } else {
            _requireStatus(job, state, JobStatus.Submitted);
            _requireAfter(job, state.terms.refundAt);
            _requireUndecided(job, state);
            _refund(job, state, CloseReason.NotAttested, SlashReason.None);
        }
    }

    /// @inheritdoc IJobEscrow
    function refundByOutcome(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        external
        nonReentrant
    {
        _requireStatus(job, state, JobStatus.Submitted);
        _requireForced(job, state, leaf, outcome);
        uint256 result = outcome.outcome.result;
        require(result != RESULT_PASSED, OutcomePassed(job));

        if (result == RESULT_MISSED) {
            _refund(job, state, CloseReason.OutcomeMissed, SlashReason.JobOutcomeMissed);
        } else if (result == RESULT_BAD_ITEM) {
            _refund(job, state, CloseReason.OutcomeBad, SlashReason.JobOutcomeBad);
        } else if (result == RESULT_SLOW) {
            _refund(job, state, CloseReason.OutcomeSlow, SlashReason.None);
        } else {
            _refund(job, state, CloseReason.OutcomeWithheld, SlashReason.None);
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

    function _settle(uint256 job, Job calldata state, CloseReason reason) private {
        address token = state.terms.token;
        uint256 fee = Bps.share(state.terms.price, state.feeBps);
        uint256 paid = state.terms.price - fee;

        _close(job, JobStatus.Settled);
        Ledger memory ledger = _ledgers[token];
        ledger.tracked -= uint128(paid); // both at most the price, which is 96 bits wide
        ledger.fees += uint120(fee);
        _ledgers[token] = ledger;
        if (state.terms.collateral > 0) STAKING.unlock(state.provider, state.terms.collateral);
        REGISTRY.release(state.device);

        emit JobSettled(job, state.provider, token, reason, paid, fee, ledger.tracked);

        _pay(token, state.provider, paid);
    }

    /// @param fault Why the collateral is slashed; none: it is unlocked.
    function _refund(uint256 job, Job calldata state, CloseReason reason, SlashReason fault) private {
        address token = state.terms.token;
        address requester = state.terms.requester;
        uint256 price = state.terms.price;

        _close(job, JobStatus.Refunded);
        uint128 tracked = _ledgers[token].tracked - uint128(price); // 96 bits wide
        _ledgers[token].tracked = tracked;
        uint256 slashed;
        if (state.status != JobStatus.Funded) {
            if (state.terms.collateral > 0) slashed = _returnCollateral(job, state, fault);
            REGISTRY.release(state.device);
        }

        emit JobRefunded(job, requester, token, reason, price, slashed, Bps.share(slashed, VICTIM_BPS), tracked);

        _pay(token, requester, price);
    }

    /// @return slashed What the collateral lost; of it ⌊slashed · VICTIM_BPS⌋ went to the requester.
    function _returnCollateral(uint256 job, Job calldata state, SlashReason fault) private returns (uint256 slashed) {
        uint256 collateral = state.terms.collateral;
        if (fault == SlashReason.None) {
            STAKING.unlock(state.provider, collateral);
        } else {
            slashed = STAKING.slash(
                state.provider, collateral, address(0), 0, state.terms.requester, VICTIM_BPS, fault, bytes32(job)
            );
        }
    }

    // ------------------------------------------------------------------------------------------------ a job's one word

    /// @dev The hash of the given state with another tail.
    function _advance(
        uint256 job,
        JobStatus status,
        address provider,
        uint256 device,
        uint256 slot,
        uint256 submittedAt,
        bytes32 result
    ) private {
        bytes memory tail = abi.encode(status, provider, device, slot, submittedAt, result);
        _hashes[job] = keccak256(bytes.concat(msg.data[STATE:STATE_TAIL], tail));
    }

    /// @dev The hash of the given state with another status.
    function _close(uint256 job, JobStatus status) private {
        _hashes[job] = keccak256(
            bytes.concat(
                msg.data[STATE:STATE_TAIL], bytes32(uint256(status)), msg.data[STATE_TAIL + 32:STATE_END]
            )
        );
    }

    function _requireState(uint256 job) private view {
        bytes32 have = keccak256(msg.data[STATE:STATE_END]);
        bytes32 need = _hashes[job];
        require(have == need, JobStateMismatch(job, have, need));
    }

    function _requireStatus(uint256 job, Job calldata state, JobStatus need) private view {
        _requireState(job);
        require(state.status == need, JobStatusWrong(job, state.status, need));
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

    /// @dev The token is called last, and the job is closed whatever it does. One that burns all its gas leaves 1/64 of it, and
    /// deferring needs less than 30,000: 2,000,000 gas close any job. So nor can a caller starve a transfer that needs less
    /// than that: nothing would be left to defer it with, and all is undone.
    function _pay(address token, address account, uint256 amount) private {
        if (IERC20(token).trySafeTransfer(account, amount)) return;

        _ledgers[token].tracked += uint128(amount);
        uint256 owed = _owed[account][token] + amount;
        _owed[account][token] = owed;

        emit PaymentDeferred(account, token, amount, owed);
    }

    // ----------------------------------------------------------------------------------------------------------- checks

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

    function _requireFit(Terms calldata terms, Device memory device) private pure {
        address invited = terms.provider;
        require(invited == address(0) || invited == device.provider, ProviderNotInvited(device.provider, invited));
        require(device.classId == terms.classId, DeviceUnfit("classId", device.classId, terms.classId));
        require(device.bondedGops >= terms.minGops, DeviceUnfit("bondedGops", device.bondedGops, terms.minGops));
    }

    /// @dev The forced epoch must have time to become final, and the review to end, before an undecided job is refunded.
    function _leastRefundAt(Terms calldata terms) private view returns (uint256) {
        Timing memory timing = REGISTRY.timingNow();
        uint256 decision = timing.slotBlocks + timing.epochBlocks() + timing.attestBlocks + timing.proofBlocks;
        return terms.submitBy + Math.max(decision, terms.reviewBlocks);
    }

    /// @return slot The first that starts at least one slot from now, by the timing in force now.
    function _forcedSlot(Terms calldata terms) private view returns (uint256 slot) {
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

    function _requireForced(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        private
        view
    {
        bool forced = outcome.outcome.kind == KIND_FORCED && outcome.outcome.job == job
            && outcome.outcome.slot == state.forcedSlot && leaf.leaf.device == state.device;
        require(forced, OutcomeNotForced(job, outcome.outcome.slot, outcome.outcome.job));
        ATTESTATIONS.requireFinalOutcome(leaf, outcome);
    }

    /// @dev Once the forced epoch is final, its outcome has a proof window more to be shown.
    function _requireUndecided(uint256 job, Job calldata state) private view {
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
