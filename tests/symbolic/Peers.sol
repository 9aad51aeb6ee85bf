// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EpochStatus, IAttestations, LeafProof} from "../../contracts/interfaces/IAttestations.sol";
import {Device} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {Timing} from "../../contracts/libraries/Slots.sol";

/// @dev The least of a token: balances.
contract Token {
    mapping(address account => uint256) public balanceOf;

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function burn(uint256 amount) external {
        balanceOf[msg.sender] -= amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

/// @dev Says that every epoch is final, with the root and weight that it was told, and how much was emitted.
contract FinalEpochs {
    uint256 public finalEmission;
    bytes32 private _root;
    uint96 private _weight;

    function emitted(uint256 amount) external {
        finalEmission = amount;
    }

    function rooted(bytes32 root, uint96 weight) external {
        (_root, _weight) = (root, weight);
    }

    function statusOf(uint256) external pure returns (EpochStatus) {
        return EpochStatus.Final;
    }

    function attestedOf(uint256) external view returns (bytes32 root, IAttestations.Attested memory attested) {
        attested.flags = 1;
        attested.totalWeight = _weight;
        return (_root, attested);
    }

    function requireFinalLeaf(LeafProof calldata) external pure {} // solhint-disable-line no-empty-blocks
}

/// @dev Lets everybody do what is for the governor.
contract Everybody {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @dev One device, always free, of one provider, in a schedule of short epochs.
contract OneDevice {
    address private immutable PROVIDER;

    constructor(address provider) {
        PROVIDER = provider;
    }

    function deviceOf(uint256) public view returns (Device memory device) {
        device.provider = PROVIDER;
        device.untilSlot = type(uint32).max;
    }

    function hold(uint256, uint256) external view returns (Device memory) {
        return deviceOf(1);
    }

    function force(uint256) external view returns (Device memory device, uint256 slot, uint256 startsAt, uint256 finalFrom) {
        return (deviceOf(1), 1, 0, 0);
    }

    function release(uint256) external {} // solhint-disable-line no-empty-blocks

    function decisionBlocks() external pure returns (uint256) {
        return 10;
    }

    function timingOf(uint256) external pure returns (Timing memory) {
        return timingNow();
    }

    function timingAt(uint256) external pure returns (Timing memory) {
        return timingNow();
    }

    function timingNow() public pure returns (Timing memory t) {
        (t.slotBlocks, t.epochSlots, t.attestBlocks, t.proofBlocks) = (4, 4, 32, 16);
    }
}

/// @dev Locks and slashes as it is told, without a stake of its own.
contract Collateral {
    function lock(address, uint256) external {} // solhint-disable-line no-empty-blocks
    function unlock(address, uint256) external {} // solhint-disable-line no-empty-blocks

    function operatorOf(address provider) external pure returns (address) {
        return provider;
    }
}

/// @dev Has signed everything, and sends what it is told.
contract Signer {
    function say(address to, bytes calldata call) external returns (bool ok) {
        // solhint-disable-next-line avoid-low-level-calls
        (ok,) = to.call(call);
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}
