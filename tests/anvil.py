"""A private anvil process on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MNEMONIC = "test test test test test test test test test test test junk"


class Anvil:
    """`with Anvil("--no-mining") as anvil: anvil.url`"""

    def __init__(
        self, *options: str, accounts: int = 20, chain_id: int = 31337, port: int | None = None
    ) -> None:
        self.options, self.accounts, self.chain_id = options, accounts, chain_id
        self.port = port or _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Anvil:
        for _ in range(5):
            self._start()
            if self._answers():
                return self
            self.__exit__()
            self.port = _free_port()  # somebody else took it in the meantime
        raise RuntimeError("anvil does not start")

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            # A killed anvil leaves a file for each older block's state: gigabytes in a session.
            self.states.cleanup()

    def _start(self) -> None:
        binary = ROOT / ".venv" / "bin" / "anvil"
        command = [str(binary) if binary.exists() else shutil.which("anvil") or "anvil"]
        command += [
            "--port",
            str(self.port),
            "--chain-id",
            str(self.chain_id),
            "--hardfork",
            "prague",
            "--silent",
        ]
        command += ["--accounts", str(self.accounts), "--mnemonic", MNEMONIC, "--no-request-size-limit"]
        self.states = tempfile.TemporaryDirectory(prefix="anvil-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [*command, *self.options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "RUST_LOG": "off", "HOME": self.states.name},
        )

    def _answers(self) -> bool:
        assert self.process is not None
        for _ in range(200):
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self.process.poll() is None
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
