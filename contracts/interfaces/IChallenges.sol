// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Place} from "./IItemOpening.sol";

/// @notice The parts of a commit record (the event `Committed`): who committed to what, when.
struct Commit {
    uint256 device;
    uint256 slot;
    bytes32 commitment;
    uint256 timestamp;
    address key;
}

/// @title The only home of sealed beacons, commit records, each device's proven faults, and requests for items (F7).
/// @dev proof.md §1: beacon(s) is the hash of block B(s), the sample beacon of slot s is beacon(s + 1), and commitments of slot s
/// are taken from block B(s) + 1 to B(s + 1) − 2.
interface IChallenges {
    /// @notice What the chain remembers of a device's faults. One word.
    struct Faults {
        /// Earliest slot with a proven fault, and whether there is one.
        uint32 earliestSlot;
        bool faulted;
        /// Faults that cost a share of the bond, and the epoch of the last.
        uint16 count;
        uint24 lastEpoch;
        /// Missed slots since the first miss of the current window, and that window's first epoch.
        uint16 misses;
        uint24 missEpoch;
    }

    /// @notice Devices first..end−1, for which a key may commit from epoch `fromEpoch` on without being looked up again. One word.
    struct Session {
        uint24 first;
        uint24 end;
        uint24 fromEpoch;
    }

    /// @notice A request for one place of what a device committed in a slot. Two words.
    struct ItemRequest {
        /// Who gets the deposit (wei) back if nobody answers.
        address asker;
        uint96 deposit;
        /// The last block of an answer; zero: nobody asked.
        uint40 deadline;
        bool answered;
        /// Whether the M-phase's judge says if an opening answers it, not the C-phase's.
        bool ofMemory;
    }

    event SlotSealed(uint256 indexed slot, bytes32 beacon);
    /// The parts of the record: the chain is the stopwatch, the committing key answers for it even after a rotation.
    event Committed(uint256 indexed device, uint256 indexed slot, address indexed key, bytes32 commitment, uint256 timestamp);
    event SessionOpened(address indexed key, uint256 indexed first, uint256 count, uint256 fromEpoch);
    event SessionEnded(address indexed key);
    /// The (device, slot) answers for a proven fault: by `mark`, that of item mark − 1, or 0 for any other. `count` rises with the first of
    /// the slot only.
    event FaultRecorded(uint256 indexed device, uint256 indexed slot, uint256 count, uint256 mark);
    /// A missed slot was proven; a sentinel stands where the record would.
    event MissRecorded(uint256 indexed device, uint256 indexed slot, uint256 misses);

    event ItemRequested(
        uint256 indexed device, uint256 indexed slot, address indexed asker, Place place, uint256 deposit, uint256 deadline
    );
    /// The opening lies open for all: whoever finds it wrong proves it (F2, F3, F4).
    event ItemAnswered(
        uint256 indexed device, uint256 indexed slot, address indexed answerer, Place place, bytes opening, uint256 deposit
    );
    event DepositReturned(uint256 indexed device, uint256 indexed slot, address indexed asker, Place place, uint256 deposit);

    error SlotNotStarted(uint256 slot, uint256 startBlock, uint256 blockNumber);
    error SlotNotSealed(uint256 slot);
    error SlotSealedAlready(uint256 slot);
    /// The hash of the slot's first block is out of reach of BLOCKHASH and EIP-2935; use `sealByHeaders`.
    error BlockHashUnavailable(uint256 blockNumber);
    error HeaderMismatch(uint256 index, bytes32 have, bytes32 need);
    error HeaderMalformed(uint256 index);
    error WindowClosed(uint256 slot, uint256 blockNumber, uint256 firstBlock, uint256 lastBlock);
    error OperatorOnly(address account, address operator);
    error CommitmentZero();
    error CommittedAlready(uint256 device, uint256 slot);
    error DeviceNotActive(uint256 device, uint256 slot);
    error SessionSizeInvalid(uint256 have, uint256 most);
    error StakingOnly(address account);
    error WorkDisputesOnly(address account);
    error FaultedAlready(uint256 device, uint256 slot);
    error RecordMissing(uint256 device, uint256 slot);
    error RecordMismatch(uint256 device, uint256 slot);
    error RequestWindowClosed(uint256 slot, uint256 blockNumber, uint256 firstBlock, uint256 lastBlock);
    error RequestedAlready(uint256 device, uint256 slot);
    error RequestMissing(uint256 device, uint256 slot);
    /// A sample is asked for by `requestItem`.
    error PlaceSampled(uint256 index);
    error DepositInsufficient(uint256 have, uint256 need);
    error AnsweredAlready(uint256 device, uint256 slot);
    error AnswerLate(uint256 blockNumber, uint256 deadline);
    error AnswerStillPossible(uint256 blockNumber, uint256 deadline);
    error OpeningWrong(uint256 device, uint256 slot);
    error DepositReturnedAlready(uint256 device, uint256 slot);

    /// @notice Store the hash of the slot's first block, by BLOCKHASH or EIP-2935. Anyone.
    function seal(uint256 slot) external returns (bytes32 beacon);

    /// @notice Seal from RLP headers: `headers[0]` is block B(slot) and each next is its child, up to one whose hash is known
    /// (BLOCKHASH, EIP-2935 or a sealed slot's first block). Anyone; so a hash is never lost.
    /// @param knownBlock The number of the last header's block.
    function sealByHeaders(uint256 slot, bytes[] calldata headers, uint256 knownBlock) external returns (bytes32 beacon);

    /// @notice Commit for a device in a slot, once, within the window, by its provider's operator key. Seals the slot if it
    /// isn't yet. Checks device, key and window, not the draw: an undrawn commitment counts for nothing. (The arguments' width gives it a
    /// selector that comes early in the dispatch.)
    function commit(uint128 device, uint128 slot, bytes32 commitment) external;

    /// @notice Open a session: commit for `count` (1..64) devices from `first` on without the cold reads of registry and staking. The sender must
    /// be the operator of each device's provider. Takes the place of the key's session before. A session doesn't notice that a device has
    /// been retired or suspended since: such a commitment counts for nothing but a job's forced draw.
    function openSession(uint256 first, uint256 count) external;

    /// @notice End a key's session, if it has one. Caller: `ProviderStaking`, whenever a provider that the key acted for names another: no
    /// revoked key commits.
    function endSession(address key) external;

    /// @notice Note a fault of (device, slot), a slot of `epoch`. Caller: `WorkDisputes`. One of no item (mark 0) is refused if the slot has
    /// paid for any; that of an item (mark: its index + 1), if it is the one that the record remembers, or if the record remembers two.
    /// @return isPaid Whether the slot had paid for a fault.
    /// @return isRepeated If not, whether the device's last fault lies within FAULT_EPOCHS.
    /// @return firstMark That of the item that was proven bad in the slot before, or 0.
    function recordFault(uint256 device, uint256 slot, uint256 epoch, uint256 mark)
        external
        returns (bool isPaid, bool isRepeated, uint256 firstMark);

    /// @notice Write the sentinel of a missed slot. Caller: `WorkDisputes`. Reverts if there is a record.
    /// @return misses The device's misses in the current window of MISS_EPOCHS, this one included; 0 for one before the window,
    /// which counts for nothing.
    function recordMiss(uint256 device, uint256 slot) external returns (uint256 misses);

    /// @notice F7: ask for the item of sample `index` of what was committed. Anyone, from the end of the open window (block B(slot + 2)) until
    /// half a proof window after the last block in which the slot's epoch may be attested in time; with at least `depositOf` wei, which
    /// whoever answers gets. Seals the next slot if nobody has. Unanswered half a proof window later it can be proven withheld.
    function requestItem(uint256 device, uint256 slot, uint256 index) external payable;

    /// @notice F7: ask for any other place, likewise, at double deposit.
    function requestPlace(uint256 device, uint256 slot, Place calldata place) external payable;

    /// @notice Answer a request with what the commitment binds at its place (`IItemOpening.opens`), and be paid its deposit. Anyone.
    function answerItem(Commit calldata record, Place calldata place, bytes calldata opening) external;

    /// @notice Give the asker its deposit back once nobody can answer any more. Anyone.
    function returnDeposit(uint256 device, uint256 slot, Place calldata place) external;

    /// @return The sealed beacon of `slot`, or zero.
    function beaconOf(uint256 slot) external view returns (bytes32);
    /// @return Whether `device` is drawn in the sealed `slot`: by lot, or because it is a roll call; never in a slot of the M-phase, if its
    /// class has one, where it is held or the chain doesn't remember.
    function isDrawn(uint256 device, uint256 slot) external view returns (bool);
    /// @return Whether the sealed `slot` is a roll call.
    function isRollCall(uint256 slot) external view returns (bool);
    /// @return The key's session; `end` is 0 if it has none.
    function sessionOf(address key) external view returns (Session memory);
    /// @return The record's word: 240 bits of keccak256(abi.encode(commitment, timestamp, key)), over 11 bits that hold the index + 1 of the
    /// first item proven bad, over 5 flag bits (1 committed, 2 fault paid, 4 missed, 8 a second item proven bad). Never erased.
    function recordOf(uint256 device, uint256 slot) external view returns (bytes32);
    /// @notice Reverts unless these are the parts of the (device, slot)'s record.
    function requireRecord(uint256 device, uint256 slot, bytes32 commitment, uint256 timestamp, address key) external view;
    /// @return The least deposit of a request in this block, in wei: the answer's gas (by the bytes of its opening) at twice what the sender
    /// pays for its own, or the base fee if that is more, and twice that for what isn't sampled. Reverts `PlaceUnknown` (IItemOpening).
    function depositOf(uint256 device, uint256 slot, Place calldata place, uint256 gasPrice) external view returns (uint256);
    function requestOf(uint256 device, uint256 slot, Place calldata place) external view returns (ItemRequest memory);
    /// @notice Reverts unless the place was asked for and not answered in time.
    function requireWithheld(uint256 device, uint256 slot, Place calldata place) external view;
    function faultsOf(uint256 device) external view returns (Faults memory);
    /// @return The EIP-712 digest (domain name "Challenges", version "1") of `Evidence(bytes32 commitment,bytes32 evidenceRoot)`.
    function evidenceDigest(bytes32 commitment, bytes32 evidenceRoot) external view returns (bytes32);
    function MISS_EPOCHS() external view returns (uint256);
}
