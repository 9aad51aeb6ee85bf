"""`python -m tests.flows.process`: one oracle or one agent, told what to be by a JSON object on stdin."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from eth_account import Account

from tensorbond.oracle.config import OracleConfig
from tensorbond.oracle.node import run as run_oracle
from tensorbond.provider.agent import run as run_agent
from tensorbond.provider.config import AgentConfig, JobPolicy


def main(told: dict[str, Any]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    shared = {
        "rpc_urls": tuple(told["rpc"]),
        "deployment": Path(told["deployment"]),
        "account": Account.from_key(told["key"]),
        "store_url": told["store"],
        "state_dir": Path(told["state"]),
        "poll_seconds": 0.15,
    }
    if told["role"] == "oracle":
        run_oracle(OracleConfig(**shared, listen_port=told["port"], workers=1))
    else:
        result = told.get("result")
        jobs = JobPolicy(result_digest=bytes.fromhex(result)) if result else None
        run_agent(AgentConfig(**shared, provider=told["provider"], jobs=jobs))


if __name__ == "__main__":
    main(json.loads(sys.stdin.readline()))
