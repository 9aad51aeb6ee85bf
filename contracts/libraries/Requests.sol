// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Timing} from "./Slots.sol";

/// @notice A request for data that an attestation vouches for. Two words.
struct DataRequest {
    /// Who gets back what no answer was paid.
    address asker;
    /// Wei of the chain's own coin.
    uint96 deposit;
    /// The last block of an answer. Zero: nobody asked.
    uint40 answerBy;
    bool answered;
}

/// @title Requests for what stands behind an attestation: whoever signed vouches that it can be had (docs/protocol.md, "Requests").
/// @dev Asked in the first half of the proof window, answered within a quarter of it, or else proven withheld: whoever asks at once can ask
/// on for what an answer names, and whoever asks last has a quarter left for the proof. Whoever answers is paid from the deposit. The caller
/// moves the money, last: nobody's refusal to be paid stands in another's way.
library Requests {
    using SafeCast for uint256;

    /// The deposit pays the answer's gas at this many times the price that the asker pays for its own.
    uint256 internal constant DEPOSIT_FACTOR = 2;
    /// Gas of an answer but for what is told by the byte, and for each of these.
    uint256 internal constant ANSWER_GAS = 150_000;
    uint256 internal constant BYTE_GAS = 45;

    error DepositInsufficient(uint256 have, uint256 need);
    error RequestedAlready(bytes32 request);
    error RequestUnknown(bytes32 request);
    error RequestTooLate(uint256 blockNumber, uint256 last);
    error AnsweredAlready(bytes32 request);
    error AnswerTooLate(bytes32 request, uint256 blockNumber, uint256 last);
    /// The data can still be shown.
    error AnswerStillPossible(bytes32 request, uint256 blockNumber, uint256 last);
    error NothingToReturn(bytes32 request);

    /// @return Gas of an answer that tells so many bytes.
    function answerGas(uint256 length) internal pure returns (uint256) {
        return ANSWER_GAS + BYTE_GAS * length;
    }

    /// @param provableUntil The last block of the attestation's proof window. @param length The most bytes that the answer needs.
    /// @return answerBy The last block of an answer.
    function ask(
        mapping(bytes32 id => DataRequest) storage requests,
        bytes32 id,
        Timing memory timing,
        uint256 provableUntil,
        uint256 length
    ) internal returns (uint256 answerBy) {
        uint256 last = provableUntil - timing.proofBlocks / 2;
        if (block.number > last) revert RequestTooLate(block.number, last);
        if (requests[id].answerBy != 0) revert RequestedAlready(id);
        uint256 need = depositFor(length, tx.gasprice);
        if (msg.value < need) revert DepositInsufficient(msg.value, need);

        // At most what three quarters of the window are: a half, rounded down, is two quarters or more.
        answerBy = block.number + timing.proofBlocks / 4;
        requests[id] = DataRequest({
            asker: msg.sender,
            deposit: msg.value.toUint96(),
            answerBy: answerBy.toUint40(),
            answered: false
        });
    }

    /// @notice Take an answer that tells `length` of at most `most` bytes. @return paid The answerer's share of the deposit.
    function answer(mapping(bytes32 id => DataRequest) storage requests, bytes32 id, uint256 length, uint256 most)
        internal
        returns (uint256 paid)
    {
        DataRequest memory request = _known(requests, id);
        if (request.answered) revert AnsweredAlready(id);
        if (block.number > request.answerBy) revert AnswerTooLate(id, block.number, request.answerBy);

        paid = (request.deposit * answerGas(length)) / answerGas(most);
        request.answered = true;
        request.deposit -= uint96(paid); // a share of it
        requests[id] = request;
    }

    /// @notice The asker gets back what no answer was paid, once it is answered or nobody can answer any more.
    function giveBack(mapping(bytes32 id => DataRequest) storage requests, bytes32 id)
        internal
        returns (address asker, uint256 amount)
    {
        DataRequest memory request = _known(requests, id);
        if (!request.answered) _requireOver(request, id);
        (asker, amount) = (request.asker, request.deposit);
        if (amount == 0) revert NothingToReturn(id);

        requests[id].deposit = 0;
    }

    /// @notice Reverts unless it was asked for and nobody answered in time.
    function requireWithheld(mapping(bytes32 id => DataRequest) storage requests, bytes32 id) internal view {
        DataRequest memory request = _known(requests, id);
        if (request.answered) revert AnsweredAlready(id);
        _requireOver(request, id);
    }

    /// @return Wei that a request for so many bytes costs at least, if it is sent at this gas price.
    function depositFor(uint256 length, uint256 gasPrice) internal view returns (uint256) {
        return answerGas(length) * priceFor(gasPrice);
    }

    /// @return Wei that a deposit pays for a unit of the answer's gas: what asking for much costs is never less than what answering does,
    /// on a chain without a base fee, too.
    function priceFor(uint256 gasPrice) internal view returns (uint256) {
        return DEPOSIT_FACTOR * Math.max(gasPrice, block.basefee);
    }

    function _known(mapping(bytes32 id => DataRequest) storage requests, bytes32 id)
        private
        view
        returns (DataRequest memory request)
    {
        request = requests[id];
        if (request.answerBy == 0) revert RequestUnknown(id);
    }

    function _requireOver(DataRequest memory request, bytes32 id) private view {
        if (block.number <= request.answerBy) revert AnswerStillPossible(id, block.number, request.answerBy);
    }
}
