// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IChallenges} from "./interfaces/IChallenges.sol";
import {IProviderStaking, SlashReason} from "./interfaces/IProviderStaking.sol";
import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";
import {Bps} from "./libraries/Bps.sol";
import {Shares} from "./libraries/Shares.sol";
import {Head, Heads, Holding, Pot, Pots} from "./libraries/StakeWords.sol";
import {Vesting} from "./libraries/Vesting.sol";

contract ProviderStaking is IProviderStaking, EIP712, Nonces {
    using SafeCast for uint256;
    using SafeERC20 for ITensorbondToken;

    /// @dev `Stake` as it is stored.
    struct Account {
        Head head;
        uint96 unbonding;
        uint32 firstRequest;
        uint32 nextRequest;
        uint32 unbondingGeneration;
        bool unbondingUneven;
        uint32 laneStart;
        Parts parts;
        Parts unbondingParts;
        uint40 shortSince;
        uint16 commissionBps;
        uint16 nextCommissionBps;
        uint40 commissionFrom;
        Pot pot;
    }

    /// @dev A pool's shares. The active pool's are in use while somebody delegates, the unbonding pool's `shares` while it is uneven.
    struct Parts {
        uint128 shares;
        uint128 delegated;
    }

    /// @dev `Delegation` as it is stored.
    struct Holder {
        Holding holding;
    }

    /// @dev One holder's queue of requests: in a provider's second word for the owner, else in the delegation's.
    struct Queue {
        uint256 first;
        uint256 next;
        uint256 start;
    }

    bytes32 private constant OPERATOR_TYPEHASH = keccak256("Operator(address provider,address operator,uint256 nonce)");
    uint256 private constant REQUESTS_PER_CALL = 32;
    /// @inheritdoc IProviderStaking
    uint256 public constant MAX_SHARE_BPS = 2_500;
    /// @inheritdoc IProviderStaking
    uint256 public constant MAX_COMMISSION_BPS = 3_000;
    /// @inheritdoc IProviderStaking
    uint256 public constant MIN_OWN_BPS = 2_500;
    /// @inheritdoc IProviderStaking
    uint256 public constant MIN_OWN_SHARES = 1e18;

    ITensorbondToken private immutable TOKEN;
    address private immutable REGISTRY;
    address private immutable JOB_ESCROW;
    IChallenges private immutable CHALLENGES;
    address private immutable WORK_DISPUTES;
    address private immutable REWARDS;
    /// @inheritdoc IProviderStaking
    uint256 public immutable UNBONDING_BLOCKS;

    mapping(address provider => Account) private _stakes;
    mapping(address provider => mapping(address delegator => Holder)) private _delegations;
    /// A queue's words are used again once it has run empty: request number r lies in lane r − laneStart. The owner is a holder too.
    mapping(address provider => mapping(address holder => mapping(uint256 lane => Request))) private _lanes;
    mapping(address provider => address) private _operators;
    /// @inheritdoc IProviderStaking
    uint256 public totalStaked;

    constructor(
        ITensorbondToken token,
        address registry,
        address jobEscrow,
        IChallenges challenges,
        address workDisputes,
        address rewards,
        uint256 unbondingBlocks
    ) EIP712("ProviderStaking", "1") {
        TOKEN = token;
        REGISTRY = registry;
        JOB_ESCROW = jobEscrow;
        CHALLENGES = challenges;
        WORK_DISPUTES = workDisputes;
        REWARDS = rewards;
        UNBONDING_BLOCKS = unbondingBlocks;
    }

    // ---- The owner's stake ----

    /// @inheritdoc IProviderStaking
    function stake(uint256 amount) external {
        _stake(amount);
    }

    /// @inheritdoc IProviderStaking
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        _permit(amount, deadline, v, r, s);
        _stake(amount);
    }

    /// @inheritdoc IProviderStaking
    function unbond(uint256 amount) external returns (uint256 request) {
        if (amount == 0) revert AmountZero();
        Account storage s = _stakes[msg.sender];
        Head head = _release(s, msg.sender, s.head);
        uint256 active = head.active();
        _requireFree(msg.sender, head, amount);

        if (head.has(Heads.DELEGATED | Heads.LEAVING)) {
            (uint256 shares, uint256 delegated) = _partsOf(s, head);
            uint256 left = shares - Shares.toSharesUp(amount, active, shares);
            head = _requireOwnShare(s, msg.sender, head, Math.saturatingSub(left, delegated), delegated, shares, 0);
            if (delegated != 0) s.parts.shares = left.toUint128();
        }
        active -= amount;
        s.head = head.withActive(active);
        Queue memory queue = _queueOf(s);
        request = queue.next;
        (uint256 bought, uint256 maturesAt) = _enqueue(s, _lanes[msg.sender][msg.sender], queue, amount);
        _saveQueue(s, queue);

        emit UnbondingStarted(msg.sender, request, amount, bought, maturesAt, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function rebond(uint256 amount) external {
        Account storage s = _stakes[msg.sender];
        Head head = _release(s, msg.sender, s.head);
        Queue memory queue = _queueOf(s);
        uint256 moved = _dequeue(s, _lanes[msg.sender][msg.sender], queue, amount, false);

        _saveQueue(s, queue);
        (uint256 shares, uint256 active) = _deposit(s, msg.sender, head, moved);

        emit StakeRebonded(msg.sender, msg.sender, moved, shares, queue.next, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function withdraw() external returns (uint256 amount) {
        Account storage s = _stakes[msg.sender];
        Queue memory queue = _queueOf(s);
        amount = _pay(s, msg.sender, queue);
        s.firstRequest = queue.first.toUint32();

        if (amount != 0) TOKEN.safeTransfer(msg.sender, amount);
    }

    // ---- Delegation ----

    /// @inheritdoc IProviderStaking
    function delegate(address provider, uint256 amount) external {
        _delegate(provider, amount);
    }

    /// @inheritdoc IProviderStaking
    function delegateWithPermit(address provider, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        _permit(amount, deadline, v, r, s);
        _delegate(provider, amount);
    }

    /// @inheritdoc IProviderStaking
    function undelegate(address provider, uint256 amount) external returns (uint256 request) {
        Account storage s = _stakes[provider];
        Holder storage d = _delegations[provider][msg.sender];
        Holding holding = d.holding;
        Head head = _release(s, provider, s.head);
        uint256 held = holding.sharesIn(head.generation());
        uint256 active = head.active();
        (uint256 shares, uint256 delegated) = _partsOf(s, head);
        uint256 worth = held == 0 ? 0 : Shares.toAmountDown(held, active, shares);
        if (amount == type(uint256).max) amount = worth;
        if (amount > worth) revert DelegationInsufficient(provider, msg.sender, worth, amount);
        if (amount == 0) revert AmountZero();

        uint256 burned = amount == worth ? held : Shares.toSharesUp(amount, active, shares);
        delegated -= burned;
        s.parts = Parts((shares - burned).toUint128(), delegated.toUint128());
        active -= amount;
        head = head.withActive(active).with(Heads.LEAVING);
        if (delegated == 0) head = head.without(Heads.DELEGATED);
        if (active < head.locked() && !head.has(Heads.SHORT)) {
            head = head.with(Heads.SHORT);
            s.shortSince = block.number.toUint40();
        }
        s.head = head;
        Queue memory queue = _queueOf(holding);
        request = queue.next;
        (uint256 bought, uint256 maturesAt) = _enqueue(s, _lanes[provider][msg.sender], queue, amount);
        s.unbondingParts.delegated += bought.toUint128();
        d.holding = holding.withShares(held - burned, head.generation()).withQueue(queue.first, queue.next, queue.start);

        emit DelegationUnbonding(provider, msg.sender, request, amount, bought, maturesAt, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function rebondDelegated(address provider, uint256 amount) external {
        Account storage s = _stakes[provider];
        Holder storage d = _delegations[provider][msg.sender];
        Head head = _release(s, provider, s.head);
        Queue memory queue = _queueOf(d.holding);
        uint256 moved = _dequeue(s, _lanes[provider][msg.sender], queue, amount, true);

        d.holding = d.holding.withQueue(queue.first, queue.next, queue.start);
        (uint256 shares, uint256 active) = _depositDelegated(s, provider, head, moved);

        emit StakeRebonded(provider, msg.sender, moved, shares, queue.next, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function withdrawDelegated(address provider) external returns (uint256 amount) {
        Holder storage d = _delegations[provider][msg.sender];
        Holding holding = d.holding;
        Queue memory queue = _queueOf(holding);
        amount = _pay(_stakes[provider], provider, queue);
        d.holding = holding.withQueue(queue.first, queue.next, queue.start);

        if (amount != 0) TOKEN.safeTransfer(msg.sender, amount);
    }

    // ---- Rewards ----

    /// @inheritdoc IProviderStaking
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert CommissionTooHigh(bps, MAX_COMMISSION_BPS);
        Account storage s = _stakes[msg.sender];
        _release(s, msg.sender, s.head);

        uint256 present = _commission(s);
        uint256 fromBlock = block.number;
        if (bps <= present) {
            s.commissionBps = bps.toUint16();
            s.commissionFrom = 0;
        } else {
            fromBlock += UNBONDING_BLOCKS;
            s.commissionBps = present.toUint16();
            s.nextCommissionBps = bps.toUint16();
            s.commissionFrom = fromBlock.toUint40();
        }

        emit CommissionSet(msg.sender, bps, fromBlock);
    }

    /// @inheritdoc IProviderStaking
    function release(address provider) external {
        Account storage s = _stakes[provider];
        _release(s, provider, s.head);
    }

    // ---- Operator ----

    /// @inheritdoc IProviderStaking
    function setOperator(address operator, bytes calldata signature) external {
        if (operator != address(0)) {
            bytes32 content = keccak256(abi.encode(OPERATOR_TYPEHASH, msg.sender, operator, _useNonce(msg.sender)));
            (address recovered,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(content), signature);
            if (recovered != operator) revert OperatorSignatureInvalid(operator, recovered);
        }

        address revoked = operatorOf(msg.sender);
        _operators[msg.sender] = operator;

        emit OperatorSet(msg.sender, operator);

        CHALLENGES.endSession(revoked);
    }

    // ---- For the peers ----

    /// @inheritdoc IProviderStaking
    function lock(address provider, uint256 amount) external onlyLocker {
        Account storage s = _stakes[provider];
        Head head = s.head;
        uint256 locked = head.locked();
        if (head.active() < locked) revert FreeStakeInsufficient(provider, 0, amount);
        _requireFree(provider, head, amount);

        locked += amount;
        s.head = head.withLocked(locked);

        emit StakeLocked(provider, msg.sender, amount, locked);
    }

    /// @inheritdoc IProviderStaking
    function unlock(address provider, uint256 amount) external onlyLocker {
        Account storage s = _stakes[provider];
        Head head = s.head;
        uint256 locked = head.locked();
        if (locked < amount) revert LockedInsufficient(provider, locked, amount);

        locked -= amount;
        s.head = head.withLocked(locked);

        emit StakeUnlocked(provider, msg.sender, amount, locked);
    }

    /// @inheritdoc IProviderStaking
    function slash(
        address provider,
        uint256 amount,
        address challenger,
        uint256 challengerBps,
        address victim,
        uint256 victimBps,
        SlashReason reason,
        bytes32 evidence
    ) external returns (uint256 taken) {
        if (msg.sender != WORK_DISPUTES && msg.sender != JOB_ESCROW) revert SlasherOnly(msg.sender);
        if (challengerBps + victimBps > MAX_SHARE_BPS) revert ShareTooLarge(challengerBps + victimBps, MAX_SHARE_BPS);
        if (
            challenger == provider || challenger == operatorOf(provider) || challenger == WORK_DISPUTES
                || challenger == JOB_ESCROW
        ) revert ChallengerIsAccused(challenger);
        Account storage s = _stakes[provider];
        Head head = s.head;
        if (amount > head.locked()) revert LockedInsufficient(provider, head.locked(), amount);
        if (amount == 0) return 0;
        head = _release(s, provider, head);

        uint256 fromVesting = _takeVesting(s, head, amount);
        uint256 fromActive;
        uint256 fromUnbonding;
        (head, fromActive, fromUnbonding) = _take(s, head, amount - fromVesting);
        taken = fromVesting + fromActive + fromUnbonding;
        if (taken == 0) return 0;
        head = head.withLocked(head.locked() - taken);
        s.head = head;
        totalStaked -= fromActive + fromUnbonding;
        uint256 toChallenger = challenger == address(0) ? 0 : Bps.share(taken, challengerBps);
        uint256 toVictim = victim == address(0) ? 0 : Bps.share(taken, victimBps);
        uint256 burned = taken - toChallenger - toVictim;

        emit StakeSlashed(
            provider,
            challenger,
            victim,
            reason,
            evidence,
            fromVesting,
            fromActive,
            fromUnbonding,
            toChallenger,
            toVictim,
            burned,
            s.pot.vesting(),
            head.active(),
            s.unbonding,
            head.locked()
        );

        if (toChallenger != 0) TOKEN.safeTransfer(challenger, toChallenger);
        if (toVictim != 0) TOKEN.safeTransfer(victim, toVictim);
        TOKEN.burn(burned);
    }

    /// @inheritdoc IProviderStaking
    function distribute(address provider, uint256 amount) external {
        if (msg.sender != REWARDS) revert RewardsOnly(msg.sender);
        Account storage s = _stakes[provider];
        Pot pot = s.pot;
        uint256 at = _clock();

        if (pot.at() == 0) s.head = s.head.with(Heads.REWARDED);
        (uint256 vesting, uint256 until) = (pot.vesting(), pot.until());
        uint256 came = Vesting.vestedBy(vesting, pot.at(), until, at);
        vesting -= came;
        if (amount != 0) {
            uint256 left = Vesting.joined(vesting, Math.saturatingSub(until, at), amount, UNBONDING_BLOCKS);
            vesting += amount;
            until = Math.min(at + left, type(uint32).max);
        }
        uint256 vested = pot.vested() + came;
        s.pot = Pots.pack(vesting, vested, at, until);

        emit RewardDistributed(provider, amount, vesting, vested, until);
    }

    // ---- Views ----

    /// @inheritdoc IProviderStaking
    function stakeOf(address provider) external view returns (Stake memory stake_) {
        Account storage s = _stakes[provider];
        Head head = s.head;
        (uint256 shares, uint256 delegated) = _partsOf(s, head);
        stake_.active = uint96(head.active());
        stake_.locked = uint96(head.locked());
        stake_.generation = uint32(head.generation());
        stake_.delegated = head.has(Heads.DELEGATED);
        stake_.rewarded = head.has(Heads.REWARDED);
        stake_.short = head.has(Heads.SHORT);
        stake_.unbonding = s.unbonding;
        stake_.firstRequest = s.firstRequest;
        stake_.nextRequest = s.nextRequest;
        stake_.unbondingGeneration = s.unbondingGeneration;
        stake_.unbondingUneven = s.unbondingUneven;
        stake_.laneStart = s.laneStart;
        stake_.shares = uint128(shares);
        stake_.delegatedShares = uint128(delegated);
        stake_.unbondingShares = uint128(_unbondingShares(s));
        stake_.delegatedUnbondingShares = s.unbondingParts.delegated;
        stake_.shortSince = stake_.short ? s.shortSince : 0;
        stake_.commissionBps = s.commissionBps;
        stake_.nextCommissionBps = s.nextCommissionBps;
        stake_.commissionFrom = s.commissionFrom;
        Pot pot = s.pot;
        stake_.vesting = uint96(pot.vesting());
        stake_.vested = uint96(pot.vested());
        stake_.vestedAt = uint32(pot.at());
        stake_.vestsUntil = uint32(pot.until());
    }

    /// @inheritdoc IProviderStaking
    function delegationOf(address provider, address delegator) external view returns (Delegation memory d) {
        Holding held = _delegations[provider][delegator].holding;
        uint256 generation = _stakes[provider].head.generation();
        (d.shares, d.generation) = (uint128(held.sharesIn(generation)), uint32(generation));
        d.firstRequest = uint32(held.first());
        d.nextRequest = uint32(held.next());
        d.laneStart = uint32(held.start());
    }

    /// @inheritdoc IProviderStaking
    function delegatedOf(address provider, address delegator) external view returns (uint256) {
        Account storage s = _stakes[provider];
        Head head = s.head;
        uint256 held = _delegations[provider][delegator].holding.sharesIn(head.generation());
        if (held == 0) return 0;
        (uint256 amount,) = _vested(s.pot);
        (, uint256 bought) = _commissionOn(s, head, amount);
        return Shares.toAmountDown(held, head.active() + amount, s.parts.shares + bought);
    }

    /// @inheritdoc IProviderStaking
    function vestedOf(address provider) external view returns (uint256 amount) {
        (amount,) = _vested(_stakes[provider].pot);
    }

    /// @inheritdoc IProviderStaking
    function commissionOf(address provider) external view returns (uint256 bps) {
        return _commission(_stakes[provider]);
    }

    /// @inheritdoc IProviderStaking
    function requestOf(address provider, uint256 request) external view returns (Request memory) {
        return _request(_lanes[provider][provider], _queueOf(_stakes[provider]), request);
    }

    /// @inheritdoc IProviderStaking
    function delegationRequestOf(address provider, address delegator, uint256 request)
        external
        view
        returns (Request memory)
    {
        return _request(_lanes[provider][delegator], _queueOf(_delegations[provider][delegator].holding), request);
    }

    /// @inheritdoc IProviderStaking
    function freeOf(address provider) external view returns (uint256) {
        Head head = _stakes[provider].head;
        return Math.saturatingSub(head.active(), head.locked());
    }

    /// @inheritdoc IProviderStaking
    function withdrawableOf(address provider) external view returns (uint256) {
        Account storage s = _stakes[provider];
        return _withdrawable(s, _lanes[provider][provider], _queueOf(s));
    }

    /// @inheritdoc IProviderStaking
    function withdrawableDelegatedOf(address provider, address delegator) external view returns (uint256) {
        Queue memory queue = _queueOf(_delegations[provider][delegator].holding);
        return _withdrawable(_stakes[provider], _lanes[provider][delegator], queue);
    }

    /// @inheritdoc IProviderStaking
    function shortSince(address provider) external view returns (uint256) {
        Account storage s = _stakes[provider];
        return s.head.has(Heads.SHORT) ? s.shortSince : 0;
    }

    /// @inheritdoc IProviderStaking
    function operatorOf(address provider) public view returns (address) {
        address operator = _operators[provider];
        return operator == address(0) ? provider : operator;
    }

    // ---- Deposits ----

    modifier onlyLocker() {
        if (msg.sender != REGISTRY && msg.sender != JOB_ESCROW) revert LockerOnly(msg.sender);
        _;
    }

    function _stake(uint256 amount) private {
        Account storage s = _stakes[msg.sender];
        Head head = _release(s, msg.sender, s.head);
        (uint256 shares, uint256 active) = _deposit(s, msg.sender, head, amount);
        unchecked {
            totalStaked += amount; // TBND that there is, less than 2⁹⁰ wei; more fails at the transfer
        }

        emit StakeDeposited(msg.sender, amount, shares, active);

        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    function _delegate(address provider, uint256 amount) private {
        if (provider == msg.sender) revert DelegatorIsProvider(provider);
        Account storage s = _stakes[provider];
        Head head = _release(s, provider, s.head);
        (uint256 shares, uint256 active) = _depositDelegated(s, provider, head, amount);
        unchecked {
            totalStaked += amount; // as in _stake
        }

        emit StakeDelegated(provider, msg.sender, amount, shares, active);

        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Whoever saw the permit can have sent it before; then the allowance is there all the same.
    function _permit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) private {
        // solhint-disable-next-line no-empty-blocks
        try TOKEN.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }

    /// @dev Into the active pool, for the owner's shares.
    function _deposit(Account storage s, address provider, Head head, uint256 amount)
        private
        returns (uint256 shares, uint256 active)
    {
        if (amount == 0) revert AmountZero();
        active = head.active();
        shares = amount;
        if (head.has(Heads.DELEGATED)) {
            uint256 all = s.parts.shares;
            shares = Shares.toSharesDown(amount, active, all);
            if (shares == 0) revert SharesZero(provider, amount);
            s.parts.shares = (all + shares).toUint128();
        }
        head = head.plus(amount);
        s.head = head;
        active = head.active();
    }

    /// @dev Into the active pool, for a delegator's shares.
    function _depositDelegated(Account storage s, address provider, Head head, uint256 amount)
        private
        returns (uint256 shares, uint256 active)
    {
        if (amount == 0) revert AmountZero();
        active = head.active();
        (uint256 all, uint256 delegated) = _partsOf(s, head);
        // Where nothing is active, the owner's share is too small.
        shares = active == 0 ? amount : Shares.toSharesDown(amount, active, all);
        if (shares == 0) revert SharesZero(provider, amount);
        head = _requireOwnShare(s, provider, head, all - delegated, delegated + shares, all, MIN_OWN_SHARES);

        s.parts = Parts((all + shares).toUint128(), uint128(delegated + shares));
        Holder storage d = _delegations[provider][msg.sender];
        Holding holding = d.holding;
        uint256 generation = head.generation();
        d.holding = holding.withShares(holding.sharesIn(generation) + shares, generation);
        head = head.plus(amount).with(Heads.DELEGATED);
        s.head = head;
        active = head.active();
    }

    /// @return shares Those of the active pool. @return delegated Of them, the delegators'.
    function _partsOf(Account storage s, Head head) private view returns (uint256 shares, uint256 delegated) {
        if (!head.has(Heads.DELEGATED)) return (head.active(), 0);
        return (s.parts.shares, s.parts.delegated);
    }

    function _requireFree(address provider, Head head, uint256 amount) private pure {
        uint256 free = Math.saturatingSub(head.active(), head.locked());
        if (free < amount) revert FreeStakeInsufficient(provider, free, amount);
    }

    /// @dev The owner's `own` shares must be its part beside the `delegated` and what its delegators have unbonding, and `least` at least.
    /// While they are, it bears a quarter of any slash, whoever leaves when, and withdraws or not.
    /// @param shares Of the active pool as it is in `head`: its price. @return The head, without LEAVING if nobody is.
    function _requireOwnShare(
        Account storage s,
        address provider,
        Head head,
        uint256 own,
        uint256 delegated,
        uint256 shares,
        uint256 least
    ) private view returns (Head) {
        if (head.has(Heads.LEAVING)) {
            uint256 leaving = s.unbondingParts.delegated;
            if (leaving == 0) head = head.without(Heads.LEAVING);
            else if (s.unbondingUneven) leaving = Shares.toAmountUp(leaving, s.unbonding, s.unbondingParts.shares);
            // Where nothing is active, the owner has no share, and needs one.
            delegated += shares == 0 ? leaving : Shares.toSharesUp(leaving, head.active(), shares);
        }
        if (own < least || own * (Bps.ONE - MIN_OWN_BPS) < delegated * MIN_OWN_BPS) {
            uint256 need = Math.ceilDiv(delegated * MIN_OWN_BPS, Bps.ONE - MIN_OWN_BPS);
            revert OwnShareTooSmall(provider, own, Math.max(need, least));
        }
        return head;
    }

    // ---- Queues ----

    function _queueOf(Account storage s) private view returns (Queue memory) {
        return Queue(s.firstRequest, s.nextRequest, s.laneStart);
    }

    function _queueOf(Holding holding) private pure returns (Queue memory) {
        return Queue(holding.first(), holding.next(), holding.start());
    }

    function _saveQueue(Account storage s, Queue memory queue) private {
        (s.nextRequest, s.laneStart) = (queue.next.toUint32(), queue.start.toUint32());
    }

    /// @dev Buy shares of the unbonding pool and append the request for them.
    function _enqueue(
        Account storage s,
        mapping(uint256 lane => Request) storage lanes,
        Queue memory queue,
        uint256 amount
    ) private returns (uint256 shares, uint256 maturesAt) {
        uint256 unbonding = s.unbonding;
        shares = amount;
        if (s.unbondingUneven) {
            uint256 all = s.unbondingParts.shares;
            shares = Shares.toSharesDown(amount, unbonding, all);
            s.unbondingParts.shares = (all + shares).toUint128();
        }
        s.unbonding = (unbonding + amount).toUint96();
        maturesAt = block.number + UNBONDING_BLOCKS;
        if (queue.next == queue.first) queue.start = queue.next;
        lanes[queue.next - queue.start] = Request(shares.toUint128(), maturesAt.toUint40(), s.unbondingGeneration);
        ++queue.next;
    }

    /// @dev Take requests off the queue's end until they are worth `amount`, the last in part.
    function _dequeue(
        Account storage s,
        mapping(uint256 lane => Request) storage lanes,
        Queue memory queue,
        uint256 amount,
        bool delegated
    ) private returns (uint256 moved) {
        if (amount == 0) revert AmountZero();
        uint256 unbonding = s.unbonding;
        uint256 all = _unbondingShares(s);
        uint256 shares = all;
        uint256 generation = s.unbondingGeneration;
        for (uint256 n = 0; moved < amount && queue.next != queue.first && n < REQUESTS_PER_CALL; ++n) {
            Request storage r = lanes[queue.next - 1 - queue.start];
            uint256 part = Shares.inGeneration(r.shares, r.generation, generation);
            uint256 worth = part == 0 ? 0 : Shares.toAmountDown(part, unbonding, shares);
            if (worth <= amount - moved) {
                --queue.next;
            } else {
                worth = amount - moved;
                uint256 left = part;
                part = Shares.toSharesUp(worth, unbonding, shares);
                (r.shares, r.generation) = ((left - part).toUint128(), generation.toUint32());
            }
            moved += worth;
            unbonding -= worth;
            shares -= part;
        }
        if (moved == 0) revert NothingUnbonding(msg.sender);
        if (moved < amount && amount != type(uint256).max) revert UnbondingInsufficient(msg.sender, moved, amount);

        _setUnbonding(s, unbonding, shares, delegated ? all - shares : 0);
    }

    /// @dev Pay the queue's matured requests to the caller, who holds it.
    function _pay(Account storage s, address provider, Queue memory queue) private returns (uint256 amount) {
        mapping(uint256 lane => Request) storage lanes = _lanes[provider][msg.sender];
        uint256 request = queue.first;
        uint256 end = Math.min(queue.next, request + REQUESTS_PER_CALL);
        if (request == end) revert NothingUnbonding(msg.sender);
        uint256 maturesAt = lanes[request - queue.start].maturesAt;
        if (block.number < maturesAt) revert NothingMatured(msg.sender, block.number, maturesAt);

        uint256 unbonding = s.unbonding;
        uint256 all = _unbondingShares(s);
        uint256 shares = all;
        for (; request < end; ++request) {
            Request memory r = lanes[request - queue.start];
            if (block.number < r.maturesAt) break;

            uint256 part = Shares.inGeneration(r.shares, r.generation, s.unbondingGeneration);
            uint256 paid = part == 0 ? 0 : Shares.toAmountDown(part, unbonding, shares);
            unbonding -= paid;
            shares -= part;
            amount += paid;
            if (provider == msg.sender) emit StakeWithdrawn(provider, request, paid, unbonding);
            else emit DelegationWithdrawn(provider, msg.sender, request, paid, unbonding);
        }
        queue.first = request;
        _setUnbonding(s, unbonding, shares, provider == msg.sender ? 0 : all - shares);
        totalStaked -= amount;
    }

    function _withdrawable(Account storage s, mapping(uint256 lane => Request) storage lanes, Queue memory queue)
        private
        view
        returns (uint256 amount)
    {
        uint256 unbonding = s.unbonding;
        uint256 shares = _unbondingShares(s);
        for (uint256 request = queue.first; request < queue.next; ++request) {
            Request memory r = lanes[request - queue.start];
            if (block.number < r.maturesAt) break;
            uint256 part = Shares.inGeneration(r.shares, r.generation, s.unbondingGeneration);
            if (part == 0) continue;
            uint256 paid = Shares.toAmountDown(part, unbonding, shares);
            unbonding -= paid;
            shares -= part;
            amount += paid;
        }
    }

    function _request(mapping(uint256 lane => Request) storage lanes, Queue memory queue, uint256 request)
        private
        view
        returns (Request memory r)
    {
        if (request >= queue.first && request < queue.next) r = lanes[request - queue.start];
    }

    function _unbondingShares(Account storage s) private view returns (uint256) {
        return s.unbondingUneven ? s.unbondingParts.shares : s.unbonding;
    }

    /// @param left Shares that a delegator has given up.
    function _setUnbonding(Account storage s, uint256 unbonding, uint256 shares, uint256 left) private {
        s.unbonding = unbonding.toUint96();
        if (left != 0) s.unbondingParts.delegated -= left.toUint128();
        if (s.unbondingUneven) {
            s.unbondingParts.shares = shares.toUint128();
            s.unbondingUneven = shares != 0;
        }
    }

    // ---- What vests ----

    /// @dev Let what has vested join the active pool. Without delegators it is the owner's, wei by wei; else every share gains, and
    /// the commission, taken before, buys shares for the owner.
    function _release(Account storage s, address provider, Head head) private returns (Head) {
        if (!head.has(Heads.REWARDED)) return head;
        Pot pot = s.pot;
        (uint256 amount, uint256 left) = _vested(pot);
        if (amount == 0) return head;
        (uint256 commission, uint256 bought) = _commissionOn(s, head, amount);

        s.pot = Pots.pack(left, 0, _clock(), pot.until());
        if (bought != 0) s.parts.shares += bought.toUint128();
        head = head.withActive(head.active() + amount);
        s.head = head;
        totalStaked += amount;

        emit RewardReleased(provider, amount, commission, bought, head.active());
        return head;
    }

    /// @return amount Wei vested and not released. @return left Wei that vest yet.
    function _vested(Pot pot) private view returns (uint256 amount, uint256 left) {
        left = pot.vesting();
        amount = Vesting.vestedBy(left, pot.at(), pot.until(), _clock());
        left -= amount;
        amount += pot.vested();
    }

    /// @return commission What the owner takes of `amount` before all share in the rest: the same bps of the delegators' part, and of its
    /// own. @return bought Shares that it buys.
    function _commissionOn(Account storage s, Head head, uint256 amount)
        private
        view
        returns (uint256 commission, uint256 bought)
    {
        if (!head.has(Heads.DELEGATED)) return (0, 0);
        uint256 bps = _commission(s);
        if (bps == 0) return (0, 0);
        commission = Bps.share(amount, bps);
        bought = Shares.toSharesDown(commission, head.active() + amount - commission, s.parts.shares);
    }

    function _commission(Account storage s) private view returns (uint256) {
        uint256 fromBlock = s.commissionFrom;
        return fromBlock != 0 && block.number >= fromBlock ? s.nextCommissionBps : s.commissionBps;
    }

    /// @dev The block number, as far as 32 bits go: then all vests at once.
    function _clock() private view returns (uint256) {
        return Math.min(block.number, type(uint32).max);
    }

    // ---- Slashes ----

    /// @dev Take `amount` wei, as far as they are there, from what vests: before the pools.
    function _takeVesting(Account storage s, Head head, uint256 amount) private returns (uint256 taken) {
        if (!head.has(Heads.REWARDED)) return 0;
        Pot pot = s.pot;
        taken = Math.min(amount, pot.vesting());
        if (taken != 0) s.pot = Pots.pack(pot.vesting() - taken, pot.vested(), pot.at(), pot.until());
    }

    /// @dev Take `amount` wei, as far as they are there, from both pools in proportion. A pool that this leaves spent goes on in a later
    /// generation. The caller saves the head.
    function _take(Account storage s, Head head, uint256 amount)
        private
        returns (Head, uint256 fromActive, uint256 fromUnbonding)
    {
        uint256 active = head.active();
        uint256 unbonding = s.unbonding;
        amount = Math.min(amount, active + unbonding);
        if (amount == 0) return (head, 0, 0);

        fromUnbonding = (amount * unbonding) / (active + unbonding);
        fromActive = amount - fromUnbonding;
        active -= fromActive;
        if (fromUnbonding != 0) {
            uint256 shares = _unbondingShares(s);
            unbonding -= fromUnbonding;
            uint256 generations = Shares.overdue(unbonding, shares);
            if (generations != 0) {
                shares = Shares.inGeneration(shares, 0, generations);
                s.unbondingParts.delegated = Shares.inGeneration(s.unbondingParts.delegated, 0, generations).toUint128();
                s.unbondingGeneration = (s.unbondingGeneration + generations).toUint32(); // as in `plusGenerations`
            }
            s.unbondingParts.shares = shares.toUint128();
            (s.unbonding, s.unbondingUneven) = (unbonding.toUint96(), shares != 0);
        }
        head = head.withActive(active);
        if (head.has(Heads.DELEGATED)) head = _advance(s, head, active);
        return (head, fromActive, fromUnbonding);
    }

    /// @dev Where the active pool is spent, its shares go on in a later generation, and the owner's without the delegators' if those
    /// come to none.
    function _advance(Account storage s, Head head, uint256 active) private returns (Head) {
        (uint256 shares, uint256 delegated) = (s.parts.shares, s.parts.delegated);
        uint256 generations = Shares.overdue(active, shares);
        if (generations == 0) return head;
        delegated = Shares.inGeneration(delegated, 0, generations);
        s.parts = Parts(Shares.inGeneration(shares, 0, generations).toUint128(), delegated.toUint128());
        head = head.plusGenerations(generations);
        return delegated == 0 ? head.without(Heads.DELEGATED) : head;
    }
}
