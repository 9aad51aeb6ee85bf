"""What every command is configured by, and how it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from tensorbond.errors import TensorbondError

if TYPE_CHECKING:
    from tensorbond.chain import Network, Receipt, Sender

DEFAULT_RPC = "http://127.0.0.1:8545"
DEFAULT_NETWORK = "devnet"

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Settings:
    """Built once from options and environment, then handed down."""

    rpc: tuple[str, ...] = (DEFAULT_RPC,)
    network: str = DEFAULT_NETWORK
    keystore: Path | None = None
    as_json: bool = False
    timeout: float = 10.0
    confirmations: int = 1

    @property
    def evidence(self) -> str:
        """The evidence store where none is named: the folder that `tensorbond devnet` uses, too."""
        return str(Path(".tensorbond", Path(self.network).stem, "evidence"))

    def connect(self) -> Network:
        """The network, checked to be the deployment's."""
        from tensorbond.chain import Network

        return Network.connect(self.rpc, self.network, timeout=self.timeout)

    def sender(self, network: Network) -> Sender:
        """The key of the keystore or of TENSORBOND_KEY, ready to act."""
        from tensorbond.chain import Policy, Sender, load_account

        return Sender(network, load_account(self.keystore), Policy(confirmations=self.confirmations))

    def answer(self, data: Mapping[str, Any], text: str) -> None:
        """Print `data` as JSON or `text`, as asked for. Amounts in `data` are decimal strings."""
        click.echo(json.dumps(data, indent=2, default=_jsonable) if self.as_json else text)

    def answer_sent(self, receipt: Receipt, data: Mapping[str, Any], text: str) -> None:
        """`answer`, with what the transaction was and cost."""
        spent = {"transaction": receipt.transaction, "block": receipt.block, "gas": receipt.gas_used}
        told = f"{text}\n{receipt.transaction}, block {receipt.block}, gas {receipt.gas_used}"
        self.answer({**data, **spent}, told)


class Failure(click.ClickException):
    """A command that could not tell: the reason on stderr, exit code 2, no traceback."""

    exit_code = 2

    def __init__(self, ctx: click.Context, error: TensorbondError) -> None:
        super().__init__(str(error))
        self.error, self.as_json = error, settings_of(ctx).as_json

    def show(self, file: IO[Any] | None = None) -> None:
        if not self.as_json:
            super().show(file)
            return
        told: dict[str, Any] = {"name": type(self.error).__name__, "message": str(self.error)}
        arguments = getattr(self.error, "arguments", None)
        if arguments is not None:
            told |= {"error": getattr(self.error, "error_name", ""), "arguments": arguments}
        click.echo(json.dumps({"failure": told}, default=_jsonable), file=file, err=True)


def common_options(function: _Function, *, from_environment: bool = True) -> _Function:
    """The options that hold for every command, before the noun or after the verb; the later one wins.

    Only those before the noun are also taken from the environment, so that a variable never wins."""

    def variable(name: str) -> str | None:
        return name if from_environment else None

    options = [
        click.option(
            "--rpc",
            multiple=True,
            envvar=variable("TENSORBOND_RPC"),
            metavar="URL",
            help=f"RPC endpoint; several are asked in turn.  [default: {DEFAULT_RPC}]",
        ),
        click.option(
            "--network",
            "--deployment",
            "network",
            envvar=variable("TENSORBOND_NETWORK"),
            metavar="NAME",
            help=f"A deployment: its name, or its file.  [default: {DEFAULT_NETWORK}]",
        ),
        click.option(
            "--keystore",
            envvar=variable("TENSORBOND_KEYSTORE"),
            type=click.Path(dir_okay=False, path_type=Path),
            help="Encrypted key to act with; else TENSORBOND_KEY.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--timeout", type=click.FloatRange(0.1), help="Seconds for one RPC request.  [default: 10]"
        ),
        click.option(
            "--confirmations",
            type=click.IntRange(1),
            help="Blocks after which a transaction counts.  [default: 1]",
        ),
    ]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in Settings.__dataclass_fields__}
        _given(click.get_current_context()).update(
            {k: v for k, v in given.items() if v not in (None, (), False)}
        )
        return function(*args, **kwargs)

    command: Any = update_wrapper(wrapped, function)
    for option in reversed(options):
        command = option(command)
    return command  # type: ignore[no-any-return]


def with_settings(function: _Function) -> _Function:
    """A verb: it takes the common options, and the `Settings` they make as its first argument."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        settings = settings_of(click.get_current_context())
        if "store" in kwargs and kwargs["store"] is None:
            kwargs["store"] = settings.evidence
        return function(settings, *args, **kwargs)

    verb: _Function = update_wrapper(wrapped, function)  # type: ignore[assignment]
    return common_options(verb, from_environment=False)


store_option = click.option(
    "--store",
    envvar="TENSORBOND_STORE",
    metavar="URL",
    help="Where evidence and leaf data lie: a folder, or any URL that fsspec knows.  "
    "[default: .tensorbond/NETWORK/evidence]",
)


def settings_of(ctx: click.Context) -> Settings:
    given = _given(ctx)
    return Settings(**given)


def _given(ctx: click.Context) -> dict[str, Any]:
    found: dict[str, Any] = ctx.meta.setdefault("tensorbond.settings", {})
    return found


def _jsonable(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
