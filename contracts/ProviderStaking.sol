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

contract ProviderStaking is IProviderStaking, EIP712, Nonces {
    using SafeCast for uint256;
    using SafeERC20 for ITensorbondToken;

    bytes32 private constant OPERATOR_TYPEHASH = keccak256("Operator(address provider,address operator,uint256 nonce)");
    uint256 private constant REQUESTS_PER_CALL = 32;
    /// @inheritdoc IProviderStaking
    uint256 public constant MAX_SHARE_BPS = 2_500;

    ITensorbondToken private immutable TOKEN;
    address private immutable REGISTRY;
    address private immutable JOB_ESCROW;
    IChallenges private immutable CHALLENGES;
    address private immutable WORK_DISPUTES;
    address private immutable REWARDS;
    /// @inheritdoc IProviderStaking
    uint256 public immutable UNBONDING_BLOCKS;

    mapping(address provider => Stake) private _stakes;
    /// A queue's words are used again once it has run empty: request number r lies in lane r − laneStart.
    mapping(address provider => mapping(uint256 lane => Request)) private _lanes;
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

    // ---- Stake ----

    /// @inheritdoc IProviderStaking
    function stake(uint256 amount) external {
        _stake(amount);
    }

    /// @inheritdoc IProviderStaking
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Whoever saw the permit can have sent it before; then the allowance is there all the same.
        // solhint-disable-next-line no-empty-blocks
        try TOKEN.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _stake(amount);
    }

    /// @inheritdoc IProviderStaking
    function unbond(uint256 amount) external returns (uint256 request) {
        Stake storage s = _stakes[msg.sender];
        if (amount == 0) revert AmountZero();
        uint256 active = s.active;
        _requireFree(msg.sender, active, s.locked, amount);

        if (s.uneven) s.shares -= Shares.toSharesUp(amount, active, s.shares).toUint128();
        active -= amount;
        s.active = active.toUint96();
        if (active == 0) s.uneven = false;

        uint256 unbonding = s.unbonding;
        uint256 shares = amount;
        if (s.unbondingUneven) {
            shares = Shares.toSharesDown(amount, unbonding, s.unbondingShares);
            s.unbondingShares += shares.toUint128();
        }
        unbonding += amount;
        s.unbonding = unbonding.toUint96();
        request = s.nextRequest;
        s.nextRequest = (request + 1).toUint32();
        if (request == s.firstRequest) s.laneStart = uint32(request);
        uint256 maturesAt = block.number + UNBONDING_BLOCKS;
        _lanes[msg.sender][request - s.laneStart] =
            Request(shares.toUint128(), maturesAt.toUint40(), s.unbondingGeneration);

        emit UnbondingStarted(msg.sender, request, amount, shares, maturesAt, active, unbonding);
    }

    /// @inheritdoc IProviderStaking
    function withdraw() external returns (uint256 amount) {
        Stake storage s = _stakes[msg.sender];
        mapping(uint256 lane => Request) storage lanes = _lanes[msg.sender];
        uint256 request = s.firstRequest;
        uint256 end = Math.min(s.nextRequest, request + REQUESTS_PER_CALL);
        if (request == end) revert NothingUnbonding(msg.sender);
        uint256 maturesAt = lanes[request - s.laneStart].maturesAt;
        if (block.number < maturesAt) revert NothingMatured(msg.sender, block.number, maturesAt);

        uint256 unbonding = s.unbonding;
        uint256 shares = _unbondingShares(s);
        for (; request < end; ++request) {
            Request memory r = lanes[request - s.laneStart];
            if (block.number < r.maturesAt) break;

            uint256 paid = 0;
            if (r.generation == s.unbondingGeneration) {
                paid = Shares.toAmountDown(r.shares, unbonding, shares);
                unbonding -= paid;
                shares -= r.shares;
                amount += paid;
            }
            emit StakeWithdrawn(msg.sender, request, paid, unbonding);
        }
        s.firstRequest = request.toUint32();
        s.unbonding = unbonding.toUint96();
        if (s.unbondingUneven) {
            s.unbondingShares = shares.toUint128();
            s.unbondingUneven = unbonding != 0;
        }
        totalStaked -= amount;

        if (amount != 0) TOKEN.safeTransfer(msg.sender, amount);
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
        Stake storage s = _stakes[provider];
        uint256 locked = s.locked;
        _requireFree(provider, s.active, locked, amount);

        locked += amount;
        s.locked = locked.toUint96();

        emit StakeLocked(provider, msg.sender, amount, locked);
    }

    /// @inheritdoc IProviderStaking
    function unlock(address provider, uint256 amount) external onlyLocker {
        Stake storage s = _stakes[provider];
        uint256 locked = s.locked;
        if (locked < amount) revert LockedInsufficient(provider, locked, amount);

        locked -= amount;
        s.locked = locked.toUint96();

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
        Stake storage s = _stakes[provider];
        if (amount > s.locked) revert LockedInsufficient(provider, s.locked, amount);

        (uint256 fromActive, uint256 fromUnbonding) = _take(s, amount);
        taken = fromActive + fromUnbonding;
        if (taken == 0) return 0;
        s.locked -= taken.toUint96();
        totalStaked -= taken;
        uint256 toChallenger = challenger == address(0) ? 0 : Bps.share(taken, challengerBps);
        uint256 toVictim = victim == address(0) ? 0 : Bps.share(taken, victimBps);
        uint256 burned = taken - toChallenger - toVictim;

        emit StakeSlashed(
            provider,
            challenger,
            victim,
            reason,
            evidence,
            fromActive,
            fromUnbonding,
            toChallenger,
            toVictim,
            burned,
            s.active,
            s.unbonding,
            s.locked
        );

        if (toChallenger != 0) TOKEN.safeTransfer(challenger, toChallenger);
        if (toVictim != 0) TOKEN.safeTransfer(victim, toVictim);
        TOKEN.burn(burned);
    }

    // ---- Views ----

    /// @inheritdoc IProviderStaking
    function stakeOf(address provider) external view returns (Stake memory s) {
        s = _stakes[provider];
        if (!s.uneven) s.shares = s.active;
        if (!s.unbondingUneven) s.unbondingShares = s.unbonding;
    }

    /// @inheritdoc IProviderStaking
    function requestOf(address provider, uint256 request) external view returns (Request memory r) {
        Stake storage s = _stakes[provider];
        if (request >= s.firstRequest && request < s.nextRequest) r = _lanes[provider][request - s.laneStart];
    }

    /// @inheritdoc IProviderStaking
    function freeOf(address provider) external view returns (uint256) {
        Stake storage s = _stakes[provider];
        return Math.saturatingSub(s.active, s.locked);
    }

    /// @inheritdoc IProviderStaking
    function withdrawableOf(address provider) external view returns (uint256) {
        Stake storage s = _stakes[provider];
        uint256 unbonding = s.unbonding;
        uint256 shares = _unbondingShares(s);
        for (uint256 request = s.firstRequest; request < s.nextRequest; ++request) {
            Request memory r = _lanes[provider][request - s.laneStart];
            if (block.number < r.maturesAt) break;
            if (r.generation != s.unbondingGeneration) continue;
            unbonding -= Shares.toAmountDown(r.shares, unbonding, shares);
            shares -= r.shares;
        }
        return s.unbonding - unbonding;
    }

    /// @inheritdoc IProviderStaking
    function operatorOf(address provider) public view returns (address) {
        address operator = _operators[provider];
        return operator == address(0) ? provider : operator;
    }

    // ---- Internal ----

    modifier onlyLocker() {
        if (msg.sender != REGISTRY && msg.sender != JOB_ESCROW) revert LockerOnly(msg.sender);
        _;
    }

    function _stake(uint256 amount) private {
        if (amount == 0) revert AmountZero();

        Stake storage s = _stakes[msg.sender];
        uint256 active = s.active;
        uint256 shares = amount;
        if (s.uneven) {
            shares = Shares.toSharesDown(amount, active, s.shares);
            s.shares += shares.toUint128();
        }
        active += amount;
        s.active = active.toUint96();
        totalStaked += amount;

        emit StakeDeposited(msg.sender, amount, shares, active);

        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Take `amount` wei, as far as they are there, from both pools in proportion. A pool is even again once it is empty.
    function _take(Stake storage s, uint256 amount) private returns (uint256 fromActive, uint256 fromUnbonding) {
        uint256 active = s.active;
        uint256 unbonding = s.unbonding;
        uint256 taken = Math.min(amount, active + unbonding);
        if (taken == 0) return (0, 0);

        fromUnbonding = (taken * unbonding) / (active + unbonding);
        if (Shares.isSpent(unbonding - fromUnbonding, unbonding)) fromUnbonding = Math.min(taken, unbonding);
        fromActive = taken - fromUnbonding;

        if (fromUnbonding != 0) {
            if (!s.unbondingUneven) s.unbondingShares = s.unbonding;
            s.unbonding = (unbonding - fromUnbonding).toUint96();
            s.unbondingUneven = fromUnbonding != unbonding;
            if (fromUnbonding == unbonding) ++s.unbondingGeneration;
        }
        if (fromActive != 0) {
            if (!s.uneven) s.shares = s.active;
            s.active = (active - fromActive).toUint96();
            s.uneven = !Shares.isSpent(active - fromActive, active);
            if (!s.uneven) ++s.generation;
        }
    }

    function _unbondingShares(Stake storage s) private view returns (uint256) {
        return s.unbondingUneven ? s.unbondingShares : s.unbonding;
    }

    function _requireFree(address provider, uint256 active, uint256 locked, uint256 amount) private pure {
        uint256 free = Math.saturatingSub(active, locked);
        if (free < amount) revert FreeStakeInsufficient(provider, free, amount);
    }
}
