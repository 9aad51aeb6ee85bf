// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {DeviceClass} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {Counts, LeafRules} from "../../contracts/libraries/LeafRules.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Leaf, MerkleSum, Outcome, OutcomeTree} from "../../contracts/libraries/MerkleSum.sol";
import {DataRequest, Requests} from "../../contracts/libraries/Requests.sol";
import {Timing} from "../../contracts/libraries/Slots.sol";
import {Trees} from "./Trees.sol";
import {Test, vm} from "./Vm.sol";

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

    /// @param inMemory Bit i: row i's slot is of the M-phase.
    function follows(
        Leaf calldata leaf,
        Leaf calldata before,
        Outcome[3] calldata rows,
        uint256 inMemory,
        DeviceClass calldata terms
    ) external pure returns (bool) {
        Counts memory counts;
        for (uint256 i = 0; i < 3; ++i) {
            LeafRules.add(counts, rows[i], (inMemory >> i) & 1 == 1);
        }
        return LeafRules.follows(leaf, before, counts, terms);
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

    function testFuzz_weightOf__withMemory__isTheLeastOfThreeRatios(Leaf memory leaf, uint256 gops) external view {
        _honest(leaf);
        gops = bound(gops, 0, type(uint24).max);
        uint256 least = gops < leaf.minGops ? gops : leaf.minGops;
        uint256 need = leaf.dueC == 0 ? least : (least * leaf.passedC) / leaf.dueC;
        uint256 other = leaf.dueM == 0 ? least : (least * leaf.passedM) / leaf.dueM;
        if (other < need) need = other;
        other = leaf.dueRoll == 0 ? 0 : (least * leaf.passedRoll) / leaf.dueRoll;
        if (other < need) need = other;
        equal(CODE.weightOf(leaf, gops, true), need, "the least of three");
    }

    function testFuzz_rewardOf__isTheFloorAndGrowsWithTheWeight(uint96 weight, uint96 more, uint96 others, uint256 epoch)
        external
        pure
    {
        epoch = bound(epoch, 0, type(uint24).max);
        if (more < weight) (weight, more) = (more, weight);
        uint256 total = uint256(more) + others;
        uint256 reward = LeafRules.rewardOf(epoch, weight, total);
        isTrue(reward <= LeafRules.rewardOf(epoch, more, total), "less for more");
        if (total == 0) return equal(reward, 0, "a reward of no weight");
        uint256 share = Emission.at(epoch) * weight;
        isTrue(reward * total <= share && share < (reward + 1) * total, "not the floor");
    }

    function testFuzz_gopsOf__isTheFloorOfWhatWasDone(DeviceClass memory terms, uint256 start, uint256 taken) external pure {
        start = bound(start, 0, type(uint40).max);
        taken = bound(taken, 1, type(uint32).max);
        terms.peakGops = type(uint24).max;
        uint256 gops = LeafRules.gopsOf(terms, start, start + taken);
        uint256 done = uint256(terms.m) * terms.n * terms.K * terms.R * 2;
        isTrue(gops * taken * 1e9 <= done, "more than was done");
        if (gops < terms.peakGops) isTrue(done < (gops + 1) * taken * 1e9, "a whole gops lost");
        equal(LeafRules.gopsOf(terms, start + taken, start), LeafRules.gopsOf(terms, start, start + 1), "no time is a second");
    }

    /// @dev The second writing makes the one leaf that follows; a leaf that differs from it in any of twelve numbers doesn't.
    function testFuzz_follows__oneLeafAlone(
        Leaf memory before,
        Outcome[3] memory rows,
        uint256 inMemory,
        DeviceClass memory terms,
        uint256 field
    ) external view {
        for (uint256 i = 0; i < 3; ++i) {
            rows[i].kind %= 3;
            rows[i].result = 1 + (rows[i].result % 3);
            // Drawn for a phase, a slot is of that phase; a roll call may be of either.
            if (rows[i].kind == 0) inMemory &= ~(uint256(1) << i);
            if (rows[i].kind == 1) inMemory |= uint256(1) << i;
        }
        (terms.layers, terms.layerBits) = (1 + (terms.layers % 1_000), terms.layerBits % 19);
        Leaf memory leaf = _next(before, rows, inMemory, terms);
        isTrue(CODE.follows(leaf, before, rows, inMemory, terms), "the leaf that follows");
        _disturb(leaf, field % 12);
        isTrue(!CODE.follows(leaf, before, rows, inMemory, terms), "another leaf");
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

    function _next(Leaf memory before, Outcome[3] memory rows, uint256 inMemory, DeviceClass memory terms)
        private
        pure
        returns (Leaf memory leaf)
    {
        (leaf.dueC, leaf.passedC, leaf.idleC) = _record(rows, 0, before.dueC, before.passedC, before.idleC);
        (leaf.dueM, leaf.passedM, leaf.idleM) = _record(rows, 1, before.dueM, before.passedM, before.idleM);
        (leaf.dueRoll, leaf.passedRoll, leaf.idleRoll) = _record(rows, 2, before.dueRoll, before.passedRoll, before.idleRoll);
        uint256 idle = leaf.idleC < leaf.idleRoll ? leaf.idleC : leaf.idleRoll;
        leaf.minGops = uint32(_slowest(rows, ~inMemory, idle > 8 ? 0 : before.minGops));
        idle = leaf.idleM < leaf.idleRoll ? leaf.idleM : leaf.idleRoll;
        leaf.minBandwidth = uint32(_slowest(rows, inMemory, idle > 8 ? 0 : before.minBandwidth));
        leaf.vram = idle > 8 ? 0 : before.vram;
        uint256 shown;
        for (uint256 i = 0; i < 3; ++i) {
            if ((inMemory >> i) & 1 == 0) continue;
            if (rows[i].result == 1) shown = (uint256(terms.layers) * 2 ** terms.layerBits * 32 * 92) / 100;
            leaf.vram = uint64(shown);
        }
    }

    /// @return due @return passed @return idle Of a kind: this epoch's, or those of the last that had some.
    function _record(Outcome[3] memory rows, uint256 kind, uint16 dueBefore, uint16 passedBefore, uint16 idleBefore)
        private
        pure
        returns (uint16 due, uint16 passed, uint16 idle)
    {
        for (uint256 i = 0; i < 3; ++i) {
            if (rows[i].kind != kind) continue;
            ++due;
            if (rows[i].result == 1) ++passed;
        }
        if (due == 0) {
            (due, passed) = (dueBefore, passedBefore);
            idle = idleBefore == type(uint16).max ? idleBefore : idleBefore + 1;
        }
    }

    /// @return least The least throughput of those of the chosen rows that passed; `otherwise` if none was due.
    function _slowest(Outcome[3] memory rows, uint256 chosen, uint256 otherwise) private pure returns (uint256 least) {
        bool due;
        least = type(uint256).max;
        for (uint256 i = 0; i < 3; ++i) {
            if ((chosen >> i) & 1 == 0) continue;
            due = true;
            if (rows[i].result == 1 && rows[i].throughput < least) least = rows[i].throughput;
        }
        if (!due) return otherwise;
        if (least == type(uint256).max) least = 0;
    }

    function _disturb(Leaf memory leaf, uint256 field) private pure {
        unchecked {
            if (field == 0) ++leaf.dueC;
            if (field == 1) ++leaf.passedC;
            if (field == 2) ++leaf.idleC;
            if (field == 3) ++leaf.dueM;
            if (field == 4) ++leaf.passedM;
            if (field == 5) ++leaf.idleM;
            if (field == 6) ++leaf.dueRoll;
            if (field == 7) ++leaf.passedRoll;
            if (field == 8) ++leaf.idleRoll;
            if (field == 9) ++leaf.minGops;
            if (field == 10) ++leaf.minBandwidth;
            if (field == 11) ++leaf.vram;
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

    function testFuzz_swappedDigits__reversesTheBytesOfEachDigit(bytes32 word, uint256 index) external pure {
        index = bound(index, 0, 31);
        bytes32 turned = bytes32(LittleEndian.swappedDigits(uint256(word)));
        isTrue(turned[4 * (index / 4) + 3 - (index % 4)] == word[index], "byte");
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
    mapping(bytes32 id => DataRequest) private _requests;

    /// @dev For the tests below, as the disputes call them.
    receive() external payable {}

    function ask(bytes32 id, uint32 proofBlocks, uint256 provableUntil) external payable returns (uint256) {
        Timing memory t;
        t.proofBlocks = proofBlocks;
        return Requests.ask(_requests, id, t, provableUntil, 0);
    }

    function answer(bytes32 id, uint256 length, uint256 most) external returns (uint256) {
        return Requests.answer(_requests, id, length, most);
    }

    function giveBack(bytes32 id) external returns (address asker, uint256 amount) {
        return Requests.giveBack(_requests, id);
    }

    function requireWithheld(bytes32 id) external view {
        Requests.requireWithheld(_requests, id);
    }

    function testFuzz_aRequest__canBeAnsweredOrProvenWithheld__neverBoth(bytes32 id, uint32 proofBlocks, uint256 at, uint256 later)
        external
    {
        proofBlocks = uint32(bound(proofBlocks, 4, type(uint32).max));
        uint256 opened = block.number;
        uint256 until = opened + proofBlocks;
        vm.roll(bound(at, opened, until));
        (bool ok,) = address(this).call(abi.encodeCall(this.ask, (id, proofBlocks, until)));
        isTrue(ok == (vm.getBlockNumber() <= until - proofBlocks / 2), "asked in the first half alone");
        if (!ok) return;
        uint256 last = vm.getBlockNumber() + proofBlocks / 4;
        isTrue(last <= until - proofBlocks / 4, "less than a quarter is left for the proof");
        later = bound(later, vm.getBlockNumber(), until);
        vm.roll(later);
        (bool withheld,) = address(this).call(abi.encodeCall(this.requireWithheld, (id)));
        (ok,) = address(this).call(abi.encodeCall(this.answer, (id, 0, 0)));
        isTrue(ok != withheld, "both, or neither");
        isTrue(ok == (later <= last), "answered for a quarter");
        vm.roll(until);
        (withheld,) = address(this).call(abi.encodeCall(this.requireWithheld, (id)));
        isTrue(withheld != ok, "what was answered is withheld, or what was not isn't");
    }

    function testFuzz_aDeposit__goesToTheAnswererAndBack__once(bytes32 id, uint96 deposit, uint256 length, uint256 most) external {
        most = bound(most, 0, type(uint24).max);
        length = bound(length, 0, most);
        vm.deal(address(this), deposit);
        uint256 until = block.number + 100;
        this.ask{value: deposit}(id, 100, until);
        (bool ok,) = address(this).call(abi.encodeCall(this.giveBack, (id)));
        isTrue(!ok, "given back while it may be answered");
        uint256 paid = this.answer(id, length, most);
        uint256 left = deposit - paid;
        if (left > 0) {
            (address asker, uint256 amount) = this.giveBack(id);
            isTrue(asker == address(this), "to another");
            equal(amount, left, "what no answer was paid");
        }
        (ok,) = address(this).call(abi.encodeCall(this.giveBack, (id)));
        isTrue(!ok, "given back twice");
        (ok,) = address(this).call(abi.encodeCall(this.answer, (id, length, most)));
        isTrue(!ok, "answered twice");
        if (length == most) equal(paid, deposit, "the longest answer gets it all");
    }

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
