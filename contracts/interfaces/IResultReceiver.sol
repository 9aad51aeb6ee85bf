// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Who is told of a settled job (ERC-1154, `OracleConsumer`).
interface IResultReceiver {
    /// @param id The job's number. @param result Its result's digest, 32 bytes.
    function receiveResult(bytes32 id, bytes calldata result) external;
}
