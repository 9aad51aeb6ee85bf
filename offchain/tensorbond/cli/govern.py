"""`tensorbond govern`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tensorbond.cli.settings import Settings, with_settings

if TYPE_CHECKING:
    from tensorbond.chain import Network
    from tensorbond.chain.governing import Outcome, Scheduled


@click.group()
def govern() -> None:
    """Set parameters after their delay, pause new business, cancel what waits.

    Whatever the governor calls, here or elsewhere, waits for its delay; a pause by the guardian doesn't."""


@govern.command()
@with_settings
def status(settings: Settings) -> None:
    """Who governs, what is paused, what waits."""
    from tensorbond.chain.governing import pausable, scheduled

    with settings.connect() as network:
        head, deployment = network.head(), network.deployment
        paused = [name for name in pausable(network) if network.call(name, "paused", block=head)]
        waiting = list(scheduled(network, head))
        lines = [
            f"governor {deployment.governor}, whose calls wait {deployment.governor_delay} s",
            f"guardian {deployment.guardian}",
            f"paused: {', '.join(paused) or 'nothing'}",
            *(_told(call) for call in waiting),
        ]
        data = {
            "governor": deployment.governor,
            "governor_delay": deployment.governor_delay,
            "guardian": deployment.guardian,
            "paused": paused,
            "scheduled": [_row(call) for call in waiting],
        }
        settings.answer(data, "\n".join(lines))


@govern.command()
@click.argument("contract")
@click.argument("verb")
@click.argument("arguments", nargs=-1)
@with_settings
def call(settings: Settings, contract: str, verb: str, arguments: tuple[str, ...]) -> None:
    """Call VERB of CONTRACT with ARGUMENTS, each JSON or plain text; or schedule it, if your calls wait.

    Give the same command after the delay to have it done."""
    _govern(settings, [contract], verb, tuple(map(_argument, arguments)))


@govern.command()
@click.argument("contracts", nargs=-1)
@with_settings
def pause(settings: Settings, contracts: tuple[str, ...]) -> None:
    """Stop new business of CONTRACTS (all, if none is named). For the guardian; at once.

    Whatever has begun ends as it would have: nobody's exit, payment, claim or proof is stopped."""
    _govern(settings, list(contracts), "pause", ())


@govern.command()
@click.argument("contracts", nargs=-1)
@with_settings
def unpause(settings: Settings, contracts: tuple[str, ...]) -> None:
    """Let new business of CONTRACTS (all, if none is named) in again. For the governor; after its delay."""
    _govern(settings, list(contracts), "unpause", ())


@govern.command()
@click.argument("operation")
@with_settings
def cancel(settings: Settings, operation: str) -> None:
    """Cancel the scheduled OPERATION, as `status` names it. For the governor and the guardian."""
    from tensorbond.chain.governing import cancel

    try:
        named = bytes.fromhex(operation.removeprefix("0x"))
    except ValueError:
        raise click.BadParameter(f"{operation!r} is not hexadecimal", param_hint="OPERATION") from None
    with settings.connect() as network:
        found = cancel(settings.sender(network).lane, network, named)
        settings.answer(
            {"cancelled": _row(found)}, f"cancelled {found.contract}.{found.function}{found.args}"
        )


def _govern(settings: Settings, contracts: list[str], verb: str, arguments: tuple[Any, ...]) -> None:
    from tensorbond.chain.governing import govern, pausable

    with settings.connect() as network:
        lane = settings.sender(network).lane
        if not contracts:
            paused = verb == "unpause"
            contracts = [name for name in pausable(network) if network.call(name, "paused") == paused]
        rows, lines = [], []
        for contract in contracts:
            outcome = govern(lane, network, (contract, _known(network, contract, verb), arguments))
            title = f"{contract}.{verb}"
            rows.append(
                {
                    "call": title,
                    "state": outcome.state,
                    "wait": outcome.wait,
                    "operation": "0x" + outcome.operation.hex(),
                }
            )
            lines.append(f"{title}: {_words(outcome, lane.address)}")
    settings.answer({"calls": rows}, "\n".join(lines) or "nothing to do")
    if any(row["state"] == "refused" for row in rows):
        click.get_current_context().exit(1)


def _known(network: Network, contract: str, verb: str) -> str:
    if contract not in network.deployment.contracts:
        raise click.BadParameter(f"there is no contract {contract}", param_hint="CONTRACT")
    item = network.abi(contract).functions.get(verb)
    if item is None or item.is_view:
        raise click.BadParameter(f"{contract} has no verb {verb}", param_hint="VERB")
    return verb


def _argument(text: str) -> Any:
    if text.startswith("0x"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _words(outcome: Outcome, account: str) -> str:
    match outcome.state:
        case "done":
            return "done"
        case "scheduled":
            return f"scheduled, give this command again after {outcome.wait} s"
        case "waiting":
            return f"scheduled already, give this command again after {outcome.wait} s"
    return f"not for {account} to call"


def _told(call: Scheduled) -> str:
    ready = datetime.fromtimestamp(call.ready_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"scheduled: {call.contract}.{call.function}{call.args}, from {ready} on, 0x{call.operation.hex()}"


def _row(call: Scheduled) -> dict[str, Any]:
    return {
        "operation": "0x" + call.operation.hex(),
        "caller": call.caller,
        "contract": call.contract,
        "function": call.function,
        "arguments": [str(each) for each in call.args],
        "ready_at": call.ready_at,
    }
