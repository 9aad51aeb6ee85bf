from __future__ import annotations

import pytest

from tensorbond.chain import digests
from tensorbond.chain.types import LeaseLedger, LeaseStatus
from tests.acts import TUSD
from tests.chain import Chain

from .leases import (
    RATE,
    OpenLease,
    act,
    at,
    lease_terms,
    ledger_of,
    mine_to_ripe,
    moving,
    open_lease,
    opened_by,
    redeem,
    refused,
    runway,
    start_lease,
    state_of,
    tab_of,
    top_up,
    voucher,
)


@pytest.fixture
def tab(chain: Chain, market: int) -> OpenLease:
    """Two dollars for vouchers."""
    return tab_of(chain)


def test_redeem__by_anyone__pays_the_provider_at_once(chain: Chain, provider: str, tab: OpenLease) -> None:
    with moving(chain, {"provider paid": 990_000, "escrow paid": -990_000}):
        sent = redeem(chain, tab, TUSD)
    assert sent.event("VoucherRedeemed") == {
        "lease": tab.number,
        "provider": provider,
        "paid": 990_000,
        "fee": 10_000,
        "redeemed": TUSD,
    }
    assert runway(chain, tab)[2] == TUSD


def test_redeem__a_later_voucher__pays_the_difference(chain: Chain, tab: OpenLease) -> None:
    redeem(chain, tab, TUSD)
    with moving(chain, {"provider paid": 495_000, "escrow paid": -495_000}):
        redeem(chain, tab, 1_500_000)


@pytest.mark.parametrize("amount", [TUSD, TUSD - 1, 0])
def test_redeem__an_older_voucher__pays_nothing(chain: Chain, tab: OpenLease, amount: int) -> None:
    redeem(chain, tab, TUSD)
    with moving(chain, {}):
        sent = redeem(chain, tab, amount)
    assert sent.events == []


def test_redeem__more_than_is_left__pays_that_and_the_rest_after_a_top_up(
    chain: Chain, tab: OpenLease
) -> None:
    """A voucher never pays less than its face for good (a peer's ticket did, when its reserve was empty)."""
    with moving(chain, {"provider paid": 1_980_000, "escrow paid": -1_980_000}):
        redeem(chain, tab, 3 * TUSD)
    with moving(chain, {}):
        redeem(chain, tab, 3 * TUSD)
    top_up(chain, tab, 2 * TUSD)
    with moving(chain, {"provider paid": 990_000, "escrow paid": -990_000}):
        redeem(chain, tab, 3 * TUSD)


def test_redeem__fee__is_a_share_of_all_that_was_redeemed(chain: Chain, tab: OpenLease) -> None:
    """Ten vouchers of 15 units cost what one of 150 does."""
    fees = [redeem(chain, tab, 15 * n).event("VoucherRedeemed")["fee"] for n in range(1, 11)]
    assert sum(fees) == 1


def test_redeem__signed_by_another__reverts(
    chain: Chain, provider: str, requester: str, tab: OpenLease
) -> None:
    with chain.reverts("VoucherInvalid", lease=tab.number, signer=requester):
        act(chain, tab, "redeem", TUSD, voucher(chain, tab, TUSD, provider))


def test_redeem__malleable_twin_of_a_signature__reverts(chain: Chain, requester: str, tab: OpenLease) -> None:
    signed = voucher(chain, tab, TUSD)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = order - int.from_bytes(signed[32:64], "big")
    twin = signed[:32] + high.to_bytes(32, "big") + bytes([55 - signed[64]])
    for spoilt in (twin, signed[:64] + b"\0", signed[:64] + b"\x1d"):
        with chain.reverts("VoucherInvalid", lease=tab.number, signer=requester):
            act(chain, tab, "redeem", TUSD, spoilt)


def test_redeem__voucher_of_another_lease__reverts(chain: Chain, requester: str, tab: OpenLease) -> None:
    other = tab_of(chain)
    with chain.reverts("VoucherInvalid", lease=other.number, signer=requester):
        act(chain, other, "redeem", TUSD, voucher(chain, tab, TUSD))


def test_redeem__voucher_of_another_chain_or_contract__reverts(
    chain: Chain, requester: str, provider: str, tab: OpenLease
) -> None:
    key, home = chain.key(requester), chain.address["LeaseEscrow"]
    for domain in (digests.Domain("LeaseEscrow", 1, home), digests.Domain("LeaseEscrow", 31337, provider)):
        signed = digests.voucher(domain, tab.number, TUSD).sign(key)
        with chain.reverts("VoucherInvalid", lease=tab.number, signer=requester):
            act(chain, tab, "redeem", TUSD, signed)


def test_redeem__lease_that_takes_no_vouchers__reverts(chain: Chain, lease: OpenLease) -> None:
    with chain.reverts("VouchersNotTaken", lease=lease.number):
        redeem(chain, lease, TUSD)


def test_redeem__an_offer__reverts(chain: Chain, device: int) -> None:
    lease = open_lease(chain, device, voucher_blocks=50)
    with chain.reverts("LeaseStatusWrong", lease=lease.number, have=LeaseStatus.OFFERED):
        redeem(chain, lease, TUSD)


def test_redeem__beside_a_rate__never_takes_what_has_accrued(chain: Chain, device: int) -> None:
    """150 of 200 seconds have accrued: half a dollar is left for vouchers, which pause the lease."""
    lease = start_lease(chain, device, voucher_blocks=50)
    signed = voucher(chain, lease, 2 * TUSD)
    at(chain, lease, 150)
    with moving(chain, {"provider paid": 495_000, "escrow paid": -495_000}):
        act(chain, lease, "redeem", 2 * TUSD, signed)
    at(chain, lease, 180)
    chain.mine()
    assert runway(chain, lease) == (0, 150, 0)


# The payer's way out


def test_stop__a_tab__needs_a_notice_though_its_seconds_are_none(chain: Chain, tab: OpenLease) -> None:
    with chain.reverts("NoticeNeeded", lease=tab.number, notice=0):
        act(chain, tab, "stop", sender="requester")


def test_stop__while_a_voucher_is_in_flight__waits_for_it(chain: Chain, tab: OpenLease) -> None:
    """Blocks are counted: a chain that halts for a day takes no voucher's time away."""
    signed = voucher(chain, tab, 2 * TUSD)
    given = act(chain, tab, "giveNotice", sender="requester").event("LeaseNoticed")
    assert given["stopFrom"] == chain.block_number + 50
    chain.mine_to(given["stopFrom"] - 2)
    chain.set_time(chain.timestamp + 86400)
    with refused(chain, "StopEarly", lease=tab.number, have=given["stopFrom"] - 1, need=given["stopFrom"]):
        act(chain, tab, "stop", sender="requester")
    with moving(chain, {"provider paid": 1_980_000, "escrow paid": -1_980_000}):
        act(chain, tab, "redeem", 2 * TUSD, signed)


def test_stop__a_tab_after_its_notice__closes_it_and_refunds_the_rest(chain: Chain, tab: OpenLease) -> None:
    redeem(chain, tab, TUSD)
    act(chain, tab, "giveNotice", sender="requester")
    chain.mine(50)
    with moving(chain, {"requester paid": TUSD, "escrow paid": -TUSD}):
        sent = act(chain, tab, "stop")
    assert sent.event("LeaseClosed") == {"lease": tab.number}
    assert ledger_of(chain).fees == 10_000
    assert state_of(chain, tab).status == LeaseStatus.CLOSED
    with chain.reverts("LeaseStatusWrong", lease=tab.number, have=LeaseStatus.CLOSED):
        redeem(chain, tab, 2 * TUSD)


def test_redeem__beside_a_rate_until_the_end__fee_counts_both(chain: Chain, device: int) -> None:
    lease = start_lease(chain, device, voucher_blocks=50)
    redeem(chain, lease, 10_050)
    at(chain, lease, 70)
    act(chain, lease, "giveNotice", sender="provider")
    chain.mine(50)
    sent = act(chain, lease, "stop")
    assert sent.event("LeaseStopped")["active"] == 70
    assert sent.event("LeaseStopped")["refunded"] == 2 * TUSD - 10_050 - 70 * RATE
    mine_to_ripe(chain, lease)
    assert act(chain, lease, "settle").event("LeaseClosed") == {"lease": lease.number}
    assert ledger_of(chain).fees == 100 + 70 * RATE // 100


# Whose signature: ERC-1271


AGREES, REFUSES, REVERTS, BURNS_GAS, UNTIDY, RETURN_BOMB = range(6)


@pytest.fixture
def wallet(chain: Chain, governor: str, market: int) -> str:
    """A wallet with a tab of two dollars; it agrees to whatever it is shown."""
    address = chain.deploy("OrderWallet")
    chain.send("TestDollar", "mint", address, 2 * TUSD, sender=governor)
    args = chain.address["TestDollar"], chain.address["LeaseEscrow"]
    chain.send("OrderWallet", "approve", *args, sender=governor)
    return address


def tab_of_wallet(chain: Chain, wallet: str) -> OpenLease:
    terms = lease_terms(chain, requester=wallet, rate=0, voucher_blocks=50)
    data = chain._abi("LeaseEscrow").encode_call("open", (terms, 0, 2 * TUSD))
    sender = terms.provider
    return opened_by(chain.send("OrderWallet", "act", chain.address["LeaseEscrow"], data, sender=sender))


def test_redeem__of_a_wallet_that_agrees__pays_whatever_form_the_signature_has(
    chain: Chain, wallet: str
) -> None:
    tab = tab_of_wallet(chain, wallet)
    for amount, signature in ((TUSD, b""), (2 * TUSD, b"of any form")):
        with moving(chain, {"provider paid": 990_000, "escrow paid": -990_000}):
            act(chain, tab, "redeem", amount, signature)
    assert runway(chain, tab)[2] == 0


@pytest.mark.parametrize("manner", [REFUSES, REVERTS, BURNS_GAS])
def test_redeem__of_a_wallet_that_does_not_agree__reverts(
    chain: Chain, wallet: str, provider: str, governor: str, manner: int
) -> None:
    """Nor does anybody else's signature count."""
    tab = tab_of_wallet(chain, wallet)
    chain.send("OrderWallet", "setManner", manner, sender=governor)
    for signature in (b"", voucher(chain, tab, TUSD, provider)):
        with refused(chain, "VoucherInvalid", lease=tab.number, signer=wallet):
            act(chain, tab, "redeem", TUSD, signature, gas=2_000_000)
    assert runway(chain, tab)[2] == 2 * TUSD


def test_redeem__of_a_wallet_that_changes_its_mind__pays_what_it_agreed_to_in_time(
    chain: Chain, wallet: str, governor: str
) -> None:
    """A contract's signature can be taken back: who takes one redeems at once."""
    tab = tab_of_wallet(chain, wallet)
    act(chain, tab, "redeem", TUSD, b"")
    chain.send("OrderWallet", "setManner", REFUSES, sender=governor)
    with moving(chain, {}), refused(chain, "VoucherInvalid", lease=tab.number, signer=wallet):
        act(chain, tab, "redeem", 2 * TUSD, b"")


def test_redeem__a_wallet_of_another__speaks_for_itself_alone(
    chain: Chain, wallet: str, requester: str
) -> None:
    tab = tab_of(chain)
    with refused(chain, "VoucherInvalid", lease=tab.number, signer=requester):
        act(chain, tab, "redeem", TUSD, b"of any form")


def test_redeem__more_fees_than_their_bits_hold__are_left_to_the_provider(
    chain: Chain, governor: str, requester: str, provider: str, market: int
) -> None:
    token = chain.deploy("NoReturnToken")
    most, deposit = (1 << 80) - 1, 1 << 86
    chain.send("LeaseEscrow", "allowToken", token, deposit, sender=governor)
    chain.send("LeaseEscrow", "setFee", 500, sender=governor)
    chain.send("NoReturnToken", "mint", requester, deposit, sender=governor)
    tab = tab_of(chain, deposit, token=token, cap=deposit)
    assert deposit * 500 // 10_000 > most
    with moving(chain, {"provider paid": deposit - most, "escrow paid": most - deposit}, token):
        told = redeem(chain, tab, deposit).event("VoucherRedeemed")
    assert (told["paid"], told["fee"]) == (deposit - most, most)
    assert ledger_of(chain, token) == LeaseLedger(most, most, deposit)
