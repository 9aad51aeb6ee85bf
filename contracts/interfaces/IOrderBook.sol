// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {JobAsk, JobBid} from "../libraries/Orders.sol";

/// @title Where signed asks and signed bids meet. Anyone may match them; the order book holds no money and no allowance: the escrows
/// pull what a bid pays, from the account that signed it.
/// @dev An order is signed off chain, under EIP-712's domain "OrderBook", version "1" (ERC-5267: `eip712Domain`). The chain knows of it
/// only its account's series, the bit of its nonce, and how often it was filled if it can be filled more than once.
interface IOrderBook {
    event OrdersCancelled(address indexed account, uint256 indexed word, uint256 mask, uint256 spent);
    /// All orders of earlier series are cancelled.
    event SeriesStarted(address indexed account, uint256 series);

    error AccountOnly(address sender, address account, address operator);

    /// @notice Hand a token an ERC-2612 permit of anyone's; nothing happens if it can't be used, or was already. Batched with a match
    /// (`multicall`), it makes depositing and matching one transaction.
    function permit(
        address token,
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Cancel the orders whose nonces are the set bits of `mask` in word `word` (nonce / 256) of the account's series.
    /// Caller: the account or, of a provider, its operator.
    function cancel(address account, uint256 word, uint256 mask) external;

    /// @notice Cancel every order that the account has signed, known or unknown, by starting its next series. Caller: as of `cancel`.
    function cancelAll(address account) external returns (uint256 series);

    /// @return Which 256 nonces of the account's series are spent.
    function spentOf(address account, uint256 word) external view returns (uint256);
    function seriesOf(address account) external view returns (uint256);
    /// @return What is signed.
    function jobAskDigest(JobAsk calldata ask) external view returns (bytes32);
    function jobBidDigest(JobBid calldata bid) external view returns (bytes32);
    /// @return Of EIP-712.
    function domainSeparator() external view returns (bytes32);
}
