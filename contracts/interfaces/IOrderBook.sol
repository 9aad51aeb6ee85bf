// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {JobAsk, JobBid, LeaseAsk, LeaseBid} from "../libraries/Orders.sol";
import {LeafProof} from "./IAttestations.sol";

/// @notice An ask with the devices that it gives to a bid.
struct JobOffer {
    JobAsk ask;
    /// Of the ask's digest, by the provider or its operator.
    bytes signature;
    uint32[] devices;
}

/// @notice Likewise for leases.
struct LeaseOffer {
    LeaseAsk ask;
    bytes signature;
    uint32[] devices;
}

/// @title Where signed asks and signed bids meet. Anyone may match them; the order book holds no money and no allowance: the escrows
/// pull what a bid pays, from the account that signed it.
/// @dev An order is signed off chain, under EIP-712's domain "OrderBook", version "1" (ERC-5267: `eip712Domain`). The chain knows of it
/// only its account's series, the bit of its nonce, and how often it was filled if it can be filled more than once.
interface IOrderBook {
    event OrdersCancelled(address indexed account, uint256 indexed word, uint256 mask, uint256 spent);
    /// All orders of earlier series are cancelled.
    event SeriesStarted(address indexed account, uint256 series);
    /// The digests of both orders, and the job that they made.
    event JobMatched(bytes32 indexed bid, bytes32 indexed ask, uint256 indexed job);
    event LeaseMatched(bytes32 indexed bid, bytes32 indexed ask, uint256 indexed lease);

    error AccountOnly(address sender, address account, address operator);
    /// The order was cancelled or filled, or another one with its nonce was.
    error OrderSpent(address account, uint256 series, uint256 nonce);
    /// The account has cancelled all orders of the order's series, or has not yet come to it.
    error SeriesWrong(address account, uint256 have, uint256 need);
    error OrderExpired(bytes32 order, uint256 blockNumber, uint256 expiry);
    error OrderOverfilled(bytes32 order, uint256 have, uint256 most);
    /// The bid is for all its devices at once.
    error BidNotWhole(bytes32 bid, uint256 have, uint256 need);
    error SignatureInvalid(address account, bytes32 order);
    error CounterpartyWrong(address account, address have, address need);
    error SelfMatch(address account);
    /// Where ask and bid differ: what the ask says, and what the bid does.
    error OrdersUnfit(bytes32 field, uint256 ask, uint256 bid);
    error DeviceNotOffered(uint256 have, uint256 need);
    error DeviceUnfit(bytes32 field, uint256 have, uint256 need);
    error LeafCountWrong(uint256 have, uint256 need);
    error LeafOfAnotherDevice(uint256 have, uint256 need);
    error LeafTooOld(uint256 device, uint256 have, uint256 least);
    error WeightTooLow(uint256 device, uint256 have, uint256 least);

    /// Gas that a wallet's `isValidSignature` may take (ERC-1271).
    function WALLET_GAS() external view returns (uint256);

    /// @notice Fund a job with each offered device, and have it accepted, all or nothing. Anyone may call it with orders of others; the
    /// sender's own may come without a signature. Each device is paid the price of its ask: what the bid would have paid more stays
    /// with its account. The price is pulled by `JobEscrow`, which needs the account's allowance; collateral is locked, the device held
    /// and its draw forced as by `JobEscrow.accept`.
    /// @param leaves One for each device in order, if the bid asks for a weight; else none. @return jobs One for each device.
    function matchJobs(
        JobBid calldata bid,
        bytes calldata signature,
        JobOffer[] calldata offers,
        LeafProof[] calldata leaves
    ) external returns (uint256[] memory jobs);

    /// @notice The same for leases, each opened at the rate of its ask and started: `LeaseEscrow` pulls the bid's deposit for each.
    function matchLeases(
        LeaseBid calldata bid,
        bytes calldata signature,
        LeaseOffer[] calldata offers,
        LeafProof[] calldata leaves
    ) external returns (uint256[] memory leases);

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
    /// @return How many of its count an order was filled, as long as it is not spent.
    function filledOf(bytes32 order) external view returns (uint256);
    /// @return What is signed.
    function jobAskDigest(JobAsk calldata ask) external view returns (bytes32);
    function jobBidDigest(JobBid calldata bid) external view returns (bytes32);
    function leaseAskDigest(LeaseAsk calldata ask) external view returns (bytes32);
    function leaseBidDigest(LeaseBid calldata bid) external view returns (bytes32);
    /// @return Of EIP-712.
    function domainSeparator() external view returns (bytes32);
}
