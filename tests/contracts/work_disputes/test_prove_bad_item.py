from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from tensorbond.chain import digests
from tensorbond.chain.types import BadItem, SlashReason
from tensorbond.proof import (
    commitment_of,
    encode_item,
    evidence_root,
    item_leaf,
    item_length,
    parse_item,
)
from tests.acts import ZERO_ADDRESS, domain, mine_to_slot, set_operator_as
from tests.chain import Chain, Sent
from tests.conftest import role
from tests.contracts.provider_staking.staking import moving
from tests.offchain.proof.skipping import SloppyProver
from tests.work import (
    BOND,
    Work,
    change_item,
    commit_work,
    device_as,
    open_item,
    open_work,
    show_item,
    sign_evidence,
)

from ..challenges.slots import forget_history, mine_out_of_reach, start_of
from .conftest import WRONG_COLUMN, WRONG_ROW
from .faults import slashing
from .mix import mix, second_preimage

pytestmark = pytest.mark.chain

FAULT_BPS = 3_000
SHARE = BOND * FAULT_BPS // 10_000
REWARD = SHARE // 4
EPOCH_SLOTS = 4
FAULT_EPOCHS = 32


def prove(chain: Chain, proof: BadItem, sender: str) -> Sent:
    return chain.send("WorkDisputes", "proveBadItem", proof, sender=sender)


def show_wrong(chain: Chain, work: Work, index: int = 0) -> BadItem:
    return show_item(chain, work, index, WRONG_ROW, WRONG_COLUMN)


def assert_good(chain: Chain, proof: BadItem, sender: str) -> None:
    with chain.reverts("ItemGood", index=proof.index, row=proof.row, column=proof.column):
        prove(chain, proof, sender)


def assert_unsigned(chain: Chain, proof: BadItem, sender: str) -> None:
    """Refused, because the key didn't sign the root that this proof folds to."""
    node = item_leaf(proof.index, proof.item)
    for level, sibling in enumerate(proof.evidence_path):
        pair = sibling + node if proof.index >> level & 1 else node + sibling
        node = sha256(pair).digest()
    signable = digests.evidence(domain(chain, "Challenges"), proof.commitment, node)
    signer = signable.signer(proof.signature)
    assert signer != proof.key
    with chain.reverts("EvidenceSignerMismatch", have=signer, need=proof.key):
        prove(chain, proof, sender)


def test_open_item__what_the_sample_asks_for__is_the_evidences_item(honest: Work) -> None:
    assert honest.evidence is not None
    asked = parse_item(honest.shape, honest.evidence.items[0])
    assert open_item(honest, asked.round, asked.tile) == honest.evidence.items[0]


# What is bad


def test_prove_bad_item__entry_wrong__slashes_a_share(
    chain: Chain, provider: str, stranger: str, wrong: Work
) -> None:
    proof = show_wrong(chain, wrong, index=2)
    assert wrong.evidence is not None
    until_slot = wrong.slot + 2

    with slashing(chain, SHARE, REWARD):
        sent = prove(chain, proof, stranger)

    assert sent.event("BadItemProven") == {
        "device": wrong.device,
        "slot": wrong.slot,
        "challenger": stranger,
        "index": 2,
        "amount": SHARE,
        "reward": REWARD,
    }
    assert sent.event("StakeSlashed") == {
        "provider": provider,
        "challenger": stranger,
        "victim": ZERO_ADDRESS,
        "reason": SlashReason.BAD_ITEM,
        "evidence": evidence_root(wrong.evidence),
        "fromVesting": 0,
        "fromActive": SHARE,
        "fromUnbonding": 0,
        "toChallenger": REWARD,
        "toVictim": 0,
        "burned": SHARE - REWARD,
        "vesting": 0,
        "active": BOND - SHARE,
        "unbonding": 0,
        "locked": BOND - SHARE,
    }
    assert sent.event("FaultRecorded") == {"device": wrong.device, "slot": wrong.slot, "count": 1, "mark": 3}
    assert sent.all("FaultsCorrelated") == []
    assert sent.event("BondDebited") == {"device": wrong.device, "amount": SHARE, "bond": BOND - SHARE}
    assert sent.event("DeviceSuspended") == {
        "device": wrong.device,
        "provider": provider,
        "untilSlot": until_slot,
    }
    assert chain.call("DeviceRegistry", "bondOf", wrong.device) == BOND - SHARE
    assert chain.call("DeviceRegistry", "deviceOf", wrong.device).until_slot == until_slot


@pytest.mark.parametrize("index", [0, 7, 15])
def test_prove_bad_item__any_index__slashes(chain: Chain, stranger: str, wrong: Work, index: int) -> None:
    assert prove(chain, show_wrong(chain, wrong, index), stranger).event("BadItemProven")["index"] == index


@pytest.mark.parametrize("class_id", [1, 2])
def test_prove_bad_item__larger_classes__slashes(
    chain: Chain, provider: str, stranger: str, class_id: int
) -> None:
    device = device_as(chain, provider, class_id)
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, provider, device, prover=prover))
    assert_good(chain, show_item(chain, work, 1, WRONG_COLUMN, WRONG_ROW), stranger)
    assert prove(chain, show_wrong(chain, work, 1), stranger).event("BadItemProven")["amount"] == SHARE


@pytest.mark.parametrize(("m", "n", "rounds", "q"), [(512, 256, 3, 7), (256, 1024, 1, 1), (256, 512, 5, 8)])
def test_prove_bad_item__class_of_another_shape__tells_good_from_bad(
    chain: Chain, governor: str, provider: str, stranger: str, m: int, n: int, rounds: int, q: int
) -> None:
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), m=m, n=n, r=rounds, q=q)
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=governor)
    device = device_as(chain, provider, sent.event("ClassAdded")["classId"])
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, provider, device, prover=prover))
    for index in range(q):
        good = show_item(chain, work, index, WRONG_COLUMN, WRONG_ROW)
        with chain.reverts("ItemGood", index=index, row=WRONG_COLUMN, column=WRONG_ROW):
            chain.call("WorkDisputes", "proveBadItem", good, sender=stranger)
        assert (
            chain.call("WorkDisputes", "proveBadItem", show_wrong(chain, work, index), sender=stranger)
            == SHARE
        )


def test_prove_bad_item__one_bit_of_an_entry_signed_wrong__slashes(
    chain: Chain, stranger: str, honest: Work
) -> None:
    assert honest.evidence is not None
    entries = parse_item(honest.shape, honest.evidence.items[3]).entries.copy()
    entries[15, 15] ^= 1 << 30
    item = change_item(honest, 3, entries=entries)
    # The paths don't lead from these entries to the roundsRoot, so any entry will do.
    assert prove(chain, show_item(chain, honest, 3, 0, 0, item=item), stranger).event("BadItemProven")


def test_prove_bad_item__entries_of_equal_digest_signed__slashes_by_the_entry_only(
    chain: Chain, stranger: str, honest: Work
) -> None:
    assert honest.evidence is not None
    entries = second_preimage(parse_item(honest.shape, honest.evidence.items[0]).entries)
    item = change_item(honest, 0, entries=entries)
    assert_good(chain, show_item(chain, honest, 0, 9, 9, item=item), stranger)
    assert prove(chain, show_item(chain, honest, 0, 0, 0, item=item), stranger).event("BadItemProven")


@pytest.mark.parametrize("part", ["tile_path", "round_path", "seed"])
def test_prove_bad_item__fold_broken__slashes(chain: Chain, stranger: str, honest: Work, part: str) -> None:
    assert honest.evidence is not None
    item = parse_item(honest.shape, honest.evidence.items[0])
    if part == "seed":
        changes: dict[str, object] = {"seed": bytes(32)}
    else:
        path = getattr(item, part)
        changes = {part: (*path[:-1], bytes(32))}
    proof = show_item(chain, honest, 0, item=change_item(honest, 0, **changes))
    assert prove(chain, proof, stranger).event("BadItemProven")["amount"] == SHARE


@pytest.mark.parametrize("part", ["round", "tile"])
def test_prove_bad_item__other_sample_than_asked_for__slashes(
    chain: Chain, stranger: str, honest: Work, part: str
) -> None:
    assert honest.evidence is not None
    asked = getattr(parse_item(honest.shape, honest.evidence.items[0]), part)
    end = honest.shape.R if part == "round" else honest.shape.tiles
    item = change_item(honest, 0, **{part: (asked + 1) % end})
    assert prove(chain, show_item(chain, honest, item=item), stranger).event("BadItemProven")


def test_prove_bad_item__good_item_of_another_sample__slashes(
    chain: Chain, stranger: str, honest: Work
) -> None:
    assert honest.evidence is not None
    item = honest.evidence.items[1]
    assert item != honest.evidence.items[0]
    assert prove(chain, show_item(chain, honest, 0, item=item), stranger).event("BadItemProven")


@pytest.mark.parametrize("part", ["round", "tile"])
def test_prove_bad_item__good_tile_that_was_not_asked_for__slashes(
    chain: Chain, stranger: str, honest: Work, part: str
) -> None:
    """Its entries are right and it folds: only the sample tells."""
    assert honest.evidence is not None
    asked = parse_item(honest.shape, honest.evidence.items[0])
    round_index, tile = asked.round, asked.tile
    if part == "round":
        round_index = (round_index + 1) % honest.shape.R
    else:
        tile = (tile + 1) % honest.shape.tiles
    item = open_item(honest, round_index, tile)
    assert prove(chain, show_item(chain, honest, 0, item=item), stranger).event("BadItemProven")


@pytest.mark.parametrize("cut", ["empty", "one byte", "one short", "one long", "two items"])
def test_prove_bad_item__another_length_signed__slashes(
    chain: Chain, stranger: str, honest: Work, cut: str
) -> None:
    assert honest.evidence is not None
    good = honest.evidence.items[0]
    item = {
        "empty": b"",
        "one byte": b"\0",
        "one short": good[:-1],
        "one long": good + b"\0",
        "two items": good + good,
    }[cut]
    assert prove(chain, show_item(chain, honest, 0, item=item), stranger).event("BadItemProven")


# What an honest provider has to fear: nothing


@pytest.mark.parametrize("place", [(0, 0), (0, 15), (15, 0), (15, 15), (7, 8)])
def test_prove_bad_item__good_item__reverts(
    chain: Chain, stranger: str, honest: Work, place: tuple[int, int]
) -> None:
    for index in (0, 15):
        assert_good(chain, show_item(chain, honest, index, *place), stranger)
    assert chain.call("DeviceRegistry", "bondOf", honest.device) == BOND


def test_prove_bad_item__every_good_item__reverts(chain: Chain, stranger: str, honest: Work) -> None:
    for index in range(honest.shape.q):
        proof = show_item(chain, honest, index, index, 15 - index)
        with chain.reverts("ItemGood", index=index, row=index, column=15 - index):
            chain.call("WorkDisputes", "proveBadItem", proof, sender=stranger)


def test_prove_bad_item__bytes_behind_a_signed_item__reverts(
    chain: Chain, stranger: str, honest: Work
) -> None:
    proof = show_item(chain, honest)
    assert_unsigned(chain, replace(proof, item=proof.item + b"\0"), stranger)
    assert_unsigned(chain, replace(proof, item=proof.item[:-1]), stranger)
    assert_unsigned(chain, replace(proof, item=b""), stranger)


@pytest.mark.parametrize("place", [0, 5, 8, 700, 1031, 1032, 1300, -1])
def test_prove_bad_item__one_bit_of_a_signed_item_flipped__reverts(
    chain: Chain, stranger: str, honest: Work, place: int
) -> None:
    proof = show_item(chain, honest)
    item = bytearray(proof.item)
    item[place] ^= 0x10
    assert_unsigned(chain, replace(proof, item=bytes(item)), stranger)


def test_prove_bad_item__second_preimage_of_mix__reverts(chain: Chain, stranger: str, honest: Work) -> None:
    assert honest.evidence is not None
    item = parse_item(honest.shape, honest.evidence.items[0])
    forged = second_preimage(item.entries)
    assert mix(forged) == mix(item.entries)
    assert (forged != item.entries).sum() == 2
    data = encode_item(honest.shape, replace(item, entries=forged))
    assert_unsigned(chain, replace(show_item(chain, honest), item=data), stranger)


def test_prove_bad_item__inner_node_as_an_item__reverts(chain: Chain, stranger: str, honest: Work) -> None:
    proof = show_item(chain, honest)
    pair = item_leaf(0, proof.item) + proof.evidence_path[0]
    # With its true path the pair hashes to a node, but lies one level too high ...
    with chain.reverts("EvidencePathMalformed", have=4, need=5):
        prove(chain, replace(proof, item=pair, evidence_path=proof.evidence_path[1:]), stranger)
    # ... and as an item at the right depth it is hashed as one.
    assert_unsigned(chain, replace(proof, item=pair), stranger)


@pytest.mark.parametrize("depth", [0, 4, 6])
def test_prove_bad_item__evidence_path_of_another_depth__reverts(
    chain: Chain, stranger: str, honest: Work, depth: int
) -> None:
    proof = show_item(chain, honest)
    path = (*proof.evidence_path, bytes(32))[:depth]
    with chain.reverts("EvidencePathMalformed", have=depth, need=5):
        prove(chain, replace(proof, evidence_path=path), stranger)


@pytest.mark.parametrize("index", [16, 17, 31, 32, 2**32, 2**255])
def test_prove_bad_item__header_or_padding_as_an_item__reverts(
    chain: Chain, stranger: str, honest: Work, index: int
) -> None:
    with chain.reverts("IndexOutOfRange", have=index, count=16):
        prove(chain, replace(show_item(chain, honest), index=index), stranger)


def test_prove_bad_item__item_shown_at_another_index__reverts(
    chain: Chain, stranger: str, honest: Work
) -> None:
    assert_unsigned(chain, replace(show_item(chain, honest, 0), index=1), stranger)
    swapped = replace(show_item(chain, honest, 1), item=show_item(chain, honest, 0).item)
    assert_unsigned(chain, swapped, stranger)


@pytest.mark.parametrize(("row", "column"), [(16, 0), (0, 16), (2**255, 0), (0, 2**255)])
def test_prove_bad_item__entry_outside_the_tile__reverts(
    chain: Chain, stranger: str, honest: Work, row: int, column: int
) -> None:
    with chain.reverts("EntryOutOfRange", row=row, column=column):
        prove(chain, show_item(chain, honest, 0, row, column), stranger)


def test_prove_bad_item__roots_that_are_not_the_commitments__reverts(
    chain: Chain, stranger: str, honest: Work
) -> None:
    proof = show_item(chain, honest)
    for changes in ({"final_seed": bytes(32)}, {"rounds_root": bytes(32)}):
        forged = replace(proof, **changes)
        have = commitment_of(forged.final_seed, forged.rounds_root)
        with chain.reverts("CommitmentMismatch", have=have, need=proof.commitment):
            prove(chain, forged, stranger)


@pytest.mark.parametrize("change", ["timestamp", "key", "commitment"])
def test_prove_bad_item__parts_of_another_record__reverts(
    chain: Chain, stranger: str, auditor: str, honest: Work, change: str
) -> None:
    proof = show_item(chain, honest)
    other = {"timestamp": honest.timestamp + 1, "key": auditor, "commitment": bytes(32)}[change]
    with chain.reverts("RecordMismatch", device=honest.device, slot=honest.slot):
        prove(chain, replace(proof, **{change: other}), stranger)


def test_prove_bad_item__another_devices_evidence__reverts(
    chain: Chain, provider: str, other_provider: str, stranger: str
) -> None:
    victim = device_as(chain, provider)
    liar = device_as(chain, other_provider)
    work = commit_work(chain, provider, victim)
    wrong = commit_work(chain, other_provider, liar, work.slot, SloppyProver(WRONG_ROW, WRONG_COLUMN))
    proof = show_wrong(chain, open_work(chain, wrong))
    with chain.reverts("RecordMismatch", device=victim, slot=work.slot):
        prove(chain, replace(proof, device=victim), stranger)


def test_prove_bad_item__no_record__reverts(chain: Chain, stranger: str, honest: Work) -> None:
    with chain.reverts("RecordMissing", device=honest.device, slot=honest.slot + 1):
        prove(chain, replace(show_item(chain, honest), slot=honest.slot + 1), stranger)


def test_prove_bad_item__signed_by_another_key__reverts(
    chain: Chain, stranger: str, auditor: str, honest: Work
) -> None:
    assert_unsigned(chain, show_item(chain, honest, 0, item=b"bad", signer=auditor), stranger)


def test_prove_bad_item__signed_for_another_commitment__reverts(
    chain: Chain, stranger: str, honest: Work
) -> None:
    assert honest.evidence is not None
    root = evidence_root(honest.evidence)
    signature = sign_evidence(chain, honest.key, bytes(32), root)
    assert_unsigned(chain, replace(show_item(chain, honest), signature=signature), stranger)


@pytest.mark.parametrize("elsewhere", [{"chain_id": 1}, {"address": "0x" + "11" * 20}, {"version": "2"}])
def test_prove_bad_item__signed_for_another_chain_or_contract__reverts(
    chain: Chain, stranger: str, wrong: Work, elsewhere: dict[str, Any]
) -> None:
    assert wrong.evidence is not None
    there = replace(domain(chain, "Challenges"), **elsewhere)
    signable = digests.evidence(there, wrong.proof.commitment, evidence_root(wrong.evidence))
    signature = signable.sign(chain.key(wrong.key))
    assert_unsigned(chain, replace(show_wrong(chain, wrong), signature=signature), stranger)


@pytest.mark.parametrize("form", ["upper half", "compact", "long", "empty", "v of 0"])
def test_prove_bad_item__signature_in_another_form__reverts(
    chain: Chain, stranger: str, wrong: Work, form: str
) -> None:
    proof = show_wrong(chain, wrong)
    r, s, v = proof.signature[:32], proof.signature[32:64], proof.signature[64]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = {
        "upper half": r + (order - int.from_bytes(s)).to_bytes(32) + bytes([55 - v]),
        "compact": r + (int.from_bytes(s) | (v - 27) << 255).to_bytes(32),
        "long": proof.signature + b"\0",
        "empty": b"",
        "v of 0": r + s + bytes([v - 27]),
    }[form]
    with chain.reverts("EvidenceSignerMismatch", have=ZERO_ADDRESS, need=wrong.key):
        prove(chain, replace(proof, signature=signature), stranger)


# Beacons


def test_prove_bad_item__next_slot_unsealed__seals_it(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    committed = commit_work(chain, provider, device, prover=SloppyProver(WRONG_ROW, WRONG_COLUMN))
    mine_to_slot(chain, committed.slot + 1)
    beacon = chain.block_hash(start_of(chain, committed.slot + 1))
    work = replace(committed, evidence=committed.proof.open(beacon))

    sent = prove(chain, show_wrong(chain, work), stranger)

    assert sent.event("SlotSealed") == {"slot": work.slot + 1, "beacon": beacon}
    assert chain.call("Challenges", "beaconOf", work.slot + 1) == beacon


def test_prove_bad_item__next_slot_not_begun__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    committed = commit_work(chain, provider, device, prover=SloppyProver(WRONG_ROW, WRONG_COLUMN))
    work = replace(committed, evidence=committed.proof.open(bytes(32)))
    with chain.reverts("SlotNotSealed", slot=work.slot + 1):
        prove(chain, show_wrong(chain, work), stranger)


def test_prove_bad_item__next_slot_unsealed_and_out_of_reach__reverts(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    committed = commit_work(chain, provider, device, prover=SloppyProver(WRONG_ROW, WRONG_COLUMN))
    start = start_of(chain, committed.slot + 1)
    forget_history(chain)
    mine_out_of_reach(chain, start)
    work = replace(committed, evidence=committed.proof.open(chain.block_hash(start)))
    with chain.reverts("SlotNotSealed", slot=work.slot + 1):
        prove(chain, show_wrong(chain, work), stranger)


# Who may, and how often


def test_prove_bad_item__by_the_committing_key__reverts(
    chain: Chain, provider: str, operator: str, device: int
) -> None:
    set_operator_as(chain, provider, operator)
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, operator, device, prover=prover))
    # A key that has been rotated away is still the one that committed.
    chain.send("ProviderStaking", "setOperator", ZERO_ADDRESS, b"", sender=provider)
    with chain.reverts("ChallengerIsAccused", challenger=operator):
        prove(chain, show_wrong(chain, work), operator)


@pytest.mark.parametrize("account", ["provider", "operator"])
def test_prove_bad_item__by_the_provider_or_its_operator__reverts(
    chain: Chain, provider: str, operator: str, wrong: Work, account: str
) -> None:
    set_operator_as(chain, provider, operator)
    sender = provider if account == "provider" else operator
    with chain.reverts("ChallengerIsAccused", challenger=sender):
        prove(chain, show_wrong(chain, wrong), sender)
    assert chain.call("Challenges", "faultsOf", wrong.device).count == 0


def test_prove_bad_item__key_rotated_since__slashes_the_provider(
    chain: Chain, provider: str, operator: str, stranger: str, device: int
) -> None:
    set_operator_as(chain, provider, operator)
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, operator, device, prover=prover))
    chain.send("ProviderStaking", "setOperator", ZERO_ADDRESS, b"", sender=provider)
    event = prove(chain, show_wrong(chain, work), stranger).event("StakeSlashed")
    assert (event["provider"], event["reason"]) == (provider, SlashReason.BAD_ITEM)


def test_prove_bad_item__same_item_again__reverts(
    chain: Chain, stranger: str, auditor: str, wrong: Work
) -> None:
    prove(chain, show_wrong(chain, wrong, 0), stranger)
    with moving(chain), chain.reverts("FaultedAlready", device=wrong.device, slot=wrong.slot):
        prove(chain, show_wrong(chain, wrong, 0), auditor)


def places_of(chain: Chain, work: Work) -> list[bytes]:
    """Which place each sample asks for."""
    args = work.device, work.slot, work.proof.commitment
    return [chain.call("ComputeProofs", "placeOf", *args, index) for index in range(work.shape.q)]


def test_prove_bad_item__another_item_of_the_slot__takes_what_is_left(
    chain: Chain, stranger: str, requester: str, wrong: Work
) -> None:
    places = places_of(chain, wrong)
    second = next(index for index in range(1, 16) if places[index] != places[0])
    prove(chain, show_wrong(chain, wrong, 0), stranger)
    left = BOND - SHARE
    with moving(
        chain,
        total=-left,
        held=-left,
        supply=left // 4 - left,
        provider_active=-left,
        provider_locked=-left,
        requester_balance=left // 4,
    ):
        sent = prove(chain, show_wrong(chain, wrong, second), requester)
    told = {"device": wrong.device, "slot": wrong.slot, "count": 1, "mark": second + 1}
    assert sent.event("FaultRecorded") == told
    assert sent.event("BadItemProven")["amount"] == left
    third = next(index for index in range(1, 16) if index not in (0, second))
    with moving(chain), chain.reverts("FaultedAlready", device=wrong.device, slot=wrong.slot):
        prove(chain, show_wrong(chain, wrong, third), requester)


def test_prove_bad_item__one_place_sampled_twice__is_one_fault(
    chain: Chain, provider: str, stranger: str, auditor: str
) -> None:
    """One flipped bit, of 256 places that 64 samples ask for."""
    terms = replace(chain.call("DeviceRegistry", "classOf", 0), r=1, q=64)
    sent = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    device = device_as(chain, provider, sent.event("ClassAdded")["classId"])
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, provider, device, prover=prover))
    places = places_of(chain, work)
    first, again = next(
        (places.index(place), index) for index, place in enumerate(places) if places.index(place) != index
    )
    prove(chain, show_wrong(chain, work, first), stranger)
    refused = {"device": device, "slot": work.slot, "index": first}
    with moving(chain), chain.reverts("PlaceProvenAlready", **refused):
        prove(chain, show_wrong(chain, work, again), auditor)


@pytest.mark.parametrize("newest_first", [False, True])
def test_prove_bad_item__second_fault_soon__takes_what_is_left(
    chain: Chain, provider: str, stranger: str, device: int, newest_first: bool
) -> None:
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    works = [open_work(chain, commit_work(chain, provider, device, prover=prover))]
    works.append(open_work(chain, commit_work(chain, provider, device, works[0].slot + 1, prover)))
    if newest_first:
        works.reverse()

    assert prove(chain, show_wrong(chain, works[0]), stranger).event("BadItemProven")["amount"] == SHARE
    left = BOND - SHARE
    with moving(
        chain,
        total=-left,
        held=-left,
        supply=left // 4 - left,
        provider_active=-left,
        provider_locked=-left,
        stranger_balance=left // 4,
    ):
        sent = prove(chain, show_wrong(chain, works[1]), stranger)
    assert sent.event("FaultRecorded")["count"] == 2
    assert sent.event("BondDebited") == {"device": device, "amount": left, "bond": 0}


def test_prove_bad_item__third_fault__has_nothing_to_take(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    slot, works = None, []
    for _ in range(3):
        works.append(open_work(chain, commit_work(chain, provider, device, slot, prover)))
        slot = works[-1].slot + 1
    for work in works[:2]:
        prove(chain, show_wrong(chain, work), stranger)
    with moving(chain):
        sent = prove(chain, show_wrong(chain, works[2]), stranger)
    assert sent.event("BadItemProven")["amount"] == sent.event("BadItemProven")["reward"] == 0
    assert not sent.all("BondDebited")


@pytest.mark.parametrize(("apart", "amount"), [(FAULT_EPOCHS, BOND), (FAULT_EPOCHS + 1, SHARE)])
def test_prove_bad_item__another_fault_that_far_away__takes_all_or_a_share(
    chain: Chain, stranger: str, wrong: Work, apart: int, amount: int
) -> None:
    disputes = chain.impersonate("WorkDisputes")
    later = wrong.slot + apart * EPOCH_SLOTS
    chain.send("Challenges", "recordMiss", wrong.device, later, sender=disputes)
    chain.send("Challenges", "recordFault", wrong.device, later, later // EPOCH_SLOTS, 0, sender=disputes)
    assert prove(chain, show_wrong(chain, wrong), stranger).event("BadItemProven")["amount"] == amount


def test_prove_bad_item__other_devices_of_the_provider__keep_their_bonds(
    chain: Chain, provider: str, stranger: str, device: int
) -> None:
    other = device_as(chain, provider)
    prover = SloppyProver(WRONG_ROW, WRONG_COLUMN)
    work = open_work(chain, commit_work(chain, provider, device, prover=prover))
    prove(chain, show_wrong(chain, work), stranger)
    assert chain.call("DeviceRegistry", "bondOf", other) == BOND
    assert chain.call("DeviceRegistry", "deviceOf", other).until_slot == 2**32 - 1
    assert chain.call("ProviderStaking", "stakeOf", provider).locked == 2 * BOND - SHARE


def test_prove_bad_item__when_simulated__returns_the_amount(chain: Chain, stranger: str, wrong: Work) -> None:
    assert chain.call("WorkDisputes", "proveBadItem", show_wrong(chain, wrong), sender=stranger) == SHARE


def test_item_length__of_the_class__is_what_the_contract_takes(honest: Work) -> None:
    assert honest.evidence is not None
    # u32, u32, 256 × i32, 8 levels of tiles, the seed, 2 levels of rounds.
    assert item_length(honest.shape) == len(honest.evidence.items[0]) == 8 + 1024 + 32 * (8 + 1 + 2)
