// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Bps} from "../../contracts/libraries/Bps.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Penalties} from "../../contracts/libraries/Penalties.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Vesting} from "../../contracts/libraries/Vesting.sol";

/// @title The money arithmetic, for every input of the given widths, which are the contracts' own but for 8 bits and 16.
/// @dev halmos proves each `check_`: no input makes an assertion fail. An assertion that holds is known to the next one.
contract Arithmetic {
    using Slots for Timing;

    // ---- Shares: rounding favours the pool ----

    function check_toSharesDown__neverBuysMoreThanItPays(uint96 amount, uint96 pool, uint128 shares) external pure {
        if (pool == 0 || shares == 0) return;
        assert(Shares.toSharesDown(amount, pool, shares) * pool <= uint256(amount) * shares);
    }

    /// @dev burned · pool, written so that no product has a sum in it.
    function check_toSharesUp__neverTakesMoreThanItBurns(uint96 amount, uint96 pool, uint128 shares) external pure {
        if (pool == 0 || amount == 0 || shares == 0) return;
        uint256 burned = Shares.toSharesUp(amount, pool, shares);
        assert(burned > 0);
        unchecked {
            assert((burned - 1) * pool + pool >= uint256(amount) * shares);
        }
    }

    function check_toSharesUp__neverBurnsMoreThanThereAre(uint96 amount, uint96 pool, uint128 shares) external pure {
        if (pool == 0 || amount > pool) return;
        unchecked {
            assert(uint256(amount) * shares <= uint256(pool) * shares);
        }
        assert(Shares.toSharesUp(amount, pool, shares) <= shares);
    }

    function check_toAmountDown__paysAtMostThePart(uint128 part, uint96 pool, uint128 shares) external pure {
        if (shares == 0 || part > shares) return;
        uint256 paid = Shares.toAmountDown(part, pool, shares);
        assert(paid * shares <= uint256(part) * pool);
        assert(paid <= pool);
    }

    function check_aDepositAndBack__neverGains(uint8 amount, uint8 pool, uint8 shares) external pure {
        if (pool == 0 || shares == 0) return;
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        uint256 back = Shares.toAmountDown(bought, uint256(pool) + amount, shares + bought);
        assert(back <= amount);
    }

    function check_isSpent__keepsEveryShareCountIn128Bits(uint96 left, uint96 before) external pure {
        if (left == 0 || left > before || Shares.isSpent(left, before)) return;
        assert(uint256(before) < uint256(left) << 33);
    }

    // ---- Bps: splits never exceed the whole ----

    function check_share__isTheFloor(uint96 amount, uint16 bps) external pure {
        if (bps > Bps.ONE) return;
        uint256 part = Bps.share(amount, bps);
        assert(part * 10_000 <= uint256(amount) * bps);
        assert(uint256(amount) * bps < (part + 1) * 10_000);
        assert(part <= amount);
    }

    /// @dev Two shares of at most a quarter each.
    function check_aSlashSplit__leavesHalfToBurn(uint96 taken, uint16 challengerBps, uint16 victimBps) external pure {
        if (challengerBps > 2_500 || victimBps > 2_500) return;
        assert(uint256(taken) * challengerBps <= uint256(taken) * 2_500);
        uint256 toChallenger = Bps.share(taken, challengerBps);
        assert(toChallenger * 4 <= taken);
        assert(uint256(taken) * victimBps <= uint256(taken) * 2_500);
        uint256 toVictim = Bps.share(taken, victimBps);
        assert(toVictim * 4 <= taken);
        uint256 burned = taken - toChallenger - toVictim;
        assert(burned * 2 >= taken);
    }

    function check_aFee__leavesThePriceWhole(uint96 price, uint16 feeBps) external pure {
        if (feeBps > 500) return;
        assert(uint256(price) * feeBps <= uint256(price) * 500);
        assert(Bps.share(price, feeBps) * 20 <= price);
    }

    function check_aFeeInParts__isTheFeeOfTheWhole(uint96 before, uint96 added) external pure {
        uint256 whole = uint256(before) + added;
        uint256 fee = Bps.share(whole, 300) - Bps.share(before, 300);
        assert(fee <= added);
        assert(fee + Bps.share(before, 300) == Bps.share(whole, 300));
    }

    // ---- Penalties: never less than the class's share, never more than all ----

    function check_shareBps__isBetweenTheClassAndAll(uint16 faultBps, uint112 failed, uint96 staked) external pure {
        if (faultBps > Bps.ONE) return;
        uint256 bps = Penalties.shareBps(faultBps, failed, staked);
        assert(bps >= faultBps && bps <= Bps.ONE);
    }

    // ---- Vesting: what vests never exceeds what there is ----

    function check_vestedBy__neverExceedsTheWhole(uint96 amount, uint32 since, uint32 until, uint32 at) external pure {
        if (at < since) return;
        if (at < until) {
            uint256 passed = uint256(at) - since;
            uint256 whole = uint256(until) - since;
            assert(uint256(amount) * passed <= uint256(amount) * whole);
        }
        assert(Vesting.vestedBy(amount, since, until, at) <= amount);
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
