from __future__ import annotations

from dataclasses import replace

import pytest

from tests.acts import TBND, attest, mine_to_final
from tests.chain import Chain, Sent
from tests.leaves import Epoch, make_leaf

pytestmark = [pytest.mark.chain, pytest.mark.usefixtures("seated")]


@pytest.fixture
def attested(chain: Chain, provider: str, other_provider: str) -> Epoch:
    """Devices 1 to 9 of the provider, which each earned as many tokens; 10 and 700,000 of the other."""
    leaves = [
        make_leaf(device, provider, weight=device, cumulative_reward=device * TBND) for device in range(1, 10)
    ]
    leaves += [make_leaf(each, other_provider, cumulative_reward=100 * TBND) for each in (10, 700_000)]
    data = attest(chain, 0, leaves).epoch
    mine_to_final(chain, 0)
    return data


def claim_many(chain: Chain, proof: tuple[list[object], bytes], epoch: int = 0) -> Sent:
    return chain.send("Rewards", "claimMany", epoch, *proof, sender=chain.accounts[5])


@pytest.mark.parametrize("devices", [[1], [2, 3], [1, 4, 9], [3, 4, 5, 6, 7, 8], [1, 2, 10, 700_000]])
def test_claim_many__any_devices__claims_for_each(chain: Chain, attested: Epoch, devices: list[int]) -> None:
    sent = claim_many(chain, attested.leaves_proof(devices))

    rewards = {device: attested.leaves[device].cumulative_reward for device in devices}
    events = sent.all("RewardClaimed")
    assert {event["device"]: event["amount"] for event in events} == rewards
    assert events[-1]["totalClaimed"] == chain.call("Rewards", "totalClaimed") == sum(rewards.values())
    for device in range(11):
        assert chain.call("Rewards", "claimedOf", device) == rewards.get(device, 0)


def test_claim_many__of_two_providers__mints_once_and_distributes_to_each(
    chain: Chain, attested: Epoch, provider: str, other_provider: str
) -> None:
    sent = claim_many(chain, attested.leaves_proof([1, 2, 3, 10, 700_000]))

    assert sent.event("Transfer")["value"] == 206 * TBND
    assert [(each["provider"], each["amount"]) for each in sent.all("RewardDistributed")] == [
        (provider, 6 * TBND),
        (other_provider, 200 * TBND),
    ]


def test_claim_many__one_of_them_claimed_before__pays_the_others(chain: Chain, attested: Epoch) -> None:
    chain.send("Rewards", "claim", attested.leaf_proof(2), sender=chain.accounts[5])

    sent = claim_many(chain, attested.leaves_proof([1, 2, 3]))

    assert [event["device"] for event in sent.all("RewardClaimed")] == [1, 3]
    assert sent.event("RewardDistributed")["amount"] == 4 * TBND


def test_claim_many__a_provider_that_claimed_all__gets_no_deposit(
    chain: Chain, attested: Epoch, other_provider: str
) -> None:
    for device in (1, 2):
        chain.send("Rewards", "claim", attested.leaf_proof(device), sender=chain.accounts[5])

    sent = claim_many(chain, attested.leaves_proof([1, 2, 10]))

    assert [event["device"] for event in sent.all("RewardClaimed")] == [10]
    deposit = sent.event("RewardDistributed")
    assert (deposit["provider"], deposit["amount"]) == (other_provider, 100 * TBND)


def test_claim_many__twice__reverts(chain: Chain, attested: Epoch) -> None:
    claim_many(chain, attested.leaves_proof([1, 2]))

    with chain.reverts("NothingToClaim", device=1, have=TBND, claimed=TBND):
        claim_many(chain, attested.leaves_proof([1, 2]))


@pytest.mark.parametrize("devices", [[2, 2], [3, 2]])
def test_claim_many__not_in_order__reverts(chain: Chain, attested: Epoch, devices: list[int]) -> None:
    """Each beside its sibling up to the root: they never join."""
    path = apart(attested, devices)

    with chain.reverts("PathMalformed", have=len(path), need=len(path)):
        claim_many(chain, ([attested.leaves[device] for device in devices], path))


def test_claim_many__a_path_with_more_bytes__reverts(chain: Chain, attested: Epoch) -> None:
    leaves, path = attested.leaves_proof([2, 5])

    with chain.reverts("PathMalformed", have=len(path) + 1, need=len(path)):
        claim_many(chain, (leaves, path + b"\0"))


def test_claim_many__one_forged_leaf__reverts(chain: Chain, attested: Epoch) -> None:
    (first, second), path = attested.leaves_proof([2, 3])
    forged = replace(second, cumulative_reward=second.cumulative_reward + TBND)
    have = replace_leaf(attested, forged).root

    with chain.reverts("LeafNotUnderRoot", epoch=0, have=have, need=attested.root):
        claim_many(chain, ([first, forged], path))


def test_claim_many__before_it_is_final__reverts(chain: Chain, attested: Epoch) -> None:
    with chain.reverts("EpochNotFinal", epoch=1):
        claim_many(chain, attested.leaves_proof([2, 3]), epoch=1)


@pytest.mark.parametrize("count", [0, 65])
def test_claim_many__none_or_too_many__reverts(chain: Chain, attested: Epoch, count: int) -> None:
    with chain.reverts("LeavesOutOfRange", have=count, most=64):
        claim_many(chain, ([attested.leaves[1]] * count, b""))


def test_claim_many__beyond_the_emission__reverts(chain: Chain, provider: str) -> None:
    leaves = [make_leaf(device, provider, cumulative_reward=600 * TBND) for device in (1, 2)]
    data = attest(chain, 0, leaves).epoch
    mine_to_final(chain, 0)

    with chain.reverts("EmissionExceeded", have=1_200 * TBND, most=1_000 * TBND):
        claim_many(chain, data.leaves_proof([1, 2]))


def replace_leaf(data: Epoch, leaf: object) -> Epoch:
    return Epoch(data.number, {**data.leaves, leaf.device: leaf})  # type: ignore[attr-defined]


def apart(data: Epoch, devices: list[int]) -> bytes:
    """The siblings of each on every level, as if none were another's."""
    paths = [data.leaves_proof([device])[1] for device in devices]
    path = b""
    while any(paths):
        ends = [45 if each[0] else 1 for each in paths]
        path += b"".join(each[:end] for each, end in zip(paths, ends, strict=True))
        paths = [each[end:] for each, end in zip(paths, ends, strict=True)]
    return path
