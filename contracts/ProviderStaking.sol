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
import {Vesting} from "./libraries/Vesting.sol";

contract ProviderStaking is IProviderStaking, EIP712, Nonces {
    using SafeCast for uint256;
    using SafeERC20 for ITensorbondToken;

    /// @dev `Stake` as it is stored: the words that are read and written whole are structs of their own.
    struct Account {
        Head head;
        uint96 unbonding;
        uint32 firstRequest;
        uint32 nextRequest;
        uint32 unbondingGeneration;
        bool unbondingUneven;
        uint32 laneStart;
        Parts parts;
        uint128 unbondingShares;
        uint40 shortSince;
        uint16 commissionBps;
        uint16 nextCommissionBps;
        uint40 commissionFrom;
        Pot pot;
    }

    struct Head {
        uint96 active;
        uint96 locked;
        uint32 generation;
        bool delegated;
        bool rewarded;
        bool short;
    }

    /// @dev In use while `delegated`.
    struct Parts {
        uint128 shares;
        uint128 delegated;
    }

    struct Pot {
        uint96 vesting;
        uint96 vested;
        uint32 at;
        uint32 until;
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
    mapping(address provider => mapping(address delegator => Delegation)) private _delegations;
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
        Account storage s = _stakes[msg.sender];
        if (amount == 0) revert AmountZero();
        _release(s, msg.sender);
        uint256 active = s.head.active;
        _requireFree(msg.sender, active, s.head.locked, amount);

        if (s.head.delegated) {
            Parts memory parts = s.parts;
            uint256 shares = parts.shares - Shares.toSharesUp(amount, active, parts.shares);
            _requireOwnShare(msg.sender, shares, parts.delegated, 0);
            s.parts.shares = shares.toUint128();
        }
        active -= amount;
        s.head.active = active.toUint96();
        Queue memory queue = _queueOf(s);
        request = queue.next;
        (uint256 bought, uint256 maturesAt) = _enqueue(s, _lanes[msg.sender][msg.sender], queue, amount);
        _saveQueue(s, queue);

        emit UnbondingStarted(msg.sender, request, amount, bought, maturesAt, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function rebond(uint256 amount) external {
        Account storage s = _stakes[msg.sender];
        _release(s, msg.sender);
        Queue memory queue = _queueOf(s);
        uint256 moved = _dequeue(s, _lanes[msg.sender][msg.sender], queue, amount);

        _saveQueue(s, queue);
        (uint256 shares, uint256 active) = _deposit(s, msg.sender, moved);

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
        Delegation storage d = _delegations[provider][msg.sender];
        _release(s, provider);
        uint256 shares = d.generation == s.head.generation ? d.shares : 0;
        uint256 active = s.head.active;
        uint256 worth = shares == 0 ? 0 : Shares.toAmountDown(shares, active, s.parts.shares);
        if (amount == type(uint256).max) amount = worth;
        if (amount > worth) revert DelegationInsufficient(provider, msg.sender, worth, amount);
        if (amount == 0) revert AmountZero();

        uint256 burned = amount == worth ? shares : Shares.toSharesUp(amount, active, s.parts.shares);
        d.shares = (shares - burned).toUint128();
        s.parts.shares -= burned.toUint128();
        s.parts.delegated -= burned.toUint128();
        if (s.parts.delegated == 0) s.head.delegated = false;
        active -= amount;
        s.head.active = active.toUint96();
        if (active < s.head.locked && !s.head.short) {
            s.head.short = true;
            s.shortSince = block.number.toUint40();
        }
        Queue memory queue = _queueOf(d);
        request = queue.next;
        (uint256 bought, uint256 maturesAt) = _enqueue(s, _lanes[provider][msg.sender], queue, amount);
        _saveQueue(d, queue);

        emit DelegationUnbonding(provider, msg.sender, request, amount, bought, maturesAt, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function rebondDelegated(address provider, uint256 amount) external {
        Account storage s = _stakes[provider];
        Delegation storage d = _delegations[provider][msg.sender];
        _release(s, provider);
        Queue memory queue = _queueOf(d);
        uint256 moved = _dequeue(s, _lanes[provider][msg.sender], queue, amount);

        _saveQueue(d, queue);
        (uint256 shares, uint256 active) = _depositDelegated(s, provider, moved);

        emit StakeRebonded(provider, msg.sender, moved, shares, queue.next, active, s.unbonding);
    }

    /// @inheritdoc IProviderStaking
    function withdrawDelegated(address provider) external returns (uint256 amount) {
        Delegation storage d = _delegations[provider][msg.sender];
        Queue memory queue = _queueOf(d);
        amount = _pay(_stakes[provider], provider, queue);
        d.firstRequest = queue.first.toUint32();

        if (amount != 0) TOKEN.safeTransfer(msg.sender, amount);
    }

    // ---- Rewards ----

    /// @inheritdoc IProviderStaking
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert CommissionTooHigh(bps, MAX_COMMISSION_BPS);
        Account storage s = _stakes[msg.sender];
        _release(s, msg.sender);

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
        _release(_stakes[provider], provider);
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
        uint256 locked = s.head.locked;
        uint256 active = s.head.active;
        if (active < locked) revert FreeStakeInsufficient(provider, 0, amount);
        _requireFree(provider, active, locked, amount);

        locked += amount;
        s.head.locked = locked.toUint96();

        emit StakeLocked(provider, msg.sender, amount, locked);
    }

    /// @inheritdoc IProviderStaking
    function unlock(address provider, uint256 amount) external onlyLocker {
        Account storage s = _stakes[provider];
        uint256 locked = s.head.locked;
        if (locked < amount) revert LockedInsufficient(provider, locked, amount);

        locked -= amount;
        s.head.locked = locked.toUint96();
        if (s.head.short && s.head.active >= locked) s.head.short = false;

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
        if (challengerBps > MAX_SHARE_BPS) revert ShareTooLarge(challengerBps, MAX_SHARE_BPS);
        if (victimBps > MAX_SHARE_BPS) revert ShareTooLarge(victimBps, MAX_SHARE_BPS);
        if (
            challenger == provider || challenger == operatorOf(provider) || challenger == WORK_DISPUTES
                || challenger == JOB_ESCROW
        ) revert ChallengerIsAccused(challenger);
        Account storage s = _stakes[provider];
        if (amount > s.head.locked) revert LockedInsufficient(provider, s.head.locked, amount);
        if (amount == 0) return 0;
        _release(s, provider);

        (uint256 fromVesting, uint256 fromActive, uint256 fromUnbonding) = _take(s, amount);
        taken = fromVesting + fromActive + fromUnbonding;
        if (taken == 0) return 0;
        s.head.locked -= taken.toUint96();
        if (s.head.short && s.head.active >= s.head.locked) s.head.short = false;
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
            s.pot.vesting,
            s.head.active,
            s.unbonding,
            s.head.locked
        );

        if (toChallenger != 0) TOKEN.safeTransfer(challenger, toChallenger);
        if (toVictim != 0) TOKEN.safeTransfer(victim, toVictim);
        TOKEN.burn(burned);
    }

    /// @inheritdoc IProviderStaking
    function distribute(address provider, uint256 amount) external {
        if (msg.sender != REWARDS) revert RewardsOnly(msg.sender);
        Account storage s = _stakes[provider];
        Pot memory pot = s.pot;
        uint256 at = _clock();

        if (pot.at == 0) s.head.rewarded = true;
        uint256 came = Vesting.vestedBy(pot.vesting, pot.at, pot.until, at);
        uint256 vesting = pot.vesting - came;
        if (amount != 0) {
            uint256 left = Vesting.joined(vesting, Math.saturatingSub(pot.until, at), amount, UNBONDING_BLOCKS);
            vesting += amount;
            pot.until = Math.min(at + left, type(uint32).max).toUint32();
        }
        pot.vesting = vesting.toUint96();
        pot.vested = (pot.vested + came).toUint96();
        pot.at = at.toUint32();
        s.pot = pot;

        emit RewardDistributed(provider, amount, vesting, pot.vested, pot.until);
    }

    // ---- Views ----

    /// @inheritdoc IProviderStaking
    function stakeOf(address provider) external view returns (Stake memory stake_) {
        Account storage s = _stakes[provider];
        Head memory head = s.head;
        Parts memory parts = Parts(head.active, 0);
        if (head.delegated) parts = s.parts;
        stake_.active = head.active;
        stake_.locked = head.locked;
        stake_.generation = head.generation;
        stake_.delegated = head.delegated;
        stake_.rewarded = head.rewarded;
        stake_.short = head.short;
        stake_.unbonding = s.unbonding;
        stake_.firstRequest = s.firstRequest;
        stake_.nextRequest = s.nextRequest;
        stake_.unbondingGeneration = s.unbondingGeneration;
        stake_.unbondingUneven = s.unbondingUneven;
        stake_.laneStart = s.laneStart;
        stake_.shares = parts.shares;
        stake_.delegatedShares = parts.delegated;
        stake_.unbondingShares = s.unbondingUneven ? s.unbondingShares : s.unbonding;
        stake_.shortSince = head.short ? s.shortSince : 0;
        stake_.commissionBps = s.commissionBps;
        stake_.nextCommissionBps = s.nextCommissionBps;
        stake_.commissionFrom = s.commissionFrom;
        stake_.vesting = s.pot.vesting;
        stake_.vested = s.pot.vested;
        stake_.vestedAt = s.pot.at;
        stake_.vestsUntil = s.pot.until;
    }

    /// @inheritdoc IProviderStaking
    function delegationOf(address provider, address delegator) external view returns (Delegation memory d) {
        d = _delegations[provider][delegator];
        if (d.generation != _stakes[provider].head.generation) d.shares = 0;
    }

    /// @inheritdoc IProviderStaking
    function delegatedOf(address provider, address delegator) external view returns (uint256) {
        Account storage s = _stakes[provider];
        Delegation storage d = _delegations[provider][delegator];
        if (d.generation != s.head.generation || d.shares == 0) return 0;
        (uint256 amount,) = _vested(s);
        (, uint256 bought) = _commissionOn(s, amount);
        return Shares.toAmountDown(d.shares, s.head.active + amount, s.parts.shares + bought);
    }

    /// @inheritdoc IProviderStaking
    function vestedOf(address provider) external view returns (uint256 amount) {
        (amount,) = _vested(_stakes[provider]);
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
        return _request(_lanes[provider][delegator], _queueOf(_delegations[provider][delegator]), request);
    }

    /// @inheritdoc IProviderStaking
    function freeOf(address provider) external view returns (uint256) {
        Account storage s = _stakes[provider];
        return Math.saturatingSub(s.head.active, s.head.locked);
    }

    /// @inheritdoc IProviderStaking
    function withdrawableOf(address provider) external view returns (uint256) {
        Account storage s = _stakes[provider];
        return _withdrawable(s, _lanes[provider][provider], _queueOf(s));
    }

    /// @inheritdoc IProviderStaking
    function withdrawableDelegatedOf(address provider, address delegator) external view returns (uint256) {
        Queue memory queue = _queueOf(_delegations[provider][delegator]);
        return _withdrawable(_stakes[provider], _lanes[provider][delegator], queue);
    }

    /// @inheritdoc IProviderStaking
    function shortSince(address provider) external view returns (uint256) {
        Account storage s = _stakes[provider];
        return s.head.short ? s.shortSince : 0;
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
        _release(s, msg.sender);
        (uint256 shares, uint256 active) = _deposit(s, msg.sender, amount);
        totalStaked += amount;

        emit StakeDeposited(msg.sender, amount, shares, active);

        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    function _delegate(address provider, uint256 amount) private {
        if (provider == msg.sender) revert DelegatorIsProvider(provider);
        Account storage s = _stakes[provider];
        _release(s, provider);
        (uint256 shares, uint256 active) = _depositDelegated(s, provider, amount);
        totalStaked += amount;

        emit StakeDelegated(provider, msg.sender, amount, shares, active);

        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Whoever saw the permit can have sent it before; then the allowance is there all the same.
    function _permit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) private {
        // solhint-disable-next-line no-empty-blocks
        try TOKEN.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }

    /// @dev Into the active pool, for the owner's shares.
    function _deposit(Account storage s, address provider, uint256 amount)
        private
        returns (uint256 shares, uint256 active)
    {
        if (amount == 0) revert AmountZero();
        Head memory head = s.head;
        shares = amount;
        if (head.delegated) {
            uint256 all = s.parts.shares;
            shares = Shares.toSharesDown(amount, head.active, all);
            if (shares == 0) revert SharesZero(provider, amount);
            s.parts.shares = (all + shares).toUint128();
        }
        active = head.active + amount;
        _save(s, head, active);
    }

    /// @dev Into the active pool, for a delegator's shares.
    function _depositDelegated(Account storage s, address provider, uint256 amount)
        private
        returns (uint256 shares, uint256 active)
    {
        if (amount == 0) revert AmountZero();
        Head memory head = s.head;
        Parts memory parts = Parts(head.active, 0);
        if (head.delegated) parts = s.parts;
        // Where nothing is active, the owner's share is too small.
        shares = head.active == 0 ? amount : Shares.toSharesDown(amount, head.active, parts.shares);
        if (shares == 0) revert SharesZero(provider, amount);
        parts.shares = (parts.shares + shares).toUint128();
        parts.delegated = (parts.delegated + shares).toUint128();
        _requireOwnShare(provider, parts.shares, parts.delegated, MIN_OWN_SHARES);

        s.parts = parts;
        Delegation memory held = _delegations[provider][msg.sender];
        if (held.generation != head.generation) (held.shares, held.generation) = (0, head.generation);
        held.shares = (held.shares + shares).toUint128();
        _delegations[provider][msg.sender] = held;
        head.delegated = true;
        active = head.active + amount;
        _save(s, head, active);
    }

    /// @dev The first word, with so much active.
    function _save(Account storage s, Head memory head, uint256 active) private {
        head.active = active.toUint96();
        if (head.short && active >= head.locked) head.short = false;
        s.head = head;
    }

    function _requireFree(address provider, uint256 active, uint256 locked, uint256 amount) private pure {
        uint256 free = Math.saturatingSub(active, locked);
        if (free < amount) revert FreeStakeInsufficient(provider, free, amount);
    }

    /// @dev The owner must hold its part beside the delegated shares, and at least `least`. Where `shares` are fewer than those, some of
    /// them are not the owner's to take.
    function _requireOwnShare(address provider, uint256 shares, uint256 delegated, uint256 least) private pure {
        uint256 own = Math.saturatingSub(shares, delegated);
        uint256 need = Math.max(Math.ceilDiv(delegated * MIN_OWN_BPS, Bps.ONE - MIN_OWN_BPS), least);
        if (own < need) revert OwnShareTooSmall(provider, own, need);
    }

    // ---- Queues ----

    function _queueOf(Account storage s) private view returns (Queue memory) {
        return Queue(s.firstRequest, s.nextRequest, s.laneStart);
    }

    function _queueOf(Delegation storage d) private view returns (Queue memory) {
        return Queue(d.firstRequest, d.nextRequest, d.laneStart);
    }

    function _saveQueue(Account storage s, Queue memory queue) private {
        (s.nextRequest, s.laneStart) = (queue.next.toUint32(), queue.start.toUint32());
    }

    function _saveQueue(Delegation storage d, Queue memory queue) private {
        (d.nextRequest, d.laneStart) = (queue.next.toUint32(), queue.start.toUint32());
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
            shares = Shares.toSharesDown(amount, unbonding, s.unbondingShares);
            s.unbondingShares += shares.toUint128();
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
        uint256 amount
    ) private returns (uint256 moved) {
        if (amount == 0) revert AmountZero();
        uint256 unbonding = s.unbonding;
        uint256 shares = _unbondingShares(s);
        uint256 generation = s.unbondingGeneration;
        for (uint256 n = 0; moved < amount && queue.next != queue.first && n < REQUESTS_PER_CALL; ++n) {
            Request storage r = lanes[queue.next - 1 - queue.start];
            if (r.generation != generation) break;

            uint256 part = r.shares;
            uint256 worth = Shares.toAmountDown(part, unbonding, shares);
            if (worth <= amount - moved) {
                --queue.next;
            } else {
                worth = amount - moved;
                part = Shares.toSharesUp(worth, unbonding, shares);
                r.shares -= part.toUint128();
            }
            moved += worth;
            unbonding -= worth;
            shares -= part;
        }
        if (moved == 0) revert NothingUnbonding(msg.sender);
        if (moved < amount && amount != type(uint256).max) revert UnbondingInsufficient(msg.sender, moved, amount);

        _setUnbonding(s, unbonding, shares);
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
        uint256 shares = _unbondingShares(s);
        for (; request < end; ++request) {
            Request memory r = lanes[request - queue.start];
            if (block.number < r.maturesAt) break;

            uint256 paid = 0;
            if (r.generation == s.unbondingGeneration) {
                paid = Shares.toAmountDown(r.shares, unbonding, shares);
                unbonding -= paid;
                shares -= r.shares;
                amount += paid;
            }
            if (provider == msg.sender) emit StakeWithdrawn(provider, request, paid, unbonding);
            else emit DelegationWithdrawn(provider, msg.sender, request, paid, unbonding);
        }
        queue.first = request;
        _setUnbonding(s, unbonding, shares);
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
            if (r.generation != s.unbondingGeneration) continue;
            uint256 paid = Shares.toAmountDown(r.shares, unbonding, shares);
            unbonding -= paid;
            shares -= r.shares;
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
        return s.unbondingUneven ? s.unbondingShares : s.unbonding;
    }

    function _setUnbonding(Account storage s, uint256 unbonding, uint256 shares) private {
        s.unbonding = unbonding.toUint96();
        if (s.unbondingUneven) {
            s.unbondingShares = shares.toUint128();
            s.unbondingUneven = shares != 0;
        }
    }

    // ---- What vests ----

    /// @dev Let what has vested join the active pool. Without delegators it is the owner's, wei by wei; else every share gains, and
    /// the commission, taken before, buys shares for the owner.
    function _release(Account storage s, address provider) private {
        if (!s.head.rewarded) return;
        (uint256 amount, uint256 left) = _vested(s);
        if (amount == 0) return;
        (uint256 commission, uint256 bought) = _commissionOn(s, amount);

        s.pot = Pot(left.toUint96(), 0, _clock().toUint32(), s.pot.until);
        if (bought != 0) s.parts.shares += bought.toUint128();
        uint256 active = s.head.active + amount;
        _save(s, s.head, active);
        totalStaked += amount;

        emit RewardReleased(provider, amount, commission, bought, active);
    }

    /// @return amount Wei vested and not released. @return left Wei that vest yet.
    function _vested(Account storage s) private view returns (uint256 amount, uint256 left) {
        left = s.pot.vesting;
        amount = Vesting.vestedBy(left, s.pot.at, s.pot.until, _clock());
        left -= amount;
        amount += s.pot.vested;
    }

    /// @return commission What the owner takes of `amount` before all share in the rest: the same bps of the delegators' part, and of its
    /// own. @return bought Shares that it buys.
    function _commissionOn(Account storage s, uint256 amount) private view returns (uint256 commission, uint256 bought) {
        if (!s.head.delegated) return (0, 0);
        uint256 bps = _commission(s);
        if (bps == 0) return (0, 0);
        uint256 shares = s.parts.shares;
        commission = Bps.share(amount, bps);
        bought = Shares.toSharesDown(commission, s.head.active + amount - commission, shares);
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

    /// @dev Take `amount` wei, as far as they are there, from what vests, then from both pools in proportion. An unbonding pool that is
    /// spent gives its rest to the active one; an active pool that is spent leaves its rest to the owner.
    function _take(Account storage s, uint256 amount)
        private
        returns (uint256 fromVesting, uint256 fromActive, uint256 fromUnbonding)
    {
        if (s.head.rewarded) {
            uint256 vesting = s.pot.vesting;
            fromVesting = Math.min(amount, vesting);
            if (fromVesting != 0) s.pot.vesting = (vesting - fromVesting).toUint96();
        }
        uint256 active = s.head.active;
        uint256 unbonding = s.unbonding;
        uint256 taken = Math.min(amount - fromVesting, active + unbonding);
        if (taken == 0) return (fromVesting, 0, 0);

        fromUnbonding = (taken * unbonding) / (active + unbonding);
        fromActive = taken - fromUnbonding;
        active -= fromActive;
        if (fromUnbonding != 0) {
            uint256 shares = _unbondingShares(s);
            unbonding -= fromUnbonding;
            bool spent = Shares.isSpent(unbonding, shares);
            if (spent) {
                active += unbonding;
                unbonding = 0;
                shares = 0;
                ++s.unbondingGeneration;
            }
            (s.unbonding, s.unbondingShares, s.unbondingUneven) = (unbonding.toUint96(), shares.toUint128(), !spent);
        }
        s.head.active = active.toUint96();
        if (s.head.delegated && Shares.isSpent(active, s.parts.shares)) {
            s.head.delegated = false;
            ++s.head.generation;
        }
    }
}
