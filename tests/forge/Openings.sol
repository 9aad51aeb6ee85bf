// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {HeaderOpening, Link, RoundOpening} from "../../contracts/interfaces/IComputeProofs.sol";
import {Device, DeviceClass} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {TileProof} from "../../contracts/libraries/TileProof.sol";
import {StakingPlay} from "./StakingPlay.sol";

/// @title Commitments that the play can open: a chain of seeds as it must be, over products that nobody computed.
/// @dev So every bond between the bytes is right, and the work is not: there is a good header, there are good links, and no good lane.
abstract contract Openings is StakingPlay {
    /// @dev What a commitment binds. Of tile 0 of round 0 `leaf` and its path are known, of all others nothing.
    struct Work {
        bytes32 leaf;
        bytes32[] tilePath;
        bytes32[] roots;
        bytes32[] seeds;
        bytes32[] rounds;
        bytes32 finalSeed;
        bytes32 roundsRoot;
        bytes32 commitment;
    }

    /// Items of the classes' evidence; its header has this index.
    uint256 internal constant ITEMS = 16;
    /// 16 × 16 entries each, of a matrix of 256 × 256.
    uint256 internal constant TILES = 256;
    /// Bytes of them, for the class of the honest device: 4 rounds.
    uint256 internal constant ITEM_LENGTH = 8 + 4 * 256 + 32 * 8 + 32 + 32 * 2;
    uint256 internal constant HEADER_LENGTH = 32 * 4 + 32;
    uint256 private constant ITEM_DEPTH = 5;
    uint256 private constant TILE_DEPTH = 8;

    /// @param broken Whether the last seed doesn't follow from the last round.
    function _workOf(uint256 device, uint256 slot, bool broken) internal view returns (Work memory work) {
        Device memory d = registry.deviceOf(device);
        DeviceClass memory c = registry.classOf(d.classId);
        bytes32 seed = TileProof.firstSeed(challenges.beaconOf(slot), d.provider, device, slot, c.m, c.n, c.K, c.R);
        bytes32 salt = keccak256(abi.encode(device, slot));
        work.leaf = keccak256(abi.encode(salt, "leaf"));
        work.tilePath = _path(salt, TILE_DEPTH);
        (work.roots, work.seeds, work.rounds) = (new bytes32[](c.R), new bytes32[](c.R), new bytes32[](c.R));
        for (uint256 t = 0; t < c.R; ++t) {
            work.roots[t] = t == 0 ? _folded(work.leaf, 0, work.tilePath) : keccak256(abi.encode(salt, t));
            work.seeds[t] = seed;
            work.rounds[t] = TileProof.roundLeaf(seed, work.roots[t]);
            seed = TileProof.nextSeed(seed, t, work.roots[t]);
        }
        work.finalSeed = broken ? keccak256(abi.encode(salt, "final")) : seed;
        work.roundsRoot = _folded(work.rounds[0], 0, _roundPath(work, 0));
        work.commitment = TileProof.commitmentOf(work.finalSeed, work.roundsRoot);
    }

    function _opened(Work memory work, uint256 round) internal pure returns (RoundOpening memory) {
        return RoundOpening(work.seeds[round], work.roots[round], _roundPath(work, round));
    }

    /// @return link That of round `index` to the one before it, or of the last seed to the last round.
    function _linkOf(Work memory work, uint256 index) internal pure returns (Link memory link) {
        (link.index, link.finalSeed) = (index, work.finalSeed);
        if (index > 0) link.before = _opened(work, index - 1);
        if (index < work.roots.length) link.here = _opened(work, index);
    }

    /// @return Of tile 0 of round 0.
    function _tileOpening(Work memory work) internal pure returns (bytes memory) {
        bytes32[] memory path = _roundPath(work, 0);
        return abi.encodePacked(work.leaf, work.tilePath, work.seeds[0], path, work.finalSeed);
    }

    function _workHeader(Work memory work) internal pure returns (bytes memory) {
        return abi.encodePacked(work.roots, work.finalSeed);
    }

    /// @return An evidence's item of these bytes under a root that the play makes up, and that root.
    function _item(uint256 index, bytes memory item) internal pure returns (bytes32[] memory, bytes32) {
        bytes32[] memory path = _path(keccak256(item), ITEM_DEPTH);
        bytes32 leaf = sha256(abi.encodePacked("GPOW1/E", LittleEndian.u32(index), item));
        return (path, _folded(leaf, index, path));
    }

    function _headerOf(bytes memory header) internal pure returns (HeaderOpening memory opened, bytes32 root) {
        opened.header = header;
        (opened.path, root) = _item(ITEMS, header);
    }

    /// @return One that is too short, or as long as it must be and of another chain.
    function _badHeader(Work memory work, uint256 seed) internal pure returns (bytes memory) {
        if (seed % 2 == 0) return abi.encode(seed);
        work.roots[work.roots.length - 1] = bytes32(seed);
        return _workHeader(work);
    }

    function _path(bytes32 salt, uint256 depth) private pure returns (bytes32[] memory path) {
        path = new bytes32[](depth);
        for (uint256 level = 0; level < depth; ++level) {
            path[level] = keccak256(abi.encode(salt, "path", level));
        }
    }

    function _roundPath(Work memory work, uint256 round) private pure returns (bytes32[] memory path) {
        bytes32[] memory row = work.rounds;
        path = new bytes32[](row.length == 4 ? 2 : 1);
        for (uint256 level = 0; level < path.length; ++level) {
            path[level] = row[round ^ 1];
            bytes32[] memory next = new bytes32[](row.length / 2);
            for (uint256 i = 0; i < next.length; ++i) {
                next[i] = sha256(bytes.concat(row[2 * i], row[2 * i + 1]));
            }
            row = next;
            round /= 2;
        }
    }

    function _folded(bytes32 node, uint256 index, bytes32[] memory path) private pure returns (bytes32) {
        for (uint256 level = 0; level < path.length; ++level) {
            node = (index >> level) & 1 == 0
                ? sha256(bytes.concat(node, path[level]))
                : sha256(bytes.concat(path[level], node));
        }
        return node;
    }
}
