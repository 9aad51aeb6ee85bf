"""The agent against a real chain, one cycle at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tensorbond.chain import slots
from tensorbond.chain.types import Place, PlaceKind
from tensorbond.daemon import StateBusy, exclusive
from tensorbond.oracle.outcomes import Finding, examine
from tensorbond.oracle.reader import commit_of
from tensorbond.proof.challenge import Challenge
from tensorbond.proof.errors import GpuMemoryExhausted
from tensorbond.proof.evidence import evidence_name
from tensorbond.proof.memory import MemoryShape, is_memory_slot
from tensorbond.proof.prover import CpuProver, Round
from tensorbond.proof.verifier import AnyChallenge
from tensorbond.proof.workload import Entries
from tensorbond.provider.agent import Agent, run
from tensorbond.provider.config import AgentConfig, JobPolicy
from tensorbond.provider.errors import ConfirmationsExcessive, NotOperator
from tensorbond.store import Store, StoreFull
from tests.acts import (
    TBND,
    FundedJob,
    accept_as,
    approve_as,
    domain,
    fund_as,
    mine_to_slot,
    mine_to_slot_with,
    register_as,
    set_operator_as,
    stake_as,
    submit_as,
    timing,
)
from tests.chain import Chain
from tests.system import role
from tests.work import BOND, challenge_of, device_as, drawn_slot_of, first_slot_of

pytestmark = pytest.mark.chain

LIMIT = 1 << 22
RESULT = b"\xab" * 32


class WatchedProver(CpuProver):
    """Tells what it proved, and lets something happen meanwhile."""

    def __init__(self) -> None:
        super().__init__(1)
        self.proven: list[AnyChallenge] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def prove(self, challenge: Any, progress: Any = None) -> Any:
        if challenge.device:  # not the warm-up
            self.proven.append(challenge)
            self.meanwhile()
        return super().prove(challenge, progress)


class ForgetfulProver(WatchedProver):
    """Opens other entries than it committed to."""

    def tile_entries(self, work: Round, tile: int) -> Entries:
        return super().tile_entries(work, tile) + 1


@pytest.fixture
def device(chain: Chain, provider: str) -> int:
    return device_as(chain, provider)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def config(chain: Chain, deployment_file: Path, provider: str, tmp_path: Path) -> Callable[..., AgentConfig]:
    def make(**changes: Any) -> AgentConfig:
        told = {
            "rpc_urls": (chain.url,),
            "deployment": deployment_file,
            "account": chain.key(provider),
            "store_url": str(tmp_path / "store"),
            "state_dir": tmp_path / "state",
            "confirmations": 0,
            "prover_factory": WatchedProver,
        }
        return AgentConfig(**told | changes)

    return make


@pytest.fixture
def start(config: Callable[..., AgentConfig]) -> Iterator[Callable[..., Agent]]:
    """Starts an agent of the provider; it is closed after the test at the latest."""
    with ExitStack() as stack:

        def start_agent(**changes: Any) -> Agent:
            agent = Agent(config(**changes))
            stack.callback(agent.close)
            return agent

        yield start_agent


def records(chain: Chain) -> list[Any]:
    return chain.events("Challenges", "Committed")


def name_of(record: Any) -> str:
    args = record.args
    return evidence_name(31337, args["device"], args["slot"], args["commitment"])


def fund_job(chain: Chain, requester: str, provider: str) -> FundedJob:
    """A job that the provider has the stake for, with time enough."""
    stake_as(chain, provider, 100 * TBND)
    head = chain.block_number
    deadlines = {"accept_by": head + 60, "submit_by": head + 100, "refund_at": head + 400}
    return fund_as(chain, requester, collateral=BOND, **deadlines)


def mine_to_window_end(chain: Chain, slot: int) -> None:
    """The next transaction comes one block too late."""
    chain.mine_to(slots.start_of(timing(chain), slot + 1) - 2)


def test_cycle__no_session__opens_one_for_the_most_devices_in_a_row(
    chain, start, provider, other_provider, operator
):
    stake_as(chain, provider, 100 * TBND)
    first = register_as(chain, provider, count=2)
    device_as(chain, other_provider)
    set_operator_as(chain, provider, operator)
    agent = start(account=chain.key(operator), provider=provider)
    agent.cycle()
    agent.cycle()
    sessions = chain.events("Challenges", "SessionOpened")
    assert [(each.args["key"], each.args["first"], each.args["count"]) for each in sessions] == [
        (operator, first, 2)
    ]

    more = register_as(chain, provider, count=3)
    agent.cycle()
    assert chain.call("Challenges", "sessionOf", operator).first == more

    # Naming another operator ends it; the one that is named anew has one at once.
    set_operator_as(chain, provider, role(chain, "stranger"))
    set_operator_as(chain, provider, operator)
    assert chain.call("Challenges", "sessionOf", operator).end == 0
    agent.cycle()
    session = chain.call("Challenges", "sessionOf", operator)
    assert (session.first, session.end) == (more, more + 3)
    assert len(chain.events("Challenges", "SessionOpened")) == 3


def test_cycle__session_refused__is_asked_for_again_when_something_has_changed(
    chain, start, provider, operator, caplog
):
    """Not in every cycle; but in another epoch, for more devices, and under another operator."""
    stake_as(chain, provider, 100 * TBND)
    first = register_as(chain, provider, count=2)
    set_operator_as(chain, provider, operator)
    agent = start(account=chain.key(operator), provider=provider)
    set_operator_as(chain, provider, role(chain, "stranger"))

    def refusals() -> int:
        for _ in range(2):
            agent.cycle()
        told = [each for each in caplog.messages if each.startswith("no session opened")]
        assert all("OperatorOnly" in each for each in told)
        return len(told)

    assert refusals() == 1
    register_as(chain, provider)
    assert refusals() == 2
    now = timing(chain)
    epoch = slots.epoch_of(now, slots.slot_at(now, chain.block_number))
    mine_to_slot(chain, slots.first_slot(now, epoch + 1))
    assert refusals() == 3
    assert chain.events("Challenges", "SessionOpened") == []

    set_operator_as(chain, provider, operator)
    assert refusals() == 3
    (opened,) = chain.events("Challenges", "SessionOpened")
    assert (opened.args["first"], opened.args["count"]) == (first, 3)


def test_cycle__device_is_drawn__commits_once_and_publishes_when_the_sample_beacon_is_there(
    chain, device, start, store, operator, provider
):
    set_operator_as(chain, provider, operator)
    agent = start(account=chain.key(operator), provider=provider)
    slot = drawn_slot_of(chain, device)
    agent.cycle()
    agent.cycle()
    (record,) = records(chain)
    assert (record.args["device"], record.args["slot"], record.args["key"]) == (device, slot, operator)
    assert store.list() == []

    challenge = challenge_of(chain, device, slot)
    mine_to_slot(chain, slot + 1)
    agent.cycle()
    raw = store.get(name_of(record), LIMIT)
    sample_beacon = chain.block_hash(slots.start_of(timing(chain), slot + 1))
    found = examine(raw, challenge, commit_of(record), sample_beacon, domain(chain, "Challenges"))
    assert isinstance(found, Finding)
    assert found.bad_item is None
    assert [each.slot for each in agent._prover.proven].count(slot) == 1


def test_cycle__not_drawn__does_nothing(chain, device, start):
    agent = start()
    slot = first_slot_of(chain, device)
    while True:
        mine_to_slot(chain, slot, 1)
        chain.send("Challenges", "seal", slot, sender=chain.accounts[19])
        if not chain.call("Challenges", "isDrawn", device, slot):
            break
        slot += 1
    agent.cycle()
    assert (records(chain), agent._prover.proven) == ([], [])


def test_cycle__before_the_first_epoch_of_the_device__does_nothing(chain, device, start):
    agent = start()
    agent.cycle()
    assert (records(chain), agent._prover.proven) == ([], [])


def test_cycle__proven_too_late__sends_no_commit(chain, device, start):
    agent = start()
    slot = drawn_slot_of(chain, device)
    agent._prover.meanwhile = lambda: mine_to_window_end(chain, slot)
    agent.cycle()
    assert len(agent._prover.proven) == 1
    assert records(chain) == []
    # It sent nothing but what opens its session.
    assert chain.block_number == slots.start_of(timing(chain), slot + 1) - 1


def test_cycle__window_over__is_not_even_proven(chain, device, start):
    agent = start()
    slot = drawn_slot_of(chain, device)
    mine_to_window_end(chain, slot)
    agent.cycle()
    assert (records(chain), agent._prover.proven) == ([], [])


def test_cycle__somebody_committed_meanwhile__never_sends_a_second(chain, device, start, provider):
    agent = start()
    slot = drawn_slot_of(chain, device)
    agent._prover.meanwhile = lambda: chain.send(
        "Challenges", "commit", device, slot, b"\1" * 32, sender=provider
    )
    agent.cycle()
    (record,) = records(chain)
    assert record.args["commitment"] == b"\1" * 32


def test_cycle__restarted_after_the_commit__proves_again_and_publishes(chain, device, start, store):
    first = start()
    slot = drawn_slot_of(chain, device)
    first.cycle()
    first.close()
    mine_to_slot(chain, slot + 1)
    second = start()
    second.cycle()
    assert name_of(records(chain)[0]) in store.list()
    assert slot in [each.slot for each in second._prover.proven]


def test_cycle__commitment_is_not_what_it_proves__publishes_nothing(chain, device, start, store, provider):
    agent = start()
    slot = drawn_slot_of(chain, device)
    chain.send("Challenges", "commit", device, slot, b"\1" * 32, sender=provider)
    mine_to_slot(chain, slot + 1)
    agent.cycle()
    assert not [name for name in store.list() if name.endswith("01" * 32)]


def test_cycle__confirmations_wanted__proves_at_once_but_commits_and_signs_when_they_are_there(
    chain, device, start, store
):
    agent = start(confirmations=2)
    slot = drawn_slot_of(chain, device)
    while chain.block_number < slots.start_of(timing(chain), slot) + 2:
        agent.cycle()
        assert records(chain) == []
        chain.mine()
    assert [each.slot for each in agent._prover.proven] == [slot]
    agent.cycle()
    (record,) = records(chain)
    mine_to_slot(chain, slot + 1, 1)
    agent.cycle()
    assert store.list() == []
    chain.mine()
    agent.cycle()
    assert store.list() == [name_of(record)]


def test_cycle__a_fork_takes_the_beacon_while_it_proves__commits_nothing_to_it(chain, device, start):
    agent = start(confirmations=1)
    slot = drawn_slot_of(chain, device)
    begin = slots.start_of(timing(chain), slot)
    gone = chain.block_hash(begin)

    def fork() -> None:
        agent._prover.meanwhile = lambda: None
        chain.rpc.request("anvil_rollback", chain.block_number - begin + 1)
        chain.set_time(chain.timestamp + 77)
        chain.mine(3)

    agent._prover.meanwhile = fork
    agent.cycle()
    assert chain.block_hash(begin) != gone
    assert records(chain) == []


def test_cycle__stopped_while_it_proves__a_restarted_one_commits_in_time(chain, device, start, store):
    def power_cut() -> None:
        raise KeyboardInterrupt

    first = start()
    slot = drawn_slot_of(chain, device)
    first._prover.meanwhile = power_cut
    with pytest.raises(KeyboardInterrupt):
        first.cycle()
    first.close()
    assert records(chain) == []
    start().cycle()
    (record,) = records(chain)
    assert (record.args["device"], record.args["slot"]) == (device, slot)


def test_agent__confirmations_beyond_the_window__are_refused(chain, device, config):
    with pytest.raises(ConfirmationsExcessive, match=r"8 confirmations.*at most 7"):
        Agent(config(confirmations=8))


def test_cycle__own_evidence_is_bad__signs_nothing(chain, device, start, store, caplog):
    agent = start(prover_factory=ForgetfulProver)
    slot = drawn_slot_of(chain, device)
    agent.cycle()
    mine_to_slot(chain, slot + 1)
    agent.cycle()
    assert len(records(chain)) >= 1
    assert store.list() == []
    assert "leaf 0 is bad" in caplog.text


def test_cycle__without_self_check__publishes_what_it_has(chain, device, start, store):
    agent = start(prover_factory=ForgetfulProver, self_check=False)
    slot = drawn_slot_of(chain, device)
    agent.cycle()
    mine_to_slot(chain, slot + 1)
    agent.cycle()
    assert name_of(records(chain)[0]) in store.list()


def test_cycle__other_devices_are_served_elsewhere__leaves_them_alone(chain, device, start):
    agent = start(devices=frozenset({device + 1}))
    drawn_slot_of(chain, device)
    agent.cycle()
    assert records(chain) == []


def test_agent__key_is_not_the_operator__is_refused(chain, device, config, operator, provider):
    with pytest.raises(NotOperator, match=f"{operator} is not {provider}'s operator, {provider} is"):
        Agent(config(account=chain.key(operator), provider=provider))


def test_run__another_agent_uses_the_folder__is_refused(config, tmp_path):
    with exclusive(tmp_path / "state"), pytest.raises(StateBusy):
        run(config(once=True))


def test_run__once__does_one_cycle(chain, device, config):
    drawn_slot_of(chain, device)
    run(config(once=True))
    assert len(records(chain)) == 1


# The M-phase


@pytest.fixture
def rig(chain: Chain, provider: str) -> int:
    """A device of a class with an M-phase, drawn in every slot."""
    terms = replace(
        chain.call("DeviceRegistry", "classOf", 0),
        draw_threshold=(1 << 32) - 1,
        layers=4,
        layer_bits=6,
        walker_bits=2,
        segments=2,
        peak_bandwidth=1000,
    )
    added = chain.send("DeviceRegistry", "addClass", terms, sender=role(chain, "governor"))
    return device_as(chain, provider, added.event("ClassAdded")["classId"])


def test_cycle__slot_of_the_m_phase__restarted_while_it_proves_commits_and_publishes(
    chain, rig, start, store, provider
):
    def power_cut() -> None:
        raise KeyboardInterrupt

    first = start()
    slot = first_slot_of(chain, rig)
    beacon = mine_to_slot_with(chain, slot, is_memory_slot)
    first._prover.meanwhile = power_cut
    with pytest.raises(KeyboardInterrupt):
        first.cycle()
    first.close()
    second = start()
    second.cycle()
    (record,) = records(chain)
    (challenge,) = second._prover.proven
    assert (challenge.slot, challenge.beacon, challenge.shape) == (slot, beacon, MemoryShape(4, 64, 4, 128))
    second.close()
    mine_to_slot(chain, slot + 1)
    start().cycle()
    raw = store.get(name_of(record), LIMIT)
    sample_beacon = chain.block_hash(slots.start_of(timing(chain), slot + 1))
    found = examine(raw, challenge, commit_of(record), sample_beacon, domain(chain, "Challenges"))
    assert isinstance(found, Finding)
    assert found.bad_item is None


def test_cycle__held_in_a_slot_of_the_m_phase__proves_the_c_phase_and_only_if_forced(
    chain, rig, start, requester, provider, store
):
    agent = start()
    slot = first_slot_of(chain, rig)
    mine_to_slot(chain, slot)
    head = chain.block_number
    class_id = chain.call("DeviceRegistry", "deviceOf", rig).class_id
    stake_as(chain, provider, 100 * TBND)
    job = fund_as(chain, requester, class_id=class_id, submit_by=head + 100, refund_at=head + 400)
    accepted = accept_as(chain, provider, job, rig)
    forced = accepted.state.forced_slot
    assert not chain.call("DeviceRegistry", "heldIn", rig, slot)
    mine_to_slot_with(chain, slot + 1, is_memory_slot)
    agent.cycle()
    assert forced == slot + 2
    assert (records(chain), agent._prover.proven) == ([], [])
    mine_to_slot_with(chain, forced, is_memory_slot)
    agent.cycle()
    (record,) = records(chain)
    (challenge,) = agent._prover.proven
    assert (record.args["slot"], isinstance(challenge, Challenge)) == (forced, True)
    submitted = submit_as(chain, provider, accepted)
    mine_to_slot(chain, forced + 1)
    approve_as(chain, requester, submitted)
    # The job is closed by now, but the device was held when the slot began: another agent sees that, too.
    agent.close()
    start().cycle()
    assert name_of(record) in store.list()


def test_cycle__gpu_is_full__publishes_what_is_due_all_the_same(chain, rig, start, store):
    agent = start()
    slot = first_slot_of(chain, rig)
    mine_to_slot(chain, slot)
    agent.cycle()
    (record,) = records(chain)

    def full() -> None:
        raise GpuMemoryExhausted(1, 2)

    agent._prover.meanwhile = full
    mine_to_slot(chain, slot + 1)
    agent.cycle()
    assert (len(records(chain)), store.list()) == (1, [name_of(record)])
    agent._prover.meanwhile = lambda: None
    agent.cycle()
    assert len(records(chain)) == 2


# Jobs


def test_cycle__device_was_forced_in_that_slot_before__takes_the_next_job_a_slot_later(
    chain, device, start, requester, provider
):
    agent = start(jobs=JobPolicy(max_collateral=100 * TBND))
    first, second = fund_job(chain, requester, provider), fund_job(chain, requester, provider)
    mine_to_slot(chain, first_slot_of(chain, device))
    first = submit_as(chain, provider, accept_as(chain, provider, first, device))
    approve_as(chain, requester, first)
    forced = first.state.forced_slot
    agent.cycle()
    assert [each.args["job"] for each in chain.events("JobEscrow", "JobAccepted")] == [first.number]
    mine_to_slot(chain, forced - 1)
    agent.cycle()
    accepted = chain.events("JobEscrow", "JobAccepted")[-1]
    assert (accepted.args["job"], accepted.args["forcedSlot"]) == (second.number, forced + 1)


def test_cycle__job_fits__is_accepted_submitted_and_its_forced_slot_answered(
    chain, device, start, requester, provider, store
):
    agent = start(jobs=JobPolicy(result_digest=RESULT))
    mine_to_slot(chain, first_slot_of(chain, device))
    job = fund_job(chain, requester, provider)
    agent.cycle()
    (accepted,) = chain.events("JobEscrow", "JobAccepted")
    assert (accepted.args["job"], accepted.args["device"]) == (job.number, device)
    agent.cycle()
    (submitted,) = chain.events("JobEscrow", "JobSubmitted")
    assert submitted.args["result"] == RESULT
    forced = accepted.args["forcedSlot"]
    mine_to_slot(chain, forced)
    agent.cycle()
    assert forced in [record.args["slot"] for record in records(chain)]
    mine_to_slot(chain, forced + 1)
    agent.cycle()
    assert any(f"/{forced}/" in name for name in store.list())
    assert len(chain.events("JobEscrow", "JobSubmitted")) == 1


def test_cycle__a_command_does_the_job__its_digest_is_submitted(
    chain, device, start, requester, provider, tmp_path
):
    told = tmp_path / "told"
    script = f"import sys; open({str(told)!r}, 'w').write(' '.join(sys.argv[1:])); print('0x' + 'ab' * 32)"
    agent = start(jobs=JobPolicy(result_command=(sys.executable, "-c", script)))
    mine_to_slot(chain, first_slot_of(chain, device))
    job = fund_job(chain, requester, provider)
    deadline = time.monotonic() + 30
    while not chain.events("JobEscrow", "JobSubmitted") and time.monotonic() < deadline:
        agent.cycle()
    (submitted,) = chain.events("JobEscrow", "JobSubmitted")
    assert submitted.args["result"] == RESULT
    assert told.read_text() == f"{job.number} 0x{job.state.terms.spec.hex()}"


def test_cycle__jobs_are_left_to_the_owner__takes_none(chain, device, start, requester, provider):
    agent = start()
    mine_to_slot(chain, first_slot_of(chain, device))
    fund_job(chain, requester, provider)
    agent.cycle()
    assert chain.events("JobEscrow", "JobAccepted") == []


def test_cycle__job_does_not_fit__takes_none(chain, device, start, requester, provider):
    agent = start(jobs=JobPolicy(min_price=10**30))
    mine_to_slot(chain, first_slot_of(chain, device))
    fund_job(chain, requester, provider)
    agent.cycle()
    assert chain.events("JobEscrow", "JobAccepted") == []


def test_cycle__items_asked_for_on_chain__are_answered_once(
    chain: Chain, stranger: str, device: int, start: Callable[..., Agent]
) -> None:
    agent = start()
    slot = drawn_slot_of(chain, device)
    agent.cycle()
    mine_to_slot(chain, slot + 1, 2)
    agent.cycle()
    mine_to_slot(chain, slot + 2)
    place = Place(PlaceKind.TILE, 1, 9)
    chain.send("Challenges", "requestItem", device, slot, 3, sender=stranger, value=5)
    chain.send("Challenges", "requestPlace", device, slot, place, sender=stranger, value=7)

    agent.cycle()
    agent.cycle()

    answered = chain.events("Challenges", "ItemAnswered")
    assert [each.args["deposit"] for each in answered] == [5, 7]
    assert [each.args["place"] for each in answered] == [Place(PlaceKind.SAMPLE, 3, 0), place]


def test_cycle__labels_and_segments_asked_for_on_chain__are_answered(
    chain: Chain, stranger: str, rig: int, start: Callable[..., Agent]
) -> None:
    agent = start()
    slot = first_slot_of(chain, rig)
    mine_to_slot_with(chain, slot, is_memory_slot)
    agent.cycle()
    mine_to_slot(chain, slot + 2)
    places = [Place(PlaceKind.LABEL, 7, 0), Place(PlaceKind.LABEL, 200, 0), Place(PlaceKind.SEGMENT, 1, 1)]
    for index in (3, 70):
        chain.send("Challenges", "requestItem", rig, slot, index, sender=stranger)
    for place in places:
        chain.send("Challenges", "requestPlace", rig, slot, place, sender=stranger)

    agent.cycle()
    agent.cycle()

    answered = [each.args["place"] for each in chain.events("Challenges", "ItemAnswered")]
    assert answered == [Place(PlaceKind.SAMPLE, 3, 0), Place(PlaceKind.SAMPLE, 70, 0), *places]


def test_asked_just_before_another_timing__is_answered_under_it(
    chain: Chain, stranger: str, rig: int, start: Callable[..., Agent]
) -> None:
    """An attack: ask in the last block of the old timing, and see the bond slashed for the answer."""
    agent = start()
    slot = first_slot_of(chain, rig)
    old = timing(chain)
    epoch = slots.epoch_of(old, slot)
    later = replace(old, from_epoch=epoch + 1)
    chain.send("DeviceRegistry", "schedule", later, sender=role(chain, "governor"))
    mine_to_slot(chain, slot)
    agent.cycle()
    first = slots.start_of(old, slots.first_slot(old, epoch + 1))
    chain.mine_to(first - 2)
    chain.send("Challenges", "requestItem", rig, slot, 3, sender=stranger)
    assert chain.block_number == first - 1
    chain.mine_to(first)

    agent.cycle()

    (answered,) = chain.events("Challenges", "ItemAnswered")
    assert (answered.args["slot"], answered.args["place"]) == (slot, Place(PlaceKind.SAMPLE, 3, 0))


def test_asked_for_what_cannot_be_answered__answers_the_rest(
    chain: Chain, stranger: str, rig: int, start: Callable[..., Agent], store: Store
) -> None:
    """An attack: ask for a slot whose proof fits the GPU no more, and then for others."""
    agent = start()
    slot = first_slot_of(chain, rig)
    for each in (slot, slot + 1):
        mine_to_slot(chain, each)
        agent.cycle()
    mine_to_slot(chain, slot + 3)
    for each in (slot, slot + 1):
        chain.send("Challenges", "requestItem", rig, each, 3, sender=stranger)
    for name in store.list():
        (Path(store.url) / name).unlink()

    def full() -> None:
        if agent._prover.proven[-1].slot == slot:
            raise GpuMemoryExhausted(1, 2)

    agent._prover.meanwhile = full
    agent._proofs.clear()
    agent.cycle()

    (answered,) = chain.events("Challenges", "ItemAnswered")
    assert answered.args["slot"] == slot + 1


def test_asked_while_the_store_is_full__is_answered_all_the_same(
    chain: Chain, stranger: str, rig: int, start: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = start()
    slot = first_slot_of(chain, rig)
    mine_to_slot(chain, slot)
    agent.cycle()
    mine_to_slot(chain, slot + 2)
    chain.send("Challenges", "requestItem", rig, slot, 3, sender=stranger)

    def full(*_: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(agent._publisher, "publish", full)
    with pytest.raises(StoreFull):
        agent.cycle()

    (answered,) = chain.events("Challenges", "ItemAnswered")
    assert answered.args["slot"] == slot


def test_asked_for_more_than_a_slot_has_time_for__misses_no_draw(
    chain: Chain, stranger: str, rig: int, start: Callable[..., Agent]
) -> None:
    """An attack: pay for so many answers that the agent misses its slots, which costs the bond in the end."""
    agent = start()
    slot = first_slot_of(chain, rig)
    mine_to_slot_with(chain, slot, lambda beacon: not is_memory_slot(beacon))
    agent.cycle()
    mine_to_slot(chain, slot + 2)
    for tile in range(7):
        place = Place(PlaceKind.TILE, 1, tile)
        chain.send("Challenges", "requestPlace", rig, slot, place, sender=stranger)

    while len(chain.events("Challenges", "ItemAnswered")) < 7:
        agent.cycle()

    assert {slot + 2, slot + 3} <= {record.args["slot"] for record in records(chain)}


@pytest.mark.parametrize("memory", [False, True], ids=["C", "M"])
def test_asked_while_a_job_fills_the_gpu__samples_are_opened_out_of_what_was_published(
    chain: Chain, stranger: str, rig: int, start: Callable[..., Agent], memory: bool
) -> None:
    """An attack: fill the GPU with a job, and ask for what only the proof would open."""
    agent = start()
    slot = first_slot_of(chain, rig)
    mine_to_slot_with(chain, slot, lambda beacon: is_memory_slot(beacon) == memory)
    agent.cycle()
    mine_to_slot(chain, slot + 1)
    agent.cycle()
    mine_to_slot(chain, slot + 2)
    indices = {3, *range(64, 67)} if memory else {0, 15}
    for index in indices:
        chain.send("Challenges", "requestItem", rig, slot, index, sender=stranger)

    def full() -> None:
        raise GpuMemoryExhausted(1, 2)

    agent._prover.meanwhile = full
    agent.cycle()

    answered = chain.events("Challenges", "ItemAnswered")
    assert {each.args["place"].first for each in answered} == indices
