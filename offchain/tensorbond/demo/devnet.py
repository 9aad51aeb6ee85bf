"""A whole network on this machine: chain, contracts, oracles and agents as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType

import httpx
from eth_account.signers.local import LocalAccount

from tensorbond.chain.deployment import Deployment
from tensorbond.chain.lane import Policy
from tensorbond.chain.network import Network
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import Timing
from tensorbond.demo.anvil import Anvil, free_port, start, stop
from tensorbond.demo.cast import Cast, Provider, cast
from tensorbond.errors import TensorbondError
from tensorbond.store import Store

TBND = 10**18
TUSD = 10**6

ANVIL = ("--slots-in-an-epoch", "1", "--order", "fifo", "--prune-history", "1000")
"""It runs for hours: states older than a thousand blocks are forgotten."""

CHECKOUT = Path(__file__).resolve().parents[3]

Say = Callable[[str], None]


class ProcessDied(TensorbondError):
    """A part of the network ended by itself."""


class Devnet:
    """`with Devnet(…) as net:` is a deployed, funded network; leaving it ends every process it started."""

    def __init__(self, name: str, folder: Path, port: int | None = None, say: Say = lambda _: None) -> None:
        """`name`: of the deployment file. `folder`: where logs, evidence and the processes' state go."""
        self.name, self.folder, self.say = name, folder, say
        self.cast: Cast = cast()
        self.chain = Anvil(*ANVIL, port=port, log=folder / "anvil.log", leashed=True)
        self.store_folder = folder / "evidence"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.endpoints: dict[str, str] = {}
        self._stack = ExitStack()
        self._senders: dict[str, Sender] = {}

    def __enter__(self) -> Devnet:
        with self._stack:
            self._stack.callback(self._stop_processes)
            self._stack.enter_context(self.chain)
            self.say(f"anvil listens on {self.chain.url}")
            self._deploy()
            self._stack.callback(self.network.close)
            self._hand_out()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def deployment_path(self) -> Path:
        return CHECKOUT / "deployments" / f"{self.name}.json"

    @property
    def _parameters(self) -> Path:
        """Its own, or a devnet's."""
        folder = CHECKOUT / "deployments" / "params"
        own = folder / f"{self.name}.toml"
        return own if own.exists() else folder / "devnet.toml"

    @property
    def timing(self) -> Timing:
        return self.network.deployment.timing

    @property
    def store(self) -> Store:
        return Store(self.store_folder)

    def sender(self, account: LocalAccount) -> Sender:
        """One sender per key, for transactions of the cast."""
        if account.address not in self._senders:
            self._senders[account.address] = Sender(self.network, account, Policy(poll=0.1))
        return self._senders[account.address]

    def start_oracle(self, number: int) -> None:
        """Oracle `number` (from 0) as a process; it must have joined with `endpoint(number)`."""
        oracle = self.cast.oracles[number]
        address = self.endpoint(number).removeprefix("http://")
        arguments = ["oracle", "run", "--listen", address, *self._shared(f"oracle-{number + 1}")]
        self._start(f"oracle-{number + 1}", ["-m", "tensorbond", "-v", *self._network(), *arguments], oracle)

    def start_agent(self, provider: Provider) -> None:
        """A provider's agent as a process, with the prover that its part asks for."""
        name = f"agent-{provider.prover}"
        shared = self._shared(name)
        if provider.prover == "honest":
            command = ["-m", "tensorbond", "-v", *self._network(), "provider", "run", *shared]
        else:
            command = ["-m", "tensorbond.demo.villains", provider.prover, *self._network(), *shared]
        command += ["--provider", provider.owner.address]
        self._start(name, command, provider.operator)

    def endpoint(self, number: int) -> str:
        """Where oracle `number` listens."""
        name = f"oracle-{number + 1}"
        if name not in self.endpoints:
            self.endpoints[name] = f"http://127.0.0.1:{free_port()}"
        return self.endpoints[name]

    def await_oracles(self, seconds: float = 60.0) -> None:
        """Until every oracle answers."""
        for name, endpoint in self.endpoints.items():
            self.wait_for(f"{name} to answer", partial(_answers, endpoint), seconds)

    def await_agents(self, seconds: float = 300.0) -> None:
        """Until every agent has proven something small, which on a fresh machine compiles the prover."""
        for name in self.processes:
            if name.startswith("agent-"):
                journal = self.folder / name / "journal.sqlite"
                self.wait_for(f"{name} to be ready", journal.exists, seconds)

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Poll until `ready`. Raises if it takes too long or a process dies meanwhile."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check_alive()
            if time.monotonic() > deadline:
                raise TensorbondError(f"waited {seconds:.0f} s for {what} in vain; logs are in {self.folder}")
            time.sleep(0.2)

    def check_alive(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                tail = (self.folder / f"{name}.log").read_text(errors="replace")[-800:]
                raise ProcessDied(f"{name} ended with code {process.returncode}:\n{tail}")

    def mine_to(self, block: int) -> None:
        self.chain.mine(block - self.chain.block_number)

    def _network(self) -> list[str]:
        return ["--rpc", self.chain.url, "--network", str(self.deployment_path.resolve())]

    def _shared(self, name: str) -> list[str]:
        folders = ["--store", str(self.store_folder), "--state", str(self.folder / name)]
        return [*folders, "--poll", "1", "--depth", "0"]

    def _start(self, name: str, arguments: Sequence[str], key: LocalAccount) -> None:
        environment = os.environ | {"TENSORBOND_KEY": "0x" + bytes(key.key).hex()}
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = start([sys.executable, *arguments], log, environment)
        self.say(f"{name} is process {self.processes[name].pid}")

    def _stop_processes(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            stop(process)

    def _deploy(self) -> None:
        self.deployment_path.unlink(missing_ok=True)
        self.deployment_path.with_suffix(".plan.json").unlink(missing_ok=True)
        command = [sys.executable, str(CHECKOUT / "scripts" / "deploy.py"), "--rpc", self.chain.url]
        command += [
            "--network",
            self.name,
            "--config",
            str(self._parameters),
        ]
        key = "0x" + bytes(self.cast.governor.key).hex()
        done = subprocess.run(
            command, env=os.environ | {"TENSORBOND_KEY": key}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise TensorbondError(f"scripts/deploy.py failed:\n{done.stdout}{done.stderr}")
        self.network = Network.connect([self.chain.url], Deployment.load(self.deployment_path))
        self.say(f"{len(self.network.deployment.contracts)} contracts deployed, see {self.deployment_path}")

    def _hand_out(self) -> None:
        """Give everybody something to play with, and begin the schedule."""
        governor = self.sender(self.cast.governor)
        for provider in self.cast.providers:
            governor.send("TensorbondToken", "transfer", provider.owner.address, 10_000 * TBND)
        governor.send("TensorbondToken", "transfer", self.cast.stranger.address, 10_000 * TBND)
        for oracle in self.cast.oracles:
            governor.send("TensorbondToken", "transfer", oracle.address, 100_000 * TBND)
        dollar = self.network.artifacts["TestDollar"].abi
        for requester in (self.cast.requester, self.cast.deceived):
            governor.lane.transact(
                self.network.deployment.tokens["TUSD"],
                dollar.encode_call("mint", [requester.address, 1_000 * TUSD]),
                label=("TestDollar", "mint"),
            )
        self.mine_to(self.timing.from_block)


def _answers(endpoint: str) -> bool:
    try:
        return httpx.get(f"{endpoint}/health", timeout=1.0).status_code == 200
    except httpx.HTTPError:
        return False
