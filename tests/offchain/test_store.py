from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tensorbond.store import (
    FileOversized,
    NameInvalid,
    NameMissing,
    NameTaken,
    Store,
    StoreUnavailable,
)

pytestmark = pytest.mark.unit

NAME = "31337/3/42/" + "ab" * 32


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "store" if request.param == "local" else f"memory://{tmp_path.name}")


def test_put__new_name__is_read_back(store):
    assert not store.exists(NAME)
    store.put(NAME, b"evidence")
    assert store.exists(NAME)
    assert store.get(NAME, 8) == b"evidence"


def test_put__the_same_again__changes_nothing(store):
    store.put(NAME, b"evidence")
    store.put(NAME, b"evidence")
    assert store.list() == [NAME]


@pytest.mark.parametrize("other", [b"", b"Evidence", b"evidence and more"])
def test_put__another_content__is_refused_and_the_first_stays(store, other):
    store.put(NAME, b"evidence")
    with pytest.raises(NameTaken, match="another 31337/3/42/"):
        store.put(NAME, other)
    assert store.get(NAME, 100) == b"evidence"


def test_get__longer_than_the_limit__is_refused(store):
    store.put(NAME, b"evidence")
    with pytest.raises(FileOversized, match="longer than 7 bytes"):
        store.get(NAME, 7)


def test_get__nothing_there__is_named(store):
    with pytest.raises(NameMissing):
        store.get(NAME, 10)


def test_get__a_folder__is_missing_or_unavailable(store):
    store.put(NAME, b"evidence")
    with pytest.raises((NameMissing, StoreUnavailable)):
        store.get("31337/3", 10)


def test_list__below_a_folder__is_sorted(store):
    names = ["31337/3/42/bb", "31337/3/42/aa", "31337/4/1/aa", "attestations/31337/0/ff.json"]
    for name in names:
        store.put(name, name.encode())
    assert store.list("31337/3") == ["31337/3/42/aa", "31337/3/42/bb"]
    assert store.list() == sorted(names)
    assert store.list("1/2") == []


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", ".hidden", "a/.b", "a/", "a b", "a\\b", "ä"]
)
def test_put__name_that_leads_elsewhere__is_refused(store, name):
    with pytest.raises(NameInvalid):
        store.put(name, b"")


def test_list__half_written_file_of_a_dead_writer__is_not_told(tmp_path):
    store = Store(tmp_path)
    store.put(NAME, b"evidence")
    (tmp_path / NAME).with_name(".tmp123").write_bytes(b"evi")
    assert store.list() == [NAME]


def test_put__written__leaves_no_other_file(tmp_path):
    Store(tmp_path).put(NAME, b"evidence")
    assert [path.name for path in (tmp_path / NAME).parent.iterdir()] == ["ab" * 32]


def test_store__unknown_kind_of_url__is_named():
    with pytest.raises(StoreUnavailable, match="no store"):
        Store("nonsense://x")


def test_put__folder_is_a_file__is_unavailable(tmp_path):
    (tmp_path / "31337").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        Store(tmp_path).put(NAME, b"evidence")


FULL_DISK = """
import resource, sys
from tensorbond.store import Store, StoreFull
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    Store(sys.argv[1]).put(sys.argv[2], bytes(100_000))
except StoreFull as error:
    print("full:", error)
"""


def test_put__disk_is_full__names_it_and_leaves_no_half_file(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), NAME]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"full: {NAME} can't be written")
    assert not Store(tmp_path).exists(NAME)
    assert list((tmp_path / NAME).parent.iterdir()) == []
