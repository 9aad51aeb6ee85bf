"""Deploys the system: one plan, written before the first transaction, carried out step by step, and checked
at the end.

Every contract knows its peers by addresses that follow from the deployer's nonces, so the plan fixes nonces
and addresses first. Whoever is interrupted runs it again: what the chain already holds is checked and kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tensorbond.chain import governing
from tensorbond.chain.abi import Abi
from tensorbond.chain.artifacts import CONTRACTS, Artifacts
from tensorbond.chain.deployment import (
    ESCROWS,
    SETTINGS,
    ContractRecord,
    Deployment,
    jsonable,
    write_atomically,
)
from tensorbond.chain.errors import DeploymentConflict, DeploymentInvalid
from tensorbond.chain.governing import Call
from tensorbond.chain.handover import MANAGER, handover_due
from tensorbond.chain.lane import Lane
from tensorbond.chain.network import Network
from tensorbond.chain.parameters import Parameters
from tensorbond.chain.roles import ADMIN
from tensorbond.chain.types import DeviceClass, Timing

Say = Callable[[str], None]


@dataclass
class Plan:
    """What a run has decided and begun. Kept beside the deployment file until that is written."""

    path: Path
    chain_id: int
    deployer: str
    first_nonce: int
    parameters: dict[str, Any]
    tokens: dict[str, str]
    genesis_block: int = 0
    # By contract: every hash that was signed for it.
    transactions: dict[str, list[str]] = field(default_factory=dict)

    def save(self) -> None:
        write_atomically(self.path, json.dumps(asdict(self) | {"path": None}, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Plan | None:
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")) | {"path": path})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise DeploymentInvalid(f"{path} is not a deployment plan: {error}") from error

    @property
    def addresses(self) -> dict[str, str]:
        return {
            name: create_address(self.deployer, self.first_nonce + index)
            for index, name in enumerate(CONTRACTS)
        }


def create_address(deployer: str, nonce: int) -> str:
    """Where the contract that `deployer` creates with `nonce` will be."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    number = digits if 0 < nonce < 0x80 else bytes([0x80 + len(digits)]) + digits
    pair = bytes([0x80 + 20]) + bytes.fromhex(deployer[2:]) + number  # RLP
    return str(to_checksum_address(keccak(bytes([0xC0 + len(pair)]) + pair)[12:]))


def constructor_arguments(
    name: str, parameters: Parameters, deployer: str, at: Mapping[str, str], genesis_block: int
) -> dict[str, Any]:
    """The arguments of one contract's constructor, in order."""
    first = Timing(0, 0, genesis_block, **parameters.timing.model_dump())
    match name:
        case "AccessManager":
            return {"initialAdmin": deployer}
        case "TensorbondToken":
            return {
                "minter": at["Rewards"],
                "genesisHolder": parameters.treasury or deployer,
                "genesisSupply": parameters.genesis_supply,
            }
        case "ProviderStaking":
            return {
                "token": at["TensorbondToken"],
                "registry": at["DeviceRegistry"],
                "jobEscrow": at["JobEscrow"],
                "challenges": at["Challenges"],
                "workDisputes": at["WorkDisputes"],
                "rewards": at["Rewards"],
                "unbondingBlocks": parameters.unbonding_blocks,
            }
        case "DeviceRegistry":
            return {
                "authority": at["AccessManager"],
                "staking": at["ProviderStaking"],
                "jobEscrow": at["JobEscrow"],
                "leaseEscrow": at["LeaseEscrow"],
                "challenges": at["Challenges"],
                "workDisputes": at["WorkDisputes"],
                "first": first,
            }
        case "Challenges":
            return {
                "registry": at["DeviceRegistry"],
                "staking": at["ProviderStaking"],
                "workDisputes": at["WorkDisputes"],
                "computeProofs": at["ComputeProofs"],
                "memoryProofs": at["MemoryProofs"],
            }
        case "Attestations":
            return {
                "authority": at["AccessManager"],
                "token": at["TensorbondToken"],
                "registry": at["DeviceRegistry"],
                "attestationDisputes": at["AttestationDisputes"],
                "bond": parameters.oracle_bond,
            }
        case "ComputeProofs" | "MemoryProofs":
            return {"registry": at["DeviceRegistry"], "challenges": at["Challenges"]}
        case "LeafProofs":
            return {
                "registry": at["DeviceRegistry"],
                "challenges": at["Challenges"],
                "jobEscrow": at["JobEscrow"],
            }
        case "WorkDisputes":
            return {
                "registry": at["DeviceRegistry"],
                "challenges": at["Challenges"],
                "attestations": at["Attestations"],
                "staking": at["ProviderStaking"],
                "computeProofs": at["ComputeProofs"],
                "memoryProofs": at["MemoryProofs"],
            }
        case "AttestationDisputes":
            return {
                "attestations": at["Attestations"],
                "registry": at["DeviceRegistry"],
                "challenges": at["Challenges"],
                "leafProofs": at["LeafProofs"],
                "computeProofs": at["ComputeProofs"],
                "memoryProofs": at["MemoryProofs"],
            }
        case "Rewards":
            return {
                "token": at["TensorbondToken"],
                "attestations": at["Attestations"],
                "staking": at["ProviderStaking"],
            }
        case "JobEscrow":
            return {
                "authority": at["AccessManager"],
                "token": at["TensorbondToken"],
                "registry": at["DeviceRegistry"],
                "staking": at["ProviderStaking"],
                "attestations": at["Attestations"],
                "orderBook": at["OrderBook"],
                "arbiter": at["OracleArbiter"],
                "feeRecipient": parameters.fee_recipient or deployer,
                "feeBps": parameters.fee_bps,
                "feeBurnBps": parameters.fee_burn_bps,
                "verdictBlocks": parameters.verdict_blocks,
            }
        case "LeaseEscrow":
            return {
                "authority": at["AccessManager"],
                "token": at["TensorbondToken"],
                "registry": at["DeviceRegistry"],
                "staking": at["ProviderStaking"],
                "challenges": at["Challenges"],
                "orderBook": at["OrderBook"],
                "feeRecipient": parameters.fee_recipient or deployer,
                "feeBps": parameters.fee_bps,
                "feeBurnBps": parameters.fee_burn_bps,
            }
        case "OrderBook":
            return {
                "jobEscrow": at["JobEscrow"],
                "leaseEscrow": at["LeaseEscrow"],
                "registry": at["DeviceRegistry"],
                "staking": at["ProviderStaking"],
                "attestations": at["Attestations"],
            }
        case "OracleArbiter":
            return {
                "attestations": at["Attestations"],
                "registry": at["DeviceRegistry"],
                "jobEscrow": at["JobEscrow"],
            }
        case "SealedAuction":
            return {
                "jobEscrow": at["JobEscrow"],
                "registry": at["DeviceRegistry"],
                "staking": at["ProviderStaking"],
            }
    raise DeploymentInvalid(f"nothing is known of a contract {name}")


def deploy(
    lane: Lane,
    artifacts: Artifacts,
    parameters: Parameters,
    network: str,
    path: Path,
    *,
    tokens: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
) -> Deployment:
    """Deploy what is not deployed yet, write `path`, and bring the governor's settings to what `parameters`
    say.

    `tokens`: addresses of payment tokens by symbol. A second run changes nothing and says so. Raises
    `DeploymentConflict` if the deployer's nonce moved or other parameters or code are in the way."""
    if lane.rpc.chain_id != parameters.chain_id:
        raise DeploymentConflict(
            f"the parameters are for chain {parameters.chain_id}, not {lane.rpc.chain_id}"
        )
    if path.exists():
        deployment = Deployment.load(path)
        _check_same(deployment, parameters, path)
        deployment.verify(lane.rpc)
        _check_code(lane, artifacts, deployment)
        say(f"{network} is deployed already: {path} and the chain agree, no contract was deployed")
    else:
        plan = _plan(lane, parameters, path, tokens or {}, say)
        records = {name: _create(lane, artifacts, parameters, plan, name, say) for name in CONTRACTS}
        deployment = _conclude(lane, network, parameters, plan, records)
        deployment.save(path)
        plan.path.unlink(missing_ok=True)
        say(f"wrote {path}")
    govern(lane, artifacts, deployment, parameters, say)
    return deployment


def deploy_test_tokens(
    lane: Lane, artifacts: Artifacts, parameters: Parameters, path: Path, *, say: Say = lambda _: None
) -> dict[str, str]:
    """The payment tokens by symbol; those that the parameters name by a contract are deployed before anything
    else, unless a deployment or a plan has them already."""
    if path.exists():
        return Deployment.load(path).tokens
    if plan := Plan.load(_plan_path(path)):
        return plan.tokens
    tokens = {}
    for token in parameters.tokens:
        if token.test_contract is not None:
            mined = lane.transact(None, artifacts[token.test_contract].bytecode)
            tokens[token.symbol] = str(to_checksum_address(mined.contract_address or ""))
            say(f"{token.symbol} at {tokens[token.symbol]}, a token for tests")
        elif token.address is not None:
            tokens[token.symbol] = str(to_checksum_address(token.address))
    return tokens


def govern(
    lane: Lane, artifacts: Artifacts, deployment: Deployment, parameters: Parameters, say: Say
) -> list[Call]:
    """Bring settings (classes, allow-list) and roles to what the parameters say, as far as this key may.

    The deployer does all of it and then hands over, in one transaction. Later on a governor whose calls wait
    schedules here what is due, and makes it in a run after the wait. Returns what was, or has yet to be,
    called."""
    network = Network(lane.rpc, deployment, artifacts)
    due = list(_due(network, parameters))
    for call in due:
        _govern(lane, network, call, say)
    handover = handover_due(network)
    if handover:
        manager = network.abi(MANAGER)
        calls = [manager.encode_call(function, args) for function, args in handover]
        is_admin, delay = network.call(MANAGER, "hasRole", ADMIN, lane.address)
        if is_admin and not delay:
            governing.transact(lane, network, (MANAGER, "multicall", (calls,)))
            say(f"roles: the governor is {deployment.governor}, the guardian {deployment.guardian}")
        else:
            for function, args in handover:
                say(f"for the governor to call: {MANAGER}.{function}{args}")
        due += [(MANAGER, function, args) for function, args in handover]
    if not due:
        say("classes, tokens and roles are as the parameters say")
    return due


def _govern(lane: Lane, network: Network, call: Call, say: Say) -> None:
    contract, function, args = call
    outcome = governing.govern(lane, network, call)
    if outcome.state == "done":
        say(f"{contract}.{function}: done")
    elif outcome.state == "refused":
        say(f"for the governor to call: {contract}.{function}{args}")
    else:
        already = " already" if outcome.state == "waiting" else ""
        say(f"{contract}.{function}: scheduled{already}, run this again after {outcome.wait} s")


def _plan(lane: Lane, parameters: Parameters, path: Path, tokens: Mapping[str, str], say: Say) -> Plan:
    dump = parameters.model_dump(mode="json")
    plan_path = _plan_path(path)
    plan = Plan.load(plan_path)
    if plan is None:
        plan = Plan(plan_path, lane.rpc.chain_id, lane.address, lane.nonce(), dump, dict(tokens))
        plan.save()
        return plan
    for what, have, need in (
        ("chain", lane.rpc.chain_id, plan.chain_id),
        ("deployer", lane.address, plan.deployer),
        ("parameters", dump, plan.parameters),
    ):
        if have != need:
            raise DeploymentConflict(f"{plan_path} was begun with another {what}: have {have}, need {need}")
    say(f"resuming {plan_path}")
    return plan


def _create(
    lane: Lane, artifacts: Artifacts, parameters: Parameters, plan: Plan, name: str, say: Say
) -> ContractRecord:
    at, artifact = plan.addresses, artifacts[name]
    nonce = plan.first_nonce + CONTRACTS.index(name)
    mined = None
    for transaction in plan.transactions.get(name, []):
        mined = mined or lane.await_mined(transaction)
    code = _code(lane, at[name])
    if not code:
        if lane.nonce() != nonce:
            raise DeploymentConflict(
                f"{name} needs nonce {nonce} of {plan.deployer}, which is at {lane.nonce()}: "
                f"another transaction took it. Remove {plan.path} to begin anew at other addresses"
            )
        if name == "DeviceRegistry":
            head = int(lane.rpc.request("eth_blockNumber"), 16)
            plan.genesis_block = head + parameters.genesis_delay

        def remember(transaction: str) -> None:
            plan.transactions.setdefault(name, []).append(transaction)
            plan.save()

        arguments = constructor_arguments(name, parameters, plan.deployer, at, plan.genesis_block)
        mined = lane.transact(
            None,
            artifact.bytecode + artifact.abi.encode_constructor(list(arguments.values())),
            nonce=nonce,
            abis=_abis(artifacts),
            label=(name, "constructor"),
            on_signed=remember,
        )
        code = _code(lane, at[name])
    else:
        say(f"{name} is at {at[name]} already")
    if mined is None or not artifact.code_matches(code):
        raise DeploymentConflict(f"what is at {at[name]} is not the {name} of this plan")
    if mined.contract_address is None or mined.contract_address.lower() != at[name].lower():
        raise DeploymentConflict(f"{name} came to be at {mined.contract_address}, not at {at[name]}")
    say(f"{name} at {at[name]}, block {mined.block}")
    arguments = constructor_arguments(name, parameters, plan.deployer, at, plan.genesis_block)
    return ContractRecord(
        address=at[name],
        block=mined.block,
        transaction=mined.transaction,
        code_hash="0x" + keccak(code).hex(),
        constructor=jsonable(arguments),
    )


def _conclude(
    lane: Lane, network: str, parameters: Parameters, plan: Plan, records: dict[str, ContractRecord]
) -> Deployment:
    deployment = Deployment(
        network=network,
        chain_id=plan.chain_id,
        deployer=plan.deployer,
        governor=parameters.governor or plan.deployer,
        governor_delay=parameters.governor_delay,
        guardian=parameters.guardian or parameters.governor or plan.deployer,
        timing=Timing(0, 0, plan.genesis_block, **parameters.timing.model_dump()),
        classes=tuple(terms.to_struct() for terms in parameters.classes),
        contracts=records,
        tokens=plan.tokens,
        caps={escrow: {token.symbol: token.cap for token in parameters.tokens} for escrow in ESCROWS},
        settings=dict.fromkeys(SETTINGS, parameters.fee_bps),
    )
    deployment.verify(lane.rpc)
    return deployment


def _due(network: Network, parameters: Parameters) -> Sequence[Call]:
    call = network.call
    due: list[Call] = []
    count = call("DeviceRegistry", "classCount")
    for index, terms in enumerate(parameters.classes):
        wanted: DeviceClass = terms.to_struct()
        if index >= count:
            due.append(("DeviceRegistry", "addClass", (wanted,)))
        elif (found := call("DeviceRegistry", "classOf", index)) != wanted:
            raise DeploymentConflict(
                f"class {index} is {found}, the parameters say {wanted}; a class never changes"
            )
    for token in parameters.tokens:
        address = network.deployment.tokens.get(token.symbol) or token.address
        if address is None:
            raise DeploymentConflict(f"neither the parameters nor the deployment say where {token.symbol} is")
        for escrow in ESCROWS:
            if call(escrow, "ledgerOf", address).cap != token.cap:
                due.append((escrow, "allowToken", (address, token.cap)))
    return due


def _check_same(deployment: Deployment, parameters: Parameters, path: Path) -> None:
    governor = parameters.governor or deployment.deployer
    settings: tuple[tuple[str, object, object], ...] = (
        ("governor", deployment.governor, governor),
        ("governor_delay", deployment.governor_delay, parameters.governor_delay),
        ("guardian", deployment.guardian, parameters.guardian or governor),
    )
    for what, found, wanted in settings:
        if found != wanted:
            raise DeploymentConflict(f"{path} says {what} = {found}, the parameters say {wanted}")
    at = {name: record.address for name, record in deployment.contracts.items()}
    for name, record in deployment.contracts.items():
        need = constructor_arguments(name, parameters, deployment.deployer, at, deployment.timing.from_block)
        for key, value in need.items():
            if (have := record.constructor.get(key)) != jsonable(value):
                raise DeploymentConflict(
                    f"{path}: {name} was deployed with {key} = {have}, the parameters say {jsonable(value)}"
                )


def _check_code(lane: Lane, artifacts: Artifacts, deployment: Deployment) -> None:
    for name, record in deployment.contracts.items():
        if not artifacts[name].code_matches(_code(lane, record.address)):
            raise DeploymentConflict(
                f"{name} at {record.address} was made from other source than is compiled here; "
                "a deployed contract never changes: deploy under another name"
            )


def _plan_path(path: Path) -> Path:
    return path.with_name(path.stem + ".plan.json")


def _code(lane: Lane, address: str) -> bytes:
    return bytes.fromhex(lane.rpc.request("eth_getCode", address, "latest")[2:])


def _abis(artifacts: Artifacts) -> list[Abi]:
    return [artifacts[name].abi for name in CONTRACTS if name in artifacts]
