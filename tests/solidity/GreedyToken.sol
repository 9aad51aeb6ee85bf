// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that, when told to, burns all the gas a transfer brings, or answers with more bytes than anyone wants to copy.
contract GreedyToken is ERC20 {
    enum Greed {
        None,
        BurnGas,
        ReturnBomb
    }

    Greed public greed;

    constructor() ERC20("Greedy", "GREED") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setGreed(Greed greed_) external {
        greed = greed_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (greed == Greed.BurnGas) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (greed == Greed.ReturnBomb) {
            assembly ("memory-safe") {
                revert(0, 1000000)
            }
        }
        return super.transfer(to, amount);
    }
}
