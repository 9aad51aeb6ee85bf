// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Statement} from "./IAttestations.sol";

/// @title Fraud proofs about attestations (design: §4): so far equivocation (F5).
interface IAttestationDisputes {
    event EquivocationProven(
        uint256 indexed epoch, address indexed oracle, address indexed challenger, uint256 round, uint256 amount, uint256 reward
    );

    /// The two don't agree in epoch, round, previous root and last block.
    error StatementsNotComparable();
    error StatementsEqual();
    error SignerMismatch(address have, address need);
    /// The set isn't the one in force for the statements' epoch.
    error SetNotInForce(uint256 have, uint256 need);
    error ChallengerIsAccused(address challenger);

    /// @notice F5: member `index` of set `setId` signed two statements for one (epoch, round, previous root, last block). Its whole
    /// bond is slashed; an attestation of that epoch that rests on its signature and isn't final is revoked, even if another proof has
    /// taken the bond before. Refused where there is neither. Anyone but the oracle. @return amount Wei slashed.
    function proveEquivocation(
        Statement calldata first,
        bytes calldata firstSignature,
        Statement calldata second,
        bytes calldata secondSignature,
        uint256 setId,
        uint256 index
    ) external returns (uint256 amount);
}
