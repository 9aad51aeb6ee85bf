"""`tensorbond.chain.auctions` against SealedAuction, and the digest of a verdict against OracleArbiter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tensorbond.chain import digests
from tensorbond.chain.auctions import Bid
from tests.acts import domain
from tests.chain import Chain

words = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


@settings(max_examples=25, deadline=None)
@given(job=numbers, provider=addresses, device=numbers, price=st.integers(0, 2**96 - 1), salt=words)
def test_bid__any__has_the_contracts_hash(
    system: Chain, job: int, provider: str, device: int, price: int, salt: bytes
) -> None:
    ours = Bid(31337, system.at("SealedAuction"), job, provider, device, price, salt).hash
    assert ours == system.call("SealedAuction", "bidHash", job, provider, device, price, salt)


@settings(max_examples=25, deadline=None)
@given(job=numbers, state=words, for_provider=st.booleans(), config_digest=words)
def test_verdict__any__has_the_contracts_digest(
    system: Chain, job: int, state: bytes, for_provider: bool, config_digest: bytes
) -> None:
    signable = digests.verdict(domain(system, "OracleArbiter"), job, state, for_provider, config_digest)
    theirs = system.call("OracleArbiter", "verdictDigest", job, state, for_provider, config_digest)
    assert signable.digest == theirs
