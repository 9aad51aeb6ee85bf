// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Bps} from "../../contracts/libraries/Bps.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {Failed, Penalties} from "../../contracts/libraries/Penalties.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Vesting} from "../../contracts/libraries/Vesting.sol";
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

    function testFuzz_outAndIn__neverGains(uint256 part, uint256 pool, uint256 shares) external pure {
        (pool, shares) = _pool(pool, shares);
        part = bound(part, 0, shares - 1);
        uint256 paid = Shares.toAmountDown(part, pool, shares);
        if (paid == 0 || paid == pool) return;
        isTrue(Shares.toSharesUp(paid, pool, shares) <= part, "taking what a part is worth burns more than the part");
        isTrue(Shares.toSharesDown(paid, pool - paid, shares - part) <= part, "more shares for the same wei");
    }

    function testFuzz_toSharesUp__ofWhatWasJustPaidIn__burnsAllThatItBought(uint256 amount, uint256 pool, uint256 shares)
        external
        pure
    {
        (pool, shares) = _pool(pool, shares);
        amount = bound(amount, 1, MOST - pool);
        uint256 bought = Shares.toSharesDown(amount, pool, shares);
        isTrue(Shares.toSharesUp(amount, pool + amount, shares + bought) >= bought, "paid in and out, and shares left");
    }

    function testFuzz_toAmountUp__owesAtMostAWeiMoreThanIsPaid(uint256 part, uint256 pool, uint256 shares) external pure {
        (pool, shares) = _pool(pool, shares);
        part = bound(part, 0, shares);
        (uint256 paid, uint256 owed) = (Shares.toAmountDown(part, pool, shares), Shares.toAmountUp(part, pool, shares));
        isTrue(owed * shares >= part * pool, "owes too little");
        equal(owed - paid, (part * pool) % shares == 0 ? 0 : 1, "what a rounding costs");
        equal(owed + Shares.toAmountDown(shares - part, pool, shares), pool, "owed and the rest's are not the pool");
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

    function testFuzz_aGeneration__costsAHolderLessThanAWei(uint256 left, uint256 shares, uint256 part) external pure {
        shares = bound(shares, 1, type(uint128).max);
        left = bound(left, 1, shares < MOST ? shares : MOST);
        part = bound(part, 0, shares);
        uint256 generations = Shares.overdue(left, shares);
        uint256 all = Shares.inGeneration(shares, 0, generations);
        uint256 have = Shares.toAmountDown(Shares.inGeneration(part, 0, generations), left, all);
        uint256 others = Shares.toAmountDown(Shares.inGeneration(shares - part, 0, generations), left, all);
        isTrue(!Shares.isSpent(left, all), "still spent");
        isTrue(have + others <= left, "parts exceed the whole");
        // A share of what went on is worth a wei at most, and what is paid is whole wei.
        if (generations != 0) isTrue(have + 2 >= Shares.toAmountDown(part, left, shares), "more than a wei");
        else equal(have, Shares.toAmountDown(part, left, shares), "no generation");
    }

    function _pool(uint256 pool, uint256 shares) private pure returns (uint256, uint256) {
        pool = bound(pool, 1, MOST - 1); // a wei more fits
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

    function testFuzz_share__ofParts__isNoDearerThanOfTheWhole(uint128[4] memory parts, uint256 bps) external pure {
        bps = bound(bps, 0, Bps.ONE);
        uint256 whole;
        uint256 fees;
        for (uint256 i = 0; i < 4; ++i) {
            whole += parts[i];
            fees += Bps.share(parts[i], bps);
        }
        isTrue(fees <= Bps.share(whole, bps), "dearer in parts");
        isTrue(fees + 4 > Bps.share(whole, bps), "cheaper by a wei a part, or more");
        isTrue(Bps.share(whole, bps) + Bps.share(whole, Bps.ONE - bps) + 1 >= whole, "two parts of one lose two wei");
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

    function testFuzz_at__isTheFirstHalvedOnceAnEra(uint256 era, uint256 place) external pure {
        era = bound(era, 0, 90);
        uint256 need = 1_000 ether;
        for (uint256 i = 0; i < era; ++i) {
            need /= 2;
        }
        equal(Emission.at(era * 250_000 + bound(place, 0, 249_999)), need, "the emission");
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

    /// @dev As the registry appends an entry: it begins where the one before has its epoch begin.
    function testFuzz_aNewTiming__beginsWhereTheOldEnds(Timing memory t, Timing memory next, uint256 offset) external pure {
        _bound(t);
        _bound(next);
        _append(t, next, offset);
        uint256 epoch = next.fromEpoch;
        equal(t.lastBlock(epoch - 1) + 1, next.startOf(next.firstSlot(epoch)), "a gap, or an overlap");
        equal(t.slotAt(uint256(next.fromBlock) - 1) + 1, next.slotAt(next.fromBlock), "slots skip");
        equal(t.epochOf(uint256(next.fromSlot) - 1) + 1, next.epochOf(next.fromSlot), "epochs skip");
    }

    function testFuzz_slotsAndEpochs__neverGoBackOverANewTiming(
        Timing memory t,
        Timing memory next,
        uint256 offset,
        uint256 early,
        uint256 late
    ) external pure {
        _bound(t);
        _bound(next);
        _append(t, next, offset);
        early = bound(early, t.fromBlock, uint256(next.fromBlock) - 1);
        late = bound(late, next.fromBlock, uint256(next.fromBlock) + type(uint32).max);
        (uint256 before, uint256 slot) = (t.slotAt(early), next.slotAt(late));
        isTrue(before < next.fromSlot && next.fromSlot <= slot, "a block's slot is of the other timing");
        isTrue(t.epochOf(before) < next.fromEpoch && next.fromEpoch <= next.epochOf(slot), "a slot's epoch is");
        isTrue(slot - next.fromSlot <= (late - next.fromBlock) / 4, "more slots than blocks allow");
    }

    function _append(Timing memory t, Timing memory next, uint256 epochs) private pure {
        t.fromEpoch %= 1 << 20;
        t.fromSlot %= 1 << 24;
        t.fromBlock %= 1 << 36;
        next.fromEpoch = uint24(t.fromEpoch + bound(epochs, 1, 1 << 10));
        next.fromSlot = uint32(t.firstSlot(next.fromEpoch));
        next.fromBlock = uint40(t.startOf(next.fromSlot));
    }

    function _bound(Timing memory t) private pure {
        t.slotBlocks = uint16(bound(t.slotBlocks, 4, type(uint16).max));
        t.epochSlots = uint16(bound(t.epochSlots, 1, 256));
    }
}

/// @title What vests.
contract VestingTest is Test {
    uint256 private constant MOST = type(uint96).max;

    function testFuzz_vestedBy__growsFromNothingToAll(uint256 amount, uint256 since, uint256 term, uint256 at, uint256 later)
        external
        pure
    {
        (amount, since, term) = _bound(amount, since, term);
        at = bound(at, since, since + term);
        later = bound(later, at, since + 2 * term);
        uint256 vested = Vesting.vestedBy(amount, since, since + term, at);
        equal(Vesting.vestedBy(amount, since, since + term, since), 0, "at once");
        equal(Vesting.vestedBy(amount, since, since + term, since + term), amount, "not all at the end");
        isTrue(vested <= Vesting.vestedBy(amount, since, since + term, later), "fell");
        isTrue(vested * term <= amount * (at - since) && amount * (at - since) < (vested + 1) * term, "not the line");
    }

    function testFuzz_vestedBy__takenInSteps__isNeverFaster(uint256 amount, uint256 since, uint256 term, uint256 mid, uint256 at)
        external
        pure
    {
        (amount, since, term) = _bound(amount, since, term);
        mid = bound(mid, since, since + term);
        at = bound(at, mid, since + term);
        uint256 first = Vesting.vestedBy(amount, since, since + term, mid);
        uint256 second = Vesting.vestedBy(amount - first, mid, since + term, at);
        uint256 once = Vesting.vestedBy(amount, since, since + term, at);
        isTrue(first + second <= once, "faster in steps");
        isTrue(first + second + 2 > once, "slower by two wei");
    }

    function testFuzz_joined__keepsTheMeanWait(uint256 amount, uint256 left, uint256 added, uint256 term) external pure {
        (amount, left, term) = _bound(amount, left, term);
        left = bound(left, 0, term);
        added = bound(added, 1, MOST);
        uint256 wait = Vesting.joined(amount, left, added, term);
        isTrue(left <= wait && wait <= term, "not between the two");
        uint256 sum = amount * left + added * term;
        isTrue(wait * (amount + added) <= sum && sum < (wait + 1) * (amount + added), "not the mean");
    }

    function testFuzz_joined__growsWithWhatIsAdded(uint256 amount, uint256 left, uint256 added, uint256 more, uint256 term)
        external
        pure
    {
        (amount, left, term) = _bound(amount, left, term);
        left = bound(left, 0, term);
        added = bound(added, 0, MOST);
        more = bound(more, added, MOST);
        isTrue(Vesting.joined(amount, left, added, term) <= Vesting.joined(amount, left, more, term), "more delays less");
        equal(Vesting.joined(amount, left, 0, term), left, "nothing delays");
    }

    function _bound(uint256 amount, uint256 since, uint256 term) private pure returns (uint256, uint256, uint256) {
        return (bound(amount, 1, MOST), bound(since, 0, type(uint32).max), bound(term, 1, type(uint32).max));
    }
}

/// @title What faults cost that come together.
contract PenaltiesTest is Test {
    uint256 private constant FAULTS = 5;

    function testFuzz_shareBps__liesBetweenTheClasssShareAndAll(uint256 faultBps, uint256 failed, uint256 more, uint256 staked)
        external
        pure
    {
        faultBps = bound(faultBps, 0, Bps.ONE);
        staked = bound(staked, 0, type(uint96).max);
        failed = bound(failed, 0, type(uint96).max);
        more = bound(more, failed, type(uint96).max);
        uint256 bps = Penalties.shareBps(faultBps, failed, staked);
        isTrue(faultBps <= bps && bps <= Bps.ONE, "less than alone, or more than all");
        isTrue(bps <= Penalties.shareBps(faultBps, more, staked), "cheaper among more");
        isTrue(bps >= Penalties.shareBps(faultBps, failed, staked + 1 + more) || staked == 0, "dearer among more stake");
        // A third of all stake takes all.
        if (staked > 0 && failed * 3 >= staked) equal(bps, Bps.ONE, "a third failed");
    }

    /// @dev The second writing keeps every fault there ever was, and knows of those that lie too far back that they count for nothing.
    function testFuzz_add__meetsWhatFailedInItsWindowAndTheOneBefore(uint8[FAULTS] memory epochs, uint96[FAULTS] memory bonds)
        external
        pure
    {
        Failed memory known;
        uint256 newest;
        for (uint256 i = 0; i < FAULTS; ++i) {
            uint256 window = (epochs[i] % 32) / Penalties.WINDOW_EPOCHS;
            uint256 met;
            (known, met) = Penalties.add(known, epochs[i] % 32, bonds[i]);
            if (window > newest) newest = window;
            uint256 need;
            for (uint256 j = 0; j < i && window + 1 >= newest; ++j) {
                uint256 other = (epochs[j] % 32) / Penalties.WINDOW_EPOCHS;
                // Of the window two back the chain knows nothing any more.
                if (other == window || (other + 1 == window && window == newest)) need += bonds[j];
            }
            equal(met, need, "failed");
        }
        equal(known.window, newest, "the newest window");
    }

    function testFuzz_add__inOneWindow__isTheSameInAnyOrder(uint256 window, uint8[3] memory places, uint96[3] memory bonds)
        external
        pure
    {
        window = bound(window, 1, type(uint16).max);
        Failed memory known;
        Failed memory other;
        uint256 met;
        uint256 otherMet;
        uint256 failed;
        for (uint256 i = 0; i < 3; ++i) {
            (known, failed) = Penalties.add(known, window * 8 + (places[i] % 8), bonds[i]);
            met += failed * bonds[i];
            (other, failed) = Penalties.add(other, window * 8 + (places[2 - i] % 8), bonds[2 - i]);
            otherMet += failed * bonds[2 - i];
        }
        equal(met, otherMet, "who failed with whom");
        equal(known.here, uint256(bonds[0]) + bonds[1] + bonds[2], "what failed here");
        isTrue(keccak256(abi.encode(known)) == keccak256(abi.encode(other)), "what is known");
    }
}
