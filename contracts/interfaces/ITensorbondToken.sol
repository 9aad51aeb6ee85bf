// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title TBND: the stake and reward token. 18 decimals, capped, permit (ERC-2612), burnable.
interface ITensorbondToken is IERC20, IERC20Permit {
    /// `account` is not the minter fixed at deployment.
    error MinterOnly(address account);
    /// The supply at deployment, or after a mint, would leave no room for what may still be minted.
    error CapExceeded(uint256 have, uint256 most);

    /// The most wei that can ever exist at once.
    function CAP() external view returns (uint256);

    /// @notice Create `amount` wei for `to`. Caller: `Rewards` only. Reverts past the cap.
    function mint(address to, uint256 amount) external;

    /// @notice Destroy `amount` wei of the caller's.
    function burn(uint256 amount) external;
}
