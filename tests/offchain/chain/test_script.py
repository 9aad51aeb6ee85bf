"""`scripts/deploy.py` from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tensorbond.chain.deployment import Deployment
from tests.anvil import ROOT, Anvil
from tests.chain import account

pytestmark = pytest.mark.chain

Deploy = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with Anvil() as anvil:
        yield anvil


@pytest.fixture
def deploy(anvil: Anvil, tmp_path: Path) -> Deploy:
    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        script = [sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc", anvil.url]
        output = ["--output", str(tmp_path / "devnet.json")]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TENSORBOND_")}
        return subprocess.run(
            [*script, *output, *words],
            env=clean | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_script__twice__deploys_once(deploy: Deploy, tmp_path: Path) -> None:
    key = "0x" + bytes(account(0).key).hex()
    first = deploy(TENSORBOND_KEY=key)
    assert (first.returncode, first.stderr) == (0, "")
    assert f"wrote {tmp_path / 'devnet.json'}" in first.stdout.splitlines()
    deployment = Deployment.load(tmp_path / "devnet.json")
    assert deployment.network == "devnet"
    assert len(list((tmp_path / "devnet" / "metadata").iterdir())) == len(deployment.contracts)
    assert (tmp_path / "devnet" / "addresses.json").exists()
    second = deploy(TENSORBOND_KEY=key)
    assert (second.returncode, second.stderr) == (0, "")
    assert "no contract was deployed" in second.stdout
    assert Deployment.load(tmp_path / "devnet.json") == deployment
    assert key not in first.stdout + second.stdout


def test_script__no_key__says_how_to_give_one(deploy: Deploy) -> None:
    done = deploy()
    assert done.returncode == 2
    assert done.stderr == "Error: no key: name an encrypted keystore with --keystore, or set TENSORBOND_KEY\n"


def test_script__unknown_network__says_which_file_is_missing(deploy: Deploy) -> None:
    done = deploy("--network", "atlantis", TENSORBOND_KEY="0x" + "11" * 32)
    assert done.returncode == 2
    assert "params/atlantis.toml cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
