"""Erc792Arbiter.rule: the arbitrator's ruling is the verdict."""

from __future__ import annotations

import pytest

from tests.acts import FundedJob
from tests.chain import Chain
from tests.contracts.governance.callers import actors, refusal

ETHER = 10**18


@pytest.fixture
def before_court(chain: Chain, requester: str, disputed: FundedJob) -> FundedJob:
    """As dispute 0."""
    chain.send(
        "Erc792Arbiter", "createDispute", disputed.number, disputed.state, sender=requester, value=ETHER
    )
    return disputed


def verdict_of(chain: Chain, job: int, escrow: str = "JobEscrow") -> tuple[bool, bool]:
    decided, for_provider = chain.call("Erc792Arbiter", "verdictOf", chain.at(escrow), job)
    return decided, for_provider


@pytest.mark.parametrize(
    ("ruling", "verdict"), [(0, (False, False)), (1, (True, True)), (2, (True, False))], ids=str
)
def test_rule__each_ruling__is_this_verdict(
    chain: Chain, governor: str, before_court: FundedJob, ruling: int, verdict: tuple[bool, bool]
) -> None:
    sent = chain.send("CentralArbitrator", "giveRuling", 0, ruling, sender=governor)

    assert sent.event("Ruling") == {
        "arbitrator": chain.at("CentralArbitrator"),
        "dispute": 0,
        "ruling": ruling,
    }
    assert verdict_of(chain, before_court.number) == verdict
    assert verdict_of(chain, before_court.number, "LeaseEscrow") == (False, False)
    assert verdict_of(chain, before_court.number + 1) == (False, False)


def test_rule__by_anybody_else__reverts(chain: Chain, provider: str, before_court: FundedJob) -> None:
    with chain.reverts("ArbitratorOnly", account=provider):
        chain.send("Erc792Arbiter", "rule", 0, 1, sender=provider)


def test_rule__as_anybody_else__is_refused_and_the_arbitrator_rules(
    chain: Chain, governor: str, before_court: FundedJob
) -> None:
    """Its owner, who has it rule, and the adapter itself too."""
    others = actors(chain) | {"Erc792Arbiter": chain.at("Erc792Arbiter")}
    for name, account in others.items():
        told = refusal(chain, "Erc792Arbiter", "rule", 0, 1, sender=account)
        assert told == ("ArbitratorOnly", {"account": account}), name
        told = refusal(chain, "CentralArbitrator", "giveRuling", 0, 1, sender=account)
        assert (told is None) == (account == governor), name
    assert verdict_of(chain, before_court.number) == (False, False)
    chain.send("CentralArbitrator", "giveRuling", 0, 1, sender=governor)
    assert verdict_of(chain, before_court.number) == (True, True)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_rule__twice__reverts(chain: Chain, governor: str, before_court: FundedJob, first: int) -> None:
    chain.send("CentralArbitrator", "giveRuling", 0, first, sender=governor)
    verdict = verdict_of(chain, before_court.number)
    with chain.reverts("DisputeRuledAlready", dispute=0):
        chain.send("CentralArbitrator", "giveRuling", 0, 1, sender=governor)
    assert verdict_of(chain, before_court.number) == verdict


def test_rule__of_no_dispute_of_ours__reverts(chain: Chain, before_court: FundedJob) -> None:
    with chain.reverts("DisputeUnknown", dispute=1):
        chain.send("Erc792Arbiter", "rule", 1, 1, sender=chain.impersonate("CentralArbitrator"))


def test_rule__beyond_the_choices__reverts(chain: Chain, governor: str, before_court: FundedJob) -> None:
    with chain.reverts("RulingUnknown", ruling=3, most=2):
        chain.send("CentralArbitrator", "giveRuling", 0, 3, sender=governor)
    chain.send("CentralArbitrator", "giveRuling", 0, 2, sender=governor)
    assert verdict_of(chain, before_court.number) == (True, False)
