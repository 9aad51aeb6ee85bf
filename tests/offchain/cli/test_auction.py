from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from tests.acts import TBND, TUSD, mine_to_slot, register_as, stake_as
from tests.chain import Chain
from tests.offchain.cli.conftest import Run

SPEC = "0x" + keccak(b"multiply these").hex()


@pytest.fixture
def devices(chain: Chain, provider: str, other_provider: str) -> tuple[int, int]:
    found = []
    for owner in (provider, other_provider):
        stake_as(chain, owner, 100 * TBND)
        found.append(register_as(chain, owner))
    mine_to_slot(chain, 4)
    return found[0], found[1]


@pytest.fixture
def job(chain: Chain, run: Run, requester: str, devices: tuple[int, int]) -> int:
    """Funded with 100 TUSD, and its auction is open."""
    told = run(
        "job",
        "fund",
        "--price",
        "100",
        "--spec",
        SPEC,
        "--provider",
        chain.at("SealedAuction"),
        "--json",
        by=requester,
    )
    number = int(told.json["job"])
    told = run("auction", "open", number, "--commit-by", "+8", "--reveal-by", "+16", by=requester)
    assert told.code == 0, told.err
    return number


def commit(run: Run, job: int, device: int, price: str, path: Path, by: str) -> None:
    told = run("auction", "commit", job, "--device", device, "--price", price, "--bid", path, by=by)
    assert told.code == 0, told.err


def test_auction__from_commit_to_award__goes_to_the_cheapest(
    chain: Chain,
    run: Run,
    provider: str,
    other_provider: str,
    stranger: str,
    devices: tuple[int, int],
    job: int,
    tmp_path: Path,
) -> None:
    mine, other = tmp_path / "mine.json", tmp_path / "other.json"
    commit(run, job, devices[0], "60.5", mine, provider)
    commit(run, job, devices[1], "70", other, other_provider)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o600
    shown = run("auction", "show", job, "--provider", provider, "--json").json
    assert (shown["bids"], shown["provider"], shown["bid"], shown["place"]) == (2, None, "sealed", 1)

    chain.mine_to(shown["commit_by"])
    assert run("auction", "reveal", job, "--bid", other, by=other_provider).out.startswith(
        f"bid 70 TUSD for job {job}; it leads\n"
    )
    assert run("auction", "reveal", job, "--bid", mine, "--json", by=provider).json["cheapest"] is True
    text = run("auction", "show", job, "--provider", provider).out
    assert f"leads          {provider} for 60.5 TUSD\n" in text
    assert "bid            revealed\n" in text

    chain.mine_to(shown["reveal_by"])
    told = run("auction", "award", job, "--json", by=stranger)
    assert (told.code, told.json["provider"], told.json["price"]) == (0, provider, str(605 * TUSD // 10))
    state = run("job", "show", job, "--json").json
    assert state["price"] == str(605 * TUSD // 10)
    assert run("job", "accept", job, "--device", devices[0], by=provider).code == 0


def test_commit__the_bid_file_exists__keeps_it_and_sends_nothing(
    chain: Chain, run: Run, provider: str, devices: tuple[int, int], job: int, tmp_path: Path
) -> None:
    """A salt that is overwritten is a bid that can't be revealed."""
    path = tmp_path / "bid.json"
    path.write_text("precious")
    told = run("auction", "commit", job, "--device", devices[0], "--price", "5", "--bid", path, by=provider)
    assert (told.code, told.err) == (2, f"Error: {path} cannot be written: File exists\n")
    assert path.read_text() == "precious"
    assert chain.call("SealedAuction", "bidOf", job, provider).place == 0


def test_commit__the_same_offer_twice__has_another_salt(
    run: Run, provider: str, other_provider: str, devices: tuple[int, int], job: int, tmp_path: Path
) -> None:
    paths = tmp_path / "first.json", tmp_path / "second.json"
    for path, device, owner in zip(paths, devices, (provider, other_provider), strict=True):
        commit(run, job, device, "5", path, owner)
    first, second = (json.loads(path.read_text())["salt"] for path in paths)
    assert first != second


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"salt": 5}', '{"salt": "0xzz"}'])
def test_reveal__no_bid_in_the_file__says_so(
    run: Run, provider: str, job: int, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "bid.json"
    path.write_text(text)
    told = run("auction", "reveal", job, "--bid", path, by=provider)
    assert (told.code, told.err) == (2, f"Error: {path} is not a sealed bid\n")


def test_reveal__another_jobs_bid__says_so(
    run: Run, provider: str, devices: tuple[int, int], job: int, tmp_path: Path
) -> None:
    path = tmp_path / "bid.json"
    commit(run, job, devices[0], "5", path, provider)
    told = run("auction", "reveal", job + 1, "--bid", path, by=provider)
    assert (told.code, told.err) == (2, f"Error: {path} is a bid for job {job}, not {job + 1}\n")


def test_reveal__no_file__says_so(run: Run, provider: str, job: int, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    told = run("auction", "reveal", job, "--bid", path, by=provider)
    assert (told.code, told.err) == (2, f"Error: {path} cannot be read: No such file or directory\n")


def test_award__nobody_bids__is_refused(chain: Chain, run: Run, stranger: str, job: int) -> None:
    chain.mine(16)
    told = run("auction", "award", job, by=stranger)
    assert (told.code, told.err) == (2, f"Error: SealedAuction.award refused: NoBid(job = {job})\n")
