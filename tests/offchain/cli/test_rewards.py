from __future__ import annotations

from pathlib import Path

from tests.acts import TBND, attest, join_oracles, mine_to_final, register_as, stake_as
from tests.chain import Chain
from tests.leaves import make_leaf
from tests.offchain.cli.conftest import Run, publish


def test_claim__a_final_leaf__vests_for_the_provider(
    chain: Chain, run: Run, store: Path, provider: str, stranger: str, oracles: list[str]
) -> None:
    stake_as(chain, provider, 100 * TBND)
    device = register_as(chain, provider)
    join_oracles(chain, oracles)
    leaf = make_leaf(device, provider, weight=10, cumulative_reward=1000 * TBND)
    attestation = attest(chain, 1, [leaf])
    publish(store, attestation)

    early = run("rewards", "claim", device, by=stranger)
    assert early.code == 2
    assert (
        early.err
        == f"Error: no epoch is final in block {chain.block_number}: there is nothing to claim from\n"
    )
    named = run("rewards", "claim", device, "--epoch", 1, by=stranger)
    assert (named.code, named.err) == (2, "Error: Rewards.claim refused: EpochNotFinal(epoch = 1)\n")

    mine_to_final(chain, 1)
    told = run("rewards", "claim", device, "--json", by=stranger)
    assert (told.code, told.json["amount"], told.json["epoch"]) == (0, str(1000 * TBND), 1)
    assert chain.call("ProviderStaking", "stakeOf", provider).vesting == 1000 * TBND

    again = run("rewards", "claim", device, by=stranger)
    assert again.code == 2
    assert f"NothingToClaim(device = {device}, have = {1000 * TBND}, claimed = {1000 * TBND})" in again.err


def test_claim_many__of_a_final_epoch__claims_for_each(
    chain: Chain, run: Run, store: Path, provider: str, stranger: str, oracles: list[str]
) -> None:
    join_oracles(chain, oracles)
    leaves = [make_leaf(device, provider, weight=1, cumulative_reward=device * TBND) for device in (1, 2, 3)]
    publish(store, attest(chain, 1, leaves))
    mine_to_final(chain, 1)

    told = run("rewards", "claim-many", 3, 1, "--json", by=stranger)

    assert (told.code, told.json["amounts"]) == (0, {"1": str(TBND), "3": str(3 * TBND)})


def test_claim__a_device_without_a_leaf__says_so(
    chain: Chain, run: Run, store: Path, provider: str, oracles: list[str]
) -> None:
    join_oracles(chain, oracles)
    publish(store, attest(chain, 1))
    mine_to_final(chain, 1)
    told = run("rewards", "claim", 5, by=provider)
    assert (told.code, told.err) == (2, "Error: epoch 1 has no leaf for device 5\n")
