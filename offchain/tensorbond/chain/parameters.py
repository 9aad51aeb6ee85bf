"""What a network is deployed with: one typed object, read from `deployments/params/<name>.toml`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tensorbond.chain.errors import DeploymentInvalid
from tensorbond.chain.types import DeviceClass

_AMOUNT = re.compile(r"([0-9][0-9_]{0,99})(?:\.([0-9]{1,99}))?")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def parse_units(text: str, decimals: int) -> int:
    """`"1.5"` with 18 decimals → 1500000000000000000. Raises `ValueError` for what the token cannot
    express."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount")
    whole, fraction = match[1].replace("_", ""), (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(f"{text!r} is not an amount of a token with {decimals} decimals")
    return int(whole + fraction.ljust(decimals, "0"))


def format_units(amount: int, decimals: int) -> str:
    """1500000000000000000 with 18 decimals → `"1.5"`."""
    whole, rest = divmod(abs(amount), 10**decimals)
    fraction = f".{rest:0{decimals}d}".rstrip("0") if rest else ""
    return f"{'-' if amount < 0 else ''}{whole}{fraction}"


def _wei(value: Any) -> Any:
    if isinstance(value, str) and value.endswith(" TBND"):
        return parse_units(value.removesuffix(" TBND"), 18)
    return value


Wei = Annotated[int, BeforeValidator(_wei), Field(ge=0)]
"""Wei of TBND: an integer, or a string such as `"100 TBND"`."""

Address = Annotated[str, Field(pattern=_ADDRESS)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FirstTiming(_Model):
    """The schedule's first entry; its genesis block is chosen at deployment."""

    slot_blocks: int
    epoch_slots: int
    attest_blocks: int
    proof_blocks: int
    roll_call: int


class ClassTerms(_Model):
    m: int
    n: int
    k: int
    r: int
    q: int
    profile: int = 0
    draw_threshold: int
    layers: int = 0
    layer_bits: int = 0
    walker_bits: int = 0
    segments: int = 0
    peak_bandwidth: int = 0
    min_bandwidth: int = 0
    slow_gops: int = 0
    peak_gops: int
    min_gops: int
    bond_per_gops: Wei
    miss_penalty: Wei
    fault_bps: int

    def to_struct(self) -> DeviceClass:
        return DeviceClass(**self.model_dump())


class PaymentToken(_Model):
    """A token on the escrow's allow-list: one that exists, or (on a throw-away chain) a test contract to
    deploy."""

    symbol: str
    address: Address | None = None
    test_contract: str | None = None
    # In its smallest unit: the most that each escrow may hold, of jobs and of leases.
    cap: int = Field(ge=1, le=1 << 87)


# Two days, to see a change coming and to leave before it; on a chain that anybody can throw away, none.
LEAST_GOVERNOR_DELAY = 2 * 24 * 3600
THROW_AWAY_CHAINS = (1337, 31337)


class Parameters(_Model):
    """Everything a deployment is decided by. Addresses left out are the deployer's own."""

    chain_id: int
    governor: Address | None = None
    # Seconds from scheduling a governor's call to the earliest time of making it.
    governor_delay: int = Field(default=0, ge=0, lt=1 << 32)
    # Left out: the governor.
    guardian: Address | None = None
    treasury: Address | None = None
    fee_recipient: Address | None = None
    genesis_supply: Wei
    unbonding_blocks: int
    oracle_bond: Wei
    fee_bps: int
    # Of fees in TBND, the share that a sweep burns; it never changes.
    fee_burn_bps: int = Field(default=0, ge=0, le=10_000)
    # Blocks that the arbiter of a disputed job has for its verdict.
    verdict_blocks: int
    timing: FirstTiming
    # Blocks from the registry's deployment to the schedule's genesis: time to mine the transaction.
    genesis_delay: int = Field(default=20, ge=1)
    classes: tuple[ClassTerms, ...] = Field(alias="class", default=())
    tokens: tuple[PaymentToken, ...] = Field(alias="token", default=())

    @model_validator(mode="after")
    def _governed_slowly(self) -> Parameters:
        """A deployment that others put their money into gives them time, and a guardian of its own."""
        if self.chain_id in THROW_AWAY_CHAINS:
            return self
        if self.governor_delay < LEAST_GOVERNOR_DELAY:
            raise ValueError(f"governor_delay is {self.governor_delay}, need {LEAST_GOVERNOR_DELAY} or more")
        if self.governor is None or self.guardian is None:
            raise ValueError("governor and guardian must be named: the deployer keeps no right")
        if self.governor.lower() == self.guardian.lower():
            raise ValueError("governor and guardian must be two accounts")
        return self

    @classmethod
    def load(cls, path: Path) -> Parameters:
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise DeploymentInvalid(f"{path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise DeploymentInvalid(f"{path}: {error}") from error
