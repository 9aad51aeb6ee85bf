// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

contract SealedAuction {
    address private immutable JOB_ESCROW;
    address private immutable REGISTRY;
    address private immutable STAKING;

    constructor(address jobEscrow, address registry, address staking) {
        JOB_ESCROW = jobEscrow;
        REGISTRY = registry;
        STAKING = staking;
    }
}
