"""Keys come from an encrypted keystore or from the environment; never from an argument, which others can
see."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tensorbond.chain.errors import KeyInvalid

KEY = "TENSORBOND_KEY"
PASSWORD = "TENSORBOND_PASSWORD"
PASSWORD_FILE = "TENSORBOND_PASSWORD_FILE"


def load_account(keystore: Path | None = None, env: str = KEY) -> LocalAccount:
    """The key in `keystore` (Ethereum keystore V3), or else in the environment variable `env` (hexadecimal).

    The keystore's password is taken from TENSORBOND_PASSWORD, from the file that TENSORBOND_PASSWORD_FILE
    names, or asked for on a terminal. Raises `KeyInvalid`."""
    if keystore is not None:
        return _from_keystore(keystore)
    secret = os.environ.get(env, "").strip()
    if not secret:
        raise KeyInvalid(f"no key: name an encrypted keystore with --keystore, or set {env}")
    try:
        account: LocalAccount = Account.from_key(secret)
    except ValueError:
        # Without the cause: its message may hold the secret.
        raise KeyInvalid(f"{env} is not a private key of 32 bytes in hexadecimal") from None
    return account


def _from_keystore(path: Path) -> LocalAccount:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyInvalid(f"{path} cannot be read: {error.strerror}") from error
    except ValueError:
        raise KeyInvalid(f"{path} is not a keystore") from None
    password = _password(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(content, password))
    except ValueError as error:
        if "MAC" in str(error):
            raise KeyInvalid(f"the password does not open {path}") from None
        raise KeyInvalid(f"{path} is not a keystore: {error}") from None
    except (KeyError, TypeError, NotImplementedError):
        raise KeyInvalid(f"{path} is not a keystore") from None
    return account


def _password(keystore: Path) -> str:
    if (password := os.environ.get(PASSWORD)) is not None:
        return password
    if file := os.environ.get(PASSWORD_FILE):
        try:
            return Path(file).read_text(encoding="utf-8").removesuffix("\n")
        except OSError as error:
            raise KeyInvalid(f"{PASSWORD_FILE}: {file} cannot be read: {error.strerror}") from error
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {keystore}: ")
    raise KeyInvalid(f"no password for {keystore}: set {PASSWORD} or {PASSWORD_FILE}")
