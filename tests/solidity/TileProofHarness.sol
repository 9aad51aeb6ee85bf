// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {TileProof} from "../../contracts/libraries/TileProof.sol";

/// @dev Opens the library's internal functions to the tests.
contract TileProofHarness {
    function isDrawnByLot(bytes32 beacon, uint256 device, uint256 threshold) external pure returns (bool) {
        return TileProof.isDrawnByLot(beacon, device, threshold);
    }

    function isRollCall(bytes32 beacon, uint256 rollCall) external pure returns (bool) {
        return TileProof.isRollCall(beacon, rollCall);
    }

    function firstSeed(bytes32 beacon, address provider, uint256 device, uint256 slot, uint256[4] calldata shape)
        external
        view
        returns (bytes32)
    {
        return TileProof.firstSeed(beacon, provider, device, slot, shape[0], shape[1], shape[2], shape[3]);
    }

    function rowSeed(bytes32 seed) external pure returns (bytes32) {
        return TileProof.rowSeed(seed);
    }

    function columnSeed(bytes32 seed) external pure returns (bytes32) {
        return TileProof.columnSeed(seed);
    }

    function commitmentOf(bytes32 finalSeed, bytes32 roundsRoot) external pure returns (bytes32) {
        return TileProof.commitmentOf(finalSeed, roundsRoot);
    }

    function sampleOf(bytes32 commitment, bytes32 sampleBeacon, uint256 index, uint256 rounds, uint256 tiles)
        external
        pure
        returns (uint256 round, uint256 tile)
    {
        return TileProof.sampleOf(commitment, sampleBeacon, index, rounds, tiles);
    }

    function evidenceLeaf(uint256 index, bytes calldata item) external pure returns (bytes32) {
        return TileProof.evidenceLeaf(index, item);
    }

    function depthOf(uint256 count) external pure returns (uint256) {
        return TileProof.depthOf(count);
    }

    function itemLength(uint256 tiles, uint256 rounds) external pure returns (uint256) {
        return TileProof.itemLength(tiles, rounds);
    }

    function placeOf(bytes calldata item) external pure returns (uint256 round, uint256 tile) {
        return TileProof.placeOf(item);
    }

    function entryOf(bytes calldata item, uint256 row, uint256 column) external pure returns (int256) {
        return TileProof.entryOf(item, row, column);
    }

    function seedOf(bytes calldata item, uint256 tiles) external pure returns (bytes32) {
        return TileProof.seedOf(item, tiles);
    }

    function foldItem(bytes calldata item, uint256 tiles, uint256 rounds) external view returns (bytes32) {
        return TileProof.foldItem(item, tiles, rounds);
    }

    function product(bytes32 seed, bytes32 seed0, uint256 row, uint256 column, uint256 k, uint256 profile)
        external
        pure
        returns (int256)
    {
        return TileProof.product(seed, seed0, row, column, k, profile);
    }

    function laneOf(
        bytes32 seed,
        bytes32 seed0,
        uint256 row,
        uint256 column,
        uint256 k,
        uint256 profile,
        uint256 lane
    ) external view returns (uint256 word, uint256 gasUsed) {
        gasUsed = gasleft();
        word = TileProof.laneOf(seed, seed0, row, column, k, profile, lane);
        gasUsed -= gasleft();
    }

    function laneIn(bytes32 leaf, uint256 lane) external pure returns (uint256) {
        return TileProof.laneIn(leaf, lane);
    }

    function isTile(
        bytes calldata item,
        bytes32 seed,
        bytes32 seed0,
        uint256 row,
        uint256 column,
        uint256 k,
        uint256 profile
    ) external view returns (bool isIt, uint256 gasUsed) {
        gasUsed = gasleft();
        isIt = TileProof.isTile(item, seed, seed0, row, column, k, profile);
        gasUsed -= gasleft();
    }

    function nextSeed(bytes32 seed, uint256 round, bytes32 root) external pure returns (bytes32) {
        return TileProof.nextSeed(seed, round, root);
    }

    function followChain(bytes32 seed, bytes calldata roots) external view returns (bytes32 finalSeed, bytes32 roundsRoot) {
        return TileProof.followChain(seed, roots);
    }

    function openTile(bytes calldata opening, uint256 round, uint256 tile, uint256 tiles, uint256 rounds)
        external
        view
        returns (bytes32 leaf, bytes32 seed, bytes32 commitment)
    {
        return TileProof.openTile(opening, round, tile, tiles, rounds);
    }

    function fold(bytes32 leaf, uint256 index, bytes32[] calldata path) external view returns (bytes32) {
        return TileProof.fold(leaf, index, path);
    }

    function foldBytes(bytes32 leaf, uint256 index, bytes calldata path) external view returns (bytes32) {
        return TileProof.fold(leaf, index, path);
    }

    function mix(bytes calldata entries) external view returns (bytes32 digest, uint256 gasUsed) {
        gasUsed = gasleft();
        digest = TileProof.mix(entries);
        gasUsed -= gasleft();
    }
}
