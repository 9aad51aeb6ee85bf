// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What `DeviceRegistry` does about a provider whose delegators left more locked than active.
interface ICoverage {
    /// The provider has as much active stake as is locked.
    error ProviderCovered(address provider);
    /// The provider has been short since `since`; its devices can be suspended after block `graceUntil`.
    error GraceRunning(address provider, uint256 since, uint256 graceUntil);

    /// @notice Stop a device from the next slot on whose provider has been short of locked stake for longer than an epoch, because
    /// delegators left. Anyone.
    function suspendUncovered(uint256 device) external;
}
