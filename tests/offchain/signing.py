"""Keys and real, small evidence for tests that sign and verify."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tensorbond.chain import digests
from tensorbond.chain.digests import Domain
from tensorbond.oracle.facts import CommitFact
from tensorbond.proof.challenge import Challenge, Shape
from tensorbond.proof.evidence import Evidence, evidence_root
from tensorbond.proof.prover import CpuProver, Proof

CHAIN_ID = 31337
CHALLENGES = Domain("Challenges", CHAIN_ID, "0x" + "c0" * 20)
ATTESTATIONS = Domain("Attestations", CHAIN_ID, "0x" + "a7" * 20)
SHAPE = Shape(256, 256, 1024, 2, 4)
SAMPLE_BEACON = b"s" * 32
CHALLENGE = Challenge(b"b" * 32, CHAIN_ID, b"p" * 20, 3, 42, SHAPE)


def key(number: int) -> LocalAccount:
    account: LocalAccount = Account.from_key(bytes([number]) * 32)
    return account


OPERATOR = key(7)


@cache
def proof() -> Proof:
    return CpuProver(1).prove(CHALLENGE)


@cache
def good_evidence() -> Evidence:
    return signed(proof().open(SAMPLE_BEACON))


def bad_evidence(index: int = 1, value: int = 1) -> Evidence:
    """Signed, but one entry of item `index` is off by `value`."""
    items = list(proof().open(SAMPLE_BEACON).items)
    item = bytearray(items[index])
    item[8] = (item[8] + value) % 256
    items[index] = bytes(item)
    return signed(replace(proof().open(SAMPLE_BEACON), items=tuple(items)))


def signed(evidence: Evidence, by: LocalAccount = OPERATOR) -> Evidence:
    told = digests.evidence(CHALLENGES, evidence.commitment, evidence_root(evidence))
    return evidence.sign(told.sign(by))


def commit_record() -> CommitFact:
    return CommitFact(CHALLENGE.device, CHALLENGE.slot, OPERATOR.address, proof().commitment, 1000)
