// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PausePlay} from "./PausePlay.sol";
import {vm} from "./Vm.sol";

/// @title The whole market, played at random. Every external function is a verb with the caller, the amounts and the moment drawn from
/// its seed; where what it needs is not there, it does that first. No verb may revert; what must be refused is tried on the way.
contract Market is PausePlay {
    constructor() {
        _loadWorld();
        _loadCalls();
        _enterPlayers();
        vm.recordLogs();
        for (uint256 i = 0; i < 4; ++i) {
            _join();
        }
        _seat(0);
        _honestOracle = _bonded(0x0ac1e);
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
        _startClock();
        _rollTo(_timing.fromBlock + 1);
        _read();
    }

    /// @notice Reverts with the invariant's number unless all hold.
    function check() external {
        _check();
    }

    function _check() internal override {
        _read();
        _checkStake();
        _checkJobs();
        _checkLeases();
        _checkRewards();
        _checkOracles();
    }

    function verbCount() external view returns (uint256) {
        return _verbs.length;
    }

    /// @return verb Its name. @return played How often it was called, went through, and did so while everything was paused; and 1 for an
    /// exit.
    function tallyOf(uint256 index) external view returns (string memory verb, uint256[4] memory played) {
        verb = _verbs[index];
        uint256 exit;
        for (uint256 i = 0; i < _exits.length; ++i) {
            if (keccak256(bytes(_exits[i])) == keccak256(bytes(verb))) exit = 1;
        }
        played = [calls[verb], successes[verb], underPause[verb], exit];
    }

    /// @return tried How many calls a stranger made at random. @return through How many of them did not revert.
    function strangersCalls() external view returns (uint256 tried, uint256 through) {
        return (_tried, _through);
    }
}
