// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Market} from "./Market.sol";
import {Test, vm} from "./Vm.sol";

/// @title The numbered invariants of docs/protocol.md, after every step of a random play over the whole system.
contract Invariants is Test {
    Market private _market;

    function setUp() external {
        _market = new Market();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_market);
    }

    /// @dev Each failure names its invariant's number: see `Market.check`.
    function invariant_theBooksBalance() external {
        _market.check();
    }

    /// @dev One line a play, for the table of verbs.
    function afterInvariant() external {
        string memory line = "";
        for (uint256 i = 0; i < _market.verbCount(); ++i) {
            (string memory verb, uint256 called, uint256 succeeded) = _market.tallyOf(i);
            line = string.concat(line, verb, " ", vm.toString(called), " ", vm.toString(succeeded), ";");
        }
        vm.writeLine(".build/forge/tally/market", line);
    }
}
