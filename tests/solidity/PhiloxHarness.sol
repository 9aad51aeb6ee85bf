// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Philox} from "../../contracts/libraries/Philox.sol";

/// @dev Opens the library's internal functions to the tests.
contract PhiloxHarness {
    /// @return found Four blocks of four words in plain order, for any four counters that share their upper three words.
    function blocks(uint32[4] calldata first, uint32[3] calldata rest, uint32[2] calldata key)
        external
        pure
        returns (uint32[4][4] memory found)
    {
        uint256 lanes = 0;
        for (uint256 i = 4; i > 0; --i) lanes = (lanes << 64) | first[i - 1];
        bytes memory words = Philox.generate(
            lanes, rest[0], (uint256(key[0]) << 96) | (uint256(key[1]) << 64) | (uint256(rest[1]) << 32) | rest[2], 1
        );
        for (uint256 i = 0; i < 4; ++i) {
            for (uint256 half = 0; half < 2; ++half) {
                uint256 at = 32 * half + 8 * (3 - i);
                found[i][2 * half] = uint32(_load(words, at));
                found[i][2 * half + 1] = uint32(_load(words, at + 4));
            }
        }
    }

    function dot(bytes32 rowSeed, uint256 i, bytes32 columnSeed, uint256 j, uint256 elements)
        external
        view
        returns (int256 sum, uint256 gasUsed)
    {
        gasUsed = gasleft();
        sum = Philox.dot(Philox.row(rowSeed, i, elements), Philox.column(columnSeed, j, elements));
        gasUsed -= gasleft();
    }

    /// @notice The product of any bytes in the order of a row and of a column.
    function dotOf(bytes calldata rowLine, bytes calldata columnLine) external pure returns (int256) {
        return Philox.dot(rowLine, columnLine);
    }

    function dotWideOf(bytes calldata rowLine, bytes calldata columnLine) external pure returns (int256) {
        return Philox.dotWide(rowLine, columnLine);
    }

    /// @return line Elements of a line in plain order, byte − 128 each.
    function row(bytes32 seed, uint256 index, uint256 elements) external pure returns (int8[] memory line) {
        return _plain(Philox.row(seed, index, elements), false);
    }

    function column(bytes32 seed, uint256 index, uint256 elements) external pure returns (int8[] memory line) {
        return _plain(Philox.column(seed, index, elements), true);
    }

    function _plain(bytes memory words, bool descending) private pure returns (int8[] memory line) {
        line = new int8[](words.length);
        for (uint256 k = 0; k < line.length; ++k) {
            // Element k is byte k % 16 of block k / 16, of word c_(k / 4 % 4), little-endian.
            uint256 step = k / 64;
            uint256 lane = (k / 16) % 4;
            uint256 word = (k / 4) % 4;
            uint256 at = 64 * step + 32 * (word / 2) + 8 * (descending ? lane : 3 - lane) + 4 * (word % 2) + 3 - (k % 4);
            line[k] = int8(int256(uint256(uint8(words[at]))) - 128);
        }
    }

    function _load(bytes memory words, uint256 at) private pure returns (uint256 word) {
        for (uint256 i = 0; i < 4; ++i) word = (word << 8) | uint8(words[at + i]);
    }
}
