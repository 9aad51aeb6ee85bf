// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EvidenceRequest, NodeProof} from "../../contracts/interfaces/IAttestationDisputes.sol";
import {EpochStatus, IAttestations, LeafProof, OutcomeProof} from "../../contracts/interfaces/IAttestations.sol";
import {HeaderOpening, ItemOpening} from "../../contracts/interfaces/IComputeProofs.sol";
import {Job} from "../../contracts/interfaces/IJobEscrow.sol";
import {Record} from "../../contracts/interfaces/ILeafProofs.sol";
import {Leaf, Outcome} from "../../contracts/libraries/MerkleSum.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {OraclePlay} from "./OraclePlay.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

/// @title Every kind of lie that a quorum can sign, each with the proof that there is against it; and evidence that it vouches for.
/// @dev A proven lie costs three of four members, and the next two epochs. So seven of eight are undone, once
/// the oracles' books and the emission were compared.
abstract contract LiePlay is OraclePlay {
    using Slots for Timing;

    enum Lie {
        Sum,
        Device,
        Missing,
        Hidden,
        Reward,
        Outcomes,
        Forced,
        Throughput,
        Pass,
        Fail,
        PassItem,
        PassHeader,
        FailHeader
    }

    /// @dev A row of a leaf that was told.
    struct Row {
        uint256 device;
        uint256 index;
    }

    /// @dev Evidence of the honest device that was asked for, and the item that answers.
    struct Wanted {
        EvidenceRequest asked;
        bytes32 id;
        uint256 deposit;
        uint256 item;
    }

    uint256 private constant PASSED = 1;
    uint256 private constant MISSED = 2;
    uint256 private constant BAD_ITEM = 3;
    uint256 private constant SLOW = 5;

    Wanted[] private _wanted;

    function proveBadSum(uint256 seed) external {
        _lie("proveBadSum", Lie.Sum, seed);
    }

    function proveBadDevice(uint256 seed) external {
        _lie("proveBadDevice", Lie.Device, seed);
    }

    function proveLeafMissing(uint256 seed) external {
        _lie("proveLeafMissing", Lie.Missing, seed);
    }

    function proveLeafHidden(uint256 seed) external {
        _lie("proveLeafHidden", Lie.Hidden, seed);
    }

    function proveBadReward(uint256 seed) external {
        _lie("proveBadReward", Lie.Reward, seed);
    }

    function proveBadOutcomes(uint256 seed) external {
        _lie("proveBadOutcomes", Lie.Outcomes, seed);
    }

    function proveBadForced(uint256 seed) external {
        _lie("proveBadForced", Lie.Forced, seed);
    }

    function proveBadThroughput(uint256 seed) external {
        _lie("proveBadThroughput", Lie.Throughput, seed);
    }

    function proveFalsePass(uint256 seed) external {
        _lie("proveFalsePass", Lie.Pass, seed);
    }

    function proveFalseFail(uint256 seed) external {
        _lie("proveFalseFail", Lie.Fail, seed);
    }

    function proveFalsePassItem(uint256 seed) external {
        _lie("proveFalsePassItem", Lie.PassItem, seed);
    }

    function proveFalsePassHeader(uint256 seed) external {
        _lie("proveFalsePassHeader", Lie.PassHeader, seed);
    }

    function proveFalseFailHeader(uint256 seed) external {
        _lie("proveFalseFailHeader", Lie.FailHeader, seed);
    }

    function requestEvidence(uint256 seed) external {
        seed = _begin("requestEvidence", seed);
        if (_want(seed)) _done("requestEvidence");
    }

    function answerEvidence(uint256 seed) external {
        seed = _begin("answerEvidence", seed);
        if (!_want(seed)) return;
        Wanted memory wanted = _lastWanted();
        Record memory record = _honestRecord(wanted.asked.slot);
        bytes memory item = abi.encode(wanted.item);
        (bytes32[] memory path, bytes32 root) = _item(wanted.asked.index, item);
        bytes memory signature = _signature(_providerKeys[0], challenges.evidenceDigest(record.commitment, root));
        bytes memory call =
            abi.encodeCall(attestationDisputes.answerEvidence, (wanted.asked, record, abi.encode(seed, "another"), path, signature));
        _refuse(_stranger, address(attestationDisputes), call, "another item answered");
        uint256 before = _stranger.balance;
        _leaving();
        vm.prank(_stranger);
        attestationDisputes.answerEvidence(wanted.asked, record, item, path, signature);
        equal(_stranger.balance - before, wanted.deposit, "answer: paid");
        call = abi.encodeCall(attestationDisputes.returnDeposit, (wanted.id));
        _refuse(_stranger, address(attestationDisputes), call, "2: paid, and returned");
        _advanceTo(uint256(attestationDisputes.requestOf(wanted.id).answerBy) + 1);
        call = abi.encodeCall(attestationDisputes.proveWithheldEvidence, (wanted.asked));
        _refuse(_stranger, address(attestationDisputes), call, "10: answered, and withheld");
        _done("answerEvidence");
    }

    function returnEvidenceDeposit(uint256 seed) external {
        seed = _begin("returnEvidenceDeposit", seed);
        if (_wanted.length == 0 && !_want(seed)) return;
        Wanted memory wanted = _lastWanted();
        bytes memory call = abi.encodeCall(attestationDisputes.returnDeposit, (wanted.id));
        uint256 answerBy = attestationDisputes.requestOf(wanted.id).answerBy;
        if (_now() <= answerBy) _refuse(_stranger, address(attestationDisputes), call, "returned too soon");
        _advanceTo(answerBy + 1);
        uint256 before = _stranger.balance;
        _leaving();
        attestationDisputes.returnDeposit(wanted.id);
        equal(_stranger.balance - before, wanted.deposit, "deposit");
        _refuse(_stranger, address(attestationDisputes), call, "2: returned twice");
        _done("returnEvidenceDeposit");
    }

    function proveWithheldEvidence(uint256 seed) external {
        seed = _begin("proveWithheldEvidence", seed);
        if (!_want(seed)) return;
        Wanted memory wanted = _lastWanted();
        bytes memory call = abi.encodeCall(attestationDisputes.proveWithheldEvidence, (wanted.asked));
        _refuse(_stranger, address(attestationDisputes), call, "10: withheld though there was time");
        _advanceTo(uint256(attestationDisputes.requestOf(wanted.id).answerBy) + 1);
        _leaving();
        wanted.asked.index ^= 1;
        _proveLie(wanted.asked.epoch, call, abi.encodeCall(attestationDisputes.proveWithheldEvidence, (wanted.asked)));
        _done("proveWithheldEvidence");
    }

    /// @dev Always reverts.
    function lieAndUndo(Lie lie, uint256 epoch, uint256 made, uint256 seed) external {
        bool through = _lieAndProve(lie, epoch, made, seed);
        _read();
        _checkOracles();
        _checkRewards();
        revert Undone(through ? 1 : 0);
    }

    // --------------------------------------------------------------------------------------------------------- the lies

    function _lie(string memory verb, Lie lie, uint256 seed) private {
        seed = _begin(verb, seed);
        uint256 made = lie < Lie.PassItem ? 0 : _committed(seed);
        (bool due, uint256 epoch) = _due();
        if (!due || !_isQuorate(epoch, seed)) return;
        if (lie >= Lie.PassItem && registry.timingOf(epoch).epochOf(_commitments[made].commit.slot) != epoch) return;
        _leaving();
        bool through;
        if ((seed >> 210) % 8 == 0) {
            through = _lieAndProve(lie, epoch, made, seed);
        } else {
            _read();
            try this.lieAndUndo(lie, epoch, made, seed) {}
            catch (bytes memory answer) {
                through = _throughOf(answer) != 0;
            }
            vm.getRecordedLogs();
        }
        if (through) _done(verb);
    }

    function _lieAndProve(Lie lie, uint256 epoch, uint256 made, uint256 seed) private returns (bool) {
        _tell(epoch, 0, 0, seed & ~(uint256(1) << 203));
        if (lie < Lie.Throughput) {
            // The honest device's leaf is told as it is.
            uint256 device = _bend(lie, epoch, 2 + (seed >> 16) % (_sizes[epoch] - 1), seed);
            if (device == 0 || !_attestTold(epoch, seed)) return false;
            _proveLie(epoch, _leafProof(lie, epoch, device), _leafProof(lie, epoch, _honestDevice));
            return true;
        }
        (bool any, Row memory right, Row memory wrong) =
            lie < Lie.PassItem ? _tellRows(lie, epoch, seed) : _tellEvidence(lie, epoch, made, seed);
        if (!any || !_attestTold(epoch, seed)) return false;
        bytes memory none = right.device == 0 ? bytes("") : _rowProof(lie, epoch, right, made, false, seed);
        _proveLie(epoch, _rowProof(lie, epoch, wrong, made, true, seed), none);
        return true;
    }

    // ------------------------------------------------------------------------------------------- a leaf that isn't right

    /// @return The place that is wrong now, or 0: none can be yet.
    function _bend(Lie lie, uint256 epoch, uint256 device, uint256 seed) private returns (uint256) {
        Leaf storage leaf = _leaves[epoch][device];
        // The first devices begin in epoch 1, and are told of in epoch 0.
        if (lie >= Lie.Device && lie <= Lie.Hidden && epoch == 0) return 0;
        if (lie == Lie.Sum) {
            // A leaf that weighs less than its place, or a place that is empty and weighs something.
            _heavier[epoch] = seed % 2 == 0 ? device : _sizes[epoch] + 1;
            return _heavier[epoch];
        }
        if (lie == Lie.Device) {
            if (seed % 3 == 0) leaf.provider = _stranger;
            else if (seed % 3 == 1) leaf.classId ^= 2;
            else return _addLeaf(epoch);
        } else if (lie == Lie.Missing) {
            // One that was there from the start.
            device = 2 + (seed >> 16) % 2;
            delete _leaves[epoch][device];
        } else if (lie == Lie.Hidden) {
            return _addLeaf(epoch);
        } else if (lie == Lie.Reward) {
            ++leaf.cumulativeReward;
        } else if (lie == Lie.Outcomes) {
            // No rows can count so many, nor none under a root; and otherwise the rows are not those that were due.
            if (seed % 3 == 0) leaf.outcomeCount = 2 * uint16(_timing.epochSlots) + 1;
            if (seed % 3 == 1) (leaf.outcomeCount, leaf.outcomesRoot) = (0, keccak256(abi.encode(seed)));
        } else {
            return _bendForced(epoch, device, seed);
        }
        return device;
    }

    function _addLeaf(uint256 epoch) private returns (uint256 device) {
        device = ++_sizes[epoch];
        _leaves[epoch][device].device = uint32(device);
        _leaves[epoch][device].provider = _stranger;
    }

    /// @dev Of a job that there is, the draw is left out; else one is told of a job that there isn't.
    function _bendForced(uint256 epoch, uint256 device, uint256 seed) private returns (uint256) {
        uint256 job = _forcedJob(epoch);
        if (job != 0) {
            device = _jobs[job].device;
            delete _rows[epoch][device];
        } else {
            _push(epoch, device, _timing.firstSlot(epoch), PASSED, bytes32(seed));
            Outcome storage row = _rows[epoch][device][_rows[epoch][device].length - 1];
            (row.kind, row.job) = (3, uint64(_jobCount + 1));
        }
        _bindRows(epoch, device);
        return device;
    }

    /// @return The newest that forces a draw in the epoch, on a device that isn't the honest one.
    function _forcedJob(uint256 epoch) private view returns (uint256) {
        for (uint256 job = _jobCount; job > 0; --job) {
            uint256 device = _jobs[job].device;
            if (device < 2 || device > _sizes[epoch]) continue;
            if (_timing.epochOf(_jobs[job].forcedSlot) == epoch) return job;
        }
        return 0;
    }

    function _leafProof(Lie lie, uint256 epoch, uint256 device) private view returns (bytes memory) {
        if (lie == Lie.Sum) return _nodeProof(epoch, device);
        if (lie == Lie.Device) return abi.encodeCall(attestationDisputes.proveBadDevice, (_proof(epoch, device)));
        if (lie == Lie.Missing) {
            bytes memory path = _proof(epoch, device).path;
            return abi.encodeCall(attestationDisputes.proveLeafMissing, (epoch, device, path));
        }
        if (lie == Lie.Hidden) {
            (bytes32[] memory hashes, uint96[] memory sums) = _row(epoch);
            bytes memory path = _proof(epoch, device).path;
            return abi.encodeCall(attestationDisputes.proveLeafHidden, (epoch, 0, device, hashes[device], sums[device], path));
        }
        if (lie == Lie.Forced) {
            uint256 job = _forcedJob(epoch);
            Job memory state = _jobs[job];
            if (job == 0) job = _jobCount + 1;
            Outcome[] memory rows = _rows[epoch][device];
            return abi.encodeCall(attestationDisputes.proveBadForced, (_proof(epoch, device), rows, job, state));
        }
        return _leafAfterProof(lie, epoch, device);
    }

    /// @dev Of a leaf and the one before it. There is no right list of rows in these plays: the honest one's is shown as that of another.
    function _leafAfterProof(Lie lie, uint256 epoch, uint256 device) private view returns (bytes memory) {
        (bool any, uint256 before) = _standing(epoch);
        Leaf memory previous;
        bytes memory path = hex"000000";
        if (any) {
            (bytes32[] memory hashes, uint96[] memory sums) = _rowUpTo(before, device);
            if (device <= _sizes[before]) previous = _leaves[before][device];
            (,, path) = Trees.climb(hashes, sums, device);
        }
        LeafProof memory leaf = _proof(epoch, device);
        if (lie == Lie.Reward) return abi.encodeCall(attestationDisputes.proveBadReward, (leaf, previous, path));
        Outcome[] memory rows = _rows[epoch][device];
        if (device == _honestDevice) rows = new Outcome[](rows.length + 1);
        return abi.encodeCall(attestationDisputes.proveBadOutcomes, (leaf, rows, previous, path));
    }

    function _nodeProof(uint256 epoch, uint256 device) private view returns (bytes memory) {
        (bytes32[] memory hashes, uint96[] memory sums) = _row(epoch);
        NodeProof memory node;
        (node.epoch, node.index, node.sum) = (epoch, device, sums[device]);
        if (hashes[device] != 0) node.preimage = abi.encode(_leaves[epoch][device]);
        (,, node.path) = Trees.climb(hashes, sums, device);
        return abi.encodeCall(attestationDisputes.proveBadSum, (node));
    }

    // --------------------------------------------------------------------------------------------- a row that isn't right

    /// @dev Of the honest device, which commits in every slot, and, in one of them, of another that didn't.
    function _tellRows(Lie lie, uint256 epoch, uint256 seed) private returns (bool, Row memory, Row memory) {
        Row memory honest;
        Row memory other;
        (bool any, uint256 slot, uint256 device) = _slotOfOne(epoch, seed);
        if (!any) return (false, honest, other);
        if (lie == Lie.Throughput) {
            // A product of this size in a second or more is less than a gops.
            honest = _push(epoch, _honestDevice, slot, PASSED, bytes32(seed));
            other = _push(epoch, _honestDevice, slot, seed % 2 == 0 ? PASSED : SLOW, bytes32(seed));
            if (seed % 2 == 0) _rows[epoch][_honestDevice][other.index].throughput = uint32(1 + seed % 1e7);
            _bindRows(epoch, _honestDevice);
            return (true, honest, other);
        }
        uint256 result = lie == Lie.Pass ? (seed % 2 == 0 ? PASSED : SLOW) : MISSED + seed % 3;
        honest = _push(epoch, _honestDevice, slot, result, bytes32(seed));
        other = _push(epoch, device, slot, result, bytes32(seed));
        _bindRows(epoch, _honestDevice);
        _bindRows(epoch, device);
        return result == MISSED ? (true, other, honest) : (true, honest, other);
    }

    /// @return A slot of the epoch in which the honest device committed and this other one didn't.
    function _slotOfOne(uint256 epoch, uint256 seed) private view returns (bool, uint256, uint256) {
        uint256 count = _timing.epochSlots;
        for (uint256 i = 0; i < count; ++i) {
            uint256 slot = _timing.firstSlot(epoch) + (seed + i) % count;
            if (_honestAt[slot] == 0) continue;
            for (uint256 device = 2; device <= _sizes[epoch]; ++device) {
                if (uint256(challenges.recordOf(device, slot)) & 1 == 0) return (true, slot, device);
            }
        }
        return (false, 0, 0);
    }

    /// @dev What the commitment's own evidence gives, and the opposite.
    function _tellEvidence(Lie lie, uint256 epoch, uint256 made, uint256 seed)
        private
        returns (bool, Row memory right, Row memory wrong)
    {
        (uint256 device, uint256 slot) = (_commitments[made].commit.device, _commitments[made].commit.slot);
        if (device > _sizes[epoch]) return (false, right, wrong);
        (, bytes32 good) = _headerOf(_workHeader(_workOf(device, slot, false)));
        (, bytes32 bad) = _headerOf(_badHeader(_workOf(device, slot, false), seed));
        if (lie == Lie.PassItem) {
            (, bad) = _item(seed % ITEMS, abi.encode(seed));
            wrong = _push(epoch, device, slot, PASSED, bad);
        } else if (lie == Lie.PassHeader) {
            right = _push(epoch, device, slot, PASSED, good);
            wrong = _push(epoch, device, slot, PASSED, bad);
        } else {
            right = _push(epoch, device, slot, BAD_ITEM, bad);
            wrong = _push(epoch, device, slot, BAD_ITEM, good);
            _rows[epoch][device][right.index].item = _rows[epoch][device][wrong.index].item = uint32(ITEMS);
        }
        _bindRows(epoch, device);
        return (true, right, wrong);
    }

    function _rowProof(Lie lie, uint256 epoch, Row memory row, uint256 made, bool isWrong, uint256 seed)
        private
        view
        returns (bytes memory)
    {
        LeafProof memory leaf = _proof(epoch, row.device);
        OutcomeProof memory outcome = _outcome(epoch, row.device, row.index);
        if (lie == Lie.Pass) return abi.encodeCall(attestationDisputes.proveFalsePass, (leaf, outcome));
        if (lie == Lie.Fail) return abi.encodeCall(attestationDisputes.proveFalseFail, (leaf, outcome));
        if (lie == Lie.Throughput) {
            bytes memory header = _header(_timing.startOf(outcome.outcome.slot));
            Record memory honest = _honestRecord(outcome.outcome.slot);
            return abi.encodeCall(attestationDisputes.proveBadThroughput, (leaf, outcome, honest, header));
        }
        Record memory record = _recordOf(made);
        Work memory work = _workOf(row.device, outcome.outcome.slot, false);
        if (lie == Lie.PassItem) {
            ItemOpening memory item = ItemOpening(work.finalSeed, work.roundsRoot, seed % ITEMS, abi.encode(seed), new bytes32[](0));
            (item.path,) = _item(item.index, item.item);
            return abi.encodeCall(attestationDisputes.proveFalsePassItem, (leaf, outcome, record, item, 0, 0));
        }
        bool isBad = (lie == Lie.PassHeader) == isWrong;
        (HeaderOpening memory header_,) = _headerOf(isBad ? _badHeader(work, seed) : _workHeader(work));
        return lie == Lie.PassHeader
            ? abi.encodeCall(attestationDisputes.proveFalsePassHeader, (leaf, outcome, record, header_))
            : abi.encodeCall(attestationDisputes.proveFalseFailHeader, (leaf, outcome, record, header_));
    }

    // ------------------------------------------------------------------------------------------------ what these need

    function _push(uint256 epoch, uint256 device, uint256 slot, uint256 result, bytes32 witness)
        private
        returns (Row memory)
    {
        Outcome storage row = _rows[epoch][device].push();
        (row.slot, row.result) = (uint32(slot), uint8(result));
        if (result != MISSED && result != MISSED + 2) row.witness = witness;
        return Row(device, _rows[epoch][device].length - 1);
    }

    /// @return made The number of a commitment, once all epochs before its own are attested.
    function _committed(uint256 seed) private returns (uint256 made) {
        bytes32 commitment = _fresh(seed).commit.commitment;
        for (made = _commitments.length - 1; _commitments[made].commit.commitment != commitment; --made) {}
        uint256 epoch = _timing.epochOf(_commitments[made].commit.slot);
        for (uint256 i = 0; i < 12 && attestations.nextEpoch() < epoch; ++i) {
            if (!_attest(seed & ~(uint256(1) << 203), 0, 0)) break;
        }
    }

    /// @return Whether enough members have a bond. If not, others are seated.
    function _isQuorate(uint256 epoch, uint256 seed) private returns (bool) {
        uint256 setId = attestations.setOf(epoch);
        uint256 size = attestations.membersOf(setId).length;
        uint256 excluded = attestations.oracleSet(setId).excluded;
        for (uint256 i = 0; i < size; ++i) {
            excluded += ((~excluded >> i) & 1) << 64;
        }
        if (excluded >> 64 >= attestations.quorumOf(setId)) return true;
        _seat(seed);
        return false;
    }

    function _honestRecord(uint256 slot) private view returns (Record memory) {
        return Record(keccak256(abi.encode(slot)), _honestAt[slot], _providers[0]);
    }

    function _recordOf(uint256 made) private view returns (Record memory) {
        Commitment storage known = _commitments[made];
        return Record(known.commit.commitment, known.commit.timestamp, known.commit.key);
    }

    /// @dev The next epoch is attested with evidence behind a row of the honest device, and an item of it is asked for.
    function _want(uint256 seed) private returns (bool) {
        (bool due, uint256 epoch) = _due();
        if (!due || !_isQuorate(epoch, seed)) return false;
        _tell(epoch, 0, 0, seed & ~(uint256(1) << 203));
        (bool any, uint256 slot,) = _slotOfOne(epoch, seed);
        if (!any) return false;
        uint256 index = (seed >> 8) % (ITEMS + 1);
        uint256 result = seed % 3 == 0 ? PASSED : seed % 3 == 1 ? SLOW : BAD_ITEM;
        (, bytes32 witness) = _item(index, abi.encode(seed));
        Row memory row = _push(epoch, _honestDevice, slot, result, witness);
        if (result == BAD_ITEM) _rows[epoch][_honestDevice][row.index].item = uint32(index);
        _bindRows(epoch, _honestDevice);
        if (!_attestTold(epoch, seed)) return false;
        _ask(epoch, row, index, seed);
        return true;
    }

    function _ask(uint256 epoch, Row memory row, uint256 index, uint256 seed) private {
        OutcomeProof memory outcome = _outcome(epoch, row.device, row.index);
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        Wanted storage wanted = _wanted.push();
        EvidenceRequest storage asked = wanted.asked;
        (asked.epoch, asked.round, asked.device, asked.slot) = (epoch, attested.round, row.device, outcome.outcome.slot);
        (asked.witness, asked.items, asked.index) = (outcome.outcome.witness, ITEMS, index);
        asked.length = index == ITEMS ? HEADER_LENGTH : ITEM_LENGTH;
        wanted.item = seed;
        wanted.deposit = attestationDisputes.evidenceDepositOf(asked.length, tx.gasprice) + 7;
        vm.prank(_stranger);
        wanted.id = attestationDisputes.requestEvidence{value: wanted.deposit}(_proof(epoch, row.device), outcome, index);
        isTrue(wanted.id == keccak256(abi.encode(wanted.asked)), "another evidence was asked for");
    }

    function _lastWanted() private returns (Wanted memory wanted) {
        wanted = _wanted[_wanted.length - 1];
        _wanted.pop();
    }
}
