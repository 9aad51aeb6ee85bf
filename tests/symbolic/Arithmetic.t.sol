// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Bps} from "../../contracts/libraries/Bps.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Penalties} from "../../contracts/libraries/Penalties.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Head, Heads, Holding, Pot, Pots} from "../../contracts/libraries/StakeWords.sol";
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

    /// @dev What goes on is not spent, at most a wei a share, and ⌊…⌋ of what it was; all is gone where nothing is left.
    function check_overdue__leavesAPoolThatIsNotSpent(uint96 left, uint128 shares) external pure {
        uint256 generations = Shares.overdue(left, shares);
        uint256 after_ = Shares.inGeneration(shares, 0, generations);
        assert(generations <= 4);
        assert(generations == 0 || after_ >= left);
        assert(left == 0 ? after_ == 0 : !Shares.isSpent(left, after_) || shares == 0);
    }

    /// @dev Two holders of a pool and what nobody has never come to more than the whole; each loses less than one share.
    function check_inGeneration__partsNeverExceedTheWhole(uint128 one, uint128 other, uint8 from, uint8 to) external pure {
        if (to < from) return;
        uint256 parts = Shares.inGeneration(one, from, to) + Shares.inGeneration(other, from, to);
        uint256 whole = Shares.inGeneration(uint256(one) + other, from, to);
        assert(parts <= whole && whole <= parts + 1);
    }

    // ---- Bps: splits never exceed the whole ----

    function check_share__isTheFloor(uint96 amount, uint16 bps) external pure {
        if (bps > Bps.ONE) return;
        uint256 part = Bps.share(amount, bps);
        assert(part * 10_000 <= uint256(amount) * bps);
        assert(uint256(amount) * bps < (part + 1) * 10_000);
        assert(part <= amount);
    }

    /// @dev Two shares, together of at most a quarter.
    function check_aSlashSplit__leavesThreeQuartersToBurn(uint96 taken, uint16 challengerBps, uint16 victimBps)
        external
        pure
    {
        uint256 sum = uint256(challengerBps) + victimBps;
        if (sum > 2_500) return;
        assert(uint256(taken) * sum <= uint256(taken) * 2_500);
        uint256 toChallenger = Bps.share(taken, challengerBps);
        uint256 toVictim = Bps.share(taken, victimBps);
        assert(toChallenger * 10_000 <= uint256(taken) * challengerBps);
        assert(toVictim * 10_000 <= uint256(taken) * victimBps);
        assert((toChallenger + toVictim) * 4 <= taken);
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

    // ---- A stake's words: what is changed in one place stays the same in all others ----

    /// @dev No more is ever active than there is TBND.
    function check_plus__addsToWhatIsActive(uint256 word, uint96 amount) external pure {
        Head head = Head.wrap(word);
        if (head.active() >> 95 != 0 || amount >> 95 != 0) return;
        Head after_ = head.plus(amount);
        assert(after_.active() == head.active() + amount);
        assert(after_.locked() == head.locked() && after_.generation() == head.generation());
        _sameFlags(head, after_);
    }

    function check_withActive__changesNothingElse(uint256 word, uint96 amount) external pure {
        Head head = Head.wrap(word);
        Head after_ = head.withActive(amount);
        assert(after_.active() == amount);
        assert(after_.locked() == head.locked() && after_.generation() == head.generation());
        _sameFlags(head, after_);
    }

    function check_withLocked__changesNothingElse(uint256 word, uint96 amount) external pure {
        Head head = Head.wrap(word);
        Head after_ = head.withLocked(amount);
        assert(after_.locked() == amount);
        assert(after_.active() == head.active() && after_.generation() == head.generation());
        _sameFlags(head, after_);
    }

    function check_plusGenerations__changesNothingElse(uint256 word, uint8 more) external pure {
        Head head = Head.wrap(word);
        if (head.generation() + more > type(uint32).max) return;
        Head after_ = head.plusGenerations(more);
        assert(after_.generation() == head.generation() + more);
        assert(after_.active() == head.active() && after_.locked() == head.locked());
        assert(Head.unwrap(after_) >> 224 == word >> 224);
    }

    function check_holding__buysAndQueuesApart(uint256 word, uint128 held, uint32 generation, uint32[3] calldata queue)
        external
        pure
    {
        Holding after_ = Holding.wrap(word).withShares(held, generation);
        assert(after_.shares() == held && after_.generation() == generation);
        assert(Holding.unwrap(after_) >> 160 == word >> 160);
        Holding queued = after_.withQueue(queue[0], queue[1], queue[2]);
        assert(queued.first() == queue[0] && queued.next() == queue[1] && queued.start() == queue[2]);
        assert(uint160(Holding.unwrap(queued)) == uint160(Holding.unwrap(after_)));
    }

    /// @dev Later, each of 32 bits less; four generations later, nothing.
    function check_sharesIn__isOneForTwoToThe32ndEachTime(uint256 word, uint32 later) external pure {
        Holding holding = Holding.wrap(word);
        uint256 found = holding.sharesIn(holding.generation() + later);
        assert(later != 0 || found == holding.shares());
        assert(later != 1 || found == holding.shares() / (1 << 32));
        assert(later < 4 || found == 0);
    }

    function check_pot__isWhatWasPacked(uint96 vesting, uint96 vested, uint32 at, uint32 until) external pure {
        Pot pot = Pots.pack(vesting, vested, at, until);
        assert(pot.vesting() == vesting && pot.vested() == vested);
        assert(pot.at() == at && pot.until() == until);
    }

    /// @dev But SHORT ends where what is active covers the lock.
    function _sameFlags(Head before, Head after_) private pure {
        uint256 covered = before.has(Heads.SHORT) && after_.active() >= after_.locked() ? Heads.SHORT : 0;
        assert(Head.unwrap(after_) >> 224 == (Head.unwrap(before) & ~covered) >> 224);
    }

    // ---- Bytes ----

    function check_swapped__isItsOwnInverse(bytes32 word) external pure {
        assert(LittleEndian.swapped(bytes32(LittleEndian.swapped(word))) == uint256(word));
    }
}
