"""Answering for what an attestation vouches for: what nobody shows in time costs every signer its bond."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tensorbond.chain import slots
from tensorbond.chain.abi import Event
from tensorbond.chain.errors import ContractRefused, RpcError, TransactionError
from tensorbond.chain.network import BlockRef
from tensorbond.chain.sender import Sender
from tensorbond.chain.types import DataRequest, EvidenceRequest, Record, Timing
from tensorbond.follower import Follower
from tensorbond.oracle.archive import Archive
from tensorbond.oracle.errors import LeafDataMissing
from tensorbond.oracle.leaves import NO_LEAF, EpochData
from tensorbond.oracle.peers import Peers
from tensorbond.oracle.reader import commit_of
from tensorbond.proof.evidence import evidence_path
from tensorbond.store import StoreError

log = logging.getLogger(__name__)

ANSWERS_AT_ONCE = 4
"""In a cycle: however much is asked for, the rest of an oracle's work goes on."""


class Answerer:
    """Answers every request about an attestation, whoever signed it, and though it was revoked since: who
    signed it answers for it all the same. The deposit pays for it."""

    def __init__(self, sender: Sender, archive: Archive) -> None:
        self._sender = sender
        self._network = sender.network
        self._archive = archive
        self._asked = (
            Follower(self._network, "Attestations", ("LeafRequested",)),
            Follower(self._network, "AttestationDisputes", ("EvidenceRequested",)),
        )
        self._leaves: tuple[bytes, EpochData] | None = None

    def answer(self, head: BlockRef, peers: Peers, delay: Callable[[int], int]) -> None:
        """The most urgent first, each `delay(number)` blocks after it was asked, or once half of its time is
        over; `number`: the request's."""
        asked = [
            event
            for follower in self._asked
            for event in follower.until(head)
            if event.args["answerBy"] > head.number
        ]
        asked.sort(key=lambda event: event.args["answerBy"])
        left = ANSWERS_AT_ONCE
        for event in asked:
            most = (event.args["answerBy"] - event.block) // 2
            if head.number < event.block + min(most, delay(int.from_bytes(event.args["request"]))):
                continue
            try:
                left -= self._answer(event, head, peers)
            except ContractRefused as error:
                log.info("request 0x%s is not answered: %s", event.args["request"].hex(), error)
            except (LeafDataMissing, StoreError, RpcError, TransactionError) as error:
                # One request must not keep the others waiting, nor the epoch that is to be attested.
                log.error("request 0x%s can't be answered yet: %s", event.args["request"].hex(), error)
            if not left:
                return

    def _answer(self, event: Event, head: BlockRef, peers: Peers) -> bool:
        """Whether an answer was sent."""
        if event.name == "LeafRequested":
            return self._answer_leaf(event, head, peers)
        return self._answer_evidence(event, head, peers)

    def _answer_leaf(self, event: Event, head: BlockRef, peers: Peers) -> bool:
        epoch, round, device = (event.args[name] for name in ("epoch", "round", "device"))
        _, state = self._network.call("Attestations", "leafRequestOf", epoch, round, device, block=head)
        if state.answered:
            return False
        root, _, _ = self._network.call("Attestations", "attestationOf", epoch, round, block=head)
        if self._leaves is None or self._leaves[0] != root:
            self._leaves = root, self._archive.leaf_data(self._network.chain_id, epoch, root, peers)
        data = self._leaves[1]
        leaf, rows = data.leaves.get(device, NO_LEAF), list(data.outcomes.get(device, ()))
        path = data.tree.path(device)
        self._sender.send("Attestations", "answerLeaf", epoch, round, device, leaf, path, rows)
        log.info("leaf %d of epoch %d shown", device, epoch)
        return True

    def _answer_evidence(self, event: Event, head: BlockRef, peers: Peers) -> bool:
        network, request = self._network, event.args["request"]
        state: DataRequest = network.call("AttestationDisputes", "requestOf", request, block=head)
        if state.answered:
            return False
        asked: EvidenceRequest = event.args["asked"]
        timing: Timing = network.call("DeviceRegistry", "timingAt", asked.slot)
        since = slots.start_of(timing, asked.slot)
        (committed,) = network.events(
            "Challenges", "Committed", since=since, until=head, device=asked.device, slot=asked.slot
        )
        commit = commit_of(committed)
        evidence = self._archive.evidence(network.chain_id, commit, asked.witness, peers)
        if evidence is None:
            log.error("nobody has the evidence 0x%s, which epoch %d names", asked.witness.hex(), asked.epoch)
            return False
        item = evidence.header if asked.index == asked.items else evidence.items[asked.index]
        self._sender.send(
            "AttestationDisputes",
            "answerEvidence",
            asked,
            Record(commit.commitment, commit.timestamp, commit.key),
            item,
            evidence_path(evidence, asked.index),
            evidence.signature,
        )
        log.info("item %d of 0x%s shown", asked.index, asked.witness.hex())
        return True
