"""`tensorbond audit`."""

from __future__ import annotations

import click

from tensorbond.cli.settings import Settings, store_option, with_settings


@click.command()
@click.option(
    "--block", type=click.IntRange(0), help="Audit the network as of this block.  [default: the head]"
)
@store_option
@with_settings
@click.pass_context
def audit(ctx: click.Context, settings: Settings, block: int | None, store: str) -> None:
    """Replay every balance from logs and every proof from chain and evidence.

    Exit code 0: everything is as it should be; 1: there are findings, one a line.
    """
    from rich.console import Console
    from rich.progress import Progress

    from tensorbond.audit import audit as replay
    from tensorbond.store import Store

    with settings.connect() as network, Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("audit")
        report = replay(
            network,
            Store(store),
            block,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
    lines = [*map(str, report.findings), *report.notes]
    lines.append(
        f"block {report.block}: {len(report.findings)} findings; {report.balances_checked} balances, "
        f"{report.proofs_checked} proofs and {report.epochs_checked} epochs checked from "
        f"{report.events_replayed} events"
    )
    settings.answer(report.to_json(), "\n".join(lines))
    ctx.exit(0 if report.ok else 1)
