"""Synthetic logs, each in a transaction of its own, and the books and the history that they give."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from tensorbond.audit import Books, Finding, Report
from tensorbond.audit.history import History
from tensorbond.audit.replay import replay
from tensorbond.chain.abi import Event

TOKEN, STAKING, ESCROW, ATTESTATIONS, DOLLAR = (f"0x{each:040x}" for each in range(1, 6))
A, B, C = (f"0x{each:040x}" for each in range(0x11, 0x14))
NOBODY = "0x" + "00" * 20
UNBONDING = 300
FEE_BURN_BPS = 1_000

_ADDRESSES = {"TensorbondToken": TOKEN, "ProviderStaking": STAKING, "JobEscrow": ESCROW, DOLLAR: DOLLAR}
_numbers = count()


def log(contract: str, name: str, block: int = 0, transaction: str = "", **args: Any) -> Event:
    number = next(_numbers)
    return Event(
        contract=contract,
        name=name,
        args=args,
        block=block,
        log_index=number,
        transaction=transaction or f"0x{number:064x}",
        address=_ADDRESSES.get(contract, "0x" + "99" * 20),
    )


def together(*events: Event) -> list[Event]:
    """In one transaction, that of the first."""
    return [log(e.contract, e.name, e.block, events[0].transaction, **e.args) for e in events]


def transfer(payer: str, payee: str, value: int, token: str = "TensorbondToken", block: int = 0) -> Event:
    return log(token, "Transfer", block, **{"from": payer, "to": payee, "value": value})


def genesis(holder: str, value: int) -> Event:
    return log(
        "TensorbondToken", "Transfer", 0, "0x" + "aa" * 32, **{"from": NOBODY, "to": holder, "value": value}
    )


def staked(provider: str, amount: int, shares: int, active: int) -> list[Event]:
    told = log(
        "ProviderStaking", "StakeDeposited", provider=provider, amount=amount, shares=shares, active=active
    )
    return together(told, transfer(provider, STAKING, amount))


def books_of(events: Iterable[Event]) -> tuple[Books, list[Finding]]:
    books = Books(TOKEN, STAKING, ESCROW, ATTESTATIONS, "0x" + "aa" * 32, UNBONDING, FEE_BURN_BPS)
    report = Report(1, 0, bytes(32))
    replay(books, events, report)
    return books, report.findings


def history_of(events: Iterable[Event]) -> tuple[History, list[Finding]]:
    report = Report(1, 0, bytes(32))
    return History.read(1, ATTESTATIONS, events, report), report.findings
