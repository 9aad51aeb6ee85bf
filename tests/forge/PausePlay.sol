// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPausable} from "../../contracts/interfaces/IPausable.sol";
import {HostilePlay} from "./HostilePlay.sol";

/// @title Pauses: every exit goes through while everything is paused, and nothing new begins (invariant 13).
abstract contract PausePlay is HostilePlay {
    string[] internal _exits = [
        "unbond", "withdraw", "undelegate", "withdrawDelegated", "release", "retire", "discharge", "suspendUncovered", "returnItemDeposit",
        "proveMissed", "proveTwoEvidences", "proveWithheld", "enforce", "leave", "withdrawBond", "proveEquivocation", "proveBadWeight",
        "proveRevoked", "returnLeafDeposit", "proveWithheldLeaf", "claim", "claimMany", "assign", "approve", "approvePart",
        "approveWithSignature", "dispute", "resolve", "resolveSilent", "settle", "refundByOutcome", "refund", "collect", "sweep",
        "answerItem", "proveBadItem", "proveBadHeader", "proveBadLink", "proveBadLane", "proveBadSum", "proveBadDevice", "proveLeafMissing",
        "proveLeafHidden",
        "proveBadReward", "proveBadThroughput", "proveBadOutcomes", "proveBadForced", "proveFalsePass", "proveFalseFail",
        "proveFalsePassItem", "proveFalsePassHeader", "proveFalseFailHeader", "proveWithheldEvidence", "answerEvidence",
        "returnEvidenceDeposit", "settleLease", "redeem", "giveNotice", "stopLease", "halt", "refundLease", "collectLease", "cancelOrders", "award"
    ];

    /// @dev Two exits, each paused right before it.
    function pause(uint256 seed) external {
        seed = _begin("pause", seed);
        _letIn();
        for (uint256 i = 0; i < _rooms.length; ++i) {
            _refuse(_stranger, address(_rooms[i]), abi.encodeCall(IPausable.pause, ()), "13: paused by a stranger");
        }
        bool left = _leave(seed);
        _letIn();
        if (_leave(uint256(keccak256(abi.encode("again", seed)))) || left) _done("pause");
    }

    /// @return Whether there was anything to leave.
    function _leave(uint256 seed) private returns (bool) {
        _shutNext = true;
        bytes4 selector = bytes4(keccak256(bytes(string.concat(_exits[seed % _exits.length], "(uint256)"))));
        seed = uint256(keccak256(abi.encode(seed)));
        (bool ok, bytes memory fault) = address(this).call(abi.encodeWithSelector(selector, seed));
        if (!ok) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                revert(add(fault, 32), mload(fault))
            }
        }
        bool left = !_shutNext;
        _shutNext = false;
        return left;
    }

    /// @dev New business is refused, until it is let in.
    function unpause(uint256 seed) external {
        seed = _begin("unpause", seed);
        if (!_shut) {
            _shutNext = true;
            _leaving();
        }
        for (uint256 i = 0; i < _rooms.length; ++i) {
            isTrue(_rooms[i].paused(), "13: not paused");
            _refuse(_stranger, address(_rooms[i]), abi.encodeCall(IPausable.unpause, ()), "13: unpaused by a stranger");
        }
        if (seed % 3 == 0) _fund(seed >> 8);
        else if (seed % 3 == 1) _register(_other(seed), 0);
        else _openLease(seed >> 8);
        isTrue(!_shut, "13: new business was not tried");
        _done("unpause");
    }
}
