"""The story in eight steps, played on a real chain by real processes: an honest provider, a liar, a careless
one, and an oracle that says two things. Every step checks that the chain agrees with what is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tensorbond.audit import Report, audit
from tensorbond.chain import digests, slots
from tensorbond.chain.abi import Event
from tensorbond.chain.jobs import job_state
from tensorbond.chain.leases import lease_of
from tensorbond.chain.orders import signable
from tensorbond.chain.sender import Receipt
from tensorbond.chain.types import (
    ZERO_ADDRESS,
    BadItem,
    Job,
    JobAsk,
    JobBid,
    JobOffer,
    LeaseTerms,
    Order,
    OutcomeResult,
    Statement,
    Terms,
)
from tensorbond.demo.cast import Provider
from tensorbond.demo.devnet import TBND, TUSD, Devnet
from tensorbond.demo.villains import SKIPPED
from tensorbond.errors import TensorbondError
from tensorbond.oracle.leaves import EpochData, load_epoch
from tensorbond.proof import evidence_name, is_memory_slot
from tensorbond.watch.fraud import bad_item_proof

STAKE = 5_000 * TBND
DELEGATED = 1_000 * TBND
BONDED_GOPS = 20
PRICE = 100 * TUSD
COLLATERAL = 400 * TBND
TAB = 20 * TUSD
SPENT = 7 * TUSD
THRESHOLD = 2
TICK_SECONDS = 1
WAIT_SECONDS = 120.0

TITLES = (
    "Stake: providers stake and register devices, others delegate to them, oracles bond",
    "Escrow: a requester funds a job, or keeps a tab; a signed ask and bid match in one transaction",
    "Challenge: the slots' beacons draw devices",
    "Commit: agents compute GPOW1 and commit before the window closes",
    "Verify: every oracle recomputes the samples; a stranger finds a wrong tile",
    "Attest: one root, one transaction, a quorum of signatures",
    "Settle: pay, reward, slash, refund",
    "Audit: replay every balance and every proof",
)


class NotAsTold(TensorbondError):
    """The chain disagrees with the story."""


@dataclass
class Step:
    """One of the eight: what it sent, and what it used."""

    n: int
    title: str
    ok: bool = False
    transactions: list[str] = field(default_factory=list)
    gas: int = 0


@dataclass(frozen=True)
class Balance:
    who: str
    token: str
    before: int
    after: int


@dataclass
class Told:
    """What happened, in numbers: wei of TBND, or the smallest unit of TUSD for `paid`, `redeemed` and
    `refunded`."""

    steps: list[Step] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    paid: int = 0
    redeemed: int = 0
    rewarded: int = 0
    failed_by: int = 0
    liar_slashed: int = 0
    refunded: int = 0
    compensated: int = 0
    wrong_tile_slashed: int = 0
    stranger_reward: int = 0
    wrong_tile_gas: int = 0
    equivocation_slashed: int = 0
    equivocation_gas: int = 0
    report: Report | None = None

    @property
    def ok(self) -> bool:
        return len(self.steps) == len(TITLES) and all(step.ok for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        report = self.report
        return {
            "steps": [vars(step) for step in self.steps],
            "balances": [
                {"who": row.who, "token": row.token, "before": str(row.before), "after": str(row.after)}
                for row in self.balances
            ],
            "honest": {
                "paid": str(self.paid),
                "redeemed": str(self.redeemed),
                "rewarded": str(self.rewarded),
            },
            "liar": {
                "skipped": SKIPPED,
                "failed_by": self.failed_by,
                "slashed": str(self.liar_slashed),
                "refunded": str(self.refunded),
                "compensated": str(self.compensated),
            },
            "wrong_tile": {
                "slashed": str(self.wrong_tile_slashed),
                "stranger_reward": str(self.stranger_reward),
                "gas": self.wrong_tile_gas,
            },
            "equivocation": {"slashed": str(self.equivocation_slashed), "gas": self.equivocation_gas},
            "audit": {
                "findings": len(report.findings) if report else None,
                "balances_checked": report.balances_checked if report else 0,
                "proofs_checked": report.proofs_checked if report else 0,
            },
        }


class Story:
    """Plays the steps on a devnet, one after the other; the first that isn't as told ends it."""

    def __init__(self, net: Devnet, told: Told, say: Callable[[str], None]) -> None:
        self.net, self.told, self.say = net, told, say
        self.cast = net.cast
        self.network = net.network
        self.devices: dict[str, int] = {}
        self.jobs: dict[str, int] = {}
        self.tab = 0
        self.data: EpochData | None = None
        self.statement: Statement | None = None

    def play(self) -> Told:
        before = self._holdings()
        for play in (
            self.stake,
            self.escrow,
            self.challenge,
            self.commit,
            self.verify,
            self.attest,
            self.settle,
            self.audit,
        ):
            play()
        after = self._holdings()
        self.told.balances = [
            Balance(who, token, before[who, token], after[who, token]) for who, token in before
        ]
        return self.told

    def stake(self) -> None:
        with self._step(1) as step:
            for provider in self.cast.providers:
                receipts, device = enter_provider(self.net, provider)
                self._enter(step, *receipts)
                self.devices[provider.name] = device
                self.say(f"{provider.name} stakes {STAKE // TBND} TBND and registers device {device}")
            honest, stranger = self.cast.honest, self.cast.stranger
            self._enter(step, *delegate(self.net, stranger, honest, DELEGATED))
            self.say(f"a stranger delegates {DELEGATED // TBND} TBND to the {honest.name}")
            self._enter(step, *seat_oracles(self.net))
            bond = self.network.call("Attestations", "BOND")
            self.say(f"three oracles bond {bond // TBND} TBND each; two must agree")
            for number in range(len(self.cast.oracles)):
                self.net.start_oracle(number)
            for provider in self.cast.providers:
                self.net.start_agent(provider)

    def escrow(self) -> None:
        with self._step(2) as step:
            timing = self.net.timing
            first = slots.start_of(timing, slots.first_slot(timing, 1))
            dollar = self.network.deployment.tokens["TUSD"]
            decision = (
                timing.slot_blocks + slots.epoch_blocks(timing) + timing.attest_blocks + timing.proof_blocks
            )
            liar, deceived = self.cast.liar, self.cast.deceived
            self._send(step, deceived, dollar, "approve", self.network.address("JobEscrow"), PRICE)
            submit_by = first + 3 * timing.slot_blocks
            terms = Terms(
                requester=deceived.address,
                token=dollar,
                price=PRICE,
                provider=liar.owner.address,
                class_id=0,
                min_gops=1,
                collateral=COLLATERAL,
                accept_by=first,
                submit_by=submit_by,
                review_blocks=5,
                refund_at=submit_by + decision + timing.slot_blocks,
                spec=keccak(b"a job never done"),
            )
            receipt = self._send(step, deceived, "JobEscrow", "fund", terms)
            self.jobs[liar.name] = receipt.event("JobFunded")["job"]
            self.net.await_oracles()
            self.net.await_agents()
            self.net.mine_to(first - timing.slot_blocks + 1)
            self._match(step, decision + timing.slot_blocks)
            self._open_tab(step)
            self._send(
                step,
                liar.owner,
                "JobEscrow",
                "accept",
                self.jobs[liar.name],
                self._job(liar),
                self.devices[liar.name],
            )
            self.say(f"{liar.name} accepts a job that was funded before, for {PRICE // TUSD} TUSD")
            for provider in (self.cast.honest, liar):
                job = self._job(provider)
                result = keccak(job.terms.spec)
                self._send(step, provider.owner, "JobEscrow", "submit", self.jobs[provider.name], job, result)
                self.say(f"{provider.name} submits; its device must answer in slot {job.forced_slot}")
            self.net.chain.tick(TICK_SECONDS)
            self.say(f"from now on a block every {TICK_SECONDS} s")

    def _match(self, step: Step, refund_blocks: int) -> None:
        """The requester's bid and permit and the operator's ask, none of them sent by who signed it."""
        network, honest, requester = self.network, self.cast.honest, self.cast.requester
        dollar, head = network.deployment.tokens["TUSD"], network.head()
        book, escrow = network.domain("OrderBook"), network.address("JobEscrow")
        within = 4 * self.net.timing.slot_blocks
        asked = Order(honest.owner.address, ZERO_ADDRESS, dollar, PRICE, 0, 1, head.number + 50, 0, 0)
        ask = JobAsk(asked, 0, COLLATERAL, within, 2**32 - 1, ZERO_ADDRESS, bytes(32))
        bidden = replace(asked, account=requester.address, price=PRICE + 10 * TUSD)
        spec = keccak(b"a job well done")
        bid = JobBid(
            bidden,
            ZERO_ADDRESS,
            True,
            1,
            0,
            0,
            COLLATERAL,
            within,
            5,
            refund_blocks,
            1,
            ZERO_ADDRESS,
            ZERO_ADDRESS,
            spec,
        )
        name, nonce = network.calls([(dollar, "name"), (dollar, "nonces", requester.address)])
        deadline = head.timestamp + 86_400
        token = digests.Domain(name, network.chain_id, dollar)
        permit = digests.permit(token, requester.address, escrow, PRICE, nonce, deadline).sign(requester)
        granted = PRICE, deadline, permit[64], permit[:32], permit[32:64]
        offer = JobOffer(ask, signable(book, ask).sign(honest.operator), (self.devices[honest.name],))
        abi = network.abi("OrderBook")
        batch = [
            abi.encode_call("permit", (dollar, requester.address, escrow, *granted)),
            abi.encode_call("matchJobs", (bid, signable(book, bid).sign(requester), [offer], [])),
        ]
        receipt = self._send(step, self.cast.stranger, "OrderBook", "multicall", batch)
        self.jobs[honest.name] = receipt.event("JobMatched")["job"]
        self.say(
            f"a stranger matches {honest.name}'s ask with a bid for up to {bidden.price // TUSD} TUSD: "
            f"deposit, collateral and job {self.jobs[honest.name]} in one transaction, "
            f"for the {PRICE // TUSD} TUSD asked"
        )

    def _open_tab(self, step: Step) -> None:
        """The requester's money for what it will ask for by the request: it pays by vouchers."""
        honest, requester = self.cast.honest, self.cast.requester
        dollar = self.network.deployment.tokens["TUSD"]
        terms = LeaseTerms(
            requester=requester.address,
            provider=honest.owner.address,
            token=dollar,
            rate=0,
            cap=TAB,
            notice=60,
            grace=0,
            voucher_blocks=50,
            accept_by=0,
        )
        self._send(step, requester, dollar, "approve", self.network.address("LeaseEscrow"), TAB)
        receipt = self._send(step, requester, "LeaseEscrow", "open", terms, 0, TAB)
        self.tab = receipt.event("LeaseOpened")["lease"]
        self.say(
            f"the requester opens a tab of {TAB // TUSD} TUSD with {honest.name}, to be drawn by vouchers"
        )

    def _redeem(self, step: Step) -> None:
        """One signature says what was earned in all; anyone may bring it."""
        domain = self.network.domain("LeaseEscrow")
        signature = digests.voucher(domain, self.tab, SPENT).sign(self.cast.requester)
        found = lease_of(self.network, self.tab)
        receipt = self._send(
            step, self.cast.stranger, "LeaseEscrow", "redeem", self.tab, found, SPENT, signature
        )
        paid = receipt.event("VoucherRedeemed")
        self.told.redeemed = paid["paid"]
        self._expect("the voucher", paid["paid"] + paid["fee"], SPENT)
        self.say(
            f"a voucher of the tab is redeemed: {self.told.redeemed / TUSD:g} TUSD to {self.cast.honest.name}"
        )

    def challenge(self) -> None:
        with self._step(3) as step:
            slot = self._forced_slot
            self._wait(
                f"slot {slot} to be sealed", lambda: any(self.network.call("Challenges", "beaconOf", slot))
            )
            (seal,) = self.network.events("Challenges", "SlotSealed", slot=slot)
            self._note(step, seal.transaction)
            beacon = seal.args["beacon"]
            roll = self.network.call("Challenges", "isRollCall", slot)
            drawn = [d for d in self.devices.values() if self.network.call("Challenges", "isDrawn", d, slot)]
            phase = "M" if is_memory_slot(beacon) else "C"
            self.say(
                f"slot {slot}: beacon 0x{beacon.hex()[:16]}…, "
                f"{'a roll call' if roll else 'a draw'} of devices {drawn} for the {phase}-phase"
            )

    def commit(self) -> None:
        with self._step(4) as step:
            slot = self._forced_slot
            devices = list(self.devices.values())
            found: list[Event] = []

            def all_committed() -> bool:
                found[:] = self.network.events("Challenges", "Committed", slot=slot)
                return {event.args["device"] for event in found} >= set(devices)

            self._wait(f"all devices to commit in slot {slot}", all_committed)
            begun = self.network.block(slots.start_of(self.net.timing, slot)).timestamp
            for event in found:
                a = event.args
                self._note(step, event.transaction)
                self.say(
                    f"device {a['device']} commits 0x{a['commitment'].hex()[:16]}… "
                    f"after {a['timestamp'] - begun} s"
                )

    def verify(self) -> None:
        with self._step(5) as step:
            slot, store = self._forced_slot, self.net.store
            honest = self.devices[self.cast.honest.name]
            event = self.network.events("Challenges", "Committed", device=honest, slot=slot)[0]
            name = evidence_name(self.network.chain_id, honest, slot, event.args["commitment"])
            self._wait(f"evidence of {self.cast.honest.name}", partial(store.exists, name))
            careless, stranger = self.devices[self.cast.careless.name], self.net.sender(self.cast.stranger)
            found: list[BadItem] = []

            def is_found() -> bool:
                """It commits to tiles in slots of the C-phase only: seven of eight."""
                committed = self.network.events("Challenges", "Committed", device=careless)
                shown = (
                    bad_item_proof(self.network, store, careless, each.args["slot"]) for each in committed
                )
                found[:] = [proof for proof in shown if proof is not None][:1]
                return bool(found)

            self._wait("a wrong tile in what the careless provider publishes", is_found)
            (proof,) = found
            self._expect(
                "bad items of the honest provider",
                bad_item_proof(self.network, store, honest, slot),
                None,
            )
            receipt = stranger.send("WorkDisputes", "proveBadItem", proof)
            self._enter(step, receipt)
            proven = receipt.event("BadItemProven")
            self.told.wrong_tile_slashed, self.told.stranger_reward = proven["amount"], proven["reward"]
            self.told.wrong_tile_gas = receipt.gas_used
            self._expect("the stranger's share", 0 < 4 * proven["reward"] <= proven["amount"], True)
            self.say(
                f"a stranger proves item {proven['index']} of device {careless} wrong "
                f"in one transaction ({receipt.gas_used:,} gas): "
                f"{_tbnd(proven['amount'])} slashed, {_tbnd(proven['reward'])} to the stranger"
            )

    def attest(self) -> None:
        with self._step(6) as step:
            found: list[Event] = []

            def is_attested() -> bool:
                found[:] = self.network.events("Attestations", "EpochAttested")
                return any(event.args["epoch"] == 1 for event in found)

            self._wait("epoch 1 to be attested", is_attested)
            for event in found:
                self._note(step, event.transaction)
            event = next(event for event in found if event.args["epoch"] == 1)
            signers = event.args["signers"].bit_count()
            self.data = load_epoch(self.net.store, self.network.chain_id, 1, event.args["root"])
            liar = self.devices[self.cast.liar.name]
            bad = [row for row in self.data.outcomes[liar] if row.result == OutcomeResult.BAD_ITEM]
            good = self.data.outcomes[self.devices[self.cast.honest.name]]
            self.told.failed_by = signers if bad else 0
            self._expect("the liar is failed by a quorum", self.told.failed_by >= THRESHOLD, True)
            forced = [row for row in good if row.job == self.jobs[self.cast.honest.name]]
            self._expect(
                "the honest provider's forced draw", [row.result for row in forced], [OutcomeResult.PASSED]
            )
            sent = self.network.rpc.request("eth_getTransactionByHash", event.transaction)["input"]
            abi = self.network.abi("Attestations")
            self.statement = abi.decode_call("attest", bytes.fromhex(sent[2:]))[0]
            self.say(
                f"epoch 1: root 0x{event.args['root'].hex()[:16]}…, "
                f"total weight {event.args['totalWeight']}, {signers} of 3 signed; "
                f"the liar failed {len(bad)} of {len(self.data.outcomes[liar])} challenges"
            )

    def settle(self) -> None:
        with self._step(7) as step:
            assert self.data is not None
            data, honest, liar = self.data, self.cast.honest, self.cast.liar
            self._wait("epoch 1 to be final", lambda: self.network.call("Attestations", "settledThrough") > 1)
            stranger = self.cast.stranger

            device = self.devices[honest.name]
            self._settled(step, self.jobs[honest.name])
            self._redeem(step)
            receipt = self._send(step, stranger, "Rewards", "claim", data.leaf_proof(device))
            self.told.rewarded = receipt.event("RewardClaimed")["amount"]
            self.say(
                f"its reward of epoch 1 is claimed: {_tbnd(self.told.rewarded)}, which vest into its stake, "
                "for it and its delegator"
            )

            device = self.devices[liar.name]
            bad = next(row for row in data.outcomes[device] if row.result == OutcomeResult.BAD_ITEM)
            leaf, outcome = data.leaf_proof(device), data.outcome_proof(device, bad.slot, bad.job)
            receipt = self._send(step, stranger, "WorkDisputes", "enforce", leaf, outcome)
            bond = receipt.event("BadItemEnforced")["amount"]
            job = self._job(liar)
            outcome = data.outcome_proof(device, job.forced_slot, self.jobs[liar.name])
            receipt = self._send(
                step, stranger, "JobEscrow", "refundByOutcome", self.jobs[liar.name], job, leaf, outcome
            )
            refunded = receipt.event("JobRefunded")
            self.told.liar_slashed = bond + refunded["slashed"]
            self.told.refunded, self.told.compensated = refunded["refunded"], refunded["compensated"]
            self._expect("the liar's bond is slashed", bond > 0, True)
            self._expect("refund", self.told.refunded, PRICE)
            self._expect("compensation", self.told.compensated > 0, True)
            self.say(
                f"the liar loses {_tbnd(bond)} of its bond and {_tbnd(refunded['slashed'])} of collateral; "
                f"its requester gets "
                f"{PRICE // TUSD} TUSD back and {_tbnd(self.told.compensated)} for the trouble"
            )
            self._equivocate(step)

    def _settled(self, step: Step, job: int) -> None:
        """By its provider's agent: its requester says nothing."""
        found: list[Event] = []

        def is_settled() -> bool:
            found[:] = self.network.events("JobEscrow", "JobSettled", job=job)
            return bool(found)

        self._wait(f"job {job} to be settled", is_settled)
        self._note(step, found[0].transaction)
        self.told.paid = found[0].args["paid"]
        self.say(f"job {job} is settled: {self.told.paid / TUSD:g} TUSD to its provider")

    def audit(self) -> None:
        with self._step(8):
            report = audit(self.network, self.net.store)
            self.told.report = report
            for finding in report.findings:
                self.say(f"finding: {finding}")
            self._expect("findings", len(report.findings), 0)
            self._expect(
                "something was checked", report.balances_checked > 0 and report.proofs_checked > 0, True
            )
            self.say(
                f"{report.events_replayed} events replayed, {report.balances_checked} balances "
                f"and {report.proofs_checked} proofs "
                f"checked at block {report.block}: no finding"
            )

    def _equivocate(self, step: Step) -> None:
        """The third oracle signs another root for epoch 1; a stranger shows both signatures."""
        assert self.statement is not None
        index = len(self.cast.oracles) - 1
        oracle = self.cast.oracles[index]
        other = replace(self.statement, root=keccak(b"a root that pays a friend"))
        domain = self.network.domain("Attestations")
        first, second = (digests.attestation(domain, each).sign(oracle) for each in (self.statement, other))
        set_id = self.network.call("Attestations", "setOf", 1)
        receipt = self._send(
            step,
            self.cast.stranger,
            "AttestationDisputes",
            "proveEquivocation",
            self.statement,
            first,
            other,
            second,
            set_id,
            index,
        )
        proven = receipt.event("EquivocationProven")
        self.told.equivocation_slashed, self.told.equivocation_gas = proven["amount"], receipt.gas_used
        self._expect(
            "the two-faced oracle's bond", proven["amount"], self.network.call("Attestations", "BOND")
        )
        self.say(
            f"oracle {index + 1} signed two roots for epoch 1: a stranger shows both "
            f"({receipt.gas_used:,} gas) and "
            f"{_tbnd(proven['amount'])} of bond are slashed"
        )

    @property
    def _forced_slot(self) -> int:
        return int(self._job(self.cast.honest).forced_slot)

    def _job(self, provider: Provider) -> Job:
        return job_state(self.network, self.jobs[provider.name])

    @contextmanager
    def _step(self, n: int) -> Iterator[Step]:
        step = Step(n, TITLES[n - 1])
        self.told.steps.append(step)
        self.say(f"[bold]{n}. {step.title}[/bold]")
        yield step
        step.ok = True

    def _send(self, step: Step, account: Any, contract: str, function: str, *args: Any) -> Receipt:
        receipt = self.net.sender(account).send(contract, function, *args)
        self._enter(step, receipt)
        return receipt

    def _enter(self, step: Step, *receipts: Receipt) -> None:
        for receipt in receipts:
            step.transactions.append(receipt.transaction)
            step.gas += receipt.gas_used

    def _note(self, step: Step, transaction: str) -> None:
        """Enter a transaction that a process of the network sent."""
        receipt = self.network.rpc.request("eth_getTransactionReceipt", transaction)
        step.transactions.append(transaction)
        step.gas += int(receipt["gasUsed"], 16)

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        began = time.monotonic()
        self.net.wait_for(what, ready, WAIT_SECONDS)
        if time.monotonic() - began > 2:
            self.say(f"[dim]waited {time.monotonic() - began:.0f} s for {what}[/dim]")

    def _expect(self, what: str, have: Any, need: Any) -> None:
        if have != need:
            raise NotAsTold(f"{what}: have {have}, need {need}")

    def _holdings(self) -> dict[tuple[str, str], int]:
        """What everybody has: wallets in both tokens, stake, bonds."""
        dollar = self.network.deployment.tokens["TUSD"]
        held: dict[tuple[str, str], int] = {}
        for address, who in self.cast.names().items():
            if "operator" in who:
                continue
            held[who, "TBND"] = self.network.call("TensorbondToken", "balanceOf", address)
            held[who, "TUSD"] = self.network.call(dollar, "balanceOf", address)
        for provider in self.cast.providers:
            stake = self.network.call("ProviderStaking", "stakeOf", provider.owner.address)
            held[provider.name, "TBND staked"] = stake.active + stake.unbonding
            held[provider.name, "TBND vesting"] = stake.vesting + stake.vested
        for number, oracle in enumerate(self.cast.oracles, 1):
            held[f"oracle {number}", "TBND bonded"] = self.network.call(
                "Attestations", "bondOf", oracle.address
            ).amount
        return held


def open_market(net: Devnet) -> None:
    """One honest provider and a seated oracle set, their processes running, a block every second."""
    enter_provider(net, net.cast.honest)
    seat_oracles(net)
    for number in range(len(net.cast.oracles)):
        net.start_oracle(number)
    net.start_agent(net.cast.honest)
    net.await_oracles()
    net.await_agents()
    net.chain.tick(TICK_SECONDS)


def enter_provider(net: Devnet, provider: Provider) -> tuple[list[Receipt], int]:
    """Stake by permit, name the operator, register a device; the receipts and the device's id."""
    network, owner = net.network, provider.owner.address
    sender = net.sender(provider.owner)
    token = replace(network.domain("TensorbondToken"), contract=network.call("TensorbondToken", "name"))
    deadline = network.head().timestamp + 86_400
    nonce = network.call("TensorbondToken", "nonces", owner)
    staking = network.domain("ProviderStaking")
    permit = digests.permit(token, owner, staking.address, STAKE, nonce, deadline).sign(provider.owner)
    nonce = network.call("ProviderStaking", "nonces", owner)
    consent = digests.operator(staking, owner, provider.operator.address, nonce).sign(provider.operator)
    receipts = [
        sender.send(
            "ProviderStaking", "stakeWithPermit", STAKE, deadline, permit[64], permit[:32], permit[32:64]
        ),
        sender.send("ProviderStaking", "setOperator", provider.operator.address, consent),
        sender.send("DeviceRegistry", "register", 0, BONDED_GOPS, 1),
    ]
    return receipts, receipts[-1].event("DeviceRegistered")["device"]


def delegate(net: Devnet, delegator: LocalAccount, provider: Provider, amount: int) -> list[Receipt]:
    """Approve and delegate; the receipts."""
    sender, staking = net.sender(delegator), net.network.address("ProviderStaking")
    return [
        sender.send("TensorbondToken", "approve", staking, amount),
        sender.send("ProviderStaking", "delegate", provider.owner.address, amount),
    ]


def seat_oracles(net: Devnet) -> list[Receipt]:
    """Every oracle bonds, and the governor seats them from the first epoch on."""
    attestations = net.network.address("Attestations")
    bond = net.network.call("Attestations", "BOND")
    receipts = []
    for number, oracle in enumerate(net.cast.oracles):
        receipts.append(net.sender(oracle).send("TensorbondToken", "approve", attestations, bond))
        receipts.append(net.sender(oracle).send("Attestations", "join", net.endpoint(number)))
    members = [oracle.address for oracle in net.cast.oracles]
    receipts.append(net.sender(net.cast.governor).send("Attestations", "seat", members, THRESHOLD, 0))
    return receipts


def _tbnd(amount: int) -> str:
    return f"{amount / TBND:g} TBND"
