"""The command line against the deployed system, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tensorbond.cli import main
from tensorbond.oracle.leaves import EpochData, data_name
from tensorbond.store import Store
from tests.acts import Attestation
from tests.chain import Chain

VARIABLES = ("RPC", "NETWORK", "KEY", "KEYSTORE", "PASSWORD", "PASSWORD_FILE", "OPERATOR_KEY", "STORE")


@dataclass(frozen=True)
class Told:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Told]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
def run(chain: Chain, deployment_file: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("provider", "stake", 5, by=provider)`: by whose key; `env`: more variables."""
    for name in VARIABLES:
        monkeypatch.delenv(f"TENSORBOND_{name}", raising=False)

    def run_command(*words: object, by: str | None = None, env: dict[str, str] | None = None) -> Told:
        variables = {
            "TENSORBOND_RPC": chain.url,
            "TENSORBOND_NETWORK": str(deployment_file),
            "TENSORBOND_STORE": str(store),
        }
        if by is not None:
            variables["TENSORBOND_KEY"] = "0x" + bytes(chain.key(by).key).hex()
        result = CliRunner(mix_stderr=False).invoke(main, list(map(str, words)), env=variables | (env or {}))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Told(result.exit_code, result.stdout, result.stderr)

    return run_command


def publish(store: Path, attestation: Attestation) -> None:
    """Put an attested epoch's leaf data where oracles do."""
    epoch = attestation.epoch
    outcomes = {device: tuple(epoch.outcomes.get(device, ())) for device in epoch.leaves}
    data = EpochData(31337, epoch.number, epoch.leaves, outcomes)
    assert data.root == epoch.root
    Store(store).put(data_name(31337, epoch.number, epoch.root), data.encode())
