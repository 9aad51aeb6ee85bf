"""A chain in this process: what `Chain` asks of a node, answered by revm, which is anvil's own EVM, without a
network between. It begins with a copy of an anvil's state.

Every transaction is a block, one second after the last. A block's header follows from its number alone.

A revm without a database makes block hashes up, and no header has them. So contracts that ask for one look it
up in their own storage instead, where the block's number leads to it: of their code one opcode differs."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import rlp
from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env

from tensorbond.chain.errors import RpcError
from tensorbond.chain.rpc import Rpc

GAS_LIMIT = 100_000_000
HISTORY, HISTORY_LENGTH = "0x0000f90827f1c53a10cb7a02335b175320002935", 8_191
"""The system contract of EIP-2935, and how many block hashes it keeps."""
ZERO = bytes(32)
OWN_SLOTS = 24
BLOCKHASH, SLOAD, PUSH1, PUSH32 = 0x40, 0x54, 0x60, 0x7F
_REVERT = re.compile(r"Revert \{ gas_used: \d+, output: (0x[0-9a-f]*) \}")

Request = Mapping[str, str]


class Revm:
    """Takes the place of an `Rpc`."""

    def __init__(self, anvil: Rpc, asking: Iterable[str] = ()) -> None:
        """`asking`: the contracts that ask for block hashes. Their own slots come before `OWN_SLOTS`."""
        head = anvil.request("eth_getBlockByNumber", "latest", False)
        dump = json.loads(gzip.decompress(bytes.fromhex(anvil.request("anvil_dumpState")[2:])))
        self.chain_id = anvil.chain_id
        self.accounts: list[str] = anvil.request("eth_accounts")
        self.head = int(head["number"], 16)
        self._seconds = int(head["timestamp"], 16) - self.head
        self._evm = EVM(env=Env(cfg=CfgEnv(chain_id=self.chain_id)), gas_limit=GAS_LIMIT, spec_id="PRAGUE")
        self._asking = {address.lower() for address in asking}
        self._headers: dict[int, tuple[bytes, bytes]] = {}
        for address, account in dump["accounts"].items():
            code = bytes.fromhex(account["code"][2:])
            if address.lower() in self._asking:
                code = _looking_up(code)
            nonce = int(str(account["nonce"]), 0)
            self._evm.insert_account_info(address, _deployed(code) if code else AccountInfo(nonce))
            self._evm.set_balance(address, int(account["balance"], 16))
            for slot, word in account["storage"].items():
                self._evm.insert_account_storage(address, int(slot, 16), int(word, 16))
        self._tell(range(OWN_SLOTS, self.head + 1))
        self._outputs: dict[str, tuple[str, str]] = {}
        self._snapshots: list[tuple[Any, int]] = []

    def request(self, method: str, *params: Any) -> Any:
        """The node's answer. Raises `RpcError` where a call reverts."""
        match method:
            case "eth_accounts":
                return self.accounts
            case "eth_blockNumber":
                return hex(self.head)
            case "eth_getBlockByNumber":
                number = self.head if params[0] == "latest" else int(params[0], 16)
                return {
                    "number": hex(number),
                    "hash": "0x" + self.hash_of(number).hex(),
                    "timestamp": hex(self._seconds + number),
                }
            case "eth_getBalance":
                return hex(self._evm.get_balance(params[0]))
            case "eth_call":
                return self._call(params[0], self.head + (params[1] == "pending"))
            case "eth_sendTransactionSync":
                return self._transact(params[0])
            case "debug_traceTransaction":
                to, output = self._outputs[params[0]]
                return {"error": "execution reverted", "output": output, "to": to}
            case "anvil_mine":
                return self._mine(int(params[0], 16))
            case "evm_snapshot":
                self._snapshots.append((self._evm.snapshot(), self.head))
                return hex(len(self._snapshots) - 1)
            case "evm_revert":
                checkpoint, self.head = self._snapshots[int(params[0], 16)]
                del self._snapshots[int(params[0], 16) :]
                self._evm.revert(checkpoint)
                return True
            case "anvil_impersonateAccount" | "anvil_stopImpersonatingAccount" | "anvil_dropAllTransactions":
                return None
        raise RpcError(method, -32601, "there is no such method here")

    def close(self) -> None:
        """There is nothing to close."""

    def header_of(self, number: int) -> bytes:
        """RLP, with nothing in it but the number and the time."""
        return self._header(number)[0]

    def hash_of(self, number: int) -> bytes:
        return self._header(number)[1]

    def _header(self, number: int) -> tuple[bytes, bytes]:
        if number not in self._headers:
            fields = [ZERO, ZERO, bytes(20), ZERO, ZERO, ZERO, bytes(256)]
            header = bytes(rlp.encode([*fields, 0, number, GAS_LIMIT, 0, self._seconds + number, b""]))
            self._headers[number] = header, keccak(header)
        return self._headers[number]

    def _mine(self, blocks: int) -> None:
        self._tell(range(self.head + 1, self.head + blocks + 1))
        self.head += blocks

    def _tell(self, blocks: Iterable[int]) -> None:
        """The next block knows the hashes of these."""
        for number in blocks:
            word = int.from_bytes(self.hash_of(number))
            self._evm.insert_account_storage(HISTORY, number % HISTORY_LENGTH, word)
            for address in self._asking:
                self._evm.insert_account_storage(address, number, word)

    def _run(self, request: Request, number: int) -> str:
        """What it returns, in the state before the block of this number."""
        self._evm.set_block_env(
            BlockEnv(number=number, timestamp=self._seconds + number, basefee=0, gas_limit=GAS_LIMIT)
        )
        self._evm.reset_transient_storage()
        output = self._evm.message_call(
            request.get("from", self.accounts[0]),
            request["to"],
            calldata=bytes.fromhex(request["data"][2:]),
            value=int(request.get("value", "0x0"), 16),
            gas=int(request.get("gas", hex(GAS_LIMIT)), 16),
        )
        return "0x" + output.hex()

    def _call(self, request: Request, number: int) -> str:
        checkpoint = self._evm.snapshot()
        try:
            return self._run(request, number)
        except RuntimeError as error:
            raise RpcError("eth_call", 3, f"execution reverted: {error}", _output(error)) from None
        finally:
            self._evm.revert(checkpoint)

    def _transact(self, request: Request) -> dict[str, Any]:
        number = self.head + 1
        name = "0x" + keccak(b"transaction %d" % number).hex()
        status = "0x1"
        try:
            self._run(request, number)
        except RuntimeError as error:
            status = "0x0"
            self._outputs[name] = request["to"], _output(error)
        result = self._evm.result
        assert result is not None
        self._mine(1)
        block = {
            "blockNumber": hex(number),
            "blockHash": "0x" + self.hash_of(number).hex(),
            "transactionHash": name,
        }
        return block | {
            "status": status,
            "gasUsed": hex(result.gas_used),
            "logs": [
                block
                | {
                    "address": log.address,
                    "topics": log.topics,
                    "data": "0x" + log.data[1].hex(),
                    "logIndex": hex(index),
                }
                for index, log in enumerate(result.logs if status == "0x1" else ())
            ],
        }


def _looking_up(code: bytes) -> bytes:
    """With SLOAD for BLOCKHASH."""
    changed, at = bytearray(code), 0
    while at < len(code):
        if code[at] == BLOCKHASH:
            changed[at] = SLOAD
        at += 1 + max(0, code[at] - PUSH1 + 1 if code[at] <= PUSH32 else 0)
    return bytes(changed)


def _deployed(code: bytes) -> AccountInfo:
    """A contract as its creation leaves it. In code that is merely inserted revm looks for the places to jump
    to at every call anew, which takes longer than most calls."""
    evm = EVM(gas_limit=GAS_LIMIT, spec_id="PRAGUE")
    returns = bytes.fromhex(f"61{len(code):04x}80600a3d393df3")
    return evm.basic(evm.deploy(HISTORY, returns + code))


def _output(error: RuntimeError) -> str:
    """What a revert returned; nothing for a halt."""
    found = _REVERT.fullmatch(str(error))
    return found[1] if found else "0x"
