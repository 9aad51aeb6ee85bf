"""What is stored lags behind what is true: the views must tell the truth in every block."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tensorbond.chain.types import EpochStatus
from tests.chain import Chain

from .epochs import (
    EMISSION,
    close,
    deploy_fast,
    last_block,
    mine_to_end,
    revoke,
    some_statement,
    status,
    submit,
)

pytestmark = pytest.mark.chain

OPEN, ATTESTED, FINAL, VOID = EpochStatus


@dataclass
class Model:
    """Epochs as the words say: a list of (round, window's end) for attested ones and None for void ones."""

    attest_blocks: int
    proof_blocks: int
    epochs: list[tuple[int, int] | None] = field(default_factory=list)
    spent: dict[int, int] = field(default_factory=dict)
    revived: int = 0

    def settled(self, block: int) -> int:
        for epoch, attested in enumerate(self.epochs):
            if attested and block <= attested[1]:
                return epoch
        return len(self.epochs)

    def emission(self, block: int) -> int:
        return EMISSION * sum(1 for attested in self.epochs[: self.settled(block)] if attested)

    def status(self, epoch: int, block: int) -> EpochStatus:
        if epoch >= len(self.epochs):
            return OPEN
        attested = self.epochs[epoch]
        if not attested:
            return VOID
        return FINAL if block > attested[1] else ATTESTED


def agree(chain: Chain, model: Model) -> None:
    block = chain.block_number
    assert chain.call("Attestations", "nextEpoch") == len(model.epochs)
    assert chain.call("Attestations", "settledThrough") == model.settled(block)
    assert chain.call("Attestations", "finalEmission") == model.emission(block)
    for epoch in range(max(0, len(model.epochs) - 6), len(model.epochs) + 2):
        assert status(chain, epoch) == model.status(epoch, block), epoch


ACTS = st.sampled_from(["attest", "attest", "attest", "close", "revoke", "wait 1", "wait 5", "wait 30"])


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=st.lists(ACTS, min_size=12, max_size=20), choice=st.randoms(use_true_random=False))
def test_views__any_history__agree_with_it_in_every_block(
    chain: Chain, oracles: list[str], acts: list[str], choice: object
) -> None:
    snapshot, known = chain.snapshot(), dict(chain.address)
    try:
        timing = deploy_fast(chain, oracles, attest_blocks=20, proof_blocks=12)
        model = Model(timing.attest_blocks, timing.proof_blocks)
        for act in acts:
            play(chain, model, act, choice)
            agree(chain, model)
            chain.mine()
            agree(chain, model)
    finally:
        chain.revert_to(snapshot)
        for name, address in known.items():
            chain.register(name, address, chain._abis[name])


def play(chain: Chain, model: Model, act: str, choice: object) -> None:
    epoch, block = len(model.epochs), chain.block_number + 1
    deadline = max(last_block(chain, epoch), model.revived) + model.attest_blocks
    assert chain.call("Attestations", "deadline") == deadline
    if act == "attest" and block <= deadline:
        mine_to_end(chain, epoch)
        round = model.spent.get(epoch, -1) + 1
        sent = submit(chain, some_statement(chain, epoch, round=round))
        model.epochs.append((round, sent.block + model.proof_blocks))
        model.spent[epoch] = round
    elif act == "close" or (act == "attest" and block > deadline):
        chain.mine_to(max(deadline, block - 1))
        close(chain, epoch)
        model.epochs.append(None)
    elif act == "revoke":
        revocable = [candidate for candidate in range(epoch) if model.status(candidate, block) == ATTESTED]
        if revocable:
            chosen = choice.choice(revocable)  # type: ignore[attr-defined]
            model.revived = revoke(chain, chosen).block
            del model.epochs[chosen:]
    elif act.startswith("wait"):
        chain.mine(int(act.split()[1]))


def test_signers_of__attested__are_known_while_it_can_be_revoked(chain: Chain, seated: list[str]) -> None:
    mine_to_end(chain, 0)
    submit(chain, some_statement(chain), (0, 1, 3))
    until = chain.call("Attestations", "attestedOf", 0)[1].provable_until

    chain.mine_to(until)
    assert chain.call("Attestations", "signersOf", 0) == 0b1011
    chain.mine()
    assert chain.call("Attestations", "signersOf", 0) == 0
    assert chain.call("Attestations", "signersOf", 1) == 0


def test_settled_through__far_ahead_of_what_is_counted__is_exact(chain: Chain, oracles: list[str]) -> None:
    """Forty epochs become final at once, with nobody to count them."""
    deploy_fast(chain, oracles, slot_blocks=4, attest_blocks=160, proof_blocks=60)
    mine_to_end(chain, 39)
    for epoch in range(40):
        submit(chain, some_statement(chain, epoch))
    assert (chain.call("Attestations", "settledThrough"), chain.call("Attestations", "finalEmission")) == (
        0,
        0,
    )

    chain.mine(61)
    assert chain.call("Attestations", "settledThrough") == 40
    assert chain.call("Attestations", "finalEmission") == 40 * EMISSION

    mine_to_end(chain, 40)
    submit(chain, some_statement(chain, 40))
    assert chain.call("Attestations", "settledThrough") == 40
    assert chain.call("Attestations", "finalEmission") == 40 * EMISSION
