"""A test for every way out, to be run with the system paused as well: see tests/contracts/conftest.py."""

from __future__ import annotations

# By verb, a test that begins nothing new once it has sent it.
EXITS = {
    "AttestationDisputes.proveEquivocation": (
        "attestation_disputes/test_prove_equivocation.py",
        "test_prove_equivocation__standing_on_the_signature__slashes_and_revokes",
    ),
    "AttestationDisputes.proveBadSum": (
        "attestation_disputes/test_prove_bad_sum.py",
        "test_prove_bad_sum__attested_total_is_another__slashes_and_revokes",
    ),
    "Attestations.answerLeaf": (
        "attestation_disputes/test_request_leaf.py",
        "test_answer_leaf__last_block__is_in_time",
    ),
    "Attestations.attest": ("attestations/test_attest.py", "test_attest__quorum_signed__stands"),
    "Attestations.close": ("attestations/test_close.py", "test_close__deadline_passed__voids_the_epoch"),
    "Attestations.leave": (
        "attestations/test_leave.py",
        "test_leave__seated__signs_no_more_and_keeps_its_bond_at_stake",
    ),
    "Attestations.withdrawBond": (
        "attestations/test_withdraw_bond.py",
        "test_withdraw_bond__last_signed_epoch_is_final__pays",
    ),
    "Challenges.commit": (
        "challenges/test_commit.py",
        "test_commit__by_the_provider_itself__records_and_seals",
    ),
    "DeviceRegistry.retire": (
        "device_registry/test_retire.py",
        "test_retire__by_the_provider__ends_with_the_next_epoch",
    ),
    "DeviceRegistry.suspendUncovered": (
        "device_registry/test_suspend_uncovered.py",
        "test_suspend_uncovered__short_for_longer_than_an_epoch__ends_the_device",
    ),
    "JobEscrow.approve": (
        "job_escrow/test_approve.py",
        "test_approve__submitted__pays_provider_and_fee_and_frees_the_rest",
    ),
    "JobEscrow.approvePart": (
        "job_escrow/test_approve_part.py",
        "test_approve_part__three_of_ten__pays_them_and_keeps_the_rest",
    ),
    "JobEscrow.approveWithSignature": (
        "job_escrow/test_approve_with_signature.py",
        "test_approve_with_signature__of_the_requester__stranger_settles",
    ),
    "JobEscrow.assign": (
        "job_escrow/test_assign.py",
        "test_assign__at_a_lower_price__returns_the_difference",
    ),
    "JobEscrow.dispute": (
        "job_escrow/test_dispute.py",
        "test_dispute__in_the_last_block_of_the_review__deposits_a_bond",
    ),
    "JobEscrow.resolve": (
        "job_escrow/test_resolve.py",
        "test_resolve__for_the_provider__pays_price_and_bond",
    ),
    "JobEscrow.collect": (
        "job_escrow/test_collect.py",
        "test_collect__token_relents__pays_what_was_deferred",
    ),
    "JobEscrow.refund": ("job_escrow/test_refund.py", "test_refund__not_submitted__slashes_the_collateral"),
    "JobEscrow.refundByOutcome": (
        "job_escrow/test_refund_by_outcome.py",
        "test_refund_by_outcome__missed_or_bad__slashes_the_collateral",
    ),
    "JobEscrow.settle": (
        "job_escrow/test_settle.py",
        "test_settle__draw_passed_and_final__stranger_pays_the_provider",
    ),
    "JobEscrow.submit": ("job_escrow/test_submit.py", "test_submit__in_the_last_block__submits"),
    "JobEscrow.sweep": (
        "job_escrow/test_sweep.py",
        "test_sweep__fees_accrued__stranger_sends_them_to_the_recipient",
    ),
    "LeaseEscrow.collect": (
        "lease_escrow/test_hostile_tokens.py",
        "test_rebasing_token__shrunk__payments_wait_until_it_is_whole_again",
    ),
    "LeaseEscrow.giveNotice": (
        "lease_escrow/test_stop.py",
        "test_give_notice__by_either_side__ends_accrual_at_its_end",
    ),
    "LeaseEscrow.halt": (
        "lease_escrow/test_halt.py",
        "test_halt__at_a_proven_fault__claws_back_what_accrued_since",
    ),
    "LeaseEscrow.redeem": (
        "lease_escrow/test_redeem.py",
        "test_redeem__a_later_voucher__pays_the_difference",
    ),
    "LeaseEscrow.refund": (
        "lease_escrow/test_refund.py",
        "test_refund__of_what_is_unspent__last_in_first_out",
    ),
    "LeaseEscrow.settle": (
        "lease_escrow/test_settle.py",
        "test_settle__after_the_end__pays_the_rest_and_closes",
    ),
    "LeaseEscrow.stop": (
        "lease_escrow/test_stop.py",
        "test_stop__by_the_requester__refunds_what_is_unspent_and_frees_the_device",
    ),
    "LeaseEscrow.sweep": (
        "lease_escrow/test_settle.py",
        "test_settle__after_the_end__pays_the_rest_and_closes",
    ),
    "LeaseEscrow.topUp": (
        "lease_escrow/test_top_up.py",
        "test_top_up__a_paused_lease__goes_on_from_now",
    ),
    "ProviderStaking.unbond": (
        "provider_staking/test_unbond.py",
        "test_unbond__free_stake__moves_it_to_the_unbonding_pool",
    ),
    "ProviderStaking.undelegate": (
        "provider_staking/test_delegate.py",
        "test_undelegate__all__is_what_it_is_worth_and_leaves_no_share",
    ),
    "ProviderStaking.withdrawDelegated": (
        "provider_staking/test_delegate.py",
        "test_withdraw_delegated__matured__pays_the_delegator",
    ),
    "ProviderStaking.withdraw": (
        "provider_staking/test_withdraw.py",
        "test_withdraw__in_the_block_of_maturity__pays_the_owner",
    ),
    "Rewards.claim": (
        "rewards/test_claim.py",
        "test_claim__final_leaf__vests_for_the_provider_whoever_asks",
    ),
    "Rewards.claimMany": (
        "rewards/test_claim_many.py",
        "test_claim_many__any_devices__claims_for_each",
    ),
    "WorkDisputes.discharge": (
        "work_disputes/test_discharge.py",
        "test_discharge__ended_and_void__unlocks_the_bond",
    ),
    "WorkDisputes.enforce": (
        "work_disputes/test_enforce.py",
        "test_enforce__final_bad_item__slashes_a_share",
    ),
    "WorkDisputes.proveBadItem": (
        "work_disputes/test_prove_bad_item.py",
        "test_prove_bad_item__entry_wrong__slashes_a_share",
    ),
    "WorkDisputes.proveMissed": (
        "work_disputes/test_prove_missed.py",
        "test_prove_missed__no_record__costs_the_fixed_sum",
    ),
}
