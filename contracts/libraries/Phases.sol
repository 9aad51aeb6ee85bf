// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDeviceRegistry} from "../interfaces/IDeviceRegistry.sol";
import {TileProof} from "./TileProof.sol";

/// @title Which phase a device proves in a slot (proof.md §1).
/// @dev The M-phase in a memory slot, where the class has one and the device was not held when the slot began; else the C-phase.
/// Where the chain no longer knows who was held, nothing is judged.
library Phases {
    /// The (device, slot) is of the other phase, or the chain no longer knows of which.
    error PhaseMismatch(uint256 device, uint256 slot);

    /// @return Whether the device proves the M-phase in the slot, or would if the chain knew.
    function isMemory(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
        returns (bool)
    {
        if (layers == 0 || !TileProof.isMemorySlot(beacon)) return false;
        (, bool held) = registry.heldIn(device, slot);
        return !held;
    }

    /// @notice Reverts unless the device proves the C-phase in the slot. @param layers Its class's: 0 has no M-phase.
    function requireCompute(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
    {
        if (layers == 0 || !TileProof.isMemorySlot(beacon)) return;
        (bool known, bool held) = registry.heldIn(device, slot);
        require(known && held, PhaseMismatch(device, slot));
    }

    /// @notice Reverts unless the device proves the M-phase in the slot.
    function requireMemory(IDeviceRegistry registry, uint256 device, uint256 slot, bytes32 beacon, uint256 layers)
        internal
        view
    {
        require(layers > 0 && TileProof.isMemorySlot(beacon), PhaseMismatch(device, slot));
        (bool known, bool held) = registry.heldIn(device, slot);
        require(known && !held, PhaseMismatch(device, slot));
    }
}
