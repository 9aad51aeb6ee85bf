"""What people type and read: amounts in whole tokens, deadlines as blocks or `+blocks`, digests as hex or a
file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorbond.chain.parameters import format_units, parse_units

if TYPE_CHECKING:
    from tensorbond.chain import Network


class Amount(click.ParamType):
    """A decimal amount of a token, kept as text until the token's decimals are known."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_units(str(value), 77)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Tbnd(click.ParamType):
    """An amount of TBND, such as 100 or 0.5; wei."""

    name = "TBND"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_units(str(value), 18)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Address(click.ParamType):
    """0x and 40 hex digits; a checksum, if there is one, must be right."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from eth_utils.address import is_hex_address, to_checksum_address

        digits = str(value).removeprefix("0x")
        if not is_hex_address(value) or digits == value:
            self.fail(f"{value!r} is not an address", param, ctx)
        address = str(to_checksum_address(value))
        if digits not in (digits.lower(), digits.upper()) and address != value:
            self.fail(f"{value!r} is mistyped: its checksum is wrong", param, ctx)
        return address


@dataclass(frozen=True)
class Deadline:
    """A block number, or a number of blocks from now."""

    blocks: int
    relative: bool

    def at(self, head: int) -> int:
        return head + self.blocks if self.relative else self.blocks


class DeadlineType(click.ParamType):
    """`1234` is block 1234, `+50` fifty blocks from now."""

    name = "block"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Deadline:
        if isinstance(value, Deadline):
            return value
        digits = str(value).removeprefix("+")
        if not digits.isdecimal():
            self.fail(f"{value!r} is neither a block number nor +blocks", param, ctx)
        return Deadline(int(digits), str(value).startswith("+"))


class Digest(click.ParamType):
    """32 bytes as 0x-hex, or the keccak256 of a file's content."""

    name = "0xhash|file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        text = str(value)
        if text.startswith("0x") and len(text) == 66:
            try:
                return bytes.fromhex(text[2:])
            except ValueError:
                self.fail(f"{text!r} is not 32 bytes in hexadecimal", param, ctx)
        if not Path(text).is_file():
            self.fail(f"{text!r} is neither 32 bytes in hexadecimal nor a file", param, ctx)
        from eth_utils.crypto import keccak

        return keccak(Path(text).read_bytes())


class Hex(click.ParamType):
    """Bytes as 0x-hex."""

    name = "0xhex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            return bytes.fromhex(str(value).removeprefix("0x"))
        except ValueError:
            self.fail(f"{value!r} is not hexadecimal", param, ctx)


class Signature(Hex):
    """65 bytes as 0x-hex."""

    name = "0xsignature"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        signature = super().convert(value, param, ctx)
        if len(signature) != 65:
            self.fail(f"{value!r} is not 65 bytes", param, ctx)
        return signature


AMOUNT, TBND, ADDRESS, DEADLINE, DIGEST = Amount(), Tbnd(), Address(), DeadlineType(), Digest()
HEX, SIGNATURE = Hex(), Signature()


@dataclass(frozen=True)
class Token:
    """A payment token with what it takes to read its amounts."""

    address: str
    symbol: str
    decimals: int

    def parse(self, text: str) -> int:
        try:
            return parse_units(text, self.decimals)
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    def show(self, amount: int) -> str:
        return f"{format_units(amount, self.decimals)} {self.symbol}"


def token_of(network: Network, name: str) -> Token:
    """By its symbol in the deployment, or by address."""
    if not name.startswith("0x") and name not in network.deployment.tokens and name != "TBND":
        known = ", ".join(["TBND", *network.deployment.tokens])
        raise click.UsageError(f"{network.deployment.network} knows no token {name}; known: {known}")
    address = network.address("TensorbondToken" if name == "TBND" else name)
    symbol, decimals = network.calls([(address, "symbol"), (address, "decimals")])
    return Token(address, symbol, decimals)


def show_tbnd(wei: int) -> str:
    return f"{format_units(wei, 18)} TBND"
