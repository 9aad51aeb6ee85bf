// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Why stake was slashed. Every slash names one.
enum SlashReason {
    None,
    MissedSlot,
    MissedOften,
    BadItem,
    BadItemAttested,
    JobNotSubmitted,
    JobOutcomeMissed,
    JobOutcomeBad,
    BadHeader,
    BadLink,
    BadLane,
    BadLabel,
    BadStep,
    TwoEvidences,
    Withheld
}

/// @title The only home of stake: per provider one active and one unbonding pool, both by shares, what vests, and the operator key.
/// @dev All amounts in wei of TBND, all times in blocks. Invariants 1, 3, 4, 5, 9, 12, 14 (docs/protocol.md). Every verb that changes
/// who holds what of the active pool first releases into it what has vested, so nobody joins in rewards from before.
interface IProviderStaking {
    /// @notice One provider's pools. The owner's shares are `shares` less the delegated ones.
    /// @dev Six words, so ordered that lock, unlock and stake touch the first, withdraw the second, delegation the third, a delegator's
    /// leaving the fourth, and a new reward the sixth. Where a slash leaves a pool's share worth 2⁻³² wei or less, 2³² shares go on as one, in
    /// a new generation: who holds `n` shares of an older one has ⌊n / 2³²⌋ for each generation since, which costs it less than a wei.
    struct Stake {
        uint96 active;
        uint96 locked;
        uint32 generation;
        /// Whether anybody delegates. While not, `shares` = `active`, all the owner's, and only views fill it in.
        bool delegated;
        /// Whether a reward ever came, so that there may be something to release.
        bool rewarded;
        /// Whether delegators' leaving has brought `active` below `locked`.
        bool short;
        uint96 unbonding;
        /// The owner's queue.
        uint32 firstRequest;
        uint32 nextRequest;
        uint32 unbondingGeneration;
        /// Whether `unbondingShares` differs from `unbonding`; while not, only views fill it in.
        bool unbondingUneven;
        /// The first request since the queue was last empty.
        uint32 laneStart;
        uint128 shares;
        uint128 delegatedShares;
        uint128 unbondingShares;
        /// Of `unbondingShares`, the delegators'.
        uint128 delegatedUnbondingShares;
        /// The block in which `short` became true.
        uint40 shortSince;
        uint16 commissionBps;
        /// In force instead of `commissionBps` from block `commissionFrom` on, unless that is zero.
        uint16 nextCommissionBps;
        uint40 commissionFrom;
        /// Wei of rewards that vest evenly from block `vestedAt` to block `vestsUntil`: the first that a slash takes.
        uint96 vesting;
        /// Wei that had vested by `vestedAt` and were not released yet.
        uint96 vested;
        uint32 vestedAt;
        uint32 vestsUntil;
    }

    /// @notice One delegator's part of one provider's active pool, in that pool's generation, and its queue. One word.
    struct Delegation {
        uint128 shares;
        uint32 generation;
        uint32 firstRequest;
        uint32 nextRequest;
        uint32 laneStart;
    }

    /// @notice One request to leave: `shares` of the unbonding pool as it was in `generation`, withdrawable from block `maturesAt` on.
    struct Request {
        uint128 shares;
        uint40 maturesAt;
        uint32 generation;
    }

    event StakeDeposited(address indexed provider, uint256 amount, uint256 shares, uint256 active);
    event StakeDelegated(address indexed provider, address indexed delegator, uint256 amount, uint256 shares, uint256 active);
    event UnbondingStarted(
        address indexed provider, uint256 indexed request, uint256 amount, uint256 shares, uint256 maturesAt, uint256 active, uint256 unbonding
    );
    /// A delegator's request; `shares` are those of the unbonding pool that it bought.
    event DelegationUnbonding(
        address indexed provider,
        address indexed delegator,
        uint256 indexed request,
        uint256 amount,
        uint256 shares,
        uint256 maturesAt,
        uint256 active,
        uint256 unbonding
    );
    event StakeWithdrawn(address indexed provider, uint256 indexed request, uint256 amount, uint256 unbonding);
    event DelegationWithdrawn(
        address indexed provider, address indexed delegator, uint256 indexed request, uint256 amount, uint256 unbonding
    );
    /// `holder` took its newest requests back, as far as `amount` goes: `shares` of the active pool were bought for it. Its queue
    /// now ends before `nextRequest`, a number that will be given again.
    event StakeRebonded(
        address indexed provider,
        address indexed holder,
        uint256 amount,
        uint256 shares,
        uint256 nextRequest,
        uint256 active,
        uint256 unbonding
    );
    event StakeLocked(address indexed provider, address indexed locker, uint256 amount, uint256 locked);
    event StakeUnlocked(address indexed provider, address indexed locker, uint256 amount, uint256 locked);
    /// `amount` = fromVesting + fromActive + fromUnbonding = toChallenger + toVictim + burned; vesting, active, unbonding and locked are
    /// the totals after.
    event StakeSlashed(
        address indexed provider,
        address indexed challenger,
        address indexed victim,
        SlashReason reason,
        bytes32 evidence,
        uint256 fromVesting,
        uint256 fromActive,
        uint256 fromUnbonding,
        uint256 toChallenger,
        uint256 toVictim,
        uint256 burned,
        uint256 vesting,
        uint256 active,
        uint256 unbonding,
        uint256 locked
    );
    /// `vesting` wei now vest until block `vestsUntil`; `vested` wait for their release.
    event RewardDistributed(address indexed provider, uint256 amount, uint256 vesting, uint256 vested, uint256 vestsUntil);
    /// `amount` joined the active pool; `commission` of it bought `shares` for the owner.
    event RewardReleased(address indexed provider, uint256 amount, uint256 commission, uint256 shares, uint256 active);
    /// The owner takes `bps` of what is released to its delegators from block `fromBlock` on.
    event CommissionSet(address indexed provider, uint256 bps, uint256 fromBlock);
    event OperatorSet(address indexed provider, address indexed operator);

    error AmountZero();
    /// `amount` would buy no share.
    error SharesZero(address provider, uint256 amount);
    /// `have` wei are free (active − locked), `need` were asked for.
    error FreeStakeInsufficient(address provider, uint256 have, uint256 need);
    error LockedInsufficient(address provider, uint256 have, uint256 need);
    /// The owner would hold `have` shares of its pool, and must hold `need` beside what its delegators have active and unbonding.
    error OwnShareTooSmall(address provider, uint256 have, uint256 need);
    /// The delegation is worth `have` wei.
    error DelegationInsufficient(address provider, address delegator, uint256 have, uint256 need);
    /// Who owns the stake adds to it by `stake`.
    error DelegatorIsProvider(address provider);
    /// The newest 32 requests are worth `have` wei.
    error UnbondingInsufficient(address holder, uint256 have, uint256 need);
    error NothingMatured(address holder, uint256 blockNumber, uint256 maturesAt);
    error NothingUnbonding(address holder);
    error CommissionTooHigh(uint256 have, uint256 most);
    /// `account` is neither the registry nor the job escrow.
    error LockerOnly(address account);
    /// `account` is not one of the contracts that may slash.
    error SlasherOnly(address account);
    error RewardsOnly(address account);
    error ShareTooLarge(uint256 have, uint256 most);
    /// The accused, its operator, or a slashing contract can't be paid for its own slash.
    error ChallengerIsAccused(address challenger);
    error OperatorSignatureInvalid(address operator, address recovered);

    function UNBONDING_BLOCKS() external view returns (uint256);
    /// Most bps of a slash that may go to the challenger and the victim together.
    function MAX_SHARE_BPS() external view returns (uint256);
    /// Most bps that the owner may take of what is released to its delegators.
    function MAX_COMMISSION_BPS() external view returns (uint256);
    /// Least bps that the owner keeps active of all that is active and all that its delegators have unbonding: no delegation and no
    /// unbonding of its own goes below. As much as a slash may pay out: an owner that lets a friend slash it loses what the friend gains.
    function MIN_OWN_BPS() external view returns (uint256);
    /// Least shares of its own with which an owner can be delegated to: what a share is worth stays below 10⁹ wei for whoever joins.
    function MIN_OWN_SHARES() external view returns (uint256);

    /// @notice Deposit `amount` into the caller's own active pool. Needs an allowance. Never moves any other date or lock.
    function stake(uint256 amount) external;

    /// @notice `stake` with an ERC-2612 permit; a permit that somebody else already sent is no obstacle.
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Move `amount` of the caller's free stake into the unbonding pool, where it stays slashable until withdrawn. Refused where
    /// the owner's part would fall below MIN_OWN_BPS. @return request The request's number in the caller's queue.
    function unbond(uint256 amount) external returns (uint256 request);

    /// @notice Take the caller's newest requests back into its active pool, matured or not, 32 at most and the last one in part, until
    /// they are worth `amount`; 2²⁵⁶ − 1 takes what there is.
    function rebond(uint256 amount) external;

    /// @notice Pay out the caller's matured requests, oldest first, at most 32 in a call. A request that slashes left worth nothing leaves
    /// the queue with an event of amount 0. @return amount Wei paid.
    function withdraw() external returns (uint256 amount);

    /// @notice Deposit `amount` of the caller's into another provider's active pool, where it shares in rewards and slashes. Needs an
    /// allowance, and an owner who holds MIN_OWN_SHARES and, after it, MIN_OWN_BPS.
    function delegate(address provider, uint256 amount) external;

    /// @notice `delegate` with an ERC-2612 permit.
    function delegateWithPermit(address provider, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Move `amount` of the caller's delegation into the provider's unbonding pool; 2²⁵⁶ − 1, or all that it is worth, gives up all
    /// shares. Nothing refuses it: where less than the locked stake stays active, the provider is short from now on.
    /// @return request The request's number in the caller's queue with this provider.
    function undelegate(address provider, uint256 amount) external returns (uint256 request);

    /// @notice `rebond` for a delegator, under the terms of `delegate`.
    function rebondDelegated(address provider, uint256 amount) external;

    /// @notice `withdraw` for a delegator.
    function withdrawDelegated(address provider) external returns (uint256 amount);

    /// @notice The part of its delegators' rewards that the caller takes before they share in the rest, at most MAX_COMMISSION_BPS. A fall holds at once, a rise for
    /// what is released UNBONDING_BLOCKS later; either takes the place of a rise that still waits.
    function setCommission(uint256 bps) external;

    /// @notice Let what has vested join the provider's active pool. Anyone.
    function release(address provider) external;

    /// @notice Name the hot key that may commit, accept, submit and sign evidence, but never withdraw. Zero revokes at once;
    /// the owner itself is the operator where none is set.
    /// @param signature The new key's EIP-712 `Operator(address provider,address operator,uint256 nonce)` (empty to revoke).
    function setOperator(address operator, bytes calldata signature) external;

    /// @notice Set `amount` of a provider's free stake aside; refused for one that is short. Caller: `DeviceRegistry` or `JobEscrow`.
    function lock(address provider, uint256 amount) external;

    /// @notice Give `amount` back to free stake. Caller: `DeviceRegistry` or `JobEscrow`.
    function unlock(address provider, uint256 amount) external;

    /// @notice Take `amount` from what vests and, beyond it, from both pools in proportion, and as much off the lock. Caller:
    /// `WorkDisputes` or `JobEscrow`. Nothing happens for 0.
    /// @param amount At most the provider's locked stake; what is no longer there is not taken.
    /// @param challenger Paid ⌊taken · challengerBps⌋; zero address: that part burns. @param victim Likewise.
    /// @return taken Wei taken = to challenger + to victim + burned.
    function slash(
        address provider,
        uint256 amount,
        address challenger,
        uint256 challengerBps,
        address victim,
        uint256 victimBps,
        SlashReason reason,
        bytes32 evidence
    ) external returns (uint256 taken);

    /// @notice Take in `amount` that was minted to this contract: it vests within UNBONDING_BLOCKS, and what vests already waits on average
    /// as long as before. Caller: `Rewards`.
    function distribute(address provider, uint256 amount) external;

    /// @return As it stands, without what `release` would add.
    function stakeOf(address provider) external view returns (Stake memory);
    function delegationOf(address provider, address delegator) external view returns (Delegation memory);
    /// @return Wei that the delegation is worth, with what `release` would add now.
    function delegatedOf(address provider, address delegator) external view returns (uint256);
    /// @return Wei that `release` would add to the active pool now.
    function vestedOf(address provider) external view returns (uint256);
    /// @return bps In force now.
    function commissionOf(address provider) external view returns (uint256 bps);
    /// @return The owner's request as long as it waits in the queue, else zeros.
    function requestOf(address provider, uint256 request) external view returns (Request memory);
    /// @return The same for a delegator's.
    function delegationRequestOf(address provider, address delegator, uint256 request) external view returns (Request memory);
    /// @return active − locked, or zero, without what `release` would add.
    function freeOf(address provider) external view returns (uint256);
    /// @return Wei that all the owner's requests matured by now pay, by as many calls of `withdraw` as the queue needs.
    function withdrawableOf(address provider) external view returns (uint256);
    /// @return The same for a delegator.
    function withdrawableDelegatedOf(address provider, address delegator) external view returns (uint256);
    /// @return The block since which the provider has less active than locked stake because delegators left; zero if it hasn't.
    function shortSince(address provider) external view returns (uint256);
    function operatorOf(address provider) external view returns (address);
    /// @return Σ active + unbonding of all providers: what the contract owes, beside the rewards that were not released yet.
    function totalStaked() external view returns (uint256);
}
