"""`tensorbond rewards`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tensorbond.chain.types import EpochStatus
from tensorbond.cli.settings import Settings, store_option, with_settings
from tensorbond.cli.values import show_tbnd

if TYPE_CHECKING:
    from tensorbond.chain import Network


@click.group()
def rewards() -> None:
    """Claim what devices have earned."""


@rewards.command()
@click.argument("device", type=click.IntRange(1))
@click.option("--epoch", type=click.IntRange(0), help="A final epoch.  [default: the latest]")
@store_option
@with_settings
def claim(settings: Settings, device: int, epoch: int | None, store: str) -> None:
    """Mint what DEVICE has earned in all final epochs; it vests for its provider. Anyone may.

    One claim pays everything since the last: the leaf carries a running sum.
    """
    from tensorbond.oracle.leaves import load_epoch
    from tensorbond.store import Store

    with settings.connect() as network:
        sender = settings.sender(network)
        epoch = _latest_final(network) if epoch is None else epoch
        root, _ = network.call("Attestations", "attestedOf", epoch)
        proof = load_epoch(Store(store), network.chain_id, epoch, root).leaf_proof(device)
        receipt = sender.send("Rewards", "claim", proof)
        event = receipt.event("RewardClaimed")
        settings.answer_sent(
            receipt,
            {
                "device": device,
                "provider": event["provider"],
                "epoch": epoch,
                "amount": str(event["amount"]),
                "claimed": str(event["claimed"]),
            },
            f"claimed {show_tbnd(event['amount'])} for device {device} to {event['provider']}, "
            f"{show_tbnd(event['claimed'])} in all, by the leaf of epoch {epoch}",
        )


@rewards.command("claim-many")
@click.argument("devices", metavar="DEVICE...", type=click.IntRange(1), nargs=-1, required=True)
@click.option("--epoch", type=click.IntRange(0), help="A final epoch.  [default: the latest]")
@store_option
@with_settings
def claim_many(settings: Settings, devices: tuple[int, ...], epoch: int | None, store: str) -> None:
    """Claim for up to 64 DEVICEs at once, under one proof. Anyone may."""
    from tensorbond.oracle.leaves import load_epoch
    from tensorbond.store import Store

    with settings.connect() as network:
        sender = settings.sender(network)
        epoch = _latest_final(network) if epoch is None else epoch
        root, _ = network.call("Attestations", "attestedOf", epoch)
        leaves, path = load_epoch(Store(store), network.chain_id, epoch, root).leaves_proof(devices)
        receipt = sender.send("Rewards", "claimMany", epoch, leaves, path)
        claimed = {
            each.args["device"]: each.args["amount"]
            for each in receipt.events
            if each.name == "RewardClaimed"
        }
        settings.answer_sent(
            receipt,
            {"epoch": epoch, "amounts": {str(device): str(amount) for device, amount in claimed.items()}},
            f"claimed {show_tbnd(sum(claimed.values()))} for {len(claimed)} devices, by epoch {epoch}",
        )


def _latest_final(network: Network) -> int:
    """The latest epoch that is final, not void."""
    from tensorbond.chain.errors import EpochUnsettled

    head = network.head()
    attested = {each.args["epoch"] for each in network.events("Attestations", "EpochAttested", until=head)}
    for epoch in sorted(attested, reverse=True):
        if network.call("Attestations", "statusOf", epoch, block=head) == EpochStatus.FINAL:
            return int(epoch)
    raise EpochUnsettled(f"no epoch is final in block {head.number}: there is nothing to claim from")
