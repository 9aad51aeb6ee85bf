"""Measure the gas of every verb, show it beside the targets, and compare it with what tests/gas.json keeps.

`--write` keeps it there, and draws the tables of docs/gas.md anew. Exit code 1 if a verb costs over 2 % more
or less than what is kept, or there is another set of keys, or one leaves too little room in a transaction.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from scripts.gas_account import Account, account
from tensorbond.chain.lane import MAX_TRANSACTION_GAS

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "tests" / "gas.json"
PAGE = ROOT / "docs" / "gas.md"
TOLERANCE_PERCENT = 2
# Of what a transaction may cost, at the largest parameters that contracts admit.
ROOM_PERCENT = 5

# What we aim at, and what we must not exceed.
TARGETS = {
    "AttestationDisputes.equivocation": (90_000, 110_000),
    "Attestations.attest:3-of-4": (95_000, 120_000),
    "Attestations.attest:7-of-10": (115_000, 150_000),
    "Challenges.commit": (49_000, 52_000),
    "DeviceRegistry.register": (58_000, 80_000),
    "DeviceRegistry.register:batch-8": (33_000, 40_000),
    "JobEscrow.accept": (48_000, 60_000),
    "JobEscrow.approve": (58_000, 70_000),
    "JobEscrow.fund": (85_000, 95_000),
    "JobEscrow.match": (150_000, 190_000),
    "JobEscrow.refund": (66_000, 80_000),
    "JobEscrow.settle": (75_000, 85_000),
    "JobEscrow.settle:part-of-10": (45_000, 60_000),
    "JobEscrow.submit": (32_000, 36_000),
    "LeaseEscrow.open": (100_000, 115_000),
    "LeaseEscrow.redeem": (56_000, 75_000),
    "LeaseEscrow.settle": (50_000, 58_000),
    "LeaseEscrow.stop": (66_000, 80_000),
    "LeaseEscrow.topUp": (46_000, 48_000),
    "ProviderStaking.stake:delegate": (75_000, 80_000),
    "ProviderStaking.stake:first": (69_000, 75_000),
    "ProviderStaking.stake:top-up": (50_500, 52_000),
    "ProviderStaking.unbond": (38_000, 80_000),
    "ProviderStaking.withdraw": (48_000, 56_000),
    "Rewards.claim:depth-20": (72_000, 80_000),
    "Rewards.claimMany:10": (18_000, 25_000),
    "WorkDisputes.badItem:K16384": (600_000, 1_000_000),
    "WorkDisputes.badItem:K4096": (300_000, 400_000),
    "WorkDisputes.missed": (85_000, 110_000),
}
# What a reader wants to see besides: a whole escrowed and collateralised job, one device's share of an
# attestation.
JOB = ("JobEscrow.fund", "JobEscrow.accept", "JobEscrow.submit", "JobEscrow.approve")
JOB_TARGET = (200_000, 240_000)
ATTEST, DEVICES = "Attestations.attest:3-of-4", 1_000
SHARE_TARGET = (100, 150)

Gas = dict[str, int]


def measure(*, longest: bool = True) -> Gas:
    """Play every verb on a chain of its own; `longest`: also with a leaf of the longest epoch."""
    from tests.gas import measure as play

    return play(longest=longest)


def measure_with_accounts() -> tuple[Gas, dict[str, Account]]:
    """The same, and where the gas of every verb goes."""
    from tests.gas import measure as play

    found: dict[str, Account] = {}
    have = play(lambda key, node, transaction: found.update({key: account(node, transaction)}))
    return have, found


def differences(have: Gas, kept: Gas) -> list[str]:
    """What `--check` complains of, one line each."""
    found = [f"{key}: not in {KEPT.name}" for key in sorted(have.keys() - kept.keys())]
    found += [f"{key}: no longer measured" for key in sorted(kept.keys() - have.keys())]
    for key in sorted(have.keys() & kept.keys()):
        if abs(have[key] - kept[key]) * 100 > kept[key] * TOLERANCE_PERCENT:
            found.append(f"{key}: {have[key]:,} gas, {KEPT.name} has {kept[key]:,}")
    return found


def too_large(have: Gas) -> list[str]:
    """What leaves less than ROOM_PERCENT of a transaction: nobody could send it before long."""
    most = MAX_TRANSACTION_GAS * (100 - ROOM_PERCENT) // 100
    return [f"{key}: {gas:,} gas, the most is {most:,}" for key, gas in sorted(have.items()) if gas > most]


def derived(have: Gas) -> list[tuple[str, int, int, int]]:
    """What a reader wants to see of several figures, or of a part of one."""
    rows = []
    if all(key in have for key in JOB):
        rows.append(("fund + accept + submit + approve", sum(have[key] for key in JOB), *JOB_TARGET))
    if ATTEST in have:
        rows.append((f"{ATTEST} ÷ {DEVICES:,} devices", have[ATTEST] // DEVICES, *SHARE_TARGET))
    return rows


def table(have: Gas) -> str:
    """Ours beside what we aim at and must keep."""
    rows = [(key, gas, *TARGETS.get(key, (0, 0))) for key, gas in have.items()]
    rows += derived(have)
    width = max(len(row[0]) for row in rows)
    lines = [f"{'':<{width}}  {'ours':>10} {'aim':>10} {'must':>10}"]
    for key, gas, aim, must in rows:
        verdict = "" if not must else "" if gas <= aim else "over the aim" if gas <= must else "OVER THE MUST"
        told = f"{aim:>10,} {must:>10,}" if must else f"{'':>21}"
        lines.append(f"{key:<{width}}  {gas:>10,} {told} {verdict}".rstrip())
    return "\n".join(lines)


def compared(have: Gas) -> str:
    """`table` in Markdown, of what has a target."""
    rows = [(key, have[key], *TARGETS[key]) for key in TARGETS if key in have]
    rows += derived(have)
    lines = ["| Verb | Ours | Aim | Must | |", "|---|---:|---:|---:|---|"]
    for key, gas, aim, must in rows:
        verdict = "" if gas <= aim else "over the aim" if gas <= must else "**over the Must**"
        lines.append(f"| `{key}` | {gas:,} | {aim:,} | {must:,} | {verdict} |")
    return "\n".join(lines)


def accounted(found: Mapping[str, Account]) -> str:
    """A line for each, the dearest first."""
    head = [
        "Verb",
        "Total",
        "Calldata",
        "New slots",
        "Changed",
        "Read",
        "Accounts",
        "Signatures",
        "SHA-256",
        "Events",
        "Rest",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for key, each in sorted(found.items(), key=lambda item: -item[1].total):
        counts = (each.new_slots, each.changed_slots, each.cold_reads, each.cold_accounts, each.signatures)
        calldata = each.floor if each.is_floor else each.calldata
        cells = [f"{cell:,}" for cell in (each.total, calldata, *counts, each.hashing, each.events)]
        cells.append("–" if each.is_floor else f"{each.computing:,}")
        lines.append(f"| `{key}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(have: Gas, found: Mapping[str, Account]) -> None:
    """Put the tables between the marks of docs/gas.md."""
    page = PAGE.read_text(encoding="utf-8")
    for mark, told in (("targets", compared(have)), ("accounts", accounted(found))):
        before, rest = page.split(f"<!-- {mark} -->\n", 1)
        _, after = rest.split(f"<!-- /{mark} -->", 1)
        page = f"{before}<!-- {mark} -->\n{told}\n<!-- /{mark} -->{after}"
    PAGE.write_text(page, encoding="utf-8")


@click.command()
@click.option("--write", is_flag=True, help="Keep what was measured, and draw docs/gas.md.")
def main(write: bool) -> None:
    """Measure the gas of every verb as a whole transaction, and show it beside the targets."""
    have, told = measure_with_accounts() if write else (measure(), {})
    click.echo(table(have))
    found = too_large(have)
    if write:
        KEPT.write_text(json.dumps(have, indent=2) + "\n", encoding="utf-8")
        draw(have, told)
    else:
        found += differences(have, json.loads(KEPT.read_text(encoding="utf-8")))
    for line in found:
        click.echo(line, err=True)
    if found:
        sys.exit(1)


if __name__ == "__main__":
    main()
