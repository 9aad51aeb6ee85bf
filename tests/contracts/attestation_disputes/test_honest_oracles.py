"""No proof is won against oracles that tell what happened, whatever calldata anybody makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import EvidenceRequest, Job, OutcomeProof, Record
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.outcomes import Finding
from tensorbond.oracle.tree import ABSENT, outcome_path
from tests.chain import Chain, project_artifacts
from tests.conftest import role
from tests.contracts.attestations.epochs import PROOF_BLOCKS, STANDING, revoke

from .conftest import FIRST, SECOND, Story
from .epochs import (
    ITEMS,
    Tree,
    attest_data,
    facts_of,
    no_leaf,
    tell,
    witness_of,
)
from .test_prove_bad_forced import NO_JOB
from .test_prove_bad_throughput import header_of

pytestmark = pytest.mark.chain

Call = tuple[str, tuple[Any, ...]]
TRIES = 40


def calls_about(chain: Chain, story: Story, data: EpochData) -> Iterator[Call]:
    """Every proof, with the honest data of every device."""
    tree, commits = Tree.of(data), facts_of(chain, SECOND).commits
    for level, index in ((20, 0), (7, 0), (1, 1), (0, 2), (0, 7), (3, 3)):
        yield "proveBadSum", (tree.proof(SECOND, level, index),)
    for level, nodes in enumerate(tree.levels):
        for index in sorted({each ^ side for each in nodes for side in (0, 1)})[:6]:
            node, weight = nodes.get(index, ABSENT)
            yield "proveLeafHidden", (SECOND, level, index, node, weight, tree.path(level, index))
    jobs: list[tuple[int, Job]] = [(story.job.number, story.job.state), (9, NO_JOB)]
    for device in (1, 2, 3, 4, 5):
        yield "proveLeafMissing", (SECOND, device, data.tree.path(device))
        yield "proveWithheldLeaf", (SECOND, STANDING, device)
        if device == 5:
            return
        leaf, rows = data.leaf_proof(device), list(data.outcomes[device])
        previous = story.first.leaves.get(device, no_leaf()), story.first.tree.path(device)
        yield "proveBadDevice", (leaf,)
        yield "proveBadReward", (leaf, *previous)
        yield "proveBadWeight", (leaf,)
        yield "proveBadOutcomes", (leaf, rows, *previous)
        for number, state in jobs:
            yield "proveBadForced", (leaf, rows, number, state)
        for index, row in enumerate(rows):
            outcome = OutcomeProof(row, index, outcome_path(rows, index))
            yield "proveFalsePass", (leaf, outcome)
            yield "proveFalseFail", (leaf, outcome)
            commit = commits.get((device, row.slot))
            if commit:
                record = Record(commit.commitment, commit.timestamp, commit.key)
                yield "proveBadThroughput", (leaf, outcome, record, header_of(chain, row.slot))
                asked = EvidenceRequest(
                    SECOND, 0, device, row.slot, witness_of(device, row.slot), ITEMS, 0, 1664
                )
                yield "proveWithheldEvidence", (asked,)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["standing", "signed anew", "final"]), st.data())
def test_honest_oracles__any_calldata__keep_their_bonds(
    chain: Chain, story: Story, state: str, data: st.DataObject
) -> None:
    findings = {}
    for place, found in sorted(story.findings.items()):
        bad = Finding(found[0].root, data.draw(st.integers(0, ITEMS)))
        findings[place] = data.draw(st.sampled_from([found, found, [bad], []]))
    for place, found in story.findings.items():
        if place[1] < SECOND * 4:
            findings[place] = found
    snapshot = chain.snapshot()
    told = tell(chain, SECOND, story.first, findings)
    attest_data(chain, told)
    if state == "signed anew":
        revoke(chain, SECOND)
        for verb, args in calls_about(chain, story, told):
            assert not is_won(chain, encode("proveRevoked", (0, encode(verb, args)))), f"{verb}, revoked"
        told = tell(chain, SECOND, story.first, story.findings)
        attest_data(chain, told, round=1)
    elif state == "final":
        chain.mine(PROOF_BLOCKS + 1)

    calls = list(calls_about(chain, story, told))
    for verb, args in calls:
        assert not is_won(chain, encode(verb, args)), f"{verb} with honest data"
    for _ in range(TRIES):
        verb, args = data.draw(st.sampled_from(calls))
        others = [other for name, other in calls if name == verb]
        mixed = tuple(data.draw(st.sampled_from(others))[place] for place in range(len(args)))
        raw = bytearray(encode(verb, mixed))
        for _ in range(data.draw(st.integers(0, 3))):
            raw[data.draw(st.integers(4, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        assert not is_won(chain, bytes(raw)), f"{verb} with {raw.hex()}"
    chain.revert_to(snapshot)


def test_honest_oracles__last_epochs_leaves_and_proofs__are_no_lies_about_this_one(
    chain: Chain, story: Story
) -> None:
    attest_data(chain, story.second)

    for device in (1, 2, 3):
        leaf = story.first.leaf_proof(device)
        previous = no_leaf(), bytes(3)
        for verb, args in (
            ("proveBadReward", (leaf, *previous)),
            ("proveBadWeight", (leaf,)),
            ("proveBadDevice", (leaf,)),
            ("proveBadOutcomes", (leaf, list(story.first.outcomes[device]), *previous)),
        ):
            assert not is_won(chain, encode(verb, args)), f"{verb} about epoch {FIRST}"


def encode(verb: str, args: tuple[Any, ...]) -> bytes:
    return project_artifacts()["AttestationDisputes"].abi.encode_call(verb, args)


def is_won(chain: Chain, raw: bytes) -> bool:
    """Whether the auditor would win by this calldata now."""
    request = {
        "from": role(chain, "auditor"),
        "to": chain.address["AttestationDisputes"],
        "data": "0x" + raw.hex(),
        "gas": hex(16_000_000),
    }
    answer = chain.rpc.request("debug_traceCall", request, "latest", {"tracer": "callTracer"})
    return "error" not in answer
