"""How demo and devnet speak: live lines, the table of who had, got and lost what, gas per step."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console, Group
from rich.table import Table

from tensorbond.chain.parameters import format_units
from tensorbond.demo.devnet import CHECKOUT, Devnet
from tensorbond.demo.story import Story, Told, open_market
from tensorbond.errors import TensorbondError

DEFAULT_PORT = 8545
DECIMALS = {"TBND": 18, "TUSD": 6}


def run_demo(console: Console, json_file: Path | None) -> int:
    """Play the story; 0 if every step was as told, else 1."""
    began = time.monotonic()
    told = Told()
    with tempfile.TemporaryDirectory(prefix="tensorbond-demo-", ignore_cleanup_errors=True) as folder:
        say = speaker(console, began)
        try:
            with (
                console.status("starting a chain and deploying the contracts"),
                Devnet("demo", Path(folder), say=say) as net,
            ):
                Story(net, told, say).play()
        except TensorbondError as error:
            console.print(f"[red]not as told:[/red] {type(error).__name__}: {error}", highlight=False)
    show(console, told, time.monotonic() - began)
    if json_file is not None:
        json_file.write_text(json.dumps(told.to_json(), indent=2) + "\n", encoding="utf-8")
    return 0 if told.ok else 1


def run_devnet(console: Console, network: str, port: int | None) -> int:
    """Keep a network with one honest provider running until Ctrl-C; 0 then, 1 if a part of it died."""
    folder = CHECKOUT / ".tensorbond" / network
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say = speaker(console, time.monotonic())
    try:
        with ends_on_sigterm(), Devnet(network, folder, port or default_port(), say) as net:
            open_market(net)
            console.print(guide(net), soft_wrap=True, highlight=False)
            while True:
                net.check_alive()
                time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 0
    except TensorbondError as error:
        console.print(f"[red]{type(error).__name__}:[/red] {error}", highlight=False)
        return 1


@contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the network as Ctrl-C does, so that nothing is left running."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def guide(net: Devnet) -> Group:
    """What a newcomer to a running devnet needs: addresses, keys, and what to try."""
    contracts = Table(title="Contracts", title_justify="left")
    contracts.add_column("contract")
    contracts.add_column("address")
    for name, record in net.network.deployment.contracts.items():
        contracts.add_row(name, record.address)
    for symbol, address in net.network.deployment.tokens.items():
        contracts.add_row(f"{symbol} (anyone may mint)", address)
    names = net.cast.names()
    keys = [
        f"  {names[account.address]:28} {account.address}  0x{bytes(account.key).hex()}"
        for account in net.cast.accounts()
    ]
    rpc = "" if net.chain.port == DEFAULT_PORT else f" --rpc {net.chain.url}"
    flags = rpc if net.name == "devnet" else f"{rpc} --network {net.name}"
    requester = "0x" + bytes(net.cast.requester.key).hex()
    lines = [
        f"The chain is {net.chain.url}, chain id {net.network.chain_id}.",
        f"Logs and evidence are in {net.folder}.",
        "Keys of the test accounts, public and worth nothing:",
        *keys,
        "Try next, in another terminal:",
        f"  tensorbond audit{flags}",
        f"  tensorbond provider show {net.cast.honest.owner.address}{flags}",
        f"  TENSORBOND_KEY={requester} tensorbond job fund --help",
        "Ctrl-C ends it all.",
    ]
    return Group(contracts, *lines)


def default_port() -> int | None:
    """The usual port, unless it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return None
    return DEFAULT_PORT


def speaker(console: Console, began: float) -> Callable[[str], None]:
    """Print lines with the seconds since the beginning."""

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {line}", highlight=False)

    return say


def show(console: Console, told: Told, seconds: float) -> None:
    """The tables at the end."""
    if told.balances:
        table = Table(title="Who had, got and lost what", title_justify="left")
        for heading, side in (
            ("who", "left"),
            ("in", "left"),
            ("before", "right"),
            ("after", "right"),
            ("change", "right"),
        ):
            table.add_column(heading, justify="right" if side == "right" else "left")
        for row in told.balances:
            if row.before == row.after:
                continue
            decimals = DECIMALS[row.token.split()[0]]
            change = row.after - row.before
            shade = "green" if change > 0 else "red"
            amounts = [format_units(each, decimals) for each in (row.before, row.after, change)]
            table.add_row(
                row.who,
                row.token,
                *amounts[:2],
                f"[{shade}]{'+' if change > 0 else ''}{amounts[2]}[/{shade}]",
            )
        console.print(table)
    table = Table(title="Gas per step", title_justify="left")
    for heading in ("step", "transactions", "gas", "as told"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for step in told.steps:
        told_right = "[green]yes[/green]" if step.ok else "[red]no[/red]"
        table.add_row(f"{step.n}. {step.title}", str(len(step.transactions)), f"{step.gas:,}", told_right)
    console.print(table)
    report = told.report
    if report is not None:
        console.print(
            f"audit: {len(report.findings)} findings, {report.balances_checked} balances "
            f"and {report.proofs_checked} proofs checked",
            highlight=False,
        )
    verdict = "[green]every step was as told[/green]" if told.ok else "[red]not every step was as told[/red]"
    console.print(f"{verdict}, {seconds:.0f} s", highlight=False)
