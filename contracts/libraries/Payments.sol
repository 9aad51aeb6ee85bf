// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title How both escrows take payment tokens, and the bounds of what they keep of one: tracked 88 bits | fees 80 | cap 88.
library Payments {
    using SafeERC20 for IERC20;

    /// The most bps that the fee can ever be.
    uint256 internal constant MAX_FEE_BPS = 500;
    /// What is tracked, at most a cap and the fees, stays within its 88 bits.
    uint256 internal constant MAX_CAP = 1 << 87;
    /// What would take the fees past them is left to the providers.
    uint256 internal constant MAX_FEES = type(uint80).max;

    /// The token moved another amount than asked: fee-on-transfer and rebasing tokens are refused.
    error TokenAmountMismatch(address token, uint256 have, uint256 need);

    /// @notice Pull by difference of balances, so a token that keeps a fee is refused; so is one whose earlier holdings have shrunk,
    /// because new money would pay old debts.
    /// @param tracked What is tracked with it.
    function pull(address token, address from, uint256 amount, uint256 tracked) internal {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(from, address(this), amount);
        uint256 balance = IERC20(token).balanceOf(address(this));
        uint256 have = Math.saturatingSub(balance, before);

        require(have == amount, TokenAmountMismatch(token, have, amount));
        require(balance >= tracked, TokenAmountMismatch(token, balance, tracked));
    }

    /// @notice Hand on an ERC-2612 permit. Whoever saw it can have sent it before; then the allowance is there all the same.
    function permit(
        address token,
        address owner,
        address spender,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) internal {
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(token).permit(owner, spender, amount, deadline, v, r, s) {} catch {}
    }
}
