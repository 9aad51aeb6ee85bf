// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";

import {IOrderBook} from "./interfaces/IOrderBook.sol";
import {IProviderStaking} from "./interfaces/IProviderStaking.sol";
import {JobAsk, JobBid, Orders} from "./libraries/Orders.sol";

/// @title See `IOrderBook`: what each verb asks, changes and emits stands there.
contract OrderBook is IOrderBook, EIP712, Multicall {
    using Orders for JobAsk;
    using Orders for JobBid;

    address private immutable JOB_ESCROW;
    address private immutable LEASE_ESCROW;
    IProviderStaking private immutable STAKING;
    address private immutable ATTESTATIONS;

    mapping(address account => uint256) private _series;
    /// @dev Bit n of word w of a series: nonce 256 · w + n is spent.
    mapping(address account => mapping(uint256 series => mapping(uint256 word => uint256))) private _spent;

    constructor(address jobEscrow, address leaseEscrow, IProviderStaking staking, address attestations)
        EIP712("OrderBook", "1")
    {
        JOB_ESCROW = jobEscrow;
        LEASE_ESCROW = leaseEscrow;
        STAKING = staking;
        ATTESTATIONS = attestations;
    }

    // ------------------------------------------------------------------------------------------------------ depositing

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
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(token).permit(owner, spender, value, deadline, v, r, s) {} catch {}
    }

    // ------------------------------------------------------------------------------------------------------ cancelling

    /// @inheritdoc IOrderBook
    function cancel(address account, uint256 word, uint256 mask) external {
        _requireAccount(account);

        uint256 spent = _spent[account][_series[account]][word] | mask;
        _spent[account][_series[account]][word] = spent;

        emit OrdersCancelled(account, word, mask, spent);
    }

    /// @inheritdoc IOrderBook
    function cancelAll(address account) external returns (uint256 series) {
        _requireAccount(account);

        series = ++_series[account];

        emit SeriesStarted(account, series);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IOrderBook
    function spentOf(address account, uint256 word) external view returns (uint256) {
        return _spent[account][_series[account]][word];
    }

    /// @inheritdoc IOrderBook
    function seriesOf(address account) external view returns (uint256) {
        return _series[account];
    }

    /// @inheritdoc IOrderBook
    function jobAskDigest(JobAsk calldata ask) public view returns (bytes32) {
        return _hashTypedDataV4(ask.hash());
    }

    /// @inheritdoc IOrderBook
    function jobBidDigest(JobBid calldata bid) public view returns (bytes32) {
        return _hashTypedDataV4(bid.hash());
    }

    /// @inheritdoc IOrderBook
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // -------------------------------------------------------------------------------------------------------- signatures

    function _requireAccount(address account) private view {
        if (msg.sender == account) return;
        address operator = STAKING.operatorOf(account);
        require(msg.sender == operator, AccountOnly(msg.sender, account, operator));
    }
}
