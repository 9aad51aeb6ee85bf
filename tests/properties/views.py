"""What both must agree on: every number that the contracts show of the play."""

from __future__ import annotations

from typing import Any

from tests.words import words

from .model.books import ZERO
from .model.epochs import ATTESTED, REVOKED, VOID
from .world import Key, Names, Seen, World


def expected(world: World) -> Seen:
    """Every number that the contracts show of the play, as the model has it."""
    model, cast, head = world.model, world.cast, world.head
    views: dict[Key, bytes] = {}
    names: Names = {}

    def say(contract: str, function: str, *args: Any, **values: Any) -> None:
        """What a view returns, or some of it."""
        names[contract, function] = tuple(values)
        views[contract, function, args] = words(*values.values())

    for provider in (*cast.providers, cast.careful):
        p = model.position(provider)
        say(
            "ProviderStaking",
            "stakeOf",
            provider,
            active=p.active.amount,
            shares=p.active.shares,
            generation=p.active.generation,
            locked=p.locked,
            delegated=p.delegated > 0,
            delegatedShares=p.delegated,
            shortSince=p.short_since,
            vesting=p.vesting,
            vested=p.vested,
            unbonding=p.unbonding.amount,
            unbondingShares=p.unbonding.shares,
            delegatedUnbondingShares=p.delegated_unbonding(provider),
            unbondingGeneration=p.unbonding.generation,
            firstRequest=p.queues[provider].first,
            nextRequest=len(p.queues[provider].requests),
        )
        say("ProviderStaking", "freeOf", provider, value=p.free)
        withdrawable = model.withdrawable(provider, provider, head)
        say("ProviderStaking", "withdrawableOf", provider, value=withdrawable)
        say("ProviderStaking", "commissionOf", provider, bps=p.commission_at(head))
        for delegator in cast.delegators:
            if delegator == provider:
                continue
            queue = p.queues[delegator]
            say(
                "ProviderStaking",
                "delegationOf",
                provider,
                delegator,
                shares=p.held.get(delegator, 0),
                firstRequest=queue.first,
                nextRequest=len(queue.requests),
            )
            withdrawable = model.withdrawable(provider, delegator, head)
            say("ProviderStaking", "withdrawableDelegatedOf", provider, delegator, value=withdrawable)
            worth = p.worth_of(delegator, head)
            say("ProviderStaking", "delegatedOf", provider, delegator, value=worth)
        say("ProviderStaking", "operatorOf", provider, value=model.operator_of(provider))
    say("ProviderStaking", "totalStaked", value=model.total_staked)

    say("DeviceRegistry", "deviceCount", value=len(model.devices))
    say("DeviceRegistry", "classCount", value=len(model.classes))
    say("DeviceRegistry", "timingCount", value=len(model.timings))
    for device, d in model.devices.items():
        say(
            "DeviceRegistry",
            "deviceOf",
            device,
            provider=d.provider,
            fromEpoch=d.from_epoch,
            untilSlot=d.until_slot,
            bondedGops=d.gops,
            classId=d.class_id,
        )
        say("DeviceRegistry", "isHeld", device, value=d.held)
        say("DeviceRegistry", "bondOf", device, value=d.bond)
        say(
            "Challenges",
            "faultsOf",
            device,
            earliestSlot=d.earliest if d.faults else 0,
            faulted=d.faults > 0,
            count=d.faults,
            lastEpoch=d.last_epoch,
            misses=d.misses,
            missEpoch=d.miss_epoch,
        )
        say("Rewards", "claimedOf", device, value=d.claimed)
    say("Rewards", "totalClaimed", value=model.total_claimed)
    for key in (*cast.hot_keys, *cast.providers):
        first, end, from_epoch = model.sessions.get(key, (0, 0, 0))
        say("Challenges", "sessionOf", key, first=first, end=end, fromEpoch=from_epoch)
    for (device, slot, place), item in list(model.items.items())[-6:]:
        say(
            "Challenges",
            "requestOf",
            device,
            slot,
            place,
            asker=item.asker,
            deposit=item.deposit,
            deadline=item.deadline,
            answered=False,
            ofMemory=False,
        )
    for slot in sorted(model.beacons)[-2:]:
        say("Challenges", "beaconOf", slot, value=model.beacons[slot])
    for (device, slot), (word, flags) in list(model.records.items())[-3:]:
        record = int.from_bytes(word, "big") >> 16 << 16 | flags
        say("Challenges", "recordOf", device, slot, value=record)

    say("Attestations", "nextEpoch", value=model.next_epoch)
    say("Attestations", "deadline", value=model.deadline_of(model.next_epoch))
    say("Attestations", "settledThrough", value=model.settled_through(head))
    say("Attestations", "finalEmission", value=model.final_emission(head))
    say("Attestations", "standingRoot", value=model.before(model.next_epoch).root)
    say("Attestations", "totalBonded", value=model.total_bonded)
    say("Attestations", "setCount", value=len(model.sets))
    for oracle in cast.oracles:
        o = model.oracles[oracle]
        say(
            "Attestations",
            "bondOf",
            oracle,
            amount=o.amount,
            leftEpoch=o.left_epoch,
            exposedUntil=o.exposed_until,
            seated=o.seated,
        )
    for epoch in range(max(0, model.next_epoch - 3), model.next_epoch + 1):
        e, standing = model.epochs.get(epoch), model.is_standing(epoch)
        if e is None:
            continue
        spent = bool(e.flags & (ATTESTED | REVOKED))
        attested = standing and bool(e.flags & ATTESTED)
        say(
            "Attestations",
            "attestedOf",
            epoch,
            root=e.root if standing else 0,
            totalWeight=e.total_weight if attested else 0,
            provableUntil=e.provable_until if standing else 0,
            setId=e.set_id if attested else 0,
            round=e.round if spent else 0,
            signers=sum(1 << index for index in e.signers) if attested else 0,
            flags=e.flags if standing else REVOKED if spent else 0,
        )
        void = bool(e.flags & VOID)
        status = 0 if not standing else 3 if void else 2 if head > e.provable_until else 1
        say("Attestations", "statusOf", epoch, value=status)

    for (epoch, round), e in list(model.rounds.items())[-4:]:
        say(
            "Attestations",
            "attestationOf",
            epoch,
            round,
            root=e.root,
            previousRoot=e.previous_root,
            totalWeight=e.total_weight,
            provableUntil=e.provable_until,
            setId=e.set_id,
            round=e.round,
            signers=sum(1 << index for index in e.signers),
            flags=ATTESTED | (REVOKED if model.is_revoked(epoch, e) else 0),
        )

    say("JobEscrow", "jobCount", value=len(model.jobs))
    say("JobEscrow", "feeBps", value=model.fee_bps)
    for number, job in model.jobs.items():
        say("JobEscrow", "jobHash", number, value=job.hash)
    for number, auction in list(model.auctions.items())[-6:]:
        leader, price = auction.best
        say(
            "SealedAuction",
            "auctionOf",
            number,
            commitBy=auction.commit_by,
            revealBy=auction.reveal_by,
            bids=len(auction.bids),
            provider=leader,
            price=price,
        )
        for provider, bid in auction.bids.items():
            seal = ZERO if bid.revealed else bid.seal.ljust(32, b"\0")
            say("SealedAuction", "bidOf", number, provider, seal=seal, place=bid.place)
    say("LeaseEscrow", "leaseCount", value=len(model.leases))
    say("LeaseEscrow", "feeBps", value=model.lease_fee_bps)
    for number, lease in model.leases.items():
        say(
            "LeaseEscrow",
            "stateOf",
            number,
            lease.fixed,
            funds=lease.funds,
            origin=lease.origin,
            paidSeconds=lease.paid,
            heldSeconds=lease.held,
            ripeAt=lease.ripe_at,
            status=lease.status,
            reason=lease.reason,
            shared=lease.shared,
            redeemed=lease.redeemed,
            endsAt=lease.ends_at,
            stopFrom=lease.stop_from,
            reason2=lease.wish,
            vouchers=lease.terms.voucher_blocks > 0,
        )
        time, active, left = lease.runway(world.timestamp)
        say("LeaseEscrow", "runway", number, lease.fixed, time=time, active=active, left=left)
        for place, deposit in enumerate(lease.deposits):
            say(
                "LeaseEscrow",
                "depositOf",
                number,
                lease.fixed,
                deposit.by,
                lease.before(place),
                amount=deposit.amount if lease.shared else 0,
                refunded=deposit.refunded,
            )
    for account in (*cast.requesters, *cast.providers):
        say("OrderBook", "seriesOf", account, value=model.series[account])
        for word in (0, 1):
            say("OrderBook", "spentOf", account, word, value=model.spent_of(account, word))
    for digest, count in list(model.filled.items())[-6:]:
        say("OrderBook", "filledOf", digest, value=count)
    for token, book in model.tokens.items():
        ledger = model.ledgers[token]
        say(
            "JobEscrow",
            "ledgerOf",
            token,
            tracked=ledger.tracked,
            fees=ledger.fees,
            cap=ledger.cap,
        )
        leased = model.lease_ledgers[token]
        say("LeaseEscrow", "ledgerOf", token, tracked=leased.tracked, fees=leased.fees, cap=leased.cap)
        for account in world.holders:
            say("LeaseEscrow", "owedOf", account, token, value=leased.owed[account])
            say("JobEscrow", "owedOf", account, token, value=ledger.owed[account])
            say(token, "balanceOf", account, value=book.balances[account])
    contracts = (model.at.staking, model.at.attestations, model.at.escrow)
    for account in (*cast.everyone, *contracts):
        say("TensorbondToken", "balanceOf", account, value=model.tbnd[account])
    say("TensorbondToken", "totalSupply", value=model.supply)
    return Seen(views, names)


def differences(have: Seen, need: Seen) -> list[str]:
    return [
        f"{key[0]}.{key[1]}{key[2]}.{name}: the chain has {have[key][name]}, the model {value}"
        for key in need
        if have.words[key] != need.words[key]
        for name, value in need[key].items()
        if have[key][name] != value
    ]
