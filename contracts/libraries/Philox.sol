// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LittleEndian} from "./LittleEndian.sol";

// The proof libraries are where assembly is allowed.
// solhint-disable no-inline-assembly

/// @title Philox4x32-10 (Random123) as GPOW1's generator of matrix lines, and the exact product of a row and a column: int8 elements
/// (W1), or 9-bit ones, two bytes each (W2).
/// @dev proof.md §2. Mirrored by `tensorbond.proof.workload`; tests/parity hold it to that and to Random123's known answers.
///
/// Four blocks run side by side in the 64-bit lanes of a word, each lane holding one u32 of state. Multiplying such a word by a
/// u32 constant makes all four 64-bit products at once. The low half of a product is one word of the next state and the high half
/// goes into another, so a product is kept whole and only cut where a lane must be clean again: before the next multiplication.
///
/// The library's lines are bytes in an order of their own: 32-byte words, two for each four blocks, (c0, c1) and then (c2, c3) of
/// each lane. A row has its blocks in ascending lanes, a column in descending ones: see `dot`.
library Philox {
    /// One u32 in each 64-bit lane.
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    /// A one in each 32-bit digit.
    uint256 private constant DIGITS = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant M0 = 0xD2511F53;
    uint256 private constant M1 = 0xCD9E8D57;

    /// Block numbers 0..3, lane 0 rightmost, and the same reversed.
    uint256 private constant ASCENDING = 0x0000000000000003000000000000000200000000000000010000000000000000;
    uint256 private constant DESCENDING = 0x0000000000000000000000000000000100000000000000020000000000000003;

    /// Bytes that four blocks make.
    uint256 private constant STEP = 64;

    /// @return line Line `index` of the matrix with this seed, for the left side of a product.
    /// @param length The line's bytes, a multiple of 64.
    function row(bytes32 seed, uint256 index, uint256 length) internal pure returns (bytes memory line) {
        return _line(seed, index, ASCENDING, length);
    }

    /// @return line Line `index` of the matrix with this seed, for the right side of a product.
    function column(bytes32 seed, uint256 index, uint256 length) internal pure returns (bytes memory line) {
        return _line(seed, index, DESCENDING, length);
    }

    /// @return sum Σ (a_k − 128)·(b_k − 128) over two lines of equal length, exact for fewer than 2¹⁷ elements.
    /// @dev Every fourth byte of a word makes eight 32-bit digits. In the product of two such words, digit 7 is the sum of a's
    /// digit d times b's digit 7 − d over all d: eight products in one multiplication, provided that b's digits stand in reverse.
    /// A column has its lanes reversed already; here the two halves of each lane change places. Digits are signed: `total` starts
    /// with 2³¹ in each, so that none ever borrows from the next.
    function dot(bytes memory rowLine, bytes memory columnLine) internal pure returns (int256 sum) {
        uint256 low = pin(LANES * 0xffffffff);
        uint256 digit = pin(DIGITS * 0xff);
        uint256 bias = pin(DIGITS * 128);
        assembly ("memory-safe") {
            let total := 0x8000000080000000800000008000000080000000800000008000000080000000
            let offset := sub(columnLine, rowLine)
            let end := add(add(rowLine, 32), mload(rowLine))
            for { let at := add(rowLine, 32) } lt(at, end) { at := add(at, 32) } {
                let a := mload(at)
                let b := mload(add(at, offset))
                b := or(and(shr(32, b), low), shl(32, and(b, low)))
                total := add(total, mul(sub(and(a, digit), bias), sub(and(b, digit), bias)))
                total := add(total, mul(sub(and(shr(8, a), digit), bias), sub(and(shr(8, b), digit), bias)))
                total := add(total, mul(sub(and(shr(16, a), digit), bias), sub(and(shr(16, b), digit), bias)))
                total := add(total, mul(sub(and(shr(24, a), digit), bias), sub(and(shr(24, b), digit), bias)))
            }
            sum := sub(shr(224, total), 0x80000000)
        }
    }

    /// @return sum Σ ((a_k & 511) − 256)·((b_k & 511) − 256) over the u16 a_k, b_k of two lines of equal length, exact for fewer than 2¹⁵
    /// elements. @dev As `dot`, with the two halves of every u32 instead of its four bytes.
    function dotWide(bytes memory rowLine, bytes memory columnLine) internal pure returns (int256 sum) {
        uint256 low = pin(LANES * 0xffffffff);
        uint256 digit = pin(DIGITS * 0x1ff);
        uint256 bias = pin(DIGITS * 256);
        assembly ("memory-safe") {
            let total := 0x8000000080000000800000008000000080000000800000008000000080000000
            let offset := sub(columnLine, rowLine)
            let end := add(add(rowLine, 32), mload(rowLine))
            for { let at := add(rowLine, 32) } lt(at, end) { at := add(at, 32) } {
                let a := mload(at)
                let b := mload(add(at, offset))
                b := or(and(shr(32, b), low), shl(32, and(b, low)))
                total := add(total, mul(sub(and(a, digit), bias), sub(and(b, digit), bias)))
                total := add(total, mul(sub(and(shr(16, a), digit), bias), sub(and(shr(16, b), digit), bias)))
            }
            sum := sub(shr(224, total), 0x80000000)
        }
    }

    /// @notice Put the digits of a row where `dots` takes them from. @param four Room for four rows: 16 times the bytes of this one.
    /// @param place Which of the four, 0..3. @param profile 0: bytes (W1), 1: the low nine bits of two bytes each (W2).
    function spread(bytes memory rowLine, bytes memory four, uint256 place, uint256 profile) internal pure {
        uint256 digit = pin(DIGITS * (profile == 0 ? 0xff : 0x1ff));
        uint256 bias = pin(DIGITS * (profile == 0 ? 128 : 256));
        assembly ("memory-safe") {
            let to := add(add(four, 32), shl(7, place))
            let end := add(add(rowLine, 32), mload(rowLine))
            for { let at := add(rowLine, 32) } lt(at, end) {
                at := add(at, 32)
                to := add(to, 512)
            } {
                let a := mload(at)
                mstore(to, sub(and(a, digit), bias))
                switch profile
                case 0 {
                    mstore(add(to, 32), sub(and(shr(8, a), digit), bias))
                    mstore(add(to, 64), sub(and(shr(16, a), digit), bias))
                    mstore(add(to, 96), sub(and(shr(24, a), digit), bias))
                }
                default { mstore(add(to, 32), sub(and(shr(16, a), digit), bias)) }
            }
        }
    }

    /// @return sums The products of a column with four rows that `spread` put side by side: row i's in bits 32·i, as an i32. The digits
    /// of a column's word are cut once for all four. @dev W2 has two digits where W1 has four; the others of its rows stay zero.
    function dots(bytes memory four, bytes memory columnLine, uint256 profile) internal pure returns (uint256 sums) {
        uint256 bias = pin(DIGITS * (profile == 0 ? 128 : 256));
        uint256 step = profile == 0 ? 8 : 16;
        uint256 low = LANES * 0xffffffff;
        uint256 digit = DIGITS * (profile == 0 ? 0xff : 0x1ff);
        assembly ("memory-safe") {
            mstore(0, low)
            mstore(32, digit)
            let total0 := 0x8000000080000000800000008000000080000000800000008000000080000000
            let total1 := total0
            let total2 := total0
            let total3 := total0
            let at := add(four, 32)
            let end := add(add(columnLine, 32), mload(columnLine))
            for { let from := add(columnLine, 32) } lt(from, end) {
                from := add(from, 32)
                at := add(at, 512)
            } {
                let b3 := mload(from)
                b3 := or(and(shr(32, b3), mload(0)), shl(32, and(b3, mload(0))))
                let b0 := sub(and(b3, mload(32)), bias)
                b3 := shr(step, b3)
                let b1 := sub(and(b3, mload(32)), bias)
                b3 := shr(step, b3)
                let b2 := sub(and(b3, mload(32)), bias)
                b3 := sub(and(shr(step, b3), mload(32)), bias)
                total0 := add(total0, mul(mload(at), b0))
                total0 := add(total0, mul(mload(add(at, 32)), b1))
                total0 := add(total0, mul(mload(add(at, 64)), b2))
                total0 := add(total0, mul(mload(add(at, 96)), b3))
                total1 := add(total1, mul(mload(add(at, 128)), b0))
                total1 := add(total1, mul(mload(add(at, 160)), b1))
                total1 := add(total1, mul(mload(add(at, 192)), b2))
                total1 := add(total1, mul(mload(add(at, 224)), b3))
                total2 := add(total2, mul(mload(add(at, 256)), b0))
                total2 := add(total2, mul(mload(add(at, 288)), b1))
                total2 := add(total2, mul(mload(add(at, 320)), b2))
                total2 := add(total2, mul(mload(add(at, 352)), b3))
                total3 := add(total3, mul(mload(add(at, 384)), b0))
                total3 := add(total3, mul(mload(add(at, 416)), b1))
                total3 := add(total3, mul(mload(add(at, 448)), b2))
                total3 := add(total3, mul(mload(add(at, 480)), b3))
            }
            sums := or(
                or(xor(0x80000000, shr(224, total0)), shl(32, xor(0x80000000, shr(224, total1)))),
                or(shl(64, xor(0x80000000, shr(224, total2))), shl(96, xor(0x80000000, shr(224, total3))))
            )
        }
    }

    /// @notice Philox4x32-10 of the counters (first_i + 4·n, second, s2, s3) under the key (s0, s1), for lanes i and n < steps.
    /// @param first The first counter word of each lane, a u32 each, which may not run over.
    /// @param words s0 ‖ s1 ‖ s2 ‖ s3, big-endian, in the low 128 bits.
    /// @return blocks 64 bytes a step: a word with c0 in the upper and c1 in the lower half of each lane, then one with c2 and c3.
    /// @dev In the first two rounds one product depends on the step, and it falls by a constant. Of the others only what they are
    /// mixed with is left: four words, put where `_fill` gets at them cheaply.
    function generate(uint256 first, uint256 second, uint256 words, uint256 steps)
        internal
        pure
        returns (bytes memory blocks)
    {
        unchecked {
            uint256 key0 = LANES * uint32(words >> 96);
            uint256 key1 = LANES * uint32(words >> 64);
            uint256 product1 = M1 * uint32(words >> 32);
            uint256 product0 = M0 * ((product1 >> 32) ^ second ^ uint32(words >> 96));
            uint256 mixed3 = (LANES * (product0 >> 32)) ^ (key1 + LANES * 0xBB67AE85);
            uint256 mixed4 = (LANES * uint32(product0)) ^ (key1 + LANES * 0x76CF5D0A);
            assembly ("memory-safe") {
                blocks := mload(0x40)
                mstore(0x40, add(add(blocks, 32), mul(steps, 64)))
                mstore(blocks, mixed3)
                mstore(add(blocks, 32), mixed4)
            }
            _fill(
                blocks,
                steps,
                M0 * (first + LANES * 4 * (steps - 1)),
                (LANES * uint32(words)) ^ key1,
                (LANES * uint32(product1)) ^ (key0 + LANES * 0x9E3779B9),
                key0,
                key1
            );
        }
    }

    /// @notice Philox4x32-10 of any four counters: word w of each in the lanes of `words[w]`, before and after.
    function scramble(uint256[4] memory words, uint256 key0, uint256 key1) internal pure returns (uint256[4] memory) {
        uint256 low = pin(LANES * 0xffffffff);
        unchecked {
            for (uint256 round = 0; round < 10; ++round) {
                uint256 p0 = M0 * words[0];
                uint256 p1 = M1 * words[2];
                words[0] = ((p1 >> 32) ^ words[1] ^ key0) & low;
                words[2] = ((p0 >> 32) ^ words[3] ^ key1) & low;
                words[1] = p1 & low;
                words[3] = p0 & low;
                key0 = (key0 + LANES * 0x9E3779B9) & low;
                key1 = (key1 + LANES * 0xBB67AE85) & low;
            }
        }
        return words;
    }

    /// @dev Little-endian words s0..s3 of the seed's first 16 bytes: counter (block, index, s2, s3), key (s0, s1).
    function _line(bytes32 seed, uint256 index, uint256 first, uint256 length) private pure returns (bytes memory) {
        return generate(first, index, LittleEndian.swappedDigits(uint256(seed) >> 128), length / STEP);
    }

    /// @dev From the last step to the first, so that the constants in the first words are overwritten last.
    function _fill(
        bytes memory blocks,
        uint256 steps,
        uint256 start,
        uint256 mixed1,
        uint256 mixed2,
        uint256 key0,
        uint256 key1
    ) private pure {
        key0 = pin(key0);
        key1 = pin(key1);
        uint256 low = pin(LANES * 0xffffffff);
        assembly ("memory-safe") {
            function cut(product, other, key, mask) -> lanes {
                lanes := and(mask, xor(other, xor(key, shr(32, product))))
            }

            mstore(0, mixed1)
            mstore(32, mixed2)
            for { let at := add(blocks, mul(steps, 64)) } gt(at, blocks) {
                at := sub(at, 64)
                start := sub(start, mul(LANES, 0x349447D4C))
            } {
                // Products of M1 and x2, of M0 and x0, and likewise those of the round before: q1, q0.
                let p1 := mul(M1, and(low, xor(shr(32, start), mload(0))))
                let p0 := mul(M0, and(low, xor(shr(32, p1), mload(32))))
                let q1 := mul(M1, and(low, xor(start, mload(blocks))))
                let q0 := mul(M0, cut(q1, p1, add(mul(LANES, 0x3C6EF372), key0), low))
                p1 := mul(M1, and(low, xor(shr(32, p0), mload(add(blocks, 32)))))

                q1 := mul(M0, cut(p1, q1, add(mul(LANES, 0xDAA66D2B), key0), low))
                p0 := mul(M1, cut(q0, p0, add(mul(LANES, 0x32370B8F), key1), low))
                p1 := mul(M0, cut(p0, p1, add(mul(LANES, 0x78DDE6E4), key0), low))
                q0 := mul(M1, cut(q1, q0, add(mul(LANES, 0xED9EBA14), key1), low))

                p0 := mul(M0, cut(q0, p0, add(mul(LANES, 0x1715609D), key0), low))
                q1 := mul(M1, cut(p1, q1, add(mul(LANES, 0xA9066899), key1), low))
                q0 := mul(M0, cut(q1, q0, add(mul(LANES, 0xB54CDA56), key0), low))
                p1 := mul(M1, cut(p0, p1, add(mul(LANES, 0x646E171E), key1), low))

                q1 := mul(M0, cut(p1, q1, add(mul(LANES, 0x5384540F), key0), low))
                p0 := mul(M1, cut(q0, p0, add(mul(LANES, 0x1FD5C5A3), key1), low))
                p1 := mul(M0, cut(p0, p1, add(mul(LANES, 0xF1BBCDC8), key0), low))
                q0 := mul(M1, cut(q1, q0, add(mul(LANES, 0xDB3D7428), key1), low))

                // Round 10 leaves c0 where hi(M1·x2) stands and c1 below it, likewise c2 and c3.
                mstore(sub(at, 32), xor(q0, shl(32, and(low, xor(p0, add(mul(LANES, 0x8FF34781), key0))))))
                mstore(at, xor(p1, shl(32, and(low, xor(q1, add(mul(LANES, 0x96A522AD), key1))))))
            }
            mstore(blocks, mul(steps, 64))
        }
    }

    /// @return pinned The value itself, of which the optimizer now knows nothing: it would compute a known one, or copy a long constant
    /// from the code, anew wherever it is used.
    function pin(uint256 value) internal pure returns (uint256 pinned) {
        assembly ("memory-safe") {
            mstore(0, value)
            mcopy(32, 0, 32)
            pinned := mload(32)
        }
    }
}
