from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import Device, Job, JobStatus, Terms
from tensorbond.provider.config import JobPolicy
from tensorbond.provider.devices import OwnDevice
from tensorbond.provider.errors import ResultInvalid
from tensorbond.provider.jobs import misfit, parse_result
from tests.offchain.oracle.epochs import OPEN, PROVIDER, TERMS

pytestmark = pytest.mark.unit

ZERO = "0x" + "00" * 20
DEVICE = OwnDevice(3, Device(PROVIDER, 0, OPEN, 10, 0, False), TERMS)
JOB = Job(
    Terms("0x" + "11" * 20, "0x" + "22" * 20, 100, ZERO, 0, 10, 50, 1000, 2000, 10, 9000, bytes(32)),
    100,
    JobStatus.FUNDED,
    ZERO,
    0,
    0,
    0,
    bytes(32),
)


def why(job: Job = JOB, device: OwnDevice = DEVICE, policy: JobPolicy | None = None, **now: int) -> str:
    told = {"block": 900, "slot": 40, "epoch": 10, "free": 1000} | now
    return misfit(job, device, policy or JobPolicy(), **told)


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
    held = replace(DEVICE, state=replace(DEVICE.state, held=True))
    over = replace(DEVICE, state=replace(DEVICE.state, until_slot=40))
    early = replace(DEVICE, state=replace(DEVICE.state, from_epoch=11))
    assert {"held" in why(device=device) for device in (held, over, early)} == {True}


def test_misfit__policy_is_stricter__says_so():
    assert "least is 101" in why(policy=JobPolicy(min_price=101))
    assert "most is 49" in why(policy=JobPolicy(max_collateral=49))


def test_parse_result__digest__is_32_bytes():
    assert parse_result(0, "0x" + "ab" * 32 + "\n") == b"\xab" * 32


@pytest.mark.parametrize(
    ("code", "output"), [(1, "0x" + "ab" * 32), (0, ""), (0, "done"), (0, "0xabcd"), (0, "ab" * 33)]
)
def test_parse_result__no_digest__is_refused(code, output):
    with pytest.raises(ResultInvalid):
        parse_result(code, output)
