// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    EpochStatus,
    IAttestations,
    LeafProof,
    OutcomeProof,
    Statement
} from "../../contracts/interfaces/IAttestations.sol";
import {Device} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {JobStatus} from "../../contracts/interfaces/IJobEscrow.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {Leaf, Outcome} from "../../contracts/libraries/MerkleSum.sol";
import {DataRequest} from "../../contracts/libraries/Requests.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {FaultPlay} from "./FaultPlay.sol";
import {Trees} from "./Trees.sol";
import {vm} from "./Vm.sol";

/// @title Oracles and what they attest, the leaves that stand behind it, and the rewards and slashes that follow from it.
abstract contract OraclePlay is FaultPlay {
    using Slots for Timing;

    struct Ask {
        uint256 epoch;
        uint256 device;
        bytes32 id;
    }

    Ask[] internal _asks;
    mapping(uint256 epoch => mapping(uint256 device => Leaf)) internal _leaves;
    mapping(uint256 epoch => mapping(uint256 device => bytes32)) internal _leafHashes;
    mapping(uint256 epoch => mapping(uint256 device => Outcome[])) internal _rows;
    mapping(uint256 epoch => uint256 size) internal _sizes;
    mapping(uint256 epoch => bool) internal _lied;
    /// The place whose sum is more than its leaf's weight.
    mapping(uint256 epoch => uint256 device) internal _heavier;
    /// Bonded, and signs nothing.
    address internal _honestOracle;

    function join(uint256 seed) external {
        _begin("join", seed);
        if (_oracleKeys.length >= 60) return;
        _join();
        _done("join");
    }

    function joinWithPermit(uint256 seed) external {
        seed = _begin("joinWithPermit", seed);
        if (_oracleKeys.length >= 60) return;
        uint256 key = 0x0ac1e000 + _oracleKeys.length;
        _oracleKeys.push(key);
        address oracle = vm.addr(key);
        _keyOf[oracle] = key;
        uint256 bond = attestations.BOND();
        _give(oracle, bond);
        uint256 deadline = vm.getBlockTimestamp() + 1;
        (uint8 v, bytes32 r, bytes32 s) = _permit(oracle, address(attestations), bond, deadline);
        if (seed & 1 << 200 != 0) _permitted(oracle, address(attestations), bond, deadline, v, r, s); // seen, and sent by another
        vm.prank(oracle);
        attestations.joinWithPermit("http://oracle", deadline, v, r, s);
        _done("joinWithPermit");
    }

    function leave(uint256 seed) external {
        seed = _begin("leave", seed);
        address oracle = _oracle(seed);
        if (oracle == address(0)) return;
        _leaving();
        vm.prank(oracle);
        attestations.leave();
        _done("leave");
    }

    function withdrawBond(uint256 seed) external {
        seed = _begin("withdrawBond", seed);
        address oracle = _leaver(seed);
        if (oracle == address(0)) {
            if (_oracleKeys.length >= 60) return;
            oracle = _join();
            if (seed & 1 << 202 == 0) {
                oracle = _oracle(seed);
            }
            vm.prank(oracle);
            attestations.leave();
        }
        IAttestations.Bond memory bond = attestations.bondOf(oracle);
        if (bond.seated && (attestations.settledThrough() < bond.leftEpoch || _now() <= bond.exposedUntil)) {
            _refuse(oracle, address(attestations), abi.encodeCall(attestations.withdrawBond, ()), "an exposed bond");
            _settleThrough(bond.leftEpoch - 1);
            _advanceTo(uint256(bond.exposedUntil) + 1);
        }
        uint256 bond_ = attestations.BOND();
        _leaving();
        vm.prank(oracle);
        equal(attestations.withdrawBond(), bond_, "bond");
        _done("withdrawBond");
    }

    function seat(uint256 seed) external {
        seed = _begin("seat", seed);
        if (_seat(seed)) _done("seat");
    }

    function attest(uint256 seed) external {
        seed = _begin("attest", seed);
        if (_attest(seed, 0, 0)) _done("attest");
    }

    function close(uint256 seed) external {
        _begin("close", seed);
        uint256 deadline = attestations.deadline();
        if (_now() <= deadline) {
            uint256 epoch = attestations.nextEpoch();
            _refuse(_stranger, address(attestations), abi.encodeCall(attestations.close, (epoch)), "closed early");
        }
        _advanceTo(deadline + 1);
        attestations.close(attestations.nextEpoch());
        _done("close");
    }

    function proveEquivocation(uint256 seed) external {
        seed = _begin("proveEquivocation", seed);
        (bool any, uint256 epoch) = _attestedEpoch(seed);
        if (any && _equivocate(epoch, seed)) _done("proveEquivocation");
    }

    /// @dev A signer of a lie contradicts itself before it is proven: whoever else signed it answers for it all the same.
    function proveRevoked(uint256 seed) external {
        seed = _begin("proveRevoked", seed);
        for (uint256 i = 0; i < 2; ++i) {
            (bool any, uint256 epoch) = _attestedEpoch(seed);
            if (any && _lied[epoch]) {
                if (_sizes[epoch] == 0) return;
                LeafProof memory proof = _proof(epoch, _sizes[epoch]);
                (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
                if (_equivocate(epoch, seed) && _proveRevoked(attested, proof)) _done("proveRevoked");
                return;
            }
            _attest(seed | 1 << 203, 0, 0);
        }
    }

    function proveBadWeight(uint256 seed) external {
        seed = _begin("proveBadWeight", seed);
        for (uint256 i = 0; i < 2; ++i) {
            (bool any, uint256 epoch) = _attestedEpoch(seed);
            if (any && _lied[epoch]) {
                uint256 device = _devices();
                if (_leaves[epoch][device].provider == address(0)) return;
                uint256 other = device == _honestDevice ? 0 : _honestDevice;
                bytes memory right = abi.encodeCall(attestationDisputes.proveBadWeight, (_proof(epoch, other)));
                _leaving();
                _proveLie(epoch, abi.encodeCall(attestationDisputes.proveBadWeight, (_proof(epoch, device))), right);
                _done("proveBadWeight");
                return;
            }
            _attest(seed | 1 << 203, 0, 0);
        }
    }

    function requestLeaf(uint256 seed) external {
        seed = _begin("requestLeaf", seed);
        if (_requestLeaf(seed)) _done("requestLeaf");
    }

    function answerLeaf(uint256 seed) external {
        seed = _begin("answerLeaf", seed);
        if (!_requestLeaf(seed)) return;
        Ask memory asked = _asks[_asks.length - 1];
        _asks.pop();
        _answer(asked);
        _done("answerLeaf");
    }

    function returnLeafDeposit(uint256 seed) external {
        seed = _begin("returnLeafDeposit", seed);
        if (_asks.length == 0 && !_requestLeaf(seed)) return;
        Ask memory asked = _asks[_asks.length - 1];
        _asks.pop();
        (bool stands, uint256 answerBy) = _answerBy(asked);
        if (!stands) return;
        _advanceTo(answerBy + 1);
        _leaving();
        attestations.returnDeposit(asked.id);
        _done("returnLeafDeposit");
    }

    function proveWithheldLeaf(uint256 seed) external {
        seed = _begin("proveWithheldLeaf", seed);
        if (_asks.length == 0 && !_requestLeaf(seed)) return;
        Ask memory asked = _asks[_asks.length - 1];
        _asks.pop();
        (bool stands, uint256 answerBy) = _answerBy(asked);
        if (!stands) return;
        (, IAttestations.Attested memory attested) = attestations.attestedOf(asked.epoch);
        if (answerBy + 1 > attested.provableUntil || _now() > attested.provableUntil) return;
        _advanceTo(answerBy + 1);
        _leaving();
        vm.prank(_stranger);
        attestationDisputes.proveWithheldLeaf(asked.epoch, STANDING, asked.device);
        isTrue(attestations.nextEpoch() == asked.epoch, "not revoked");
        _done("proveWithheldLeaf");
    }

    function claim(uint256 seed) external {
        seed = _begin("claim", seed);
        for (uint256 i = 0; i < 2; ++i) {
            (bool any, uint256 epoch) = _finalEpoch();
            for (uint256 n = 0; any && n < _sizes[epoch]; ++n) {
                uint256 device = 1 + (((seed >> 8) + n) % _sizes[epoch]);
                uint256 earned = uint256(_leaves[epoch][device].cumulativeReward) / 1 gwei * 1 gwei;
                if (earned <= rewards.claimedOf(device)) continue;
                LeafProof memory proof = _proof(epoch, device);
                bytes memory call = abi.encodeCall(rewards.claim, (proof));
                if (rewards.totalClaimed() + earned - rewards.claimedOf(device) > attestations.finalEmission()) {
                    _refuse(_stranger, address(rewards), call, "claimed above the emission");
                    continue;
                }
                _leaving();
                vm.prank(_stranger);
                rewards.claim(proof);
                _refuse(_stranger, address(rewards), call, "claimed twice");
                _done("claim");
                return;
            }
            if (_attest(seed, 0, 0)) _finish(attestations.nextEpoch() - 1);
        }
    }

    /// @dev All devices of the newest final epoch at once.
    function claimMany(uint256 seed) external {
        seed = _begin("claimMany", seed);
        for (uint256 i = 0; i < 2; ++i) {
            (bool any, uint256 epoch) = _finalEpoch();
            if (any && _claimMany(epoch, 1 + (seed % _sizes[epoch]))) {
                _done("claimMany");
                return;
            }
            if (_attest(seed, 0, 0)) _finish(attestations.nextEpoch() - 1);
        }
    }

    function enforce(uint256 seed) external {
        seed = _begin("enforce", seed);
        Commitment storage made = _fresh(seed);
        made.used = true;
        uint256 epoch = registry.timingAt(made.commit.slot).epochOf(made.commit.slot);
        if (attestations.nextEpoch() > epoch) return;
        if (!_attestThrough(epoch, made.commit.device, made.commit.slot, seed)) return;
        _finish(epoch);
        uint256 index = _rowOf(epoch, made.commit.device, made.commit.slot, 0);
        if (index == type(uint256).max || attestations.statusOf(epoch) != EpochStatus.Final) return;
        LeafProof memory leaf = _proof(epoch, made.commit.device);
        OutcomeProof memory outcome = _outcome(epoch, made.commit.device, index);
        _leaving();
        vm.prank(_stranger);
        workDisputes.enforce(leaf, outcome);
        _done("enforce");
    }

    function discharge(uint256 seed) external {
        seed = _begin("discharge", seed);
        uint256 device = _find(seed, _isEnded);
        if (device == 0) {
            device = _find(seed, _isRetirable);
            if (device == 0) return;
            vm.prank(registry.deviceOf(device).provider);
            registry.retire(device);
        }
        uint256 last = registry.deviceOf(device).untilSlot - 1;
        Timing memory timing = registry.timingAt(last);
        uint256 epoch = timing.epochOf(last);
        _settleThrough(epoch);
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        _advanceTo(timing.lastBlock(epoch) + timing.attestBlocks + 2 * uint256(timing.proofBlocks) + 1);
        _advanceTo(uint256(attested.provableUntil) + timing.proofBlocks + 1);
        _leaving();
        vm.prank(_stranger);
        workDisputes.discharge(device);
        equal(registry.bondOf(device), 0, "discharged with a bond");
        _done("discharge");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    function _claimMany(uint256 epoch, uint256 first) private returns (bool) {
        uint256 count = _sizes[epoch] + 1 - first;
        Leaf[] memory leaves = new Leaf[](count);
        uint256[] memory places = new uint256[](count);
        uint256 due;
        for (uint256 i = 0; i < count; ++i) {
            places[i] = first + i;
            leaves[i] = _leaves[epoch][first + i];
            uint256 earned = uint256(leaves[i].cumulativeReward) / 1 gwei * 1 gwei;
            uint256 claimed = rewards.claimedOf(first + i);
            if (earned > claimed) due += earned - claimed;
        }
        (bytes32[] memory hashes, uint96[] memory sums) = _row(epoch);
        bytes memory path = Trees.climbMany(hashes, sums, places);
        bytes memory call = abi.encodeCall(rewards.claimMany, (epoch, leaves, path));
        if (due == 0 || rewards.totalClaimed() + due > attestations.finalEmission()) {
            _refuse(_stranger, address(rewards), call, "6: claimed above the emission, or nothing");
            return false;
        }
        _leaving();
        vm.prank(_stranger);
        equal(rewards.claimMany(epoch, leaves, path), due, "claimMany");
        _refuse(_stranger, address(rewards), call, "6: claimed twice");
        return true;
    }

    function _join() internal returns (address oracle) {
        uint256 key = 0x0ac1e000 + _oracleKeys.length;
        _oracleKeys.push(key);
        return _bonded(key);
    }

    function _bonded(uint256 key) internal returns (address oracle) {
        oracle = vm.addr(key);
        _keyOf[oracle] = key;
        uint256 bond = attestations.BOND();
        _give(oracle, bond);
        _approve(oracle, tbnd, address(attestations));
        vm.prank(oracle);
        attestations.join("http://oracle");
    }

    /// @dev A bonded one.
    function _oracle(uint256 seed) internal view returns (address) {
        uint256 count = _oracleKeys.length;
        for (uint256 i = 0; i < count; ++i) {
            address oracle = vm.addr(_oracleKeys[((seed >> 8) + i) % count]);
            IAttestations.Bond memory bond = attestations.bondOf(oracle);
            if (bond.amount != 0 && bond.leftEpoch == 0) return oracle;
        }
        return address(0);
    }

    function _leaver(uint256 seed) internal view returns (address) {
        uint256 count = _oracleKeys.length;
        for (uint256 i = 0; i < count; ++i) {
            address oracle = vm.addr(_oracleKeys[((seed >> 8) + i) % count]);
            IAttestations.Bond memory bond = attestations.bondOf(oracle);
            if (bond.amount != 0 && bond.leftEpoch != 0) return oracle;
        }
        return address(0);
    }

    /// @dev Four bonded oracles, in order of their addresses, from the first epoch on that is allowed.
    function _seat(uint256 seed) internal returns (bool) {
        address[] memory members = new address[](4);
        uint256 found;
        for (uint256 i = _oracleKeys.length; i > 0 && found < 4; --i) {
            address oracle = vm.addr(_oracleKeys[i - 1]);
            IAttestations.Bond memory bond = attestations.bondOf(oracle);
            if (bond.amount != 0 && bond.leftEpoch == 0) members[found++] = oracle;
        }
        while (found < 4) {
            if (_oracleKeys.length >= 64) return false;
            members[found++] = _join();
        }
        for (uint256 i = 1; i < 4; ++i) {
            for (uint256 j = i; j > 0 && members[j - 1] > members[j]; --j) {
                (members[j - 1], members[j]) = (members[j], members[j - 1]);
            }
        }
        uint256 count = attestations.setCount();
        if (count != 0) _settleThrough(attestations.oracleSet(count).fromEpoch);
        // After every epoch that anyone may have signed: the least that is not refused.
        uint256 from = attestations.nextEpoch();
        for (uint256 i = 0; i < 6; ++i) {
            bytes memory call = abi.encodeCall(attestations.seat, (members, 3, from + i + (count == 0 ? 0 : seed % 2)));
            if (_try(governor, address(attestations), call)) return true;
        }
        return false;
    }

    /// @dev Every epoch up to this one final or void.
    function _settleThrough(uint256 epoch) internal {
        for (uint256 i = 0; i < 64 && attestations.settledThrough() <= epoch; ++i) {
            if (attestations.nextEpoch() <= epoch) {
                uint256 deadline = attestations.deadline();
                _advanceTo(deadline + 1);
                attestations.close(attestations.nextEpoch());
            } else {
                _advanceTo(_now() + 31);
            }
        }
    }

    function _finish(uint256 epoch) internal {
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        _advanceTo(uint256(attested.provableUntil) + 1);
    }

    function _attestedEpoch(uint256 seed) internal returns (bool, uint256) {
        uint256 next = attestations.nextEpoch();
        if (next == 0 || attestations.statusOf(next - 1) != EpochStatus.Attested) {
            if (!_attest(seed, 0, 0)) return (false, 0);
            next = attestations.nextEpoch();
        }
        return (true, next - 1);
    }

    function _finalEpoch() internal view returns (bool, uint256) {
        uint256 next = attestations.nextEpoch();
        for (uint256 i = next; i > 0 && i + 6 > next; --i) {
            if (attestations.statusOf(i - 1) == EpochStatus.Final) return (true, i - 1);
        }
        return (false, 0);
    }

    /// @dev Attest up to this epoch, which then names the device's slot as a bad item.
    function _attestThrough(uint256 epoch, uint256 device, uint256 slot, uint256 seed) internal returns (bool) {
        for (uint256 i = 0; i < 12 && attestations.nextEpoch() <= epoch; ++i) {
            if (!_attest(seed, device, slot)) return false;
        }
        return attestations.nextEpoch() > epoch && attestations.statusOf(epoch) == EpochStatus.Attested;
    }

    /// @dev The next epoch, by as many members as the quorum takes.
    function _attest(uint256 seed, uint256 device, uint256 slot) internal returns (bool) {
        (bool due, uint256 epoch) = _due();
        if (!due) return false;
        _tell(epoch, device, slot, seed);
        return _attestTold(epoch, seed);
    }

    /// @dev Closes what is overdue. @return Whether the next epoch can be attested now.
    function _due() internal returns (bool, uint256 epoch) {
        for (uint256 i = 0; i < 40 && _now() > attestations.deadline(); ++i) {
            attestations.close(attestations.nextEpoch());
        }
        epoch = attestations.nextEpoch();
        _advanceTo(registry.timingOf(epoch).lastBlock(epoch) + 1);
        return (_now() <= attestations.deadline() && attestations.setOf(epoch) != 0, epoch);
    }

    function _attestTold(uint256 epoch, uint256 seed) internal returns (bool) {
        for (uint256 d = 1; d <= _sizes[epoch]; ++d) {
            bool any = _leaves[epoch][d].provider != address(0);
            _leafHashes[epoch][d] = any ? keccak256(abi.encode(_leaves[epoch][d])) : bytes32(0);
        }
        uint256 setId = attestations.setOf(epoch);
        Statement memory statement = _statement(epoch, setId);
        (bool enough, uint256 signers, bytes memory signatures) =
            _signatures(statement, setId, attestations.quorumOf(setId), seed);
        if (!enough) {
            _seat(seed);
            return false;
        }
        vm.prank(_stranger);
        attestations.attest(statement, signers, signatures);
        return true;
    }

    function _statement(uint256 epoch, uint256 setId) internal view returns (Statement memory statement) {
        (bytes32[] memory hashes, uint96[] memory sums) = _row(epoch);
        statement.epoch = epoch;
        (, IAttestations.Attested memory old) = attestations.attestedOf(epoch);
        statement.round = old.flags == 0 ? 0 : uint256(old.round) + 1;
        statement.previousRoot = attestations.standingRoot();
        statement.lastBlockHash = _hashOf(registry.timingOf(epoch).lastBlock(epoch));
        (statement.root, statement.totalWeight) = Trees.root(hashes, sums);
        statement.dataDigest = keccak256(abi.encode(epoch, statement.root));
        statement.configDigest = attestations.configDigestOf(setId);
    }

    function _hashOf(uint256 number) internal view returns (bytes32 hash) {
        hash = blockhash(number);
        if (hash != 0) return hash;
        (, bytes memory answer) = HISTORY.staticcall(abi.encode(number));
        return abi.decode(answer, (bytes32));
    }

    function _signatures(Statement memory statement, uint256 setId, uint256 need, uint256 seed)
        internal
        returns (bool enough, uint256 signers, bytes memory signatures)
    {
        (enough, signers, signatures) = _sign(attestations.statementDigest(statement), setId, need, seed);
        address[] memory members = attestations.membersOf(setId);
        for (uint256 i = 0; i < members.length; ++i) {
            if ((signers >> i) & 1 != 0) _signed[members[i]] = true;
        }
    }

    /// @dev By as many members as are needed; one that the seed names is spared if it can be.
    function _sign(bytes32 digest, uint256 setId, uint256 need, uint256 seed)
        internal
        view
        returns (bool, uint256 signers, bytes memory signatures)
    {
        address[] memory members = attestations.membersOf(setId);
        uint256 excluded = attestations.oracleSet(setId).excluded;
        uint256 skip = seed % members.length;
        uint256 willing;
        for (uint256 i = 0; i < members.length; ++i) {
            if ((excluded >> i) & 1 == 0) ++willing;
        }
        if (willing < need) return (false, 0, "");
        for (uint256 i = 0; i < members.length && need > 0; ++i) {
            if ((excluded >> i) & 1 != 0) continue;
            if (i == skip && willing > need) {
                --willing;
                continue;
            }
            signers |= 1 << i;
            signatures = bytes.concat(signatures, _signature(_keyOf[members[i]], digest));
            --need;
            --willing;
        }
        return (true, signers, signatures);
    }

    /// @dev Fewer than a quorum, one twice, or a stranger: none attests (invariant 11).
    function _refuseThin(uint256 seed) internal {
        uint256 epoch = attestations.nextEpoch();
        uint256 setId = attestations.setOf(epoch);
        Timing memory timing = registry.timingOf(epoch);
        if (setId == 0 || _now() <= timing.lastBlock(epoch) || _now() > attestations.deadline()) return;
        Statement memory statement = _statement(epoch, setId);
        uint256 quorum = attestations.quorumOf(setId);
        (bool enough, uint256 signers, bytes memory signatures) = _signatures(statement, setId, quorum - 1, seed);
        if (!enough) return;
        bytes memory call = abi.encodeCall(attestations.attest, (statement, signers, signatures));
        _refuse(_stranger, address(attestations), call, "11: k - 1 signers");
        bytes memory forged =
            bytes.concat(signatures, _signature(0xbad, attestations.statementDigest(statement)));
        for (uint256 i = 0; i < 5; ++i) {
            if ((signers >> i) & 1 != 0) continue;
            call = abi.encodeCall(attestations.attest, (statement, signers | (1 << i), forged));
            _refuse(_stranger, address(attestations), call, "11: a stranger's signature");
            break;
        }
        bytes memory twice = bytes.concat(signatures, _slice(signatures));
        call = abi.encodeCall(attestations.attest, (statement, signers, twice));
        _refuse(_stranger, address(attestations), call, "11: one signature twice");
    }

    function _slice(bytes memory signatures) internal pure returns (bytes memory first) {
        first = new bytes(65);
        for (uint256 i = 0; i < 65; ++i) {
            first[i] = signatures[i];
        }
    }

    /// @dev Every device's leaf: honest sums and rewards, forced outcomes as the seed has them, the named slot a bad item; and a weight
    /// that is one too much in the last leaf if the seed says so.
    function _tell(uint256 epoch, uint256 device, uint256 slot, uint256 seed) internal {
        uint256 count = _devices();
        _sizes[epoch] = count;
        // What other lies may have left.
        delete _heavier[epoch];
        delete _leaves[epoch][count + 1];
        delete _leafHashes[epoch][count + 1];
        bool lie = (seed >> 203) & 1 != 0;
        _lied[epoch] = lie;
        uint256 total;
        Timing memory timing = _timing;
        uint256 lastSlot = timing.firstSlot(epoch + 1) - 1;
        for (uint256 d = 1; d <= count; ++d) {
            delete _rows[epoch][d];
            Leaf storage leaf = _leaves[epoch][d];
            Device memory known = registry.deviceOf(d);
            leaf.device = uint32(d);
            leaf.provider = known.provider;
            leaf.classId = known.classId;
            leaf.dueC = leaf.passedC = leaf.dueRoll = leaf.passedRoll = 1;
            leaf.minGops = uint32(1 + (seed % GOPS));
            bool active = known.fromEpoch <= epoch && lastSlot < known.untilSlot;
            leaf.weight = uint96(active ? 1 + (seed % GOPS) : 0);
            if (lie && d == count) ++leaf.weight;
            total += leaf.weight;
        }
        if (slot != 0 && timing.epochOf(slot) == epoch) {
            Outcome storage row = _rows[epoch][device].push();
            row.slot = uint32(slot);
            row.result = 3;
            row.witness = keccak256("witness");
        }
        for (uint256 job = 1; job <= _jobCount; ++job) {
            if (_jobs[job].status != JobStatus.Accepted && _jobs[job].status != JobStatus.Submitted) continue;
            uint256 forced = _jobs[job].forcedSlot;
            if (timing.epochOf(forced) != epoch) continue;
            Outcome storage row = _rows[epoch][_jobs[job].device].push();
            row.slot = uint32(forced);
            row.kind = 3;
            row.job = uint64(job);
            row.result = uint8((seed >> 204) & 1 != 0 ? 1 : 2 + (seed % 4));
            if (row.result != 2 && row.result != 4) row.witness = keccak256("witness");
        }
        _sum(epoch, count, total);
    }

    function _sum(uint256 epoch, uint256 count, uint256 total) internal {
        (bool any, uint256 before) = _standing(epoch);
        for (uint256 d = 1; d <= count; ++d) {
            Leaf storage leaf = _leaves[epoch][d];
            uint256 sum = any ? _leaves[before][d].cumulativeReward : 0;
            if (total != 0) sum += (Emission.at(epoch) * leaf.weight) / total;
            leaf.cumulativeReward = uint128(sum);
            _bindRows(epoch, d);
        }
    }

    function _bindRows(uint256 epoch, uint256 device) internal {
        Leaf storage leaf = _leaves[epoch][device];
        bytes32[] memory hashes = _hashes(epoch, device);
        leaf.outcomeCount = uint16(hashes.length);
        leaf.outcomesRoot = 0;
        if (hashes.length != 0) (leaf.outcomesRoot,) = Trees.climbOutcomes(hashes, 0);
    }

    function _standing(uint256 epoch) internal view returns (bool, uint256) {
        for (uint256 i = epoch; i > 0; --i) {
            EpochStatus status = attestations.statusOf(i - 1);
            if (status == EpochStatus.Attested || status == EpochStatus.Final) return (true, i - 1);
        }
        return (false, 0);
    }

    function _hashes(uint256 epoch, uint256 device) internal view returns (bytes32[] memory hashes) {
        Outcome[] storage rows = _rows[epoch][device];
        hashes = new bytes32[](rows.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(rows[i]));
        }
    }

    function _row(uint256 epoch) internal view returns (bytes32[] memory, uint96[] memory) {
        return _rowUpTo(epoch, 0);
    }

    /// @dev With one place at least that is empty, and with this one.
    function _rowUpTo(uint256 epoch, uint256 place) internal view returns (bytes32[] memory hashes, uint96[] memory sums) {
        uint256 size = _sizes[epoch] + 2;
        if (place >= size) size = place + 1;
        hashes = new bytes32[](size);
        sums = new uint96[](size);
        for (uint256 d = 1; d <= _sizes[epoch]; ++d) {
            hashes[d] = _leafHashes[epoch][d];
            if (hashes[d] != 0) sums[d] = _leaves[epoch][d].weight;
        }
        if (_heavier[epoch] != 0) ++sums[_heavier[epoch]];
    }

    function _proof(uint256 epoch, uint256 device) internal view returns (LeafProof memory proof) {
        (bytes32[] memory hashes, uint96[] memory sums) = _row(epoch);
        proof.epoch = epoch;
        proof.leaf = _leaves[epoch][device];
        (,, proof.path) = Trees.climb(hashes, sums, device);
    }

    function _rowOf(uint256 epoch, uint256 device, uint256 slot, uint256 job) internal view returns (uint256) {
        Outcome[] storage rows = _rows[epoch][device];
        for (uint256 i = 0; i < rows.length; ++i) {
            if (rows[i].slot == slot && rows[i].job == job) return i;
        }
        return type(uint256).max;
    }

    function _outcome(uint256 epoch, uint256 device, uint256 index) internal view returns (OutcomeProof memory proof) {
        proof.outcome = _rows[epoch][device][index];
        proof.index = index;
        (, proof.path) = Trees.climbOutcomes(_hashes(epoch, device), index);
    }

    /// @dev By the first who signed what stands, if it has a bond left.
    function _equivocate(uint256 epoch, uint256 seed) internal returns (bool) {
        (bytes32 root, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        uint256 index;
        while ((attested.signers >> index) & 1 == 0) ++index;
        address oracle = attestations.memberOf(attested.setId, index);
        if (attestations.bondOf(oracle).amount == 0) return false;
        Statement memory first;
        first.epoch = epoch;
        first.round = attested.round;
        first.root = root;
        first.totalWeight = attested.totalWeight;
        first.configDigest = attestations.configDigestOf(attested.setId);
        Statement memory second = abi.decode(abi.encode(first), (Statement));
        second.dataDigest = keccak256(abi.encode(seed));
        bytes memory one = _signature(_keyOf[oracle], attestations.statementDigest(first));
        bytes memory other = _signature(_keyOf[oracle], attestations.statementDigest(second));
        _leaving();
        vm.prank(_stranger);
        attestationDisputes.proveEquivocation(first, one, second, other, attested.setId, index);
        equal(attestations.bondOf(oracle).amount, 0, "an equivocator kept its bond");
        return true;
    }

    /// @dev A weight of the attestation that has fallen is too high.
    function _proveRevoked(IAttestations.Attested memory attested, LeafProof memory proof) internal returns (bool) {
        uint256 bonds = _bondsOf(attested);
        bytes memory call = abi.encodeCall(attestationDisputes.proveBadWeight, (proof));
        call = abi.encodeCall(attestationDisputes.proveRevoked, (attested.round, call));
        if (bonds == 0) {
            _refuse(_stranger, address(attestationDisputes), call, "10: a lie paid for twice");
            return false;
        }
        uint256 before = tbnd.balanceOf(_stranger);
        vm.prank(_stranger);
        (bool ok,) = address(attestationDisputes).call(call);
        isTrue(ok, "10: who signed a revoked lie goes free");
        equal(tbnd.balanceOf(_stranger) - before, bonds / 4, "9: the challenger's share of bonds");
        _refuse(_stranger, address(attestationDisputes), call, "10: a lie paid for twice");
        return true;
    }

    /// @dev Who signed the epoch loses its bond, and nobody else; a quarter of it is the challenger's, the rest burns; the epoch is next to
    /// be attested.
    /// @param right What shows no fault, if there is such a thing.
    function _proveLie(uint256 epoch, bytes memory proof, bytes memory right) internal {
        address disputes = address(attestationDisputes);
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        if (right.length != 0) _refuse(_stranger, disputes, right, "10: no fault was shown");
        uint256 index;
        while ((attested.signers >> index) & 1 == 0) ++index;
        _refuse(attestations.memberOf(attested.setId, index), disputes, proof, "9: a signer accused itself");
        uint256 bonds = _bondsOf(attested);
        uint256 others = attestations.totalBonded() - bonds;
        (uint256 before, uint256 supply) = (tbnd.balanceOf(_stranger), tbnd.totalSupply());
        vm.prank(_stranger);
        (bool ok,) = disputes.call(proof);
        isTrue(ok, "10: a lie can't be proven");
        equal(_bondsOf(attested), 0, "9: a signer kept its bond");
        equal(attestations.totalBonded(), others, "10: the bond of one who didn't sign");
        equal(tbnd.balanceOf(_stranger) - before, bonds / 4, "9: the challenger's share of bonds");
        equal(supply - tbnd.totalSupply(), bonds - bonds / 4, "9: the rest burns");
        equal(attestations.nextEpoch(), epoch, "a proven lie stands");
        _refuse(_stranger, disputes, proof, "10: a lie paid for twice");
    }

    /// @return bonds What those who signed it have left.
    function _bondsOf(IAttestations.Attested memory attested) internal view returns (uint256 bonds) {
        for (uint256 index = 0; attested.signers >> index != 0; ++index) {
            if ((attested.signers >> index) & 1 == 0) continue;
            bonds += attestations.bondOf(attestations.memberOf(attested.setId, index)).amount;
        }
    }

    function _requestLeaf(uint256 seed) internal returns (bool) {
        (bool any, uint256 epoch) = _attestedEpoch(seed);
        if (!any) return false;
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        uint256 last = attested.provableUntil - registry.timingOf(epoch).proofBlocks / 2;
        if (_now() > last) {
            if (!_attest(seed, 0, 0)) return false;
            epoch = attestations.nextEpoch() - 1;
        }
        uint256 device = 1 + ((seed >> 40) % _sizes[epoch]);
        (bytes32 id,) = attestations.leafRequestOf(epoch, STANDING, device);
        for (uint256 i = 0; i < _asks.length; ++i) {
            if (_asks[i].id == id) return false;
        }
        uint256 deposit = attestations.leafDepositOf(epoch, tx.gasprice) + 5;
        vm.prank(_stranger);
        try attestations.requestLeaf{value: deposit}(epoch, STANDING, device) {
            _asks.push(Ask(epoch, device, id));
            return true;
        } catch {
            return false; // asked for before
        }
    }

    function _answerBy(Ask memory asked) internal view returns (bool, uint256) {
        if (attestations.statusOf(asked.epoch) == EpochStatus.Open) return (false, 0);
        if (attestations.statusOf(asked.epoch) == EpochStatus.Void) return (false, 0);
        (bytes32 id, DataRequest memory state) = attestations.leafRequestOf(asked.epoch, STANDING, asked.device);
        return (id == asked.id, state.answerBy);
    }

    function _answer(Ask memory asked) internal {
        LeafProof memory proof = _proof(asked.epoch, asked.device);
        Outcome[] memory rows = _rows[asked.epoch][asked.device];
        uint256 before = _stranger.balance;
        vm.prank(_stranger);
        uint256 paid = attestations.answerLeaf(asked.epoch, STANDING, asked.device, proof.leaf, proof.path, rows);
        equal(_stranger.balance - before, paid, "answer: paid");
    }
}
