"""A thin client for tests: names in, decoded values, events and refusals out. Every transaction mines one
block.

sent = chain.send("ProviderStaking", "stake", 100, sender=provider)
assert sent.event("StakeDeposited")["amount"] == 100
with chain.reverts("FreeStakeInsufficient", provider=provider, have=100, need=101):
    chain.send("ProviderStaking", "unbond", 101, sender=provider)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

import scripts.compile as compiler
from tensorbond.chain.abi import Abi, Event, decode_error
from tensorbond.chain.artifacts import Artifact, Artifacts
from tensorbond.chain.errors import ContractRefused, RpcError
from tensorbond.chain.rpc import Rpc
from tests.anvil import MNEMONIC, ROOT
from tests.revm import Revm

GAS_LIMIT = 16_000_000


class Reverted(AssertionError):
    """A transaction or call reverted. `error` is the custom error's name, "" if there is no reason."""

    def __init__(self, refused: ContractRefused, contract: str) -> None:
        self.error, self.args_, self.contract = refused.error_name, refused.arguments, contract
        super().__init__(f"{contract} reverted: {refused.error_name or '(no reason)'} {refused.arguments}")


@dataclass(frozen=True)
class Sent:
    """A mined transaction."""

    transaction: str
    block: int
    gas_used: int
    events: list[Event]
    sender: str

    def event(self, name: str, contract: str | None = None) -> dict[str, Any]:
        """The arguments of the single event of that name."""
        found = self.all(name, contract)
        assert len(found) == 1, f"{len(found)} × {name} among {[each.name for each in self.events]}"
        return found[0]

    def all(self, name: str, contract: str | None = None) -> list[dict[str, Any]]:
        return [e.args for e in self.events if e.name == name and contract in (None, e.contract)]


class Chain:
    """One anvil, with contracts known by name. `address` maps names to addresses."""

    def __init__(self, url: str, artifacts: Mapping[str, Artifact], *, gas_price: int | None = 0) -> None:
        """`gas_price`: in wei, for every transaction; None: what the node asks for."""
        self.url, self.gas_price = url, gas_price
        self.rpc: Rpc | Revm = Rpc([url], timeout=60)
        self.accounts: list[str] = [_checksum(a) for a in self.rpc.request("eth_accounts")]
        self.address: dict[str, str] = {}
        self._abis: dict[str, Abi] = {}
        self._names: dict[str, str] = {}
        self._artifacts = dict(artifacts)
        self._impersonated: set[str] = set()

    def close(self) -> None:
        self.rpc.close()

    def go_on_in_process(self, *asking: str) -> None:
        """Leave the node for a copy of its state in this process. `asking`: who asks for block hashes."""
        node = self.node
        self.rpc = Revm(node, [self.at(contract) for contract in asking])
        node.close()

    @property
    def node(self) -> Rpc:
        """Raises `TypeError` once the chain goes on in this process."""
        if isinstance(self.rpc, Revm):
            raise TypeError("this chain has left its node")
        return self.rpc

    # Acting

    def send(
        self, contract: str, function: str, *args: Any, sender: str, value: int = 0, gas: int = GAS_LIMIT
    ) -> Sent:
        """Send one transaction and mine it. Raises `Reverted`."""
        data = self._abi(contract).encode_call(function, args)
        return self.transact(self.at(contract), data, sender=sender, value=value, gas=gas, function=function)

    def transact(
        self,
        to: str | None,
        data: bytes,
        *,
        sender: str,
        value: int = 0,
        gas: int = GAS_LIMIT,
        function: str = "",
    ) -> Sent:
        """Send raw calldata."""
        request = {
            "from": sender,
            "data": "0x" + data.hex(),
            "gas": hex(gas),
            "value": hex(value),
        }
        receipt = self._mined(request | ({"to": to} if to else {}))
        if receipt["status"] != "0x1":
            raise self._reverted_transaction(receipt["transactionHash"], to or "", function)
        events = [self._event(log) for log in receipt["logs"]]
        return Sent(
            receipt["transactionHash"],
            int(receipt["blockNumber"], 16),
            int(receipt["gasUsed"], 16),
            events,
            sender,
        )

    def call(
        self,
        contract: str,
        function: str,
        *args: Any,
        sender: str | None = None,
        block: int | str = "latest",
    ) -> Any:
        """The result of a read, or of a simulated transaction, in the state and at the number of a block;
        "pending": of the next one."""
        abi = self._abi(contract)
        request = {"to": self.at(contract), "data": "0x" + abi.encode_call(function, args).hex()}
        if sender is not None:
            request["from"] = sender
        try:
            data = self.rpc.request("eth_call", request, hex(block) if isinstance(block, int) else block)
        except RpcError as error:
            raise self._reverted_call(error, self.at(contract), function) from None
        return abi.decode_result(function, bytes.fromhex(data[2:]))

    def deploy(self, name: str, *args: Any, sender: str | None = None, label: str | None = None) -> str:
        """Deploy a contract of contracts/ or tests/solidity/; known as `label` from then on, or as its own
        name."""
        artifact = self._artifact(name)
        data = artifact.bytecode + artifact.abi.encode_constructor([self._resolve(arg) for arg in args])
        sender = sender or self.accounts[0]
        request = {"from": sender, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT)}
        receipt = self._mined(request)
        if receipt["status"] != "0x1":
            raise self._reverted_transaction(receipt["transactionHash"], name, "constructor")
        address = _checksum(receipt["contractAddress"])
        self.register(label or name, address, artifact.abi)
        return address

    def call_constructor(self, name: str, *args: Any, sender: str) -> None:
        """Simulate `deploy`."""
        artifact = self._artifact(name)
        data = artifact.bytecode + artifact.abi.encode_constructor(args)
        try:
            self.rpc.request("eth_call", {"from": sender, "data": "0x" + data.hex()}, "latest")
        except RpcError as error:
            raise self._reverted_call(error, name, "constructor") from None

    def register(
        self, name: str, address: str, abi: Abi | Sequence[Mapping[str, Any]] | str | None = None
    ) -> None:
        """Make a contract known by name. `abi`: its ABI, or the name of the contract whose ABI it has."""
        if abi is None or isinstance(abi, str):
            abi = self._artifact(abi or name).abi
        self.address[name] = address
        self._names[address.lower()] = name
        self._abis[name] = abi if isinstance(abi, Abi) else Abi(name, abi)

    def impersonate(self, address: str) -> str:
        """Let `address` be a sender: a test may act as a peer contract."""
        address = self.at(address)
        if address not in self._impersonated:
            self.rpc.request("anvil_impersonateAccount", address)
            self._impersonated.add(address)
        return address

    def key(self, address: str) -> LocalAccount:
        """The private key of one of anvil's accounts."""
        return account(self.accounts.index(address))

    # Expecting

    @contextmanager
    def reverts(self, error: str, **args: Any) -> Iterator[None]:
        """The block must revert with exactly this custom error and these arguments.

        A text stands for a bytes32 field tag: `field="refundAt"`."""
        with pytest.raises(Reverted) as caught:
            yield
        have = caught.value
        assert have.error == error, str(have)
        assert have.args_.keys() == args.keys(), f"{error} has the arguments {dict(have.args_)}"
        differing = {
            name: (have.args_[name], value)
            for name, value in args.items()
            if not _same(have.args_[name], value)
        }
        assert not differing, f"{error}: (have, expected) {differing}"

    # Time

    @property
    def block_number(self) -> int:
        return int(self.rpc.request("eth_blockNumber"), 16)

    @property
    def timestamp(self) -> int:
        return int(self.block()["timestamp"], 16)

    def block(self, number: int | str = "latest") -> dict[str, Any]:
        found: dict[str, Any] = self.rpc.request(
            "eth_getBlockByNumber", hex(number) if isinstance(number, int) else number, False
        )
        return found

    def block_hash(self, number: int) -> bytes:
        return bytes.fromhex(self.block(number)["hash"][2:])

    def mine(self, blocks: int = 1) -> int:
        """Mine empty blocks, one second apart. Returns the head's number."""
        if blocks:
            self.rpc.request("anvil_mine", hex(blocks), hex(1))
        return self.block_number

    def mine_to(self, block: int) -> None:
        """Mine until `block` is the head; it must not lie in the past."""
        missing = block - self.block_number
        assert missing >= 0, f"block {block} is past, the head is {self.block_number}"
        self.mine(missing)

    def set_time(self, timestamp: int) -> None:
        """The next block's timestamp."""
        self.rpc.request("evm_setNextBlockTimestamp", hex(timestamp))

    def snapshot(self) -> str:
        return str(self.rpc.request("evm_snapshot"))

    def revert_to(self, snapshot: str) -> None:
        """Back to a snapshot's state. A mined transaction leaves anvil's pool only after its receipt is out:
        whoever reverts in between would have it mined again."""
        self.rpc.request("anvil_dropAllTransactions")
        assert self.rpc.request("evm_revert", snapshot)
        for address in self._impersonated:
            self.rpc.request("anvil_stopImpersonatingAccount", address)
        self._impersonated.clear()

    # Looking

    def balance(self, token: str, account: str) -> int:
        return int(self.call(token, "balanceOf", self.at(account)))

    def events(self, contract: str, name: str | None = None, since: int = 0) -> list[Event]:
        """Every event of a contract so far."""
        query = {"address": self.at(contract), "fromBlock": hex(since), "toBlock": "latest"}
        found = [self._event(log) for log in self.rpc.request("eth_getLogs", query)]
        return [event for event in found if name in (None, event.name)]

    def storage(self, contract: str, slot: int) -> bytes:
        return bytes.fromhex(self.rpc.request("eth_getStorageAt", self.at(contract), hex(slot), "latest")[2:])

    def at(self, contract: str) -> str:
        return contract if contract.startswith("0x") else self.address[contract]

    # Inside

    def _mined(self, request: Mapping[str, str]) -> Any:
        price = {} if self.gas_price is None else {"gasPrice": hex(self.gas_price)}
        try:
            return self.rpc.request("eth_sendTransactionSync", {**request, **price})
        except RpcError as error:
            if "confirmation timeout" not in error.message:
                raise
        return self._recovered({**request, **price})

    def _recovered(self, request: Mapping[str, str]) -> Any:
        """Once in many thousand transactions anvil forgets one: take the receipt if it was mined after all,
        or send it again."""
        nonce = int(self.rpc.request("eth_getTransactionCount", request["from"], "latest"), 16) - 1
        block = self.rpc.request("eth_getBlockByNumber", "latest", True)
        for mined in block["transactions"]:
            if mined["from"].lower() == request["from"].lower() and int(mined["nonce"], 16) == nonce:
                return self.rpc.request("eth_getTransactionReceipt", mined["hash"])
        self.rpc.request("anvil_dropAllTransactions")
        self.rpc.request("evm_setAutomine", True)
        return self.rpc.request("eth_sendTransactionSync", request)

    def _abi(self, contract: str) -> Abi:
        name = self._names[contract.lower()] if contract.startswith("0x") else contract
        return self._abis[name]

    def _artifact(self, name: str) -> Artifact:
        if name not in self._artifacts:
            self._artifacts |= test_artifacts(name)
        return self._artifacts[name]

    def _resolve(self, arg: Any) -> Any:
        return self.address.get(arg, arg) if isinstance(arg, str) else arg

    def _event(self, log: Mapping[str, Any]) -> Event:
        topics, data = [bytes.fromhex(topic[2:]) for topic in log["topics"]], bytes.fromhex(log["data"][2:])
        name = self._names.get(log["address"].lower(), "")
        for abi in self._candidates(log["address"]):
            decoded = abi.decode_event(topics, data)
            if decoded is not None:
                found, args = decoded[0].name, decoded[1]
                break
        else:
            found, args = "", {"topics": topics, "data": data}
        return Event(
            name,
            found,
            args,
            int(log["blockNumber"], 16),
            bytes.fromhex(log["blockHash"][2:]),
            int(log["logIndex"], 16),
            log["transactionHash"],
            _checksum(log["address"]),
        )

    def _candidates(self, address: str) -> Iterator[Abi]:
        """ABIs to try: the contract's own first."""
        own = self._abis.get(self._names.get(address.lower(), ""))
        if own:
            yield own
        yield from self._abis.values()
        yield from (artifact.abi for artifact in self._artifacts.values())

    def _reverted_transaction(self, transaction: str, to: str, function: str) -> Reverted:
        trace = self.rpc.request("debug_traceTransaction", transaction, {"tracer": "callTracer"})
        output = trace.get("output") or "0x"
        origin = _origin(trace, output)
        if trace.get("error") and output == "0x" and "revert" not in trace["error"].lower():
            return Reverted(ContractRefused(trace["error"], {}), self._names.get(origin, to))
        refused = decode_error(bytes.fromhex(output[2:]), self._candidates(origin), function=function)
        return Reverted(refused, self._names.get(origin, to))

    def _reverted_call(self, error: RpcError, to: str, function: str) -> Reverted:
        data = error.data if isinstance(error.data, str) else "0x"
        if "revert" not in error.message.lower():
            raise error
        refused = decode_error(bytes.fromhex(data[2:]), self._candidates(to), function=function)
        return Reverted(refused, self._names.get(to.lower(), to))


@cache
def project_artifacts() -> dict[str, Artifact]:
    """Everything in contracts/, compiled if need be."""
    compiled = compiler.compile_project()["contracts"]
    return {name: Artifact.from_json(name, data) for name, data in compiled.items()}


@cache
def test_artifacts(name: str) -> dict[str, Artifact]:
    """The contracts of the file of tests/solidity/ that defines `name`."""
    defines = re.compile(rf"^(?:abstract )?(?:contract|library|interface) {name}\b", re.MULTILINE)
    for path in sorted((ROOT / "tests" / "solidity").rglob("*.sol")):
        if defines.search(path.read_text(encoding="utf-8")):
            return {n: Artifact.from_json(n, data) for n, data in compiler.compile_sources([path]).items()}
    raise LookupError(f"no contract {name} in contracts/ or tests/solidity/")


def system_artifacts() -> Artifacts:
    return Artifacts(project_artifacts())


@cache
def account(index: int) -> LocalAccount:
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def _origin(trace: Mapping[str, Any], output: str) -> str:
    """The innermost frame that reverted with this very output."""
    for call in trace.get("calls", ()):
        if call.get("error") and (call.get("output") or "0x") == output:
            return _origin(call, output)
    return str(trace.get("to", "")).lower()


def _same(have: Any, expected: Any) -> bool:
    if isinstance(have, bytes) and isinstance(expected, str):
        tag = expected.removeprefix("0x") if expected.startswith("0x") else expected.encode().hex()
        return have.hex() == tag.ljust(len(have) * 2, "0")
    if isinstance(have, str) and isinstance(expected, str):
        return have.lower() == expected.lower() if have.startswith("0x") else have == expected
    return bool(have == expected)


@cache
def _checksum(address: str) -> str:
    return str(to_checksum_address(address))
