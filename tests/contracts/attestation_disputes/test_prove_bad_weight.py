from __future__ import annotations

import pytest

from tensorbond.chain.types import OracleFault
from tensorbond.oracle.tree import leaf_hash
from tests.acts import mine_to_slot
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving

from .conftest import SECOND, Story
from .epochs import attest_data, prove, punishing, slots_of, tell, with_leaf

pytestmark = pytest.mark.chain

THIRD = SECOND + 1


@pytest.mark.parametrize("device", [1, 2, 3])
@pytest.mark.parametrize("change", [1, 10])
def test_prove_bad_weight__more_than_the_record_gives__slashes_and_revokes(
    chain: Chain, story: Story, device: int, change: int
) -> None:
    data = with_leaf(story.second, device, weight=story.second.leaves[device].weight + change)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_WEIGHT, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadWeight", data.leaf_proof(device)))


def test_prove_bad_weight__leaf_that_nobody_attested__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    lie = with_leaf(story.second, 2, weight=story.second.leaves[2].weight + 1)

    with (
        chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=lie.root, need=story.second.root),
        moving(chain),
    ):
        prove(chain, "proveBadWeight", lie.leaf_proof(2))


def test_prove_bad_weight__nothing_in_spite_of_a_record__slashes_and_revokes(
    chain: Chain, story: Story
) -> None:
    changes = {"due_c": 1, "passed_c": 1, "idle_c": 0, "due_roll": 2, "passed_roll": 1, "idle_roll": 8}
    data = with_leaf(story.second, 1, weight=0, min_gops=6, **changes)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_WEIGHT, 1, leaf_hash(data.leaves[1])) as found:
        found.append(prove(chain, "proveBadWeight", data.leaf_proof(1)))


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({"min_gops": 6, "due_c": 1, "passed_c": 1, "due_roll": 2, "passed_roll": 1}, 3),
        ({"min_gops": 6, "due_c": 3, "passed_c": 1, "due_roll": 2, "passed_roll": 1}, 2),
        ({"min_gops": 600, "due_c": 0, "passed_c": 0, "due_roll": 3, "passed_roll": 2}, 6),
        ({"min_gops": 600, "due_c": 0, "passed_c": 0, "due_roll": 0, "passed_roll": 0}, 0),
        ({"min_gops": 6, "due_c": 1, "passed_c": 1, "idle_c": 9, "due_roll": 1, "passed_roll": 1}, 0),
        ({"min_gops": 6, "due_c": 1, "passed_c": 1, "due_roll": 1, "passed_roll": 1, "idle_roll": 65535}, 0),
        # A class without layers has no memory to prove.
        ({"min_gops": 6, "due_c": 1, "passed_c": 1, "due_roll": 1, "passed_roll": 1, "due_m": 1}, 6),
    ],
)
def test_prove_bad_weight__as_the_record_gives__reverts(
    chain: Chain, story: Story, changes: dict[str, int], weight: int
) -> None:
    idle = {"idle_c": 0, "idle_roll": 0}
    data = with_leaf(story.second, 1, weight=weight, **(idle | changes))
    attest_data(chain, data)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_WEIGHT), moving(chain):
        prove(chain, "proveBadWeight", data.leaf_proof(1))


def test_prove_bad_weight__suspended_or_retired_after_the_epoch__reverts(
    chain: Chain, story: Story, provider: str
) -> None:
    """What ends a device later takes nothing from an epoch that is over."""
    attest_data(chain, story.second)
    chain.send("DeviceRegistry", "retire", 1, sender=provider)
    chain.send("DeviceRegistry", "suspend", 2, 0, sender=chain.impersonate("WorkDisputes"))

    for device in (1, 2, 3):
        with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_WEIGHT), moving(chain):
            prove(chain, "proveBadWeight", story.second.leaf_proof(device))


def test_prove_bad_weight__suspended_within_the_epoch__is_nothing(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    chain.send("DeviceRegistry", "suspend", 1, 0, sender=chain.impersonate("WorkDisputes"))
    mine_to_slot(chain, slots_of(chain, THIRD).stop)
    # Worth 6 to a device that is active at the end.
    record = {
        "min_gops": 6,
        "due_c": 1,
        "passed_c": 1,
        "idle_c": 0,
        "due_roll": 1,
        "passed_roll": 1,
        "idle_roll": 0,
    }
    data = with_leaf(tell(chain, THIRD, story.second, story.findings), 1, weight=6, **record)
    snapshot = chain.snapshot()
    attest_data(chain, data)

    with punishing(chain, THIRD, OracleFault.BAD_WEIGHT, 1, leaf_hash(data.leaves[1])) as found:
        found.append(prove(chain, "proveBadWeight", data.leaf_proof(1)))
    chain.revert_to(snapshot)

    data = with_leaf(data, 1, weight=0)
    attest_data(chain, data)
    with chain.reverts("FaultNotShown", epoch=THIRD, fault=OracleFault.BAD_WEIGHT), moving(chain):
        prove(chain, "proveBadWeight", data.leaf_proof(1))


@pytest.mark.parametrize("device", [1, 2, 3, 4])
def test_prove_bad_weight__honest__reverts(chain: Chain, story: Story, device: int) -> None:
    attest_data(chain, story.second)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_WEIGHT), moving(chain):
        prove(chain, "proveBadWeight", story.second.leaf_proof(device))
