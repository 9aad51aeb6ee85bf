// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Books} from "./Books.sol";
import {vm} from "./Vm.sol";

/// @title Time. The honest device commits in every slot that passes.
/// @dev A slot's first block has a header, so that a lease's halt can show when the slot began; forge makes up all other hashes.
abstract contract Clock is Books {
    using Slots for Timing;

    /// @dev The chain stood still for so long in this block.
    struct Stall {
        uint256 block_;
        uint256 time;
    }

    uint256 internal _honestDevice;
    /// One more than the slot it committed in last.
    uint256 internal _honestSlot;
    /// When it did.
    mapping(uint256 slot => uint256 timestamp) internal _honestAt;
    Timing internal _timing;
    uint256 private _epochStart;
    Stall[] private _stalls;

    function _startClock() internal {
        _timing = registry.timingEntry(0);
        _epochStart = vm.getBlockTimestamp() - _now();
    }

    function _advanceTo(uint256 target) internal {
        _read();
        Timing memory timing = _timing;
        while (_now() < target) {
            uint256 slot = timing.slotAt(_now());
            _commitHonest(timing, slot);
            uint256 next = timing.startOf(slot + 1) + 1;
            _rollTo(target < next ? target : next);
        }
        // Never stop where the honest device would be late.
        uint256 here = timing.slotAt(_now());
        if (_now() == timing.startOf(here + 1) - 1) _rollTo(_now() + 2);
        _commitHonest(timing, timing.slotAt(_now()));
    }

    /// @dev Time passes and no block comes.
    function _stall(uint256 time) internal {
        _advanceTo(_now() + 1);
        _stalls.push(Stall(_now(), time));
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function _timeOf(uint256 number) internal view returns (uint256 time) {
        time = _epochStart + number;
        for (uint256 i = 0; i < _stalls.length; ++i) {
            if (_stalls[i].block_ < number) time += _stalls[i].time;
        }
    }

    function _commitHonest(Timing memory timing, uint256 slot) private {
        if (_honestSlot >= slot + 1 || slot < timing.epochSlots) return;
        uint256 start = timing.startOf(slot);
        if (_now() == start) _rollTo(start + 1);
        _honestSlot = slot + 1;
        _writeHeader(start);
        _honestAt[slot] = vm.getBlockTimestamp();
        vm.prank(_providers[0]);
        challenges.commit(uint128(_honestDevice), uint128(slot), keccak256(abi.encode(slot)));
    }

    /// @dev The slot's first block now has this header's hash.
    function _writeHeader(uint256 number) internal {
        vm.setBlockhash(number, keccak256(_header(number)));
    }

    function _header(uint256 number) internal view returns (bytes memory) {
        return _headerOver(number, 0);
    }

    /// @return RLP as long as `BlockHeader` reads it; all that it passes over is zero.
    function _headerOver(uint256 number, bytes32 parent) internal view returns (bytes memory) {
        bytes memory zeros = new bytes(256);
        bytes memory word = abi.encodePacked(hex"a0", bytes32(0));
        bytes memory body = bytes.concat(
            hex"a0", parent, word, hex"94", bytes20(0), word, word, word, hex"b90100", zeros, hex"80", _integer(number), hex"8080", _integer(_timeOf(number))
        );
        return bytes.concat(hex"f9", bytes2(uint16(body.length)), body);
    }

    function _integer(uint256 value) private pure returns (bytes memory digits) {
        if (value < 0x80) return abi.encodePacked(uint8(value));
        uint256 length = 1;
        while (value >> (8 * length) != 0) ++length;
        digits = new bytes(length + 1);
        digits[0] = bytes1(uint8(0x80 + length));
        for (uint256 i = 0; i < length; ++i) {
            digits[length - i] = bytes1(uint8(value >> (8 * i)));
        }
    }
}
