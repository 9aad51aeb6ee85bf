// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Who decides a disputed job. The escrow asks; nobody has to tell it.
interface IArbiter {
    /// @notice What this arbiter says of a disputed job. Asked with at most `JobEscrow.ARBITER_GAS`; a call that fails, runs out of gas or
    /// answers in another form says nothing.
    /// @return decided Whether there is a verdict. Once there is, it should never change.
    /// @return forProvider Whether the provider is to be paid; else the payer is refunded.
    function verdictOf(address escrow, uint256 job) external view returns (bool decided, bool forProvider);
}
