// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IArbiter} from "./interfaces/IArbiter.sol";
import {IAttestations} from "./interfaces/IAttestations.sol";
import {IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Job, JobStatus, Verdict} from "./interfaces/IJobEscrow.sol";
import {IOracleArbiter} from "./interfaces/IOracleArbiter.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots, Timing} from "./libraries/Slots.sol";

/// @title See `IOracleArbiter`.
contract OracleArbiter is IOracleArbiter, EIP712 {
    using Slots for Timing;

    bytes32 private constant TYPEHASH =
        keccak256("Verdict(uint256 job,bytes32 state,bool forProvider,bytes32 configDigest)");

    IAttestations private immutable ATTESTATIONS;
    IDeviceRegistry private immutable REGISTRY;
    IJobEscrow private immutable JOB_ESCROW;

    mapping(uint256 job => Verdict) private _verdicts;

    constructor(IAttestations attestations, IDeviceRegistry registry, IJobEscrow jobEscrow)
        EIP712("OracleArbiter", "1")
    {
        ATTESTATIONS = attestations;
        REGISTRY = registry;
        JOB_ESCROW = jobEscrow;
    }

    /// @inheritdoc IOracleArbiter
    function attestVerdict(
        uint256 job,
        Job calldata state,
        bool forProvider,
        uint256 signers,
        bytes calldata signatures
    ) external {
        bytes32 hash = _requireDisputed(job, state);
        require(_verdicts[job] == Verdict.None, VerdictGivenAlready(job));
        uint256 setId = setInForce();
        bytes32 digest = verdictDigest(job, hash, forProvider, ATTESTATIONS.configDigestOf(setId));
        _requireQuorum(setId, digest, signers, signatures);

        _verdicts[job] = forProvider ? Verdict.ForProvider : Verdict.ForRequester;

        emit VerdictAttested(job, forProvider, setId, signers);
    }

    /// @inheritdoc IArbiter
    function verdictOf(address escrow, uint256 job) external view returns (bool decided, bool forProvider) {
        if (escrow != address(JOB_ESCROW)) return (false, false);
        Verdict verdict = _verdicts[job];
        return (verdict != Verdict.None, verdict == Verdict.ForProvider);
    }

    /// @inheritdoc IOracleArbiter
    function setInForce() public view returns (uint256 setId) {
        Timing memory timing = REGISTRY.timingNow();
        return ATTESTATIONS.setOf(timing.epochOf(timing.slotAt(block.number)));
    }

    /// @inheritdoc IOracleArbiter
    function verdictDigest(uint256 job, bytes32 state, bool forProvider, bytes32 configDigest)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(TYPEHASH, job, state, forProvider, configDigest)));
    }

    function _requireDisputed(uint256 job, Job calldata state) private view returns (bytes32 have) {
        have = keccak256(abi.encode(state));
        bytes32 need = JOB_ESCROW.jobHash(job);
        require(have == need, JobStateMismatch(job, have, need));
        require(state.status == JobStatus.Disputed, JobStatusWrong(job, state.status, JobStatus.Disputed));
    }

    /// @dev Which set it is depends on the clock alone, and `seat` waits until all before the newest are settled: the set in force is one
    /// of the newest two, and so whoever was slashed or left is excluded from it.
    function _requireQuorum(uint256 setId, bytes32 digest, uint256 signers, bytes calldata signatures) private view {
        address[] memory members = ATTESTATIONS.membersOf(setId);
        if (signers >> members.length != 0) revert SignerUnknown(Math.log2(signers), members.length);
        uint256 excluded = signers & ATTESTATIONS.oracleSet(setId).excluded;
        if (excluded != 0) revert SignerExcluded(Math.log2(excluded));
        uint256 count = 0;
        for (uint256 left = signers; left != 0; left &= left - 1) {
            ++count;
        }
        uint256 quorum = ATTESTATIONS.quorumOf(setId);
        if (count < quorum) revert QuorumMissing(count, quorum);
        if (signatures.length != count * Signatures.LENGTH) {
            revert SignaturesLengthWrong(signatures.length, count * Signatures.LENGTH);
        }

        uint256 at = 0;
        for (uint256 index = 0; index < members.length; ++index) {
            if ((signers >> index) & 1 == 0) continue;
            (address have,,) = ECDSA.tryRecoverCalldata(digest, signatures[at:at + Signatures.LENGTH]);
            address need = members[index];
            if (have != need) revert SignatureInvalid(index, have, need);
            at += Signatures.LENGTH;
        }
    }
}
