"""A key that acts on a network: typed calls in, receipts with decoded events or decoded refusals out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorbond.chain.abi import Event
from tensorbond.chain.lane import Lane, Policy
from tensorbond.chain.network import Network


@dataclass(frozen=True)
class Receipt:
    """A transaction at the requested depth."""

    transaction: str
    block: int
    gas_used: int
    events: list[Event]

    def event(self, name: str) -> dict[str, Any]:
        """The arguments of the first event of that name. Raises `LookupError`."""
        for event in self.events:
            if event.name == name:
                return event.args
        raise LookupError(f"{self.transaction} emitted no {name}")


class Sender:
    """Sends the transactions of one key, one at a time (`chain.lane` tells how)."""

    def __init__(self, network: Network, account: LocalAccount, policy: Policy | None = None) -> None:
        self.network, self.account = network, account
        abis = [network.abi(name) for name in network.deployment.contracts]
        self.lane = Lane(network.rpc, account, policy=policy, abis=abis)

    @property
    def address(self) -> str:
        return self.lane.address

    def simulate(self, contract: str, function: str, *args: Any) -> Any:
        """What the verb would return now. Raises `ContractRefused`."""
        return self.network.call(contract, function, *args, sender=self.address)

    def send(self, contract: str, function: str, *args: Any, value: int = 0) -> Receipt:
        """Have the verb mined. Raises `ContractRefused` with the decoded error, mostly before anything is
        paid."""
        abi = self.network.abi(contract)
        mined = self.lane.transact(
            self.network.address(contract),
            abi.encode_call(function, args),
            value=value,
            abis=[abi],
            label=(contract, function),
        )
        return Receipt(mined.transaction, mined.block, mined.gas_used, list(self.network.decode(mined.logs)))
