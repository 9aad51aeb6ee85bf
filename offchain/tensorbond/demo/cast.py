"""Who plays: accounts of the public test mnemonic, by the part they have in the story."""

from __future__ import annotations

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from tensorbond.demo.anvil import account


@dataclass(frozen=True)
class Provider:
    """A provider's two keys: the owner wallet holds the stake, the operator is the agent's hot key."""

    name: str
    owner: LocalAccount
    operator: LocalAccount
    prover: str
    """How its agent proves: `honest`, `skipping` or `wrong-tile`."""


@dataclass(frozen=True)
class Cast:
    """Everybody in the story. Oracles are ascending by address, as a set seats them."""

    governor: LocalAccount
    honest: Provider
    liar: Provider
    careless: Provider
    requester: LocalAccount
    deceived: LocalAccount
    stranger: LocalAccount
    oracles: tuple[LocalAccount, ...]

    @property
    def providers(self) -> tuple[Provider, ...]:
        return self.honest, self.liar, self.careless

    def accounts(self) -> tuple[LocalAccount, ...]:
        """Every key in the story."""
        keys = [key for provider in self.providers for key in (provider.owner, provider.operator)]
        return self.governor, *keys, self.requester, self.deceived, self.stranger, *self.oracles

    def names(self) -> dict[str, str]:
        """Who an address is."""
        shown: dict[str, str] = {
            self.governor.address: "governor",
            self.requester.address: "requester",
            self.deceived.address: "deceived requester",
            self.stranger.address: "stranger",
        }
        for provider in self.providers:
            shown[provider.owner.address] = provider.name
            shown[provider.operator.address] = f"{provider.name}'s operator"
        for number, oracle in enumerate(self.oracles, 1):
            shown[oracle.address] = f"oracle {number}"
        return shown


def cast() -> Cast:
    """The cast of demo and devnet."""
    oracles = sorted((account(index) for index in (10, 11, 12)), key=lambda oracle: int(oracle.address, 16))
    return Cast(
        governor=account(0),
        honest=Provider("honest provider", account(1), account(2), "honest"),
        liar=Provider("liar", account(3), account(4), "skipping"),
        careless=Provider("careless provider", account(5), account(6), "wrong-tile"),
        requester=account(7),
        deceived=account(8),
        stranger=account(9),
        oracles=tuple(oracles),
    )
