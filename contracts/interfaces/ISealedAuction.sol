// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Job, JobStatus} from "./IJobEscrow.sol";

/// @title A sealed reverse auction of a funded job: commit, reveal, award to the cheapest qualifying bid. The posted price is the most
/// it pays.
/// @dev No money in it: the price stays in the escrow, which pays the difference back when the job is awarded. The auction is the
/// invited provider of the job (`terms.provider`) and passes the invitation on, once. Times are block numbers.
interface ISealedAuction {
    /// @notice One job's auction. Two words. `revealBy` 0: there is none.
    struct Auction {
        uint40 commitBy;
        uint40 revealBy;
        uint32 bids;
        /// The cheapest bid revealed so far; of equal ones the first committed. Zero: none.
        address provider;
        uint96 price;
    }

    /// @notice One provider's bid. One word. `seal`: the first 28 bytes of its hash, zero again once revealed.
    struct SealedBid {
        bytes28 seal;
        /// The first committed has 1; 0: the provider committed none.
        uint32 place;
    }

    event AuctionOpened(uint256 indexed job, address indexed requester, uint256 commitBy, uint256 revealBy);
    event BidCommitted(uint256 indexed job, address indexed provider, bytes32 bid, uint256 place);
    /// `cheapest`: it leads now.
    event BidRevealed(uint256 indexed job, address indexed provider, uint256 indexed device, uint256 price, bool cheapest);
    event AuctionAwarded(uint256 indexed job, address indexed provider, uint256 price);

    /// The given state isn't the job's.
    error JobStateMismatch(uint256 job, bytes32 have, bytes32 need);
    error JobStatusWrong(uint256 job, JobStatus have, JobStatus need);
    error RequesterOnly(address account, address requester);
    /// The job invites somebody else than this auction.
    error AuctionNotInvited(uint256 job, address invited);
    error AuctionOpenedAlready(uint256 job);
    error AuctionUnknown(uint256 job);
    error DeadlineInvalid(bytes32 field, uint256 have, uint256 least, uint256 most);
    error DeadlinePassed(uint256 job, uint256 blockNumber, uint256 deadline);
    error DeadlineNotPassed(uint256 job, uint256 blockNumber, uint256 deadline);
    error OperatorOnly(address account, address operator);
    error BidCommittedAlready(uint256 job, address provider);
    /// The provider committed none, or has revealed it.
    error BidUnknown(uint256 job, address provider);
    /// What is revealed isn't what was committed.
    error BidMismatch(uint256 job, bytes28 have, bytes28 need);
    /// The requester, or who pays for it, bids in its own auction.
    error BidderPays(address account);
    error PriceOutOfRange(uint256 have, uint256 least, uint256 most);
    /// The escrow pays parts of one size.
    error PriceIndivisible(uint256 price, uint256 parts);
    error DeviceUnfit(bytes32 field, uint256 have, uint256 need);
    error DeviceNotActive(uint256 device, uint256 slot);
    error FreeStakeInsufficient(address provider, uint256 have, uint256 need);
    error NoBid(uint256 job);

    /// @notice Open the auction of a funded job whose terms invite this contract. Caller: the requester. Once a job, so that nobody who has
    /// seen the bids asks for other ones. Refused unless now < commitBy < revealBy < acceptBy.
    /// @param commitBy The last block to commit in. @param revealBy The last block to reveal in.
    function open(uint256 job, Job calldata state, uint256 commitBy, uint256 revealBy) external;

    /// @notice Commit a provider's bid, once and for good: who sees other prices first has no second bid to choose from. Caller: the
    /// provider or its operator. @param bid `bidHash`.
    function commit(uint256 job, address provider, bytes32 bid) external;

    /// @notice Reveal a bid, after `commitBy`. Caller: the device's provider, or its operator. Refused unless the bid qualifies: it is what
    /// that provider committed; 1 ≤ price ≤ the job's, in whole parts; the device is of the job's class and rate and active now; the
    /// free stake covers the collateral; neither provider nor caller is the requester or the sponsor. What is refused may be tried again.
    function reveal(uint256 job, Job calldata state, uint256 device, uint96 price, bytes32 salt) external;

    /// @notice Invite the cheapest bidder in the auction's stead, at its price, after `revealBy`; it still has to accept, by the job's
    /// `acceptBy`. Anyone. Nobody revealed, or nobody accepts: the escrow refunds as any job that wasn't accepted.
    function award(uint256 job, Job calldata state) external;

    function auctionOf(uint256 job) external view returns (Auction memory);
    function bidOf(uint256 job, address provider) external view returns (SealedBid memory);
    /// @return keccak256(abi.encode(chainid, this contract, job, provider, device, price, salt)). The salt is 32 random bytes: prices can
    /// be guessed.
    function bidHash(uint256 job, address provider, uint256 device, uint96 price, bytes32 salt)
        external
        view
        returns (bytes32);
}
