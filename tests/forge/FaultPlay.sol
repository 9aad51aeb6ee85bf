// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Commit, IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {HeaderOpening} from "../../contracts/interfaces/IComputeProofs.sol";
import {Place, PlaceKind} from "../../contracts/interfaces/IItemOpening.sol";
import {IWorkDisputes} from "../../contracts/interfaces/IWorkDisputes.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {vm} from "./Vm.sol";
import {WorkPlay} from "./WorkPlay.sol";

/// @title Work that isn't done: what a commitment binds, or its key signed, and anyone finds wrong.
abstract contract FaultPlay is WorkPlay {
    using Slots for Timing;

    /// @dev Of the slot that comes next, by up to three headers.
    function sealByHeaders(uint256 seed) external {
        seed = _begin("sealByHeaders", seed);
        _advanceTo(_now());
        uint256 slot = _slot() + 1;
        uint256 start = _timing.startOf(slot);
        bytes[] memory headers = new bytes[](1 + (seed % 3));
        bytes32 hash;
        _rollTo(start + headers.length);
        for (uint256 i = 0; i < headers.length; ++i) {
            headers[i] = _headerOver(start + i, hash);
            hash = keccak256(headers[i]);
            vm.setBlockhash(start + i, hash);
        }
        uint256 last = start + headers.length - 1;
        bytes memory call = abi.encodeCall(challenges.sealByHeaders, (slot, headers, last - 1));
        _refuse(_stranger, address(challenges), call, "another block's header");
        vm.prank(_stranger);
        bytes32 beacon = challenges.sealByHeaders(slot, headers, last);
        isTrue(beacon == keccak256(headers[0]) && beacon == challenges.beaconOf(slot), "another beacon");
        call = abi.encodeCall(challenges.sealByHeaders, (slot, headers, last));
        _refuse(_stranger, address(challenges), call, "sealed twice");
        _done("sealByHeaders");
    }

    function answerItem(uint256 seed) external {
        seed = _begin("answerItem", seed);
        Commitment storage made = _fresh(seed);
        _ask(made, Place(PlaceKind.Tile, 0, 0));
        (Commit memory record, Place memory place) = (made.commit, made.place);
        IChallenges.ItemRequest memory request = challenges.requestOf(record.device, record.slot, place);
        bytes memory opening = _tileOpening(_workOf(record.device, record.slot, false));
        opening[0] ^= 0x01;
        bytes memory call = abi.encodeCall(challenges.answerItem, (record, place, opening));
        _refuse(_stranger, address(challenges), call, "another tile opened");
        opening[0] ^= 0x01;
        uint256 before = _stranger.balance;
        vm.prank(_stranger);
        challenges.answerItem(record, place, opening);
        equal(_stranger.balance - before, request.deposit, "answer: paid");
        call = abi.encodeCall(challenges.answerItem, (record, place, opening));
        _refuse(_stranger, address(challenges), call, "answered twice");
        _advanceTo(uint256(request.deadline) + 1);
        call = abi.encodeCall(workDisputes.proveWithheld, (record, place));
        _refuse(_stranger, address(workDisputes), call, "10: answered, and withheld");
        made.used = true;
        _done("answerItem");
    }

    function proveBadItem(uint256 seed) external {
        seed = _begin("proveBadItem", seed);
        Commitment storage made = _fresh(seed);
        IWorkDisputes.BadItem memory proof;
        (proof.device, proof.slot) = (made.commit.device, made.commit.slot);
        (proof.commitment, proof.timestamp, proof.key) = (made.commit.commitment, made.commit.timestamp, made.commit.key);
        Work memory work = _workOf(proof.device, proof.slot, false);
        (proof.finalSeed, proof.roundsRoot) = (work.finalSeed, work.roundsRoot);
        (proof.index, proof.item) = ((seed >> 8) % ITEMS, abi.encode(seed));
        bytes32 root;
        (proof.evidencePath, root) = _item(proof.index, proof.item);
        proof.signature = _vouched(made, bytes32(seed));
        bytes memory unsigned = abi.encodeCall(workDisputes.proveBadItem, (proof));
        proof.signature = _vouched(made, root);
        _advanceTo(registry.timingAt(proof.slot + 1).startOf(proof.slot + 1) + 1);
        _proveFault(made, abi.encodeCall(workDisputes.proveBadItem, (proof)), unsigned);
        _done("proveBadItem");
    }

    function proveBadHeader(uint256 seed) external {
        seed = _begin("proveBadHeader", seed);
        Commitment storage made = _fresh(seed);
        Work memory work = _workOf(made.commit.device, made.commit.slot, false);
        (HeaderOpening memory good, bytes32 root) = _headerOf(_workHeader(work));
        bytes memory right = abi.encodeCall(workDisputes.proveBadHeader, (made.commit, good, _vouched(made, root)));
        HeaderOpening memory bad;
        (bad, root) = _headerOf(_badHeader(work, seed));
        _proveFault(made, abi.encodeCall(workDisputes.proveBadHeader, (made.commit, bad, _vouched(made, root))), right);
        _done("proveBadHeader");
    }

    function proveBadLink(uint256 seed) external {
        seed = _begin("proveBadLink", seed);
        uint256 device = _activeDevice(seed);
        uint256 slot = _openSlot(device);
        if (!registry.isActive(device, slot)) return;
        Work memory work = _workOf(device, slot, true);
        Commitment storage made = _commitTo(device, slot, work.commitment);
        uint256 last = work.roots.length;
        bytes memory right = abi.encodeCall(workDisputes.proveBadLink, (made.commit, _linkOf(work, (seed >> 8) % last)));
        _proveFault(made, abi.encodeCall(workDisputes.proveBadLink, (made.commit, _linkOf(work, last))), right);
        _done("proveBadLink");
    }

    function proveBadLane(uint256 seed) external {
        seed = _begin("proveBadLane", seed);
        Commitment storage made = _fresh(seed);
        (uint256 device, uint256 slot) = (made.commit.device, made.commit.slot);
        bytes memory opening = _tileOpening(_workOf(device, slot, false));
        bytes memory other = abi.encodeCall(workDisputes.proveBadLane, (made.commit, 0, 1, seed % 8, opening));
        _proveFault(made, abi.encodeCall(workDisputes.proveBadLane, (made.commit, 0, 0, seed % 8, opening)), other);
        _done("proveBadLane");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    /// @dev The device pays once, its provider no more than it, and whoever committed can't be who accuses.
    /// @param right What shows no fault.
    function _proveFault(Commitment storage made, bytes memory proof, bytes memory right) private {
        made.used = true;
        uint256 device = made.commit.device;
        _refuse(_stranger, address(workDisputes), right, "10: no fault was shown");
        _refuse(made.commit.key, address(workDisputes), proof, "9: whoever committed accused itself");
        _leaving();
        uint256 bond = registry.bondOf(device);
        uint256 slashed = _slashedOf(device);
        vm.prank(_stranger);
        (bool ok,) = address(workDisputes).call(proof);
        isTrue(ok, "a fault stands");
        _read();
        equal(_slashedOf(device) - slashed, bond - registry.bondOf(device), "9: taken from the device's bond");
        isTrue(challenges.faultsOf(device).faulted, "no fault was recorded");
        isTrue(registry.deviceOf(device).untilSlot != OPEN, "a faulty device goes on");
        _refuse(_stranger, address(workDisputes), proof, "slashed twice for one slot");
    }

    function _slashedOf(uint256 device) private view returns (uint256) {
        Book storage book = _books[registry.deviceOf(device).provider];
        return book.slashed + book.slashedVesting;
    }

    /// @return By which the committing key answers for this root.
    function _vouched(Commitment storage made, bytes32 root) private view returns (bytes memory) {
        return _signature(made.key, challenges.evidenceDigest(made.commit.commitment, root));
    }
}
