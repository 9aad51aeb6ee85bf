// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @notice What one slot gave for one device: one row of a leaf's outcomes, in slot order, forced draws last.
/// @dev Its hash is keccak256(abi.encode(outcome)). Mirrored by `tensorbond.chain.types.Outcome`.
struct Outcome {
    uint32 slot;
    /// 0 drawn for the C-phase, 1 drawn for the M-phase, 2 roll call, 3 forced by a job.
    uint8 kind;
    /// A slow one is right, but has less than the class's slowGops or minBandwidth. Withheld: a record, but no evidence in the open window.
    /// 1 passed, 2 missed (no record), 3 bad item, 4 withheld, 5 slow.
    uint8 result;
    /// Gops (or MB/s in the M-phase) of a passed or slow slot, else 0.
    uint32 throughput;
    /// The evidenceRoot that was judged; zero where there was none.
    bytes32 witness;
    /// Of a bad item: its index in the evidence (q names the header); else 0.
    uint32 item;
    /// The job of a forced draw, else 0.
    uint64 job;
}

/// @notice What an attestation says of one device: leaf number `device` of the epoch's Merkle-sum tree.
/// @dev Its hash is keccak256(abi.encode(leaf)); its sum is `weight`. Mirrored by `tensorbond.chain.types.Leaf`.
/// due/passed of a kind with nothing due in this epoch are carried over from the last epoch that had some, and the
/// kind's idle counts the epochs since (docs/protocol.md, "Leaf").
struct Leaf {
    uint32 device;
    address provider;
    uint8 classId;
    uint16 dueC;
    uint16 passedC;
    uint16 idleC;
    uint16 dueM;
    uint16 passedM;
    uint16 idleM;
    uint16 dueRoll;
    uint16 passedRoll;
    uint16 idleRoll;
    uint32 minGops;
    uint32 minBandwidth;
    /// Bytes of memory that the M-phase has shown: 92 % of the labels.
    uint64 vram;
    uint96 weight;
    uint128 cumulativeReward;
    bytes32 outcomesRoot;
    uint16 outcomeCount;
}

/// @title The attestation tree: depth 20, index = device id, every node carries the sum of the weights below it.
/// @dev node(l, r) = keccak256(l.hash ‖ l.sum as 12 bytes ‖ r.hash ‖ r.sum as 12 bytes), sum l.sum + r.sum; a node over two
/// absent children is absent itself (hash 0, sum 0). A leaf is hashed from 608 bytes, a node from 88, and the depth is
/// fixed, so neither can pass as the other. Mirrored by `tensorbond.oracle.tree`.
library MerkleSum {
    uint256 internal constant DEPTH = 20;
    /// Bytes of a leaf's encoding, and where its weight stands in them.
    uint256 internal constant LEAF_LENGTH = 608;
    uint256 internal constant WEIGHT_AT = 480;
    /// Bytes of an inner node's.
    uint256 internal constant NODE_LENGTH = 88;

    /// The path's bytes are not what its bitmap announces, or the index has no place in the tree.
    error PathMalformed(uint256 have, uint256 need);

    /// @param path 3 bytes of bitmap (bit l: the sibling on level l is present), then per present sibling, from the leaf
    /// up, 32 bytes of hash and 12 bytes of sum, big-endian.
    /// @return root The hash that the path folds to. @return sum The total weight under it.
    function fold(bytes32 leafHash, uint256 weight, uint256 index, bytes calldata path)
        internal
        pure
        returns (bytes32 root, uint256 sum)
    {
        return foldFrom(leafHash, weight, 0, index, path);
    }

    /// @notice The same for a node on any level, 0 the leaves' and 20 the root's. @param index Its place among those of its level.
    /// @param path Bit l of the bitmap: the sibling l levels above the node is present.
    function foldFrom(bytes32 node, uint256 weight, uint256 level, uint256 index, bytes calldata path)
        internal
        pure
        returns (bytes32 root, uint256 sum)
    {
        if (level > DEPTH) revert PathMalformed(path.length, 0);
        uint256 present = path.length < 3 ? 0 : uint24(bytes3(path[0:3]));
        uint256 need = 3;
        root = node;
        sum = weight;
        // A node's 88 bytes are made behind the free memory pointer: the node below in its half, with 20 bytes to spare behind its sum, then
        // its sibling's 44 in the other. An absent sibling is read beyond the calldata, where all is zero. What is read beyond the path is
        // zero, or other calldata, and refused below.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let packed := mload(0x40)
            let right := add(packed, 44)
            let next := add(path.offset, need)
            for { let left := sub(DEPTH, level) } left { left := sub(left, 1) } {
                let at := calldatasize()
                if and(present, 1) {
                    at := next
                    next := add(next, 44)
                }
                let half := mul(44, and(index, 1))
                let own := add(packed, half)
                mstore(own, root)
                mstore(add(own, 32), shl(160, sum))
                calldatacopy(sub(right, half), at, 44)
                let siblingSum := shr(160, calldataload(add(at, 32)))
                if or(or(root, sum), or(calldataload(at), siblingSum)) { root := keccak256(packed, NODE_LENGTH) }
                sum := add(sum, siblingSum)
                index := shr(1, index)
                present := shr(1, present)
            }
            need := sub(next, path.offset)
        }
        if (path.length != need || present != 0 || index != 0) revert PathMalformed(path.length, need);
    }

    /// @dev keccak256(abi.encode(leaf)) without decoding: dirty bits give another hash.
    function hash(Leaf calldata leaf) internal pure returns (bytes32 digest) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let encoded := mload(0x40)
            calldatacopy(encoded, leaf, LEAF_LENGTH)
            digest := keccak256(encoded, LEAF_LENGTH)
        }
    }
}

/// @title The tree over one leaf's outcomes: keccak256, in order, zero-padded to a power of two, exact depth.
library OutcomeTree {
    /// Bytes of an outcome's encoding.
    uint256 internal constant OUTCOME_LENGTH = 224;

    /// The path has another depth than `count` outcomes give, or the index is out of range.
    error OutcomePathMalformed(uint256 have, uint256 need);

    /// @return The root that outcome `index` of `count` folds to by `path` (leaf to root).
    function fold(Outcome calldata outcome, uint256 index, uint256 count, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        uint256 depth = 0;
        while ((uint256(1) << depth) < count) ++depth;
        if (path.length != depth || index >= count) revert OutcomePathMalformed(path.length, depth);

        bytes32 node = keccak256(abi.encode(outcome));
        for (uint256 level = 0; level < depth; ++level) {
            node = (index >> level) & 1 == 0
                ? keccak256(abi.encodePacked(node, path[level]))
                : keccak256(abi.encodePacked(path[level], node));
        }
        return node;
    }

    /// @return The root over all the outcomes; zero over none.
    function rootOf(Outcome[] calldata outcomes) internal pure returns (bytes32) {
        uint256 count = outcomes.length;
        if (count == 0) return 0;
        uint256 width = 1;
        while (width < count) width *= 2;
        bytes32[] memory nodes = new bytes32[](width);
        for (uint256 index = 0; index < count; ++index) {
            nodes[index] = hash(outcomes[index]);
        }
        for (; width > 1; width /= 2) {
            for (uint256 index = 0; index < width; index += 2) {
                nodes[index / 2] = Hashes.efficientKeccak256(nodes[index], nodes[index + 1]);
            }
        }
        return nodes[0];
    }

    /// @return Whether all the bytes are encodings of outcomes. Those that no field can hold revert without reason.
    function areClean(Outcome[] calldata outcomes) internal pure returns (bool) {
        for (uint256 index = 0; index < outcomes.length; ++index) {
            Outcome calldata o = outcomes[index];
            uint256 all = uint256(o.slot) | o.kind | o.result | o.throughput | o.item | o.job;
            if (all > type(uint64).max) return false;
        }
        return true;
    }

    /// @dev keccak256(abi.encode(outcome)) without decoding: dirty bits give another hash.
    function hash(Outcome calldata outcome) internal pure returns (bytes32 digest) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let encoded := mload(0x40)
            calldatacopy(encoded, outcome, OUTCOME_LENGTH)
            digest := keccak256(encoded, OUTCOME_LENGTH)
        }
    }
}
