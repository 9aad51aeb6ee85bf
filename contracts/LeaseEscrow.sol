// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IChallenges} from "./interfaces/IChallenges.sol";
import {Device, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {
    ILeaseEscrow,
    Lease,
    LeaseDeposit,
    LeaseExtra,
    LeasePause,
    LeaseState,
    LeaseStatus,
    LeaseTerms,
    StopReason
} from "./interfaces/ILeaseEscrow.sol";
import {IPausable} from "./interfaces/IPausable.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";
import {BlockHeader} from "./libraries/BlockHeader.sol";
import {Bps} from "./libraries/Bps.sol";
import {LeaseWords} from "./libraries/LeaseWords.sol";
import {Payments} from "./libraries/Payments.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots, Timing} from "./libraries/Slots.sol";

/// @title See `ILeaseEscrow`: what each verb asks, changes and emits stands there.
contract LeaseEscrow is ILeaseEscrow, IPausable, AccessManaged, ReentrancyGuardTransient, EIP712, Multicall {
    using LeaseWords for LeaseExtra;
    using LeaseWords for LeaseState;
    using LeaseWords for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using Slots for Timing;

    /// @dev One word, nonzero from the first lease on, so that a new lease changes it and never adds one.
    struct Counter {
        uint64 leases;
        uint16 feeBps;
        bool paused;
    }

    uint256 public constant MAX_FEE_BPS = Payments.MAX_FEE_BPS;
    uint256 public constant MAX_NOTICE = 30 days;
    uint256 public constant MIN_VOUCHER_BLOCKS = 50;
    uint256 public constant MAX_VOUCHER_BLOCKS = 1 << 22;

    bytes32 private constant VOUCHER_TYPEHASH = keccak256("Voucher(uint256 lease,uint256 amount)");

    /// @dev Where the calldata of `open` has the terms, and that of every other verb the lease's number and all that is fixed. All are
    /// static, so they lie there as abi.encode lays them: their hash is the place of the lease's word. Bytes that abi.encode would
    /// not write lead to no lease.
    uint256 private constant TERMS = 4;
    uint256 private constant TERMS_END = TERMS + 9 * 32;
    uint256 private constant LEASE = 4;
    uint256 private constant LEASE_END = LEASE + 13 * 32;

    uint256 public immutable FEE_BURN_BPS;

    ITensorbondToken private immutable TOKEN;
    IDeviceRegistry private immutable REGISTRY;
    IProviderStaking private immutable STAKING;
    IChallenges private immutable CHALLENGES;
    address private immutable ORDER_BOOK;
    address private immutable FEE_RECIPIENT;

    Counter private _counter;
    /// @dev Of a lease's two words and a token's: `LeaseWords`.
    mapping(bytes32 key => uint256 state) private _leases;
    mapping(bytes32 key => uint256 extra) private _extras;
    mapping(bytes32 key => mapping(address funder => mapping(uint256 from => LeaseDeposit))) private _deposits;
    mapping(bytes32 key => mapping(uint256 origin => LeasePause)) private _pauses;
    mapping(address token => uint256 ledger) private _ledgers;
    mapping(address account => mapping(address token => uint256 amount)) private _owed;

    constructor(
        address authority,
        ITensorbondToken token,
        IDeviceRegistry registry,
        IProviderStaking staking,
        IChallenges challenges,
        address orderBook,
        address recipient,
        uint256 bps,
        uint256 burnBps
    ) AccessManaged(authority) EIP712("LeaseEscrow", "1") {
        require(burnBps <= Bps.ONE, FeeBurnTooHigh(burnBps, Bps.ONE));
        TOKEN = token;
        FEE_BURN_BPS = burnBps;
        REGISTRY = registry;
        STAKING = staking;
        CHALLENGES = challenges;
        ORDER_BOOK = orderBook;
        FEE_RECIPIENT = recipient;
        _setFee(bps);
    }

    // -------------------------------------------------------------------------------------------------- a lease begins

    /// @inheritdoc ILeaseEscrow
    function open(LeaseTerms calldata terms, uint256 device, uint256 deposit)
        external
        nonReentrant
        returns (uint256 lease)
    {
        require(msg.sender == terms.requester, RequesterOnly(msg.sender, terms.requester));

        return _open(terms, device, deposit);
    }

    /// @inheritdoc ILeaseEscrow
    function openFor(LeaseTerms calldata terms, uint256 device, uint256 deposit)
        external
        nonReentrant
        returns (uint256 lease)
    {
        require(msg.sender == ORDER_BOOK, OrderBookOnly(msg.sender));

        return _open(terms, device, deposit);
    }

    /// @inheritdoc ILeaseEscrow
    function accept(uint256 lease, Lease calldata terms) external nonReentrant {
        (bytes32 key, LeaseState memory state) = _load();
        _requireStatus(lease, state, state.status == LeaseStatus.Offered);
        require(!_counter.paused, Paused());
        require(block.number <= terms.terms.acceptBy, OfferExpired(lease, block.number, terms.terms.acceptBy));
        address provider = terms.terms.provider;
        if (msg.sender != provider) {
            address operator = STAKING.operatorOf(provider);
            require(msg.sender == operator, OperatorOnly(msg.sender, operator));
        }

        state.status = LeaseStatus.Active;
        state.origin = uint40(block.timestamp);
        _save(key, state);
        _hold(terms.device, provider);

        emit LeaseStarted(lease, provider, terms.device, block.timestamp);
    }

    /// @inheritdoc ILeaseEscrow
    function topUp(uint256 lease, Lease calldata terms, uint256 amount) external nonReentrant {
        (bytes32 key, LeaseState memory state) = _load();
        _requireStatus(lease, state, state.status == LeaseStatus.Active);
        require(amount > 0, AmountZero());
        uint256 rate = terms.terms.rate;
        uint256 most = terms.terms.cap;
        address requester = terms.terms.requester;
        LeaseExtra memory extra = _extraOf(key, state, terms.terms);
        uint256 active = _activeNow(state, extra, rate);
        uint256 left = _leftOf(state, extra, rate, active);
        uint256 funds = state.funds + amount;
        require(funds <= most, DepositExceedsCap(lease, funds, most));

        state.funds = uint88(funds); // at most the cap
        if (_isPaused(state, rate, active, left)) {
            _requireLasting(lease, terms.terms, left + amount);
            _resume(lease, key, state, active);
        }
        if (!state.shared && msg.sender != requester) _share(lease, key, state, requester, funds - amount);
        if (state.shared) _deposits[key][msg.sender][funds - amount].amount = uint128(amount); // at most the cap
        _save(key, state);

        emit LeaseToppedUp(lease, msg.sender, amount, funds);

        _deposit(terms.terms.token, msg.sender, amount, terms.exposure);
    }

    // ----------------------------------------------------------------------------------------------------- it is paid

    /// @inheritdoc ILeaseEscrow
    function settle(uint256 lease, Lease calldata terms) external nonReentrant {
        (bytes32 key, LeaseState memory state) = _load();
        bool runs = _runs(state);
        _requireStatus(lease, state, runs || state.status == LeaseStatus.Stopped);
        require(block.number >= state.ripeAt, HeldBack(lease, block.number, state.ripeAt));

        (uint256 gross, uint256 fee) = _ripen(state, terms);
        if (runs) {
            uint256 active = _activeNow(state, _extraOf(key, state, terms.terms), terms.terms.rate);
            require(gross > 0 || active > state.heldSeconds, NothingToSettle(lease));
            _holdBack(state, active);
        } else {
            state.status = LeaseStatus.Closed;
        }
        _save(key, state);
        fee = _takeOff(terms.terms.token, gross, fee);
        uint256 paid = gross - fee;

        _emitSettled(lease, state, terms.terms.provider, paid, fee);
        _emitClosed(lease, state);

        if (paid > 0) _pay(terms.terms.token, terms.terms.provider, paid);
    }

    /// @inheritdoc ILeaseEscrow
    function redeem(uint256 lease, Lease calldata terms, uint256 amount, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 paid)
    {
        (bytes32 key, LeaseState memory state) = _load();
        _requireStatus(lease, state, _runs(state));
        require(terms.terms.voucherBlocks > 0, VouchersNotTaken(lease));
        address requester = terms.terms.requester;
        require(Signatures.isBy(requester, voucherDigest(lease, amount), signature), VoucherInvalid(lease, requester));
        LeaseExtra memory extra = _extraOf(key, state, terms.terms);
        uint256 left = _leftOf(state, extra, terms.terms.rate, _activeNow(state, extra, terms.terms.rate));
        uint256 gross = Math.min(Math.saturatingSub(amount, extra.redeemed), left);
        if (gross == 0) return 0;

        uint256 redeemed = extra.redeemed + gross;
        uint256 fee = Bps.share(redeemed, terms.feeBps) - Bps.share(extra.redeemed, terms.feeBps);
        extra.redeemed = uint96(redeemed); // at most the funds
        _extras[key] = extra.pack();
        fee = _takeOff(terms.terms.token, gross, fee);
        paid = gross - fee;

        emit VoucherRedeemed(lease, terms.terms.provider, paid, fee, redeemed);

        _pay(terms.terms.token, terms.terms.provider, paid);
    }

    // --------------------------------------------------------------------------------------------------------- it ends

    /// @inheritdoc ILeaseEscrow
    function giveNotice(uint256 lease, Lease calldata terms) external nonReentrant {
        (bytes32 key, LeaseState memory state) = _load();
        _requireStatus(lease, state, state.status == LeaseStatus.Active);
        StopReason reason = _partyReason(terms.terms);
        require(
            reason != StopReason.None, PartyOnly(msg.sender, terms.terms.requester, terms.terms.provider)
        );

        LeaseExtra memory extra = _extraOf(key, state, terms.terms);
        extra.endsAt = uint40(block.timestamp + terms.terms.notice);
        extra.stopFrom = uint40(block.number + terms.terms.voucherBlocks);
        extra.reason = reason;
        _extras[key] = extra.pack();
        state.status = LeaseStatus.Ending;
        _save(key, state);

        emit LeaseNoticed(lease, msg.sender, extra.endsAt, extra.stopFrom);
    }

    /// @inheritdoc ILeaseEscrow
    function stop(uint256 lease, Lease calldata terms) external nonReentrant {
        (bytes32 key, LeaseState memory state) = _load();
        if (state.status == LeaseStatus.Offered) return _withdraw(lease, key, state, terms);
        _requireStatus(lease, state, _runs(state));
        LeaseExtra memory extra = _extraOf(key, state, terms.terms);
        uint256 active = _activeNow(state, extra, terms.terms.rate);
        StopReason reason = _requireStoppable(lease, terms.terms, state, extra, active);

        (uint256 gross, uint256 fee) = block.number < state.ripeAt ? (0, 0) : _ripen(state, terms);
        _holdBack(state, active);
        uint256 refunded = _stop(state, terms, extra, reason);
        _save(key, state);
        fee = _takeOff(terms.terms.token, gross + refunded, fee);
        uint256 paid = gross - fee;
        if (terms.device != 0) REGISTRY.release(terms.device);

        if (gross > 0) _emitSettled(lease, state, terms.terms.provider, paid, fee);
        _emitStopped(lease, state, refunded);

        bool ok = refunded == 0 || _pay(terms.terms.token, terms.terms.requester, refunded);
        if (paid > 0) {
            if (ok) _pay(terms.terms.token, terms.terms.provider, paid);
            else _defer(terms.terms.token, terms.terms.provider, paid); // a token that burns gas leaves too little for another try
        }
    }

    /// @inheritdoc ILeaseEscrow
    function halt(uint256 lease, Lease calldata terms, bytes calldata header, uint256 resumedOrigin)
        external
        nonReentrant
    {
        (bytes32 key, LeaseState memory state) = _load();
        bool runs = _runs(state);
        _requireStatus(lease, state, (runs || state.status == LeaseStatus.Stopped) && terms.device != 0);
        (uint256 slot, StopReason reason) = _endOf(terms.device);
        uint256 time = _startOf(slot, header);
        LeaseExtra memory extra = _extraOf(key, state, terms.terms);
        uint256 have = runs ? _activeNow(state, extra, terms.terms.rate) : state.heldSeconds;
        uint256 active = _activeBy(lease, key, state.origin, have, time, resumedOrigin);
        active = Math.max(active, state.paidSeconds);
        require(runs || active < have, NothingToHalt(lease, have, active));

        if (active > state.heldSeconds) _holdBack(state, active);
        else state.heldSeconds = uint32(active); // it is less
        uint256 refunded = _stop(state, terms, extra, reason);
        _save(key, state);
        if (runs) REGISTRY.release(terms.device);

        emit LeaseHalted(lease, reason, slot, time, active, refunded, state.ripeAt);
        _emitClosed(lease, state);

        _payBack(terms.terms.token, terms.terms.requester, refunded);
    }

    /// @inheritdoc ILeaseEscrow
    function refund(uint256 lease, Lease calldata terms, address funder, uint256 from)
        external
        nonReentrant
        returns (uint256 amount)
    {
        (bytes32 key, LeaseState memory state) = _load();
        bool over = state.status == LeaseStatus.Stopped || state.status == LeaseStatus.Closed;
        _requireStatus(lease, state, over);
        LeaseDeposit memory paid = _deposits[key][funder][from];
        uint256 spent = _spentOf(_extraOf(key, state, terms.terms), terms.terms.rate, state.heldSeconds);
        uint256 unspent = Math.saturatingSub(from + paid.amount, Math.max(from, spent));
        amount = unspent - paid.refunded; // a halt only adds to what is unspent
        require(amount > 0, NothingToRefund(lease, funder, from));

        _deposits[key][funder][from].refunded = uint128(unspent); // at most the deposit

        emit LeaseRefunded(lease, funder, from, amount, unspent);

        _payBack(terms.terms.token, funder, amount);
    }

    // --------------------------------------------------------------------------------------------- what is left to pay

    /// @inheritdoc ILeaseEscrow
    function collect(address account, address token) external nonReentrant returns (uint256 amount) {
        amount = _owed[account][token];
        require(amount > 0, NothingOwed(account, token));

        _owed[account][token] = 0;
        _takeOff(token, amount, 0);

        emit PaymentCollected(account, token, amount);

        _send(token, account, amount);
    }

    /// @inheritdoc ILeaseEscrow
    function sweep(address token) external nonReentrant returns (uint256 amount) {
        (uint256 tracked, uint256 fees, uint256 cap) = _ledgers[token].ledger();
        require(fees > 0, NothingOwed(FEE_RECIPIENT, token));

        tracked -= fees;
        _ledgers[token] = LeaseWords.pack(tracked, 0, cap);
        uint256 burned = token == address(TOKEN) ? Bps.share(fees, FEE_BURN_BPS) : 0;
        amount = fees - burned;

        emit FeesSwept(token, FEE_RECIPIENT, amount, burned, tracked);

        if (burned > 0) TOKEN.burn(burned);
        if (amount > 0) _send(token, FEE_RECIPIENT, amount);
    }

    /// @inheritdoc ILeaseEscrow
    function permit(address token, address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        Payments.permit(token, owner, address(this), amount, deadline, v, r, s);
    }

    // ------------------------------------------------------------------------------------------------------ parameters

    /// @inheritdoc ILeaseEscrow
    function allowToken(address token, uint256 cap) external restricted {
        require(cap <= Payments.MAX_CAP, CapTooHigh(cap, Payments.MAX_CAP));
        (uint256 tracked, uint256 fees,) = _ledgers[token].ledger();
        _ledgers[token] = LeaseWords.pack(tracked, fees, cap);

        emit TokenAllowed(token, cap);
    }

    /// @inheritdoc ILeaseEscrow
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

    /// @inheritdoc ILeaseEscrow
    function leaseCount() external view returns (uint256) {
        return _counter.leases;
    }

    /// @inheritdoc ILeaseEscrow
    function feeBps() external view returns (uint256) {
        return _counter.feeBps;
    }

    /// @inheritdoc IPausable
    function paused() external view returns (bool) {
        return _counter.paused;
    }

    /// @inheritdoc ILeaseEscrow
    function feeRecipient() external view returns (address) {
        return FEE_RECIPIENT;
    }

    /// @inheritdoc ILeaseEscrow
    function ledgerOf(address token) external view returns (LeaseLedger memory) {
        (uint256 tracked, uint256 fees, uint256 cap) = _ledgers[token].ledger();
        return LeaseLedger(uint88(tracked), uint80(fees), uint88(cap));
    }

    /// @inheritdoc ILeaseEscrow
    function owedOf(address account, address token) external view returns (uint256) {
        return _owed[account][token];
    }

    /// @inheritdoc ILeaseEscrow
    function stateOf(uint256, Lease calldata)
        external
        view
        returns (LeaseState memory state, LeaseExtra memory extra)
    {
        bytes32 key;
        (key, state) = _load();
        extra.unpack(_extras[key]);
    }

    /// @inheritdoc ILeaseEscrow
    function depositOf(uint256, Lease calldata, address funder, uint256 from) external view returns (LeaseDeposit memory) {
        (bytes32 key,) = _load();
        return _deposits[key][funder][from];
    }

    /// @inheritdoc ILeaseEscrow
    function runway(uint256, Lease calldata terms)
        external
        view
        returns (uint256 time, uint256 active, uint256 left)
    {
        (bytes32 key, LeaseState memory state) = _load();
        LeaseExtra memory extra = _extraOf(key, state, terms.terms);
        uint256 rate = terms.terms.rate;
        bool runs = _runs(state);
        active = runs ? _activeNow(state, extra, rate) : state.heldSeconds;
        left = _leftOf(state, extra, rate, active);
        if (!runs) return (0, active, left);
        time = rate == 0 ? type(uint256).max : left / rate;
        if (extra.endsAt != 0) time = Math.min(time, Math.saturatingSub(extra.endsAt, block.timestamp));
    }

    /// @inheritdoc ILeaseEscrow
    function voucherDigest(uint256 lease, uint256 amount) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPEHASH, lease, amount)));
    }

    // --------------------------------------------------------------------------------------------------------- opening

    /// @dev It starts at once if the order book has the provider's word, or no device needs it.
    function _open(LeaseTerms calldata terms, uint256 device, uint256 deposit) private returns (uint256 lease) {
        Counter memory counter = _counter;
        require(!counter.paused, Paused());
        (,, uint256 exposure) = _ledgers[terms.token].ledger();
        require(exposure > 0, TokenNotAllowed(terms.token));
        require(deposit > 0, AmountZero());
        lease = ++counter.leases;
        require(deposit <= terms.cap, DepositExceedsCap(lease, deposit, terms.cap));
        _requireTerms(terms, device);
        _requireLasting(lease, terms, deposit);

        _counter = counter;
        bool starts = device == 0 || msg.sender == ORDER_BOOK;
        LeaseState memory state;
        state.funds = uint88(deposit); // at most the cap
        state.status = starts ? LeaseStatus.Active : LeaseStatus.Offered;
        if (starts) state.origin = uint40(block.timestamp);
        bytes memory fixed_ = abi.encode(device.toUint32(), counter.feeBps, exposure);
        bytes32 key = keccak256(bytes.concat(bytes32(lease), msg.data[TERMS:TERMS_END], fixed_));
        _save(key, state);
        if (terms.voucherBlocks != 0) {
            LeaseExtra memory extra;
            extra.vouchers = true;
            _extras[key] = extra.pack();
        }

        emit LeaseOpened(lease, terms.requester, terms.provider, terms, device, counter.feeBps, exposure, deposit);
        if (starts) {
            if (device != 0) _hold(device, terms.provider);
            emit LeaseStarted(lease, terms.provider, device, block.timestamp);
        }

        _deposit(terms.token, terms.requester, deposit, exposure);
    }

    function _hold(uint256 device, address provider) private {
        Device memory held = REGISTRY.hold(device, 0);
        require(held.provider == provider, ProviderMismatch(held.provider, provider));
        uint256 since = STAKING.shortSince(provider);
        require(since == 0, ProviderShort(provider, since));
    }

    /// @dev Terms under which no side is bound for ever, no second is lost in 32 bits, and something can be paid.
    function _requireTerms(LeaseTerms calldata terms, uint256 device) private pure {
        uint256 rate = terms.rate;
        uint256 blocks = terms.voucherBlocks;
        uint256 most = rate > 0 ? Math.min(rate * type(uint32).max, Payments.MAX_CAP) : Payments.MAX_CAP;
        (bytes32 field, uint256 have, uint256 bound) = (0, 0, 0);
        if (terms.provider == address(0)) (field, bound) = ("provider", 1);
        if ((rate == 0 || blocks > 0) && blocks < MIN_VOUCHER_BLOCKS) {
            (field, have, bound) = ("voucherBlocks", blocks, MIN_VOUCHER_BLOCKS);
        }
        if (blocks > MAX_VOUCHER_BLOCKS) (field, have, bound) = ("voucherBlocks", blocks, MAX_VOUCHER_BLOCKS);
        if (device == 0 && rate > 0) (field, have, bound) = ("rate", rate, 0);
        if (terms.cap > most) (field, have, bound) = ("cap", terms.cap, most);
        if (terms.notice > MAX_NOTICE) (field, have, bound) = ("notice", terms.notice, MAX_NOTICE);
        if (terms.grace > MAX_NOTICE) (field, have, bound) = ("grace", terms.grace, MAX_NOTICE);
        require(field == 0, TermsInvalid(field, have, bound));
    }

    /// @dev Who pays for a second at a time would keep a device for its grace almost free.
    function _requireLasting(uint256 lease, LeaseTerms calldata terms, uint256 left) private pure {
        uint256 rate = terms.rate;
        if (rate == 0) return;
        require(left / rate >= terms.grace, DepositInsufficient(lease, left / rate, terms.grace));
    }

    // -------------------------------------------------------------------------------------------------- active seconds

    /// @dev While the lease runs. Nothing accrues past the money or the notice; and the funds, at most the cap, never buy 2³² seconds.
    function _activeNow(LeaseState memory state, LeaseExtra memory extra, uint256 rate) private view returns (uint256) {
        if (rate == 0) return 0;
        uint256 time = state.status == LeaseStatus.Ending ? Math.min(block.timestamp, extra.endsAt) : block.timestamp;
        return Math.min(time - state.origin, (state.funds - extra.redeemed) / rate);
    }

    /// @dev Whether the money has ended, so that a second more could not be paid.
    function _isPaused(LeaseState memory state, uint256 rate, uint256 active, uint256 left) private view returns (bool) {
        return rate != 0 && left < rate && block.timestamp >= state.origin + active;
    }

    /// @dev Time without money is left out of the count from now on.
    function _resume(uint256 lease, bytes32 key, LeaseState memory state, uint256 active) private {
        uint256 origin = block.timestamp - active;
        if (origin == state.origin) return;
        _pauses[key][origin] = LeasePause(state.origin, uint32(active));
        state.origin = uint40(origin);

        emit LeaseResumed(lease, active, origin);
    }

    /// @dev Seconds that were active at `time`, of the `have` that are now.
    function _activeBy(
        uint256 lease,
        bytes32 key,
        uint256 origin,
        uint256 have,
        uint256 time,
        uint256 resumedOrigin
    ) private view returns (uint256) {
        if (resumedOrigin != 0) {
            LeasePause memory pause_ = _pauses[key][resumedOrigin];
            require(
                pause_.origin != 0 && time < resumedOrigin + pause_.active, PauseMismatch(lease, resumedOrigin, time)
            );
            (origin, have) = (pause_.origin, Math.min(have, pause_.active));
        }
        LeasePause memory before = _pauses[key][origin];
        if (time < origin + before.active) {
            require(before.origin == 0, PauseMismatch(lease, resumedOrigin, time));
            return 0; // the lease had not begun
        }
        return Math.min(time - origin, have);
    }

    // ------------------------------------------------------------------------------------------------------------ money

    /// @dev What the seconds that are ripe come to, and the fee in that; they count as paid from now on. The fee is a share of all that was
    /// ever paid, so that no order of settling rounds it away.
    function _ripen(LeaseState memory state, Lease calldata terms) private pure returns (uint256 gross, uint256 fee) {
        uint256 rate = terms.terms.rate;
        uint256 bps = terms.feeBps;
        uint256 before = state.paidSeconds * rate;
        uint256 afterwards = state.heldSeconds * rate;
        fee = Bps.share(afterwards, bps) - Bps.share(before, bps);
        gross = afterwards - before;
        state.paidSeconds = state.heldSeconds;
    }

    /// @dev Let what has accrued ripen from now on.
    function _holdBack(LeaseState memory state, uint256 active) private view {
        if (active == state.heldSeconds) return;
        state.heldSeconds = uint32(active);
        state.ripeAt = uint40(_ripeAt());
    }

    /// @return ripe The first block in which no proof about this block's epoch, or an earlier one, can come as a surprise. Those under an
    /// earlier entry may be longer in proving, but no longer than stake is in unbonding.
    function _ripeAt() private view returns (uint256 ripe) {
        Timing memory timing = REGISTRY.timingNow();
        ripe = _ripeAfter(timing, timing.lastBlock(timing.epochOf(timing.slotAt(block.number))));
        while (timing.fromSlot != 0 && timing.fromBlock + STAKING.UNBONDING_BLOCKS() > ripe) {
            uint256 last = timing.fromBlock - 1;
            timing = REGISTRY.timingAt(timing.fromSlot - 1);
            ripe = Math.max(ripe, _ripeAfter(timing, last));
        }
    }

    /// @dev The attestation deadline and proof window of an epoch with this last block are over, and whatever the last block of that
    /// showed (F7, `enforce`) could be proven for an epoch more.
    function _ripeAfter(Timing memory timing, uint256 last) private pure returns (uint256) {
        return last + timing.attestBlocks + timing.proofBlocks + timing.epochBlocks();
    }

    /// @dev The end of accrual, whatever the cause: what is unspent is free. @return refunded What of it is the requester's alone.
    function _stop(LeaseState memory state, Lease calldata terms, LeaseExtra memory extra, StopReason reason)
        private
        pure
        returns (uint256 refunded)
    {
        state.status = state.paidSeconds == state.heldSeconds ? LeaseStatus.Closed : LeaseStatus.Stopped;
        state.reason = reason;
        if (!state.shared) {
            refunded = _leftOf(state, extra, terms.terms.rate, state.heldSeconds);
            state.funds -= uint88(refunded); // at most the funds
        }
    }

    /// @dev Note what the requester alone has paid, before the first deposit of another.
    function _share(uint256 lease, bytes32 key, LeaseState memory state, address requester, uint256 amount) private {
        state.shared = true;
        _deposits[key][requester][0].amount = uint128(amount); // at most the cap

        emit LeaseShared(lease, requester, amount);
    }

    function _leftOf(LeaseState memory state, LeaseExtra memory extra, uint256 rate, uint256 active)
        private
        pure
        returns (uint256)
    {
        return state.funds - _spentOf(extra, rate, active);
    }

    function _spentOf(LeaseExtra memory extra, uint256 rate, uint256 active) private pure returns (uint256) {
        return extra.redeemed + active * rate;
    }

    function _emitStopped(uint256 lease, LeaseState memory state, uint256 refunded) private {
        emit LeaseStopped(lease, state.reason, state.heldSeconds, refunded, state.ripeAt);
        _emitClosed(lease, state);
    }

    /// @dev Once the provider has all.
    function _emitClosed(uint256 lease, LeaseState memory state) private {
        if (state.status == LeaseStatus.Closed) emit LeaseClosed(lease);
    }

    function _emitSettled(uint256 lease, LeaseState memory state, address provider, uint256 paid, uint256 fee) private {
        emit LeaseSettled(lease, provider, paid, fee, state.paidSeconds, state.heldSeconds, state.ripeAt);
    }

    // ---------------------------------------------------------------------------------------------------------- ending

    /// @dev An offer that nobody took.
    function _withdraw(uint256 lease, bytes32 key, LeaseState memory state, Lease calldata terms) private {
        StopReason reason = StopReason.NotAccepted;
        if (block.number <= terms.terms.acceptBy) {
            reason = _partyReason(terms.terms);
            require(reason != StopReason.None, StopEarly(lease, block.number, uint256(terms.terms.acceptBy) + 1));
        }

        LeaseExtra memory extra;
        uint256 refunded = _stop(state, terms, extra, reason);
        _save(key, state);

        _emitStopped(lease, state, refunded);

        _payBack(terms.terms.token, terms.terms.requester, refunded);
    }

    /// @return Why the caller may stop the lease now.
    function _requireStoppable(
        uint256 lease,
        LeaseTerms calldata terms,
        LeaseState memory state,
        LeaseExtra memory extra,
        uint256 active
    ) private view returns (StopReason) {
        // What no second buys any more may still be a voucher's.
        if (terms.voucherBlocks == 0 && _isPaused(state, terms.rate, active, _leftOf(state, extra, terms.rate, active))) {
            bool free = block.timestamp > uint256(state.origin) + active + terms.grace;
            if (free || msg.sender == terms.requester) return StopReason.Exhausted;
        }
        if (state.status == LeaseStatus.Ending) {
            require(block.timestamp >= extra.endsAt, StopEarly(lease, block.timestamp, extra.endsAt));
            require(block.number >= extra.stopFrom, StopEarly(lease, block.number, extra.stopFrom));
            return extra.reason;
        }
        StopReason reason = _partyReason(terms);
        require(reason != StopReason.None, PartyOnly(msg.sender, terms.requester, terms.provider));
        require(terms.notice == 0 && terms.voucherBlocks == 0, NoticeNeeded(lease, terms.notice));
        return reason;
    }

    /// @return Whose wish it is that the lease ends, None if the caller is no side of it.
    function _partyReason(LeaseTerms calldata terms) private view returns (StopReason) {
        if (msg.sender == terms.requester) return StopReason.RequesterStopped;
        if (msg.sender == terms.provider || msg.sender == STAKING.operatorOf(terms.provider)) {
            return StopReason.ProviderStopped;
        }
        return StopReason.None;
    }

    /// @return slot The first in which the device counts for nothing, by a proven fault or because it was retired or suspended.
    function _endOf(uint256 device) private view returns (uint256 slot, StopReason reason) {
        IChallenges.Faults memory faults = CHALLENGES.faultsOf(device);
        slot = REGISTRY.deviceOf(device).untilSlot;
        require(faults.faulted || slot != type(uint32).max, DeviceStanding(device));
        if (faults.faulted && faults.earliestSlot <= slot) return (faults.earliestSlot, StopReason.Faulted);
        return (slot, StopReason.DeviceEnded);
    }

    /// @return time Of the slot's first block.
    function _startOf(uint256 slot, bytes calldata header) private view returns (uint256 time) {
        bytes32 need = CHALLENGES.beaconOf(slot);
        require(need != 0, SlotNotSealed(slot));
        bytes32 have = keccak256(header);
        require(have == need, HeaderMismatch(slot, have, need));
        bool ok;
        (ok, time) = BlockHeader.timestampOf(header);
        require(ok, HeaderMalformed(slot));
    }

    // ------------------------------------------------------------------------------------------------ a lease's one word

    function _load() private view returns (bytes32 key, LeaseState memory state) {
        key = keccak256(msg.data[LEASE:LEASE_END]);
        state.unpack(_leases[key]);
    }

    function _save(bytes32 key, LeaseState memory state) private {
        _leases[key] = state.pack();
    }

    function _requireStatus(uint256 lease, LeaseState memory state, bool ok) private pure {
        require(ok, LeaseStatusWrong(lease, state.status));
    }

    /// @dev Read only where there can be any.
    function _extraOf(bytes32 key, LeaseState memory state, LeaseTerms calldata terms)
        private
        view
        returns (LeaseExtra memory extra)
    {
        if (terms.voucherBlocks != 0 || state.status == LeaseStatus.Ending) extra.unpack(_extras[key]);
    }

    function _runs(LeaseState memory state) private pure returns (bool) {
        return state.status == LeaseStatus.Active || state.status == LeaseStatus.Ending;
    }

    // ----------------------------------------------------------------------------------------------------------- tokens

    /// @dev What was sent here by no verb fills no cap.
    function _deposit(address token, address from, uint256 amount, uint256 exposure) private {
        (uint256 tracked, uint256 fees, uint256 cap) = _ledgers[token].ledger();
        tracked += amount;
        uint256 most = Math.max(exposure, cap);
        require(tracked - fees <= most, ExposureExceeded(token, tracked - fees, most));
        _ledgers[token] = LeaseWords.pack(tracked, fees, cap);

        Payments.pull(token, from, amount, tracked);
    }

    /// @dev Take `amount` off the books, but for the fee in it, which stays until it is swept. @return kept The fee, as far as its bits
    /// hold it.
    function _takeOff(address token, uint256 amount, uint256 fee) private returns (uint256 kept) {
        if (amount == 0) return 0;
        (uint256 tracked, uint256 fees, uint256 cap) = _ledgers[token].ledger();
        kept = Math.min(fee, Payments.MAX_FEES - fees);
        _ledgers[token] = LeaseWords.pack(tracked + kept - amount, fees + kept, cap);
    }

    function _payBack(address token, address account, uint256 amount) private {
        if (amount == 0) return;
        _takeOff(token, amount, 0);
        _pay(token, account, amount);
    }

    /// @dev The token is called last, and the books stand whatever it does. One that burns all its gas leaves 1/64 of it, and deferring
    /// needs less than 30,000, twice in `stop`: 4,000,000 gas stop any lease. So nor can a caller starve a transfer that needs
    /// less than that: nothing would be left to defer it with, and all is undone.
    function _pay(address token, address account, uint256 amount) private returns (bool ok) {
        ok = IERC20(token).trySafeTransfer(account, amount);
        if (!ok) _defer(token, account, amount);
    }

    function _send(address token, address account, uint256 amount) private {
        require(IERC20(token).trySafeTransfer(account, amount), SafeERC20.SafeERC20FailedOperation(token));
    }

    function _defer(address token, address account, uint256 amount) private {
        (uint256 tracked, uint256 fees, uint256 cap) = _ledgers[token].ledger();
        _ledgers[token] = LeaseWords.pack(tracked + amount, fees, cap); // it was tracked before
        uint256 owed = _owed[account][token] + amount;
        _owed[account][token] = owed;

        emit PaymentDeferred(account, token, amount, owed);
    }

    function _setFee(uint256 bps) private {
        require(bps <= MAX_FEE_BPS, FeeTooHigh(bps, MAX_FEE_BPS));
        _counter.feeBps = uint16(bps);

        emit FeeSet(bps);
    }
}
