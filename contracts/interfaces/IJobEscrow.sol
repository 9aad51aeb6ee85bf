// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeafProof, OutcomeProof} from "./IAttestations.sol";

/// @notice What a requester asks for. Once funded, only `assign` changes anything, `provider` and `price`. Deadlines are block numbers.
struct Terms {
    address requester;
    /// Who pays, and is refunded; zero: the requester.
    address sponsor;
    address token;
    /// In the payment token's smallest unit; divisible by `parts`.
    uint96 price;
    /// In so many equal parts the requester can release the price; 0 and 1: in one.
    uint16 parts;
    /// Who may accept, or assign to another; zero: anyone with a fitting device may accept.
    address provider;
    uint8 classId;
    /// Least bonded gops of the device.
    uint24 minGops;
    /// Wei of TBND that accepting locks from the provider's stake.
    uint96 collateral;
    uint40 acceptBy;
    uint40 submitBy;
    /// Blocks after submission in which only the requester's approval pays.
    uint32 reviewBlocks;
    /// Past this block a job that no attestation decided is refunded.
    uint40 refundAt;
    /// Who decides a dispute (`IArbiter`); zero: the escrow's own.
    address arbiter;
    /// Who is told of the settled job (`IResultReceiver`); zero: nobody.
    address callback;
    /// Digest of the job's description.
    bytes32 spec;
}

enum JobStatus {
    None,
    Funded,
    Accepted,
    Submitted,
    Disputed,
    Settled,
    Refunded
}

/// @notice Why a job ended. Every terminal state has one.
enum CloseReason {
    None,
    Approved,
    OutcomePassed,
    NotAccepted,
    NotSubmitted,
    OutcomeMissed,
    OutcomeBad,
    OutcomeWithheld,
    NotAttested,
    OutcomeSlow,
    VerdictForProvider,
    VerdictForRequester
}

/// @notice How a dispute ended.
enum Verdict {
    None,
    ForProvider,
    ForRequester
}

/// @notice A job's whole state. The chain keeps its hash; every verb takes the state before and emits what it changes, so the
/// state is rebuilt from events (`tensorbond job show`).
struct Job {
    Terms terms;
    uint16 feeBps;
    address provider;
    uint32 device;
    uint32 forcedSlot;
    JobStatus status;
    /// Of `terms.parts`, before the job was closed.
    uint16 paidParts;
    /// The last block for a verdict on the job's one dispute; 0: never disputed.
    uint40 verdictBy;
    uint40 submittedAt;
    bytes32 result;
}

/// @title The only home of requesters' money in fixed-price jobs: funded → accepted → submitted → settled, or refunded; disputed in
/// between.
/// @dev One word per job: keccak256(abi.encode(job)). Invariants 2, 7, 13, 14. Every deadline can be called by anyone.
interface IJobEscrow {
    /// @notice One payment token's books.
    struct Ledger {
        /// Σ unpaid prices + Σ bonds of open disputes + Σ owed + fees.
        uint88 tracked;
        /// Not yet swept. A fee that would take them past 2⁸⁰ − 1 of the token's smallest unit is left to the provider: sweep in time.
        uint80 fees;
        /// The most that `tracked − fees` may be after a job is funded; 0: not on the allow-list.
        uint88 cap;
    }

    event TokenAllowed(address indexed token, uint256 cap);
    event FeeSet(uint256 feeBps);
    event JobFunded(uint256 indexed job, address indexed requester, address indexed token, Terms terms, uint256 feeBps, uint256 tracked);
    event JobAccepted(uint256 indexed job, address indexed provider, uint256 indexed device, uint256 forcedSlot, uint256 collateral);
    event JobSubmitted(uint256 indexed job, address indexed provider, bytes32 result, uint256 submittedAt);
    /// `price` is what the job pays now, and `returned` what went back to the payer.
    event JobAssigned(
        uint256 indexed job, address indexed provider, address indexed token, uint256 price, uint256 returned, uint256 tracked
    );
    /// `paidParts` parts are paid now.
    event JobPartsPaid(
        uint256 indexed job, address indexed provider, address indexed token, uint256 paidParts, uint256 paid, uint256 fee, uint256 tracked
    );
    event JobDisputed(
        uint256 indexed job, address indexed requester, address indexed token, uint256 bond, uint256 verdictBy, uint256 tracked
    );
    /// The bond went to `account`. Without a verdict the job is a submitted one again.
    event DisputeResolved(
        uint256 indexed job, address indexed account, address indexed token, Verdict verdict, uint256 bond, uint256 tracked
    );
    /// paid + fee = what was not paid before.
    event JobSettled(
        uint256 indexed job, address indexed provider, address indexed token, CloseReason reason, uint256 paid, uint256 fee, uint256 tracked
    );
    /// `refunded` = what was not paid before, to whoever paid; `slashed` is what the collateral lost, `compensated` what the requester
    /// got of that.
    event JobRefunded(
        uint256 indexed job,
        address indexed payer,
        address indexed token,
        CloseReason reason,
        uint256 refunded,
        uint256 slashed,
        uint256 compensated,
        uint256 tracked
    );
    event CallbackCalled(uint256 indexed job, address indexed callback, bool succeeded);
    /// The token refused to pay `account`, or another in the same verb; the amount is tracked again and waits for `collect`.
    event PaymentDeferred(address indexed account, address indexed token, uint256 amount, uint256 owed);
    event PaymentCollected(address indexed account, address indexed token, uint256 amount, uint256 tracked);
    /// amount + burned = the fees that were there.
    event FeesSwept(address indexed token, address indexed to, uint256 amount, uint256 burned, uint256 tracked);

    error TokenNotAllowed(address token);
    /// `have` would be escrowed in all.
    error CapExceeded(address token, uint256 have, uint256 cap);
    error CapTooHigh(uint256 have, uint256 most);
    error PriceZero();
    error PriceIndivisible(uint256 price, uint256 parts);
    error PriceRaised(uint256 have, uint256 most);
    error PartsOutOfRange(uint256 job, uint256 have, uint256 most);
    error DeadlineInvalid(bytes32 field, uint256 have, uint256 least);
    error RefundTooLate(uint256 have, uint256 most);
    error FeeTooHigh(uint256 have, uint256 most);
    error FeeBurnTooHigh(uint256 have, uint256 most);
    /// The given state isn't the job's.
    error JobStateMismatch(uint256 job, bytes32 have, bytes32 need);
    error JobStatusWrong(uint256 job, JobStatus have, JobStatus need);
    error DeadlinePassed(uint256 job, uint256 blockNumber, uint256 deadline);
    error DeadlineNotPassed(uint256 job, uint256 blockNumber, uint256 deadline);
    error ProviderNotInvited(address have, address need);
    error DeviceUnfit(bytes32 field, uint256 have, uint256 need);
    error OperatorOnly(address account, address operator);
    error RequesterOnly(address account, address requester);
    error PayerOnly(address account, address payer);
    error OrderBookOnly(address account);
    /// The signature is not the requester's approval of this job, its terms and its result.
    error ApprovalInvalid(uint256 job, address requester);
    error RequesterZero();
    error ProviderZero();
    error DisputedAlready(uint256 job);
    /// The arbiter hasn't decided, and may until block `verdictBy`.
    error VerdictPending(uint256 job, uint256 verdictBy);
    error VerdictBlocksInvalid(uint256 have, uint256 most);
    /// Too little gas is left to give a callback or an arbiter all that it may use.
    error GasInsufficient(uint256 have, uint256 need);
    /// The outcome is not this job's forced draw.
    error OutcomeNotForced(uint256 job, uint256 slot, uint256 outcomeJob);
    /// Calldata that no encoder writes: a proof that begins within the arguments before it.
    error ProofMisplaced(uint256 leaf, uint256 outcome, uint256 least);
    error OutcomeNotPassed(uint256 job, uint256 result);
    error OutcomePassed(uint256 job);
    /// The forced slot's epoch is attested, or may be anew after a revocation: settle or refund by its outcome.
    error OutcomeDecides(uint256 job, uint256 epoch);
    error NothingOwed(address account, address token);

    /// Most bps of the price that the fee can ever be, the share of slashed collateral that goes to the requester, and the bond of a
    /// dispute as a share of the unpaid price (rounded up).
    function MAX_FEE_BPS() external view returns (uint256);
    function VICTIM_BPS() external view returns (uint256);
    function DISPUTE_BPS() external view returns (uint256);
    /// The most blocks from `fund` to `refundAt`: the longest, but for a dispute, that a silent requester keeps collateral and device.
    function MAX_JOB_BLOCKS() external view returns (uint256);
    /// The share of fees in TBND that a sweep burns.
    function FEE_BURN_BPS() external view returns (uint256);
    /// Blocks that an arbiter has for a verdict.
    function VERDICT_BLOCKS() external view returns (uint256);
    /// Gas that a callback, and an arbiter, may use; whoever calls must give that much.
    function CALLBACK_GAS() external view returns (uint256);
    function ARBITER_GAS() external view returns (uint256);

    /// @notice Escrow the price. Caller: the payer, that is `terms.sponsor` or, without one, `terms.requester`, which there must be; needs an
    /// allowance.
    /// Refused if refundAt < submitBy + slot + epoch + attestation deadline + proof window, or < submitBy + reviewBlocks: a provider
    /// whose draw passed can settle before anyone can refund. Refused, too, if refundAt is more than MAX_JOB_BLOCKS away: review and
    /// deadlines that never end would hold the provider's collateral for ever. Refused while paused, and past the token's cap.
    function fund(Terms calldata terms) external returns (uint256 job);

    /// @notice Take a funded job with `device`: locks the collateral, holds the device, and forces a draw in the first slot that
    /// starts at least one slot later. Caller: the device's provider or its operator. Refused if that slot starts after `submitBy`, or
    /// its epoch might not be final at `refundAt`, under a schedule that has changed since `fund`; and while paused.
    function accept(uint256 job, Job calldata state, uint256 device) external;

    /// @notice `fund` and `accept` in one: the payer's allowance pays, and `device`, which must be `terms.provider`'s, is held. Caller: the
    /// order book, which vouches that the payer has signed these terms and the provider or its operator this device's service.
    /// Of the deadlines `fund` asks one thing more: the forced slot is known here, and refundAt must only leave its epoch the time to
    /// become final, and the review to end.
    function open(Terms calldata terms, uint256 device) external returns (uint256 job);

    /// @notice Pass a funded job on to another provider, at the same or a lower price; the difference goes back to the payer. Caller:
    /// `terms.provider`. Afterwards the other is `terms.provider`, and `price` the terms' price.
    function assign(uint256 job, Job calldata state, address provider, uint96 price) external;

    /// @notice Hand in the result's digest. Caller: the provider or its operator.
    function submit(uint256 job, Job calldata state, bytes32 result) external;

    /// @notice Pay the provider what is unpaid of a submitted job. Caller: the requester.
    function approve(uint256 job, Job calldata state) external;

    /// @notice Release `parts` more parts of an accepted or submitted job's price; the last one, which settles it, of a submitted one only.
    /// Caller: the requester.
    function approvePart(uint256 job, Job calldata state, uint256 parts) external;

    /// @notice `approve`, by anyone who has the requester's EIP-712 `Approval(uint256 job,bytes32 terms,bytes32 result)` (or its ERC-1271
    /// wallet's). `terms` is keccak256(abi.encode(terms, feeBps, provider, device, forcedSlot)): what is fixed once a device is held, so
    /// that no other job to which a reorganisation gives the number is approved.
    function approveWithSignature(uint256 job, Job calldata state, bytes calldata signature) external;

    /// @notice Object to the result, within the review, once. Caller: the requester, who deposits a bond (needs an allowance) that the
    /// loser pays. Until it is resolved, nothing else moves the job.
    function dispute(uint256 job, Job calldata state) external;

    /// @notice Carry out the arbiter's verdict: the provider is paid and gets the bond, or the payer is refunded, the requester gets its
    /// bond back and the collateral is unlocked. Past `verdictBy` a dispute without one ends as well: the bond goes back, and the job is
    /// settled or refunded as if undisputed, but refunded no earlier than past `verdictBy`. Anyone.
    function resolve(uint256 job, Job calldata state) external;

    /// @notice Pay the provider after the review, because a final attestation says that the forced draw passed. Anyone.
    function settle(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome) external;

    /// @notice Refund for a passed deadline: not accepted; not submitted (collateral slashed); submitted but no final attestation by
    /// `refundAt` (or, if there is one but nobody shows its outcome, a proof window after both; if a revocation leaves time to attest anew,
    /// when that is over). Parts that were released stay paid. Anyone.
    /// The slash's evidence is the job's id.
    function refund(uint256 job, Job calldata state) external;

    /// @notice Refund a submitted job because the final outcome of the forced draw is missed or a bad item (collateral slashed) or
    /// withheld. Anyone. The slash's evidence is the job's id.
    function refundByOutcome(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome) external;

    /// @notice Retry a payment that the token refused. Anyone, for anyone.
    function collect(address account, address token) external returns (uint256 amount);

    /// @notice Send accrued fees to the fee recipient; of fees in TBND the share FEE_BURN_BPS is burned before. Anyone.
    /// @return amount What the recipient gets.
    function sweep(address token) external returns (uint256 amount);

    /// @notice Hand an ERC-2612 permit for this contract to `token`, to go before a deposit in one `multicall`. Anyone. A permit that
    /// somebody else already sent is no obstacle.
    function permit(address token, address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Let jobs in a payment token be funded up to `cap` escrowed in all; 0 takes it off the allow-list. Jobs already funded are
    /// not touched. Caller: the governor.
    function allowToken(address token, uint256 cap) external;

    /// @notice Set the fee of jobs funded from now on. Caller: the governor.
    function setFee(uint256 feeBps) external;

    function jobHash(uint256 job) external view returns (bytes32);
    function jobCount() external view returns (uint256);
    function feeBps() external view returns (uint256);
    function feeRecipient() external view returns (address);
    /// @return The arbiter of jobs that name none.
    function arbiter() external view returns (address);
    function ledgerOf(address token) external view returns (Ledger memory);
    function owedOf(address account, address token) external view returns (uint256);
}
