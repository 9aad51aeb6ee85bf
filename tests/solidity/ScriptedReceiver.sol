// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A receiver of results that does what it is told to do.
contract ScriptedReceiver {
    bool public burns;
    bool public reverts;
    address public target;
    bytes public call;

    bytes32 public id;
    bytes public result;
    uint256 public gasGiven;
    bool public called;

    function script(bool burns_, bool reverts_, address target_, bytes calldata call_) external {
        (burns, reverts, target, call) = (burns_, reverts_, target_, call_);
    }

    function receiveResult(bytes32 id_, bytes calldata result_) external {
        uint256 given = gasleft();
        while (burns) {}
        require(!reverts);
        (id, result, gasGiven) = (id_, result_, given);
        if (target != address(0)) (called,) = target.call(call);
    }
}
