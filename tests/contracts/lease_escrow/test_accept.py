from __future__ import annotations

from tensorbond.chain.types import LeaseStatus
from tests.acts import TBND, delegate_as, fund_as, mine_to_slot, register_as, stake_as
from tests.chain import Chain

from .leases import OpenLease, act, is_held, moving, open_lease, runway, start_lease, state_of


def test_accept__by_the_operator__holds_the_device_and_starts_the_clock(
    chain: Chain, provider: str, device: int
) -> None:
    lease = open_lease(chain, device)

    with moving(chain, {}):
        sent = act(chain, lease, "accept", sender="operator")

    assert sent.event("LeaseStarted") == {
        "lease": lease.number,
        "provider": provider,
        "device": device,
        "startedAt": chain.timestamp,
    }
    state = state_of(chain, lease)
    assert (state.status, state.origin, state.funds) == (LeaseStatus.ACTIVE, chain.timestamp, 2_000_000)
    assert is_held(chain, device)
    assert runway(chain, lease) == (200, 0, 2_000_000)


def test_accept__in_the_last_block__is_taken__and_later_refused(chain: Chain, device: int) -> None:
    lease = open_lease(chain, device)
    chain.mine_to(lease.terms.accept_by - 1)
    here = chain.snapshot()
    act(chain, lease, "accept", sender="provider")
    chain.revert_to(here)
    chain.mine()
    with chain.reverts(
        "OfferExpired",
        lease=lease.number,
        blockNumber=lease.terms.accept_by + 1,
        acceptBy=lease.terms.accept_by,
    ):
        act(chain, lease, "accept", sender="provider")


def test_accept__by_a_stranger__reverts(chain: Chain, stranger: str, operator: str, device: int) -> None:
    lease = open_lease(chain, device)
    with chain.reverts("OperatorOnly", account=stranger, operator=operator):
        act(chain, lease, "accept", sender="stranger")


def test_accept__twice__reverts(chain: Chain, lease: OpenLease) -> None:
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.ACTIVE):
        act(chain, lease, "accept", sender="provider")


def test_accept__with_a_device_that_serves_another_lease__reverts(
    chain: Chain, lease: OpenLease, device: int
) -> None:
    second = open_lease(chain, device)
    with chain.reverts("DeviceHeldAlready", device=device):
        act(chain, second, "accept", sender="provider")


def test_accept__with_a_leased_device__takes_no_job_either(
    chain: Chain, requester: str, provider: str, lease: OpenLease, device: int
) -> None:
    job = fund_as(chain, requester)
    with chain.reverts("DeviceHeldAlready", device=device):
        chain.send("JobEscrow", "accept", job.number, job.state, device, sender=provider)


def test_accept__device_of_another_provider__reverts(
    chain: Chain, provider: str, other_provider: str, device: int
) -> None:
    """Who is named in the terms can't lend what isn't its own."""
    lease = open_lease(chain, device, provider=other_provider)
    with chain.reverts("ProviderMismatch", have=provider, need=other_provider):
        act(chain, lease, "accept", sender="other_provider")


def test_accept__device_not_active_yet__reverts(chain: Chain, provider: str, device: int) -> None:
    fresh = register_as(chain, provider)
    lease = open_lease(chain, fresh)
    with chain.reverts("DeviceNotActive", device=fresh, slot=5):
        act(chain, lease, "accept", sender="provider")


def test_accept__a_second_lease_after_the_first__holds_the_device_again(
    chain: Chain, device: int, lease: OpenLease
) -> None:
    act(chain, lease, "stop", sender="requester")
    assert not is_held(chain, device)
    second = start_lease(chain, device)
    assert second.number == lease.number + 1
    assert is_held(chain, device)


def test_accept__provider_without_free_stake__may_lend(
    chain: Chain, other_provider: str, device: int
) -> None:
    """A lease locks no stake: unbonding all that is free neither stops it nor is stopped by it."""
    stake_as(chain, other_provider, 10 * TBND)
    own = register_as(chain, other_provider)
    mine_to_slot(chain, 8)
    lease = start_lease_of(chain, own, other_provider)
    assert chain.call("ProviderStaking", "freeOf", other_provider) == 0
    assert state_of(chain, lease).status == LeaseStatus.ACTIVE


def test_accept__provider_short_of_what_is_locked__may_not(
    chain: Chain, provider: str, other_provider: str, device: int
) -> None:
    stake_as(chain, other_provider, 6 * TBND)
    delegate_as(chain, provider, other_provider, 4 * TBND)
    own = register_as(chain, other_provider)
    mine_to_slot(chain, 8)
    since = chain.send("ProviderStaking", "undelegate", other_provider, 2**256 - 1, sender=provider).block
    with chain.reverts("ProviderShort", provider=other_provider, since=since):
        start_lease_of(chain, own, other_provider)
    assert not is_held(chain, own)


def start_lease_of(chain: Chain, device: int, provider: str) -> OpenLease:
    lease = open_lease(chain, device, provider=provider)
    act(chain, lease, "accept", sender=provider)
    return lease
