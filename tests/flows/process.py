"""What a process of the market runs: one oracle or one agent."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from eth_account import Account

from tensorbond.oracle.config import OracleConfig
from tensorbond.oracle.node import run as run_oracle
from tensorbond.provider.agent import run as run_agent
from tensorbond.provider.config import AgentConfig


def play(told: dict[str, Any], log: str) -> None:
    """The target of a process; returns when it is told to stop."""
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    shared = {
        "rpc_urls": tuple(told["rpc"]),
        "deployment": Path(told["deployment"]),
        "account": Account.from_key(told["key"]),
        "store_url": told["store"],
        "state_dir": Path(told["state"]),
        "poll_seconds": 0.15,
        "confirmations": 0,
    }
    if told["role"] == "oracle":
        run_oracle(OracleConfig(**shared, listen_port=told["port"], workers=1))
    else:
        run_agent(AgentConfig(**shared, provider=told["provider"]))
