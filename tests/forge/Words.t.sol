// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {LeaseExtra, LeaseState, LeaseStatus, StopReason} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {LeaseWords} from "../../contracts/libraries/LeaseWords.sol";
import {Head, Heads, Holding, Pot, Pots} from "../../contracts/libraries/StakeWords.sol";
import {Test} from "./Vm.sol";

/// @title A stake's words against structs, whose fields the compiler keeps apart.
contract StakeWordsTest is Test {
    struct Plain {
        uint256 active;
        uint256 locked;
        uint256 generation;
        bool delegated;
        bool rewarded;
        bool short;
        bool leaving;
    }

    /// @dev Six changes, each of one field: all fields are what a struct says after each of them.
    function testFuzz_head__eachChangeIsOfItsFieldAlone(uint8[6] memory verbs, uint88[6] memory amounts) external pure {
        Head head = Head.wrap(0);
        Plain memory plain;
        for (uint256 i = 0; i < 6; ++i) {
            head = _change(head, plain, verbs[i] % 8, amounts[i]);
            // What covers the lock ends SHORT, but where the flag was set by hand.
            if (verbs[i] % 8 < 3 && plain.active >= plain.locked) plain.short = false;
            _same(head, plain);
        }
    }

    function _hasNoRoom(bytes memory refusal, uint8 bits, uint256 value) private pure returns (bool) {
        bytes memory need = abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, bits, value);
        return keccak256(refusal) == keccak256(need);
    }

    function testFuzz_head__refusesWhatHasNoRoom(uint256 word, uint256 amount) external view {
        amount = bound(amount, uint256(type(uint96).max) + 1, type(uint256).max);
        try this.withActive(word, amount) returns (uint256) {
            isTrue(false, "active");
        } catch (bytes memory refusal) {
            isTrue(_hasNoRoom(refusal, 96, amount), "active: refused for something else");
        }
        try this.withLocked(word, amount) returns (uint256) {
            isTrue(false, "locked");
        } catch (bytes memory refusal) {
            isTrue(_hasNoRoom(refusal, 96, amount), "locked: refused for something else");
        }
    }

    function testFuzz_holding__sharesOfAnOldGenerationCountAsOneForTwoToThe32nd(
        uint128 shares,
        uint32[4] memory rest,
        uint128 other,
        uint256 later
    ) external pure {
        later = bound(later, 0, 5);
        uint256 generation = later > type(uint32).max - rest[0] ? type(uint32).max : rest[0] + later;
        Holding holding = Holding.wrap(0).withShares(shares, rest[0]).withQueue(rest[1], rest[2], rest[3]);
        equal(holding.shares(), shares, "shares");
        equal(holding.generation(), rest[0], "generation");
        uint256 left = shares;
        for (uint256 i = rest[0]; i < generation; ++i) {
            left /= 1 << 32;
        }
        equal(holding.sharesIn(generation), left, "shares later");
        Holding more = holding.withShares(other, generation);
        equal(more.shares(), other, "shares after");
        equal(more.generation(), generation, "generation after");
        Holding less = more.withQueue(rest[3], rest[1], rest[2]);
        equal(less.shares(), other, "shares left");
        equal(less.generation(), generation, "generation left");
        isTrue(less.first() == rest[3] && less.next() == rest[1] && less.start() == rest[2], "queue after");
        isTrue(more.first() == rest[1] && more.next() == rest[2] && more.start() == rest[3], "queue");
    }

    function testFuzz_pot__isWhatWasPacked(uint256[4] memory fields, uint256 wide) external view {
        (fields[0], fields[1]) = (fields[0] >> 160, fields[1] >> 160);
        (fields[2], fields[3]) = (fields[2] >> 224, fields[3] >> 224);
        Pot pot = Pots.pack(fields[0], fields[1], fields[2], fields[3]);
        isTrue(pot.vesting() == fields[0] && pot.vested() == fields[1], "amounts");
        isTrue(pot.at() == fields[2] && pot.until() == fields[3], "blocks");
        wide %= 4;
        fields[wide] += uint256(1) << (wide < 2 ? 96 : 32);
        try this.pack(fields) returns (uint256) {
            isTrue(false, "a field beyond its room");
        } catch (bytes memory refusal) {
            isTrue(_hasNoRoom(refusal, wide < 2 ? 96 : 32, fields[wide]), "refused for something else");
        }
    }

    function withActive(uint256 word, uint256 amount) external pure returns (uint256) {
        return Head.unwrap(Head.wrap(word).withActive(amount));
    }

    function withLocked(uint256 word, uint256 amount) external pure returns (uint256) {
        return Head.unwrap(Head.wrap(word).withLocked(amount));
    }

    function pack(uint256[4] memory f) external pure returns (uint256) {
        return Pot.unwrap(Pots.pack(f[0], f[1], f[2], f[3]));
    }

    function _change(Head head, Plain memory plain, uint256 verb, uint256 amount) private pure returns (Head) {
        if (verb == 0) {
            plain.active += amount;
            return head.plus(amount);
        }
        if (verb == 1) {
            plain.active = amount;
            return head.withActive(amount);
        }
        if (verb == 2) {
            plain.locked = amount;
            return head.withLocked(amount);
        }
        if (verb == 3) {
            plain.generation += amount % 5;
            return head.plusGenerations(amount % 5);
        }
        bool set = amount % 2 == 0;
        if (verb == 4) plain.delegated = set;
        if (verb == 5) plain.rewarded = set;
        if (verb == 6) plain.short = set;
        if (verb == 7) plain.leaving = set;
        uint256 flag = [Heads.DELEGATED, Heads.REWARDED, Heads.SHORT, Heads.LEAVING][verb - 4];
        return set ? head.with(flag) : head.without(flag);
    }

    function _same(Head head, Plain memory plain) private pure {
        equal(head.active(), plain.active, "active");
        equal(head.locked(), plain.locked, "locked");
        equal(head.generation(), plain.generation, "generation");
        isTrue(head.has(Heads.DELEGATED) == plain.delegated, "delegated");
        isTrue(head.has(Heads.REWARDED) == plain.rewarded, "rewarded");
        isTrue(head.has(Heads.SHORT) == plain.short, "short");
        isTrue(head.has(Heads.LEAVING) == plain.leaving, "leaving");
    }
}

/// @title A lease's words are what the compiler makes of the structs.
contract LeaseWordsTest is Test {
    LeaseState private _state;
    LeaseExtra private _extra;

    function testFuzz_state__isLaidAsTheCompilerLaysIt(
        uint88 funds,
        uint40[2] memory times,
        uint32[2] memory lengths,
        uint8 status,
        uint8 reason,
        bool shared
    ) external {
        LeaseState memory state = LeaseState(
            funds, times[0], lengths[0], lengths[1], times[1], LeaseStatus(status % 6), StopReason(reason % 7), shared
        );
        _state = state;
        uint256 laid;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            laid := sload(_state.slot)
        }
        equal(LeaseWords.pack(state), laid, "word");
        LeaseState memory back;
        LeaseWords.unpack(back, laid);
        isTrue(keccak256(abi.encode(back)) == keccak256(abi.encode(state)), "fields");
    }

    function testFuzz_extra__isLaidAsTheCompilerLaysIt(uint96 redeemed, uint40[2] memory times, uint8 reason, bool vouchers)
        external
    {
        LeaseExtra memory extra = LeaseExtra(redeemed, times[0], times[1], StopReason(reason % 7), vouchers);
        _extra = extra;
        uint256 laid;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            laid := sload(_extra.slot)
        }
        equal(LeaseWords.pack(extra), laid, "word");
        LeaseExtra memory back;
        LeaseWords.unpack(back, laid);
        isTrue(keccak256(abi.encode(back)) == keccak256(abi.encode(extra)), "fields");
    }

    function testFuzz_ledger__keepsItsThreeNumbersApart(uint88 tracked, uint80 fees, uint88 cap) external pure {
        (uint256 a, uint256 b, uint256 c) = LeaseWords.ledger(LeaseWords.pack(tracked, fees, cap));
        equal(a, tracked, "tracked");
        equal(b, fees, "fees");
        equal(c, cap, "cap");
    }
}
