// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {DeviceClass} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {Counts, LeafRules} from "../../contracts/libraries/LeafRules.sol";
import {Leaf, Outcome, OutcomeTree} from "../../contracts/libraries/MerkleSum.sol";

/// @dev Opens the library's internal functions to the tests.
contract LeafRulesHarness {
    using LeafRules for Counts;

    /// @param inMemory Which of the rows lie in slots of the M-phase.
    function follows(
        Leaf calldata leaf,
        Leaf calldata before,
        Outcome[] calldata rows,
        bool[] calldata inMemory,
        DeviceClass calldata terms
    ) external pure returns (bool) {
        Counts memory counts;
        for (uint256 index = 0; index < rows.length; ++index) {
            if (rows[index].kind != LeafRules.KIND_FORCED) counts.add(rows[index], inMemory[index]);
        }
        return LeafRules.follows(leaf, before, counts, terms);
    }

    function weightOf(Leaf calldata leaf, uint256 bondedGops, bool hasMemory) external pure returns (uint256) {
        return LeafRules.weightOf(leaf, bondedGops, hasMemory);
    }

    function rewardOf(uint256 epoch, uint256 weight, uint256 totalWeight) external pure returns (uint256) {
        return LeafRules.rewardOf(epoch, weight, totalWeight);
    }

    function throughputOf(DeviceClass calldata terms, uint256 startedAt, uint256 committedAt)
        external
        pure
        returns (uint256 gops, uint256 bandwidth)
    {
        gops = LeafRules.gopsOf(terms, startedAt, committedAt);
        bandwidth = LeafRules.bandwidthOf(terms, startedAt, committedAt);
    }

    function rootOf(Outcome[] calldata rows) external pure returns (bytes32) {
        return OutcomeTree.rootOf(rows);
    }
}
