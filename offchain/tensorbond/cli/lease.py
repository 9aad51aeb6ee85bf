"""`tensorbond lease`: rent a device by the second, or pay by vouchers, and take what is left back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tensorbond.chain.types import Lease, LeaseStatus, LeaseTerms, StopReason
from tensorbond.cli.allowances import allow
from tensorbond.cli.settings import Settings, with_settings
from tensorbond.cli.values import ADDRESS, AMOUNT, DEADLINE, Deadline, token_of

if TYPE_CHECKING:
    from tensorbond.chain import Network, Receipt

_lease = click.argument("lease", type=click.IntRange(1))
_seconds = click.IntRange(0)


@click.group()
def lease() -> None:
    """Rent a device by the second, or keep a tab for vouchers."""


@lease.command("open")
@click.option("--device", type=click.IntRange(0), default=0, help="Which device.  [default: none, a tab]")
@click.option("--provider", type=ADDRESS, help="Who is paid.  [default: the device's provider]")
@click.option("--token", default="TUSD", show_default=True, help="Symbol in the deployment, or address.")
@click.option("--rate", type=AMOUNT, default="0", show_default=True, help="Whole tokens a second.")
@click.option("--deposit", type=AMOUNT, required=True, help="In whole tokens, such as 12.50.")
@click.option("--cap", type=AMOUNT, help="The most that is ever deposited.  [default: the deposit]")
@click.option("--notice", type=_seconds, default=0, show_default=True, help="Seconds from notice to end.")
@click.option("--grace", type=_seconds, default=0, show_default=True, help="Seconds to wait for money.")
@click.option(
    "--voucher-blocks",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Blocks from a notice in which vouchers can be redeemed; 0: no vouchers.",
)
@click.option("--accept-by", type=DEADLINE, default="+50", show_default=True, help="Last block to accept in.")
@with_settings
def open_(
    settings: Settings,
    device: int,
    provider: str | None,
    token: str,
    rate: str,
    deposit: str,
    cap: str | None,
    notice: int,
    grace: int,
    voucher_blocks: int,
    accept_by: Deadline,
) -> None:
    """Offer a provider to rent its device, or open a tab. The deposit is approved first if it isn't yet."""
    with settings.connect() as network:
        sender, paid_in = settings.sender(network), token_of(network, token)
        if provider is None:
            if device == 0:
                raise click.UsageError("a tab needs --provider")
            provider = network.call("DeviceRegistry", "deviceOf", device).provider
        amount = paid_in.parse(deposit)
        terms = LeaseTerms(
            requester=sender.address,
            provider=provider,
            token=paid_in.address,
            rate=paid_in.parse(rate),
            cap=paid_in.parse(cap) if cap else amount,
            notice=notice,
            grace=grace,
            voucher_blocks=voucher_blocks,
            accept_by=accept_by.at(network.head().number) if device else 0,
        )
        allow(network, sender, paid_in.address, network.address("LeaseEscrow"), amount)
        receipt = sender.send("LeaseEscrow", "open", terms, device, amount)
        number = receipt.event("LeaseOpened")["lease"]
        settings.answer_sent(
            receipt,
            {"lease": number, "deposit": str(amount), "token": paid_in.address},
            f"lease {number} opened with {paid_in.show(amount)}",
        )


@lease.command()
@_lease
@with_settings
def accept(settings: Settings, lease: int) -> None:
    """Take the offer of LEASE: its device is held, and the clock runs."""
    _send(settings, lease, "accept", "LeaseStarted", "started: device {device} from {startedAt}")


@lease.command("top-up")
@_lease
@click.option("--amount", type=AMOUNT, required=True, help="In whole tokens.")
@with_settings
def top_up(settings: Settings, lease: int, amount: str) -> None:
    """Add money to LEASE; anyone may. A paused one goes on."""
    with settings.connect() as network:
        found, sender = _found(network, lease), settings.sender(network)
        token = token_of(network, found.terms.token)
        value = token.parse(amount)
        allow(network, sender, token.address, network.address("LeaseEscrow"), value)
        receipt = sender.send("LeaseEscrow", "topUp", lease, found, value)
        settings.answer_sent(
            receipt, {"lease": lease, "amount": str(value)}, f"lease {lease}: {token.show(value)} more"
        )


@lease.command()
@_lease
@with_settings
def settle(settings: Settings, lease: int) -> None:
    """Pay the provider of LEASE what is ripe, and let what has accrued ripen. Anyone may."""
    _send(
        settings, lease, "settle", "LeaseSettled", "settled: paid {paid}, fee {fee}; more from block {ripeAt}"
    )


@lease.command()
@_lease
@click.option("--amount", type=AMOUNT, required=True, help="Earned in all, in whole tokens.")
@with_settings
def voucher(settings: Settings, lease: int, amount: str) -> None:
    """Sign that so much of LEASE's money was earned in all; give it to the provider. Nothing is sent."""
    from tensorbond.chain import digests, load_account

    with settings.connect() as network:
        token = token_of(network, _found(network, lease).terms.token)
        value = token.parse(amount)
        domain = digests.Domain("LeaseEscrow", network.chain_id, network.address("LeaseEscrow"))
        signature = digests.voucher(domain, lease, value).sign(load_account(settings.keystore))
        data = {"lease": lease, "amount": str(value), "signature": "0x" + signature.hex()}
        settings.answer(data, f"0x{signature.hex()}")


@lease.command()
@_lease
@click.option("--amount", type=AMOUNT, required=True, help="As the voucher says, in whole tokens.")
@click.option("--signature", required=True, help="0x and hex digits.")
@with_settings
def redeem(settings: Settings, lease: int, amount: str, signature: str) -> None:
    """Pay the provider of LEASE what a voucher adds to the last one. Anyone may."""
    try:
        signed = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        raise click.UsageError("the signature is not in hexadecimal") from None
    with settings.connect() as network:
        found = _found(network, lease)
        token = token_of(network, found.terms.token)
        receipt = settings.sender(network).send(
            "LeaseEscrow", "redeem", lease, found, token.parse(amount), signed
        )
        told = [event.args for event in receipt.events if event.name == "VoucherRedeemed"]
        paid = told[0]["paid"] if told else 0
        settings.answer_sent(
            receipt, {"lease": lease, "paid": str(paid)}, f"lease {lease}: {token.show(paid)} paid"
        )


@lease.command()
@_lease
@with_settings
def notice(settings: Settings, lease: int) -> None:
    """Let LEASE end as its terms say. Either side may."""
    _send(settings, lease, "giveNotice", "LeaseNoticed", "ends at {endsAt}, from block {stopFrom} on")


@lease.command()
@_lease
@with_settings
def stop(settings: Settings, lease: int) -> None:
    """End LEASE, and refund what is not spent."""
    _send(settings, lease, "stop", "LeaseStopped", "stopped ({reason}): {refunded} refunded")


@lease.command()
@_lease
@with_settings
def halt(settings: Settings, lease: int) -> None:
    """End LEASE where its device's proven fault, or its end, began. Anyone may."""
    from tensorbond.chain import slots
    from tensorbond.chain.leases import resumed_origin
    from tensorbond.oracle.sealer import encode_header

    with settings.connect() as network:
        found, sender = _found(network, lease), settings.sender(network)
        faults = network.call("Challenges", "faultsOf", found.device)
        slot = network.call("DeviceRegistry", "deviceOf", found.device).until_slot
        if faults.faulted:
            slot = min(slot, faults.earliest_slot)
        start = slots.start_of(network.call("DeviceRegistry", "timingAt", slot), slot)
        if network.head().number < start:
            raise click.UsageError(f"no fault of device {found.device} is proven, and it has not ended")
        if not any(network.call("Challenges", "beaconOf", slot)):
            sender.send("Challenges", "seal", slot)
        header = encode_header(network.rpc.request("eth_getBlockByNumber", hex(start), False))
        resumed = resumed_origin(network, lease, network.block(start).timestamp)
        receipt = sender.send("LeaseEscrow", "halt", lease, found, header, resumed)
        _told(
            settings,
            network,
            lease,
            found,
            receipt,
            "LeaseHalted",
            "halted ({reason}): {refunded} refunded",
        )


@lease.command()
@_lease
@click.option("--funder", type=ADDRESS, help="Whose deposits.  [default: your own]")
@click.option(
    "--from",
    "place",
    type=AMOUNT,
    help="Only the deposit before which so much had been deposited, in whole tokens.  [default: every one]",
)
@with_settings
def refund(settings: Settings, lease: int, funder: str | None, place: str | None) -> None:
    """Give a funder back what a LEASE with several funders did not spend of its deposits. Anyone may."""
    from tensorbond.chain.leases import refundable_of

    with settings.connect() as network:
        found, sender = _found(network, lease), settings.sender(network)
        token, payee = token_of(network, found.terms.token), funder or sender.address
        if place is not None:
            receipt = sender.send("LeaseEscrow", "refund", lease, found, payee, token.parse(place))
        else:
            places = refundable_of(network, lease, found, payee)
            if not places:
                raise click.UsageError(f"lease {lease} has nothing to refund to {payee}")
            abi = network.abi("LeaseEscrow")
            batch = [abi.encode_call("refund", (lease, found, payee, each)) for each in places]
            receipt = sender.send("LeaseEscrow", "multicall", batch)
        told = [event.args for event in receipt.events if event.name == "LeaseRefunded"]
        amount = sum(each["amount"] for each in told)
        data = {
            "lease": lease,
            "funder": payee,
            "amount": str(amount),
            "deposits": [{"from": str(each["from"]), "amount": str(each["amount"])} for each in told],
        }
        settings.answer_sent(receipt, data, f"lease {lease}: {token.show(amount)} refunded to {payee}")


@lease.command()
@_lease
@with_settings
def show(settings: Settings, lease: int) -> None:
    """Show LEASE: what it may cost, how far its money goes, and what is held back."""
    with settings.connect() as network:
        head = network.head()
        found = _found(network, lease)
        state, extra = network.call("LeaseEscrow", "stateOf", lease, found, block=head)
        runway, active, left = network.call("LeaseEscrow", "runway", lease, found, block=head)
        terms, token = found.terms, token_of(network, found.terms.token)
        runs = state.status in (LeaseStatus.ACTIVE, LeaseStatus.ENDING)
        data: dict[str, Any] = {
            "lease": lease,
            "block": head.number,
            "status": LeaseStatus(state.status).name,
            "paused": runs and terms.rate > 0 and runway == 0,
            "reason": StopReason(state.reason).name if state.reason else None,
            "requester": terms.requester,
            "provider": terms.provider,
            "device": found.device or None,
            "token": terms.token,
            "rate": str(terms.rate),
            "cap": str(terms.cap),
            "runway": runway if terms.rate else None,
            "active_seconds": active,
            "accrued": str(active * terms.rate),
            "paid": str(state.paid_seconds * terms.rate),
            "redeemed": str(extra.redeemed),
            "unspent": str(left),
            "held_until": state.ripe_at or None,
            "ends_at": extra.ends_at or None,
        }
        shown = data | {
            name: token.show(int(data[name]))
            for name in ("rate", "cap", "accrued", "paid", "redeemed", "unspent")
        }
        lines = [
            f"{name.replace('_', ' '):<15} {value}" for name, value in shown.items() if value is not None
        ]
        settings.answer(data, "\n".join(lines))


def _found(network: Network, lease: int) -> Lease:
    from tensorbond.chain import lease_of

    return lease_of(network, lease)


def _send(settings: Settings, lease: int, verb: str, event: str, text: str) -> None:
    """A verb that asks for nothing but the lease."""
    with settings.connect() as network:
        found = _found(network, lease)
        receipt = settings.sender(network).send("LeaseEscrow", verb, lease, found)
        _told(settings, network, lease, found, receipt, event, text)


def _told(
    settings: Settings, network: Network, lease: int, found: Lease, receipt: Receipt, event: str, text: str
) -> None:
    args, token = receipt.event(event), token_of(network, found.terms.token)
    data = {name: value for name, value in args.items() if name != "lease"}
    shown = dict(data)
    for name in ("paid", "fee", "refunded", "amount"):
        if name in data:
            data[name], shown[name] = str(data[name]), token.show(data[name])
    if "reason" in data:
        data["reason"] = shown["reason"] = StopReason(data["reason"]).name
    settings.answer_sent(receipt, {"lease": lease, **data}, f"lease {lease} {text.format(**shown)}")
