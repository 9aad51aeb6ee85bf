// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leaf, LeafProof} from "./IAttestations.sol";

/// @title The only home of what has been claimed. A leaf carries a running sum, so one claim pays every past epoch.
/// @dev Invariant 6: Σ claimed ≤ Σ emission of final, non-void epochs; a device's cumulative reward never falls.
interface IRewards {
    event RewardClaimed(
        uint256 indexed device, address indexed provider, uint256 indexed epoch, uint256 amount, uint256 claimed, uint256 totalClaimed
    );

    error NothingToClaim(uint256 device, uint256 have, uint256 claimed);
    error EmissionExceeded(uint256 have, uint256 most);
    error LeavesOutOfRange(uint256 have, uint256 most);

    /// @notice Mint what the leaf of a final epoch says the device earned beyond what was claimed. It vests into the stake of the device's
    /// provider (`IProviderStaking.distribute`). Anyone.
    function claim(LeafProof calldata proof) external returns (uint256 amount);

    /// @notice `claim` for 1 to 64 devices, in order of id, of one or several providers. A device that has nothing left to claim is no
    /// obstacle to the others. @param path See `MerkleMany.foldMany`.
    function claimMany(uint256 epoch, Leaf[] calldata leaves, bytes calldata path) external returns (uint256 amount);

    /// @notice Rewards are claimed in whole grains; what a leaf has beyond them waits for the next claim.
    function GRAIN() external view returns (uint256);
    function claimedOf(uint256 device) external view returns (uint256);
    function totalClaimed() external view returns (uint256);
    /// @return Wei minted at most for `epoch`.
    function emissionOf(uint256 epoch) external pure returns (uint256);
}
