// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import {ITensorbondToken} from "./interfaces/ITensorbondToken.sol";

contract TensorbondToken is ERC20, ERC20Permit, ITensorbondToken {
    /// @inheritdoc ITensorbondToken
    uint256 public constant CAP = 1_000_000_000e18;
    /// Half of the cap is kept for the emission, which totals less (`Emission`).
    uint256 private constant GENESIS_CAP = CAP / 2;

    address private immutable MINTER;

    constructor(address minter, address genesisHolder, uint256 genesisSupply)
        ERC20("Tensorbond", "TBND")
        ERC20Permit("Tensorbond")
    {
        if (genesisSupply > GENESIS_CAP) revert CapExceeded(genesisSupply, GENESIS_CAP);

        MINTER = minter;
        _mint(genesisHolder, genesisSupply);
    }

    /// @inheritdoc ITensorbondToken
    function mint(address to, uint256 amount) external {
        if (msg.sender != MINTER) revert MinterOnly(msg.sender);
        uint256 supply = totalSupply() + amount;
        if (supply > CAP) revert CapExceeded(supply, CAP);

        _mint(to, amount);
    }

    /// @inheritdoc ITensorbondToken
    function burn(uint256 amount) external {
        _burn(msg.sender, amount);
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(IERC20Permit, ERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }
}
