// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token in the manner of ERC-777: it calls the sender before a transfer and the receiver after it.
contract HookToken is ERC20 {
    mapping(address account => bool) public hooked;

    constructor() ERC20("Hook", "HOOK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// The caller wants to be called from now on.
    function listen() external {
        hooked[msg.sender] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (hooked[from]) HookActor(payable(from)).tokensToSend(from, to, amount);
        super._update(from, to, amount);
        if (hooked[to]) HookActor(payable(to)).tokensReceived(from, to, amount);
    }
}

/// @title An account that does as it is told, and in a token's hook whatever it was armed with.
contract HookActor {
    error HookRefused();

    address public target;
    bytes public data;
    bool public refusing;
    /// How often an armed call was made, and what the last one gave.
    uint256 public attempts;
    bool public succeeded;
    bytes public answer;

    /// Paid in the chain's coin.
    receive() external payable {
        _strike();
    }

    function act(address to, bytes calldata payload) external payable returns (bytes memory) {
        (bool ok, bytes memory got) = to.call{value: msg.value}(payload);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(got, 32), mload(got))
            }
        }
        return got;
    }

    function arm(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function refuse(bool refusing_) external {
        refusing = refusing_;
    }

    function tokensToSend(address, address, uint256) external {
        _strike();
    }

    function tokensReceived(address, address, uint256) external {
        require(!refusing, HookRefused());
        _strike();
    }

    function _strike() private {
        if (target == address(0)) return;
        ++attempts;
        (succeeded, answer) = target.call(data);
    }
}
