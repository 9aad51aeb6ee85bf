// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IArbiter} from "./IArbiter.sol";
import {IArbitrable} from "./IErc792.sol";
import {Job, JobStatus} from "./IJobEscrow.sol";

/// @title An ERC-792 arbitrator as a job's arbiter. Deployed for one arbitrator with one `extraData`, by whoever likes it; a job names
/// it in its terms, so both sides have agreed to it.
/// @dev Ruling 1: the provider is in the right, 2: the requester is. 0, refused to arbitrate, is no verdict: the dispute runs out. No
/// money stays here: the fee goes to the arbitrator, and what was sent beyond it goes back.
interface IErc792Arbiter is IArbiter, IArbitrable {
    event DisputeCreated(uint256 indexed job, uint256 indexed dispute, address indexed payer, uint256 cost);

    /// The given state isn't the job's.
    error JobStateMismatch(uint256 job, bytes32 have, bytes32 need);
    error JobStatusWrong(uint256 job, JobStatus have, JobStatus need);
    /// The job's terms name another arbiter, which alone is asked.
    error ArbiterOther(uint256 job, address arbiter);
    error DisputeCreatedAlready(uint256 job);
    error FeeInsufficient(uint256 have, uint256 need);
    error ArbitratorOnly(address account);
    error DisputeUnknown(uint256 dispute);
    error DisputeRuledAlready(uint256 dispute);
    error RulingUnknown(uint256 ruling, uint256 most);

    /// @notice Have a disputed job decided, paying the arbitrator's fee; nobody pays that back. Once a job. Anyone.
    /// @return dispute The arbitrator's number.
    function createDispute(uint256 job, Job calldata state) external payable returns (uint256 dispute);

    /// @return Wei that `createDispute` takes now.
    function cost() external view returns (uint256);
    /// @return job Which job the arbitrator decides by this dispute; 0: none.
    function jobOf(uint256 dispute) external view returns (uint256 job);
}
