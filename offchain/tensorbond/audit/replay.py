"""The books, rebuilt from events alone: every stake, bond, job, fee, reward and slash, to the wei.

Every event that moves an amount also states the total after; replay keeps its own totals and reports where
the two part. What the events say was paid must be what the tokens say was transferred, in each transaction.
Nothing here calls the chain, and no arithmetic is shared with any other package.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eth_utils.address import to_checksum_address

from tensorbond.audit import bonds, jobs, stakes
from tensorbond.audit.books import ZERO, Books, Entries, Transaction, where
from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event

_ENTRIES: Entries = {**stakes.ENTRIES, **bonds.ENTRIES, **jobs.ENTRIES}


def replay(books: Books, events: Iterable[Event], report: Report) -> None:
    """Enter every event, in chain order, into the books; a total that parts from the books is a finding."""
    for event in events:
        if event.transaction != books.transaction.hash:
            _close(books, report)
            books.transaction = Transaction(event.transaction)
        enter = _transfer if event.name == "Transfer" else _ENTRIES.get((event.contract, event.name))
        if enter is not None:
            try:
                enter(books, event, report)
            except (ArithmeticError, LookupError, ValueError) as error:
                subject = f"{event.contract}.{event.name} fits what was told before"
                report.expect("invariant 14", subject, repr(error), "an entry", where(event))
        report.events_replayed += 1
    _close(books, report)
    books.transaction = Transaction()


def _close(books: Books, report: Report) -> None:
    """One transaction is over: what was said to be paid was paid, and every slash has its reason."""
    told, moved = books.transaction.told, books.transaction.moved
    place = f"transaction {books.transaction.hash}"
    for flow in sorted(told.keys() | moved.keys()):
        token, payer, payee = flow
        subject = f"transfer of {token} from {payer} to {payee}"
        ours = payer in (
            books.escrow,
            *((books.staking, books.attestations, ZERO) if token == books.token else ()),
        )
        if ours:
            report.expect("invariant 14", subject, moved[flow], told[flow], place)
        else:
            report.expect_at_least("invariant 14", subject, moved[flow], told[flow], place)
    slashes, causes = books.transaction.slashes, books.transaction.causes
    for slash in sorted(slashes.keys() | causes.keys()):
        report.expect(
            "invariant 4", f"slash of {_told(slash)} has its reason", slashes[slash], causes[slash], place
        )

    claims, rewards = books.transaction.claims, books.transaction.rewards
    for provider in sorted(claims.keys() | rewards.keys()):
        subject = f"rewards distributed to {provider}"
        report.expect("invariant 6", subject, rewards[provider], claims[provider], place)


def _told(slash: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in slash)


def _transfer(books: Books, event: Event, report: Report) -> None:
    token = to_checksum_address(event.address)
    payer, payee, value = event.args["from"], event.args["to"], event.args["value"]
    books.transaction.moved[token, payer, payee] += value
    if token != books.token:
        return
    if payer == ZERO:
        books.supply += value
        if event.transaction == books.genesis_transaction:
            books.transaction.told[token, payer, payee] += value
        else:
            books.minted += value
    else:
        books.wallets[payer] -= value
        report.expect_at_least("token", f"balance of {payer}", books.wallets[payer], 0, where(event))
    if payee == ZERO:
        books.supply -= value
    else:
        books.wallets[payee] += value
