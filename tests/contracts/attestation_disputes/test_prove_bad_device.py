from __future__ import annotations

from dataclasses import replace

import pytest

from tensorbond.chain.types import OracleFault
from tensorbond.oracle.leaves import EpochData
from tensorbond.oracle.tree import leaf_hash
from tests.acts import register_as
from tests.chain import Chain
from tests.contracts.attestations.epochs import moving

from .conftest import SECOND, Story
from .epochs import attest_data, prove, punishing, with_leaf

pytestmark = pytest.mark.chain


def with_device(data: EpochData, device: int) -> EpochData:
    """A leaf more, device 1's with another number."""
    leaf = replace(data.leaves[1], device=device)
    outcomes = {**data.outcomes, device: data.outcomes[1]}
    return replace(data, leaves={**data.leaves, device: leaf}, outcomes=outcomes)


@pytest.mark.parametrize("changes", [{"provider": "0x" + "11" * 20}, {"class_id": 1}])
def test_prove_bad_device__another_provider_or_class__slashes_and_revokes(
    chain: Chain, story: Story, changes: dict[str, object]
) -> None:
    data = with_leaf(story.second, 2, **changes)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_DEVICE, 2, leaf_hash(data.leaves[2])) as found:
        found.append(prove(chain, "proveBadDevice", data.leaf_proof(2)))


@pytest.mark.parametrize("device", [0, 5, (1 << 20) - 1])
def test_prove_bad_device__no_such_device__slashes_and_revokes(
    chain: Chain, story: Story, device: int
) -> None:
    data = with_device(story.second, device)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_DEVICE, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadDevice", data.leaf_proof(device)))


def test_prove_bad_device__begins_after_the_epoch__slashes_and_revokes(
    chain: Chain, story: Story, provider: str
) -> None:
    device = register_as(chain, provider)
    assert chain.call("DeviceRegistry", "deviceOf", device).from_epoch > SECOND
    data = with_device(story.second, device)
    data = with_leaf(data, device, provider=provider)
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.BAD_DEVICE, device, leaf_hash(data.leaves[device])) as found:
        found.append(prove(chain, "proveBadDevice", data.leaf_proof(device)))


@pytest.mark.parametrize("device", [1, 2, 3, 4])
def test_prove_bad_device__honest__reverts(chain: Chain, story: Story, device: int) -> None:
    attest_data(chain, story.second)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.BAD_DEVICE), moving(chain):
        prove(chain, "proveBadDevice", story.second.leaf_proof(device))


def test_prove_bad_device__leaf_that_nobody_attested__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    lie = with_leaf(story.second, 2, class_id=1)

    with (
        chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=lie.root, need=story.second.root),
        moving(chain),
    ):
        prove(chain, "proveBadDevice", lie.leaf_proof(2))


def test_prove_leaf_missing__begun__slashes_and_revokes(chain: Chain, story: Story) -> None:
    data = story.second
    data = replace(data, leaves={device: data.leaves[device] for device in (1, 3, 4)})
    attest_data(chain, data)

    with punishing(chain, SECOND, OracleFault.LEAF_MISSING, 2, (2).to_bytes(32)) as found:
        found.append(prove(chain, "proveLeafMissing", SECOND, 2, data.tree.path(2)))


def test_prove_leaf_missing__no_leaf_at_all__slashes_and_revokes(chain: Chain, story: Story) -> None:
    attest_data(chain, replace(story.second, leaves={}))

    with punishing(chain, SECOND, OracleFault.LEAF_MISSING, 1, (1).to_bytes(32)) as found:
        found.append(prove(chain, "proveLeafMissing", SECOND, 1, bytes(3)))


def test_prove_leaf_missing__begins_after_the_epoch__reverts(
    chain: Chain, story: Story, provider: str
) -> None:
    attest_data(chain, story.second)
    device = register_as(chain, provider)

    with chain.reverts("FaultNotShown", epoch=SECOND, fault=OracleFault.LEAF_MISSING), moving(chain):
        prove(chain, "proveLeafMissing", SECOND, device, story.second.tree.path(device))


def test_prove_leaf_missing__no_such_device__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)

    with chain.reverts("DeviceUnknown", device=5), moving(chain):
        prove(chain, "proveLeafMissing", SECOND, 5, story.second.tree.path(5))


def test_prove_leaf_missing__it_is_there__reverts(chain: Chain, story: Story) -> None:
    attest_data(chain, story.second)
    without = replace(story.second, leaves={d: story.second.leaves[d] for d in (1, 3, 4)})

    with (
        chain.reverts("LeafNotUnderRoot", epoch=SECOND, have=without.root, need=story.second.root),
        moving(chain),
    ):
        prove(chain, "proveLeafMissing", SECOND, 2, story.second.tree.path(2))
