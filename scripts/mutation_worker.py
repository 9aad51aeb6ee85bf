"""Run tests against one mutant after the other, each in a fork of a process that has everything loaded, on a
chain that was deployed once. It runs in the copy of the tree that scripts/mutate.py built.

A line of JSON in: {"mutant": 7, "fresh": false, "tests": [files]}; one out: {"fate": "killed", "by": test}.
`fresh`: the mutant must be alive while the contracts are deployed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from contextlib import ExitStack, closing, redirect_stdout
from pathlib import Path
from typing import Any

TREE = Path.cwd()
sys.path.insert(0, str(TREE))

# A mutant that hangs the tests is as good as dead.
PATIENCE = 240
NOBODY = 0


def build() -> int:
    """Code of the contracts, and of what the tests add to them. Mutants may deserve warnings."""
    import solcx

    import scripts.compile as compiler

    compile_standard = solcx.compile_standard

    def quiet(*arguments: Any, **options: Any) -> Any:
        output = compile_standard(*arguments, **options)
        output["errors"] = [each for each in output.get("errors", []) if each["severity"] == "error"]
        return output

    solcx.compile_standard = quiet
    compiler.compile_project()
    compiler.compile_sources(sorted((TREE / "tests" / "solidity").glob("*.sol")))
    return 0


class Chains:
    """Two nodes, one with the system and one without."""

    def __init__(self, mutant: int) -> None:
        from tests.anvil import Anvil
        from tests.chain import Chain, project_artifacts
        from tests.system import deploy_system

        self._open = ExitStack()
        self._options = ("--base-fee", "0", "--gas-price", "0", "--gas-limit", "100000000")
        self._snapshots: dict[Any, str] = {}
        self.bare, self.system = (
            self._open.enter_context(
                closing(
                    Chain(
                        self._open.enter_context(
                            Anvil(*self._options, "--disable-code-size-limit", leashed=True)
                        ).url,
                        project_artifacts(),
                    )
                )
            )
            for _ in range(2)
        )
        # One deployed with a mutant, which may fail, leaves the others' file alone.
        self.deployment = TREE / ".build" / f"deployment-{os.getpid()}-{mutant}.json"
        self.deployment.unlink(missing_ok=True)
        switch(self.system, mutant)
        try:
            deploy_system(self.system, self.deployment)
        except BaseException:
            self.close()
            raise
        for chain in (self.bare, self.system):
            self._snapshots[chain] = chain.snapshot()

    def turn(self, mutant: int) -> None:
        """Both as they were, with this mutant alive."""
        for chain in (self.bare, self.system):
            chain.rpc.request("evm_setAutomine", True)
            chain.revert_to(self._snapshots[chain])
            self._snapshots[chain] = chain.snapshot()
            switch(chain, mutant)

    def close(self) -> None:
        self._open.close()


def switch(chain: Any, mutant: int) -> None:
    from scripts.schemata import SWITCH

    chain.rpc.request("anvil_setBalance", SWITCH, hex(mutant))


def lend(chains: Chains) -> None:
    """The fixtures of tests/conftest.py take these chains, not some of their own."""
    from contextlib import nullcontext
    from types import SimpleNamespace

    from tensorbond.chain.rpc import Rpc

    def deploy_system(chain: Any, path: Path) -> None:
        chain.close()
        chain.url = chains.system.url
        chain.rpc = Rpc([chain.url], timeout=60)
        chain.address, chain._abis, chain._names = (
            dict(chains.system.address),
            dict(chains.system._abis),
            dict(chains.system._names),
        )
        path.write_bytes(chains.deployment.read_bytes())

    vars(importlib.import_module("tests.conftest")).update(
        free_anvil=lambda: nullcontext(SimpleNamespace(url=chains.bare.url)), deploy_system=deploy_system
    )


class Watch:
    """Tells which test failed first."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            os.write(self._pipe, (report.nodeid + "\n").encode())

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            os.write(self._pipe, (report.nodeid + "\n").encode())


def run(chains: Chains, mutant: int, tests: list[str], without: list[str]) -> tuple[bool, str]:
    """Whether a test failed, and which."""
    import pytest

    chains.turn(mutant)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        lend(chains)
        arguments = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
        for test in without:
            arguments += ["--deselect", test]
        code = pytest.main(arguments, plugins=[Watch(writing)])
        os._exit(int(code))
    os.close(writing)
    end = time.monotonic() + PATIENCE
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            return True, "it takes too long"
        time.sleep(0.02)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode().splitlines()
    code = os.waitstatus_to_exitcode(status)
    if code in (3, 4):
        raise SystemExit(f"pytest ends with {code} on {tests}")
    # 5: there is no test.
    return code not in (0, 5), said[0] if said else f"pytest ends with {code}"


def main() -> int:
    if "--build" in sys.argv:
        return build()
    import pytest

    from tensorbond.chain.errors import ChainError

    importlib.import_module("tests.conftest")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    chains = Chains(NOBODY)
    # What is loaded here, no fork loads.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests/contracts", "tests/parity"])
    healthy: dict[str, bool] = {}
    without: list[str] = []
    for line in sys.stdin:
        question = json.loads(line)
        mutant: int = question["mutant"]
        own: Chains | None = chains
        answer = {"fate": "killed", "by": "the deployment"}
        if question["fresh"]:
            try:
                own = Chains(mutant)
            except (AssertionError, ChainError) as error:
                answer["by"] += f": {type(error).__name__}"
                own = None
        while own is not None:
            failed, by = run(own, mutant, question["tests"], without)
            answer = {"fate": "killed" if failed else "survived", "by": by if failed else ""}
            if not failed or "::" not in by:
                break
            # A test that fails without any mutant says nothing.
            if by not in healthy:
                healthy[by] = not run(chains, NOBODY, [by], [])[0]
            if healthy[by]:
                break
            without.append(by)
        if own is not None and own is not chains:
            own.close()
        print(json.dumps(answer), file=answers, flush=True)
    chains.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
