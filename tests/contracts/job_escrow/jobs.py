"""What the tests of a job say again and again: its hash, the draw it forced, and whose money moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tensorbond.chain import slots
from tensorbond.chain.jobs import job_hash
from tensorbond.chain.types import Leaf, LeafProof, OutcomeKind, OutcomeProof, OutcomeResult
from tests.acts import FundedJob, accept_as, attest, fund_as, mine_to_final, submit_as, timing
from tests.chain import Chain, Sent
from tests.leaves import make_leaf, make_outcome
from tests.system import role

PROVIDER, REQUESTER, STRANGER, FEE_RECIPIENT = "provider", "requester", "stranger", "treasury"
PARTIES = (PROVIDER, REQUESTER, STRANGER, FEE_RECIPIENT)

__all__ = ("job_hash",)


# Going through a job's life


def accepted_job(chain: Chain, device: int, **terms: Any) -> FundedJob:
    job = fund_as(chain, role(chain, REQUESTER), **terms)
    return accept_as(chain, role(chain, PROVIDER), job, device)


def submitted_job(chain: Chain, device: int, **terms: Any) -> FundedJob:
    return submit_as(chain, role(chain, PROVIDER), accepted_job(chain, device, **terms))


def refund(chain: Chain, job: FundedJob, sender: str | None = None) -> Sent:
    """By a stranger, if nobody is named."""
    return chain.send("JobEscrow", "refund", job.number, job.state, sender=sender or role(chain, STRANGER))


def settle(chain: Chain, job: FundedJob, draw: Draw, sender: str | None = None) -> Sent:
    return chain.send(
        "JobEscrow",
        "settle",
        job.number,
        job.state,
        draw.leaf,
        draw.outcome,
        sender=sender or role(chain, STRANGER),
    )


def refund_by_outcome(chain: Chain, job: FundedJob, draw: Draw, sender: str | None = None) -> Sent:
    return chain.send(
        "JobEscrow",
        "refundByOutcome",
        job.number,
        job.state,
        draw.leaf,
        draw.outcome,
        sender=sender or role(chain, STRANGER),
    )


# The forced draw


@dataclass(frozen=True)
class Draw:
    """An attested outcome and its leaf."""

    leaf: LeafProof
    outcome: OutcomeProof


def forced_epoch(chain: Chain, job: FundedJob) -> int:
    return slots.epoch_of(timing(chain), job.state.forced_slot)


def attest_draw(
    chain: Chain,
    of: FundedJob,
    result: int = OutcomeResult.PASSED,
    *,
    final: bool = True,
    round: int = 0,
    others: Sequence[Leaf] = (),
    device: int | None = None,
    **changes: Any,
) -> Draw:
    """Let the oracles attest the forced slot's epoch with this outcome, and wait until it is final."""
    epoch = forced_epoch(chain, of)
    device = device or of.state.device
    leaf = make_leaf(device, of.state.provider, weight=7)
    row = make_outcome(of.state.forced_slot, OutcomeKind.FORCED, result, job=of.number)
    outcome = replace(row, **changes)
    attested = attest(chain, epoch, [leaf, *others], {device: [outcome]}, round=round)
    if final:
        mine_to_final(chain, epoch)
    return Draw(attested.epoch.leaf_proof(device), attested.epoch.outcome_proof(device, 0))


# Whose money moved


def books(chain: Chain, token: str = "TestDollar") -> dict[str, int]:
    """Every number that a job may move."""
    found: dict[str, int] = {}
    holders = {party: role(chain, party) for party in PARTIES} | {
        "escrow": chain.address["JobEscrow"],
        "staking": chain.address["ProviderStaking"],
    }
    for name, account in holders.items():
        found[f"{name} paid"] = chain.balance(token, account)
        found[f"{name} TBND"] = chain.balance("TensorbondToken", account)
        found[f"{name} owed"] = chain.call("JobEscrow", "owedOf", account, chain.at(token))
    stake = chain.call("ProviderStaking", "stakeOf", role(chain, PROVIDER))
    found |= {"active": stake.active, "unbonding": stake.unbonding, "locked": stake.locked}
    ledger = chain.call("JobEscrow", "ledgerOf", chain.at(token))
    found |= {"tracked": ledger.tracked, "fees": ledger.fees}
    found["staked"] = chain.call("ProviderStaking", "totalStaked")
    found["supply"] = chain.call("TensorbondToken", "totalSupply")
    return found


@contextmanager
def moving(chain: Chain, expected: Mapping[str, int], token: str = "TestDollar") -> Iterator[None]:
    """The block must move exactly these numbers of `books` by these amounts, and no other."""
    before = books(chain, token)
    yield
    after = books(chain, token)
    moved = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    assert moved == {name: amount for name, amount in expected.items() if amount}


def is_held(chain: Chain, device: int) -> bool:
    return bool(chain.call("DeviceRegistry", "isHeld", device))
