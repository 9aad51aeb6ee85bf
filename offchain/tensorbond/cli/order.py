"""`tensorbond order`: asks and bids are signed into files; whoever has one of each matches them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tensorbond.chain.errors import EpochUnsettled, OrderInvalid
from tensorbond.chain.types import EpochStatus, JobAsk, JobBid, JobOffer, LeaseAsk, LeaseBid, LeaseOffer
from tensorbond.cli.allowances import allow, permit
from tensorbond.cli.settings import Settings, store_option, with_settings
from tensorbond.cli.values import ADDRESS, AMOUNT, DEADLINE, DIGEST, TBND, Token, token_of

if TYPE_CHECKING:
    from tensorbond.chain import Network, Sender
    from tensorbond.chain.orders import AnyBid, AnyOrder, SignedOrder
    from tensorbond.chain.types import LeafProof, Order

ZERO_ADDRESS = "0x" + "00" * 20
_FOREVER = 2**32 - 1

_Function = TypeVar("_Function", bound=Callable[..., Any])


@click.group()
def order() -> None:
    """Sign offers of devices and of work, and match them in one transaction."""


def _options(*options: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    return lambda function: reduce(lambda command, option: option(command), reversed(options), function)


_for_lease = click.option("--lease", is_flag=True, help="A lease, not a job: the price is per second.")
_common = _options(
    click.option("--price", type=AMOUNT, required=True, help="In whole tokens: for a job, or per second."),
    click.option("--token", default="TUSD", show_default=True, help="Symbol in the deployment, or address."),
    click.option(
        "--class", "class_id", type=click.IntRange(0, 255), default=0, show_default=True, help="Device class."
    ),
    click.option(
        "--count", type=click.IntRange(1, 2**16 - 1), default=1, show_default=True, help="Devices in all."
    ),
    click.option("--expiry", type=DEADLINE, default="+1000", show_default=True, help="Last block to match."),
    click.option("--with", "counterparty", type=ADDRESS, help="Trade with this account only."),
    click.option(
        "--nonce",
        type=click.IntRange(0, 2**64 - 1),
        help="[default: the lowest that is neither spent nor in a file beside OUT]",
    ),
    click.option(
        "--account", type=ADDRESS, help="Whose order, if another key signs it.  [default: the key's]"
    ),
    click.option("--unsigned", is_flag=True, help="Leave the signature to `order sign`, or to a wallet."),
    click.option(
        "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The order's file."
    ),
)
_terms = _options(
    click.option("--arbiter", type=ADDRESS, help="Who decides a job's dispute.  [default: the escrow's own]"),
    click.option(
        "--notice",
        type=click.IntRange(0, _FOREVER),
        default=0,
        show_default=True,
        help="Of a lease, seconds.",
    ),
    click.option(
        "--grace",
        type=click.IntRange(0, _FOREVER),
        default=600,
        show_default=True,
        help="Of a lease, seconds.",
    ),
    click.option(
        "--voucher-blocks", type=click.IntRange(0, _FOREVER), default=0, show_default=True, help="Of a lease."
    ),
    click.option("--deposit", type=AMOUNT, help="Of a lease, in whole tokens.  [default: --cap]"),
)
_files = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@order.command()
@_for_lease
@_common
@_terms
@click.option("--device", type=click.IntRange(1), default=None, help="[default: any of yours of the class]")
@click.option("--collateral", type=TBND, default="0", show_default=True, help="The most that a job locks.")
@click.option(
    "--submit-within",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="The least blocks for a job.",
)
@click.option(
    "--hold",
    type=click.IntRange(1),
    default=_FOREVER,
    help="The most blocks till a job's refund.  [default: any]",
)
@click.option("--spec", type=DIGEST, help="Only this job.  [default: any]")
@with_settings
def ask(settings: Settings, lease: bool, **given: Any) -> None:
    """Offer a device of yours for jobs, or with --lease for leases, and sign that into a file."""

    def build(network: Network, common: Order, token: Token) -> AnyOrder:
        device = given["device"] or 0
        if lease:
            deposit = token.parse(given["deposit"] or "0")
            waits = given["notice"], given["grace"], given["voucher_blocks"]
            return LeaseAsk(common, device, deposit, *waits)
        blocks = given["submit_within"], given["hold"]
        arbiter = given["arbiter"] or ZERO_ADDRESS
        return JobAsk(common, device, given["collateral"], *blocks, arbiter, given["spec"] or bytes(32))

    _make(settings, given, build)


@order.command()
@_for_lease
@_common
@_terms
@click.option("--whole", is_flag=True, help="All --count devices in one transaction, or none: a cluster.")
@click.option("--min-gops", type=click.IntRange(1), default=1, show_default=True, help="Least bonded rate.")
@click.option(
    "--min-weight", type=click.IntRange(0), default=0, show_default=True, help="Least attested weight."
)
@click.option(
    "--since-epoch", type=click.IntRange(0), default=0, show_default=True, help="Attested then, or later."
)
@click.option("--spec", type=DIGEST, help="The job's description: its digest, or the file.")
@click.option("--collateral", type=TBND, default="0", show_default=True, help="TBND that a job locks.")
@click.option(
    "--submit-within", type=click.IntRange(1), default=100, show_default=True, help="Blocks for a job."
)
@click.option(
    "--review", type=click.IntRange(0), default=20, show_default=True, help="Blocks to approve a job in."
)
@click.option(
    "--refund-after", type=click.IntRange(1), help="Blocks from then to a refund.  [default: the fewest]"
)
@click.option(
    "--parts", type=click.IntRange(0, 2**16 - 1), default=1, show_default=True, help="Of a job's price."
)
@click.option("--callback", type=ADDRESS, help="The contract that is told of the settled job.")
@click.option("--for", "requester", type=ADDRESS, help="Whose jobs they are, if you only pay.")
@click.option("--cap", type=AMOUNT, help="The most that a lease ever takes, in whole tokens.")
@with_settings
def bid(settings: Settings, lease: bool, **given: Any) -> None:
    """Offer work, or with --lease to lease, and sign that into a file. The signature is what pays."""
    if lease and given["cap"] is None:
        raise click.UsageError("--lease needs --cap")
    if not lease and given["spec"] is None:
        raise click.UsageError("a job needs --spec")

    def build(network: Network, common: Order, token: Token) -> AnyOrder:
        fit = given["whole"], given["min_gops"], given["min_weight"], given["since_epoch"]
        if lease:
            cap = token.parse(given["cap"])
            deposit = token.parse(given["deposit"]) if given["deposit"] else cap
            times = given["notice"], given["grace"], given["voucher_blocks"]
            return LeaseBid(common, *fit, deposit, cap, *times)
        return JobBid(
            common,
            given["requester"] or ZERO_ADDRESS,
            *fit,
            given["collateral"],
            given["submit_within"],
            given["review"],
            given["refund_after"] or max(network.call("DeviceRegistry", "decisionBlocks"), given["review"]),
            given["parts"],
            given["callback"] or ZERO_ADDRESS,
            given["arbiter"] or ZERO_ADDRESS,
            given["spec"],
        )

    _make(settings, given, build)


@order.command()
@_files
@with_settings
def sign(settings: Settings, files: Sequence[Path]) -> None:
    """Sign order FILES with your key: as the account, or of an ask as its operator."""
    from tensorbond.chain import load_account

    account = load_account(settings.keystore)
    signed = {path: _load(path).sign(account) for path in files}
    for path, each in signed.items():
        path.write_text(each.encode(), encoding="utf-8")
    lines = [f"{path}: {each.kind} signed by {account.address}" for path, each in signed.items()]
    settings.answer({"signed": [_told(each) for each in signed.values()]}, "\n".join(lines))


@order.command()
@_files
@with_settings
def show(settings: Settings, files: Sequence[Path]) -> None:
    """Show order FILES: what they say, who signed, and what is left of them on chain. Exit code 1: one can't
    be filled any more, or nobody signed it who may."""
    with settings.connect() as network:
        rows = [_state(network, _load(path)) for path in files]
    lines = [
        f"{path}: {row['kind']} of {row['account']}, {row['left']} of {row['count']} left, {row['state']}"
        for path, row in zip(files, rows, strict=True)
    ]
    settings.answer({"orders": rows}, "\n".join(lines))
    if any(row["state"] != "open" for row in rows):
        click.get_current_context().exit(1)


@order.command()
@click.argument("bid", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("asks", nargs=-1, required=True, metavar="ASK[@DEVICE,...]...")
@store_option
@with_settings
def match(settings: Settings, bid: Path, asks: Sequence[str], store: str) -> None:
    """Match the order file BID with those of one or several ASKS. Anyone may.

    After an ASK stand the devices that it gives, if it doesn't name one: asks/a.json@3,4. If the bid is your
    own, what it pays is permitted (ERC-2612) in the same transaction, or approved before it.
    """
    with settings.connect() as network:
        sender = settings.sender(network)
        wanted = _checked(network, _load(bid))
        order = wanted.order
        if not isinstance(order, JobBid | LeaseBid):
            raise OrderInvalid(f"{bid} is a {wanted.kind}, not a bid")
        offers = [_offer(network, text, wanted) for text in asks]
        devices = [device for each in offers for device in each.devices]
        leaves = [_leaf(network, store, order, device) for device in devices if order.min_weight]
        verb, event, number = (
            ("matchJobs", "JobMatched", "job")
            if isinstance(order, JobBid)
            else ("matchLeases", "LeaseMatched", "lease")
        )
        args = order, wanted.signature, offers, leaves
        signed = _pay(network, sender, order, offers)
        if signed is None:
            receipt = sender.send("OrderBook", verb, *args)
        else:
            abi = network.abi("OrderBook")
            batch = [abi.encode_call("permit", signed), abi.encode_call(verb, args)]
            receipt = sender.send("OrderBook", "multicall", batch)
        made = [each.args[number] for each in receipt.events if each.name == event]
        paid = sum(each.ask.order.price * len(each.devices) for each in offers)
        token = token_of(network, order.order.token)
        price = token.show(paid) + ("" if number == "job" else " a second")
        settings.answer_sent(
            receipt,
            {f"{number}s": made, "devices": devices, "price": str(paid)},
            f"matched: {number} {', '.join(map(str, made))} on device {', '.join(map(str, devices))} "
            f"for {price}",
        )


@order.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--nonce", "nonces", multiple=True, type=click.IntRange(0, 2**64 - 1), help="By number; repeatable."
)
@click.option("--all", "everything", is_flag=True, help="Every order that the account has ever signed.")
@click.option("--account", type=ADDRESS, help="Whose, if you are its operator.  [default: the key's]")
@with_settings
def cancel(
    settings: Settings, files: Sequence[Path], nonces: tuple[int, ...], everything: bool, account: str | None
) -> None:
    """Cancel the orders in FILES, those of some nonces, or all."""
    loaded = [_load(path) for path in files]
    owners = {each.order.order.account for each in loaded} | ({account} if account else set())
    if len(owners) > 1:
        raise click.UsageError("these are orders of several accounts")
    if everything == bool(files or nonces):
        raise click.UsageError("name files or nonces, or say --all")
    with settings.connect() as network:
        sender = settings.sender(network)
        account = owners.pop() if owners else sender.address
        if everything:
            receipt = sender.send("OrderBook", "cancelAll", account)
            series = receipt.event("SeriesStarted")["series"]
            settings.answer_sent(
                receipt,
                {"account": account, "series": series},
                f"every order of {account} is cancelled; its next are of series {series}",
            )
            return
        spent = sorted({*nonces, *(each.order.order.nonce for each in loaded)})
        words: dict[int, int] = {}
        for nonce in spent:
            words[nonce >> 8] = words.get(nonce >> 8, 0) | 1 << (nonce & 255)
        abi = network.abi("OrderBook")
        batch = [abi.encode_call("cancel", (account, word, mask)) for word, mask in words.items()]
        receipt = sender.send("OrderBook", "multicall", batch)
        told = ", ".join(map(str, spent))
        settings.answer_sent(receipt, {"account": account, "nonces": spent}, f"cancelled: nonce {told}")


# Making


def _make(
    settings: Settings, given: dict[str, Any], build: Callable[[Network, Order, Token], AnyOrder]
) -> None:
    from tensorbond.chain import load_account
    from tensorbond.chain.orders import SignedOrder
    from tensorbond.chain.types import Order

    unsigned, account, out = given["unsigned"], given["account"], given["out"]
    if unsigned and account is None:
        raise click.UsageError("--unsigned needs --account")
    with settings.connect() as network:
        key = None if unsigned else load_account(settings.keystore)
        account = account or key.address  # type: ignore[union-attr]
        token = token_of(network, given["token"])
        series = network.call("OrderBook", "seriesOf", account)
        nonce = given["nonce"] if given["nonce"] is not None else _free_nonce(network, account, series, out)
        common = Order(
            account=account,
            counterparty=given["counterparty"] or ZERO_ADDRESS,
            token=token.address,
            price=token.parse(given["price"]),
            class_id=given["class_id"],
            count=given["count"],
            expiry=given["expiry"].at(network.head().number),
            series=series,
            nonce=nonce,
        )
        made = SignedOrder(build(network, common, token), network.domain("OrderBook"))
        made = made if key is None else made.sign(key)
        SignedOrder.decode(made.encode())
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(made.encode(), encoding="utf-8")
        state = "unsigned" if key is None else f"signed by {key.address}"
        settings.answer(
            _told(made) | {"file": out},
            f"{out}: {made.kind} {state}, nonce {nonce}, until block {common.expiry}, 0x{made.digest.hex()}",
        )


def _free_nonce(network: Network, account: str, series: int, out: Path) -> int:
    """The lowest that is neither spent nor in an order file of the same folder."""
    taken = set()
    for path in out.resolve().parent.glob("*.json"):
        if path == out.resolve():
            continue
        try:
            other = _load(path).order.order
        except OrderInvalid:
            continue
        if (other.account, other.series) == (account, series):
            taken.add(other.nonce)
    word = 0
    while True:
        spent = network.call("OrderBook", "spentOf", account, word)
        for bit in range(256):
            if not spent >> bit & 1 and word * 256 + bit not in taken:
                return word * 256 + bit
        word += 1


# Reading


def _load(path: Path) -> SignedOrder:
    from tensorbond.chain.orders import SignedOrder

    try:
        return SignedOrder.decode(path.read_bytes())
    except OrderInvalid as error:
        raise OrderInvalid(f"{path}: {error}") from error


def _checked(network: Network, order: SignedOrder) -> SignedOrder:
    """Raises `OrderInvalid` for an order of another order book."""
    if order.domain != network.domain("OrderBook"):
        raise OrderInvalid(f"the order is for {order.domain}, not for {network.domain('OrderBook')}")
    return order


def _told(signed: SignedOrder) -> dict[str, Any]:
    order = signed.order.order
    return {
        "kind": signed.kind,
        "digest": signed.digest,
        "account": order.account,
        "series": order.series,
        "nonce": order.nonce,
        "count": order.count,
        "expiry": order.expiry,
    }


def _state(network: Network, signed: SignedOrder) -> dict[str, Any]:
    order = _checked(network, signed).order.order
    series, spent, filled = network.calls(
        [
            ("OrderBook", "seriesOf", order.account),
            ("OrderBook", "spentOf", order.account, order.nonce >> 8),
            ("OrderBook", "filledOf", signed.digest),
        ]
    )
    over = order.series != series or bool(spent >> (order.nonce & 255) & 1)
    state = "open"
    if not _is_signed(network, signed):
        state = "unsigned"
    elif over:
        state = "spent"
    elif order.expiry <= network.head().number:
        state = "expired"
    return _told(signed) | {"left": 0 if over else order.count - filled, "state": state}


def _is_signed(network: Network, signed: SignedOrder) -> bool:
    """As the order book sees it; a wallet's code (ERC-1271) is left to the order book."""
    from tensorbond.chain.errors import SignatureInvalid
    from tensorbond.chain.orders import signable

    account = signed.order.order.account
    may = {account}
    if signed.kind.endswith("Ask"):
        may.add(network.call("ProviderStaking", "operatorOf", account))
    try:
        return signable(signed.domain, signed.order).signer(signed.signature) in may
    except SignatureInvalid:
        return False


# Matching


def _offer(network: Network, text: str, bid: SignedOrder) -> Any:
    name, _, numbers = text.partition("@")
    path = Path(name)
    if not path.is_file():
        raise click.UsageError(f"{name} is no file")
    signed = _checked(network, _load(path))
    ask = signed.order
    if signed.kind != bid.kind.replace("Bid", "Ask") or not isinstance(ask, JobAsk | LeaseAsk):
        raise OrderInvalid(f"{path} is a {signed.kind}, which a {bid.kind} doesn't match")
    if numbers and not all(number.isdecimal() for number in numbers.split(",")):
        raise click.UsageError(f"{numbers!r} are no devices: 3,4")
    devices = tuple(map(int, numbers.split(","))) if numbers else (ask.device,)
    if devices == (0,):
        raise click.UsageError(f"{path} names no device: say which, as {name}@3")
    if isinstance(ask, JobAsk):
        return JobOffer(ask, signed.signature, devices)
    return LeaseOffer(ask, signed.signature, devices)


def _leaf(network: Network, store: str, bid: AnyBid, device: int) -> LeafProof:
    """The device's under the newest attestation that is final."""
    from tensorbond.oracle.leaves import load_epoch
    from tensorbond.store import Store

    for epoch in range(network.call("Attestations", "settledThrough") - 1, bid.since_epoch - 1, -1):
        if network.call("Attestations", "statusOf", epoch) == EpochStatus.FINAL:
            root, _ = network.call("Attestations", "attestedOf", epoch)
            return load_epoch(Store(store), network.chain_id, epoch, root).leaf_proof(device)
    raise EpochUnsettled(f"no epoch since {bid.since_epoch} is final, as the bid wants")


def _pay(network: Network, sender: Sender, bid: AnyBid, offers: Sequence[Any]) -> tuple[Any, ...] | None:
    """Where the sender's own bid pays and the escrow's allowance falls short: a permit to go before the
    match. A token that takes none is approved at once."""
    token, owner = bid.order.token, bid.order.account
    if isinstance(bid, LeaseBid):
        escrow, need = network.address("LeaseEscrow"), sum(bid.deposit * len(each.devices) for each in offers)
    else:
        escrow = network.address("JobEscrow")
        need = sum(each.ask.order.price * len(each.devices) for each in offers)
    if owner != sender.address:
        return None
    signed = permit(network, sender, token, escrow, need)
    if signed is None:
        allow(network, sender, token, escrow, need)
        return None
    return token, owner, escrow, need, *signed
