// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @dev Those of forge's cheat codes that the tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function deal(address account, uint256 balance) external;
    function deriveKey(string calldata mnemonic, uint32 index) external pure returns (uint256 key);
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function etch(address account, bytes calldata code) external;
    function getBlockNumber() external view returns (uint256);
    function getBlockTimestamp() external view returns (uint256);
    function getRecordedLogs() external returns (Log[] memory);
    function loadAllocs(string calldata path) external;
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonAddressArray(string calldata json, string calldata key) external pure returns (address[] memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
    function prank(address sender) external;
    function readFile(string calldata path) external view returns (string memory);
    function recordLogs() external;
    function roll(uint256 number) external;
    function setBlockhash(uint256 number, bytes32 hash) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function toString(uint256 value) external pure returns (string memory);
    function warp(uint256 timestamp) external;
    function writeLine(string calldata path, string calldata line) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @dev What forge looks for in a test contract, and a few words to say what must hold.
abstract contract Test {
    // solhint-disable-next-line func-name-mixedcase
    bool public constant IS_TEST = true;

    error Unequal(string what, uint256 have, uint256 need);
    error Untrue(string what);

    function equal(uint256 have, uint256 need, string memory what) internal pure {
        if (have != need) revert Unequal(what, have, need);
    }

    function isTrue(bool holds, string memory what) internal pure {
        if (!holds) revert Untrue(what);
    }

    /// @return `value` folded into least..most.
    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        if (value >= least && value <= most) return value;
        unchecked {
            uint256 size = most - least + 1;
            return size == 0 ? value : least + (value % size);
        }
    }
}
