"""`scripts/verify.py`: says 0 of a good network, finds each tampering, and doesn't guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import scripts.verify
from tensorbond.chain.deployment import Deployment
from tensorbond.chain.publication import addresses_of
from tensorbond.chain.roles import ADMIN, GOVERNOR, GUARDIAN, verbs_of
from tests.acts import join_oracles
from tests.anvil import ROOT
from tests.chain import Chain, project_artifacts, system_artifacts

pytestmark = pytest.mark.chain


@dataclass
class Told:
    """What the script said."""

    code: int
    text: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def findings(self, check: str) -> dict[str, tuple[Any, Any]]:
        """(have, need) by subject; nothing else may have been found."""
        found = self.json["findings"]
        assert {each["check"] for each in found} <= {check}, found
        return {each["subject"]: (each["have"], each["need"]) for each in found}


Verify = Callable[..., Told]


@pytest.fixture
def verify(chain: Chain, deployment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Runs the script against the test network, with its file as `change` leaves it, and what a front end
    reads as `publish` does."""
    monkeypatch.setattr(scripts.verify, "_compile", lambda: None)

    def run(
        *words: str,
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        publish: Callable[[dict[str, Any]], None] = lambda _: None,
        rpc: str = chain.url,
    ) -> Told:
        told = json.loads(deployment_file.read_text())
        change(told)
        path = tmp_path / "test.json"
        path.write_text(json.dumps(told))
        published: dict[str, Any] = json.loads(json.dumps(addresses_of(Deployment.load(deployment_file))))
        publish(published)
        (tmp_path / "test").mkdir(exist_ok=True)
        (tmp_path / "test" / "addresses.json").write_text(json.dumps(published))
        arguments = ["--rpc", rpc, "--network", "test", "--deployment", str(path), *words]
        done = CliRunner().invoke(scripts.verify.cli, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Told(done.exit_code, done.output)

    return run


@pytest.fixture
def config(deployment_file: Path, tmp_path: Path) -> Path:
    """The parameters that the test network was deployed with."""
    escrow = Deployment.load(deployment_file).contracts["JobEscrow"].constructor
    path = tmp_path / "test.toml"
    names = f'treasury = "{escrow["feeRecipient"]}"\nfee_recipient = "{escrow["feeRecipient"]}"\n'
    path.write_text(names + (ROOT / "tests" / "network.toml").read_text())
    return path


def test_verify__the_network_as_deployed__agrees(chain: Chain, verify: Verify, config: Path) -> None:
    told = verify("--json", "--config", str(config))
    assert told.code == 0, told.text
    assert (told.json["ok"], told.json["findings"], told.json["notes"]) == (True, [], [])
    assert (told.json["chain_id"], told.json["block"]) == (31337, chain.block_number)
    assert set(told.json["compared"]) == {"code", "arguments", "roles", "parameters", "addresses"}
    assert verify().text.startswith(f"test at block {chain.block_number} is what it should be; compared: ")


# Tampering


def test_verify__changed_code__is_found(chain: Chain, verify: Verify) -> None:
    code = chain.rpc.request("eth_getCode", chain.address["Challenges"], "latest")
    chain.rpc.request("anvil_setCode", chain.address["Challenges"], code + "00")
    told = verify("--json")
    assert told.code == 1
    assert told.findings("code").keys() == {"Challenges's code hash", "Challenges made of this source"}


def test_verify__changed_code_that_the_file_knows__is_found(
    chain: Chain, verify: Verify, deployment_file: Path
) -> None:
    """Whoever changes the code changes the file, too: the source tells."""
    chain.rpc.request("anvil_setCode", chain.address["Challenges"], "0x00")
    honest = "0xbc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a"  # keccak256(0x00)

    def lie(told: dict[str, Any]) -> None:
        told["contracts"]["Challenges"]["code_hash"] = honest

    told = verify("--json", change=lie)
    assert told.code == 1
    assert told.findings("code") == {"Challenges made of this source": (False, True)}


def test_verify__a_changed_argument__is_found(verify: Verify) -> None:
    def lie(told: dict[str, Any]) -> None:
        told["contracts"]["JobEscrow"]["constructor"]["feeBps"] = 99
        told["contracts"]["DeviceRegistry"]["constructor"]["first"]["proof_blocks"] = 31

    told = verify("--json", change=lie)
    assert told.code == 1
    found = told.findings("arguments")
    assert found["JobEscrow's feeBps"] == (100, 99)
    assert found.keys() == {"JobEscrow's feeBps", "DeviceRegistry's first"}


def test_verify__another_transaction_for_a_contract__is_found(verify: Verify) -> None:
    def lie(told: dict[str, Any]) -> None:
        contracts = told["contracts"]
        contracts["Rewards"]["transaction"] = contracts["JobEscrow"]["transaction"]

    told = verify("--json", change=lie)
    assert told.code == 1
    subjects = {each["subject"] for each in told.json["findings"]}
    assert {"Rewards's address", "Rewards's creation code"} <= subjects


def test_verify__other_parameters_than_the_file_was_made_with__is_found(verify: Verify, config: Path) -> None:
    config.write_text(
        config.read_text().replace("oracle_bond = ", 'guardian = "0x' + "11" * 20 + '"\noracle_bond = ')
    )
    config.write_text(config.read_text().replace("unbonding_blocks = 300", "unbonding_blocks = 299"))
    told = verify("--json", "--config", str(config))
    assert told.code == 1
    found = {each["subject"]: (each["have"], each["need"]) for each in told.json["findings"]}
    assert found["ProviderStaking's unbondingBlocks in the file"] == (300, 299)
    assert found["the guardian in the file"][1] == "0x" + "11" * 20
    assert len(found) == 2


@pytest.mark.parametrize(
    ("role", "name"), [(ADMIN, "admin"), (GOVERNOR, "governor"), (GUARDIAN, "guardian"), (7, "role 7")]
)
def test_verify__an_extra_member__is_found(
    chain: Chain, verify: Verify, governor: str, stranger: str, role: int, name: str
) -> None:
    chain.send("AccessManager", "grantRole", role, stranger, 0, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("roles") == {f"{name} {stranger.lower()}: member": (True, False)}


def test_verify__a_member_who_left_again__is_not_found(
    chain: Chain, verify: Verify, governor: str, stranger: str
) -> None:
    chain.send("AccessManager", "grantRole", GOVERNOR, stranger, 0, sender=governor)
    chain.send("AccessManager", "revokeRole", GOVERNOR, stranger, sender=governor)
    assert verify().code == 0


def test_verify__a_delay_that_the_chain_does_not_keep__is_found(verify: Verify, governor: str) -> None:
    def lie(told: dict[str, Any]) -> None:
        told["governor_delay"] = 172_800

    told = verify("--json", change=lie)
    assert told.code == 1
    assert told.findings("roles") == {
        f"{name} {governor.lower()}: delay": (0, 172_800) for name in ("admin", "governor")
    }


def test_verify__a_verb_in_other_hands__is_found(chain: Chain, verify: Verify, governor: str) -> None:
    abi = project_artifacts()["JobEscrow"].abi
    moved = [abi.function("setFee").selector, bytes.fromhex("12345678")]
    public = (1 << 64) - 1
    chain.send(
        "AccessManager", "setTargetFunctionRole", chain.at("JobEscrow"), moved, public, sender=governor
    )
    told = verify("--json")
    assert told.code == 1
    assert told.findings("roles") == {
        "JobEscrow.setFee's role": (str(public), "governor"),
        f"{chain.address['JobEscrow'].lower()}.0x12345678's role": (str(public), "admin"),
    }


def test_verify__a_closed_target_or_another_guardian_role__is_found(
    chain: Chain, verify: Verify, governor: str
) -> None:
    chain.send("AccessManager", "setTargetClosed", chain.at("Attestations"), True, sender=governor)
    chain.send("AccessManager", "setRoleGuardian", GOVERNOR, 9, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("roles") == {
        "Attestations closed": (True, False),
        "governor's guardian role": (9, GUARDIAN),
    }


def test_verify__another_authority__is_found(chain: Chain, verify: Verify, governor: str) -> None:
    usurper = chain.deploy("AccessManager", governor, label="Usurper")
    chain.send("AccessManager", "updateAuthority", chain.at("JobEscrow"), usurper, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("roles") == {"JobEscrow's authority": (usurper, chain.address["AccessManager"])}


def test_verify__another_parameter__is_found(chain: Chain, verify: Verify, governor: str) -> None:
    chain.send("JobEscrow", "setFee", 50, sender=governor)
    first = chain.call("DeviceRegistry", "classOf", 0)
    chain.send("DeviceRegistry", "addClass", first, sender=governor)
    timing = chain.call("DeviceRegistry", "timingEntry", 0)
    chain.send("DeviceRegistry", "schedule", {**vars(timing), "from_epoch": 1000}, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("parameters") == {
        "JobEscrow.feeBps": (50, 100),
        "DeviceRegistry.classCount": (4, 3),
        "DeviceRegistry.timingCount": (2, 1),
    }


@pytest.mark.parametrize("escrow", ["JobEscrow", "LeaseEscrow"])
def test_verify__another_cap__is_found(chain: Chain, verify: Verify, governor: str, escrow: str) -> None:
    chain.send(escrow, "allowToken", chain.at("TestDollar"), 1, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("parameters") == {f"{escrow}'s cap of TUSD": (1, 10**15)}


@pytest.mark.parametrize("escrow", ["JobEscrow", "LeaseEscrow"])
def test_verify__a_token_that_the_file_does_not_know__is_found(
    chain: Chain, verify: Verify, governor: str, escrow: str
) -> None:
    token = chain.deploy("TestDollar", label="OtherDollar")
    chain.send(escrow, "allowToken", token, 1, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("parameters") == {f"{escrow}'s cap of {token.lower()}": (1, 0)}
    chain.send(escrow, "allowToken", token, 0, sender=governor)
    assert verify().code == 0


@pytest.mark.parametrize("escrow", ["JobEscrow", "LeaseEscrow"])
def test_verify__another_fee__is_found(chain: Chain, verify: Verify, governor: str, escrow: str) -> None:
    chain.send(escrow, "setFee", 50, sender=governor)
    told = verify("--json")
    assert told.code == 1
    assert told.findings("parameters") == {f"{escrow}.feeBps": (50, 100)}


def test_verify__a_token_that_the_file_does_not_allow__is_found(
    chain: Chain, verify: Verify, governor: str
) -> None:
    """What is allowed no more stays in the file, with a cap of 0."""

    def forbid(told: dict[str, Any]) -> None:
        told["caps"] = {"JobEscrow": {"TUSD": 0}, "LeaseEscrow": {"TUSD": 0}}

    assert verify("--json", change=forbid).findings("parameters") == {
        f"{escrow}'s cap of TUSD": (10**15, 0) for escrow in ("JobEscrow", "LeaseEscrow")
    }
    for escrow in ("JobEscrow", "LeaseEscrow"):
        chain.send(escrow, "allowToken", chain.at("TestDollar"), 0, sender=governor)
    assert verify(change=forbid).code == 0


def test_verify__other_tokens_than_the_parameters_have__is_found(
    chain: Chain, verify: Verify, config: Path
) -> None:
    told_cap, address = "cap = 1_000_000_000_000_000", "0x" + "22" * 20
    config.write_text(
        config.read_text()
        .replace('test_contract = "TestDollar"', f'address = "{address}"')
        .replace(told_cap, f'cap = 7\n\n[[token]]\nsymbol = "EURX"\naddress = "{address}"\n{told_cap}')
    )
    told = verify("--json", "--config", str(config))
    assert told.code == 1
    assert told.findings("parameters") == {
        "the tokens in the file": (["TUSD"], ["EURX", "TUSD"]),
        "TUSD's address in the file": (chain.address["TestDollar"].lower(), address),
        "JobEscrow's cap of TUSD in the file": (10**15, 7),
        "LeaseEscrow's cap of TUSD in the file": (10**15, 7),
    }


def test_verify__other_addresses_for_a_front_end__is_found(chain: Chain, verify: Verify) -> None:
    other = "0x" + "22" * 20

    def lie(published: dict[str, Any]) -> None:
        published["tokens"] = {}
        published["contracts"] |= {"JobEscrow": other, "Purse": other}
        published["chainId"] = 1

    told = verify("--json", publish=lie)
    assert told.code == 1
    assert told.findings("addresses") == {
        "addresses.json's chainId": (1, 31337),
        "addresses.json's contracts.JobEscrow": (other, chain.address["JobEscrow"]),
        "addresses.json's contracts.Purse": (other, None),
        "addresses.json's tokens": ({}, None),
        "addresses.json's tokens.TUSD": (None, chain.address["TestDollar"]),
    }


def test_verify__whatever_the_governor_sets__is_compared_or_told() -> None:
    """A new verb of the governor's needs a place here, and in `verification`."""
    compared = {
        "DeviceRegistry": {"addClass", "schedule", "unpause"},
        "Attestations": {"seat"},  # told
        "JobEscrow": {"allowToken", "setFee", "unpause"},
        "LeaseEscrow": {"allowToken", "setFee", "unpause"},
    }
    wired = verbs_of(GOVERNOR, system_artifacts())
    assert {name: set(verbs) for name, verbs in wired.items() if name != "AccessManager"} == compared


# Allowed, and told


def test_verify__a_pause_and_a_scheduled_call__are_notes(
    chain: Chain, verify: Verify, governor: str, stranger: str
) -> None:
    chain.send("DeviceRegistry", "pause", sender=governor)
    chain.send("AccessManager", "grantRole", GOVERNOR, stranger, 100, sender=governor)
    data = project_artifacts()["JobEscrow"].abi.encode_call("setFee", (1,))
    chain.send("AccessManager", "schedule", chain.at("JobEscrow"), data, 0, sender=stranger)
    ready_at = chain.timestamp + 100
    chain.send("AccessManager", "revokeRole", GOVERNOR, stranger, sender=governor)

    told = verify("--json")

    assert told.code == 0, told.text
    assert told.json["notes"] == [
        f"scheduled by {stranger}: JobEscrow.setFee(1,), possible from {ready_at} on",
        "DeviceRegistry is paused: nothing new begins",
    ]
    assert "note: DeviceRegistry is paused" in verify().text


def test_verify__nothing_published__is_a_note(verify: Verify, deployment_file: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.json"
    bare.write_text(deployment_file.read_text())
    told = verify("--json", "--deployment", str(bare))
    assert told.code == 0, told.text
    assert told.json["notes"] == ["there is no addresses.json beside the deployment file"]


def test_verify__seated_oracles__are_a_note(chain: Chain, verify: Verify, oracles: list[str]) -> None:
    join_oracles(chain, oracles, from_epoch=0)
    told = verify("--json")
    assert told.code == 0, told.text
    assert told.json["notes"] == ["oracle set 1, from epoch 0 on: 4 members, threshold 3"]


# Could not tell


def test_verify__a_dead_endpoint__could_not_tell(verify: Verify) -> None:
    told = verify("--json", rpc="http://127.0.0.1:1")
    assert told.code == 2
    assert (told.json["ok"], "no endpoint answered" in told.json["error"]) == (None, True)
    assert verify(rpc="http://127.0.0.1:1").text.startswith("could not tell: no endpoint answered")


def test_verify__another_chain__could_not_tell(verify: Verify) -> None:
    def lie(told: dict[str, Any]) -> None:
        told["chain_id"] = 10

    told = verify("--json", change=lie)
    assert told.code == 2
    assert "serves chain 31337, the deployment is on chain 10" in told.json["error"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda told: told.update(settings={}),
            "lacks settings.JobEscrow.feeBps, settings.LeaseEscrow.feeBps",
        ),
        (lambda told: told["settings"].pop("LeaseEscrow.feeBps"), "lacks settings.LeaseEscrow.feeBps"),
        (lambda told: told["settings"].update({"JobEscrow.fee": 1}), "knows no settings.JobEscrow.fee"),
        (lambda told: told.pop("caps"), "caps\n  Field required"),
        (lambda told: told["caps"].pop("JobEscrow"), "lacks caps.JobEscrow.TUSD"),
        (lambda told: told["caps"]["LeaseEscrow"].clear(), "lacks caps.LeaseEscrow.TUSD"),
        (lambda told: told["caps"]["JobEscrow"].update(EURX=1), "knows no caps.JobEscrow.EURX"),
        (lambda told: told["caps"].update(Purse={"TUSD": 1}), "knows no caps.Purse.TUSD"),
    ],
)
def test_verify__a_file_that_lacks_a_number__could_not_tell(
    verify: Verify, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    told = verify("--json", change=change)
    assert told.code == 2
    assert says in told.json["error"]


@pytest.mark.parametrize("text", ["{", "[]"])
def test_verify__addresses_that_nobody_can_read__could_not_tell(
    verify: Verify, deployment_file: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "addresses.json").write_text(text)
    (tmp_path / "odd.json").write_text(deployment_file.read_text())
    told = verify("--json", "--deployment", str(tmp_path / "odd.json"))
    assert told.code == 2
    assert str(tmp_path / "odd" / "addresses.json") in told.json["error"]


def test_verify__no_such_file_or_transaction__could_not_tell(verify: Verify, tmp_path: Path) -> None:
    told = verify("--json", "--deployment", str(tmp_path / "nowhere.json"))
    assert told.code == 2
    assert "nowhere.json cannot be read" in told.json["error"]

    def forget(told: dict[str, Any]) -> None:
        told["contracts"]["Rewards"]["transaction"] = "0x" + "ab" * 32

    told = verify("--json", change=forget)
    assert told.code == 2
    assert "knows no transaction 0xabab" in told.json["error"]
