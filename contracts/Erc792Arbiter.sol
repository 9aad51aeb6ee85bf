// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IArbiter} from "./interfaces/IArbiter.sol";
import {IArbitrable, IArbitrator} from "./interfaces/IErc792.sol";
import {IErc792Arbiter} from "./interfaces/IErc792Arbiter.sol";
import {IJobEscrow, Job, JobStatus, Verdict} from "./interfaces/IJobEscrow.sol";

/// @title See `IErc792Arbiter`.
contract Erc792Arbiter is IErc792Arbiter, ReentrancyGuardTransient {
    /// @dev One word.
    struct Case {
        bool created;
        bool ruled;
        Verdict verdict;
    }

    uint256 private constant CHOICES = uint256(type(Verdict).max);

    IArbitrator private immutable ARBITRATOR;
    IJobEscrow private immutable JOB_ESCROW;

    bytes private _extraData;
    mapping(uint256 job => Case) private _cases;
    mapping(uint256 dispute => uint256 job) private _jobs;

    /// @param extraData What the arbitrator is told with every dispute, such as the court and the number of jurors.
    constructor(IArbitrator arbitrator, bytes memory extraData, IJobEscrow jobEscrow) {
        ARBITRATOR = arbitrator;
        JOB_ESCROW = jobEscrow;
        _extraData = extraData;
    }

    /// @inheritdoc IErc792Arbiter
    function createDispute(uint256 job, Job calldata state) external payable nonReentrant returns (uint256 dispute) {
        _requireDisputed(job, state);
        require(!_cases[job].created, DisputeCreatedAlready(job));
        bytes memory extraData = _extraData;
        uint256 fee = ARBITRATOR.arbitrationCost(extraData);
        require(msg.value >= fee, FeeInsufficient(msg.value, fee));

        _cases[job].created = true;
        dispute = ARBITRATOR.createDispute{value: fee}(CHOICES, extraData);
        require(_jobs[dispute] == 0, DisputeCreatedAlready(_jobs[dispute]));
        _jobs[dispute] = job;

        emit DisputeCreated(job, dispute, msg.sender, fee);

        if (msg.value > fee) Address.sendValue(payable(msg.sender), msg.value - fee);
    }

    /// @inheritdoc IArbitrable
    function rule(uint256 dispute, uint256 ruling) external {
        require(msg.sender == address(ARBITRATOR), ArbitratorOnly(msg.sender));
        uint256 job = _jobs[dispute];
        require(job != 0, DisputeUnknown(dispute));
        require(!_cases[job].ruled, DisputeRuledAlready(dispute));
        require(ruling <= CHOICES, RulingUnknown(ruling, CHOICES));

        _cases[job].ruled = true;
        _cases[job].verdict = Verdict(ruling);

        emit Ruling(ARBITRATOR, dispute, ruling);
    }

    /// @inheritdoc IArbiter
    function verdictOf(address escrow, uint256 job) external view returns (bool decided, bool forProvider) {
        if (escrow != address(JOB_ESCROW)) return (false, false);
        Verdict verdict = _cases[job].verdict;
        return (verdict != Verdict.None, verdict == Verdict.ForProvider);
    }

    /// @inheritdoc IErc792Arbiter
    function cost() external view returns (uint256) {
        return ARBITRATOR.arbitrationCost(_extraData);
    }

    /// @inheritdoc IErc792Arbiter
    function jobOf(uint256 dispute) external view returns (uint256 job) {
        return _jobs[dispute];
    }

    function _requireDisputed(uint256 job, Job calldata state) private view {
        bytes32 have = keccak256(abi.encode(state));
        bytes32 need = JOB_ESCROW.jobHash(job);
        require(have == need, JobStateMismatch(job, have, need));
        require(state.status == JobStatus.Disputed, JobStatusWrong(job, state.status, JobStatus.Disputed));
        require(state.terms.arbiter == address(this), ArbiterOther(job, state.terms.arbiter));
    }
}
