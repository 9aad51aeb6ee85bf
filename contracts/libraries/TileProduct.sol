// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LittleEndian} from "./LittleEndian.sol";

// The proof libraries are where assembly is allowed.
// solhint-disable no-inline-assembly

/// @title All 256 products of sixteen rows and sixteen columns: the numbers that `Philox.dot` gives, for an eighth of its gas.
/// @dev The sixteen lines of a side differ in one counter word only, so one step (four blocks, 64 bytes) of each is made at a time, and
/// what does not depend on the line once for all. A step of all rows is cut into digits, which wait in memory; then each column's step
/// is made, cut, and multiplied with them. So no line is ever kept, and every number has a place of its own that the code names: that
/// is cheaper than to compute where it is.
///
/// Philox, digits and lanes are those of the library Philox, where they are explained; tests/parity holds both to the same lines.
library TileProduct {
    /// As in Philox.
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant LOW = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant DIGITS = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant M0 = 0xD2511F53;
    uint256 private constant M1 = 0xCD9E8D57;
    uint256 private constant ASCENDING = 0x0000000000000003000000000000000200000000000000010000000000000000;
    uint256 private constant DESCENDING = 0x0000000000000000000000000000000100000000000000020000000000000003;
    /// 2³¹ in each digit.
    uint256 private constant ZERO_SUM = 0x8000000080000000800000008000000080000000800000008000000080000000;
    uint256 private constant STEP = 64;

    // Places in memory, beyond all that has been allocated before.

    /// The digits of a step of the rows: eight words a row.
    uint256 private constant CUT = 0x8000;
    /// The sums of one column with every row, and those of every column.
    uint256 private constant SUMS = 0x9000;
    uint256 private constant ALL_SUMS = 0x9200;
    /// What a step of a side mixes in, a word each: four of this step, thirteen of all.
    uint256 private constant MIXED = 0xb200;
    /// How to cut digits: the mask, the bias, both once more for the upper two of four, and by how many bits they lie apart.
    uint256 private constant MASK = 0xb420;
    uint256 private constant BIAS = 0xb440;
    uint256 private constant UPPER_MASK = 0xb460;
    uint256 private constant UPPER_BIAS = 0xb480;
    uint256 private constant APART = 0xb4a0;
    /// LOW: a constant's copy from the code would cost ten times a word from memory.
    uint256 private constant KEPT_LOW = 0xb4c0;
    /// A side: where its next step starts, what two products before that mix in, two keys, thirteen keys; then two words a line.
    uint256 private constant ROWS = 0xb4e0;
    uint256 private constant COLUMNS = 0xbb20;
    uint256 private constant LINES = 0x240;
    uint256 private constant END = 0xc160;

    /// @notice Multiply sixteen rows from `row` on with sixteen columns from `column` on, whose matrices have these seeds.
    /// @param length Bytes of a line, a multiple of 64, within the bounds of `Philox.dot` and `dotWide`.
    /// @param profile 0: bytes (W1), 1: the low nine bits of two bytes each (W2).
    /// @dev `eightOf` has the products. One tile a call: the memory is taken once, and not given back.
    function multiply(bytes32 rowSeed, bytes32 columnSeed, uint256 row, uint256 column, uint256 length, uint256 profile)
        internal
        pure
    {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
            mstore(0x40, END)
        }
        assert(free <= CUT);
        _open(profile);
        _openSide(ROWS, rowSeed, row, ASCENDING);
        _openSide(COLUMNS, columnSeed, column, DESCENDING);
        for (uint256 steps = length / STEP; steps > 0; --steps) {
            _begin(ROWS);
            _cutRows();
            _begin(COLUMNS);
            _multiplyColumns();
        }
    }

    /// @return words The products of row 0..15 with eight columns, from column 8 · `half` on, as i32 side by side, the first leftmost.
    function eightOf(uint256 row, uint256 half) internal pure returns (uint256 words) {
        assembly ("memory-safe") {
            let at := add(ALL_SUMS, add(shl(12, half), shl(5, row)))
            for { let end := add(at, 0x1000) } lt(at, end) { at := add(at, 0x200) } {
                words := or(shl(32, words), shr(224, mload(at)))
            }
            words := xor(words, ZERO_SUM)
        }
    }

    function _open(uint256 profile) private pure {
        bool isWide = profile != 0;
        uint256 mask = DIGITS * (isWide ? 0x1ff : 0xff);
        uint256 bias = DIGITS * (isWide ? 256 : 128);
        // W2 has two digits where W1 has four; the others of its rows stay zero.
        uint256 upperMask = isWide ? 0 : mask;
        uint256 upperBias = isWide ? 0 : bias;
        uint256 apart = isWide ? 16 : 8;
        assembly ("memory-safe") {
            mstore(MASK, mask)
            mstore(BIAS, bias)
            mstore(UPPER_MASK, upperMask)
            mstore(UPPER_BIAS, upperBias)
            mstore(APART, apart)
            mstore(KEPT_LOW, LOW)
            for { let at := ALL_SUMS } lt(at, MIXED) { at := add(at, 32) } { mstore(at, ZERO_SUM) }
        }
    }

    /// @dev See `Philox.generate` for what is mixed with what.
    function _openSide(uint256 side, bytes32 seed, uint256 first, uint256 lanes) private pure {
        unchecked {
            uint256 words = LittleEndian.swappedDigits(uint256(seed) >> 128);
            uint256 key0 = LANES * uint32(words >> 96);
            uint256 key1 = LANES * uint32(words >> 64);
            uint256 product1 = M1 * uint32(words >> 32);
            uint256 mixed1 = (LANES * uint32(words)) ^ key1;
            uint256 mixed2 = (LANES * uint32(product1)) ^ (key0 + LANES * 0x9E3779B9);
            assembly ("memory-safe") {
                mstore(side, mul(M0, lanes))
                mstore(add(side, 0x20), mixed1)
                mstore(add(side, 0x40), mixed2)
                mstore(add(side, 0x60), add(mul(LANES, 0x3C6EF372), key0))
                mstore(add(side, 0x80), add(mul(LANES, 0x32370B8F), key1))
                mstore(add(side, 0xa0), add(mul(LANES, 0xDAA66D2B), key0))
                mstore(add(side, 0xc0), add(mul(LANES, 0x78DDE6E4), key0))
                mstore(add(side, 0xe0), add(mul(LANES, 0xED9EBA14), key1))
                mstore(add(side, 0x100), add(mul(LANES, 0x1715609D), key0))
                mstore(add(side, 0x120), add(mul(LANES, 0xA9066899), key1))
                mstore(add(side, 0x140), add(mul(LANES, 0xB54CDA56), key0))
                mstore(add(side, 0x160), add(mul(LANES, 0x646E171E), key1))
                mstore(add(side, 0x180), add(mul(LANES, 0x5384540F), key0))
                mstore(add(side, 0x1a0), add(mul(LANES, 0x1FD5C5A3), key1))
                mstore(add(side, 0x1c0), add(mul(LANES, 0xF1BBCDC8), key0))
                mstore(add(side, 0x1e0), add(mul(LANES, 0xDB3D7428), key1))
                mstore(add(side, 0x200), add(mul(LANES, 0x8FF34781), key0))
                mstore(add(side, 0x220), add(mul(LANES, 0x96A522AD), key1))
            }
            uint256 line = side + LINES;
            for (uint256 index = first; index < first + 16; ++index) {
                uint256 product0 = M0 * ((product1 >> 32) ^ index ^ uint32(words >> 96));
                uint256 mixed3 = (LANES * (product0 >> 32)) ^ (key1 + LANES * 0xBB67AE85);
                uint256 mixed4 = (LANES * uint32(product0)) ^ (key1 + LANES * 0x76CF5D0A);
                assembly ("memory-safe") {
                    mstore(line, mixed3)
                    mstore(add(line, 32), mixed4)
                }
                line += 64;
            }
        }
    }

    /// @dev A step of a side, as far as it is the same for all its lines: the first two products that depend on the step.
    function _begin(uint256 side) private pure {
        assembly ("memory-safe") {
            let low := mload(KEPT_LOW)
            let start := mload(side)
            mstore(side, add(start, mul(LANES, 0x349447D4C)))
            let p1 := mul(M1, and(low, xor(shr(32, start), mload(add(side, 0x20)))))
            let p0 := mul(M0, and(low, xor(shr(32, p1), mload(add(side, 0x40)))))
            mstore(MIXED, start)
            mstore(add(MIXED, 0x20), xor(p1, mload(add(side, 0x60))))
            mstore(add(MIXED, 0x40), shr(32, p0))
            mstore(add(MIXED, 0x60), xor(p0, mload(add(side, 0x80))))
            mcopy(add(MIXED, 0x80), add(side, 0xa0), 0x1a0)
        }
    }

    /// @dev Put the digits of a step of every row in their places.
    function _cutRows() private pure {
        uint256 to = CUT;
        for (uint256 line = ROWS + LINES; line < COLUMNS; line += 64) {
            (uint256 left, uint256 right) = _blocks(line);
            assembly ("memory-safe") {
                for { let end := add(to, 0x100) } lt(to, end) { to := add(to, 0x80) } {
                    let apart := mload(APART)
                    mstore(to, sub(and(left, mload(MASK)), mload(BIAS)))
                    left := shr(apart, left)
                    mstore(add(to, 0x20), sub(and(left, mload(MASK)), mload(BIAS)))
                    left := shr(apart, left)
                    mstore(add(to, 0x40), sub(and(left, mload(UPPER_MASK)), mload(UPPER_BIAS)))
                    left := shr(apart, left)
                    mstore(add(to, 0x60), sub(and(left, mload(UPPER_MASK)), mload(UPPER_BIAS)))
                    left := right
                }
            }
        }
    }

    /// @dev A step of every column with that of every row. As in `Philox.dot`, the halves of a column's lanes change places.
    function _multiplyColumns() private pure {
        uint256 sums = ALL_SUMS;
        for (uint256 line = COLUMNS + LINES; line < END; line += 64) {
            (uint256 b3, uint256 b7) = _blocks(line);
            assembly ("memory-safe") {
                mcopy(SUMS, sums, 0x200)
                // Every row's sum (SUMS) takes its eight digits (CUT) times the column's.
                let apart := mload(KEPT_LOW)
                b3 := or(and(shr(32, b3), apart), shl(32, and(b3, apart)))
                b7 := or(and(shr(32, b7), apart), shl(32, and(b7, apart)))
                apart := mload(APART)
                let b0 := sub(and(b3, mload(MASK)), mload(BIAS))
                b3 := shr(apart, b3)
                let b1 := sub(and(b3, mload(MASK)), mload(BIAS))
                b3 := shr(apart, b3)
                let b2 := sub(and(b3, mload(MASK)), mload(BIAS))
                b3 := sub(and(shr(apart, b3), mload(MASK)), mload(BIAS))
                let b4 := sub(and(b7, mload(MASK)), mload(BIAS))
                b7 := shr(apart, b7)
                let b5 := sub(and(b7, mload(MASK)), mload(BIAS))
                b7 := shr(apart, b7)
                let b6 := sub(and(b7, mload(MASK)), mload(BIAS))
                b7 := sub(and(shr(apart, b7), mload(MASK)), mload(BIAS))
                mstore(0x9000, add(add(add(add(add(add(add(add(mload(0x9000),
                    mul(mload(0x8000), b0)), mul(mload(0x8020), b1)), mul(mload(0x8040), b2)), mul(mload(0x8060), b3)),
                    mul(mload(0x8080), b4)), mul(mload(0x80a0), b5)), mul(mload(0x80c0), b6)), mul(mload(0x80e0), b7)))
                mstore(0x9020, add(add(add(add(add(add(add(add(mload(0x9020),
                    mul(mload(0x8100), b0)), mul(mload(0x8120), b1)), mul(mload(0x8140), b2)), mul(mload(0x8160), b3)),
                    mul(mload(0x8180), b4)), mul(mload(0x81a0), b5)), mul(mload(0x81c0), b6)), mul(mload(0x81e0), b7)))
                mstore(0x9040, add(add(add(add(add(add(add(add(mload(0x9040),
                    mul(mload(0x8200), b0)), mul(mload(0x8220), b1)), mul(mload(0x8240), b2)), mul(mload(0x8260), b3)),
                    mul(mload(0x8280), b4)), mul(mload(0x82a0), b5)), mul(mload(0x82c0), b6)), mul(mload(0x82e0), b7)))
                mstore(0x9060, add(add(add(add(add(add(add(add(mload(0x9060),
                    mul(mload(0x8300), b0)), mul(mload(0x8320), b1)), mul(mload(0x8340), b2)), mul(mload(0x8360), b3)),
                    mul(mload(0x8380), b4)), mul(mload(0x83a0), b5)), mul(mload(0x83c0), b6)), mul(mload(0x83e0), b7)))
                mstore(0x9080, add(add(add(add(add(add(add(add(mload(0x9080),
                    mul(mload(0x8400), b0)), mul(mload(0x8420), b1)), mul(mload(0x8440), b2)), mul(mload(0x8460), b3)),
                    mul(mload(0x8480), b4)), mul(mload(0x84a0), b5)), mul(mload(0x84c0), b6)), mul(mload(0x84e0), b7)))
                mstore(0x90a0, add(add(add(add(add(add(add(add(mload(0x90a0),
                    mul(mload(0x8500), b0)), mul(mload(0x8520), b1)), mul(mload(0x8540), b2)), mul(mload(0x8560), b3)),
                    mul(mload(0x8580), b4)), mul(mload(0x85a0), b5)), mul(mload(0x85c0), b6)), mul(mload(0x85e0), b7)))
                mstore(0x90c0, add(add(add(add(add(add(add(add(mload(0x90c0),
                    mul(mload(0x8600), b0)), mul(mload(0x8620), b1)), mul(mload(0x8640), b2)), mul(mload(0x8660), b3)),
                    mul(mload(0x8680), b4)), mul(mload(0x86a0), b5)), mul(mload(0x86c0), b6)), mul(mload(0x86e0), b7)))
                mstore(0x90e0, add(add(add(add(add(add(add(add(mload(0x90e0),
                    mul(mload(0x8700), b0)), mul(mload(0x8720), b1)), mul(mload(0x8740), b2)), mul(mload(0x8760), b3)),
                    mul(mload(0x8780), b4)), mul(mload(0x87a0), b5)), mul(mload(0x87c0), b6)), mul(mload(0x87e0), b7)))
                mstore(0x9100, add(add(add(add(add(add(add(add(mload(0x9100),
                    mul(mload(0x8800), b0)), mul(mload(0x8820), b1)), mul(mload(0x8840), b2)), mul(mload(0x8860), b3)),
                    mul(mload(0x8880), b4)), mul(mload(0x88a0), b5)), mul(mload(0x88c0), b6)), mul(mload(0x88e0), b7)))
                mstore(0x9120, add(add(add(add(add(add(add(add(mload(0x9120),
                    mul(mload(0x8900), b0)), mul(mload(0x8920), b1)), mul(mload(0x8940), b2)), mul(mload(0x8960), b3)),
                    mul(mload(0x8980), b4)), mul(mload(0x89a0), b5)), mul(mload(0x89c0), b6)), mul(mload(0x89e0), b7)))
                mstore(0x9140, add(add(add(add(add(add(add(add(mload(0x9140),
                    mul(mload(0x8a00), b0)), mul(mload(0x8a20), b1)), mul(mload(0x8a40), b2)), mul(mload(0x8a60), b3)),
                    mul(mload(0x8a80), b4)), mul(mload(0x8aa0), b5)), mul(mload(0x8ac0), b6)), mul(mload(0x8ae0), b7)))
                mstore(0x9160, add(add(add(add(add(add(add(add(mload(0x9160),
                    mul(mload(0x8b00), b0)), mul(mload(0x8b20), b1)), mul(mload(0x8b40), b2)), mul(mload(0x8b60), b3)),
                    mul(mload(0x8b80), b4)), mul(mload(0x8ba0), b5)), mul(mload(0x8bc0), b6)), mul(mload(0x8be0), b7)))
                mstore(0x9180, add(add(add(add(add(add(add(add(mload(0x9180),
                    mul(mload(0x8c00), b0)), mul(mload(0x8c20), b1)), mul(mload(0x8c40), b2)), mul(mload(0x8c60), b3)),
                    mul(mload(0x8c80), b4)), mul(mload(0x8ca0), b5)), mul(mload(0x8cc0), b6)), mul(mload(0x8ce0), b7)))
                mstore(0x91a0, add(add(add(add(add(add(add(add(mload(0x91a0),
                    mul(mload(0x8d00), b0)), mul(mload(0x8d20), b1)), mul(mload(0x8d40), b2)), mul(mload(0x8d60), b3)),
                    mul(mload(0x8d80), b4)), mul(mload(0x8da0), b5)), mul(mload(0x8dc0), b6)), mul(mload(0x8de0), b7)))
                mstore(0x91c0, add(add(add(add(add(add(add(add(mload(0x91c0),
                    mul(mload(0x8e00), b0)), mul(mload(0x8e20), b1)), mul(mload(0x8e40), b2)), mul(mload(0x8e60), b3)),
                    mul(mload(0x8e80), b4)), mul(mload(0x8ea0), b5)), mul(mload(0x8ec0), b6)), mul(mload(0x8ee0), b7)))
                mstore(0x91e0, add(add(add(add(add(add(add(add(mload(0x91e0),
                    mul(mload(0x8f00), b0)), mul(mload(0x8f20), b1)), mul(mload(0x8f40), b2)), mul(mload(0x8f60), b3)),
                    mul(mload(0x8f80), b4)), mul(mload(0x8fa0), b5)), mul(mload(0x8fc0), b6)), mul(mload(0x8fe0), b7)))
                mcopy(sums, SUMS, 0x200)
                sums := add(sums, 0x200)
            }
        }
    }

    /// @return left The step's blocks of a line: c0 in the upper and c1 in the lower half of each lane. @return right Likewise c2 and c3.
    /// @dev Rounds as in `Philox._fill`, but for what `_begin` has done.
    function _blocks(uint256 line) private pure returns (uint256 left, uint256 right) {
        assembly ("memory-safe") {
            function cut(mixed, other, product, mask) -> lanes {
                lanes := and(mask, xor(xor(mixed, other), shr(32, product)))
            }

            let low := mload(KEPT_LOW)
            let q1 := mul(M1, and(low, xor(mload(MIXED), mload(line))))
            let q0 := mul(M0, and(low, xor(mload(add(MIXED, 0x20)), shr(32, q1))))
            let p1 := mul(M1, and(low, xor(mload(add(MIXED, 0x40)), mload(add(line, 32)))))

            q1 := mul(M0, cut(mload(add(MIXED, 0x80)), q1, p1, low))
            let p0 := mul(M1, and(low, xor(mload(add(MIXED, 0x60)), shr(32, q0))))
            p1 := mul(M0, cut(mload(add(MIXED, 0xa0)), p1, p0, low))
            q0 := mul(M1, cut(mload(add(MIXED, 0xc0)), q0, q1, low))

            p0 := mul(M0, cut(mload(add(MIXED, 0xe0)), p0, q0, low))
            q1 := mul(M1, cut(mload(add(MIXED, 0x100)), q1, p1, low))
            q0 := mul(M0, cut(mload(add(MIXED, 0x120)), q0, q1, low))
            p1 := mul(M1, cut(mload(add(MIXED, 0x140)), p1, p0, low))

            q1 := mul(M0, cut(mload(add(MIXED, 0x160)), q1, p1, low))
            p0 := mul(M1, cut(mload(add(MIXED, 0x180)), p0, q0, low))
            p1 := mul(M0, cut(mload(add(MIXED, 0x1a0)), p1, p0, low))
            q0 := mul(M1, cut(mload(add(MIXED, 0x1c0)), q0, q1, low))

            left := xor(q0, shl(32, and(low, xor(p0, mload(add(MIXED, 0x1e0))))))
            right := xor(p1, shl(32, and(low, xor(q1, mload(add(MIXED, 0x200))))))
        }
    }
}
