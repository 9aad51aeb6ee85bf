// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title An arbiter that says what it is told to say, honest or not.
contract ScriptedArbiter {
    enum Manner {
        Answers,
        Reverts,
        BurnsGas,
        AnswersShort,
        AnswersMuch
    }

    Manner public manner;
    uint256 public decided;
    uint256 public forProvider;

    function script(Manner manner_, uint256 decided_, uint256 forProvider_) external {
        (manner, decided, forProvider) = (manner_, decided_, forProvider_);
    }

    function verdictOf(address, uint256) external view returns (uint256, uint256) {
        require(manner != Manner.Reverts);
        while (manner == Manner.BurnsGas) {}
        uint256 size = manner == Manner.AnswersShort ? 32 : 200_000;
        if (manner != Manner.Answers) {
            assembly {
                return(0, size)
            }
        }
        return (decided, forProvider);
    }
}
