"""Taking orders back: one, several, or all that were ever signed."""

from __future__ import annotations

from tests.acts import set_operator_as, stake_as
from tests.chain import Chain

BIT = 1 << 7


def spent(chain: Chain, account: str, word: int = 0) -> int:
    found: int = chain.call("OrderBook", "spentOf", account, word)
    return found


def test_cancel__by_the_account__spends_these_nonces_and_no_other(
    chain: Chain, requester: str, stranger: str
) -> None:
    chain.send("OrderBook", "cancel", requester, 3, BIT, sender=requester)
    sent = chain.send("OrderBook", "cancel", requester, 3, BIT | 1, sender=requester)
    assert sent.event("OrdersCancelled") == {
        "account": requester,
        "word": 3,
        "mask": BIT | 1,
        "spent": BIT | 1,
    }
    assert spent(chain, requester, 3) == BIT | 1
    assert [spent(chain, requester, word) for word in (2, 4)] == [0, 0]
    assert spent(chain, stranger, 3) == 0
    assert chain.call("OrderBook", "seriesOf", requester) == 0


def test_cancel__by_the_providers_operator__is_allowed(chain: Chain, provider: str, operator: str) -> None:
    stake_as(chain, provider, 10**18)
    set_operator_as(chain, provider, operator)
    chain.send("OrderBook", "cancel", provider, 0, BIT, sender=operator)
    assert spent(chain, provider) == BIT
    assert chain.send("OrderBook", "cancelAll", provider, sender=operator).event("SeriesStarted") == {
        "account": provider,
        "series": 1,
    }


def test_cancel__by_a_stranger__reverts(chain: Chain, provider: str, stranger: str) -> None:
    for verb, args in (("cancel", (0, BIT)), ("cancelAll", ())):
        with chain.reverts("AccountOnly", sender=stranger, account=provider, operator=provider):
            chain.send("OrderBook", verb, provider, *args, sender=stranger)
    assert spent(chain, provider) == 0


def test_cancel_all__starts_a_series__with_all_its_nonces(
    chain: Chain, requester: str, provider: str
) -> None:
    chain.send("OrderBook", "cancel", requester, 0, BIT, sender=requester)
    sent = chain.send("OrderBook", "cancelAll", requester, sender=requester)
    assert sent.event("SeriesStarted") == {"account": requester, "series": 1}
    assert chain.call("OrderBook", "seriesOf", requester) == 1
    assert chain.call("OrderBook", "seriesOf", provider) == 0
    assert spent(chain, requester) == 0
