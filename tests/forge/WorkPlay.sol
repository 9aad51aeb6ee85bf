// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Commit, IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {Place, PlaceKind} from "../../contracts/interfaces/IItemOpening.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Openings} from "./Openings.sol";
import {vm} from "./Vm.sol";
import {IToken} from "./World.sol";

/// @title Devices, what they commit, and what can be proven of it without an opening.
abstract contract WorkPlay is Openings {
    using Slots for Timing;

    struct Commitment {
        Commit commit;
        uint256 key;
        bool used;
        bool asked;
        /// What was asked for.
        Place place;
    }

    Commitment[] internal _commitments;

    function register(uint256 seed) external {
        seed = _begin("register", seed);
        if (registry.deviceCount() >= DEVICES) return;
        _register(_other(seed), (seed >> 2) % 2);
        _done("register");
    }

    function retire(uint256 seed) external {
        seed = _begin("retire", seed);
        uint256 device = _activeDevice(seed);
        _leaving();
        vm.prank(registry.deviceOf(device).provider);
        registry.retire(device);
        _done("retire");
    }

    function seal(uint256 seed) external {
        seed = _begin("seal", seed);
        uint256 slot = _unsealed(seed);
        vm.prank(_stranger);
        challenges.seal(slot);
        _done("seal");
    }

    function commit(uint256 seed) external {
        seed = _begin("commit", seed);
        _commit(_activeDevice(seed), seed);
        _done("commit");
    }

    function requestItem(uint256 seed) external {
        seed = _begin("requestItem", seed);
        _ask(_fresh(seed), Place(PlaceKind.Sample, uint64((seed >> 8) % 16), 0));
        _done("requestItem");
    }

    /// @dev Any tile, not only one that is sampled.
    function requestPlace(uint256 seed) external {
        seed = _begin("requestPlace", seed);
        _ask(_fresh(seed), Place(PlaceKind.Tile, uint64((seed >> 8) % 2), uint64((seed >> 16) % TILES)));
        _done("requestPlace");
    }

    function returnItemDeposit(uint256 seed) external {
        seed = _begin("returnItemDeposit", seed);
        Commitment storage made = _asked(seed);
        Place memory place = made.place;
        IChallenges.ItemRequest memory request = challenges.requestOf(made.commit.device, made.commit.slot, place);
        _advanceTo(uint256(request.deadline) + 1);
        if (request.asker == address(0)) return;
        uint256 before = request.asker.balance;
        _leaving();
        challenges.returnDeposit(made.commit.device, made.commit.slot, place);
        equal(request.asker.balance - before, request.deposit, "deposit");
        _done("returnItemDeposit");
    }

    function proveMissed(uint256 seed) external {
        seed = _begin("proveMissed", seed);
        for (uint256 i = 0; i < 4; ++i) {
            uint256 present = _slot();
            for (uint256 slot = present < 12 ? 0 : present - 12; slot < present; ++slot) {
                if (challenges.beaconOf(slot) == 0) challenges.seal(slot);
                uint256 device = 1 + (seed % registry.deviceCount());
                if (!challenges.isDrawn(device, slot) || challenges.recordOf(device, slot) != 0) continue;
                isTrue(device != _honestDevice, "the honest device missed a slot");
                _leaving();
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
        seed = _begin("proveTwoEvidences", seed);
        Commitment storage made = _fresh(seed);
        _leaving();
        _proveTwoEvidences(made, seed);
        _done("proveTwoEvidences");
    }

    function proveWithheld(uint256 seed) external {
        seed = _begin("proveWithheld", seed);
        Commitment storage made = _asked(seed);
        if (made.used) return;
        made.used = true;
        Place memory place = made.place;
        _advanceTo(uint256(challenges.requestOf(made.commit.device, made.commit.slot, place).deadline) + 1);
        _leaving();
        vm.prank(_stranger);
        workDisputes.proveWithheld(made.commit, place);
        _done("proveWithheld");
    }

    /// @dev A provider lets its delegators' stake back its devices; they leave, and it is short.
    function suspendUncovered(uint256 seed) external {
        seed = _begin("suspendUncovered", seed);
        (address provider, address delegator) = (_other(seed), _delegator(seed));
        uint256 device = _find(seed, _isActive);
        if (device != 0) provider = registry.deviceOf(device).provider;
        else device = _newDevice(seed, 0);
        provider = registry.deviceOf(device).provider;
        bytes memory call = abi.encodeCall(registry.suspendUncovered, (device));
        _unbondRest(provider);
        uint256 worth = staking.stakeOf(provider).active;
        if (!_delegate(provider, delegator, worth)) return;
        _unbondRest(provider);
        for (uint256 i = 0; i < DELEGATORS; ++i) {
            if (staking.delegatedOf(provider, _delegators[i]) == 0) continue;
            vm.prank(_delegators[i]);
            staking.undelegate(provider, type(uint256).max);
        }
        if (staking.shortSince(provider) == 0) {
            _refuse(_stranger, address(registry), call, "suspended though covered");
            return;
        }
        _refuse(provider, address(registry), abi.encodeCall(registry.register, (0, GOPS, 1)), "5: more locked while short");
        uint256 graceUntil = staking.shortSince(provider) + uint256(_timing.slotBlocks) * _timing.epochSlots;
        if (_now() <= graceUntil) _refuse(_stranger, address(registry), call, "suspended within the grace");
        _advanceTo(graceUntil + 1);
        staking.release(provider); // what has vested may cover it
        if (staking.shortSince(provider) == 0 || registry.deviceOf(device).untilSlot != OPEN) return;
        _leaving();
        vm.prank(_stranger);
        registry.suspendUncovered(device);
        isTrue(registry.deviceOf(device).untilSlot == _slot() + 1, "suspended");
        _done("suspendUncovered");
    }

    /// @dev A key of its own commits for the provider's devices in a session, until the provider takes it back.
    function openSession(uint256 seed) external {
        seed = _begin("openSession", seed);
        uint256 device = _activeDevice(seed);
        address provider = registry.deviceOf(device).provider;
        uint256 count = device < _devices() && registry.deviceOf(device + 1).provider == provider ? 2 : 1;
        bytes memory call = abi.encodeCall(challenges.openSession, (device, count));
        (uint256 slot, uint256 key) = (_openSlot(device), 0xd000 + (seed % 4));
        _refuse(_stranger, address(challenges), call, "a stranger's session");
        _setOperator(provider, key);
        vm.prank(vm.addr(key));
        challenges.openSession(device, count);
        bytes32 commitment = _workOf(device, slot, false).commitment;
        vm.prank(vm.addr(key));
        challenges.commit(uint128(device), uint128(slot), commitment);
        Commitment storage made = _commitments.push();
        made.commit = Commit(device, slot, commitment, vm.getBlockTimestamp(), vm.addr(key));
        made.key = key;
        vm.prank(provider);
        staking.setOperator(address(0), "");
        call = abi.encodeCall(challenges.commit, (uint128(device + count - 1), uint128(_openSlot(device + count - 1)), commitment));
        _refuse(vm.addr(key), address(challenges), call, "a revoked key committed");
        _done("openSession");
    }

    // ------------------------------------------------------------------------------------------------ what these need

    function _register(address provider, uint256 classId) internal returns (uint256 device) {
        _stakeAtLeast(provider, GOPS * 1e18);
        _admit(provider, address(registry), abi.encodeCall(registry.register, (classId, GOPS, 1)));
        vm.prank(provider);
        device = registry.register(classId, GOPS, 1);
    }

    function _find(uint256 seed, function(uint256) view returns (bool) fits) internal view returns (uint256) {
        uint256 count = _devices();
        for (uint256 i = 0; i < count; ++i) {
            uint256 device = 1 + (((seed >> 32) + i) % count);
            if (device != _honestDevice && fits(device)) return device;
        }
        return 0;
    }

    function _isActive(uint256 device) internal view returns (bool) {
        return registry.deviceOf(device).untilSlot == OPEN && registry.isActive(device, _slot());
    }

    function _isFree(uint256 device) internal view returns (bool) {
        return _isActive(device) && !registry.isHeld(device);
    }

    function _isRetirable(uint256 device) internal view returns (bool) {
        return registry.deviceOf(device).untilSlot == OPEN;
    }

    function _isEnded(uint256 device) internal view returns (bool) {
        return registry.deviceOf(device).untilSlot != OPEN && registry.bondOf(device) != 0;
    }

    function _activeDevice(uint256 seed) internal returns (uint256 device) {
        return _newDevice(seed, _find(seed, _isActive));
    }

    function _newDevice(uint256 seed, uint256 found) internal returns (uint256 device) {
        if (found != 0) return found;
        device = _register(_other(seed), 0);
        Timing memory timing = registry.timingNow();
        _advanceTo(timing.lastBlock(timing.epochOf(_slot())) + 2);
    }

    function _unsealed(uint256 seed) internal returns (uint256 slot) {
        slot = _slot();
        uint256 least = slot < 100 ? 0 : slot - 100;
        slot = bound(seed, least, slot);
        for (uint256 i = 0; i < 8 && slot > least && challenges.beaconOf(slot) != 0; ++i) --slot;
        if (challenges.beaconOf(slot) == 0 && registry.timingAt(slot).startOf(slot) < _now()) return slot;
        // The next one, before the honest device's commitment seals it.
        _advanceTo(_now());
        slot = _slot() + 1;
        _rollTo(_timing.startOf(slot) + 1);
        _writeHeader(_timing.startOf(slot));
        return slot;
    }

    function _proveTwoEvidences(Commitment storage made, uint256 seed) internal {
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
    }

    function _setOperator(address provider, uint256 key) private {
        bytes32 content = keccak256(
            abi.encode(
                keccak256("Operator(address provider,address operator,uint256 nonce)"),
                provider,
                vm.addr(key),
                IToken(address(staking)).nonces(provider)
            )
        );
        bytes memory signature = _signature(key, _typed("ProviderStaking", address(staking), content));
        bytes memory call = abi.encodeCall(staking.setOperator, (vm.addr(key), _signature(0xbad, bytes32(key))));
        _refuse(provider, address(staking), call, "an operator without its signature");
        vm.prank(provider);
        staking.setOperator(vm.addr(key), signature);
    }

    function _unbondRest(address provider) private {
        uint256 most = _unbondable(provider, 0);
        if (most == 0) return;
        _unbond(provider, most);
    }

    /// @return slot One in whose window the play is now, and for which the device has not committed.
    function _openSlot(uint256 device) internal returns (uint256 slot) {
        Timing memory timing = registry.timingNow();
        slot = _slot();
        for (; challenges.recordOf(device, slot) != 0 || _now() + 1 >= timing.startOf(slot + 1); ++slot) {}
        _advanceTo(timing.startOf(slot) + 1);
    }

    function _commit(uint256 device, uint256 seed) internal returns (Commitment storage made) {
        uint256 slot = _openSlot(device);
        if (!registry.isActive(device, slot)) return _commit(_activeDevice(seed), seed);
        return _commitTo(device, slot, _workOf(device, slot, false).commitment);
    }

    function _commitTo(uint256 device, uint256 slot, bytes32 commitment) internal returns (Commitment storage made) {
        address provider = registry.deviceOf(device).provider;
        vm.prank(provider);
        challenges.commit(uint128(device), uint128(slot), commitment);
        made = _commitments.push();
        made.commit = Commit(device, slot, commitment, vm.getBlockTimestamp(), provider);
        made.key = _keyOf[provider];
    }

    /// @dev One that no fault was proven of.
    function _fresh(uint256 seed) internal returns (Commitment storage made) {
        uint256 count = _commitments.length;
        if (count > 0) {
            made = _commitments[count - 1];
            bool recent = made.commit.slot + 3 > _slot();
            if (!made.used && !made.asked && recent && seed % 2 == 0) return made;
        }
        return _commit(_activeDevice(seed), seed);
    }

    function _ask(Commitment storage made, Place memory place) internal {
        (uint256 device, uint256 slot) = (made.commit.device, made.commit.slot);
        made.asked = true;
        made.place = place;
        _advanceTo(registry.timingAt(slot + 1).startOf(slot + 2) + 1);
        if (challenges.beaconOf(slot) == 0) challenges.seal(slot);
        uint256 deposit = challenges.depositOf(device, slot, place, tx.gasprice) + 3;
        vm.prank(_stranger);
        if (place.kind == PlaceKind.Sample) challenges.requestItem{value: deposit}(device, slot, place.first);
        else challenges.requestPlace{value: deposit}(device, slot, place);
    }

    function _asked(uint256 seed) internal returns (Commitment storage made) {
        for (uint256 i = _commitments.length; i > 0 && i + 6 > _commitments.length; --i) {
            made = _commitments[i - 1];
            if (made.asked && !made.used) return made;
        }
        made = _commit(_activeDevice(seed), seed);
        _ask(made, Place(seed % 2 == 0 ? PlaceKind.Sample : PlaceKind.Tile, 0, 0));
    }
}
