"""A market in which everything that this version knows happens once, in two acts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

from tensorbond.chain.types import LeafProof, OutcomeProof, OutcomeResult, Statement
from tensorbond.demo.villains import SkippingProver
from tensorbond.watch import bad_item_proof
from tests import acts
from tests.acts import TBND, TUSD, FundedJob
from tests.leaves import Epoch
from tests.offchain.audit.market import ALWAYS, SOMETIMES, Market, Worker
from tests.system import role

HONEST, SECOND, LIAR = 1, 2, 3
"""Devices: two honest ones of two providers, and one that commits to garbage."""


@dataclass(frozen=True)
class Jobs:
    """Whose forced draws lie in epoch 1: that of the honest device passes, the liar's does not."""

    honest: FundedJob
    liar: FundedJob


def open_market(market: Market) -> Jobs:
    """Stakes, devices, jobs; epoch 0 is attested; in epoch 1 everybody works, and it is over."""
    chain, send = market.chain, market.chain.send
    governor, provider, operator = role(chain, "governor"), role(chain, "provider"), role(chain, "operator")
    requester, other = role(chain, "requester"), role(chain, "other_provider")
    always, sometimes = (market.add_class(governor, terms) for terms in (ALWAYS, SOMETIMES))
    acts.join_oracles(chain, market.oracles, threshold=3, from_epoch=0)
    acts.stake_as(chain, provider, 1000 * TBND)
    acts.set_operator_as(chain, provider, operator)
    acts.stake_as(chain, other, 500 * TBND)
    assert market.employ(provider, always, 10, Worker(operator)) == HONEST
    assert market.employ(other, sometimes, 5, Worker(other)) == SECOND
    assert market.employ(other, always, 20, Worker(other, SkippingProver(1))) == LIAR
    token = chain.address["TensorbondToken"]
    send("JobEscrow", "allowToken", token, acts.TOKEN_CAP, sender=governor)
    honest = acts.fund_as(chain, requester, class_id=always)
    liar = acts.fund_as(chain, requester, class_id=always, price=70 * TUSD)
    approved = acts.fund_as(chain, requester, class_id=sometimes, token=token, price=3 * TBND)
    acts.mine_to_slot(chain, 3)
    honest = acts.submit_as(chain, operator, acts.accept_as(chain, operator, honest, HONEST))
    liar = acts.submit_as(chain, other, acts.accept_as(chain, other, liar, LIAR))
    approved = acts.submit_as(chain, other, acts.accept_as(chain, other, approved, SECOND))
    assert acts.current_epoch(chain) == 0
    acts.approve_as(chain, requester, approved)
    market.work(1, memory_of=SECOND)
    market.attest_honestly(0)
    market.seal(1)
    send("ProviderStaking", "setCommission", 700, sender=provider)
    acts.delegate_as(chain, requester, provider, 300 * TBND + 7)
    return Jobs(honest, liar)


def close_market(market: Market, jobs: Jobs) -> None:
    """Fraud is proven, an epoch revoked, another void; jobs end in every way; everybody leaves."""
    chain, send = market.chain, market.chain.send
    governor, provider, operator = role(chain, "governor"), role(chain, "provider"), role(chain, "operator")
    requester, stranger = role(chain, "requester"), role(chain, "stranger")
    other, treasury = role(chain, "other_provider"), role(chain, "treasury")
    always, sometimes = market.classes

    # Epoch 1 is attested. A stranger shows one wrong tile, and its device is drawn no more.
    market.attest_honestly(1)
    first = market.proofs_of(market.standing)
    with closing(market.connect()) as network:
        bad = bad_item_proof(network, market.store, LIAR, jobs.liar.state.forced_slot)
    assert bad is not None
    send("WorkDisputes", "proveBadItem", bad, sender=stranger)
    send("DeviceRegistry", "retire", SECOND, sender=other)
    send("ProviderStaking", "unbond", 100 * TBND, sender=other)
    untaken = acts.fund_as(chain, requester, accept_by=chain.block_number + 3)

    # Epoch 2: its first slots were missed by all. One oracle of the quorum contradicts itself.
    market.work(2)
    send("WorkDisputes", "proveMissed", HONEST, 8, sender=stranger)
    send("JobEscrow", "refund", untaken.number, untaken.state, sender=stranger)
    epoch_one = market.standing
    equivocate(market, market.attest_honestly(2), stranger)
    market.standing = epoch_one
    market.attest_honestly(2, round=1, signers=(1, 2, 3))
    undecided = acts.fund_as(chain, requester, class_id=sometimes)
    undecided = acts.submit_as(chain, other, acts.accept_as(chain, other, undecided, SECOND))
    assert undecided.state.forced_slot in market.slots_of(3)
    send("ProviderStaking", "unbond", 100 * TBND, sender=provider)

    # Epoch 1 is final: what rests on it.
    acts.mine_to_final(chain, 1)
    proof = proof_of_job(first, HONEST, jobs.honest)
    send("JobEscrow", "settle", jobs.honest.number, jobs.honest.state, *proof, sender=stranger)
    proof = proof_of_job(first, LIAR, jobs.liar)
    send("JobEscrow", "refundByOutcome", jobs.liar.number, jobs.liar.state, *proof, sender=stranger)
    rows = first.outcomes[LIAR]
    index = next(
        i for i, row in enumerate(rows) if row.result == OutcomeResult.BAD_ITEM and row.slot != bad.slot
    )
    send("WorkDisputes", "enforce", first.leaf_proof(LIAR), first.outcome_proof(LIAR, index), sender=stranger)
    send("Rewards", "claim", first.leaf_proof(HONEST), sender=stranger)

    # Epoch 3 becomes void, and the outcome of a job with it.
    black = chain.deploy("BlacklistToken")
    send("BlacklistToken", "mint", requester, 1000, sender=governor)
    send("JobEscrow", "allowToken", black, acts.TOKEN_CAP, sender=governor)
    deferred = acts.fund_as(chain, requester, class_id=always, token=black, price=1000)
    deferred = acts.submit_as(chain, operator, acts.accept_as(chain, operator, deferred, HONEST))
    send("BlacklistToken", "setBlocked", provider, True, sender=governor)
    acts.approve_as(chain, requester, deferred)
    acts.mine_to_slot(chain, deferred.state.forced_slot - 1)
    undone = acts.fund_as(chain, requester, class_id=always, collateral=20 * TBND + 1)
    undone = acts.accept_as(chain, operator, undone, HONEST)
    assert acts.current_epoch(chain) == 3
    market.work(4)
    acts.close_before(chain, 4, sender=stranger)
    market.attest_honestly(4, signers=(1, 2, 3))
    fourth = market.proofs_of(market.standing)

    # Exits.
    send("BlacklistToken", "setBlocked", provider, False, sender=governor)
    send("JobEscrow", "collect", provider, black, sender=stranger)
    send("JobEscrow", "setFee", 250, sender=governor)
    send("JobEscrow", "sweep", chain.address["TestDollar"], sender=stranger)
    chain.mine_to(max(undone.state.terms.submit_by + 1, chain.block_number))
    send("JobEscrow", "refund", undone.number, undone.state, sender=stranger)
    acts.mine_to_final(chain, 4)
    send("Rewards", "claim", fourth.leaf_proof(HONEST), sender=stranger)
    send("ProviderStaking", "unbond", 7 * TBND, sender=provider)
    send("ProviderStaking", "undelegate", provider, 100 * TBND, sender=requester)
    send("ProviderStaking", "rebondDelegated", provider, 30 * TBND, sender=requester)
    acts.stake_as(chain, provider, 3 * TBND + 1)
    send("Attestations", "leave", sender=market.oracles[3])
    chain.mine(320)
    send("WorkDisputes", "discharge", SECOND, sender=stranger)
    send("ProviderStaking", "withdraw", sender=provider)
    send("ProviderStaking", "withdraw", sender=other)
    send("ProviderStaking", "withdrawDelegated", provider, sender=requester)
    send("ProviderStaking", "undelegate", provider, 11 * TBND, sender=requester)
    send("JobEscrow", "refund", undecided.number, undecided.state, sender=stranger)
    send("ProviderStaking", "unbond", 5 * TBND + 3, sender=provider)

    # A new set, and gifts that nobody asked for.
    bond = chain.call("Attestations", "BOND")
    newcomer = market.chain.accounts[14]
    send("TensorbondToken", "approve", chain.address["Attestations"], bond, sender=newcomer)
    send("Attestations", "join", "http://127.0.0.1:9999", sender=newcomer)
    members = sorted([*market.oracles[1:3], newcomer], key=lambda address: int(address, 16))
    send("Attestations", "seat", members, 2, 20, sender=governor)
    for contract in ("ProviderStaking", "JobEscrow", "Attestations", "Rewards"):
        send("TensorbondToken", "transfer", chain.address[contract], 5, sender=treasury)
    send("TestDollar", "transfer", chain.address["JobEscrow"], 3, sender=requester)
    send("TensorbondToken", "burn", 11, sender=treasury)
    acts.fund_as(chain, requester)
    later = replace(acts.timing(chain), from_epoch=60, slot_blocks=12)
    send("DeviceRegistry", "schedule", later, sender=governor)


def equivocate(market: Market, signed: Statement, stranger: str) -> None:
    """The first oracle signs another statement for the same epoch and round, and a stranger shows both."""
    oracle, other = market.oracles[0], replace(signed, data_digest=bytes(32))
    both = [
        part for each in (signed, other) for part in (each, acts.sign_statement(market.chain, each, oracle))
    ]
    set_id = market.chain.call("Attestations", "setOf", signed.epoch)
    market.chain.send("AttestationDisputes", "proveEquivocation", *both, set_id, 0, sender=stranger)


def proof_of_job(data: Epoch, device: int, job: FundedJob) -> tuple[LeafProof, OutcomeProof]:
    index = next(index for index, row in enumerate(data.outcomes[device]) if row.job == job.number)
    return data.leaf_proof(device), data.outcome_proof(device, index)
