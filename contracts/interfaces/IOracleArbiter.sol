// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IArbiter} from "./IArbiter.sol";
import {Job, JobStatus} from "./IJobEscrow.sol";

/// @title The arbiter by default: a quorum of the oracle set in force signs the verdict. One verdict a job, for good.
/// @dev No money in it. The verdict of a job is an opinion, and nobody is slashed for it (docs/trust.md).
interface IOracleArbiter is IArbiter {
    event VerdictAttested(uint256 indexed job, bool forProvider, uint256 indexed setId, uint256 signers);

    /// The given state isn't the job's.
    error JobStateMismatch(uint256 job, bytes32 have, bytes32 need);
    error JobStatusWrong(uint256 job, JobStatus have, JobStatus need);
    error VerdictGivenAlready(uint256 job);
    error QuorumMissing(uint256 have, uint256 need);
    error SignerUnknown(uint256 index, uint256 size);
    error SignerExcluded(uint256 index);
    error SignatureInvalid(uint256 index, address have, address need);
    error SignaturesLengthWrong(uint256 have, uint256 need);

    /// @notice Keep the verdict that a quorum signed of a disputed job. Anyone may submit.
    /// Each signature is of EIP-712 `Verdict(uint256 job,bytes32 state,bool forProvider,bytes32 configDigest)`: of this job as it was
    /// disputed (`state` is its hash in the escrow), for the set in force in this block, whose digest names chain, contract, number,
    /// threshold and members. Members that were slashed or left don't count, whenever they signed.
    /// @param signers Bit i: member i signed. @param signatures 65 bytes each (r ‖ s ‖ v), in ascending order of index.
    function attestVerdict(
        uint256 job,
        Job calldata state,
        bool forProvider,
        uint256 signers,
        bytes calldata signatures
    ) external;

    /// @return setId The set in force in this block, 0: none. By the clock, not by what is attested: a set whose successor has begun
    /// gives no verdict any more, however far attestations lag behind.
    function setInForce() external view returns (uint256 setId);
    /// @return What an oracle of the set with this digest signs.
    function verdictDigest(uint256 job, bytes32 state, bool forProvider, bytes32 configDigest)
        external
        view
        returns (bytes32);
}
