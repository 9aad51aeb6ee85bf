// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The attestation tree and the tree of outcomes, written the plain way, beside `MerkleSum` and `OutcomeTree`.
library Trees {
    uint256 internal constant DEPTH = 20;

    /// @param hashes Of the leaves in the first places, zero where there is none; as many as a power of two.
    function root(bytes32[] memory hashes, uint96[] memory sums) internal pure returns (bytes32 node, uint96 sum) {
        (node, sum,) = climb(hashes, sums, 0);
    }

    /// @return node The root. @return sum What lies under it. @return path That of the leaf in this place.
    function climb(bytes32[] memory hashes, uint96[] memory sums, uint256 index)
        internal
        pure
        returns (bytes32 node, uint96 sum, bytes memory path)
    {
        bytes32[] memory row = hashes;
        uint96[] memory weights = sums;
        uint256 bitmap;
        uint256 level;
        for (; row.length > 1; ++level) {
            uint256 sibling = index ^ 1;
            if (sibling < row.length && (row[sibling] != 0 || weights[sibling] != 0)) {
                bitmap |= 1 << level;
                path = bytes.concat(path, row[sibling], bytes12(weights[sibling]));
            }
            (row, weights) = _above(row, weights);
            index /= 2;
        }
        (node, sum) = (row[0], weights[0]);
        // Above all that there is, nothing stands beside it.
        for (; level < DEPTH && (node != 0 || sum != 0); ++level) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                let packed := mload(0x40)
                mstore(packed, node)
                mstore(add(packed, 32), shl(160, sum))
                calldatacopy(add(packed, 44), calldatasize(), 44)
                node := keccak256(packed, 88)
            }
        }
        return (node, sum, bytes.concat(bytes3(uint24(bitmap)), path));
    }

    /// @param places In order. @return path That of several leaves at once (`MerkleMany`).
    function climbMany(bytes32[] memory hashes, uint96[] memory sums, uint256[] memory places)
        internal
        pure
        returns (bytes memory path)
    {
        (bytes32[] memory row, uint96[] memory weights) = (hashes, sums);
        uint256 count = places.length;
        for (uint256 level = 0; level < DEPTH; ++level) {
            uint256 parents = 0;
            for (uint256 i = 0; i < count; ++i) {
                uint256 place = places[i];
                uint256 sibling = place ^ 1;
                if (place % 2 == 0 && i + 1 < count && places[i + 1] == sibling) {
                    ++i;
                } else if (sibling < row.length && (row[sibling] != 0 || weights[sibling] != 0)) {
                    path = bytes.concat(path, bytes1(uint8(1)), row[sibling], bytes12(weights[sibling]));
                } else {
                    path = bytes.concat(path, bytes1(0));
                }
                places[parents++] = place / 2;
            }
            count = parents;
            (row, weights) = _above(row, weights);
        }
    }

    /// @return above The root of the outcomes' hashes. @return path That of the one in this place.
    function climbOutcomes(bytes32[] memory hashes, uint256 index)
        internal
        pure
        returns (bytes32 above, bytes32[] memory path)
    {
        if (hashes.length == 0) return (0, path);
        uint256 depth;
        while (uint256(1) << depth < hashes.length) ++depth;
        bytes32[] memory row = new bytes32[](uint256(1) << depth);
        for (uint256 i = 0; i < hashes.length; ++i) {
            row[i] = hashes[i];
        }
        path = new bytes32[](depth);
        for (uint256 level = 0; level < depth; ++level) {
            path[level] = row[index ^ 1];
            bytes32[] memory next = new bytes32[](row.length / 2);
            for (uint256 i = 0; i < next.length; ++i) {
                next[i] = keccak256(bytes.concat(row[2 * i], row[2 * i + 1]));
            }
            row = next;
            index /= 2;
        }
        return (row[0], path);
    }

    function _above(bytes32[] memory row, uint96[] memory weights)
        private
        pure
        returns (bytes32[] memory next, uint96[] memory sums)
    {
        uint256 size = (row.length + 1) / 2;
        next = new bytes32[](size);
        sums = new uint96[](size);
        for (uint256 i = 0; i < size; ++i) {
            (bytes32 left, uint96 leftSum) = (row[2 * i], weights[2 * i]);
            bool paired = 2 * i + 1 < row.length;
            (bytes32 right, uint96 rightSum) = paired ? (row[2 * i + 1], weights[2 * i + 1]) : (bytes32(0), uint96(0));
            sums[i] = leftSum + rightSum;
            if (left == 0 && right == 0 && sums[i] == 0) continue;
            next[i] = keccak256(bytes.concat(left, bytes12(leftSum), right, bytes12(rightSum)));
        }
    }
}
