"""`tensorbond provider`: stake, devices, operator, and the agent."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorbond.cli.allowances import permit
from tensorbond.cli.settings import Settings, store_option, with_settings
from tensorbond.cli.values import ADDRESS, DIGEST, TBND, show_tbnd

if TYPE_CHECKING:
    from tensorbond.chain import Network, Receipt, Sender

OPERATOR_KEY = "TENSORBOND_OPERATOR_KEY"


@click.group()
def provider() -> None:
    """Stake, register devices, and run the agent that proves them."""


@provider.command()
@click.argument("amount", type=TBND)
@with_settings
def stake(settings: Settings, amount: int) -> None:
    """Deposit AMOUNT of TBND behind your devices.

    One transaction: the allowance is signed along (ERC-2612), unless there is one already.
    """
    with settings.connect() as network:
        receipt = _deposit(network, settings.sender(network), "stake", amount)
        event = receipt.event("StakeDeposited")
        settings.answer_sent(
            receipt,
            {"amount": str(event["amount"]), "active": str(event["active"])},
            f"staked {show_tbnd(event['amount'])}; active {show_tbnd(event['active'])}",
        )


@provider.command()
@click.argument("provider_address", metavar="PROVIDER", type=ADDRESS)
@click.argument("amount", type=TBND)
@with_settings
def delegate(settings: Settings, provider_address: str, amount: int) -> None:
    """Deposit AMOUNT of TBND behind another PROVIDER's devices, to share in its rewards and slashes.

    One transaction, as for stake.
    """
    with settings.connect() as network:
        receipt = _deposit(network, settings.sender(network), "delegate", amount, provider_address)
        event = receipt.event("StakeDelegated")
        settings.answer_sent(
            receipt,
            {
                "provider": provider_address,
                "amount": str(event["amount"]),
                "shares": str(event["shares"]),
                "active": str(event["active"]),
            },
            f"delegated {show_tbnd(event['amount'])} to {provider_address}, whose active stake is now "
            f"{show_tbnd(event['active'])}",
        )


@provider.command()
@click.argument("amount", type=TBND)
@with_settings
def unbond(settings: Settings, amount: int) -> None:
    """Begin to take AMOUNT of TBND out; it stays slashable until it is withdrawn."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("ProviderStaking", "unbond", amount)
        _answer_unbonding(settings, receipt, receipt.event("UnbondingStarted"))


@provider.command()
@click.argument("provider_address", metavar="PROVIDER", type=ADDRESS)
@click.argument("amount", type=TBND, required=False)
@with_settings
def undelegate(settings: Settings, provider_address: str, amount: int | None) -> None:
    """Begin to take AMOUNT of TBND (default: all) out of what you delegated to PROVIDER."""
    with settings.connect() as network:
        sender = settings.sender(network)
        receipt = sender.send("ProviderStaking", "undelegate", provider_address, _or_all(amount))
        _answer_unbonding(settings, receipt, receipt.event("DelegationUnbonding"))


@provider.command()
@click.argument("amount", type=TBND, required=False)
@click.option("--provider", "provider_address", type=ADDRESS, help="Of what you delegated to this one.")
@with_settings
def rebond(settings: Settings, amount: int | None, provider_address: str | None) -> None:
    """Take AMOUNT of TBND (default: all) of what is unbonding back into the active stake, newest first."""
    with settings.connect() as network:
        sender = settings.sender(network)
        if provider_address is None:
            receipt = sender.send("ProviderStaking", "rebond", _or_all(amount))
        else:
            receipt = sender.send("ProviderStaking", "rebondDelegated", provider_address, _or_all(amount))
        event = receipt.event("StakeRebonded")
        settings.answer_sent(
            receipt,
            {
                "amount": str(event["amount"]),
                "active": str(event["active"]),
                "unbonding": str(event["unbonding"]),
            },
            f"took {show_tbnd(event['amount'])} back; active {show_tbnd(event['active'])}",
        )


@provider.command()
@click.option("--provider", "provider_address", type=ADDRESS, help="Of what you delegated to this one.")
@with_settings
def withdraw(settings: Settings, provider_address: str | None) -> None:
    """Take out what has matured."""
    with settings.connect() as network:
        sender = settings.sender(network)
        if provider_address is None:
            receipt = sender.send("ProviderStaking", "withdraw")
        else:
            receipt = sender.send("ProviderStaking", "withdrawDelegated", provider_address)
        names = ("StakeWithdrawn", "DelegationWithdrawn")
        amount = sum(each.args["amount"] for each in receipt.events if each.name in names)
        settings.answer_sent(receipt, {"amount": str(amount)}, f"withdrew {show_tbnd(amount)}")


@provider.command("set-commission")
@click.argument("bps", type=click.IntRange(0, 3_000))
@with_settings
def set_commission(settings: Settings, bps: int) -> None:
    """Take BPS (of 10,000) of your delegators' rewards: a fall at once, a rise after the unbonding time."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("ProviderStaking", "setCommission", bps)
        event = receipt.event("CommissionSet")
        settings.answer_sent(
            receipt,
            {"bps": event["bps"], "from_block": event["fromBlock"]},
            f"commission {event['bps']} bps from block {event['fromBlock']} on",
        )


@provider.command()
@click.argument("address", type=ADDRESS, required=False)
@with_settings
def release(settings: Settings, address: str | None) -> None:
    """Let what has vested of a provider's rewards join its active stake (default: your own). Anyone may."""
    with settings.connect() as network:
        sender = settings.sender(network)
        receipt = sender.send("ProviderStaking", "release", address or sender.address)
        released = [each.args for each in receipt.events if each.name == "RewardReleased"]
        amount, commission = (sum(args[name] for args in released) for name in ("amount", "commission"))
        settings.answer_sent(
            receipt,
            {"amount": str(amount), "commission": str(commission)},
            f"released {show_tbnd(amount)}, of which commission {show_tbnd(commission)}",
        )


@provider.command()
@click.option(
    "--class", "class_id", type=click.IntRange(0, 255), default=0, show_default=True, help="Device class."
)
@click.option(
    "--gops", type=click.IntRange(1), required=True, help="Rate that the bond vouches for, of each."
)
@click.option(
    "--count", type=click.IntRange(1, 64), default=1, show_default=True, help="Devices to register."
)
@with_settings
def register(settings: Settings, class_id: int, gops: int, count: int) -> None:
    """Register equal devices; each locks its class's bond."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("DeviceRegistry", "register", class_id, gops, count)
        rows = [each.args for each in receipt.events if each.name == "DeviceRegistered"]
        devices = [row["device"] for row in rows]
        settings.answer_sent(
            receipt,
            {"devices": devices, "bond": str(rows[0]["bond"]), "from_epoch": rows[0]["fromEpoch"]},
            f"registered {_listed(devices)}, bond {show_tbnd(rows[0]['bond'])} each, drawn from epoch "
            f"{rows[0]['fromEpoch']} on",
        )


@provider.command()
@click.argument("device", type=click.IntRange(1))
@with_settings
def retire(settings: Settings, device: int) -> None:
    """End DEVICE after the next epoch."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("DeviceRegistry", "retire", device)
        until = receipt.event("DeviceRetired")["untilSlot"]
        settings.answer_sent(
            receipt, {"device": device, "until_slot": until}, f"device {device} ends before slot {until}"
        )


@provider.command()
@click.argument("device", type=click.IntRange(1))
@with_settings
def discharge(settings: Settings, device: int) -> None:
    """Unlock what is left of the bond of DEVICE, which has ended, once no proof can touch it. Anyone may."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("WorkDisputes", "discharge", device)
        event = receipt.event("DeviceDischarged")
        amount, owner = event["amount"], event["provider"]
        settings.answer_sent(
            receipt,
            {"device": device, "provider": owner, "amount": str(amount)},
            f"device {device} is discharged: {show_tbnd(amount)} of {owner} unlocked",
        )


@provider.command("open-session")
@click.argument("first", type=click.IntRange(1))
@click.option(
    "--count", type=click.IntRange(1, 64), default=1, show_default=True, help="Devices from FIRST on."
)
@with_settings
def open_session(settings: Settings, first: int, count: int) -> None:
    """With the operator's key: make commitments for devices from FIRST on cheaper by a fifth.

    Takes the place of the key's session before; `set-operator` ends it.
    """
    with settings.connect() as network:
        receipt = settings.sender(network).send("Challenges", "openSession", first, count)
        event = receipt.event("SessionOpened")
        told = {"key": event["key"], "first": first, "count": count, "from_epoch": event["fromEpoch"]}
        last = first + count - 1
        settings.answer_sent(receipt, told, f"session of {event['key']} for devices {first} to {last}")


@provider.command("set-operator")
@click.argument("operator", type=ADDRESS, required=False)
@click.option("--signature", help="The operator's consent, from `provider consent` on its machine.")
@click.option("--revoke", is_flag=True, help="Have no operator but yourself, at once.")
@with_settings
def set_operator(settings: Settings, operator: str | None, signature: str | None, revoke: bool) -> None:
    """Name the hot key that may commit, accept and submit for you, but never withdraw.

    With neither --signature nor --revoke the consent is signed with the key in TENSORBOND_OPERATOR_KEY.
    """
    from tensorbond.chain import load_account

    with settings.connect() as network:
        sender = settings.sender(network)
        if revoke:
            operator, consent = "0x" + "00" * 20, b""
        elif signature is not None:
            if operator is None:
                raise click.UsageError("--signature needs the operator's address")
            consent = _signature(signature)
        else:
            account = load_account(env=OPERATOR_KEY)
            if operator not in (None, account.address):
                raise click.UsageError(f"{OPERATOR_KEY} is the key of {account.address}, not of {operator}")
            operator, consent = account.address, _consent(network, account, sender.address)
        receipt = sender.send("ProviderStaking", "setOperator", operator, consent)
        settings.answer_sent(receipt, {"operator": operator}, f"operator is now {operator}")


@provider.command()
@click.argument("provider_address", metavar="PROVIDER", type=ADDRESS)
@with_settings
def consent(settings: Settings, provider_address: str) -> None:
    """Sign, with the operator's own key, that you will be PROVIDER's operator."""
    from tensorbond.chain import load_account

    with settings.connect() as network:
        account = load_account(settings.keystore)
        signature = "0x" + _consent(network, account, provider_address).hex()
        settings.answer({"operator": account.address, "signature": signature}, signature)


@provider.command()
@click.argument("address", type=ADDRESS, required=False)
@with_settings
def show(settings: Settings, address: str | None) -> None:
    """Show a provider's stake and devices (default: your own)."""
    from tensorbond.chain import load_account

    with settings.connect() as network:
        address = address or load_account(settings.keystore).address
        head = network.head()
        stake, free, withdrawable, operator, vested, commission = network.calls(
            [
                ("ProviderStaking", "stakeOf", address),
                ("ProviderStaking", "freeOf", address),
                ("ProviderStaking", "withdrawableOf", address),
                ("ProviderStaking", "operatorOf", address),
                ("ProviderStaking", "vestedOf", address),
                ("ProviderStaking", "commissionOf", address),
            ],
            block=head,
        )
        delegated = stake.delegated_shares * stake.active // stake.shares if stake.delegated else 0
        registered = network.events("DeviceRegistry", "DeviceRegistered", until=head, provider=address)
        devices = [_device(network, each.args["device"], head) for each in registered]
        data = {
            "provider": address,
            "block": head.number,
            "operator": operator,
            "active": str(stake.active),
            "delegated": str(delegated),
            "locked": str(stake.locked),
            "free": str(free),
            "unbonding": str(stake.unbonding),
            "withdrawable": str(withdrawable),
            "vesting": str(stake.vesting + stake.vested - vested),
            "vested": str(vested),
            "commission_bps": commission,
            "short_since": stake.short_since or None,
            "devices": devices,
        }
        names = ("active", "delegated", "locked", "free", "unbonding", "withdrawable", "vesting", "vested")
        amounts = [(name, int(data[name])) for name in names]
        lines = [f"provider      {address}", f"operator      {operator}"]
        lines += [f"{name:<13} {show_tbnd(amount)}" for name, amount in amounts]
        lines.append(f"commission    {commission} bps")
        if stake.short_since:
            lines.append(f"short         since block {stake.short_since}: its devices can be suspended")
        lines += [
            f"device {d['device']:<6} class {d['class']}, {d['bonded_gops']} gops bonded, "
            f"bond {show_tbnd(int(d['bond']))}, {d['state']}"
            for d in devices
        ]
        settings.answer(data, "\n".join(lines))


@provider.command()
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), required=True, help="Its own folder."
)
@click.option("--provider", "owner", type=ADDRESS, help="Whose devices to serve.  [default: the key's own]")
@click.option("--device", "devices", type=click.IntRange(1), multiple=True, help="Only this one; repeatable.")
@click.option(
    "--poll", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Seconds between cycles."
)
@click.option(
    "--depth",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Blocks above a beacon before anything that rests on it is committed or signed.",
)
@click.option("--take-jobs", is_flag=True, help="Also accept jobs; needs --result or --result-command.")
@click.option(
    "--min-price", type=click.IntRange(0), default=1, show_default=True, help="In the smallest unit."
)
@click.option(
    "--max-collateral", type=TBND, help="Most TBND to lock for a job.  [default: its device's bond]"
)
@click.option(
    "--max-review",
    type=click.IntRange(0),
    metavar="BLOCKS",
    help="Longest review of a result.  [default: as long as an outcome takes to be final]",
)
@click.option(
    "--max-refund",
    type=click.IntRange(0),
    metavar="BLOCKS",
    help="Longest wait after submitBy where nothing is attested.  [default: four times that]",
)
@click.option(
    "--arbiter",
    "arbiters",
    type=ADDRESS,
    multiple=True,
    help="Take jobs whose disputes this one decides, too; repeatable.  [default: only the escrow's own]",
)
@click.option("--result", type=DIGEST, help="Every job's result: its digest, or the file.")
@click.option("--result-command", help="Run with the job's number and spec; prints the result's digest.")
@click.option(
    "--prover",
    default="cpu",
    show_default=True,
    help="cpu, cuda:NUMBER, or auto (a GPU if any).",
)
@click.option("--once", is_flag=True, help="One cycle, then stop.")
@store_option
@with_settings
def run(
    settings: Settings,
    state: Path,
    owner: str | None,
    devices: tuple[int, ...],
    poll: float,
    depth: int,
    take_jobs: bool,
    min_price: int,
    max_collateral: int | None,
    max_review: int | None,
    max_refund: int | None,
    arbiters: tuple[str, ...],
    result: bytes | None,
    result_command: str | None,
    prover: str,
    once: bool,
    store: str,
) -> None:
    """Watch draws, prove, commit, publish evidence, serve jobs; until Ctrl-C. The key is the operator's."""
    from tensorbond.chain import load_account
    from tensorbond.proof import choose_prover
    from tensorbond.provider.agent import run as run_agent
    from tensorbond.provider.config import AgentConfig, JobPolicy

    if take_jobs == (result is None and result_command is None):
        raise click.UsageError("--take-jobs and one of --result and --result-command go together")
    command = tuple(shlex.split(result_command or ""))
    policy = JobPolicy(min_price, max_collateral, max_review, max_refund, result, command, arbiters)
    run_agent(
        AgentConfig(
            rpc_urls=settings.rpc,
            deployment=settings.network,
            account=load_account(settings.keystore),
            store_url=store,
            state_dir=state,
            provider=owner,
            devices=frozenset(devices) or None,
            poll_seconds=poll,
            confirmations=depth,
            prover_factory=lambda: choose_prover(prover),
            jobs=policy if take_jobs else None,
            once=once,
            rpc_timeout=settings.timeout,
        )
    )


def _device(network: Network, device: int, head: Any) -> dict[str, Any]:
    asked = [("DeviceRegistry", verb, device) for verb in ("deviceOf", "bondOf", "isHeld")]
    found, bond, held = network.calls(asked, block=head)
    open_ended = found.until_slot == 2**32 - 1
    state = "open" if open_ended else f"ends before slot {found.until_slot}"
    return {
        "device": device,
        "class": found.class_id,
        "bonded_gops": found.bonded_gops,
        "bond": str(bond),
        "from_epoch": found.from_epoch,
        "until_slot": None if open_ended else found.until_slot,
        "held": held,
        "state": f"{state}, held by a job" if held else state,
    }


def _deposit(network: Network, sender: Sender, verb: str, amount: int, *before: str) -> Receipt:
    """By allowance where there is one, else by permit."""
    signed = permit(network, sender, "TensorbondToken", network.address("ProviderStaking"), amount)
    if signed is None:
        return sender.send("ProviderStaking", verb, *before, amount)
    return sender.send("ProviderStaking", f"{verb}WithPermit", *before, amount, *signed)


def _or_all(amount: int | None) -> int:
    return 2**256 - 1 if amount is None else amount


def _answer_unbonding(settings: Settings, receipt: Receipt, event: dict[str, Any]) -> None:
    settings.answer_sent(
        receipt,
        {
            "amount": str(event["amount"]),
            "request": event["request"],
            "matures_at": event["maturesAt"],
            "active": str(event["active"]),
            "unbonding": str(event["unbonding"]),
        },
        f"unbonding {show_tbnd(event['amount'])}, withdrawable from block {event['maturesAt']} on",
    )


def _consent(network: Network, account: Any, provider_address: str) -> bytes:
    from tensorbond.chain import digests

    nonce = network.call("ProviderStaking", "nonces", provider_address)
    domain = network.domain("ProviderStaking")
    return digests.operator(domain, provider_address, account.address, nonce).sign(account)


def _signature(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise click.UsageError("--signature is not hexadecimal") from None


def _listed(devices: list[int]) -> str:
    return f"device {devices[0]}" if len(devices) == 1 else f"devices {devices[0]} to {devices[-1]}"
