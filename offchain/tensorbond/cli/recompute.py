"""`tensorbond proof recompute`: a whole committed proof, again, from chain data alone."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from tensorbond.cli.settings import Settings, with_settings
from tensorbond.errors import TensorbondError

if TYPE_CHECKING:
    from tensorbond.proof import AnyChallenge

MOST_OPERATIONS = 10**13
"""The largest C-phase that is computed without --yes-large: a minute on two cores."""
MOST_BYTES = 10**11
"""The largest M-phase, by the bytes that it moves: about as long."""


class BenchmarkLarge(TensorbondError):
    """The benchmark would take long, and nobody said that it may."""

    def __init__(self, work: str) -> None:
        super().__init__(
            f"this benchmark takes {work}: say --yes-large (and --prover auto, if there is a GPU)"
        )


@click.command()
@click.option("--chain", metavar="NAME", help="The same as --network.")
@click.option("--device", type=click.IntRange(0), required=True, help="The device's id.")
@click.option("--slot", type=click.IntRange(0), required=True, help="The slot's number.")
@click.option("--workers", type=click.IntRange(1), help="Threads; every core that may be used by default.")
@click.option(
    "--prover", "where", default="cpu", show_default=True, help="cpu, cuda:NUMBER, or auto (a GPU if any)."
)
@click.option("--yes-large", is_flag=True, help="Compute it however long it takes, in all memory there is.")
@with_settings
@click.pass_context
def recompute(
    ctx: click.Context,
    settings: Settings,
    chain: str | None,
    device: int,
    slot: int,
    workers: int | None,
    where: str,
    yes_large: bool,
) -> None:
    """Compute again what a device committed to in a slot, and compare the commitments.

    Asks nobody but the chain: no evidence is read. Exits with 0 if they are equal, 1 if they differ, 2 if
    that cannot be told.
    """
    from tensorbond.audit.recompute import read_committed
    from tensorbond.cli.proof import prove_with_progress
    from tensorbond.proof import CpuProver, MemoryChallenge, choose_prover

    if chain is not None:
        settings = replace(settings, network=chain)
    with settings.connect() as network:
        committed = read_committed(network, device, slot)
    challenge = committed.challenge
    if not yes_large:
        refuse_large(challenge)
    is_large_cpu = where == "cpu" and yes_large
    prover = CpuProver(workers, _all_memory()) if is_large_cpu else choose_prover(where, workers)
    started = time.perf_counter()
    computed = prove_with_progress(challenge, prover).commitment
    equal = computed == committed.commitment
    phase = "M" if isinstance(challenge, MemoryChallenge) else "C"
    settings.answer(
        {
            "equal": equal,
            "phase": phase,
            "device": device,
            "slot": slot,
            "provider": challenge.provider,
            "beacon": challenge.beacon,
            "shape": asdict(challenge.shape),
            "key": committed.key,
            "block": committed.block,
            "committed": committed.commitment,
            "computed": computed,
            "elapsed": round(time.perf_counter() - started, 3),
        },
        f"{'equal' if equal else 'different'}: device {device} slot {slot} ({phase}-phase)\n"
        f"committed: {committed.commitment.hex()}\ncomputed:  {computed.hex()}",
    )
    ctx.exit(0 if equal else 1)


def refuse_large(challenge: AnyChallenge) -> None:
    """Raises BenchmarkLarge for what takes minutes on a CPU."""
    from tensorbond.proof import MemoryChallenge

    if isinstance(challenge, MemoryChallenge):
        if challenge.shape.bytes_moved > MOST_BYTES:
            shape = challenge.shape
            raise BenchmarkLarge(f"{shape.bytes_moved:.1e} bytes moved in {shape.data_bytes} bytes of memory")
    elif challenge.shape.operations > MOST_OPERATIONS:
        raise BenchmarkLarge(f"{challenge.shape.operations:.1e} operations")


def _all_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
