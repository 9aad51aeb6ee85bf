"""Asking on chain for what oracles vouch for, to have them slashed for not showing it."""

from __future__ import annotations

import shutil

import pytest

from tensorbond.chain.types import OutcomeResult
from tests.contracts.attestations.epochs import STANDING
from tests.offchain.oracle.test_node import begin, market

__all__ = ["begin", "market"]

pytestmark = pytest.mark.chain

DEPOSIT = 10**18
NOWHERE = 777_777


def answer(market, chain):
    """Let every oracle see that the time runs, and answer."""
    for _ in range(4):
        for node in market.nodes.values():
            node.cycle()
        chain.mine()


def test_answer__stranger_asks_for_leaves_and_evidence__they_are_shown_and_nobody_is_slashed(
    market, chain, begin, provider, stranger
):
    device, epoch = begin()
    epoch, data = market.live_until_due(device, epoch, market.agent(provider))
    row = next(row for row in data.outcomes[device] if row.result == OutcomeResult.PASSED)
    proofs = data.leaf_proof(device), data.outcome_proof(device, row.slot)
    items, _ = chain.call("LeafProofs", "itemOf", device, row, 0)
    bonded = chain.call("Attestations", "totalBonded")

    # Nor does it help to take the evidence out of the store once it is attested.
    shutil.rmtree(market.folder / "store" / "31337")
    for place in (device, NOWHERE):
        chain.send("Attestations", "requestLeaf", epoch, STANDING, place, sender=stranger, value=DEPOSIT)
    answer(market, chain)
    asked = [
        chain.send(
            "AttestationDisputes", "requestEvidence", *proofs, index, sender=stranger, value=DEPOSIT
        ).event("EvidenceRequested")
        for index in (0, items)
    ]
    answer(market, chain)

    assert {each.args["device"] for each in chain.events("Attestations", "LeafAnswered")} == {device, NOWHERE}
    assert len(chain.events("AttestationDisputes", "EvidenceAnswered")) == 2
    chain.mine_to(chain.call("Attestations", "attestedOf", epoch)[1].provable_until)
    for place in (device, NOWHERE):
        request, _ = chain.call("Attestations", "leafRequestOf", epoch, STANDING, place)
        with chain.reverts("AnsweredAlready", request=request):
            chain.send("AttestationDisputes", "proveWithheldLeaf", epoch, STANDING, place, sender=stranger)
    for each in asked:
        with chain.reverts("AnsweredAlready", request=each["request"]):
            chain.send("AttestationDisputes", "proveWithheldEvidence", each["asked"], sender=stranger)
    assert chain.call("Attestations", "totalBonded") == bonded


def test_answer__its_turn_comes_after_the_time_is_over__it_does_not_wait_for_it(
    market, chain, begin, provider, stranger
):
    device, epoch = begin()
    epoch, _ = market.live_until_due(device, epoch, market.agent(provider))
    asked = chain.send(
        "Attestations", "requestLeaf", epoch, STANDING, device, sender=stranger, value=DEPOSIT
    ).event("LeafRequested")
    set_id = chain.call("Attestations", "attestedOf", epoch)[1].set_id
    last = chain.call("Attestations", "memberOf", set_id, (int.from_bytes(asked["request"]) - 1) % 4)
    for node in market.nodes.values():
        node.close()
    left = asked["answerBy"] - chain.block_number
    alone = market.start(last, step_blocks=left, listen_port=market.nodes[last].port)
    while chain.block_number < asked["answerBy"]:
        alone.cycle()
        chain.mine()

    (answered,) = chain.events("Attestations", "LeafAnswered")
    assert (answered.args["device"], answered.args["answerer"]) == (device, last)
