"""How an event of stake enters the books: from the deposit to the slash, to the wei."""

from __future__ import annotations

from tensorbond.audit.books import (
    JOB_FAULTS,
    LAST_VESTING_BLOCK,
    SPENT_BITS,
    UNIT,
    WORK_SHARE,
    ZERO,
    Books,
    Entries,
    Pool,
    Queue,
    Request,
    share,
    total,
    where,
)
from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event
from tensorbond.chain.types import SlashReason

ENFORCER_SHARE = 500
OWN_BPS, OWN_SHARES = 2_500, 10**18
"""What an owner holds of its pool, at least, while others delegate to it."""
MAX_COMMISSION = 3_000


def _deposited(books: Books, event: Event, report: Report) -> None:
    provider, amount = event.args["provider"], event.args["amount"]
    pool = books.pools[provider]
    _add_own(pool, event, report, amount)
    pool.paid_in += amount
    books.staked += amount
    books.transaction.told[books.token, provider, books.staking] += amount


def _delegated(books: Books, event: Event, report: Report) -> None:
    provider, delegator, amount = event.args["provider"], event.args["delegator"], event.args["amount"]
    pool = books.pools[provider]
    _add_delegated(pool, delegator, event, report, amount)
    pool.paid_in += amount
    books.staked += amount
    books.transaction.told[books.token, delegator, books.staking] += amount


def _add_own(pool: Pool, event: Event, report: Report, amount: int) -> None:
    _expect_released(pool, event, report)
    shares = amount * pool.shares // pool.active if pool.delegated_shares else amount
    total(report, event, "shares", shares)
    pool.shares += shares
    pool.enter(pool.active + amount)
    total(report, event, "active", pool.active)


def _add_delegated(pool: Pool, delegator: str, event: Event, report: Report, amount: int) -> None:
    _expect_released(pool, event, report)
    shares = amount * pool.shares // pool.active if pool.active else amount
    leaving = pool.leaving()
    total(report, event, "shares", shares)
    delegation = pool.delegations[delegator]
    delegation.shares = pool.shares_of(delegator) + shares
    delegation.generation = pool.generation
    pool.shares += shares
    pool.delegated_shares += shares
    pool.enter(pool.active + amount)
    total(report, event, "active", pool.active)
    _expect_own_share(pool, leaving, event, report, OWN_SHARES)


def _expect_own_share(pool: Pool, leaving: int, event: Event, report: Report, least: int) -> None:
    """A part of its own shares, its delegators', and what those have unbonding."""
    others = pool.delegated_shares + leaving
    if others:
        own, need = pool.shares - pool.delegated_shares, max(-(-others * OWN_BPS // (UNIT - OWN_BPS)), least)
        report.expect_at_least("staking", f"own shares of {event.args['provider']}", own, need, where(event))


def _expect_released(pool: Pool, event: Event, report: Report) -> None:
    """Nobody joins in, or leaves behind, what had vested before."""
    waiting = pool.vested + pool.vested_by(event.block)
    report.expect("invariant 3", f"unreleased rewards of {event.args['provider']}", waiting, 0, where(event))


def _unbonding(books: Books, event: Event, report: Report) -> None:
    provider, amount = event.args["provider"], event.args["amount"]
    pool = books.pools[provider]
    report.expect_at_least(
        "invariant 5", f"free stake of {provider}", pool.active - pool.locked, amount, where(event)
    )
    _expect_released(pool, event, report)
    leaving = pool.leaving()
    if pool.delegated_shares:
        pool.shares -= -(-amount * pool.shares // pool.active)
    pool.enter(pool.active - amount)
    _expect_own_share(pool, leaving, event, report, 0)
    _ask(books, pool, pool.queue, event, report)


def _undelegated(books: Books, event: Event, report: Report) -> None:
    provider, delegator, amount = event.args["provider"], event.args["delegator"], event.args["amount"]
    pool = books.pools[provider]
    _expect_released(pool, event, report)
    held = pool.shares_of(delegator)
    worth = held * pool.active // pool.shares
    subject = f"delegation of {delegator} with {provider}"
    report.expect_at_least("invariant 3", subject, worth, amount, where(event))
    burned = held if amount == worth else -(-amount * pool.shares // pool.active)
    delegation = pool.delegations[delegator]
    delegation.shares, delegation.generation = held - burned, pool.generation
    pool.shares -= burned
    pool.delegated_shares -= burned
    short_since = pool.short_since
    pool.enter(pool.active - amount)
    if pool.active < pool.locked:
        pool.short_since = short_since or event.block
    pool.delegated_unbonding_shares += _ask(books, pool, delegation.queue, event, report)


def _ask(books: Books, pool: Pool, queue: Queue, event: Event, report: Report) -> int:
    """A request joins the unbonding pool. Returns its shares."""
    amount = event.args["amount"]
    shares: int = amount * pool.unbonding_shares // pool.unbonding if pool.unbonding else amount
    pool.unbonding += amount
    pool.unbonding_shares += shares
    total(report, event, "request", queue.requested)
    total(report, event, "shares", shares)
    total(report, event, "maturesAt", event.block + books.unbonding_blocks)
    total(report, event, "active", pool.active)
    total(report, event, "unbonding", pool.unbonding)
    request = Request(shares, event.args["maturesAt"], pool.unbonding_generation)
    queue.append(event.args["request"], request)
    return shares


def _rebonded(books: Books, event: Event, report: Report) -> None:
    provider, holder, amount = event.args["provider"], event.args["holder"], event.args["amount"]
    pool = books.pools[provider]
    queue = pool.queue_of(provider, holder)
    unbonding_shares = pool.unbonding_shares
    moved = 0
    while moved < amount and queue.requests:
        number, request = queue.requests.popitem()
        part = whole = pool.part_of(request)
        worth = whole * pool.unbonding // pool.unbonding_shares if whole else 0
        if worth <= amount - moved:
            queue.requested = number
        else:
            worth = amount - moved
            part = -(-worth * pool.unbonding_shares // pool.unbonding)
            queue.requests[number] = Request(whole - part, request.matures_at, pool.unbonding_generation)
        moved += worth
        pool.unbonding -= worth
        pool.unbonding_shares -= part
    # Requests that are worth nothing go along with the last that is asked for, if all there is was.
    while queue.requested > event.args["nextRequest"] and queue.requests:
        number, request = queue.requests.popitem()
        queue.requested = number
        pool.unbonding_shares -= pool.part_of(request)
    report.expect("invariant 3", f"taken back by {holder}", moved, amount, where(event))
    total(report, event, "nextRequest", queue.requested)
    if holder == provider:
        _add_own(pool, event, report, amount)
    else:
        pool.delegated_unbonding_shares -= unbonding_shares - pool.unbonding_shares
        _add_delegated(pool, holder, event, report, amount)
    total(report, event, "unbonding", pool.unbonding)


def _withdrawn(books: Books, event: Event, report: Report) -> None:
    provider = event.args["provider"]
    _pay_out(books, provider, books.pools[provider].queue, event, report)


def _delegation_withdrawn(books: Books, event: Event, report: Report) -> None:
    provider, delegator = event.args["provider"], event.args["delegator"]
    _pay_out(books, delegator, books.pools[provider].delegations[delegator].queue, event, report)


def _pay_out(books: Books, holder: str, queue: Queue, event: Event, report: Report) -> None:
    provider, number, amount = event.args["provider"], event.args["request"], event.args["amount"]
    pool = books.pools[provider]
    subject = f"request {number} of {holder}"
    report.expect("invariant 3", f"{subject} is the oldest", number, queue.first, where(event))
    request = queue.requests.pop(number)
    report.expect_at_least(
        "invariant 12", f"{subject} matured", event.block, request.matures_at, where(event)
    )
    fair = 0
    if part := pool.part_of(request):
        fair = part * pool.unbonding // pool.unbonding_shares
        pool.unbonding_shares -= part
        pool.delegated_unbonding_shares -= part if holder != provider else 0
    report.expect("invariant 3", f"{subject} pays its share", amount, fair, where(event))
    pool.unbonding -= amount
    pool.paid_out += amount
    books.staked -= amount
    books.transaction.told[books.token, books.staking, holder] += amount
    most = pool.paid_in + pool.released - pool.lost
    report.expect_at_most("invariant 3", f"withdrawn from {provider}", pool.paid_out, most, where(event))
    total(report, event, "unbonding", pool.unbonding)


def _distributed(books: Books, event: Event, report: Report) -> None:
    """What vests now and what came wait, together, as long on average as apart."""
    provider, amount, block = event.args["provider"], event.args["amount"], event.block
    pool = books.pools[provider]
    at = min(block, LAST_VESTING_BLOCK)
    came = pool.vested_by(block)
    pool.vested += came
    pool.vesting -= came
    if amount:
        left = pool.vesting * max(0, pool.vests_until - at) + amount * books.unbonding_blocks
        pool.vesting += amount
        pool.vests_until = min(at + left // pool.vesting, LAST_VESTING_BLOCK)
    pool.vested_at = at
    pool.earned += amount
    books.transaction.rewards[provider] += amount
    for name, need in (("vesting", pool.vesting), ("vested", pool.vested), ("vestsUntil", pool.vests_until)):
        total(report, event, name, need)


def _released(books: Books, event: Event, report: Report) -> None:
    pool, block = books.pools[event.args["provider"]], event.block
    came = pool.vested_by(block)
    amount = pool.vested + came
    commission, shares = pool.commission_on(amount, block)
    total(report, event, "amount", amount)
    total(report, event, "commission", commission)
    total(report, event, "shares", shares)
    pool.vesting, pool.vested, pool.vested_at = pool.vesting - came, 0, min(block, LAST_VESTING_BLOCK)
    pool.released += amount
    pool.shares += shares
    pool.enter(pool.active + amount)
    books.staked += amount
    total(report, event, "active", pool.active)


def _commission_set(books: Books, event: Event, report: Report) -> None:
    """A fall holds at once, a rise waits."""
    pool, bps = books.pools[event.args["provider"]], event.args["bps"]
    present = pool.commission_at(event.block)
    report.expect_at_most("staking", "commission", bps, MAX_COMMISSION, where(event))
    rises = bps > present
    total(report, event, "fromBlock", event.block + books.unbonding_blocks if rises else event.block)
    pool.commission, pool.commission_from = bps, 0
    if rises:
        pool.commission, pool.next_commission = present, bps
        pool.commission_from = event.args["fromBlock"]


def _locked(books: Books, event: Event, report: Report) -> None:
    provider = event.args["provider"]
    pool = books.pools[provider]
    pool.locked += event.args["amount"]
    total(report, event, "locked", pool.locked)
    report.expect_at_least(
        "invariant 5", f"active stake of {provider}", pool.active, pool.locked, where(event)
    )


def _unlocked(books: Books, event: Event, report: Report) -> None:
    pool = books.pools[event.args["provider"]]
    pool.locked -= event.args["amount"]
    pool.cover()
    total(report, event, "locked", pool.locked)


def _slashed(books: Books, event: Event, report: Report) -> None:
    a, place = event.args, where(event)
    provider, reason = a["provider"], SlashReason(a["reason"])
    pool = books.pools[provider]
    taken = a["fromVesting"] + a["fromActive"] + a["fromUnbonding"]
    _expect_released(pool, event, report)
    report.expect_at_least("invariant 4", f"lock of {provider} covers the slash", pool.locked, taken, place)
    from_vesting, from_active, from_unbonding = _cut(pool, taken)
    total(report, event, "fromVesting", from_vesting)
    total(report, event, "fromActive", from_active)
    total(report, event, "fromUnbonding", from_unbonding)

    parts = {"toChallenger": 0, "toVictim": 0}
    if reason in _WORK_SHARES and a["challenger"] != ZERO:
        parts["toChallenger"] = share(taken, _WORK_SHARES[reason])
    if reason in JOB_FAULTS.values() and a["victim"] != ZERO:
        parts["toVictim"] = share(taken, WORK_SHARE)
    parts["burned"] = taken - sum(parts.values())
    for name, need in parts.items():
        report.expect("invariant 9", f"slash of {provider}: {name}", a[name], need, place)
    report.expect(
        "invariant 4", f"slash of {provider} names a reason", reason != SlashReason.NONE, True, place
    )

    pool.locked -= taken
    pool.cover()
    pool.lost_vesting += from_vesting
    pool.lost += taken - from_vesting
    books.staked -= taken - from_vesting
    totals = {
        "vesting": pool.vesting,
        "active": pool.active,
        "unbonding": pool.unbonding,
        "locked": pool.locked,
    }
    for name, need in totals.items():
        total(report, event, name, need)
    payees = ((a["challenger"], "toChallenger"), (a["victim"], "toVictim"), (ZERO, "burned"))
    for payee, name in payees:
        books.transaction.told[books.token, books.staking, payee] += a[name]
    evidence = a["evidence"] if reason in JOB_FAULTS.values() else bytes(0)
    books.transaction.slashes[provider, _kind(reason), evidence, taken] += 1


def _cut(pool: Pool, taken: int) -> tuple[int, int, int]:
    """Take what vests first, then from both pools in proportion: (from vesting, active, unbonding)."""
    from_vesting = min(taken, pool.vesting)
    pool.vesting -= from_vesting
    held = pool.active + pool.unbonding
    taken = min(taken - from_vesting, held)
    if not taken:
        return from_vesting, 0, 0
    from_unbonding = taken * pool.unbonding // held
    from_active = taken - from_unbonding
    pool.active -= from_active
    if from_unbonding:
        pool.unbonding -= from_unbonding
        while _is_spent(pool.unbonding, pool.unbonding_shares):
            pool.unbonding_generation += 1
            pool.unbonding_shares >>= SPENT_BITS
            pool.delegated_unbonding_shares >>= SPENT_BITS
    if pool.delegated_shares:
        while _is_spent(pool.active, pool.shares):
            pool.generation += 1
            pool.shares >>= SPENT_BITS
            pool.delegated_shares >>= SPENT_BITS
    if not pool.delegated_shares:
        pool.shares = pool.active
    return from_vesting, from_active, from_unbonding


def _is_spent(amount: int, shares: int) -> bool:
    """A share is worth so little that 2³² go on as one, in the next generation."""
    return shares > 0 and amount <= shares >> SPENT_BITS


def _kind(reason: int) -> str:
    """A miss costs by its own event, whether it was one too many or not."""
    often = reason == SlashReason.MISSED_OFTEN
    return SlashReason.MISSED_SLOT.name if often else SlashReason(reason).name


def _operator_set(books: Books, event: Event, report: Report) -> None:
    books.operators[event.args["provider"]] = event.args["operator"]


def _registered(books: Books, event: Event, report: Report) -> None:
    device = event.args["device"]
    report.expect("registry", "device ids are dense", device, len(books.device_bonds) + 1, where(event))
    books.device_bonds[device] = event.args["bond"]
    books.device_owners[device] = event.args["provider"]


def _debited(books: Books, event: Event, report: Report) -> None:
    books.device_bonds[event.args["device"]] -= event.args["amount"]
    total(report, event, "bond", books.device_bonds[event.args["device"]])


def _discharged(books: Books, event: Event, report: Report) -> None:
    device = event.args["device"]
    total(report, event, "amount", books.device_bonds[device])
    books.device_bonds[device] = 0


def _work_fault(books: Books, event: Event, report: Report) -> None:
    """The reason for a slash; one that found nothing left to take is none."""
    if event.args["amount"]:
        reason = _WORK_FAULTS.get(event.name) or SlashReason(event.args["reason"])
        owner = books.device_owners[event.args["device"]]
        books.transaction.causes[owner, _kind(reason), bytes(0), event.args["amount"]] += 1


def _faults_correlated(books: Books, event: Event, report: Report) -> None:
    total(report, event, "staked", books.staked)


def _claimed(books: Books, event: Event, report: Report) -> None:
    device, provider, amount = event.args["device"], event.args["provider"], event.args["amount"]
    owner = books.device_owners[device]
    report.expect("rewards", f"provider of device {device}", provider, owner, where(event))
    books.claimed[device] += amount
    books.total_claimed += amount
    books.transaction.told[books.token, ZERO, books.staking] += amount
    books.transaction.claims[provider] += amount
    total(report, event, "claimed", books.claimed[device])
    total(report, event, "totalClaimed", books.total_claimed)


_WORK_FAULTS = {
    "MissProven": SlashReason.MISSED_SLOT,
    "BadItemProven": SlashReason.BAD_ITEM,
    "BadItemEnforced": SlashReason.BAD_ITEM_ATTESTED,
}

_WORK_SHARES = {
    reason: ENFORCER_SHARE if reason == SlashReason.BAD_ITEM_ATTESTED else WORK_SHARE
    for reason in SlashReason
    if reason != SlashReason.NONE and reason not in JOB_FAULTS.values()
}


ENTRIES: Entries = {
    ("ProviderStaking", "StakeDeposited"): _deposited,
    ("ProviderStaking", "UnbondingStarted"): _unbonding,
    ("ProviderStaking", "StakeWithdrawn"): _withdrawn,
    ("ProviderStaking", "StakeLocked"): _locked,
    ("ProviderStaking", "StakeUnlocked"): _unlocked,
    ("ProviderStaking", "StakeDelegated"): _delegated,
    ("ProviderStaking", "DelegationUnbonding"): _undelegated,
    ("ProviderStaking", "DelegationWithdrawn"): _delegation_withdrawn,
    ("ProviderStaking", "StakeRebonded"): _rebonded,
    ("ProviderStaking", "RewardDistributed"): _distributed,
    ("ProviderStaking", "RewardReleased"): _released,
    ("ProviderStaking", "CommissionSet"): _commission_set,
    ("ProviderStaking", "StakeSlashed"): _slashed,
    ("ProviderStaking", "OperatorSet"): _operator_set,
    ("DeviceRegistry", "DeviceRegistered"): _registered,
    ("DeviceRegistry", "BondDebited"): _debited,
    ("DeviceRegistry", "DeviceDischarged"): _discharged,
    ("WorkDisputes", "FaultsCorrelated"): _faults_correlated,
    ("WorkDisputes", "MissProven"): _work_fault,
    ("WorkDisputes", "BadItemProven"): _work_fault,
    ("WorkDisputes", "BadItemEnforced"): _work_fault,
    ("WorkDisputes", "FaultProven"): _work_fault,
    ("Rewards", "RewardClaimed"): _claimed,
}
