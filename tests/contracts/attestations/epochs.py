"""What the tests of attestations say again and again: acting as the disputes, and whose money moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tensorbond.chain import slots
from tensorbond.chain.types import EpochStatus, Leaf, OracleFault, Statement, Timing
from tests.acts import TBND, join_oracles, sign_as_quorum, statement_of, timing
from tests.chain import Chain, Sent
from tests.leaves import Epoch, make_leaf
from tests.system import role

ZERO = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20
EVIDENCE = bytes.fromhex("e5" * 32)
BOND = 100_000 * TBND
EMISSION = 1_000 * TBND
PROOF_BLOCKS = 30
ATTEST_BLOCKS = 60
ATTESTED, VOID, REVOKED = 1, 2, 4
STANDING = (1 << 256) - 1
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935"


def some_leaves(chain: Chain, count: int = 2) -> list[Leaf]:
    """Devices 1..count of the provider, with weights."""
    owner = role(chain, "provider")
    return [make_leaf(device, owner, weight=10 * device) for device in range(1, count + 1)]


def some_statement(chain: Chain, epoch: int = 0, round: int = 0, **changes: object) -> Statement:
    """Honest, of an epoch that is over."""
    return statement_of(chain, Epoch.of(epoch, some_leaves(chain)), round, **changes)


def submit(
    chain: Chain,
    statement: Statement,
    indices: Sequence[int] = (0, 1, 2),
    *,
    members: Sequence[str] | None = None,
    sender: str | None = None,
) -> Sent:
    """Have these members sign, and attest. Does not mine."""
    if members is None:
        set_id = chain.call("Attestations", "setOf", statement.epoch)
        members = chain.call("Attestations", "membersOf", set_id)
    signers, signatures = sign_as_quorum(chain, statement, members, indices)
    return chain.send(
        "Attestations", "attest", statement, signers, signatures, sender=sender or role(chain, "stranger")
    )


def last_block(chain: Chain, epoch: int) -> int:
    return slots.last_block(timing(chain), epoch)


def mine_to_end(chain: Chain, epoch: int) -> None:
    """The epoch's last block is the head, or a later one: it can be attested in the next block."""
    chain.mine_to(max(last_block(chain, epoch), chain.block_number))


def mine_to_deadline(chain: Chain) -> None:
    """The next epoch can be closed in the next block."""
    chain.mine_to(max(chain.call("Attestations", "deadline"), chain.block_number))


def close(chain: Chain, epoch: int, sender: str | None = None) -> Sent:
    return chain.send("Attestations", "close", epoch, sender=sender or role(chain, "stranger"))


def revoke(chain: Chain, epoch: int) -> Sent:
    """Acting as the disputes."""
    return chain.send("Attestations", "revoke", epoch, sender=chain.impersonate("AttestationDisputes"))


def slash(chain: Chain, set_id: int, index: int, challenger: str | None = None) -> Sent:
    """Acting as the disputes, for a stranger."""
    return chain.send(
        "Attestations",
        "slashOracle",
        set_id,
        index,
        challenger or role(chain, "stranger"),
        OracleFault.EQUIVOCATION,
        EVIDENCE,
        sender=chain.impersonate("AttestationDisputes"),
    )


def join(chain: Chain, oracle: str, endpoint: str = "http://127.0.0.1:9000") -> Sent:
    """Approve and join."""
    bond = chain.call("Attestations", "BOND")
    chain.send("TensorbondToken", "approve", chain.at("Attestations"), bond, sender=oracle)
    return chain.send("Attestations", "join", endpoint, sender=oracle)


def leave(chain: Chain, oracle: str) -> Sent:
    return chain.send("Attestations", "leave", sender=oracle)


def withdraw(chain: Chain, oracle: str) -> Sent:
    return chain.send("Attestations", "withdrawBond", sender=oracle)


def seat(chain: Chain, members: Sequence[str], threshold: int, from_epoch: int) -> int:
    """By the governor. Returns the set's id."""
    sent = chain.send(
        "Attestations", "seat", list(members), threshold, from_epoch, sender=role(chain, "governor")
    )
    return int(sent.event("SetSeated")["setId"])


def excluded(chain: Chain, set_id: int) -> int:
    return int(chain.call("Attestations", "oracleSet", set_id).excluded)


def status(chain: Chain, epoch: int) -> EpochStatus:
    return EpochStatus(chain.call("Attestations", "statusOf", epoch))


def config_digest(chain: Chain, set_id: int, threshold: int, members: Sequence[str]) -> bytes:
    return keccak(
        encode(
            ["uint256", "address", "uint256", "uint256", "address[]"],
            [31337, chain.address["Attestations"], set_id, threshold, list(members)],
        )
    )


def high_s(signature: bytes) -> bytes:
    """The other signature that ecrecover takes for the same signer and digest."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def deploy_fast(
    chain: Chain,
    oracles: Sequence[str],
    bond: int = BOND,
    *,
    slot_blocks: int = 4,
    epoch_slots: int = 1,
    attest_blocks: int = 8,
    proof_blocks: int = 40,
) -> Timing:
    """Other attestations under another schedule, known by the same names from now on.

    `oracles` are seated from epoch 0."""
    first = Timing(
        0, 0, chain.block_number + 12, slot_blocks, epoch_slots, attest_blocks, proof_blocks, roll_call=64
    )
    at, governor = chain.address, role(chain, "governor")
    chain.deploy(
        "DeviceRegistry",
        at["AccessManager"],
        at["ProviderStaking"],
        at["JobEscrow"],
        at["LeaseEscrow"],
        at["Challenges"],
        at["WorkDisputes"],
        first,
        sender=governor,
    )
    chain.deploy(
        "Attestations",
        at["AccessManager"],
        at["TensorbondToken"],
        at["DeviceRegistry"],
        at["AttestationDisputes"],
        bond,
        sender=governor,
    )
    join_oracles(chain, oracles, from_epoch=0)
    return first


@contextmanager
def moving(chain: Chain, *, supply: int = 0, bonded: int = 0, **changes: int) -> Iterator[None]:
    """TBND of these roles or accounts, of the bonds and in total change by just so much; no other's does."""
    names = ["governor", "treasury", "provider", "stranger", "auditor", *chain.accounts[8:12], "Attestations"]

    def snapshot() -> dict[str, int]:
        def account(name: str) -> str:
            return name if name.startswith("0x") else chain.address.get(name) or role(chain, name)

        found = {name: chain.balance("TensorbondToken", account(name)) for name in names}
        found["supply"] = chain.call("TensorbondToken", "totalSupply")
        found["bonded"] = chain.call("Attestations", "totalBonded")
        return found

    before = snapshot()
    yield
    after = snapshot()
    moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    expected = {"supply": supply, "bonded": bonded, **changes}
    assert moved == {name: change for name, change in expected.items() if change}
    assert after["Attestations"] >= after["bonded"]
