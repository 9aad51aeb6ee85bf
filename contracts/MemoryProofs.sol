// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IChallenges} from "./interfaces/IChallenges.sol";
import {HeaderOpening} from "./interfaces/IComputeProofs.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IItemOpening, Place, PlaceKind} from "./interfaces/IItemOpening.sol";
import {CapNode, IMemoryProofs, MemoryItemOpening} from "./interfaces/IMemoryProofs.sol";
import {LabelProof, MemoryShape} from "./libraries/LabelProof.sol";
import {Phases} from "./libraries/Phases.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IMemoryProofs`: what each question asks stands there.
contract MemoryProofs is IMemoryProofs {
    /// Where the item begins in an opening.
    uint256 private constant ITEM = 64;

    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;

    constructor(IDeviceRegistry registry, IChallenges challenges) {
        REGISTRY = registry;
        CHALLENGES = challenges;
    }

    // ---- Evidence ----

    /// @inheritdoc IMemoryProofs
    function isBadItem(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        MemoryItemOpening calldata opened,
        CapNode calldata shown
    ) external view returns (bool bad, bytes32 evidenceRoot) {
        (MemoryShape memory shape, bytes32 salt) = _challengeOf(device, slot);
        evidenceRoot = _itemRoot(opened, commitment);
        uint256[] memory blocks = _blocksOf(shape, salt, slot, commitment, opened);
        if (blocks.length == 0) return (true, evidenceRoot);

        if (shown.opening >= blocks.length || shown.path.length != shape.capBits) return (false, evidenceRoot);
        uint256 number = blocks[shown.opening];
        bytes32 root = TileProof.fold(shown.node, number >> shape.lower, shown.path);
        if (root != opened.memRoot) return (false, evidenceRoot);
        bytes32 node = LabelProof.foldOpening(shape, opened.item, _isLabel(opened.index), shown.opening, number);
        bad = node != shown.node;
    }

    /// @inheritdoc IMemoryProofs
    function isGoodItem(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        MemoryItemOpening calldata opened,
        bytes calldata caps
    ) external view returns (bool good, bytes32 evidenceRoot) {
        (MemoryShape memory shape, bytes32 salt) = _challengeOf(device, slot);
        evidenceRoot = _itemRoot(opened, commitment);
        bool isLabel = _isLabel(opened.index);
        uint256 length = LabelProof.capsLength(shape, isLabel);
        require(caps.length == length, CapPathsMalformed(caps.length, length));
        uint256[] memory blocks = _blocksOf(shape, salt, slot, commitment, opened);
        good = blocks.length > 0 && LabelProof.areUnder(shape, opened.memRoot, opened.item, isLabel, blocks, caps);
    }

    /// @inheritdoc IMemoryProofs
    function isBadHeader(uint256 device, uint256 slot, bytes32 commitment, HeaderOpening calldata opened)
        external
        view
        returns (bool bad, bytes32 evidenceRoot)
    {
        (MemoryShape memory shape,) = _challengeOf(device, slot);
        bytes calldata header = opened.header;
        evidenceRoot = _evidenceRoot(LabelProof.SAMPLES, header, opened.path);
        if (header.length != LabelProof.headerLength(shape)) return (true, evidenceRoot);

        (bytes32 memRoot, bytes32 walkRoot) = (bytes32(header[0:32]), bytes32(header[32:64]));
        bad = LabelProof.commitmentOf(memRoot, walkRoot) != commitment || LabelProof.foldCap(header[64:]) != memRoot;
    }

    // ---- Commitments ----

    /// @inheritdoc IMemoryProofs
    function isBadLabel(uint256 device, uint256 slot, bytes32 commitment, uint256 number, bytes calldata opening)
        external
        view
        returns (bool)
    {
        (MemoryShape memory shape, bytes32 salt) = _challengeOf(device, slot);
        require(_isPlace(shape, true, number, 0), PlaceUnknown(PlaceKind.Label, number, 0));
        _requireOpening(shape, true, commitment, opening);
        require(_opensLabel(shape, salt, number, opening), OpeningUnbound());
        (bytes calldata item,) = _partsOf(shape, true, opening);
        return !LabelProof.isMade(shape, salt, item, LabelProof.parentsOf(salt, shape.layerBits, number));
    }

    /// @inheritdoc IMemoryProofs
    function isBadStep(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        uint256 walker,
        uint256 segment,
        bytes calldata opening
    ) external view returns (bool) {
        (MemoryShape memory shape,) = _challengeOf(device, slot);
        require(_isPlace(shape, false, walker, segment), PlaceUnknown(PlaceKind.Segment, walker, segment));
        _requireOpening(shape, false, commitment, opening);
        (bool ok, bytes32 digest) = _opensSegment(shape, walker, segment, opening);
        require(ok, OpeningUnbound());
        if (digest != _committedEnd(opening)) return true;
        (bytes calldata item,) = _partsOf(shape, false, opening);
        (bytes32 before,) = LabelProof.beforeOf(item);
        return segment == 1 && before != 0;
    }

    // ---- Openings ----

    /// @inheritdoc IItemOpening
    function openingLength(uint256 device, uint256 slot, Place calldata place) external view returns (uint256) {
        (MemoryShape memory shape,) = _challengeOf(device, slot);
        (PlaceKind kind, uint256 first, uint256 second) = (place.kind, place.first, place.second);
        bool isLabel = kind == PlaceKind.Sample ? _isLabel(first) : kind == PlaceKind.Label;
        bool isKnown = kind == PlaceKind.Sample
            ? first < LabelProof.SAMPLES && second == 0
            : kind != PlaceKind.Tile && _isPlace(shape, isLabel, first, second);
        require(isKnown, PlaceUnknown(kind, first, second));
        return _openingLength(shape, isLabel);
    }

    /// @inheritdoc IItemOpening
    function opens(uint256 device, uint256 slot, bytes32 commitment, Place calldata place, bytes calldata opening)
        external
        view
        returns (bool ok)
    {
        (MemoryShape memory shape, bytes32 salt) = _shapeOf(device, slot, _sealed(slot));
        (uint256 first, uint256 second) = (place.first, place.second);
        bool isLabel = place.kind == PlaceKind.Label;
        if (place.kind == PlaceKind.Sample) {
            isLabel = _isLabel(first);
            (first, second) = LabelProof.sampleOf(commitment, _sealed(slot + 1), first, shape);
        }
        if (opening.length != _openingLength(shape, isLabel) || _boundBy(opening) != commitment) return false;
        if (!_isPlace(shape, isLabel, first, second)) return false;
        if (isLabel) return _opensLabel(shape, salt, first, opening);
        (ok,) = _opensSegment(shape, first, second, opening);
    }

    /// @inheritdoc IItemOpening
    function placeOf(uint256 device, uint256 slot, bytes32 commitment, uint256 index) external view returns (bytes32) {
        (MemoryShape memory shape,) = _shapeOf(device, slot, _sealed(slot));
        (uint256 first, uint256 second) = LabelProof.sampleOf(commitment, _sealed(slot + 1), index, shape);
        PlaceKind kind = _isLabel(index) ? PlaceKind.Label : PlaceKind.Segment;
        return bytes32((uint256(kind) << 128) | (first << 64) | second);
    }

    // ---- Internal ----

    /// @dev The shape and the salt of the M-phase that is asked of the device in the slot.
    function _challengeOf(uint256 device, uint256 slot) private view returns (MemoryShape memory shape, bytes32 salt) {
        bytes32 beacon = _sealed(slot);
        (shape, salt) = _shapeOf(device, slot, beacon);
        Phases.requireMemory(REGISTRY, device, slot, beacon, shape.layers);
    }

    function _shapeOf(uint256 device, uint256 slot, bytes32 beacon)
        private
        view
        returns (MemoryShape memory shape, bytes32 salt)
    {
        Device memory d = REGISTRY.deviceOf(device);
        DeviceClass memory c = REGISTRY.classOf(d.classId);
        shape = LabelProof.shapeOf(c.layers, c.layerBits, c.walkerBits, c.segments);
        salt = LabelProof.saltOf(beacon, d.provider, device, slot, c.layers);
    }

    /// @dev The root that an item folds to, which must be one of a commitment to the roots that come with it.
    function _itemRoot(MemoryItemOpening calldata opened, bytes32 commitment) private view returns (bytes32) {
        bytes32 bound = LabelProof.commitmentOf(opened.memRoot, opened.walkRoot);
        require(bound == commitment, CommitmentMismatch(bound, commitment));
        require(opened.index < LabelProof.SAMPLES, IndexOutOfRange(opened.index, LabelProof.SAMPLES));
        return _evidenceRoot(opened.index, opened.item, opened.path);
    }

    /// @dev One leaf more than samples: the header.
    function _evidenceRoot(uint256 index, bytes calldata item, bytes32[] calldata path) private view returns (bytes32) {
        uint256 depth = TileProof.depthOf(LabelProof.SAMPLES + 1);
        require(path.length == depth, EvidencePathMalformed(path.length, depth));
        return TileProof.fold(TileProof.evidenceLeaf(index, item), index, path);
    }

    /// @dev The blocks that an item must open; none where the item is bad already by what it says itself.
    function _blocksOf(
        MemoryShape memory shape,
        bytes32 salt,
        uint256 slot,
        bytes32 commitment,
        MemoryItemOpening calldata opened
    ) private view returns (uint256[] memory none) {
        bool isLabel = _isLabel(opened.index);
        if (opened.item.length != LabelProof.itemLength(shape, isLabel)) return none;
        (uint256 first, uint256 second) = LabelProof.sampleOf(commitment, _sealed(slot + 1), opened.index, shape);
        return isLabel
            ? _labelBlocks(shape, salt, opened, first)
            : _segmentBlocks(shape, opened, first, second);
    }

    function _labelBlocks(MemoryShape memory shape, bytes32 salt, MemoryItemOpening calldata opened, uint256 number)
        private
        pure
        returns (uint256[] memory none)
    {
        if (LabelProof.numberOf(opened.item) != number) return none;
        uint256[] memory parents = LabelProof.parentsOf(salt, shape.layerBits, number);
        if (!LabelProof.isMade(shape, salt, opened.item, parents)) return none;
        if (parents.length == 0 && !LabelProof.isZero(LabelProof.parentOpenings(shape, opened.item))) return none;
        return LabelProof.blocksOf(number, parents);
    }

    function _segmentBlocks(
        MemoryShape memory shape,
        MemoryItemOpening calldata opened,
        uint256 walker,
        uint256 segment
    ) private view returns (uint256[] memory none) {
        bytes calldata item = opened.item;
        (uint256 ofWalker, uint256 ofSegment) = LabelProof.placeOf(item);
        if (ofWalker != walker || ofSegment != segment) return none;
        (bytes32 before, bytes memory start) = LabelProof.beforeOf(item);
        // h_0 is zero: it stands before segment 1, and segment 0 has nothing before it.
        if (segment < 2 && before != 0) return none;
        if (segment == 0 && keccak256(start) != keccak256(LabelProof.startOf(opened.memRoot, walker))) return none;
        if (!LabelProof.isZero(LabelProof.unusedDigests(shape, item, segment))) return none;
        (bytes32 digest, uint256[] memory blocks) = LabelProof.walk(shape, item, start);
        if (LabelProof.foldWalk(shape, item, walker, segment, before, start, digest) != opened.walkRoot) return none;
        return blocks;
    }

    /// @dev Whether an opening shows what its memRoot binds as a label and its parents.
    /// @param number One that there is. @param opening One of the right length.
    function _opensLabel(MemoryShape memory shape, bytes32 salt, uint256 number, bytes calldata opening)
        private
        view
        returns (bool)
    {
        (bytes calldata item, bytes calldata caps) = _partsOf(shape, true, opening);
        if (LabelProof.numberOf(item) != number) return false;
        uint256[] memory blocks = LabelProof.blocksOf(number, LabelProof.parentsOf(salt, shape.layerBits, number));
        return LabelProof.areUnder(shape, bytes32(opening[0:32]), item, true, blocks, caps);
    }

    /// @dev The same of what its roots bind as a segment's two ends, and of the blocks that its steps ask for.
    /// @return ok Whether it does. @return digest H(state) where those steps lead.
    function _opensSegment(MemoryShape memory shape, uint256 walker, uint256 segment, bytes calldata opening)
        private
        view
        returns (bool ok, bytes32 digest)
    {
        (bytes calldata item, bytes calldata caps) = _partsOf(shape, false, opening);
        (uint256 ofWalker, uint256 ofSegment) = LabelProof.placeOf(item);
        if (ofWalker != walker || ofSegment != segment) return (false, 0);
        bytes32 memRoot = bytes32(opening[0:32]);
        (bytes32 before, bytes memory start) = LabelProof.beforeOf(item);
        if (segment == 0) start = LabelProof.startOf(memRoot, walker);
        bytes32 walkRoot = LabelProof.foldWalk(shape, item, walker, segment, before, start, _committedEnd(opening));
        if (walkRoot != bytes32(opening[32:64])) return (false, 0);
        uint256[] memory blocks;
        (digest, blocks) = LabelProof.walk(shape, item, start);
        ok = LabelProof.areUnder(shape, memRoot, item, false, blocks, caps);
    }

    function _openingLength(MemoryShape memory shape, bool isLabel) private pure returns (uint256) {
        uint256 length = ITEM + LabelProof.itemLength(shape, isLabel) + LabelProof.capsLength(shape, isLabel);
        return isLabel ? length : length + 32;
    }

    function _requireOpening(MemoryShape memory shape, bool isLabel, bytes32 commitment, bytes calldata opening)
        private
        pure
    {
        uint256 length = _openingLength(shape, isLabel);
        require(opening.length == length, OpeningMalformed(opening.length, length));
        bytes32 bound = _boundBy(opening);
        require(bound == commitment, CommitmentMismatch(bound, commitment));
    }

    /// @dev Whether there is such a label, or such a segment of such a walker.
    function _isPlace(MemoryShape memory shape, bool isLabel, uint256 first, uint256 second) private pure returns (bool) {
        if (isLabel) return first < shape.labels && second == 0;
        return first >> shape.walkerBits == 0 && second < shape.segments;
    }

    /// @dev An opening's item and its paths from the cap to memRoot. @param opening One of the right length.
    function _partsOf(MemoryShape memory shape, bool isLabel, bytes calldata opening)
        private
        pure
        returns (bytes calldata item, bytes calldata caps)
    {
        uint256 end = ITEM + LabelProof.itemLength(shape, isLabel);
        return (opening[ITEM:end], opening[end:end + LabelProof.capsLength(shape, isLabel)]);
    }

    /// @dev The commitment that binds an opening's roots.
    function _boundBy(bytes calldata opening) private pure returns (bytes32) {
        return LabelProof.commitmentOf(bytes32(opening[0:32]), bytes32(opening[32:64]));
    }

    /// @dev The H(state) at a segment's end that stands at the end of its opening.
    function _committedEnd(bytes calldata opening) private pure returns (bytes32) {
        return bytes32(opening[opening.length - 32:]);
    }

    /// @param index Of a sample.
    function _isLabel(uint256 index) private pure returns (bool) {
        return index < LabelProof.LABEL_SAMPLES;
    }

    function _sealed(uint256 slot) private view returns (bytes32 beacon) {
        beacon = CHALLENGES.beaconOf(slot);
        require(beacon != 0, IChallenges.SlotNotSealed(slot));
    }
}
