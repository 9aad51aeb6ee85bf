"""A quorum signs a leaf that counts no outcomes, but with a root over some: its tallies and its weight are
invented, and there is no row by which any proof could touch them."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import OracleFault
from tests.acts import attest
from tests.chain import Chain, Sent
from tests.contracts.attestation_disputes.epochs import no_leaf, prove, punishing
from tests.contracts.attestations.epochs import BOND, EMISSION, STANDING, moving
from tests.leaves import Epoch, encode_leaf, keccak, make_leaf, make_outcome
from tests.work import device_as

pytestmark = pytest.mark.chain

ROOT = b"\xde" * 32
COUNTS = {"due_c": 1, "passed_c": 1, "due_roll": 1, "passed_roll": 1, "min_gops": 10}


@pytest.fixture
def lie(chain: Chain, seated: list[str], provider: str) -> Epoch:
    """All of epoch 1's emission for a device that did nothing, attested."""
    device = device_as(chain, provider)
    told = {"outcomes_root": ROOT, "weight": 10, "cumulative_reward": EMISSION, **COUNTS}
    return attest(chain, 1, [make_leaf(device, provider, **told)]).epoch


def test_sign__rows_that_nobody_has_to_show__are_a_lie_by_themselves(
    chain: Chain, lie: Epoch, stranger: str
) -> None:
    """The leaf can be had, its device, weight and reward are in order; it falls without a row."""
    (device,) = lie.leaves
    leaf, empty = lie.leaf_proof(device), (no_leaf(), bytes(3))
    place = 1, STANDING, device
    chain.send("Attestations", "requestLeaf", *place, sender=stranger, value=10**17)
    chain.send("Attestations", "answerLeaf", *place, leaf.leaf, leaf.path, [], sender=chain.accounts[5])
    for verb, fault, args in (
        ("proveBadDevice", OracleFault.BAD_DEVICE, ()),
        ("proveBadWeight", OracleFault.BAD_WEIGHT, ()),
        ("proveBadReward", OracleFault.BAD_REWARD, empty),
    ):
        with chain.reverts("FaultNotShown", epoch=1, fault=fault), moving(chain):
            prove(chain, verb, leaf, *args)

    with punishing(chain, 1, OracleFault.BAD_OUTCOMES, device, keccak(encode_leaf(leaf.leaf))) as found:
        found.append(prove(chain, "proveBadOutcomes", leaf, [], *empty))


def test_sign__saved_by_an_equivocation__costs_the_others_their_bonds(
    chain: Chain, lie: Epoch, seated: list[str]
) -> None:
    (device,) = lie.leaves
    disputes = chain.impersonate("AttestationDisputes")
    chain.send("Attestations", "revoke", 1, sender=disputes)
    proof = lie.leaf_proof(device), [make_outcome(8)], no_leaf(), b""
    taken = 3 * BOND
    with moving(chain, Attestations=-taken, bonded=-taken, auditor=taken // 4, supply=taken // 4 - taken):
        sent = against_first_round(chain, *proof)
    assert sent.event("FraudProven")["fault"] == OracleFault.BAD_OUTCOMES


def against_first_round(chain: Chain, *proof: object) -> Sent:
    call = chain._abi("AttestationDisputes").encode_call("proveBadOutcomes", proof)
    return prove(chain, "proveRevoked", 0, call)
