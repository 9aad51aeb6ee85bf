// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LabelProof, MemoryShape} from "../../contracts/libraries/LabelProof.sol";

/// @dev Opens the library's internal functions to the tests. A shape is (layers, layerBits, walkerBits, segments).
contract LabelProofHarness {
    function shapeOf(uint256[4] calldata shape) public pure returns (MemoryShape memory) {
        return LabelProof.shapeOf(shape[0], shape[1], shape[2], shape[3]);
    }

    function lengths(uint256[4] calldata shape) external pure returns (uint256[3] memory) {
        MemoryShape memory s = shapeOf(shape);
        return [LabelProof.itemLength(s, true), LabelProof.itemLength(s, false), LabelProof.headerLength(s)];
    }

    function saltOf(bytes32 beacon, address provider, uint256 device, uint256 slot, uint256 layers)
        external
        view
        returns (bytes32)
    {
        return LabelProof.saltOf(beacon, provider, device, slot, layers);
    }

    function commitmentOf(bytes32 memRoot, bytes32 walkRoot) external pure returns (bytes32) {
        return LabelProof.commitmentOf(memRoot, walkRoot);
    }

    function sampleOf(bytes32 commitment, bytes32 sampleBeacon, uint256 index, uint256[4] calldata shape)
        external
        pure
        returns (uint256 first, uint256 second)
    {
        return LabelProof.sampleOf(commitment, sampleBeacon, index, shapeOf(shape));
    }

    function parentsOf(bytes32 salt, uint256 layerBits, uint256 number) external pure returns (uint256[] memory) {
        return LabelProof.parentsOf(salt, layerBits, number);
    }

    function labelOf(bytes32 salt, uint256 number, bytes32[] calldata parents) external pure returns (bytes32) {
        return LabelProof.labelOf(salt, number, parents);
    }

    function isMade(uint256[4] calldata shape, bytes32 salt, bytes calldata item) external pure returns (bool) {
        uint256[] memory parents = LabelProof.parentsOf(salt, shape[1], LabelProof.numberOf(item));
        return LabelProof.isMade(shapeOf(shape), salt, item, parents);
    }

    function foldOpening(uint256[4] calldata shape, bytes calldata item, bool isLabel, uint256 k, uint256 number)
        external
        view
        returns (bytes32)
    {
        return LabelProof.foldOpening(shapeOf(shape), item, isLabel, k, number);
    }

    function foldCap(bytes calldata cap) external view returns (bytes32) {
        return LabelProof.foldCap(cap);
    }

    function startOf(bytes32 memRoot, uint256 walker) external pure returns (bytes memory) {
        return LabelProof.startOf(memRoot, walker);
    }

    function walk(uint256[4] calldata shape, bytes calldata item, bytes calldata start)
        external
        view
        returns (bytes32 digest, uint256[] memory blocks, uint256 gasUsed)
    {
        MemoryShape memory s = shapeOf(shape);
        gasUsed = gasleft();
        (digest, blocks) = LabelProof.walk(s, item, start);
        gasUsed -= gasleft();
    }

    function foldWalk(uint256[4] calldata shape, bytes calldata item, bytes32 digest) external view returns (bytes32) {
        (uint256 walker, uint256 segment) = LabelProof.placeOf(item);
        (bytes32 before, bytes calldata start) = LabelProof.beforeOf(item);
        return LabelProof.foldWalk(shapeOf(shape), item, walker, segment, before, start, digest);
    }
}
