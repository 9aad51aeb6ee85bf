// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {BlockHeader} from "../../contracts/libraries/BlockHeader.sol";

/// @dev Opens the library's internal functions to the tests.
contract BlockHeaderHarness {
    function parse(bytes calldata header) external pure returns (bool ok, bytes32 parentHash, uint256 number) {
        return BlockHeader.parse(header);
    }

    function timestampOf(bytes calldata header) external pure returns (bool ok, uint256 timestamp) {
        return BlockHeader.timestampOf(header);
    }
}
