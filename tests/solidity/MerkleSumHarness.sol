// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MerkleMany} from "../../contracts/libraries/MerkleMany.sol";
import {Leaf, MerkleSum, Outcome, OutcomeTree} from "../../contracts/libraries/MerkleSum.sol";

/// @dev Opens the libraries' internal functions to the tests.
contract MerkleSumHarness {
    function fold(bytes32 leafHash, uint256 weight, uint256 index, bytes calldata path)
        external
        pure
        returns (bytes32 root, uint256 sum)
    {
        return MerkleSum.fold(leafHash, weight, index, path);
    }

    function foldMany(uint256[] memory nodes, bytes calldata path) external pure returns (bytes32 root, uint256 sum) {
        return MerkleMany.foldMany(nodes, path);
    }

    function leafHash(Leaf calldata leaf) external pure returns (bytes32) {
        return MerkleSum.hash(leaf);
    }

    function foldOutcome(Outcome calldata outcome, uint256 index, uint256 count, bytes32[] calldata path)
        external
        pure
        returns (bytes32)
    {
        return OutcomeTree.fold(outcome, index, count, path);
    }
}
