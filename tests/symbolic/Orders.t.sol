// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAttestations, LeafProof} from "../../contracts/interfaces/IAttestations.sol";
import {IDeviceRegistry} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Terms} from "../../contracts/interfaces/IJobEscrow.sol";
import {ILeaseEscrow} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {JobOffer} from "../../contracts/interfaces/IOrderBook.sol";
import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {JobBid, Order} from "../../contracts/libraries/Orders.sol";
import {OrderBook} from "../../contracts/OrderBook.sol";
import {Collateral, OneDevice, Signer} from "./Peers.sol";

/// @title No order is filled twice, nor once it was cancelled, whatever its nonce.
/// @dev The test signs bids and is the job escrow; `signer` has signed every ask.
contract SpentOrders {
    Signer private signer = new Signer();
    OrderBook private book;
    uint256 private opened;

    function setUp() public {
        book = new OrderBook(
            IJobEscrow(address(this)),
            ILeaseEscrow(address(this)),
            IDeviceRegistry(address(new OneDevice(address(signer)))),
            IProviderStaking(address(new Collateral())),
            IAttestations(address(this))
        );
    }

    function open(Terms calldata, uint256) external returns (uint256) {
        return ++opened;
    }

    function check_cancel__spendsForEver(uint64 word, uint256 mask, uint64 otherWord, uint256 otherMask) external {
        book.cancel(address(this), word, mask);
        book.cancel(address(this), otherWord, otherMask);
        assert(book.spentOf(address(this), word) & mask == mask);
    }

    function check_match__notAfterItsNonceWasCancelled(uint64 bidNonce, uint64 askNonce, bool bids) external {
        address account = bids ? address(this) : address(signer);
        uint64 nonce = bids ? bidNonce : askNonce;
        _cancel(account, nonce);
        assert(!_matches(bidNonce, askNonce, 1));
    }

    function check_match__fillsAnOrderForOneOnce(uint64 bidNonce, uint64 askNonce, uint64 nextNonce, bool bids) external {
        assert(_matches(bidNonce, askNonce, 1));
        assert(opened == 1);
        // The bid again with another ask, or the ask with another bid.
        assert(!(bids ? _matches(bidNonce, nextNonce, 1) : _matches(nextNonce, askNonce, 1)));
        assert(opened == 1);
    }

    function check_match__notAfterTheSeriesHasEnded(uint64 bidNonce, uint64 askNonce) external {
        book.cancelAll(address(this));
        assert(!_matches(bidNonce, askNonce, 1));
    }

    function _cancel(address account, uint64 nonce) private {
        if (account == address(this)) book.cancel(account, nonce >> 8, 1 << (nonce & 255));
        else signer.say(address(book), abi.encodeCall(book.cancel, (account, nonce >> 8, 1 << (nonce & 255))));
    }

    function _matches(uint64 bidNonce, uint64 askNonce, uint16 count) private returns (bool ok) {
        JobBid memory bid;
        bid.order = _order(address(this), bidNonce, count);
        bid.submitBlocks = 1;
        JobOffer[] memory offers = new JobOffer[](1);
        offers[0].ask.order = _order(address(signer), askNonce, count);
        offers[0].ask.submitBlocks = 1;
        offers[0].ask.holdBlocks = 1;
        offers[0].devices = new uint32[](1);
        offers[0].devices[0] = 1;
        (ok,) = address(book).call(abi.encodeCall(book.matchJobs, (bid, "", offers, new LeafProof[](0))));
    }

    function _order(address account, uint64 nonce, uint16 count) private pure returns (Order memory order) {
        (order.account, order.price, order.count) = (account, 100, count);
        (order.expiry, order.nonce) = (type(uint40).max, nonce);
    }
}
