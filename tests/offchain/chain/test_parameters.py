from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorbond.chain.errors import DeploymentInvalid
from tensorbond.chain.parameters import Parameters, format_units, parse_units
from tests.anvil import ROOT

DEVNET = ROOT / "tests" / "network.toml"


@given(amount=st.integers(0, 2**256 - 1), decimals=st.integers(0, 77))
def test_parse_units__what_format_units_wrote__is_the_same_amount(amount: int, decimals: int) -> None:
    assert parse_units(format_units(amount, decimals), decimals) == amount


@pytest.mark.parametrize(
    ("text", "decimals", "amount"),
    [("1", 18, 10**18), ("0.5", 6, 500_000), ("1_000", 0, 1000), ("1.50", 1, 15)],
)
def test_parse_units__an_amount__is_in_the_smallest_unit(text: str, decimals: int, amount: int) -> None:
    assert parse_units(text, decimals) == amount


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "0.0000001", "NaN", "Infinity", "1,5", "1e3", ".5", "1.", "٣"]
)
def test_parse_units__no_amount_of_the_token__is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        parse_units(text, 6)


def test_load__the_devnet__reads_tbnd_as_wei() -> None:
    parameters = Parameters.load(DEVNET)
    assert parameters.genesis_supply == 500_000_000 * 10**18
    assert parameters.classes[0].to_struct().miss_penalty == 10**17
    first = parameters.timing
    epoch = first.slot_blocks * first.epoch_slots
    assert parameters.unbonding_blocks >= epoch + first.attest_blocks + 2 * first.proof_blocks


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("fee_bps = 100", "fee_bps = 'much'", "fee_bps"),
        ("fee_bps = 100", "fee_pbs = 100", "fee_pbs"),
        ("fee_bps = 100", "", "fee_bps"),
        ('"1 TBND"', '"1 GOLD"', "bond_per_gops"),
        ('"0.1 TBND"', '"0.0000000000000000001 TBND"', "miss_penalty"),
        ("[timing]", "[timing", "devnet.toml"),
        ("chain_id = 31337", "chain_id = 31337\ngovernor = '0x12'", "governor"),
    ],
)
def test_load__a_mistake_in_the_file__is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "devnet.toml"
    path.write_text(DEVNET.read_text().replace(old, new))
    with pytest.raises(DeploymentInvalid, match=told):
        Parameters.load(path)


def test_load__no_such_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(DeploymentInvalid, match=r"nowhere\.toml cannot be read"):
        Parameters.load(tmp_path / "nowhere.toml")


GOVERNED = f"""chain_id = 10
governor = "0x{"11" * 20}"
guardian = "0x{"22" * 20}"
governor_delay = 172_800"""


def test_load__a_chain_that_others_use__is_governed_slowly(tmp_path: Path) -> None:
    path = tmp_path / "mainnet.toml"
    path.write_text(DEVNET.read_text().replace("chain_id = 31337", GOVERNED))
    parameters = Parameters.load(path)
    assert (parameters.governor_delay, parameters.chain_id) == (2 * 24 * 3600, 10)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("172_800", "172_799", "governor_delay is 172799, need 172800 or more"),
        ("governor_delay = 172_800", "", "governor_delay is 0"),
        (f'guardian = "0x{"22" * 20}"', "", "governor and guardian must be named"),
        (f'governor = "0x{"11" * 20}"', "", "governor and guardian must be named"),
        ("22" * 20, "11" * 20, "governor and guardian must be two accounts"),
    ],
)
def test_load__a_chain_that_others_use__without_time_or_guardian_is_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = tmp_path / "mainnet.toml"
    path.write_text(DEVNET.read_text().replace("chain_id = 31337", GOVERNED.replace(old, new)))
    with pytest.raises(DeploymentInvalid, match=told):
        Parameters.load(path)
