// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What both sides of a lease agree on. Amounts are in the payment token's smallest unit.
struct LeaseTerms {
    /// Pays first, gives notice, signs vouchers, and has what is left if nobody else funded.
    address requester;
    /// Who is paid: the device's provider. Without a device, anyone.
    address provider;
    address token;
    /// Per second of use. Zero: only vouchers are paid.
    uint96 rate;
    /// The most that is ever deposited: with `rate`, also the longest that the lease can last (at most 2³²−1 seconds).
    uint96 cap;
    /// Seconds from a notice, by either side, to the end.
    uint32 notice;
    /// Seconds that a lease without money waits for a top-up before anyone may end it, and the least that such a top-up must last.
    uint32 grace;
    /// Blocks from a notice in which vouchers can still be redeemed. Zero: the lease takes no vouchers.
    uint32 voucherBlocks;
    /// The last block in which the provider may accept. (A matched lease is accepted already.)
    uint40 acceptBy;
}

/// @notice All that is fixed when a lease is opened. Every verb takes it; the chain keeps its hash, as the place of the lease's word.
struct Lease {
    LeaseTerms terms;
    /// Zero: none is held, and vouchers alone are paid.
    uint32 device;
    uint16 feeBps;
    /// The most of the token that may be open in the escrow after a top-up of this lease, or the cap of then, if that is more.
    uint128 exposure;
}

enum LeaseStatus {
    None,
    /// Waits for the provider.
    Offered,
    /// Accrues while there is money, and is paused while there is none.
    Active,
    /// Likewise, until its notice ends.
    Ending,
    /// What has accrued is held back until `ripeAt`.
    Stopped,
    /// The provider has been paid, the fee is booked.
    Closed
}

/// @notice Why a lease ended. Every terminal state has one.
enum StopReason {
    None,
    NotAccepted,
    RequesterStopped,
    ProviderStopped,
    Exhausted,
    /// A fault of the device was proven: nothing accrued from its slot on.
    Faulted,
    /// The device was retired or suspended: nothing accrued from then on.
    DeviceEnded
}

/// @notice A lease's word. Seconds are active ones, counted from the start: pauses are left out.
/// @dev Active seconds at time t, while Active or Ending: min(t, end of notice) − origin, at most ⌊(funds − redeemed) / rate⌋.
struct LeaseState {
    /// Σ deposits; less what went back to a requester who was the only funder.
    uint88 funds;
    /// The start's timestamp, later by all pauses.
    uint40 origin;
    /// Seconds paid out.
    uint32 paidSeconds;
    /// Seconds that may be paid in block `ripeAt` and later. Once Stopped: all there ever will be.
    uint32 heldSeconds;
    uint40 ripeAt;
    LeaseStatus status;
    StopReason reason;
    /// Somebody besides the requester has funded it: each deposit has a word of its own.
    bool shared;
}

/// @notice What vouchers and a notice add to a lease. One word.
struct LeaseExtra {
    /// Σ redeemed by vouchers, fee included.
    uint96 redeemed;
    /// The notice: accrual ends at this time, and anyone may stop the lease from block `stopFrom` on.
    uint40 endsAt;
    uint40 stopFrom;
    StopReason reason;
    /// The lease takes them: set when it is opened, so that the first voucher finds a word that is not zero.
    bool vouchers;
}

/// @notice One deposit into a shared lease. One word, kept under who paid it and what had been deposited before, `from`.
/// @dev Money is spent in the order in which it came, so of this is unspent what of [from, from + amount) lies above all that is spent.
struct LeaseDeposit {
    uint128 amount;
    /// Refunded so far.
    uint128 refunded;
}

/// @notice A pause that ended: until it began the origin was `origin`, and `active` seconds had been active. One word, kept under the
/// origin after it.
struct LeasePause {
    uint40 origin;
    uint32 active;
}

/// @title The only home of requesters' money in leases: offered → active (paused, resumed) → stopped → closed.
/// @dev One word per lease, under keccak256(abi.encode(lease, Lease)). Invariants 2, 8, 13, 14.
///
/// Accrued = rate × active seconds, to the wei, by block timestamps. What of it leaves, and when, is counted in blocks: `settle` notes
/// how much has accrued, and pays that once no epoch up to that block can reveal a fault any more, an epoch after its attestation
/// deadline and proof window. So neither a halted chain nor a bent timestamp lets money out before a proof. Where a proof must
/// become a time, it is the timestamp of the fault slot's first block, shown by that block's header: its hash is the slot's beacon.
interface ILeaseEscrow {
    /// @notice What is kept of a payment token.
    struct LeaseLedger {
        /// Σ open money of leases + Σ owed + fees.
        uint88 tracked;
        /// What would take them past 2⁸⁰ − 1 is left to the providers.
        uint80 fees;
        /// The most that `tracked − fees` may be after a deposit. Zero: no new leases in this token.
        uint88 cap;
    }

    event LeaseOpened(
        uint256 indexed lease,
        address indexed requester,
        address indexed provider,
        LeaseTerms terms,
        uint256 device,
        uint256 feeBps,
        uint256 exposure,
        uint256 deposit
    );
    event LeaseStarted(uint256 indexed lease, address indexed provider, uint256 indexed device, uint256 startedAt);
    /// `funds` are all deposits; in a shared lease this one is kept under `from` = funds − amount.
    event LeaseToppedUp(uint256 indexed lease, address indexed funder, uint256 amount, uint256 funds);
    /// The first other funder comes: what the requester has deposited until then, `amount`, is kept as one deposit, under `from` = 0.
    event LeaseShared(uint256 indexed lease, address indexed requester, uint256 amount);
    /// `active` seconds were active before the pause; `origin` is where they count from now.
    event LeaseResumed(uint256 indexed lease, uint256 active, uint256 origin);
    /// The provider got `paid`, and the escrow keeps `fee`, for the seconds up to `paidSeconds`; those up to `heldSeconds` follow from
    /// block `ripeAt` on.
    event LeaseSettled(
        uint256 indexed lease,
        address indexed provider,
        uint256 paid,
        uint256 fee,
        uint256 paidSeconds,
        uint256 heldSeconds,
        uint256 ripeAt
    );
    event VoucherRedeemed(
        uint256 indexed lease, address indexed provider, uint256 paid, uint256 fee, uint256 redeemed
    );
    event LeaseNoticed(uint256 indexed lease, address indexed by, uint256 endsAt, uint256 stopFrom);
    /// `active` seconds are all there will be; `refunded` went to the requester, unless the lease is shared.
    event LeaseStopped(
        uint256 indexed lease, StopReason indexed reason, uint256 active, uint256 refunded, uint256 ripeAt
    );
    /// What had accrued since the first block of `slot`, at time `haltedAt`, goes back to the funders.
    event LeaseHalted(
        uint256 indexed lease,
        StopReason indexed reason,
        uint256 slot,
        uint256 haltedAt,
        uint256 active,
        uint256 refunded,
        uint256 ripeAt
    );
    event LeaseRefunded(
        uint256 indexed lease, address indexed funder, uint256 from, uint256 amount, uint256 refunded
    );
    /// The provider has all.
    event LeaseClosed(uint256 indexed lease);

    event TokenAllowed(address indexed token, uint256 cap);
    event FeeSet(uint256 feeBps);
    /// The token refused to pay `account`; the amount waits for `collect`.
    event PaymentDeferred(address indexed account, address indexed token, uint256 amount, uint256 owed);
    event PaymentCollected(address indexed account, address indexed token, uint256 amount);
    /// amount + burned = the fees that were there.
    event FeesSwept(address indexed token, address indexed to, uint256 amount, uint256 burned, uint256 tracked);

    error TokenNotAllowed(address token);
    error ExposureExceeded(address token, uint256 have, uint256 most);
    error AmountZero();
    error TermsInvalid(bytes32 field, uint256 have, uint256 bound);
    error DepositExceedsCap(uint256 lease, uint256 have, uint256 most);
    /// There is no lease with this number and these terms, or it is not in this state.
    error LeaseStatusWrong(uint256 lease, LeaseStatus have);
    error OrderBookOnly(address account);
    error RequesterOnly(address account, address requester);
    error ProviderMismatch(address have, address need);
    /// Less is active than is locked, since block `since`.
    error ProviderShort(address provider, uint256 since);
    error PartyOnly(address account, address requester, address provider);
    error OperatorOnly(address account, address operator);
    error OfferExpired(uint256 lease, uint256 blockNumber, uint256 acceptBy);
    /// The offer can still be accepted, the notice hasn't ended, or the grace of a lease without money hasn't.
    error StopEarly(uint256 lease, uint256 have, uint256 need);
    error NoticeNeeded(uint256 lease, uint256 notice);
    /// What starts or resumes a lease must last at least its grace, in seconds.
    error DepositInsufficient(uint256 lease, uint256 have, uint256 need);
    /// What is to be paid next is held back until block `ripeAt`.
    error HeldBack(uint256 lease, uint256 blockNumber, uint256 ripeAt);
    error VoucherInvalid(uint256 lease, address signer);
    error VouchersNotTaken(uint256 lease);
    error DeviceStanding(uint256 device);
    error SlotNotSealed(uint256 slot);
    error HeaderMismatch(uint256 slot, bytes32 have, bytes32 need);
    error HeaderMalformed(uint256 slot);
    /// The given pause isn't the one after `time`.
    error PauseMismatch(uint256 lease, uint256 origin, uint256 time);
    /// The lease stopped no later than the fault, or what follows it has been clawed back already.
    error NothingToHalt(uint256 lease, uint256 have, uint256 active);
    error NothingToRefund(uint256 lease, address funder, uint256 from);
    error NothingToSettle(uint256 lease);
    error FeeTooHigh(uint256 have, uint256 most);
    error CapTooHigh(uint256 have, uint256 most);
    error FeeBurnTooHigh(uint256 have, uint256 most);
    error NothingOwed(address account, address token);

    /// Most bps that the fee can ever be; most seconds of a notice or a grace; least and most blocks that a voucher in flight is given.
    function MAX_FEE_BPS() external view returns (uint256);
    function MAX_NOTICE() external view returns (uint256);
    function MIN_VOUCHER_BLOCKS() external view returns (uint256);
    function MAX_VOUCHER_BLOCKS() external view returns (uint256);
    /// The share of fees in TBND that a sweep burns.
    function FEE_BURN_BPS() external view returns (uint256);

    /// @notice Offer a lease of `device` to its provider, with `deposit` in escrow. Without a device (0) nothing is offered: it is a
    /// tab for vouchers, active at once. Caller: `terms.requester`; needs an allowance.
    function open(LeaseTerms calldata terms, uint256 device, uint256 deposit) external returns (uint256 lease);

    /// @notice Open a lease that both sides have signed, and start it: the deposit is pulled from `terms.requester`, the device, of
    /// `terms.provider`, is held, the clock runs. Caller: the order book. `terms.acceptBy` says nothing here.
    function openFor(LeaseTerms calldata terms, uint256 device, uint256 deposit) external returns (uint256 lease);

    /// @notice Take the offer: holds the device and starts the clock. Caller: the provider or its operator, until `acceptBy`. Refused for
    /// a provider that is short.
    function accept(uint256 lease, Lease calldata terms) external;

    /// @notice Add money, up to `cap`. A paused lease goes on from now, if what it has lasts for `grace` seconds; time without money
    /// costs nothing, in whatever order this and `settle` are called. Money is spent in the order in which it came: a later deposit is
    /// the last to be spent and the first to be refunded, whoever pays it. Refused once a notice was given. Anyone.
    function topUp(uint256 lease, Lease calldata terms, uint256 amount) external;

    /// @notice Pay the provider what is ripe, and note what has accrued, to be paid once that is ripe. Anyone.
    function settle(uint256 lease, Lease calldata terms) external;

    /// @notice Pay the provider, out of what is unspent and as far as that goes, up to a cumulative `amount` that the requester has signed;
    /// one that was paid already pays nothing. Nothing of it is held back: the signature says that it was earned. Anyone.
    function redeem(uint256 lease, Lease calldata terms, uint256 amount, bytes calldata signature)
        external
        returns (uint256 paid);

    /// @notice Let the lease end in `notice` seconds, and not before `voucherBlocks` blocks. Caller: requester, provider or operator.
    function giveNotice(uint256 lease, Lease calldata terms) external;

    /// @notice End the lease: pays what is ripe, frees the device, refunds what is unspent (to other funders by `refund`) and lets what has
    /// accrued ripen. An offer: the requester or provider, or anyone past `acceptBy`. A lease: either side where its terms need no
    /// notice, and anyone once the notice is over; where it takes no vouchers also the requester while it is paused, and anyone when the
    /// grace is over.
    function stop(uint256 lease, Lease calldata terms) external;

    /// @notice Count nothing from the first block on of the device's earliest proven fault slot, or of the slot in which it was retired or
    /// suspended if that is earlier. What was not paid out yet goes back to the funders. Again, if an earlier fault is proven. Anyone.
    /// @param header That block, RLP; its hash is the slot's beacon.
    /// @param resumedOrigin The origin after the first pause that ended later than that block; zero if none did.
    function halt(uint256 lease, Lease calldata terms, bytes calldata header, uint256 resumedOrigin) external;

    /// @notice Refund what was not spent of a deposit into a shared lease, once the lease has stopped. Again, after a halt has freed
    /// more of it. Anyone.
    /// @param from What had been deposited before it: the deposit's place.
    function refund(uint256 lease, Lease calldata terms, address funder, uint256 from) external returns (uint256 amount);

    /// @notice Pay what the token refused to pay before. Anyone, for anyone.
    function collect(address account, address token) external returns (uint256 amount);

    /// @notice Pay the fee recipient the fees of what was paid so far; of fees in TBND the share FEE_BURN_BPS is burned before. Anyone.
    function sweep(address token) external returns (uint256 amount);

    /// @notice Hand an ERC-2612 permit for this contract to `token`, to go before a deposit in one `multicall`. Anyone. A permit that
    /// was used before is no reason to fail.
    function permit(address token, address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Set the most of a token that may be open in the escrow after a deposit; zero: no new leases in it. Open ones may
    /// still grow to what it was when they were opened, or to this, if that is more.
    /// Caller: the governor.
    function allowToken(address token, uint256 cap) external;

    /// @notice Set the fee of leases opened from now on. Caller: the governor.
    function setFee(uint256 feeBps) external;

    function leaseCount() external view returns (uint256);
    function feeBps() external view returns (uint256);
    function feeRecipient() external view returns (address);
    function ledgerOf(address token) external view returns (LeaseLedger memory);
    function owedOf(address account, address token) external view returns (uint256);
    function stateOf(uint256 lease, Lease calldata terms)
        external
        view
        returns (LeaseState memory state, LeaseExtra memory extra);
    function depositOf(uint256 lease, Lease calldata terms, address funder, uint256 from)
        external
        view
        returns (LeaseDeposit memory);
    /// @return time Seconds from now until the lease is paused or its notice ends. Zero: it doesn't run. 2²⁵⁶−1: there is no rate.
    /// @return active Seconds so far; times the rate: what has accrued.
    /// @return left What neither time nor vouchers have spent.
    function runway(uint256 lease, Lease calldata terms)
        external
        view
        returns (uint256 time, uint256 active, uint256 left);
    /// @return The EIP-712 digest (domain name "LeaseEscrow", version "1") of `Voucher(uint256 lease,uint256 amount)`.
    function voucherDigest(uint256 lease, uint256 amount) external view returns (bytes32);
}
