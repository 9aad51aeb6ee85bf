// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Statement} from "../interfaces/IAttestations.sol";

/// @title The EIP-712 struct hash of an epoch's statement. Mirrored by `tensorbond.chain.digests.attestation`.
library Statements {
    bytes32 internal constant TYPEHASH = keccak256(
        "Attestation(uint256 epoch,uint256 round,bytes32 previousRoot,bytes32 lastBlockHash,bytes32 root,uint256 totalWeight,bytes32 dataDigest,bytes32 configDigest)"
    );

    function hash(Statement calldata statement) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, statement));
    }
}
