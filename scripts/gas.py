"""Measure the gas of every verb: `--write` keeps it in tests/gas.json, `--check` compares it with what is
kept there.

Exit code 1 if a verb differs by more than 2 % or there is another set of keys.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "tests" / "gas.json"
TOLERANCE_PERCENT = 2

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
    "JobEscrow.refund": (66_000, 80_000),
    "JobEscrow.settle": (75_000, 85_000),
    "JobEscrow.submit": (32_000, 36_000),
    "ProviderStaking.stake:first": (69_000, 75_000),
    "ProviderStaking.stake:top-up": (50_500, 52_000),
    "ProviderStaking.unbond": (38_000, 80_000),
    "ProviderStaking.withdraw": (48_000, 56_000),
    "Rewards.claim:depth-20": (72_000, 80_000),
    "WorkDisputes.badItem:K16384": (600_000, 1_000_000),
    "WorkDisputes.badItem:K4096": (300_000, 400_000),
    "WorkDisputes.missed": (85_000, 110_000),
}
# Sums that a reader wants to see: a whole escrowed and collateralised job, one device's share of an
# attestation.
JOB = ("JobEscrow.fund", "JobEscrow.accept", "JobEscrow.submit", "JobEscrow.approve")
JOB_TARGET = (200_000, 240_000)

Gas = dict[str, int]


def measure() -> Gas:
    """Play every verb on a chain of its own."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from tests.gas import measure as play

    return play()


def differences(have: Gas, kept: Gas) -> list[str]:
    """What `--check` complains of, one line each."""
    found = [f"{key}: not in {KEPT.name}" for key in sorted(have.keys() - kept.keys())]
    found += [f"{key}: no longer measured" for key in sorted(kept.keys() - have.keys())]
    for key in sorted(have.keys() & kept.keys()):
        if abs(have[key] - kept[key]) * 100 > kept[key] * TOLERANCE_PERCENT:
            found.append(f"{key}: {have[key]:,} gas, {KEPT.name} has {kept[key]:,}")
    return found


def table(have: Gas) -> str:
    """Ours beside what we aim at and must keep."""
    rows = [(key, gas, *TARGETS.get(key, (0, 0))) for key, gas in have.items()]
    if all(key in have for key in JOB):
        rows.append(("fund + accept + submit + approve", sum(have[key] for key in JOB), *JOB_TARGET))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'':<{width}}  {'ours':>10} {'aim':>10} {'must':>10}"]
    for key, gas, aim, must in rows:
        verdict = "" if not must else "" if gas <= aim else "over the aim" if gas <= must else "OVER THE MUST"
        told = f"{aim:>10,} {must:>10,}" if must else f"{'':>21}"
        lines.append(f"{key:<{width}}  {gas:>10,} {told} {verdict}".rstrip())
    return "\n".join(lines)


@click.command()
@click.option("--write", is_flag=True, help="Keep what was measured in tests/gas.json.")
@click.option("--check", is_flag=True, help="Compare it with tests/gas.json.")
def main(write: bool, check: bool) -> None:
    """Measure the gas of every verb as a whole transaction, and show it beside the targets."""
    have = measure()
    click.echo(table(have))
    if write:
        KEPT.write_text(json.dumps(have, indent=2) + "\n", encoding="utf-8")
    if check:
        found = differences(have, json.loads(KEPT.read_text(encoding="utf-8")))
        for line in found:
            click.echo(line, err=True)
        if found:
            sys.exit(1)


if __name__ == "__main__":
    main()
