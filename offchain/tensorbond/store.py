"""The evidence store: files by name on any fsspec URL, a local folder by default.

Names are `chainId/device/slot/commitment` (evidence) and `attestations/chainId/epoch/root.json` (leaf data).
A name is written once: what it holds is never replaced by something else, and never half there.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tensorbond.errors import TensorbondError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")


class StoreError(TensorbondError):
    """The evidence store could not do what it was asked to."""


class StoreUnavailable(StoreError):
    """The store behind the URL can't be reached, read or written."""


class StoreFull(StoreError):
    """There is no room for the file; nothing of it was kept."""


class NameInvalid(StoreError):
    """No file of a store can have this name."""


class NameTaken(StoreError):
    """Another content is stored under this name already."""


class NameMissing(StoreError):
    """Nothing is stored under this name."""


class FileOversized(StoreError):
    """The stored file is longer than the reader's limit; nothing of it was returned."""


class Store:
    """`url`: a folder, or any URL that fsspec knows (s3://, ipfs://, memory://, …)."""

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except (ImportError, OSError, ValueError) as error:
            raise StoreUnavailable(f"{self.url} is no store: {error}") from error
        self._root = self._root.rstrip("/")

    @property
    def is_local(self) -> bool:
        return isinstance(self._files, LocalFileSystem)

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`, whole or not at all.

        Raises NameTaken where another content stands, StoreFull, StoreUnavailable, NameInvalid.
        """
        path = self._path(name)
        try:
            if self._holds(name, data):
                return
            if self.is_local:
                self._put_local(Path(path), data)
            else:
                self._files.pipe_file(path, data)
        except FileExistsError:
            self._holds(name, data)
        except OSError as error:
            raise _explained(error, f"{name} can't be written to {self.url}") from error

    def get(self, name: str, limit: int) -> bytes:
        """Raises NameMissing, FileOversized beyond `limit` bytes, StoreUnavailable."""
        path = self._path(name)
        try:
            with self._files.open(path, "rb") as file:
                data: bytes = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise NameMissing(f"{self.url} holds no {name}") from None
        except OSError as error:
            raise _explained(error, f"{name} can't be read from {self.url}") from error
        if len(data) > limit:
            raise FileOversized(f"{name} in {self.url} is longer than {limit} bytes")
        return data

    def exists(self, name: str) -> bool:
        try:
            return bool(self._files.isfile(self._path(name)))
        except OSError as error:
            raise _explained(error, f"{name} can't be looked up in {self.url}") from error

    def list(self, prefix: str = "") -> list[str]:
        """The names below the folder `prefix`, sorted."""
        path = self._path(prefix) if prefix else self._root
        try:
            self._files.invalidate_cache()
            found: dict[str, Any] = self._files.find(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _explained(error, f"{self.url} can't be listed") from error
        skip = len(self._root) + 1 if self._root else 0
        names = (str(each)[skip:] for each in found)
        return sorted(name for name in names if _NAME.fullmatch(name))

    def _path(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise NameInvalid(f"{name!r} is no name of a stored file")
        return f"{self._root}/{name}" if self._root else name

    def _holds(self, name: str, data: bytes) -> bool:
        """Whether exactly `data` stands under the name; raises NameTaken if something else does."""
        try:
            if self.get(name, len(data)) == data:
                return True
        except NameMissing:
            return False
        except FileOversized:
            pass
        raise NameTaken(f"{self.url} holds another {name} already")

    def _put_local(self, path: Path, data: bytes) -> None:
        """A hidden file beside it, flushed to the disk, then a link, which fails where a file stands."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.link(temporary, path)
        finally:
            os.unlink(temporary)


def _explained(error: OSError, what: str) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StoreFull(f"{what}: no room ({error.strerror})")
    return StoreUnavailable(f"{what}: {error}")
