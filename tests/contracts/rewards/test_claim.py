from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tensorbond.chain.types import LeafProof
from tests.acts import TBND, ZERO_ADDRESS, attest, close_before, mine_to_final
from tests.chain import Chain, Sent
from tests.conftest import role
from tests.leaves import Epoch, make_leaf

pytestmark = [pytest.mark.chain, pytest.mark.usefixtures("seated")]

EMISSION = 1_000 * TBND
ROUND = 7 * TBND
GWEI = 10**9


def attested(chain: Chain, epoch: int, earned: Mapping[int, tuple[str, int]]) -> list[LeafProof]:
    """Attest an epoch in which each device has (provider, cumulative reward); the leaves' proofs."""
    leaves = [
        make_leaf(device, provider, weight=1, cumulative_reward=reward)
        for device, (provider, reward) in earned.items()
    ]
    data = attest(chain, epoch, leaves).epoch
    return [data.leaf_proof(device) for device in earned]


def final(chain: Chain, epoch: int, earned: Mapping[int, tuple[str, int]]) -> list[LeafProof]:
    proofs = attested(chain, epoch, earned)
    mine_to_final(chain, epoch)
    return proofs


def claim(chain: Chain, proof: LeafProof, sender: str) -> Sent:
    return chain.send("Rewards", "claim", proof, sender=sender)


@contextmanager
def moving(chain: Chain, **moves: int) -> Iterator[None]:
    """Within, exactly these change, by so much: balances by role, what vests for the providers, `supply`,
    `claimed`."""

    def books() -> dict[str, int]:
        roles = ("provider", "other_provider", "stranger", "treasury")
        found = {name: chain.balance("TensorbondToken", role(chain, name)) for name in roles}
        for name in ("provider", "other_provider"):
            stake = chain.call("ProviderStaking", "stakeOf", role(chain, name))
            found[f"{name}_vesting"] = stake.vesting + stake.vested
        found["staking"] = chain.balance("TensorbondToken", "ProviderStaking")
        found["supply"] = chain.call("TensorbondToken", "totalSupply")
        found["claimed"] = chain.call("Rewards", "totalClaimed")
        return found

    before = books()
    yield
    after = books()
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == moves


def test_claim__final_leaf__vests_for_the_provider_whoever_asks(
    chain: Chain, provider: str, stranger: str
) -> None:
    (proof,) = final(chain, 0, {1: (provider, 7 * TBND)})

    with moving(chain, provider_vesting=7 * TBND, staking=7 * TBND, supply=7 * TBND, claimed=7 * TBND):
        sent = claim(chain, proof, stranger)

    assert sent.event("RewardClaimed") == {
        "device": 1,
        "provider": provider,
        "epoch": 0,
        "amount": 7 * TBND,
        "claimed": 7 * TBND,
        "totalClaimed": 7 * TBND,
    }
    staking = chain.address["ProviderStaking"]
    assert sent.event("Transfer") == {"from": ZERO_ADDRESS, "to": staking, "value": 7 * TBND}
    assert sent.event("RewardDistributed") == {
        "provider": provider,
        "amount": 7 * TBND,
        "vesting": 7 * TBND,
        "vested": 0,
        "vestsUntil": sent.block + 300,
    }
    assert chain.call("Rewards", "claimedOf", 1) == 7 * TBND


def test_claim__two_epochs_later__pays_what_came_since(chain: Chain, provider: str, stranger: str) -> None:
    (early,) = final(chain, 0, {1: (provider, 7 * TBND)})
    claim(chain, early, stranger)
    final(chain, 1, {1: (provider, 8 * TBND)})
    (late,) = final(chain, 2, {1: (provider, 12 * TBND)})

    with moving(chain, provider_vesting=5 * TBND, staking=5 * TBND, supply=5 * TBND, claimed=5 * TBND):
        event = claim(chain, late, stranger).event("RewardClaimed")

    assert (event["epoch"], event["claimed"], event["totalClaimed"]) == (2, 12 * TBND, 12 * TBND)


def test_claim__of_one_among_many__costs_a_path_and_no_more_in_either_epoch(
    chain: Chain, provider: str, stranger: str
) -> None:
    """The others cost what their paths do: a tree has one depth, however many there are."""
    others = {device: (f"0x{device:040x}", TBND) for device in range(2, 66)}
    found = []
    for many in ({}, others):
        here = chain.snapshot()
        for epoch, earned in ((0, 7 * TBND), (1, 9 * TBND)):
            (proof, *_) = final(chain, epoch, {1: (provider, earned)} | many)
            found.append((len(proof.path), claim(chain, proof, stranger).gas_used))
        chain.revert_to(here)
    alone, among = found[:2], found[2:]
    for (short, few), (long, more) in zip(alone, among, strict=True):
        assert more - few <= 1_000 * (long - short) // 32 + 200
    assert among[1][1] <= among[0][1]


def test_claim__twice__reverts(chain: Chain, provider: str, stranger: str) -> None:
    (proof,) = final(chain, 0, {1: (provider, ROUND)})
    claim(chain, proof, stranger)

    with chain.reverts("NothingToClaim", device=1, have=ROUND, claimed=ROUND):
        claim(chain, proof, stranger)


def test_claim__an_older_leaf_after_a_newer__reverts(chain: Chain, provider: str, stranger: str) -> None:
    (early,) = final(chain, 0, {1: (provider, 7 * TBND)})
    (late,) = final(chain, 1, {1: (provider, 9 * TBND)})
    claim(chain, late, stranger)

    with chain.reverts("NothingToClaim", device=1, have=7 * TBND, claimed=9 * TBND):
        claim(chain, early, stranger)


def test_claim__less_than_a_gwei__waits_for_the_next_claim(
    chain: Chain, provider: str, stranger: str
) -> None:
    (early,) = final(chain, 0, {5: (provider, 2 * GWEI - 1)})
    assert claim(chain, early, stranger).event("RewardClaimed")["amount"] == GWEI
    (late,) = final(chain, 1, {5: (provider, 2 * GWEI)})
    assert claim(chain, late, stranger).event("RewardClaimed")["amount"] == GWEI
    with chain.reverts("NothingToClaim", device=5, have=2 * GWEI, claimed=2 * GWEI):
        claim(chain, late, stranger)


def test_claim__four_neighbours_in_a_word__are_counted_apart(
    chain: Chain, provider: str, stranger: str
) -> None:
    earned = {device: (provider, device * 100 * TBND) for device in (3, 2, 1)}
    proofs = final(chain, 0, earned)
    for proof in proofs:
        claim(chain, proof, stranger)

    claimed = [chain.call("Rewards", "claimedOf", device) for device in range(6)]
    assert claimed == [0, 100 * TBND, 200 * TBND, 300 * TBND, 0, 0]


def test_claim__nothing_earned__reverts(chain: Chain, provider: str, stranger: str) -> None:
    (proof,) = final(chain, 0, {1: (provider, 0)})

    with chain.reverts("NothingToClaim", device=1, have=0, claimed=0):
        claim(chain, proof, stranger)


def test_claim__several_devices__are_counted_apart(
    chain: Chain, provider: str, other_provider: str, stranger: str
) -> None:
    proofs = final(
        chain, 0, {1: (provider, 7 * TBND), 2: (other_provider, 5 * TBND), 3: (provider, 3 * TBND)}
    )

    with moving(
        chain,
        provider_vesting=7 * TBND,
        other_provider_vesting=5 * TBND,
        staking=12 * TBND,
        supply=12 * TBND,
        claimed=12 * TBND,
    ):
        claim(chain, proofs[0], stranger)
        claim(chain, proofs[1], stranger)

    assert [chain.call("Rewards", "claimedOf", device) for device in (1, 2, 3)] == [7 * TBND, 5 * TBND, 0]


def test_claim__before_it_is_final__reverts(chain: Chain, provider: str, stranger: str) -> None:
    (proof,) = attested(chain, 0, {1: (provider, ROUND)})

    with chain.reverts("EpochNotFinal", epoch=0):
        claim(chain, proof, stranger)


def test_claim__epoch_not_attested__reverts(chain: Chain, provider: str, stranger: str) -> None:
    (proof,) = final(chain, 0, {1: (provider, ROUND)})

    with chain.reverts("EpochNotFinal", epoch=1):
        claim(chain, replace(proof, epoch=1), stranger)


@pytest.mark.parametrize("field", ["device", "provider", "cumulative_reward"])
def test_claim__forged_leaf__reverts(chain: Chain, provider: str, stranger: str, field: str) -> None:
    leaves = [make_leaf(device, provider, weight=1, cumulative_reward=ROUND) for device in (2, 3)]
    data = attest(chain, 0, leaves).epoch
    mine_to_final(chain, 0)
    forged_value = {"device": 3, "provider": stranger, "cumulative_reward": ROUND + 1}[field]
    forged = replace(leaves[0], **{field: forged_value})
    # What the forged leaf folds to with the siblings of the good one.
    have = Epoch(0, {forged.device: forged, forged.device ^ 1: leaves[1]}).root

    with moving(chain), chain.reverts("LeafNotUnderRoot", epoch=0, have=have, need=data.root):
        claim(chain, replace(data.leaf_proof(2), leaf=forged), stranger)


def test_claim__oracles_attested_another_total__reverts(chain: Chain, provider: str, stranger: str) -> None:
    leaf = make_leaf(1, provider, weight=3, cumulative_reward=ROUND)
    data = attest(chain, 0, [leaf], total_weight=4).epoch
    mine_to_final(chain, 0)

    with moving(chain), chain.reverts("TotalWeightMismatch", epoch=0, have=3, need=4):
        claim(chain, data.leaf_proof(1), stranger)


def test_claim__all_that_was_emitted__leaves_no_wei_over(chain: Chain, provider: str, stranger: str) -> None:
    all_of_it, one_more = final(chain, 0, {1: (provider, EMISSION), 2: (provider, GWEI)})
    claim(chain, all_of_it, stranger)

    with chain.reverts("EmissionExceeded", have=EMISSION + GWEI, most=EMISSION):
        claim(chain, one_more, stranger)
    assert chain.call("Rewards", "totalClaimed") == EMISSION


def test_claim__an_epoch_that_is_not_final_yet__does_not_count(
    chain: Chain, provider: str, stranger: str
) -> None:
    (proof,) = final(chain, 0, {1: (provider, EMISSION + GWEI)})
    attested(chain, 1, {1: (provider, EMISSION + GWEI)})

    with chain.reverts("EmissionExceeded", have=EMISSION + GWEI, most=EMISSION):
        claim(chain, proof, stranger)
    mine_to_final(chain, 1)
    claim(chain, proof, stranger)


def test_claim__a_void_epoch__emits_nothing(chain: Chain, provider: str, stranger: str) -> None:
    close_before(chain, 1)
    (proof,) = final(chain, 1, {1: (provider, EMISSION + GWEI)})

    with chain.reverts("EmissionExceeded", have=EMISSION + GWEI, most=EMISSION):
        claim(chain, proof, stranger)


def test_emission_of__halving_by_halving__stays_below_half_of_the_cap(chain: Chain) -> None:
    def emission(epoch: int) -> int:
        return int(chain.call("Rewards", "emissionOf", epoch))

    halving = 250_000
    assert [emission(epoch) for epoch in (0, halving - 1, halving, 2 * halving)] == [
        EMISSION,
        EMISSION,
        EMISSION // 2,
        EMISSION // 4,
    ]
    assert emission(256 * halving) == emission(2**256 - 1) == 0
    total = sum(emission(each * halving) * halving for each in range(80))
    assert emission(79 * halving) == 0
    assert total < 500_000_000 * TBND
