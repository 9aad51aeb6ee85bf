from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Device, Job, Terms
from tensorbond.provider.config import JobPolicy
from tensorbond.provider.devices import OwnDevice
from tensorbond.provider.errors import ResultInvalid
from tensorbond.provider.jobs import Moment, misfit, parse_result
from tests.offchain.oracle.epochs import OPEN, PROVIDER, TERMS

pytestmark = pytest.mark.unit

ZERO = "0x" + "00" * 20
DEVICE = OwnDevice(3, Device(PROVIDER, 0, OPEN, 10, 0), TERMS, held=False)
JOB = Job(
    Terms("0x" + "11" * 20, "0x" + "22" * 20, 100, ZERO, 0, 10, 50, 1000, 2000, 10, 9000, bytes(32)),
    100,
)


def why(job: Job = JOB, device: OwnDevice = DEVICE, policy: JobPolicy | None = None, **now: int) -> str:
    told = {"block": 900, "slot": 40, "epoch": 10, "free": 1000, "decision": 2000} | now
    return misfit(job, device, policy or JobPolicy(), Moment(**told))


def with_terms(**changes: object) -> Job:
    return replace(JOB, terms=replace(JOB.terms, **changes))


def test_misfit__job_and_device_agree__is_none():
    assert why() == ""
    assert why(with_terms(provider=PROVIDER)) == ""
    assert why(block=1000) == ""
    assert why(free=50) == ""


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (with_terms(provider="0x" + "33" * 20), "another provider"),
        (with_terms(accept_by=899), "by block 899"),
        (with_terms(class_id=1), "class 1"),
        (with_terms(min_gops=11), "11 gops"),
        (with_terms(price=0), "pays 0"),
        (with_terms(collateral=1001), "1001 wei"),
    ],
)
def test_misfit__terms_ask_too_much__says_so(job, said):
    assert said in why(job)


def test_misfit__device_held_or_over__says_so():
    held = replace(DEVICE, held=True)
    over = replace(DEVICE, state=replace(DEVICE.state, until_slot=40))
    early = replace(DEVICE, state=replace(DEVICE.state, from_epoch=11))
    assert {"held" in why(device=device) for device in (held, over, early)} == {True}


def test_misfit__policy_is_stricter__says_so():
    assert "least is 101" in why(policy=JobPolicy(min_price=101))
    assert "most is 49" in why(policy=JobPolicy(max_collateral=49))
    assert "reviewed for 10 blocks, the most is 9" in why(policy=JobPolicy(max_review_blocks=9))
    assert "7000 blocks after submitBy, the most is 6999" in why(policy=JobPolicy(max_refund_blocks=6999))


def test_misfit__an_arbiter_of_the_requesters_choosing__must_be_one_of_the_policys():
    arbiter = "0x" + "77" * 20
    assert f"{arbiter}'s to decide" in why(with_terms(arbiter=arbiter))
    assert why(with_terms(arbiter=arbiter), policy=JobPolicy(arbiters=(arbiter,))) == ""


def test_misfit__nothing_is_said__caps_follow_the_device_and_the_timing():
    bond = DEVICE.bond
    assert bond == 10 * TERMS.bond_per_gops
    assert why(with_terms(collateral=bond), free=bond + 1) == ""
    assert f"the most is {bond}" in why(with_terms(collateral=bond + 1), free=bond + 1)
    assert why(with_terms(review_blocks=2000)) == ""
    assert "the most is 2000" in why(with_terms(review_blocks=2001))
    assert why(with_terms(refund_at=10000)) == ""
    assert "the most is 8000" in why(with_terms(refund_at=10001))
    assert why(with_terms(refund_at=10001, review_blocks=11), policy=JobPolicy(0, 50, 11, 8001)) == ""


def test_parse_result__digest__is_32_bytes():
    assert parse_result(0, "0x" + "ab" * 32 + "\n") == b"\xab" * 32


@pytest.mark.parametrize(
    ("code", "output"), [(1, "0x" + "ab" * 32), (0, ""), (0, "done"), (0, "0xabcd"), (0, "ab" * 33)]
)
def test_parse_result__no_digest__is_refused(code, output):
    with pytest.raises(ResultInvalid):
        parse_result(code, output)
