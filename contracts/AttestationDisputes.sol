// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IAttestationDisputes} from "./interfaces/IAttestationDisputes.sol";
import {EpochStatus, IAttestations, OracleFault, Statement} from "./interfaces/IAttestations.sol";

/// @title See `IAttestationDisputes`.
contract AttestationDisputes is IAttestationDisputes {
    IAttestations private immutable ATTESTATIONS;

    constructor(IAttestations attestations) {
        ATTESTATIONS = attestations;
    }

    /// @inheritdoc IAttestationDisputes
    function proveEquivocation(
        Statement calldata first,
        bytes calldata firstSignature,
        Statement calldata second,
        bytes calldata secondSignature,
        uint256 setId,
        uint256 index
    ) external returns (uint256 amount) {
        uint256 epoch = first.epoch;
        _requireConflict(first, second);
        _requireInForce(epoch, setId, first, second);
        address oracle = ATTESTATIONS.memberOf(setId, index);
        if (msg.sender == oracle) revert ChallengerIsAccused(msg.sender);
        bytes32 firstDigest = _requireSigned(first, firstSignature, oracle);
        bytes32 secondDigest = _requireSigned(second, secondSignature, oracle);

        uint256 reward;
        (amount, reward) = ATTESTATIONS.slashOracle(
            setId, index, msg.sender, OracleFault.Equivocation, keccak256(abi.encode(firstDigest, secondDigest))
        );
        if (_restsOn(epoch, index)) ATTESTATIONS.revoke(epoch);

        emit EquivocationProven(epoch, oracle, msg.sender, first.round, amount, reward);
    }

    function _requireConflict(Statement calldata first, Statement calldata second) private pure {
        if (
            first.epoch != second.epoch || first.round != second.round || first.previousRoot != second.previousRoot
                || first.lastBlockHash != second.lastBlockHash
        ) revert StatementsNotComparable();
        if (
            first.root == second.root && first.totalWeight == second.totalWeight
                && first.dataDigest == second.dataDigest
        ) revert StatementsEqual();
    }

    /// @dev A statement for another configuration can never be attested: to have signed it binds nobody.
    function _requireInForce(uint256 epoch, uint256 setId, Statement calldata first, Statement calldata second)
        private
        view
    {
        uint256 inForce = ATTESTATIONS.setOf(epoch);
        if (setId != inForce) revert SetNotInForce(setId, inForce);
        bytes32 need = ATTESTATIONS.configDigestOf(setId);
        if (first.configDigest != need) revert IAttestations.ConfigDigestMismatch(first.configDigest, need);
        if (second.configDigest != need) revert IAttestations.ConfigDigestMismatch(second.configDigest, need);
    }

    function _requireSigned(Statement calldata statement, bytes calldata signature, address oracle)
        private
        view
        returns (bytes32 digest)
    {
        digest = ATTESTATIONS.statementDigest(statement);
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer != oracle) revert SignerMismatch(signer, oracle);
    }

    /// @return Whether the attestation of `epoch` stands, isn't final and has the signature of member `index` of its set.
    function _restsOn(uint256 epoch, uint256 index) private view returns (bool) {
        if (ATTESTATIONS.statusOf(epoch) != EpochStatus.Attested) return false;
        (, IAttestations.Attested memory attested) = ATTESTATIONS.attestedOf(epoch);
        return (attested.signers >> index) & 1 == 1;
    }
}
