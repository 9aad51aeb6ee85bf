"""`tensorbond auction`: a funded job goes to the cheapest provider, whose prices nobody sees before all are
in."""

from __future__ import annotations

from pathlib import Path

import click

from tensorbond.cli.settings import Settings, with_settings
from tensorbond.cli.values import ADDRESS, AMOUNT, DEADLINE, Deadline, token_of

_job = click.argument("job", type=click.IntRange(0))
_bid = click.option(
    "--bid", type=click.Path(dir_okay=False, path_type=Path), help="Bid file.  [default: bid-JOB.json]"
)


@click.group()
def auction() -> None:
    """Let providers bid for a job under seal, and give it to the cheapest."""


@auction.command("open")
@_job
@click.option("--commit-by", type=DEADLINE, required=True, help="Last block to commit a bid in, or +blocks.")
@click.option("--reveal-by", type=DEADLINE, required=True, help="Last block to reveal a bid in, or +blocks.")
@with_settings
def open_auction(settings: Settings, job: int, commit_by: Deadline, reveal_by: Deadline) -> None:
    """Open the auction of JOB, which you funded with `--provider` as the auction contract."""
    from tensorbond.chain import job_state

    with settings.connect() as network:
        head = network.head().number
        deadlines = commit_by.at(head), reveal_by.at(head)
        state = job_state(network, job)
        receipt = settings.sender(network).send("SealedAuction", "open", job, state, *deadlines)
        settings.answer_sent(
            receipt,
            {"job": job, "commit_by": deadlines[0], "reveal_by": deadlines[1]},
            f"auction of job {job} open: commit by block {deadlines[0]}, reveal by {deadlines[1]}",
        )


@auction.command()
@_job
@click.option("--device", type=click.IntRange(1), required=True, help="The device that will do it.")
@click.option("--price", type=AMOUNT, required=True, help="In whole tokens, such as 9.75.")
@_bid
@with_settings
def commit(settings: Settings, job: int, device: int, price: str, bid: Path | None) -> None:
    """Bid for JOB under seal: keep what you offer in the bid file, and commit its hash."""
    from tensorbond.chain import job_state
    from tensorbond.chain.auctions import Bid

    with settings.connect() as network:
        sender = settings.sender(network)
        paid_in = token_of(network, job_state(network, job).terms.token)
        provider = network.call("DeviceRegistry", "deviceOf", device).provider
        auction = network.address("SealedAuction")
        offer = Bid.sealed(network.chain_id, auction, job, provider, device, paid_in.parse(price))
        path = bid or Path(f"bid-{job}.json")
        offer.save(path)
        receipt = sender.send("SealedAuction", "commit", job, provider, offer.hash)
        place = receipt.event("BidCommitted")["place"]
        settings.answer_sent(
            receipt,
            {"job": job, "provider": provider, "device": device, "place": place, "bid": path},
            f"bid for job {job} committed, number {place}; reveal it with {path}",
        )


@auction.command()
@_job
@_bid
@with_settings
def reveal(settings: Settings, job: int, bid: Path | None) -> None:
    """Reveal the bid for JOB that you committed."""
    from tensorbond.chain import job_state
    from tensorbond.chain.auctions import Bid
    from tensorbond.chain.errors import BidFileInvalid

    with settings.connect() as network:
        path = bid or Path(f"bid-{job}.json")
        offer = Bid.load(path)
        if offer.job != job:
            raise BidFileInvalid(f"{path} is a bid for job {offer.job}, not {job}")
        state = job_state(network, job)
        receipt = settings.sender(network).send(
            "SealedAuction", "reveal", job, state, offer.device, offer.price, offer.salt
        )
        event = receipt.event("BidRevealed")
        shown = token_of(network, state.terms.token).show(offer.price)
        settings.answer_sent(
            receipt,
            {"job": job, "price": str(offer.price), "cheapest": event["cheapest"]},
            f"bid {shown} for job {job}; " + ("it leads" if event["cheapest"] else "another one leads"),
        )


@auction.command()
@_job
@with_settings
def award(settings: Settings, job: int) -> None:
    """Give JOB to the cheapest bidder, once the time to reveal is over. Anyone may."""
    from tensorbond.chain import job_state

    with settings.connect() as network:
        state = job_state(network, job)
        receipt = settings.sender(network).send("SealedAuction", "award", job, state)
        event = receipt.event("AuctionAwarded")
        shown = token_of(network, state.terms.token).show(event["price"])
        settings.answer_sent(
            receipt,
            {"job": job, "provider": event["provider"], "price": str(event["price"])},
            f"job {job} goes to {event['provider']} for {shown}; accept by block {state.terms.accept_by}",
        )


@auction.command()
@_job
@click.option("--provider", type=ADDRESS, help="Also show this provider's bid.")
@with_settings
def show(settings: Settings, job: int, provider: str | None) -> None:
    """Show JOB's auction: its deadlines, and which bid leads."""
    from tensorbond.chain import job_state

    with settings.connect() as network:
        block = network.head()
        found = network.call("SealedAuction", "auctionOf", job, block=block)
        paid_in = token_of(network, job_state(network, job, block).terms.token)
        data = {
            "job": job,
            "block": block.number,
            "open": bool(found.reveal_by),
            "commit_by": found.commit_by,
            "reveal_by": found.reveal_by,
            "bids": found.bids,
            "provider": found.provider if found.price else None,
            "price": str(found.price) if found.price else None,
        }
        leads = f"{found.provider} for {paid_in.show(found.price)}" if found.price else "nobody"
        lines = [
            f"job            {job}, in block {block.number}",
            f"commit by      block {found.commit_by}",
            f"reveal by      block {found.reveal_by}",
            f"bids           {found.bids}",
            f"leads          {leads}",
        ]
        if provider is not None:
            bid = network.call("SealedAuction", "bidOf", job, provider, block=block)
            told = "none" if not bid.place else "sealed" if any(bid.seal) else "revealed"
            data |= {"bid": told, "place": bid.place}
            lines.append(f"bid            {told}")
        settings.answer(data, "\n".join(lines))
