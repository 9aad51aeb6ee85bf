"""A whole market for a test: a chain that ticks, the contracts, and oracles and agents as real processes."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.deploy import deploy
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.network import Network
from tensorbond.chain.parameters import Parameters
from tensorbond.chain.types import Timing
from tensorbond.oracle.leaves import EpochData, load_epoch
from tensorbond.proof.evidence import evidence_name
from tensorbond.proof.memory import is_memory_slot
from tensorbond.store import Store
from tests.acts import mine_to_slot_with
from tests.anvil import ROOT, Anvil
from tests.chain import Chain, project_artifacts, system_artifacts
from tests.flows.process import play

TBND = 10**18
TICK_SECONDS = 0.5
GENESIS_DELAY = 60
TIMING = {"slot_blocks": 10, "epoch_slots": 2, "attest_blocks": 60, "proof_blocks": 12, "roll_call": 256}
CLASS = {
    "m": 256,
    "n": 256,
    "k": 1024,
    "r": 64,
    "q": 16,
    "draw_threshold": 1 << 31,
    "peak_gops": 1000,
    "min_gops": 1,
    "bond_per_gops": "1 TBND",
    "miss_penalty": "0.1 TBND",
    "fault_bps": 3000,
}

MEMORY = {"layers": 64, "layer_bits": 10, "walker_bits": 4, "segments": 2, "peak_bandwidth": 1000}
"""An M-phase that a CPU is through with at once: 35,913,728 bytes moved."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.flows.warm"])


class Market:
    """`with Market(folder) as market:` is deployed and funded; leaving it ends every process it started."""

    def __init__(self, folder: Path, **terms: int) -> None:
        """`terms`: of the class that differ from CLASS."""
        self.folder, self.terms = folder, terms
        self.deployment = folder / "deployment.json"
        self.store = Store(folder / "store")
        self.processes: dict[str, BaseProcess] = {}
        self._ports: dict[str, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            anvil = self._stack.enter_context(Anvil("--base-fee", "0", "--gas-limit", "100000000"))
            self.chain = Chain(anvil.url, project_artifacts())
            self._stack.callback(self.chain.rpc.close)
            self.governor, self.treasury, self.provider, self.operator = self.chain.accounts[:4]
            self.other_provider, self.requester, self.stranger = self.chain.accounts[4:7]
            self.oracles = sorted(self.chain.accounts[8:11], key=lambda address: int(address, 16))
            self._deploy()
            self.network = self._stack.enter_context(Network.connect([anvil.url], self.deployment))
            self._stack.callback(self._end_processes)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # Time: blocks come when everybody has done what the last ones asked for, however slow the machine.

    @property
    def timing(self) -> Timing:
        return self.network.deployment.timing

    def until(self, what: str, ready: Callable[[], Any], seconds: float = 60.0) -> Any:
        """The first true answer; no process may die meanwhile."""
        deadline = time.monotonic() + seconds
        while not (answer := ready()):
            for name, process in self.processes.items():
                assert process.is_alive(), f"{name} died:\n{self.log(name)}"
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)
                raise AssertionError(f"waited {seconds:.0f} s for {what} in vain\n{logs}")
            time.sleep(0.05)
        return answer

    def ticking_until(self, what: str, ready: Callable[[], Any], seconds: float = 60.0) -> Any:
        """`until`, while a block comes every TICK_SECONDS: for those who wait for their turn."""
        next_tick = time.monotonic() + TICK_SECONDS

        def ready_or_tick() -> Any:
            nonlocal next_tick
            if not (answer := ready()) and time.monotonic() > next_tick:
                self.chain.mine()
                next_tick = time.monotonic() + TICK_SECONDS
            return answer

        return self.until(what, ready_or_tick, seconds)

    def begin_slot(self, slot: int, memory: bool = False) -> None:
        """Mine up to the slot's first block, which asks for the M-phase or the C-phase, and one more."""
        if self.chain.block_number < slots.start_of(self.timing, slot):
            mine_to_slot_with(self.chain, slot, lambda beacon: is_memory_slot(beacon) == memory)
            self.chain.mine()

    def until_committed(self, slot: int, *devices: int) -> list[Event]:
        """The commit records of these devices, all in time."""

        def committed() -> list[Event]:
            found = self.network.events("Challenges", "Committed", slot=slot)
            told = [event for event in found if event.args["device"] in devices]
            return told if len(told) == len(devices) else []

        found: list[Event] = self.until(f"the commits of devices {devices} in slot {slot}", committed)
        keys = {event.args["key"] for event in found}
        self.until("sessions, which agents open behind", lambda: all(map(self._has_session, keys)))
        return found

    def _has_session(self, key: str) -> bool:
        return bool(self.call("Challenges", "sessionOf", key).end)

    def until_published(self, records: Iterable[Event]) -> None:
        for record in records:
            args = record.args
            name = evidence_name(self.network.chain_id, args["device"], args["slot"], args["commitment"])
            self.until(f"evidence {name}", partial(self.store.exists, name))

    def until_attested(self, epoch: int) -> EpochData:
        """The published leaf data of an epoch, once it is attested."""
        self.ticking_until(
            f"epoch {epoch} to be attested", lambda: self.call("Attestations", "nextEpoch") > epoch
        )
        root, record = self.call("Attestations", "attestedOf", epoch)
        assert record.flags == 1, f"epoch {epoch} is void"
        return load_epoch(self.store, self.network.chain_id, epoch, root)

    def mine_to_final(self, epoch: int) -> None:
        _, record = self.call("Attestations", "attestedOf", epoch)
        self.chain.mine_to(max(record.provable_until + 1, self.chain.block_number))

    # Looking and acting

    def call(self, contract: str, function: str, *args: Any) -> Any:
        return self.network.call(contract, function, *args)

    def signers_of(self, epoch: int) -> list[str]:
        """Who signed an epoch's attestation."""
        _, record = self.call("Attestations", "attestedOf", epoch)
        return [oracle for index, oracle in enumerate(self.oracles) if record.signers >> index & 1]

    def register(self, provider: str, gops: int = 5) -> int:
        """Stake and register one device, before the genesis block."""
        self.chain.send(
            "TensorbondToken", "approve", self.chain.address["ProviderStaking"], 1000 * TBND, sender=provider
        )
        self.chain.send("ProviderStaking", "stake", 1000 * TBND, sender=provider)
        sent = self.chain.send("DeviceRegistry", "register", 0, gops, 1, sender=provider)
        return int(sent.event("DeviceRegistered")["device"])

    def seat_oracles(self, threshold: int = 2) -> None:
        bond = self.chain.call("Attestations", "BOND")
        for oracle in self.oracles:
            self._ports[oracle] = _free_port()
            self.chain.send(
                "TensorbondToken", "approve", self.chain.address["Attestations"], bond, sender=oracle
            )
            endpoint = f"http://127.0.0.1:{self._ports[oracle]}"
            self.chain.send("Attestations", "join", endpoint, sender=oracle)
        self.chain.send("Attestations", "seat", self.oracles, threshold, 0, sender=self.governor)

    # Processes

    def until_all_serve(self) -> None:
        """Starting takes its time: nothing is due before everybody is there."""
        told = {"oracle": "listens on", "agent": "serves the devices"}
        for name in self.processes:
            self.until(f"{name} to serve", partial(self._has_logged, name, told[name.split("-")[0]]), 120)

    def start_oracle(self, oracle: str) -> None:
        self._start(f"oracle-{oracle}", {"role": "oracle", "port": self._ports[oracle]}, oracle)

    def start_agent(self, provider: str, operator: str | None = None, **told: Any) -> None:
        self._start(
            f"agent-{provider}", {"role": "agent", "provider": provider, **told}, operator or provider
        )

    def kill(self, name: str) -> None:
        """SIGKILL, as a power cut would."""
        process = self.processes.pop(name)
        process.kill()
        process.join()

    def stop(self, name: str) -> int | None:
        """SIGTERM; the exit code."""
        process = self.processes.pop(name)
        process.terminate()
        process.join(30)
        return process.exitcode

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def _start(self, name: str, told: dict[str, Any], account: str) -> None:
        shared = {
            "rpc": [self.chain.url],
            "deployment": str(self.deployment),
            "key": "0x" + bytes(self.chain.key(account).key).hex(),
            "store": str(self.folder / "store"),
            "state": str(self.folder / "state" / name),
        }
        log = str(self.folder / f"{name}.log")
        process = _FORKS.Process(target=play, args=(shared | told, log), name=name, daemon=True)
        process.start()
        self.processes[name] = process

    def _has_logged(self, name: str, words: str) -> bool:
        return words in self.log(name)

    def _end_processes(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.join()

    def _deploy(self) -> None:
        dollar = self.chain.deploy("TestDollar")
        parameters = Parameters.load(ROOT / "tests" / "network.toml").model_dump(by_alias=True)
        told = parameters | {
            "timing": TIMING,
            "class": [CLASS | self.terms],
            "genesis_delay": GENESIS_DELAY,
            "treasury": self.treasury,
            "fee_recipient": self.treasury,
        }
        lane = Lane(self.chain.rpc, self.chain.key(self.governor), policy=Policy(poll=0.01))
        deployment = deploy(
            lane,
            system_artifacts(),
            Parameters.model_validate(told),
            "flow",
            self.deployment,
            tokens={"TUSD": dollar},
        )
        for name, record in deployment.contracts.items():
            self.chain.register(name, record.address)
        self._hand_out([self.provider, self.other_provider], 10_000 * TBND)
        self._hand_out(self.oracles, 100_000 * TBND)
        self.chain.send("TestDollar", "mint", self.requester, 10**9, sender=self.governor)

    def _hand_out(self, accounts: Sequence[str], amount: int) -> None:
        for account in accounts:
            self.chain.send("TensorbondToken", "transfer", account, amount, sender=self.treasury)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
