// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeafProof, OutcomeProof} from "./IAttestations.sol";

/// @notice What a requester asks for. Immutable once funded. Deadlines are block numbers.
struct Terms {
    address requester;
    address token;
    /// In the payment token's smallest unit.
    uint96 price;
    /// Who may accept; zero: anyone with a fitting device.
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
    /// Digest of the job's description.
    bytes32 spec;
}

enum JobStatus {
    None,
    Funded,
    Accepted,
    Submitted,
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
    OutcomeSlow
}

/// @notice A job's whole state. The chain keeps its hash; every verb takes the state before and emits what it changes, so the
/// state is rebuilt from events (`tensorbond job show`).
struct Job {
    Terms terms;
    uint16 feeBps;
    JobStatus status;
    address provider;
    uint32 device;
    uint32 forcedSlot;
    uint40 submittedAt;
    bytes32 result;
}

/// @title The only home of requesters' money in fixed-price jobs: funded → accepted → submitted → settled, or refunded.
/// @dev One word per job: keccak256(abi.encode(job)). Invariants 2, 7, 13, 14. Every deadline can be called by anyone.
interface IJobEscrow {
    /// @notice One payment token's books.
    struct Ledger {
        /// Σ open prices + Σ owed + fees.
        uint128 tracked;
        uint120 fees;
        bool allowed;
    }

    event TokenAllowed(address indexed token, bool allowed);
    event FeeSet(uint256 feeBps);
    event JobFunded(uint256 indexed job, address indexed requester, address indexed token, Terms terms, uint256 feeBps, uint256 tracked);
    event JobAccepted(uint256 indexed job, address indexed provider, uint256 indexed device, uint256 forcedSlot, uint256 collateral);
    event JobSubmitted(uint256 indexed job, address indexed provider, bytes32 result, uint256 submittedAt);
    /// paid + fee = the price.
    event JobSettled(
        uint256 indexed job, address indexed provider, address indexed token, CloseReason reason, uint256 paid, uint256 fee, uint256 tracked
    );
    /// `refunded` = the price; `slashed` is what the collateral lost, `compensated` what the requester got of that.
    event JobRefunded(
        uint256 indexed job,
        address indexed requester,
        address indexed token,
        CloseReason reason,
        uint256 refunded,
        uint256 slashed,
        uint256 compensated,
        uint256 tracked
    );
    /// The token refused to pay `account`; the amount is tracked again and waits for `collect`.
    event PaymentDeferred(address indexed account, address indexed token, uint256 amount, uint256 owed);
    event PaymentCollected(address indexed account, address indexed token, uint256 amount, uint256 tracked);
    event FeesSwept(address indexed token, address indexed to, uint256 amount, uint256 tracked);

    error TokenNotAllowed(address token);
    /// The token moved another amount than asked: fee-on-transfer and rebasing tokens are refused.
    error TokenAmountMismatch(address token, uint256 have, uint256 need);
    error PriceZero();
    error DeadlineInvalid(bytes32 field, uint256 have, uint256 least);
    error RefundTooLate(uint256 have, uint256 most);
    error FeeTooHigh(uint256 have, uint256 most);
    /// The given state isn't the job's.
    error JobStateMismatch(uint256 job, bytes32 have, bytes32 need);
    error JobStatusWrong(uint256 job, JobStatus have, JobStatus need);
    error DeadlinePassed(uint256 job, uint256 blockNumber, uint256 deadline);
    error DeadlineNotPassed(uint256 job, uint256 blockNumber, uint256 deadline);
    error ProviderNotInvited(address have, address need);
    error DeviceUnfit(bytes32 field, uint256 have, uint256 need);
    error OperatorOnly(address account, address operator);
    error RequesterOnly(address account, address requester);
    /// The outcome is not this job's forced draw.
    error OutcomeNotForced(uint256 job, uint256 slot, uint256 outcomeJob);
    error OutcomeNotPassed(uint256 job, uint256 result);
    error OutcomePassed(uint256 job);
    /// The forced slot's epoch is final: settle or refund by its outcome.
    error OutcomeDecides(uint256 job, uint256 epoch);
    error NothingOwed(address account, address token);

    /// Most bps of the price that the fee can ever be, and the share of slashed collateral that goes to the requester.
    function MAX_FEE_BPS() external view returns (uint256);
    function VICTIM_BPS() external view returns (uint256);
    /// The most blocks from `fund` to `refundAt`: the longest that a silent requester keeps collateral and device.
    function MAX_JOB_BLOCKS() external view returns (uint256);

    /// @notice Escrow the price. `terms.requester` must be the caller; needs an allowance.
    /// Refused if refundAt < submitBy + slot + epoch + attestation deadline + proof window, or < submitBy + reviewBlocks: a provider
    /// whose draw passed can settle before anyone can refund. Refused, too, if refundAt is more than MAX_JOB_BLOCKS away: review and
    /// deadlines that never end would hold the provider's collateral for ever.
    function fund(Terms calldata terms) external returns (uint256 job);

    /// @notice Take a funded job with `device`: locks the collateral, holds the device, and forces a draw in the first slot that
    /// starts at least one slot later. Caller: the device's provider or its operator. Refused if that slot starts after `submitBy`, or
    /// its epoch might not be final at `refundAt`, under a schedule that has changed since `fund`.
    function accept(uint256 job, Job calldata state, uint256 device) external;

    /// @notice Hand in the result's digest. Caller: the provider or its operator.
    function submit(uint256 job, Job calldata state, bytes32 result) external;

    /// @notice Pay the provider. Caller: the requester.
    function approve(uint256 job, Job calldata state) external;

    /// @notice Pay the provider after the review, because a final attestation says that the forced draw passed. Anyone.
    function settle(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome) external;

    /// @notice Refund for a passed deadline: not accepted; not submitted (collateral slashed); submitted but no final attestation by
    /// `refundAt` (or, if one is final but nobody shows its outcome, a proof window later). Anyone. The slash's evidence is the job's id.
    function refund(uint256 job, Job calldata state) external;

    /// @notice Refund a submitted job because the final outcome of the forced draw is missed or a bad item (collateral slashed) or
    /// withheld. Anyone. The slash's evidence is the job's id.
    function refundByOutcome(uint256 job, Job calldata state, LeafProof calldata leaf, OutcomeProof calldata outcome) external;

    /// @notice Retry a payment that the token refused. Anyone, for anyone.
    function collect(address account, address token) external returns (uint256 amount);

    /// @notice Send accrued fees to the fee recipient. Anyone.
    function sweep(address token) external returns (uint256 amount);

    /// @notice Put a payment token on or off the allow-list (jobs already funded are not touched). Caller: the governor.
    function allowToken(address token, bool allowed) external;

    /// @notice Set the fee of jobs funded from now on. Caller: the governor.
    function setFee(uint256 feeBps) external;

    function jobHash(uint256 job) external view returns (bytes32);
    function jobCount() external view returns (uint256);
    function feeBps() external view returns (uint256);
    function feeRecipient() external view returns (address);
    function ledgerOf(address token) external view returns (Ledger memory);
    function owedOf(address account, address token) external view returns (uint256);
}
