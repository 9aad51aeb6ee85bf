// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {
    EpochStatus,
    IAttestations,
    LeafProof,
    OracleFault,
    OutcomeProof,
    Statement
} from "./interfaces/IAttestations.sol";
import {IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";
import {Bps} from "./libraries/Bps.sol";
import {Emission} from "./libraries/Emission.sol";
import {Leaf, MerkleSum, Outcome, OutcomeTree} from "./libraries/MerkleSum.sol";
import {DataRequest, Requests} from "./libraries/Requests.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots, Timing} from "./libraries/Slots.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title See `IAttestations`.
contract Attestations is IAttestations, AccessManaged, EIP712 {
    using Memory for Memory.Slice;
    using MerkleSum for Leaf;
    using OutcomeTree for Outcome;
    using Requests for mapping(bytes32 id => DataRequest);
    using SafeCast for uint256;
    using SafeERC20 for ITensorbondToken;
    using Slots for Timing;
    using Statements for Statement;

    /// @dev Where everything stands. One word, read and written once by a verb.
    struct Head {
        uint24 nextEpoch;
        /// The furthest that `nextEpoch` had come before a revocation.
        uint24 reached;
        /// All epochs below are final or void; those that are final emitted `settledEmission` wei. Lags behind `settledThrough`.
        uint24 settled;
        uint24 setCount;
        /// Bonds held, BOND wei each.
        uint24 bonds;
        /// Block of the last revocation.
        uint40 revivedBlock;
        uint96 settledEmission;
    }

    /// @dev Two words. One that is not below `nextEpoch` was revoked: it tells which round is spent, and who answers for it.
    struct Record {
        bytes32 root;
        Attested attested;
    }

    /// @dev A revoked attestation of an epoch that has another record now. Three words.
    struct Revoked {
        bytes32 root;
        bytes32 previousRoot;
        Attested attested;
    }

    /// @dev One word. The size is the table's.
    struct Seats {
        address table;
        uint8 threshold;
        uint24 fromEpoch;
        uint64 excluded;
    }

    uint256 public constant CHALLENGER_BPS = 2_500;
    uint256 public constant MAX_SEAT_DELAY = 1_024;
    uint256 public constant STANDING = Statements.STANDING;

    uint8 private constant ATTESTED = Statements.ATTESTED;
    uint8 private constant VOID = 2;
    uint8 private constant REVOKED = 4;
    /// @dev Of a revoked record: the epoch before has another record now, and the root that stood before is in `_detached`.
    uint8 private constant DETACHED = 8;
    uint8 private constant SPENT = ATTESTED | REVOKED;
    uint256 private constant MAX_MEMBERS = 64;
    /// @dev A table is 32 bytes of configuration digest, then 20 bytes for each member.
    uint256 private constant DIGEST_LENGTH = 32;
    uint256 private constant MEMBER_LENGTH = 20;
    /// @dev Epochs that a verb counts as settled at most. One an epoch keeps up.
    uint256 private constant SETTLE_STEPS = 32;

    uint256 public immutable BOND;
    ITensorbondToken private immutable TOKEN;
    IDeviceRegistry private immutable REGISTRY;
    address private immutable ATTESTATION_DISPUTES;

    Head private _head;
    mapping(uint256 epoch => Record) private _records;
    mapping(uint256 epoch => mapping(uint256 round => Revoked)) private _revoked;
    mapping(uint256 epoch => bytes32 previousRoot) private _detached;
    mapping(uint256 setId => Seats) private _sets;
    mapping(address oracle => Bond) private _bonds;
    mapping(bytes32 id => DataRequest) private _requests;

    constructor(
        address authority,
        ITensorbondToken token,
        IDeviceRegistry registry,
        address attestationDisputes,
        uint256 bond
    ) AccessManaged(authority) EIP712("Attestations", "1") {
        BOND = bond.toUint96();
        TOKEN = token;
        REGISTRY = registry;
        ATTESTATION_DISPUTES = attestationDisputes;
    }

    // ------------------------------------------------------------------------------------------------ an oracle's life

    /// @inheritdoc IAttestations
    function join(string calldata endpoint) external {
        _join(endpoint);
    }

    /// @inheritdoc IAttestations
    function joinWithPermit(string calldata endpoint, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s) external {
        // Whoever saw the permit can have sent it before; then the allowance is there all the same.
        // solhint-disable-next-line no-empty-blocks
        try TOKEN.permit(msg.sender, address(this), BOND, permitDeadline, v, r, s) {} catch {}
        _join(endpoint);
    }

    /// @inheritdoc IAttestations
    function leave() external {
        Bond memory bond = _bonds[msg.sender];
        if (bond.amount == 0) revert OracleNotBonded(msg.sender);
        if (bond.leftEpoch != 0) revert OracleLeftAlready(msg.sender);

        Head memory head = _head;
        bond.leftEpoch = _firstUnsigned(head).toUint24();
        bond.exposedUntil = (block.number + REGISTRY.timingOf(head.nextEpoch).proofBlocks).toUint40();
        _save(msg.sender, bond);
        _exclude(msg.sender, head.setCount);

        emit OracleLeft(msg.sender, bond.leftEpoch, bond.exposedUntil);
    }

    /// @inheritdoc IAttestations
    function withdrawBond() external returns (uint256 amount) {
        Bond memory bond = _bonds[msg.sender];
        if (bond.amount == 0) revert OracleNotBonded(msg.sender);
        if (bond.leftEpoch == 0) revert OracleNotLeft(msg.sender);
        if (bond.seated) {
            uint256 settled = settledThrough();
            if (settled < bond.leftEpoch) revert BondStillExposed(msg.sender, settled, bond.leftEpoch);
            if (block.number <= bond.exposedUntil) {
                revert BondStillProvable(msg.sender, block.number, bond.exposedUntil);
            }
        }

        amount = bond.amount;
        delete _bonds[msg.sender];
        Head memory head = _head;
        --head.bonds;
        _save(head);

        emit BondWithdrawn(msg.sender, amount, head.bonds * BOND);

        TOKEN.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IAttestations
    function slashOracle(uint256 setId, uint256 index, address challenger, OracleFault fault, bytes32 evidence)
        external
        returns (uint256 amount, uint256 reward)
    {
        _requireAttestationDisputes();
        address oracle = memberOf(setId, index);
        Head memory head = _head;
        (amount, reward) = _slash(head, oracle, challenger, fault, evidence);
        if (amount == 0) revert OracleNotBonded(oracle);
        _save(head);

        TOKEN.safeTransfer(challenger, reward);
        TOKEN.burn(amount - reward);
    }

    // ------------------------------------------------------------------------------------------------- the oracle sets

    /// @inheritdoc IAttestations
    function seat(address[] calldata members, uint256 threshold, uint256 fromEpoch)
        external
        restricted
        returns (uint256 setId)
    {
        Head memory head = _head;
        _requireSeatable(head, fromEpoch);
        uint256 size = members.length;
        if (size == 0) revert SetInvalid("size", size, 1);
        if (size > MAX_MEMBERS) revert SetInvalid("size", size, MAX_MEMBERS);
        if (threshold > size) revert SetInvalid("threshold", threshold, size);

        setId = ++head.setCount;
        _save(head);
        bytes32 configDigest = keccak256(abi.encode(block.chainid, address(this), setId, threshold, members));
        bytes memory table = _seatEach(members, bytes.concat(configDigest));
        // A call to a table does nothing: its code delegates to an account that never has any.
        _sets[setId] = Seats({
            table: Clones.cloneWithImmutableArgs(address(0), table),
            threshold: uint8(threshold),
            fromEpoch: fromEpoch.toUint24(),
            excluded: 0
        });

        emit SetSeated(setId, members, threshold, fromEpoch, configDigest);
    }

    // ------------------------------------------------------------------------------------------------ an epoch's life

    /// @inheritdoc IAttestations
    function attest(Statement calldata statement, uint256 signers, bytes calldata signatures) external {
        Head memory head = _head;
        uint256 epoch = statement.epoch;
        if (epoch != head.nextEpoch) revert EpochOutOfOrder(epoch, head.nextEpoch);
        Timing memory timing = REGISTRY.timingOf(epoch);
        uint256 lastBlock = timing.lastBlock(epoch);
        if (block.number <= lastBlock) revert EpochNotOver(epoch, block.number, lastBlock);
        uint256 last = _deadline(head, lastBlock, timing.attestBlocks);
        if (block.number > last) revert DeadlinePassed(epoch, block.number, last);
        _requireStatement(statement, lastBlock);
        uint256 setId = _setOf(epoch, head.setCount);
        uint256 quorum = _requireQuorum(statement, setId, signers, signatures);
        _settle(head, SETTLE_STEPS);
        _requireCovered(head, quorum);
        uint256 provable = _keep(head, epoch);

        ++head.nextEpoch;
        _save(head);
        _save(
            epoch,
            statement.root,
            Attested({
                totalWeight: uint96(statement.totalWeight),
                provableUntil: Math.max(block.number + timing.proofBlocks, provable).toUint40(),
                setId: uint32(setId),
                round: uint8(statement.round),
                signers: uint64(signers),
                flags: ATTESTED
            })
        );

        emit EpochAttested(
            epoch, statement.round, statement.root, statement.totalWeight, statement.dataDigest, setId, signers
        );
    }

    /// @inheritdoc IAttestations
    function close(uint256 epoch) external {
        Head memory head = _head;
        if (epoch != head.nextEpoch) revert EpochOutOfOrder(epoch, head.nextEpoch);
        Timing memory timing = REGISTRY.timingOf(epoch);
        uint256 last = _deadline(head, timing.lastBlock(epoch), timing.attestBlocks);
        if (block.number <= last) revert DeadlineNotPassed(epoch, block.number, last);

        Attested memory closed = _reopened(_records[epoch].attested);
        closed.flags |= VOID;
        closed.provableUntil = _keep(head, epoch);
        _save(epoch, _rootBefore(epoch), closed);
        ++head.nextEpoch;
        _settle(head, SETTLE_STEPS);
        _save(head);

        emit EpochVoided(epoch);
    }

    /// @inheritdoc IAttestations
    function revoke(uint256 epoch) external {
        _requireAttestationDisputes();
        Head memory head = _head;
        Attested memory attested = _standing(head, epoch);
        if (block.number > attested.provableUntil) revert EpochFinal(epoch);

        _revoke(head, epoch);
        _save(head);

        emit EpochRevoked(epoch, attested.round);
    }

    /// @inheritdoc IAttestations
    function punish(uint256 epoch, uint256 round, address challenger, OracleFault fault, bytes32 evidence)
        external
        returns (uint256 amount, uint256 reward)
    {
        _requireAttestationDisputes();
        Head memory head = _head;
        (,, Attested memory attested) = _attestation(head, epoch, round);
        (, Memory.Slice table) = _load(attested.setId);
        for (uint256 index = 0; attested.signers >> index != 0; ++index) {
            if ((attested.signers >> index) & 1 == 0) continue;
            address oracle = _member(table, index);
            if (oracle == challenger) revert ChallengerIsAccused(challenger);
            (uint256 taken, uint256 share) = _slash(head, oracle, challenger, fault, evidence);
            amount += taken;
            reward += share;
        }
        bool falls = attested.flags & REVOKED == 0 && block.number <= attested.provableUntil;
        if (!falls && amount == 0) revert SignersSlashedAlready(epoch);
        if (falls) _revoke(head, epoch);
        _save(head);

        if (falls) emit EpochRevoked(epoch, attested.round);

        if (amount == 0) return (0, 0);
        TOKEN.safeTransfer(challenger, reward);
        TOKEN.burn(amount - reward);
    }

    // ------------------------------------------------------------------------------------------------ asking for leaves

    /// @inheritdoc IAttestations
    function requestLeaf(uint256 epoch, uint256 round, uint256 device) external payable returns (bytes32 request) {
        (,, Attested memory attested) = _attestation(_head, epoch, round);
        if (device >> MerkleSum.DEPTH != 0) revert PlaceUnknown(device, (1 << MerkleSum.DEPTH) - 1);
        Timing memory timing = REGISTRY.timingOf(epoch);
        request = _requestId(epoch, attested.round, device);

        uint256 answerBy = _requests.ask(request, timing, attested.provableUntil, _leafBytes(2 * uint256(timing.epochSlots)));

        emit LeafRequested(epoch, device, msg.sender, attested.round, request, msg.value, answerBy);
    }

    /// @inheritdoc IAttestations
    function answerLeaf(
        uint256 epoch,
        uint256 round,
        uint256 device,
        Leaf calldata leaf,
        bytes calldata path,
        Outcome[] calldata outcomes
    ) external returns (uint256 paid) {
        (bytes32 need,, Attested memory attested) = _attestation(_head, epoch, round);
        bytes32 request = _requestId(epoch, attested.round, device);
        uint256 most = 2 * uint256(REGISTRY.timingOf(epoch).epochSlots);
        // No leaf has no provider: this one stands for an empty place.
        (bytes32 root,) = leaf.provider == address(0)
            ? MerkleSum.fold(0, 0, device, path)
            : MerkleSum.fold(leaf.hash(), leaf.weight, device, path);
        if (root != need) revert LeafNotUnderRoot(epoch, root, need);
        _requireOutcomes(leaf, outcomes, most);

        paid = _requests.answer(request, _leafBytes(outcomes.length), _leafBytes(most));

        emit LeafAnswered(epoch, device, msg.sender, request, paid);

        Address.sendValue(payable(msg.sender), paid);
    }

    /// @inheritdoc IAttestations
    function returnDeposit(bytes32 request) external returns (uint256 amount) {
        address asker;
        (asker, amount) = _requests.giveBack(request);

        emit DepositReturned(request, asker, amount);

        Address.sendValue(payable(asker), amount);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IAttestations
    function leafRequestOf(uint256 epoch, uint256 round, uint256 device)
        external
        view
        returns (bytes32 request, DataRequest memory state)
    {
        request = _leafRequest(epoch, round, device);
        state = _requests[request];
    }

    /// @inheritdoc IAttestations
    function leafDepositOf(uint256 epoch, uint256 gasPrice) external view returns (uint256) {
        return Requests.depositFor(_leafBytes(2 * uint256(REGISTRY.timingOf(epoch).epochSlots)), gasPrice);
    }

    /// @inheritdoc IAttestations
    function requireLeafWithheld(uint256 epoch, uint256 round, uint256 device)
        external
        view
        returns (bytes32 request)
    {
        request = _leafRequest(epoch, round, device);
        _requests.requireWithheld(request);
    }

    /// @inheritdoc IAttestations
    function attestedOf(uint256 epoch) external view returns (bytes32 root, Attested memory attested) {
        if (epoch < _head.nextEpoch) return (_records[epoch].root, _records[epoch].attested);
        return (0, _reopened(_records[epoch].attested));
    }

    /// @inheritdoc IAttestations
    function attestationOf(uint256 epoch, uint256 round)
        external
        view
        returns (bytes32 root, bytes32 previousRoot, Attested memory attested)
    {
        return _attestation(_head, epoch, round);
    }

    /// @inheritdoc IAttestations
    function signersOf(uint256 epoch) external view returns (uint256 signers) {
        Attested storage attested = _records[epoch].attested;
        bool revocable = epoch < _head.nextEpoch && block.number <= attested.provableUntil;
        return revocable ? attested.signers : 0;
    }

    /// @inheritdoc IAttestations
    function statusOf(uint256 epoch) external view returns (EpochStatus) {
        if (epoch >= _head.nextEpoch) return EpochStatus.Open;
        Attested storage attested = _records[epoch].attested;
        if (attested.flags & VOID != 0) return EpochStatus.Void;
        return block.number > attested.provableUntil ? EpochStatus.Final : EpochStatus.Attested;
    }

    /// @inheritdoc IAttestations
    function standingRoot() external view returns (bytes32) {
        return _rootBefore(_head.nextEpoch);
    }

    /// @inheritdoc IAttestations
    function nextEpoch() external view returns (uint256) {
        return _head.nextEpoch;
    }

    /// @inheritdoc IAttestations
    function deadline() external view returns (uint256) {
        Head memory head = _head;
        Timing memory timing = REGISTRY.timingOf(head.nextEpoch);
        return _deadline(head, timing.lastBlock(head.nextEpoch), timing.attestBlocks);
    }

    /// @inheritdoc IAttestations
    function settledThrough() public view returns (uint256) {
        return _settledThrough(_head);
    }

    /// @inheritdoc IAttestations
    /// @dev Visits the epochs that were settled since the last `attest` or `close`.
    function finalEmission() external view returns (uint256) {
        Head memory head = _head;
        _settle(head, type(uint256).max);
        return head.settledEmission;
    }

    /// @inheritdoc IAttestations
    function setOf(uint256 epoch) external view returns (uint256 setId) {
        return _setOf(epoch, _head.setCount);
    }

    /// @inheritdoc IAttestations
    function seatOf(uint256 epoch, uint256 index)
        external
        view
        returns (uint256 setId, address member, bytes32 configDigest)
    {
        setId = _setOf(epoch, _head.setCount);
        (, Memory.Slice table) = _load(setId);
        return (setId, _checkedMember(table, index), table.load(0));
    }

    /// @inheritdoc IAttestations
    function oracleSet(uint256 setId) external view returns (OracleSet memory) {
        (Seats memory seats, Memory.Slice table) = _load(setId);
        return OracleSet({
            table: seats.table,
            threshold: seats.threshold,
            size: uint8(_sizeOf(table)),
            fromEpoch: seats.fromEpoch,
            excluded: seats.excluded
        });
    }

    /// @inheritdoc IAttestations
    function setCount() external view returns (uint256) {
        return _head.setCount;
    }

    /// @inheritdoc IAttestations
    function membersOf(uint256 setId) external view returns (address[] memory members) {
        (, Memory.Slice table) = _load(setId);
        members = new address[](_sizeOf(table));
        for (uint256 index = 0; index < members.length; ++index) {
            members[index] = _member(table, index);
        }
    }

    /// @inheritdoc IAttestations
    function memberOf(uint256 setId, uint256 index) public view returns (address) {
        (, Memory.Slice table) = _load(setId);
        return _checkedMember(table, index);
    }

    /// @inheritdoc IAttestations
    function quorumOf(uint256 setId) external view returns (uint256) {
        (Seats memory seats, Memory.Slice table) = _load(setId);
        return _quorum(seats, _sizeOf(table));
    }

    /// @inheritdoc IAttestations
    function configDigestOf(uint256 setId) external view returns (bytes32) {
        (, Memory.Slice table) = _load(setId);
        return table.load(0);
    }

    /// @inheritdoc IAttestations
    function bondOf(address oracle) external view returns (Bond memory) {
        return _bonds[oracle];
    }

    /// @inheritdoc IAttestations
    function totalBonded() external view returns (uint256) {
        return _head.bonds * BOND;
    }

    /// @inheritdoc IAttestations
    function statementDigest(Statement calldata statement) public view returns (bytes32) {
        return _hashTypedDataV4(statement.hash());
    }

    /// @inheritdoc IAttestations
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc IAttestations
    function requireFinalLeaf(LeafProof calldata proof) public view {
        uint256 epoch = proof.epoch;
        Record storage record = _records[epoch];
        Attested storage attested = record.attested;
        if (epoch >= _head.nextEpoch || attested.flags & ATTESTED == 0 || block.number <= attested.provableUntil) {
            revert EpochNotFinal(epoch);
        }
        (bytes32 root, uint256 weight) =
            MerkleSum.fold(proof.leaf.hash(), proof.leaf.weight, proof.leaf.device, proof.path);
        bytes32 need = record.root;
        if (root != need) revert LeafNotUnderRoot(epoch, root, need);
        if (weight != attested.totalWeight) revert TotalWeightMismatch(epoch, weight, attested.totalWeight);
    }

    /// @inheritdoc IAttestations
    function requireFinalOutcome(LeafProof calldata proof, OutcomeProof calldata outcome) external view {
        requireFinalLeaf(proof);
        bytes32 root = outcome.outcome.fold(outcome.index, proof.leaf.outcomeCount, outcome.path);
        if (root != proof.leaf.outcomesRoot) revert OutcomeNotUnderLeaf(root, proof.leaf.outcomesRoot);
    }

    // ----------------------------------------------------------------------------------------------- an epoch's checks

    function _join(string calldata endpoint) private {
        Bond memory bond = _bonds[msg.sender];
        if (bond.amount != 0) revert OracleBondedAlready(msg.sender);
        if (bond.leftEpoch != 0) revert OracleSlashedBefore(msg.sender);

        bond.amount = uint96(BOND);
        _save(msg.sender, bond);
        Head memory head = _head;
        ++head.bonds;
        _save(head);

        emit OracleJoined(msg.sender, BOND, endpoint, head.bonds * BOND);

        TOKEN.safeTransferFrom(msg.sender, address(this), BOND);
    }

    function _requireStatement(Statement calldata statement, uint256 lastBlock) private view {
        uint256 epoch = statement.epoch;
        uint256 round = statement.round;
        Attested storage old = _records[epoch].attested;
        if (old.flags & SPENT != 0 && round <= old.round) revert RoundSpent(round, uint256(old.round) + 1);
        if (round > type(uint8).max) revert RoundTooLarge(round, type(uint8).max);
        bytes32 need = _rootBefore(epoch);
        if (statement.previousRoot != need) revert PreviousRootMismatch(statement.previousRoot, need);
        need = Blockhash.blockHash(lastBlock);
        // Of an epoch that was attested before, the chain may have forgotten it since: nobody must be able to wait for that.
        bool isForgotten = need == 0 && old.flags & SPENT != 0;
        if (!isForgotten && (need == 0 || statement.lastBlockHash != need)) {
            revert LastBlockMismatch(statement.lastBlockHash, need);
        }
        // A tree without leaves weighs nothing.
        uint256 most = statement.root == 0 ? 0 : type(uint96).max;
        if (statement.totalWeight > most) revert TotalWeightTooLarge(statement.totalWeight, most);
    }

    /// @return quorum The least number of members who must sign.
    function _requireQuorum(Statement calldata statement, uint256 setId, uint256 signers, bytes calldata signatures)
        private
        view
        returns (uint256 quorum)
    {
        (Seats memory seats, Memory.Slice table) = _load(setId);
        bytes32 configDigest = table.load(0);
        if (statement.configDigest != configDigest) revert ConfigDigestMismatch(statement.configDigest, configDigest);
        uint256 size = _sizeOf(table);
        if (signers >> size != 0) revert SignerUnknown(Math.log2(signers), size);
        if (signers & seats.excluded != 0) revert SignerExcluded(Math.log2(signers & seats.excluded));
        uint256 count = 0;
        for (uint256 left = signers; left != 0; left &= left - 1) {
            ++count;
        }
        quorum = _quorum(seats, size);
        if (count < quorum) revert QuorumMissing(count, quorum);
        if (signatures.length != count * Signatures.LENGTH) {
            revert SignaturesLengthWrong(signatures.length, count * Signatures.LENGTH);
        }

        bytes32 digest = statementDigest(statement);
        uint256 at = 0;
        for (uint256 index = 0; index < size; ++index) {
            if ((signers >> index) & 1 == 0) continue;
            (address have,,) = ECDSA.tryRecoverCalldata(digest, signatures[at:at + Signatures.LENGTH]);
            address need = _member(table, index);
            if (have != need) revert SignatureInvalid(index, have, need);
            at += Signatures.LENGTH;
        }
    }

    /// @dev A signature by a quorum is worth its bonds: at most that much may be at stake in epochs that can still be revoked.
    function _requireCovered(Head memory head, uint256 quorum) private view {
        uint256 most = quorum * BOND;
        uint256 exposure = _exposure(head, head.settled);
        // More epochs may be settled than `_settle` has counted.
        if (exposure > most) exposure = _exposure(head, _settledThrough(head));
        if (exposure > most) revert ExposureExceeded(exposure, most);
    }

    /// @return The most that the epochs from `settled` to the next one, inclusive, may emit, if all below `settled` are.
    function _exposure(Head memory head, uint256 settled) private pure returns (uint256) {
        return (head.nextEpoch + 1 - settled) * Emission.at(settled);
    }

    // --------------------------------------------------------------------------------------------------------- writing

    // Each word is written in one place, and so the compiler makes one store of it.

    function _save(Head memory head) private {
        _head = head;
    }

    function _save(address oracle, Bond memory bond) private {
        _bonds[oracle] = bond;
    }

    function _save(uint256 epoch, bytes32 root, Attested memory attested) private {
        Record storage record = _records[epoch];
        record.root = root;
        record.attested = attested;
    }

    // ------------------------------------------------------------------------------------------------ epochs, internal

    function _deadline(Head memory head, uint256 lastBlock, uint256 attestBlocks) private pure returns (uint256) {
        return Math.max(lastBlock, head.revivedBlock) + attestBlocks;
    }

    /// @dev Every epoch below `nextEpoch` has the standing root in its record: a void one carries it over.
    function _rootBefore(uint256 epoch) private view returns (bytes32) {
        return epoch == 0 ? bytes32(0) : _records[epoch - 1].root;
    }

    /// @dev So does it have the end of the last proof window that was opened.
    function _provableBefore(uint256 epoch) private view returns (uint40) {
        return epoch == 0 ? 0 : _records[epoch - 1].attested.provableUntil;
    }

    /// @return left What an open epoch keeps of its old record: the round that is spent.
    function _reopened(Attested memory old) private pure returns (Attested memory left) {
        if (old.flags & SPENT != 0) {
            left.round = old.round;
            left.flags = REVOKED;
        }
    }

    /// @dev Count up to `steps` more epochs as settled. Their windows end in order, so the first open one ends the search.
    function _settle(Head memory head, uint256 steps) private view {
        for (uint256 step = 0; step < steps && head.settled < head.nextEpoch; ++step) {
            Attested storage attested = _records[head.settled].attested;
            if (block.number <= attested.provableUntil) return;
            if (attested.flags & ATTESTED != 0) head.settledEmission += uint96(Emission.at(head.settled));
            ++head.settled;
        }
    }

    /// @dev Bisects, in at most 24 steps: no epoch's window ends before an earlier one's.
    function _settledThrough(Head memory head) private view returns (uint256 low) {
        low = head.settled;
        uint256 high = head.nextEpoch;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (block.number > _records[middle].attested.provableUntil) low = middle + 1;
            else high = middle;
        }
    }

    /// @return The first epoch that no honest oracle can have signed yet.
    function _firstUnsigned(Head memory head) private pure returns (uint256) {
        return Math.max(head.nextEpoch, head.reached) + 1;
    }

    function _standing(Head memory head, uint256 epoch) private view returns (Attested memory attested) {
        attested = _records[epoch].attested;
        if (epoch >= head.nextEpoch || attested.flags & ATTESTED == 0) revert EpochNotAttested(epoch);
    }

    /// @return root The attestation's. @return previousRoot What stood before it when it was attested. @return attested With the flag
    /// of a revoked one where it was.
    function _attestation(Head memory head, uint256 epoch, uint256 round)
        private
        view
        returns (bytes32 root, bytes32 previousRoot, Attested memory attested)
    {
        if (round == STANDING) {
            attested = _standing(head, epoch);
            return (_records[epoch].root, _rootBefore(epoch), attested);
        }
        attested = _records[epoch].attested;
        if (attested.flags & ATTESTED != 0 && attested.round == round) {
            (root, previousRoot) = (_records[epoch].root, _rootUnder(epoch, attested.flags));
            attested.flags = epoch < head.nextEpoch ? ATTESTED : SPENT;
            return (root, previousRoot, attested);
        }
        Revoked storage revoked = _revoked[epoch][round];
        (root, previousRoot, attested) = (revoked.root, revoked.previousRoot, revoked.attested);
        if (attested.flags == 0) revert RoundNotAttested(epoch, round);
        attested.flags = SPENT;
    }

    /// @dev Every record is built upon that of the epoch before, unless that was written over since.
    function _rootUnder(uint256 epoch, uint8 flags) private view returns (bytes32) {
        return flags & DETACHED == 0 ? _rootBefore(epoch) : _detached[epoch];
    }

    /// @dev Before the next epoch's record is written over, which was revoked: whoever signed it still answers for it, and whoever
    /// signed the next answers for what follows from it.
    /// @return until The end of the last proof window that was opened on this epoch or an earlier one.
    function _keep(Head memory head, uint256 epoch) private returns (uint40 until) {
        until = _provableBefore(epoch);
        if (epoch >= head.reached) return until;
        bytes32 root = _records[epoch].root;
        Attested memory old = _records[epoch].attested;
        if (old.provableUntil > until) until = old.provableUntil;
        if (old.flags & ATTESTED != 0) {
            _revoked[epoch][old.round] = Revoked(root, _rootUnder(epoch, old.flags), old);
        }
        Attested storage next = _records[epoch + 1].attested;
        if (next.flags & (ATTESTED | DETACHED) == ATTESTED) {
            next.flags |= DETACHED;
            _detached[epoch + 1] = root;
        }
    }

    /// @dev The caller saves the head.
    function _revoke(Head memory head, uint256 epoch) private view {
        if (head.reached < head.nextEpoch) head.reached = head.nextEpoch;
        head.nextEpoch = uint24(epoch);
        head.revivedBlock = block.number.toUint40();
    }

    /// @dev Take the bond, if there is one, and exclude the oracle. The caller saves the head and moves the tokens.
    function _slash(Head memory head, address oracle, address challenger, OracleFault fault, bytes32 evidence)
        private
        returns (uint256 amount, uint256 reward)
    {
        Bond memory bond = _bonds[oracle];
        amount = bond.amount;
        if (amount == 0) return (0, 0);

        reward = Bps.share(amount, CHALLENGER_BPS);
        if (bond.leftEpoch == 0) {
            bond.leftEpoch = _firstUnsigned(head).toUint24();
            _exclude(oracle, head.setCount);
        }
        bond.amount = 0;
        _save(oracle, bond);
        --head.bonds;

        emit OracleSlashed(oracle, challenger, fault, evidence, amount, reward, amount - reward, head.bonds * BOND);
    }

    // ---------------------------------------------------------------------------------------------- requests, internal

    /// @dev Another round, another attestation: what was asked of one is not asked of the next.
    function _requestId(uint256 epoch, uint256 round, uint256 device) private pure returns (bytes32) {
        return keccak256(abi.encode(epoch, round, device));
    }

    function _leafRequest(uint256 epoch, uint256 round, uint256 device) private view returns (bytes32) {
        (,, Attested memory attested) = _attestation(_head, epoch, round);
        return _requestId(epoch, attested.round, device);
    }

    /// @dev Bytes of an answer: a leaf, the longest path and so many outcomes.
    function _leafBytes(uint256 count) private pure returns (uint256) {
        return MerkleSum.LEAF_LENGTH + 3 + 44 * MerkleSum.DEPTH + OutcomeTree.OUTCOME_LENGTH * count;
    }

    /// @dev All the leaf's outcomes, or none if it counts more than the epoch can have, or none under a root: who shows that has shown fraud.
    function _requireOutcomes(Leaf memory leaf, Outcome[] calldata outcomes, uint256 most) private pure {
        uint256 need = leaf.provider == address(0) || leaf.outcomeCount > most ? 0 : leaf.outcomeCount;
        if (outcomes.length != need) revert OutcomesIncomplete(outcomes.length, need);
        bytes32 root = OutcomeTree.rootOf(outcomes);
        if (!OutcomeTree.areClean(outcomes) || (need > 0 && root != leaf.outcomesRoot)) {
            revert OutcomeNotUnderLeaf(root, leaf.outcomesRoot);
        }
    }

    // -------------------------------------------------------------------------------------------------- sets, internal

    function _requireSeatable(Head memory head, uint256 fromEpoch) private view {
        uint256 least = head.nextEpoch;
        if (head.setCount != 0) {
            uint256 pending = _sets[head.setCount].fromEpoch;
            uint256 settled = _settledThrough(head);
            if (pending > settled) revert SetInvalid("pending", pending, settled);
            least = _firstUnsigned(head);
        }
        if (fromEpoch < least) revert SetInvalid("fromEpoch", fromEpoch, least);
        if (fromEpoch > least + MAX_SEAT_DELAY) revert SetInvalid("fromEpoch", fromEpoch, least + MAX_SEAT_DELAY);
    }

    /// @return The table begun, with the members appended. At most 64.
    function _seatEach(address[] calldata members, bytes memory table) private returns (bytes memory) {
        address previous = address(0);
        for (uint256 index = 0; index < members.length; ++index) {
            address member = members[index];
            if (member <= previous) revert SetInvalid("order", uint160(member), uint160(previous));
            Bond memory bond = _bonds[member];
            if (bond.amount == 0) revert OracleNotBonded(member);
            if (bond.leftEpoch != 0) revert OracleLeftAlready(member);
            if (!bond.seated) {
                bond.seated = true;
                _save(member, bond);
            }
            table = bytes.concat(table, bytes20(member));
            previous = member;
        }
        return table;
    }

    /// @dev Sets start in ascending order. Bisects, in at most 24 steps, after a look at the newest.
    function _setOf(uint256 epoch, uint256 count) private view returns (uint256 low) {
        if (count == 0 || epoch >= _sets[count].fromEpoch) return count;
        uint256 high = count - 1;
        while (low < high) {
            uint256 middle = (low + high + 1) / 2;
            if (epoch >= _sets[middle].fromEpoch) low = middle;
            else high = middle - 1;
        }
    }

    /// @dev Drop the oracle out of the newest two sets: no other can be in force again.
    function _exclude(address oracle, uint256 count) private {
        for (uint256 setId = count; setId != 0 && setId + 2 > count; --setId) {
            (Seats memory seats, Memory.Slice table) = _load(setId);
            (bool found, uint256 index) = _find(table, oracle);
            if (found) _sets[setId].excluded = seats.excluded | uint64(1 << index);
        }
    }

    function _load(uint256 setId) private view returns (Seats memory seats, Memory.Slice table) {
        seats = _sets[setId];
        if (seats.table == address(0)) revert SetUnknown(setId);
        table = Memory.asSlice(Clones.fetchCloneArgs(seats.table));
    }

    function _sizeOf(Memory.Slice table) private pure returns (uint256) {
        return (table.length() - DIGEST_LENGTH) / MEMBER_LENGTH;
    }

    function _member(Memory.Slice table, uint256 index) private pure returns (address) {
        return address(bytes20(table.load(DIGEST_LENGTH + index * MEMBER_LENGTH)));
    }

    /// @dev Members stand in ascending order. Bisects, in at most 7 steps.
    function _find(Memory.Slice table, address oracle) private pure returns (bool found, uint256 index) {
        uint256 size = _sizeOf(table);
        uint256 high = size;
        while (index < high) {
            uint256 middle = (index + high) / 2;
            if (_member(table, middle) < oracle) index = middle + 1;
            else high = middle;
        }
        found = index < size && _member(table, index) == oracle;
    }

    function _checkedMember(Memory.Slice table, uint256 index) private pure returns (address) {
        uint256 size = _sizeOf(table);
        if (index >= size) revert SignerUnknown(index, size);
        return _member(table, index);
    }

    function _quorum(Seats memory seats, uint256 size) private pure returns (uint256) {
        return Math.max(seats.threshold, Math.ceilDiv(2 * size, 3));
    }

    function _requireAttestationDisputes() private view {
        if (msg.sender != ATTESTATION_DISPUTES) revert AttestationDisputesOnly(msg.sender);
    }
}
