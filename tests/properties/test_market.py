"""The whole market, played at random: after every step the chain equals the model to the wei, and the
numbered invariants of docs/protocol.md hold.

Every rule is a verb. It asks mostly for what should work, and else for what must not: the model knows by
which error it is refused. `HYPOTHESIS_PROFILE=deep` plays longer, `SHRINK=1` looks for the shortest play
that fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chain import Chain, project_artifacts
from tests.diagrams import edges, states
from tests.system import free_anvil

from .play import Play
from .world import World

pytestmark = [pytest.mark.chain, pytest.mark.slow]

# Plays and steps in each. "ci" plays the same ones every time.
PROFILES = {"ci": (80, 100), "deep": (500, 100)}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
PLAYS, STEPS = PROFILES[PROFILE]

# Every verb that the play must know.
VERBS = [
    "stake",
    "stakeWithPermit",
    "unbond",
    "rebond",
    "withdraw",
    "delegate",
    "undelegate",
    "rebondDelegated",
    "withdrawDelegated",
    "setCommission",
    "release",
    "setOperator",
    "addClass",
    "schedule",
    "register",
    "retire",
    "seal",
    "openSession",
    "commit",
    "proveMissed",
    "requestItem",
    "proveWithheld",
    "returnDeposit",
    "enforce",
    "discharge",
    "join",
    "leave",
    "withdrawBond",
    "seat",
    "attest",
    "close",
    "proveEquivocation",
    "proveBadReward",
    "proveRevoked",
    "claim",
    "claimMany",
    "fund",
    "accept",
    "submit",
    "approve",
    "approvePart",
    "approveWithSignature",
    "assign",
    "dispute",
    "attestVerdict",
    "resolve",
    "settle",
    "refund",
    "refundByOutcome",
    "collect",
    "sweep",
    "allowToken",
    "setFee",
    "matchJobs",
    "matchLeases",
    "cancel",
    "cancelAll",
    "openAuction",
    "commitBid",
    "revealBid",
    "award",
    "openLease",
    "acceptLease",
    "topUp",
    "settleLease",
    "redeem",
    "giveNotice",
    "stop",
    "halt",
    "refundFunder",
    "collectLease",
    "sweepLease",
    "allowLeaseToken",
    "setLeaseFee",
]
LEAST_SUCCESS = 0.2
MOST_VERBS = 0.9
FEW = 20
"""What was attempted less often says nothing about the share."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A chain in this process, with times short enough to see many epochs."""
    with free_anvil() as anvil:
        chain = Chain(anvil.url, project_artifacts())
        yield World(chain, tmp_path_factory.mktemp("deployments") / "market.json")
        chain.rpc.close()


def test_market__any_course_of_acts__invariants_hold_and_model_is_met(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run_state_machine_as_test(
        lambda: Play(world),
        settings=settings(
            max_examples=PLAYS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=PROFILE == "ci",
            database=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if os.environ.get("SHRINK") else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    with capsys.disabled():
        report(world)
    assert len(world.moves) >= 20
    assert world.moves - drawn() == set(), "a change of status that docs/protocol.md doesn't draw"
    assert sum(world.attempts[verb] > 0 for verb in VERBS) >= MOST_VERBS * len(VERBS)
    for verb in VERBS:
        attempts, successes = world.attempts[verb], world.successes[verb]
        assert attempts < FEW or successes >= LEAST_SUCCESS * attempts, f"{verb}: {successes} of {attempts}"


def drawn() -> set[tuple[str, str, str, str]]:
    """As `World.moves`, all words of each arrow's label among the verbs."""
    arrows = [(escrow, edge) for escrow in ("JobEscrow", "LeaseEscrow") for edge in edges(states()[escrow])]
    return {(escrow, edge.source, edge.target, verb) for escrow, edge in arrows for verb in edge.verbs}


def report(world: World) -> None:
    print(f"\n{world.transactions} transactions in {world.blocks} blocks")
    for verb in VERBS:
        attempts, successes = world.attempts[verb], world.successes[verb]
        share = f"{successes / attempts:4.0%}" if attempts else "  – "
        reasons = ", ".join(f"{count} {error}" for error, count in world.refusals[verb].most_common())
        print(f"{verb:18}{successes:5} of {attempts:5} {share}  {reasons}")
    print(", ".join(f"{count} {event}" for event, count in sorted(world.events.items())))
