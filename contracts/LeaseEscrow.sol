// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

contract LeaseEscrow {
    address private immutable AUTHORITY;
    address private immutable REGISTRY;
    address private immutable STAKING;
    address private immutable CHALLENGES;
    address private immutable ORDER_BOOK;
    address private immutable FEE_RECIPIENT;
    uint256 public feeBps;

    constructor(
        address authority,
        address registry,
        address staking,
        address challenges,
        address orderBook,
        address feeRecipient,
        uint256 bps
    ) {
        AUTHORITY = authority;
        REGISTRY = registry;
        STAKING = staking;
        CHALLENGES = challenges;
        ORDER_BOOK = orderBook;
        FEE_RECIPIENT = feeRecipient;
        feeBps = bps;
    }
}
