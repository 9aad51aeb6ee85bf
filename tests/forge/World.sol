// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IAttestationDisputes} from "../../contracts/interfaces/IAttestationDisputes.sol";
import {IAttestations} from "../../contracts/interfaces/IAttestations.sol";
import {IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {IDeviceRegistry} from "../../contracts/interfaces/IDeviceRegistry.sol";
import {IJobEscrow} from "../../contracts/interfaces/IJobEscrow.sol";
import {ILeaseEscrow} from "../../contracts/interfaces/ILeaseEscrow.sol";
import {IOracleArbiter} from "../../contracts/interfaces/IOracleArbiter.sol";
import {IOrderBook} from "../../contracts/interfaces/IOrderBook.sol";
import {IProviderStaking} from "../../contracts/interfaces/IProviderStaking.sol";
import {IRewards} from "../../contracts/interfaces/IRewards.sol";
import {ISealedAuction} from "../../contracts/interfaces/ISealedAuction.sol";
import {IWorkDisputes} from "../../contracts/interfaces/IWorkDisputes.sol";
import {Slots, Timing} from "../../contracts/libraries/Slots.sol";
import {Test, vm} from "./Vm.sol";

interface IToken is IERC20 {
    function mint(address to, uint256 amount) external;
    function CAP() external view returns (uint256);
    function DOMAIN_SEPARATOR() external view returns (bytes32);
    function nonces(address owner) external view returns (uint256);
}

/// @dev Answers like EIP-2935's contract, with the hashes that forge makes up: keccak256 of the number's decimal digits.
contract History {
    fallback(bytes calldata data) external returns (bytes memory) {
        uint256 number = uint256(bytes32(data));
        require(number < block.number && number + 8191 >= block.number);
        uint256 digits = 1;
        for (uint256 rest = number; rest >= 10; rest /= 10) {
            ++digits;
        }
        bytes memory text = new bytes(digits);
        for (uint256 rest = number; digits > 0; rest /= 10) {
            text[--digits] = bytes1(uint8(48 + (rest % 10)));
        }
        return bytes.concat(keccak256(text));
    }
}

/// @title Single contracts as the project's own compiler made them, without a system around them, which every run of a test would copy.
abstract contract Alone is Test {
    function _etch(address place, string memory name) internal {
        vm.etch(place, vm.parseJsonBytes(vm.readFile(".build/forge/world.json"), string.concat(".code.", name)));
    }
}

/// @title The system as `tests/forge/world.py` found it: compiled and deployed by the project's own code.
abstract contract World is Test {
    using Slots for Timing;

    string internal constant MNEMONIC = "test test test test test test test test test test test junk";
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    IToken internal tbnd;
    IToken internal dollar;
    IProviderStaking internal staking;
    IDeviceRegistry internal registry;
    IChallenges internal challenges;
    IAttestations internal attestations;
    IWorkDisputes internal workDisputes;
    IAttestationDisputes internal attestationDisputes;
    IRewards internal rewards;
    IJobEscrow internal jobEscrow;
    ILeaseEscrow internal leaseEscrow;
    IOrderBook internal orderBook;
    IOracleArbiter internal oracleArbiter;
    ISealedAuction internal sealedAuction;
    address internal governor;
    address internal treasury;
    string private _json;

    function _loadWorld() internal {
        _json = vm.readFile(".build/forge/world.json");
        vm.loadAllocs(".build/forge/alloc.json");
        vm.etch(HISTORY, type(History).runtimeCode);
        vm.roll(vm.parseJsonUint(_json, ".block"));
        vm.warp(vm.parseJsonUint(_json, ".timestamp"));
        tbnd = IToken(_at("TensorbondToken"));
        dollar = IToken(_at("TestDollar"));
        staking = IProviderStaking(_at("ProviderStaking"));
        registry = IDeviceRegistry(_at("DeviceRegistry"));
        challenges = IChallenges(_at("Challenges"));
        attestations = IAttestations(_at("Attestations"));
        workDisputes = IWorkDisputes(_at("WorkDisputes"));
        attestationDisputes = IAttestationDisputes(_at("AttestationDisputes"));
        rewards = IRewards(_at("Rewards"));
        jobEscrow = IJobEscrow(_at("JobEscrow"));
        leaseEscrow = ILeaseEscrow(_at("LeaseEscrow"));
        orderBook = IOrderBook(_at("OrderBook"));
        oracleArbiter = IOracleArbiter(_at("OracleArbiter"));
        sealedAuction = ISealedAuction(_at("SealedAuction"));
        governor = vm.addr(_key(0));
        treasury = vm.addr(_key(1));
    }

    function _at(string memory name) internal view returns (address) {
        return vm.parseJsonAddress(_json, string.concat(".address.", name));
    }

    function _key(uint32 index) internal pure returns (uint256) {
        return vm.deriveKey(MNEMONIC, index);
    }

    /// @dev Not `block.number`: the compiler may keep an old one.
    function _now() internal view returns (uint256) {
        return vm.getBlockNumber();
    }

    function _slot() internal view returns (uint256) {
        return registry.timingNow().slotAt(_now());
    }

    /// @dev One block a second.
    function _rollTo(uint256 number) internal {
        uint256 present = _now();
        if (number <= present) return;
        vm.warp(vm.getBlockTimestamp() + number - present);
        vm.roll(number);
    }
}
