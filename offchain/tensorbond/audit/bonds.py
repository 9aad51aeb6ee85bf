"""How an event of an oracle's bond enters the books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorbond.audit.books import WORK_SHARE, ZERO, Books, Entries, share, total, where
from tensorbond.audit.findings import Report
from tensorbond.chain.abi import Event
from tensorbond.chain.types import OracleFault


def _joined(books: Books, event: Event, report: Report) -> None:
    oracle, amount = event.args["oracle"], event.args["amount"]
    report.expect(
        "oracles", f"bond of {oracle} before it joined", books.oracle_bonds[oracle], 0, where(event)
    )
    books.oracle_bonds[oracle] += amount
    books.bonded += amount
    books.transaction.told[books.token, oracle, books.attestations] += amount
    total(report, event, "totalBonded", books.bonded)


def _bond_withdrawn(books: Books, event: Event, report: Report) -> None:
    oracle, amount = event.args["oracle"], event.args["amount"]
    total(report, event, "amount", books.oracle_bonds[oracle])
    books.oracle_bonds[oracle] = 0
    books.bonded -= amount
    books.transaction.told[books.token, books.attestations, oracle] += amount
    total(report, event, "totalBonded", books.bonded)


def _oracle_slashed(books: Books, event: Event, report: Report) -> None:
    a = event.args
    oracle, amount = a["oracle"], a["amount"]
    total(report, event, "amount", books.oracle_bonds[oracle])
    parts = {"toChallenger": share(amount, WORK_SHARE), "burned": amount - share(amount, WORK_SHARE)}
    for name, need in parts.items():
        report.expect("invariant 9", f"slash of oracle {oracle}: {name}", a[name], need, where(event))
    books.oracle_bonds[oracle] -= amount
    books.bonded -= amount
    for payee, name in ((a["challenger"], "toChallenger"), (ZERO, "burned")):
        books.transaction.told[books.token, books.attestations, payee] += a[name]
    if a["fault"] == OracleFault.EQUIVOCATION:
        books.transaction.slashes[oracle, "EQUIVOCATION", bytes(0), amount] += 1
    else:
        books.transaction.slashes[_signers(a)] += amount
    total(report, event, "totalBonded", books.bonded)


def _equivocated(books: Books, event: Event, report: Report) -> None:
    """The reason for a slash; one by an oracle whose bond was gone is none."""
    if event.args["amount"]:
        books.transaction.causes[event.args["oracle"], "EQUIVOCATION", bytes(0), event.args["amount"]] += 1


def _fraud_proven(books: Books, event: Event, report: Report) -> None:
    """The reason for the slashes of all signers together."""
    books.transaction.causes[_signers(event.args)] += event.args["amount"]


def _signers(args: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the slashes of an attestation's signers have in common."""
    return "all signers", OracleFault(args["fault"]).name, args["evidence"], args["challenger"]


ENTRIES: Entries = {
    ("Attestations", "OracleJoined"): _joined,
    ("Attestations", "BondWithdrawn"): _bond_withdrawn,
    ("Attestations", "OracleSlashed"): _oracle_slashed,
    ("AttestationDisputes", "EquivocationProven"): _equivocated,
    ("AttestationDisputes", "FraudProven"): _fraud_proven,
}
