// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Statement, EpochStatus, IAttestations, LeafProof, OracleFault, OutcomeProof} from "../../contracts/interfaces/IAttestations.sol";
import {Commit, IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {Device, IDeviceRegistry} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Job, JobStatus, Terms} from "../../contracts/interfaces/IJobEscrow.sol";
import {Place, PlaceKind} from "../../contracts/interfaces/IItemOpening.sol";
import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {Emission} from "../../contracts/libraries/Emission.sol";
import {Leaf, Outcome} from "../../contracts/libraries/MerkleSum.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {BlacklistToken} from "../solidity/BlacklistToken.sol";
import {Trees} from "./Trees.sol";
import {Vm, vm} from "./Vm.sol";
import {IToken, World} from "./World.sol";

/// @title The whole market, played at random. Every external function is a verb with the caller, the amounts and the moment drawn from
/// its seed; where what it needs is not there, it does that first. No verb may revert: what must be refused is tried in `hostile`.
/// @dev `calls` and `successes` count by verb. Books are kept from events alone and compared with the chain (invariant 14).
contract Market is World {
    using Slots for Timing;

    uint256 internal constant GOPS = 10;
    uint256 internal constant PROVIDERS = 3;
    uint256 internal constant DEVICES = 14;
    uint32 internal constant OPEN = type(uint32).max;

    /// @dev What the events say of a provider's stake.
    struct Book {
        uint256 active;
        uint256 unbonding;
        uint256 locked;
        uint256 paidIn;
        uint256 paidOut;
        uint256 slashed;
        uint256 rewarded;
    }

    struct Commitment {
        Commit commit;
        uint256 key;
        bool used;
        bool asked;
    }

    struct Ask {
        uint256 epoch;
        uint256 device;
        bytes32 id;
    }

    // Verbs and how they went.
    string[] internal _verbs;
    mapping(string verb => uint256) public calls;
    mapping(string verb => uint256) public successes;

    // Who plays: provider 0 is honest.
    uint256[] internal _providerKeys;
    uint256[] internal _requesterKeys;
    uint256[] internal _oracleKeys;
    address[] internal _providers;
    address[] internal _requesters;
    address internal _stranger;
    uint256 internal _honestDevice;
    /// One more than the slot it committed in last.
    uint256 internal _honestSlot;
    Timing internal _timing;
    mapping(address oracle => uint256 key) internal _keyOf;
    BlacklistToken internal _blacklist;
    IToken[] internal _tokens;

    // Books from events.
    mapping(address provider => Book) internal _books;
    mapping(address token => uint256) internal _open;
    mapping(address token => mapping(address account => uint256)) internal _owed;
    mapping(address token => uint256) internal _fees;
    mapping(uint256 job => uint256) internal _funded;
    mapping(uint256 job => uint256) internal _left;
    mapping(address provider => mapping(uint256 request => uint256 block_)) internal _askedAt;
    uint256 internal _bonds;
    uint256 internal _minted;
    uint256 internal _burned;
    uint256 internal _deposits;

    // What was played.
    mapping(uint256 job => Job) internal _jobs;
    uint256 internal _jobCount;
    Commitment[] internal _commitments;
    Ask[] internal _asks;
    mapping(uint256 epoch => mapping(uint256 device => Leaf)) internal _leaves;
    mapping(uint256 epoch => mapping(uint256 device => Outcome[])) internal _rows;
    mapping(uint256 epoch => uint256 size) internal _sizes;
    mapping(uint256 epoch => bool) internal _lied;
    mapping(address oracle => bool) internal _signed;
    mapping(uint256 device => uint256) internal _claimed;
    mapping(address account => uint256) internal _withdrawable;

    constructor() {
        _loadWorld();
        for (uint32 i = 0; i < PROVIDERS; ++i) {
            uint256 key = 0x9000 + i;
            _providerKeys.push(key);
            _providers.push(vm.addr(key));
            _give(_providers[i], 10_000_000e18);
            vm.prank(_providers[i]);
            tbnd.approve(address(staking), type(uint256).max);
        }
        _stranger = vm.addr(0xbad);
        vm.deal(_stranger, 1e30);
        _blacklist = new BlacklistToken();
        _tokens.push(dollar);
        _tokens.push(IToken(address(_blacklist)));
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(governor);
            jobEscrow.allowToken(address(_tokens[i]), 1 << 87);
        }
        for (uint256 i = 0; i < 2; ++i) {
            _requesterKeys.push(0xa000 + i);
            _requesters.push(vm.addr(0xa000 + i));
            for (uint256 t = 0; t < _tokens.length; ++t) {
                _tokens[t].mint(_requesters[i], type(uint112).max);
                vm.prank(_requesters[i]);
                _tokens[t].approve(address(jobEscrow), type(uint256).max);
            }
        }
        vm.recordLogs();
        for (uint256 i = 0; i < 4; ++i) {
            _join();
        }
        _seat(0);
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            vm.prank(_providers[i]);
            staking.stake(1_000e18);
        }
        vm.prank(_providers[0]);
        _honestDevice = registry.register(0, GOPS, 1);
        vm.prank(_providers[1]);
        registry.register(0, GOPS, 2);
        vm.prank(_providers[2]);
        registry.register(1, GOPS, 1);
        _timing = registry.timingEntry(0);
        _rollTo(_timing.fromBlock + 1);
        _read();
    }

    // ------------------------------------------------------------------------------------------------------------ stake

    function stake(uint256 seed) external {
        _begin("stake");
        address provider = _provider(seed);
        vm.prank(provider);
        staking.stake(_amount(seed, 1, 5_000e18));
        _done("stake");
    }

    function stakeWithPermit(uint256 seed) external {
        _begin("stakeWithPermit");
        uint256 who = seed % PROVIDERS;
        uint256 amount = _amount(seed, 1, 100e18);
        uint256 deadline = vm.getBlockTimestamp() + 1;
        bytes32 content = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                _providers[who],
                address(staking),
                amount,
                tbnd.nonces(_providers[who]),
                deadline
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(_providerKeys[who], keccak256(bytes.concat("\x19\x01", tbnd.DOMAIN_SEPARATOR(), content)));
        if (seed & 1 << 200 != 0) _permitted(_providers[who], amount, deadline, v, r, s); // seen, and sent by another
        vm.prank(_providers[who]);
        staking.stakeWithPermit(amount, deadline, v, r, s);
        vm.prank(_providers[who]);
        tbnd.approve(address(staking), type(uint256).max);
        _done("stakeWithPermit");
    }

    function unbond(uint256 seed) external {
        _begin("unbond");
        address provider = _provider(seed);
        _stakeAtLeast(provider, 1e18);
        _unbond(provider, _amount(seed, 1, staking.freeOf(provider)));
        _done("unbond");
    }

    function withdraw(uint256 seed) external {
        _begin("withdraw");
        address provider = _provider(seed);
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        if (s.firstRequest == s.nextRequest) {
            _stakeAtLeast(provider, 1e18);
            _unbond(provider, _amount(seed, 1, staking.freeOf(provider)));
        }
        uint256 maturesAt = staking.requestOf(provider, s.firstRequest).maturesAt;
        if (seed & 1 << 201 != 0 && _now() < maturesAt) {
            _refuse(provider, address(staking), abi.encodeCall(staking.withdraw, ()), "withdrawn before its time");
            return;
        }
        _advanceTo(maturesAt);
        uint256 before = tbnd.balanceOf(provider);
        uint256 need = staking.withdrawableOf(provider);
        vm.prank(provider);
        uint256 amount = staking.withdraw();
        equal(tbnd.balanceOf(provider) - before, amount, "withdraw: paid");
        isTrue(amount <= need, "withdraw: more than withdrawable");
        uint256 known = _withdrawable[provider];
        _withdrawable[provider] = known > amount ? known - amount : 0;
        _done("withdraw");
    }

    // ---------------------------------------------------------------------------------------------------------- devices

    function register(uint256 seed) external {
        _begin("register");
        if (registry.deviceCount() >= DEVICES) return;
        _register(_providers[1 + (seed % 2)], (seed >> 2) % 2);
        _done("register");
    }

    function retire(uint256 seed) external {
        _begin("retire");
        uint256 device = _activeDevice(seed);
        vm.prank(registry.deviceOf(device).provider);
        registry.retire(device);
        _done("retire");
    }

    function discharge(uint256 seed) external {
        _begin("discharge");
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
        vm.prank(_stranger);
        workDisputes.discharge(device);
        equal(registry.bondOf(device), 0, "discharged with a bond");
        _done("discharge");
    }

    // ------------------------------------------------------------------------------------------------------- challenges

    function seal(uint256 seed) external {
        _begin("seal");
        uint256 slot = _unsealed(seed);
        vm.prank(_stranger);
        challenges.seal(slot);
        _done("seal");
    }

    function commit(uint256 seed) external {
        _begin("commit");
        _commit(_activeDevice(seed), seed);
        _done("commit");
    }

    function requestItem(uint256 seed) external {
        _begin("requestItem");
        _ask(_fresh(seed), seed);
        _done("requestItem");
    }

    function returnItemDeposit(uint256 seed) external {
        _begin("returnItemDeposit");
        Commitment storage made = _asked(seed);
        Place memory place = Place(PlaceKind.Sample, 0, 0);
        IChallenges.ItemRequest memory request = challenges.requestOf(made.commit.device, made.commit.slot, place);
        _advanceTo(uint256(request.deadline) + 1);
        if (request.asker == address(0)) return;
        uint256 before = request.asker.balance;
        challenges.returnDeposit(made.commit.device, made.commit.slot, place);
        equal(request.asker.balance - before, request.deposit, "deposit");
        _done("returnItemDeposit");
    }

    function proveMissed(uint256 seed) external {
        _begin("proveMissed");
        for (uint256 i = 0; i < 4; ++i) {
            uint256 present = _slot();
            for (uint256 slot = present < 12 ? 0 : present - 12; slot < present; ++slot) {
                if (challenges.beaconOf(slot) == 0) challenges.seal(slot);
                uint256 device = 1 + (seed % registry.deviceCount());
                if (!challenges.isDrawn(device, slot) || challenges.recordOf(device, slot) != 0) continue;
                isTrue(device != _honestDevice, "the honest device missed a slot");
                vm.prank(_stranger);
                workDisputes.proveMissed(device, slot);
                _done("proveMissed");
                return;
            }
            _advanceTo(_now() + 20);
            seed = uint256(keccak256(abi.encode(seed)));
        }
    }

    function proveTwoEvidences(uint256 seed) external {
        _begin("proveTwoEvidences");
        Commitment storage made = _fresh(seed);
        made.used = true;
        bytes32[2] memory roots = [keccak256(abi.encode(seed)), keccak256(abi.encode(seed, 1))];
        bytes[2] memory signatures;
        for (uint256 i = 0; i < 2; ++i) {
            signatures[i] = _signature(made.key, challenges.evidenceDigest(made.commit.commitment, roots[i]));
        }
        vm.prank(_stranger);
        workDisputes.proveTwoEvidences(made.commit, roots, signatures);
        _refuse(
            _stranger,
            address(workDisputes),
            abi.encodeCall(workDisputes.proveTwoEvidences, (made.commit, roots, signatures)),
            "slashed twice for one slot"
        );
        _done("proveTwoEvidences");
    }

    function proveWithheld(uint256 seed) external {
        _begin("proveWithheld");
        Commitment storage made = _asked(seed);
        if (made.used) return;
        made.used = true;
        Place memory place = Place(PlaceKind.Sample, 0, 0);
        _advanceTo(uint256(challenges.requestOf(made.commit.device, made.commit.slot, place).deadline) + 1);
        vm.prank(_stranger);
        workDisputes.proveWithheld(made.commit, place);
        _done("proveWithheld");
    }

    function enforce(uint256 seed) external {
        _begin("enforce");
        Commitment storage made = _fresh(seed);
        made.used = true;
        uint256 epoch = registry.timingAt(made.commit.slot).epochOf(made.commit.slot);
        if (attestations.nextEpoch() > epoch) return;
        if (!_attestThrough(epoch, made.commit.device, made.commit.slot, seed)) return;
        _finish(epoch);
        uint256 index = _rowOf(epoch, made.commit.device, made.commit.slot, 0);
        if (index == type(uint256).max || attestations.statusOf(epoch) != EpochStatus.Final) return;
        vm.prank(_stranger);
        workDisputes.enforce(_proof(epoch, made.commit.device), _outcome(epoch, made.commit.device, index));
        _done("enforce");
    }

    // ---------------------------------------------------------------------------------------------------------- oracles

    function join(uint256) external {
        _begin("join");
        if (_oracleKeys.length >= 60) return;
        _join();
        _done("join");
    }

    function leave(uint256 seed) external {
        _begin("leave");
        address oracle = _oracle(seed);
        if (oracle == address(0)) return;
        vm.prank(oracle);
        attestations.leave();
        _done("leave");
    }

    function withdrawBond(uint256 seed) external {
        _begin("withdrawBond");
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
        vm.prank(oracle);
        equal(attestations.withdrawBond(), attestations.BOND(), "bond");
        _done("withdrawBond");
    }

    function seat(uint256 seed) external {
        _begin("seat");
        if (_seat(seed)) _done("seat");
    }

    function attest(uint256 seed) external {
        _begin("attest");
        if (_attest(seed, 0, 0)) _done("attest");
    }

    function close(uint256) external {
        _begin("close");
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
        _begin("proveEquivocation");
        (bool any, uint256 epoch) = _attestedEpoch(seed);
        if (!any) return;
        (bytes32 root, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        uint256 index;
        while ((attested.signers >> index) & 1 == 0) ++index;
        address oracle = attestations.memberOf(attested.setId, index);
        if (attestations.bondOf(oracle).amount == 0) return;
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
        vm.prank(_stranger);
        attestationDisputes.proveEquivocation(first, one, second, other, attested.setId, index);
        equal(attestations.bondOf(oracle).amount, 0, "an equivocator kept its bond");
        _done("proveEquivocation");
    }

    function proveBadWeight(uint256 seed) external {
        _begin("proveBadWeight");
        for (uint256 i = 0; i < 2; ++i) {
            (bool any, uint256 epoch) = _attestedEpoch(seed);
            if (any && _lied[epoch]) {
                uint256 device = _devices();
                if (_leaves[epoch][device].provider == address(0)) return;
                vm.prank(_stranger);
                attestationDisputes.proveBadWeight(_proof(epoch, device));
                isTrue(attestations.statusOf(epoch) != EpochStatus.Attested, "a proven lie stands");
                _done("proveBadWeight");
                return;
            }
            _attest(seed | 1 << 203, 0, 0);
        }
    }

    function requestLeaf(uint256 seed) external {
        _begin("requestLeaf");
        if (_requestLeaf(seed)) _done("requestLeaf");
    }

    function answerLeaf(uint256 seed) external {
        _begin("answerLeaf");
        if (!_requestLeaf(seed)) return;
        Ask memory asked = _asks[_asks.length - 1];
        _asks.pop();
        _answer(asked);
        _done("answerLeaf");
    }

    function returnLeafDeposit(uint256 seed) external {
        _begin("returnLeafDeposit");
        if (_asks.length == 0 && !_requestLeaf(seed)) return;
        Ask memory asked = _asks[_asks.length - 1];
        _asks.pop();
        (bool stands, uint256 answerBy) = _answerBy(asked);
        if (!stands) return;
        _advanceTo(answerBy + 1);
        attestations.returnDeposit(asked.id);
        _done("returnLeafDeposit");
    }

    function proveWithheldLeaf(uint256 seed) external {
        _begin("proveWithheldLeaf");
        if (_asks.length == 0 && !_requestLeaf(seed)) return;
        Ask memory asked = _asks[_asks.length - 1];
        _asks.pop();
        (bool stands, uint256 answerBy) = _answerBy(asked);
        if (!stands) return;
        (, IAttestations.Attested memory attested) = attestations.attestedOf(asked.epoch);
        if (answerBy + 1 > attested.provableUntil || _now() > attested.provableUntil) return;
        _advanceTo(answerBy + 1);
        vm.prank(_stranger);
        attestationDisputes.proveWithheldLeaf(asked.epoch, asked.device);
        isTrue(attestations.nextEpoch() == asked.epoch, "not revoked");
        _done("proveWithheldLeaf");
    }

    // ---------------------------------------------------------------------------------------------------------- rewards

    function claim(uint256 seed) external {
        _begin("claim");
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
                vm.prank(_stranger);
                rewards.claim(proof);
                _refuse(_stranger, address(rewards), call, "claimed twice");
                _done("claim");
                return;
            }
            if (_attest(seed, 0, 0)) _finish(attestations.nextEpoch() - 1);
        }
    }

    // ------------------------------------------------------------------------------------------------------------- jobs

    function fund(uint256 seed) external {
        _begin("fund");
        _fund(seed);
        _done("fund");
    }

    function accept(uint256 seed) external {
        _begin("accept");
        uint256 job = _fund(seed);
        _accept(job, seed);
        _done("accept");
    }

    function submit(uint256 seed) external {
        _begin("submit");
        _submit(_acceptedJob(seed), seed);
        _done("submit");
    }

    function approve(uint256 seed) external {
        _begin("approve");
        uint256 job = _submittedJob(seed);
        Job memory state = _jobs[job];
        _refuse(_stranger, address(jobEscrow), abi.encodeCall(jobEscrow.approve, (job, state)), "approved by a stranger");
        vm.prank(state.terms.requester);
        jobEscrow.approve(job, state);
        _close(job, JobStatus.Settled);
        _refuse(
            state.terms.requester, address(jobEscrow), abi.encodeCall(jobEscrow.approve, (job, _jobs[job])), "paid twice"
        );
        _done("approve");
    }

    function settle(uint256 seed) external {
        _begin("settle");
        (bool decided, uint256 job, uint256 epoch, uint256 index) = _decided(seed | 1 << 204);
        if (!decided || _rows[epoch][_jobs[job].device][index].result != 1) return;
        Job memory state = _jobs[job];
        _advanceTo(uint256(state.submittedAt) + state.terms.reviewBlocks + 1);
        vm.prank(_stranger);
        jobEscrow.settle(job, state, _proof(epoch, state.device), _outcome(epoch, state.device, index));
        _close(job, JobStatus.Settled);
        _done("settle");
    }

    function refundByOutcome(uint256 seed) external {
        _begin("refundByOutcome");
        (bool decided, uint256 job, uint256 epoch, uint256 index) = _decided(seed & ~(uint256(1) << 204));
        if (!decided || _rows[epoch][_jobs[job].device][index].result == 1) return;
        Job memory state = _jobs[job];
        vm.prank(_stranger);
        jobEscrow.refundByOutcome(job, state, _proof(epoch, state.device), _outcome(epoch, state.device, index));
        _close(job, JobStatus.Refunded);
        _done("refundByOutcome");
    }

    function refund(uint256 seed) external {
        _begin("refund");
        uint256 job = seed % 3 == 0 ? _fund(seed) : seed % 3 == 1 ? _acceptedJob(seed) : _submittedJob(seed);
        Job memory state = _jobs[job];
        uint256 after_ = state.status == JobStatus.Funded ? state.terms.acceptBy : state.terms.submitBy;
        if (state.status == JobStatus.Submitted) {
            after_ = uint256(state.terms.refundAt) + registry.timingAt(state.forcedSlot).proofBlocks;
        }
        bytes memory call = abi.encodeCall(jobEscrow.refund, (job, state));
        if (_now() <= state.terms.acceptBy) _refuse(_stranger, address(jobEscrow), call, "refunded early");
        _advanceTo(after_ + 1);
        vm.prank(_stranger);
        jobEscrow.refund(job, state);
        _close(job, JobStatus.Refunded);
        _done("refund");
    }

    function collect(uint256 seed) external {
        _begin("collect");
        // The token refuses the provider its pay, which then waits.
        uint256 job = _fundIn(seed, _tokens[1]);
        _accept(job, seed);
        _submit(job, seed);
        Job memory state = _jobs[job];
        _blacklist.setBlocked(state.provider, true);
        vm.prank(state.terms.requester);
        jobEscrow.approve(job, state);
        _close(job, JobStatus.Settled);
        _refuse(
            _stranger,
            address(jobEscrow),
            abi.encodeCall(jobEscrow.collect, (state.provider, address(_blacklist))),
            "paid while blocked"
        );
        _blacklist.setBlocked(state.provider, false);
        uint256 before = _blacklist.balanceOf(state.provider);
        uint256 amount = jobEscrow.collect(state.provider, address(_blacklist));
        equal(_blacklist.balanceOf(state.provider) - before, amount, "collected");
        _done("collect");
    }

    function sweep(uint256 seed) external {
        _begin("sweep");
        IToken token = _tokens[seed % 2];
        if (jobEscrow.ledgerOf(address(token)).fees == 0) {
            uint256 job = _fundIn(seed | (1 << 60), token);
            _accept(job, seed);
            _submit(job, seed);
            vm.prank(_jobs[job].terms.requester);
            jobEscrow.approve(job, _jobs[job]);
            _close(job, JobStatus.Settled);
        }
        if (jobEscrow.ledgerOf(address(token)).fees == 0) return;
        uint256 before = token.balanceOf(jobEscrow.feeRecipient());
        uint256 amount = jobEscrow.sweep(address(token));
        equal(token.balanceOf(jobEscrow.feeRecipient()) - before, amount, "swept");
        _done("sweep");
    }

    function setFee(uint256 seed) external {
        _begin("setFee");
        uint256 bps = bound(seed, 0, jobEscrow.MAX_FEE_BPS());
        vm.prank(governor);
        jobEscrow.setFee(bps);
        bytes memory call = abi.encodeCall(jobEscrow.setFee, (bound(seed, jobEscrow.MAX_FEE_BPS() + 1, type(uint256).max)));
        _refuse(governor, address(jobEscrow), call, "a fee above the bound");
        _done("setFee");
    }

    // ------------------------------------------------------------------------------------------------------------- time

    function wait(uint256 seed) external {
        _begin("wait");
        _advanceTo(_now() + 1 + (seed % 60));
        _done("wait");
    }

    // -------------------------------------------------------------------------------------------------- what must not be

    /// @dev Calls that nobody may make, from anybody, with any argument.
    function hostile(uint256 seed) external {
        _begin("hostile");
        address who = seed % 2 == 0 ? _stranger : _provider(seed);
        address victim = _providers[0];
        uint256 amount = _amount(seed, 1, 1_000e18);
        _refuse(who, address(staking), abi.encodeCall(staking.lock, (victim, amount)), "lock");
        _refuse(who, address(staking), abi.encodeCall(staking.unlock, (victim, amount)), "unlock");
        _refuse(who, address(registry), abi.encodeCall(registry.release, (_honestDevice)), "release");
        _refuse(who, address(registry), abi.encodeCall(registry.suspend, (_honestDevice, 0)), "suspend");
        _refuse(who, address(registry), abi.encodeCall(registry.debit, (_honestDevice, amount)), "debit");
        _refuse(who, address(registry), abi.encodeCall(registry.discharge, (_honestDevice)), "discharge");
        _refuse(who, address(challenges), abi.encodeWithSelector(challenges.recordFault.selector, _honestDevice, seed % 64, 0, 0), "fault");
        _refuse(who, address(challenges), abi.encodeWithSelector(challenges.recordMiss.selector, _honestDevice, seed % 64, 0, 0), "miss");
        _refuse(who, address(tbnd), abi.encodeCall(tbnd.mint, (who, amount)), "mint");
        _refuse(who, address(attestations), abi.encodeCall(attestations.revoke, (seed % 64)), "revoke");
        _refuse(
            who, address(attestations), abi.encodeCall(attestations.punish, (seed % 64, who, OracleFault.BadSum, 0)), "punish"
        );
        _refuse(who, address(jobEscrow), abi.encodeCall(jobEscrow.setFee, (0)), "setFee");
        _refuse(who, address(jobEscrow), abi.encodeCall(jobEscrow.allowToken, (who, 1)), "allowToken");
        staking.release(victim);
        IProviderStaking.Stake memory s = staking.stakeOf(victim);
        _refuse(victim, address(staking), abi.encodeCall(staking.unbond, (uint256(s.active) - s.locked + 1)), "unbond locked");
        _refuseThin(seed);
        _done("hostile");
    }

    // ------------------------------------------------------------------------------------------------------- invariants

    /// @notice Reverts with the invariant's number unless all hold.
    function check() external {
        _read();
        _checkStake();
        _checkEscrow();
        _checkRewards();
        _checkOracles();
        equal(address(challenges).balance + address(attestations).balance, _deposits, "2: deposits");
    }

    function verbCount() external view returns (uint256) {
        return _verbs.length;
    }

    function tallyOf(uint256 index) external view returns (string memory verb, uint256 called, uint256 succeeded) {
        verb = _verbs[index];
        return (verb, calls[verb], successes[verb]);
    }

    function _checkStake() private {
        uint256 total;
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            address provider = _providers[i];
            IProviderStaking.Stake memory s = staking.stakeOf(provider);
            Book storage book = _books[provider];
            total += uint256(s.active) + s.unbonding;
            equal(s.active, book.active, "14: active");
            equal(s.unbonding, book.unbonding, "14: unbonding");
            equal(s.locked, book.locked, "14: locked");
            equal(uint256(s.active) + s.unbonding + book.paidOut + book.slashed, book.paidIn + book.rewarded, "3: in and out");
            isTrue(s.locked <= uint256(s.active) + s.unbonding, "5: locked");
            isTrue(s.shares >= s.active, "3: a share is worth more than a wei");
            uint256 can = staking.withdrawableOf(provider);
            isTrue(can <= s.unbonding, "3: withdrawable");
            if (book.slashed == _slashedBefore[provider]) isTrue(can >= _withdrawable[provider], "4: withdrawable fell");
            _withdrawable[provider] = can;
            _slashedBefore[provider] = book.slashed;
        }
        equal(staking.totalStaked(), total, "1: tracked total");
        isTrue(tbnd.balanceOf(address(staking)) >= total, "1: balance");
        equal(_books[_providers[0]].slashed, 0, "10: the honest provider was slashed");
        Timing memory timing = registry.timingEntry(registry.timingCount() - 1);
        uint256 exposed = timing.epochBlocks() + timing.attestBlocks + 2 * uint256(timing.proofBlocks);
        isTrue(staking.UNBONDING_BLOCKS() >= exposed, "12: unbonding");
    }

    mapping(address provider => uint256) internal _slashedBefore;

    function _checkEscrow() private view {
        for (uint256 t = 0; t < _tokens.length; ++t) {
            address token = address(_tokens[t]);
            uint256 owed;
            for (uint256 i = 0; i < PROVIDERS; ++i) {
                owed += _owed[token][_providers[i]];
                equal(jobEscrow.owedOf(_providers[i], token), _owed[token][_providers[i]], "14: owed");
            }
            IJobEscrow.Ledger memory ledger = jobEscrow.ledgerOf(token);
            equal(ledger.tracked, _open[token] + owed + _fees[token], "2: tracked");
            equal(ledger.fees, _fees[token], "14: fees");
            isTrue(_tokens[t].balanceOf(address(jobEscrow)) >= ledger.tracked, "2: balance");
        }
        for (uint256 job = 1; job <= _jobCount; ++job) {
            JobStatus status = _jobs[job].status;
            bool ended = status == JobStatus.Settled || status == JobStatus.Refunded;
            // An ended one was compared when it ended.
            if (ended && _left[job] == 0 && job + 2 < _jobCount) continue;
            isTrue(jobEscrow.jobHash(job) == keccak256(abi.encode(_jobs[job])), "7: the job's state");
            equal(_left[job], ended ? 0 : _funded[job], "7: a job's money leaves once");
        }
    }

    function _checkRewards() private {
        isTrue(rewards.totalClaimed() <= attestations.finalEmission(), "6: claimed above the emission");
        isTrue(tbnd.totalSupply() <= tbnd.CAP(), "6: supply");
        for (uint256 device = 1; device <= registry.deviceCount(); ++device) {
            isTrue(rewards.claimedOf(device) >= _claimed[device], "6: a claim fell");
            _claimed[device] = rewards.claimedOf(device);
        }
    }

    function _checkOracles() private view {
        isTrue(tbnd.balanceOf(address(attestations)) >= attestations.totalBonded(), "1: bonds");
        equal(attestations.totalBonded(), _bonds, "14: bonds");
    }

    // ------------------------------------------------------------------------------------------- books kept from events

    /// @dev One event for each change of a balance: whatever has none shows up as a difference.
    function _read() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            address from = logs[i].emitter;
            if (from == address(staking)) _readStaking(logs[i]);
            else if (from == address(jobEscrow)) _readEscrow(logs[i]);
            else if (from == address(attestations)) _readAttestations(logs[i]);
            else if (from == address(challenges)) _readChallenges(logs[i]);
        }
    }

    function _readStaking(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (log.topics.length < 2) return;
        address provider = _account(log.topics[1]);
        Book storage book = _books[provider];
        if (topic == IProviderStaking.StakeDeposited.selector) {
            book.active += _word(log.data, 0);
            book.paidIn += _word(log.data, 0);
        } else if (topic == IProviderStaking.UnbondingStarted.selector) {
            book.active -= _word(log.data, 0);
            book.unbonding += _word(log.data, 0);
            _askedAt[provider][uint256(log.topics[2])] = _now();
            isTrue(book.active >= book.locked, "5: an owner's unbond cut into locked");
        } else if (topic == IProviderStaking.StakeWithdrawn.selector) {
            book.unbonding -= _word(log.data, 0);
            book.paidOut += _word(log.data, 0);
            uint256 askedAt = _askedAt[provider][uint256(log.topics[2])];
            isTrue(_now() >= askedAt + staking.UNBONDING_BLOCKS(), "12: withdrawn too soon");
        } else if (topic == IProviderStaking.StakeLocked.selector) {
            book.locked += _word(log.data, 0);
        } else if (topic == IProviderStaking.StakeUnlocked.selector) {
            book.locked -= _word(log.data, 0);
        } else if (topic == IProviderStaking.RewardReleased.selector) {
            book.active += _word(log.data, 0);
            book.rewarded += _word(log.data, 0);
        } else if (topic == IProviderStaking.StakeSlashed.selector) {
            _readSlash(book, log.data);
        }
    }

    /// @dev reason, evidence, fromVesting, fromActive, fromUnbonding, toChallenger, toVictim, burned, …
    function _readSlash(Book storage book, bytes memory data) private {
        (uint256 fromActive, uint256 fromUnbonding) = (_word(data, 3), _word(data, 4));
        uint256 taken = _word(data, 2) + fromActive + fromUnbonding;
        book.active -= fromActive;
        book.unbonding -= fromUnbonding;
        book.locked -= taken;
        book.slashed += fromActive + fromUnbonding;
        equal(_word(data, 5) + _word(data, 6) + _word(data, 7), taken, "9: slash");
        isTrue(_word(data, 5) * 4 <= taken && _word(data, 6) * 4 <= taken, "9: shares");
    }

    function _readEscrow(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IJobEscrow.JobFunded.selector) {
            (uint256 job, address token) = (uint256(log.topics[1]), _account(log.topics[3]));
            _left[job] = _funded[job] = _jobs[job].terms.price;
            _open[token] += _funded[job];
        } else if (topic == IJobEscrow.JobSettled.selector) {
            (uint256 job, address token) = (uint256(log.topics[1]), _account(log.topics[3]));
            _left[job] -= _word(log.data, 1) + _word(log.data, 2);
            _open[token] -= _word(log.data, 1) + _word(log.data, 2);
            _fees[token] += _word(log.data, 2);
        } else if (topic == IJobEscrow.JobRefunded.selector) {
            (uint256 job, address token) = (uint256(log.topics[1]), _account(log.topics[3]));
            _left[job] -= _word(log.data, 1);
            _open[token] -= _word(log.data, 1);
        } else if (topic == IJobEscrow.PaymentDeferred.selector) {
            _owed[_account(log.topics[2])][_account(log.topics[1])] += _word(log.data, 0);
        } else if (topic == IJobEscrow.PaymentCollected.selector) {
            _owed[_account(log.topics[2])][_account(log.topics[1])] -= _word(log.data, 0);
        } else if (topic == IJobEscrow.FeesSwept.selector) {
            _fees[_account(log.topics[1])] -= _word(log.data, 0) + _word(log.data, 1);
        }
    }

    function _readAttestations(Vm.Log memory log) private {
        bytes32 topic = log.topics[0];
        if (topic == IAttestations.OracleJoined.selector) {
            _bonds += _word(log.data, 0);
        } else if (topic == IAttestations.BondWithdrawn.selector) {
            _bonds -= _word(log.data, 0);
        } else if (topic == IAttestations.OracleSlashed.selector) {
            isTrue(_signed[_account(log.topics[1])], "10: an oracle that signed nothing was slashed");
            _bonds -= _word(log.data, 2);
            equal(_word(log.data, 3) + _word(log.data, 4), _word(log.data, 2), "9: bond");
            isTrue(_word(log.data, 3) * 4 <= _word(log.data, 2), "9: the challenger's share");
        } else if (topic == IAttestations.LeafRequested.selector) {
            _deposits += _word(log.data, 1);
        } else if (topic == IAttestations.LeafAnswered.selector) {
            _deposits -= _word(log.data, 1);
        } else if (topic == IAttestations.DepositReturned.selector) {
            _deposits -= _word(log.data, 0);
        }
    }

    function _readChallenges(Vm.Log memory log) private {
        if (log.topics[0] == IChallenges.ItemRequested.selector) _deposits += _word(log.data, log.data.length / 32 - 2);
        if (log.topics[0] == IChallenges.DepositReturned.selector) _deposits -= _word(log.data, log.data.length / 32 - 1);
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), mul(index, 32)))
        }
    }

    function _account(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    // -------------------------------------------------------------------------------------------------- what verbs need

    function _begin(string memory verb) private {
        if (calls[verb]++ == 0) _verbs.push(verb);
    }

    function _done(string memory verb) private {
        ++successes[verb];
    }

    /// @dev The call must revert. What it logged before it did is forgotten.
    function _refuse(address sender, address target, bytes memory data, string memory what) private {
        _read();
        vm.prank(sender);
        (bool ok,) = target.call(data);
        isTrue(!ok, what);
        vm.getRecordedLogs();
    }

    function _permitted(address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) private {
        (bool ok,) = address(tbnd).call(
            abi.encodeWithSignature(
                "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
                owner,
                address(staking),
                amount,
                deadline,
                v,
                r,
                s
            )
        );
        isTrue(ok, "permit");
    }

    function _give(address to, uint256 amount) private {
        vm.prank(treasury);
        tbnd.transfer(to, amount);
    }

    function _signature(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _provider(uint256 seed) private view returns (address) {
        return _providers[(seed >> 8) % PROVIDERS];
    }

    /// @dev Often a bound, often something small, else anything between.
    function _amount(uint256 seed, uint256 least, uint256 most) private pure returns (uint256) {
        uint256 kind = (seed >> 16) % 8;
        if (kind == 0) return most;
        if (kind == 1) return least;
        if (kind == 2 && most > 1_000) return bound(seed >> 24, least, 1_000);
        return bound(seed >> 24, least, most);
    }

    function _devices() private view returns (uint256) {
        return registry.deviceCount();
    }

    function _stakeAtLeast(address provider, uint256 amount) private {
        uint256 free = staking.freeOf(provider);
        if (free >= amount) return;
        IProviderStaking.Stake memory s = staking.stakeOf(provider);
        // After slashes less may be active than locked.
        uint256 short = s.locked > s.active ? s.locked - s.active : 0;
        vm.prank(provider);
        staking.stake(amount - free + short);
    }

    function _unbond(address provider, uint256 amount) private {
        vm.prank(provider);
        staking.unbond(amount);
        _read();
    }

    // Devices

    function _register(address provider, uint256 classId) private returns (uint256 device) {
        _stakeAtLeast(provider, GOPS * 1e18);
        vm.prank(provider);
        device = registry.register(classId, GOPS, 1);
    }

    function _find(uint256 seed, function(uint256) view returns (bool) fits) private view returns (uint256) {
        uint256 count = _devices();
        for (uint256 i = 0; i < count; ++i) {
            uint256 device = 1 + (((seed >> 32) + i) % count);
            if (device != _honestDevice && fits(device)) return device;
        }
        return 0;
    }

    function _isActive(uint256 device) private view returns (bool) {
        return registry.deviceOf(device).untilSlot == OPEN && registry.isActive(device, _slot());
    }

    function _isFree(uint256 device) private view returns (bool) {
        return _isActive(device) && !registry.isHeld(device);
    }

    function _isRetirable(uint256 device) private view returns (bool) {
        return registry.deviceOf(device).untilSlot == OPEN;
    }

    function _isEnded(uint256 device) private view returns (bool) {
        return registry.deviceOf(device).untilSlot != OPEN && registry.bondOf(device) != 0;
    }

    function _activeDevice(uint256 seed) private returns (uint256 device) {
        return _newDevice(seed, _find(seed, _isActive));
    }

    function _newDevice(uint256 seed, uint256 found) private returns (uint256 device) {
        if (found != 0) return found;
        device = _register(_providers[1 + (seed % 2)], 0);
        Timing memory timing = registry.timingNow();
        _advanceTo(timing.lastBlock(timing.epochOf(_slot())) + 2);
    }

    // Time. The honest device commits in every slot that passes, and whoever signed answers.

    function _advanceTo(uint256 target) private {
        Timing memory timing = _timing;
        while (_now() < target) {
            uint256 slot = timing.slotAt(_now());
            _commitHonest(timing, slot);
            uint256 next = timing.startOf(slot + 1) + 1;
            _rollTo(target < next ? target : next);
        }
        // Never stop where the honest device would be late.
        uint256 here = timing.slotAt(_now());
        if (_now() == timing.startOf(here + 1) - 1) _rollTo(_now() + 2);
        _commitHonest(timing, timing.slotAt(_now()));
    }

    function _commitHonest(Timing memory timing, uint256 slot) private {
        if (_honestSlot >= slot + 1 || slot < timing.epochSlots) return;
        if (_now() == timing.startOf(slot)) _rollTo(_now() + 1);
        _honestSlot = slot + 1;
        vm.prank(_providers[0]);
        challenges.commit(uint128(_honestDevice), uint128(slot), keccak256(abi.encode(slot)));
    }

    function _unsealed(uint256 seed) private returns (uint256 slot) {
        slot = _slot();
        uint256 least = slot < 100 ? 0 : slot - 100;
        slot = bound(seed, least, slot);
        for (uint256 i = 0; i < 8 && slot > least && challenges.beaconOf(slot) != 0; ++i) --slot;
        if (challenges.beaconOf(slot) == 0 && registry.timingAt(slot).startOf(slot) < _now()) return slot;
        // The next one, before the honest device's commitment seals it.
        slot = _slot() + 1;
        _rollTo(_timing.startOf(slot) + 1);
        return slot;
    }

    // Commitments

    function _commit(uint256 device, uint256 seed) private returns (Commitment storage made) {
        Timing memory timing = registry.timingNow();
        uint256 slot = _slot();
        for (; challenges.recordOf(device, slot) != 0 || _now() + 1 >= timing.startOf(slot + 1); ++slot) {}
        _advanceTo(timing.startOf(slot) + 1);
        if (!registry.isActive(device, slot)) return _commit(_activeDevice(seed), seed);
        address provider = registry.deviceOf(device).provider;
        bytes32 commitment = keccak256(abi.encode("commitment", device, slot, seed));
        vm.prank(provider);
        challenges.commit(uint128(device), uint128(slot), commitment);
        made = _commitments.push();
        made.commit = Commit(device, slot, commitment, vm.getBlockTimestamp(), provider);
        made.key = _keyOfProvider(provider);
    }

    function _keyOfProvider(address provider) private view returns (uint256) {
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            if (_providers[i] == provider) return _providerKeys[i];
        }
        revert Untrue("a provider");
    }

    /// @dev One that no fault was proven of.
    function _fresh(uint256 seed) private returns (Commitment storage made) {
        uint256 count = _commitments.length;
        if (count > 0) {
            made = _commitments[count - 1];
            bool recent = made.commit.slot + 3 > _slot();
            if (!made.used && !made.asked && recent && seed % 2 == 0) return made;
        }
        return _commit(_activeDevice(seed), seed);
    }

    function _ask(Commitment storage made, uint256) private {
        (uint256 device, uint256 slot) = (made.commit.device, made.commit.slot);
        made.asked = true;
        _advanceTo(registry.timingAt(slot + 1).startOf(slot + 2) + 1);
        Place memory place = Place(PlaceKind.Sample, 0, 0);
        if (challenges.beaconOf(slot) == 0) challenges.seal(slot);
        uint256 deposit = challenges.depositOf(device, slot, place) + 3;
        vm.prank(_stranger);
        challenges.requestItem{value: deposit}(device, slot, 0);
    }

    function _asked(uint256 seed) private returns (Commitment storage made) {
        for (uint256 i = _commitments.length; i > 0 && i + 6 > _commitments.length; --i) {
            made = _commitments[i - 1];
            if (made.asked && !made.used) return made;
        }
        made = _commit(_activeDevice(seed), seed);
        _ask(made, seed);
    }

    // Oracles

    function _join() private returns (address oracle) {
        uint256 key = 0x0ac1e000 + _oracleKeys.length;
        oracle = vm.addr(key);
        _oracleKeys.push(key);
        _keyOf[oracle] = key;
        uint256 bond = attestations.BOND();
        _give(oracle, bond);
        vm.prank(oracle);
        tbnd.approve(address(attestations), bond);
        vm.prank(oracle);
        attestations.join("http://oracle");
    }

    /// @dev A bonded one.
    function _oracle(uint256 seed) private view returns (address) {
        uint256 count = _oracleKeys.length;
        for (uint256 i = 0; i < count; ++i) {
            address oracle = vm.addr(_oracleKeys[((seed >> 8) + i) % count]);
            IAttestations.Bond memory bond = attestations.bondOf(oracle);
            if (bond.amount != 0 && bond.leftEpoch == 0) return oracle;
        }
        return address(0);
    }

    function _leaver(uint256 seed) private view returns (address) {
        uint256 count = _oracleKeys.length;
        for (uint256 i = 0; i < count; ++i) {
            address oracle = vm.addr(_oracleKeys[((seed >> 8) + i) % count]);
            IAttestations.Bond memory bond = attestations.bondOf(oracle);
            if (bond.amount != 0 && bond.leftEpoch != 0) return oracle;
        }
        return address(0);
    }

    /// @dev Four bonded oracles, in order of their addresses, from the first epoch on that is allowed.
    function _seat(uint256 seed) private returns (bool) {
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
            vm.prank(governor);
            try attestations.seat(members, 3, from + i + (count == 0 ? 0 : seed % 2)) {
                return true;
            } catch {} // solhint-disable-line no-empty-blocks
        }
        return false;
    }

    /// @dev Every epoch up to this one final or void.
    function _settleThrough(uint256 epoch) private {
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

    function _finish(uint256 epoch) private {
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        _advanceTo(uint256(attested.provableUntil) + 1);
    }

    function _attestedEpoch(uint256 seed) private returns (bool, uint256) {
        uint256 next = attestations.nextEpoch();
        if (next == 0 || attestations.statusOf(next - 1) != EpochStatus.Attested) {
            if (!_attest(seed, 0, 0)) return (false, 0);
            next = attestations.nextEpoch();
        }
        return (true, next - 1);
    }

    function _finalEpoch() private view returns (bool, uint256) {
        uint256 next = attestations.nextEpoch();
        for (uint256 i = next; i > 0 && i + 6 > next; --i) {
            if (attestations.statusOf(i - 1) == EpochStatus.Final) return (true, i - 1);
        }
        return (false, 0);
    }

    /// @dev Attest up to this epoch, which then names the device's slot as a bad item.
    function _attestThrough(uint256 epoch, uint256 device, uint256 slot, uint256 seed) private returns (bool) {
        for (uint256 i = 0; i < 12 && attestations.nextEpoch() <= epoch; ++i) {
            if (!_attest(seed, device, slot)) return false;
        }
        return attestations.nextEpoch() > epoch && attestations.statusOf(epoch) == EpochStatus.Attested;
    }

    /// @dev The next epoch, by as many members as the quorum takes; closes those that are overdue.
    function _attest(uint256 seed, uint256 device, uint256 slot) private returns (bool) {
        for (uint256 i = 0; i < 40 && _now() > attestations.deadline(); ++i) {
            attestations.close(attestations.nextEpoch());
        }
        uint256 epoch = attestations.nextEpoch();
        _advanceTo(registry.timingOf(epoch).lastBlock(epoch) + 1);
        if (_now() > attestations.deadline()) return false;
        uint256 setId = attestations.setOf(epoch);
        if (setId == 0) return false;
        _tell(epoch, device, slot, seed);
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

    function _statement(uint256 epoch, uint256 setId) private view returns (Statement memory statement) {
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

    function _hashOf(uint256 number) private view returns (bytes32 hash) {
        hash = blockhash(number);
        if (hash != 0) return hash;
        (, bytes memory answer) = HISTORY.staticcall(abi.encode(number));
        return abi.decode(answer, (bytes32));
    }

    function _signatures(Statement memory statement, uint256 setId, uint256 need, uint256 seed)
        private
        returns (bool, uint256 signers, bytes memory signatures)
    {
        address[] memory members = attestations.membersOf(setId);
        uint256 excluded = attestations.oracleSet(setId).excluded;
        uint256 skip = seed % members.length;
        uint256 count;
        bytes32 digest = attestations.statementDigest(statement);
        uint256 willing;
        for (uint256 i = 0; i < members.length; ++i) {
            if ((excluded >> i) & 1 == 0) ++willing;
        }
        if (willing < need) return (false, 0, "");
        for (uint256 i = 0; i < members.length && count < need; ++i) {
            if ((excluded >> i) & 1 != 0) continue;
            if (i == skip && willing > need) continue;
            signers |= 1 << i;
            signatures = bytes.concat(signatures, _signature(_keyOf[members[i]], digest));
            _signed[members[i]] = true;
            ++count;
        }
        return (true, signers, signatures);
    }

    /// @dev Fewer than a quorum, one twice, or a stranger: none attests (invariant 11).
    function _refuseThin(uint256 seed) private {
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

    function _slice(bytes memory signatures) private pure returns (bytes memory first) {
        first = new bytes(65);
        for (uint256 i = 0; i < 65; ++i) {
            first[i] = signatures[i];
        }
    }

    // What an epoch says

    /// @dev Every device's leaf: honest sums and rewards, forced outcomes as the seed has them, the named slot a bad item; and a weight
    /// that is one too much in the last leaf if the seed says so.
    function _tell(uint256 epoch, uint256 device, uint256 slot, uint256 seed) private {
        uint256 count = _devices();
        _sizes[epoch] = count;
        bool lie = (seed >> 203) & 1 != 0;
        _lied[epoch] = lie;
        uint256 total;
        for (uint256 d = 1; d <= count; ++d) {
            delete _rows[epoch][d];
            Leaf storage leaf = _leaves[epoch][d];
            Device memory known = registry.deviceOf(d);
            leaf.device = uint32(d);
            leaf.provider = known.provider;
            leaf.classId = known.classId;
            leaf.dueC = leaf.passedC = leaf.dueRoll = leaf.passedRoll = 1;
            leaf.minGops = uint32(1 + (seed % GOPS));
            uint256 lastSlot = registry.timingOf(epoch).firstSlot(epoch + 1) - 1;
            bool active = known.fromEpoch <= epoch && lastSlot < known.untilSlot;
            leaf.weight = uint96(active ? 1 + (seed % GOPS) : 0);
            if (lie && d == count) ++leaf.weight;
            total += leaf.weight;
        }
        if (slot != 0 && registry.timingAt(slot).epochOf(slot) == epoch) {
            Outcome storage row = _rows[epoch][device].push();
            row.slot = uint32(slot);
            row.result = 3;
            row.witness = keccak256("witness");
        }
        for (uint256 job = 1; job <= _jobCount; ++job) {
            if (_jobs[job].status != JobStatus.Accepted && _jobs[job].status != JobStatus.Submitted) continue;
            uint256 forced = _jobs[job].forcedSlot;
            if (registry.timingAt(forced).epochOf(forced) != epoch) continue;
            Outcome storage row = _rows[epoch][_jobs[job].device].push();
            row.slot = uint32(forced);
            row.kind = 3;
            row.job = uint64(job);
            row.result = uint8((seed >> 204) & 1 != 0 ? 1 : 2 + (seed % 4));
            if (row.result != 2 && row.result != 4) row.witness = keccak256("witness");
        }
        _sum(epoch, count, total);
    }

    function _sum(uint256 epoch, uint256 count, uint256 total) private {
        (bool any, uint256 before) = _standing(epoch);
        for (uint256 d = 1; d <= count; ++d) {
            Leaf storage leaf = _leaves[epoch][d];
            uint256 sum = any ? _leaves[before][d].cumulativeReward : 0;
            if (total != 0) sum += (Emission.at(epoch) * leaf.weight) / total;
            leaf.cumulativeReward = uint128(sum);
            bytes32[] memory hashes = _hashes(epoch, d);
            leaf.outcomeCount = uint16(hashes.length);
            leaf.outcomesRoot = 0;
            if (hashes.length != 0) (leaf.outcomesRoot,) = Trees.climbOutcomes(hashes, 0);
        }
    }

    function _standing(uint256 epoch) private view returns (bool, uint256) {
        for (uint256 i = epoch; i > 0; --i) {
            EpochStatus status = attestations.statusOf(i - 1);
            if (status == EpochStatus.Attested || status == EpochStatus.Final) return (true, i - 1);
        }
        return (false, 0);
    }

    function _hashes(uint256 epoch, uint256 device) private view returns (bytes32[] memory hashes) {
        Outcome[] storage rows = _rows[epoch][device];
        hashes = new bytes32[](rows.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(rows[i]));
        }
    }

    function _row(uint256 epoch) private view returns (bytes32[] memory hashes, uint96[] memory sums) {
        uint256 size = _sizes[epoch] + 1;
        hashes = new bytes32[](size);
        sums = new uint96[](size);
        for (uint256 d = 1; d < size; ++d) {
            hashes[d] = keccak256(abi.encode(_leaves[epoch][d]));
            sums[d] = _leaves[epoch][d].weight;
        }
    }

    function _proof(uint256 epoch, uint256 device) private view returns (LeafProof memory proof) {
        (bytes32[] memory hashes, uint96[] memory sums) = _row(epoch);
        proof.epoch = epoch;
        proof.leaf = _leaves[epoch][device];
        (,, proof.path) = Trees.climb(hashes, sums, device);
    }

    function _rowOf(uint256 epoch, uint256 device, uint256 slot, uint256 job) private view returns (uint256) {
        Outcome[] storage rows = _rows[epoch][device];
        for (uint256 i = 0; i < rows.length; ++i) {
            if (rows[i].slot == slot && rows[i].job == job) return i;
        }
        return type(uint256).max;
    }

    function _outcome(uint256 epoch, uint256 device, uint256 index) private view returns (OutcomeProof memory proof) {
        proof.outcome = _rows[epoch][device][index];
        proof.index = index;
        (, proof.path) = Trees.climbOutcomes(_hashes(epoch, device), index);
    }

    // Leaves that are asked for

    function _requestLeaf(uint256 seed) private returns (bool) {
        (bool any, uint256 epoch) = _attestedEpoch(seed);
        if (!any) return false;
        (, IAttestations.Attested memory attested) = attestations.attestedOf(epoch);
        uint256 last = attested.provableUntil - registry.timingOf(epoch).proofBlocks / 2;
        if (_now() > last) {
            if (!_attest(seed, 0, 0)) return false;
            epoch = attestations.nextEpoch() - 1;
        }
        uint256 device = 1 + ((seed >> 40) % _sizes[epoch]);
        (bytes32 id,) = attestations.leafRequestOf(epoch, device);
        for (uint256 i = 0; i < _asks.length; ++i) {
            if (_asks[i].id == id) return false;
        }
        uint256 deposit = attestations.leafDepositOf(epoch) + 5;
        vm.prank(_stranger);
        (bool ok,) = address(attestations).call{value: deposit}(abi.encodeCall(attestations.requestLeaf, (epoch, device)));
        if (!ok) return false; // asked for before
        _asks.push(Ask(epoch, device, id));
        return true;
    }

    function _answerBy(Ask memory asked) private view returns (bool, uint256) {
        if (attestations.statusOf(asked.epoch) == EpochStatus.Open) return (false, 0);
        if (attestations.statusOf(asked.epoch) == EpochStatus.Void) return (false, 0);
        (bytes32 id,) = attestations.leafRequestOf(asked.epoch, asked.device);
        (, IAttestations.Attested memory attested) = attestations.attestedOf(asked.epoch);
        uint256 proofBlocks = registry.timingOf(asked.epoch).proofBlocks;
        return (id == asked.id, attested.provableUntil - proofBlocks / 4);
    }

    function _answer(Ask memory asked) private {
        LeafProof memory proof = _proof(asked.epoch, asked.device);
        Outcome[] memory rows = _rows[asked.epoch][asked.device];
        uint256 before = _stranger.balance;
        vm.prank(_stranger);
        uint256 paid = attestations.answerLeaf(asked.epoch, asked.device, proof.leaf, proof.path, rows);
        equal(_stranger.balance - before, paid, "answer: paid");
    }

    // Jobs

    function _fund(uint256 seed) private returns (uint256 job) {
        return _fundIn(seed, _tokens[seed % 2]);
    }

    function _fundIn(uint256 seed, IToken token) private returns (uint256 job) {
        Timing memory timing = registry.timingNow();
        Terms memory terms;
        terms.requester = _requesters[(seed >> 4) % 2];
        terms.token = address(token);
        terms.price = uint96(_amount(seed, 1, 1e24));
        terms.minGops = 1;
        terms.collateral = uint96((seed >> 205) & 3 == 0 ? 0 : _amount(seed >> 3, 1, 500e18));
        terms.acceptBy = uint40(_now() + 45);
        terms.submitBy = uint40(_now() + 90);
        terms.reviewBlocks = uint32(5 + ((seed >> 100) % 60));
        uint256 decision = timing.slotBlocks + timing.epochBlocks() + timing.attestBlocks + timing.proofBlocks;
        terms.refundAt = uint40(terms.submitBy + 2 * decision + 60);
        job = ++_jobCount;
        Job storage state = _jobs[job];
        state.terms = terms;
        state.feeBps = uint16(jobEscrow.feeBps());
        state.status = JobStatus.Funded;
        vm.prank(terms.requester);
        equal(jobEscrow.fund(terms), job, "job");
    }

    function _accept(uint256 job, uint256 seed) private {
        Job storage state = _jobs[job];
        uint256 device = _find(seed, _fits);
        if (device == 0) {
            device = _register(_providers[1 + (seed % 2)], 0);
            Timing memory timing = registry.timingNow();
            _advanceTo(timing.lastBlock(timing.epochOf(_slot())) + 2);
        }
        address provider = registry.deviceOf(device).provider;
        _stakeAtLeast(provider, state.terms.collateral);
        vm.prank(provider);
        jobEscrow.accept(job, state, device);
        state.status = JobStatus.Accepted;
        state.provider = provider;
        state.device = uint32(device);
        Timing memory t = registry.timingNow();
        state.forcedSlot = uint32(t.slotAt(_now() + 2 * uint256(t.slotBlocks) - 1));
    }

    function _fits(uint256 device) private view returns (bool) {
        Timing memory t = registry.timingNow();
        uint256 forced = t.slotAt(_now() + 2 * uint256(t.slotBlocks) - 1);
        if (!_isFree(device) || registry.deviceOf(device).classId != 0) return false;
        for (uint256 job = _jobCount; job > 0; --job) {
            if (_jobs[job].device == device && _jobs[job].forcedSlot == forced) return false;
        }
        return registry.isActive(device, forced);
    }

    function _submit(uint256 job, uint256 seed) private {
        Job storage state = _jobs[job];
        vm.prank(state.provider);
        jobEscrow.submit(job, state, bytes32(seed));
        state.status = JobStatus.Submitted;
        state.submittedAt = uint40(_now());
        state.result = bytes32(seed);
    }

    function _close(uint256 job, JobStatus status) private {
        _jobs[job].status = status;
    }

    function _acceptedJob(uint256 seed) private returns (uint256 job) {
        for (job = _jobCount; job > 0; --job) {
            if (_jobs[job].status == JobStatus.Accepted && _now() <= _jobs[job].terms.submitBy) return job;
        }
        job = _fund(seed);
        _accept(job, seed);
    }

    function _submittedJob(uint256 seed) private returns (uint256 job) {
        for (job = _jobCount; job > 0 && seed & 1 << 206 != 0; --job) {
            if (_jobs[job].status == JobStatus.Submitted && _now() <= _jobs[job].terms.refundAt) return job;
        }
        job = _acceptedJob(seed);
        _submit(job, seed);
    }

    /// @dev A submitted job whose forced outcome is final, and where that stands.
    function _decided(uint256 seed) private returns (bool, uint256 job, uint256 epoch, uint256 index) {
        job = _submittedJob(seed & ~(uint256(1) << 206));
        Job storage state = _jobs[job];
        epoch = registry.timingAt(state.forcedSlot).epochOf(state.forcedSlot);
        if (attestations.nextEpoch() > epoch) return (false, job, epoch, 0);
        if (!_attestThrough(epoch, 0, 0, seed & ~(uint256(1) << 203))) return (false, job, epoch, 0);
        _finish(epoch);
        index = _rowOf(epoch, state.device, state.forcedSlot, job);
        bool found = index != type(uint256).max && attestations.statusOf(epoch) == EpochStatus.Final;
        return (found, job, epoch, index);
    }
}
