"""A deployment that is run twice, interrupted, disturbed, or asked for something else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain.artifacts import CONTRACTS
from tensorbond.chain.deploy import deploy, deploy_test_tokens
from tensorbond.chain.deployment import ContractRecord, Deployment
from tensorbond.chain.errors import DeploymentConflict, DeploymentInvalid
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.parameters import Parameters, PaymentToken
from tensorbond.chain.roles import ADMIN, GOVERNOR, GUARDIAN
from tests.anvil import ROOT, Anvil
from tests.chain import Chain, account, project_artifacts, system_artifacts

pytestmark = pytest.mark.chain

Run = Callable[..., Deployment]

DELAY = 7 * 24 * 3600


class Interrupted(Exception):
    """The process died here."""


@pytest.fixture
def own() -> Iterator[Chain]:
    with Anvil() as anvil:
        chain = Chain(anvil.url, project_artifacts(), gas_price=None)
        yield chain
        chain.close()


@pytest.fixture
def parameters() -> Parameters:
    return Parameters.load(ROOT / "tests" / "network.toml")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "devnet.json"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def run(own: Chain, parameters: Parameters, path: Path, said: list[str]) -> Run:
    """Deploys as the script does; `die_at`: the method and the contract's place at which the process dies."""

    def run_once(
        parameters: Parameters = parameters, die_at: tuple[str, int] | None = None, sender: int = 0
    ) -> Deployment:
        said.clear()
        lane = Lane(own.rpc, account(sender), policy=Policy(poll=0.01, deadline=5.0))
        if die_at is not None:
            _die(lane, *die_at)
        tokens = deploy_test_tokens(lane, system_artifacts(), parameters, path, say=said.append)
        return deploy(lane, system_artifacts(), parameters, "devnet", path, tokens=tokens, say=said.append)

    return run_once


def _die(lane: Lane, where: str, count: int) -> None:
    """Raise at the `count`-th creation: before it is sent, or after, before anybody knows."""
    inner: Any = lane._send
    seen = 0

    def send(raw: str) -> None:
        nonlocal seen
        seen += 1
        if seen == count and where == "before":
            raise Interrupted
        inner(raw)
        if seen == count and where == "after":
            raise Interrupted

    lane._send = send  # type: ignore[method-assign]


def _made(record: ContractRecord) -> tuple[object, ...]:
    return record.address, record.block, record.code_hash, record.constructor


def nonce(chain: Chain) -> int:
    return int(chain.rpc.request("eth_getTransactionCount", account(0).address, "latest"), 16)


def test_deploy__an_empty_chain__gives_every_contract_its_peers(own: Chain, run: Run, path: Path) -> None:
    deployment = run()
    assert Deployment.load(path) == deployment
    assert list(deployment.contracts) == list(CONTRACTS)
    for name, record in deployment.contracts.items():
        own.register(name, record.address)
        receipt = own.rpc.request("eth_getTransactionReceipt", record.transaction)
        assert int(receipt["blockNumber"], 16) == record.block
        assert receipt["contractAddress"].lower() == record.address.lower()
    assert deployment.chain_id == 31337
    assert deployment.caps == {"JobEscrow": {"TUSD": 10**15}, "LeaseEscrow": {"TUSD": 10**15}}
    assert deployment.governor == deployment.deployer == account(0).address
    assert own.call("DeviceRegistry", "timingEntry", 0) == deployment.timing
    assert own.call("DeviceRegistry", "classCount") == len(deployment.classes) == 3
    assert own.call("JobEscrow", "ledgerOf", deployment.tokens["TUSD"]).cap == 10**15
    for role in (ADMIN, GOVERNOR, GUARDIAN):
        assert own.call("AccessManager", "hasRole", role, deployment.governor) == (True, 0)
    assert own.call("TensorbondToken", "totalSupply") == 500_000_000 * 10**18
    assert [each.name for each in path.parent.iterdir()] == ["devnet.json"]


def test_deploy__a_second_run__changes_nothing_and_says_so(
    own: Chain, run: Run, path: Path, said: list[str]
) -> None:
    run()
    content, block, before = path.read_bytes(), own.block_number, nonce(own)
    run()
    assert (path.read_bytes(), own.block_number, nonce(own)) == (content, block, before)
    assert said == [
        f"devnet is deployed already: {path} and the chain agree, no contract was deployed",
        "classes, tokens and roles are as the parameters say",
    ]


# The token is the first transaction, the contracts follow, then three classes, both allow-lists, the roles.
TRANSACTIONS = 1 + len(CONTRACTS) + 3 + 2 + 1


@pytest.mark.parametrize("count", [1, 2, 3, 5, len(CONTRACTS) + 1, len(CONTRACTS) + 2, TRANSACTIONS])
@pytest.mark.parametrize("where", ["before", "after"])
def test_deploy__interrupted_anywhere__is_resumed_to_the_same_end(
    own: Chain, run: Run, path: Path, where: str, count: int
) -> None:
    with pytest.raises(Interrupted):
        run(die_at=(where, count))
    deployment = run()
    assert Deployment.load(path) == deployment
    for name, record in deployment.contracts.items():
        own.register(name, record.address)
    assert own.call("DeviceRegistry", "classCount") == 3
    assert own.call("JobEscrow", "ledgerOf", deployment.tokens["TUSD"]).cap == 10**15
    # A test token that nobody remembers is the only thing that may be made twice.
    assert nonce(own) == TRANSACTIONS + (count == 1 and where == "after")


def test_deploy__the_nonce_moved_in_between__is_a_conflict(own: Chain, run: Run, path: Path) -> None:
    with pytest.raises(Interrupted):
        run(die_at=("before", 5))
    own.transact(account(1).address, b"", sender=account(0).address)
    with pytest.raises(DeploymentConflict, match=r"DeviceRegistry needs nonce 4 of 0x\w+, which is at 5"):
        run()
    assert not path.exists()


def test_deploy__other_parameters_than_begun_with__is_a_conflict(run: Run, parameters: Parameters) -> None:
    with pytest.raises(Interrupted):
        run(die_at=("before", 5))
    with pytest.raises(DeploymentConflict, match="was begun with another parameters"):
        run(parameters.model_copy(update={"fee_bps": 7}))


def test_deploy__other_parameters_than_deployed_with__is_a_conflict(run: Run, parameters: Parameters) -> None:
    run()
    with pytest.raises(
        DeploymentConflict, match="JobEscrow was deployed with feeBps = 100, the parameters say 7"
    ):
        run(parameters.model_copy(update={"fee_bps": 7}))


def test_deploy__a_class_was_changed_in_the_file__is_a_conflict(run: Run, parameters: Parameters) -> None:
    run()
    first = parameters.classes[0].model_copy(update={"q": 17})
    with pytest.raises(DeploymentConflict, match=r"class 0 is .* a class never changes"):
        run(parameters.model_copy(update={"classes": (first, *parameters.classes[1:])}))


def test_deploy__a_class_was_added_to_the_file__is_added(
    own: Chain, run: Run, parameters: Parameters, said: list[str]
) -> None:
    deployment = run()
    own.register("DeviceRegistry", deployment.address("DeviceRegistry"))
    run(parameters.model_copy(update={"classes": (*parameters.classes, parameters.classes[0])}))
    assert own.call("DeviceRegistry", "classCount") == 4
    assert said[1:] == ["DeviceRegistry.addClass: done"]


def test_deploy__other_code_at_an_address__is_invalid(own: Chain, run: Run) -> None:
    deployment = run()
    own.rpc.request("anvil_setCode", deployment.address("Challenges"), "0x00")
    with pytest.raises(DeploymentInvalid, match=r"Challenges at 0x.* has code hash"):
        run()


def test_deploy__the_chain_was_reset__is_invalid(own: Chain, run: Run) -> None:
    run()
    own.rpc.request("anvil_reset")
    with pytest.raises(DeploymentInvalid, match="there is no AccessManager at"):
        run()


def test_deploy__a_token_was_added_to_the_file__is_allowed(
    own: Chain, run: Run, parameters: Parameters, said: list[str]
) -> None:
    deployment = run()
    own.register("LeaseEscrow", deployment.address("LeaseEscrow"))
    token = PaymentToken(symbol="EURX", address=own.deploy("TestDollar"), cap=7)
    run(parameters.model_copy(update={"tokens": (*parameters.tokens, token)}))
    assert own.call("LeaseEscrow", "ledgerOf", token.address).cap == 7
    assert said[1:] == ["JobEscrow.allowToken: done", "LeaseEscrow.allowToken: done"]


def test_deploy__a_token_was_added_that_is_nowhere__is_a_conflict(run: Run, parameters: Parameters) -> None:
    run()
    token = PaymentToken(symbol="EURX", test_contract="TestDollar", cap=7)
    with pytest.raises(DeploymentConflict, match="nor the deployment say where EURX is"):
        run(parameters.model_copy(update={"tokens": (*parameters.tokens, token)}))


@pytest.fixture
def governed(parameters: Parameters) -> Parameters:
    """By another than the deployer, and slowly."""
    return parameters.model_copy(
        update={"governor": account(1).address, "governor_delay": DELAY, "guardian": account(2).address}
    )


def test_deploy__another_governor__gets_it_all_and_the_deployer_keeps_nothing(
    own: Chain, run: Run, governed: Parameters, said: list[str]
) -> None:
    deployment = run(governed)
    for name in ("AccessManager", "DeviceRegistry"):
        own.register(name, deployment.address(name))
    assert own.call("DeviceRegistry", "classCount") == 3
    assert said[-1] == f"roles: the governor is {account(1).address}, the guardian {account(2).address}"
    members = {
        (role, who): own.call("AccessManager", "hasRole", role, account(who).address)
        for role in (ADMIN, GOVERNOR, GUARDIAN)
        for who in range(3)
    }
    assert {key: delay for key, (is_member, delay) in members.items() if is_member} == {
        (ADMIN, 1): DELAY,
        (GOVERNOR, 1): DELAY,
        (GUARDIAN, 2): 0,
    }


def test_deploy__a_class_added_later__waits_for_the_governors_delay(
    own: Chain, run: Run, governed: Parameters, said: list[str]
) -> None:
    deployment = run(governed)
    own.register("DeviceRegistry", deployment.address("DeviceRegistry"))
    more = governed.model_copy(update={"classes": (*governed.classes, governed.classes[0])})

    run(more)
    assert [line.split("(")[0] for line in said[1:]] == ["for the governor to call: DeviceRegistry.addClass"]
    run(more, sender=1)
    assert said[1:] == [f"DeviceRegistry.addClass: scheduled, run this again after {DELAY} s"]
    run(more, sender=1)
    assert "DeviceRegistry.addClass: scheduled already, run this again after" in said[1]
    assert own.call("DeviceRegistry", "classCount") == 3
    own.rpc.request("evm_increaseTime", hex(DELAY))
    own.mine()
    run(more, sender=1)
    assert said[1:] == ["DeviceRegistry.addClass: done"]
    assert own.call("DeviceRegistry", "classCount") == 4


def test_deploy__another_governor_than_deployed_with__is_a_conflict(
    run: Run, parameters: Parameters, governed: Parameters
) -> None:
    run()
    with pytest.raises(
        DeploymentConflict, match=f"says governor = .* the parameters say {governed.governor}"
    ):
        run(governed)


def test_deploy__twice_from_scratch__gives_the_same_addresses_and_code(
    own: Chain, run: Run, path: Path
) -> None:
    """Nothing of the day, the machine or the last run goes into a contract."""
    first = run()
    path.unlink()
    own.rpc.request("anvil_reset")
    second = run()
    assert {name: _made(record) for name, record in second.contracts.items()} == {
        name: _made(record) for name, record in first.contracts.items()
    }
    assert second.timing == first.timing


def test_deploy__parameters_of_another_chain__is_a_conflict(run: Run, parameters: Parameters) -> None:
    with pytest.raises(DeploymentConflict, match="the parameters are for chain 1, not 31337"):
        run(parameters.model_copy(update={"chain_id": 1, "tokens": ()}))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"network": 1}', None],
    ids=["empty", "cut", "list", "bare", "wrong", "lacking"],
)
def test_load__a_malformed_file__is_invalid(content: str | None, run: Run, path: Path) -> None:
    if content is None:
        run()
        told = json.loads(path.read_text())
        del told["contracts"]["Rewards"]
        content = json.dumps(told)
    path.write_text(content)
    with pytest.raises(DeploymentInvalid, match=str(path)):
        Deployment.load(path)


def test_load__no_such_file__is_invalid(tmp_path: Path) -> None:
    with pytest.raises(DeploymentInvalid, match="cannot be read"):
        Deployment.load(tmp_path / "nowhere.json")
