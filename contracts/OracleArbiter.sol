// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

contract OracleArbiter {
    address private immutable ATTESTATIONS;
    address private immutable REGISTRY;
    address private immutable JOB_ESCROW;

    constructor(address attestations, address registry, address jobEscrow) {
        ATTESTATIONS = attestations;
        REGISTRY = registry;
        JOB_ESCROW = jobEscrow;
    }
}
