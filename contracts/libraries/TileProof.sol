// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {LittleEndian} from "./LittleEndian.sol";
import {Philox} from "./Philox.sol";
import {TileProduct} from "./TileProduct.sol";

// The proof libraries are where assembly is allowed.
// solhint-disable no-inline-assembly

/// @title GPOW1's C-phase as the chain checks it: draws, seeds, samples, the chain of rounds, and one opened tile with its two paths.
/// @dev proof.md §1, §2, §4. Integers are little-endian, H is SHA-256. Mirrored by `tensorbond.proof`; tests/parity hold it to that
/// and to the published vector.
///
/// Trees take a path of exactly the depth that the class gives, never the path's own length: a leaf and an inner node look alike.
///
/// An item is u32 round ‖ u32 tile ‖ 256 × i32 entries, row-major ‖ tile path ‖ seed_t ‖ round path (paths leaf to root). An opening
/// of a tile is leaf ‖ tile path ‖ seed_t ‖ round path ‖ finalSeed: nothing but what the commitment binds.
library TileProof {
    uint256 private constant ENTRIES = 8;
    uint256 private constant TILE_PATH = ENTRIES + 4 * 256;
    /// Rows and columns of a tile.
    uint256 internal constant TILE = 16;

    /// A one in each 64-bit lane, and the lower half of each.
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant FOURS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    /// @return How many tiles a matrix of m rows and n columns has.
    function tilesOf(uint256 m, uint256 n) internal pure returns (uint256) {
        return (m / TILE) * (n / TILE);
    }

    // ---- Draws ----

    /// @return Whether the beacon draws the device, in a roll call or by lot.
    function isDrawn(bytes32 beacon, uint256 device, uint256 rollCall, uint256 threshold) internal pure returns (bool) {
        return isRollCall(beacon, rollCall) || isDrawnByLot(beacon, device, threshold);
    }

    /// @return Whether every device is drawn; 0 never, 256 always.
    function isRollCall(bytes32 beacon, uint256 rollCall) internal pure returns (bool) {
        return uint8(sha256(abi.encodePacked("GPOW1/roll", beacon))[0]) < rollCall;
    }

    /// @return Whether the device is drawn by itself; a threshold of 2³² would be always.
    function isDrawnByLot(bytes32 beacon, uint256 device, uint256 threshold) internal pure returns (bool) {
        bytes32 digest = sha256(abi.encodePacked("GPOW1/draw", beacon, LittleEndian.u64(device)));
        return LittleEndian.swapped(digest) & 0xffffffff < threshold;
    }

    /// @return Whether the slot asks for the M-phase of those classes that have one.
    function isMemorySlot(bytes32 beacon) internal pure returns (bool) {
        return uint8(sha256(abi.encodePacked("GPOW1/kind", beacon))[0]) < 32;
    }

    // ---- Seeds and samples ----

    /// @return seed_0 of a challenge on this chain.
    function firstSeed(
        bytes32 beacon,
        address provider,
        uint256 device,
        uint256 slot,
        uint256 m,
        uint256 n,
        uint256 k,
        uint256 rounds
    ) internal view returns (bytes32) {
        bytes memory place = abi.encodePacked(
            LittleEndian.u64(block.chainid), provider, LittleEndian.u64(device), LittleEndian.u64(slot)
        );
        return sha256(
            abi.encodePacked(
                "GPOW1/S",
                beacon,
                place,
                LittleEndian.u32(m),
                LittleEndian.u32(n),
                LittleEndian.u32(k),
                LittleEndian.u32(rounds)
            )
        );
    }

    /// @return The matrix seed of A in the round whose seed is `seed`.
    function rowSeed(bytes32 seed) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("GPOW1/A", seed));
    }

    /// @return The matrix seed of B, from seed_0.
    function columnSeed(bytes32 seed) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("GPOW1/B", seed));
    }

    /// @return seed_{t+1} after round t = `round`.
    function nextSeed(bytes32 seed, uint256 round, bytes32 root) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("GPOW1/N", seed, LittleEndian.u32(round), root));
    }

    /// @return The leaf of a round under roundsRoot.
    function roundLeaf(bytes32 seed, bytes32 root) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(seed, root));
    }

    /// @return finalSeed The seed after the last round, @return roundsRoot and the root over all rounds, for a chain that starts with
    /// `seed` and takes these roots. @param roots 32 bytes for each round, at most 2¹⁶ of them.
    function followChain(bytes32 seed, bytes calldata roots)
        internal
        view
        returns (bytes32 finalSeed, bytes32 roundsRoot)
    {
        bytes32[] memory nodes = new bytes32[](1 << depthOf(roots.length / 32));
        uint256 at = _start(roots);
        assembly ("memory-safe") {
            // "GPOW1/N" ‖ seed_t ‖ u32 t ‖ root_t: 75 bytes from `message` + 25 on, behind the nodes.
            let message := mload(0x40)
            mstore(message, 0x47504f57312f4e)
            let node := add(nodes, 32)
            for { let end := add(at, roots.length) let t := 0 } lt(at, end) {
                at := add(at, 32)
                node := add(node, 32)
                t := add(t, 1)
            } {
                let root := calldataload(at)
                mstore(0, seed)
                mstore(32, root)
                // It fails only for want of gas, and then must not leave a wrong root.
                if iszero(staticcall(gas(), 2, 0, 64, node, 32)) { invalid() }
                mstore(add(message, 32), seed)
                mstore(add(message, 64), or(shl(248, t), shl(240, shr(8, t))))
                mstore(add(message, 68), root)
                if iszero(staticcall(gas(), 2, add(message, 25), 75, 0, 32)) { invalid() }
                seed := mload(0)
            }
            finalSeed := seed

            // Each level over the one below, in its place.
            for { let count := mload(nodes) } gt(count, 1) { count := shr(1, count) } {
                let to := add(nodes, 32)
                for { let from := to let end := add(from, shl(5, count)) } lt(from, end) { from := add(from, 64) } {
                    if iszero(staticcall(gas(), 2, from, 64, to, 32)) { invalid() }
                    to := add(to, 32)
                }
            }
            roundsRoot := mload(add(nodes, 32))
        }
    }

    function commitmentOf(bytes32 finalSeed, bytes32 roundsRoot) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("GPOW1/C", finalSeed, roundsRoot));
    }

    /// @return round Which round, @return tile and which of its tiles, sample `index` of a commitment asks for.
    function sampleOf(bytes32 commitment, bytes32 sampleBeacon, uint256 index, uint256 rounds, uint256 tiles)
        internal
        pure
        returns (uint256 round, uint256 tile)
    {
        bytes32 digest = sha256(abi.encodePacked("GPOW1/Q", commitment, sampleBeacon, LittleEndian.u32(index)));
        uint256 words = LittleEndian.swapped(digest);
        round = uint64(words) % rounds;
        tile = uint64(words >> 64) % tiles;
    }

    // ---- Evidence ----

    /// @return The leaf of the evidence tree for item `index` with these very bytes.
    function evidenceLeaf(uint256 index, bytes calldata item) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("GPOW1/E", LittleEndian.u32(index), item));
    }

    /// @return Depth of the smallest tree with room for `count` leaves.
    function depthOf(uint256 count) internal pure returns (uint256) {
        return Math.log2(count, Math.Rounding.Ceil);
    }

    // ---- Items ----

    /// @return Bytes of every item of a class with this many tiles in a round.
    function itemLength(uint256 tiles, uint256 rounds) internal pure returns (uint256) {
        return TILE_PATH + 32 * depthOf(tiles) + 32 + 32 * depthOf(rounds);
    }

    /// @return round The round, @return tile and the tile, that the item says it is of.
    function placeOf(bytes calldata item) internal pure returns (uint256 round, uint256 tile) {
        uint256 words = LittleEndian.swapped(bytes32(item[0:32]));
        return (uint32(words), uint32(words >> 32));
    }

    /// @return The tile's entry in `row` and `column`, 0..15 each.
    function entryOf(bytes calldata item, uint256 row, uint256 column) internal pure returns (int256) {
        uint256 at = ENTRIES + 64 * row + 4 * column;
        return int32(uint32(LittleEndian.swapped(bytes32(item[at:at + 4]))));
    }

    /// @return seed_t, which the item's round path binds.
    function seedOf(bytes calldata item, uint256 tiles) internal pure returns (bytes32) {
        uint256 at = TILE_PATH + 32 * depthOf(tiles);
        return bytes32(item[at:at + 32]);
    }

    /// @return roundsRoot as the item's entries, paths and seed give it. @param item One of the right length.
    function foldItem(bytes calldata item, uint256 tiles, uint256 rounds) internal view returns (bytes32) {
        (uint256 round, uint256 tile) = placeOf(item);
        uint256 seedAt = TILE_PATH + 32 * depthOf(tiles);
        bytes32 root = fold(mix(item[ENTRIES:TILE_PATH]), tile, item[TILE_PATH:seedAt]);
        bytes32 leaf = sha256(abi.encodePacked(item[seedAt:seedAt + 32], root));
        return fold(leaf, round, item[seedAt + 32:seedAt + 32 + 32 * depthOf(rounds)]);
    }

    // ---- Openings ----

    /// @return Bytes of every opening of a class with this many tiles in a round.
    function openingLength(uint256 tiles, uint256 rounds) internal pure returns (uint256) {
        return 32 * (depthOf(tiles) + depthOf(rounds) + 3);
    }

    /// @return leaf What stands at (round, tile), @return seed the round's seed, @return commitment and the commitment that binds both.
    /// @param opening One of the right length.
    function openTile(bytes calldata opening, uint256 round, uint256 tile, uint256 tiles, uint256 rounds)
        internal
        view
        returns (bytes32 leaf, bytes32 seed, bytes32 commitment)
    {
        uint256 seedAt = 32 + 32 * depthOf(tiles);
        uint256 finalAt = seedAt + 32 + 32 * depthOf(rounds);
        leaf = bytes32(opening[0:32]);
        seed = bytes32(opening[seedAt:seedAt + 32]);
        bytes32 root = fold(leaf, tile, opening[32:seedAt]);
        bytes32 roundsRoot = fold(roundLeaf(seed, root), round, opening[seedAt + 32:finalAt]);
        commitment = commitmentOf(bytes32(opening[finalAt:finalAt + 32]), roundsRoot);
    }

    /// @return The word of lane 0..7 in a leaf.
    function laneIn(bytes32 leaf, uint256 lane) internal pure returns (uint256) {
        return uint32(LittleEndian.swapped(leaf) >> (32 * lane));
    }

    // ---- Products ----

    /// @return A_row · B_column over `k` elements, for the line numbers in the whole matrices.
    function product(bytes32 seed, bytes32 seed0, uint256 row, uint256 column, uint256 k, uint256 profile)
        internal
        pure
        returns (int256)
    {
        return _dot(
            Philox.row(rowSeed(seed), row, _lineLength(k, profile)),
            Philox.column(columnSeed(seed0), column, _lineLength(k, profile)),
            profile
        );
    }

    /// @return Whether all 256 entries of an item are those of the tile whose first line numbers these are. @param item One of the right
    /// length. @dev Once a call: see `TileProduct`.
    function isTile(
        bytes calldata item,
        bytes32 seed,
        bytes32 seed0,
        uint256 row,
        uint256 column,
        uint256 k,
        uint256 profile
    ) internal pure returns (bool) {
        TileProduct.multiply(rowSeed(seed), columnSeed(seed0), row, column, _lineLength(k, profile), profile);
        uint256 at = _start(item) + ENTRIES;
        for (uint256 half = 0; half < 2 * TILE; ++half) {
            if (_load(at + 32 * half) != TileProduct.eightOf(half >> 1, half & 1)) return false;
        }
        return true;
    }

    /// @return state MIX of lane 0..7 of the tile whose first line numbers these are, from its 4 × 8 entries.
    function laneOf(
        bytes32 seed,
        bytes32 seed0,
        uint256 row,
        uint256 column,
        uint256 k,
        uint256 profile,
        uint256 lane
    ) internal pure returns (uint256 state) {
        uint256 length = _lineLength(k, profile);
        bytes memory four = new bytes(16 * length);
        _spread(four, rowSeed(seed), row + 4 * (lane >> 1), length, profile);
        uint256[8] memory sums;
        for (uint256 j = 0; j < 8; ++j) {
            uint256 free = _free();
            bytes memory line = Philox.column(columnSeed(seed0), column + 8 * (lane & 1) + j, length);
            sums[j] = Philox.dots(four, line, profile);
            _release(free);
        }
        state = 0x9E3779B9 + lane;
        for (uint256 i = 0; i < 4; ++i) {
            for (uint256 j = 0; j < 8; ++j) {
                state = _absorb(state, uint32(sums[j] >> (32 * i)));
            }
        }
    }

    /// @dev Four rows of A from `first` on, for `Philox.dots`.
    function _spread(bytes memory four, bytes32 matrixSeed, uint256 first, uint256 length, uint256 profile) private pure {
        for (uint256 place = 0; place < 4; ++place) {
            uint256 free = _free();
            Philox.spread(Philox.row(matrixSeed, first + place, length), four, place, profile);
            _release(free);
        }
    }

    /// @dev Memory costs by its square: a line that was used once makes room for the next.
    function _free() private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
        }
    }

    function _release(uint256 at) private pure {
        assembly ("memory-safe") {
            mstore(0x40, at)
        }
    }

    function _dot(bytes memory row, bytes memory column, uint256 profile) private pure returns (int256) {
        return profile == 0 ? Philox.dot(row, column) : Philox.dotWide(row, column);
    }

    /// @dev W1 (0) has a byte for each element, W2 (1) two.
    function _lineLength(uint256 k, uint256 profile) private pure returns (uint256) {
        return k << profile;
    }

    /// @dev One entry of MIX32x8, in one lane.
    function _absorb(uint256 state, uint256 entry) private pure returns (uint256) {
        unchecked {
            uint256 v = uint32(entry * 0xCC9E2D51);
            v = uint32(uint32((v << 15) | (v >> 17)) * 0x1B873593);
            v ^= state;
            return uint32(uint256(uint32((v << 13) | (v >> 19))) * 5 + 0xE6546B64);
        }
    }

    // ---- Trees and digests ----

    /// @return The root that the leaf at `index` folds to. The caller sees to the path's depth.
    function fold(bytes32 leaf, uint256 index, bytes calldata path) internal view returns (bytes32) {
        return _fold(leaf, index, _start(path), path.length);
    }

    /// @return The same for a path of words.
    function fold(bytes32 leaf, uint256 index, bytes32[] calldata path) internal view returns (bytes32) {
        uint256 start;
        assembly ("memory-safe") {
            start := path.offset
        }
        return _fold(leaf, index, start, path.length * 32);
    }

    /// @notice MIX32x8 of a tile's 256 entries as they stand in an item.
    /// @dev Lane l absorbs rows 4·⌊l/2⌋.. and columns 8·(l mod 2)..: the left and the right half of four row groups. The four groups
    /// run side by side in the 64-bit lanes of a word, group 0 rightmost, once for each half.
    function mix(bytes calldata entries) internal pure returns (bytes32 digest) {
        uint256 left = _mixHalf(_start(entries), 0);
        uint256 right = _mixHalf(_start(entries) + 32, 1);
        // Lane 2·g is group g of the left half; the digest is its lanes in order, little-endian.
        return bytes32(LittleEndian.swapped(bytes32(left | (right << 32))));
    }

    /// @param at Where in the calldata the half's first row begins. @param half 0 left, 1 right: lane l starts with 0x9E3779B9 + l.
    function _mixHalf(uint256 at, uint256 half) private pure returns (uint256 lanes) {
        uint256 low = Philox.pin(FOURS);
        unchecked {
            lanes = 0x9E3779BF000000009E3779BD000000009E3779BB000000009E3779B9 + half * LANES;
            for (uint256 end = at + 256; at < end; at += 64) {
                uint256 group0 = _load(at);
                uint256 group1 = _load(at + 256);
                uint256 group2 = _load(at + 512);
                uint256 group3 = _load(at + 768);
                assembly ("memory-safe") {
                    for { let shift := 256 } shift {} {
                        shift := sub(shift, 32)
                        let v := or(
                            or(and(0xffffffff, shr(shift, group0)), shl(64, and(0xffffffff, shr(shift, group1)))),
                            or(shl(128, and(0xffffffff, shr(shift, group2))), shl(192, and(0xffffffff, shr(shift, group3))))
                        )
                        v := and(low, mul(0xCC9E2D51, v))
                        v := and(low, or(shl(15, v), shr(17, v)))
                        lanes := xor(lanes, and(low, mul(0x1B873593, v)))
                        lanes := and(low, or(shl(13, lanes), shr(19, lanes)))
                        lanes := and(low, add(mul(5, lanes), mul(LANES, 0xE6546B64)))
                    }
                }
            }
        }
    }

    /// @dev Half a row from the calldata: eight little-endian words, the first leftmost.
    function _load(uint256 at) private pure returns (uint256 words) {
        assembly ("memory-safe") {
            words := calldataload(at)
        }
        return LittleEndian.swappedDigits(words);
    }

    /// @param at Where in the calldata the path begins, and its length in bytes.
    function _fold(bytes32 node, uint256 index, uint256 at, uint256 length) private view returns (bytes32) {
        assembly ("memory-safe") {
            for { let end := add(at, length) } lt(at, end) {
                at := add(at, 32)
                index := shr(1, index)
            } {
                let side := shl(5, and(1, index))
                mstore(side, node)
                mstore(xor(32, side), calldataload(at))
                // It fails only for want of gas, and then must not leave a wrong root.
                if iszero(staticcall(gas(), 2, 0, 64, 0, 32)) { invalid() }
                node := mload(0)
            }
        }
        return node;
    }

    function _start(bytes calldata data) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := data.offset
        }
    }
}
