"""The books from synthetic events: what adds up is silent, every wei that doesn't is a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tensorbond.audit import Finding
from tensorbond.audit.balances import check_invariants, job_hash
from tensorbond.audit.findings import Report
from tensorbond.audit.history import History
from tensorbond.chain.abi import Event
from tensorbond.chain.types import CloseReason, JobStatus, OracleFault, SlashReason, Terms, Verdict
from tests.offchain.audit.events import (
    ATTESTATIONS,
    DOLLAR,
    ESCROW,
    NOBODY,
    STAKING,
    TOKEN,
    UNBONDING,
    A,
    B,
    C,
    books_of,
    genesis,
    log,
    staked,
    together,
    transfer,
)

pytestmark = pytest.mark.unit

START = [genesis(A, 10_000), log("JobEscrow", "TokenAllowed", token=DOLLAR, cap=10_000)]
TERMS = Terms(B, DOLLAR, 1_000, NOBODY, 0, 1, 40, 100, 200, 10, 900, bytes(32))


def _checks(findings: Sequence[Finding]) -> list[str]:
    return [finding.check for finding in findings]


def _unbonded(block: int, request: int, amount: int, shares: int, active: int, unbonding: int) -> Event:
    return log(
        "ProviderStaking",
        "UnbondingStarted",
        block,
        provider=A,
        request=request,
        amount=amount,
        shares=shares,
        maturesAt=block + UNBONDING,
        active=active,
        unbonding=unbonding,
    )


def _delegated(amount: int, shares: int, active: int) -> list[Event]:
    told = log(
        "ProviderStaking",
        "StakeDelegated",
        provider=A,
        delegator=B,
        amount=amount,
        shares=shares,
        active=active,
    )
    given = log("TensorbondToken", "Transfer", **{"from": A, "to": B, "value": amount})
    return [given, *together(told, transfer(B, STAKING, amount))]


def _undelegated(request: int, amount: int, active: int, unbonding: int, shares: int | None = None) -> Event:
    return log(
        "ProviderStaking",
        "DelegationUnbonding",
        5,
        provider=A,
        delegator=B,
        request=request,
        amount=amount,
        shares=amount if shares is None else shares,
        maturesAt=5 + UNBONDING,
        active=active,
        unbonding=unbonding,
    )


def _rebonded(holder: str, amount: int, shares: int, following: int, active: int, unbonding: int) -> Event:
    return log(
        "ProviderStaking",
        "StakeRebonded",
        6,
        provider=A,
        holder=holder,
        amount=amount,
        shares=shares,
        nextRequest=following,
        active=active,
        unbonding=unbonding,
    )


def _released(block: int, amount: int, commission: int, shares: int, active: int) -> Event:
    return log(
        "ProviderStaking",
        "RewardReleased",
        block,
        provider=A,
        amount=amount,
        commission=commission,
        shares=shares,
        active=active,
    )


def _withdrawn(block: int, request: int, amount: int, unbonding: int) -> list[Event]:
    told = log(
        "ProviderStaking",
        "StakeWithdrawn",
        block,
        provider=A,
        request=request,
        amount=amount,
        unbonding=unbonding,
    )
    return together(told, transfer(STAKING, A, amount, block=block))


def _locked(amount: int, locked: int) -> Event:
    return log("ProviderStaking", "StakeLocked", provider=A, locker=ESCROW, amount=amount, locked=locked)


def _slash(
    active: tuple[int, int],
    unbonding: tuple[int, int],
    locked: int,
    split: tuple[int, int],
    reason: SlashReason = SlashReason.BAD_ITEM,
    cause: bool = True,
) -> list[Event]:
    """(taken, left) of each pool; split: to the challenger B, burned."""
    taken = active[0] + unbonding[0]
    told = log(
        "ProviderStaking",
        "StakeSlashed",
        provider=A,
        challenger=B,
        victim=NOBODY,
        reason=int(reason),
        evidence=bytes(32),
        fromVesting=0,
        fromActive=active[0],
        fromUnbonding=unbonding[0],
        toChallenger=split[0],
        toVictim=0,
        burned=split[1],
        vesting=0,
        active=active[1],
        unbonding=unbonding[1],
        locked=locked,
    )
    moved = [transfer(STAKING, B, split[0]), transfer(STAKING, NOBODY, split[1])]
    why = log(
        "WorkDisputes", "BadItemProven", device=1, slot=1, challenger=B, index=0, amount=taken, reward=0
    )
    return together(told, *moved, *([why] if cause else []))


def _registered(bond: int) -> Event:
    return log(
        "DeviceRegistry",
        "DeviceRegistered",
        device=1,
        provider=A,
        classId=0,
        bondedGops=1,
        bond=bond,
        fromEpoch=1,
    )


# Stake


def test_replay__deposit__adds_up() -> None:
    books, findings = books_of([*START, *staked(A, 100, 100, 100), *staked(A, 50, 50, 150)])
    assert findings == []
    assert (books.staked, books.pools[A].shares, books.wallets[STAKING]) == (150, 150, 150)


def test_replay__total_told_wrong__is_found() -> None:
    _, findings = books_of([*START, *staked(A, 100, 100, 101)])
    (finding,) = findings
    assert (finding.check, finding.have, finding.need) == ("event total", "101", "100")
    assert finding.subject == "ProviderStaking.StakeDeposited active"


def test_replay__deposit_not_transferred__is_found() -> None:
    _, findings = books_of([*START, staked(A, 100, 100, 100)[0]])
    assert _checks(findings) == ["invariant 14"]
    assert findings[0].need == "at least 100"


def test_replay__gift_to_staking__is_no_deposit_and_no_finding() -> None:
    books, findings = books_of([*START, transfer(A, STAKING, 7)])
    assert (findings, books.staked, books.wallets[STAKING]) == ([], 0, 7)


def test_replay__unbond_and_withdraw__adds_up() -> None:
    events = [*START, *staked(A, 100, 100, 100), _unbonded(5, 0, 30, 30, 70, 30), *_withdrawn(305, 0, 30, 0)]
    books, findings = books_of(events)
    assert findings == []
    assert (books.staked, books.pools[A].queue.requested, books.pools[A].queue.requests) == (70, 1, {})


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        (_withdrawn(304, 0, 30, 0), "invariant 12"),
        (_withdrawn(305, 0, 31, -1), "invariant 3"),
        (_withdrawn(305, 0, 29, 1), "invariant 3"),
    ],
)
def test_replay__withdrawn_early_or_amiss__is_found(changed: list[Event], check: str) -> None:
    _, findings = books_of([*START, *staked(A, 100, 100, 100), _unbonded(5, 0, 30, 30, 70, 30), *changed])
    assert _checks(findings) == [check]


def test_replay__withdrawn_twice__is_found() -> None:
    events = [*START, *staked(A, 100, 100, 100), _unbonded(5, 0, 30, 30, 70, 30)]
    _, findings = books_of([*events, *_withdrawn(305, 0, 30, 0), *_withdrawn(306, 0, 30, -30)])
    assert _checks(findings) == ["invariant 3", "invariant 14", "invariant 14"]


def test_replay__locked_stake_unbonded__is_found() -> None:
    events = [*START, *staked(A, 100, 100, 100), _locked(71, 71), _unbonded(5, 0, 30, 30, 70, 30)]
    _, findings = books_of(events)
    (finding,) = findings
    assert (finding.check, finding.have, finding.need) == ("invariant 5", "29", "at least 30")


def test_replay__more_locked_than_active__is_found() -> None:
    _, findings = books_of([*START, *staked(A, 100, 100, 100), _locked(101, 101)])
    assert _checks(findings) == ["invariant 5"]


# Delegation and rewards


def _shared(rest: Sequence[Event]) -> list[str]:
    """What is found where A owns and B delegates 2,000 tokens each, and then."""
    token = 10**18
    start = [genesis(A, 9_000 * token), *staked(A, *[2_000 * token] * 3)]
    _, findings = books_of([*start, *_delegated(2_000 * token, 2_000 * token, 4_000 * token), *rest])
    return _checks(findings)


TOKEN_WEI = 10**18


@pytest.mark.parametrize(
    ("rest", "checks"),
    [
        ([_undelegated(0, 5, 4_000 * TOKEN_WEI - 5, 5)], []),
        ([_undelegated(0, 5, 4_000 * TOKEN_WEI - 4, 5)], ["event total"]),
        ([_undelegated(1, 5, 4_000 * TOKEN_WEI - 5, 5)], ["event total"]),
        (
            [_undelegated(0, 2_001 * TOKEN_WEI, 1_999 * TOKEN_WEI, 2_001 * TOKEN_WEI)],
            ["invariant 3"],
        ),
        (
            [_undelegated(0, 5, 4_000 * TOKEN_WEI - 5, 5), _rebonded(B, 5, 5, 0, 4_000 * TOKEN_WEI, 0)],
            [],
        ),
        (
            [_undelegated(0, 5, 4_000 * TOKEN_WEI - 5, 5), _rebonded(B, 6, 6, 0, 4_000 * TOKEN_WEI + 1, 0)],
            ["invariant 3"],
        ),
        (
            [_undelegated(0, 5, 4_000 * TOKEN_WEI - 5, 5), _rebonded(B, 5, 4, 0, 4_000 * TOKEN_WEI, 0)],
            ["event total"],
        ),
        (_delegated(15_000 * TOKEN_WEI, 15_000 * TOKEN_WEI, 19_000 * TOKEN_WEI)[1:], ["staking", "token"]),
    ],
)
def test_replay__delegation__adds_up_or_is_found(rest: list[Event], checks: list[str]) -> None:
    assert _shared(rest) == checks


def test_replay__release__gives_what_has_vested_and_the_commission() -> None:
    commission = log("ProviderStaking", "CommissionSet", 1, provider=A, bps=1_000, fromBlock=301)
    claimed = [_registered(5), *_claim(30, 30, 30)]
    start = [*START, *staked(A, 100, 100, 100), commission, *claimed]
    at = claimed[-1].block
    vested = 30 * 100 // UNBONDING
    books, findings = books_of([*start, _released(at + 100, vested, 0, 0, 100 + vested)])
    assert findings == []
    pool = books.pools[A]
    assert (pool.active, pool.shares, pool.vesting, pool.released) == (110, 110, 20, 10)
    _, findings = books_of([*start, _released(at + 100, vested + 1, 0, 0, 101 + vested)])
    assert _checks(findings) == ["event total"] * 2
    _, findings = books_of([*start, _unbonded(at + 100, 0, 30, 30, 70, 30)])
    assert _checks(findings) == ["invariant 3"]


@pytest.mark.parametrize(
    ("bps", "from_block", "checks"),
    [(1_000, 305, []), (1_000, 5, ["event total"]), (3_001, 305, ["staking"]), (0, 5, [])],
)
def test_replay__commission__rises_late_and_within_bounds(
    bps: int, from_block: int, checks: list[str]
) -> None:
    told = log("ProviderStaking", "CommissionSet", 5, provider=A, bps=bps, fromBlock=from_block)
    _, findings = books_of([*START, *staked(A, 100, 100, 100), told])
    assert _checks(findings) == checks


# Slashes


def _before_slash() -> list[Event]:
    """100 active, of which 50 are locked for a device, and 50 unbonding."""
    return [
        *START,
        *staked(A, 150, 150, 150),
        _registered(50),
        _locked(50, 50),
        _unbonded(5, 0, 50, 50, 100, 50),
    ]


def test_replay__slash__takes_from_both_pools_in_proportion() -> None:
    books, findings = books_of([*_before_slash(), *_slash((20, 80), (10, 40), 20, (7, 23))])
    assert findings == []
    pool = books.pools[A]
    assert (pool.active, pool.shares, pool.unbonding, pool.unbonding_shares) == (80, 80, 40, 50)
    assert (pool.locked, pool.lost, books.staked) == (20, 30, 120)


def test_replay__after_a_slash__shares_are_worth_less() -> None:
    shared = [
        *START,
        *staked(A, 500, 500, 500),
        *_delegated(500, 500, 1_000),
        _registered(100),
        _locked(100, 100),
    ]
    events = [*shared, *_slash((100, 900), (0, 0), 0, (25, 75))]
    books, findings = books_of([*events, *staked(A, 9, 10, 909), _undelegated(0, 450, 459, 450)])
    assert [each for each in _checks(findings) if each != "staking"] == []
    pool = books.pools[A]
    assert (pool.shares, pool.delegated_shares, pool.unbonding_shares) == (459, 0, 450)


@pytest.mark.parametrize(
    ("slash", "checks"),
    [
        (_slash((21, 79), (9, 41), 20, (7, 23)), ["event total"] * 4),
        (_slash((20, 80), (10, 40), 20, (8, 22)), ["invariant 9"] * 2),
        (_slash((20, 80), (10, 40), 20, (7, 22)), ["invariant 9"]),
        (_slash((20, 80), (10, 40), 20, (7, 23), cause=False), ["invariant 4"]),
        (_slash((34, 66), (17, 33), -1, (12, 39)), ["invariant 4"]),
        (_slash((20, 80), (10, 40), 20, (1, 29), reason=SlashReason.BAD_ITEM_ATTESTED), ["invariant 4"] * 2),
    ],
)
def test_replay__slash_amiss__is_found(slash: list[Event], checks: list[str]) -> None:
    _, findings = books_of([*_before_slash(), *slash])
    assert _checks(findings) == checks


def test_replay__pool_slashed_to_nothing__starts_new_shares() -> None:
    events = [*START, *staked(A, 100, 100, 100), _registered(100), _locked(100, 100)]
    slashed = _slash((100, 0), (0, 0), 0, (25, 75))
    books, findings = books_of([*events, *slashed, *staked(A, 10, 10, 10)])
    assert findings == []
    assert (books.pools[A].generation, books.pools[A].shares) == (0, 10)


def test_replay__request_of_an_older_generation__pays_what_the_slash_left() -> None:
    """A share of it is worth 2⁻³² wei: 2³² of them go on as one."""
    large, small = 1 << 65, 1 << 32
    events = [
        genesis(A, 1 << 70),
        *staked(A, large + small, large + small, large + small),
        _unbonded(5, 0, small, small, large, small),
        _registered(large),
        _locked(large, large),
        *_slash((large - small + 1, small - 1), (small - 1, 1), 0, (large // 4, large - large // 4)),
        *_withdrawn(305, 0, 1, 0),
    ]
    books, findings = books_of(events)
    assert [str(finding) for finding in findings] == []
    pool = books.pools[A]
    assert (pool.unbonding_generation, pool.unbonding_shares) == (1, 0)
    assert (pool.generation, pool.active, pool.shares) == (0, small - 1, small - 1)


# Jobs


def _job(*later: Event | list[Event]) -> list[Event]:
    funded = together(
        log(
            "JobEscrow",
            "JobFunded",
            1,
            job=1,
            requester=B,
            token=DOLLAR,
            terms=TERMS,
            feeBps=100,
            tracked=1000,
        ),
        transfer(B, ESCROW, 1_000, DOLLAR),
    )
    events = [*START, log("JobEscrow", "FeeSet", feeBps=100), *funded]
    for each in later:
        events += each if isinstance(each, list) else [each]
    return events


def _accept(block: int = 2, collateral: int = 40) -> Event:
    return log(
        "JobEscrow", "JobAccepted", block, job=1, provider=A, device=1, forcedSlot=3, collateral=collateral
    )


def _submit(block: int = 3) -> Event:
    return log("JobEscrow", "JobSubmitted", block, job=1, provider=A, result=bytes(32), submittedAt=block)


def _settle(paid: int = 990, fee: int = 10, tracked: int = 10, moved: int | None = None) -> list[Event]:
    told = log(
        "JobEscrow",
        "JobSettled",
        job=1,
        provider=A,
        token=DOLLAR,
        reason=1,
        paid=paid,
        fee=fee,
        tracked=tracked,
    )
    return together(told, transfer(ESCROW, A, paid if moved is None else moved, DOLLAR))


def test_replay__job_settled__adds_up() -> None:
    books, findings = books_of(_job(_accept(), _submit(), _settle()))
    assert findings == []
    assert books.paid[1] == (990, 10, 0)
    assert books.open_money() == {DOLLAR: 10}
    swept = log("JobEscrow", "FeesSwept", token=DOLLAR, to=C, amount=10, burned=0, tracked=0)
    books, findings = books_of(
        [*_job(_accept(), _submit(), _settle()), *together(swept, transfer(ESCROW, C, 10, DOLLAR))]
    )
    assert (findings, books.tills[DOLLAR].tracked) == ([], 0)


@pytest.mark.parametrize(
    ("amount", "burned", "gone", "checks"),
    [
        (18, 1, 1, []),
        (19, 0, 0, ["event total"]),
        (17, 2, 2, ["event total"]),
        (17, 1, 1, ["event total"] * 2),
        (18, 1, 0, ["invariant 14"]),
        (18, 1, 2, ["token", "invariant 14"]),
    ],
)
def test_replay__fees_in_tbnd_swept__a_tenth_is_burned(
    amount: int, burned: int, gone: int, checks: list[str]
) -> None:
    terms = replace(TERMS, token=TOKEN, price=1_900)
    job = {"job": 1, "token": TOKEN, "tracked": 1_900}
    events = [
        genesis(B, 10_000),
        log("JobEscrow", "TokenAllowed", token=TOKEN, cap=10_000),
        log("JobEscrow", "FeeSet", feeBps=100),
        *together(
            log("JobEscrow", "JobFunded", 1, requester=B, terms=terms, feeBps=100, **job),
            transfer(B, ESCROW, 1_900),
        ),
        _accept(),
        _submit(),
        *together(
            log("JobEscrow", "JobSettled", provider=A, reason=1, paid=1_881, fee=19, **job | {"tracked": 19}),
            transfer(ESCROW, A, 1_881),
        ),
    ]
    told = log("JobEscrow", "FeesSwept", token=TOKEN, to=C, amount=amount, burned=burned, tracked=0)
    moved = [transfer(ESCROW, payee, value) for payee, value in ((NOBODY, gone), (C, amount)) if value]
    books, findings = books_of([*events, *together(told, *moved)])
    assert _checks(findings) == checks
    assert books.supply == 10_000 - gone


@pytest.mark.parametrize(
    ("later", "checks"),
    [
        ([_accept(), _submit(), _settle(paid=991, fee=10, tracked=9)], ["invariant 7"]),
        ([_accept(), _submit(), _settle(paid=980, fee=20, tracked=20)], ["invariant 7"] * 2),
        ([_accept(), _submit(), _settle(moved=989)], ["invariant 14"]),
        ([_accept(), _submit(), _settle(moved=991)], ["invariant 14"]),
        ([_accept(), _settle()], ["invariant 7"]),
        ([_accept(), _submit(), _settle(), _settle(tracked=-980)], ["invariant 7"]),
        ([_accept(block=101)], ["escrow"]),
        ([_accept(), _submit(block=201)], ["escrow"]),
        ([_accept(collateral=41)], ["event total"]),
    ],
)
def test_replay__job_amiss__is_found(later: list[Event | list[Event]], checks: list[str]) -> None:
    _, findings = books_of(_job(*later))
    assert _checks(findings) == checks


def _refund(reason: CloseReason, slashed: int = 0, block: int = 950) -> Event:
    return log(
        "JobEscrow",
        "JobRefunded",
        block,
        job=1,
        payer=B,
        token=DOLLAR,
        reason=int(reason),
        refunded=1_000,
        slashed=slashed,
        compensated=slashed // 4,
        tracked=0,
    )


def test_replay__job_refunded__adds_up() -> None:
    back = transfer(ESCROW, B, 1_000, DOLLAR)
    books, findings = books_of(_job(together(_refund(CloseReason.NOT_ACCEPTED), back)))
    assert (findings, books.paid[1]) == ([], (0, 0, 1_000))
    _, findings = books_of(_job(together(_refund(CloseReason.NOT_ACCEPTED, block=100), back)))
    assert _checks(findings) == ["escrow"]


@pytest.mark.parametrize(
    ("refund", "checks"),
    [
        (_refund(CloseReason.NOT_SUBMITTED), ["invariant 7"]),
        (_refund(CloseReason.NOT_ACCEPTED, slashed=4), ["invariant 4"]),
    ],
)
def test_replay__job_refunded_amiss__is_found(refund: Event, checks: list[str]) -> None:
    back = transfer(ESCROW, B, 1_000, DOLLAR)
    _, findings = books_of(_job(together(refund, back)))
    assert _checks(findings) == checks


def test_replay__refused_payment__is_owed_until_collected() -> None:
    settled = _settle()[0]
    deferred = log("JobEscrow", "PaymentDeferred", account=A, token=DOLLAR, amount=990, owed=990)
    events = _job(_accept(), _submit(), together(settled, deferred))
    books, findings = books_of(events)
    assert (findings, books.open_money()) == ([], {DOLLAR: 1_000})
    collected = log("JobEscrow", "PaymentCollected", account=A, token=DOLLAR, amount=990, tracked=10)
    books, findings = books_of([*events, *together(collected, transfer(ESCROW, A, 990, DOLLAR))])
    assert (findings, books.open_money()) == ([], {DOLLAR: 10})


def test_job_hash__every_field__counts() -> None:
    books, _ = books_of(_job())
    job = books.jobs[1]
    others = [
        replace(job, terms=replace(TERMS, price=999)),
        replace(job, fee_bps=99),
        replace(job, status=JobStatus.ACCEPTED),
        replace(job, provider=A),
        replace(job, device=1),
        replace(job, forced_slot=1),
        replace(job, submitted_at=1),
        replace(job, result=b"\1" * 32),
    ]
    assert len({job_hash(each) for each in (job, *others)}) == 9


# Oracles, rewards, token


def test_replay__oracle_slashed__keeps_the_split() -> None:
    joined = together(
        log("Attestations", "OracleJoined", oracle=A, amount=100, endpoint="", totalBonded=100),
        transfer(A, ATTESTATIONS, 100),
    )

    def slash(reward: int, burned: int) -> list[Event]:
        told = log(
            "Attestations",
            "OracleSlashed",
            oracle=A,
            challenger=B,
            fault=1,
            evidence=bytes(32),
            amount=100,
            toChallenger=reward,
            burned=burned,
            totalBonded=0,
        )
        why = log(
            "AttestationDisputes",
            "EquivocationProven",
            epoch=1,
            oracle=A,
            challenger=B,
            round=0,
            amount=100,
            reward=reward,
        )
        paid = [transfer(ATTESTATIONS, B, reward), transfer(ATTESTATIONS, NOBODY, burned)]
        return together(told, *paid, why)

    books, findings = books_of([*START, *joined, *slash(25, 75)])
    assert (findings, books.bonded, books.supply) == ([], 0, 9_925)
    _, findings = books_of([*START, *joined, *slash(26, 74)])
    assert _checks(findings) == ["invariant 9"] * 2


def test_replay__signers_slashed__need_one_proof_of_all() -> None:
    def joins(oracle: str, total: int) -> list[Event]:
        told = log("Attestations", "OracleJoined", oracle=oracle, amount=100, endpoint="", totalBonded=total)
        return together(told, transfer(oracle, ATTESTATIONS, 100))

    joined = [*together(transfer(A, B, 100)), *joins(A, 100), *joins(B, 200)]

    def slashed(oracle: str, left: int) -> Event:
        return log(
            "Attestations",
            "OracleSlashed",
            oracle=oracle,
            challenger=C,
            fault=OracleFault.BAD_REWARD,
            evidence=b"\7" * 32,
            amount=100,
            toChallenger=25,
            burned=75,
            totalBonded=left,
        )

    def proven(amount: int) -> list[Event]:
        why = log(
            "AttestationDisputes",
            "FraudProven",
            epoch=1,
            fault=OracleFault.BAD_REWARD,
            challenger=C,
            device=4,
            evidence=b"\7" * 32,
            amount=amount,
            reward=50,
        )
        paid = [transfer(ATTESTATIONS, C, 50), transfer(ATTESTATIONS, NOBODY, 150)]
        return together(slashed(A, 100), slashed(B, 0), *paid, why)

    books, findings = books_of([*START, *joined, *proven(200)])
    assert (findings, books.bonded, books.supply) == ([], 0, 9_850)
    _, findings = books_of([*START, *joined, *proven(100)])
    assert _checks(findings) == ["invariant 4"]


def _claim(
    amount: int, claimed: int, total: int, minted: int | None = None, distributed: int | None = None
) -> list[Event]:
    told = log(
        "Rewards",
        "RewardClaimed",
        device=1,
        provider=A,
        epoch=1,
        amount=amount,
        claimed=claimed,
        totalClaimed=total,
    )
    vesting = min(claimed, total) if distributed is None else distributed
    vests = log(
        "ProviderStaking",
        "RewardDistributed",
        provider=A,
        amount=amount if distributed is None else distributed,
        vesting=vesting,
        vested=0,
        vestsUntil=told.block + UNBONDING,
    )
    return together(told, transfer(NOBODY, STAKING, amount if minted is None else minted), vests)


def test_replay__claims__are_all_that_is_minted() -> None:
    books, findings = books_of([*START, _registered(5), *_claim(10, 10, 10), *_claim(5, 15, 15)])
    assert (findings, books.minted, books.total_claimed) == ([], 15, 15)


@pytest.mark.parametrize(
    ("events", "checks"),
    [
        (_claim(10, 11, 10), ["event total"]),
        (_claim(10, 10, 11), ["event total"]),
        (_claim(10, 10, 10, minted=11), ["invariant 14"]),
        (_claim(10, 10, 10, distributed=9), ["invariant 6"]),
        ([transfer(NOBODY, A, 1)], ["invariant 14"]),
        ([transfer(B, A, 1)], ["token"]),
    ],
)
def test_replay__claim_or_mint_amiss__is_found(events: list[Event], checks: list[str]) -> None:
    _, findings = books_of([*START, _registered(5), *events])
    assert _checks(findings) == checks


def test_replay__event_about_nothing_known__is_found() -> None:
    """A node that leaves logs out doesn't stop the audit."""
    _, findings = books_of(
        [*START, _submit(), log("DeviceRegistry", "BondDebited", device=8, amount=1, bond=1)]
    )
    assert _checks(findings) == ["invariant 14", "invariant 14"]


def test_check_invariants__books_that_dont_add_up__are_found() -> None:
    books, _ = books_of(_before_slash())
    books.pools[A].locked += 1
    books.pools[A].active += 1
    books.staked += 2
    books.supply += 3
    books.minted += 4
    books.total_claimed += 5
    books.wallets[STAKING] -= 151
    report = Report(1, 0, bytes(32))
    check_invariants(books, History(1, ATTESTATIONS), 10, report)
    checks = sorted(set(_checks(report.findings)))
    assert checks == ["invariant 1", "invariant 14", "invariant 3", "invariant 5", "invariant 6"]


def _parts(paid_parts: int, paid: int, fee: int, tracked: int) -> list[Event]:
    names = {"job": 1, "provider": A, "token": DOLLAR, "paidParts": paid_parts}
    told = log("JobEscrow", "JobPartsPaid", **names, paid=paid, fee=fee, tracked=tracked)
    return together(told, transfer(ESCROW, A, paid, DOLLAR))


def _dispute(bond: int = 100, verdict_by: int = 60, tracked: int = 1_100) -> list[Event]:
    names = {"job": 1, "requester": B, "token": DOLLAR}
    told = log("JobEscrow", "JobDisputed", 4, **names, bond=bond, verdictBy=verdict_by, tracked=tracked)
    return together(told, transfer(B, ESCROW, bond, DOLLAR))


def _resolve(block: int, account: str, verdict: Verdict, bond: int = 100) -> Event:
    names = {"job": 1, "account": account, "token": DOLLAR, "verdict": int(verdict)}
    return log("JobEscrow", "DisputeResolved", block, **names, bond=bond, tracked=1_000)


def test_replay__disputed_job__bond_is_open_money_until_it_is_resolved() -> None:
    books, findings = books_of(_job(_accept(), _submit(), _dispute()))
    assert (findings, books.open_money()) == ([], {DOLLAR: 1_100})
    back = together(_resolve(61, B, Verdict.NONE), transfer(ESCROW, B, 100, DOLLAR))
    books, findings = books_of(_job(_accept(), _submit(), _dispute(), back, _settle()))
    assert (findings, books.open_money()) == ([], {DOLLAR: 10})


@pytest.mark.parametrize(
    ("later", "checks"),
    [
        ([_dispute(bond=99, tracked=1_099)], ["event total"]),
        ([_dispute(), _resolve(60, B, Verdict.NONE)], ["escrow", "invariant 14"]),
        (
            [_dispute(), together(_resolve(61, A, Verdict.NONE), transfer(ESCROW, A, 100, DOLLAR))],
            ["event total", "invariant 14", "invariant 14"],
        ),
        ([_parts(1, 999, 1, 1)], ["invariant 7"]),
    ],
)
def test_replay__dispute_or_part_amiss__is_found(later: list[Event | list[Event]], checks: list[str]) -> None:
    _, findings = books_of(_job(_accept(), _submit(), *later))
    assert sorted(set(_checks(findings))) == sorted(set(checks))
