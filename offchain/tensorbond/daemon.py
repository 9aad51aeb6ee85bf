"""What every long-running process of ours does: one cycle after another, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from tensorbond.errors import TensorbondError

MAX_DOUBLINGS = 3


class StateBusy(TensorbondError):
    """Another process uses this state folder: two of them would sign with one key."""


class Daemon:
    """Calls `cycle` every `poll_seconds`. A TensorbondError that `retries` says may pass is logged, and the
    cycle repeated after a growing pause; everything else ends the process with that error."""

    def __init__(
        self, name: str, cycle: Callable[[], None], poll_seconds: float, retries: Callable[[Exception], bool]
    ) -> None:
        self._log = logging.getLogger(name)
        self._cycle = cycle
        self._poll_seconds = poll_seconds
        self._retries = retries
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `stop`, SIGINT or SIGTERM; a cycle that has begun is ended first."""
        faults = 0
        with self._signals():
            while not self._stop.is_set():
                try:
                    self._cycle()
                    faults = 0
                except TensorbondError as error:
                    if not self._retries(error):
                        raise
                    faults += 1
                    self._log.warning("%s: %s", type(error).__name__, error)
                self._stop.wait(self._poll_seconds * 2 ** min(faults, MAX_DOUBLINGS))
        self._log.info("stopped")

    def stop(self) -> None:
        self._stop.set()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first signal ends the loop, a second one the process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_signal(number: int, frame: FrameType | None) -> None:
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._log.info("stopping on %s", signal.Signals(number).name)
            self._stop.set()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """The state folder, for this process alone; raises StateBusy."""
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state_dir / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise StateBusy(f"another process uses {state_dir}") from None
    try:
        yield
    finally:
        lock.release()
