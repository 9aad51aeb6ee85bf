from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tensorbond.oracle.board import Board
from tensorbond.oracle.exchange import Server, make_app
from tensorbond.oracle.security_txt import SecurityTxt, SecurityTxtInvalid
from tests.anvil import ROOT
from tests.offchain.signing import ATTESTATIONS

pytestmark = pytest.mark.chain

LATER = (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
GOOD = f"# ours\nContact: mailto:you@example.org\nExpires: {LATER}\nPreferred-Languages: en\n"
SIGNED = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{GOOD}-----BEGIN PGP SIGNATURE-----\n\nab=\n"


def test_template__of_security_md__is_valid_once_it_is_filled_in(tmp_path: Path) -> None:
    (template,) = re.findall(r"```\n(Contact: .*?)```", (ROOT / "SECURITY.md").read_text(), re.DOTALL)
    file = tmp_path / "security.txt"
    file.write_text(template)
    with pytest.raises(SecurityTxtInvalid, match="Contact"):
        SecurityTxt.load(file)
    file.write_text(re.sub(r"(Contact:|Canonical:|Policy:) .*", r"\1 https://example.org/x", template))
    assert SecurityTxt.load(file).text == file.read_text()


@pytest.mark.parametrize(
    "text",
    [GOOD, SIGNED, GOOD.replace("\n", "\r\n"), GOOD.lower()],
    ids=["plain", "signed", "CRLF", "lower case"],
)
def test_load__a_good_one__is_told_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "security.txt"
    file.write_bytes(text.encode())
    assert SecurityTxt.load(file).current() == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no Contact"),
        (GOOD.replace("mailto:", ""), "begins with none"),
        (GOOD.replace("mailto:", "http://"), "begins with none"),
        (GOOD.replace("Expires", "Expired"), "Expires is ''"),
        (GOOD.replace("Z", ""), "not a time"),
        (GOOD.replace(LATER, "soon"), "not a time"),
        (GOOD.replace(LATER, "2020-01-01T00:00:00Z"), "expired on 2020-01-01"),
        (GOOD + f"Expires: {LATER}\n", "more than once"),
        (GOOD + "Preferred-Languages: de\n", "more than once"),
        (GOOD + "#" * 40_000, "32768 bytes"),
    ],
    ids=[
        "empty",
        "no scheme",
        "http",
        "no Expires",
        "no zone",
        "no time",
        "expired",
        "two Expires",
        "two languages",
        "too long",
    ],
)
def test_load__what_the_rfc_forbids__is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "security.txt"
    file.write_text(text)
    with pytest.raises(SecurityTxtInvalid, match=f"security.txt: .*{why}"):
        SecurityTxt.load(file)


def test_load__no_text_or_no_file__is_refused(tmp_path: Path) -> None:
    file = tmp_path / "security.txt"
    with pytest.raises(SecurityTxtInvalid, match="No such file"):
        SecurityTxt.load(file)
    file.write_bytes(b"\xff")
    with pytest.raises(SecurityTxtInvalid, match="UTF-8"):
        SecurityTxt.load(file)


def test_server__until_it_expires__serves_it() -> None:
    told = SecurityTxt.parse(GOOD.encode())
    expired = SecurityTxt(GOOD, datetime.now(UTC))
    for source, status in ((told.current, 200), (expired.current, 404), (lambda: None, 404)):
        server = Server(make_app(Board(ATTESTATIONS), dict, {}.get, source), "127.0.0.1", 0)
        server.start()
        try:
            answer = httpx.get(f"http://127.0.0.1:{server.port}/.well-known/security.txt")
        finally:
            server.stop()
        assert answer.status_code == status
        if status == 200:
            assert answer.text == GOOD
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
