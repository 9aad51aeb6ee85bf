// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Statement} from "../../contracts/interfaces/IAttestations.sol";
import {IDeviceRegistry} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {BlockHeader} from "../../contracts/libraries/BlockHeader.sol";
import {LabelProof} from "../../contracts/libraries/LabelProof.sol";
import {Phases} from "../../contracts/libraries/Phases.sol";
import {Philox} from "../../contracts/libraries/Philox.sol";
import {Statements} from "../../contracts/libraries/Statements.sol";
import {TileProof} from "../../contracts/libraries/TileProof.sol";
import {Test} from "./Vm.sol";
import {Alone} from "./World.sol";

/// @dev `MerkleSum` and `MerkleMany` as the project's own compiler made them.
interface IFolds {
    function fold(bytes32 hash, uint256 weight, uint256 index, bytes calldata path) external pure returns (bytes32, uint256);
    function foldMany(uint256[] calldata nodes, bytes calldata path) external pure returns (bytes32, uint256);
}

/// @dev Opens what takes calldata, and what reverts.
contract Opened {
    bool private immutable HELD;

    constructor(bool held) {
        HELD = held;
    }

    /// @dev Of `IDeviceRegistry`.
    function heldIn(uint256, uint256) external view returns (bool) {
        return HELD;
    }

    function parse(bytes calldata header) external pure returns (bool, bytes32, uint256) {
        return BlockHeader.parse(header);
    }

    function timestampOf(bytes calldata header) external pure returns (bool, uint256) {
        return BlockHeader.timestampOf(header);
    }

    function hashOf(Statement calldata statement) external pure returns (bytes32) {
        return Statements.hash(statement);
    }

    function isMemory(bytes32 beacon, uint256 layers) external view returns (bool) {
        return Phases.isMemory(IDeviceRegistry(address(this)), 1, 2, beacon, layers);
    }

    function requireCompute(bytes32 beacon, uint256 layers) external view {
        Phases.requireCompute(IDeviceRegistry(address(this)), 1, 2, beacon, layers);
    }

    function requireMemory(bytes32 beacon, uint256 layers) external view {
        Phases.requireMemory(IDeviceRegistry(address(this)), 1, 2, beacon, layers);
    }
}

/// @title Proofs of several leaves against proofs of one, by paths that no tree was made for.
contract ManyTest is Alone {
    IFolds private constant CODE = IFolds(address(0xf01d));

    function setUp() external {
        _etch(address(CODE), "MerkleSumHarness");
    }

    function testFuzz_foldMany__ofOne__isFold(uint256[2] memory leaf, uint256 index, bytes32[5] memory seeds, uint256 gaps)
        external
        view
    {
        index = bound(index, 0, (1 << 20) - 1);
        (bytes memory one, bytes memory many) = _paths(seeds, gaps, 0);
        (bytes32 root, uint256 sum) = CODE.fold(bytes32(leaf[0]), leaf[1] >> 160, index, one);
        (bytes32 have, uint256 total) = CODE.foldMany(_nodes(index, leaf[0], leaf[1] >> 160), many);
        isTrue(have == root, "root");
        equal(total, sum, "sum");
    }

    function testFuzz_foldMany__ofTwoNeighbours__isTheirParents(
        uint256[2] memory left,
        uint256[2] memory right,
        uint256 index,
        bytes32[5] memory seeds,
        uint256 gaps
    ) external view {
        index = bound(index, 0, (1 << 19) - 1);
        (left[1], right[1]) = (left[1] >> 160, right[1] >> 160);
        uint256[] memory nodes = new uint256[](6);
        (nodes[0], nodes[1], nodes[2]) = (2 * index, left[0], left[1]);
        (nodes[3], nodes[4], nodes[5]) = (2 * index + 1, right[0], right[1]);
        (bytes memory one, bytes memory many) = _paths(seeds, gaps, 1);
        (bytes32 have, uint256 total) = CODE.foldMany(nodes, many);
        // For the left one alone the right one is the first sibling.
        one = bytes.concat(bytes3(uint24(uint256(uint24(bytes3(one))) | 1)), bytes32(right[0]), bytes12(uint96(right[1])), _behind(one));
        (bytes32 root, uint256 sum) = CODE.fold(bytes32(left[0]), left[1], 2 * index, one);
        isTrue(have == root, "root");
        equal(total, sum, "sum");
    }

    function testFuzz_foldMany__inAnotherPlace__isAnotherRoot(
        uint256[2] memory leaf,
        uint256 index,
        uint256 other,
        bytes32 seed,
        uint256 level
    ) external view {
        // A sibling on this level, so that left and right of it differ.
        level = bound(level, 0, 19);
        index = bound(index, 0, (1 << 20) - 1);
        other = bound(other, 0, (1 << 20) - 1) & ~(uint256(1) << level) | (~index & (uint256(1) << level));
        bytes memory many = bytes.concat(new bytes(level), bytes1(uint8(1)), seed, bytes12(0), new bytes(19 - level));
        if (leaf[0] == uint256(seed)) return;
        (bytes32 root,) = CODE.foldMany(_nodes(index, leaf[0], leaf[1] >> 160), many);
        (bytes32 have,) = CODE.foldMany(_nodes(other, leaf[0], leaf[1] >> 160), many);
        isTrue(have != root, "the place is not bound");
    }

    function testFuzz_foldMany__refusesDisorderAndOtherLengths(
        uint256 index,
        uint256 other,
        bytes32[5] memory seeds,
        uint256 gaps,
        uint256 which
    ) external view {
        index = bound(index, 0, (1 << 20) - 1);
        (, bytes memory many) = _paths(seeds, gaps, 0);
        uint256[] memory nodes = _nodes(index, 1, 1);
        which %= 5;
        if (which == 0) many = bytes.concat(many, bytes1(0));
        if (which == 1) many = _cut(many);
        // A place beyond the tree.
        if (which == 2) nodes[0] = bound(other, 1 << 20, type(uint256).max);
        if (which == 3) (nodes, many) = (new uint256[](0), bytes(""));
        // A leaf twice, or after its neighbour.
        if (which == 4) {
            nodes = new uint256[](6);
            (nodes[0], nodes[1], nodes[2], nodes[3], nodes[4], nodes[5]) = (index, 1, 1, index & ~uint256(1), 1, 1);
        }
        (bool ok,) = address(CODE).staticcall(abi.encodeCall(IFolds.foldMany, (nodes, many)));
        isTrue(!ok, "taken");
    }

    /// @dev The sum tells what the hash, which has 96 bits of it, doesn't.
    function testFuzz_fold__ofAWeightBeyondItsBits__isAnotherSum(
        uint256[2] memory leaf,
        uint256 index,
        uint256 more,
        bytes32[5] memory seeds,
        uint256 gaps
    ) external view {
        index = bound(index, 0, (1 << 20) - 1);
        more = bound(more, 1, type(uint128).max) << 96;
        uint256 weight = leaf[1] >> 160;
        (bytes memory one,) = _paths(seeds, gaps, 0);
        (, uint256 sum) = CODE.fold(bytes32(leaf[0]), weight, index, one);
        (, uint256 other) = CODE.fold(bytes32(leaf[0]), weight + more, index, one);
        equal(other, sum + more, "a sum that leaves something out");
        uint256 need = weight;
        for (uint256 i = 0; i < 5; ++i) {
            need += uint96(uint256(seeds[i]));
        }
        equal(sum, need, "not the sum of the path");
    }

    /// @return one The path of `fold`, @return many that of `foldMany`: five siblings, on levels from `first` on, with gaps between them.
    function _paths(bytes32[5] memory seeds, uint256 gaps, uint256 first)
        private
        pure
        returns (bytes memory one, bytes memory many)
    {
        uint256 bitmap;
        uint256 level = first;
        for (uint256 i = 0; i < 5; ++i) {
            uint256 gap = (gaps >> (2 * i)) % (i == 0 ? 3 : 4);
            bytes memory sibling = bytes.concat(seeds[i], bytes12(uint96(uint256(seeds[i]))));
            one = bytes.concat(one, sibling);
            many = bytes.concat(many, new bytes(gap), bytes1(uint8(1)), sibling);
            level += gap;
            bitmap |= 1 << level++;
        }
        return (bytes.concat(bytes3(uint24(bitmap)), one), bytes.concat(many, new bytes(20 - level)));
    }

    function _nodes(uint256 index, uint256 hash, uint256 weight) private pure returns (uint256[] memory nodes) {
        nodes = new uint256[](3);
        (nodes[0], nodes[1], nodes[2]) = (index, hash, weight);
    }

    function _behind(bytes memory path) private pure returns (bytes memory rest) {
        rest = new bytes(path.length - 3);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mcopy(add(rest, 32), add(path, 35), mload(rest))
        }
    }

    function _cut(bytes memory path) private pure returns (bytes memory) {
        bytes memory copy = bytes.concat(path);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(copy, sub(mload(copy), 1))
        }
        return copy;
    }
}

/// @title Philox4x32-10 and the products of lines, written the plain way: one block, one element at a time.
contract PhiloxTest is Test {
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;

    function testFuzz_scramble__isPhilox(uint256[4] memory words, uint32[2] memory key, uint256 lane) external pure {
        lane = bound(lane, 0, 3);
        uint256 low = LANES * 0xffffffff;
        uint32[4] memory counter;
        uint256[4] memory lanes;
        for (uint256 w = 0; w < 4; ++w) {
            lanes[w] = words[w] & low;
            counter[w] = uint32(words[w] >> (64 * lane));
        }
        counter = _philox(counter, key[0], key[1]);
        lanes = Philox.scramble(lanes, LANES * key[0], LANES * key[1]);
        for (uint256 w = 0; w < 4; ++w) {
            equal(uint32(lanes[w] >> (64 * lane)), counter[w], "word");
        }
    }

    function testFuzz_row__column__arePhiloxBlocks(bytes32 seed, uint32 index, uint256 number) external pure {
        number = bound(number, 0, 11);
        uint32[4] memory counter = [uint32(number), index, _word(seed, 2), _word(seed, 3)];
        counter = _philox(counter, _word(seed, 0), _word(seed, 1));
        bytes memory row = Philox.row(seed, index, 192);
        bytes memory column = Philox.column(seed, index, 192);
        equal(row.length, 192, "length");
        for (uint256 w = 0; w < 4; ++w) {
            equal(_digit(row, number / 4, number % 4, w), counter[w], "row");
            equal(_digit(column, number / 4, 3 - (number % 4), w), counter[w], "column");
        }
    }

    function testFuzz_dot__isTheSumOfTheProducts(bytes32[2] memory a, bytes32[2] memory b, bool wide) external pure {
        int256 need;
        (bytes memory row, bytes memory column) = (abi.encode(a), abi.encode(b));
        (uint256 step, uint256 mask, int256 middle) = wide ? (uint256(16), uint256(511), int256(256)) : (8, 255, int256(128));
        for (uint256 i = 0; i < 16; ++i) {
            uint256 x = _digit(row, 0, i % 4, i / 4);
            uint256 y = _digit(column, 0, 3 - (i % 4), i / 4);
            unchecked {
                for (uint256 at = 0; at < 32; at += step) {
                    need += (int256((x >> at) & mask) - middle) * (int256((y >> at) & mask) - middle);
                }
            }
        }
        isTrue((wide ? Philox.dotWide(row, column) : Philox.dot(row, column)) == need, "sum");
    }

    function _philox(uint32[4] memory c, uint32 key0, uint32 key1) private pure returns (uint32[4] memory) {
        for (uint256 round = 0; round < 10; ++round) {
            uint256 p0 = uint256(c[0]) * 0xD2511F53;
            uint256 p1 = uint256(c[2]) * 0xCD9E8D57;
            c = [uint32(p1 >> 32) ^ c[1] ^ key0, uint32(p1), uint32(p0 >> 32) ^ c[3] ^ key1, uint32(p0)];
            unchecked {
                (key0, key1) = (key0 + 0x9E3779B9, key1 + 0xBB67AE85);
            }
        }
        return c;
    }

    /// @return Word w of the block in a lane of a line's step.
    function _digit(bytes memory line, uint256 step, uint256 lane, uint256 w) private pure returns (uint32) {
        uint256 value;
        uint256 at = 64 * step + 32 * (w / 2) + 32;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            value := mload(add(line, at))
        }
        return uint32(value >> (64 * lane + (w % 2 == 0 ? 32 : 0)));
    }

    /// @return value Little-endian word w of a seed.
    function _word(bytes32 seed, uint256 w) private pure returns (uint32 value) {
        for (uint256 i = 4; i > 0; --i) {
            value = (value << 8) | uint8(seed[4 * w + i - 1]);
        }
    }
}

/// @title A block's header, made field by field.
contract HeaderTest is Test {
    Opened private immutable CODE = new Opened(true);

    function testFuzz_parse__readsWhatWasWritten(bytes32[4] memory seeds, uint256[5] memory numbers, bytes20 account, bytes calldata extra)
        external
        view
    {
        for (uint256 i = 0; i < 5; ++i) {
            // Of any width.
            numbers[i] >>= numbers[i] & 255;
        }
        bytes memory header = _header(seeds, numbers, account, extra.length > 32 ? extra[:32] : extra);
        (bool ok, bytes32 parent, uint256 number) = CODE.parse(header);
        isTrue(ok && parent == seeds[0], "parent");
        equal(number, numbers[1], "number");
        (bool also, uint256 time) = CODE.timestampOf(header);
        isTrue(also, "refused");
        equal(time, numbers[4], "timestamp");
    }

    function testFuzz_parse__aByteBeforeTheNumber__changesNothingButTheParent(
        bytes32[4] memory seeds,
        uint64[5] memory numbers,
        uint256 at,
        uint8 change
    ) external view {
        at = bound(at, 0, 447);
        bytes memory header = _header(seeds, _wide(numbers), bytes20(seeds[3]), "");
        header[at] = bytes1(uint8(header[at]) ^ (change == 0 ? 1 : change));
        (bool ok, bytes32 parent, uint256 number) = CODE.parse(header);
        bool framed = at < 4 || at == 36 || at == 69 || at == 90 || at == 123 || at == 156 || (at >= 189 && at < 192);
        isTrue(ok != framed, "a frame that is wrong, or none that is");
        if (!ok) return;
        isTrue((parent == seeds[0]) == (at < 4 || at >= 36), "parent");
        equal(number, numbers[1], "number");
    }

    function testFuzz_parse__ofAnotherLength__isRefused(bytes32[4] memory seeds, uint64[5] memory numbers, uint256 cut) external view {
        bytes memory header = _header(seeds, _wide(numbers), bytes20(seeds[3]), "");
        (bool ok,,) = CODE.parse(bytes.concat(header, bytes1(0)));
        isTrue(!ok, "longer");
        cut = bound(cut, 0, header.length - 1);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(header, cut)
        }
        (ok,,) = CODE.parse(header);
        isTrue(!ok, "shorter");
        (ok,) = CODE.timestampOf(header);
        isTrue(!ok, "shorter, for its time");
    }

    function testFuzz_parse__aNumberWithALeadingZero__isRefused(bytes32[4] memory seeds, uint64 difficulty, uint64 number) external view {
        number >>= 16;
        bytes memory padded = abi.encodePacked(uint8(0x88), number);
        bytes memory plain = _integer(number);
        (bool ok,, uint256 have) = CODE.parse(_frame(seeds, bytes20(seeds[3]), bytes.concat(_integer(difficulty), plain)));
        isTrue(ok, "without");
        equal(have, number, "number");
        (ok,,) = CODE.parse(_frame(seeds, bytes20(seeds[3]), bytes.concat(_integer(difficulty), padded)));
        isTrue(!ok, "with");
    }

    function _header(bytes32[4] memory seeds, uint256[5] memory numbers, bytes20 account, bytes memory extra)
        private
        pure
        returns (bytes memory)
    {
        bytes memory rest;
        for (uint256 i = 0; i < 5; ++i) {
            rest = bytes.concat(rest, _integer(numbers[i]));
        }
        return _frame(seeds, account, bytes.concat(rest, bytes1(uint8(0xa0)), seeds[3], extra));
    }

    function _frame(bytes32[4] memory seeds, bytes20 account, bytes memory rest) private pure returns (bytes memory) {
        bytes1 word = 0xa0;
        bytes memory body = bytes.concat(word, seeds[0], word, seeds[1], bytes1(0x94), account, word, seeds[2]);
        body = bytes.concat(body, word, seeds[3], word, seeds[2], bytes3(0xb90100), abi.encode(seeds, seeds), rest);
        return bytes.concat(bytes1(0xf9), bytes2(uint16(body.length)), body);
    }

    function _integer(uint256 value) private pure returns (bytes memory) {
        if (value == 0) return hex"80";
        if (value < 128) return abi.encodePacked(uint8(value));
        uint256 length = Math.log256(value) + 1;
        bytes memory digits = abi.encodePacked(value << (256 - 8 * length));
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(digits, length)
        }
        return abi.encodePacked(uint8(0x80 + length), digits);
    }

    function _wide(uint64[5] memory numbers) private pure returns (uint256[5] memory wide) {
        for (uint256 i = 0; i < 5; ++i) {
            wide[i] = numbers[i];
        }
    }
}

/// @title Who is drawn, for what, and which samples are asked of it.
contract DrawTest is Test {
    /// @dev A device that was held, and one that wasn't.
    Opened private immutable HELD = new Opened(true);
    Opened private immutable FREE = new Opened(false);

    function testFuzz_phases__oneOfTheTwo(bytes32 beacon, bool want, uint256 layers, bool held) external view {
        layers = bound(layers, 0, 3);
        while (_isMemorySlot(beacon) != want) beacon = keccak256(bytes.concat(beacon));
        Opened code = held ? HELD : FREE;
        (bool compute,) = address(code).staticcall(abi.encodeCall(Opened.requireCompute, (beacon, layers)));
        (bool inMemory,) = address(code).staticcall(abi.encodeCall(Opened.requireMemory, (beacon, layers)));
        bool asks = want && layers > 0;
        isTrue(compute == (!asks || held), "compute");
        isTrue(inMemory == (asks && !held), "memory");
        isTrue(code.isMemory(beacon, layers) == (asks && !held), "isMemory");
    }

    function testFuzz_isDrawn__isTheDigestBelowTheThreshold(bytes32 beacon, uint64 device, uint256 rollCall, uint256 threshold)
        external
        pure
    {
        rollCall = bound(rollCall, 0, 256);
        threshold = bound(threshold, 0, uint256(1) << 32);
        bytes memory reversed = new bytes(8);
        for (uint256 i = 0; i < 8; ++i) {
            reversed[i] = bytes1(uint8(device >> (8 * i)));
        }
        bytes32 digest = sha256(bytes.concat("GPOW1/draw", beacon, reversed));
        uint256 lot;
        for (uint256 i = 4; i > 0; --i) {
            lot = lot * 256 + uint8(digest[i - 1]);
        }
        bool called = uint8(sha256(bytes.concat("GPOW1/roll", beacon))[0]) < rollCall;
        isTrue(TileProof.isDrawn(beacon, device, rollCall, threshold) == (called || lot < threshold), "drawn");
        isTrue(TileProof.isDrawnByLot(beacon, device, 1 << 32), "not always");
        isTrue(!TileProof.isDrawnByLot(beacon, device, 0), "not never");
    }

    function testFuzz_samples__lieInTheWork(bytes32 commitment, bytes32 beacon, uint256 index, uint256 rounds, uint256 tiles)
        external
        pure
    {
        rounds = bound(rounds, 1, type(uint16).max);
        tiles = bound(tiles, 1, type(uint32).max);
        index = bound(index, 0, 95);
        (uint256 round, uint256 tile) = TileProof.sampleOf(commitment, beacon, index, rounds, tiles);
        isTrue(round < rounds && tile < tiles, "beyond the work");
    }

    function testFuzz_parentsOf__lieInLayersBelow(bytes32 salt, uint256 layerBits, uint256 number) external pure {
        layerBits = bound(layerBits, 2, 18);
        number = bound(number, 0, (uint256(1) << (layerBits + 10)) - 1);
        uint256[] memory parents = LabelProof.parentsOf(salt, layerBits, number);
        uint256 layer = number >> layerBits;
        if (layer == 0) return equal(parents.length, 0, "parents in the first layer");
        equal(parents[0] + (uint256(1) << layerBits), number, "not the one below");
        for (uint256 j = 0; j < parents.length; ++j) {
            isTrue(parents[j] >> layerBits < layer, "a parent that is not below");
        }
    }

    function _isMemorySlot(bytes32 beacon) private pure returns (bool) {
        return uint8(sha256(bytes.concat("GPOW1/kind", beacon))[0]) < 32;
    }
}

/// @title What oracles sign.
contract StatementTest is Test {
    Opened private immutable CODE = new Opened(true);

    function testFuzz_hash__bindsEachField(Statement memory statement, uint256 bit) external view {
        bit = bound(bit, 0, 8 * 256 - 1);
        bytes memory fields = abi.encode(statement);
        bytes32 kind = keccak256(
            "Attestation(uint256 epoch,uint256 round,bytes32 previousRoot,bytes32 lastBlockHash,bytes32 root,uint256 totalWeight,bytes32 dataDigest,bytes32 configDigest)"
        );
        bytes32 hash = CODE.hashOf(statement);
        isTrue(hash == keccak256(bytes.concat(kind, fields)), "not EIP-712's");
        fields[bit / 8] = bytes1(uint8(fields[bit / 8]) ^ uint8(1 << (bit % 8)));
        isTrue(CODE.hashOf(abi.decode(fields, (Statement))) != hash, "a field that is not bound");
    }
}
