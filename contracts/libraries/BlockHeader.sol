// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What a chain of RLP block headers needs, the parent's hash and the block's number; and when a block was.
/// @dev The fields before the number have fixed lengths, up to the difficulty: parentHash, ommersHash, beneficiary, stateRoot,
/// transactionsRoot, receiptsRoot and the 256 bytes of logsBloom. What follows the number only has to end where the list does.
/// Reads nothing that the caller hasn't bound by the header's hash.
library BlockHeader {
    uint256 private constant DIFFICULTY = 448;

    /// @return ok Whether these are the bytes of a header, @return parentHash its first and @return number its ninth field.
    function parse(bytes calldata header) internal pure returns (bool ok, bytes32 parentHash, uint256 number) {
        // A list of 256 to 65535 bytes, as long as it says.
        if (header.length <= DIFFICULTY || header[0] != 0xf9) return (false, 0, 0);
        if (uint16(bytes2(header[1:3])) != header.length - 3) return (false, 0, 0);
        // The prefix of each field that is passed over.
        if (header[3] != 0xa0 || header[36] != 0xa0 || header[69] != 0x94) return (false, 0, 0);
        if (header[90] != 0xa0 || header[123] != 0xa0 || header[156] != 0xa0) return (false, 0, 0);
        if (bytes3(header[189:192]) != 0xb90100) return (false, 0, 0);

        uint256 at;
        (ok, at,) = _integer(header, DIFFICULTY);
        if (ok) (ok, at, number) = _integer(header, at);
        parentHash = bytes32(header[4:36]);
    }

    /// @return ok Whether these are the bytes of a header, as far as its twelfth field, @return timestamp which this is.
    function timestampOf(bytes calldata header) internal pure returns (bool ok, uint256 timestamp) {
        (ok,,) = parse(header);
        uint256 at = DIFFICULTY;
        // Difficulty, number, gas limit, gas used, timestamp.
        for (uint256 field = 0; ok && field < 5; ++field) {
            (ok, at, timestamp) = _integer(header, at);
        }
    }

    /// @dev A canonical RLP integer at `at`: no leading zero byte, one byte below 0x80 stands for itself.
    function _integer(bytes calldata header, uint256 at) private pure returns (bool ok, uint256 next, uint256 value) {
        if (at >= header.length) return (false, 0, 0);
        uint256 prefix = uint8(header[at]);
        if (prefix < 0x80) return (prefix != 0, at + 1, prefix);
        uint256 length = prefix - 0x80;
        next = at + 1 + length;
        if (length > 32 || next > header.length) return (false, 0, 0);
        if (length == 0) return (true, next, 0);
        value = uint256(bytes32(header[at + 1:next])) >> (8 * (32 - length));
        ok = header[at + 1] != 0 && (length > 1 || value >= 0x80);
    }
}
