"""`tensorbond demo`, `tensorbond devnet`: the whole network on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from tensorbond.cli.settings import settings_of


@click.command()
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write what happened, in numbers.",
)
@click.pass_context
def demo(ctx: click.Context, json_file: Path | None) -> None:
    """Play the whole story on a chain of its own.

    An honest provider is paid and rewarded, a liar is slashed, a stranger proves a wrong tile, an oracle that
    signs two statements loses its bond, and an auditor replays it all. Exit code 1 if a step isn't as told.
    """
    from rich.console import Console

    from tensorbond.demo.tell import run_demo

    ctx.exit(run_demo(Console(), json_file))


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Of the chain.  [default: 8545, or a free one]")
@click.pass_context
def devnet(ctx: click.Context, port: int | None) -> None:
    """Keep a local network running until Ctrl-C: chain, contracts, three oracles, one provider agent."""
    from rich.console import Console

    from tensorbond.demo.tell import run_devnet

    ctx.exit(run_devnet(Console(), settings_of(ctx).network, port))
