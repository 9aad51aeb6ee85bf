"""Taking jobs that fit, handing in their results, and being paid for them. A job's state is what its events
say.

    submitted ── review over, the forced draw final: passed ─► settle
    disputed ── a verdict, or none by `verdictBy` ─► resolve

Anyone may send either, but who waits for somebody else may lose its pay: a job that is not settled within a
proof window from its `refundAt` on, later after a dispute or a revocation, can be refunded, passed or not.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.jobs import JOB_EVENTS, replay
from tensorbond.chain.network import BlockRef
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import (
    ZERO_ADDRESS,
    EpochStatus,
    Job,
    JobStatus,
    OutcomeKind,
    OutcomeResult,
    Timing,
)
from tensorbond.follower import Follower
from tensorbond.oracle.errors import LeafDataInvalid, LeafDataMissing
from tensorbond.oracle.leaves import MAX_BYTES, EpochData, data_name, decode_epoch, load_epoch
from tensorbond.oracle.peers import Peers
from tensorbond.oracle.reader import Reader
from tensorbond.provider.config import JobPolicy
from tensorbond.provider.devices import OwnDevice
from tensorbond.provider.errors import ResultInvalid
from tensorbond.store import Store, StoreError

log = logging.getLogger(__name__)

RESULT_BYTES = 32
FORCED_ALREADY = "DeviceForcedAlready"
DECISIONS = 4
"""So many times an outcome may be waited for by default."""
RETRY_BLOCKS = 5
"""Between two times that a final outcome is looked at which pays nothing, or which nobody shows."""
FILE_SECONDS = 5.0
"""However slow an oracle is that is asked for it, the next slot's commit can't wait for longer."""


@dataclass(frozen=True)
class Moment:
    """When a job would be accepted, and what that means."""

    block: int
    slot: int
    """In which accepting now forces a draw."""
    epoch: int
    """Of that slot."""
    free: int
    """Wei of the provider's stake that nothing is locked for."""
    decision: int
    """Blocks that an outcome takes to be final."""


def misfit(job: Job, device: OwnDevice, policy: JobPolicy, now: Moment) -> str:
    """Why the device should not take the job now; or ""."""
    terms = job.terms
    if terms.provider not in (ZERO_ADDRESS, device.state.provider):
        return "it is for another provider"
    if now.block > terms.accept_by:
        return f"it had to be accepted by block {terms.accept_by}"
    if terms.class_id != device.state.class_id or terms.min_gops > device.state.bonded_gops:
        return f"it asks for class {terms.class_id} and {terms.min_gops} gops"
    if device.held or not device.is_active(now.epoch, now.slot):
        return "the device is held, or will not be active"
    if terms.arbiter not in (ZERO_ADDRESS, *policy.arbiters):
        return f"its disputes are {terms.arbiter}'s to decide"
    if terms.price < policy.min_price:
        return f"it pays {terms.price}, the least is {policy.min_price}"
    most = min(now.free, device.bond if policy.max_collateral is None else policy.max_collateral)
    if terms.collateral > most:
        return f"it asks for {terms.collateral} wei of collateral, the most is {most}"
    most = now.decision if policy.max_review_blocks is None else policy.max_review_blocks
    if terms.review_blocks > most:
        return f"it is reviewed for {terms.review_blocks} blocks, the most is {most}"
    most = DECISIONS * now.decision if policy.max_refund_blocks is None else policy.max_refund_blocks
    if terms.refund_at - terms.submit_by > most:
        wait = terms.refund_at - terms.submit_by
        return f"it may stay undecided for {wait} blocks after submitBy, the most is {most}"
    return ""


class JobDesk:
    """One provider's jobs; without a policy it only has them paid. `close` ends the commands that still run.
    `store`: where oracles publish leaf data; their exchanges are asked for what isn't there."""

    def __init__(self, sender: Sender, provider: str, store: Store, policy: JobPolicy | None) -> None:
        self._sender = sender
        self._network = sender.network
        self._provider = provider
        self._store = store
        self._reader = Reader(sender.network)
        self._policy = policy
        self._unpaid: dict[int, int] = {}
        self._events = Follower(sender.network, "JobEscrow", JOB_EVENTS)
        self._refused: set[int] = set()
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._results: dict[int, bytes | None] = {}

    def close(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    def serve(self, devices: list[OwnDevice], pinned: BlockRef) -> None:
        jobs = self._jobs(pinned)
        if self._policy is not None:
            self._work(self._policy, jobs, devices, pinned)
        for number, job in jobs.items():
            if job.provider != self._provider:
                continue
            if job.status == JobStatus.DISPUTED:
                self._resolve(number, job)
            elif job.status == JobStatus.SUBMITTED and pinned.number >= self._unpaid.get(number, 0):
                self._settle(number, job, pinned)

    def _work(
        self, policy: JobPolicy, jobs: Mapping[int, Job], devices: list[OwnDevice], pinned: BlockRef
    ) -> None:
        free_devices = [device for device in devices if not device.held]
        for number, job in jobs.items():
            if job.status == JobStatus.FUNDED and number not in self._refused:
                self._consider(policy, number, job, free_devices, pinned)
            elif job.status == JobStatus.ACCEPTED and job.provider == self._provider:
                self._hand_in(policy, number, job, pinned)

    def _jobs(self, pinned: BlockRef) -> dict[int, Job]:
        told: dict[int, list[Event]] = {}
        for event in self._events.until(pinned):
            told.setdefault(event.args["job"], []).append(event)
        states = {number: replay(events) for number, events in told.items()}
        return {number: job for number, job in states.items() if job is not None}

    def _consider(
        self, policy: JobPolicy, number: int, job: Job, devices: list[OwnDevice], pinned: BlockRef
    ) -> None:
        """Accept with the first device that fits, which then is free no more."""
        timing: Timing = self._network.call("DeviceRegistry", "timingNow", block=pinned)
        free = self._network.call("ProviderStaking", "freeOf", self._provider, block=pinned)
        block = pinned.number + 1
        slot = slots.forced_slot(timing, block)
        now = Moment(block, slot, slots.epoch_of(timing, slot), free, slots.decision_blocks(timing))
        for device in devices:
            why = misfit(job, device, policy, now)
            if why:
                log.debug("job %d does not fit device %d: %s", number, device.number, why)
                continue
            try:
                self._sender.send("JobEscrow", "accept", number, job, device.number)
                devices.remove(device)
                log.info("job %d accepted with device %d", number, device.number)
            except ContractRefused as error:
                if error.error_name == FORCED_ALREADY:
                    # An earlier job's draw lies in that slot: the next slot's will do.
                    log.debug("job %d waits: %s", number, error)
                    continue
                self._refused.add(number)
                log.info("job %d is not taken: %s", number, error)
            return

    def _hand_in(self, policy: JobPolicy, number: int, job: Job, pinned: BlockRef) -> None:
        if pinned.number >= job.terms.submit_by:
            return
        result = policy.result_digest or self._result(policy, number, job)
        if result is not None:
            self._sender.send("JobEscrow", "submit", number, job, result)
            log.info("job %d submitted: 0x%s", number, result.hex())

    def _result(self, policy: JobPolicy, number: int, job: Job) -> bytes | None:
        """The digest that the command printed; None while it runs, for good if it failed."""
        if number not in self._results and policy.result_command:
            process = self._running.get(number)
            if process is None:
                command = [*policy.result_command, str(number), "0x" + job.terms.spec.hex()]
                self._running[number] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            elif process.poll() is not None:
                output, _ = process.communicate()
                del self._running[number]
                try:
                    self._results[number] = parse_result(process.returncode, output)
                except ResultInvalid as error:
                    self._results[number] = None
                    log.error("job %d has no result: %s", number, error)
        return self._results.get(number)

    def _resolve(self, number: int, job: Job) -> None:
        """While a job is disputed its clock stands still; after that, its pay is a matter of time again."""
        try:
            self._sender.send("JobEscrow", "resolve", number, job)
            log.info("the dispute of job %d is over", number)
        except ContractRefused as error:
            log.debug("job %d is disputed still: %s", number, error)

    def _settle(self, number: int, job: Job, pinned: BlockRef) -> None:
        """Once the review is over and the forced draw's epoch final."""
        if pinned.number < job.submitted_at + job.terms.review_blocks:
            return
        slot = job.forced_slot
        timing: Timing = self._network.call("DeviceRegistry", "timingAt", slot, block=pinned)
        epoch = slots.epoch_of(timing, slot)
        if self._network.call("Attestations", "statusOf", epoch, block=pinned) != EpochStatus.FINAL:
            return
        self._unpaid[number] = pinned.number + RETRY_BLOCKS
        root, _ = self._network.call("Attestations", "attestedOf", epoch, block=pinned)
        try:
            data = self._leaf_data(epoch, root, pinned)
        except LeafDataMissing as error:
            log.warning("job %d can't be settled yet: %s", number, error)
            return
        rows = data.outcomes.get(job.device, ())
        told = [row for row in rows if (row.kind, row.slot, row.job) == (OutcomeKind.FORCED, slot, number)]
        if not told or told[0].result != OutcomeResult.PASSED:
            log.debug("job %d isn't paid by its draw", number)
            return
        proofs = data.leaf_proof(job.device), data.outcome_proof(job.device, slot, number)
        try:
            self._sender.send("JobEscrow", "settle", number, job, *proofs)
            log.info("job %d is settled", number)
        except ContractRefused as error:
            log.warning("job %d is not settled: %s", number, error)

    def _leaf_data(self, epoch: int, root: bytes, pinned: BlockRef) -> EpochData:
        """From the store, or from whoever signed them. Raises LeafDataMissing."""
        chain_id = self._network.chain_id
        with suppress(StoreError, LeafDataInvalid):
            return load_epoch(self._store, chain_id, epoch, root)
        set_id = self._network.call("Attestations", "setOf", epoch, block=pinned)
        members = self._network.call("Attestations", "membersOf", set_id, block=pinned)
        peers = Peers(self._reader.endpoints(members, pinned), file_seconds=FILE_SECONDS)
        for raw in peers.leaf_data(data_name(chain_id, epoch, root), MAX_BYTES):
            with suppress(LeafDataInvalid):
                return decode_epoch(raw, chain_id, epoch, root)
        raise LeafDataMissing(f"nobody has the leaf data of epoch {epoch} under root 0x{root.hex()}")


def parse_result(code: int, output: str) -> bytes:
    """The digest that a job's command printed; raises ResultInvalid."""
    if code != 0:
        raise ResultInvalid(f"the command ended with code {code}")
    try:
        result = bytes.fromhex(output.strip().removeprefix("0x"))
    except ValueError:
        raise ResultInvalid(f"the command printed no hexadecimal digest but {output[:80]!r}") from None
    if len(result) != RESULT_BYTES:
        raise ResultInvalid(f"the command printed {len(result)} bytes, a digest has {RESULT_BYTES}")
    return result
