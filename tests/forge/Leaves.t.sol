// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {DeviceClass} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {Counts, LeafRules} from "../../contracts/libraries/LeafRules.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Leaf, MerkleSum, Outcome, OutcomeTree} from "../../contracts/libraries/MerkleSum.sol";
import {Requests} from "../../contracts/libraries/Requests.sol";
import {Trees} from "./Trees.sol";
import {Test} from "./Vm.sol";

/// @dev Opens what takes calldata.
contract Calldata {
    function fold(bytes32 hash, uint256 weight, uint256 index, bytes calldata path)
        external
        pure
        returns (bytes32, uint256)
    {
        return MerkleSum.fold(hash, weight, index, path);
    }

    function foldFrom(bytes32 node, uint256 sum, uint256 level, uint256 index, bytes calldata path)
        external
        pure
        returns (bytes32, uint256)
    {
        return MerkleSum.foldFrom(node, sum, level, index, path);
    }

    function hashOf(Leaf calldata leaf) external pure returns (bytes32) {
        return MerkleSum.hash(leaf);
    }

    function foldOutcome(Outcome calldata outcome, uint256 index, uint256 size, bytes32[] calldata path)
        external
        pure
        returns (bytes32)
    {
        return OutcomeTree.fold(outcome, index, size, path);
    }

    function rootOf(Outcome[] calldata outcomes) external pure returns (bytes32) {
        return OutcomeTree.rootOf(outcomes);
    }

    function weightOf(Leaf calldata leaf, uint256 gops, bool hasMemory) external pure returns (uint256) {
        return LeafRules.weightOf(leaf, gops, hasMemory);
    }

    function isWellFormed(Outcome calldata row, uint256 items) external pure returns (bool) {
        return LeafRules.isWellFormed(row, items);
    }

    function count(Outcome[] calldata rows) external pure returns (Counts memory counts) {
        for (uint256 i = 0; i < rows.length; ++i) {
            LeafRules.add(counts, rows[i], false);
        }
    }
}

/// @title The attestation tree against one written the plain way.
contract TreeTest is Test {
    uint256 private constant WIDTH = 8;
    Calldata private immutable CODE = new Calldata();

    function testFuzz_fold__givesTheRoot(bytes32[WIDTH] memory seeds, uint256 index) external view {
        (bytes32[] memory hashes, uint96[] memory sums) = _leaves(seeds);
        index = bound(index, 0, WIDTH - 1);
        (bytes32 root, uint96 total, bytes memory path) = Trees.climb(hashes, sums, index);
        (bytes32 have, uint256 sum) = CODE.fold(hashes[index], sums[index], index, path);
        isTrue(have == root, "root");
        equal(sum, total, "sum");
    }

    function testFuzz_fold__ofAnotherWeight__isAnotherRoot(bytes32[WIDTH] memory seeds, uint256 index, uint96 weight)
        external
        view
    {
        (bytes32[] memory hashes, uint96[] memory sums) = _leaves(seeds);
        index = bound(index, 0, WIDTH - 1);
        if (weight == sums[index]) return;
        (bytes32 root,, bytes memory path) = Trees.climb(hashes, sums, index);
        (bytes32 have,) = CODE.fold(hashes[index], weight, index, path);
        isTrue(have != root, "the weight is not bound");
    }

    function testFuzz_fold__inAnotherPlace__isAnotherRoot(bytes32[WIDTH] memory seeds, uint256 index, uint256 other)
        external
        view
    {
        (bytes32[] memory hashes, uint96[] memory sums) = _leaves(seeds);
        index = bound(index, 0, WIDTH - 1);
        other = bound(other, 0, WIDTH - 1);
        if (other == index || hashes[index] == 0) return;
        (bytes32 root,, bytes memory path) = Trees.climb(hashes, sums, index);
        try CODE.fold(hashes[index], sums[index], other, path) returns (bytes32 have, uint256) {
            isTrue(have != root, "the place is not bound");
        } catch {} // solhint-disable-line no-empty-blocks
    }

    function testFuzz_fold__takesNoByteMoreOrLess(bytes32[WIDTH] memory seeds, uint256 index, uint256 cut) external view {
        (bytes32[] memory hashes, uint96[] memory sums) = _leaves(seeds);
        index = bound(index, 0, WIDTH - 1);
        (,, bytes memory path) = Trees.climb(hashes, sums, index);
        bytes memory longer = bytes.concat(path, bytes1(0));
        (bool ok,) = address(CODE).staticcall(abi.encodeCall(Calldata.fold, (hashes[index], sums[index], index, longer)));
        isTrue(!ok, "a longer path");
        bytes memory shorter = new bytes(bound(cut, 0, path.length - 1));
        for (uint256 i = 0; i < shorter.length; ++i) {
            shorter[i] = path[i];
        }
        (ok,) = address(CODE).staticcall(abi.encodeCall(Calldata.fold, (hashes[index], sums[index], index, shorter)));
        isTrue(!ok, "a shorter path");
    }

    function testFuzz_fold__refusesAPlaceBeyondTheTree(bytes32[WIDTH] memory seeds, uint256 index) external view {
        (bytes32[] memory hashes, uint96[] memory sums) = _leaves(seeds);
        (,, bytes memory path) = Trees.climb(hashes, sums, 0);
        index = bound(index, 1 << 20, type(uint256).max);
        (bool ok,) = address(CODE).staticcall(abi.encodeCall(Calldata.fold, (hashes[0], sums[0], index, path)));
        isTrue(!ok, "a place beyond the tree");
    }

    function testFuzz_hash__isThatOfTheEncoding(Leaf memory leaf) external view {
        isTrue(CODE.hashOf(leaf) == keccak256(abi.encode(leaf)), "hash");
    }

    function testFuzz_foldOutcome__givesTheRoot(Outcome[6] memory rows, uint256 count, uint256 index) external view {
        count = bound(count, 1, 6);
        index = bound(index, 0, count - 1);
        (Outcome[] memory list, bytes32[] memory hashes) = _rows(rows, count);
        (bytes32 root, bytes32[] memory path) = Trees.climbOutcomes(hashes, index);
        isTrue(CODE.foldOutcome(list[index], index, count, path) == root, "fold");
        isTrue(CODE.rootOf(list) == root, "rootOf");
    }

    function testFuzz_foldOutcome__refusesAPlaceBeyondTheLast(Outcome[6] memory rows, uint256 index) external view {
        (Outcome[] memory list, bytes32[] memory hashes) = _rows(rows, 6);
        (, bytes32[] memory path) = Trees.climbOutcomes(hashes, 0);
        index = bound(index, 6, type(uint256).max);
        (bool ok,) = address(CODE).staticcall(abi.encodeCall(Calldata.foldOutcome, (list[0], index, 6, path)));
        isTrue(!ok, "a place beyond the last");
    }

    function _leaves(bytes32[WIDTH] memory seeds) private pure returns (bytes32[] memory hashes, uint96[] memory sums) {
        hashes = new bytes32[](WIDTH);
        sums = new uint96[](WIDTH);
        for (uint256 i = 0; i < WIDTH; ++i) {
            if (uint256(seeds[i]) % 4 == 0) continue;
            hashes[i] = seeds[i];
            sums[i] = uint96(uint256(keccak256(abi.encode(seeds[i]))) >> 168);
        }
    }

    function _rows(Outcome[6] memory rows, uint256 count)
        private
        pure
        returns (Outcome[] memory list, bytes32[] memory hashes)
    {
        list = new Outcome[](count);
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = rows[i];
            hashes[i] = keccak256(abi.encode(rows[i]));
        }
    }
}

/// @title What a leaf is worth.
contract LeafRulesTest is Test {
    Calldata private immutable CODE = new Calldata();

    function testFuzz_weightOf__isBoundedByTheBondAndTheLeastPass(Leaf memory leaf, uint256 gops, bool hasMemory) external view {
        gops = bound(gops, 0, type(uint24).max);
        _honest(leaf);
        uint256 weight = CODE.weightOf(leaf, gops, hasMemory);
        isTrue(weight <= gops && weight <= leaf.minGops, "more than bonded, or than shown");
    }

    function testFuzz_weightOf__ofNothingPassed__isZero(Leaf memory leaf, uint256 gops, bool hasMemory) external view {
        gops = bound(gops, 0, type(uint24).max);
        _honest(leaf);
        leaf.dueC = leaf.dueC == 0 ? 1 : leaf.dueC;
        leaf.passedC = 0;
        equal(CODE.weightOf(leaf, gops, hasMemory), 0, "weight without a pass");
    }

    function testFuzz_weightOf__withoutARollCall__isZero(Leaf memory leaf, uint256 gops, bool hasMemory) external view {
        _honest(leaf);
        leaf.dueRoll = 0;
        equal(CODE.weightOf(leaf, bound(gops, 0, type(uint24).max), hasMemory), 0, "weight before the first roll call");
    }

    function testFuzz_weightOf__idleTooLong__isZero(Leaf memory leaf, uint256 gops, uint256 idle) external view {
        _honest(leaf);
        leaf.idleC = uint16(bound(idle, LeafRules.IDLE_EPOCHS + 1, type(uint16).max));
        equal(CODE.weightOf(leaf, bound(gops, 0, type(uint24).max), false), 0, "weight of an idle device");
    }

    function testFuzz_weightOf__growsWithThePasses(Leaf memory leaf, uint256 gops, uint256 more) external view {
        _honest(leaf);
        gops = bound(gops, 0, type(uint24).max);
        uint256 before = CODE.weightOf(leaf, gops, true);
        leaf.passedC = uint16(bound(more, leaf.passedC, leaf.dueC));
        isTrue(CODE.weightOf(leaf, gops, true) >= before, "a pass lowered the weight");
    }

    function testFuzz_weightOf__isTheLeastRatio(Leaf memory leaf, uint256 gops) external view {
        _honest(leaf);
        gops = bound(gops, 0, type(uint24).max);
        leaf.dueC = leaf.dueC == 0 ? 1 : leaf.dueC;
        leaf.dueRoll = leaf.dueRoll == 0 ? 1 : leaf.dueRoll;
        uint256 least = gops < leaf.minGops ? gops : leaf.minGops;
        uint256 byC = (least * leaf.passedC) / leaf.dueC;
        uint256 byRoll = (least * leaf.passedRoll) / leaf.dueRoll;
        equal(CODE.weightOf(leaf, gops, false), byC < byRoll ? byC : byRoll, "the least");
    }

    function testFuzz_rewards__ofAllWeightsNeverExceedTheEmission(uint96[5] memory weights, uint256 epoch) external pure {
        epoch = bound(epoch, 0, type(uint24).max);
        uint256 total;
        for (uint256 i = 0; i < 5; ++i) {
            weights[i] >>= 3;
            total += weights[i];
        }
        uint256 paid;
        for (uint256 i = 0; i < 5; ++i) {
            paid += LeafRules.rewardOf(epoch, weights[i], total);
        }
        isTrue(paid <= Emission.at(epoch), "more than the emission");
        if (total > 0 && Emission.at(epoch) > 0) isTrue(paid + 5 > Emission.at(epoch), "more than a wei a device lost");
    }

    function testFuzz_gopsOf__isBoundedAndFallsWithTime(DeviceClass memory terms, uint256 start, uint256 end, uint256 later)
        external
        pure
    {
        start = bound(start, 0, type(uint64).max);
        end = bound(end, 0, type(uint64).max);
        later = bound(later, end, type(uint64).max);
        uint256 gops = LeafRules.gopsOf(terms, start, end);
        isTrue(gops <= terms.peakGops, "above the peak");
        isTrue(LeafRules.gopsOf(terms, start, later) <= gops, "faster by being later");
    }

    function testFuzz_bandwidthOf__isBoundedAndFallsWithTime(DeviceClass memory terms, uint256 start, uint256 end, uint256 later)
        external
        pure
    {
        terms.layerBits = uint8(bound(terms.layerBits, 0, 18));
        terms.walkerBits = uint8(bound(terms.walkerBits, 0, 16));
        start = bound(start, 0, type(uint64).max);
        end = bound(end, 0, type(uint64).max);
        later = bound(later, end, type(uint64).max);
        uint256 speed = LeafRules.bandwidthOf(terms, start, end);
        isTrue(speed <= terms.peakBandwidth, "above the peak");
        isTrue(LeafRules.bandwidthOf(terms, start, later) <= speed, "faster by being later");
    }

    function testFuzz_isWellFormed__onlyAPassHasThroughput(Outcome memory row, uint256 items) external view {
        items = bound(items, 0, type(uint16).max);
        row.result = uint8(bound(row.result, 0, 6));
        bool well = CODE.isWellFormed(row, items);
        if (!well) return;
        isTrue(row.result >= 1 && row.result <= 5, "a result that there is not");
        if (row.throughput != 0) isTrue(row.result == 1 || row.result == 5, "throughput without a pass");
        if (row.item != 0) isTrue(row.result == 3 && row.item <= items, "an item that is not bad");
        isTrue((row.witness != 0) == (row.result == 1 || row.result == 3 || row.result == 5), "witness");
    }

    function testFuzz_counts__neverPassMoreThanIsDue(Outcome[5] memory rows) external view {
        Outcome[] memory list = new Outcome[](5);
        for (uint256 i = 0; i < 5; ++i) {
            list[i] = rows[i];
            list[i].kind = uint8(bound(list[i].kind, 0, 2));
            list[i].result = uint8(bound(list[i].result, 1, 5));
        }
        Counts memory counts = CODE.count(list);
        equal(counts.drawnC.due + counts.drawnM.due + counts.roll.due, 5, "rows by kind");
        equal(counts.compute.due, 5, "rows by phase");
        isTrue(counts.compute.passed <= 5 && counts.roll.passed <= counts.roll.due, "more passed than due");
        for (uint256 i = 0; i < 5; ++i) {
            if (list[i].result == 1) isTrue(counts.compute.least <= list[i].throughput, "not the least");
        }
    }

    /// @dev Never more passed than due, as `isAfter` has it of every leaf that can't be refuted.
    function _honest(Leaf memory leaf) private pure {
        leaf.passedC = uint16(bound(leaf.passedC, 0, leaf.dueC));
        leaf.passedM = uint16(bound(leaf.passedM, 0, leaf.dueM));
        leaf.passedRoll = uint16(bound(leaf.passedRoll, 0, leaf.dueRoll));
        leaf.idleC = leaf.idleM = leaf.idleRoll = 0;
    }
}

/// @title Bytes in reverse.
contract LittleEndianTest is Test {
    function testFuzz_swapped__isItsOwnInverse(bytes32 word) external pure {
        isTrue(LittleEndian.swapped(bytes32(LittleEndian.swapped(word))) == uint256(word), "twice");
    }

    function testFuzz_swapped__reversesEachByte(bytes32 word, uint256 index) external pure {
        index = bound(index, 0, 31);
        isTrue(bytes32(LittleEndian.swapped(word))[31 - index] == word[index], "byte");
    }

    function testFuzz_u32__u64__areTheLowBytes(uint256 value) external pure {
        bytes4 four = LittleEndian.u32(value);
        bytes8 eight = LittleEndian.u64(value);
        for (uint256 i = 0; i < 8; ++i) {
            bytes1 need = bytes1(uint8(value >> (8 * i)));
            if (i < 4) isTrue(four[i] == need, "u32");
            isTrue(eight[i] == need, "u64");
        }
    }
}

/// @title What a request's deposit pays.
contract RequestsTest is Test {
    function testFuzz_answer__isPaidAtMostTheDeposit(uint256 deposit, uint256 length, uint256 most) external pure {
        deposit = bound(deposit, 0, type(uint96).max);
        most = bound(most, 0, type(uint24).max);
        length = bound(length, 0, most);
        isTrue((deposit * Requests.answerGas(length)) / Requests.answerGas(most) <= deposit, "more than the deposit");
    }

    function testFuzz_answerGas__growsWithTheBytes(uint256 length, uint256 more) external pure {
        more = bound(more, 1, type(uint64).max);
        length = bound(length, 0, more - 1);
        isTrue(Requests.answerGas(length) < Requests.answerGas(more), "does not grow");
    }
}
