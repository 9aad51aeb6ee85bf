// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Attestations} from "../../contracts/Attestations.sol";
import {IDeviceRegistry} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {ITensorbondToken} from "../../contracts/interfaces/ITensorbondToken.sol";
import {Statement} from "../../contracts/interfaces/IAttestations.sol";
import {vm} from "../forge/Vm.sol";
import {Everybody, OneDevice, Token} from "./Peers.sol";

/// @title Four members of whom three must sign, and every word that says who did.
contract Quorum {
    uint256 private constant MEMBERS = 4;
    uint256 private constant NEEDED = 3;
    uint256 private constant BOND = 1e24;
    uint256 private constant LAST_BLOCK = 15;

    Attestations private attestations;

    function setUp() public {
        Token token = new Token();
        attestations = new Attestations(
            address(new Everybody()),
            ITensorbondToken(address(token)),
            IDeviceRegistry(address(new OneDevice(address(1)))),
            address(this),
            BOND
        );
        address[] memory members = new address[](MEMBERS);
        for (uint256 n = 0; n < MEMBERS; ++n) {
            members[n] = address(uint160(0x1000 + n));
            token.give(members[n], BOND);
            vm.prank(members[n]);
            attestations.join("");
        }
        attestations.seat(members, NEEDED, 0);
        vm.roll(LAST_BLOCK + 1);
    }

    /// @custom:halmos --default-bytes-lengths 130,195,260 --solver-timeout-branching 500ms
    function check_attest__neverWithFewerThanTheQuorum(uint256 signers, bytes32 root, bytes calldata signatures) external {
        uint256 said = 0;
        for (uint256 n = 0; n < MEMBERS; ++n) {
            said += (signers >> n) & 1;
        }
        assert(!_attests(signers, root, signatures) || said >= NEEDED);
    }

    /// @custom:halmos --default-bytes-lengths 195,260 --solver-timeout-branching 500ms
    function check_attest__neverWithAStranger(uint256 signers, bytes32 root, bytes calldata signatures) external {
        assert(!_attests(signers, root, signatures) || signers >> MEMBERS == 0);
    }

    /// @custom:halmos --default-bytes-lengths 195,260 --solver-timeout-branching 500ms
    function check_attest__neverWithAMemberThatLeft(uint256 signers, bytes32 root, bytes calldata signatures) external {
        vm.prank(address(0x1001));
        attestations.leave();
        assert(!_attests(signers, root, signatures) || (signers >> 1) & 1 == 0);
    }

    /// @dev Each signature is the member's whose place it has: `ecrecover` is a function of which nothing else is known.
    /// @custom:halmos --default-bytes-lengths 195 --solver-timeout-branching 500ms
    function check_attest__onlyWithEachMembersOwn(bytes32 root, bytes calldata signatures) external {
        Statement memory statement = _statement(root);
        bytes32 digest = attestations.statementDigest(statement);
        if (!_attests(7, root, signatures)) return;
        for (uint256 n = 0; n < NEEDED; ++n) {
            bytes calldata one = signatures[65 * n:65 * n + 65];
            assert(ecrecover(digest, uint8(one[64]), bytes32(one[:32]), bytes32(one[32:64])) == address(uint160(0x1000 + n)));
        }
    }

    function _statement(bytes32 root) private view returns (Statement memory statement) {
        statement.lastBlockHash = blockhash(LAST_BLOCK);
        statement.root = root;
        statement.configDigest = attestations.configDigestOf(1);
    }

    function _attests(uint256 signers, bytes32 root, bytes calldata signatures) private returns (bool ok) {
        bytes memory call = abi.encodeCall(attestations.attest, (_statement(root), signers, signatures));
        (ok,) = address(attestations).call(call);
        assert(ok == (attestations.nextEpoch() == 1));
    }
}
