// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title A wallet that answers for its owner (ERC-1271) in whatever way it is told to.
contract OrderWallet is IERC1271 {
    enum Manner {
        /// Whatever it is shown it has signed.
        Agrees,
        Refuses,
        Reverts,
        BurnsGas,
        /// A yes that no compiler would write.
        Untidy,
        /// A yes, and as many bytes more as the gas allows.
        ReturnBomb
    }

    Manner public manner;

    function setManner(Manner manner_) external {
        manner = manner_;
    }

    function act(address to, bytes calldata data) external returns (bytes memory answer) {
        bool done;
        (done, answer) = to.call(data);
        require(done, "refused");
    }

    function approve(IERC20 token, address spender) external {
        token.approve(spender, type(uint256).max);
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        if (manner == Manner.Refuses) return 0xffffffff;
        require(manner != Manner.Reverts, "no");
        if (manner == Manner.BurnsGas) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (manner == Manner.Untidy) {
            assembly ("memory-safe") {
                mstore(0, or(shl(224, 0x1626ba7e), 1))
                return(0, 32)
            }
        }
        if (manner == Manner.ReturnBomb) {
            assembly {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 300000)
            }
        }
        return IERC1271.isValidSignature.selector;
    }
}
