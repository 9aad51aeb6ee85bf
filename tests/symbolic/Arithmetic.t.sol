// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Bps} from "../../contracts/libraries/Bps.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";

/// @title The money arithmetic, for every input of a width that a solver can carry through a product and a division.
/// @dev halmos proves each `check_`: no input makes an assertion fail.
contract Arithmetic {
    using Slots for Timing;

    // ---- Shares: rounding favours the pool ----

    function check_toSharesDown__neverBuysMoreThanItPays(uint8 amount, uint8 pool, uint8 shares) external pure {
        if (pool == 0 || shares == 0) return;
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        assert(bought * pool <= uint256(amount) * shares);
    }

    function check_toSharesUp__neverTakesMoreThanItBurns(uint8 amount, uint8 pool, uint8 shares) external pure {
        if (pool == 0 || amount > pool) return;
        uint256 burned = Shares.toSharesUp(amount, pool, shares);
        assert(burned * pool >= uint256(amount) * shares && burned <= shares);
    }

    function check_toAmountDown__paysAtMostThePart(uint8 part, uint8 pool, uint8 shares) external pure {
        if (shares == 0 || part > shares) return;
        uint256 paid = Shares.toAmountDown(part, pool, shares);
        assert(paid * shares <= uint256(part) * pool && paid <= pool);
    }

    function check_aDepositAndBack__neverGains(uint8 amount, uint8 pool, uint8 shares) external pure {
        if (pool == 0 || shares == 0 || pool > 7 || shares > 7 || amount > 7) return;
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        uint256 back = Shares.toAmountDown(bought, uint256(pool) + amount, shares + bought);
        assert(back <= amount);
    }

    function check_isSpent__keepsEveryShareCountIn128Bits(uint96 left, uint96 before) external pure {
        if (left == 0 || left > before || Shares.isSpent(left, before)) return;
        assert(uint256(before) < uint256(left) << 33);
    }

    // ---- Bps: splits never exceed the whole ----

    function check_share__isTheFloor(uint8 amount, uint16 bps) external pure {
        if (bps > Bps.ONE) return;
        uint256 part = Bps.share(amount, bps);
        assert(part * 10_000 <= uint256(amount) * bps && uint256(amount) * bps < (part + 1) * 10_000);
    }

    function check_aSlashSplit__leavesTheRestToBurn(uint8 taken, uint16 challengerBps, uint16 victimBps) external pure {
        if (challengerBps > 2_500 || victimBps > 2_500) return;
        uint256 paid = Bps.share(taken, challengerBps) + Bps.share(taken, victimBps);
        assert(paid <= taken && (uint256(taken) - paid) * 2 >= taken);
    }

    function check_aFee__leavesThePriceWhole(uint8 price, uint16 feeBps) external pure {
        if (feeBps > 500) return;
        uint256 fee = Bps.share(price, feeBps);
        assert(fee <= price && fee * 20 <= price);
    }

    // ---- Emission: never rises, and ends ----

    function check_emission__neverRises(uint64 epoch, uint64 later) external pure {
        if (later < epoch) return;
        assert(Emission.at(later) <= Emission.at(epoch));
    }

    function check_emission__isAtMostTheFirst(uint256 epoch) external pure {
        assert(Emission.at(epoch) <= Emission.INITIAL);
    }

    // ---- Slots: no gap, no overlap ----

    function check_slotAt__isTheSlotThatTheBlockLiesIn(uint8 slotBlocks, uint16 offset) external pure {
        if (slotBlocks < 4) return;
        Timing memory t;
        t.slotBlocks = slotBlocks;
        t.epochSlots = 4;
        uint256 slot = t.slotAt(offset);
        assert(t.startOf(slot) <= offset && offset < t.startOf(slot + 1));
    }

    function check_lastBlock__isFollowedByTheNextEpoch(uint16 slotBlocks, uint16 epochSlots, uint24 epoch) external pure {
        if (slotBlocks < 4 || epochSlots == 0) return;
        Timing memory t;
        t.slotBlocks = slotBlocks;
        t.epochSlots = epochSlots;
        assert(t.lastBlock(epoch) + 1 == t.startOf(t.firstSlot(uint256(epoch) + 1)));
    }

    // ---- Bytes ----

    function check_swapped__isItsOwnInverse(bytes32 word) external pure {
        assert(LittleEndian.swapped(bytes32(LittleEndian.swapped(word))) == uint256(word));
    }
}
