// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPausable} from "../../contracts/interfaces/IPausable.sol";
import {BlacklistToken} from "../solidity/BlacklistToken.sol";
import {vm} from "./Vm.sol";
import {IToken, World} from "./World.sol";

/// @title Who plays, with which keys and tokens, and how often each verb was called and went through.
abstract contract Stage is World {
    uint256 internal constant GOPS = 10;
    uint256 internal constant PROVIDERS = 3;
    uint256 internal constant DELEGATORS = 2;
    uint256 internal constant DEVICES = 14;
    uint32 internal constant OPEN = type(uint32).max;
    uint256 internal constant STANDING = type(uint256).max;

    string[] internal _verbs;
    mapping(string verb => uint256) public calls;
    mapping(string verb => uint256) public successes;
    /// Of the successes, those while everything was paused.
    mapping(string verb => uint256) public underPause;

    // Provider 0 is honest.
    uint256[] internal _providerKeys;
    uint256[] internal _requesterKeys;
    uint256[] internal _oracleKeys;
    address[] internal _providers;
    address[] internal _delegators;
    uint256[] internal _delegatorKeys;
    address[] internal _requesters;
    address internal _sponsor;
    address internal _stranger;
    mapping(address account => uint256 key) internal _keyOf;
    BlacklistToken internal _blacklist;
    IToken[] internal _tokens;

    /// Whether the rooms are paused; and whether the next exit shall be tried that way.
    bool internal _shut;
    bool internal _shutNext;
    IPausable[3] internal _rooms;

    /// Ends what was done for its checks alone, so that nothing of it stays.
    error Undone(uint256 through);

    function _enterPlayers() internal {
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            _providerKeys.push(0x9000 + i);
            _providers.push(_player(0x9000 + i));
            _give(_providers[i], 10_000_000e18);
            _approve(_providers[i], tbnd, address(staking));
        }
        for (uint256 i = 0; i < DELEGATORS; ++i) {
            _delegatorKeys.push(0xb000 + i);
            _delegators.push(_player(0xb000 + i));
            _give(_delegators[i], 10_000_000e18);
            _approve(_delegators[i], tbnd, address(staking));
        }
        _stranger = _player(0xbad);
        vm.deal(_stranger, 1e30);
        _blacklist = new BlacklistToken();
        _tokens.push(dollar);
        _tokens.push(IToken(address(_blacklist)));
        _sponsor = _player(0xc000);
        for (uint256 i = 0; i < 2; ++i) {
            _requesterKeys.push(0xa000 + i);
            _requesters.push(_player(0xa000 + i));
        }
        for (uint256 t = 0; t < _tokens.length; ++t) {
            vm.prank(governor);
            jobEscrow.allowToken(address(_tokens[t]), 1 << 87);
            vm.prank(governor);
            leaseEscrow.allowToken(address(_tokens[t]), 1 << 87);
            for (uint256 i = 0; i < 3; ++i) {
                address payer = i == 2 ? _sponsor : _requesters[i];
                _tokens[t].mint(payer, type(uint104).max);
                _approve(payer, _tokens[t], address(jobEscrow));
                _approve(payer, _tokens[t], address(leaseEscrow));
            }
        }
        _rooms = [IPausable(address(registry)), IPausable(address(jobEscrow)), IPausable(address(leaseEscrow))];
    }

    function _player(uint256 key) private returns (address account) {
        account = vm.addr(key);
        _keyOf[account] = key;
    }

    // ------------------------------------------------------------------------------------------------------------ verbs

    /// @notice The books as the verb before left them are read and compared.
    function _check() internal virtual;

    /// @return Bits that are all alike drawn: the fuzzer likes small numbers.
    function _begin(string memory verb, uint256 seed) internal returns (uint256) {
        _check();
        if (calls[verb]++ == 0) _verbs.push(verb);
        return uint256(keccak256(abi.encode(seed)));
    }

    function _done(string memory verb) internal {
        ++successes[verb];
        if (_shut) ++underPause[verb];
    }

    /// @return through What an undone call had to say. A failure of another kind goes on.
    function _throughOf(bytes memory answer) internal pure returns (uint256 through) {
        bool undone = bytes4(answer) == Undone.selector;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            if iszero(undone) { revert(add(answer, 32), mload(answer)) }
            through := mload(add(answer, 36))
        }
    }

    /// @dev Comes right before an exit, which a pause must not block (invariant 13).
    function _leaving() internal {
        if (!_shutNext) return;
        _shutNext = false;
        _shut = true;
        for (uint256 i = 0; i < _rooms.length; ++i) {
            vm.prank(governor); // who is the guardian, too, in this deployment
            _rooms[i].pause();
        }
    }

    function _letIn() internal {
        if (!_shut) return;
        _shut = false;
        for (uint256 i = 0; i < _rooms.length; ++i) {
            vm.prank(governor);
            _rooms[i].unpause();
        }
    }

    // ---------------------------------------------------------------------------------------------------------- players

    function _give(address to, uint256 amount) internal {
        vm.prank(treasury);
        tbnd.transfer(to, amount);
    }

    function _approve(address owner, IToken token, address spender) internal {
        vm.prank(owner);
        token.approve(spender, type(uint256).max);
    }

    function _provider(uint256 seed) internal view returns (address) {
        return _providers[(seed >> 8) % PROVIDERS];
    }

    /// @dev Not the honest one.
    function _other(uint256 seed) internal view returns (address) {
        return _providers[1 + (seed % (PROVIDERS - 1))];
    }

    function _delegator(uint256 seed) internal view returns (address) {
        return _delegators[(seed >> 12) % DELEGATORS];
    }

    /// @dev Often a bound, often something small, else anything between.
    function _amount(uint256 seed, uint256 least, uint256 most) internal pure returns (uint256) {
        uint256 kind = (seed >> 16) % 8;
        if (kind == 0) return most;
        if (kind == 1) return least;
        if (kind == 2 && most > 1_000) return bound(seed >> 24, least, least > 1_000 ? least : 1_000);
        return bound(seed >> 24, least, most);
    }

    function _devices() internal view returns (uint256) {
        return registry.deviceCount();
    }

    // ------------------------------------------------------------------------------------------------------- signatures

    function _signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @return The EIP-712 digest of `content`, version "1".
    function _typed(string memory name, address at, bytes32 content) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                at
            )
        );
        return keccak256(bytes.concat("\x19\x01", domain, content));
    }

    /// @dev Of TBND.
    function _permit(address owner, address spender, uint256 amount, uint256 deadline)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 content = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                spender,
                amount,
                tbnd.nonces(owner),
                deadline
            )
        );
        return vm.sign(_keyOf[owner], keccak256(bytes.concat("\x19\x01", tbnd.DOMAIN_SEPARATOR(), content)));
    }

    function _permitted(address owner, address spender, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) internal {
        (bool ok,) = address(tbnd).call(
            abi.encodeWithSignature(
                "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
                owner,
                spender,
                amount,
                deadline,
                v,
                r,
                s
            )
        );
        isTrue(ok, "permit");
    }
}
