from __future__ import annotations

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tensorbond.chain import digests
from tensorbond.chain.types import Bond, OracleSet
from tests.acts import close_before, domain
from tests.chain import Chain
from tests.conftest import role

from .epochs import (
    BOND,
    PROOF_BLOCKS,
    ZERO_ADDRESS,
    close,
    config_digest,
    join,
    leave,
    mine_to_deadline,
    mine_to_end,
    moving,
    revoke,
    seat,
    some_statement,
    submit,
    withdraw,
)

pytestmark = pytest.mark.chain

MAX_SEAT_DELAY = 1_024


def test_seat__first_set__is_in_force_from_its_epoch_on(
    chain: Chain, bonded: list[str], governor: str
) -> None:
    with moving(chain):
        sent = chain.send("Attestations", "seat", bonded, 3, 2, sender=governor)

    digest = config_digest(chain, 1, 3, bonded)
    assert sent.event("SetSeated") == {
        "setId": 1,
        "members": tuple(bonded),
        "threshold": 3,
        "fromEpoch": 2,
        "configDigest": digest,
    }
    found = chain.call("Attestations", "oracleSet", 1)
    assert found == OracleSet(found.table, 3, 4, 2, 0)
    assert chain.call("Attestations", "membersOf", 1) == tuple(bonded)
    assert [chain.call("Attestations", "memberOf", 1, index) for index in range(4)] == bonded
    assert chain.call("Attestations", "configDigestOf", 1) == digest
    assert [chain.call("Attestations", "setOf", epoch) for epoch in range(4)] == [0, 0, 1, 1]
    assert chain.call("Attestations", "setCount") == 1
    assert [chain.call("Attestations", "bondOf", oracle) for oracle in bonded] == [Bond(BOND, 0, 0, True)] * 4


def test_seat__first_set__may_start_with_the_next_epoch(chain: Chain, bonded: list[str]) -> None:
    mine_to_deadline(chain)
    close(chain, 0)

    with chain.reverts("SetInvalid", field="fromEpoch", have=0, bound=1):
        seat(chain, bonded, 3, 0)
    assert seat(chain, bonded, 3, 1) == 1


def test_seat__later_set__starts_after_the_next_epoch(chain: Chain, seated: list[str]) -> None:
    with chain.reverts("SetInvalid", field="fromEpoch", have=0, bound=1):
        seat(chain, seated, 4, 0)

    assert seat(chain, seated, 4, 1) == 2
    assert [chain.call("Attestations", "setOf", epoch) for epoch in range(3)] == [1, 2, 2]


def test_seat__after_a_revocation__starts_after_every_epoch_that_was_signed(
    chain: Chain, seated: list[str]
) -> None:
    """Else two statements of epoch 2 could have been signed for a set that isn't in force there any more."""
    mine_to_end(chain, 1)
    submit(chain, some_statement(chain, 0))
    submit(chain, some_statement(chain, 1))
    revoke(chain, 0)

    with chain.reverts("SetInvalid", field="fromEpoch", have=2, bound=3):
        seat(chain, seated, 4, 2)
    assert seat(chain, seated, 4, 3) == 2


def test_seat__furthest_epoch__is_bounded(chain: Chain, seated: list[str]) -> None:
    """A set seated for a far epoch by mistake would keep every other out until then."""
    most = 1 + MAX_SEAT_DELAY
    with chain.reverts("SetInvalid", field="fromEpoch", have=most + 1, bound=most):
        seat(chain, seated, 3, most + 1)
    seat(chain, seated, 3, most)


def test_seat__another_set_is_pending__reverts(chain: Chain, seated: list[str]) -> None:
    seat(chain, seated, 3, 1)

    with chain.reverts("SetInvalid", field="pending", have=1, bound=0):
        seat(chain, seated, 4, 2)


def test_seat__epochs_before_the_newest_set_can_still_be_revoked__reverts(
    chain: Chain, seated: list[str]
) -> None:
    """A revocation of epoch 0 would bring set 1 back, in which nobody would be excluded any more."""
    seat(chain, seated, 4, 1)
    mine_to_end(chain, 0)
    attested = submit(chain, some_statement(chain, 0)).block

    chain.mine_to(attested + PROOF_BLOCKS - 1)
    with chain.reverts("SetInvalid", field="pending", have=1, bound=0):
        seat(chain, seated, 3, 3)
    assert seat(chain, seated, 3, 3) == 3
    assert [chain.call("Attestations", "setOf", epoch) for epoch in range(5)] == [1, 2, 2, 3, 3]


def test_seat__seven_sets_later__every_epoch_keeps_its_set(chain: Chain, seated: list[str]) -> None:
    expected = [1]
    for epoch in range(14):
        if epoch % 2:
            expected += [seat(chain, seated, 1 + epoch % 4, epoch + 1)] * 2
        mine_to_deadline(chain)
        close(chain, epoch)

    expected.insert(0, 1)
    assert [chain.call("Attestations", "setOf", epoch) for epoch in range(len(expected))] == expected


@pytest.mark.parametrize(
    ("size", "threshold", "quorum"),
    [
        (1, 1, 1),
        (2, 1, 2),
        (3, 1, 2),
        (4, 0, 3),
        (4, 3, 3),
        (4, 4, 4),
        (5, 2, 4),
        (6, 2, 4),
        (10, 7, 7),
        (10, 8, 8),
    ],
)
def test_seat__any_threshold__two_thirds_must_sign(
    chain: Chain, many_oracles: list[str], size: int, threshold: int, quorum: int
) -> None:
    for oracle in many_oracles[:size]:
        join(chain, oracle)

    assert chain.call("Attestations", "quorumOf", seat(chain, many_oracles[:size], threshold, 0)) == quorum


def test_seat__sixty_four__all_sign(chain: Chain, treasury: str) -> None:
    keys = sorted(
        (Account.from_key(keccak(bytes([index]))) for index in range(65)),
        key=lambda key: int(key.address, 16),
    )
    for key in keys:
        chain.send("TensorbondToken", "transfer", key.address, BOND, sender=treasury)
        join(chain, chain.impersonate(key.address))
    addresses = [key.address for key in keys]

    with chain.reverts("SetInvalid", field="size", have=65, bound=64):
        seat(chain, addresses, 3, 8)
    seat(chain, addresses[:64], 64, 8)

    assert chain.call("Attestations", "membersOf", 1) == tuple(addresses[:64])
    close_before(chain, 8)
    mine_to_end(chain, 8)
    statement = some_statement(chain, 8)
    signable = digests.attestation(domain(chain, "Attestations"), statement)
    signatures = b"".join(signable.sign(key) for key in keys[:64])
    everybody = (1 << 64) - 1
    with chain.reverts("QuorumMissing", have=63, need=64):
        chain.send(
            "Attestations",
            "attest",
            statement,
            everybody - 1,
            signatures[65:],
            sender=role(chain, "stranger"),
        )
    chain.send("Attestations", "attest", statement, everybody, signatures, sender=role(chain, "stranger"))
    assert chain.call("Attestations", "attestedOf", 8)[1].signers == everybody
    leave(chain, addresses[63])
    assert chain.call("Attestations", "oracleSet", 1).excluded == 1 << 63


def test_seat__nobody__reverts(chain: Chain, bonded: list[str]) -> None:
    with chain.reverts("SetInvalid", field="size", have=0, bound=1):
        seat(chain, [], 0, 0)


def test_seat__threshold_above_the_size__reverts(chain: Chain, bonded: list[str]) -> None:
    with chain.reverts("SetInvalid", field="threshold", have=5, bound=4):
        seat(chain, bonded, 5, 0)


def test_seat__not_ascending__reverts(chain: Chain, bonded: list[str]) -> None:
    first, second = int(bonded[0], 16), int(bonded[1], 16)
    with chain.reverts("SetInvalid", field="order", have=first, bound=second):
        seat(chain, [bonded[1], bonded[0]], 1, 0)
    with chain.reverts("SetInvalid", field="order", have=first, bound=first):
        seat(chain, [bonded[0], bonded[0]], 1, 0)
    with chain.reverts("SetInvalid", field="order", have=0, bound=0):
        seat(chain, [ZERO_ADDRESS, bonded[0]], 1, 0)


def test_seat__without_a_bond__reverts(chain: Chain, bonded: list[str], stranger: str) -> None:
    members = sorted([*bonded, stranger], key=lambda address: int(address, 16))
    with chain.reverts("OracleNotBonded", oracle=stranger):
        seat(chain, members, 3, 0)
    assert chain.call("Attestations", "setCount") == 0


def test_seat__left__reverts(chain: Chain, bonded: list[str]) -> None:
    leave(chain, bonded[2])

    with chain.reverts("OracleLeftAlready", oracle=bonded[2]):
        seat(chain, bonded, 3, 0)


def test_seat__came_back__may_be_seated_again(chain: Chain, bonded: list[str]) -> None:
    leave(chain, bonded[2])
    withdraw(chain, bonded[2])
    join(chain, bonded[2])

    seat(chain, bonded, 3, 0)


def test_seat__not_the_governor__reverts(chain: Chain, bonded: list[str], stranger: str) -> None:
    for account in (stranger, bonded[0]):
        with chain.reverts("AccessManagedUnauthorized", caller=account):
            chain.send("Attestations", "seat", bonded, 3, 0, sender=account)


def test_seat__call_to_the_table__does_nothing(chain: Chain, seated: list[str], stranger: str) -> None:
    table = chain.call("Attestations", "oracleSet", 1).table

    sent = chain.transact(table, bytes.fromhex("12345678"), sender=stranger)

    assert sent.events == []
    assert chain.call("Attestations", "membersOf", 1) == tuple(seated)


def test_set_views__unknown_set__revert(chain: Chain, seated: list[str]) -> None:
    for view in ("oracleSet", "membersOf", "quorumOf", "configDigestOf"):
        with chain.reverts("SetUnknown", setId=2):
            chain.call("Attestations", view, 2)
    with chain.reverts("SetUnknown", setId=2):
        chain.call("Attestations", "memberOf", 2, 0)
    with chain.reverts("SignerUnknown", index=4, size=4):
        chain.call("Attestations", "memberOf", 1, 4)


def test_seat_of__any_epoch__names_the_set_the_member_and_what_it_signs_for(
    chain: Chain, seated: list[str]
) -> None:
    seat(chain, seated[1:], 2, 1)

    def seat_of(epoch: int, index: int) -> tuple[int, str, bytes]:
        return tuple(chain.call("Attestations", "seatOf", epoch, index))  # type: ignore[return-value]

    assert seat_of(0, 1) == (1, seated[1], config_digest(chain, 1, 3, seated))
    assert seat_of(7, 1) == (2, seated[2], config_digest(chain, 2, 2, seated[1:]))
    with chain.reverts("SignerUnknown", index=3, size=3):
        seat_of(1, 3)


def test_seat_of__before_the_first_set__reverts(chain: Chain, bonded: list[str]) -> None:
    seat(chain, bonded, 3, 1)

    with chain.reverts("SetUnknown", setId=0):
        chain.call("Attestations", "seatOf", 0, 0)
