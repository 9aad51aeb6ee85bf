// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Device, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Job, JobStatus, Terms} from "./interfaces/IJobEscrow.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {ISealedAuction} from "./interfaces/ISealedAuction.sol";
import {Slots, Timing} from "./libraries/Slots.sol";

/// @title See `ISealedAuction`.
contract SealedAuction is ISealedAuction {
    using Slots for Timing;

    IJobEscrow private immutable JOB_ESCROW;
    IDeviceRegistry private immutable REGISTRY;
    IProviderStaking private immutable STAKING;

    mapping(uint256 job => Auction) private _auctions;
    mapping(uint256 job => mapping(address provider => SealedBid)) private _bids;

    constructor(IJobEscrow jobEscrow, IDeviceRegistry registry, IProviderStaking staking) {
        JOB_ESCROW = jobEscrow;
        REGISTRY = registry;
        STAKING = staking;
    }

    /// @inheritdoc ISealedAuction
    function open(uint256 job, Job calldata state, uint256 commitBy, uint256 revealBy) external {
        _requireFunded(job, state);
        address requester = state.terms.requester;
        require(msg.sender == requester, RequesterOnly(msg.sender, requester));
        require(state.terms.provider == address(this), AuctionNotInvited(job, state.terms.provider));
        require(_auctions[job].revealBy == 0, AuctionOpenedAlready(job));
        // acceptBy is 40 bits wide, and so are the others then.
        _requireWithin("revealBy", revealBy, block.number + 2, uint256(state.terms.acceptBy) - 1);
        _requireWithin("commitBy", commitBy, block.number + 1, revealBy - 1);

        _auctions[job].commitBy = uint40(commitBy);
        _auctions[job].revealBy = uint40(revealBy);

        emit AuctionOpened(job, requester, commitBy, revealBy);
    }

    /// @inheritdoc ISealedAuction
    function commit(uint256 job, address provider, bytes32 bid) external {
        Auction memory auction = _auction(job);
        require(block.number <= auction.commitBy, DeadlinePassed(job, block.number, auction.commitBy));
        _requireOperator(provider);
        require(_bids[job][provider].place == 0, BidCommittedAlready(job, provider));

        uint32 place = auction.bids + 1;
        _auctions[job].bids = place;
        _bids[job][provider] = SealedBid({seal: bytes28(bid), place: place});

        emit BidCommitted(job, provider, bid, place);
    }

    /// @inheritdoc ISealedAuction
    function reveal(uint256 job, Job calldata state, uint256 device, uint96 price, bytes32 salt) external {
        Auction memory auction = _auction(job);
        require(block.number > auction.commitBy, DeadlineNotPassed(job, block.number, auction.commitBy));
        require(block.number <= auction.revealBy, DeadlinePassed(job, block.number, auction.revealBy));
        _requireFunded(job, state);
        address provider = _requireFit(state.terms, device);
        _requireOperator(provider);
        _requirePrice(state.terms, price);
        SealedBid memory bid = _bids[job][provider];
        require(bid.seal != 0, BidUnknown(job, provider));
        bytes28 seal = bytes28(bidHash(job, provider, device, price, salt));
        require(seal == bid.seal, BidMismatch(job, seal, bid.seal));

        _bids[job][provider].seal = 0;
        bool cheapest = _isCheaper(job, auction, price, bid.place);
        if (cheapest) {
            _auctions[job].provider = provider;
            _auctions[job].price = price;
        }

        emit BidRevealed(job, provider, device, price, cheapest);
    }

    /// @inheritdoc ISealedAuction
    function award(uint256 job, Job calldata state) external {
        Auction memory auction = _auction(job);
        require(block.number > auction.revealBy, DeadlineNotPassed(job, block.number, auction.revealBy));
        require(auction.provider != address(0), NoBid(job));

        emit AuctionAwarded(job, auction.provider, auction.price);

        JOB_ESCROW.assign(job, state, auction.provider, auction.price);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ISealedAuction
    function auctionOf(uint256 job) external view returns (Auction memory) {
        return _auctions[job];
    }

    /// @inheritdoc ISealedAuction
    function bidOf(uint256 job, address provider) external view returns (SealedBid memory) {
        return _bids[job][provider];
    }

    /// @inheritdoc ISealedAuction
    function bidHash(uint256 job, address provider, uint256 device, uint96 price, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(this), job, provider, device, price, salt));
    }

    // ---------------------------------------------------------------------------------------------------------- checks

    /// @return Whether a bid beats the one that leads.
    function _isCheaper(uint256 job, Auction memory auction, uint256 price, uint256 place) private view returns (bool) {
        if (auction.provider == address(0) || price != auction.price) {
            return auction.provider == address(0) || price < auction.price;
        }
        return place < _bids[job][auction.provider].place;
    }

    function _auction(uint256 job) private view returns (Auction memory auction) {
        auction = _auctions[job];
        require(auction.revealBy != 0, AuctionUnknown(job));
    }

    function _requireFunded(uint256 job, Job calldata state) private view {
        bytes32 have = keccak256(abi.encode(state));
        bytes32 need = JOB_ESCROW.jobHash(job);
        require(have == need, JobStateMismatch(job, have, need));
        require(state.status == JobStatus.Funded, JobStatusWrong(job, state.status, JobStatus.Funded));
    }

    function _requireOperator(address provider) private view {
        if (msg.sender == provider) return;
        address operator = STAKING.operatorOf(provider);
        require(msg.sender == operator, OperatorOnly(msg.sender, operator));
    }

    /// @dev What `JobEscrow.assign` asks of a price: a leading bid can always be awarded.
    function _requirePrice(Terms calldata terms, uint256 price) private pure {
        require(price > 0 && price <= terms.price, PriceOutOfRange(price, 1, terms.price));
        require(terms.parts < 2 || price % terms.parts == 0, PriceIndivisible(price, terms.parts));
    }

    /// @return provider The device's. @dev What `JobEscrow.accept` will ask, as far as it can be told by now.
    function _requireFit(Terms calldata terms, uint256 device) private view returns (address provider) {
        Device memory d = REGISTRY.deviceOf(device);
        provider = d.provider;
        require(provider != terms.requester && provider != terms.sponsor, BidderPays(provider));
        require(msg.sender != terms.requester && msg.sender != terms.sponsor, BidderPays(msg.sender));
        require(d.classId == terms.classId, DeviceUnfit("classId", d.classId, terms.classId));
        require(d.bondedGops >= terms.minGops, DeviceUnfit("bondedGops", d.bondedGops, terms.minGops));
        Timing memory timing = REGISTRY.timingNow();
        uint256 slot = timing.slotAt(block.number);
        require(REGISTRY.isActive(device, slot), DeviceNotActive(device, slot));
        uint256 free = STAKING.freeOf(provider);
        require(free >= terms.collateral, FreeStakeInsufficient(provider, free, terms.collateral));
    }

    function _requireWithin(bytes32 field, uint256 have, uint256 least, uint256 most) private pure {
        require(have >= least && have <= most, DeadlineInvalid(field, have, least, most));
    }
}
