"""Transactions that are dropped, displaced, underpaid, reorganised away, or refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from tensorbond.chain.errors import (
    ChainError,
    ContractRefused,
    FundsInsufficient,
    RpcError,
    TransactionDisplaced,
    TransactionStuck,
)
from tensorbond.chain.lane import Fees, Lane, Mined
from tests.chain import Chain, account, project_artifacts
from tests.offchain.chain.conftest import TOKEN, make_lane, mint

pytestmark = pytest.mark.chain

Start = Callable[..., Chain]


@pytest.fixture
def still(start: Start) -> Chain:
    """A chain that mines only when told, with the token on it."""
    chain = start()
    chain.deploy(TOKEN)
    chain.rpc.request("evm_setAutomine", False)
    return chain


class Sending(threading.Thread):
    """A mint (or `data`) under way in a thread of its own, over connections of its own."""

    def __init__(
        self, chain: Chain, key: LocalAccount, *, data: bytes | None = None, **policy: object
    ) -> None:
        super().__init__(daemon=True)
        self.lane = make_lane(chain, key, **policy)
        self.lane.rpc = chain.rpc.clone()
        self.call = mint(chain, key.address, 5) if data is None else (chain.address[TOKEN], data)
        self.hashes: list[str] = []
        self.mined: Mined | None = None
        self.error: ChainError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.mined = self.lane.transact(*self.call, on_signed=self.hashes.append)
        except ChainError as error:
            self.error = error
        finally:
            self.lane.rpc.close()

    def result(self) -> Mined:
        self.join(10)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        assert self.mined is not None
        return self.mined


def pending(chain: Chain) -> list[dict[str, Any]]:
    """The pool's transactions."""
    content = chain.rpc.request("txpool_content")["pending"]
    return [each for by_nonce in content.values() for each in by_nonce.values()]


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_transact__mined_at_once__gives_the_receipt(start: Start, key: LocalAccount) -> None:
    chain = start()
    chain.deploy(TOKEN)
    mined = make_lane(chain, key).transact(*mint(chain, key.address, 5))
    assert mined.block == chain.block_number
    assert mined.block_hash == chain.block_hash(mined.block)
    assert len(mined.logs) == 1
    assert chain.balance(TOKEN, key.address) == 5


def test_transact__refused_in_the_simulation__sends_nothing_and_decodes(
    still: Chain, key: LocalAccount
) -> None:
    data = project_artifacts()[TOKEN].abi.encode_call("transfer", [account(1).address, 7])
    with pytest.raises(ContractRefused) as caught:
        make_lane(still, key).transact(still.address[TOKEN], data, label=(TOKEN, "transfer"))
    assert caught.value.error_name == "ERC20InsufficientBalance"
    assert caught.value.arguments == {"sender": key.address, "balance": 0, "needed": 7}
    assert str(caught.value) == (
        "TestDollar.transfer refused: "
        f"ERC20InsufficientBalance(sender = {key.address}, balance = 0, needed = 7)"
    )
    assert pending(still) == []


def test_transact__unmined_for_its_patience__is_replaced_at_12_5_percent_more(
    still: Chain, key: LocalAccount
) -> None:
    sending = Sending(still, key)
    wait_for(lambda: pending(still))
    first = pending(still)[0]
    wait_for(lambda: len(sending.hashes) >= 3)
    wait_for(lambda: pending(still)[0]["hash"] == sending.hashes[2])
    second = pending(still)
    assert len(second) == 1
    for name in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert int(second[0][name], 16) * 1000 >= int(first[name], 16) * 1125**2 // 1000
    still.mine()
    mined = sending.result()
    assert mined.transaction in sending.hashes
    assert still.balance(TOKEN, key.address) == 5


def test_transact__the_base_fee_rises_eightfold__is_mined_at_the_new_price(
    still: Chain, key: LocalAccount
) -> None:
    sending = Sending(still, key)
    wait_for(lambda: pending(still))
    base = int(still.block()["baseFeePerGas"], 16)
    still.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(base * 8))
    still.mine()
    still.rpc.request("anvil_setNextBlockBaseFeePerGas", hex(base * 8))
    wait_for(lambda: any(int(each["maxFeePerGas"], 16) >= base * 8 for each in pending(still)))
    still.mine()
    assert sending.result().transaction in sending.hashes[1:]


def test_transact__dropped_from_the_pool__is_sent_again(still: Chain, key: LocalAccount) -> None:
    sending = Sending(still, key, patience=60.0)
    wait_for(lambda: pending(still))
    still.rpc.request("anvil_dropTransaction", sending.hashes[0])
    wait_for(lambda: [each["hash"] for each in pending(still)] == sending.hashes)
    still.mine()
    assert sending.result().transaction == sending.hashes[0]


def test_transact__another_process_takes_the_nonce__is_tried_anew(still: Chain, key: LocalAccount) -> None:
    sending = Sending(still, key, patience=60.0)
    wait_for(lambda: pending(still))
    still.rpc.request("anvil_dropTransaction", sending.hashes[0])
    take_nonce(still, key)
    wait_for(lambda: len(sending.hashes) == 2)
    wait_for(lambda: pending(still))
    still.mine()
    assert sending.result().transaction == sending.hashes[1]
    assert still.balance(TOKEN, key.address) == 5


def test_transact__a_fixed_nonce_is_taken__is_displaced(still: Chain, key: LocalAccount) -> None:
    lane = make_lane(still, key)
    nonce = lane.nonce()
    take_nonce(still, key)
    with pytest.raises(TransactionDisplaced, match=f"took nonce {nonce}"):
        lane.transact(*mint(still, key.address, 5), nonce=nonce)
    assert still.balance(TOKEN, key.address) == 0


def test_transact__never_mined__is_stuck_and_says_what_was_sent(still: Chain, key: LocalAccount) -> None:
    sending = Sending(still, key, deadline=0.8)
    with pytest.raises(TransactionStuck) as caught:
        sending.result()
    assert len(sending.hashes) >= 2
    assert all(transaction in str(caught.value) for transaction in sending.hashes)


def test_transact__fees_at_the_cap__repeats_what_was_signed(still: Chain, key: LocalAccount) -> None:
    sending = Sending(still, key, max_fee_cap=3 * 10**9, deadline=1.5)
    wait_for(lambda: pending(still))
    with pytest.raises(TransactionStuck):
        sending.result()
    fees = int(pending(still)[0]["maxFeePerGas"], 16)
    assert fees <= 3 * 10**9


def test_transact__two_confirmations_asked__waits_for_the_second_block(
    still: Chain, key: LocalAccount
) -> None:
    sending = Sending(still, key, confirmations=2, patience=60.0)
    wait_for(lambda: pending(still))
    still.mine()
    time.sleep(0.3)
    assert sending.is_alive()
    still.mine()
    assert sending.result().block == still.block_number - 1


def test_transact__reorganised_away_before_it_is_deep_enough__is_mined_again(
    still: Chain, key: LocalAccount
) -> None:
    sending = Sending(still, key, confirmations=3, patience=60.0)
    wait_for(lambda: pending(still))
    still.mine()
    abandoned = still.block_hash(still.block_number)
    still.rpc.request("anvil_reorg", 1, [])
    wait_for(lambda: pending(still))
    still.mine(3)
    mined = sending.result()
    assert mined.block_hash != abandoned
    assert mined.block_hash == still.block_hash(mined.block)
    assert still.balance(TOKEN, key.address) == 5


def test_transact__refused_only_when_mined__is_decoded_from_the_block(
    still: Chain, key: LocalAccount
) -> None:
    """Somebody else spends the balance between the simulation and the block."""
    other = account(1).address
    abi = project_artifacts()[TOKEN].abi
    still.rpc.request("evm_setAutomine", True)
    still.send(TOKEN, "mint", key.address, 5, sender=other)
    still.send(TOKEN, "approve", other, 5, sender=key.address)
    still.rpc.request("evm_setAutomine", False)
    sending = Sending(still, key, patience=60.0, data=abi.encode_call("transfer", [other, 5]))
    wait_for(lambda: pending(still))
    request = {"from": other, "to": still.address[TOKEN], "gas": "0x20000", "gasPrice": hex(10**12)}
    data = abi.encode_call("transferFrom", [key.address, other, 5])
    still.rpc.request("eth_sendTransaction", request | {"data": "0x" + data.hex()})
    still.mine()
    with pytest.raises(ContractRefused) as caught:
        sending.result()
    assert caught.value.error_name == "ERC20InsufficientBalance"
    assert caught.value.arguments == {"sender": key.address, "balance": 0, "needed": 5}


def test_transact__no_ether__says_so(still: Chain, key: LocalAccount) -> None:
    still.rpc.request("anvil_setBalance", key.address, "0x0")
    with pytest.raises(FundsInsufficient, match=key.address):
        make_lane(still, key).transact(*mint(still, key.address, 5))


def test_transact__two_threads_with_one_key__take_turns(start: Start, key: LocalAccount) -> None:
    chain = start("--block-time", "1")
    chain.deploy(TOKEN)
    nonce = int(chain.rpc.request("eth_getTransactionCount", key.address, "latest"), 16)
    both = [Sending(chain, key, patience=60.0) for _ in range(2)]
    blocks = [each.result().block for each in both]
    assert len(set(blocks)) == 2
    assert make_lane(chain, key).nonce() == nonce + 2
    assert chain.balance(TOKEN, key.address) == 10


def test_await_mined__unknown_to_the_node__is_none(still: Chain, key: LocalAccount) -> None:
    assert make_lane(still, key).await_mined("0x" + "11" * 32) is None


def test_bumped__any_fees__rise_by_at_least_12_5_percent() -> None:
    for fee in (1, 7, 8, 10**9, 10**12 + 1):
        bumped = Fees(fee, fee).bumped()
        assert bumped.max_fee * 8 >= fee * 9
        assert bumped.tip * 8 >= fee * 9


def test_transact__an_unknown_refusal_of_the_node__is_shown(still: Chain, key: LocalAccount) -> None:
    lane: Lane = make_lane(still, key)
    with pytest.raises(RpcError, match="eth_call"):
        lane.transact("0x12", b"")


def take_nonce(chain: Chain, key: LocalAccount) -> None:
    """As another process with the same key would: a transaction that pays more, mined at once. The lane may
    have sent its own again, so that the node would give this one the nonce after it."""
    nonce = chain.rpc.request("eth_getTransactionCount", key.address, "latest")
    request = {
        "from": key.address,
        "to": key.address,
        "gas": "0x5208",
        "gasPrice": hex(10**11),
        "nonce": nonce,
    }
    chain.rpc.request("eth_sendTransaction", request)
    chain.mine()
