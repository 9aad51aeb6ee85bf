"""Compile the contracts into `.build/contracts.json`.

Each contract is compiled on its own, together with what it imports, so that its bytecode depends on nothing
else in the folder and an edit costs one contract. Results are kept under `.build/solc/`, named by the digest
of all that went into them. The settings are read from `ape-config.yaml`.

Tests compile their own Solidity (harnesses, hostile tokens) with `compile_sources`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
BUILD = ROOT / ".build"
ARTIFACTS = BUILD / "contracts.json"
# Deployed as it is, not inherited.
_OTHERS_WORK = ("node_modules/@openzeppelin/contracts/access/manager/AccessManager.sol",)

Artifact = dict[str, Any]

# Raise it whenever `_artifact` or `_standard_json` changes.
_FORMAT = 1
_OUTPUTS = [
    "abi",
    "devdoc",
    "evm.bytecode.linkReferences",
    "evm.bytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.deployedBytecode.object",
    "metadata",
    "storageLayout",
    "userdoc",
]
_IMPORT = re.compile(r"""^\s*import\b[^;"']*["']([^"']+)["']""", re.MULTILINE)


class CompilationError(Exception):
    """The contracts do not compile without errors and warnings; the message is the compiler's."""


@dataclass(frozen=True)
class Config:
    """What `ape-config.yaml` says about the compiler."""

    version: str
    settings: dict[str, Any]
    remappings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Unit:
    """Source files compiled together: the targets, and the text of everything they import."""

    targets: tuple[str, ...]
    sources: dict[str, str]
    digest: str


def compile_sources(paths: Sequence[Path]) -> dict[str, Artifact]:
    """Compile Solidity files of the repository and return their contracts by name.

    Contracts they merely import are left out. Warnings are printed; in `contracts/` they are errors.
    """
    config = load_config()
    names = [path.resolve().relative_to(ROOT).as_posix() for path in paths]
    return _merge(_compile([_unit([name], config) for name in names], config))


def compile_project() -> dict[str, Any]:
    """Bring `.build/contracts.json` up to date and return its content."""
    config = load_config()
    units = _project_units(config)
    digest = _digest(unit.digest for unit in units)
    current: dict[str, Any] | None = _read_json(ARTIFACTS)
    if current and current["sources_digest"] == digest:
        return current

    project = {
        "solc": config.version,
        "settings": config.settings,
        "sources_digest": digest,
        "contracts": _merge(_compile(units, config)),
    }
    _write_json(ARTIFACTS, project)
    return project


@cache
def load_config() -> Config:
    solidity = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    remappings = [tuple(entry.split("=", 1)) for entry in solidity["import_remapping"]]
    settings = {
        "evmVersion": solidity["evm_version"],
        "metadata": {"bytecodeHash": "ipfs"},
        "optimizer": {"enabled": True, "runs": solidity["optimization_runs"]},
        "remappings": solidity["import_remapping"],
        "viaIR": solidity["via_ir"],
    }
    return Config(
        str(solidity["version"]), settings, tuple((prefix, target) for prefix, target in remappings)
    )


def _project_units(config: Config) -> list[Unit]:
    """One unit for each file directly in `contracts/`, one for all interfaces and libraries together."""
    names = sorted(
        path.relative_to(ROOT).as_posix() for path in CONTRACTS.rglob("*.sol") if ".cache" not in path.parts
    )
    alone = [name for name in names if PurePosixPath(name).parent.name == CONTRACTS.name]
    together = [name for name in names if name not in alone]
    groups = [*([name] for name in [*alone, *_OTHERS_WORK]), together]
    return [_unit(targets, config) for targets in groups if targets]


def read_source(name: str) -> str:
    """The text of a source; whoever compiles others in their place puts a function of their own here."""
    return (ROOT / name).read_text(encoding="utf-8")


def _unit(targets: Sequence[str], config: Config) -> Unit:
    sources: dict[str, str] = {}
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        try:
            sources[name] = read_source(name)
        except FileNotFoundError:
            continue  # the compiler says it better, with the line of the import
        waiting += [_resolve(path, name, config) for path in _IMPORT.findall(sources[name])]

    head = json.dumps([_FORMAT, config.version, config.settings, targets], sort_keys=True)
    parts = [part for name in sorted(sources) for part in (name, sources[name])]
    return Unit(tuple(targets), sources, _digest([head, *parts]))


def _resolve(path: str, importer: str, config: Config) -> str:
    if path.startswith("."):
        return os.path.normpath(PurePosixPath(importer).parent / path)
    for prefix, target in config.remappings:
        if path.startswith(prefix):
            return target + path.removeprefix(prefix)
    return path


def _compile(units: Sequence[Unit], config: Config) -> list[dict[str, Artifact]]:
    def stored(unit: Unit) -> Path:
        return BUILD / "solc" / f"{unit.digest}.json"

    def build(unit: Unit) -> list[str]:
        artifacts, faults = _run_solc(unit, config)
        if not faults:
            _write_json(stored(unit), artifacts)
        return faults

    if not all(stored(unit).exists() for unit in units):
        BUILD.mkdir(exist_ok=True)
        with FileLock(BUILD / "solc.lock"), ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            # Another process may have compiled some of them while this one waited for the lock.
            missing = [unit for unit in units if not stored(unit).exists()]
            # Large ones first, so that a short one is the last to start.
            missing.sort(key=lambda unit: sum(map(len, unit.sources.values())), reverse=True)
            _say(f"compiling {len(missing)} of {len(units)} with solc {config.version}")
            faults = [fault for unit_faults in pool.map(build, missing) for fault in unit_faults]
        if faults:
            raise CompilationError("\n".join(dict.fromkeys(faults)))
    return [json.loads(stored(unit).read_text()) for unit in units]


def _run_solc(unit: Unit, config: Config) -> tuple[dict[str, Artifact], list[str]]:
    """Return the contracts of the unit by name, and whatever forbids to use them."""
    import solcx  # here, because it is slow to import and rarely needed

    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in unit.sources.items()},
        "settings": config.settings | {"outputSelection": {name: {"*": _OUTPUTS} for name in unit.targets}},
    }
    try:
        output = solcx.compile_standard(request, solc_version=config.version)
    except solcx.exceptions.SolcError as error:
        return {}, [str(error.message)]
    if unread := output["sources"].keys() - unit.sources.keys():
        return {}, [f"{unit.targets}: the digest misses the imports {sorted(unread)}"]

    faults = []
    for issue in output.get("errors", []):
        if issue["severity"] != "warning" or "via-ir" in issue["message"].lower():
            continue
        source = issue.get("sourceLocation", {}).get("file", "")
        if source.startswith("contracts/"):
            faults.append(issue["formattedMessage"])
        elif not source.startswith("node_modules/"):
            _say(issue["formattedMessage"])
    contracts = [
        (name, _artifact(source, contract))
        for source, found in output.get("contracts", {}).items()
        for name, contract in found.items()
    ]
    return dict(contracts), faults


def _artifact(source: str, contract: dict[str, Any]) -> Artifact:
    evm = contract["evm"]
    return {
        "source": source,
        "abi": contract["abi"],
        "bytecode": "0x" + evm["bytecode"]["object"],
        "deployed_bytecode": "0x" + evm["deployedBytecode"]["object"],
        "immutable_references": evm["deployedBytecode"].get("immutableReferences", {}),
        "link_references": evm["bytecode"].get("linkReferences", {}),
        "storage_layout": contract["storageLayout"],
        "devdoc": contract["devdoc"],
        "userdoc": contract["userdoc"],
        "metadata": contract["metadata"],
    }


def _merge(parts: Iterable[dict[str, Artifact]]) -> dict[str, Artifact]:
    merged: dict[str, Artifact] = {}
    for name, artifact in (item for part in parts for item in part.items()):
        if name in merged:
            raise CompilationError(f"{merged[name]['source']} and {artifact['source']} both define {name}")
        merged[name] = artifact
    return dict(sorted(merged.items()))


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _write_json(path: Path, value: Any) -> None:
    """Write it under another name first: a reader finds the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        json.dump(value, file, separators=(",", ":"))
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    if not any(CONTRACTS.rglob("*.sol")):
        return 0
    try:
        compile_project()
    except CompilationError as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
