"""The deployed system beside its model: every act is done to both, and both are compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain.abi import Parameter
from tensorbond.chain.deploy import deploy
from tensorbond.chain.errors import RpcError
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.parameters import Parameters, PaymentToken
from tensorbond.chain.types import OutcomeKind, OutcomeResult, Statement, Verdict
from tests.anvil import ROOT
from tests.chain import Chain, Reverted, Sent, system_artifacts
from tests.leaves import Epoch, make_leaf, make_outcome
from tests.revm import Revm

from .model import Addresses, Deployed, Market, Refused, Token
from .model.books import FOREVER, ZERO, first_slot, last_block, start_of
from .model.devices import COMMITTED
from .model.epochs import ATTESTED, EMISSION, REVOKED
from .model.jobs import TOKEN_CAP, JobLedger
from .model.leases import LeaseLedger
from .model.orders import Ask, Bid
from .signing import CHAIN_ID, STATEMENT, domain, sign, typed

TBND = 10**18
TUSD = 10**6
BOND = 1_000 * TBND

PAYMENT_TOKENS = ("TestDollar", "BlacklistToken")
# The verbs of the escrows that the order book calls.
_PULLED_BY = {"matchJobs": "open", "matchLeases": "openFor"}

Key = tuple[str, str, tuple[Any, ...]]
View = dict[str, int]
Names = dict[tuple[str, str], tuple[str, ...]]


class Seen(Mapping[Key, View]):
    """What views return: their words, and by name only what is asked for."""

    def __init__(self, words: dict[Key, bytes], names: Names) -> None:
        self.words, self.names = words, names
        self._views: dict[Key, View] = {}

    def __getitem__(self, key: Key) -> View:
        if key not in self._views:
            data = self.words[key]
            found = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
            self._views[key] = dict(zip(self.names[key[:2]], found, strict=True))
        return self._views[key]

    def __contains__(self, key: object) -> bool:
        return key in self.words

    def __iter__(self) -> Iterator[Key]:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)


# The cast


@dataclass(frozen=True)
class Cast:
    """Who plays. `careful` commits in every slot and never serves a job; the honest oracles sign once."""

    governor: str
    treasury: str
    providers: tuple[str, ...]
    careful: str
    careful_device: int
    hot_keys: tuple[str, ...]
    requesters: tuple[str, ...]
    stranger: str
    oracles: tuple[str, ...]
    liars: frozenset[str]

    @property
    def delegators(self) -> tuple[str, ...]:
        """Providers delegate, too: to others."""
        return self.providers

    @property
    def everyone(self) -> tuple[str, ...]:
        named = (self.governor, self.treasury, *self.providers, self.careful, *self.hot_keys)
        return tuple(dict.fromkeys((*named, *self.requesters, self.stranger, *self.oracles)))


def cast_of(chain: Chain) -> Cast:
    account = chain.accounts
    oracles = tuple(sorted(account[8:18], key=lambda address: int(address, 16)))
    return Cast(
        governor=account[0],
        treasury=account[1],
        providers=(account[2], account[7]),
        careful=account[18],
        careful_device=1,
        hot_keys=(account[3], account[19]),
        requesters=(account[4], account[6], account[2]),
        stranger=account[5],
        oracles=oracles,
        liars=frozenset(oracles[::2]),
    )


class World:
    """One chain and its model. `begin` brings both back to the start of the play."""

    def __init__(self, chain: Chain, path: Path) -> None:
        self.chain, self.cast = chain, cast_of(chain)
        self.attempts: Counter[str] = Counter()
        self.successes: Counter[str] = Counter()
        self.refusals: dict[str, Counter[str]] = defaultdict(Counter)
        # By name, those with a reason by reason.
        self.events: Counter[str] = Counter()
        # Of jobs and leases: the escrow, from which status to which, by which of its verbs.
        self.moves: set[tuple[str, str, str, str]] = set()
        self.transactions = self.blocks = 0
        self._keys = {address: chain.key(address).key for address in chain.accounts}
        self._calls: dict[Key, bytes] = {}
        self._places: dict[tuple[str, str], list[int]] = {}
        self._set_up(path)
        self.random = Random(0)
        self._prelude()
        self._base = deepcopy(replace_hash(self.model))
        self._base_hashes = dict(self._hashes)
        self._snapshot = chain.snapshot()

    def begin(self, random: Random) -> None:
        self.chain.revert_to(self._snapshot)
        self._snapshot = self.chain.snapshot()
        self.random = random
        self._start(deepcopy(self._base), dict(self._base_hashes))

    def _start(self, model: Market, hashes: dict[int, bytes]) -> None:
        self.model, self._hashes = model, hashes
        model.hash_of = self.hash_of
        self.head = self.chain.block_number
        self.timestamp = self.chain.timestamp
        self.since: list[Sent] = []
        self.statements: dict[int, Statement] = {}
        # Rewards that are not what they should be (epoch, round, device), and who signed them.
        self.lies: list[tuple[int, int, int]] = []
        self.liars = set(self.cast.liars)
        self._duties: dict[tuple[int, int], int] = {}
        self._tick()

    # Acting

    def act(
        self,
        verb: str,
        contract: str,
        function: str,
        *args: Any,
        sender: str,
        effect: Callable[[Market], object],
        counts: bool = True,
        value: int = 0,
    ) -> Sent | None:
        """Do it to the model, then to the chain: both succeed, or both refuse with the same error."""
        if counts:
            self.attempts[verb] += 1
        before = self._statuses()
        try:
            effect(self.model)
        except Refused as refused:
            if counts:
                self.refusals[verb][refused.error] += 1
            self._expect_refusal(refused, contract, function, args, sender, value)
            return None
        sent = self.chain.send(contract, function, *args, sender=sender, value=value)
        assert sent.block == self.head + 1
        if counts:
            self.successes[verb] += 1
        self.transactions += 1
        for (escrow, number), status in self._statuses().items():
            if status != (was := before.get((escrow, number), "[*]")):
                self.moves.add((escrow, was, status, _PULLED_BY.get(function, function)))
        self.since.append(sent)
        for event in sent.events:
            self.events[event.name + str(event.args.get("reason", event.args.get("verdict", "")))] += 1
        self._mined(1)
        return sent

    def _statuses(self) -> dict[tuple[str, int], str]:
        """By escrow and number."""
        jobs = {("JobEscrow", n): job.state.status for n, job in self.model.jobs.items()}
        leases = {("LeaseEscrow", n): lease.status for n, lease in self.model.leases.items()}
        return {key: status.name.lower() for key, status in (*jobs.items(), *leases.items())}

    def _expect_refusal(
        self, need: Refused, contract: str, function: str, args: tuple[Any, ...], sender: str, value: int
    ) -> None:
        abi, to = self.chain._abi(contract), self.chain.at(contract)
        data = "0x" + abi.encode_call(function, args).hex()
        request = {"to": to, "from": sender, "data": data, "value": hex(value)}
        try:
            self.chain.rpc.request("eth_call", request, "pending")
        except RpcError as refused:
            have = self.chain._reverted_call(refused, to, function)
            assert is_same(have, need), f"{contract}.{function}: refused by {have}, not by {need!r}"
        else:
            raise AssertionError(f"{contract}.{function} should be refused with {need!r}: {args}")

    def mine(self, blocks: int) -> None:
        if blocks > 0:
            self.chain.rpc.request("anvil_mine", hex(blocks), hex(1))
            self._mined(blocks)

    def _mined(self, blocks: int) -> None:
        self.head += blocks
        self.blocks += blocks
        self.timestamp += blocks
        self._tick()

    def _tick(self) -> None:
        """Verbs are mined in the block after the head."""
        self.model.block, self.model.timestamp = self.head + 1, self.timestamp + 1

    def header(self, block: int) -> bytes:
        assert isinstance(self.chain.rpc, Revm)
        return self.chain.rpc.header_of(block)

    def hash_of_header(self, header: bytes) -> bytes:
        return keccak(header)

    def hash_of(self, block: int) -> bytes:
        if block not in self._hashes:
            self._hashes[block] = self.chain.block_hash(block)
        return self._hashes[block]

    # What goes on by itself

    def advance_to(self, head: int, *, oracles: bool = True) -> None:
        """Let time pass until `head` is the head, or a little more."""
        while self.head < head:
            self.tend(oracles=oracles)
            t = self.model.timing
            end = start_of(t, self.model.slot + 1)
            self.mine(min(head, max(end, self.head + 1)) - self.head)

    def tend(self, *, oracles: bool = True) -> None:
        """The careful provider commits in every slot; the oracles attest, some late, or close."""
        while self._commit_carefully() or (oracles and self._do_duty()):
            pass

    def _commit_carefully(self) -> bool:
        model, cast = self.model, self.cast
        device, slot = cast.careful_device, model.slot
        if device not in model.devices or (device, slot) in model.records:
            return False
        first, last = model.window_of(slot)
        if not (model.is_active(device, slot) and first <= model.block <= last):
            return False
        commitment = keccak(b"careful" + slot.to_bytes(4, "big"))
        self.act(
            "commit",
            "Challenges",
            "commit",
            device,
            slot,
            commitment,
            sender=cast.careful,
            effect=lambda m: m.commit(cast.careful, device, slot, commitment),
            counts=False,
        )
        return True

    def _do_duty(self) -> bool:
        model = self.model
        epoch = model.next_epoch
        if not model.sets or model.block <= model.last_block_of(epoch):
            return False
        key = (epoch, model.revived)
        if key not in self._duties:
            self._duties[key] = self.random.choice([0, 0, 0, 1, 4, 10, 1_000])
        if model.block > model.deadline_of(epoch):
            if self._duties[key] < 1_000 and model.block <= model.deadline_of(epoch) + 4:
                return False
            self.close(epoch, counts=False)
            return True
        if model.block <= max(model.last_block_of(epoch), model.revived) + self._duties[key]:
            return False
        if self._mend_quorum(epoch):
            return True
        sent = self.attest(counts=False)
        if sent is None:
            self._duties[key] = 1_000
        return sent is not None

    def _mend_quorum(self, epoch: int) -> bool:
        """The governor seats others when too many have left or were slashed."""
        model = self.model
        newest = model.sets[-1]
        able = len(newest.members) - len(newest.excluded)
        if able >= newest.quorum or newest.from_epoch > model.settled_through(model.block):
            return False
        for oracle in self.cast.oracles:
            book = model.oracles[oracle]
            if book.amount == 0 and book.left_epoch == 0 and self.random.random() < 0.7:
                self.join(oracle, counts=False)
        members = [
            o for o in self.cast.oracles if model.oracles[o].amount and not model.oracles[o].left_epoch
        ]
        if len(members) < 3:
            return False
        governor, least = self.cast.governor, model.first_unsigned
        self.act(
            "seat",
            "Attestations",
            "seat",
            members,
            3,
            least,
            sender=governor,
            effect=lambda m: m.seat(governor, members, 3, least),
            counts=False,
        )
        return True

    def close(self, epoch: int, *, counts: bool = True) -> Sent | None:
        return self.act(
            "close",
            "Attestations",
            "close",
            epoch,
            sender=self.cast.stranger,
            effect=lambda m: m.close(epoch),
            counts=counts,
        )

    # Attesting

    def data_of(self, epoch: int) -> tuple[Epoch, dict[int, int], list[int]]:
        """Leaves that honest oracles could have made, but for what the work was worth, which is chance; the
        rewards; and which devices got one that they should not."""
        model, random = self.model, self.random
        t = model.timing_of(epoch)
        slots = range(first_slot(t, epoch), first_slot(t, epoch + 1))
        devices = {d: book for d, book in model.devices.items() if book.from_epoch <= epoch}
        weights = {d: random.randrange(0, book.gops + 1) for d, book in devices.items()}
        total = sum(weights.values())
        earned = dict(model.before(epoch).earned)
        leaves, outcomes, lies = [], {}, []
        for device, book in devices.items():
            rows = []
            for slot in slots:
                result = self._result_of(device, slot)
                if result:
                    rows.append(make_outcome(slot, OutcomeKind.DRAWN_C, result))
            for number, job in model.jobs.items():
                if job.state.device == device and job.state.forced_slot in slots:
                    result = random.choice([1, 1, 1, 2, 3, 4])
                    rows.append(make_outcome(job.state.forced_slot, OutcomeKind.FORCED, result, job=number))
            reward = EMISSION * weights[device] // total if total else 0
            if device != self.cast.careful_device and random.random() < 0.15:
                much, little = random.randint(1, 3 * EMISSION), -1 if reward else 1
                reward += random.choice([much, 1, 1, little, little])
                lies.append(device)
            earned[device] = earned.get(device, 0) + reward
            values = {"weight": weights[device], "cumulative_reward": earned[device]}
            leaves.append(make_leaf(device, book.provider, class_id=book.class_id, **values))
            outcomes[device] = rows
        return Epoch.of(epoch, leaves, outcomes), earned, lies

    def _result_of(self, device: int, slot: int) -> int:
        model = self.model
        record = model.records.get((device, slot))
        if record and record[1] & COMMITTED:
            if device == self.cast.careful_device:
                return OutcomeResult.PASSED
            return self.random.choice([1, 3, 3, 4])
        drawn = slot in model.beacons and model.is_drawn(device, slot)
        return OutcomeResult.MISSED if drawn else 0

    def statement_of(self, data: Epoch, epoch: int) -> Statement:
        model = self.model
        set_id = model.set_of(epoch)
        old = model.epochs.get(epoch)
        spent = old is not None and bool(old.flags & (ATTESTED | REVOKED))
        return Statement(
            epoch=epoch,
            round=old.round + 1 if spent and old else 0,
            previous_root=model.before(epoch).root,
            last_block_hash=self.hash_of(model.last_block_of(epoch)),
            root=data.root,
            total_weight=data.total_weight,
            data_digest=data.data_digest,
            config_digest=model.sets[set_id - 1].config_digest if set_id else ZERO,
        )

    def quorum_of(self, epoch: int) -> list[int]:
        """As many signers as are needed, or as there are."""
        set_id = self.model.set_of(epoch)
        if not set_id:
            return []
        oracle_set = self.model.sets[set_id - 1]
        able = [index for index in range(len(oracle_set.members)) if index not in oracle_set.excluded]
        return able[: oracle_set.quorum]

    def sign_statement(self, statement: Statement, oracle: str) -> bytes:
        values = [getattr(statement, name) for name in statement.__dataclass_fields__]
        here = domain("Attestations", self.chain.address["Attestations"])
        return sign(self._keys[oracle], typed(here, STATEMENT, values))

    def attest(
        self,
        *,
        signers: list[int] | None = None,
        forger: str | None = None,
        counts: bool = True,
        **changes: Any,
    ) -> Sent | None:
        """Attest the next epoch. `forger` signs in place of the first signer; `changes` are wrong fields."""
        model = self.model
        epoch = model.next_epoch
        if model.block <= model.last_block_of(epoch):
            data, earned, lies = Epoch.of(epoch, []), {}, []
            statement = replace(Statement(epoch, 0, ZERO, ZERO, ZERO, 0, ZERO, ZERO), **changes)
        else:
            data, earned, lies = self.data_of(epoch)
            statement = replace(self.statement_of(data, epoch), **changes)
        signers = self.quorum_of(epoch) if signers is None else signers
        set_id = model.set_of(epoch)
        members = model.sets[set_id - 1].members if set_id else list(self.cast.oracles)
        signing = [members[index % len(members)] for index in signers]
        if forger and signing:
            signing[0] = forger
        signatures = b"".join(self.sign_statement(statement, oracle) for oracle in signing)
        sent = self.act(
            "attest",
            "Attestations",
            "attest",
            statement,
            sum(1 << index for index in signers),
            signatures,
            sender=self.cast.stranger,
            effect=lambda m: m.attest(statement, data, signers, bool(forger), earned),
            counts=counts,
        )
        if sent:
            self.statements[epoch] = statement
            lied = [(epoch, statement.round, device) for device in lies]
            self.lies += lied
            self.liars.update(signing if lied else ())
        return sent

    def sign_operator(self, provider: str, operator: str) -> bytes:
        here = domain("ProviderStaking", self.chain.address["ProviderStaking"])
        kind = "Operator(address provider,address operator,uint256 nonce)"
        values = [provider, operator, self.model.position(provider).nonce]
        return sign(self._keys[operator], typed(here, kind, values))

    def sign_approval(self, requester: str, number: int, terms: bytes, result: bytes) -> bytes:
        here = domain("JobEscrow", self.chain.address["JobEscrow"])
        kind = "Approval(uint256 job,bytes32 terms,bytes32 result)"
        values = [number, terms, result]
        return sign(self._keys[requester], typed(here, kind, values))

    def sign_verdict(self, oracle: str, number: int, state: bytes, for_provider: bool) -> bytes:
        """Under the oracle set that is in force now."""
        model = self.model
        here = domain("OracleArbiter", self.chain.address["OracleArbiter"])
        kind = "Verdict(uint256 job,bytes32 state,bool forProvider,bytes32 configDigest)"
        values = [number, state, for_provider, model.sets[model.set_of(model.epoch) - 1].config_digest]
        return sign(self._keys[oracle], typed(here, kind, values))

    def sign_voucher(self, requester: str, number: int, amount: int) -> bytes:
        here = domain("LeaseEscrow", self.chain.address["LeaseEscrow"])
        kind = "Voucher(uint256 lease,uint256 amount)"
        return sign(self._keys[requester], typed(here, kind, [number, amount]))

    def sign_order(self, order: Ask | Bid, signer: str | None) -> bytes:
        return sign(self._keys[signer], self.model.digest_of(order)) if signer else b""

    def sign_permit(self, owner: str, amount: int, nonce: int, deadline: int) -> tuple[int, bytes, bytes]:
        kind = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        values = [owner, self.model.at.staking, amount, nonce, deadline]
        signature = sign(self._keys[owner], typed(self._permit_domain, kind, values))
        return signature[64], signature[:32], signature[32:64]

    # Looking

    @property
    def holders(self) -> tuple[str, ...]:
        """Who may have or be owed payment tokens."""
        cast, at = self.cast, self.model.at
        everyone = (*cast.requesters, *cast.providers, cast.treasury, at.escrow, at.lease_escrow)
        return tuple(dict.fromkeys(everyone))

    def look(self, need: Seen) -> Seen:
        """The same of these views, all in one call at the head."""
        packed = b"".join([self._call_of(key) for key in need])
        reader = self.chain._abi("Reader")
        request = {
            "to": self.chain.at("Reader"),
            "data": "0x" + reader.encode_call("read", [packed, len(need)]).hex(),
        }
        answer = bytes.fromhex(self.chain.rpc.request("eth_call", request, "latest")[2:])
        found, at = {}, 64 + 32 * len(need)
        for key in need:
            length = int.from_bytes(answer[at + 24 : at + 32], "big")
            found[key] = answer[at + 32 : at + 32 + length]
            at += 32 + length
            places = self._places_of(key[0], key[1], need.names[key[:2]])
            if 32 * len(places) < length:
                found[key] = b"".join([found[key][place : place + 32] for place in places])
        return Seen(found, need.names)

    def coin_of(self, account: str) -> int:
        return int(self.chain.rpc.request("eth_getBalance", account), 16)

    def _call_of(self, key: Key) -> bytes:
        """As the `Reader` takes it."""
        if key not in self._calls:
            contract, function, args = key
            data = self.chain._abi(contract).encode_call(function, args)
            self._calls[key] = (
                bytes.fromhex(self.chain.at(contract)[2:]) + len(data).to_bytes(2, "big") + data
            )
        return self._calls[key]

    def _places_of(self, contract: str, function: str, names: tuple[str, ...]) -> list[int]:
        """Where a view returns what is called so."""
        if (contract, function) not in self._places:
            outputs = self.chain._abi(contract).function(function).outputs
            every = _apart([name for output in outputs for name in _flat(output)])
            places = [32 * every.index(name) for name in names]
            assert len(places) < len(every) or places == sorted(places), f"{function} returns {every}"
            self._places[contract, function] = places
        return self._places[contract, function]

    # The beginning

    def _set_up(self, path: Path) -> None:
        chain, cast = self.chain, self.cast
        chain.rpc.request("anvil_setBlockTimestampInterval", 1)
        parameters = Parameters.load(ROOT / "tests" / "network.toml")
        timing = parameters.timing.model_copy(
            update={"slot_blocks": 5, "epoch_slots": 2, "attest_blocks": 16, "proof_blocks": 6}
        )
        first, second, *_ = parameters.classes
        # The second class is drawn in nearly every slot, and a fault costs the whole bond.
        strict = {"draw_threshold": 2**32 - 1, "miss_penalty": TBND // 3, "fault_bps": 10_000}
        parameters = parameters.model_copy(
            update={
                "treasury": cast.treasury,
                "fee_recipient": cast.treasury,
                "timing": timing,
                "unbonding_blocks": 60,
                "oracle_bond": BOND,
                "classes": (first, second.model_copy(update=strict)),
                "verdict_blocks": 20,
                "tokens": tuple(PaymentToken(symbol=name, cap=TOKEN_CAP) for name in PAYMENT_TOKENS),
            }
        )
        tokens = {name: chain.deploy(name) for name in PAYMENT_TOKENS}
        chain.deploy("Reader")
        chain.deploy("ScriptedArbiter")
        lane = Lane(chain.node, chain.key(cast.governor), policy=Policy(poll=0.01))
        deployment = deploy(lane, system_artifacts(), parameters, "market", path, tokens=tokens)
        for name, record in deployment.contracts.items():
            chain.register(name, record.address)
        self._permit_domain = chain.call("TensorbondToken", "DOMAIN_SEPARATOR")
        self._supply()
        chain.mine_to(max(deployment.timing.from_block, chain.block_number))
        chain.go_on_in_process("Challenges", "Attestations")

        at = chain.address
        model = Market(
            Deployed(
                Addresses(
                    staking=at["ProviderStaking"],
                    registry=at["DeviceRegistry"],
                    challenges=at["Challenges"],
                    attestations=at["Attestations"],
                    work_disputes=at["WorkDisputes"],
                    escrow=at["JobEscrow"],
                    lease_escrow=at["LeaseEscrow"],
                    order_book=at["OrderBook"],
                    auction=at["SealedAuction"],
                    arbiter=at["OracleArbiter"],
                    governor=cast.governor,
                    fee_recipient=cast.treasury,
                    tbnd=at["TensorbondToken"],
                ),
                deployment.timing,
                [terms.to_struct() for terms in parameters.classes],
                unbonding_blocks=parameters.unbonding_blocks,
                bond=BOND,
                fee_bps=parameters.fee_bps,
                burn_bps=parameters.fee_burn_bps,
                verdict_blocks=parameters.verdict_blocks,
                chain_id=CHAIN_ID,
            )
        )
        model.arbiters[at["ScriptedArbiter"]] = Verdict.NONE
        model.supply = chain.call("TensorbondToken", "totalSupply")
        for account in cast.everyone:
            model.tbnd[account] = chain.balance("TensorbondToken", account)
            model.allowance[account] = FOREVER
        for name, token in tokens.items():
            model.tokens[token] = Token()
            for account in cast.everyone:
                model.tokens[token].balances[account] = chain.balance(name, account)
        for token in model.tokens:
            model.ledgers[token], model.lease_ledgers[token] = JobLedger(), LeaseLedger()
        for account in (*cast.everyone, model.at.challenges):
            model.coin[account] = self.coin_of(account)
        self._start(model, {})

    def _supply(self) -> None:
        chain, cast = self.chain, self.cast
        stakers = (*cast.providers, cast.careful)
        for account in (*stakers, *cast.oracles):
            chain.send("TensorbondToken", "transfer", account, 10_000 * TBND, sender=cast.treasury)
        for account in stakers:
            spender = chain.address["ProviderStaking"]
            chain.send("TensorbondToken", "approve", spender, FOREVER, sender=account)
        for account in cast.oracles:
            chain.send("TensorbondToken", "approve", chain.address["Attestations"], FOREVER, sender=account)
        for account in cast.requesters:
            for name in PAYMENT_TOKENS:
                chain.send(name, "mint", account, 1_000 * TUSD, sender=account)
            chain.send("TensorbondToken", "transfer", account, TBND, sender=cast.treasury)
        for escrow in ("JobEscrow", "LeaseEscrow"):
            # Where fees are paid in TBND, too, a share of them burns.
            tbnd = chain.address["TensorbondToken"]
            chain.send(escrow, "allowToken", tbnd, TOKEN_CAP, sender=cast.governor)
            for account in cast.requesters:
                for name in ("TensorbondToken", *PAYMENT_TOKENS):
                    chain.send(name, "approve", chain.address[escrow], FOREVER, sender=account)

    def _prelude(self) -> None:
        """Providers stake and register, four oracles are seated, and the first epoch passes."""
        cast = self.cast
        for provider, amount in ((cast.careful, 100), *((each, 300) for each in cast.providers)):
            self._do("ProviderStaking", "stake", amount * TBND, by=provider)
        for provider, class_id in ((cast.careful, 0), (cast.providers[0], 0), (cast.providers[1], 0)):
            self._do("DeviceRegistry", "register", class_id, 10, 1, by=provider)
        for oracle in cast.oracles[:4]:
            self.join(oracle, counts=False)
        self.act(
            "seat",
            "Attestations",
            "seat",
            list(cast.oracles[:4]),
            3,
            0,
            sender=cast.governor,
            effect=lambda m: m.seat(cast.governor, cast.oracles[:4], 3, 0),
            counts=False,
        )
        self.advance_to(last_block(self.model.timing, max(self.model.epoch, 0)))

    def join(self, oracle: str, *, counts: bool = True) -> Sent | None:
        return self.act(
            "join",
            "Attestations",
            "join",
            "http://127.0.0.1",
            sender=oracle,
            effect=lambda m: m.join(oracle),
            counts=counts,
        )

    def _do(self, contract: str, function: str, *args: Any, by: str) -> None:
        effect = {"stake": Market.stake, "register": Market.register}[function]
        self.act(
            function,
            contract,
            function,
            *args,
            sender=by,
            effect=lambda m: effect(m, by, *args),
            counts=False,
        )


def replace_hash(model: Market) -> Market:
    """A bound method would drag the whole world into a copy."""
    model.hash_of = _no_hash
    return model


def _no_hash(_: int) -> bytes:
    return ZERO


def _flat(parameter: Parameter) -> list[str]:
    if parameter.components:
        return [name for component in parameter.components for name in _flat(component)]
    return [parameter.name or "value"]


def _apart(names: list[str]) -> list[str]:
    """The second of a name is "name2"."""
    return [name + (str(n) if (n := names[: i + 1].count(name)) > 1 else "") for i, name in enumerate(names)]


def is_same(have: Reverted, need: Refused) -> bool:
    """`...` stands for whatever the model doesn't know."""
    given = [_plain(each) for each in have.args_.values()]
    if have.error != need.error or len(given) != len(need.given):
        return False
    return all(b is ... or a == _plain(b) for a, b in zip(given, need.given, strict=True))


def _plain(value: Any) -> Any:
    """Addresses without their case, a field's tag as its bytes."""
    if isinstance(value, str):
        return value.lower() if value.startswith("0x") else value.encode().ljust(32, b"\0")
    return value
