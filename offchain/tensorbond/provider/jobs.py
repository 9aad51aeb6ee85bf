"""Taking jobs that fit, and handing in their results. A job's state is what its events say."""

from __future__ import annotations

import logging
import subprocess
from dataclasses import dataclass

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import ContractRefused
from tensorbond.chain.jobs import JOB_EVENTS, replay
from tensorbond.chain.network import BlockRef
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import ZERO_ADDRESS, Job, JobStatus, Timing
from tensorbond.follower import Follower
from tensorbond.provider.config import JobPolicy
from tensorbond.provider.devices import OwnDevice
from tensorbond.provider.errors import ResultInvalid

log = logging.getLogger(__name__)

RESULT_BYTES = 32
FORCED_ALREADY = "DeviceForcedAlready"
DECISIONS = 4
"""So many times an outcome may be waited for by default."""


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
    """One provider's jobs. `close` ends the commands that still run."""

    def __init__(self, sender: Sender, provider: str, policy: JobPolicy) -> None:
        self._sender = sender
        self._network = sender.network
        self._provider = provider
        self._policy = policy
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
        free_devices = [device for device in devices if not device.held]
        for number, job in jobs.items():
            if job.status == JobStatus.FUNDED and number not in self._refused:
                self._consider(number, job, free_devices, pinned)
            elif job.status == JobStatus.ACCEPTED and job.provider == self._provider:
                self._hand_in(number, job, pinned)

    def _jobs(self, pinned: BlockRef) -> dict[int, Job]:
        told: dict[int, list[Event]] = {}
        for event in self._events.until(pinned):
            told.setdefault(event.args["job"], []).append(event)
        states = {number: replay(events) for number, events in told.items()}
        return {number: job for number, job in states.items() if job is not None}

    def _consider(self, number: int, job: Job, devices: list[OwnDevice], pinned: BlockRef) -> None:
        """Accept with the first device that fits, which then is free no more."""
        timing: Timing = self._network.call("DeviceRegistry", "timingNow", block=pinned)
        free = self._network.call("ProviderStaking", "freeOf", self._provider, block=pinned)
        block = pinned.number + 1
        slot = slots.forced_slot(timing, block)
        now = Moment(block, slot, slots.epoch_of(timing, slot), free, slots.decision_blocks(timing))
        for device in devices:
            why = misfit(job, device, self._policy, now)
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

    def _hand_in(self, number: int, job: Job, pinned: BlockRef) -> None:
        if pinned.number >= job.terms.submit_by:
            return
        result = self._policy.result_digest or self._result(number, job)
        if result is not None:
            self._sender.send("JobEscrow", "submit", number, job, result)
            log.info("job %d submitted: 0x%s", number, result.hex())

    def _result(self, number: int, job: Job) -> bytes | None:
        """The digest that the command printed; None while it runs, for good if it failed."""
        if number not in self._results and self._policy.result_command:
            process = self._running.get(number)
            if process is None:
                command = [*self._policy.result_command, str(number), "0x" + job.terms.spec.hex()]
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
