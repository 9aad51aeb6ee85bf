"""`tensorbond`: one command, noun verb. Exit code 0: fine, 1: it found something, 2: it could not tell."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

import click

from tensorbond import __version__
from tensorbond.cli.settings import Failure, common_options
from tensorbond.errors import TensorbondError

# Noun: the module that is imported when it is used, and its line in the help.
NOUNS = {
    "provider": "Stake, register devices, and run the agent that proves them.",
    "job": "Escrow payment for a job, take one, settle or refund it.",
    "auction": "Let providers bid for a job under seal, and give it to the cheapest.",
    "order": "Sign offers of devices and of work, and match them in one transaction.",
    "lease": "Rent a device by the second, or keep a tab for vouchers.",
    "oracle": "Bond, verify every benchmark, and attest epochs.",
    "rewards": "Claim what devices have earned.",
    "proof": "Compute the GPOW1 benchmark, and check what others computed.",
    "audit": "Replay every balance from logs and every proof from chain and evidence.",
    "watch": "Look into every epoch, find faults and lies, and prove them on chain.",
    "dispute": "Build a single fraud proof, and send it.",
    "govern": "Set parameters after their delay, pause new business, cancel what waits.",
    "demo": "Play the whole story on a chain of its own.",
    "devnet": (
        "Keep a local network running until Ctrl-C: chain, contracts, three oracles, one provider agent."
    ),
}
_MODULES = {"devnet": "demo"}


class _Nouns(click.Group):
    """Imports a noun's module only when the noun is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        module = import_module(f"tensorbond.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TensorbondError as error:
            raise Failure(ctx, error) from error
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tensorbond")
@common_options
@click.option("-v", "--verbose", count=True, help="Tell more on stderr; twice: everything.")
def main(verbose: int) -> None:
    """Settlement and staking for a market of GPUs in which nobody has to be believed.

    Keys come from an encrypted keystore (--keystore; its password from TENSORBOND_PASSWORD, from the file
    that TENSORBOND_PASSWORD_FILE names, or asked for) or from the variable TENSORBOND_KEY, never from an
    argument.
    """
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.DEBUG if verbose > 1 else logging.WARNING)
