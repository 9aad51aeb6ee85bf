"""Who else tries: for each verb of one party a test that sends it, and before that everybody else does.

The table of docs/roles.md says who may: `PARTIES` says who that is in these tests. The others try by way of
tests/contracts/conftest.py."""

from __future__ import annotations

from typing import Any

from tensorbond.chain.artifacts import CONTRACTS
from tests.chain import Chain, Reverted, project_artifacts
from tests.system import ROLES, oracle_accounts, role

ORACLES = tuple(f"oracle {index}" for index in range(4))

# By the words of the table, who that is.
PARTIES: dict[str, tuple[str, ...]] = {
    "who scheduled it, the governor, the guardian": ("governor", "auditor"),
    "whoever holds the verb's role": ("governor",),
    "the provider, for itself": ("provider",),
    "the delegator, for itself": ("other_provider",),
    "the provider of the device": ("provider",),
    "the operator of the device's provider": ("operator",),
    "the oracle, for itself": ORACLES,
    "the provider of the device, or its operator": ("provider", "operator"),
    "the requester of the job": ("requester",),
    "the invited provider of the job": ("stranger",),
    "the payer of the job": ("requester",),
    "the provider of the lease, or its operator": ("provider", "operator"),
    "the requester of the lease, its provider, or its operator": ("requester", "provider", "operator"),
    "the requester, for itself": ("requester",),
    "the same as giveNotice; anyone once notice, grace or offer is over": (
        "requester",
        "provider",
        "operator",
    ),
    "the account of the orders, or its operator": ("provider", "operator"),
    "the provider that bids, or its operator": ("provider", "operator"),
}
ACCUSED = "anyone but the accused"

# An error's first argument is who was refused; its others, by name.
NEED = {
    "account": "provider",
    "caller": "governor",
    "need": "stranger",
    "operator": "operator",
    "payer": "requester",
    "provider": "provider",
    "requester": "requester",
    "selector": "setFee",
    "target": "JobEscrow",
}

_WORK, _ORACLES = "work_disputes/test_prove", "attestation_disputes/test_prove"
_FALSE, _MEMORY = f"{_ORACLES}_false_evidence.py", f"{_WORK}_memory_faults.py"

# Who is refused for another reason first.
OTHERWISE = {("SealedAuction.reveal", "requester"): "BidderPays"}

# By verb, the test that sends it: before it first succeeds, the others try.
TRIED: dict[str, tuple[str, str]] = {
    "AccessManager.cancel": ("governance/test_timelock.py", "test_cancel__by_the_guardian__ends_it"),
    "AccessManager.execute": (
        "governance/test_timelock.py",
        "test_set_fee__through_the_manager_after_the_delay__is_done",
    ),
    "AccessManager.schedule": ("governance/test_timelock.py", "test_cancel__by_the_governor__ends_it"),
    "ProviderStaking.withdraw": (
        "provider_staking/test_withdraw.py",
        "test_withdraw__in_the_block_of_maturity__pays_the_owner",
    ),
    "ProviderStaking.withdrawDelegated": (
        "provider_staking/test_delegate.py",
        "test_withdraw_delegated__matured__pays_the_delegator",
    ),
    "DeviceRegistry.retire": (
        "device_registry/test_retire.py",
        "test_retire__by_the_provider__ends_with_the_next_epoch",
    ),
    "Challenges.commit": ("challenges/test_commit.py", "test_commit__by_the_operator__names_its_key"),
    "Challenges.openSession": (
        "challenges/test_session.py",
        "test_open_session__by_the_operator__lets_it_commit_for_each",
    ),
    "Attestations.leave": (
        "attestations/test_leave.py",
        "test_leave__seated__signs_no_more_and_keeps_its_bond_at_stake",
    ),
    "Attestations.withdrawBond": (
        "attestations/test_withdraw_bond.py",
        "test_withdraw_bond__never_seated__pays_at_once",
    ),
    "JobEscrow.accept": (
        "job_escrow/test_accept.py",
        "test_accept__by_the_provider__locks_holds_and_forces_a_draw",
    ),
    "JobEscrow.submit": (
        "job_escrow/test_submit.py",
        "test_submit__by_the_provider_or_its_operator__keeps_the_result_and_moves_nothing",
    ),
    "JobEscrow.approve": (
        "job_escrow/test_approve.py",
        "test_approve__submitted__pays_provider_and_fee_and_frees_the_rest",
    ),
    "JobEscrow.approvePart": (
        "job_escrow/test_approve_part.py",
        "test_approve_part__three_of_ten__pays_them_and_keeps_the_rest",
    ),
    "JobEscrow.dispute": (
        "job_escrow/test_dispute.py",
        "test_dispute__in_the_last_block_of_the_review__deposits_a_bond",
    ),
    "JobEscrow.assign": (
        "job_escrow/test_assign.py",
        "test_assign__at_a_lower_price__returns_the_difference",
    ),
    "JobEscrow.fund": (
        "job_escrow/test_fund.py",
        "test_fund__fresh_terms__escrows_the_price_and_keeps_one_word",
    ),
    "LeaseEscrow.accept": (
        "lease_escrow/test_accept.py",
        "test_accept__by_the_operator__holds_the_device_and_starts_the_clock",
    ),
    "LeaseEscrow.giveNotice": (
        "lease_escrow/test_stop.py",
        "test_give_notice__by_either_side__ends_accrual_at_its_end",
    ),
    "LeaseEscrow.open": (
        "lease_escrow/test_open.py",
        "test_open__by_the_requester__escrows_the_deposit_and_holds_nothing",
    ),
    "LeaseEscrow.stop": (
        "lease_escrow/test_stop.py",
        "test_stop__by_the_requester__refunds_what_is_unspent_and_frees_the_device",
    ),
    "OrderBook.cancel": (
        "order_book/test_cancel.py",
        "test_cancel__by_the_providers_operator__is_allowed",
    ),
    "OrderBook.cancelAll": (
        "order_book/test_cancel.py",
        "test_cancel__by_the_providers_operator__is_allowed",
    ),
    "SealedAuction.commit": (
        "sealed_auction/test_commit.py",
        "test_commit__by_provider_and_by_operator__takes_a_place_each",
    ),
    "SealedAuction.reveal": ("sealed_auction/test_reveal.py", "test_reveal__the_only_bid__leads"),
    "SealedAuction.open": (
        "sealed_auction/test_open.py",
        "test_open__a_funded_job_that_invites_it__has_an_auction",
    ),
    # The accused
    "WorkDisputes.enforce": (
        "work_disputes/test_enforce.py",
        "test_enforce__final_bad_item__slashes_a_share",
    ),
    "WorkDisputes.proveBadHeader": (
        f"{_WORK}_bad_header.py",
        "test_prove_bad_header__not_the_commitments__slashes",
    ),
    "WorkDisputes.proveBadItem": (
        f"{_WORK}_bad_item.py",
        "test_prove_bad_item__entry_wrong__slashes_a_share",
    ),
    "WorkDisputes.proveBadLabel": (_MEMORY, "test_prove_bad_label__made_of_nothing__slashes"),
    "WorkDisputes.proveBadLane": (
        f"{_WORK}_bad_lane.py",
        "test_prove_bad_lane__wrong__slashes_at_just_that_lane",
    ),
    "WorkDisputes.proveBadLink": (
        f"{_WORK}_bad_link.py",
        "test_prove_bad_link__padding_that_is_not_zero__slashes",
    ),
    "WorkDisputes.proveBadMemoryHeader": (
        _MEMORY,
        "test_prove_bad_memory_header__not_the_commitments__slashes",
    ),
    "WorkDisputes.proveBadMemoryItem": (
        _MEMORY,
        "test_prove_bad_memory_item__opening_under_another_node__slashes",
    ),
    "WorkDisputes.proveBadStep": (_MEMORY, "test_prove_bad_step__to_another_end__slashes"),
    "WorkDisputes.proveMissed": (f"{_WORK}_missed.py", "test_prove_missed__no_record__costs_the_fixed_sum"),
    "WorkDisputes.proveTwoEvidences": (
        f"{_WORK}_two_evidences.py",
        "test_prove_two_evidences__of_one_commitment__slashes",
    ),
    "WorkDisputes.proveWithheld": (f"{_WORK}_withheld.py", "test_prove_withheld__unanswered__slashes"),
    "AttestationDisputes.proveBadDevice": (
        f"{_ORACLES}_bad_device.py",
        "test_prove_bad_device__no_such_device__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadForced": (
        f"{_ORACLES}_bad_forced.py",
        "test_prove_bad_forced__left_out__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadOutcomes": (
        f"{_ORACLES}_bad_outcomes.py",
        "test_prove_bad_outcomes__drawn_slot_left_out__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadReward": (
        f"{_ORACLES}_bad_reward.py",
        "test_prove_bad_reward__less__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadSum": (
        f"{_ORACLES}_bad_sum.py",
        "test_prove_bad_sum__attested_total_is_another__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadThroughput": (
        f"{_ORACLES}_bad_throughput.py",
        "test_prove_bad_throughput__slow_without_a_bound__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadWeight": (
        f"{_ORACLES}_bad_weight.py",
        "test_prove_bad_weight__nothing_in_spite_of_a_record__slashes_and_revokes",
    ),
    "AttestationDisputes.proveEquivocation": (
        f"{_ORACLES}_equivocation.py",
        "test_prove_equivocation__nothing_attested_yet__slashes_and_revokes_nothing",
    ),
    "AttestationDisputes.proveFalseFail": (
        f"{_ORACLES}_false_pass.py",
        "test_prove_false_fail__against_the_record__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalseFailHeader": (
        _FALSE,
        "test_prove_false_fail_header__good__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalseFailItem": (
        _FALSE,
        "test_prove_false_fail_item__good__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalseFailMemoryHeader": (
        _FALSE,
        "test_prove_false_fail_memory_header__good__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalseFailMemoryItem": (
        _FALSE,
        "test_prove_false_fail_memory_item__good__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalsePass": (
        f"{_ORACLES}_false_pass.py",
        "test_prove_false_pass__without_a_record__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalsePassHeader": (
        _FALSE,
        "test_prove_false_pass_header__another_final_seed__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalsePassItem": (
        _FALSE,
        "test_prove_false_pass_item__wrong_entry__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalsePassMemoryHeader": (
        _FALSE,
        "test_prove_false_pass_memory_header__bad__slashes_and_revokes",
    ),
    "AttestationDisputes.proveFalsePassMemoryItem": (
        _FALSE,
        "test_prove_false_pass_memory_item__another_label__slashes_and_revokes",
    ),
    "AttestationDisputes.proveLeafHidden": (
        f"{_ORACLES}_leaf_hidden.py",
        "test_prove_leaf_hidden__device_that_begins_later__slashes_and_revokes",
    ),
    "AttestationDisputes.proveLeafMissing": (
        f"{_ORACLES}_bad_device.py",
        "test_prove_leaf_missing__begun__slashes_and_revokes",
    ),
    "AttestationDisputes.proveRevoked": (
        f"{_ORACLES}_leaf_hidden.py",
        "test_prove_leaf_hidden__revoked__costs_its_signers_their_bonds",
    ),
    "AttestationDisputes.proveWithheldEvidence": (
        "attestation_disputes/test_request_evidence.py",
        "test_prove_withheld_evidence__of_a_revoked_round__slashes_its_signers",
    ),
    "AttestationDisputes.proveWithheldLeaf": (
        "attestation_disputes/test_request_leaf.py",
        "test_prove_withheld_leaf__unanswered__slashes_and_revokes",
    ),
}

# Where the caller doesn't count, or nobody calls it in a transaction of its own: what tries it instead.
ELSEWHERE: dict[str, tuple[str, str]] = {
    "AccessManager.consumeScheduledOp": (
        "governance/test_callers.py",
        "test_consume_scheduled_op__by_whom_nothing_was_called_through__is_refused",
    ),
    "AccessManager.renounceRole": (
        "governance/test_callers.py",
        "test_renounce_role__for_another__is_refused",
    ),
    "TensorbondToken.burn": ("governance/test_callers.py", "test_tokens__of_another__stay"),
    "TensorbondToken.transfer": ("governance/test_callers.py", "test_tokens__of_another__stay"),
    "TensorbondToken.transferFrom": ("governance/test_callers.py", "test_tokens__of_another__stay"),
    "TensorbondToken.permit": (
        "governance/test_callers.py",
        "test_permit__signed_by_another__is_refused",
    ),
    "ProviderStaking.setOperator": (
        "governance/test_callers.py",
        "test_set_operator__with_a_consent_to_another__is_refused",
    ),
    "JobEscrow.approveWithSignature": (
        "job_escrow/test_approve_with_signature.py",
        "test_approve_with_signature__malleable_or_of_somebody_else__reverts",
    ),
    "OrderBook.matchJobs": (
        "order_book/test_attacks.py",
        "test_match_jobs__signed_by_another__reverts",
    ),
    "OrderBook.matchLeases": (
        "order_book/test_match_leases.py",
        "test_match__orders_that_their_accounts_did_not_sign__revert",
    ),
    "Erc792Arbiter.rule": (
        "erc792_arbiter/test_rule.py",
        "test_rule__as_anybody_else__is_refused_and_the_arbitrator_rules",
    ),
}


def actors(chain: Chain) -> dict[str, str]:
    """Every account that plays a part, and every contract, by name."""
    return (
        {name: role(chain, name) for name in ROLES}
        | dict(zip(ORACLES, oracle_accounts(chain, 4), strict=True))
        | {name: chain.address[name] for name in CONTRACTS}
    )


Refusal = tuple[str, dict[str, Any]]


def refusal(chain: Chain, contract: str, function: str, *args: Any, sender: str) -> Refusal | None:
    """The error that such a call gets, and its arguments; None if it is none. Nothing moves."""
    try:
        chain.call(contract, function, *args, sender=sender, block="pending")
    except Reverted as reverted:
        return reverted.error, dict(reverted.args_)
    return None


def try_as_others(chain: Chain, verb: str, args: tuple[Any, ...], caller: str, error: str) -> None:
    """Whoever may not call it is refused with just that error, and whoever may isn't. `caller`, `error`: the
    table's words."""
    contract, function = verb.split(".")
    cast = actors(chain)
    refused = _accused(chain, verb, args) if caller == ACCUSED else cast.keys() - set(PARTIES[caller])
    for name in cast if caller != ACCUSED else refused:
        found = refusal(chain, contract, function, *args, sender=cast[name])
        where = f"{verb} as {name}: {found}"
        if name in refused:
            need = OTHERWISE.get((verb, name), error)
            assert found == (need, _need(chain, contract, need, cast, name)), where
        else:
            assert found is None or found[0] != error, where


def _accused(chain: Chain, verb: str, args: tuple[Any, ...]) -> set[str]:
    if verb == "AttestationDisputes.proveEquivocation":
        return {ORACLES[args[-1]]}
    if verb.startswith("AttestationDisputes."):
        return set(ORACLES[:3])  # who signed
    operator = chain.call("ProviderStaking", "operatorOf", role(chain, "provider"))
    accused = {"provider", "WorkDisputes", "JobEscrow"}
    return accused | ({"operator"} if operator == role(chain, "operator") else set())


def _need(chain: Chain, contract: str, error: str, cast: dict[str, str], sender: str) -> dict[str, Any]:
    abi = project_artifacts()[contract].abi
    first, *others = next(item for item in abi.errors.values() if item.name == error).inputs
    need: dict[str, Any] = {first.name: cast[sender]}
    for each in others:
        who = NEED[each.name]
        need[each.name] = (
            project_artifacts()["JobEscrow"].abi.function(who).selector if who == "setFee" else cast[who]
        )
    return need
