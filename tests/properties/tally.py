"""What events and views say, put beside the numbered invariants of docs/protocol.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.chain import Sent

from .model.epochs import CAP
from .model.jobs import HELD
from .world import Key, View, World


class Tally:
    """What events and views say, put beside the numbered invariants of docs/protocol.md."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stakers = (*world.cast.providers, world.cast.careful)
        # With what was released.
        self.deposited: Counter[str] = Counter()
        self.earned: Counter[str] = Counter()
        self.withdrawn: Counter[str] = Counter()
        self.slashed: Counter[str] = Counter()
        # By job: what has left of its money, and how often it was closed.
        self.left: Counter[int] = Counter()
        self.closed: Counter[int] = Counter()
        # By lease: what came, what it paid, fee included, what went back to a requester alone and to funders.
        self.deposits: Counter[int] = Counter()
        self.settled: Counter[int] = Counter()
        self.redeemed: Counter[int] = Counter()
        self.returned: Counter[int] = Counter()
        self.refunded: Counter[int] = Counter()
        self.ended: set[int] = set()
        self.before: Mapping[Key, View] = {}
        for provider in self.stakers:
            self.deposited[provider] = world.model.position(provider).deposited
        self.next_epoch = world.model.next_epoch

    def check(self, now: Mapping[Key, View]) -> None:
        sents, self.world.since = self.world.since, []
        for sent in sents:
            self.read(sent)
        self.jobs_are_paid_once()
        self.leases_add_up(now)
        self.stake_is_backed(now)
        self.payments_are_backed(now)
        self.exits_are_paid_for(now, sents)
        self.locks_are_covered(now)
        self.rewards_are_bounded(now)
        self.honest_parties_keep_theirs(now)
        self.before = now

    def read(self, sent: Sent) -> None:
        for event in sent.events:
            args = event.args
            match event.name:
                case "StakeDeposited" | "StakeDelegated" | "RewardReleased":
                    self.deposited[args["provider"]] += args["amount"]
                case "StakeWithdrawn" | "DelegationWithdrawn":
                    self.withdrawn[args["provider"]] += args["amount"]
                case "RewardDistributed":
                    self.earned[args["provider"]] += args["amount"]
                case "StakeSlashed":
                    taken = args["fromVesting"] + args["fromActive"] + args["fromUnbonding"]
                    self.slashed[args["provider"]] += taken - args["fromVesting"]
                    self.earned[args["provider"]] -= args["fromVesting"]
                    # 9
                    assert taken == args["toChallenger"] + args["toVictim"] + args["burned"]
                    assert max(args["toChallenger"], args["toVictim"]) <= taken // 4
                    assert args["provider"] != self.world.cast.careful, "an honest provider was slashed"
                case "OracleSlashed":
                    assert args["amount"] == args["toChallenger"] + args["burned"]
                    assert args["toChallenger"] <= args["amount"] // 4
                    assert args["oracle"] in self.world.liars, "an honest oracle was slashed"
                case "JobAssigned":
                    self.left[args["job"]] += args["returned"]
                case "JobPartsPaid":
                    self.left[args["job"]] += args["paid"] + args["fee"]
                case "JobSettled":
                    self.left[args["job"]] += args["paid"] + args["fee"]
                    self.closed[args["job"]] += 1
                case "JobRefunded":
                    self.left[args["job"]] += args["refunded"]
                    self.closed[args["job"]] += 1
                    assert args["compensated"] == args["slashed"] // 4
                case "LeaseOpened":
                    self.deposits[args["lease"]] += args["deposit"]
                case "LeaseToppedUp":
                    self.deposits[args["lease"]] += args["amount"]
                case "LeaseSettled":
                    self.settled[args["lease"]] += args["paid"] + args["fee"]
                case "VoucherRedeemed":
                    self.redeemed[args["lease"]] += args["paid"] + args["fee"]
                case "LeaseStopped" | "LeaseHalted":
                    self.returned[args["lease"]] += args["refunded"]
                case "LeaseRefunded":
                    self.refunded[args["lease"]] += args["amount"]
                case "LeaseClosed":
                    assert args["lease"] not in self.ended
                    self.ended.add(args["lease"])
                case "EpochAttested":
                    self.attested_by_a_quorum(args)
                    self.follows(args["epoch"])
                case "EpochVoided":
                    self.follows(args["epoch"])
                case "EpochRevoked":
                    assert args["epoch"] < self.next_epoch
                    self.next_epoch = args["epoch"]

    def follows(self, epoch: int) -> None:
        assert epoch == self.next_epoch
        self.next_epoch += 1

    def attested_by_a_quorum(self, args: dict[str, Any]) -> None:
        """11. Bonds are looked up as they were before; the set's members are distinct by construction."""
        oracle_set = self.world.model.sets[args["setId"] - 1]
        signers = [o for i, o in enumerate(oracle_set.members) if args["signers"] >> i & 1]
        assert args["signers"] >> len(oracle_set.members) == 0
        assert (
            len(set(signers))
            == len(signers)
            >= max(oracle_set.threshold, -(-2 * len(oracle_set.members) // 3))
        )
        for oracle in signers:
            key = ("Attestations", "bondOf", (oracle,))
            if key in self.before:
                assert self.before[key]["amount"] > 0 or self.world.model.oracles[oracle].amount > 0

    def stake_is_backed(self, now: Mapping[Key, View]) -> None:
        """1"""
        stakes = [now["ProviderStaking", "stakeOf", (p,)] for p in self.stakers]
        total = value(now, "ProviderStaking", "totalStaked")
        assert total == sum(stake["active"] + stake["unbonding"] for stake in stakes)
        waiting = sum(stake["vesting"] + stake["vested"] for stake in stakes)
        assert value(now, "TensorbondToken", "balanceOf", self.world.model.at.staking) >= total + waiting
        bonded = value(now, "Attestations", "totalBonded")
        bonds = [now["Attestations", "bondOf", (o,)]["amount"] for o in self.world.cast.oracles]
        assert bonded == sum(bonds)
        assert value(now, "TensorbondToken", "balanceOf", self.world.model.at.attestations) >= bonded

    def payments_are_backed(self, now: Mapping[Key, View]) -> None:
        """2"""
        model = self.world.model
        for token in model.tokens:
            ledger = now["JobEscrow", "ledgerOf", (token,)]
            unpaid = sum(job.tracked for job in model.jobs.values() if job.state.terms.token == token)
            owed = sum(value(now, "JobEscrow", "owedOf", each, token) for each in self.world.holders)
            assert ledger["tracked"] == unpaid + owed + ledger["fees"]
            assert value(now, token, "balanceOf", model.at.escrow) >= ledger["tracked"]

    def jobs_are_paid_once(self) -> None:
        """7"""
        for number, left in self.left.items():
            job = self.world.model.jobs[number]
            assert left == job.left
            assert self.closed[number] <= 1
            assert left == job.price if self.closed[number] else left < job.price

    def leases_add_up(self, now: Mapping[Key, View]) -> None:
        """8, and 2 for leases: from events what came and went, from views what is left of it."""
        model = self.world.model
        kept: Counter[str] = Counter()
        for number, lease in model.leases.items():
            state = now["LeaseEscrow", "stateOf", (number, lease.fixed)]
            runway = now["LeaseEscrow", "runway", (number, lease.fixed)]
            accrued = runway["active"] * lease.terms.rate
            assert self.redeemed[number] == state["redeemed"]
            assert self.settled[number] == state["paidSeconds"] * lease.terms.rate <= accrued
            spent = accrued + self.redeemed[number]
            assert self.deposits[number] == spent + runway["left"] + self.returned[number]
            assert self.refunded[number] <= runway["left"]
            came, went = self.deposits[number], self.settled[number] + self.redeemed[number]
            rest = came - went - self.returned[number] - self.refunded[number]
            assert rest == lease.kept
            kept[lease.terms.token] += rest
        for token in model.tokens:
            kept[token] += sum(
                value(now, "LeaseEscrow", "owedOf", each, token) for each in self.world.holders
            )
            ledger = now["LeaseEscrow", "ledgerOf", (token,)]
            assert ledger["tracked"] == kept[token] + ledger["fees"]
            assert value(now, token, "balanceOf", model.at.lease_escrow) >= ledger["tracked"]

    def exits_are_paid_for(self, now: Mapping[Key, View], sents: list[Sent]) -> None:
        """3 and 4"""
        excused = {
            event.args["provider"]
            for sent in sents
            for event in sent.events
            if event.name in ("StakeSlashed", "StakeWithdrawn", "StakeRebonded")
        }
        for provider in self.stakers:
            stake = now["ProviderStaking", "stakeOf", (provider,)]
            left = stake["active"] + stake["unbonding"]
            paid_in = self.deposited[provider] - self.slashed[provider]
            assert left + self.withdrawn[provider] == paid_in
            released = self.deposited[provider] - self.world.model.position(provider).deposited
            assert stake["vesting"] + stake["vested"] == self.earned[provider] - released
            key = ("ProviderStaking", "withdrawableOf", (provider,))
            if key in self.before and provider not in excused:
                assert now[key]["value"] >= self.before[key]["value"]

    def locks_are_covered(self, now: Mapping[Key, View]) -> None:
        """5"""
        model = self.world.model
        for provider in self.stakers:
            stake = now["ProviderStaking", "stakeOf", (provider,)]
            assert stake["locked"] <= stake["active"] or stake["shortSince"]
            bonds = sum(
                value(now, "DeviceRegistry", "bondOf", device)
                for device, book in model.devices.items()
                if book.provider == provider
            )
            collateral = sum(
                job.state.terms.collateral
                for job in model.jobs.values()
                if job.state.provider == provider and job.state.status in HELD
            )
            assert stake["locked"] == bonds + collateral

    def rewards_are_bounded(self, now: Mapping[Key, View]) -> None:
        """6"""
        claimed = value(now, "Rewards", "totalClaimed")
        devices = self.world.model.devices
        assert claimed == sum(value(now, "Rewards", "claimedOf", device) for device in devices)
        assert claimed <= value(now, "Attestations", "finalEmission")
        assert value(now, "TensorbondToken", "totalSupply") <= CAP
        for device in devices:
            key = ("Rewards", "claimedOf", (device,))
            assert key not in self.before or now[key]["value"] >= self.before[key]["value"]

    def honest_parties_keep_theirs(self, now: Mapping[Key, View]) -> None:
        """10"""
        cast = self.world.cast
        assert self.slashed[cast.careful] == 0
        faults = now["Challenges", "faultsOf", (cast.careful_device,)]
        assert (faults["count"], faults["misses"]) == (0, 0)


def value(views: Mapping[Key, View], contract: str, function: str, *args: Any) -> int:
    return views[contract, function, args]["value"]
