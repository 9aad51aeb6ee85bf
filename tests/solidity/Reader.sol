// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Many reads in one call, for tests that look at everything after every step.
contract Reader {
    error ReadFailed(uint256 index);

    /// @param calls `count` times: 20 bytes of address, 2 bytes of length, calldata.
    function read(bytes calldata calls, uint256 count) external view returns (bytes[] memory results) {
        results = new bytes[](count);
        uint256 at = 0;
        for (uint256 index = 0; index < count; ++index) {
            address to = address(bytes20(calls[at:at + 20]));
            uint256 end = at + 22 + uint16(bytes2(calls[at + 20:at + 22]));
            bool ok;
            (ok, results[index]) = to.staticcall(calls[at + 22:end]);
            require(ok, ReadFailed(index));
            at = end;
        }
    }
}
