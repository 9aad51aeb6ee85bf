"""What can be tried with signed orders, by name. Nothing moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tensorbond.chain.digests import Domain
from tensorbond.chain.orders import signable, unfit
from tensorbond.chain.types import JobAsk, JobBid, LeafProof
from tests.acts import TBND, TUSD, attest, domain, mine_to_final, mine_to_slot, set_operator_as
from tests.chain import Chain, Sent
from tests.leaves import folded, make_leaf
from tests.system import ROLES, oracle_accounts, role

from .conftest import Devices
from .orders import (
    changed,
    digest,
    is_held,
    is_spent,
    job_ask,
    job_bid,
    lease_ask,
    lease_bid,
    match,
    moving,
    offer,
    sign,
)

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
AGREES, REFUSES, REVERTS, BURNS_GAS, UNTIDY, RETURN_BOMB = range(6)


# Replay


def test_replay_of_a_filled_bid__reverts(chain: Chain, devices: Devices, requester: str) -> None:
    bid = job_bid(chain, nonce=300)
    match(chain, bid, offer(chain, job_ask(chain), devices.ours[0]))
    again = offer(chain, job_ask(chain, nonce=1), devices.ours[1])
    with moving(chain), chain.reverts("OrderSpent", account=requester, series=0, nonce=300):
        match(chain, bid, again)


def test_replay_of_a_filled_ask__reverts(chain: Chain, devices: Devices, provider: str) -> None:
    ask = job_ask(chain)
    match(chain, job_bid(chain), offer(chain, ask, devices.ours[0]))
    with moving(chain), chain.reverts("OrderSpent", account=provider, series=0, nonce=0):
        match(chain, job_bid(chain, nonce=1), offer(chain, ask, devices.ours[1]))


def test_two_bids_under_one_nonce__only_one_is_filled(chain: Chain, devices: Devices, requester: str) -> None:
    bids = job_bid(chain), job_bid(chain, spec=b"\x01" * 32)
    match(chain, bids[0], offer(chain, job_ask(chain), devices.ours[0]))
    with moving(chain), chain.reverts("OrderSpent", account=requester, series=0, nonce=0):
        match(chain, bids[1], offer(chain, job_ask(chain, nonce=1), devices.ours[1]))


@pytest.mark.parametrize("make", [(job_bid, job_ask), (lease_bid, lease_ask)], ids=["job", "lease"])
@pytest.mark.parametrize("change", [{"chain_id": 1}, {"address": "0x" + "11" * 20}, {"version": "2"}])
def test_replay_from_another_chain_or_contract__reverts(
    chain: Chain, device: int, requester: str, provider: str, change: dict[str, Any], make: Any
) -> None:
    there = Domain(**(vars(domain(chain, "OrderBook")) | change))
    bid, ask = (each(chain) for each in make)
    foreign = signable(there, bid).sign(chain.key(requester))
    with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, bid)):
        match(chain, bid, offer(chain, ask, device), signature=foreign)
    foreign = signable(there, ask).sign(chain.key(provider))
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, ask)):
        match(chain, bid, offer(chain, ask, device, signature=foreign))


def test_order_signed_before_the_chain_changed_its_id__is_void(
    chain: Chain, device: int, requester: str
) -> None:
    bid, ask = job_bid(chain), job_ask(chain)
    offered, signature = offer(chain, ask, device), sign(chain, bid)
    chain.rpc.request("anvil_setChainId", 4242)
    try:
        other = signable(replace(domain(chain, "OrderBook"), chain_id=4242), bid).digest
        with chain.reverts("SignatureInvalid", account=requester, order=other):
            chain.call("OrderBook", "matchJobs", bid, signature, [offered], [])
    finally:
        chain.rpc.request("anvil_setChainId", 31337)
    match(chain, bid, offered, signature=signature)


# Overfill


def test_overfill_of_an_ask__reverts(chain: Chain, devices: Devices) -> None:
    bid, ask = job_bid(chain, count=3), job_ask(chain, count=2)
    with moving(chain), chain.reverts("OrderOverfilled", order=digest(chain, ask), have=3, most=2):
        match(chain, bid, offer(chain, ask, *devices.ours))
    with moving(chain), chain.reverts("OrderOverfilled", order=digest(chain, ask), have=3, most=2):
        match(
            chain,
            bid,
            *(offer(chain, ask, each) for each in devices.ours[:1]),
            offer(chain, ask, *devices.ours[1:]),
        )


def test_overfill_of_a_bid__reverts(chain: Chain, devices: Devices) -> None:
    bid, ask = job_bid(chain, count=2), job_ask(chain, count=3)
    match(chain, bid, offer(chain, ask, devices.ours[0]))
    with moving(chain), chain.reverts("OrderOverfilled", order=digest(chain, bid), have=3, most=2):
        match(chain, bid, offer(chain, ask, *devices.ours[1:]))


def test_overfill_of_a_bid_for_one__reverts(chain: Chain, devices: Devices) -> None:
    bid = job_bid(chain)
    with moving(chain), chain.reverts("OrderOverfilled", order=digest(chain, bid), have=2, most=1):
        match(chain, bid, offer(chain, job_ask(chain, count=2), *devices.ours[:2]))


def test_order_for_none__is_never_filled(chain: Chain, device: int) -> None:
    bid = job_bid(chain, count=0)
    with moving(chain), chain.reverts("OrderOverfilled", order=digest(chain, bid), have=1, most=0):
        match(chain, bid, offer(chain, job_ask(chain), device))


# Expired, cancelled


def test_expired_bid__reverts(chain: Chain, device: int) -> None:
    bid, ask = job_bid(chain), job_ask(chain, expiry=chain.block_number + 1_000)
    chain.mine_to(bid.order.expiry)
    expected = {"order": digest(chain, bid), "blockNumber": bid.order.expiry + 1, "expiry": bid.order.expiry}
    with moving(chain), chain.reverts("OrderExpired", **expected):
        match(chain, bid, offer(chain, ask, device))


def test_expired_ask__reverts(chain: Chain, device: int) -> None:
    ask, bid = job_ask(chain), job_bid(chain, expiry=chain.block_number + 1_000)
    chain.mine_to(ask.order.expiry)
    expected = {"order": digest(chain, ask), "blockNumber": ask.order.expiry + 1, "expiry": ask.order.expiry}
    with moving(chain), chain.reverts("OrderExpired", **expected):
        match(chain, bid, offer(chain, ask, device))


def test_cancelled_order__reverts(chain: Chain, device: int, requester: str, provider: str) -> None:
    bid, ask = job_bid(chain, nonce=7), job_ask(chain, nonce=256 + 3)
    offered = offer(chain, ask, device)
    chain.send("OrderBook", "cancel", provider, 1, 1 << 3, sender=provider)
    with moving(chain), chain.reverts("OrderSpent", account=provider, series=0, nonce=259):
        match(chain, bid, offered)
    chain.send("OrderBook", "cancel", requester, 0, 1 << 7, sender=requester)
    with moving(chain), chain.reverts("OrderSpent", account=requester, series=0, nonce=7):
        match(chain, bid, offered)


def test_order_cancelled_half_way__is_not_filled_further(
    chain: Chain, devices: Devices, provider: str
) -> None:
    ask = job_ask(chain, count=3)
    match(chain, job_bid(chain), offer(chain, ask, devices.ours[0]))
    chain.send("OrderBook", "cancel", provider, 0, 1, sender=provider)
    with moving(chain), chain.reverts("OrderSpent", account=provider, series=0, nonce=0):
        match(chain, job_bid(chain, nonce=1), offer(chain, ask, devices.ours[1]))


def test_orders_all_cancelled__revert_until_signed_anew(
    chain: Chain, device: int, requester: str, provider: str
) -> None:
    bid, ask = job_bid(chain), job_ask(chain)
    chain.send("OrderBook", "cancelAll", requester, sender=requester)
    with moving(chain), chain.reverts("SeriesWrong", account=requester, have=0, need=1):
        match(chain, bid, offer(chain, ask, device))
    ahead = job_bid(chain, series=2)
    with moving(chain), chain.reverts("SeriesWrong", account=requester, have=2, need=1):
        match(chain, ahead, offer(chain, ask, device))
    chain.send("OrderBook", "cancelAll", provider, sender=provider)
    bid = job_bid(chain, series=1)
    with moving(chain), chain.reverts("SeriesWrong", account=provider, have=0, need=1):
        match(chain, bid, offer(chain, ask, device))
    match(chain, bid, offer(chain, job_ask(chain, series=1), device))


# The wrong party


def test_wrong_counterparty__reverts(
    chain: Chain, device: int, requester: str, provider: str, stranger: str
) -> None:
    ask = job_ask(chain, counterparty=stranger)
    with moving(chain), chain.reverts("CounterpartyWrong", account=provider, have=requester, need=stranger):
        match(chain, job_bid(chain), offer(chain, ask, device))
    assert unfit(ask, job_bid(chain)) == "counterparty"
    bid = job_bid(chain, counterparty=stranger)
    assert unfit(job_ask(chain), bid) == "counterparty"
    with moving(chain), chain.reverts("CounterpartyWrong", account=requester, have=provider, need=stranger):
        match(chain, bid, offer(chain, job_ask(chain), device))
    both = job_bid(chain, counterparty=provider), job_ask(chain, counterparty=requester)
    match(chain, both[0], offer(chain, both[1], device))


def test_self_match__reverts(chain: Chain, device: int, provider: str, requester: str) -> None:
    ask = job_ask(chain)
    with moving(chain), chain.reverts("SelfMatch", account=provider):
        match(chain, job_bid(chain, provider), offer(chain, ask, device))
    assert unfit(ask, job_bid(chain, provider)) == unfit(ask, job_bid(chain, requester=provider)) == "account"
    with moving(chain), chain.reverts("SelfMatch", account=provider):
        match(chain, job_bid(chain, requester=provider), offer(chain, ask, device))


def test_ask_for_a_device_of_another_provider__reverts(
    chain: Chain, devices: Devices, provider: str, other_provider: str
) -> None:
    theirs = devices.others[0]
    for ask in (job_ask(chain), job_ask(chain, device=theirs)):
        with moving(chain), chain.reverts("ProviderNotInvited", have=other_provider, need=provider):
            match(chain, job_bid(chain), offer(chain, ask, theirs))
    assert not is_held(chain, theirs)


def test_same_device_twice__reverts(chain: Chain, device: int) -> None:
    bid, ask = job_bid(chain, count=2), job_ask(chain, count=2)
    with moving(chain), chain.reverts("DeviceHeldAlready", device=device):
        match(chain, bid, offer(chain, ask, device, device))


def test_device_that_does_not_exist__reverts(chain: Chain) -> None:
    with moving(chain), chain.reverts("DeviceUnknown", device=999):
        match(chain, job_bid(chain), offer(chain, job_ask(chain), 999))


def test_bid_altered_by_the_matcher__is_nobodys(chain: Chain, device: int, requester: str) -> None:
    bid = job_bid(chain)
    signature, dearer = sign(chain, bid), changed(bid, price=200 * TUSD)
    with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, dearer)):
        match(chain, dearer, offer(chain, job_ask(chain), device), signature=signature)


def test_bid_in_the_name_of_whoever_approved_the_escrow__reverts(
    chain: Chain, device: int, requester: str, stranger: str
) -> None:
    bid = job_bid(chain, requester, requester=stranger)
    for by in (stranger, role(chain, "provider")):
        with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, bid)):
            match(chain, bid, offer(chain, job_ask(chain), device), by=by, sender=by)


def test_escrows_opened_around_the_order_book__revert(chain: Chain, device: int, stranger: str) -> None:
    sent = match(chain, job_bid(chain), offer(chain, job_ask(chain), device))
    terms = sent.event("JobFunded")["terms"]
    with moving(chain), chain.reverts("OrderBookOnly", account=stranger):
        chain.send("JobEscrow", "open", terms, device, sender=stranger)


def test_permit_for_what_is_no_token__does_nothing(chain: Chain, stranger: str) -> None:
    escrow = chain.address["JobEscrow"]
    args = stranger, escrow, 1, 2**40, 27, bytes(32), bytes(32)
    for target in (escrow, chain.address["TestDollar"]):
        assert chain.send("OrderBook", "permit", target, *args, sender=stranger).events == []


# The wrong device


def test_device_of_another_class__reverts(chain: Chain, devices: Devices) -> None:
    with moving(chain), chain.reverts("DeviceUnfit", field="classId", have=1, need=0):
        match(chain, job_bid(chain), offer(chain, job_ask(chain), devices.large))


def test_device_with_too_few_gops__reverts(chain: Chain, device: int) -> None:
    with moving(chain), chain.reverts("DeviceUnfit", field="bondedGops", have=10, need=11):
        match(chain, job_bid(chain, min_gops=11), offer(chain, job_ask(chain), device))


def scored(chain: Chain, devices: Devices, epoch: int = 1, weight: int = 7) -> list[LeafProof]:
    """Leaves of two devices of the provider's, in an epoch that is final."""
    provider = role(chain, "provider")
    leaves = [make_leaf(device, provider, weight=weight) for device in devices.ours[:2]]
    attested = attest(chain, epoch, leaves).epoch
    mine_to_final(chain, epoch)
    return [attested.leaf_proof(device) for device in devices.ours[:2]]


def weighed(chain: Chain, weight: int, since: int, **changes: Any) -> tuple[JobBid, JobAsk]:
    later = chain.block_number + 1_000
    bid = job_bid(chain, min_weight=weight, since_epoch=since, expiry=later, **changes)
    return bid, job_ask(chain, expiry=later, count=bid.order.count)


def test_score__enough_in_a_final_epoch_since__is_taken(chain: Chain, devices: Devices) -> None:
    leaves = scored(chain, devices)
    bid, ask = weighed(chain, 7, 0, count=2)
    sent = match(chain, bid, offer(chain, ask, *devices.ours[:2]), leaves=leaves)
    assert len(sent.all("JobMatched")) == 2


def test_score_too_low__reverts(chain: Chain, devices: Devices) -> None:
    leaves = scored(chain, devices)
    bid, ask = weighed(chain, 8, 1)
    device = devices.ours[0]
    with moving(chain), chain.reverts("WeightTooLow", device=device, have=7, least=8):
        match(chain, bid, offer(chain, ask, device), leaves=leaves[:1])


def test_score_of_a_stale_epoch__reverts(chain: Chain, devices: Devices) -> None:
    leaves = scored(chain, devices)
    bid, ask = weighed(chain, 7, 2)
    device = devices.ours[0]
    with moving(chain), chain.reverts("LeafTooOld", device=device, have=1, least=2):
        match(chain, bid, offer(chain, ask, device), leaves=leaves[:1])


def test_score_of_an_epoch_that_is_not_final__reverts(chain: Chain, devices: Devices) -> None:
    device = devices.ours[0]
    attested = attest(chain, 1, [make_leaf(device, role(chain, "provider"), weight=7)]).epoch
    bid, ask = weighed(chain, 7, 1)
    with moving(chain), chain.reverts("EpochNotFinal", epoch=1):
        match(chain, bid, offer(chain, ask, device), leaves=[attested.leaf_proof(device)])


def test_score_of_another_device__reverts(chain: Chain, devices: Devices) -> None:
    leaves = scored(chain, devices)
    bid, ask = weighed(chain, 7, 1)
    first, second = devices.ours[:2]
    with moving(chain), chain.reverts("LeafOfAnotherDevice", have=second, need=first):
        match(chain, bid, offer(chain, ask, first), leaves=leaves[1:])


def test_score_made_up__reverts(chain: Chain, devices: Devices) -> None:
    proof = scored(chain, devices)[0]
    bid, ask = weighed(chain, 9, 1)
    forged = replace(proof, leaf=replace(proof.leaf, weight=9))
    error = {"epoch": proof.epoch, "have": folded(forged), "need": folded(proof)}
    with moving(chain), chain.reverts("LeafNotUnderRoot", **error):
        match(chain, bid, offer(chain, ask, devices.ours[0]), leaves=[forged])


def test_score_left_out__reverts(chain: Chain, devices: Devices) -> None:
    leaves = scored(chain, devices)
    bid, ask = weighed(chain, 7, 1)
    for given in ((), leaves):
        with moving(chain), chain.reverts("LeafCountWrong", have=len(given), need=1):
            match(chain, bid, offer(chain, ask, devices.ours[0]), leaves=given)
    bid = changed(bid, min_weight=0)
    with moving(chain), chain.reverts("LeafCountWrong", have=1, need=0):
        match(chain, bid, offer(chain, ask, devices.ours[0]), leaves=leaves[:1])


# Signatures


def mirrored(signature: bytes) -> bytes:
    """The other signature of the same message by the same key."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    """ERC-2098: 64 bytes."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


@pytest.mark.parametrize("make", [(job_bid, job_ask), (lease_bid, lease_ask)], ids=["job", "lease"])
@pytest.mark.parametrize(
    "spoil",
    [
        mirrored,
        compact,
        lambda _: b"",
        lambda signature: signature[:64],
        lambda signature: signature + b"\x00",
        lambda signature: signature[:64] + bytes([signature[64] - 27]),
        lambda _: bytes(65),
    ],
    ids=["malleable", "compact", "none", "short", "long", "low v", "zeros"],
)
def test_malleable_or_short_signature__reverts(
    chain: Chain, device: int, requester: str, provider: str, spoil: Any, make: Any
) -> None:
    bid, ask = (each(chain) for each in make)
    with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, bid)):
        match(chain, bid, offer(chain, ask, device), signature=spoil(sign(chain, bid)))
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, ask)):
        match(chain, bid, offer(chain, ask, device, signature=spoil(sign(chain, ask))))


def test_match_jobs__signed_by_another__reverts(
    chain: Chain, device: int, requester: str, provider: str, operator: str
) -> None:
    """An ask may be signed by its provider's operator; nothing else is anybody's but its account's."""
    bid, ask = job_bid(chain), job_ask(chain)
    book = domain(chain, "OrderBook")
    for other in {role(chain, name) for name in ROLES} | {oracle_accounts(chain, 1)[0]}:
        key = chain.key(other)
        if other != requester:
            with (
                moving(chain),
                chain.reverts("SignatureInvalid", account=requester, order=digest(chain, bid)),
            ):
                match(chain, bid, offer(chain, ask, device), signature=signable(book, bid).sign(key))
        if other not in (provider, operator):
            with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, ask)):
                match(chain, bid, offer(chain, ask, device, signature=signable(book, ask).sign(key)))
    match(chain, bid, offer(chain, ask, device, signature=signable(book, ask).sign(chain.key(operator))))


def test_bid_of_nobody__reverts(chain: Chain, device: int) -> None:
    """`ecrecover` answers zero for nonsense: that is no signature of account zero's, nor of account one's."""
    for account in ("0x" + "00" * 20, "0x" + "00" * 19 + "01"):
        bid = job_bid(chain, account)
        with moving(chain), chain.reverts("SignatureInvalid", account=account, order=digest(chain, bid)):
            match(chain, bid, offer(chain, job_ask(chain), device), signature=bytes(64) + b"\x1b")


def test_ask_by_the_operator_of_now__is_taken(chain: Chain, device: int, operator: str) -> None:
    match(chain, job_bid(chain), offer(chain, job_ask(chain), device, by=operator))


def test_ask_by_an_operator_that_was_replaced__reverts(
    chain: Chain, device: int, provider: str, operator: str, stranger: str
) -> None:
    ask, bid = job_ask(chain), job_bid(chain)
    old = offer(chain, ask, device, by=operator)
    set_operator_as(chain, provider, stranger)
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, ask)):
        match(chain, bid, old, sender=role(chain, "auditor"))
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, ask)):
        match(chain, bid, replace(old, signature=b""), sender=operator)
    match(chain, bid, offer(chain, ask, device, by=stranger), sender=role(chain, "auditor"))


def test_bid_by_an_operator__reverts(chain: Chain, devices: Devices, provider: str, operator: str) -> None:
    """A hot key never pays."""
    bid, ask = job_bid(chain, provider), job_ask(chain, role(chain, "other_provider"))
    offered = offer(chain, ask, devices.others[0])
    with moving(chain), chain.reverts("SignatureInvalid", account=provider, order=digest(chain, bid)):
        match(chain, bid, offered, by=operator, sender=operator)


# Wallets (ERC-1271)


@pytest.fixture
def wallet(chain: Chain, governor: str) -> str:
    """With 1,000 test dollars, which it has approved to the job escrow."""
    address = chain.deploy("OrderWallet")
    chain.send("TestDollar", "mint", address, 1_000 * TUSD, sender=governor)
    for escrow in ("JobEscrow", "LeaseEscrow"):
        args = chain.address["TestDollar"], chain.address[escrow]
        chain.send("OrderWallet", "approve", *args, sender=governor)
    return address


def tell(chain: Chain, manner: int) -> Sent:
    return chain.send("OrderWallet", "setManner", manner, sender=role(chain, "governor"))


def test_wallet_that_agrees__pays_for_its_bid(chain: Chain, device: int, wallet: str) -> None:
    before = chain.balance("TestDollar", wallet)
    match(chain, job_bid(chain, wallet), offer(chain, job_ask(chain), device), signature=b"of any form")
    assert before - chain.balance("TestDollar", wallet) == 80 * TUSD


@pytest.mark.parametrize("manner", [REFUSES, REVERTS, UNTIDY, BURNS_GAS, RETURN_BOMB])
def test_wallet_that_lies_or_burns_gas__binds_nobody(
    chain: Chain, device: int, wallet: str, manner: int
) -> None:
    bid = job_bid(chain, wallet)
    tell(chain, manner)
    with moving(chain), chain.reverts("SignatureInvalid", account=wallet, order=digest(chain, bid)):
        match(chain, bid, offer(chain, job_ask(chain), device), signature=b"")


def test_wallet_that_burns_gas__costs_the_matcher_no_more_than_its_share(
    chain: Chain, device: int, wallet: str, stranger: str
) -> None:
    bid = job_bid(chain, wallet)
    tell(chain, BURNS_GAS)
    abi = chain._abi("OrderBook")
    data = abi.encode_call("matchJobs", (bid, b"", [offer(chain, job_ask(chain), device)], []))
    request = {
        "from": stranger,
        "to": chain.address["OrderBook"],
        "data": "0x" + data.hex(),
        "gas": hex(10**7),
    }
    sent = chain.rpc.request("eth_sendTransactionSync", request | {"gasPrice": "0x0"})
    assert sent["status"] == "0x0"
    assert int(sent["gasUsed"], 16) < chain.call("OrderBook", "WALLET_GAS") + 100_000


def test_wallet_that_agrees__speaks_for_itself_alone(
    chain: Chain, device: int, wallet: str, requester: str
) -> None:
    bid = job_bid(chain, requester, requester=wallet)
    with moving(chain), chain.reverts("SignatureInvalid", account=requester, order=digest(chain, bid)):
        match(chain, bid, offer(chain, job_ask(chain), device), signature=b"of any form")


def test_provider_that_is_a_wallet__signs_its_asks(chain: Chain, wallet: str, governor: str) -> None:
    """Staked, registered and offered by the wallet itself; once it refuses, its asks are nobody's."""
    chain.send("TensorbondToken", "transfer", wallet, 100 * TBND, sender=role(chain, "treasury"))
    abis = {name: chain._abi(name) for name in ("TensorbondToken", "ProviderStaking", "DeviceRegistry")}
    for contract, verb, args in (
        ("TensorbondToken", "approve", (chain.address["ProviderStaking"], 100 * TBND)),
        ("ProviderStaking", "stake", (100 * TBND,)),
        ("DeviceRegistry", "register", (0, 10, 1)),
    ):
        data = abis[contract].encode_call(verb, args)
        sent = chain.send("OrderWallet", "act", chain.address[contract], data, sender=governor)
    device = sent.all("DeviceRegistered")[0]["device"]
    mine_to_slot(chain, 8)
    bid, ask = job_bid(chain), job_ask(chain, wallet)
    tell(chain, REFUSES)
    with moving(chain), chain.reverts("SignatureInvalid", account=wallet, order=digest(chain, ask)):
        match(chain, bid, offer(chain, ask, device, signature=b""))
    tell(chain, AGREES)
    match(chain, bid, offer(chain, ask, device, signature=b""))
    assert is_spent(chain, ask)
    assert is_held(chain, device)
