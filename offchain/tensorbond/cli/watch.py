"""`tensorbond watch`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tensorbond.cli.settings import Settings, store_option, with_settings

if TYPE_CHECKING:
    from tensorbond.watch.bot import Act

FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="What was seen and done; its own folder.  [default: .tensorbond/NETWORK/watch]",
)
@click.option("--once", is_flag=True, help="Do what can be done now, then stop.")
@click.option("--dry-run", is_flag=True, help="Send nothing: tell what would be. Takes no key.")
@click.option("--no-ask", is_flag=True, help="Ask for nothing on chain: no deposits.")
@click.option("--no-halt", is_flag=True, help="Halt no leases: nobody pays for that.")
@click.option(
    "--from-epoch",
    type=click.IntRange(0),
    help="Where to begin.  [default: where it was left; at first what isn't settled]",
)
@click.option(
    "--statements",
    multiple=True,
    type=FILES,
    help="Signed statements to look at, as oracles' exchanges tell them.",
)
@click.option(
    "--poll", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Seconds between cycles."
)
@click.option(
    "--depth", type=click.IntRange(0), default=0, show_default=True, help="Blocks above what is read."
)
@click.option("--workers", type=click.IntRange(1), help="Threads that verify.  [default: one a core]")
@store_option
@with_settings
@click.pass_context
def watch(
    ctx: click.Context,
    settings: Settings,
    state: Path | None,
    once: bool,
    dry_run: bool,
    no_ask: bool,
    no_halt: bool,
    from_epoch: int | None,
    statements: tuple[Path, ...],
    poll: float,
    depth: int,
    workers: int | None,
    store: str,
) -> None:
    """Look into every epoch, find faults and lies, and prove them on chain.

    Nobody has to say where a lie is: every leaf is computed anew. Who proves gets a share of what it costs.
    A lease of a device that has failed is halted: its funders get back what ran since.
    Prints a line for each thing found (with
    --json a JSON object). With --once, exit code 0: everything is as it should be; 1: something was found;
    2: it could not tell.
    """
    from tensorbond.chain import load_account
    from tensorbond.watch.bot import run
    from tensorbond.watch.config import WatchConfig

    def report(act: Act) -> None:
        click.echo(json.dumps(act.to_json()) if settings.as_json else str(act))

    count = run(
        WatchConfig(
            rpc_urls=settings.rpc,
            deployment=settings.network,
            store_url=store,
            state_dir=state or Path(settings.evidence).parent / "watch",
            account=None if dry_run else load_account(settings.keystore),
            from_epoch=from_epoch,
            statements=statements,
            ask=not no_ask,
            halt=not no_halt,
            poll_seconds=poll,
            confirmations=depth,
            workers=workers,
            rpc_timeout=settings.timeout,
        ),
        once,
        report,
    )
    if once:
        ctx.exit(1 if count else 0)
