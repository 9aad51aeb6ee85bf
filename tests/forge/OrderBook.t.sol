// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IOrderBook} from "../../contracts/interfaces/IOrderBook.sol";
import {JobAsk, JobBid, LeaseAsk, LeaseBid, Orders} from "../../contracts/libraries/Orders.sol";
import {vm} from "./Vm.sol";
import {Alone} from "./World.sol";

/// @title What is signed of an order, and what is kept of its nonce, of the order book that is deployed.
contract OrderBookTest is Alone {
    IOrderBook private constant BOOK = IOrderBook(address(0xb001));

    function setUp() external {
        _etch(address(BOOK), "OrderBook");
    }

    function testFuzz_jobAskDigest__bindsEachField(JobAsk memory ask, uint256 bit) external view {
        _binds(abi.encodeCall(BOOK.jobAskDigest, (ask)), Orders.JOB_ASK_TYPE, bit);
    }

    function testFuzz_jobBidDigest__bindsEachField(JobBid memory bid, uint256 bit) external view {
        _binds(abi.encodeCall(BOOK.jobBidDigest, (bid)), Orders.JOB_BID_TYPE, bit);
    }

    function testFuzz_leaseAskDigest__bindsEachField(LeaseAsk memory ask, uint256 bit) external view {
        _binds(abi.encodeCall(BOOK.leaseAskDigest, (ask)), Orders.LEASE_ASK_TYPE, bit);
    }

    function testFuzz_leaseBidDigest__bindsEachField(LeaseBid memory bid, uint256 bit) external view {
        _binds(abi.encodeCall(BOOK.leaseBidDigest, (bid)), Orders.LEASE_BID_TYPE, bit);
    }

    /// @dev Words 0 to 2, that are kept in two places and in one.
    function testFuzz_cancel__spendsTheseNoncesAlone__forEver(uint256[4] memory masks, uint8[4] memory words, address account) external {
        vm.assume(account != address(0));
        uint256[3] memory spent;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 word = words[i] % 3;
            vm.prank(account);
            BOOK.cancel(account, word, masks[i]);
            spent[word] |= masks[i];
            for (uint256 w = 0; w < 3; ++w) {
                equal(BOOK.spentOf(account, w), spent[w], "spent");
            }
        }
        equal(BOOK.seriesOf(account), 0, "series");
    }

    function testFuzz_cancelAll__startsWithNothingSpent(uint256[2] memory masks, uint256 word, address account, address other)
        external
    {
        vm.assume(account != address(0) && other != address(0) && account != other);
        word %= 3;
        vm.prank(other);
        BOOK.cancel(other, word, masks[1]);
        vm.prank(account);
        BOOK.cancel(account, word, masks[0]);
        vm.prank(account);
        equal(BOOK.cancelAll(account), 1, "the next series");
        for (uint256 w = 0; w < 3; ++w) {
            equal(BOOK.spentOf(account, w), 0, "spent in the series before");
        }
        vm.prank(account);
        BOOK.cancel(account, word, masks[1]);
        equal(BOOK.spentOf(account, word), masks[1], "spent in this series");
        equal(BOOK.spentOf(other, word), masks[1], "another's");
        equal(BOOK.seriesOf(other), 0, "another's series");
    }

    /// @dev The struct's hash by EIP-712, from the calldata's own words; and the digest of the calldata with one bit changed, where it is
    /// one: some are of no order.
    function _binds(bytes memory call, bytes32 kind, uint256 bit) private view {
        bytes32 order = keccak256(bytes.concat(Orders.ORDER_TYPE, _part(call, 4, 9 * 32)));
        bytes memory rest = _part(call, 4 + 9 * 32, call.length - 4 - 9 * 32);
        bytes32 body = keccak256(bytes.concat(kind, order, rest));
        (bool ok, bytes memory digest) = address(BOOK).staticcall(call);
        bytes32 need = keccak256(bytes.concat(hex"1901", BOOK.domainSeparator(), body));
        isTrue(ok && bytes32(digest) == need, "not EIP-712's");
        bool lowest = bit % 2 == 0;
        bit = bound(bit, 0, (call.length - 4) * 8 - 1);
        uint256 at = lowest ? 4 + (bit / 256) * 32 + 31 : 4 + bit / 8;
        call[at] = bytes1(uint8(call[at]) ^ (lowest ? 1 : uint8(1 << (bit % 8))));
        (ok, digest) = address(BOOK).staticcall(call);
        isTrue(!ok || bytes32(digest) != need, "a field that is not bound");
        // Of a field's lowest bit both are orders.
        isTrue(ok || !lowest, "refused");
    }

    function _part(bytes memory data, uint256 from, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mcopy(add(part, 32), add(add(data, 32), from), length)
        }
    }
}
