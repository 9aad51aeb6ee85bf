// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Statement} from "../interfaces/IAttestations.sol";

/// @title An epoch's statement: its EIP-712 struct hash, mirrored by `tensorbond.chain.digests.attestation`, and what came of it.
library Statements {
    bytes32 internal constant TYPEHASH = keccak256(
        "Attestation(uint256 epoch,uint256 round,bytes32 previousRoot,bytes32 lastBlockHash,bytes32 root,uint256 totalWeight,bytes32 dataDigest,bytes32 configDigest)"
    );

    /// In place of a round: whichever attestation of the epoch stands.
    uint256 internal constant STANDING = type(uint256).max;
    /// In `IAttestations.Attested.flags`: neither void nor open again.
    uint8 internal constant ATTESTED = 1;

    function hash(Statement calldata statement) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, statement));
    }
}
