from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import OutcomeKind, OutcomeResult, SlashReason
from tests.acts import (
    ZERO_ADDRESS,
    Attestation,
    attest,
    join_oracles,
    mine_to_final,
    register_as,
    set_operator_as,
    stake_as,
    timing,
)
from tests.chain import Chain, Sent
from tests.contracts.provider_staking.staking import moving
from tests.leaves import Epoch, folded, folded_outcome, make_leaf, make_outcome
from tests.memory_work import MemoryWork, commit_memory, memory_class_as, memory_device_as
from tests.system import role
from tests.work import BOND, GOPS, Work, commit_work, device_as, show_item

from .conftest import WRONG_COLUMN, WRONG_ROW
from .faults import slashing

pytestmark = pytest.mark.chain

WITNESS = bytes.fromhex("e1" * 32)
MARK = 4
"""One more than the item that the outcome names."""
SHARE = BOND * 3_000 // 10_000
REWARD = SHARE // 20


@pytest.fixture
def work(chain: Chain, provider: str, device: int) -> Work:
    return commit_work(chain, provider, device)


def attest_outcome(
    chain: Chain,
    oracles: list[str],
    work: Work | MemoryWork,
    result: int = OutcomeResult.BAD_ITEM,
    slot: int | None = None,
    kind: int = OutcomeKind.DRAWN_C,
    item: int = 3,
) -> Attestation:
    """An epoch with one outcome of the work's device, attested, not final."""
    epoch = work.slot // timing(chain).epoch_slots
    join_oracles(chain, oracles, from_epoch=0)
    slot = work.slot if slot is None else slot
    outcome = make_outcome(slot, kind, result, witness=WITNESS, item=item)
    return attest(chain, epoch, [make_leaf(work.device, work.provider)], {work.device: [outcome]})


def enforce(chain: Chain, attestation: Attestation, work: Work | MemoryWork, sender: str) -> Sent:
    epoch = attestation.epoch
    proofs = epoch.leaf_proof(work.device), epoch.outcome_proof(work.device, 0)
    return chain.send("WorkDisputes", "enforce", *proofs, sender=sender)


def test_enforce__final_bad_item__slashes_a_share(
    chain: Chain, provider: str, stranger: str, oracles: list[str], work: Work
) -> None:
    attestation = attest_outcome(chain, oracles, work)
    mine_to_final(chain, attestation.epoch.number)

    with slashing(chain, SHARE, REWARD):
        sent = enforce(chain, attestation, work, stranger)

    assert sent.event("BadItemEnforced") == {
        "device": work.device,
        "slot": work.slot,
        "challenger": stranger,
        "epoch": attestation.epoch.number,
        "amount": SHARE,
        "reward": REWARD,
    }
    slashed = sent.event("StakeSlashed")
    assert (slashed["provider"], slashed["challenger"], slashed["victim"]) == (
        provider,
        stranger,
        ZERO_ADDRESS,
    )
    assert (slashed["reason"], slashed["evidence"]) == (SlashReason.BAD_ITEM_ATTESTED, WITNESS)
    assert (slashed["toChallenger"], slashed["burned"]) == (REWARD, SHARE - REWARD)
    assert sent.event("FaultRecorded") == {"device": work.device, "slot": work.slot, "count": 1, "mark": MARK}
    assert sent.event("BondDebited") == {"device": work.device, "amount": SHARE, "bond": BOND - SHARE}
    assert sent.event("DeviceSuspended")["device"] == work.device


@pytest.fixture
def deep(chain: Chain, provider: str) -> MemoryWork:
    """An M-phase of a class with lines so long that no transaction shows a tile of its C-phase."""
    terms = chain.call("DeviceRegistry", "classOf", memory_class_as(chain))
    sent = chain.send("DeviceRegistry", "addClass", replace(terms, k=16_384), sender=role(chain, "governor"))
    stake_as(chain, provider, BOND)
    return commit_memory(
        chain, provider, register_as(chain, provider, sent.event("ClassAdded")["classId"], GOPS)
    )


@pytest.mark.parametrize("kind", [OutcomeKind.DRAWN_M, OutcomeKind.ROLL_CALL])
@pytest.mark.parametrize(("item", "mark"), [(3, 4), (70, 71), (96, 0)], ids=["label", "segment", "header"])
def test_enforce__final_bad_item_of_the_m_phase__slashes_a_share(
    chain: Chain,
    provider: str,
    stranger: str,
    oracles: list[str],
    deep: MemoryWork,
    kind: OutcomeKind,
    item: int,
    mark: int,
) -> None:
    work = deep
    attestation = attest_outcome(chain, oracles, work, kind=kind, item=item)
    mine_to_final(chain, attestation.epoch.number)

    with slashing(chain, SHARE, REWARD):
        sent = enforce(chain, attestation, work, stranger)

    assert sent.event("BadItemEnforced")["amount"] == SHARE
    assert sent.event("FaultRecorded") == {"device": work.device, "slot": work.slot, "count": 1, "mark": mark}


def test_enforce__forced_row_about_an_m_phase__reverts(
    chain: Chain, provider: str, stranger: str, oracles: list[str]
) -> None:
    """The job was over before the slot began: nobody could show an item of the C-phase to be good."""
    work = commit_memory(chain, provider, memory_device_as(chain, provider))
    attestation = attest_outcome(chain, oracles, work, kind=OutcomeKind.FORCED)
    mine_to_final(chain, attestation.epoch.number)
    with moving(chain), chain.reverts("PhaseMismatch", device=work.device, slot=work.slot):
        enforce(chain, attestation, work, stranger)


def test_enforce__tile_that_no_transaction_could_show_to_be_good__reverts(
    chain: Chain, provider: str, stranger: str, oracles: list[str]
) -> None:
    """A quorum that lies about K = 16,384 can't be refuted (proveFalseFailItem), and so takes no stake."""
    work = commit_work(chain, provider, device_as(chain, provider, class_id=2))
    attestation = attest_outcome(chain, oracles, work)
    mine_to_final(chain, attestation.epoch.number)
    with moving(chain), chain.reverts("OutcomeIrrefutable", device=work.device, slot=work.slot):
        enforce(chain, attestation, work, stranger)


def test_enforce__not_final__reverts(chain: Chain, stranger: str, oracles: list[str], work: Work) -> None:
    attestation = attest_outcome(chain, oracles, work)
    _, attested = chain.call("Attestations", "attestedOf", attestation.epoch.number)
    chain.mine_to(attested.provable_until - 1)
    with moving(chain), chain.reverts("EpochNotFinal", epoch=attestation.epoch.number):
        enforce(chain, attestation, work, stranger)
    enforce(chain, attestation, work, stranger)


@pytest.mark.parametrize(
    "result", [OutcomeResult.PASSED, OutcomeResult.MISSED, OutcomeResult.WITHHELD, 0, 4, 255]
)
def test_enforce__another_result__reverts(
    chain: Chain, stranger: str, oracles: list[str], work: Work, result: int
) -> None:
    attestation = attest_outcome(chain, oracles, work, result)
    mine_to_final(chain, attestation.epoch.number)
    with moving(chain), chain.reverts("OutcomeNotBadItem", result=result):
        enforce(chain, attestation, work, stranger)


def test_enforce__outcome_changed__reverts(
    chain: Chain, stranger: str, oracles: list[str], work: Work
) -> None:
    attestation = attest_outcome(chain, oracles, work, OutcomeResult.PASSED)
    outcome = make_outcome(work.slot, result=OutcomeResult.BAD_ITEM, witness=WITNESS)
    leaf = make_leaf(work.device, work.provider)
    other = Epoch.of(attestation.epoch.number, [leaf], {work.device: [outcome]})
    mine_to_final(chain, attestation.epoch.number)
    proof = attestation.epoch.leaf_proof(work.device)
    forged, changed = other.leaf_proof(work.device), other.outcome_proof(work.device, 0)
    error = {"have": folded_outcome(changed), "need": proof.leaf.outcomes_root}
    with moving(chain), chain.reverts("OutcomeNotUnderLeaf", **error):
        chain.send("WorkDisputes", "enforce", proof, changed, sender=stranger)
    error = {"epoch": proof.epoch, "have": folded(forged), "need": folded(proof)}
    with moving(chain), chain.reverts("LeafNotUnderRoot", **error):
        chain.send("WorkDisputes", "enforce", forged, changed, sender=stranger)


@pytest.mark.parametrize("missed", [False, True])
def test_enforce__slot_without_a_commitment__reverts(
    chain: Chain, stranger: str, oracles: list[str], work: Work, missed: bool
) -> None:
    slot = work.slot + 1
    if missed:
        chain.send("Challenges", "recordMiss", work.device, slot, sender=chain.impersonate("WorkDisputes"))
    attestation = attest_outcome(chain, oracles, work, slot=slot)
    mine_to_final(chain, attestation.epoch.number)
    with moving(chain), chain.reverts("RecordMissing", device=work.device, slot=slot):
        enforce(chain, attestation, work, stranger)


def test_enforce__twice__reverts(
    chain: Chain, stranger: str, auditor: str, oracles: list[str], work: Work
) -> None:
    attestation = attest_outcome(chain, oracles, work)
    mine_to_final(chain, attestation.epoch.number)
    enforce(chain, attestation, work, stranger)
    with moving(chain), chain.reverts("FaultedAlready", device=work.device, slot=work.slot):
        enforce(chain, attestation, work, auditor)


def test_enforce__after_the_fraud_proof__reverts(
    chain: Chain, stranger: str, auditor: str, oracles: list[str], wrong: Work
) -> None:
    proof = show_item(chain, wrong, 3, WRONG_ROW, WRONG_COLUMN)
    chain.send("WorkDisputes", "proveBadItem", proof, sender=stranger)
    attestation = attest_outcome(chain, oracles, wrong)
    mine_to_final(chain, attestation.epoch.number)
    with moving(chain), chain.reverts("FaultedAlready", device=wrong.device, slot=wrong.slot):
        enforce(chain, attestation, wrong, auditor)


@pytest.mark.parametrize("account", ["provider", "operator"])
def test_enforce__by_the_provider_or_its_operator__reverts(
    chain: Chain, provider: str, operator: str, oracles: list[str], work: Work, account: str
) -> None:
    set_operator_as(chain, provider, operator)
    attestation = attest_outcome(chain, oracles, work)
    mine_to_final(chain, attestation.epoch.number)
    sender = provider if account == "provider" else operator
    with chain.reverts("ChallengerIsAccused", challenger=sender):
        enforce(chain, attestation, work, sender)
