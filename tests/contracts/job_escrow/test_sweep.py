from __future__ import annotations

import pytest

from tests.acts import TBND, TUSD, FundedJob, approve_as, fund_as
from tests.chain import Chain
from tests.system import role

from .jobs import moving, submitted_job

FEE = 1 * TUSD
BURN_BPS = 1_000


def test_sweep__fees_accrued__stranger_sends_them_to_the_recipient(
    chain: Chain, requester: str, stranger: str, treasury: str, submitted: FundedJob
) -> None:
    token = chain.address["TestDollar"]
    other = fund_as(chain, requester)
    approve_as(chain, requester, submitted)

    with moving(chain, {"treasury paid": FEE, "escrow paid": -FEE, "tracked": -FEE, "fees": -FEE}):
        sent = chain.send("JobEscrow", "sweep", token, sender=stranger)

    assert sent.event("FeesSwept") == {
        "token": token,
        "to": treasury,
        "amount": FEE,
        "burned": 0,
        "tracked": other.state.terms.price,
    }
    assert chain.call("JobEscrow", "feeRecipient") == treasury


def test_sweep__no_fees__reverts(chain: Chain, stranger: str, treasury: str, funded: FundedJob) -> None:
    """Open prices are nobody's fees."""
    token = chain.address["TestDollar"]
    with chain.reverts("NothingOwed", account=treasury, token=token):
        chain.send("JobEscrow", "sweep", token, sender=stranger)


def test_sweep__twice__reverts(
    chain: Chain, requester: str, stranger: str, treasury: str, submitted: FundedJob
) -> None:
    token = chain.address["TestDollar"]
    approve_as(chain, requester, submitted)
    chain.send("JobEscrow", "sweep", token, sender=stranger)
    with chain.reverts("NothingOwed", account=treasury, token=token):
        chain.send("JobEscrow", "sweep", token, sender=stranger)


# Fees in TBND, of which a share is burned


def fees_in_tbnd(chain: Chain, device: int, price: int) -> str:
    """The fees of one settled job that was paid in TBND."""
    token, requester = chain.address["TensorbondToken"], role(chain, "requester")
    chain.send("JobEscrow", "allowToken", token, 2**87, sender=role(chain, "governor"))
    chain.send("TensorbondToken", "transfer", requester, price, sender=role(chain, "treasury"))
    approve_as(chain, requester, submitted_job(chain, device, token=token, price=price))
    return token


@pytest.mark.parametrize(
    ("price", "fee", "burned"),
    [(100 * TBND, TBND, TBND // 10), (1_900, 19, 1), (900, 9, 0)],
)
def test_sweep__fees_in_tbnd__burns_the_share_rounded_down(
    chain: Chain, stranger: str, treasury: str, device: int, price: int, fee: int, burned: int
) -> None:
    token = fees_in_tbnd(chain, device, price)
    assert chain.call("JobEscrow", "FEE_BURN_BPS") == BURN_BPS
    assert chain.call("JobEscrow", "sweep", token) == fee - burned

    moved = {
        "treasury paid": fee - burned,
        "treasury TBND": fee - burned,
        "escrow paid": -fee,
        "escrow TBND": -fee,
    }
    with moving(chain, moved | {"supply": -burned, "tracked": -fee, "fees": -fee}, token):
        sent = chain.send("JobEscrow", "sweep", token, sender=stranger)

    assert sent.event("FeesSwept") == {
        "token": token,
        "to": treasury,
        "amount": fee - burned,
        "burned": burned,
        "tracked": 0,
    }


@pytest.mark.parametrize(("burn_bps", "burned"), [(0, 0), (10_000, 19)])
def test_sweep__nothing_or_all_is_to_be_burned__one_transfer_is_made(
    chain: Chain, stranger: str, treasury: str, device: int, burn_bps: int, burned: int
) -> None:
    token = fees_in_tbnd(chain, device, 1_900)
    burning(chain, burn_bps)

    moved = {
        "treasury paid": 19 - burned,
        "treasury TBND": 19 - burned,
        "escrow paid": -19,
        "escrow TBND": -19,
    }
    with moving(chain, moved | {"supply": -burned, "tracked": -19, "fees": -19}, token):
        sent = chain.send("JobEscrow", "sweep", token, sender=stranger)

    assert (sent.event("FeesSwept")["amount"], sent.event("FeesSwept")["burned"]) == (19 - burned, burned)
    assert len(sent.all("Transfer")) == 1


def burning(chain: Chain, bps: int) -> None:
    """Put an escrow with the same peers and another FEE_BURN_BPS in the deployed one's place."""
    at = chain.address
    names = (
        "AccessManager",
        "TensorbondToken",
        "DeviceRegistry",
        "ProviderStaking",
        "Attestations",
        "OrderBook",
    )
    peers = [at[name] for name in (*names, "OracleArbiter")]
    other = chain.deploy("JobEscrow", *peers, role(chain, "treasury"), 100, bps, 40, label=f"burning {bps}")
    code = chain.rpc.request("eth_getCode", other, "latest")
    chain.rpc.request("anvil_setCode", at["JobEscrow"], code)
