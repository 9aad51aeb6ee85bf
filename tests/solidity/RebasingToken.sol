// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A token whose balances all change at once: every account holds shares, and anyone may set what a share is worth.
contract RebasingToken {
    uint256 public bps = 10_000;
    mapping(address account => uint256) public sharesOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        sharesOf[to] += _shares(amount);
    }

    function rebase(uint256 bps_) external {
        bps = bps_;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        sharesOf[msg.sender] -= _shares(amount);
        sharesOf[to] += _shares(amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        sharesOf[from] -= _shares(amount);
        sharesOf[to] += _shares(amount);
        return true;
    }

    function balanceOf(address account) external view returns (uint256) {
        return (sharesOf[account] * bps) / 10_000;
    }

    function _shares(uint256 amount) private view returns (uint256) {
        return (amount * 10_000) / bps;
    }
}
