"""A private chain for demo and devnet: one anvil process on loopback, gone when its context is left."""

from __future__ import annotations

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tensorbond.chain.errors import ChainError
from tensorbond.chain.rpc import Rpc

MNEMONIC = "test test test test test test test test test test test junk"
"""Public: these accounts are for throw-away chains only."""

START_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


class AnvilMissing(ChainError):
    """There is no anvil to start."""


class Anvil:
    """`with Anvil(log) as chain:` is a chain that mines every transaction at once until `tick` is called."""

    def __init__(self, log: Path, port: int | None = None, accounts: int = 20) -> None:
        self.port = port or free_port()
        self.log = log
        self.accounts = accounts
        self.process: subprocess.Popen[bytes] | None = None
        self.rpc = Rpc([self.url], timeout=30.0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Anvil:
        binary = shutil.which("anvil", path=str(Path(sys.prefix, "bin"))) or shutil.which("anvil")
        if binary is None:
            raise AnvilMissing("anvil is not on PATH: run `make setup`, or install Foundry 1.7.1")
        command = [binary, "--port", str(self.port), "--accounts", str(self.accounts), "--mnemonic", MNEMONIC]
        command += ["--hardfork", "prague", "--slots-in-an-epoch", "1", "--order", "fifo", "--silent"]
        # Older states would go to the disk, a file a block.
        command += ["--prune-history", "1000"]
        with self.log.open("wb") as log:
            self.process = start(command, log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with suppress(ChainError):
                self.rpc.request("eth_blockNumber", timeout=1.0)
                return self
            time.sleep(0.05)
        self.__exit__(None, None, None)
        raise ChainError(f"anvil did not start on port {self.port}: {self.log.read_text(errors='replace')}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rpc.close()
        if self.process is not None:
            stop(self.process)

    @property
    def block_number(self) -> int:
        return int(self.rpc.request("eth_blockNumber"), 16)

    def mine(self, blocks: int) -> None:
        """Mine at once, a second of chain time apart."""
        if blocks > 0:
            self.rpc.request("anvil_mine", hex(blocks), "0x1")

    def tick(self, seconds: int) -> None:
        """From now on a block every so many seconds, whatever is pending."""
        self.rpc.request("evm_setAutomine", False)
        self.rpc.request("evm_setIntervalMining", seconds)


def account(index: int) -> LocalAccount:
    """Account number `index` of the public test mnemonic."""
    Account.enable_unaudited_hdwallet_features()
    made: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    command: Sequence[str], log: IO[bytes], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process of its own session that Ctrl-C doesn't reach and that doesn't outlive this one."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env=environment,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Ask a process to end, and end it if it doesn't within `seconds`."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
