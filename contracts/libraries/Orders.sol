// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What every order says. An ask is a provider's, a bid is whoever's that pays.
struct Order {
    /// Of an ask: the provider. Of a bid: who pays and, unless it names another, the requester.
    address account;
    /// The only account it trades with; zero: any.
    address counterparty;
    address token;
    /// Of a job: for one job. Of a lease: a second. The least that an ask takes; the most that a bid pays.
    uint96 price;
    uint8 classId;
    /// How many jobs or leases it may make in all, each with a device of its own.
    uint16 count;
    /// The last block in which it may be matched.
    uint40 expiry;
    /// The account's series in which it was signed.
    uint64 series;
    /// Its bit in that series: one order at most is filled under each.
    uint64 nonce;
}

/// @notice A provider's offer of a device for jobs.
struct JobAsk {
    Order order;
    /// Zero: any of the provider's devices of the class.
    uint32 device;
    /// The most that one job may lock, wei of TBND.
    uint96 collateral;
    /// The least blocks from the match to the job's `submitBy`, and the most to its `refundAt`.
    uint32 submitBlocks;
    uint32 holdBlocks;
    /// Who decides disputes; zero: the job escrow's own arbiter.
    address arbiter;
    /// The only job that it is for; zero: any.
    bytes32 spec;
}

/// @notice A requester's offer of jobs. Deadlines are counted in blocks from the match on.
struct JobBid {
    Order order;
    /// Whose jobs they are, if the account only pays for them; zero: the account's own.
    address requester;
    /// All or nothing: `count` devices in one transaction, of one or several providers.
    bool whole;
    uint24 minGops;
    /// Least weight of the device's leaf under a final attestation of epoch `sinceEpoch` or later; 0: no leaf is asked for.
    uint96 minWeight;
    uint24 sinceEpoch;
    /// What the rest of the job's terms will be; see `Terms`.
    uint96 collateral;
    uint32 submitBlocks;
    uint32 reviewBlocks;
    /// From the job's `submitBy` to its `refundAt`.
    uint32 refundBlocks;
    uint16 parts;
    address callback;
    address arbiter;
    bytes32 spec;
}

/// @notice A provider's offer of a device for leases.
struct LeaseAsk {
    Order order;
    /// Zero: any of the provider's devices of the class.
    uint32 device;
    /// The least that is deposited at once.
    uint96 deposit;
    /// Exactly so many seconds, as notice binds both sides.
    uint32 notice;
    /// The most seconds that it waits for a top-up, and the most blocks for vouchers after a notice.
    uint32 grace;
    uint32 voucherBlocks;
}

/// @notice A requester's offer to lease. What it doesn't know of the lease's terms an ask says: the provider, the device, the rate.
struct LeaseBid {
    Order order;
    /// All or nothing: `count` devices in one transaction, of one or several providers.
    bool whole;
    uint24 minGops;
    /// As of a `JobBid`.
    uint96 minWeight;
    uint24 sinceEpoch;
    /// Of each lease; see `LeaseTerms`.
    uint96 deposit;
    uint96 cap;
    uint32 notice;
    uint32 grace;
    uint32 voucherBlocks;
}

/// @title EIP-712 hashes of orders: types, and the hash of a struct; the domain is `OrderBook`'s.
/// @dev Mirrored by `tensorbond.chain.orders`.
library Orders {
    bytes32 internal constant ORDER_TYPE = keccak256(
        "Order(address account,address counterparty,address token,uint96 price,uint8 classId,uint16 count,uint40 expiry,uint64 series,uint64 nonce)"
    );
    bytes32 internal constant JOB_ASK_TYPE = keccak256(
        "JobAsk(Order order,uint32 device,uint96 collateral,uint32 submitBlocks,uint32 holdBlocks,address arbiter,bytes32 spec)"
        "Order(address account,address counterparty,address token,uint96 price,uint8 classId,uint16 count,uint40 expiry,uint64 series,uint64 nonce)"
    );
    bytes32 internal constant JOB_BID_TYPE = keccak256(
        "JobBid(Order order,address requester,bool whole,uint24 minGops,uint96 minWeight,uint24 sinceEpoch,uint96 collateral,uint32 submitBlocks,uint32 reviewBlocks,uint32 refundBlocks,uint16 parts,address callback,address arbiter,bytes32 spec)"
        "Order(address account,address counterparty,address token,uint96 price,uint8 classId,uint16 count,uint40 expiry,uint64 series,uint64 nonce)"
    );
    bytes32 internal constant LEASE_ASK_TYPE = keccak256(
        "LeaseAsk(Order order,uint32 device,uint96 deposit,uint32 notice,uint32 grace,uint32 voucherBlocks)"
        "Order(address account,address counterparty,address token,uint96 price,uint8 classId,uint16 count,uint40 expiry,uint64 series,uint64 nonce)"
    );
    bytes32 internal constant LEASE_BID_TYPE = keccak256(
        "LeaseBid(Order order,bool whole,uint24 minGops,uint96 minWeight,uint24 sinceEpoch,uint96 deposit,uint96 cap,uint32 notice,uint32 grace,uint32 voucherBlocks)"
        "Order(address account,address counterparty,address token,uint96 price,uint8 classId,uint16 count,uint40 expiry,uint64 series,uint64 nonce)"
    );

    function hash(Order calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER_TYPE, order));
    }

    function hash(JobAsk calldata ask) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                JOB_ASK_TYPE,
                hash(ask.order),
                ask.device,
                ask.collateral,
                ask.submitBlocks,
                ask.holdBlocks,
                ask.arbiter,
                ask.spec
            )
        );
    }

    /// @param rest The bid's calldata behind its order, where every field is a word as abi.encode writes it.
    function hashBid(bytes32 bidType, Order calldata order, bytes calldata rest) internal pure returns (bytes32) {
        return keccak256(bytes.concat(bidType, hash(order), rest));
    }

    function hash(LeaseAsk calldata ask) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                LEASE_ASK_TYPE, hash(ask.order), ask.device, ask.deposit, ask.notice, ask.grace, ask.voucherBlocks
            )
        );
    }
}
