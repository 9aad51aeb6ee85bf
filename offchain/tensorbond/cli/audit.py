"""`tensorbond audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tensorbond.cli.settings import Settings, store_option, with_settings

if TYPE_CHECKING:
    from tensorbond.audit import Report


@click.command()
@click.option(
    "--block", type=click.IntRange(0), help="Audit the network as of this block.  [default: the head]"
)
@store_option
@with_settings
@click.pass_context
def audit(ctx: click.Context, settings: Settings, block: int | None, store: str) -> None:
    """Replay every balance from logs and every proof from chain and evidence.

    It asks nobody but the chain and the evidence store, and has arithmetic of its own. Exit code 0:
    everything is as it should be; 1: there are findings; 2: it could not tell.
    """
    from rich.console import Console
    from rich.progress import Progress

    from tensorbond.audit import audit as replay
    from tensorbond.store import Store

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with settings.connect() as network, bar as progress:
        task = progress.add_task("audit")
        report = replay(
            network,
            Store(store),
            block,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
    if not settings.as_json and report.findings:
        _show_findings(report)
    settings.answer(report.to_json(), _summary(report))
    ctx.exit(0 if report.ok else 1)


def _show_findings(report: Report) -> None:
    """A table for people; one line each for whatever reads a pipe."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for finding in report.findings:
            click.echo(str(finding))
        return
    table = Table("check", "subject", "where", "have", "need")
    for finding in report.findings:
        table.add_row(finding.check, finding.subject, finding.where, finding.have, finding.need)
    console.print(table)


def _summary(report: Report) -> str:
    lines = [f"note: {note}" for note in report.notes]
    lines.append(
        f"block {report.block}: {len(report.findings)} findings; {report.balances_checked} balances, "
        f"{report.proofs_checked} proofs and {report.epochs_checked} epochs checked from "
        f"{report.events_replayed} events"
    )
    return "\n".join(lines)
