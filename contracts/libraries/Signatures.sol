// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Who signed. An account's own key is asked first, whatever code the account has: one with a delegation (EIP-7702) still signs.
library Signatures {
    /// r ‖ s ‖ v
    uint256 internal constant LENGTH = 65;

    /// @return signer Who signed, if `signed`: 65 bytes with the lower s.
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address signer, bool signed) {
        ECDSA.RecoverError fault;
        (signer, fault,) = ECDSA.tryRecoverCalldata(digest, signature);
        signed = fault == ECDSA.RecoverError.NoError;
    }

    /// @return By the account's own key, or else by ERC-1271.
    function isBy(address account, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address signer, bool signed) = recover(digest, signature);
        return signed && signer == account || SignatureChecker.isValidERC1271SignatureNowCalldata(account, digest, signature);
    }
}
