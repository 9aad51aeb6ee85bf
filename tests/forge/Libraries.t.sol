// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Bps} from "../../contracts/libraries/Bps.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Test} from "./Vm.sol";

/// @title Shares of a pool: every rounding favours the pool, by less than one share's worth.
contract SharesTest is Test {
    uint256 private constant MOST = type(uint96).max;

    function testFuzz_toSharesDown__neverBuysMoreThanItPays(uint256 amount, uint256 pool, uint256 shares) external pure {
        (pool, shares) = _pool(pool, shares);
        amount = bound(amount, 1, MOST - pool);
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        isTrue(bought * pool <= amount * shares, "more shares than paid for");
        isTrue((bought + 1) * pool > amount * shares, "a whole share lost");
    }

    function testFuzz_toSharesDown__leavesTheOthersShareWorthNoLess(uint256 amount, uint256 pool, uint256 shares)
        external
        pure
    {
        (pool, shares) = _pool(pool, shares);
        amount = bound(amount, 1, MOST - pool);
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        isTrue((pool + amount) * shares >= pool * (shares + bought), "diluted");
    }

    function testFuzz_toSharesUp__neverTakesMoreThanItBurns(uint256 amount, uint256 pool, uint256 shares) external pure {
        (pool, shares) = _pool(pool, shares);
        amount = bound(amount, 1, pool);
        uint256 burned = Shares.toSharesUp(amount, pool, shares);
        isTrue(burned * pool >= amount * shares, "fewer shares than taken out");
        isTrue(burned * pool < amount * shares + pool, "a whole share too many");
        isTrue(burned <= shares, "more shares than there are");
    }

    function testFuzz_toSharesUp__leavesTheOthersShareWorthNoLess(uint256 amount, uint256 pool, uint256 shares)
        external
        pure
    {
        (pool, shares) = _pool(pool, shares);
        amount = bound(amount, 1, pool);
        uint256 burned = Shares.toSharesUp(amount, pool, shares);
        isTrue((pool - amount) * shares >= pool * (shares - burned), "diluted");
    }

    function testFuzz_toAmountDown__paysAtMostThePart(uint256 part, uint256 pool, uint256 shares) external pure {
        (pool, shares) = _pool(pool, shares);
        part = bound(part, 0, shares);
        uint256 paid = Shares.toAmountDown(part, pool, shares);
        isTrue(paid * shares <= part * pool, "paid too much");
        isTrue((paid + 1) * shares > part * pool, "a whole wei lost");
        isTrue(paid <= pool, "more than the pool");
    }

    function testFuzz_toAmountDown__partsNeverExceedTheWhole(uint256 one, uint256 other, uint256 pool, uint256 shares)
        external
        pure
    {
        (pool, shares) = _pool(pool, shares);
        one = bound(one, 0, shares);
        other = bound(other, 0, shares - one);
        uint256 first = Shares.toAmountDown(one, pool, shares);
        uint256 left = shares - one;
        uint256 second = left == 0 ? 0 : Shares.toAmountDown(other, pool - first, left);
        uint256 together = Shares.toAmountDown(one + other, pool, shares);
        isTrue(first + second <= pool, "more than the pool");
        // Whoever waits is never the poorer for it: what the first left behind by rounding is shared by the rest.
        isTrue(first + second + 1 >= together, "a split loses more than one wei");
    }

    function testFuzz_inAndOut__neverGains(uint256 amount, uint256 pool, uint256 shares) external pure {
        (pool, shares) = _pool(pool, shares);
        amount = bound(amount, 1, MOST - pool);
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        uint256 back = Shares.toAmountDown(bought, pool + amount, shares + bought);
        isTrue(back <= amount, "a deposit gained");
    }

    function testFuzz_anEmptyPool__startsAtOneToOne(uint256 amount, uint256 pool) external pure {
        equal(Shares.toSharesDown(amount, pool, 0), amount, "shares of an empty pool");
    }

    function testFuzz_isSpent__meansLessThanATwoToThe32nd(uint256 left, uint256 before) external pure {
        before = bound(before, 1, MOST);
        left = bound(left, 0, before);
        equal(Shares.isSpent(left, before) ? 1 : 0, left <= before / (1 << 32) ? 1 : 0, "isSpent");
        // What is not spent keeps a deposit's shares below 2¹²⁸.
        if (!Shares.isSpent(left, before)) isTrue((MOST * before) / left < 1 << 128, "shares overflow");
    }

    function _pool(uint256 pool, uint256 shares) private pure returns (uint256, uint256) {
        pool = bound(pool, 1, MOST);
        // A slash makes a share worth less, never more; and less than 2⁻³² of it ends the pool.
        return (pool, bound(shares, pool, pool << 32));
    }
}

/// @title Basis points.
contract BpsTest is Test {
    function testFuzz_share__isTheFloor(uint256 amount, uint256 bps) external pure {
        amount = bound(amount, 0, type(uint128).max);
        bps = bound(bps, 0, Bps.ONE);
        uint256 part = Bps.share(amount, bps);
        isTrue(part * 10_000 <= amount * bps && (part + 1) * 10_000 > amount * bps, "not the floor");
        isTrue(part <= amount, "more than all");
    }

    function testFuzz_shares__ofOneAmountNeverExceedIt(uint256 amount, uint256 one, uint256 other) external pure {
        amount = bound(amount, 0, type(uint128).max);
        one = bound(one, 0, Bps.ONE);
        other = bound(other, 0, Bps.ONE - one);
        isTrue(Bps.share(amount, one) + Bps.share(amount, other) <= amount, "two shares exceed the whole");
    }

    function testFuzz_share__growsWithBoth(uint256 amount, uint256 more, uint256 bps, uint256 moreBps) external pure {
        amount = bound(amount, 0, type(uint128).max);
        more = bound(more, amount, type(uint128).max);
        bps = bound(bps, 0, Bps.ONE);
        moreBps = bound(moreBps, bps, Bps.ONE);
        isTrue(Bps.share(amount, bps) <= Bps.share(more, moreBps), "fell");
    }

    function test_share__ofAll__isAll() external pure {
        equal(Bps.share(12_345, Bps.ONE), 12_345, "all");
        equal(Bps.share(12_345, 0), 0, "nothing");
    }
}

/// @title The emission.
contract EmissionTest is Test {
    function testFuzz_at__neverRises(uint256 epoch, uint256 later) external pure {
        epoch = bound(epoch, 0, type(uint128).max);
        later = bound(later, epoch, type(uint128).max);
        isTrue(Emission.at(later) <= Emission.at(epoch), "rose");
    }

    function testFuzz_at__halvesOnce(uint256 epoch) external pure {
        epoch = bound(epoch, 0, type(uint64).max);
        equal(Emission.at(epoch + Emission.HALVING), Emission.at(epoch) / 2, "half");
    }

    function testFuzz_at__isTheSameWithinAnEra(uint256 era, uint256 one, uint256 other) external pure {
        era = bound(era, 0, 300);
        one = bound(one, 0, Emission.HALVING - 1);
        other = bound(other, 0, Emission.HALVING - 1);
        equal(
            Emission.at(era * Emission.HALVING + one), Emission.at(era * Emission.HALVING + other), "within an era"
        );
    }

    function test_total__staysUnderHalfTheCap() external pure {
        uint256 total = 0;
        for (uint256 era = 0; era < 300; ++era) {
            total += Emission.at(era * Emission.HALVING) * Emission.HALVING;
        }
        isTrue(total < 500_000_000e18, "more than half the cap");
        isTrue(total > 499_999_999e18, "much less than promised");
        equal(Emission.at(0), 1_000e18, "first");
        equal(Emission.at(type(uint256).max), 0, "last");
    }
}

/// @title Slots and epochs are arithmetic: blocks, slots and epochs fit into each other without gap or overlap.
contract SlotsTest is Test {
    using Slots for Timing;

    function testFuzz_slotAt__isTheSlotThatTheBlockLiesIn(Timing memory t, uint256 number) external pure {
        _bound(t);
        number = bound(number, t.fromBlock, uint256(t.fromBlock) + type(uint40).max);
        uint256 slot = t.slotAt(number);
        isTrue(t.startOf(slot) <= number && number < t.startOf(slot + 1), "not in its slot");
    }

    function testFuzz_startOf__isInItsOwnSlot(Timing memory t, uint256 slot) external pure {
        _bound(t);
        slot = bound(slot, t.fromSlot, uint256(t.fromSlot) + type(uint32).max);
        equal(t.slotAt(t.startOf(slot)), slot, "the first block");
        equal(t.slotAt(t.startOf(slot + 1) - 1), slot, "the last block");
    }

    function testFuzz_epochOf__isTheEpochThatTheSlotLiesIn(Timing memory t, uint256 slot) external pure {
        _bound(t);
        slot = bound(slot, t.fromSlot, uint256(t.fromSlot) + type(uint32).max);
        uint256 epoch = t.epochOf(slot);
        isTrue(t.firstSlot(epoch) <= slot && slot < t.firstSlot(epoch + 1), "not in its epoch");
    }

    function testFuzz_lastBlock__isFollowedByTheNextEpoch(Timing memory t, uint256 epoch) external pure {
        _bound(t);
        epoch = bound(epoch, t.fromEpoch, uint256(t.fromEpoch) + type(uint24).max);
        uint256 last = t.lastBlock(epoch);
        equal(t.epochOf(t.slotAt(last)), epoch, "the last block");
        equal(t.epochOf(t.slotAt(last + 1)), epoch + 1, "the block after");
        equal(last + 1 - t.startOf(t.firstSlot(epoch)), t.epochBlocks(), "an epoch's length");
    }

    function _bound(Timing memory t) private pure {
        t.slotBlocks = uint16(bound(t.slotBlocks, 4, type(uint16).max));
        t.epochSlots = uint16(bound(t.epochSlots, 1, 256));
    }
}
