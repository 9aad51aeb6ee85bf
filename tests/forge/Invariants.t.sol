// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Market} from "./Market.sol";
import {Test, vm} from "./Vm.sol";

/// @title The numbered invariants of docs/protocol.md, after every step of a random play over the whole system.
contract Invariants is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Market private _market;

    function setUp() external {
        _market = new Market();
    }

    /// @dev Not verbs: `check` runs after each of them anyway.
    function excludeSelectors() external view returns (FuzzSelector[] memory others) {
        others = new FuzzSelector[](1);
        others[0] = FuzzSelector(address(_market), new bytes4[](3));
        others[0].selectors[0] = _market.check.selector;
        others[0].selectors[1] = _market.callAndUndo.selector;
        others[0].selectors[2] = _market.lieAndUndo.selector;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_market);
    }

    /// @dev What is called here leaves no trace, and the books must: so each verb first compares what the one before it left (`Stage._begin`),
    /// and `afterInvariant` what the last one did. Each failure names its invariant's number.
    function invariant_theBooksBalance() external view {
        isTrue(address(_market).code.length != 0, "no market");
    }

    /// @dev The last check, and one line a play for the table of verbs.
    function afterInvariant() external {
        _market.check();
        string memory line = "";
        for (uint256 i = 0; i < _market.verbCount(); ++i) {
            (string memory verb, uint256[4] memory played) = _market.tallyOf(i);
            line = string.concat(line, verb);
            for (uint256 n = 0; n < 4; ++n) {
                line = string.concat(line, " ", vm.toString(played[n]));
            }
            line = string.concat(line, ";");
        }
        vm.writeLine(vm.envOr("TALLY", ".build/forge/tally/market"), line);
    }
}
