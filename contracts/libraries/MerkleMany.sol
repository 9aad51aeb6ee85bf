// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MerkleSum} from "./MerkleSum.sol";

/// @title Several leaves of the attestation tree under one proof, which holds each sibling once and no node that follows from the leaves.
/// Mirrored by `tensorbond.oracle.tree`.
library MerkleMany {
    /// @notice `MerkleSum.fold` for several leaves at once. @param nodes Of each leaf, in order of index, three words: index, hash, weight.
    /// They are overwritten. @param path For each node without a neighbour among the given, level by level and in order of index:
    /// a byte 0 if its sibling is absent; else a byte 1, the sibling's hash, and its sum in 12 bytes.
    function foldMany(uint256[] memory nodes, bytes calldata path) internal pure returns (bytes32 root, uint256 sum) {
        uint256 depth = MerkleSum.DEPTH;
        uint256 need = 0;
        uint256 flags = 0;
        uint256 last = 0;
        // Parents are written where their children stood or before, for there are never more of them.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let packed := mload(0x40)
            let first := add(nodes, 32)
            last := add(first, mul(32, mload(nodes)))
            for { let level := 0 } lt(level, depth) { level := add(level, 1) } {
                let parent := first
                for { let at := first } lt(at, last) {} {
                    let index := mload(at)
                    root := mload(add(at, 32))
                    sum := mload(add(at, 64))
                    at := add(at, 96)
                    let sibling := 0
                    let siblingSum := 0
                    let known := 0
                    if lt(at, last) { known := eq(mload(at), add(index, 1)) }
                    switch and(known, iszero(and(index, 1)))
                    case 1 {
                        sibling := mload(add(at, 32))
                        siblingSum := mload(add(at, 64))
                        at := add(at, 96)
                    }
                    default {
                        let flag := byte(0, calldataload(add(path.offset, need)))
                        flags := or(flags, flag)
                        need := add(need, 1)
                        if flag {
                            sibling := calldataload(add(path.offset, need))
                            siblingSum := shr(160, calldataload(add(path.offset, add(need, 32))))
                            need := add(need, 44)
                        }
                    }
                    switch and(index, 1)
                    case 0 {
                        mstore(packed, root)
                        mstore(add(packed, 32), shl(160, sum))
                        mstore(add(packed, 44), sibling)
                        mstore(add(packed, 76), shl(160, siblingSum))
                    }
                    default {
                        mstore(packed, sibling)
                        mstore(add(packed, 32), shl(160, siblingSum))
                        mstore(add(packed, 44), root)
                        mstore(add(packed, 76), shl(160, sum))
                    }
                    if or(or(root, sum), or(sibling, siblingSum)) { root := keccak256(packed, 88) }
                    sum := add(sum, siblingSum)
                    mstore(parent, shr(1, index))
                    mstore(add(parent, 32), root)
                    mstore(add(parent, 64), sum)
                    parent := add(parent, 96)
                }
                last := parent
            }
            last := sub(last, first)
        }
        // One node is left, and its index is zero, only of leaves in order that all have their place in the tree.
        if (path.length != need || flags > 1 || last != 96 || nodes[0] != 0) revert MerkleSum.PathMalformed(path.length, need);
    }
}
