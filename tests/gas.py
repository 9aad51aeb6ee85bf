"""Every verb once, as a whole transaction of its own, at a cold start: what it costs in gas.

The chain's clock is fixed, so that hashes, draws and calldata are the same in every run. Shared counters are
nonzero (somebody else was there before); allowances are unlimited, as wallets give them; whoever is paid
holds some of the token. A bare key is the account's or the job's first time; `:again` is the same on words
that were used before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.jobs import terms_hash
from tensorbond.chain.lane import MAX_TRANSACTION_GAS
from tensorbond.chain.penalties import WINDOW_EPOCHS
from tensorbond.chain.rpc import Rpc
from tensorbond.chain.types import (
    CapNode,
    Commit,
    HeaderOpening,
    OracleFault,
    Outcome,
    OutcomeKind,
    OutcomeResult,
    Place,
    PlaceKind,
)
from tensorbond.proof import item_leaf, merkle
from tests.acts import (
    ZERO_ADDRESS,
    FundedJob,
    accept_as,
    approve_as,
    attest,
    commit_as,
    dispute_as,
    domain,
    fund_as,
    join_oracles,
    mine_to_final,
    mine_to_slot,
    register_as,
    set_operator_as,
    sign_statement,
    stake_as,
    submit_as,
)
from tests.chain import Chain, Sent, account, project_artifacts
from tests.contracts.attestations.epochs import STANDING
from tests.contracts.lease_escrow.leases import OpenLease, lease_terms, opened_by, tab_of, voucher
from tests.contracts.order_book.orders import (
    job_ask,
    job_bid,
    job_of,
    lease_ask,
    lease_bid,
    match,
    offer,
)
from tests.contracts.work_disputes.liars import LyingProver, wrong_seed
from tests.labels import SAMPLES, DeepMemory, Dimensions
from tests.leaves import Epoch, encode_leaf, make_leaf, make_outcome
from tests.memory_work import (
    commit_memory,
    commit_of,
    fold_alone,
    memory_device_as,
    noise_item,
    open_memory,
    show_alone,
    sign_root,
)
from tests.offchain.proof.skipping import SloppyProver
from tests.system import TBND, TUSD, deploy_system, free_anvil, oracle_accounts, role
from tests.work import (
    commit_work,
    drawn_slot_of,
    first_slot_of,
    item_opening,
    open_link,
    open_tile,
    open_work,
    show_item,
    sign_evidence,
)

GENESIS = 1_800_000_000
UNLIMITED = 2**256 - 1
# What contracts admit: members of a set, and rows of a leaf.
MOST_SIGNERS, MOST_ROWS = 64, 512

Gas = dict[str, int]
Look = Callable[[str, Rpc, str], None]
"""Called with a key, a node, and the hash of the transaction."""


class _Found(Gas):
    """What was measured; on the way in, the head's transaction is shown to `look` if it is the one."""

    def __init__(self, chain: Chain, look: Look | None) -> None:
        super().__init__()
        self._chain, self._look = chain, look

    def __setitem__(self, key: str, gas: int) -> None:
        super().__setitem__(key, gas)
        if self._look is None:
            return
        for transaction in self._chain.block()["transactions"]:
            receipt = self._chain.rpc.request("eth_getTransactionReceipt", transaction)
            if int(receipt["gasUsed"], 16) == gas:
                self._look(key, self._chain.node, transaction)


def measure(look: Look | None = None) -> Gas:
    """Play everything on a chain of its own; gas by key, sorted. `look` is shown every transaction that is
    measured by itself, with the node that mined it."""
    with (
        free_anvil("--timestamp", str(GENESIS)) as anvil,
        closing(Chain(anvil.url, project_artifacts())) as chain,
    ):
        found = _Found(chain, look)
        chain.rpc.request("anvil_setBlockTimestampInterval", 1)
        with tempfile.TemporaryDirectory() as folder:
            deploy_system(chain, Path(folder, "gas.json"))
        _settle_in(chain)
        for play in (
            _staking,
            _devices,
            _commits,
            _attestations,
            _jobs,
            _matches,
            _leases,
            _outcomes,
            _misses,
            _bad_items,
            _bad_commitments,
            _withheld,
            _bad_memory,
            _oracles,
            _lies,
            _refutations,
            _requests,
        ):
            with _again_from_here(chain):
                play(chain, found)
    return dict(sorted(found.items()))


def _settle_in(chain: Chain) -> None:
    """Others have staked, registered, funded and held tokens before."""
    treasury, earlier = role(chain, "treasury"), role(chain, "other_provider")
    for name in ("operator", "stranger", "auditor"):
        chain.send("TensorbondToken", "transfer", role(chain, name), TBND, sender=treasury)
    for name in ("provider", "requester", "auditor", "stranger", "treasury"):
        chain.send("TestDollar", "mint", role(chain, name), 10**9, sender=treasury)
    stake_as(chain, earlier, 1000 * TBND)
    register_as(chain, earlier)
    for token, spender, owner in (
        ("TensorbondToken", "ProviderStaking", "provider"),
        ("TestDollar", "JobEscrow", "requester"),
    ):
        chain.send(token, "approve", chain.address[spender], UNLIMITED, sender=role(chain, owner))
    fund_as(chain, role(chain, "requester"), price=5)
    chain.send(
        "TestDollar", "approve", chain.address["JobEscrow"], UNLIMITED, sender=role(chain, "requester")
    )


def _staking(chain: Chain, found: Gas) -> None:
    provider = role(chain, "provider")

    def act(verb: str, *args: int) -> int:
        return chain.send("ProviderStaking", verb, *args, sender=provider).gas_used

    found["ProviderStaking.stake:first"] = act("stake", 100 * TBND)
    found["ProviderStaking.stake:top-up"] = act("stake", 100 * TBND)
    found["ProviderStaking.unbond"] = act("unbond", 10 * TBND)
    chain.mine(chain.call("ProviderStaking", "UNBONDING_BLOCKS"))
    found["ProviderStaking.withdraw"] = act("withdraw")
    found["ProviderStaking.unbond:again"] = act("unbond", 10 * TBND)
    found["ProviderStaking.rebond"] = act("rebond", 5 * TBND)
    found["ProviderStaking.setCommission"] = act("setCommission", 500)
    _delegations(chain, found)


def _delegations(chain: Chain, found: Gas) -> None:
    """To a provider that has delegators already, unless said otherwise."""
    provider, first, other = (role(chain, name) for name in ("provider", "other_provider", "requester"))

    def act(delegator: str, verb: str, *args: int) -> int:
        return chain.send("ProviderStaking", verb, provider, *args, sender=delegator).gas_used

    staking = chain.address["ProviderStaking"]
    for delegator in (first, other):
        chain.send("TensorbondToken", "approve", staking, 2**256 - 1, sender=delegator)
    found["ProviderStaking.stake:delegate:first-of-provider"] = act(first, "delegate", 50 * TBND)
    found["ProviderStaking.stake:delegate"] = act(other, "delegate", 50 * TBND)
    found["ProviderStaking.undelegate"] = act(other, "undelegate", 10 * TBND)
    chain.mine(chain.call("ProviderStaking", "UNBONDING_BLOCKS"))
    found["ProviderStaking.withdrawDelegated"] = act(other, "withdrawDelegated")
    found["ProviderStaking.undelegate:again"] = act(other, "undelegate", 10 * TBND)


def _devices(chain: Chain, found: Gas) -> None:
    provider = role(chain, "provider")
    chain.send("ProviderStaking", "stake", 1000 * TBND, sender=provider)

    def register(count: int) -> int:
        return chain.send("DeviceRegistry", "register", 0, 10, count, sender=provider).gas_used // count

    with _again_from_here(chain):
        found["DeviceRegistry.register:batch-8"] = register(8)
    found["DeviceRegistry.register"] = register(1)


def _commits(chain: Chain, found: Gas) -> None:
    provider, operator = role(chain, "provider"), role(chain, "operator")
    device = _device(chain)
    set_operator_as(chain, provider, operator)
    mine_to_slot(chain, 4)
    found["Challenges.commit:seals"] = commit_as(chain, operator, device, 4, b"\x11" * 32).gas_used
    mine_to_slot(chain, 5)
    found["Challenges.seal"] = chain.send("Challenges", "seal", 5, sender=operator).gas_used
    found["Challenges.commit:without-session"] = commit_as(chain, operator, device, 5, b"\x22" * 32).gas_used
    found["Challenges.openSession"] = chain.send(
        "Challenges", "openSession", device, 1, sender=operator
    ).gas_used
    mine_to_slot(chain, 6)
    chain.send("Challenges", "seal", 6, sender=provider)
    found["Challenges.commit"] = commit_as(chain, operator, device, 6, b"\x33" * 32).gas_used
    found["ProviderStaking.setOperator:ends-session"] = chain.send(
        "ProviderStaking", "setOperator", ZERO_ADDRESS, b"", sender=provider
    ).gas_used


def _attestations(chain: Chain, found: Gas) -> None:
    for size, threshold in ((4, 3), (10, 7)):
        with _again_from_here(chain):
            oracles = oracle_accounts(chain, size)
            join_oracles(chain, oracles, threshold)
            leaves = [make_leaf(1, role(chain, "other_provider"), weight=10)]
            attest(chain, 1, leaves)
            sent = attest(chain, 2, leaves, signers=range(size - threshold, size)).sent
            assert sent is not None
            found[f"Attestations.attest:{threshold}-of-{size}"] = sent.gas_used


def _jobs(chain: Chain, found: Gas) -> None:
    """With a device that has served before, but for `:first`."""
    provider, requester, stranger = role(chain, "provider"), role(chain, "requester"), role(chain, "stranger")
    device = _device(chain)
    mine_to_slot(chain, 4)

    def send(verb: str, job: FundedJob, *args: object, sender: str) -> Sent:
        return chain.send("JobEscrow", verb, job.number, job.state, *args, sender=sender)

    earlier = accept_as(chain, provider, _fund(chain), device)
    found["JobEscrow.accept:first"] = earlier.sent.gas_used
    approve_as(chain, requester, submit_as(chain, provider, earlier))
    mine_to_slot(chain, 7)

    job = _fund(chain)
    found["JobEscrow.fund"] = job.sent.gas_used
    with _again_from_here(chain):
        invited = _fund(chain, provider=provider)
        terms = invited.state.terms
        sent = send("assign", invited, stranger, terms.price // 2, sender=provider)
        found["JobEscrow.assign"] = sent.gas_used
    with _again_from_here(chain):
        parts = accept_as(chain, provider, _fund(chain, parts=10), device)
        sent = send("approvePart", parts, 1, sender=requester)
        found["JobEscrow.settle:part-of-10"] = sent.gas_used
    job = accept_as(chain, provider, job, device)
    found["JobEscrow.accept"] = job.sent.gas_used
    with _again_from_here(chain):
        chain.mine_to(job.state.terms.submit_by)
        found["JobEscrow.refund"] = send("refund", job, sender=stranger).gas_used
    job = submit_as(chain, provider, job)
    found["JobEscrow.submit"] = job.sent.gas_used
    with _again_from_here(chain):
        disputed = dispute_as(chain, requester, job)
        found["JobEscrow.dispute"] = disputed.sent.gas_used
        chain.mine_to(disputed.state.verdict_by)
        found["JobEscrow.resolve:no-verdict"] = send("resolve", disputed, sender=stranger).gas_used
    with _again_from_here(chain):
        where = domain(chain, "JobEscrow")
        approval = digests.approval(where, job.number, terms_hash(job.state), job.state.result)
        signature = approval.sign(chain.key(requester))
        sent = send("approveWithSignature", job, signature, sender=stranger)
        found["JobEscrow.approveWithSignature"] = sent.gas_used
    found["JobEscrow.approve"] = approve_as(chain, requester, job).gas_used


def _matches(chain: Chain, found: Gas) -> None:
    """A signed ask and a signed bid, sent by a stranger: both accounts have traded by order before, and the
    device has served. `:first`: none has. `:cluster-of-4`: two providers, two devices each, one bid."""
    provider, other, requester = (role(chain, name) for name in ("provider", "other_provider", "requester"))
    first, theirs = _device(chain), register_as(chain, other, count=2)
    register_as(chain, provider)
    mine_to_slot(chain, 4)

    def match_one(nonce: int) -> Sent:
        bid, ask = job_bid(chain, nonce=nonce), job_ask(chain, nonce=nonce)
        return match(chain, bid, offer(chain, ask, first))

    sent = match_one(0)
    found["JobEscrow.match:first"] = sent.gas_used
    number = sent.event("JobMatched")["job"]
    job = submit_as(chain, provider, FundedJob(number, job_of(chain, number), sent))
    approve_as(chain, requester, job)
    chain.mine(20)
    with _again_from_here(chain):
        found["JobEscrow.match"] = match_one(1).gas_used
    with _again_from_here(chain):
        tab_of(chain)  # somebody else was there before
        chain.send("TestDollar", "approve", chain.address["LeaseEscrow"], UNLIMITED, sender=requester)
        lease = offer(chain, lease_ask(chain, nonce=1), first)
        found["OrderBook.matchLeases"] = match(chain, lease_bid(chain, nonce=1), lease).gas_used
    bid = job_bid(chain, nonce=1, count=4, whole=True)
    ours = offer(chain, job_ask(chain, nonce=1, count=2), first, theirs + 2)
    others = offer(chain, job_ask(chain, other, count=2), theirs, theirs + 1)
    found["JobEscrow.match:cluster-of-4"] = match(chain, bid, ours, others).gas_used


def _leases(chain: Chain, found: Gas) -> None:
    """A lease that is settled for the second time, so that something is ripe; a tab beside it."""
    provider, requester, stranger = role(chain, "provider"), role(chain, "requester"), role(chain, "stranger")
    device = _device(chain)
    mine_to_slot(chain, 4)
    tab_of(chain)  # somebody else was there before
    chain.send("TestDollar", "approve", chain.address["LeaseEscrow"], UNLIMITED, sender=requester)
    book = chain.impersonate("OrderBook")

    def act(lease: OpenLease, verb: str, *args: Any, sender: str) -> int:
        return chain.send("LeaseEscrow", verb, lease.number, lease.lease, *args, sender=sender).gas_used

    with _again_from_here(chain):
        terms = lease_terms(chain)
        sent = chain.send("LeaseEscrow", "openFor", terms, device, 2 * TUSD, sender=book)
        found["LeaseEscrow.open:for-the-order-book"] = sent.gas_used
    lease = opened_by(
        chain.send("LeaseEscrow", "open", lease_terms(chain), device, 2 * TUSD, sender=requester)
    )
    found["LeaseEscrow.open"] = lease.sent.gas_used
    found["LeaseEscrow.accept"] = act(lease, "accept", sender=provider)
    found["LeaseEscrow.topUp"] = act(lease, "topUp", TUSD, sender=requester)
    with _again_from_here(chain):
        chain.send("TestDollar", "mint", stranger, 3 * TUSD, sender=stranger)
        chain.send("TestDollar", "approve", chain.address["LeaseEscrow"], UNLIMITED, sender=stranger)
        for suffix in (":by-another", ":by-another-again"):
            found["LeaseEscrow.topUp" + suffix] = act(lease, "topUp", TUSD, sender=stranger)
        act(lease, "stop", sender=requester)
        found["LeaseEscrow.refund"] = act(lease, "refund", stranger, 3 * TUSD, sender=stranger)
    act(lease, "settle", sender=stranger)
    chain.mine(200)
    with _again_from_here(chain):
        found["LeaseEscrow.settle"] = act(lease, "settle", sender=stranger)
    found["LeaseEscrow.stop"] = act(lease, "stop", sender=requester)
    tab = tab_of(chain)
    for amount, suffix in ((TUSD, ""), (TUSD * 3 // 2, ":again")):
        signed = voucher(chain, tab, amount)
        found["LeaseEscrow.redeem" + suffix] = act(tab, "redeem", amount, signed, sender=provider)


def _outcomes(chain: Chain, found: Gas) -> None:
    """A settlement by a leaf at depth 10, claims by leaves at depth 20."""
    provider, stranger = role(chain, "provider"), role(chain, "stranger")
    device = _device(chain)
    join_oracles(chain, oracle_accounts(chain, 4))
    mine_to_slot(chain, 4)
    job = submit_as(chain, provider, accept_as(chain, provider, _fund(chain), device))
    slot = job.state.forced_slot
    outcomes = {device: [make_outcome(slot, OutcomeKind.FORCED, OutcomeResult.PASSED, job=job.number)]}

    with _again_from_here(chain):
        attested = _attest_deep(chain, slot // 4, device, 10, outcomes)
        proofs = attested.leaf_proof(device), attested.outcome_proof(device, 0)
        sent = chain.send("JobEscrow", "settle", job.number, job.state, *proofs, sender=stranger)
        found["JobEscrow.settle"] = sent.gas_used

    for epoch, suffix in ((slot // 4, ""), (slot // 4 + 1, ":again")):
        attested = _attest_deep(chain, epoch, device, 20, outcomes if suffix == "" else {})
        if suffix == "":  # somebody else was there before
            chain.send("Rewards", "claim", attested.leaf_proof(device ^ 1), sender=stranger)
        sent = chain.send("Rewards", "claim", attested.leaf_proof(device), sender=stranger)
        found["Rewards.claim:depth-20" + suffix] = sent.gas_used
    _claims(chain, found, slot // 4 + 2)


def _claims(chain: Chain, found: Gas, epoch: int) -> None:
    """Ten devices of one provider among a thousand, whose neighbours have claimed nothing yet."""
    provider, stranger = role(chain, "provider"), role(chain, "stranger")
    leaves = [make_leaf(1024 + device, provider, weight=10, cumulative_reward=TBND) for device in range(64)]
    attested = attest(chain, epoch, leaves).epoch
    mine_to_final(chain, epoch)
    proof = attested.leaves_proof(range(1024 + 17, 1024 + 27))
    sent = chain.send("Rewards", "claimMany", epoch, *proof, sender=stranger)
    found["Rewards.claimMany:10"] = sent.gas_used // 10


def _misses(chain: Chain, found: Gas) -> None:
    device = _device(chain)
    slot = drawn_slot_of(chain, device)

    def prove() -> int:
        return chain.send("WorkDisputes", "proveMissed", device, slot, sender=role(chain, "auditor")).gas_used

    mine_to_slot(chain, slot + 1)
    found["WorkDisputes.missed"] = prove()
    slot = drawn_slot_of(chain, device, slot + 2)
    mine_to_slot(chain, slot + 1)
    found["WorkDisputes.missed:again"] = prove()


def _bad_items(chain: Chain, found: Gas) -> None:
    provider, auditor = role(chain, "provider"), role(chain, "auditor")
    _fail_long_ago(chain)
    for class_id, inner in ((1, 4096), (2, 16384)):
        with _again_from_here(chain):
            device = _device(chain, class_id)
            work = open_work(chain, commit_work(chain, provider, device, prover=SloppyProver(7, 9)))
            proof = show_item(chain, work, index=1, row=7, column=9)
            sent = chain.send("WorkDisputes", "proveBadItem", proof, sender=auditor)
            found[f"WorkDisputes.badItem:K{inner}"] = sent.gas_used


def _fail_long_ago(chain: Chain) -> None:
    """A device of somebody else's failed, more than two windows of correlated faults before."""
    earlier, commitment, roots = role(chain, "other_provider"), b"\x66" * 32, [b"\x44" * 32, b"\x55" * 32]
    mine_to_slot(chain, 4)
    event = commit_as(chain, earlier, 1, 4, commitment).event("Committed")
    signatures = [sign_evidence(chain, earlier, commitment, root) for root in roots]
    record = Commit(1, 4, commitment, event["timestamp"], earlier)
    chain.send("WorkDisputes", "proveTwoEvidences", record, roots, signatures, sender=role(chain, "treasury"))
    mine_to_slot(chain, 4 + 4 * 2 * WINDOW_EPOCHS + 4)


def _bad_commitments(chain: Chain, found: Gas) -> None:
    """What signed evidence or the commitment alone shows, and what the judge takes to find an item good."""
    provider, auditor = role(chain, "provider"), role(chain, "auditor")

    def prove(key: str, verb: str, *args: object) -> None:
        with _again_from_here(chain):
            found["WorkDisputes." + key] = chain.send("WorkDisputes", verb, *args, sender=auditor).gas_used

    for class_id, inner in ((0, 1024), (1, 4096), (2, 16384)):
        with _again_from_here(chain):
            work = commit_work(chain, provider, _device(chain, class_id), prover=SloppyProver(7, 9))
            prove(f"badLane:K{inner}", "proveBadLane", work.commit, 0, 17, 3, open_tile(work, 0, 17))
    for class_id, inner in ((0, 1024), (1, 4096)):
        with _again_from_here(chain):
            work = open_work(chain, commit_work(chain, provider, _device(chain, class_id)))
            place = (work.device, work.slot, work.proof.commitment)
            opening = item_opening(show_item(chain, work))
            sent = chain.send("ComputeProofs", "isGoodItem", *place, opening, sender=auditor)
            found[f"ComputeProofs.isGoodItem:K{inner}"] = sent.gas_used
    with _again_from_here(chain):
        work = commit_work(chain, provider, _device(chain), prover=LyingProver(wrong_seed(2)))
        prove("badLink", "proveBadLink", work.commit, open_link(work, 2))
        roots = [b"\x44" * 32, b"\x55" * 32]
        signatures = [sign_evidence(chain, provider, work.proof.commitment, root) for root in roots]
        prove("twoEvidences", "proveTwoEvidences", work.commit, roots, signatures)
    with _again_from_here(chain):
        prove("badHeader:R4000", "proveBadHeader", *_bad_header(chain, 4000))


def _bad_header(chain: Chain, rounds: int) -> tuple[Commit, HeaderOpening, bytes]:
    """A signed header of a class of this many rounds, whose chain leads elsewhere than the commitment."""
    provider = role(chain, "provider")
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), r=rounds)
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    device = _device(chain, sent.event("ClassAdded")["classId"])
    slot = first_slot_of(chain, device)
    mine_to_slot(chain, slot)
    commitment = b"\x66" * 32
    timestamp = commit_as(chain, provider, device, slot, commitment).event("Committed")["timestamp"]
    header = b"".join(sha256(bytes([i & 255, i >> 8])).digest() for i in range(rounds + 1))
    path = (b"\x77" * 32,) * 5
    root = merkle.fold(item_leaf(terms.q, header), terms.q, path, 5)
    signature = sign_evidence(chain, provider, commitment, root)
    return Commit(device, slot, commitment, timestamp, provider), HeaderOpening(header, path), signature


def _withheld(chain: Chain, found: Gas) -> None:
    """A request, its answer, and what is left to do where there is none."""
    provider, auditor = role(chain, "provider"), role(chain, "auditor")
    work = commit_work(chain, provider, _device(chain))
    place = Place(PlaceKind.TILE, 1, 17)
    mine_to_slot(chain, work.slot + 2)
    chain.send("Challenges", "seal", work.slot + 1, sender=provider)
    sent = chain.send("Challenges", "requestItem", work.device, work.slot, 0, sender=auditor, value=1)
    found["Challenges.requestItem"] = sent.gas_used
    sent = chain.send("Challenges", "requestPlace", work.device, work.slot, place, sender=auditor, value=1)
    found["Challenges.requestPlace"] = sent.gas_used
    with _again_from_here(chain):
        opening = open_tile(work, place.first, place.second)
        sent = chain.send("Challenges", "answerItem", work.commit, place, opening, sender=provider)
        found["Challenges.answerItem"] = sent.gas_used
    chain.mine(20)
    sent = chain.send("WorkDisputes", "proveWithheld", work.commit, place, sender=auditor)
    found["WorkDisputes.withheld"] = sent.gas_used
    sent = chain.send("Challenges", "returnDeposit", work.device, work.slot, place, sender=auditor)
    found["Challenges.returnDeposit"] = sent.gas_used


def _bad_memory(chain: Chain, found: Gas) -> None:
    """Of 4 GB, and of 137 GB: trees of 2^14 and of 2^30 blocks."""
    provider, auditor = role(chain, "provider"), role(chain, "auditor")
    for shape in (Dimensions(4, 14, 16, 16), Dimensions(16384, 18, 16, 16)):
        with _again_from_here(chain):
            number = shape.labels - 1
            prover = partial(DeepMemory, labels=[number], walk=True)
            stake_as(chain, provider, 500 * TBND)
            device = memory_device_as(chain, provider, shape)
            work = open_memory(chain, commit_memory(chain, provider, device, 4, prover))
            memory, commit = work.memory, commit_of(work)
            claims: dict[str, tuple[Any, ...]] = {
                "badLabel": (commit, number, memory.label_opening(number)),
                "badStep": (commit, 0, 1, memory.segment_opening(0, 1)),
            }
            for name, index in (("label", 5), ("segment", 70)):
                opened, root = show_alone(work, index, noise_item(work, index))
                nothing = CapNode(0, bytes(32), ())
                claims[f"badMemoryItem:{name}"] = commit, opened, nothing, sign_root(chain, work, root)
            header = HeaderOpening(memory.header[:-1] + bytes([memory.header[-1] ^ 1]), (b"\x5a" * 32,) * 7)
            root = fold_alone(SAMPLES, header.header, header.path)
            claims["badMemoryHeader"] = commit, header, sign_root(chain, work, root)
            for name, claim in claims.items():
                with _again_from_here(chain):
                    verb = "prove" + name[0].upper() + name[1:].split(":")[0]
                    sent = chain.send("WorkDisputes", verb, *claim, sender=auditor)
                    found[f"WorkDisputes.{name}:depth-{shape.depth}"] = sent.gas_used


def _oracles(chain: Chain, found: Gas) -> None:
    """Two statements of one oracle, without and with an attestation that rests on its signature."""
    set_id = join_oracles(chain, oracle_accounts(chain, 4))
    attested = attest(chain, 1, signers=(0, 1, 2))
    for suffix, index in ((":revokes", 0), ("", 3)):
        with _again_from_here(chain):
            oracle = oracle_accounts(chain, 4)[index]
            pair = attested.statement, replace(attested.statement, data_digest=b"\x33" * 32)
            first, second = ((each, sign_statement(chain, each, oracle)) for each in pair)
            args = *first, *second, set_id, index
            sent = chain.send(
                "AttestationDisputes", "proveEquivocation", *args, sender=role(chain, "auditor")
            )
            found["AttestationDisputes.equivocation" + suffix] = sent.gas_used


def _lies(chain: Chain, found: Gas) -> None:
    """Lies of three oracles of four, under ten siblings. The proof itself is the difference to `punish`."""
    device, before, lie = _lying_epochs(chain)
    leaf = lie.leaf_proof(device)
    previous = before.leaves[device], before.leaf_proof(device).path
    cases: dict[str, tuple[object, ...]] = {
        "badReward": ("proveBadReward", leaf, *previous),
        "badWeight": ("proveBadWeight", leaf),
        "badDevice": ("proveBadDevice", lie.leaf_proof(device ^ 1)),
        "falsePass": ("proveFalsePass", leaf, lie.outcome_proof(device, 0)),
        "leafHidden": ("proveLeafHidden", lie.number, 0, device ^ 2, *_node(lie, device ^ 2)),
    }
    for name, (verb, *args) in cases.items():
        with _again_from_here(chain):
            sent = chain.send("AttestationDisputes", str(verb), *args, sender=role(chain, "auditor"))
            found[f"AttestationDisputes.{name}:3-of-4"] = sent.gas_used
    with _again_from_here(chain):
        disputes = chain.impersonate("AttestationDisputes")
        args = [lie.number, STANDING, role(chain, "auditor"), OracleFault.BAD_REWARD, b"\x44" * 32]
        found["Attestations.punish:3-of-4"] = chain.send(
            "Attestations", "punish", *args, sender=disputes
        ).gas_used


def _refutations(chain: Chain, found: Gas) -> None:
    """A false verdict about an item of the longest line that `Penalties.isRefutable` has room for: by all
    signers that a set may have, in the last of all rows that a leaf may have, under twenty siblings."""
    provider, auditor = role(chain, "provider"), role(chain, "auditor")
    oracles = _all_oracles(chain)
    join_oracles(chain, oracles, threshold=len(oracles))
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), m=256, n=256, k=8192, r=1, q=1024)
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    device = _device(chain, sent.event("ClassAdded")["classId"])
    work = open_work(chain, commit_work(chain, provider, device))
    opening = item_opening(show_item(chain, work))
    root = merkle.fold(item_leaf(0, opening.item), 0, opening.path, len(opening.path))
    epoch = work.slot // 4
    row = make_outcome(work.slot, OutcomeKind.DRAWN_C, OutcomeResult.BAD_ITEM, witness=root)
    rows = {device: [row] * MOST_ROWS}
    others = [make_leaf(device ^ (1 << level), provider, cumulative_reward=TBND) for level in range(20)]
    told = attest(chain, epoch, [make_leaf(device, provider, weight=10), *others], rows).epoch
    proofs = told.leaf_proof(device), told.outcome_proof(device, MOST_ROWS - 1)
    name = f"{len(oracles)}-of-{len(oracles)}"
    with _again_from_here(chain):
        disputes = chain.impersonate("AttestationDisputes")
        args = [told.number, STANDING, auditor, OracleFault.FALSE_FAIL, b"\x44" * 32]
        sent = chain.send("Attestations", "punish", *args, sender=disputes)
        found[f"Attestations.punish:{name}"] = sent.gas_used
    claim = *proofs, work.record, opening
    sent = chain.send(
        "AttestationDisputes", "proveFalseFailItem", *claim, sender=auditor, gas=MAX_TRANSACTION_GAS
    )
    found[f"AttestationDisputes.falseFailItem:K8192:{name}"] = sent.gas_used


def _all_oracles(chain: Chain) -> list[str]:
    """As many as a set may have, with what a bond costs; the node has no keys of theirs."""
    bond = chain.call("Attestations", "BOND")
    for index in range(len(chain.accounts), len(chain.accounts) + MOST_SIGNERS):
        oracle = account(index).address
        chain.accounts.append(chain.impersonate(oracle))
        chain.send("TensorbondToken", "transfer", oracle, bond, sender=role(chain, "treasury"))
    return chain.accounts[-MOST_SIGNERS:]


def _node(epoch: Epoch, device: int) -> tuple[bytes, int, bytes]:
    """A leaf as its sibling's path has it, and its own."""
    proof = epoch.leaf_proof(device)
    return keccak(encode_leaf(proof.leaf)), proof.leaf.weight, proof.path


def _requests(chain: Chain, found: Gas) -> None:
    """A leaf with one outcome, under a path of ten siblings."""
    device, _, told = _lying_epochs(chain)
    place = told.number, STANDING, device
    asked = chain.send("Attestations", "requestLeaf", *place, sender=role(chain, "auditor"))
    found["Attestations.requestLeaf"] = asked.gas_used
    proof, rows = told.leaf_proof(device), list(told.outcomes[device])
    answer = *place, proof.leaf, proof.path, rows
    found["Attestations.answerLeaf"] = chain.send(
        "Attestations", "answerLeaf", *answer, sender=role(chain, "stranger")
    ).gas_used


def _lying_epochs(chain: Chain) -> tuple[int, Epoch, Epoch]:
    """A device, and two epochs in which it has the same leaf: a weight without a record, and no reward."""
    device, provider = _device(chain), role(chain, "provider")
    join_oracles(chain, oracle_accounts(chain, 4))
    others = [make_leaf(device ^ (1 << level), provider, cumulative_reward=TBND) for level in range(10)]
    leaves = [make_leaf(device, provider, weight=10), *others]
    before = attest(chain, 1, leaves).epoch
    rows = {device: [make_outcome(8, OutcomeKind.DRAWN_C, OutcomeResult.PASSED, witness=b"\x55" * 32)]}
    return device, before, attest(chain, 2, leaves, rows).epoch


def _attest_deep(
    chain: Chain, epoch: int, device: int, depth: int, outcomes: Mapping[int, Sequence[Outcome]]
) -> Epoch:
    """Attest a tree in which the device's path has `depth` siblings, and wait until it is final."""
    provider = role(chain, "provider")
    others = [make_leaf(device ^ (1 << level), provider, cumulative_reward=TBND) for level in range(depth)]
    leaf = make_leaf(device, provider, weight=10, cumulative_reward=500 * epoch * TBND)
    attested = attest(chain, epoch, [leaf, *others], outcomes).epoch
    assert len(attested.leaf_proof(device).path) == 3 + 44 * depth
    mine_to_final(chain, epoch)
    return attested


def _device(chain: Chain, class_id: int = 0) -> int:
    """A device of the provider's, with stake to spare."""
    provider = role(chain, "provider")
    stake_as(chain, provider, 500 * TBND)
    return register_as(chain, provider, class_id)


def _fund(chain: Chain, **changes: Any) -> FundedJob:
    """The requester funds a job under its unlimited allowance."""
    return fund_as(chain, role(chain, "requester"), approve=False, **changes)


@contextmanager
def _again_from_here(chain: Chain) -> Iterator[None]:
    snapshot = chain.snapshot()
    yield
    chain.revert_to(snapshot)
