// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IArbitrable {
    function rule(uint256 dispute, uint256 ruling) external;
}

/// @title The smallest ERC-792 arbitrator: one key decides, and the numbers of its disputes begin at 0.
contract CentralArbitrator {
    address public immutable JUDGE = msg.sender;
    uint256 public fee = 1 ether;
    bytes public lastExtraData;
    uint256 public lastChoices;
    address[] public arbitrables;
    /// A broken one gives every dispute the same number, or rules before it is told to.
    bool public repeats;
    bool public hasty;
    /// What it calls its caller with while it creates a dispute, and reverts with it.
    bytes public comesBackWith;

    error FeeWrong(uint256 have, uint256 need);
    error JudgeOnly(address account);

    function setFee(uint256 wei_) external {
        fee = wei_;
    }

    function misbehave(bool repeats_, bool hasty_) external {
        (repeats, hasty) = (repeats_, hasty_);
    }

    function comeBackWith(bytes calldata data) external {
        comesBackWith = data;
    }

    function arbitrationCost(bytes calldata) external view returns (uint256) {
        return fee;
    }

    function createDispute(uint256 choices, bytes calldata extraData) external payable returns (uint256 dispute) {
        require(msg.value == fee, FeeWrong(msg.value, fee));
        (lastChoices, lastExtraData) = (choices, extraData);
        dispute = repeats ? 0 : arbitrables.length;
        arbitrables.push(msg.sender);
        if (hasty) IArbitrable(msg.sender).rule(dispute, 1);
        if (comesBackWith.length != 0) {
            (bool ok, bytes memory reason) = msg.sender.call(comesBackWith);
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(reason, 32), mload(reason))
                }
            }
        }
    }

    function giveRuling(uint256 dispute, uint256 ruling) external {
        require(msg.sender == JUDGE, JudgeOnly(msg.sender));
        IArbitrable(arbitrables[dispute]).rule(dispute, ruling);
    }
}

/// @title Opens a dispute with more than it costs, and doesn't want the rest back.
contract StubbornPayer {
    function pay(address arbiter, bytes calldata data) external payable {
        (bool ok, bytes memory reason) = arbiter.call{value: msg.value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }
}
