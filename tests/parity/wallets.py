"""Typed data as others sign it: wallets made with viem, and Foundry's `cast`.

They take the types from `tests/vectors/types.json`, so that nothing of them comes from the Python or the
Solidity side. All three sign by RFC 6979: one signature means one digest.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.anvil import ROOT

KEY = "0x" + "11" * 32
TYPES: dict[str, list[list[str]]] = {
    kind: [member.split(" ") for member in members]
    for kind, members in json.loads((ROOT / "tests/vectors/types.json").read_text(encoding="utf-8")).items()
}
_DOMAIN = [
    ["string", "name"],
    ["string", "version"],
    ["uint256", "chainId"],
    ["address", "verifyingContract"],
]


def examples(usual: int) -> int:
    """How many to try: `HYPOTHESIS_PROFILE=deep` tries ten thousand."""
    return 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else usual


def ask_viem(told: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The digest and the signature of each {domain, primaryType, message}."""
    command = [str(ROOT / ".venv/bin/nodejs"), str(ROOT / "tests/parity/wallet.mjs")]
    asked = json.dumps({"key": KEY, "told": [_typed(each) for each in told]})
    answers: list[dict[str, str]] = json.loads(_run(command, asked))
    return answers


def ask_cast(told: Sequence[Mapping[str, Any]]) -> list[str]:
    """The signature of each; `cast` tells no digest."""
    command = [str(ROOT / ".venv/bin/cast"), "wallet", "sign", "--private-key", KEY, "--data"]

    def sign(each: Mapping[str, Any]) -> str:
        return _run([*command, json.dumps(_typed(each))]).strip()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(sign, told))


def _run(command: list[str], asked: str = "") -> str:
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _typed(told: Mapping[str, Any]) -> dict[str, Any]:
    kinds = _used(told["primaryType"])
    types = {kind: _members(TYPES[kind]) for kind in kinds} | {"EIP712Domain": _members(_DOMAIN)}
    return {**told, "types": types}


def _used(kind: str) -> list[str]:
    return [kind, *(used for solidity, _ in TYPES[kind] if solidity in TYPES for used in _used(solidity))]


def _members(members: list[list[str]]) -> list[dict[str, str]]:
    return [{"name": name, "type": solidity} for solidity, name in members]
