"""Asking the other oracles. A peer may be down, slow, broken or hostile: whatever it answers, we carry on."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeVar

import httpx

from tensorbond.oracle.board import SignedStatement, Vote
from tensorbond.oracle.exchange import MessageInvalid, parse_signatures, parse_votes

log = logging.getLogger(__name__)

ANSWER_SECONDS = 3.0
FILE_SECONDS = 20.0
REST_SECONDS = 5.0
"""For which a peer that is down or slow is not asked again."""
MAX_MESSAGE_BYTES = 1 << 20
_Parsed = TypeVar("_Parsed")


class PeerFault(Exception):
    """Why an answer can't be used."""


# An endpoint is whatever somebody wrote on the chain, so it may be no URL at all.
FAULTS = (PeerFault, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)


class Peers:
    """The endpoints of the other members, by address. Every request has one deadline."""

    def __init__(
        self,
        endpoints: Mapping[str, str],
        answer_seconds: float = ANSWER_SECONDS,
        file_seconds: float = FILE_SECONDS,
    ) -> None:
        self.endpoints = dict(endpoints)
        self._answer_seconds = answer_seconds
        self._file_seconds = file_seconds
        self._rests_until = dict.fromkeys(endpoints, 0.0)

    def votes(self, epoch: int, round: int) -> list[Vote]:
        """What the peers tell of a round; unverified."""
        path = f"/votes/{epoch}/{round}"
        return self._ask_messages(path, lambda raw: parse_votes(raw, epoch, round))

    def signatures(self, epoch: int, round: int) -> list[SignedStatement]:
        """What the peers tell of a round; unverified."""
        path = f"/signatures/{epoch}/{round}"
        return self._ask_messages(path, lambda raw: parse_signatures(raw, epoch, round))

    def evidence(self, names: Sequence[str], limit: int) -> dict[str, list[bytes]]:
        """Evidence files by name, as many different ones as peers have; unverified."""
        return self._ask_files({name: f"/evidence/{name}" for name in names}, limit)

    def leaf_data(self, name: str, limit: int) -> list[bytes]:
        """The leaf data files of this name that peers have; unverified."""
        return self._ask_files({name: "/" + name.removesuffix(".json")}, limit)[name]

    def _ask_messages(self, path: str, parse: Callable[[bytes], list[_Parsed]]) -> list[_Parsed]:
        answers = asyncio.run(self._ask([path], MAX_MESSAGE_BYTES, self._answer_seconds))
        found: list[_Parsed] = []
        for oracle, raw in answers[path].items():
            try:
                found += parse(raw)
            except MessageInvalid as error:
                log.warning("peer %s answered %s with nonsense: %s", oracle, path, error)
        return found

    def _ask_files(self, paths: Mapping[str, str], limit: int) -> dict[str, list[bytes]]:
        answers = asyncio.run(self._ask(list(paths.values()), limit, self._file_seconds))
        return {name: list(dict.fromkeys(answers[path].values())) for name, path in paths.items()}

    async def _ask(self, paths: Sequence[str], limit: int, seconds: float) -> dict[str, dict[str, bytes]]:
        """By path and peer; those without a usable answer are left out."""
        answers: dict[str, dict[str, bytes]] = {path: {} for path in paths}

        async def ask_one(client: httpx.AsyncClient, oracle: str, endpoint: str) -> None:
            for path in paths:
                try:
                    async with asyncio.timeout(seconds):
                        answers[path][oracle] = await _fetch(client, endpoint.rstrip("/") + path, limit)
                except FAULTS as error:
                    fatal = not isinstance(error, PeerFault)
                    level = logging.INFO if fatal else logging.DEBUG
                    log.log(level, "peer %s gave no %s: %s", oracle, path, error or type(error).__name__)
                    if fatal:
                        self._rests_until[oracle] = time.monotonic() + REST_SECONDS
                        return

        headers = {"Accept-Encoding": "identity"}
        async with httpx.AsyncClient(
            timeout=seconds, headers=headers, trust_env=False, verify=_tls()
        ) as client:
            awake = [each for each in self.endpoints.items() if self._rests_until[each[0]] < time.monotonic()]
            await asyncio.gather(*(ask_one(client, *each) for each in awake))
        return answers


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes longer than most answers, so it is done once."""
    return ssl.create_default_context()


async def _fetch(client: httpx.AsyncClient, url: str, limit: int) -> bytes:
    async with client.stream("GET", url) as response:
        if response.status_code != 200:
            raise PeerFault(f"status {response.status_code}")
        parts, size = [], 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > limit:
                raise PeerFault(f"more than {limit} bytes")
            parts.append(part)
    return b"".join(parts)
