"""`tensorbond oracle`: join and leave the attesting set, and run its daemon."""

from __future__ import annotations

from pathlib import Path

import click

from tensorbond.cli.allowances import permit
from tensorbond.cli.settings import Settings, store_option, with_settings
from tensorbond.cli.values import ADDRESS, SIGNATURE, show_tbnd


@click.group()
def oracle() -> None:
    """Bond, verify every benchmark, and attest epochs."""


@oracle.command()
@click.argument("endpoint")
@with_settings
def join(settings: Settings, endpoint: str) -> None:
    """Deposit the bond and publish ENDPOINT, the URL where your oracle exchanges signatures.

    One transaction: the allowance is signed along (ERC-2612), unless there is one already. You sign only
    once the governor has seated you.
    """
    with settings.connect() as network:
        sender = settings.sender(network)
        bond, attestations = network.call("Attestations", "BOND"), network.address("Attestations")
        signed = permit(network, sender, "TensorbondToken", attestations, bond)
        if signed is None:
            receipt = sender.send("Attestations", "join", endpoint)
        else:
            receipt = sender.send("Attestations", "joinWithPermit", endpoint, *signed)
        settings.answer_sent(
            receipt,
            {"oracle": sender.address, "bond": str(bond), "endpoint": endpoint},
            f"bonded {show_tbnd(bond)}; {endpoint}",
        )


@oracle.command()
@with_settings
def leave(settings: Settings) -> None:
    """Sign no more, at once. The bond stays exposed until all you may have signed is final or void."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("Attestations", "leave")
        event = receipt.event("OracleLeft")
        epoch, block = event["leftEpoch"], event["exposedUntil"]
        settings.answer_sent(
            receipt,
            {"left_epoch": epoch, "exposed_until": block},
            f"left; the bond is exposed until epoch {epoch} is settled, and to block {block} at least",
        )


@oracle.command("withdraw")
@with_settings
def withdraw(settings: Settings) -> None:
    """Take the bond back after `leave`."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("Attestations", "withdrawBond")
        amount = receipt.event("BondWithdrawn")["amount"]
        settings.answer_sent(receipt, {"amount": str(amount)}, f"withdrew {show_tbnd(amount)}")


@oracle.command()
@click.argument("members", nargs=-1, required=True, type=ADDRESS)
@click.option(
    "--threshold", type=click.IntRange(1, 64), required=True, help="Least signatures; ⌈2n/3⌉ at any rate."
)
@click.option("--from-epoch", type=click.IntRange(1), help="First epoch of the set.  [default: the earliest]")
@with_settings
def seat(settings: Settings, members: tuple[str, ...], threshold: int, from_epoch: int | None) -> None:
    """Form the next set of bonded MEMBERS. Governor only."""
    with settings.connect() as network:
        if from_epoch is None:
            from_epoch = network.call("Attestations", "nextEpoch") + 1
        ordered = sorted(members, key=lambda address: int(address, 16))
        receipt = settings.sender(network).send("Attestations", "seat", ordered, threshold, from_epoch)
        set_id = receipt.event("SetSeated")["setId"]
        settings.answer_sent(
            receipt,
            {"set": set_id, "members": ordered, "threshold": threshold, "from_epoch": from_epoch},
            f"set {set_id} of {len(ordered)} oracles signs from epoch {from_epoch} on",
        )


@oracle.group()
def verdict() -> None:
    """Decide a disputed job: sign what you found, and send a quorum's signatures."""


_job = click.argument("job", type=click.IntRange(0))
_winner = click.option(
    "--for",
    "winner",
    type=click.Choice(["provider", "requester"]),
    required=True,
    help="Who is in the right.",
)


@verdict.command()
@_job
@_winner
@with_settings
def sign(settings: Settings, job: int, winner: str) -> None:
    """Sign who is in the right in disputed JOB. Nothing is sent; hand the signature to whoever sends it."""
    from tensorbond.chain import load_account
    from tensorbond.oracle.verdict import Question

    with settings.connect() as network:
        account, question = load_account(settings.keystore), Question.of(network, job)
        signature = question.sign(account, winner == "provider")
        settings.answer(
            {
                "job": job,
                "for": winner,
                "set": question.set_id,
                "oracle": account.address,
                "signature": signature,
            },
            "0x" + signature.hex(),
        )


@verdict.command()
@_job
@click.argument("signatures", nargs=-1, required=True, type=SIGNATURE)
@_winner
@with_settings
def send(settings: Settings, job: int, signatures: tuple[bytes, ...], winner: str) -> None:
    """Send a quorum's SIGNATURES of the verdict of JOB, in any order. Anyone may."""
    from tensorbond.oracle.verdict import Question

    with settings.connect() as network:
        question = Question.of(network, job)
        signers, joined = question.quorum(winner == "provider", signatures)
        receipt = settings.sender(network).send(
            "OracleArbiter", "attestVerdict", job, question.state, winner == "provider", signers, joined
        )
        count = signers.bit_count()
        settings.answer_sent(
            receipt,
            {"job": job, "for": winner, "set": question.set_id, "signers": count},
            f"job {job} is decided for the {winner}, by {count} of {len(question.members)} oracles",
        )


@oracle.command()
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), required=True, help="Its own folder."
)
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="Host and port of the exchange.")
@click.option(
    "--poll", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Seconds between cycles."
)
@click.option(
    "--depth", type=click.IntRange(0), default=3, show_default=True, help="Blocks above what is read."
)
@click.option("--workers", type=click.IntRange(1), help="Threads that verify.  [default: one a core]")
@click.option(
    "--security-txt",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Your security.txt (RFC 9116), for /.well-known/.",
)
@click.option("--enforce", is_flag=True, help="Also slash for bad items in final attestations.")
@click.option("--once", is_flag=True, help="One cycle, then stop.")
@store_option
@with_settings
def run(
    settings: Settings,
    state: Path,
    listen: str,
    poll: float,
    depth: int,
    workers: int | None,
    security_txt: Path | None,
    enforce: bool,
    once: bool,
    store: str,
) -> None:
    """Verify every benchmark, exchange signatures, and attest; until Ctrl-C."""
    from tensorbond.chain import load_account
    from tensorbond.oracle.config import OracleConfig
    from tensorbond.oracle.node import run as run_oracle

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError("--listen is host:port")
    run_oracle(
        OracleConfig(
            rpc_urls=settings.rpc,
            deployment=settings.network,
            account=load_account(settings.keystore),
            store_url=store,
            state_dir=state,
            listen_host=host,
            listen_port=int(port),
            security_txt=security_txt,
            poll_seconds=poll,
            confirmations=depth,
            enforce=enforce,
            once=once,
            workers=workers,
            rpc_timeout=settings.timeout,
        )
    )
