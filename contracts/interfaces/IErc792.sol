// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title ERC-792's arbitrator, as far as an arbitrable contract calls it.
interface IArbitrator {
    /// @notice Open a dispute for at least `arbitrationCost(extraData)`. The arbitrator calls `rule` once it is decided.
    /// @param choices Rulings 1..choices; 0: refused to arbitrate.
    function createDispute(uint256 choices, bytes calldata extraData) external payable returns (uint256 dispute);

    /// @return cost Wei that a dispute takes now.
    function arbitrationCost(bytes calldata extraData) external view returns (uint256 cost);
}

/// @title ERC-792's arbitrable side.
interface IArbitrable {
    event Ruling(IArbitrator indexed arbitrator, uint256 indexed dispute, uint256 ruling);

    /// @notice Give the ruling of a dispute. Caller: the arbitrator.
    function rule(uint256 dispute, uint256 ruling) external;
}
