// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IArbiter} from "./interfaces/IArbiter.sol";
import {EpochStatus, IAttestations, LeafProof, OutcomeProof} from "./interfaces/IAttestations.sol";
import {Device, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {CloseReason, IJobEscrow, Job, JobStatus, Terms, Verdict} from "./interfaces/IJobEscrow.sol";
import {IPausable} from "./interfaces/IPausable.sol";
import {IProviderStaking, SlashReason} from "./interfaces/IProviderStaking.sol";
import {IResultReceiver} from "./interfaces/IResultReceiver.sol";
import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";
import {Bps} from "./libraries/Bps.sol";
import {LeafRules} from "./libraries/LeafRules.sol";
import {Outcome} from "./libraries/MerkleSum.sol";
import {Payments} from "./libraries/Payments.sol";
import {Penalties} from "./libraries/Penalties.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots, Timing} from "./libraries/Slots.sol";

/// @title See `IJobEscrow`: what each verb asks, changes and emits stands there.
contract JobEscrow is IJobEscrow, IPausable, AccessManaged, ReentrancyGuardTransient, EIP712, Multicall {
    using Address for address;
    using SafeERC20 for IERC20;
    using Slots for Timing;

    /// @dev One word, nonzero from the first job on, so that a new job changes it and never adds one.
    struct Counter {
        uint64 jobs;
        uint16 feeBps;
        bool paused;
    }

    uint256 public constant MAX_FEE_BPS = Payments.MAX_FEE_BPS;
    uint256 public constant VICTIM_BPS = 2_500;
    uint256 public constant DISPUTE_BPS = 1_000;
    uint256 public constant MAX_JOB_BLOCKS = 1 << 22;
    uint256 public constant CALLBACK_GAS = 200_000;
    uint256 public constant ARBITER_GAS = 200_000;
    /// @inheritdoc IJobEscrow
    uint256 public immutable FEE_BURN_BPS;
    /// @inheritdoc IJobEscrow
    uint256 public immutable VERDICT_BLOCKS;

    bytes32 private constant APPROVAL_TYPEHASH = keccak256("Approval(uint256 job,bytes32 terms,bytes32 result)");
    /// @dev What a verb needs besides, from where it has measured its gas to where it has called.
    uint256 private constant CALLING_GAS = 20_000;

    /// @dev Where the calldata of `fund` and `open` has the terms, and that of every other verb, after the job's number, the state. Both are
    /// static, so they lie there as abi.encode lays them: first what is fixed once a device is held, then what still changes. Bytes that
    /// abi.encode would not write never hash to a kept word.
    uint256 private constant TERMS = 4;
    uint256 private constant TERMS_END = TERMS + 16 * 32;
    uint256 private constant STATE = 4 + 32;
    uint256 private constant STATE_TERMS_END = STATE + 17 * 32;
    uint256 private constant STATE_STATUS = STATE_TERMS_END + 3 * 32;
    uint256 private constant STATE_END = STATE_STATUS + 5 * 32;
    /// @dev Behind the state, of `settle` and `refundByOutcome`: where the two proofs lie, then the proofs.
    uint256 private constant PROOFS = STATE_END + 2 * 32;

    ITensorbondToken private immutable TOKEN;
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
        ITensorbondToken token,
        IDeviceRegistry registry,
        IProviderStaking staking,
        IAttestations attestations,
        address orderBook,
        address defaultArbiter,
        address recipient,
        uint256 bps,
        uint256 burnBps,
        uint256 verdictBlocks
    ) AccessManaged(authority) EIP712("JobEscrow", "1") {
        require(
            verdictBlocks > 0 && verdictBlocks <= MAX_JOB_BLOCKS, VerdictBlocksInvalid(verdictBlocks, MAX_JOB_BLOCKS)
        );
        require(burnBps <= Bps.ONE, FeeBurnTooHigh(burnBps, Bps.ONE));
        TOKEN = token;
        REGISTRY = registry;
        STAKING = staking;
        ATTESTATIONS = attestations;
        ORDER_BOOK = orderBook;
        ARBITER = defaultArbiter;
        FEE_RECIPIENT = recipient;
        FEE_BURN_BPS = burnBps;
        VERDICT_BLOCKS = verdictBlocks;
        _setFee(bps);
    }

    // ---------------------------------------------------------------------------------------------------- a job's life

    /// @inheritdoc IJobEscrow
    function fund(Terms calldata terms) external nonReentrant returns (uint256 job) {
        address payer = _payerOf(terms);
        require(msg.sender == payer, PayerOnly(msg.sender, payer));
        // The forced epoch must have time to become final before an undecided job is refunded.
        _requireTerms(terms, Math.max(REGISTRY.decisionBlocks(), terms.reviewBlocks));
        uint256 bps;
        uint256 tracked;
        (job, bps, tracked) = _enter(terms);
        uint256 none = 0;

        _hashes[job] = keccak256(
            abi.encodePacked(
                msg.data[TERMS:TERMS_END], bps, none, none, none, uint256(JobStatus.Funded), none, none, none, none
            )
        );

        Payments.pull(terms.token, payer, terms.price, tracked);
    }

    /// @inheritdoc IJobEscrow
    function open(Terms calldata terms, uint256 device) external nonReentrant returns (uint256 job) {
        require(msg.sender == ORDER_BOOK, OrderBookOnly(msg.sender));
        // The slot that is forced here says itself when its epoch is final.
        _requireTerms(terms, terms.reviewBlocks);
        uint256 bps;
        uint256 tracked;
        (job, bps, tracked) = _enter(terms);
        (address provider, uint256 slot) = _accept(job, terms, device);
        _requireInvited(provider, terms.provider);
        uint256 none = 0;

        _hashes[job] = keccak256(
            abi.encodePacked(
                msg.data[TERMS:TERMS_END],
                bps,
                uint256(uint160(provider)),
                device,
                slot,
                uint256(JobStatus.Accepted),
                none,
                none,
                none,
                none
            )
        );

        Payments.pull(terms.token, _payerOf(terms), terms.price, tracked);
    }

    /// @inheritdoc IJobEscrow
    function assign(uint256 job, Job calldata state, address provider, uint96 price) external nonReentrant {
        _requireStatus(job, state, JobStatus.Funded);
        _requireBy(job, state.terms.acceptBy);
        _requireInvited(msg.sender, state.terms.provider);
        require(provider != address(0), ProviderZero());
        require(price <= state.terms.price, PriceRaised(price, state.terms.price));
        _requirePrice(price, state.terms.parts);

        _hashes[job] = keccak256(
            abi.encodePacked(
                msg.data[STATE:STATE + 3 * 32],
                uint256(price),
                uint256(state.terms.parts),
                uint256(uint160(provider)),
                msg.data[STATE + 6 * 32:STATE_END]
            )
        );
        address token = state.terms.token;
        uint256 returned = state.terms.price - price;
        uint256 tracked = _debit(token, returned);

        emit JobAssigned(job, provider, token, price, returned, tracked);

        if (returned > 0) _pay(token, _payerOf(state.terms), returned);
    }

    /// @inheritdoc IJobEscrow
    function accept(uint256 job, Job calldata state, uint256 device) external nonReentrant {
        require(!_counter.paused, Paused());
        _requireStatus(job, state, JobStatus.Funded);
        _requireBy(job, state.terms.acceptBy);
        (address provider, uint256 slot) = _accept(job, state.terms, device);
        _requireOperator(provider);
        if (state.terms.provider != address(0)) _requireInvited(provider, state.terms.provider);

        _hashes[job] = keccak256(
            abi.encodePacked(
                msg.data[STATE:STATE_TERMS_END],
                uint256(uint160(provider)),
                device,
                slot,
                uint256(JobStatus.Accepted),
                msg.data[STATE_STATUS + 32:STATE_END]
            )
        );
    }

    /// @inheritdoc IJobEscrow
    function submit(uint256 job, Job calldata state, bytes32 result) external {
        // Moves no money and calls a view at most, so it needs no guard against reentrance.
        _requireStatus(job, state, JobStatus.Accepted);
        _requireOperator(state.provider);
        _requireBy(job, state.terms.submitBy);

        _advance(job, JobStatus.Submitted, state.paidParts, 0, block.number, result);

        emit JobSubmitted(job, state.provider, result, block.number);
    }

    /// @inheritdoc IJobEscrow
    function approve(uint256 job, Job calldata state) external nonReentrant {
        _requireStatus(job, state, JobStatus.Submitted);
        _requireRequester(state);

        _settle(job, state);
    }

    /// @inheritdoc IJobEscrow
    function approvePart(uint256 job, Job calldata state, uint256 parts) external nonReentrant {
        if (state.status == JobStatus.Accepted) _requireState(job);
        else _requireStatus(job, state, JobStatus.Submitted);
        _requireRequester(state);
        uint256 left = _partsOf(state.terms) - state.paidParts;
        uint256 most = state.status == JobStatus.Accepted ? left - 1 : left;
        require(parts > 0 && parts <= most, PartsOutOfRange(job, parts, most));

        if (parts == left) _settle(job, state);
        else _payParts(job, state, parts);
    }

    /// @inheritdoc IJobEscrow
    function approveWithSignature(uint256 job, Job calldata state, bytes calldata signature) external nonReentrant {
        _requireStatus(job, state, JobStatus.Submitted);
        address requester = state.terms.requester;
        bytes32 terms = keccak256(msg.data[STATE:STATE_STATUS]);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(APPROVAL_TYPEHASH, job, terms, state.result)));
        require(Signatures.isBy(requester, digest, signature), ApprovalInvalid(job, requester));

        _settle(job, state);
    }

    /// @inheritdoc IJobEscrow
    function dispute(uint256 job, Job calldata state) external nonReentrant {
        _requireStatus(job, state, JobStatus.Submitted);
        _requireRequester(state);
        require(state.verdictBy == 0, DisputedAlready(job));
        _requireBy(job, uint256(state.submittedAt) + state.terms.reviewBlocks);

        address token = state.terms.token;
        uint256 bond = _bondOf(state);
        uint256 verdictBy = block.number + VERDICT_BLOCKS;
        _advance(job, JobStatus.Disputed, state.paidParts, verdictBy, state.submittedAt, state.result);
        uint256 tracked = _ledgers[token].tracked + bond;
        _ledgers[token].tracked = uint88(tracked); // at most twice the cap and the fees, and it was less than 2⁸⁷ + 2⁸⁰

        emit JobDisputed(job, msg.sender, token, bond, verdictBy, tracked);

        Payments.pull(token, msg.sender, bond, tracked);
    }

    /// @inheritdoc IJobEscrow
    function resolve(uint256 job, Job calldata state) external nonReentrant {
        _requireStatus(job, state, JobStatus.Disputed);
        Verdict verdict = _verdictOn(job, state.terms.arbiter);
        require(verdict != Verdict.None || block.number > state.verdictBy, VerdictPending(job, state.verdictBy));

        address token = state.terms.token;
        uint256 bond = _bondOf(state);
        address account = verdict == Verdict.ForProvider ? state.provider : state.terms.requester;
        uint256 tracked = _debit(token, bond);

        emit DisputeResolved(job, account, token, verdict, bond, tracked);

        if (verdict == Verdict.ForProvider) {
            _settle(job, state);
        } else if (verdict == Verdict.ForRequester) {
            _refund(job, state, CloseReason.VerdictForRequester, SlashReason.None);
        } else {
            _setStatus(job, JobStatus.Submitted);
            _pay(token, account, bond);
        }
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
        require(result == LeafRules.PASSED, OutcomeNotPassed(job, result));

        _settle(job, state);
    }

    /// @inheritdoc IJobEscrow
    function refund(uint256 job, Job calldata state) external nonReentrant {
        _requireState(job);
        CloseReason reason = CloseReason.NotAttested;
        if (state.status == JobStatus.Funded) {
            _requireAfter(job, state.terms.acceptBy);
            reason = CloseReason.NotAccepted;
        } else if (state.status == JobStatus.Accepted) {
            _requireAfter(job, state.terms.submitBy);
            reason = CloseReason.NotSubmitted;
        } else {
            require(state.status == JobStatus.Submitted, JobStatusWrong(job, state.status, JobStatus.Submitted));
            _requireUndecided(job, state);
        }

        _refund(job, state, reason, _faultOf(reason));
    }

    /// @inheritdoc IJobEscrow
    function refundByOutcome(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        external
        nonReentrant
    {
        _requireStatus(job, state, JobStatus.Submitted);
        _requireForced(job, state, leaf, outcome);
        uint256 result = outcome.outcome.result;
        require(result != LeafRules.PASSED, OutcomePassed(job));
        CloseReason reason = CloseReason.OutcomeWithheld;
        if (result == LeafRules.MISSED) reason = CloseReason.OutcomeMissed;
        else if (result == LeafRules.BAD_ITEM) reason = CloseReason.OutcomeBad;
        else if (result == LeafRules.SLOW) reason = CloseReason.OutcomeSlow;
        // What a lying quorum could not have been refuted in costs no stake here either.
        bool isSure = result != LeafRules.BAD_ITEM || _isRefutable(state.device, outcome.outcome);

        _refund(job, state, reason, isSure ? _faultOf(reason) : SlashReason.None);
    }

    // --------------------------------------------------------------------------------------------- what is left to pay

    /// @inheritdoc IJobEscrow
    function collect(address account, address token) external nonReentrant returns (uint256 amount) {
        amount = _owed[account][token];
        require(amount > 0, NothingOwed(account, token));

        _owed[account][token] = 0;
        uint256 tracked = _debit(token, amount);

        emit PaymentCollected(account, token, amount, tracked);

        IERC20(token).safeTransfer(account, amount);
    }

    /// @inheritdoc IJobEscrow
    function sweep(address token) external nonReentrant returns (uint256 amount) {
        Ledger memory ledger = _ledgers[token];
        uint256 fees = ledger.fees;
        require(fees > 0, NothingOwed(FEE_RECIPIENT, token));

        ledger.tracked -= ledger.fees;
        ledger.fees = 0;
        _ledgers[token] = ledger;
        uint256 burned = token == address(TOKEN) ? Bps.share(fees, FEE_BURN_BPS) : 0;
        amount = fees - burned;

        emit FeesSwept(token, FEE_RECIPIENT, amount, burned, ledger.tracked);

        if (burned > 0) TOKEN.burn(burned);
        if (amount > 0) IERC20(token).safeTransfer(FEE_RECIPIENT, amount);
    }

    /// @inheritdoc IJobEscrow
    function permit(address token, address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        Payments.permit(token, owner, address(this), amount, deadline, v, r, s);
    }

    // ------------------------------------------------------------------------------------------------------ parameters

    /// @inheritdoc IJobEscrow
    function allowToken(address token, uint256 cap) external restricted {
        require(cap <= Payments.MAX_CAP, CapTooHigh(cap, Payments.MAX_CAP));
        _ledgers[token].cap = uint88(cap);

        emit TokenAllowed(token, cap);
    }

    /// @inheritdoc IJobEscrow
    function setFee(uint256 bps) external restricted {
        _setFee(bps);
    }

    /// @inheritdoc IPausable
    function pause() external restricted {
        _counter.paused = true;

        emit PauseSet(true);
    }

    /// @inheritdoc IPausable
    function unpause() external restricted {
        _counter.paused = false;

        emit PauseSet(false);
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
    function arbiter() external view returns (address) {
        return ARBITER;
    }

    /// @inheritdoc IPausable
    function paused() external view returns (bool) {
        return _counter.paused;
    }

    /// @inheritdoc IJobEscrow
    function ledgerOf(address token) external view returns (Ledger memory) {
        return _ledgers[token];
    }

    /// @inheritdoc IJobEscrow
    function owedOf(address account, address token) external view returns (uint256) {
        return _owed[account][token];
    }

    // -------------------------------------------------------------------------------------------------- beginning a job

    /// @param undecided So many blocks from `submitBy` to `refundAt` at least, among them the review.
    function _requireTerms(Terms calldata terms, uint256 undecided) private view {
        require(terms.requester != address(0), RequesterZero());
        _requirePrice(terms.price, terms.parts);
        _requireLater("acceptBy", terms.acceptBy, block.number);
        _requireLater("submitBy", terms.submitBy, terms.acceptBy);
        _requireLater("refundAt", terms.refundAt, terms.submitBy + undecided);
        uint256 latest = block.number + MAX_JOB_BLOCKS;
        require(terms.refundAt <= latest, RefundTooLate(terms.refundAt, latest));
    }

    /// @dev Its event encodes the terms, and so refuses bytes that abi.encode would not write.
    function _enter(Terms calldata terms) private returns (uint256 job, uint256 bps, uint256 tracked) {
        Counter storage counter = _counter;
        require(!counter.paused, Paused());
        Ledger storage ledger = _ledgers[terms.token];
        uint256 cap = ledger.cap;
        require(cap > 0, TokenNotAllowed(terms.token));
        tracked = uint256(ledger.tracked) + terms.price;
        uint256 escrowed = tracked - ledger.fees;
        require(escrowed <= cap, CapExceeded(terms.token, escrowed, cap));

        bps = counter.feeBps;
        job = uint256(counter.jobs) + 1;
        counter.jobs = uint64(job);
        ledger.tracked = uint88(tracked); // at most cap + fees, which are 87 and 80 bits

        emit JobFunded(job, terms.requester, terms.token, terms, bps, tracked);
    }

    /// @dev Hold the device, lock the collateral, and emit; the job's word is the caller's.
    function _accept(uint256 job, Terms calldata terms, uint256 device) private returns (address provider, uint256 slot) {
        Device memory held;
        uint256 startsAt;
        uint256 finalFrom;
        (held, slot, startsAt, finalFrom) = REGISTRY.force(device);
        provider = held.provider;
        require(held.classId == terms.classId, DeviceUnfit("classId", held.classId, terms.classId));
        require(held.bondedGops >= terms.minGops, DeviceUnfit("bondedGops", held.bondedGops, terms.minGops));
        // The schedule may have changed since the job was funded.
        _requireLater("submitBy", terms.submitBy, startsAt);
        _requireLater("refundAt", terms.refundAt, finalFrom);

        // Without collateral, too: who is short takes no job.
        STAKING.lock(provider, terms.collateral);

        emit JobAccepted(job, provider, device, slot, terms.collateral);
    }

    // ---------------------------------------------------------------------------------------------------- closing a job

    function _settle(uint256 job, Job calldata state) private {
        address token = state.terms.token;
        CloseReason reason = CloseReason.Approved;
        if (msg.sig == this.settle.selector) reason = CloseReason.OutcomePassed;
        if (msg.sig == this.resolve.selector) reason = CloseReason.VerdictForProvider;

        _setStatus(job, JobStatus.Settled);
        (uint256 paid, uint256 fee, uint256 tracked) = _takeParts(state, _partsOf(state.terms));
        if (state.terms.collateral > 0) STAKING.unlock(state.provider, state.terms.collateral);
        REGISTRY.release(state.device);

        emit JobSettled(job, state.provider, token, reason, paid, fee, tracked);

        if (state.terms.callback != address(0)) _callBack(job, state);
        // In one transfer with the bond that a verdict gives it.
        if (state.status == JobStatus.Disputed) paid += _bondOf(state);
        _pay(token, state.provider, paid);
    }

    /// @dev Whether the provider could have shown in a transaction that the item which the outcome names is good.
    function _isRefutable(uint256 device, Outcome calldata outcome) private view returns (bool) {
        return Penalties.isRefutable(REGISTRY.classOf(REGISTRY.deviceOf(device).classId), false, outcome.item);
    }

    function _refund(uint256 job, Job calldata state, CloseReason reason, SlashReason fault) private {
        address token = state.terms.token;
        address payer = _payerOf(state.terms);
        uint256 unpaid = _unpaidOf(state);

        _setStatus(job, JobStatus.Refunded);
        uint256 tracked = _debit(token, unpaid);
        uint256 slashed;
        if (state.status != JobStatus.Funded) {
            if (state.terms.collateral > 0) slashed = _returnCollateral(job, state, fault);
            REGISTRY.release(state.device);
        }

        emit JobRefunded(job, payer, token, reason, unpaid, slashed, Bps.share(slashed, VICTIM_BPS), tracked);

        uint256 bond = state.status == JobStatus.Disputed ? _bondOf(state) : 0;
        address requester = state.terms.requester;
        if (payer == requester) (unpaid, bond) = (unpaid + bond, 0);
        bool paid = _pay(token, payer, unpaid);
        if (bond == 0) return;
        // Of a token that burned all the gas of one transfer too little is left for another.
        if (paid) _pay(token, requester, bond);
        else _defer(token, requester, bond);
    }

    /// @dev Its lock ends, all of it. @param fault Why it is slashed; none: it is unlocked.
    /// @return slashed What the collateral lost; of it ⌊slashed · VICTIM_BPS⌋ went to the requester.
    function _returnCollateral(uint256 job, Job calldata state, SlashReason fault) private returns (uint256 slashed) {
        uint256 collateral = state.terms.collateral;
        if (fault == SlashReason.None) {
            STAKING.unlock(state.provider, collateral);
        } else {
            slashed = STAKING.slash(
                state.provider, collateral, address(0), 0, state.terms.requester, VICTIM_BPS, fault, bytes32(job)
            );
            // What left with delegators and was withdrawn is not there to be slashed, and locks nothing from now on.
            if (slashed < collateral) STAKING.unlock(state.provider, collateral - slashed);
        }
    }

    function _faultOf(CloseReason reason) private pure returns (SlashReason) {
        if (reason == CloseReason.NotSubmitted) return SlashReason.JobNotSubmitted;
        if (reason == CloseReason.OutcomeMissed) return SlashReason.JobOutcomeMissed;
        if (reason == CloseReason.OutcomeBad) return SlashReason.JobOutcomeBad;
        return SlashReason.None;
    }

    // ------------------------------------------------------------------------------------------------ a job's one word

    /// @dev The hash of the given state with another end.
    function _advance(
        uint256 job,
        JobStatus status,
        uint256 paidParts,
        uint256 verdictBy,
        uint256 submittedAt,
        bytes32 result
    ) private {
        _hashes[job] = keccak256(
            abi.encodePacked(
                msg.data[STATE:STATE_STATUS], uint256(status), paidParts, verdictBy, submittedAt, result
            )
        );
    }

    /// @dev The hash of the given state with another status.
    function _setStatus(uint256 job, JobStatus status) private {
        _hashes[job] = keccak256(
            abi.encodePacked(msg.data[STATE:STATE_STATUS], uint256(status), msg.data[STATE_STATUS + 32:STATE_END])
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

    // ------------------------------------------------------------------------------------------------------------ money

    function _payerOf(Terms calldata terms) private pure returns (address) {
        return terms.sponsor == address(0) ? terms.requester : terms.sponsor;
    }

    function _partsOf(Terms calldata terms) private pure returns (uint256) {
        return Math.max(terms.parts, 1);
    }

    /// @return What the given number of parts is worth; exact, because the price is divisible by all.
    function _worth(Job calldata state, uint256 parts) private pure returns (uint256) {
        return (uint256(state.terms.price) * parts) / _partsOf(state.terms);
    }

    function _unpaidOf(Job calldata state) private pure returns (uint256) {
        return state.terms.price - _worth(state, state.paidParts);
    }

    /// @return What a requester that disputes the job deposits.
    function _bondOf(Job calldata state) private pure returns (uint256) {
        return Math.ceilDiv(_unpaidOf(state) * DISPUTE_BPS, Bps.ONE);
    }

    /// @dev Take what is due once `parts` parts in all will have been paid off the books. So many parts together bear the fee of one
    /// payment.
    function _takeParts(Job calldata state, uint256 parts) private returns (uint256 paid, uint256 fee, uint256 tracked) {
        uint256 before = _worth(state, state.paidParts);
        uint256 afterwards = _worth(state, parts);
        Ledger storage ledger = _ledgers[state.terms.token];
        uint256 fees = ledger.fees;
        fee = Bps.share(afterwards, state.feeBps) - Bps.share(before, state.feeBps);
        fee = Math.min(fee, Payments.MAX_FEES - fees);
        paid = afterwards - before - fee;
        tracked = ledger.tracked - paid;
        ledger.tracked = uint88(tracked); // less than before
        ledger.fees = uint80(fees + fee); // at most 2⁸⁰ − 1, by the choice of `fee`
    }

    function _debit(address token, uint256 amount) private returns (uint256) {
        uint88 tracked = _ledgers[token].tracked - uint88(amount); // what is unpaid or owed was tracked
        _ledgers[token].tracked = tracked;
        return tracked;
    }

    function _payParts(uint256 job, Job calldata state, uint256 parts) private {
        address token = state.terms.token;
        uint256 paidParts = state.paidParts + parts;

        _advance(job, state.status, paidParts, state.verdictBy, state.submittedAt, state.result);
        (uint256 paid, uint256 fee, uint256 tracked) = _takeParts(state, paidParts);

        emit JobPartsPaid(job, state.provider, token, paidParts, paid, fee, tracked);

        _pay(token, state.provider, paid);
    }

    // ----------------------------------------------------------------------------------------------------------- tokens

    /// @dev The token is called last, and the job is closed whatever it does. One that burns all its gas leaves 1/64 of it, deferring
    /// needs less than 30,000, and no verb calls a token again that has failed once: 2,000,000 gas, with an arbiter or a callback
    /// 4,000,000, close any job. So nor can a caller starve a transfer that needs less than that: nothing would be left to defer it
    /// with, and all is undone.
    function _pay(address token, address account, uint256 amount) private returns (bool paid) {
        paid = IERC20(token).trySafeTransfer(account, amount);
        if (!paid) _defer(token, account, amount);
    }

    function _defer(address token, address account, uint256 amount) private {
        _ledgers[token].tracked += uint88(amount); // it was tracked before
        uint256 owed = _owed[account][token] + amount;
        _owed[account][token] = owed;

        emit PaymentDeferred(account, token, amount, owed);
    }

    // ----------------------------------------------------------------------------------------------- who is not trusted

    /// @dev Called once all is entered, before the token, which may leave no gas; and with all its gas or not at all, so that neither
    /// it nor the caller can undo or skip anything.
    function _callBack(uint256 job, Job calldata state) private {
        address callback = state.terms.callback;
        _requireGas(CALLBACK_GAS);
        bool succeeded = callback.code.length > 0;
        if (succeeded) {
            // solhint-disable-next-line no-empty-blocks
            try IResultReceiver(callback).receiveResult{gas: CALLBACK_GAS}(bytes32(job), abi.encode(state.result)) {}
            catch {
                succeeded = false;
            }
        }

        emit CallbackCalled(job, callback, succeeded);
    }

    /// @dev Whatever the arbiter does or answers, it is no more than a verdict or none.
    function _verdictOn(uint256 job, address named) private view returns (Verdict) {
        _requireGas(ARBITER_GAS);
        bytes memory question = abi.encodeCall(IArbiter.verdictOf, (address(this), job));
        (bool succeeded, bytes memory answer) =
            (named == address(0) ? ARBITER : named).staticcall{gas: ARBITER_GAS}(question);
        if (!succeeded || answer.length != 64) return Verdict.None;
        (uint256 decided, uint256 forProvider) = abi.decode(answer, (uint256, uint256));
        if (decided != 1 || forProvider > 1) return Verdict.None;
        return forProvider == 1 ? Verdict.ForProvider : Verdict.ForRequester;
    }

    /// @dev A call is given at most 63/64 of what is left.
    function _requireGas(uint256 amount) private view {
        uint256 need = (amount * 64) / 63 + CALLING_GAS;
        require(gasleft() >= need, GasInsufficient(gasleft(), need));
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

    function _requireInvited(address have, address need) private pure {
        require(have == need, ProviderNotInvited(have, need));
    }

    function _requireRequester(Job calldata state) private view {
        require(msg.sender == state.terms.requester, RequesterOnly(msg.sender, state.terms.requester));
    }

    function _requirePrice(uint256 price, uint256 parts) private pure {
        require(price > 0, PriceZero());
        require(parts < 2 || price % parts == 0, PriceIndivisible(price, parts));
    }

    /// @dev `ATTESTATIONS.requireFinalOutcome(leaf, outcome)` gets the proofs as they came. Their places are counted from the first
    /// argument on, and the job and its state are left out; a place before `PROOFS` would be another one there. What is read of them
    /// here lies in them, at no place of its own.
    function _requireForced(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome)
        private
        view
    {
        uint256 leafAt = uint256(bytes32(msg.data[STATE_END:]));
        uint256 outcomeAt = uint256(bytes32(msg.data[STATE_END + 32:]));
        uint256 least = PROOFS - 4;
        require(leafAt >= least && outcomeAt >= least, ProofMisplaced(leafAt, outcomeAt, least));
        bool forced = outcome.outcome.kind == LeafRules.KIND_FORCED && outcome.outcome.job == job
            && outcome.outcome.slot == state.forcedSlot && leaf.leaf.device == state.device;
        require(forced, OutcomeNotForced(job, outcome.outcome.slot, outcome.outcome.job));

        bytes4 verb = IAttestations.requireFinalOutcome.selector;
        uint256 left = STATE_END - 4;
        address(ATTESTATIONS).functionStaticCall(
            abi.encodePacked(verb, leafAt - left, outcomeAt - left, msg.data[PROOFS:])
        );
    }

    /// @dev What is attested of the forced epoch decides, once it is final, and has a proof window more to be shown. While a revocation, of
    /// this epoch or an earlier one, leaves time to attest it anew, it may still be. A dispute stops the clock.
    function _requireUndecided(uint256 job, Job calldata state) private view {
        uint256 deadline = Math.max(state.terms.refundAt, state.verdictBy);
        _requireAfter(job, deadline);
        Timing memory timing = REGISTRY.timingAt(state.forcedSlot);
        uint256 epoch = timing.epochOf(state.forcedSlot);
        EpochStatus status = ATTESTATIONS.statusOf(epoch);
        if (status == EpochStatus.Void) return;
        uint256 until;
        if (status == EpochStatus.Open) {
            until = ATTESTATIONS.deadline();
        } else {
            (, IAttestations.Attested memory attested) = ATTESTATIONS.attestedOf(epoch);
            until = Math.max(deadline, attested.provableUntil) + timing.proofBlocks;
        }
        require(block.number > until, OutcomeDecides(job, epoch));
    }

    function _setFee(uint256 bps) private {
        require(bps <= MAX_FEE_BPS, FeeTooHigh(bps, MAX_FEE_BPS));
        _counter.feeBps = uint16(bps);

        emit FeeSet(bps);
    }
}
