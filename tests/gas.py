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
from dataclasses import astuple, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.jobs import terms_hash
from tensorbond.chain.lane import MAX_TRANSACTION_GAS
from tensorbond.chain.penalties import WINDOW_EPOCHS
from tensorbond.chain.rpc import Rpc
from tensorbond.chain.types import (
    CapNode,
    Commit,
    EvidenceRequest,
    HeaderOpening,
    Job,
    NodeProof,
    OracleFault,
    Outcome,
    OutcomeKind,
    OutcomeResult,
    Place,
    PlaceKind,
    Record,
)
from tensorbond.proof import is_roll_call, item_leaf, merkle
from tests.acts import (
    TOKEN_CAP,
    ZERO_ADDRESS,
    FundedJob,
    accept_as,
    approve_as,
    attest,
    close_before,
    commit_as,
    delegate_as,
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
    terms_of,
)
from tests.chain import Chain, Sent, account, project_artifacts
from tests.contracts.attestations.epochs import STANDING
from tests.contracts.challenges.slots import HISTORY
from tests.contracts.job_escrow.jobs import attest_draw, refund_by_outcome
from tests.contracts.lease_escrow.leases import (
    OpenLease,
    halt,
    lease_terms,
    next_slot,
    open_lease,
    opened_by,
    prove_fault,
    start_block,
    start_lease,
    tab_of,
    voucher,
)
from tests.contracts.oracle_arbiter.verdicts import FOR_PROVIDER, decide
from tests.contracts.order_book.orders import (
    job_ask,
    job_bid,
    job_of,
    lease_ask,
    lease_bid,
    match,
    offer,
)
from tests.contracts.permits import permit_and, send_permit, sign_permit
from tests.contracts.sealed_auction.auctions import (
    COMMIT_BLOCKS,
    REVEAL_BLOCKS,
    award,
    bid_of,
    commit_bid,
    open_as,
    reveal_bid,
    to_award,
    to_reveals,
)
from tests.contracts.work_disputes.liars import LyingProver, wrong_seed
from tests.headers import headers_of
from tests.labels import SAMPLES, DeepMemory, Dimensions
from tests.leaves import Epoch, encode_leaf, make_leaf, make_outcome
from tests.memory_work import (
    MemoryWork,
    cap_node,
    caps_of,
    commit_memory,
    commit_of,
    fold_alone,
    memory_device_as,
    noise_item,
    open_memory,
    show_alone,
    sign_root,
)
from tests.memory_work import show_header as show_memory_header
from tests.memory_work import show_item as show_memory_item
from tests.offchain.proof.skipping import SloppyProver
from tests.system import TBND, TUSD, deploy_system, free_anvil, oracle_accounts, role
from tests.work import (
    Work,
    commit_work,
    drawn_slot_of,
    first_slot_of,
    item_opening,
    open_link,
    open_tile,
    open_work,
    seal,
    show_header,
    show_item,
    sign_evidence,
)

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


def measure(look: Look | None = None, *, longest: bool = True) -> Gas:
    """Play everything on a chain of its own; gas by key, sorted. `look` is shown every transaction that is
    measured by itself, with the node that mined it. `longest`: also a leaf of the longest epoch, on another
    chain."""
    with _system() as chain:
        found = _Found(chain, look)
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
            _stakes,
            _ends,
            _bonds,
            _lost_seals,
            _verdicts,
            _deferred,
            _lease_ends,
            _auctions,
            _enforced,
            _untruths,
            _false_work,
            _silences,
        ):
            with _again_from_here(chain):
                play(chain, found)
    if longest:
        with _system(
            unbonding_blocks=10_000, slot_blocks=4, epoch_slots=MOST_ROWS // 2, attest_blocks=400
        ) as other:
            there = _Found(other, look)
            _many_rows(other, there)
            found.update(there)
    return dict(sorted(found.items()))


@contextmanager
def _system(**changes: int) -> Iterator[Chain]:
    """On a chain of its own."""
    with (
        free_anvil() as anvil,
        closing(Chain(anvil.url, project_artifacts())) as chain,
        tempfile.TemporaryDirectory() as folder,
    ):
        deploy_system(chain, Path(folder, "gas.json"), **changes)
        yield chain


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


def _stakes(chain: Chain, found: Gas) -> None:
    """What a permit, a reward, a rebonding delegator or the token alone costs."""
    provider, other, stranger = (role(chain, name) for name in ("provider", "other_provider", "stranger"))
    staking, rewards = chain.address["ProviderStaking"], chain.impersonate("Rewards")
    signed = sign_permit(chain, provider, staking, 100 * TBND)
    words = signed.value, signed.deadline, signed.v, signed.r, signed.s
    sent = chain.send("ProviderStaking", "stakeWithPermit", *words, sender=provider)
    found["ProviderStaking.stakeWithPermit"] = sent.gas_used
    signed = sign_permit(chain, other, staking, 50 * TBND)
    words = signed.value, signed.deadline, signed.v, signed.r, signed.s
    sent = chain.send("ProviderStaking", "delegateWithPermit", provider, *words, sender=other)
    found["ProviderStaking.delegateWithPermit"] = sent.gas_used
    chain.send("ProviderStaking", "undelegate", provider, 20 * TBND, sender=other)
    sent = chain.send("ProviderStaking", "rebondDelegated", provider, 5 * TBND, sender=other)
    found["ProviderStaking.rebondDelegated"] = sent.gas_used
    chain.send("TensorbondToken", "mint", staking, TBND, sender=rewards)
    chain.send("ProviderStaking", "distribute", provider, TBND, sender=rewards)
    chain.mine(100)
    sent = chain.send("ProviderStaking", "release", provider, sender=stranger)
    found["ProviderStaking.release"] = sent.gas_used

    def token(verb: str, *args: Any, sender: str) -> None:
        found["TensorbondToken." + verb] = chain.send("TensorbondToken", verb, *args, sender=sender).gas_used

    token("transfer", stranger, TBND, sender=provider)
    token("approve", stranger, TBND, sender=provider)
    token("transferFrom", provider, stranger, TBND // 2, sender=stranger)
    token("burn", TBND, sender=provider)
    found["TensorbondToken.permit"] = send_permit(
        chain, sign_permit(chain, provider, other, TBND), stranger
    ).gas_used


def _ends(chain: Chain, found: Gas) -> None:
    """How a device ends, and its bond is free."""
    provider, other, stranger = (role(chain, name) for name in ("provider", "other_provider", "stranger"))
    device = _device(chain)
    mine_to_slot(chain, 4)
    with _again_from_here(chain):
        stake_as(chain, provider, 60 * TBND)
        delegate_as(chain, other, provider, 500 * TBND)
        register_as(chain, provider, gops=800)
        chain.send("ProviderStaking", "undelegate", provider, UNLIMITED, sender=other)
        chain.mine(40)
        sent = chain.send("DeviceRegistry", "suspendUncovered", device, sender=stranger)
        found["DeviceRegistry.suspendUncovered"] = sent.gas_used
    found["DeviceRegistry.retire"] = chain.send("DeviceRegistry", "retire", device, sender=provider).gas_used
    close_before(chain, 4)
    chain.mine(200)
    sent = chain.send("WorkDisputes", "discharge", device, sender=stranger)
    found["WorkDisputes.discharge"] = sent.gas_used


def _bonds(chain: Chain, found: Gas) -> None:
    """Oracles that come, sit and go; a set of four, and of as many as there may be."""
    oracles = oracle_accounts(chain, 6)
    join_oracles(chain, oracles[:4], from_epoch=1)
    for oracle in oracles[4:]:
        chain.send("TensorbondToken", "approve", chain.address["Attestations"], UNLIMITED, sender=oracle)

    def act(key: str, *args: Any, sender: str) -> None:
        verb = key.split(":")[0]
        found["Attestations." + key] = chain.send("Attestations", verb, *args, sender=sender).gas_used

    endpoint = "https://oracle.example"
    act("join", endpoint, sender=oracles[4])
    bond = chain.call("Attestations", "BOND")
    signed = sign_permit(chain, oracles[5], chain.address["Attestations"], bond)
    act("joinWithPermit", endpoint, signed.deadline, signed.v, signed.r, signed.s, sender=oracles[5])
    chain.mine_to(max(chain.call("Attestations", "deadline"), chain.block_number))
    act("close", 0, sender=role(chain, "stranger"))
    act("seat:4", oracles[:4], 3, 3, sender=role(chain, "governor"))
    act("leave", sender=oracles[4])
    chain.mine(400)
    act("withdrawBond", sender=oracles[4])


def _lost_seals(chain: Chain, found: Gas) -> None:
    """A slot whose hash only headers bring back, up to the next slot's first block, which was sealed."""
    stranger = role(chain, "stranger")
    mine_to_slot(chain, 5)
    chain.send("Challenges", "seal", 5, sender=stranger)
    known = chain.block_number - 1
    chain.rpc.request("anvil_setCode", HISTORY, "0x")
    chain.mine(300)
    headers = headers_of(chain, range(known - 10, known + 1))
    sent = chain.send("Challenges", "sealByHeaders", 4, headers, known, sender=stranger)
    found["Challenges.sealByHeaders:11"] = sent.gas_used


def _verdicts(chain: Chain, found: Gas) -> None:
    """A job that the oracles decide, one that fails, and what a contract holds for others."""
    provider, requester, stranger = role(chain, "provider"), role(chain, "requester"), role(chain, "stranger")
    device = _device(chain)
    join_oracles(chain, oracle_accounts(chain, 4), from_epoch=1)
    mine_to_slot(chain, 4)
    close_before(chain, 1)
    signed = sign_permit(chain, requester, chain.address["JobEscrow"], 100 * TUSD, token="TestDollar")
    with _again_from_here(chain):
        sent = permit_and(chain, "JobEscrow", signed, "fund", terms_of(chain, requester), token="TestDollar")
        found["JobEscrow.multicall:permit-and-fund"] = sent.gas_used
    job = submit_as(chain, provider, accept_as(chain, provider, _fund(chain), device))
    with _again_from_here(chain):
        disputed = dispute_as(chain, requester, job)
        found["OracleArbiter.attestVerdict:3-of-4"] = decide(chain, disputed, FOR_PROVIDER).gas_used
        sent = chain.send("JobEscrow", "resolve", disputed.number, disputed.state, sender=stranger)
        found["JobEscrow.resolve:for-provider"] = sent.gas_used
        sent = chain.send("JobEscrow", "sweep", chain.address["TestDollar"], sender=stranger)
        found["JobEscrow.sweep"] = sent.gas_used
    others = [make_leaf(device ^ (1 << level), provider) for level in range(10)]
    draw = attest_draw(chain, job, OutcomeResult.MISSED, others=others)
    found["JobEscrow.refundByOutcome"] = refund_by_outcome(chain, job, draw).gas_used


def _deferred(chain: Chain, found: Gas) -> None:
    """A payment that a token refused first, of each escrow."""
    governor, provider, requester = (role(chain, name) for name in ("governor", "provider", "requester"))
    device = _device(chain)
    mine_to_slot(chain, 4)
    token = chain.deploy("BlacklistToken")
    for escrow in ("JobEscrow", "LeaseEscrow"):
        chain.send(escrow, "allowToken", token, TOKEN_CAP, sender=governor)
    chain.send("BlacklistToken", "mint", requester, 1000 * TUSD, sender=governor)
    job = submit_as(
        chain, provider, accept_as(chain, provider, fund_as(chain, requester, token=token), device)
    )
    lease = open_lease(chain, 0, token=token, rate=0, voucher_blocks=50)
    signed = voucher(chain, lease, TUSD)
    chain.send("BlacklistToken", "setBlocked", provider, True, sender=governor)
    approve_as(chain, requester, job)
    chain.send("LeaseEscrow", "redeem", lease.number, lease.lease, TUSD, signed, sender=provider)
    chain.send("BlacklistToken", "setBlocked", provider, False, sender=governor)
    for escrow in ("JobEscrow", "LeaseEscrow"):
        with _again_from_here(chain):
            sent = chain.send(escrow, "collect", provider, token, sender=provider)
            found[escrow + ".collect"] = sent.gas_used
    with _again_from_here(chain):
        sent = chain.send("LeaseEscrow", "sweep", token, sender=provider)
        found["LeaseEscrow.sweep"] = sent.gas_used


def _lease_ends(chain: Chain, found: Gas) -> None:
    """Notice of a lease, and a fault that ends one."""
    requester, stranger = role(chain, "requester"), role(chain, "stranger")
    device = _device(chain)
    mine_to_slot(chain, 4)
    tab_of(chain)  # somebody else was there before
    signed = sign_permit(chain, requester, chain.address["LeaseEscrow"], 2 * TUSD, token="TestDollar")
    with _again_from_here(chain):
        args = lease_terms(chain), device, 2 * TUSD
        sent = permit_and(chain, "LeaseEscrow", signed, "open", *args, token="TestDollar")
        found["LeaseEscrow.multicall:permit-and-open"] = sent.gas_used
    with _again_from_here(chain):
        lease = start_lease(chain, device, notice=60)
        place = lease.number, lease.lease
        sent = chain.send("LeaseEscrow", "giveNotice", *place, sender=requester)
        found["LeaseEscrow.giveNotice"] = sent.gas_used
    lease = start_lease(chain, device)
    slot = next_slot(chain)
    prove_fault(chain, device, slot)
    found["LeaseEscrow.halt"] = halt(chain, lease, slot).gas_used
    found["OrderBook.cancel"] = chain.send("OrderBook", "cancel", requester, 0, 1, sender=requester).gas_used
    found["OrderBook.cancelAll"] = chain.send("OrderBook", "cancelAll", requester, sender=requester).gas_used
    signed = sign_permit(chain, requester, chain.address["JobEscrow"], 100 * TUSD, token="TestDollar")
    words = signed.value, signed.deadline, signed.v, signed.r, signed.s
    book = project_artifacts()["OrderBook"].abi
    call = book.encode_call("permit", (chain.address["TestDollar"], requester, signed.spender, *words))
    sent = chain.send("OrderBook", "multicall", [call], sender=stranger)
    found["OrderBook.multicall:permit"] = sent.gas_used


def _auctions(chain: Chain, found: Gas) -> None:
    """Two bids, the second lower."""
    requester = role(chain, "requester")
    devices = [_device(chain), register_as(chain, role(chain, "other_provider"))]
    mine_to_slot(chain, 4)
    job = _fund(chain, provider=chain.at("SealedAuction"))
    head = chain.block_number
    auction = open_as(chain, requester, job, head + COMMIT_BLOCKS, head + REVEAL_BLOCKS)
    found["SealedAuction.open"] = auction.sent.gas_used
    bids = [bid_of(chain, auction, device, price) for device, price in zip(devices, (9, 8), strict=True)]
    for bid in bids:
        found["SealedAuction.commit"] = commit_bid(chain, bid).gas_used
    to_reveals(chain, auction)
    for bid, suffix in zip(bids, (":first", ""), strict=True):
        found["SealedAuction.reveal" + suffix] = reveal_bid(chain, auction, bid).gas_used
    to_award(chain, auction)
    found["SealedAuction.award"] = award(chain, auction).gas_used


def _enforced(chain: Chain, found: Gas) -> None:
    """A bad item that is final, under ten siblings."""
    provider, stranger = role(chain, "provider"), role(chain, "stranger")
    device = _device(chain)
    join_oracles(chain, oracle_accounts(chain, 4))
    slot = first_slot_of(chain, device)
    mine_to_slot(chain, slot)
    commit_as(chain, provider, device, slot, b"\x66" * 32)
    row = make_outcome(slot, OutcomeKind.DRAWN_C, OutcomeResult.BAD_ITEM, witness=b"\x55" * 32, item=3)
    told = _attest_rows(chain, slot // 4, device, [row])
    mine_to_final(chain, told.number)
    proofs = told.leaf_proof(device), told.outcome_proof(device, 0)
    found["WorkDisputes.enforce"] = chain.send("WorkDisputes", "enforce", *proofs, sender=stranger).gas_used


def _attest_rows(
    chain: Chain, epoch: int, device: int, rows: Sequence[Outcome], depth: int = 10, **changes: Any
) -> Epoch:
    """Attest a device's leaf with these rows, under so many siblings."""
    provider = role(chain, "provider")
    others = [make_leaf(device ^ (1 << level), provider, cumulative_reward=TBND) for level in range(depth)]
    return attest(chain, epoch, [make_leaf(device, provider), *others], {device: rows}, **changes).epoch


def _untruths(chain: Chain, found: Gas) -> None:
    """Lies that the chain's own record shows, of three oracles of four, under ten siblings."""
    provider, auditor = role(chain, "provider"), role(chain, "auditor")
    device = _device(chain)
    join_oracles(chain, oracle_accounts(chain, 4))
    before = _attest_rows(chain, 1, device, [])
    slot = 11
    mine_to_slot(chain, slot)
    event = commit_as(chain, provider, device, slot, b"\x66" * 32).event("Committed")
    record = Record(b"\x66" * 32, event["timestamp"], provider)
    rows = _due_rows(chain, device, 2)
    previous = before.leaves[device], before.leaf_proof(device).path

    def prove(key: str, *args: object) -> None:
        verb = "prove" + key[0].upper() + key[1:].split(":")[0]
        sent = chain.send("AttestationDisputes", verb, *args, sender=auditor)
        found["AttestationDisputes." + key] = sent.gas_used

    with _again_from_here(chain):
        told = _attest_rows(chain, 2, device, rows)
        args = told.leaf_proof(device), rows, *previous
        with _again_from_here(chain):
            prove("badOutcomes:3-of-4", *args)
        call = project_artifacts()["AttestationDisputes"].abi.encode_call("proveBadOutcomes", args)
        chain.send("Attestations", "revoke", 2, sender=chain.impersonate("AttestationDisputes"))
        prove("revoked:badOutcomes:3-of-4", 0, call)
    with _again_from_here(chain):
        forced = [*rows, make_outcome(9, OutcomeKind.FORCED, job=999, witness=b"\x55" * 32)]
        told = _attest_rows(chain, 2, device, forced)
        prove("badForced:3-of-4", told.leaf_proof(device), forced, 999, _no_job(chain))
    header = headers_of(chain, [start_block(chain, slot)])[0]
    for name, result, more in (
        ("badThroughput", OutcomeResult.PASSED, (record, header)),
        ("falseFail", OutcomeResult.MISSED, ()),
    ):
        with _again_from_here(chain):
            witness = b"\x55" * 32 if result == OutcomeResult.PASSED else bytes(32)
            row = make_outcome(slot, OutcomeKind.DRAWN_C, result, witness=witness, throughput=len(more) // 2)
            told = _attest_rows(chain, 2, device, [row])
            prove(f"{name}:3-of-4", told.leaf_proof(device), told.outcome_proof(device, 0), *more)
    with _again_from_here(chain):
        path = _attest_rows(chain, 2, device, []).leaf_proof(device).path
    others = [make_leaf(device ^ (1 << level), provider, cumulative_reward=TBND) for level in range(10)]
    told = attest(chain, 2, others, total_weight=7).epoch
    with _again_from_here(chain):
        prove("leafMissing:3-of-4", 2, device, path)
    pair = [told.node(19, index) for index in (0, 1)]
    preimage = b"".join(node + weight.to_bytes(12, "big") for node, weight in pair)
    prove("badSum:3-of-4", NodeProof(2, 20, 0, 7, preimage, bytes(3)))


def _due_rows(chain: Chain, device: int, epoch: int) -> list[Outcome]:
    """Seal an epoch's slots; a passed row for each that draws the device."""
    entry = chain.call("DeviceRegistry", "timingOf", epoch)
    first = entry.from_slot + (epoch - entry.from_epoch) * entry.epoch_slots
    mine_to_slot(chain, first + entry.epoch_slots)
    rows = []
    for slot in range(first, first + entry.epoch_slots):
        beacon = seal(chain, slot)
        if chain.call("Challenges", "isDrawn", device, slot):
            kind = OutcomeKind.ROLL_CALL if is_roll_call(beacon, entry.roll_call) else OutcomeKind.DRAWN_C
            rows.append(make_outcome(slot, kind, OutcomeResult.PASSED, witness=b"\x55" * 32))
    return rows


def _no_job(chain: Chain) -> Job:
    """Of a job that nobody funded."""
    return Job(terms_of(chain, role(chain, "requester")), 0)


def _false_work(chain: Chain, found: Gas) -> None:
    """What evidence shows against the outcomes that name it, of three oracles of four, under ten siblings."""
    provider, auditor = role(chain, "provider"), role(chain, "auditor")
    join_oracles(chain, oracle_accounts(chain, 4))

    def prove(
        key: str, work: Work | MemoryWork, result: OutcomeResult, root: bytes, item: int, *args: object
    ) -> None:
        kind = OutcomeKind.DRAWN_M if isinstance(work, MemoryWork) else OutcomeKind.DRAWN_C
        row = make_outcome(work.slot, kind, result, witness=root, item=item)
        verb = "prove" + key[0].upper() + key[1:].split(":")[0]
        with _again_from_here(chain):
            told = _attest_rows(chain, work.slot // 4, work.device, [row])
            proofs = told.leaf_proof(work.device), told.outcome_proof(work.device, 0)
            sent = chain.send(
                "AttestationDisputes", verb, *proofs, Record(*work.record), *args, sender=auditor
            )
            found["AttestationDisputes." + key] = sent.gas_used

    passed, bad = OutcomeResult.PASSED, OutcomeResult.BAD_ITEM
    with _again_from_here(chain):
        device = _device(chain, 1)
        sloppy = open_work(chain, commit_work(chain, provider, device, prover=SloppyProver(7, 9)))
        opening = item_opening(show_item(chain, sloppy, index=1))
        root = merkle.fold(item_leaf(1, opening.item), 1, opening.path, len(opening.path))
        prove("falsePassItem:K4096:3-of-4", sloppy, passed, root, 0, opening, 7, 9)
    with _again_from_here(chain):
        work = open_work(chain, commit_work(chain, provider, _device(chain)))
        opening = item_opening(show_item(chain, work, index=1))
        root = merkle.fold(item_leaf(1, opening.item), 1, opening.path, len(opening.path))
        prove("falseFailItem:K1024:3-of-4", work, bad, root, 1, opening)
        shown = show_header(chain, work)[0]
        root = merkle.fold(item_leaf(16, shown.header), 16, shown.path, len(shown.path))
        prove("falseFailHeader:R4:3-of-4", work, bad, root, 16, shown)
        shown = replace(shown, header=shown.header[:-32] + b"\x07" * 32)
        root = merkle.fold(item_leaf(16, shown.header), 16, shown.path, len(shown.path))
        prove("falsePassHeader:R4:3-of-4", work, passed, root, 0, shown)
    memory = open_memory(chain, commit_memory(chain, provider, memory_device_as(chain, provider)))
    depth = f"depth-{memory.memory.dimensions.depth}:3-of-4"
    index = memory.index_of()
    opened, root = show_memory_item(memory, index)
    prove(f"falseFailMemoryItem:{depth}", memory, bad, root, index, opened, caps_of(memory, index))
    item = opened.item[:-1] + bytes([opened.item[-1] ^ 1])
    opened, root = show_memory_item(memory, index, item)
    prove(f"falsePassMemoryItem:{depth}", memory, passed, root, 0, opened, cap_node(memory, index, 16))
    shown, root = show_memory_header(memory)
    prove(f"falseFailMemoryHeader:{depth}", memory, bad, root, SAMPLES, shown)
    header = memory.memory.header
    shown, root = show_memory_header(memory, header[:-1] + bytes([header[-1] ^ 1]))
    prove(f"falsePassMemoryHeader:{depth}", memory, passed, root, 0, shown)


def _silences(chain: Chain, found: Gas) -> None:
    """A leaf and evidence that are asked for: answered, or not."""
    auditor, stranger = role(chain, "auditor"), role(chain, "stranger")
    with _again_from_here(chain):
        device, _, told = _lying_epochs(chain)
        sent = chain.send(
            "Attestations", "requestLeaf", told.number, STANDING, device, sender=auditor, value=1
        )
        request = sent.event("LeafRequested")["request"]
        chain.mine(20)
        sent = chain.send("AttestationDisputes", "proveWithheldLeaf", told.number, 0, device, sender=auditor)
        found["AttestationDisputes.withheldLeaf:3-of-4"] = sent.gas_used
        sent = chain.send("Attestations", "returnDeposit", request, sender=auditor)
        found["Attestations.returnDeposit"] = sent.gas_used
    join_oracles(chain, oracle_accounts(chain, 4))
    for rounds in (4, 4000):
        with _again_from_here(chain):
            commit, shown, signature = _bad_header(chain, rounds)
            root = merkle.fold(item_leaf(16, shown.header), 16, shown.path, 5)
            row = make_outcome(commit.slot, OutcomeKind.DRAWN_C, OutcomeResult.PASSED, witness=root)
            told = _attest_rows(chain, commit.slot // 4, commit.device, [row])
            proofs = told.leaf_proof(commit.device), told.outcome_proof(commit.device, 0)
            sent = chain.send("AttestationDisputes", "requestEvidence", *proofs, 16, sender=auditor, value=1)
            asked = sent.event("EvidenceRequested")["asked"]
            if rounds == 4:
                found["AttestationDisputes.requestEvidence"] = sent.gas_used
            with _again_from_here(chain):
                record = Record(commit.commitment, commit.timestamp, commit.key)
                args = asked, record, shown.header, list(shown.path), signature
                sent = chain.send("AttestationDisputes", "answerEvidence", *args, sender=stranger)
                found[f"AttestationDisputes.answerEvidence:header-R{rounds}"] = sent.gas_used
            if rounds == 4:
                chain.mine(20)
                sent = chain.send("AttestationDisputes", "proveWithheldEvidence", asked, sender=auditor)
                found["AttestationDisputes.withheldEvidence:3-of-4"] = sent.gas_used
                sent = chain.send("AttestationDisputes", "returnDeposit", _id_of(asked), sender=auditor)
                found["AttestationDisputes.returnDeposit"] = sent.gas_used


def _id_of(asked: EvidenceRequest) -> bytes:
    kinds = ["uint256"] * 4 + ["bytes32"] + ["uint256"] * 3
    return keccak(encode([f"({','.join(kinds)})"], [astuple(asked)]))


def _many_rows(chain: Chain, found: Gas) -> None:
    """All rows that a leaf may have: a draw in each slot of the longest epoch, and as many that jobs forced;
    under twenty siblings."""
    auditor, stranger = role(chain, "auditor"), role(chain, "stranger")
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), draw_threshold=(1 << 32) - 1)
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    device = _device(chain, sent.event("ClassAdded")["classId"])
    join_oracles(chain, oracle_accounts(chain, 4), from_epoch=0)
    close_before(chain, 1)
    drawn = _due_rows(chain, device, 1)
    assert len(drawn) == MOST_ROWS // 2
    last, forced = drawn[-1].slot, OutcomeKind.FORCED
    rows = [
        *drawn,
        *(make_outcome(last, forced, job=999 + i, witness=b"\x55" * 32) for i in range(len(drawn))),
    ]
    told = _attest_rows(chain, 1, device, rows, depth=20)
    leaf, place = told.leaf_proof(device), (1, STANDING, device)
    before = make_leaf(0, ZERO_ADDRESS), bytes(3)
    claims: dict[str, tuple[object, ...]] = {
        "badOutcomes": ("proveBadOutcomes", leaf, rows, *before),
        "badForced": ("proveBadForced", leaf, rows, rows[-1].job, _no_job(chain)),
    }
    for name, (verb, *args) in claims.items():
        with _again_from_here(chain):
            sent = chain.send("AttestationDisputes", str(verb), *args, sender=auditor)
            found[f"AttestationDisputes.{name}:rows-{len(rows)}:3-of-4"] = sent.gas_used
    chain.send("Attestations", "requestLeaf", *place, sender=auditor, value=1)
    sent = chain.send("Attestations", "answerLeaf", *place, leaf.leaf, leaf.path, rows, sender=stranger)
    found[f"Attestations.answerLeaf:rows-{len(rows)}"] = sent.gas_used


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
