"""What an oracle tells over HTTP, and the server that tells it. Everything is pulled; nothing can be pushed.

GET /health                                        who this is and how far it is
GET /votes/{epoch}/{round}                         votes, its own and those it has seen
GET /signatures/{epoch}/{round}                    signed statements, likewise
GET /evidence/{chain}/{device}/{slot}/{commitment} an evidence file by its name
GET /attestations/{chain}/{epoch}/{root}           an epoch's leaf data by its root
GET /.well-known/security.txt                      where to report a hole (RFC 9116), if its operator says so
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import uvicorn
from eth_utils.address import to_checksum_address
from fastapi import FastAPI, HTTPException, Path, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from tensorbond.chain.types import Statement
from tensorbond.oracle.attestation import MAX_MEMBERS, MAX_ROUND
from tensorbond.oracle.board import STATEMENTS_PER_MEMBER, VOTES_PER_MEMBER, Board, SignedStatement, Vote
from tensorbond.oracle.errors import OracleError
from tensorbond.oracle.leaves import data_name
from tensorbond.proof.evidence import evidence_name

START_SECONDS = 10.0
U64_MAX = (1 << 64) - 1


class ListenFailed(OracleError):
    """The oracle's HTTP server can't listen where it was told to."""


class MessageInvalid(OracleError):
    """An answer that is not of the form that oracles exchange."""


def _bytes(length: int) -> Callable[[Any], bytes]:
    def parse(value: Any) -> bytes:
        if isinstance(value, bytes) and len(value) == length:
            return value
        if not isinstance(value, str) or len(value) != 2 + 2 * length or not value.startswith("0x"):
            raise ValueError(f"not 0x and {2 * length} hexadecimal digits")
        return bytes.fromhex(value[2:])

    return parse


def _address(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 42 or not value.startswith("0x"):
        raise ValueError("no address")
    return str(to_checksum_address(value))


_shown = PlainSerializer(lambda value: "0x" + value.hex(), when_used="json")
Bytes32 = Annotated[bytes, BeforeValidator(_bytes(32)), _shown]
Bytes65 = Annotated[bytes, BeforeValidator(_bytes(65)), _shown]
Address = Annotated[str, BeforeValidator(_address)]
Uint = Annotated[int, Field(strict=True, ge=0, le=U64_MAX)]
Message = TypeVar("Message", bound="_Message")


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class VoteMessage(_Message):
    oracle: Address
    statement_digest: Bytes32
    signature: Bytes65


class VotesMessage(_Message):
    votes: Annotated[list[VoteMessage], Field(max_length=MAX_MEMBERS * VOTES_PER_MEMBER)]


class StatementMessage(_Message):
    epoch: Uint
    round: Uint
    previous_root: Bytes32
    last_block_hash: Bytes32
    root: Bytes32
    total_weight: Annotated[str, Field(pattern=r"^[0-9]{1,29}$")]
    data_digest: Bytes32
    config_digest: Bytes32


class SignedMessage(_Message):
    oracle: Address
    statement: StatementMessage
    signature: Bytes65


class SignaturesMessage(_Message):
    signatures: Annotated[list[SignedMessage], Field(max_length=MAX_MEMBERS * STATEMENTS_PER_MEMBER)]


def show_votes(votes: list[Vote]) -> VotesMessage:
    return VotesMessage(
        votes=[
            VoteMessage(oracle=vote.oracle, statement_digest=vote.statement_digest, signature=vote.signature)
            for vote in votes
        ]
    )


def parse_votes(raw: bytes, epoch: int, round: int) -> list[Vote]:
    """Raises MessageInvalid. The signatures are not checked here; the board does that."""
    told = _parse(VotesMessage, raw)
    return [Vote(each.oracle, epoch, round, each.statement_digest, each.signature) for each in told.votes]


def show_signatures(signed: list[SignedStatement]) -> SignaturesMessage:
    return SignaturesMessage(
        signatures=[
            SignedMessage(
                oracle=each.oracle,
                statement=StatementMessage(
                    **vars(each.statement) | {"total_weight": str(each.statement.total_weight)}
                ),
                signature=each.signature,
            )
            for each in signed
        ]
    )


def parse_signatures(raw: bytes, epoch: int, round: int) -> list[SignedStatement]:
    """Raises MessageInvalid, also for statements about another turn. Signatures: the board checks them."""
    signed = parse_statements(raw)
    if any((each.statement.epoch, each.statement.round) != (epoch, round) for each in signed):
        raise MessageInvalid(f"a statement about another turn than ({epoch}, {round})")
    return signed


def parse_statements(raw: bytes) -> list[SignedStatement]:
    """Of any turns. Raises MessageInvalid."""
    signed = []
    for each in _parse(SignaturesMessage, raw).signatures:
        told = each.statement.model_dump() | {"total_weight": int(each.statement.total_weight)}
        signed.append(SignedStatement(each.oracle, Statement(**told), each.signature))
    return signed


def _parse(kind: type[Message], raw: bytes) -> Message:
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise MessageInvalid(f"{error.error_count()} faults, first: {error.errors()[0]['msg']}") from error


Turn = Annotated[int, Path(ge=0, le=U64_MAX)]
Round = Annotated[int, Path(ge=0, le=MAX_ROUND)]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


def make_app(
    board: Board,
    health: Callable[[], dict[str, Any]],
    read: Callable[[str], bytes | None],
    security_txt: Callable[[], str | None] = lambda: None,
) -> FastAPI:
    """`read` gives a stored file by its name, or None. The callables are called from other threads."""
    app = FastAPI(title="Tensorbond oracle", docs_url=None, redoc_url=None, openapi_url=None)

    def file(name: str, media_type: str) -> Response:
        content = read(name)
        if content is None:
            raise HTTPException(404, f"no {name} here")
        return Response(content, media_type=media_type)

    @app.get("/health")
    def get_health() -> dict[str, Any]:
        return health()

    @app.get("/votes/{epoch}/{round}")
    def get_votes(epoch: Turn, round: Round) -> VotesMessage:
        return show_votes(board.votes(epoch, round))

    @app.get("/signatures/{epoch}/{round}")
    def get_signatures(epoch: Turn, round: Round) -> SignaturesMessage:
        return show_signatures(board.signed(epoch, round))

    @app.get("/evidence/{chain}/{device}/{slot}/{commitment}")
    def get_evidence(chain: Turn, device: Turn, slot: Turn, commitment: Digest) -> Response:
        name = evidence_name(chain, device, slot, bytes.fromhex(commitment))
        return file(name, "application/octet-stream")

    @app.get("/attestations/{chain}/{epoch}/{root}")
    def get_leaf_data(chain: Turn, epoch: Turn, root: Digest) -> Response:
        return file(data_name(chain, epoch, bytes.fromhex(root)), "application/json")

    @app.get("/.well-known/security.txt")
    def get_security_txt() -> Response:
        if (text := security_txt()) is None:
            raise HTTPException(404, "no security.txt here")
        return Response(text, media_type="text/plain; charset=utf-8")

    return app


class Server:
    """Serves an app from a thread of its own until `stop`."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        """Listens at once (port 0: any free one); raises ListenFailed."""
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            raise ListenFailed(f"can't listen on {host}:{port}: {error.strerror}") from error
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=256,
            timeout_keep_alive=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="exchange", daemon=True
        )

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ListenFailed(f"the HTTP server on port {self.port} did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=START_SECONDS)
        self._socket.close()
