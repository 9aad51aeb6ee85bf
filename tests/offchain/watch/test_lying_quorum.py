"""A quorum signs a lie, and the bot finds it without being told, proves it, and has the bonds burned."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

from tensorbond.oracle.leaves import data_name
from tensorbond.oracle.reader import Reader
from tensorbond.watch.kinds import KINDS
from tensorbond.watch.lies import Truth
from tests import acts
from tests.offchain.audit.market import Market
from tests.offchain.watch.conftest import Watch
from tests.offchain.watch.liars import LIARS, Signed
from tests.system import role

pytestmark = pytest.mark.chain

SEED = 20
WORK = {"badItem", "missed"}
"""What a provider pays for: there are liars among them, too."""


def lie(market: Market, name: str, choice: Random) -> Signed:
    """What this liar makes of epoch 1, signed by a quorum and published."""
    honest = market.judge(1)
    with closing(market.connect()) as network:
        facts = Reader(network).epoch_facts(1, network.head())
    truth = Truth(facts, market.standing.leaves, {})
    signed = LIARS[name][0](truth, honest, choice)
    assert signed is not None, "epoch 1 has something of everything"
    statement = market.statement(honest)
    told = {"root": signed.root, "total_weight": signed.total_weight, "data_digest": signed.data.data_digest}
    statement = type(statement)(**vars(statement) | told)
    bitmap, signatures = acts.sign_as_quorum(market.chain, statement, market.oracles, (0, 1, 2))
    market.store.put(data_name(31337, 1, signed.root), signed.data.encode())
    market.chain.send(
        "Attestations", "attest", statement, bitmap, signatures, sender=market.chain.accounts[5]
    )
    return signed


@pytest.mark.parametrize("name", [name for name, (_, kind) in LIARS.items() if kind in KINDS])
def test_cycle__a_lying_quorum__loses_its_bonds_and_the_epoch(young_market: Market, watch: Watch, name: str):
    market, chain = young_market, young_market.chain
    lie(market, name, Random(f"{SEED} {name}"))
    assert chain.call("Attestations", "nextEpoch") == 2
    bond = chain.call("Attestations", "BOND")
    auditor = role(chain, "auditor")
    before = chain.balance("TensorbondToken", auditor)

    found = watch(market)
    assert [act.kind for act in found if act.kind not in WORK] == [LIARS[name][1]]
    assert {act.result for act in found} == {"proven"}
    assert [chain.call("Attestations", "bondOf", oracle).amount for oracle in market.oracles] == [
        0,
        0,
        0,
        bond,
    ]
    assert chain.call("Attestations", "nextEpoch") == 1
    slashed = chain.events("Attestations", "OracleSlashed")
    assert {each.args["oracle"] for each in slashed} == set(market.oracles[:3])
    assert sum(each.args["amount"] for each in slashed) == 3 * bond
    work = [*chain.events("WorkDisputes", "BadItemProven"), *chain.events("WorkDisputes", "MissProven")]
    rewards = sum(
        each.args["toChallenger"] for each in [*slashed, *chain.events("ProviderStaking", "StakeSlashed")]
    )
    assert len(work) == len(found) - 1
    assert chain.balance("TensorbondToken", auditor) - before == rewards
