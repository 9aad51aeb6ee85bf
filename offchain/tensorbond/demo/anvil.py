"""A private chain: one anvil process on loopback, gone when its context is left."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tensorbond.chain.errors import ChainError
from tensorbond.chain.rpc import Rpc

MNEMONIC = "test test test test test test test test test test test junk"
"""Public: these accounts are for throw-away chains only."""

START_SECONDS = 30.0
PORTS_TRIED = 5
PR_SET_PDEATHSIG = 1


class AnvilMissing(ChainError):
    """There is no anvil to start."""


class Anvil:
    """`with Anvil() as chain:` is a chain that mines every transaction at once until `tick` is called.

    `options`: anvil's own. `log`: where it writes. `leashed`: it ends with this process, however that ends.
    """

    def __init__(
        self,
        *options: str,
        accounts: int = 20,
        chain_id: int = 31337,
        port: int | None = None,
        log: Path | None = None,
        leashed: bool = False,
    ) -> None:
        self.options, self.accounts, self.chain_id = options, accounts, chain_id
        self.port = port or free_port()
        self.log, self.leashed = log, leashed
        self.process: subprocess.Popen[bytes] | None = None
        self._any_port = port is None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def rpc(self) -> Rpc:
        return Rpc([self.url], timeout=30.0)

    def __enter__(self) -> Self:
        for _ in range(PORTS_TRIED if self._any_port else 1):
            self._start()
            if self._answers():
                return self
            self.__exit__(None, None, None)
            if self._any_port:  # somebody else took it in the meantime
                self.port = free_port()
        told = self.log.read_text(errors="replace") if self.log else "no log"
        raise ChainError(f"anvil did not start on port {self.port}: {told}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "rpc" in vars(self):
            self.rpc.close()
            del self.rpc
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self._home.cleanup()

    def _start(self) -> None:
        binary = shutil.which("anvil", path=str(Path(sys.prefix, "bin"))) or shutil.which("anvil")
        if binary is None:
            raise AnvilMissing("anvil is not on PATH: run `make setup`, or install Foundry 1.7.1")
        command = [binary, "--port", str(self.port), "--chain-id", str(self.chain_id)]
        command += ["--accounts", str(self.accounts), "--mnemonic", MNEMONIC, "--hardfork", "prague"]
        command += ["--no-request-size-limit", "--silent", *self.options]
        # A killed anvil leaves a file for each older block's state: gigabytes in a session of tests.
        self._home = tempfile.TemporaryDirectory(prefix="anvil-", ignore_cleanup_errors=True)
        environment = os.environ | {"HOME": self._home.name, "RUST_LOG": "off"}
        with (self.log or Path(os.devnull)).open("wb") as log:
            self.process = start(command, log, environment, self.leashed)

    def _answers(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self.process.poll() is None
            time.sleep(0.02)
        return False

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
    command: Sequence[str],
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
    leashed: bool = True,
) -> subprocess.Popen[bytes]:
    """A process of its own session that Ctrl-C doesn't reach and that, leashed, doesn't outlive this one."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env=environment,
        preexec_fn=_end_with_parent if leashed and sys.platform == "linux" else None,
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
