// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDeviceRegistry} from "../interfaces/IDeviceRegistry.sol";
import {TileProof} from "./TileProof.sol";

/// @title Which phase a device proves in a slot (proof.md §1).
/// @dev The M-phase in a memory slot, where the class has one and the device was not held when the slot began; else the C-phase.
library Phases {
    /// The (device, slot) is of the other phase.
    error PhaseMismatch(uint256 device, uint256 slot);

    /// @return Whether the device proves the M-phase in the slot. @param layers Its class's: 0 has no M-phase.
    function isMemory(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
        returns (bool)
    {
        return layers > 0 && TileProof.isMemorySlot(beacon) && !registry.heldIn(device, slot);
    }

    /// @return Whether a slot that draws the device counts: a memory slot doesn't where the class has an M-phase and the device was held.
    function isDue(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
        returns (bool)
    {
        return layers == 0 || !TileProof.isMemorySlot(beacon) || !registry.heldIn(device, slot);
    }

    /// @notice Reverts unless the device proves the C-phase in the slot.
    function requireCompute(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
    {
        require(!isMemory(registry, device, slot, beacon, layers), PhaseMismatch(device, slot));
    }

    /// @notice Reverts unless the device proves the M-phase in the slot.
    function requireMemory(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
    {
        require(isMemory(registry, device, slot, beacon, layers), PhaseMismatch(device, slot));
    }
}
