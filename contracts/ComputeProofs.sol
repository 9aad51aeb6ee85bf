// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IChallenges} from "./interfaces/IChallenges.sol";
import {HeaderOpening, IComputeProofs, ItemOpening, Link, RoundOpening} from "./interfaces/IComputeProofs.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IItemOpening, Place, PlaceKind} from "./interfaces/IItemOpening.sol";
import {Phases} from "./libraries/Phases.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IComputeProofs`: what each question asks stands there.
contract ComputeProofs is IComputeProofs {
    IDeviceRegistry private immutable REGISTRY;
    IChallenges private immutable CHALLENGES;

    constructor(IDeviceRegistry registry, IChallenges challenges) {
        REGISTRY = registry;
        CHALLENGES = challenges;
    }

    // ---- Evidence ----

    /// @inheritdoc IComputeProofs
    function isBadItem(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        ItemOpening calldata opened,
        uint256 row,
        uint256 column
    ) external view returns (bool bad, bytes32 evidenceRoot) {
        require(row < TileProof.TILE && column < TileProof.TILE, EntryOutOfRange(row, column));
        (DeviceClass memory c, bytes32 seed0) = _challengeOf(device, slot);
        evidenceRoot = _itemRoot(opened, commitment, c);
        if (!_isAsked(opened, slot, commitment, c)) return (true, evidenceRoot);

        // Either is enough, and a wrong entry is what one finds: the paths only matter where the entry is right.
        (, uint256 tile) = TileProof.placeOf(opened.item);
        uint256 tiles = TileProof.tilesOf(c.m, c.n);
        int256 product = TileProof.product(
            TileProof.seedOf(opened.item, tiles),
            seed0,
            TileProof.TILE * (tile / (c.n / TileProof.TILE)) + row,
            TileProof.TILE * (tile % (c.n / TileProof.TILE)) + column,
            c.K,
            c.profile
        );
        if (TileProof.entryOf(opened.item, row, column) != product) return (true, evidenceRoot);

        bad = TileProof.foldItem(opened.item, tiles, c.R) != opened.roundsRoot;
    }

    /// @inheritdoc IComputeProofs
    function isGoodItem(uint256 device, uint256 slot, bytes32 commitment, ItemOpening calldata opened)
        external
        view
        returns (bool good, bytes32 evidenceRoot)
    {
        (DeviceClass memory c, bytes32 seed0) = _challengeOf(device, slot);
        evidenceRoot = _itemRoot(opened, commitment, c);
        if (!_isAsked(opened, slot, commitment, c)) return (false, evidenceRoot);
        uint256 tiles = TileProof.tilesOf(c.m, c.n);
        if (TileProof.foldItem(opened.item, tiles, c.R) != opened.roundsRoot) return (false, evidenceRoot);

        (, uint256 tile) = TileProof.placeOf(opened.item);
        good = TileProof.isTile(
            opened.item,
            TileProof.seedOf(opened.item, tiles),
            seed0,
            TileProof.TILE * (tile / (c.n / TileProof.TILE)),
            TileProof.TILE * (tile % (c.n / TileProof.TILE)),
            c.K,
            c.profile
        );
    }

    /// @inheritdoc IComputeProofs
    function isBadHeader(uint256 device, uint256 slot, bytes32 commitment, HeaderOpening calldata opened)
        external
        view
        returns (bool bad, bytes32 evidenceRoot)
    {
        (DeviceClass memory c, bytes32 seed0) = _challengeOf(device, slot);
        bytes calldata header = opened.header;
        evidenceRoot = _evidenceRoot(c.q, header, opened.path, c.q);
        uint256 rootsEnd = 32 * uint256(c.R);
        if (header.length != rootsEnd + 32) return (true, evidenceRoot);

        (bytes32 finalSeed, bytes32 roundsRoot) = TileProof.followChain(seed0, header[:rootsEnd]);
        bad = finalSeed != bytes32(header[rootsEnd:]) || TileProof.commitmentOf(finalSeed, roundsRoot) != commitment;
    }

    // ---- Commitments ----

    /// @inheritdoc IComputeProofs
    function isBadLink(uint256 device, uint256 slot, bytes32 commitment, Link calldata link) external view returns (bool) {
        (DeviceClass memory c, bytes32 seed0) = _challengeOf(device, slot);
        uint256 index = link.index;
        uint256 leaves = 1 << TileProof.depthOf(c.R);
        require(index <= leaves, LinkOutOfRange(index, leaves));

        if (index > c.R) {
            _requireLeaf(link, commitment, link.here.root, index - 1, link.here.path, c.R);
            return link.here.root != 0;
        }
        bytes32 need = seed0;
        if (index > 0) {
            _requireRound(link, commitment, link.before, index - 1, c.R);
            need = TileProof.nextSeed(link.before.seed, index - 1, link.before.root);
        }
        if (index == c.R) return link.finalSeed != need;
        _requireRound(link, commitment, link.here, index, c.R);
        return link.here.seed != need;
    }

    /// @inheritdoc IComputeProofs
    function isBadLane(
        uint256 device,
        uint256 slot,
        bytes32 commitment,
        uint256 round,
        uint256 tile,
        uint256 lane,
        bytes calldata opening
    ) external view returns (bool) {
        require(lane < 8, LaneOutOfRange(lane));
        (DeviceClass memory c, bytes32 seed0) = _challengeOf(device, slot);
        uint256 tiles = TileProof.tilesOf(c.m, c.n);
        require(round < c.R && tile < tiles, PlaceUnknown(PlaceKind.Tile, round, tile));
        uint256 length = TileProof.openingLength(tiles, c.R);
        require(opening.length == length, OpeningMalformed(opening.length, length));
        (bytes32 leaf, bytes32 seed, bytes32 bound) = TileProof.openTile(opening, round, tile, tiles, c.R);
        require(bound == commitment, CommitmentMismatch(bound, commitment));

        uint256 word = TileProof.laneOf(
            seed, seed0, TileProof.TILE * (tile / (c.n / TileProof.TILE)), TileProof.TILE * (tile % (c.n / TileProof.TILE)), c.K, c.profile, lane
        );
        return TileProof.laneIn(leaf, lane) != word;
    }

    // ---- Openings ----

    /// @inheritdoc IItemOpening
    function openingLength(uint256 device, uint256 slot, Place calldata place) external view returns (uint256) {
        (DeviceClass memory c,) = _challengeOf(device, slot);
        uint256 tiles = TileProof.tilesOf(c.m, c.n);
        bool known = place.kind == PlaceKind.Sample
            ? place.first < c.q && place.second == 0
            : place.kind == PlaceKind.Tile && place.first < c.R && place.second < tiles;
        require(known, PlaceUnknown(place.kind, place.first, place.second));
        return TileProof.openingLength(tiles, c.R);
    }

    /// @inheritdoc IItemOpening
    function opens(uint256 device, uint256 slot, bytes32 commitment, Place calldata place, bytes calldata opening)
        external
        view
        returns (bool)
    {
        DeviceClass memory c = REGISTRY.classOf(REGISTRY.deviceOf(device).classId);
        uint256 tiles = TileProof.tilesOf(c.m, c.n);
        if (opening.length != TileProof.openingLength(tiles, c.R)) return false;
        (uint256 round, uint256 tile) = (place.first, place.second);
        if (place.kind == PlaceKind.Sample) {
            (round, tile) = TileProof.sampleOf(commitment, _sealed(slot + 1), place.first, c.R, tiles);
        }
        (,, bytes32 bound) = TileProof.openTile(opening, round, tile, tiles, c.R);
        return bound == commitment;
    }

    /// @inheritdoc IItemOpening
    function placeOf(uint256 device, uint256 slot, bytes32 commitment, uint256 index) external view returns (bytes32) {
        DeviceClass memory c = REGISTRY.classOf(REGISTRY.deviceOf(device).classId);
        (uint256 round, uint256 tile) = TileProof.sampleOf(commitment, _sealed(slot + 1), index, c.R, TileProof.tilesOf(c.m, c.n));
        return bytes32((round << 64) | tile);
    }

    // ---- Internal ----

    /// @dev The class and seed_0 of the C-phase that is asked of the device in the slot.
    function _challengeOf(uint256 device, uint256 slot) private view returns (DeviceClass memory c, bytes32 seed0) {
        bytes32 beacon = _sealed(slot);
        Device memory d = REGISTRY.deviceOf(device);
        c = REGISTRY.classOf(d.classId);
        Phases.requireCompute(REGISTRY, device, slot, beacon, c.layers);
        seed0 = TileProof.firstSeed(beacon, d.provider, device, slot, c.m, c.n, c.K, c.R);
    }

    /// @dev The root that an item folds to, which must be one of a commitment to the roots that come with it.
    function _itemRoot(ItemOpening calldata opened, bytes32 commitment, DeviceClass memory c) private view returns (bytes32) {
        bytes32 bound = TileProof.commitmentOf(opened.finalSeed, opened.roundsRoot);
        require(bound == commitment, CommitmentMismatch(bound, commitment));
        require(opened.index < c.q, IndexOutOfRange(opened.index, c.q));
        return _evidenceRoot(opened.index, opened.item, opened.path, c.q);
    }

    /// @dev One leaf more than samples: the header.
    function _evidenceRoot(uint256 index, bytes calldata item, bytes32[] calldata path, uint256 samples)
        private
        view
        returns (bytes32)
    {
        uint256 depth = TileProof.depthOf(samples + 1);
        require(path.length == depth, EvidencePathMalformed(path.length, depth));
        return TileProof.fold(TileProof.evidenceLeaf(index, item), index, path);
    }

    /// @dev Whether an item has the class's length and is of the tile that the sample asks for.
    function _isAsked(ItemOpening calldata opened, uint256 slot, bytes32 commitment, DeviceClass memory c)
        private
        view
        returns (bool)
    {
        uint256 tiles = TileProof.tilesOf(c.m, c.n);
        if (opened.item.length != TileProof.itemLength(tiles, c.R)) return false;
        (uint256 round, uint256 tile) = TileProof.placeOf(opened.item);
        (uint256 askedRound, uint256 askedTile) =
            TileProof.sampleOf(commitment, _sealed(slot + 1), opened.index, c.R, tiles);
        return round == askedRound && tile == askedTile;
    }

    function _requireRound(Link calldata link, bytes32 commitment, RoundOpening calldata opened, uint256 round, uint256 rounds)
        private
        view
    {
        _requireLeaf(link, commitment, TileProof.roundLeaf(opened.seed, opened.root), round, opened.path, rounds);
    }

    function _requireLeaf(
        Link calldata link,
        bytes32 commitment,
        bytes32 leaf,
        uint256 index,
        bytes32[] calldata path,
        uint256 rounds
    ) private view {
        uint256 depth = TileProof.depthOf(rounds);
        require(path.length == depth, RoundPathMalformed(path.length, depth));
        bytes32 bound = TileProof.commitmentOf(link.finalSeed, TileProof.fold(leaf, index, path));
        require(bound == commitment, CommitmentMismatch(bound, commitment));
    }

    function _sealed(uint256 slot) private view returns (bytes32 beacon) {
        beacon = CHALLENGES.beaconOf(slot);
        require(beacon != 0, IChallenges.SlotNotSealed(slot));
    }
}
