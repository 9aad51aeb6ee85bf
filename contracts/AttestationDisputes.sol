// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IAttestationDisputes} from "./interfaces/IAttestationDisputes.sol";
import {IAttestations, OracleFault, Statement} from "./interfaces/IAttestations.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title See `IAttestationDisputes`.
contract AttestationDisputes is IAttestationDisputes {
    using Statements for Statement;

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
        (uint256 inForce, address oracle, bytes32 configDigest) = ATTESTATIONS.seatOf(epoch, index);
        if (setId != inForce) revert SetNotInForce(setId, inForce);
        _requireConfig(first, configDigest);
        _requireConfig(second, configDigest);
        if (msg.sender == oracle) revert ChallengerIsAccused(msg.sender);
        bytes32 domain = ATTESTATIONS.domainSeparator();
        bytes32 firstDigest = _requireSigned(domain, first, firstSignature, oracle);
        bytes32 secondDigest = _requireSigned(domain, second, secondSignature, oracle);

        uint256 reward;
        bool rests = (ATTESTATIONS.signersOf(epoch) >> index) & 1 == 1;
        // An oracle that lost its bond by a fault in another epoch must not have bought off this one.
        if (!rests || ATTESTATIONS.bondOf(oracle).amount > 0) {
            (amount, reward) = ATTESTATIONS.slashOracle(
                setId, index, msg.sender, OracleFault.Equivocation, keccak256(abi.encode(firstDigest, secondDigest))
            );
        }
        if (rests) ATTESTATIONS.revoke(epoch);

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
    function _requireConfig(Statement calldata statement, bytes32 need) private pure {
        if (statement.configDigest != need) revert IAttestations.ConfigDigestMismatch(statement.configDigest, need);
    }

    function _requireSigned(bytes32 domain, Statement calldata statement, bytes calldata signature, address oracle)
        private
        pure
        returns (bytes32 digest)
    {
        digest = MessageHashUtils.toTypedDataHash(domain, statement.hash());
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer != oracle) revert SignerMismatch(signer, oracle);
    }
}
