from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tensorbond.chain import slots
from tests.acts import TBND, close_before, mine_to_slot, stake_as, timing
from tests.chain import Chain
from tests.offchain.cli.conftest import Run


def test_stake__an_amount__is_staked_in_one_transaction(chain: Chain, run: Run, provider: str) -> None:
    before, block = chain.balance("TensorbondToken", provider), chain.block_number
    told = run("provider", "stake", "100.5", by=provider)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("staked 100.5 TBND; active 100.5 TBND\n0x")
    assert chain.block_number == block + 1
    assert chain.call("ProviderStaking", "stakeOf", provider).active == 100_500_000_000_000_000_000
    assert chain.balance("TensorbondToken", provider) == before - 100_500_000_000_000_000_000


def test_stake__an_allowance_is_there__needs_no_permit(chain: Chain, run: Run, provider: str) -> None:
    chain.send("TensorbondToken", "approve", chain.address["ProviderStaking"], 7 * TBND, sender=provider)
    told = run("provider", "stake", 7, "--json", by=provider)
    assert told.code == 0
    assert told.json["amount"] == told.json["active"] == str(7 * TBND)
    assert told.json["block"] == chain.block_number
    assert set(told.json) == {"amount", "active", "transaction", "block", "gas"}


def test_stake__more_than_there_is__is_refused_in_the_tokens_words(run: Run, stranger: str) -> None:
    told = run("provider", "stake", 1, by=stranger)
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        "Error: ProviderStaking.stakeWithPermit refused: ERC20InsufficientBalance("
        f"sender = {stranger}, balance = 0, needed = {TBND})\n"
    )


def test_unbond__more_than_is_free__is_refused_with_its_numbers(
    run: Run, chain: Chain, provider: str
) -> None:
    stake_as(chain, provider, 5 * TBND)
    told = run("provider", "unbond", "6", by=provider)
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        "Error: ProviderStaking.unbond refused: FreeStakeInsufficient("
        f"provider = {provider}, have = {5 * TBND}, need = {6 * TBND})\n"
    )


def test_unbond__more_than_is_free_and_json__is_refused_in_json(
    run: Run, chain: Chain, provider: str
) -> None:
    told = run("provider", "unbond", "6", "--json", by=provider)
    assert (told.code, told.out) == (2, "")
    assert '"error": "FreeStakeInsufficient"' in told.err
    assert f'"need": {6 * TBND}' in told.err


def test_withdraw__after_unbonding__pays_out(run: Run, chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 5 * TBND)
    unbonded = run("provider", "unbond", "2", "--json", by=provider).json
    early = run("provider", "withdraw", by=provider)
    assert early.code == 2
    assert f"maturesAt = {unbonded['matures_at']})" in early.err
    chain.mine_to(unbonded["matures_at"])
    before = chain.balance("TensorbondToken", provider)
    told = run("provider", "withdraw", "--json", by=provider)
    assert (told.code, told.json["amount"]) == (0, str(2 * TBND))
    assert chain.balance("TensorbondToken", provider) == before + 2 * TBND


def test_register__two_devices__are_registered_and_shown(run: Run, chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 50 * TBND)
    told = run("provider", "register", "--gops", 10, "--count", 2, "--json", by=provider)
    assert (told.code, told.json["devices"], told.json["bond"]) == (0, [1, 2], str(10 * TBND))
    shown = run("provider", "show", provider, "--json").json
    assert shown["operator"] == provider
    amounts = {name: int(shown[name]) for name in ("active", "locked", "free", "unbonding", "withdrawable")}
    assert amounts == {
        "active": 50 * TBND,
        "locked": 20 * TBND,
        "free": 30 * TBND,
        "unbonding": 0,
        "withdrawable": 0,
    }
    assert [(each["device"], each["class"], each["bonded_gops"]) for each in shown["devices"]] == [
        (1, 0, 10),
        (2, 0, 10),
    ]
    text = run("provider", "show", by=provider).out
    assert "free          30 TBND" in text
    assert "device 1      class 0, 10 gops bonded, bond 10 TBND, open" in text


def test_register__an_unknown_class__is_refused(run: Run, provider: str) -> None:
    told = run("provider", "register", "--gops", 10, "--class", 9, by=provider)
    assert (told.code, told.err) == (2, "Error: DeviceRegistry.register refused: ClassUnknown(classId = 9)\n")


def test_retire__a_device__ends_later(run: Run, chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 50 * TBND)
    run("provider", "register", "--gops", 10, by=provider)
    mine_to_slot(chain, 4)
    told = run("provider", "retire", 1, "--json", by=provider)
    assert told.json["until_slot"] == chain.call("DeviceRegistry", "deviceOf", 1).until_slot
    assert (
        run("provider", "show", provider, "--json").json["devices"][0]["until_slot"]
        == told.json["until_slot"]
    )


def test_discharge__a_device_that_has_ended__unlocks_its_bond_when_no_proof_can_touch_it(
    run: Run, chain: Chain, provider: str, stranger: str
) -> None:
    stake_as(chain, provider, 50 * TBND)
    device = run("provider", "register", "--gops", 10, "--json", by=provider).json["devices"][0]
    chain.send("DeviceRegistry", "retire", device, sender=provider)
    until = chain.call("DeviceRegistry", "deviceOf", device).until_slot
    close_before(chain, slots.epoch_of(timing(chain), until))
    early = run("provider", "discharge", device, by=stranger)
    assert early.code == 2
    assert "ProofStillPossible" in early.err
    chain.mine(2 * timing(chain).proof_blocks)
    locked = chain.call("ProviderStaking", "stakeOf", provider).locked
    told = run("provider", "discharge", device, "--json", by=stranger)
    assert (told.code, told.json["provider"], told.json["amount"]) == (0, provider, str(locked))
    assert chain.call("ProviderStaking", "stakeOf", provider).locked == 0 < locked


def test_open_session__own_devices__is_the_key_s_session(run: Run, chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 50 * TBND)
    run("provider", "register", "--gops", 10, "--count", 2, by=provider)
    told = run("provider", "open-session", 1, "--count", 2, "--json", by=provider)
    session = chain.call("Challenges", "sessionOf", provider)
    assert (session.first, session.end, session.from_epoch) == (1, 3, told.json["from_epoch"])
    assert (told.json["key"], told.json["count"]) == (provider, 2)


def test_open_session__another_s_device__is_refused(
    run: Run, chain: Chain, provider: str, stranger: str
) -> None:
    stake_as(chain, provider, 50 * TBND)
    run("provider", "register", "--gops", 10, by=provider)
    told = run("provider", "open-session", 1, by=stranger)
    assert told.code == 2
    assert told.err.startswith("Error: Challenges.openSession refused: OperatorOnly(account = ")


def test_set_operator__with_both_keys__is_named_and_revoked(
    run: Run, chain: Chain, provider: str, operator: str
) -> None:
    key = {"TENSORBOND_OPERATOR_KEY": "0x" + bytes(chain.key(operator).key).hex()}
    told = run("provider", "set-operator", by=provider, env=key)
    assert (told.code, chain.call("ProviderStaking", "operatorOf", provider)) == (0, operator)
    assert told.out.startswith(f"operator is now {operator}\n")
    assert run("provider", "set-operator", "--revoke", by=provider).code == 0
    assert chain.call("ProviderStaking", "operatorOf", provider) == provider


def test_set_operator__with_consent_from_another_machine__is_named(
    run: Run, chain: Chain, provider: str, operator: str
) -> None:
    consent = run("provider", "consent", provider, "--json", by=operator).json
    assert consent["operator"] == operator
    told = run("provider", "set-operator", operator, "--signature", consent["signature"], by=provider)
    assert (told.code, chain.call("ProviderStaking", "operatorOf", provider)) == (0, operator)


def test_set_operator__consent_to_somebody_else__is_refused(
    run: Run, provider: str, other_provider: str, operator: str
) -> None:
    consent = run("provider", "consent", other_provider, "--json", by=operator).json
    told = run("provider", "set-operator", operator, "--signature", consent["signature"], by=provider)
    assert told.code == 2
    assert f"OperatorSignatureInvalid(operator = {operator}, recovered = 0x" in told.err


def test_set_operator__without_consent__says_what_is_missing(run: Run, provider: str, operator: str) -> None:
    told = run("provider", "set-operator", operator, by=provider)
    assert told.code == 2
    assert (
        told.err
        == "Error: no key: name an encrypted keystore with --keystore, or set TENSORBOND_OPERATOR_KEY\n"
    )


def test_run__jobs_without_results__is_a_usage_error(run: Run, provider: str) -> None:
    told = run("provider", "run", "--state", "unused", "--take-jobs", by=provider)
    assert told.code == 2
    assert "--take-jobs and one of --result and --result-command go together" in told.err


def test_run__gpu_asked_for_and_not_there__exits_with_2(
    run: Run, provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    told = run("provider", "run", "--state", tmp_path, "--once", "--prover", "cuda:0", by=provider)
    assert told.code == 2
    assert "install tensorbond[gpu]" in told.err


def test_run__auto_without_a_gpu__proves_on_the_cpu_and_says_so(
    run: Run, chain: Chain, provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    chain.mine(4)  # the agent reads some blocks back, and the node may know none from before the test
    told = run("provider", "run", "--state", tmp_path, "--once", "--prover", "auto", by=provider)
    assert told.code == 0
    assert "proving on the CPU: cupy cannot be imported" in told.err


def test_delegate__to_a_provider_and_back__is_told_in_amounts(
    run: Run, chain: Chain, provider: str, other_provider: str
) -> None:
    stake_as(chain, provider, 50 * TBND)
    told = run("provider", "delegate", provider, "20", "--json", by=other_provider)
    assert (told.code, told.json["amount"], told.json["active"]) == (0, str(20 * TBND), str(70 * TBND))
    assert run("provider", "show", provider, "--json").json["delegated"] == str(20 * TBND)

    left = run("provider", "undelegate", provider, "--json", by=other_provider).json
    assert (left["amount"], left["active"]) == (str(20 * TBND), str(50 * TBND))
    back = run("provider", "rebond", 5, "--provider", provider, by=other_provider)
    assert back.out.startswith("took 5 TBND back; active 55 TBND\n0x")
    chain.mine_to(left["matures_at"])
    paid = run("provider", "withdraw", "--provider", provider, "--json", by=other_provider)
    assert (paid.code, paid.json["amount"]) == (0, str(15 * TBND))


def test_rebond__all__empties_the_owners_queue(run: Run, chain: Chain, provider: str) -> None:
    stake_as(chain, provider, 50 * TBND)
    run("provider", "unbond", 7, by=provider)
    told = run("provider", "rebond", "--json", by=provider)
    assert (told.json["amount"], told.json["unbonding"]) == (str(7 * TBND), "0")


def test_set_commission__a_rise__names_the_block_from_which_it_holds(
    run: Run, chain: Chain, provider: str
) -> None:
    told = run("provider", "set-commission", 250, "--json", by=provider)
    assert (told.json["bps"], told.json["from_block"]) == (250, told.json["block"] + 300)


def test_release__what_has_vested__is_told_with_the_commission(
    run: Run, chain: Chain, provider: str, stranger: str
) -> None:
    stake_as(chain, provider, 50 * TBND)
    rewards = chain.impersonate("Rewards")
    chain.send("TensorbondToken", "mint", chain.address["ProviderStaking"], 3 * TBND, sender=rewards)
    chain.send("ProviderStaking", "distribute", provider, 3 * TBND, sender=rewards)
    shown = run("provider", "show", provider, "--json").json
    assert (shown["vesting"], shown["vested"], shown["short_since"]) == (str(3 * TBND), "0", None)
    chain.mine(300)

    told = run("provider", "release", provider, by=stranger)

    assert told.out.startswith("released 3 TBND, of which commission 0 TBND\n0x")
