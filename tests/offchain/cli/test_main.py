"""What holds for every command: help, options, keys, and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from eth_account import Account

from tensorbond.cli import NOUNS, main
from tests.chain import Chain, account
from tests.offchain.cli.conftest import Run


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


ALL = list(commands(main))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "tensorbond" for path, _ in ALL])
def test_help__every_command__says_what_it_does_and_what_each_option_means(
    path: tuple[str, ...], command: click.Command
) -> None:
    assert command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name != "help":
            assert parameter.help, (path, parameter.name)


@pytest.mark.parametrize("noun", NOUNS)
def test_help__each_noun__has_the_line_of_the_overview(noun: str) -> None:
    command = main.get_command(click.Context(main), noun)
    assert command is not None
    assert " ".join((command.help or "").split("\n\n")[0].split()) == NOUNS[noun]


@pytest.mark.parametrize("path", [path for path, command in ALL if not isinstance(command, click.Group)])
def test_options__every_verb_with_results__prints_json(path: tuple[str, ...]) -> None:
    command = dict(ALL)[path]
    options = {name for parameter in command.params for name in parameter.opts}
    assert path[-1] in ("run", "devnet", "vector") or "--json" in options


@pytest.mark.chain
def test_help__the_overview__loads_nothing_slow() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from tensorbond.cli import main;"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0;"
        "print(sorted({'eth_abi', 'eth_account', 'numba', 'pydantic', 'rich', 'web3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_command__no_key__says_how_to_give_one(run: Run) -> None:
    told = run("provider", "withdraw")
    assert (told.code, told.out) == (2, "")
    assert told.err == "Error: no key: name an encrypted keystore with --keystore, or set TENSORBOND_KEY\n"


def test_command__a_key_that_is_none__is_not_repeated(run: Run) -> None:
    told = run("provider", "withdraw", env={"TENSORBOND_KEY": "0x123secret"})
    assert told.code == 2
    assert told.err == "Error: TENSORBOND_KEY is not a private key of 32 bytes in hexadecimal\n"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "provider.json"
    path.write_text(json.dumps(Account.encrypt(account(2).key, "sesame", kdf="pbkdf2", iterations=10)))
    return path


def test_keystore__the_password_in_the_environment__opens_it(run: Run, keystore: Path, provider: str) -> None:
    told = run("provider", "show", "--keystore", keystore, "--json", env={"TENSORBOND_PASSWORD": "sesame"})
    assert (told.code, told.json["provider"]) == (0, provider)


def test_keystore__the_password_in_a_file__opens_it(
    run: Run, keystore: Path, provider: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("sesame\n")
    env = {"TENSORBOND_PASSWORD_FILE": str(tmp_path / "password"), "TENSORBOND_KEYSTORE": str(keystore)}
    told = run("provider", "show", "--json", env=env)
    assert (told.code, told.json["provider"]) == (0, provider)


@pytest.mark.parametrize(
    ("content", "env", "message"),
    [
        (None, {"TENSORBOND_PASSWORD": "wrong"}, "the password does not open"),
        (None, {}, "no password for"),
        (None, {"TENSORBOND_PASSWORD_FILE": "/nowhere"}, "TENSORBOND_PASSWORD_FILE: /nowhere cannot be read"),
        ("{}", {"TENSORBOND_PASSWORD": "sesame"}, "is not a keystore"),
        ("key", {"TENSORBOND_PASSWORD": "sesame"}, "is not a keystore"),
        ("[]", {"TENSORBOND_PASSWORD": "sesame"}, "is not a keystore"),
    ],
    ids=["wrong", "none", "no file", "empty", "no json", "list"],
)
def test_keystore__does_not_open__says_why(
    run: Run, keystore: Path, tmp_path: Path, content: str | None, env: dict[str, str], message: str
) -> None:
    path = keystore
    if content is not None:
        path = tmp_path / "bad.json"
        path.write_text(content)
    told = run("provider", "show", "--keystore", path, env=env)
    assert told.code == 2
    assert told.err.startswith("Error: ")
    assert message in told.err
    assert "Traceback" not in told.err


def test_rpc__nobody_there__says_which_endpoint_and_why(run: Run, provider: str) -> None:
    told = run("--rpc", "http://127.0.0.1:1", "provider", "show", provider)
    assert told.code == 2
    assert told.err.startswith("Error: no endpoint answered")
    assert "http://127.0.0.1:1: EndpointRefused: " in told.err


def test_rpc__the_first_is_down__the_second_answers(run: Run, chain: Chain, provider: str) -> None:
    told = run("--rpc", "http://127.0.0.1:1", "--rpc", chain.url, "provider", "show", provider)
    assert told.code == 0


def test_options__after_the_verb__win_over_those_before(run: Run, chain: Chain, provider: str) -> None:
    told = run("--rpc", "http://127.0.0.1:1", "provider", "show", provider, "--rpc", chain.url, "--json")
    assert (told.code, told.json["provider"]) == (0, provider)


def test_network__unknown__says_which_file_is_missing(run: Run, provider: str) -> None:
    told = run("--network", "atlantis", "provider", "show", provider)
    assert (told.code, told.err) == (
        2,
        "Error: deployments/atlantis.json cannot be read: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("provider", "stake", "much"), "'much' is not an amount"),
        (("provider", "stake", "-1"), "No such option: -1"),
        (("provider", "stake", "0.0000000000000000001"), "with 18 decimals"),
        (("provider", "show", "0x12"), "'0x12' is not an address"),
        (("provider", "show", "0x3c44CdDdB6a900fa2b585dd299e03d12FA4293BC"), "its checksum is wrong"),
        (("job", "fund", "--price", "1", "--spec", "nowhere"), "neither 32 bytes in hexadecimal nor a file"),
        (("job", "fund", "--price", "1", "--spec", "0x" + "00" * 32, "--accept-by", "soon"), "nor +blocks"),
        (("job", "show", "x"), "'x' is not a valid integer"),
        (("sing",), "No such command 'sing'"),
    ],
)
def test_usage__not_understood__is_exit_2(run: Run, words: tuple[str, ...], message: str) -> None:
    told = run(*words)
    assert told.code == 2
    assert message in told.err
    assert "Traceback" not in told.err
