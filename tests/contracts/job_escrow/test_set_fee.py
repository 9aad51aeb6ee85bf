from __future__ import annotations

from tests.acts import FundedJob
from tests.chain import Chain


def test_set_fee__by_the_governor__holds_for_jobs_from_now_on(
    chain: Chain, governor: str, funded: FundedJob
) -> None:
    sent = chain.send("JobEscrow", "setFee", 500, sender=governor)

    assert sent.event("FeeSet") == {"feeBps": 500}
    assert chain.call("JobEscrow", "feeBps") == 500
    assert chain.call("JobEscrow", "jobCount") == 1


def test_set_fee__above_the_cap__reverts(chain: Chain, governor: str) -> None:
    assert chain.call("JobEscrow", "MAX_FEE_BPS") == 500
    with chain.reverts("FeeTooHigh", have=501, most=500):
        chain.send("JobEscrow", "setFee", 501, sender=governor)


def test_set_fee__by_anyone_else__reverts(chain: Chain, stranger: str) -> None:
    with chain.reverts("AccessManagedUnauthorized", caller=stranger):
        chain.send("JobEscrow", "setFee", 0, sender=stranger)


def test_deployment__fee_above_the_cap__reverts(chain: Chain, governor: str) -> None:
    at = chain.address
    peers = [
        at[name]
        for name in (
            "AccessManager",
            "TensorbondToken",
            "DeviceRegistry",
            "ProviderStaking",
            "Attestations",
            "OrderBook",
            "OracleArbiter",
        )
    ]
    with chain.reverts("FeeTooHigh", have=501, most=500):
        chain.call_constructor("JobEscrow", *peers, governor, 501, 0, 40, sender=governor)
    with chain.reverts("FeeBurnTooHigh", have=10_001, most=10_000):
        chain.call_constructor("JobEscrow", *peers, governor, 500, 10_001, 40, sender=governor)
    for blocks in (0, 2**22 + 1):
        with chain.reverts("VerdictBlocksInvalid", have=blocks, most=2**22):
            chain.call_constructor("JobEscrow", *peers, governor, 500, 10_000, blocks, sender=governor)
