from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain import slots
from tensorbond.chain.types import Timing
from tests.acts import (
    TBND,
    ZERO,
    FundedJob,
    accept_as,
    fund_as,
    mine_to_slot,
    register_as,
    stake_as,
    terms_of,
    timing,
)
from tests.chain import Chain

from .jobs import accepted_job, is_held, job_hash, moving

COLLATERAL = 20 * TBND


def test_accept__by_the_provider__locks_holds_and_forces_a_draw(
    chain: Chain, provider: str, funded: FundedJob, device: int
) -> None:
    slot = slots.forced_slot(timing(chain), chain.block_number + 1)

    with moving(chain, {"locked": COLLATERAL}):
        job = accept_as(chain, provider, funded, device)

    assert job.sent.event("JobAccepted") == {
        "job": job.number,
        "provider": provider,
        "device": device,
        "forcedSlot": slot,
        "collateral": COLLATERAL,
    }
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)
    assert is_held(chain, device)
    assert chain.call("ProviderStaking", "freeOf", provider) == 1_000 * TBND - 10 * TBND - COLLATERAL


def test_accept__by_the_operator__job_is_the_providers(
    chain: Chain, provider: str, operator: str, funded: FundedJob, device: int
) -> None:
    job = accept_as(chain, operator, funded, device)

    assert job.sent.event("JobAccepted")["provider"] == provider
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)


def test_accept__while_paused__reverts_and_goes_on_after(
    chain: Chain, provider: str, governor: str, funded: FundedJob, device: int
) -> None:
    chain.send("JobEscrow", "pause", sender=governor)
    with moving(chain, {}), chain.reverts("Paused"):
        accept_as(chain, provider, funded, device)
    assert not is_held(chain, device)
    chain.send("JobEscrow", "unpause", sender=governor)
    accept_as(chain, provider, funded, device)


@pytest.mark.parametrize(
    ("offset", "slots_later"), [(0, 1), (1, 2), (9, 2)], ids=["first block", "second", "last"]
)
def test_accept__anywhere_in_a_slot__forces_the_first_slot_a_whole_slot_away(
    chain: Chain, provider: str, requester: str, device: int, offset: int, slots_later: int
) -> None:
    job = fund_as(chain, requester)
    mine_to_slot(chain, 5, offset - 1)

    accepted = accept_as(chain, provider, job, device)

    assert accepted.sent.block == slots.start_of(timing(chain), 5) + offset
    assert accepted.state.forced_slot == 5 + slots_later


def test_accept__no_collateral_asked__locks_nothing(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    job = fund_as(chain, requester, collateral=0)

    with moving(chain, {}):
        sent = accept_as(chain, provider, job, device).sent

    assert [event.name for event in sent.events] == ["DeviceHeld", "StakeLocked", "JobAccepted"]
    assert sent.event("StakeLocked")["amount"] == 0


def test_accept__invited__accepts(chain: Chain, provider: str, requester: str, device: int) -> None:
    job = fund_as(chain, requester, provider=provider)
    assert accept_as(chain, provider, job, device).state.provider == provider


def test_accept__somebody_else_is_invited__reverts(
    chain: Chain, provider: str, other_provider: str, requester: str, device: int
) -> None:
    job = fund_as(chain, requester, provider=other_provider)
    with chain.reverts("ProviderNotInvited", have=provider, need=other_provider):
        accept_as(chain, provider, job, device)


def test_accept__by_a_stranger__reverts(
    chain: Chain, operator: str, stranger: str, funded: FundedJob, device: int
) -> None:
    with chain.reverts("OperatorOnly", account=stranger, operator=operator):
        accept_as(chain, stranger, funded, device)


def test_accept__by_an_operator_that_was_revoked__reverts(
    chain: Chain, provider: str, operator: str, funded: FundedJob, device: int
) -> None:
    chain.send("ProviderStaking", "setOperator", "0x" + "00" * 20, b"", sender=provider)
    with chain.reverts("OperatorOnly", account=operator, operator=provider):
        accept_as(chain, operator, funded, device)


def test_accept__other_state__reverts(chain: Chain, provider: str, funded: FundedJob, device: int) -> None:
    forged = replace(funded.state, terms=replace(funded.state.terms, collateral=1))
    with chain.reverts(
        "JobStateMismatch", job=funded.number, have=job_hash(forged), need=job_hash(funded.state)
    ):
        chain.send("JobEscrow", "accept", funded.number, forged, device, sender=provider)


def test_accept__no_such_job__reverts(chain: Chain, provider: str, funded: FundedJob, device: int) -> None:
    with chain.reverts("JobStateMismatch", job=99, have=job_hash(funded.state), need=ZERO):
        chain.send("JobEscrow", "accept", 99, funded.state, device, sender=provider)


def test_accept__twice__reverts(chain: Chain, provider: str, accepted: FundedJob, device: int) -> None:
    with chain.reverts("JobStatusWrong", job=accepted.number, have=2, need=1):
        accept_as(chain, provider, accepted, device)


def test_accept__in_the_last_block__accepts(
    chain: Chain, provider: str, funded: FundedJob, device: int
) -> None:
    chain.mine_to(funded.state.terms.accept_by - 1)
    assert accept_as(chain, provider, funded, device).sent.block == funded.state.terms.accept_by


def test_accept__a_block_too_late__reverts(
    chain: Chain, provider: str, funded: FundedJob, device: int
) -> None:
    deadline = funded.state.terms.accept_by
    chain.mine_to(deadline)
    with chain.reverts("DeadlinePassed", job=funded.number, blockNumber=deadline + 1, deadline=deadline):
        accept_as(chain, provider, funded, device)


def test_accept__device_of_another_class__reverts(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    job = fund_as(chain, requester, class_id=1)
    with chain.reverts("DeviceUnfit", field="classId", have=0, need=1):
        accept_as(chain, provider, job, device)


def test_accept__device_too_slow__reverts(chain: Chain, provider: str, requester: str, device: int) -> None:
    job = fund_as(chain, requester, min_gops=11)
    with chain.reverts("DeviceUnfit", field="bondedGops", have=10, need=11):
        accept_as(chain, provider, job, device)


def test_accept__device_serves_another_job__reverts(
    chain: Chain, provider: str, requester: str, accepted: FundedJob, device: int
) -> None:
    other = fund_as(chain, requester)
    with chain.reverts("DeviceHeldAlready", device=device):
        accept_as(chain, provider, other, device)


def test_accept__device_not_active_yet__reverts(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    young = register_as(chain, provider)
    job = fund_as(chain, requester)
    slot = slots.forced_slot(timing(chain), chain.block_number + 1)
    with chain.reverts("DeviceNotActive", device=young, slot=slot):
        accept_as(chain, provider, job, young)


def test_accept__device_unknown__reverts(chain: Chain, provider: str, funded: FundedJob, device: int) -> None:
    with chain.reverts("DeviceUnknown", device=99):
        accept_as(chain, provider, funded, 99)


def test_accept__device_of_somebody_else__reverts(
    chain: Chain, provider: str, other_provider: str, requester: str, device: int
) -> None:
    stake_as(chain, other_provider, 1_000 * TBND)
    job = fund_as(chain, requester)
    with chain.reverts(
        "OperatorOnly", account=other_provider, operator=chain.call("ProviderStaking", "operatorOf", provider)
    ):
        accept_as(chain, other_provider, job, device)


def test_accept__free_stake_too_small__reverts_and_holds_nothing(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    free = 990 * TBND
    job = fund_as(chain, requester, collateral=free + 1)

    with chain.reverts("FreeStakeInsufficient", provider=provider, have=free, need=free + 1):
        accept_as(chain, provider, job, device)

    assert not is_held(chain, device)
    assert chain.call("JobEscrow", "jobHash", job.number) == job_hash(job.state)


def test_accept__draw_would_start_after_submit_by__reverts(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    mine_to_slot(chain, 5)
    start = slots.start_of(timing(chain), 7)
    terms = terms_of(chain, requester)
    terms = replace(terms, accept_by=start - 1, submit_by=start - 1)
    job = fund_as(chain, requester, terms)

    with chain.reverts("DeadlineInvalid", field="submitBy", have=start - 1, least=start):
        accept_as(chain, provider, job, device)


def test_accept__draw_starts_at_submit_by__accepts(
    chain: Chain, provider: str, requester: str, device: int
) -> None:
    mine_to_slot(chain, 5)
    start = slots.start_of(timing(chain), 7)
    terms = terms_of(chain, requester, accept_by=start, submit_by=start)
    job = fund_as(chain, requester, terms)

    assert accept_as(chain, provider, job, device).state.forced_slot == 7


def schedule(chain: Chain, governor: str, **changes: int) -> Timing:
    """Let another timing be in force from the next epoch but one, and return it."""
    first = timing(chain)
    epoch = slots.epoch_of(first, slots.slot_at(first, chain.block_number)) + 2
    chain.send("DeviceRegistry", "schedule", replace(first, from_epoch=epoch, **changes), sender=governor)
    found: Timing = chain.call("DeviceRegistry", "timingEntry", 1)
    return found


def test_accept__draw_under_a_later_slower_timing__reverts(
    chain: Chain, governor: str, provider: str, requester: str, device: int
) -> None:
    later = schedule(chain, governor, attest_blocks=100)
    chain.mine_to(later.from_block - 20)
    job = fund_as(chain, requester, terms_of(chain, requester, submit_by=chain.block_number + 32))
    tight = replace(job.state.terms, refund_at=job.state.terms.submit_by + 140)
    job = fund_as(chain, requester, tight)

    chain.mine_to(later.from_block - 2)
    slot = slots.forced_slot(timing(chain), chain.block_number + 1)
    least = slots.last_block(later, slots.epoch_of(later, slot)) + 100 + 30 + 1
    assert slot == later.from_slot + 1
    assert least > tight.refund_at
    with chain.reverts("DeadlineInvalid", field="refundAt", have=tight.refund_at, least=least):
        accept_as(chain, provider, job, device)


def test_accept__draw_under_a_later_quicker_timing__waits_for_the_slower_epoch_before_it(
    chain: Chain, governor: str, provider: str, requester: str, device: int
) -> None:
    """An epoch isn't final before the one that precedes it, whose windows may be longer."""
    later = schedule(chain, governor, attest_blocks=20, proof_blocks=10)
    chain.mine_to(later.from_block - 5)
    job = fund_as(chain, requester)

    chain.mine_to(later.from_block - 2)
    accepted = accept_as(chain, provider, job, device)

    assert accepted.state.forced_slot == later.from_slot + 1


def test_accept__just_after_a_change_to_a_quicker_timing__waits_for_the_slower_epoch_before_it(
    chain: Chain, governor: str, provider: str, requester: str, device: int
) -> None:
    """Else a requester could have its price back before the draw that the provider passed is final."""
    slow = timing(chain)
    later = schedule(chain, governor, slot_blocks=4, epoch_slots=1, attest_blocks=8, proof_blocks=4)
    chain.mine_to(later.from_block + 1)
    least = later.from_block + slow.attest_blocks + slow.proof_blocks
    submit_by = chain.block_number + 30
    tight = terms_of(
        chain, requester, accept_by=submit_by, submit_by=submit_by, review_blocks=10, refund_at=least - 1
    )
    job = fund_as(chain, requester, tight)
    with chain.reverts("DeadlineInvalid", field="refundAt", have=least - 1, least=least):
        accept_as(chain, provider, job, device)
    accept_as(chain, provider, fund_as(chain, requester, replace(tight, refund_at=least)), device)


def test_accept__funded_under_a_quicker_timing__reverts(
    chain: Chain, governor: str, provider: str, requester: str, device: int
) -> None:
    later = schedule(chain, governor, attest_blocks=100)
    chain.mine_to(later.from_block - 3)
    terms = terms_of(chain, requester)
    terms = replace(terms, submit_by=terms.accept_by, refund_at=terms.accept_by + 140)
    job = fund_as(chain, requester, terms)
    assert job.sent.block < later.from_block

    chain.mine_to(later.from_block + 1)
    slot = slots.forced_slot(later, chain.block_number + 1)
    least = slots.last_block(later, slots.epoch_of(later, slot)) + 100 + 30 + 1
    with chain.reverts("DeadlineInvalid", field="refundAt", have=terms.refund_at, least=least):
        accept_as(chain, provider, job, device)


def test_accept__after_a_refund__reverts(
    chain: Chain, provider: str, stranger: str, funded: FundedJob, device: int
) -> None:
    chain.mine_to(funded.state.terms.accept_by)
    chain.send("JobEscrow", "refund", funded.number, funded.state, sender=stranger)
    closed = replace(funded.state, status=6)
    with chain.reverts("JobStatusWrong", job=funded.number, have=6, need=1):
        chain.send("JobEscrow", "accept", funded.number, closed, device, sender=provider)


def test_accept__second_device__serves_a_second_job(chain: Chain, provider: str, device: int) -> None:
    second = register_as(chain, provider)
    mine_to_slot(chain, 8)

    accepted_job(chain, device)
    with moving(
        chain,
        {
            "requester paid": -100_000_000,
            "escrow paid": 100_000_000,
            "tracked": 100_000_000,
            "locked": COLLATERAL,
        },
    ):
        accepted_job(chain, second)

    assert is_held(chain, device)
    assert is_held(chain, second)
