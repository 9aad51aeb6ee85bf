// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Commit, IChallenges} from "./interfaces/IChallenges.sol";
import {Device, DeviceClass, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IItemOpening, Place, PlaceKind} from "./interfaces/IItemOpening.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {BlockHeader} from "./libraries/BlockHeader.sol";
import {Penalties} from "./libraries/Penalties.sol";
import {Phases} from "./libraries/Phases.sol";
import {Records} from "./libraries/Records.sol";
import {Requests} from "./libraries/Requests.sol";
import {Slots, Timing} from "./libraries/Slots.sol";
import {TileProof} from "./libraries/TileProof.sol";

/// @title See `IChallenges`: what each verb asks, changes and emits stands there.
contract Challenges is IChallenges, EIP712 {
    using SafeCast for uint256;
    using Slots for Timing;

    /// @dev The slot that was sealed last within its own commit window: all that a commit asks about time, in one word.
    struct Window {
        uint32 slot;
        uint24 epoch;
        uint40 firstBlock;
        uint40 lastBlock;
    }

    uint256 public constant MISS_EPOCHS = Penalties.MISS_EPOCHS;

    /// @dev Gas of an answer but for its opening, and for each byte of that: calldata, folding and the event.
    uint256 private constant ANSWER_GAS = 110_000;
    uint256 private constant ANSWER_BYTE_GAS = 50;

    bytes32 private constant EVIDENCE_TYPEHASH = keccak256("Evidence(bytes32 commitment,bytes32 evidenceRoot)");
    /// @dev EIP-2935: the hashes of the last 8191 blocks.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    uint256 private constant DEVICES_PER_SESSION = 64;

    IDeviceRegistry private immutable REGISTRY;
    IProviderStaking private immutable STAKING;
    address private immutable WORK_DISPUTES;
    IItemOpening private immutable COMPUTE_PROOFS;
    IItemOpening private immutable MEMORY_PROOFS;

    Window private _window;
    mapping(uint256 slot => bytes32 beacon) private _beacons;
    mapping(uint256 device => mapping(uint256 slot => bytes32 record)) private _records;
    mapping(address key => Session) private _sessions;
    mapping(bytes32 id => ItemRequest) private _requests;

    constructor(
        IDeviceRegistry registry,
        IProviderStaking staking,
        address workDisputes,
        IItemOpening computeProofs,
        IItemOpening memoryProofs
    ) EIP712("Challenges", "1") {
        REGISTRY = registry;
        STAKING = staking;
        WORK_DISPUTES = workDisputes;
        COMPUTE_PROOFS = computeProofs;
        MEMORY_PROOFS = memoryProofs;
    }

    // ---- Beacons ----

    /// @inheritdoc IChallenges
    function seal(uint256 slot) external returns (bytes32 beacon) {
        require(_beacons[slot] == 0, SlotSealedAlready(slot));
        Timing memory timing = REGISTRY.timingAt(slot);
        _requireStarted(timing, slot);

        return _seal(timing, slot);
    }

    /// @inheritdoc IChallenges
    function sealByHeaders(uint256 slot, bytes[] calldata headers, uint256 knownBlock) external returns (bytes32 beacon) {
        require(_beacons[slot] == 0, SlotSealedAlready(slot));
        Timing memory timing = REGISTRY.timingAt(slot);
        _requireStarted(timing, slot);
        uint256 first = timing.startOf(slot);
        uint256 count = headers.length;
        require(count > 0 && knownBlock + 1 == first + count, HeaderMalformed(count));

        beacon = _knownHash(knownBlock);
        require(beacon != 0, BlockHashUnavailable(knownBlock));
        for (uint256 i = count; i > 0; --i) {
            bytes32 have = keccak256(headers[i - 1]);
            require(have == beacon, HeaderMismatch(i - 1, have, beacon));
            (bool ok, bytes32 parentHash, uint256 number) = BlockHeader.parse(headers[i - 1]);
            require(ok && number == first + i - 1, HeaderMalformed(i - 1));
            if (i > 1) beacon = parentHash;
        }

        _store(timing, slot, beacon);
    }

    // ---- Commitments ----

    /// @inheritdoc IChallenges
    function commit(uint128 device, uint128 slot, bytes32 commitment) external {
        require(commitment != 0, CommitmentZero());
        (uint256 open, uint256 epoch, uint256 lastBlock) = (_window.slot, _window.epoch, _window.lastBlock);
        if (open != slot || block.number > lastBlock) epoch = _open(slot);
        Session storage session = _sessions[msg.sender];
        (uint256 first, uint256 end, uint256 fromEpoch) = (session.first, session.end, session.fromEpoch);
        if (device < first || device >= end || epoch < fromEpoch) _requireOperator(device, slot, epoch);
        mapping(uint256 slot => bytes32 record) storage records = _records[device];
        require(records[slot] == 0, CommittedAlready(device, slot));

        records[slot] = _recordOf(commitment, block.timestamp, msg.sender) | Records.COMMITTED;

        emit Committed(device, slot, msg.sender, commitment, block.timestamp);
    }

    /// @inheritdoc IChallenges
    function openSession(uint256 first, uint256 count) external {
        require(count > 0 && count <= DEVICES_PER_SESSION, SessionSizeInvalid(count, DEVICES_PER_SESSION));
        uint256 fromEpoch = 0;
        for (uint256 device = first; device < first + count; ++device) {
            Device memory d = REGISTRY.deviceOf(device);
            _requireOperatorOf(d.provider);
            if (d.fromEpoch > fromEpoch) fromEpoch = d.fromEpoch;
        }

        _sessions[msg.sender] = Session(first.toUint24(), (first + count).toUint24(), fromEpoch.toUint24());

        emit SessionOpened(msg.sender, first, count, fromEpoch);
    }

    /// @inheritdoc IChallenges
    function endSession(address key) external {
        require(msg.sender == address(STAKING), StakingOnly(msg.sender));
        if (_sessions[key].end == 0) return;

        delete _sessions[key];

        emit SessionEnded(key);
    }

    // ---- Faults ----

    /// @inheritdoc IChallenges
    function recordFault(uint256 device, uint256 slot, uint256 epoch, uint256 mark)
        external
        onlyWorkDisputes
        returns (bool isPaid, bool isRepeated, uint256 firstMark)
    {
        bytes32 record = _records[device][slot];
        require(record != 0, RecordMissing(device, slot));
        isPaid = record & Records.FAULT_PAID != 0;
        firstMark = (uint256(record) >> Records.ITEM_SHIFT) & Records.ITEM_MASK;
        bool isSecond = firstMark != 0 && mark != firstMark && record & Records.BOND_TAKEN == 0;
        require(!isPaid || (mark != 0 && (firstMark == 0 || isSecond)), FaultedAlready(device, slot));

        bytes32 marked = firstMark == 0 ? bytes32(mark << Records.ITEM_SHIFT) : Records.BOND_TAKEN;
        _records[device][slot] = record | Records.FAULT_PAID | marked;
        uint256 count;
        if (isPaid) count = REGISTRY.faultsOf(device).count;
        else (count, isRepeated) = REGISTRY.recordFault(device, slot, epoch);

        emit FaultRecorded(device, slot, count, mark);
    }

    /// @inheritdoc IChallenges
    function recordMiss(uint256 device, uint256 slot) external onlyWorkDisputes returns (uint256 misses) {
        require(_records[device][slot] == 0, CommittedAlready(device, slot));

        _records[device][slot] = Records.MISSED;
        misses = REGISTRY.recordMiss(device, slot);

        emit MissRecorded(device, slot, misses);
    }

    // ---- Requests ----

    /// @inheritdoc IChallenges
    function requestItem(uint256 device, uint256 slot, uint256 index) external payable {
        Timing memory next = REGISTRY.timingAt(slot + 1);
        if (_beacons[slot + 1] == 0 && block.number > next.startOf(slot + 1)) _seal(next, slot + 1);
        _request(device, slot, Place(PlaceKind.Sample, index.toUint64(), 0));
    }

    /// @inheritdoc IChallenges
    function requestPlace(uint256 device, uint256 slot, Place calldata place) external payable {
        require(place.kind != PlaceKind.Sample, PlaceSampled(place.first));
        _request(device, slot, place);
    }

    /// @inheritdoc IChallenges
    function answerItem(Commit calldata record, Place calldata place, bytes calldata opening) external {
        (uint256 device, uint256 slot) = (record.device, record.slot);
        ItemRequest storage request = _requested(device, slot, place);
        require(!request.answered, AnsweredAlready(device, slot));
        require(block.number <= request.deadline, AnswerLate(block.number, request.deadline));
        requireRecord(device, slot, record.commitment, record.timestamp, record.key);
        bool opens = _judgeOf(request.ofMemory).opens(device, slot, record.commitment, place, opening);
        require(opens, OpeningWrong(device, slot));

        uint256 deposit = request.deposit;
        request.answered = true;
        request.deposit = 0;

        emit ItemAnswered(device, slot, msg.sender, place, opening, deposit);

        Address.sendValue(payable(msg.sender), deposit);
    }

    /// @inheritdoc IChallenges
    function returnDeposit(uint256 device, uint256 slot, Place calldata place) external {
        requireWithheld(device, slot, place);
        ItemRequest storage request = _requested(device, slot, place);
        (address asker, uint256 deposit) = (request.asker, request.deposit);
        require(asker != address(0), DepositReturnedAlready(device, slot));

        request.asker = address(0);
        request.deposit = 0;

        emit DepositReturned(device, slot, asker, place, deposit);

        Address.sendValue(payable(asker), deposit);
    }

    // ---- Views ----

    /// @inheritdoc IChallenges
    function beaconOf(uint256 slot) external view returns (bytes32) {
        return _beacons[slot];
    }

    /// @inheritdoc IChallenges
    function isDrawn(uint256 device, uint256 slot) external view returns (bool) {
        bytes32 beacon = _sealed(slot);
        Timing memory timing = REGISTRY.timingAt(slot);
        Device memory d = REGISTRY.deviceOf(device);
        if (d.fromEpoch > timing.epochOf(slot) || slot >= d.untilSlot) return false;
        DeviceClass memory c = REGISTRY.classOf(d.classId);
        if (!Phases.isDue(REGISTRY, device, slot, beacon, c.layers)) return false;
        return TileProof.isDrawn(beacon, device, timing.rollCall, c.drawThreshold);
    }

    /// @inheritdoc IChallenges
    function isRollCall(uint256 slot) external view returns (bool) {
        return TileProof.isRollCall(_sealed(slot), REGISTRY.timingAt(slot).rollCall);
    }

    /// @inheritdoc IChallenges
    function recordOf(uint256 device, uint256 slot) external view returns (bytes32) {
        return _records[device][slot];
    }

    /// @inheritdoc IChallenges
    function sessionOf(address key) external view returns (Session memory) {
        return _sessions[key];
    }

    /// @inheritdoc IChallenges
    function requireRecord(uint256 device, uint256 slot, bytes32 commitment, uint256 timestamp, address key) public view {
        bytes32 record = _records[device][slot];
        require(record & Records.COMMITTED != 0, RecordMissing(device, slot));
        require(record & ~Records.MARKS == _recordOf(commitment, timestamp, key), RecordMismatch(device, slot));
    }

    /// @inheritdoc IChallenges
    function depositOf(uint256 device, uint256 slot, Place calldata place, uint256 gasPrice)
        external
        view
        returns (uint256)
    {
        return _depositOf(device, slot, place, _isOfMemory(device, slot, place), gasPrice);
    }

    /// @inheritdoc IChallenges
    function requestOf(uint256 device, uint256 slot, Place calldata place) external view returns (ItemRequest memory) {
        return _requests[_idOf(device, slot, place)];
    }

    /// @inheritdoc IChallenges
    function requireWithheld(uint256 device, uint256 slot, Place calldata place) public view {
        ItemRequest storage request = _requested(device, slot, place);
        require(!request.answered, AnsweredAlready(device, slot));
        require(block.number > request.deadline, AnswerStillPossible(block.number, request.deadline));
    }

    /// @inheritdoc IChallenges
    function faultsOf(uint256 device) external view returns (Faults memory) {
        return REGISTRY.faultsOf(device);
    }

    /// @inheritdoc IChallenges
    function evidenceDigest(bytes32 commitment, bytes32 evidenceRoot) external view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(EVIDENCE_TYPEHASH, commitment, evidenceRoot)));
    }

    // ---- Internal ----

    modifier onlyWorkDisputes() {
        require(msg.sender == WORK_DISPUTES, WorkDisputesOnly(msg.sender));
        _;
    }

    /// @dev The device is active in the slot, which lies in the epoch, and the sender its provider's operator.
    function _requireOperator(uint256 device, uint256 slot, uint256 epoch) private view {
        Device memory d = REGISTRY.deviceOf(device);
        require(d.fromEpoch <= epoch && slot < d.untilSlot, DeviceNotActive(device, slot));
        _requireOperatorOf(d.provider);
    }

    function _requireOperatorOf(address provider) private view {
        address operator = STAKING.operatorOf(provider);
        require(msg.sender == operator, OperatorOnly(msg.sender, operator));
    }

    function _request(uint256 device, uint256 slot, Place memory place) private {
        require(_records[device][slot] & Records.COMMITTED != 0, RecordMissing(device, slot));
        Timing memory timing = REGISTRY.timingAt(slot);
        uint256 firstBlock = REGISTRY.timingAt(slot + 1).startOf(slot + 2);
        uint256 lastBlock = timing.lastBlock(timing.epochOf(slot)) + timing.attestBlocks + timing.proofBlocks / 2;
        require(
            block.number >= firstBlock && block.number <= lastBlock,
            RequestWindowClosed(slot, block.number, firstBlock, lastBlock)
        );
        ItemRequest storage request = _requests[_idOf(device, slot, place)];
        require(request.deadline == 0, RequestedAlready(device, slot));
        bool ofMemory = _isOfMemory(device, slot, place);
        uint256 need = _depositOf(device, slot, place, ofMemory, tx.gasprice);
        require(msg.value >= need, DepositInsufficient(msg.value, need));

        uint256 deadline = block.number + timing.proofBlocks / 2;
        request.asker = msg.sender;
        request.deposit = msg.value.toUint96();
        request.deadline = deadline.toUint40();
        request.ofMemory = ofMemory;

        emit ItemRequested(device, slot, msg.sender, place, msg.value, deadline);
    }

    /// @dev Whether a place is one of the M-phase. A sample's is the phase that is asked of the device in the slot.
    function _isOfMemory(uint256 device, uint256 slot, Place memory place) private view returns (bool) {
        if (place.kind != PlaceKind.Sample) return place.kind != PlaceKind.Tile;
        uint256 layers = REGISTRY.classOf(REGISTRY.deviceOf(device).classId).layers;
        return Phases.isMemory(REGISTRY, device, slot, _sealed(slot), layers);
    }

    function _judgeOf(bool ofMemory) private view returns (IItemOpening) {
        return ofMemory ? MEMORY_PROOFS : COMPUTE_PROOFS;
    }

    function _depositOf(uint256 device, uint256 slot, Place memory place, bool ofMemory, uint256 gasPrice)
        private
        view
        returns (uint256)
    {
        uint256 length = _judgeOf(ofMemory).openingLength(device, slot, place);
        uint256 price = Requests.priceFor(gasPrice);
        if (place.kind != PlaceKind.Sample) price *= 2;
        return (ANSWER_GAS + ANSWER_BYTE_GAS * length) * price;
    }

    function _requested(uint256 device, uint256 slot, Place calldata place)
        private
        view
        returns (ItemRequest storage request)
    {
        request = _requests[_idOf(device, slot, place)];
        require(request.deadline != 0, RequestMissing(device, slot));
    }

    function _idOf(uint256 device, uint256 slot, Place memory place) private pure returns (bytes32) {
        return keccak256(abi.encode(device, slot, place));
    }

    /// @dev The window of `slot` must be open now. Nobody has sealed the slot: `_window` would tell of it. @return epoch The slot's.
    function _open(uint256 slot) private returns (uint256 epoch) {
        Timing memory timing = REGISTRY.timingAt(slot);
        Window memory window = _windowOf(timing, slot);
        require(
            block.number >= window.firstBlock && block.number <= window.lastBlock,
            WindowClosed(slot, block.number, window.firstBlock, window.lastBlock)
        );
        _seal(timing, slot);
        return window.epoch;
    }

    function _seal(Timing memory timing, uint256 slot) private returns (bytes32 beacon) {
        uint256 number = timing.startOf(slot);
        beacon = _hashOf(number);
        require(beacon != 0, BlockHashUnavailable(number));
        _store(timing, slot, beacon);
    }

    function _store(Timing memory timing, uint256 slot, bytes32 beacon) private {
        _beacons[slot] = beacon;
        Window memory window = _windowOf(timing, slot);
        if (block.number <= window.lastBlock) _window = window;

        emit SlotSealed(slot, beacon);
    }

    function _sealed(uint256 slot) private view returns (bytes32 beacon) {
        beacon = _beacons[slot];
        require(beacon != 0, SlotNotSealed(slot));
    }

    /// @dev The hash of a slot's first block is known from the block after it on.
    function _requireStarted(Timing memory timing, uint256 slot) private view {
        uint256 start = timing.startOf(slot);
        require(block.number > start, SlotNotStarted(slot, start, block.number));
    }

    /// @dev What the chain still knows, or what a slot's seal keeps.
    function _knownHash(uint256 number) private view returns (bytes32 hash) {
        hash = _hashOf(number);
        if (hash != 0) return hash;
        for (uint256 entry = REGISTRY.timingCount(); entry > 0; --entry) {
            Timing memory timing = REGISTRY.timingEntry(entry - 1);
            if (timing.fromBlock > number) continue;
            uint256 slot = timing.slotAt(number);
            return timing.startOf(slot) == number ? _beacons[slot] : bytes32(0);
        }
    }

    function _hashOf(uint256 number) private view returns (bytes32 hash) {
        hash = blockhash(number);
        if (hash != 0) return hash;
        (bool ok, bytes memory answer) = HISTORY.staticcall(abi.encode(number));
        if (ok && answer.length == 32) hash = abi.decode(answer, (bytes32));
    }

    function _windowOf(Timing memory timing, uint256 slot) private pure returns (Window memory) {
        return Window({
            slot: slot.toUint32(),
            epoch: timing.epochOf(slot).toUint24(),
            firstBlock: (timing.startOf(slot) + 1).toUint40(),
            lastBlock: (timing.startOf(slot + 1) - 2).toUint40()
        });
    }

    function _recordOf(bytes32 commitment, uint256 timestamp, address key) private pure returns (bytes32) {
        return keccak256(abi.encode(commitment, timestamp, key)) & ~Records.MARKS;
    }
}
