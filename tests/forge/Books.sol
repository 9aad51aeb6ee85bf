// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAttestationDisputes} from "../../contracts/interfaces/IAttestationDisputes.sol";
import {IAttestations} from "../../contracts/interfaces/IAttestations.sol";
import {IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {IJobEscrow, Job, JobStatus, Terms, Verdict} from "../../contracts/interfaces/IJobEscrow.sol";
import {ILeaseEscrow, Lease, LeaseState, LeaseStatus, LeaseTerms} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {IProviderStaking, SlashReason} from "../../contracts/interfaces/IProviderStaking.sol";
import {Timing} from "../../contracts/libraries/Slots.sol";
import {Stage} from "./Stage.sol";
import {Vm, vm} from "./Vm.sol";

/// @title The books, kept from events alone, and the invariants that compare them with the chain. Each failure names its number.
/// @dev What a holder has of a pool is kept in 2⁻⁶⁴ wei by fractions, not by shares: whoever isn't touched keeps its part.
abstract contract Books is Stage {
    /// @dev What the events say of a provider's stake.
    struct Book {
        uint256 active;
        uint256 unbonding;
        uint256 locked;
        /// Of it, what the job escrow has locked, and what it should have: the collateral of the open jobs.
        uint256 lockedForJobs;
        uint256 collateral;
        uint256 paidIn;
        uint256 paidOut;
        uint256 slashed;
        uint256 rewarded;
        uint256 distributed;
        uint256 slashedVesting;
        /// What roundings may have cost by now, in 2⁻⁶⁴ wei: a wei and a share at each event, and it grows as the pool does.
        uint256 slack;
        uint256 price;
    }

    /// @dev What the events say of a lease, and the play's own clock of it.
    struct LeaseBook {
        Lease terms;
        LeaseStatus status;
        bool shared;
        uint256 deposited;
        uint256 paid;
        uint256 paidSeconds;
        uint256 heldSeconds;
        uint256 ripeAt;
        uint256 redeemed;
        /// To a requester who was the only funder, and to funders for their deposits.
        uint256 refunded;
        uint256 sharedOut;
        uint256 fee;
        uint256 active;
        uint256 left;
        uint256 since;
        uint256 endsAt;
    }

    /// @dev One deposit into a lease; those of a requester who is the only funder are one.
    struct Payment {
        address by;
        uint256 from;
        uint256 amount;
        uint256 refunded;
    }

    /// @dev Seconds in which a lease was active.
    struct Span {
        uint256 from;
        uint256 to;
    }

    uint256 internal constant ONE = 1 << 64;
    uint256 internal constant MOST_SLACK = 1 << 150;
    uint256 internal constant MOST_FEES = type(uint80).max;

    mapping(address provider => Book) internal _books;
    mapping(address provider => mapping(address holder => uint256)) internal _held;
    mapping(address provider => mapping(address holder => uint256)) internal _unbonded;
    mapping(address provider => uint256) internal _slashedBefore;
    mapping(address provider => mapping(address holder => uint256)) internal _withdrawable;
    mapping(address provider => mapping(address holder => mapping(uint256 request => uint256 block_))) internal _askedAt;

    mapping(address escrow => mapping(address token => uint256)) internal _open;
    mapping(address escrow => mapping(address token => uint256)) internal _owedSum;
    mapping(address escrow => mapping(address token => mapping(address account => uint256))) internal _owed;
    mapping(address token => uint256) internal _fees;
    mapping(address token => uint256) internal _leaseFees;

    mapping(uint256 job => Job) internal _jobs;
    mapping(uint256 job => uint256) internal _left;
    uint256 internal _jobCount;

    mapping(uint256 lease => LeaseBook) internal _leases;
    mapping(uint256 lease => Payment[]) internal _payments;
    mapping(uint256 lease => Span[]) internal _spans;
    /// Active seconds before each pause that ended, and the origin after it.
    mapping(uint256 lease => Span[]) internal _resumes;
    mapping(uint256 lease => uint256 block_) internal _noticedIn;
    uint256[] internal _openLeases;
    uint256 internal _leaseCount;

    mapping(address oracle => bool) internal _signed;
    uint256 internal _bonds;
    uint256 internal _deposits;
    mapping(uint256 device => uint256) internal _claimed;

    /// @return ok Whether the call went through. What it logged before it reverted is forgotten.
    function _try(address sender, address target, bytes memory data) internal returns (bool ok) {
        _read();
        vm.prank(sender);
        (ok,) = target.call(data);
        if (!ok) vm.getRecordedLogs();
    }

    /// @dev The call must revert.
    function _refuse(address sender, address target, bytes memory data, string memory what) internal {
        isTrue(!_try(sender, target, data), what);
    }

    /// @dev New business, which a pause refuses (invariant 13): then it is let in.
    function _admit(address sender, address room, bytes memory data) internal {
        if (!_shut) return;
        _refuse(sender, room, data, "13: new business while paused");
        _letIn();
    }

    /// @dev One event for each change of a balance: whatever has none shows up as a difference. At once, because an event does not say
    /// when it was.
    function _read() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            address from = logs[i].emitter;
            if (from == address(staking)) _readStaking(logs[i]);
            else if (from == address(jobEscrow)) _readJobs(logs[i]);
            else if (from == address(leaseEscrow)) _readLeases(logs[i]);
            else if (from == address(attestations)) _readAttestations(logs[i]);
            else if (from == address(attestationDisputes)) _readEvidence(logs[i]);
            else if (from == address(challenges)) _readChallenges(logs[i]);
        }
    }

    // ------------------------------------------------------------------------------------------------------------ stake

    function _readStaking(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (log.topics.length < 2) return;
        address provider = _account(log.topics[1]);
        Book storage book = _books[provider];
        uint256 amount = log.data.length == 0 ? 0 : _word(log.data, 0);
        book.slack += 2 * (1 + book.price) * ONE;
        if (topic == IProviderStaking.StakeDeposited.selector) {
            book.paidIn += amount;
            _join(book, provider, provider, amount);
        } else if (topic == IProviderStaking.StakeDelegated.selector) {
            book.paidIn += amount;
            _join(book, provider, _account(log.topics[2]), amount);
        } else if (topic == IProviderStaking.UnbondingStarted.selector) {
            _part(book, provider, provider, amount);
            _askedAt[provider][provider][uint256(log.topics[2])] = _now();
            isTrue(book.active >= book.locked, "5: an owner's unbond cut into locked");
        } else if (topic == IProviderStaking.DelegationUnbonding.selector) {
            _part(book, provider, _account(log.topics[2]), amount);
            _askedAt[provider][_account(log.topics[2])][uint256(log.topics[3])] = _now();
        } else if (topic == IProviderStaking.StakeWithdrawn.selector) {
            _payOut(book, provider, provider, uint256(log.topics[2]), amount);
        } else if (topic == IProviderStaking.DelegationWithdrawn.selector) {
            _payOut(book, provider, _account(log.topics[2]), uint256(log.topics[3]), amount);
        } else if (topic == IProviderStaking.StakeRebonded.selector) {
            _take(_unbonded[provider], _account(log.topics[2]), amount);
            _less(_withdrawable[provider], _account(log.topics[2]), amount);
            book.unbonding -= amount;
            _join(book, provider, _account(log.topics[2]), amount);
        } else if (topic == IProviderStaking.StakeLocked.selector) {
            book.locked += amount;
            if (_account(log.topics[2]) == address(jobEscrow)) book.lockedForJobs += amount;
        } else if (topic == IProviderStaking.StakeUnlocked.selector) {
            book.locked -= amount;
            if (_account(log.topics[2]) == address(jobEscrow)) book.lockedForJobs -= amount;
        } else if (topic == IProviderStaking.RewardDistributed.selector) {
            book.distributed += amount;
        } else if (topic == IProviderStaking.RewardReleased.selector) {
            uint256 commission = _word(log.data, 1);
            _scale(_held[provider], provider, book.active, book.active + amount - commission);
            if (book.active != 0) book.slack = (book.slack * (book.active + amount)) / book.active;
            if (book.slack > MOST_SLACK) book.slack = MOST_SLACK;
            _held[provider][provider] += (book.active == 0 ? amount : commission) * ONE;
            book.active += amount;
            book.rewarded += amount;
        } else if (topic == IProviderStaking.StakeSlashed.selector) {
            _readSlash(book, provider, log.data);
        }
    }

    function _join(Book storage book, address provider, address holder, uint256 amount) private {
        book.active += amount;
        _held[provider][holder] += amount * ONE;
    }

    function _part(Book storage book, address provider, address holder, uint256 amount) private {
        book.active -= amount;
        book.unbonding += amount;
        _take(_held[provider], holder, amount);
        _unbonded[provider][holder] += amount * ONE;
    }

    function _payOut(Book storage book, address provider, address holder, uint256 request, uint256 amount) private {
        book.unbonding -= amount;
        book.paidOut += amount;
        _take(_unbonded[provider], holder, amount);
        isTrue(_now() >= _askedAt[provider][holder][request] + staking.UNBONDING_BLOCKS(), "12: withdrawn too soon");
        _less(_withdrawable[provider], holder, amount);
    }

    /// @dev Roundings may have left a little less.
    function _take(mapping(address => uint256) storage parts, address holder, uint256 amount) private {
        _less(parts, holder, amount * ONE);
    }

    function _less(mapping(address => uint256) storage parts, address holder, uint256 amount) private {
        uint256 have = parts[holder];
        parts[holder] = have > amount ? have - amount : 0;
    }

    /// @dev Everybody's part of a pool that went from `before` to `afterwards`.
    function _scale(mapping(address => uint256) storage parts, address owner, uint256 before, uint256 afterwards) private {
        if (before == 0) return;
        parts[owner] = (parts[owner] * afterwards) / before;
        for (uint256 i = 0; i < DELEGATORS; ++i) {
            address delegator = _delegators[i];
            if (parts[delegator] != 0) parts[delegator] = (parts[delegator] * afterwards) / before;
        }
    }

    /// @dev reason, evidence, fromVesting, fromActive, fromUnbonding, toChallenger, toVictim, burned, vesting, active, unbonding, …
    function _readSlash(Book storage book, address provider, bytes memory data) private {
        (uint256 active, uint256 unbonding) = (book.active - _word(data, 3), book.unbonding - _word(data, 4));
        uint256 taken = _word(data, 2) + _word(data, 3) + _word(data, 4);
        _scale(_held[provider], provider, book.active, active);
        _scale(_unbonded[provider], provider, book.unbonding, unbonding);
        (book.active, book.unbonding) = (active, unbonding);
        book.locked -= taken;
        SlashReason reason = SlashReason(_word(data, 0));
        bool isJob = reason == SlashReason.JobNotSubmitted || reason == SlashReason.JobOutcomeMissed
            || reason == SlashReason.JobOutcomeBad;
        if (isJob) book.lockedForJobs -= taken;
        book.slashed += _word(data, 3) + _word(data, 4);
        book.slashedVesting += _word(data, 2);
        equal(_word(data, 5) + _word(data, 6) + _word(data, 7), taken, "9: slash");
        isTrue((_word(data, 5) + _word(data, 6)) * 4 <= taken, "9: shares");
    }

    /// @return What the delegators have unbonding, in shares of the active pool.
    function _leavingShares(IProviderStaking.Stake memory s) internal pure returns (uint256) {
        if (s.delegatedUnbondingShares == 0) return 0;
        uint256 leaving = (uint256(s.delegatedUnbondingShares) * s.unbonding + s.unbondingShares - 1) / s.unbondingShares;
        return s.active == 0 ? leaving : (leaving * s.shares + s.active - 1) / s.active;
    }

    function _checkStake() internal {
        uint256 total;
        uint256 vesting;
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            address provider = _providers[i];
            IProviderStaking.Stake memory s = staking.stakeOf(provider);
            Book storage book = _books[provider];
            total += uint256(s.active) + s.unbonding;
            vesting += uint256(s.vesting) + s.vested;
            equal(s.active, book.active, "14: active");
            equal(s.unbonding, book.unbonding, "14: unbonding");
            equal(s.locked, book.locked, "14: locked");
            equal(book.lockedForJobs, book.collateral, "5: the open jobs' collateral is locked");
            equal(uint256(s.vesting) + s.vested + book.rewarded + book.slashedVesting, book.distributed, "14: vesting");
            equal(uint256(s.active) + s.unbonding + book.paidOut + book.slashed, book.paidIn + book.rewarded, "3: in and out");
            isTrue(s.locked <= uint256(s.active) + s.unbonding || s.short, "5: locked");
            isTrue(s.locked <= s.active || s.short, "5: short");
            if (!s.delegated) equal(s.shares, s.active, "3: an owner's share is worth a wei");
            _checkHolders(book, provider, s);
        }
        equal(staking.totalStaked(), total, "1: tracked total");
        isTrue(tbnd.balanceOf(address(staking)) >= total + vesting, "1: balance");
        equal(_books[_providers[0]].slashed + _books[_providers[0]].slashedVesting, 0, "10: the honest provider was slashed");
        Timing memory timing = registry.timingEntry(registry.timingCount() - 1);
        uint256 exposed = uint256(timing.slotBlocks) * timing.epochSlots + timing.attestBlocks + 2 * uint256(timing.proofBlocks);
        isTrue(staking.UNBONDING_BLOCKS() >= exposed, "12: unbonding");
    }

    /// @dev Who holds what: pro rata, but for what roundings can have cost.
    function _checkHolders(Book storage book, address provider, IProviderStaking.Stake memory s) private {
        book.price = s.shares == 0 ? 1 : 1 + s.active / s.shares;
        uint256 slack = book.slack / ONE + book.price + 1;
        _checkQuarter(s, slack);
        if (s.delegated) {
            uint256 own = ((uint256(s.shares) - s.delegatedShares) * s.active) / s.shares;
            _near(own, _held[provider][provider] / ONE, slack, "3: the owner's part");
        }
        _checkWithdrawable(book, provider, provider, staking.withdrawableOf(provider), s.unbonding);
        uint256 comes = s.delegated ? staking.vestedOf(provider) : 0;
        uint256 commission = comes == 0 ? 0 : (comes * staking.commissionOf(provider)) / 10_000;
        for (uint256 i = 0; i < DELEGATORS; ++i) {
            address delegator = _delegators[i];
            uint256 need = _held[provider][delegator];
            if (need != 0) {
                if (s.active != 0) need = (need * (uint256(s.active) + comes - commission)) / s.active;
                _near(staking.delegatedOf(provider, delegator), need / ONE, slack, "3: a delegator's part");
            }
            if (_unbonded[provider][delegator] != 0) {
                uint256 can = staking.withdrawableDelegatedOf(provider, delegator);
                isTrue(can <= _unbonded[provider][delegator] / ONE + slack, "3: a delegator's unbonding");
                _checkWithdrawable(book, provider, delegator, can, s.unbonding);
            }
        }
        _slashedBefore[provider] = book.slashed;
    }

    /// @dev Of what is active and what the delegators have unbonding; to what roundings can have cost.
    function _checkQuarter(IProviderStaking.Stake memory s, uint256 slack) private pure {
        uint256 own = uint256(s.shares) - s.delegatedShares;
        uint256 others = s.delegatedShares + _leavingShares(s);
        uint256 wei_ = s.active == 0 ? slack : (slack * s.shares) / s.active;
        isTrue(3 * (own + wei_ + 1) >= others, "5: the owner's quarter");
    }

    function _checkWithdrawable(Book storage book, address provider, address holder, uint256 can, uint256 most) private {
        isTrue(can <= most, "3: withdrawable");
        if (book.slashed == _slashedBefore[provider]) isTrue(can + 8 >= _withdrawable[provider][holder], "4: withdrawable fell");
        _withdrawable[provider][holder] = can;
    }

    function _near(uint256 have, uint256 need, uint256 slack, string memory what) internal pure {
        if (have > need + slack || need > have + slack) revert Unequal(what, have, need);
    }

    // ------------------------------------------------------------------------------------------------------------- jobs

    function _readJobs(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        address escrow = address(jobEscrow);
        if (_readPayments(escrow, log) || log.topics.length < 4) {
            if (topic == IJobEscrow.FeesSwept.selector) {
                equal(_word(log.data, 0) + _word(log.data, 1), _fees[_account(log.topics[1])], "14: swept");
                _fees[_account(log.topics[1])] = 0;
            }
            if (topic == IJobEscrow.JobSubmitted.selector) {
                Job storage submitted = _jobs[uint256(log.topics[1])];
                submitted.status = JobStatus.Submitted;
                submitted.result = bytes32(_word(log.data, 0));
                submitted.submittedAt = uint40(_word(log.data, 1));
            }
            return;
        }
        uint256 job = uint256(log.topics[1]);
        Job storage state = _jobs[job];
        uint256 open = _left[job];
        if (topic == IJobEscrow.JobFunded.selector) {
            (Terms memory terms, uint256 bps,) = abi.decode(log.data, (Terms, uint256, uint256));
            equal(job, ++_jobCount, "14: jobs");
            (state.terms, state.feeBps, state.status) = (terms, uint16(bps), JobStatus.Funded);
            _left[job] = terms.price;
        } else if (topic == IJobEscrow.JobAccepted.selector) {
            state.status = JobStatus.Accepted;
            state.provider = _account(log.topics[2]);
            state.device = uint32(uint256(log.topics[3]));
            state.forcedSlot = uint32(_word(log.data, 0));
            _books[state.provider].collateral += state.terms.collateral;
        } else if (topic == IJobEscrow.JobAssigned.selector) {
            state.terms.provider = _account(log.topics[2]);
            state.terms.price = uint96(_word(log.data, 0));
            _left[job] -= _word(log.data, 1);
        } else if (topic == IJobEscrow.JobPartsPaid.selector) {
            state.paidParts = uint16(_word(log.data, 0));
            _payJob(state, job, _word(log.data, 1), _word(log.data, 2));
        } else if (topic == IJobEscrow.JobSettled.selector) {
            state.status = JobStatus.Settled;
            _books[state.provider].collateral -= state.terms.collateral;
            _payJob(state, job, _word(log.data, 1), _word(log.data, 2));
            equal(_left[job], 0, "7: settled in part");
        } else if (topic == IJobEscrow.JobRefunded.selector) {
            state.status = JobStatus.Refunded;
            if (state.provider != address(0)) _books[state.provider].collateral -= state.terms.collateral;
            _left[job] -= _word(log.data, 1);
            equal(_left[job], 0, "7: refunded in part");
        } else if (topic == IJobEscrow.JobDisputed.selector) {
            state.status = JobStatus.Disputed;
            state.verdictBy = uint40(_word(log.data, 1));
            equal(_word(log.data, 0), _bondOf(job), "7: bond");
            _open[escrow][state.terms.token] += _word(log.data, 0);
        } else if (topic == IJobEscrow.DisputeResolved.selector) {
            state.status = JobStatus.Submitted;
            equal(_word(log.data, 1), _bondOf(job), "7: bond back");
            _open[escrow][state.terms.token] -= _word(log.data, 1);
        }
        _open[escrow][state.terms.token] = _open[escrow][state.terms.token] + _left[job] - open;
    }

    /// @dev However many payments there are, together they bear the fee of one.
    function _payJob(Job storage state, uint256 job, uint256 paid, uint256 fee) private {
        uint256 before = state.terms.price - _left[job];
        uint256 need = ((before + paid + fee) * state.feeBps) / 10_000 - (before * state.feeBps) / 10_000;
        uint256 most = MOST_FEES - _fees[state.terms.token];
        equal(fee, need < most ? need : most, "7: fee");
        _left[job] -= paid + fee;
        _fees[state.terms.token] += fee;
    }

    /// @dev A tenth of what is unpaid, rounded up.
    function _bondOf(uint256 job) internal view returns (uint256) {
        return (_left[job] + 9) / 10;
    }

    function _readPayments(address escrow, Vm.Log memory log) private returns (bool) {
        bytes32 topic = log.topics[0];
        if (topic == IJobEscrow.PaymentDeferred.selector) {
            _owe(escrow, _account(log.topics[2]), _account(log.topics[1]), _word(log.data, 0));
        } else if (topic == IJobEscrow.PaymentCollected.selector || topic == ILeaseEscrow.PaymentCollected.selector) {
            (address account, address token) = (_account(log.topics[1]), _account(log.topics[2]));
            equal(_word(log.data, 0), _owed[escrow][token][account], "14: collected");
            _owedSum[escrow][token] -= _word(log.data, 0);
            _owed[escrow][token][account] = 0;
        } else {
            return false;
        }
        return true;
    }

    function _owe(address escrow, address token, address account, uint256 amount) private {
        _owed[escrow][token][account] += amount;
        _owedSum[escrow][token] += amount;
    }

    function _checkJobs() internal view {
        for (uint256 t = 0; t < _tokens.length; ++t) {
            address token = address(_tokens[t]);
            address escrow = address(jobEscrow);
            IJobEscrow.Ledger memory ledger = jobEscrow.ledgerOf(token);
            equal(ledger.tracked, _open[escrow][token] + _owedSum[escrow][token] + _fees[token], "2: tracked");
            equal(ledger.fees, _fees[token], "14: fees");
            isTrue(_tokens[t].balanceOf(escrow) >= ledger.tracked, "2: balance");
            for (uint256 i = 0; i < PROVIDERS; ++i) {
                address account = _providers[i];
                equal(jobEscrow.owedOf(account, token), _owed[escrow][token][account], "14: owed");
            }
        }
        for (uint256 job = _jobCount; job > 0; --job) {
            JobStatus status = _jobs[job].status;
            // An ended one was compared when it ended.
            if ((status == JobStatus.Settled || status == JobStatus.Refunded) && job + 2 < _jobCount) continue;
            isTrue(jobEscrow.jobHash(job) == keccak256(abi.encode(_jobs[job])), "7: the job's state");
        }
    }

    // ----------------------------------------------------------------------------------------------------------- leases

    function _readLeases(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        address escrow = address(leaseEscrow);
        if (_readPayments(escrow, log) || log.topics.length < 2) return;
        if (topic == ILeaseEscrow.LeaseClosed.selector) {
            _leases[uint256(log.topics[1])].status = LeaseStatus.Closed;
            return;
        }
        if (log.data.length == 0) return;
        if (topic == ILeaseEscrow.FeesSwept.selector) {
            equal(_word(log.data, 0) + _word(log.data, 1), _leaseFees[_account(log.topics[1])], "14: the fees of leases");
            _leaseFees[_account(log.topics[1])] = 0;
            return;
        }
        uint256 lease = uint256(log.topics[1]);
        if (topic == ILeaseEscrow.LeaseOpened.selector) return _readOpened(lease, log.data);
        LeaseBook storage book = _leases[lease];
        if (book.deposited == 0) return;
        address token = book.terms.terms.token;
        _tick(lease);
        if (topic == ILeaseEscrow.LeaseStarted.selector) {
            book.status = LeaseStatus.Active;
            book.since = _word(log.data, 0);
        } else if (topic == ILeaseEscrow.LeaseToppedUp.selector) {
            uint256 amount = _word(log.data, 0);
            Payment[] storage payments = _payments[lease];
            if (book.shared) payments.push(Payment(_account(log.topics[2]), book.deposited, amount, 0));
            else payments[0].amount += amount;
            book.deposited += amount;
            book.left += amount;
            _open[escrow][token] += amount;
            equal(_word(log.data, 1), book.deposited, "8: all deposits");
        } else if (topic == ILeaseEscrow.LeaseShared.selector) {
            book.shared = true;
            equal(_word(log.data, 0), book.deposited, "8: what the requester paid alone");
        } else if (topic == ILeaseEscrow.LeaseResumed.selector) {
            equal(_word(log.data, 0), book.active, "8: resumed");
            _resumes[lease].push(Span(_word(log.data, 0), _word(log.data, 1)));
        } else if (topic == ILeaseEscrow.LeaseSettled.selector) {
            _readSettled(book, log.data);
            _takeFee(book, _word(log.data, 0), _word(log.data, 1));
        } else if (topic == ILeaseEscrow.VoucherRedeemed.selector) {
            uint256 gross = _word(log.data, 0) + _word(log.data, 1);
            book.redeemed += gross;
            book.left -= gross;
            book.paid += _word(log.data, 0);
            equal(book.redeemed, _word(log.data, 2), "8: redeemed");
            _takeFee(book, _word(log.data, 0), _word(log.data, 1));
        } else if (topic == ILeaseEscrow.LeaseNoticed.selector) {
            book.status = LeaseStatus.Ending;
            book.endsAt = _word(log.data, 0);
            _noticedIn[lease] = _now();
        } else if (topic == ILeaseEscrow.LeaseStopped.selector) {
            _end(lease, _word(log.data, 0), _word(log.data, 1), _word(log.data, 2));
        } else if (topic == ILeaseEscrow.LeaseHalted.selector) {
            uint256 active = _activeAt(lease, _word(log.data, 1));
            if (active < book.paidSeconds) active = book.paidSeconds;
            book.left += (book.active - active) * book.terms.terms.rate;
            book.active = active;
            _end(lease, _word(log.data, 2), _word(log.data, 3), _word(log.data, 4));
        } else if (topic == ILeaseEscrow.LeaseRefunded.selector) {
            uint256 amount = _word(log.data, 1);
            (Payment storage payment, uint256 unspent) = _paymentAt(lease, _word(log.data, 0));
            isTrue(payment.by == _account(log.topics[2]), "8: refunded to another");
            payment.refunded += amount;
            equal(payment.refunded, unspent, "8: a deposit's refund");
            equal(payment.refunded, _word(log.data, 2), "8: refunded of a deposit");
            book.sharedOut += amount;
            isTrue(book.sharedOut <= book.left, "8: refunded more than is left");
            _open[escrow][token] -= amount;
        }
    }

    /// @return payment The deposit after `from`. @return unspent What of it nothing has spent: what is left is of the newest deposits.
    function _paymentAt(uint256 lease, uint256 from) internal view returns (Payment storage payment, uint256 unspent) {
        uint256 left = _leases[lease].left;
        uint256 i = _payments[lease].length - 1;
        payment = _payments[lease][i];
        while (payment.from != from) {
            left = left > payment.amount ? left - payment.amount : 0;
            payment = _payments[lease][--i];
        }
        unspent = left < payment.amount ? left : payment.amount;
    }

    function _takeFee(LeaseBook storage book, uint256 paid, uint256 fee) private {
        address token = book.terms.terms.token;
        book.fee += fee;
        _open[address(leaseEscrow)][token] -= paid + fee;
        _leaseFees[token] += fee;
    }

    function _readOpened(uint256 lease, bytes memory data) private {
        equal(lease, ++_leaseCount, "14: leases");
        LeaseBook storage book = _leases[lease];
        (LeaseTerms memory terms, uint256 device, uint256 bps, uint256 exposure, uint256 deposit) =
            abi.decode(data, (LeaseTerms, uint256, uint256, uint256, uint256));
        book.terms = Lease(terms, uint32(device), uint16(bps), uint128(exposure));
        book.status = LeaseStatus.Offered;
        book.deposited = book.left = deposit;
        _payments[lease].push(Payment(terms.requester, 0, deposit, 0));
        _open[address(leaseEscrow)][terms.token] += deposit;
        _openLeases.push(lease);
    }

    function _readSettled(LeaseBook storage book, bytes memory data) private {
        (uint256 paid, uint256 fee, uint256 paidSeconds) = (_word(data, 0), _word(data, 1), _word(data, 2));
        (uint256 rate, uint256 bps) = (book.terms.terms.rate, book.terms.feeBps);
        uint256 before = book.paidSeconds * rate;
        equal(paid + fee, paidSeconds * rate - before, "8: paid for its seconds");
        equal(fee, (paidSeconds * rate * bps) / 10_000 - (before * bps) / 10_000, "8: fee");
        equal(paidSeconds, book.heldSeconds, "8: paid what was held back");
        isTrue(paid == 0 || _now() >= book.ripeAt, "12: paid before it was ripe");
        book.paid += paid;
        book.paidSeconds = paidSeconds;
        equal(_word(data, 3), book.active, "8: accrued");
        (book.heldSeconds, book.ripeAt) = (_word(data, 3), _word(data, 4));
    }

    function _end(uint256 lease, uint256 active, uint256 refunded, uint256 ripeAt) private {
        LeaseBook storage book = _leases[lease];
        equal(active, book.active, "8: active seconds");
        equal(refunded, book.shared ? 0 : book.left, "8: refunded");
        book.status = LeaseStatus.Stopped;
        book.left -= refunded;
        book.refunded += refunded;
        (book.heldSeconds, book.ripeAt) = (active, ripeAt);
        _open[address(leaseEscrow)][book.terms.terms.token] -= refunded;
    }

    /// @dev The play's own clock: a lease accrues second by second while it can pay for the next.
    function _tick(uint256 lease) internal {
        LeaseBook storage book = _leases[lease];
        if (book.status != LeaseStatus.Active && book.status != LeaseStatus.Ending) return;
        uint256 time = vm.getBlockTimestamp();
        if (book.status == LeaseStatus.Ending && time > book.endsAt) time = book.endsAt;
        uint256 rate = book.terms.terms.rate;
        if (time <= book.since || rate == 0) return;
        uint256 can = book.left / rate;
        uint256 used = time - book.since < can ? time - book.since : can;
        if (used != 0) {
            _spans[lease].push(Span(book.since, book.since + used));
            book.active += used;
            book.left -= used * rate;
        }
        book.since = time;
    }

    /// @return active Seconds by `time`.
    function _activeAt(uint256 lease, uint256 time) private view returns (uint256 active) {
        Span[] storage spans = _spans[lease];
        for (uint256 i = 0; i < spans.length; ++i) {
            Span memory span = spans[i];
            if (span.from >= time) break;
            active += (span.to < time ? span.to : time) - span.from;
        }
        uint256 most = _leases[lease].active; // an earlier halt
        if (active > most) active = most;
    }

    function _checkLeases() internal {
        address escrow = address(leaseEscrow);
        for (uint256 i = _openLeases.length; i > 0; --i) {
            uint256 lease = _openLeases[i - 1];
            _checkLease(lease);
            if (_leases[lease].status != LeaseStatus.Closed) continue;
            _openLeases[i - 1] = _openLeases[_openLeases.length - 1];
            _openLeases.pop();
        }
        for (uint256 t = 0; t < _tokens.length; ++t) {
            address token = address(_tokens[t]);
            ILeaseEscrow.LeaseLedger memory ledger = leaseEscrow.ledgerOf(token);
            uint256 tracked = _open[escrow][token] + _owedSum[escrow][token] + _leaseFees[token];
            equal(ledger.tracked, tracked, "2: leases");
            equal(ledger.fees, _leaseFees[token], "14: the fees of leases");
            equal(_tokens[t].balanceOf(escrow), tracked, "2: the balance of leases");
        }
    }

    function _checkLease(uint256 lease) private {
        LeaseBook storage book = _leases[lease];
        _tick(lease);
        Lease memory terms = book.terms;
        (, uint256 active, uint256 left) = leaseEscrow.runway(lease, terms);
        (LeaseState memory state,) = leaseEscrow.stateOf(lease, terms);
        isTrue(state.status == book.status, "14: a lease's status");
        equal(active, book.active, "8: active");
        equal(left, book.left, "8: left");
        equal(state.paidSeconds, book.paidSeconds, "14: paid seconds");
        equal(state.heldSeconds, book.heldSeconds, "14: held seconds");
        equal(uint256(state.funds) + book.refunded, book.deposited, "14: deposits");
        uint256 accrued = active * terms.terms.rate;
        equal(accrued + book.redeemed + left + book.refunded, book.deposited, "8: paid and refundable");
        if (book.status != LeaseStatus.Closed) return;
        equal(book.paid + book.fee + left + book.refunded, book.deposited, "8: all that was paid");
    }

    // --------------------------------------------------------------------------------------------- oracles and deposits

    function _readAttestations(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IAttestations.OracleJoined.selector) {
            _bonds += _word(log.data, 0);
        } else if (topic == IAttestations.BondWithdrawn.selector) {
            _bonds -= _word(log.data, 0);
        } else if (topic == IAttestations.OracleSlashed.selector) {
            isTrue(_signed[_account(log.topics[1])], "10: an oracle that signed nothing was slashed");
            _bonds -= _word(log.data, 2);
            equal(_word(log.data, 3) + _word(log.data, 4), _word(log.data, 2), "9: bond");
            isTrue(_word(log.data, 3) * 4 <= _word(log.data, 2), "9: the challenger's share");
        } else if (topic == IAttestations.LeafRequested.selector) {
            _deposits += _word(log.data, 2);
        } else if (topic == IAttestations.LeafAnswered.selector) {
            _deposits -= _word(log.data, 1);
        } else if (topic == IAttestations.DepositReturned.selector) {
            _deposits -= _word(log.data, 0);
        }
    }

    function _readEvidence(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        uint256 last = log.data.length / 32 - 1;
        if (topic == IAttestationDisputes.EvidenceRequested.selector) _deposits += _word(log.data, last - 1);
        if (topic == IAttestationDisputes.EvidenceAnswered.selector) _deposits -= _word(log.data, last);
        if (topic == IAttestationDisputes.DepositReturned.selector) _deposits -= _word(log.data, last);
    }

    function _readChallenges(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IChallenges.ItemRequested.selector) _deposits += _word(log.data, log.data.length / 32 - 2);
        if (topic == IChallenges.ItemAnswered.selector) _deposits -= _word(log.data, 4);
        if (topic == IChallenges.DepositReturned.selector) _deposits -= _word(log.data, log.data.length / 32 - 1);
    }

    function _checkRewards() internal {
        isTrue(rewards.totalClaimed() <= attestations.finalEmission(), "6: claimed above the emission");
        isTrue(tbnd.totalSupply() <= tbnd.CAP(), "6: supply");
        for (uint256 device = registry.deviceCount(); device > 0; --device) {
            uint256 claimed = rewards.claimedOf(device);
            isTrue(claimed >= _claimed[device], "6: a claim fell");
            _claimed[device] = claimed;
        }
    }

    function _checkOracles() internal view {
        isTrue(tbnd.balanceOf(address(attestations)) >= attestations.totalBonded(), "1: bonds");
        equal(attestations.totalBonded(), _bonds, "14: bonds");
        uint256 held = address(challenges).balance + address(attestations).balance + address(attestationDisputes).balance;
        equal(held, _deposits, "2: deposits");
    }

    function _word(bytes memory data, uint256 index) internal pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), mul(index, 32)))
        }
    }

    function _account(bytes32 topic) internal pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
