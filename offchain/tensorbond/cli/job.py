"""`tensorbond job`: from escrow to payment or refund. The job's state is rebuilt from events for every
verb."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from tensorbond.chain.errors import EpochUnsettled, JobUnknown
from tensorbond.chain.types import CloseReason, EpochStatus, Job, JobStatus, Terms, Verdict
from tensorbond.cli.allowances import allow
from tensorbond.cli.settings import Settings, store_option, with_settings
from tensorbond.cli.values import (
    ADDRESS,
    AMOUNT,
    DEADLINE,
    DIGEST,
    HEX,
    TBND,
    Deadline,
    show_tbnd,
    token_of,
)

if TYPE_CHECKING:
    from tensorbond.chain import Network, Receipt
    from tensorbond.chain.types import LeafProof, OutcomeProof

ZERO_ADDRESS = "0x" + "00" * 20

_job = click.argument("job", type=click.IntRange(0))


@click.group()
def job() -> None:
    """Escrow payment for a job, take one, settle or refund it."""


@job.command()
@click.option("--price", type=AMOUNT, required=True, help="In whole tokens, such as 12.50.")
@click.option("--token", default="TUSD", show_default=True, help="Symbol in the deployment, or address.")
@click.option("--spec", type=DIGEST, required=True, help="The job's description: its digest, or the file.")
@click.option(
    "--class", "class_id", type=click.IntRange(0, 255), default=0, show_default=True, help="Device class."
)
@click.option("--min-gops", type=click.IntRange(1), default=1, show_default=True, help="Least bonded rate.")
@click.option("--collateral", type=TBND, default="0", show_default=True, help="TBND that accepting locks.")
@click.option("--provider", type=ADDRESS, help="Who alone may accept, or assign.  [default: anyone]")
@click.option("--requester", type=ADDRESS, help="Whose job it is; you sponsor it.  [default: yours]")
@click.option(
    "--parts", type=click.IntRange(1, 65535), default=1, show_default=True, help="Released separately."
)
@click.option("--arbiter", type=ADDRESS, help="Who decides a dispute.  [default: the escrow's]")
@click.option("--callback", type=ADDRESS, help="A contract to tell the result.  [default: none]")
@click.option("--accept-by", type=DEADLINE, default="+50", show_default=True, help="Last block to accept in.")
@click.option(
    "--submit-by", type=DEADLINE, default="+150", show_default=True, help="Last block to submit in."
)
@click.option(
    "--review",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Blocks that are yours to approve in.",
)
@click.option(
    "--refund-at", type=DEADLINE, help="Refund after this block if undecided.  [default: the earliest]"
)
@with_settings
def fund(
    settings: Settings,
    price: str,
    token: str,
    spec: bytes,
    class_id: int,
    min_gops: int,
    collateral: int,
    provider: str | None,
    requester: str | None,
    parts: int,
    arbiter: str | None,
    callback: str | None,
    accept_by: Deadline,
    submit_by: Deadline,
    review: int,
    refund_at: Deadline | None,
) -> None:
    """Escrow the price of a job.

    Deadlines are block numbers, or +N for N blocks from now. The price is approved first if it isn't yet.
    """
    with settings.connect() as network:
        sender = settings.sender(network)
        paid_in = token_of(network, token)
        head = network.head().number
        terms = Terms(
            requester=requester or sender.address,
            sponsor=sender.address if requester else ZERO_ADDRESS,
            token=paid_in.address,
            price=paid_in.parse(price),
            parts=parts,
            provider=provider or ZERO_ADDRESS,
            class_id=class_id,
            min_gops=min_gops,
            collateral=collateral,
            accept_by=accept_by.at(head),
            submit_by=submit_by.at(head),
            review_blocks=review,
            refund_at=refund_at.at(head)
            if refund_at
            else _earliest_refund(network, submit_by.at(head), review),
            arbiter=arbiter or ZERO_ADDRESS,
            callback=callback or ZERO_ADDRESS,
            spec=spec,
        )
        allow(network, sender, paid_in.address, network.address("JobEscrow"), terms.price)
        receipt = sender.send("JobEscrow", "fund", terms)
        number = receipt.event("JobFunded")["job"]
        data = {
            "job": number,
            "price": str(terms.price),
            "token": paid_in.address,
            "refund_at": terms.refund_at,
        }
        settings.answer_sent(
            receipt,
            data,
            f"job {number} funded with {paid_in.show(terms.price)}; accept by block {terms.accept_by}, "
            f"submit by {terms.submit_by}, refund after {terms.refund_at}",
        )


@job.command()
@_job
@click.option("--device", type=click.IntRange(1), required=True, help="The device that will do it.")
@with_settings
def accept(settings: Settings, job: int, device: int) -> None:
    """Take JOB with a device of yours; locks the collateral and forces a benchmark."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("JobEscrow", "accept", job, _state(network, job), device)
        event = receipt.event("JobAccepted")
        settings.answer_sent(
            receipt,
            {"job": job, "forced_slot": event["forcedSlot"], "collateral": str(event["collateral"])},
            f"job {job} accepted with device {device}; collateral {show_tbnd(event['collateral'])}, "
            f"benchmark forced in slot {event['forcedSlot']}",
        )


@job.command()
@_job
@click.option("--result", type=DIGEST, required=True, help="The result: its digest, or the file.")
@with_settings
def submit(settings: Settings, job: int, result: bytes) -> None:
    """Hand in the digest of JOB's result."""
    with settings.connect() as network:
        receipt = settings.sender(network).send("JobEscrow", "submit", job, _state(network, job), result)
        settings.answer_sent(
            receipt, {"job": job, "result": result}, f"job {job} submitted: 0x{result.hex()}"
        )


@job.command()
@_job
@click.option("--provider", type=ADDRESS, required=True, help="Who may accept it then.")
@click.option("--price", type=AMOUNT, required=True, help="In whole tokens; at most the job's.")
@with_settings
def assign(settings: Settings, job: int, provider: str, price: str) -> None:
    """Pass JOB, to which you are invited, on to another provider; the payer gets the difference."""
    with settings.connect() as network:
        state = _state(network, job)
        token = token_of(network, state.terms.token)
        receipt = settings.sender(network).send(
            "JobEscrow", "assign", job, state, provider, token.parse(price)
        )
        event = receipt.event("JobAssigned")
        settings.answer_sent(
            receipt,
            {"job": job, "provider": event["provider"]}
            | {name: str(event[name]) for name in ("price", "returned")},
            f"job {job} assigned to {event['provider']} for {token.show(event['price'])}; "
            f"{token.show(event['returned'])} returned",
        )


@job.command()
@_job
@click.option("--parts", type=click.IntRange(1), help="Release so many parts more.  [default: all]")
@click.option("--signature", type=HEX, help="The requester's, of `job sign`; then anyone may send it.")
@with_settings
def approve(settings: Settings, job: int, parts: int | None, signature: bytes | None) -> None:
    """Accept JOB's result and pay the provider, or release parts of the price."""
    if parts and signature:
        raise click.UsageError("a signature approves the whole job: no --parts")
    with settings.connect() as network:
        state, sender = _state(network, job), settings.sender(network)
        if signature:
            receipt = sender.send("JobEscrow", "approveWithSignature", job, state, signature)
        elif parts:
            receipt = sender.send("JobEscrow", "approvePart", job, state, parts)
        else:
            receipt = sender.send("JobEscrow", "approve", job, state)
        if any(event.name == "JobSettled" for event in receipt.events):
            _settled(settings, network, receipt)
            return
        event = receipt.event("JobPartsPaid")
        token = token_of(network, event["token"])
        settings.answer_sent(
            receipt,
            {
                "job": job,
                "paid_parts": event["paidParts"],
                "paid": str(event["paid"]),
                "fee": str(event["fee"]),
            },
            f"job {job}: {event['paidParts']} of {state.terms.parts} parts paid, now "
            f"{token.show(event['paid'])} to {event['provider']}, fee {token.show(event['fee'])}",
        )


@job.command()
@_job
@with_settings
def sign(settings: Settings, job: int) -> None:
    """Sign the approval of JOB's result, for anyone to send; costs no gas."""
    from tensorbond.chain import digests
    from tensorbond.chain.jobs import terms_hash

    with settings.connect() as network:
        state, sender = _state(network, job), settings.sender(network)
        where = digests.Domain("JobEscrow", network.chain_id, network.address("JobEscrow"))
        signature = digests.approval(where, job, terms_hash(state), state.result).sign(sender.account)
        data = {"job": job, "result": state.result, "signature": signature}
        settings.answer(data, "0x" + signature.hex())


@job.command()
@_job
@with_settings
def dispute(settings: Settings, job: int) -> None:
    """Object to JOB's result, within the review; deposits a bond that the loser pays."""
    with settings.connect() as network:
        state, sender = _state(network, job), settings.sender(network)
        token = token_of(network, state.terms.token)
        share = network.call("JobEscrow", "DISPUTE_BPS")
        allow(
            network, sender, token.address, network.address("JobEscrow"), -(-state.unpaid * share // 10_000)
        )
        receipt = sender.send("JobEscrow", "dispute", job, state)
        event = receipt.event("JobDisputed")
        settings.answer_sent(
            receipt,
            {"job": job, "bond": str(event["bond"]), "verdict_by": event["verdictBy"]},
            f"job {job} disputed with a bond of {token.show(event['bond'])}; "
            f"verdict by block {event['verdictBy']}",
        )


@job.command()
@_job
@with_settings
def resolve(settings: Settings, job: int) -> None:
    """Carry out the arbiter's verdict on JOB, or end a dispute that has none. Anyone may."""
    with settings.connect() as network:
        state = _state(network, job)
        receipt = settings.sender(network).send("JobEscrow", "resolve", job, state)
        event = receipt.event("DisputeResolved")
        verdict, token = Verdict(event["verdict"]).name, token_of(network, event["token"])
        settings.answer_sent(
            receipt,
            {"job": job, "verdict": verdict, "bond": str(event["bond"]), "account": event["account"]},
            f"job {job} resolved ({verdict}): bond of {token.show(event['bond'])} to {event['account']}",
        )


@job.command()
@_job
@store_option
@with_settings
def settle(settings: Settings, job: int, store: str) -> None:
    """Pay JOB's provider, because a final attestation says that the forced benchmark passed. Anyone may."""
    with settings.connect() as network:
        state = _state(network, job)
        leaf, outcome = _proofs(network, store, job, state)
        _settled(
            settings, network, settings.sender(network).send("JobEscrow", "settle", job, state, leaf, outcome)
        )


@job.command()
@_job
@store_option
@with_settings
def refund(settings: Settings, job: int, store: str) -> None:
    """Give JOB's price back, by a passed deadline or by the final outcome of its benchmark. Anyone may."""
    from tensorbond.store import NameMissing

    with settings.connect() as network:
        state, sender = _state(network, job), settings.sender(network)
        proofs = None
        if state.status == JobStatus.SUBMITTED and _forced_epoch_is_final(network, state):
            with suppress(
                NameMissing
            ):  # if nobody shows the outcome, the job is refunded a proof window later
                proofs = _proofs(network, store, job, state)
        if proofs is not None:
            receipt = sender.send("JobEscrow", "refundByOutcome", job, state, *proofs)
        else:
            receipt = sender.send("JobEscrow", "refund", job, state)
        event = receipt.event("JobRefunded")
        reason, token = CloseReason(event["reason"]).name, token_of(network, event["token"])
        text = f"job {job} refunded: {token.show(event['refunded'])} to {event['payer']} ({reason})"
        if event["slashed"]:
            text += f"; slashed {show_tbnd(event['slashed'])}, compensated {show_tbnd(event['compensated'])}"
        amounts = {name: str(event[name]) for name in ("refunded", "slashed", "compensated")}
        settings.answer_sent(receipt, {"job": job, "reason": reason, **amounts}, text)


@job.command()
@_job
@with_settings
def show(settings: Settings, job: int) -> None:
    """Show JOB as its events tell it."""
    with settings.connect() as network:
        state, head = _state(network, job), network.head().number
        terms, token = state.terms, token_of(network, state.terms.token)
        data = {
            "job": job,
            "block": head,
            "status": JobStatus(state.status).name,
            "requester": terms.requester,
            "sponsor": None if terms.sponsor == ZERO_ADDRESS else terms.sponsor,
            "provider": None if state.provider == ZERO_ADDRESS else state.provider,
            "invited": None if terms.provider == ZERO_ADDRESS else terms.provider,
            "token": terms.token,
            "price": str(terms.price),
            "parts": terms.parts if terms.parts > 1 else None,
            "paid_parts": state.paid_parts or None,
            "fee_bps": state.fee_bps,
            "collateral": str(terms.collateral),
            "class": terms.class_id,
            "min_gops": terms.min_gops,
            "device": state.device or None,
            "forced_slot": state.forced_slot if state.status >= JobStatus.ACCEPTED and state.device else None,
            "accept_by": terms.accept_by,
            "submit_by": terms.submit_by,
            "submitted_at": state.submitted_at or None,
            "review_blocks": terms.review_blocks,
            "refund_at": terms.refund_at,
            "arbiter": None if terms.arbiter == ZERO_ADDRESS else terms.arbiter,
            "verdict_by": state.verdict_by or None,
            "callback": None if terms.callback == ZERO_ADDRESS else terms.callback,
            "spec": terms.spec,
            "result": state.result if any(state.result) else None,
        }
        shown = data | {"price": token.show(terms.price), "collateral": show_tbnd(terms.collateral)}
        for name in ("accept_by", "submit_by", "refund_at"):
            shown[name] = f"block {data[name]} ({_distance(int(str(data[name])), head)})"
        lines = [
            f"{name.replace('_', ' '):<14} {_plain(value)}"
            for name, value in shown.items()
            if value is not None
        ]
        settings.answer(data, "\n".join(lines))


def _state(network: Network, job: int) -> Job:
    from tensorbond.chain import job_state

    return job_state(network, job)


def _earliest_refund(network: Network, submit_by: int, review: int) -> int:
    return submit_by + max(int(network.call("DeviceRegistry", "decisionBlocks")), review)


def _forced_epoch(network: Network, state: Job) -> int:
    from tensorbond.chain import slots

    return slots.epoch_of(network.call("DeviceRegistry", "timingAt", state.forced_slot), state.forced_slot)


def _forced_epoch_is_final(network: Network, state: Job) -> bool:
    status = network.call("Attestations", "statusOf", _forced_epoch(network, state))
    return bool(status == EpochStatus.FINAL)


def _proofs(network: Network, store: str, job: int, state: Job) -> tuple[LeafProof, OutcomeProof]:
    """Where the forced benchmark of `job` stands under its epoch's attestation."""
    from tensorbond.oracle.leaves import load_epoch
    from tensorbond.store import Store

    if state.status < JobStatus.ACCEPTED or not state.device:
        raise JobUnknown(f"job {job} was never accepted: no benchmark was forced")
    epoch = _forced_epoch(network, state)
    root, attested = network.call("Attestations", "attestedOf", epoch)
    if not attested.flags & 1:
        raise EpochUnsettled(f"epoch {epoch}, in which job {job}'s benchmark lies, is not attested yet")
    data = load_epoch(Store(store), network.chain_id, epoch, root)
    return data.leaf_proof(state.device), data.outcome_proof(state.device, state.forced_slot, job)


def _settled(settings: Settings, network: Network, receipt: Receipt) -> None:
    event = receipt.event("JobSettled")
    reason, token = CloseReason(event["reason"]).name, token_of(network, event["token"])
    settings.answer_sent(
        receipt,
        {"job": event["job"], "reason": reason, "paid": str(event["paid"]), "fee": str(event["fee"])},
        f"job {event['job']} settled: {token.show(event['paid'])} to {event['provider']}, fee "
        f"{token.show(event['fee'])} ({reason})",
    )


def _distance(block: int, head: int) -> str:
    return f"in {block - head} blocks" if block >= head else f"{head - block} blocks ago"


def _plain(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
