"""`tensorbond dispute`: single fraud proofs, made in one place and sent from another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorbond.cli.settings import Settings, store_option, with_settings
from tensorbond.watch.kinds import KINDS

if TYPE_CHECKING:
    from tensorbond.chain import Network
    from tensorbond.watch.dispute import Dispute

FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def dispute() -> None:
    """Build a single fraud proof, and send it."""


@dispute.command()
@with_settings
def kinds(settings: Settings) -> None:
    """The kinds of disputes, each with the verb that judges it and what it shows."""
    settings.answer(
        {name: asdict(kind) for name, kind in KINDS.items()},
        "\n".join(f"{name:20} {kind.contract}.{kind.function}: {kind.shows}" for name, kind in KINDS.items()),
    )


@dispute.command()
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.option("--epoch", type=click.IntRange(0), help="In which epoch.")
@click.option("--device", type=click.IntRange(1), help="About which device.  [default: any]")
@click.option("--slot", type=click.IntRange(0), help="About which slot; its epoch need not be told.")
@click.option(
    "--statements", multiple=True, type=FILES, help="Of an equivocation: files of signed statements."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.  [default: stdout]"
)
@store_option
@with_settings
@click.pass_context
def build(
    ctx: click.Context,
    settings: Settings,
    kind: str,
    epoch: int | None,
    device: int | None,
    slot: int | None,
    statements: Sequence[Path],
    out: Path | None,
    store: str,
) -> None:
    """Make the proof of a fault out of chain and evidence, as JSON with its calldata. Takes no key.

    Exit code 0: here it is; 1: there is no such fault; 2: it could not tell. See `tensorbond dispute kinds`.
    """
    with settings.connect() as network:
        found = _find(network, kind, epoch, device, slot, statements, store)
        if not found:
            click.echo(f"no {kind} there: nothing to prove", err=True)
            ctx.exit(1)
        text = json.dumps(found[0].show(network), indent=2)
    if len(found) > 1:
        others = "; ".join(each.subject for each in found[1:])
        click.echo(f"the first of {len(found)}; the others are about {others}", err=True)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n")


def _find(
    network: Network,
    kind: str,
    epoch: int | None,
    device: int | None,
    slot: int | None,
    statements: Sequence[Path],
    store: str,
) -> list[Dispute]:
    from tensorbond.oracle.exchange import parse_statements
    from tensorbond.store import Store
    from tensorbond.watch.build import Wanted, build, build_equivocations, epoch_of_slot

    if kind == "equivocation":
        if not statements:
            raise click.UsageError("an equivocation is built from --statements")
        return build_equivocations(
            network, [each for path in statements for each in parse_statements(path.read_bytes())]
        )
    if slot is not None:
        epoch = epoch_of_slot(network, slot)
    if epoch is None:
        raise click.UsageError("tell where: --epoch or --slot")
    return build(network, Store(store), Wanted(kind, epoch, device, slot))


@dispute.command()
@click.argument("file", type=click.File("rb"))
@with_settings
@click.pass_context
def send(ctx: click.Context, settings: Settings, file: Any) -> None:
    """Simulate the dispute in FILE (-: stdin), send it, and get the challenger's share.

    Exit code 0: it is proven; 1: the chain refuses it; 2: it could not tell.
    """
    from tensorbond.chain.errors import ContractRefused
    from tensorbond.watch.dispute import Dispute

    with settings.connect() as network:
        told = Dispute.parse(file.read(), network)
        try:
            receipt = told.send(settings.sender(network))
        except ContractRefused as error:
            settings.answer(
                {
                    "kind": told.kind,
                    "about": dict(told.about),
                    "refused": {"error": error.error_name, "arguments": error.arguments},
                },
                str(error),
            )
            ctx.exit(1)
        settings.answer_sent(
            receipt,
            {
                "kind": told.kind,
                "about": dict(told.about),
                "events": [{"name": event.name, "arguments": _plain(event.args)} for event in receipt.events],
            },
            f"{told.kind} {told.subject}: proven",
        )


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, int) else value for name, value in arguments.items()}
