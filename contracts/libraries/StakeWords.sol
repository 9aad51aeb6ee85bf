// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Shares} from "./Shares.sol";

/// @notice The first word of a provider's stake, which every verb reads once and writes once: active 96 | locked 96 | generation 32 | flags.
type Head is uint256;

/// @notice What vests: vesting 96 | vested 96 | at 32 | until 32.
type Pot is uint256;

/// @notice One delegator's part: shares 128 | generation 32 | first request 32 | next request 32 | lane start 32.
type Holding is uint256;

using Heads for Head global;
using Holdings for Holding global;
using Pots for Pot global;

library Heads {
    using SafeCast for uint256;

    /// Somebody delegates: the active pool's word of shares is in use.
    uint256 internal constant DELEGATED = 1 << 224;
    /// A reward came once, so that there may be something to release.
    uint256 internal constant REWARDED = 1 << 225;
    /// Delegators' leaving has brought active below locked.
    uint256 internal constant SHORT = 1 << 226;
    /// Delegators were unbonding when it was last looked at.
    uint256 internal constant LEAVING = 1 << 227;

    function active(Head head) internal pure returns (uint256) {
        return uint96(Head.unwrap(head));
    }

    function locked(Head head) internal pure returns (uint256) {
        return uint96(Head.unwrap(head) >> 96);
    }

    function generation(Head head) internal pure returns (uint256) {
        return uint32(Head.unwrap(head) >> 192);
    }

    function has(Head head, uint256 flag) internal pure returns (bool) {
        return Head.unwrap(head) & flag != 0;
    }

    function with(Head head, uint256 flag) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(head) | flag);
    }

    function without(Head head, uint256 flag) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(head) & ~flag);
    }

    /// @dev So much more is active: TBND that there is, less than 2⁹⁰ wei (`ITensorbondToken.CAP`). A deposit of more fails at its transfer.
    function plus(Head head, uint256 amount) internal pure returns (Head) {
        unchecked {
            return _covered(Head.wrap(Head.unwrap(head) + amount));
        }
    }

    /// @dev What covers the lock ends SHORT.
    function withActive(Head head, uint256 amount) internal pure returns (Head) {
        return _covered(Head.wrap(Head.unwrap(head) >> 96 << 96 | amount.toUint96()));
    }

    /// @dev Likewise.
    function withLocked(Head head, uint256 amount) internal pure returns (Head) {
        uint256 rest = Head.unwrap(head) & ~(uint256(type(uint96).max) << 96);
        return _covered(Head.wrap(rest | uint256(amount.toUint96()) << 96));
    }

    /// @dev So many generations later, four at most for a slash. A slash needs a lock of its own, which is a job or a device: 2³⁰ of one
    /// provider, each at 200,000 gas and more, would fill all blocks for years. So no slash reverts here.
    function plusGenerations(Head head, uint256 generations) internal pure returns (Head) {
        uint256 next = uint256((head.generation() + generations).toUint32()) << 192;
        return Head.wrap(Head.unwrap(head) & ~(uint256(type(uint32).max) << 192) | next);
    }

    function _covered(Head head) private pure returns (Head) {
        return head.has(SHORT) && head.active() >= head.locked() ? head.without(SHORT) : head;
    }
}

library Holdings {
    using SafeCast for uint256;

    function shares(Holding holding) internal pure returns (uint256) {
        return uint128(Holding.unwrap(holding));
    }

    function generation(Holding holding) internal pure returns (uint256) {
        return uint32(Holding.unwrap(holding) >> 128);
    }

    /// @return What its shares count as in a generation, its own or a later one.
    function sharesIn(Holding holding, uint256 generation_) internal pure returns (uint256) {
        return Shares.inGeneration(holding.shares(), holding.generation(), generation_);
    }

    function first(Holding holding) internal pure returns (uint256) {
        return uint32(Holding.unwrap(holding) >> 160);
    }

    function next(Holding holding) internal pure returns (uint256) {
        return uint32(Holding.unwrap(holding) >> 192);
    }

    function start(Holding holding) internal pure returns (uint256) {
        return Holding.unwrap(holding) >> 224;
    }

    /// @dev With so many shares of this generation.
    function withShares(Holding holding, uint256 amount, uint256 generation_) internal pure returns (Holding) {
        return Holding.wrap(Holding.unwrap(holding) >> 160 << 160 | generation_ << 128 | amount.toUint128());
    }

    function withQueue(Holding holding, uint256 first_, uint256 next_, uint256 start_)
        internal
        pure
        returns (Holding)
    {
        uint256 queue = uint256(first_.toUint32()) | uint256(next_.toUint32()) << 32 | uint256(start_.toUint32()) << 64;
        return Holding.wrap(uint160(Holding.unwrap(holding)) | queue << 160);
    }
}

library Pots {
    using SafeCast for uint256;

    function pack(uint256 vesting_, uint256 vested_, uint256 at_, uint256 until_) internal pure returns (Pot) {
        return Pot.wrap(
            uint256(vesting_.toUint96()) | uint256(vested_.toUint96()) << 96 | uint256(at_.toUint32()) << 192
                | uint256(until_.toUint32()) << 224
        );
    }

    function vesting(Pot pot) internal pure returns (uint256) {
        return uint96(Pot.unwrap(pot));
    }

    function vested(Pot pot) internal pure returns (uint256) {
        return uint96(Pot.unwrap(pot) >> 96);
    }

    function at(Pot pot) internal pure returns (uint256) {
        return uint32(Pot.unwrap(pot) >> 192);
    }

    function until(Pot pot) internal pure returns (uint256) {
        return Pot.unwrap(pot) >> 224;
    }
}
