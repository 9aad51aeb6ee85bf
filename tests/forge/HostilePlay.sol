// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeafProof, OracleFault} from "../../contracts/interfaces/IAttestations.sol";
import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {OrderPlay} from "./OrderPlay.sol";
import {vm} from "./Vm.sol";

/// @title What must not be, whoever tries it: calls that belong to another, and any call at all with arguments drawn by type.
abstract contract HostilePlay is OrderPlay {
    /// @dev One verb that is not a view of a contract that was deployed, and the types of its arguments (`tests/forge/world.py`).
    struct Verb {
        address target;
        bytes4 selector;
        bytes program;
    }

    /// @dev What nobody may take from those who are honest.
    struct Honest {
        uint256 stake;
        uint256 owners;
        uint256 delegated;
        uint256 bond;
        uint256 deviceBond;
        uint256 tokens;
    }

    uint256 private constant CALLS = 8;

    Verb[] private _calls;
    uint256 internal _tried;
    uint256 internal _through;

    function wait(uint256 seed) external {
        seed = _begin("wait", seed);
        _advanceTo(_now() + 1 + (seed % 60));
        _done("wait");
    }

    /// @dev Calls that nobody may make, from anybody, with any argument.
    function hostile(uint256 seed) external {
        seed = _begin("hostile", seed);
        address who = seed % 2 == 0 ? _stranger : _provider(seed);
        address victim = _providers[0];
        uint256 amount = _amount(seed, 1, 1_000e18);
        bytes32 none;
        _refuse(who, address(staking), abi.encodeCall(staking.lock, (victim, amount)), "lock");
        _refuse(who, address(staking), abi.encodeCall(staking.unlock, (victim, amount)), "unlock");
        _refuse(who, address(staking), abi.encodeCall(staking.distribute, (victim, amount)), "distribute");
        _refuse(who, address(registry), abi.encodeCall(registry.release, (_honestDevice)), "release");
        _refuse(who, address(registry), abi.encodeCall(registry.suspend, (_honestDevice, 0)), "suspend");
        _refuse(who, address(registry), abi.encodeCall(registry.debit, (_honestDevice, amount)), "debit");
        _refuse(who, address(registry), abi.encodeCall(registry.discharge, (_honestDevice)), "discharge");
        bytes memory call = abi.encodeCall(registry.suspendUncovered, (_honestDevice));
        _refuse(who, address(registry), call, "suspend a covered one");
        call = abi.encodeWithSelector(challenges.recordFault.selector, _honestDevice, seed % 64, 0, none);
        _refuse(who, address(challenges), call, "fault");
        call = abi.encodeWithSelector(challenges.recordMiss.selector, _honestDevice, seed % 64, 0, none);
        _refuse(who, address(challenges), call, "miss");
        _refuse(who, address(challenges), abi.encodeCall(challenges.endSession, (victim)), "endSession");
        _refuse(who, address(tbnd), abi.encodeCall(tbnd.mint, (who, amount)), "mint");
        _refuse(who, address(attestations), abi.encodeCall(attestations.revoke, (seed % 64)), "revoke");
        call = abi.encodeCall(attestations.punish, (seed % 64, STANDING, who, OracleFault.BadSum, none));
        _refuse(who, address(attestations), call, "punish");
        _refuse(who, address(jobEscrow), abi.encodeCall(jobEscrow.setFee, (0)), "setFee");
        _refuse(who, address(jobEscrow), abi.encodeCall(jobEscrow.allowToken, (who, 1)), "allowToken");
        _refuse(who, address(leaseEscrow), abi.encodeCall(leaseEscrow.allowToken, (who, 1)), "allowToken");
        staking.release(victim);
        IProviderStaking.Stake memory s = staking.stakeOf(victim);
        call = abi.encodeCall(staking.unbond, (uint256(s.active) - s.locked + 1));
        _refuse(victim, address(staking), call, "unbond locked");
        _refuseThin(seed);
        _done("hostile");
    }

    /// @dev Whatever a stranger, or a provider that isn't honest, calls: several verbs in a row, then all is undone.
    function callAnything(uint256 seed) external {
        seed = _begin("callAnything", seed);
        _read();
        _tried += CALLS;
        try this.callAndUndo(seed, 0) {}
        catch (bytes memory answer) {
            _through += _throughOf(answer);
        }
        vm.getRecordedLogs();
        _done("callAnything");
    }

    /// @dev Always reverts. (Its second argument tells it from a verb.)
    function callAndUndo(uint256 seed, uint256) external {
        Honest memory before = _honest();
        uint256 through;
        for (uint256 i = 0; i < CALLS; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            Verb memory verb = _calls[seed % _calls.length];
            (bytes memory data,,) = _encode(verb.program, 0, seed);
            uint256 value = (seed >> 8) % 4 == 0 ? 1e18 : 0;
            address who = (seed >> 10) % 4 == 0 ? _other(seed >> 12) : _stranger;
            if (value != 0) vm.deal(who, 2e18);
            vm.prank(who);
            (bool ok,) = verb.target.call{value: value}(bytes.concat(verb.selector, data));
            if (ok) ++through;
        }
        Honest memory afterwards = _honest();
        isTrue(afterwards.stake >= before.stake, "10: an honest provider's stake");
        isTrue(afterwards.owners >= before.owners, "10: an honest owner's shares");
        isTrue(afterwards.delegated >= before.delegated, "10: an honest provider's delegators");
        isTrue(afterwards.bond >= before.bond, "10: an honest oracle's bond");
        isTrue(afterwards.deviceBond >= before.deviceBond, "10: an honest device's bond");
        isTrue(afterwards.tokens >= before.tokens, "10: a requester's tokens");
        isTrue(registry.deviceOf(_honestDevice).untilSlot == OPEN, "10: an honest device was suspended");
        isTrue(!challenges.faultsOf(_honestDevice).faulted, "10: a fault of an honest device");
        isTrue(challenges.faultsOf(_honestDevice).misses == 0, "10: a miss of an honest device");
        revert Undone(through);
    }

    function _honest() private view returns (Honest memory honest) {
        IProviderStaking.Stake memory s = staking.stakeOf(_providers[0]);
        honest.stake = uint256(s.active) + s.unbonding + s.vesting + s.vested;
        honest.owners = uint256(s.shares) - s.delegatedShares;
        honest.bond = attestations.bondOf(_honestOracle).amount;
        honest.deviceBond = registry.bondOf(_honestDevice);
        for (uint256 i = 0; i < DELEGATORS; ++i) {
            honest.delegated += staking.delegatedOf(_providers[0], _delegators[i]);
            honest.tokens += tbnd.balanceOf(_delegators[i]);
        }
        honest.tokens += tbnd.balanceOf(_providers[0]);
        for (uint256 t = 0; t < _tokens.length; ++t) {
            honest.tokens += _tokens[t].balanceOf(_requesters[0]) + _tokens[t].balanceOf(_requesters[1]);
            honest.tokens += _tokens[t].balanceOf(_sponsor);
        }
    }

    // --------------------------------------------------------------------------------------------- arguments by their types

    function _loadCalls() internal {
        string memory json = vm.readFile(".build/forge/calls.json");
        address[] memory targets = vm.parseJsonAddressArray(json, ".target");
        uint256[] memory selectors = vm.parseJsonUintArray(json, ".selector");
        bytes[] memory programs = vm.parseJsonBytesArray(json, ".program");
        for (uint256 i = 0; i < targets.length; ++i) {
            _calls.push(Verb(targets[i], bytes4(uint32(selectors[i])), programs[i]));
        }
    }

    /// @param at Where in the program a type begins: a letter and a number.
    /// @return data As abi.encode lays it, without the offset that a dynamic type has. @return next Where the next type begins.
    function _encode(bytes memory program, uint256 at, uint256 seed)
        private
        returns (bytes memory data, bool dynamic, uint256 next)
    {
        (bytes1 kind, uint256 size) = (program[at], uint8(program[at + 1]));
        seed = uint256(keccak256(abi.encode(seed, at)));
        next = at + 2;
        if (kind == "u") return (abi.encode(_number(seed) & (type(uint256).max >> (256 - 8 * size))), false, next);
        if (kind == "e") return (abi.encode(seed % size), false, next);
        if (kind == "a") return (abi.encode(_someone(seed)), false, next);
        if (kind == "w") return (abi.encode(bytes32(seed >> (256 - 8 * size) << (256 - 8 * size))), false, next);
        if (kind == "b") return (_bytes(seed), true, next);
        if (kind == "J") return (abi.encode(_jobs[seed % (_jobCount + 1)]), false, next);
        if (kind == "L") return (abi.encode(_leases[seed % (_leaseCount + 1)].terms), false, next);
        if (kind == "P") return (_tailOf(_someLeaf(seed)), true, next);
        if (kind == "C") {
            if (_commitments.length == 0) return (new bytes(160), false, next);
            return (abi.encode(_commitments[seed % _commitments.length].commit), false, next);
        }
        return _encodeMany(program, kind, size, next, seed);
    }

    /// @dev A tuple "(" of so many, an array "[" of any length, or one "{" of a fixed length.
    function _encodeMany(bytes memory program, bytes1 kind, uint256 size, uint256 at, uint256 seed)
        private
        returns (bytes memory data, bool dynamic, uint256 next)
    {
        uint256 count = kind == "[" ? seed % 3 : size;
        bytes[] memory parts = new bytes[](count);
        bool inner;
        bool[] memory moving = new bool[](count);
        uint256 heads;
        next = at;
        for (uint256 i = 0; i < count; ++i) {
            (parts[i], moving[i], next) = _encode(program, kind == "(" ? next : at, uint256(keccak256(abi.encode(seed, i))));
            heads += moving[i] ? 32 : parts[i].length;
            inner = inner || moving[i];
        }
        if (count == 0 && kind != "(") (,, next) = _encode(program, at, seed);
        bytes memory tails;
        for (uint256 i = 0; i < count; ++i) {
            data = bytes.concat(data, moving[i] ? abi.encode(heads + tails.length) : parts[i]);
            if (moving[i]) tails = bytes.concat(tails, parts[i]);
        }
        data = bytes.concat(data, tails);
        if (kind == "[") return (bytes.concat(bytes32(count), data), true, next);
        dynamic = inner;
    }

    /// @dev Of one dynamic value, without the word that says where it is.
    function _tailOf(bytes memory data) private pure returns (bytes memory tail) {
        tail = new bytes(data.length - 32);
        for (uint256 i = 32; i < data.length; i += 32) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                mstore(add(tail, i), mload(add(add(data, 32), i)))
            }
        }
    }

    function _someLeaf(uint256 seed) private view returns (bytes memory) {
        uint256 next = attestations.nextEpoch();
        uint256 epoch = next == 0 ? 0 : seed % next;
        LeafProof memory proof;
        if (_sizes[epoch] != 0) proof = _proof(epoch, 1 + (seed >> 16) % _sizes[epoch]);
        return abi.encode(proof);
    }

    function _bytes(uint256 seed) private pure returns (bytes memory) {
        uint256 size = (seed % 5) * 32;
        bytes memory content = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            content[i] = bytes1(uint8(seed >> (i % 31)));
        }
        return bytes.concat(bytes32(size), content);
    }

    function _number(uint256 seed) private view returns (uint256) {
        uint256 kind = seed % 10;
        if (kind == 0) return seed >> 8;
        if (kind == 1) return type(uint256).max;
        if (kind == 2) return 1 + (seed >> 8) % registry.deviceCount();
        if (kind == 3) return (seed >> 8) % (_jobCount + 1);
        if (kind == 4) return (seed >> 8) % (_leaseCount + 1);
        if (kind == 5) return (seed >> 8) % (_slot() + 2);
        if (kind == 6) return (seed >> 8) % (attestations.nextEpoch() + 2);
        if (kind == 7) return _now() + (seed >> 8) % 100;
        if (kind == 8) return (seed >> 8) % 1e20;
        return (seed >> 8) % 4;
    }

    function _someone(uint256 seed) private view returns (address) {
        uint256 kind = seed % 8;
        if (kind < 2) return _stranger;
        if (kind == 2) return _providers[(seed >> 8) % PROVIDERS];
        if (kind == 3) return _requesters[(seed >> 8) % 2];
        if (kind == 4) return _delegators[(seed >> 8) % DELEGATORS];
        if (kind == 5) return seed >> 16 & 1 == 0 ? _honestOracle : vm.addr(_oracleKeys[(seed >> 8) % _oracleKeys.length]);
        if (kind == 6) return address(_tokens[(seed >> 8) % 2]);
        return _calls[(seed >> 8) % _calls.length].target;
    }
}
