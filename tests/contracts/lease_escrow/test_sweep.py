"""Fees in TBND, of which a share is burned. Those in other tokens: test_settle.py."""

from __future__ import annotations

import pytest

from tests.acts import TBND
from tests.chain import Chain
from tests.system import role

from .leases import constructor_peers, ledger_of, moving, redeem, tab_of

BURN_BPS = 1_000


def fees_in_tbnd(chain: Chain, amount: int) -> str:
    """The fees of one voucher that was paid in TBND, beside as much that stays in the tab."""
    token = chain.address["TensorbondToken"]
    chain.send("LeaseEscrow", "allowToken", token, 2**87, sender=role(chain, "governor"))
    chain.send(
        "TensorbondToken", "transfer", role(chain, "requester"), 2 * amount, sender=role(chain, "treasury")
    )
    redeem(chain, tab_of(chain, 2 * amount, token=token, cap=2 * amount), amount)
    return token


def burning(chain: Chain, bps: int) -> None:
    """Put an escrow with the same peers and another FEE_BURN_BPS in the deployed one's place."""
    peers = constructor_peers(chain)
    other = chain.deploy(
        "LeaseEscrow", *peers, role(chain, "treasury"), 100, bps, label=f"leases, burning {bps}"
    )
    code = chain.rpc.request("eth_getCode", other, "latest")
    chain.rpc.request("anvil_setCode", chain.address["LeaseEscrow"], code)


@pytest.mark.parametrize(
    ("amount", "fee", "burned"), [(TBND, TBND // 100, TBND // 1_000), (1_900, 19, 1), (900, 9, 0)]
)
def test_sweep__fees_in_tbnd__burns_the_share_rounded_down(
    chain: Chain, market: int, stranger: str, treasury: str, amount: int, fee: int, burned: int
) -> None:
    token = fees_in_tbnd(chain, amount)
    assert chain.call("LeaseEscrow", "FEE_BURN_BPS") == BURN_BPS
    assert chain.call("LeaseEscrow", "sweep", token) == fee - burned
    supply = chain.call(token, "totalSupply")

    with moving(chain, {"treasury paid": fee - burned, "escrow paid": -fee}, token):
        sent = chain.send("LeaseEscrow", "sweep", token, sender=stranger)

    assert sent.event("FeesSwept") == {
        "token": token,
        "to": treasury,
        "amount": fee - burned,
        "burned": burned,
        "tracked": amount,
    }
    assert chain.call(token, "totalSupply") == supply - burned
    assert (ledger_of(chain, token).tracked, ledger_of(chain, token).fees) == (amount, 0)
    with chain.reverts("NothingOwed", account=treasury, token=token):
        chain.send("LeaseEscrow", "sweep", token, sender=stranger)


@pytest.mark.parametrize(("burn_bps", "burned"), [(0, 0), (10_000, 19)])
def test_sweep__nothing_or_all_is_to_be_burned__one_transfer_is_made(
    chain: Chain, market: int, stranger: str, burn_bps: int, burned: int
) -> None:
    token = fees_in_tbnd(chain, 1_900)
    burning(chain, burn_bps)
    supply = chain.call(token, "totalSupply")

    with moving(chain, {"treasury paid": 19 - burned, "escrow paid": -19}, token):
        sent = chain.send("LeaseEscrow", "sweep", token, sender=stranger)

    assert (sent.event("FeesSwept")["amount"], sent.event("FeesSwept")["burned"]) == (19 - burned, burned)
    assert len(sent.all("Transfer")) == 1
    assert chain.call(token, "totalSupply") == supply - burned
