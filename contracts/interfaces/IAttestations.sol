// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leaf, Outcome} from "../libraries/MerkleSum.sol";
import {DataRequest} from "../libraries/Requests.sol";

/// @notice The signed statement of an epoch. EIP-712 type
/// `Attestation(uint256 epoch,uint256 round,bytes32 previousRoot,bytes32 lastBlockHash,bytes32 root,uint256 totalWeight,bytes32 dataDigest,bytes32 configDigest)`,
/// domain name "Attestations", version "1".
/// @dev Equivocation = two for one configuration that agree in the first four fields and differ in root, totalWeight or dataDigest.
struct Statement {
    uint256 epoch;
    uint256 round;
    /// Root of the last standing attestation before this epoch (zero if none).
    bytes32 previousRoot;
    /// Hash of the epoch's last block.
    bytes32 lastBlockHash;
    bytes32 root;
    uint256 totalWeight;
    /// keccak256 over the leaves' and outcomes' encodings (docs/protocol.md, "Leaf data").
    bytes32 dataDigest;
    bytes32 configDigest;
}

/// @notice A leaf with its place under an epoch's root.
struct LeafProof {
    uint256 epoch;
    Leaf leaf;
    /// MerkleSum path of leaf number `leaf.device`.
    bytes path;
}

/// @notice An outcome with its place under a leaf's outcomesRoot.
struct OutcomeProof {
    Outcome outcome;
    uint256 index;
    bytes32[] path;
}

/// @notice Where an epoch stands. Derived; time alone turns Attested into Final.
enum EpochStatus {
    Open,
    Attested,
    Final,
    Void
}

/// @notice Why an oracle's bond was slashed.
enum OracleFault {
    None,
    Equivocation,
    BadSum,
    BadDevice,
    LeafMissing,
    BadReward,
    BadWeight,
    BadThroughput,
    BadOutcomes,
    BadForced,
    FalsePass,
    FalseFail,
    WithheldData
}

/// @title The only home of the oracle sets with their bonds, and of epoch attestations.
/// @dev Invariants 6, 9, 11, 12. Amounts in wei of TBND, times in blocks.
interface IAttestations {
    /// @notice One attestation on chain: its root, and this word.
    struct Attested {
        uint96 totalWeight;
        /// The last block of the proof window, never before the previous epoch's: final in every later block.
        uint40 provableUntil;
        uint32 setId;
        uint8 round;
        uint64 signers;
        /// 1 attested, 2 void, 4 revoked (round is then the greatest that is spent).
        uint8 flags;
    }

    /// @notice One oracle set. `table` holds its configuration digest and its members' addresses as code; a set never changes, but
    /// members drop out of it.
    struct OracleSet {
        address table;
        uint8 threshold;
        uint8 size;
        uint24 fromEpoch;
        /// Bit i: member i was slashed or left and signs no more.
        uint64 excluded;
    }

    /// @notice One oracle's bond.
    struct Bond {
        uint96 amount;
        /// Nonzero once it left or was slashed: 1 + the last epoch that it may have signed.
        uint24 leftEpoch;
        /// Until the end of this block, at least, the bond of an oracle that left stays slashable.
        uint40 exposedUntil;
        /// Was a member of a set once.
        bool seated;
    }

    event OracleJoined(address indexed oracle, uint256 amount, string endpoint, uint256 totalBonded);
    event OracleLeft(address indexed oracle, uint256 leftEpoch, uint256 exposedUntil);
    event BondWithdrawn(address indexed oracle, uint256 amount, uint256 totalBonded);
    event SetSeated(uint256 indexed setId, address[] members, uint256 threshold, uint256 fromEpoch, bytes32 configDigest);
    event EpochAttested(
        uint256 indexed epoch, uint256 indexed round, bytes32 indexed root, uint256 totalWeight, bytes32 dataDigest, uint256 setId, uint256 signers
    );
    event EpochVoided(uint256 indexed epoch);
    event EpochRevoked(uint256 indexed epoch, uint256 round);
    /// `amount` = toChallenger + burned.
    event OracleSlashed(
        address indexed oracle,
        address indexed challenger,
        OracleFault fault,
        bytes32 evidence,
        uint256 amount,
        uint256 toChallenger,
        uint256 burned,
        uint256 totalBonded
    );

    event LeafRequested(
        uint256 indexed epoch,
        uint256 indexed device,
        address indexed asker,
        uint256 round,
        bytes32 request,
        uint256 deposit,
        uint256 answerBy
    );
    /// The leaf and its outcomes stand in the transaction's calldata.
    event LeafAnswered(
        uint256 indexed epoch, uint256 indexed device, address indexed answerer, bytes32 request, uint256 paid
    );
    event DepositReturned(bytes32 indexed request, address indexed asker, uint256 amount);

    error OracleBondedAlready(address oracle);
    error OracleNotBonded(address oracle);
    error OracleLeftAlready(address oracle);
    error OracleNotLeft(address oracle);
    /// The address lost a bond before: the same fraud proof would take the next one, too.
    error OracleSlashedBefore(address oracle);
    error BondStillExposed(address oracle, uint256 settledThrough, uint256 leftEpoch);
    error BondStillProvable(address oracle, uint256 blockNumber, uint256 exposedUntil);
    error SetInvalid(bytes32 field, uint256 have, uint256 bound);
    error SetUnknown(uint256 setId);
    error EpochOutOfOrder(uint256 have, uint256 need);
    error EpochNotOver(uint256 epoch, uint256 blockNumber, uint256 lastBlock);
    error DeadlinePassed(uint256 epoch, uint256 blockNumber, uint256 deadline);
    error DeadlineNotPassed(uint256 epoch, uint256 blockNumber, uint256 deadline);
    error RoundSpent(uint256 have, uint256 least);
    error RoundTooLarge(uint256 have, uint256 most);
    error PreviousRootMismatch(bytes32 have, bytes32 need);
    error LastBlockMismatch(bytes32 have, bytes32 need);
    error ConfigDigestMismatch(bytes32 have, bytes32 need);
    error TotalWeightTooLarge(uint256 have, uint256 most);
    error QuorumMissing(uint256 have, uint256 need);
    error SignerUnknown(uint256 index, uint256 size);
    error SignerExcluded(uint256 index);
    error SignatureInvalid(uint256 index, address have, address need);
    error SignaturesLengthWrong(uint256 have, uint256 need);
    /// k × bond would not cover the emission of all epochs that are not final.
    error ExposureExceeded(uint256 have, uint256 most);
    error AttestationDisputesOnly(address account);
    error EpochFinal(uint256 epoch);
    error EpochNotAttested(uint256 epoch);
    error RoundNotAttested(uint256 epoch, uint256 round);
    error EpochNotFinal(uint256 epoch);
    /// The attestation is final or was revoked, and no signer has a bond left: there is nothing more to punish.
    error SignersSlashedAlready(uint256 epoch);
    error ChallengerIsAccused(address challenger);
    error LeafNotUnderRoot(uint256 epoch, bytes32 have, bytes32 need);
    /// The sums of the tree don't add up to the total weight that was attested.
    error TotalWeightMismatch(uint256 epoch, uint256 have, uint256 need);
    error OutcomeNotUnderLeaf(bytes32 have, bytes32 need);
    error PlaceUnknown(uint256 have, uint256 most);
    error OutcomesIncomplete(uint256 have, uint256 need);

    /// Wei that every oracle bonds.
    function BOND() external view returns (uint256);

    /// Share of a slash that goes to the challenger, bps.
    function CHALLENGER_BPS() external view returns (uint256);

    /// The most epochs that a set is seated ahead of its first.
    function MAX_SEAT_DELAY() external view returns (uint256);

    /// In place of a round: that of the attestation which stands.
    function STANDING() external view returns (uint256);

    /// @notice Deposit the bond, which the caller has approved, and publish the endpoint where signatures are exchanged. Anyone, once
    /// at a time; an address that was slashed never again. It signs only when the governor seats it.
    function join(string calldata endpoint) external;

    /// @notice `join` with an ERC-2612 permit for the bond; a permit that somebody else already sent is no obstacle.
    function joinWithPermit(string calldata endpoint, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Sign no more, at once, in any set. The bond stays slashable until every epoch the caller may have signed is final or
    /// void, and for a proof window from now at least: a void epoch has none of its own.
    function leave() external;

    /// @notice Take the bond back after `leave`; at once if the caller never was in a set.
    function withdrawBond() external returns (uint256 amount);

    /// @notice Form the next oracle set from bonded oracles (at most 64, ascending by address). Caller: the governor.
    /// quorum = max(threshold, ⌈2n/3⌉), however many members drop out later.
    /// @param fromEpoch It is in force from this epoch on: after every epoch that anyone may have signed (the very first set: from the
    /// next epoch on), and at most MAX_SEAT_DELAY epochs later. So the set in force at an epoch never changes once it can be signed.
    /// Refused until all epochs before the newest set are settled: then no revocation brings back a set before the newest two, and
    /// to exclude an oracle from these two is to exclude it from all.
    function seat(address[] calldata members, uint256 threshold, uint256 fromEpoch) external returns (uint256 setId);

    /// @notice Attest the next epoch with a quorum of its set, after its last block and not after its deadline. Anyone may submit.
    /// Refused unless quorum × BOND covers the emission of all epochs that are not settled, this one included. Void ones count as if
    /// they had been attested, and all like the first of them, as emission never rises: a bound that takes no loop.
    /// @param signers Bit i: member i signed. @param signatures 65 bytes each (r ‖ s ‖ v), in ascending order of index.
    function attest(Statement calldata statement, uint256 signers, bytes calldata signatures) external;

    /// @notice Void the next epoch after its attestation deadline. Anyone.
    function close(uint256 epoch) external;

    /// @notice Undo the attestation of `epoch`, which isn't final, and whatever became of every later one; they can be attested anew,
    /// in a greater round, within attestBlocks from now, though the chain have forgotten the hash of their last block (EIP-2935: 8,191
    /// blocks): after that they can only be closed. Caller: `AttestationDisputes`.
    function revoke(uint256 epoch) external;

    /// @notice Take member `index` of set `setId`'s whole bond: at most 25 % to the challenger, the rest burned, and exclude it.
    /// Caller: `AttestationDisputes`. @return amount Wei taken. @return reward Wei of it that the challenger got.
    function slashOracle(uint256 setId, uint256 index, address challenger, OracleFault fault, bytes32 evidence)
        external
        returns (uint256 amount, uint256 reward);

    /// @notice Punish a proven lie under an attestation of `epoch`, standing or revoked: every signer that still has a bond loses the
    /// whole of it (at most 25 % to the challenger, the rest burned) and is excluded; a standing attestation is revoked as by `revoke`,
    /// unless it is final. Refused where neither is left to do, and to a challenger that signed. Caller: `AttestationDisputes`.
    /// @param round Of the attestation, or STANDING.
    /// @return amount Wei taken from all signers together. @return reward Wei of it that the challenger got.
    function punish(uint256 epoch, uint256 round, address challenger, OracleFault fault, bytes32 evidence)
        external
        returns (uint256 amount, uint256 reward);

    /// @notice Ask for what stands in place `device` of an attestation's tree (docs/protocol.md, "Requests"), with at least
    /// `leafDepositOf` wei, once in a round. Anyone. @param round The attestation's, which may have been revoked since, or STANDING.
    /// @return request Its id.
    function requestLeaf(uint256 epoch, uint256 round, uint256 device) external payable returns (bytes32 request);

    /// @notice Answer: the leaf in this place with all its outcomes (none, if it counts more than two for each slot, or none under a
    /// root: that alone is fraud), or all zeros if the place is empty. Whoever does is paid the deposit, in proportion to the bytes, and what is left goes back to the asker. Anyone.
    function answerLeaf(
        uint256 epoch,
        uint256 round,
        uint256 device,
        Leaf calldata leaf,
        bytes calldata path,
        Outcome[] calldata outcomes
    ) external returns (uint256 paid);

    /// @notice Send the asker what is left of its deposit, once the request is answered or can't be any more. Anyone.
    function returnDeposit(bytes32 request) external returns (uint256 amount);

    /// @return request The id that a request for this leaf has, or would have, in this round (or STANDING).
    function leafRequestOf(uint256 epoch, uint256 round, uint256 device)
        external
        view
        returns (bytes32 request, DataRequest memory state);
    /// @return Wei that `requestLeaf` takes at least in this block: twice the answer's gas at what the sender pays for its own, or at the
    /// base fee if that is more.
    function leafDepositOf(uint256 epoch, uint256 gasPrice) external view returns (uint256);
    /// @notice Reverts unless the leaf of this round's attestation (or STANDING) was asked for and nobody answered in time.
    function requireLeafWithheld(uint256 epoch, uint256 round, uint256 device) external view returns (bytes32 request);

    /// @return root Of an attested epoch its root, of a void one the standing root that it carries over, of an open one zero.
    function attestedOf(uint256 epoch) external view returns (bytes32 root, Attested memory);
    /// @notice One attestation, standing or revoked. Reverts RoundNotAttested, and for STANDING EpochNotAttested, where there is none.
    /// @param round Its own, or STANDING.
    /// @return root Its own.
    /// @return previousRoot The root that stood before it when it was attested, whatever stands now.
    /// @return attested Its word; the flags are 1, of a revoked one 5.
    function attestationOf(uint256 epoch, uint256 round)
        external
        view
        returns (bytes32 root, bytes32 previousRoot, Attested memory attested);
    /// @return Bit i: member i signed the attestation of `epoch`. 0 if there is none that stands and can still be revoked.
    function signersOf(uint256 epoch) external view returns (uint256);
    /// @return Void is for good only below `settledThrough`: the revocation of an earlier epoch opens it again.
    function statusOf(uint256 epoch) external view returns (EpochStatus);
    /// @return Root of the last standing attestation before the next epoch (zero if none).
    function standingRoot() external view returns (bytes32);
    function nextEpoch() external view returns (uint256);
    /// @return The last block in which the next epoch can be attested: attestBlocks after the epoch's last block, or after the last
    /// revocation if that was later.
    function deadline() external view returns (uint256);
    /// @return All epochs below this are final or void.
    function settledThrough() external view returns (uint256);
    /// @return Σ emission of all epochs below `settledThrough` that are final, not void.
    function finalEmission() external view returns (uint256);
    /// @return setId The set in force at `epoch`; 0: none.
    function setOf(uint256 epoch) external view returns (uint256 setId);
    /// @return setId The set in force at `epoch`. @return member Its member `index`. @return configDigest What it signs for.
    function seatOf(uint256 epoch, uint256 index)
        external
        view
        returns (uint256 setId, address member, bytes32 configDigest);
    function oracleSet(uint256 setId) external view returns (OracleSet memory);
    function setCount() external view returns (uint256);
    function membersOf(uint256 setId) external view returns (address[] memory);
    function memberOf(uint256 setId, uint256 index) external view returns (address);
    function quorumOf(uint256 setId) external view returns (uint256);
    /// @return keccak256(abi.encode(chainid, this contract, setId, threshold, members)): what the set's signatures are for.
    function configDigestOf(uint256 setId) external view returns (bytes32);
    function bondOf(address oracle) external view returns (Bond memory);
    function totalBonded() external view returns (uint256);
    function statementDigest(Statement calldata statement) external view returns (bytes32);
    /// @return Of EIP-712.
    function domainSeparator() external view returns (bytes32);
    /// @notice Reverts unless the leaf stands under the root of a final epoch whose sums give the attested total weight.
    function requireFinalLeaf(LeafProof calldata proof) external view;
    /// @notice `requireFinalLeaf`, and the outcome stands under the leaf.
    function requireFinalOutcome(LeafProof calldata proof, OutcomeProof calldata outcome) external view;
}
