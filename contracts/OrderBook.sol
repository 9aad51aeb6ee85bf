// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

contract OrderBook {
    address private immutable JOB_ESCROW;
    address private immutable LEASE_ESCROW;
    address private immutable REGISTRY;
    address private immutable STAKING;
    address private immutable ATTESTATIONS;

    constructor(address jobEscrow, address leaseEscrow, address registry, address staking, address attestations) {
        JOB_ESCROW = jobEscrow;
        LEASE_ESCROW = leaseEscrow;
        REGISTRY = registry;
        STAKING = staking;
        ATTESTATIONS = attestations;
    }
}
