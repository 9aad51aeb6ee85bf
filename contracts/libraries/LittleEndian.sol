// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Integers as GPOW1 writes them: the lowest byte first.
library LittleEndian {
    /// Every other byte, 2, 4 and 8 bytes.
    uint256 private constant BYTES = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant PAIRS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant FOURS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant EIGHTS = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;

    function u32(uint256 value) internal pure returns (bytes4) {
        return bytes4(bytes32(swapped(bytes32(uint256(uint32(value))))));
    }

    function u64(uint256 value) internal pure returns (bytes8) {
        return bytes8(bytes32(swapped(bytes32(uint256(uint64(value))))));
    }

    /// @return value All 32 bytes in reverse: the first byte becomes the lowest.
    function swapped(bytes32 word) internal pure returns (uint256 value) {
        value = swappedDigits(uint256(word));
        value = ((value & FOURS) << 32) | ((value >> 32) & FOURS);
        value = ((value & EIGHTS) << 64) | ((value >> 64) & EIGHTS);
        return (value << 128) | (value >> 128);
    }

    /// @return The bytes of each 32-bit digit in reverse, the digits where they were.
    function swappedDigits(uint256 word) internal pure returns (uint256) {
        word = ((word & BYTES) << 8) | ((word >> 8) & BYTES);
        return ((word & PAIRS) << 16) | ((word >> 16) & PAIRS);
    }
}
