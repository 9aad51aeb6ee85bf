// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";

import {IAttestations, LeafProof} from "./interfaces/IAttestations.sol";
import {Device, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {IJobEscrow, Terms} from "./interfaces/IJobEscrow.sol";
import {ILeaseEscrow, LeaseTerms} from "./interfaces/ILeaseEscrow.sol";
import {IOrderBook, JobOffer, LeaseOffer} from "./interfaces/IOrderBook.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {JobAsk, JobBid, LeaseAsk, LeaseBid, Order, Orders} from "./libraries/Orders.sol";
import {Payments} from "./libraries/Payments.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title See `IOrderBook`: what each verb asks, changes and emits stands there.
/// @dev Needs no guard against reentrance: an order is filled before an escrow is called, and the escrows have theirs.
contract OrderBook is IOrderBook, EIP712, Multicall {
    using Orders for JobAsk;
    using Orders for LeaseAsk;

    uint256 public constant WALLET_GAS = 500_000;

    /// @dev So many nonces of a series lie in its account's own word.
    uint256 private constant FIRST = 192;

    /// @dev Where the calldata of every verb has a bid, its first argument, behind the selector and the bid's order. A bid is static,
    /// so it lies there as abi.encode lays it; bytes that abi.encode would not write hash to nothing that was signed.
    uint256 private constant BID_REST = 4 + 9 * 32;
    uint256 private constant JOB_BID_END = BID_REST + 13 * 32;
    uint256 private constant LEASE_BID_END = BID_REST + 9 * 32;

    IJobEscrow private immutable JOB_ESCROW;
    ILeaseEscrow private immutable LEASE_ESCROW;
    IDeviceRegistry private immutable REGISTRY;
    IProviderStaking private immutable STAKING;
    IAttestations private immutable ATTESTATIONS;

    /// @dev Series, and of its first 192 nonces which are spent. One word, changed for ever and never cleared.
    struct Account {
        uint64 series;
        uint192 spent;
    }

    mapping(address account => Account) private _accounts;
    /// @dev Of a series' other nonces: bit n of word w is nonce 256 · w + n.
    mapping(address account => mapping(uint256 series => mapping(uint256 word => uint256))) private _spent;
    mapping(bytes32 order => uint256) private _filled;

    constructor(
        IJobEscrow jobEscrow,
        ILeaseEscrow leaseEscrow,
        IDeviceRegistry registry,
        IProviderStaking staking,
        IAttestations attestations
    ) EIP712("OrderBook", "1") {
        JOB_ESCROW = jobEscrow;
        LEASE_ESCROW = leaseEscrow;
        REGISTRY = registry;
        STAKING = staking;
        ATTESTATIONS = attestations;
    }

    // -------------------------------------------------------------------------------------------------------- matching

    /// @inheritdoc IOrderBook
    function matchJobs(
        JobBid calldata bid,
        bytes calldata signature,
        JobOffer[] calldata offers,
        LeafProof[] calldata leaves
    ) external returns (uint256[] memory jobs) {
        uint256 count;
        for (uint256 i = 0; i < offers.length; ++i) {
            count += offers[i].devices.length;
        }
        bytes32 digest = jobBidDigest(bid);
        _takeBid(bid.order, bid.whole, digest, signature, count);
        _requireLeafCount(leaves.length, bid.minWeight == 0 ? 0 : count);

        jobs = new uint256[](count);
        Terms memory terms = _termsOf(bid);
        count = 0;
        for (uint256 i = 0; i < offers.length; ++i) {
            JobOffer calldata offer = offers[i];
            bytes32 ask = _takeAsk(offer, bid);
            if (bid.minWeight > 0) _requireWeights(leaves, count, offer.devices, bid.sinceEpoch, bid.minWeight);
            terms.provider = offer.ask.order.account;
            terms.price = offer.ask.order.price;
            count = _openJobs(terms, offer, digest, ask, jobs, count);
        }
    }

    /// @inheritdoc IOrderBook
    function matchLeases(
        LeaseBid calldata bid,
        bytes calldata signature,
        LeaseOffer[] calldata offers,
        LeafProof[] calldata leaves
    ) external returns (uint256[] memory leases) {
        uint256 count;
        for (uint256 i = 0; i < offers.length; ++i) {
            count += offers[i].devices.length;
        }
        bytes32 digest = leaseBidDigest(bid);
        _takeBid(bid.order, bid.whole, digest, signature, count);
        _requireLeafCount(leaves.length, bid.minWeight == 0 ? 0 : count);

        leases = new uint256[](count);
        LeaseTerms memory terms = _termsOf(bid);
        count = 0;
        for (uint256 i = 0; i < offers.length; ++i) {
            LeaseOffer calldata offer = offers[i];
            bytes32 ask = _takeAsk(offer, bid);
            if (bid.minWeight > 0) _requireWeights(leaves, count, offer.devices, bid.sinceEpoch, bid.minWeight);
            terms.provider = offer.ask.order.account;
            terms.rate = offer.ask.order.price;
            count = _openLeases(terms, offer, bid, digest, ask, leases, count);
        }
    }

    /// @inheritdoc IOrderBook
    function permit(
        address token,
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        Payments.permit(token, owner, spender, value, deadline, v, r, s);
    }

    // ------------------------------------------------------------------------------------------------------ cancelling

    /// @inheritdoc IOrderBook
    function cancel(address account, uint256 word, uint256 mask) external {
        _requireAccount(account);

        Account memory owner = _accounts[account];
        uint256 others = word == 0 ? mask >> FIRST << FIRST : mask;
        if (others > 0) _spent[account][owner.series][word] |= others;
        if (others != mask) {
            owner.spent |= uint192(mask);
            _accounts[account] = owner;
        }

        emit OrdersCancelled(account, word, mask, spentOf(account, word));
    }

    /// @inheritdoc IOrderBook
    function cancelAll(address account) external returns (uint256 series) {
        _requireAccount(account);

        series = uint256(_accounts[account].series) + 1;
        _accounts[account] = Account(uint64(series), 0); // nobody cancels so often

        emit SeriesStarted(account, series);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IOrderBook
    function spentOf(address account, uint256 word) public view returns (uint256) {
        Account memory owner = _accounts[account];
        uint256 others = _spent[account][owner.series][word];
        return word == 0 ? others | owner.spent : others;
    }

    /// @inheritdoc IOrderBook
    function seriesOf(address account) external view returns (uint256) {
        return _accounts[account].series;
    }

    /// @inheritdoc IOrderBook
    function filledOf(bytes32 order) external view returns (uint256) {
        return _filled[order];
    }

    /// @inheritdoc IOrderBook
    function jobAskDigest(JobAsk calldata ask) public view returns (bytes32) {
        return _hashTypedDataV4(ask.hash());
    }

    /// @inheritdoc IOrderBook
    function jobBidDigest(JobBid calldata bid) public view returns (bytes32) {
        return _hashTypedDataV4(Orders.hashBid(Orders.JOB_BID_TYPE, bid.order, msg.data[BID_REST:JOB_BID_END]));
    }

    /// @inheritdoc IOrderBook
    function leaseAskDigest(LeaseAsk calldata ask) public view returns (bytes32) {
        return _hashTypedDataV4(ask.hash());
    }

    /// @inheritdoc IOrderBook
    function leaseBidDigest(LeaseBid calldata bid) public view returns (bytes32) {
        return _hashTypedDataV4(Orders.hashBid(Orders.LEASE_BID_TYPE, bid.order, msg.data[BID_REST:LEASE_BID_END]));
    }

    /// @inheritdoc IOrderBook
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // --------------------------------------------------------------------------------------------------------- filling

    /// @param jobs Where the numbers go, from place `filled` on. @return The place after the last.
    function _openJobs(
        Terms memory terms,
        JobOffer calldata offer,
        bytes32 bid,
        bytes32 ask,
        uint256[] memory jobs,
        uint256 filled
    ) private returns (uint256) {
        for (uint256 i = 0; i < offer.devices.length; ++i) {
            uint256 device = offer.devices[i];
            _requireOffered(device, offer.ask.device);
            uint256 job = JOB_ESCROW.open(terms, device);
            jobs[filled] = job;
            ++filled;

            emit JobMatched(bid, ask, job);
        }
        return filled;
    }

    /// @dev Likewise.
    function _openLeases(
        LeaseTerms memory terms,
        LeaseOffer calldata offer,
        LeaseBid calldata bid,
        bytes32 digest,
        bytes32 ask,
        uint256[] memory leases,
        uint256 filled
    ) private returns (uint256) {
        for (uint256 i = 0; i < offer.devices.length; ++i) {
            uint256 device = offer.devices[i];
            _requireOffered(device, offer.ask.device);
            _requireDevice(device, bid.order.classId, bid.minGops);
            uint256 lease = LEASE_ESCROW.openFor(terms, device, bid.deposit);
            leases[filled] = lease;
            ++filled;

            emit LeaseMatched(digest, ask, lease);
        }
        return filled;
    }

    function _takeBid(Order calldata order, bool whole, bytes32 digest, bytes calldata signature, uint256 count) private {
        _requireBidSigned(order.account, digest, signature);
        require(!whole || count == order.count, BidNotWhole(digest, count, order.count));

        _fill(order, digest, count);
    }

    /// @return digest The ask's, which fits the bid and is filled with as many devices as are offered.
    function _takeAsk(JobOffer calldata offer, JobBid calldata bid) private returns (bytes32 digest) {
        JobAsk calldata ask = offer.ask;
        digest = jobAskDigest(ask);
        _requireAskSigned(ask.order.account, digest, offer.signature);
        _requireFit(ask.order, bid.order, bid.requester);
        require(ask.arbiter == bid.arbiter, OrdersUnfit("arbiter", uint160(ask.arbiter), uint160(bid.arbiter)));
        bytes32 spec = ask.spec;
        require(spec == 0 || spec == bid.spec, OrdersUnfit("spec", uint256(spec), uint256(bid.spec)));
        require(ask.collateral >= bid.collateral, OrdersUnfit("collateral", ask.collateral, bid.collateral));
        require(ask.submitBlocks <= bid.submitBlocks, OrdersUnfit("submitBlocks", ask.submitBlocks, bid.submitBlocks));
        uint256 blocks = uint256(bid.submitBlocks) + bid.refundBlocks;
        require(blocks <= ask.holdBlocks, OrdersUnfit("holdBlocks", ask.holdBlocks, blocks));

        _fill(ask.order, digest, offer.devices.length);
    }

    function _takeAsk(LeaseOffer calldata offer, LeaseBid calldata bid) private returns (bytes32 digest) {
        LeaseAsk calldata ask = offer.ask;
        digest = leaseAskDigest(ask);
        _requireAskSigned(ask.order.account, digest, offer.signature);
        _requireFit(ask.order, bid.order, address(0));
        require(ask.notice == bid.notice, OrdersUnfit("notice", ask.notice, bid.notice));
        require(ask.deposit <= bid.deposit, OrdersUnfit("deposit", ask.deposit, bid.deposit));
        require(ask.grace >= bid.grace, OrdersUnfit("grace", ask.grace, bid.grace));
        uint256 most = ask.voucherBlocks;
        require(most >= bid.voucherBlocks, OrdersUnfit("voucherBlocks", most, bid.voucherBlocks));

        _fill(ask.order, digest, offer.devices.length);
    }

    /// @dev An order for one is spent by its only fill; how often others were filled is kept until they are.
    function _fill(Order calldata order, bytes32 digest, uint256 amount) private {
        require(block.number <= order.expiry, OrderExpired(digest, block.number, order.expiry));
        address account = order.account;
        Account memory owner = _accounts[account];
        require(order.series == owner.series, SeriesWrong(account, order.series, owner.series));
        uint256 nonce = order.nonce;
        uint256 spent = nonce < FIRST ? owner.spent : _spent[account][owner.series][nonce >> 8];
        uint256 bit = 1 << (nonce & 255);
        require(spent & bit == 0, OrderSpent(account, owner.series, nonce));
        uint256 count = order.count;
        uint256 total = count > 1 ? _filled[digest] + amount : amount;
        require(total <= count, OrderOverfilled(digest, total, count));

        if (total < count) {
            _filled[digest] = total;
        } else if (nonce < FIRST) {
            owner.spent = uint192(spent | bit);
            _accounts[account] = owner;
        } else {
            _spent[account][owner.series][nonce >> 8] = spent | bit;
        }
    }

    // ---------------------------------------------------------------------------------------------------------- fitting

    function _requireFit(Order calldata ask, Order calldata bid, address requester) private pure {
        require(ask.account != bid.account && ask.account != requester, SelfMatch(ask.account));
        _requireCounterparty(ask, bid.account);
        _requireCounterparty(bid, ask.account);
        require(ask.token == bid.token, OrdersUnfit("token", uint160(ask.token), uint160(bid.token)));
        require(ask.classId == bid.classId, OrdersUnfit("classId", ask.classId, bid.classId));
        require(ask.price <= bid.price, OrdersUnfit("price", ask.price, bid.price));
    }

    function _requireCounterparty(Order calldata order, address other) private pure {
        address need = order.counterparty;
        require(need == address(0) || need == other, CounterpartyWrong(order.account, other, need));
    }

    function _requireOffered(uint256 device, uint256 need) private pure {
        require(need == 0 || device == need, DeviceNotOffered(device, need));
    }

    /// @dev As the job escrow does for jobs; a device that there isn't has no gops.
    function _requireDevice(uint256 id, uint256 classId, uint256 minGops) private view {
        Device memory device = REGISTRY.deviceOf(id);
        require(device.classId == classId, DeviceUnfit("classId", device.classId, classId));
        require(device.bondedGops >= minGops, DeviceUnfit("bondedGops", device.bondedGops, minGops));
    }

    function _requireLeafCount(uint256 have, uint256 need) private pure {
        require(have == need, LeafCountWrong(have, need));
    }

    /// @param first Of the leaves, the one of the first device.
    function _requireWeights(
        LeafProof[] calldata leaves,
        uint256 first,
        uint32[] calldata devices,
        uint256 sinceEpoch,
        uint256 least
    ) private view {
        for (uint256 i = 0; i < devices.length; ++i) {
            LeafProof calldata proof = leaves[first + i];
            uint256 device = devices[i];
            require(proof.leaf.device == device, LeafOfAnotherDevice(proof.leaf.device, device));
            require(proof.epoch >= sinceEpoch, LeafTooOld(device, proof.epoch, sinceEpoch));
            require(proof.leaf.weight >= least, WeightTooLow(device, proof.leaf.weight, least));
            ATTESTATIONS.requireFinalLeaf(proof);
        }
    }

    /// @return terms Of every job of the bid, but for the provider and the price, which each ask names. Who signed the bid pays.
    function _termsOf(JobBid calldata bid) private view returns (Terms memory terms) {
        address payer = bid.order.account;
        address requester = bid.requester == address(0) ? payer : bid.requester;
        terms.requester = requester;
        if (requester != payer) terms.sponsor = payer;
        terms.token = bid.order.token;
        terms.parts = bid.parts;
        terms.classId = bid.order.classId;
        terms.minGops = bid.minGops;
        terms.collateral = bid.collateral;
        terms.acceptBy = uint40(block.number);
        terms.submitBy = uint40(block.number + bid.submitBlocks);
        terms.reviewBlocks = bid.reviewBlocks;
        terms.refundAt = uint40(block.number + bid.submitBlocks + bid.refundBlocks);
        terms.arbiter = bid.arbiter;
        terms.callback = bid.callback;
        terms.spec = bid.spec;
    }

    /// @return terms Likewise of every lease.
    function _termsOf(LeaseBid calldata bid) private view returns (LeaseTerms memory terms) {
        terms.requester = bid.order.account;
        terms.token = bid.order.token;
        terms.cap = bid.cap;
        terms.notice = bid.notice;
        terms.grace = bid.grace;
        terms.voucherBlocks = bid.voucherBlocks;
        terms.acceptBy = uint40(block.number);
    }

    // -------------------------------------------------------------------------------------------------------- signatures

    function _requireAccount(address account) private view {
        if (msg.sender == account) return;
        address operator = STAKING.operatorOf(account);
        require(msg.sender == operator, AccountOnly(msg.sender, account, operator));
    }

    /// @dev A bid moves money, so no operator signs it.
    function _requireBidSigned(address account, bytes32 digest, bytes calldata signature) private view {
        if (msg.sender == account) return;
        (address signer, bool signed) = Signatures.recover(digest, signature);
        signed = signed && signer == account || _isWalletSigned(account, digest, signature);
        require(signed, SignatureInvalid(account, digest));
    }

    /// @dev By the operator of now: one that was replaced offers nothing any more.
    function _requireAskSigned(address provider, bytes32 digest, bytes calldata signature) private view {
        if (msg.sender == provider) return;
        (address signer, bool signed) = Signatures.recover(digest, signature);
        if (signed && signer == provider) return;
        address operator = STAKING.operatorOf(provider);
        if (msg.sender == operator || signed && signer == operator) return;
        signed = _isWalletSigned(provider, digest, signature) || _isWalletSigned(operator, digest, signature);
        require(signed, SignatureInvalid(provider, digest));
    }

    /// @dev ERC-1271, with so little gas that a wallet can't make a match dear; a wallet that lies binds only itself.
    function _isWalletSigned(address account, bytes32 digest, bytes calldata signature) private view returns (bool) {
        if (account.code.length == 0) return false;
        // solhint-disable-next-line avoid-low-level-calls
        (bool done, bytes memory answer) =
            account.staticcall{gas: WALLET_GAS}(abi.encodeCall(IERC1271.isValidSignature, (digest, signature)));
        return done && answer.length == 32 && bytes32(answer) == bytes32(IERC1271.isValidSignature.selector);
    }
}
