"""The codec: what comes out is what went in, and what cannot be read has a name."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.chain.abi import Abi, decode_error, snake
from tensorbond.chain.types import Bond, OutcomeProof, Timing
from tests.chain import project_artifacts

ADDRESS = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
TIMING = Timing(1, 2, 3, 4, 5, 6, 7, 8)


def abi(name: str) -> Abi:
    return project_artifacts()[name].abi


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fromEpoch", "from_epoch"),
        ("K", "k"),
        ("classId", "class_id"),
        ("dueC", "due_c"),
        ("m", "m"),
        ("minGops", "min_gops"),
        ("DrawnC", "drawn_c"),
        ("BadItemAttested", "bad_item_attested"),
    ],
)
def test_snake__solidity_names__become_pythons(name: str, expected: str) -> None:
    assert snake(name) == expected


@pytest.mark.parametrize(
    "given_as",
    [
        TIMING,
        astuple(TIMING),
        {"fromEpoch": 1, "fromSlot": 2, "fromBlock": 3, "slotBlocks": 4, "epochSlots": 5}
        | {"attestBlocks": 6, "proofBlocks": 7, "rollCall": 8},
        {"from_epoch": 1, "from_slot": 2, "from_block": 3, "slot_blocks": 4, "epoch_slots": 5}
        | {"attest_blocks": 6, "proof_blocks": 7, "roll_call": 8},
    ],
    ids=["dataclass", "tuple", "solidity names", "python names"],
)
def test_encode_call__a_struct_in_any_form__is_the_same_calldata(given_as: Any) -> None:
    words = encode(["uint256"] * 8, [1, 2, 3, 4, 5, 6, 7, 8])
    signature = "schedule((uint24,uint32,uint40,uint16,uint16,uint32,uint32,uint16))"
    assert abi("DeviceRegistry").encode_call("schedule", [given_as]) == keccak(text=signature)[:4] + words


def test_encode_call__the_wrong_number_of_arguments__says_so() -> None:
    with pytest.raises(TypeError, match=r"stake\(uint256\) takes 1 arguments, not 2"):
        abi("ProviderStaking").encode_call("stake", [1, 2])


def test_encode_call__bytes_as_hex__are_bytes() -> None:
    registry = abi("Challenges")
    by_hex = registry.encode_call("commit", [1, 2, "0x" + "ab" * 32])
    assert by_hex == registry.encode_call("commit", [1, 2, b"\xab" * 32])


def test_decode_result__none_one_or_several__is_none_the_value_or_a_tuple() -> None:
    attestations = abi("Attestations")
    assert attestations.decode_result("leave", b"") is None
    assert attestations.decode_result("nextEpoch", encode(["uint256"], [7])) == 7
    root, attested = attestations.decode_result(
        "attestedOf", encode(["bytes32", *["uint256"] * 6], [b"\x01" * 32, 2, 3, 4, 5, 6, 1])
    )
    assert root == b"\x01" * 32
    assert astuple(attested) == (2, 3, 4, 5, 6, 1)


def test_decode_result__addresses__have_their_checksum() -> None:
    members = abi("Attestations").decode_result("membersOf", encode(["address[]"], [[ADDRESS.lower()] * 2]))
    assert members == (ADDRESS, ADDRESS)


def test_decode_result__a_struct_of_a_struct__is_a_dataclass_of_a_dataclass() -> None:
    escrow = abi("JobEscrow")
    proof = escrow.function("settle").inputs[3]
    assert proof.struct == "OutcomeProof"
    assert proof.components[0].struct == "Outcome"
    assert OutcomeProof.__dataclass_fields__.keys() == set(proof.field_names)


@given(oracle=st.binary(min_size=20, max_size=20), amount=st.integers(0, 2**256 - 1), endpoint=st.text())
def test_decode_event__any_values__are_found_again(oracle: bytes, amount: int, endpoint: str) -> None:
    attestations = abi("Attestations")
    item = attestations.event("OracleJoined")
    data = encode(["uint256", "string", "uint256"], [amount, endpoint, 5])
    decoded = attestations.decode_event([item.digest, bytes(12) + oracle], data)
    assert decoded is not None
    assert decoded[0] is item
    assert list(decoded[1]) == ["oracle", "amount", "endpoint", "totalBonded"]
    assert decoded[1] | {"oracle": 0} == {
        "oracle": 0,
        "amount": amount,
        "endpoint": endpoint,
        "totalBonded": 5,
    }
    assert bytes.fromhex(decoded[1]["oracle"][2:]) == oracle


@pytest.mark.parametrize("topics", [[], [b"\x11" * 32], None], ids=["none", "unknown", "too few"])
def test_decode_event__not_one_of_ours__is_none(topics: list[bytes] | None) -> None:
    attestations = abi("Attestations")
    if topics is None:
        topics = [attestations.event("OracleJoined").digest]
    assert attestations.decode_event(topics, b"") is None


def test_decode_error__a_custom_error__has_its_numbers() -> None:
    staking = abi("ProviderStaking")
    data = keccak(text="FreeStakeInsufficient(address,uint256,uint256)")[:4]
    refused = decode_error(data + encode(["address", "uint256", "uint256"], [ADDRESS, 5, 6]), [staking])
    assert (refused.error_name, refused.arguments) == (
        "FreeStakeInsufficient",
        {"provider": ADDRESS, "have": 5, "need": 6},
    )


@pytest.mark.parametrize(
    ("contract", "names"),
    [
        ("Attestations", ["epoch", "blockNumber", "deadline"]),
        ("JobEscrow", ["job", "blockNumber", "deadline"]),
    ],
)
def test_decode_error__two_contracts_share_a_selector__the_first_names_the_arguments(
    contract: str, names: list[str]
) -> None:
    data = keccak(text="DeadlinePassed(uint256,uint256,uint256)")[:4] + encode(["uint256"] * 3, [1, 2, 3])
    refused = decode_error(data, [abi(contract), abi("Attestations"), abi("JobEscrow")])
    assert list(refused.arguments) == names


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "refused: no reason given"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["no way"]), "refused: Error(message = no way)"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [17]), "refused: Panic(code = 17)"),
        (b"\x12\x34\x56\x78\x00", "refused: UnknownError(data = 0x1234567800)"),
        (bytes.fromhex("08c379a0") + b"\xff", "refused: UnknownError(data = 0x08c379a0ff)"),
    ],
    ids=["empty", "text", "panic", "unknown", "cut"],
)
def test_decode_error__what_no_abi_knows__is_shown_as_it_is(data: bytes, told: str) -> None:
    assert str(decode_error(data, [abi("Rewards")])) == told


def test_decode_error__a_field_tag__is_shown_as_text() -> None:
    data = keccak(text="TimingInvalid(bytes32,uint256,uint256)")[:4]
    data += encode(["bytes32", "uint256", "uint256"], [b"slotBlocks".ljust(32, b"\0"), 1, 4])
    refused = decode_error(data, [abi("DeviceRegistry")], "DeviceRegistry", "schedule")
    assert (
        str(refused)
        == "DeviceRegistry.schedule refused: TimingInvalid(field = slotBlocks, have = 1, bound = 4)"
    )


def test_bond__of_the_contract__is_the_dataclass() -> None:
    output = abi("Attestations").function("bondOf").outputs[0]
    assert output.struct == Bond.__name__
