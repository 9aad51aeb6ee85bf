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

/// @title The only home of stake: per provider one active and one unbonding pool, both by shares, and the operator key.
/// @dev All amounts in wei of TBND, all times in blocks. Invariants 1, 3, 4, 5, 9, 12, 14 (docs/protocol.md).
interface IProviderStaking {
    /// @notice One provider's pools. The owner's shares are `shares` less all delegated ones.
    /// @dev Three words, so ordered that lock and stake touch the first, withdraw the second, and none the third before a slash
    /// has made a share worth less than one wei. A pool slashed to zero, or to less than 2⁻³² of what it was, starts a new
    /// generation, in which old shares are worth nothing.
    struct Stake {
        uint96 active;
        uint96 locked;
        uint32 generation;
        /// Whether `shares` differs from `active`; while not, only views fill `shares` in.
        bool uneven;
        uint96 unbonding;
        uint32 firstRequest;
        uint32 nextRequest;
        uint32 unbondingGeneration;
        /// Likewise for `unbondingShares` and `unbonding`.
        bool unbondingUneven;
        /// The first request since the queue was last empty.
        uint32 laneStart;
        uint128 shares;
        uint128 unbondingShares;
    }

    /// @notice One request to leave: `shares` of the unbonding pool, withdrawable from block `maturesAt` on.
    struct Request {
        uint128 shares;
        uint40 maturesAt;
        uint32 generation;
    }

    event StakeDeposited(address indexed provider, uint256 amount, uint256 shares, uint256 active);
    event UnbondingStarted(
        address indexed provider, uint256 indexed request, uint256 amount, uint256 shares, uint256 maturesAt, uint256 active, uint256 unbonding
    );
    event StakeWithdrawn(address indexed provider, uint256 indexed request, uint256 amount, uint256 unbonding);
    event StakeLocked(address indexed provider, address indexed locker, uint256 amount, uint256 locked);
    event StakeUnlocked(address indexed provider, address indexed locker, uint256 amount, uint256 locked);
    /// `amount` = fromActive + fromUnbonding = toChallenger + toVictim + burned; active, unbonding and locked are the totals after.
    event StakeSlashed(
        address indexed provider,
        address indexed challenger,
        address indexed victim,
        SlashReason reason,
        bytes32 evidence,
        uint256 fromActive,
        uint256 fromUnbonding,
        uint256 toChallenger,
        uint256 toVictim,
        uint256 burned,
        uint256 active,
        uint256 unbonding,
        uint256 locked
    );
    event OperatorSet(address indexed provider, address indexed operator);

    error AmountZero();
    /// `have` wei are free (active − locked), `need` were asked for.
    error FreeStakeInsufficient(address provider, uint256 have, uint256 need);
    error LockedInsufficient(address provider, uint256 have, uint256 need);
    error NothingMatured(address provider, uint256 blockNumber, uint256 maturesAt);
    error NothingUnbonding(address provider);
    /// `account` is neither the registry nor the job escrow.
    error LockerOnly(address account);
    /// `account` is not one of the contracts that may slash.
    error SlasherOnly(address account);
    error ShareTooLarge(uint256 have, uint256 most);
    /// The accused, its operator, or a slashing contract can't be paid for its own slash.
    error ChallengerIsAccused(address challenger);
    error OperatorSignatureInvalid(address operator, address recovered);

    function UNBONDING_BLOCKS() external view returns (uint256);
    /// Most bps of a slash that may go to the challenger, and to the victim.
    function MAX_SHARE_BPS() external view returns (uint256);

    /// @notice Deposit `amount` into the caller's own active pool. Needs an allowance. Never moves any other date or lock.
    function stake(uint256 amount) external;

    /// @notice `stake` with an ERC-2612 permit; a permit that somebody else already sent is no obstacle.
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Move `amount` of the caller's free stake into the unbonding pool, where it stays slashable until withdrawn.
    /// @return request The request's number in the caller's queue.
    function unbond(uint256 amount) external returns (uint256 request);

    /// @notice Pay out the caller's matured requests, oldest first, at most 32 in a call. A request of an older generation leaves the
    /// queue with an event of amount 0. @return amount Wei paid.
    function withdraw() external returns (uint256 amount);

    /// @notice Name the hot key that may commit, accept, submit and sign evidence, but never withdraw. Zero revokes at once;
    /// the owner itself is the operator where none is set.
    /// @param signature The new key's EIP-712 `Operator(address provider,address operator,uint256 nonce)` (empty to revoke).
    function setOperator(address operator, bytes calldata signature) external;

    /// @notice Set `amount` of a provider's free stake aside. Caller: `DeviceRegistry` or `JobEscrow`.
    function lock(address provider, uint256 amount) external;

    /// @notice Give `amount` back to free stake. Caller: `DeviceRegistry` or `JobEscrow`.
    function unlock(address provider, uint256 amount) external;

    /// @notice Take `amount` from both pools in proportion, and as much off the lock. Caller: `WorkDisputes` or `JobEscrow`.
    /// A pool that would keep less than 2⁻³² of itself gives that too, and the other pays so much less. Nothing happens for 0.
    /// @param amount At most the provider's locked stake; what the pools no longer hold is not taken.
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

    function stakeOf(address provider) external view returns (Stake memory);
    /// @return The request as long as it waits in the queue, else zeros.
    function requestOf(address provider, uint256 request) external view returns (Request memory);
    /// @return active − locked, or zero.
    function freeOf(address provider) external view returns (uint256);
    /// @return Wei that all requests matured by now pay, by as many calls of `withdraw` as the queue needs.
    function withdrawableOf(address provider) external view returns (uint256);
    function operatorOf(address provider) external view returns (address);
    /// @return Σ active + unbonding of all providers: what the contract owes.
    function totalStaked() external view returns (uint256);
}
