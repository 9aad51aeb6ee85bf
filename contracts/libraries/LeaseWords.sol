// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeaseExtra, LeaseState, LeaseStatus, StopReason} from "../interfaces/ILeaseEscrow.sol";

/// @title What is kept of a lease and of a token, each in one word: as the compiler would lay the struct, but read and written once.
library LeaseWords {
    function pack(LeaseState memory state) internal pure returns (uint256) {
        return uint256(state.funds) | uint256(state.origin) << 88 | uint256(state.paidSeconds) << 128
            | uint256(state.heldSeconds) << 160 | uint256(state.ripeAt) << 192 | uint256(state.status) << 232
            | uint256(state.reason) << 240 | uint256(state.shared ? 1 : 0) << 248;
    }

    function unpack(LeaseState memory state, uint256 word) internal pure {
        state.funds = uint88(word);
        state.origin = uint40(word >> 88);
        state.paidSeconds = uint32(word >> 128);
        state.heldSeconds = uint32(word >> 160);
        state.ripeAt = uint40(word >> 192);
        state.status = LeaseStatus(uint8(word >> 232));
        state.reason = StopReason(uint8(word >> 240));
        state.shared = word >> 248 != 0;
    }

    function pack(LeaseExtra memory extra) internal pure returns (uint256) {
        return uint256(extra.redeemed) | uint256(extra.endsAt) << 96 | uint256(extra.stopFrom) << 136
            | uint256(extra.reason) << 176 | uint256(extra.vouchers ? 1 : 0) << 184;
    }

    function unpack(LeaseExtra memory extra, uint256 word) internal pure {
        extra.redeemed = uint96(word);
        extra.endsAt = uint40(word >> 96);
        extra.stopFrom = uint40(word >> 136);
        extra.reason = StopReason(uint8(word >> 176));
        extra.vouchers = word >> 184 != 0;
    }

    /// @dev Within the bounds of `Payments` none of them leaves its place.
    function pack(uint256 tracked, uint256 fees, uint256 cap) internal pure returns (uint256) {
        return tracked | fees << 88 | cap << 168;
    }

    function ledger(uint256 word) internal pure returns (uint256 tracked, uint256 fees, uint256 cap) {
        return (uint88(word), uint80(word >> 88), word >> 168);
    }
}
