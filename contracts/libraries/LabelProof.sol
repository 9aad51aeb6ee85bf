// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LittleEndian} from "./LittleEndian.sol";
import {Philox} from "./Philox.sol";
import {TileProof} from "./TileProof.sol";

// The proof libraries are where assembly is allowed.
// solhint-disable no-inline-assembly

/// @notice The dimensions of a class's M-phase, and what follows from them.
struct MemoryShape {
    uint256 layers;
    /// A layer has 2^layerBits labels; all layers together `labels`, in `blocks` blocks of four.
    uint256 layerBits;
    uint256 labels;
    uint256 blocks;
    /// Levels of the tree over the blocks, those of them above the cap, and those below.
    uint256 depth;
    uint256 capBits;
    uint256 lower;
    uint256 walkerBits;
    /// A walker takes 64 steps in each.
    uint256 segments;
}

/// @title GPOW1's M-phase as the chain checks it: labels, the blocks that they lie in, and the walk over the blocks.
/// @dev proof.md §3. Integers are little-endian, H is SHA-256. Mirrored by `tensorbond.proof.memory`; tests/parity hold it to that and to
/// the published vector. Trees as in `TileProof`: exactly as deep as the class gives.
///
/// An opening of a block is its 128 bytes ‖ its path up to the cap, the 2^capBits nodes that many levels below memRoot.
/// A label item is u64 number ‖ the opening of the label's block ‖ 16 openings of its parents' blocks, zero in layer 0.
/// A segment item is u32 walker ‖ u32 segment ‖ h before it (zero for segment 0) ‖ start state ‖ 64 openings, one a step ‖
/// (segments − 1) × H(state) at the checkpoints after the segment's own end, zero-filled ‖ walk path.
/// A header is memRoot ‖ walkRoot ‖ cap.
library LabelProof {
    uint256 internal constant LABEL_SAMPLES = 64;
    uint256 internal constant SAMPLES = 96;
    uint256 internal constant PARENTS = 16;
    uint256 internal constant STEPS = 64;

    uint256 private constant BLOCK = 128;
    uint256 private constant MAX_CAP_BITS = 11;
    /// Where an item's first opening begins, and a segment item's h and start state.
    uint256 private constant LABEL_OPENINGS = 8;
    uint256 private constant BEFORE = 8;
    uint256 private constant START = 40;
    uint256 private constant SEGMENT_OPENINGS = 168;

    /// A one in each 64-bit lane, the numbers 0..3 in them, and the lower half of each.
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant ASCENDING = 0x0000000000000003000000000000000200000000000000010000000000000000;
    uint256 private constant EVEN = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    // ---- Shapes and samples ----

    function shapeOf(uint256 layers, uint256 layerBits, uint256 walkerBits, uint256 segments)
        internal
        pure
        returns (MemoryShape memory shape)
    {
        shape.layers = layers;
        shape.layerBits = layerBits;
        shape.labels = layers << layerBits;
        shape.blocks = shape.labels / 4;
        shape.depth = TileProof.depthOf(shape.blocks);
        shape.capBits = shape.depth / 2 < MAX_CAP_BITS ? shape.depth / 2 : MAX_CAP_BITS;
        shape.lower = shape.depth - shape.capBits;
        shape.walkerBits = walkerBits;
        shape.segments = segments;
    }

    function commitmentOf(bytes32 memRoot, bytes32 walkRoot) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("GPOW1/MC", memRoot, walkRoot));
    }

    /// @return first The label that sample `index` < 64 of a commitment asks for, or which walker, @return second and which of its
    /// segments, a later one does.
    function sampleOf(bytes32 commitment, bytes32 sampleBeacon, uint256 index, MemoryShape memory shape)
        internal
        pure
        returns (uint256 first, uint256 second)
    {
        bool isLabel = index < LABEL_SAMPLES;
        bytes8 tag = isLabel ? bytes8("GPOW1/Q2") : bytes8("GPOW1/Q3");
        bytes4 number = LittleEndian.u32(isLabel ? index : index - LABEL_SAMPLES);
        uint256 words = LittleEndian.swapped(sha256(abi.encodePacked(tag, commitment, sampleBeacon, number)));
        if (isLabel) return (uint64(words) % shape.labels, 0);
        return (uint64(words) % (1 << shape.walkerBits), uint64(words >> 64) % shape.segments);
    }

    // ---- Items ----

    /// @return Bytes of every header of the shape.
    function headerLength(MemoryShape memory shape) internal pure returns (uint256) {
        return 64 + (32 << shape.capBits);
    }

    /// @return Bytes of every label item, or of every segment item, of the shape.
    function itemLength(MemoryShape memory shape, bool isLabel) internal pure returns (uint256) {
        if (isLabel) return LABEL_OPENINGS + (1 + PARENTS) * _openingLength(shape);
        return SEGMENT_OPENINGS + STEPS * _openingLength(shape) + 32 * (shape.segments - 1 + shape.walkerBits);
    }

    /// @return Bytes of the paths from the cap to memRoot, one for each of an item's openings.
    function capsLength(MemoryShape memory shape, bool isLabel) internal pure returns (uint256) {
        return 32 * shape.capBits * (isLabel ? 1 + PARENTS : STEPS);
    }

    /// @return The label that the item says it is of.
    function numberOf(bytes calldata item) internal pure returns (uint256) {
        return uint64(LittleEndian.swapped(bytes32(item[0:32])));
    }

    /// @return walker The walker, @return segment and the segment, that the item says it is of.
    function placeOf(bytes calldata item) internal pure returns (uint256 walker, uint256 segment) {
        uint256 words = LittleEndian.swapped(bytes32(item[0:32]));
        return (uint32(words), uint32(words >> 32));
    }

    /// @return The cap's node over block `number`, as opening `k` of an item gives it.
    function foldOpening(MemoryShape memory shape, bytes calldata item, bool isLabel, uint256 k, uint256 number)
        internal
        view
        returns (bytes32)
    {
        bytes calldata opening = _opening(shape, item, isLabel, k);
        return TileProof.fold(sha256(opening[0:BLOCK]), number, opening[BLOCK:]);
    }

    /// @return Whether an item's openings are of these blocks under memRoot.
    /// @param caps For each of the openings the path from the cap to memRoot.
    function areUnder(
        MemoryShape memory shape,
        bytes32 memRoot,
        bytes calldata item,
        bool isLabel,
        uint256[] memory blocks,
        bytes calldata caps
    ) internal view returns (bool) {
        uint256 length = 32 * shape.capBits;
        for (uint256 k = 0; k < blocks.length; ++k) {
            bytes32 node = foldOpening(shape, item, isLabel, k, blocks[k]);
            bytes32 root = TileProof.fold(node, blocks[k] >> shape.lower, caps[k * length:(k + 1) * length]);
            if (root != memRoot) return false;
        }
        return true;
    }

    /// @return root Of the tree over a cap's nodes.
    function foldCap(bytes calldata cap) internal view returns (bytes32 root) {
        assembly ("memory-safe") {
            let nodes := mload(0x40)
            calldatacopy(nodes, cap.offset, cap.length)
            for { let size := cap.length } gt(size, 32) { size := shr(1, size) } {
                let parent := nodes
                for { let pair := nodes } lt(pair, add(nodes, size)) { pair := add(pair, 64) } {
                    // It fails only for want of gas, and then must not leave a wrong root.
                    if iszero(staticcall(gas(), 2, pair, 64, parent, 32)) { invalid() }
                    parent := add(parent, 32)
                }
            }
            root := mload(nodes)
        }
    }

    /// @return Whether there is nothing but zeros.
    function isZero(bytes calldata data) internal pure returns (bool) {
        return keccak256(data) == keccak256(new bytes(data.length));
    }

    // ---- Labels ----

    function saltOf(bytes32 beacon, address provider, uint256 device, uint256 slot, uint256 layers)
        internal
        view
        returns (bytes32)
    {
        bytes8 chain = LittleEndian.u64(block.chainid);
        bytes memory place = abi.encodePacked(chain, provider, LittleEndian.u64(device), LittleEndian.u64(slot));
        return sha256(abi.encodePacked("GPOW1/M", beacon, place, LittleEndian.u32(layers)));
    }

    /// @return parents The labels that label `number` is made of; none in layer 0.
    function parentsOf(bytes32 salt, uint256 layerBits, uint256 number) internal pure returns (uint256[] memory parents) {
        uint256 layer = number >> layerBits;
        if (layer == 0) return parents;
        uint256 below = layer << layerBits;
        uint256 words = LittleEndian.swappedDigits(uint256(salt) >> 128);
        uint256[4] memory drawn = Philox.scramble(
            [LANES * (number - below), LANES * layer, ASCENDING, LANES * uint32(words >> 32)],
            LANES * uint32(words >> 96),
            LANES * (uint32(words >> 64) ^ 0x4D)
        );
        parents = new uint256[](PARENTS);
        parents[0] = number - (1 << layerBits);
        for (uint256 j = 1; j < PARENTS; ++j) {
            parents[j] = (uint32(drawn[j & 3] >> (64 * (j >> 2))) * below) >> 32;
        }
    }

    /// @return Label `number`, made of the labels of its parents.
    function labelOf(bytes32 salt, uint256 number, bytes32[] memory parents) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"3147504f4c000000", LittleEndian.u64(number), bytes16(salt), parents));
    }

    /// @return blocks The blocks that a label and its parents lie in.
    function blocksOf(uint256 number, uint256[] memory parents) internal pure returns (uint256[] memory blocks) {
        blocks = new uint256[](1 + parents.length);
        blocks[0] = number / 4;
        for (uint256 j = 0; j < parents.length; ++j) blocks[1 + j] = parents[j] / 4;
    }

    /// @return Whether the label in an item is made of the parents' labels in it.
    function isMade(MemoryShape memory shape, bytes32 salt, bytes calldata item, uint256[] memory parents)
        internal
        pure
        returns (bool)
    {
        uint256 number = numberOf(item);
        bytes32[] memory labels = new bytes32[](parents.length);
        for (uint256 j = 0; j < parents.length; ++j) labels[j] = _labelIn(_opening(shape, item, true, 1 + j), parents[j]);
        return _labelIn(_opening(shape, item, true, 0), number) == labelOf(salt, number, labels);
    }

    /// @return What an item has in place of openings of parents.
    function parentOpenings(MemoryShape memory shape, bytes calldata item) internal pure returns (bytes calldata) {
        return item[LABEL_OPENINGS + _openingLength(shape):];
    }

    // ---- The walk ----

    /// @return state A walker's state before its first step, 128 bytes.
    function startOf(bytes32 memRoot, uint256 walker) internal pure returns (bytes memory state) {
        bytes memory stem = abi.encodePacked("GPOW1/W", memRoot, LittleEndian.u32(walker));
        for (uint256 j = 0; j < 4; ++j) {
            state = abi.encodePacked(state, sha256(abi.encodePacked(stem, LittleEndian.u32(j))));
        }
    }

    /// @return The h and the start state that an item gives.
    function beforeOf(bytes calldata item) internal pure returns (bytes32, bytes calldata) {
        return (bytes32(item[BEFORE:START]), item[START:SEGMENT_OPENINGS]);
    }

    /// @return The places of digests of which an item of `segment` needs none.
    function unusedDigests(MemoryShape memory shape, bytes calldata item, uint256 segment)
        internal
        pure
        returns (bytes calldata)
    {
        uint256 end = item.length - 32 * shape.walkerBits;
        return item[end - 32 * segment:end];
    }

    /// @notice Take 64 steps over the blocks in an item.
    /// @param start The state before them, 128 bytes.
    /// @return digest H(state) after them.
    /// @return blocks The number of the block that each step asked for.
    function walk(MemoryShape memory shape, bytes calldata item, bytes memory start)
        internal
        pure
        returns (bytes32 digest, uint256[] memory blocks)
    {
        uint256[4] memory state = abi.decode(start, (uint256[4]));
        for (uint256 i = 0; i < 4; ++i) state[i] = LittleEndian.swappedDigits(state[i]);
        blocks = new uint256[](STEPS);
        uint256 stride = _openingLength(shape);
        uint256 at;
        assembly ("memory-safe") {
            at := add(item.offset, SEGMENT_OPENINGS)
        }
        for (uint256 k = 0; k < STEPS; ++k) {
            blocks[k] = ((state[0] >> 224) * shape.blocks) >> 32;
            _step(state, at);
            at += stride;
        }
        for (uint256 i = 0; i < 4; ++i) state[i] = LittleEndian.swappedDigits(state[i]);
        digest = sha256(abi.encode(state));
    }

    /// @return walkRoot, as an item's h and digests and its walk path give it: h_c = H(h ‖ H(start)) in a segment c > 0, h_0 = zero, then
    /// H(h ‖ digest) and so on.
    /// @param digest H(state) at the segment's end.
    function foldWalk(
        MemoryShape memory shape,
        bytes calldata item,
        uint256 walker,
        uint256 segment,
        bytes32 before,
        bytes memory start,
        bytes32 digest
    ) internal view returns (bytes32) {
        bytes32 h = segment == 0 ? bytes32(0) : sha256(bytes.concat(before, sha256(start)));
        h = sha256(bytes.concat(h, digest));
        uint256 path = item.length - 32 * shape.walkerBits;
        // The chain is a path whose node is always the left one.
        h = TileProof.fold(h, 0, item[path - 32 * (shape.segments - 1):path - 32 * segment]);
        return TileProof.fold(h, walker, item[path:]);
    }

    // ---- Internal ----

    function _openingLength(MemoryShape memory shape) private pure returns (uint256) {
        return BLOCK + 32 * shape.lower;
    }

    function _opening(MemoryShape memory shape, bytes calldata item, bool isLabel, uint256 k)
        private
        pure
        returns (bytes calldata)
    {
        uint256 length = _openingLength(shape);
        uint256 at = (isLabel ? LABEL_OPENINGS : SEGMENT_OPENINGS) + k * length;
        return item[at:at + length];
    }

    /// @return Label `number`, as the opening of its block gives it.
    function _labelIn(bytes calldata opening, uint256 number) private pure returns (bytes32) {
        uint256 at = 32 * (number & 3);
        return bytes32(opening[at:at + 32]);
    }

    /// @dev One step: y_k = (s_k · 0x9E3779B1) ⊕ block_k, s'_k = rotl(y_k + y_(k+9), 13), k + 9 mod 32. A word holds eight of the 32
    /// numbers, the first leftmost, and works on every other of them at a time, in 64-bit lanes.
    /// @param at Where in the calldata the block begins.
    function _step(uint256[4] memory words, uint256 at) private pure {
        uint256 y0 = _mixed(words[0], at);
        uint256 y1 = _mixed(words[1], at + 32);
        uint256 y2 = _mixed(words[2], at + 64);
        uint256 y3 = _mixed(words[3], at + 96);
        words[0] = _turned(y0, (y1 << 32) | (y2 >> 224));
        words[1] = _turned(y1, (y2 << 32) | (y3 >> 224));
        words[2] = _turned(y2, (y3 << 32) | (y0 >> 224));
        words[3] = _turned(y3, (y0 << 32) | (y1 >> 224));
    }

    function _mixed(uint256 word, uint256 at) private pure returns (uint256) {
        uint256 loaded;
        assembly ("memory-safe") {
            loaded := calldataload(at)
        }
        unchecked {
            uint256 even = ((word & EVEN) * 0x9E3779B1) & EVEN;
            uint256 odd = (((word >> 32) & EVEN) * 0x9E3779B1) & EVEN;
            return (even | (odd << 32)) ^ LittleEndian.swappedDigits(loaded);
        }
    }

    function _turned(uint256 y, uint256 z) private pure returns (uint256) {
        unchecked {
            uint256 even = ((y & EVEN) + (z & EVEN)) & EVEN;
            uint256 odd = (((y >> 32) & EVEN) + ((z >> 32) & EVEN)) & EVEN;
            even = ((even << 13) | (even >> 19)) & EVEN;
            odd = ((odd << 13) | (odd >> 19)) & EVEN;
            return even | (odd << 32);
        }
    }
}
