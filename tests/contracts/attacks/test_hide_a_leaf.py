"""A quorum puts a heavy leaf where no device has its place, publishes nothing, and answers what it is asked
for as late as it may. Nobody knows where to ask for that leaf; but the paths of the others show that there
is one."""

from __future__ import annotations

import pytest

from tensorbond.chain.types import OracleFault
from tests.acts import attest
from tests.chain import Chain, Sent
from tests.contracts.attestation_disputes.epochs import Tree, prove, punishing
from tests.contracts.attestations.epochs import EMISSION, PROOF_BLOCKS, STANDING, moving
from tests.leaves import DEPTH, Epoch, make_leaf
from tests.work import device_as

pytestmark = pytest.mark.chain

HIDDEN = (1 << 19) + 4711


@pytest.fixture
def lie(chain: Chain, seated: list[str], provider: str) -> Epoch:
    """All of epoch 1's emission for a device that doesn't exist, attested."""
    device = device_as(chain, provider)
    hidden = make_leaf(HIDDEN, provider, weight=10**9, cumulative_reward=EMISSION)
    return attest(chain, 1, [make_leaf(device, provider), hidden]).epoch


def ask(chain: Chain, place: int, asker: str) -> Sent:
    return chain.send("Attestations", "requestLeaf", 1, STANDING, place, sender=asker, value=10**17)


def test_hide__beside_the_path_of_an_answer__costs_the_bonds(chain: Chain, lie: Epoch, stranger: str) -> None:
    """The last possible request, answered in the last possible block, is enough."""
    device = min(lie.leaves)
    window = chain.call("Attestations", "attestedOf", 1)[1].provable_until
    chain.mine_to(window - PROOF_BLOCKS // 2 - 1)
    chain.mine_to(ask(chain, device, stranger).event("LeafRequested")["answerBy"] - 1)
    shown = lie.leaf_proof(device)
    answer = 1, STANDING, device, shown.leaf, shown.path, []
    chain.send("Attestations", "answerLeaf", *answer, sender=chain.accounts[5])
    assert int.from_bytes(shown.path[:3]) >> 19
    node, weight = shown.path[-44:-12], int.from_bytes(shown.path[-12:])

    with punishing(chain, 1, OracleFault.BAD_DEVICE, 1 << 19, node) as found:
        path = Tree.of(lie).path(19, 1)  # type: ignore[arg-type]
        found.append(prove(chain, "proveLeafHidden", 1, 19, 1, node, weight, path))


def test_hide__asked_at_once__leaves_time_to_ask_for_what_the_path_shows(
    chain: Chain, lie: Epoch, stranger: str
) -> None:
    device = min(lie.leaves)
    chain.mine_to(ask(chain, device, stranger).event("LeafRequested")["answerBy"] - 1)
    shown = lie.leaf_proof(device)
    answer = 1, STANDING, device, shown.leaf, shown.path, []
    chain.send("Attestations", "answerLeaf", *answer, sender=chain.accounts[5])

    asked = ask(chain, 1 << 19, stranger).event("LeafRequested")

    chain.mine_to(asked["answerBy"])
    assert chain.call("Attestations", "attestedOf", 1)[1].provable_until > chain.block_number
    with punishing(chain, 1, OracleFault.WITHHELD_DATA, 1 << 19, asked["request"]) as found:
        found.append(prove(chain, "proveWithheldLeaf", 1, STANDING, 1 << 19))


def test_hide__before_there_is_any_device__the_root_itself_is_the_lie(
    chain: Chain, seated: list[str], provider: str
) -> None:
    told = attest(chain, 0, [make_leaf(1, provider, weight=1)]).epoch
    assert chain.call("DeviceRegistry", "deviceCount") == 0

    with punishing(chain, 0, OracleFault.BAD_DEVICE, 1, told.root) as found:
        found.append(prove(chain, "proveLeafHidden", 0, DEPTH, 0, told.root, 1, bytes(3)))


def test_hide__nothing_where_there_is_no_device__is_no_lie(
    chain: Chain, seated: list[str], provider: str
) -> None:
    """Though the first device registers meanwhile, and whatever sum is told of the absent root."""
    attest(chain, 0)
    for _ in range(2):
        with chain.reverts("FaultNotShown", epoch=0, fault=OracleFault.BAD_DEVICE), moving(chain):
            prove(chain, "proveLeafHidden", 0, DEPTH, 0, bytes(32), 5, bytes(3))
        device_as(chain, provider)
