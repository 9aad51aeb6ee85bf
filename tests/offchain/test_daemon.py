from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tensorbond.daemon import Daemon, StateBusy, exclusive
from tensorbond.errors import TensorbondError

pytestmark = pytest.mark.unit


class Passing(TensorbondError):
    """May pass."""


class Fatal(TensorbondError):
    """May not."""


def daemon_of(steps: list) -> tuple[Daemon, list]:
    """A daemon that takes one step a cycle (raising it if it is an error) and stops after the last."""
    taken: list = []

    def cycle() -> None:
        step = steps[len(taken)]
        taken.append(step)
        if len(taken) == len(steps):
            daemon.stop()
        if isinstance(step, Exception):
            raise step

    daemon = Daemon("test", cycle, 0.001, lambda error: isinstance(error, Passing))
    return daemon, taken


def test_run__errors_that_may_pass__are_retried(caplog):
    daemon, taken = daemon_of(["a", Passing("no answer"), Passing("still none"), "b"])
    daemon.run()
    assert len(taken) == 4
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "Passing: no answer",
        "Passing: still none",
    ]


def test_run__fatal_error__ends_it():
    daemon, taken = daemon_of(["a", Fatal("wrong chain"), "b"])
    with pytest.raises(Fatal):
        daemon.run()
    assert len(taken) == 2


def test_run__programming_error__is_not_swallowed():
    daemon, _ = daemon_of([ValueError("a bug"), "b"])
    with pytest.raises(ValueError, match="a bug"):
        daemon.run()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run__signal__ends_the_cycle_first(number):
    ended = []

    def cycle() -> None:
        os.kill(os.getpid(), number)
        ended.append(True)

    before = signal.getsignal(number)
    Daemon("test", cycle, 60, lambda _: False).run()
    assert ended == [True]
    assert signal.getsignal(number) == before


def test_run__second_signal__ends_the_process():
    def cycle() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Daemon("test", cycle, 60, lambda _: False).run()


def test_run__in_another_thread__is_stopped_from_outside():
    began = threading.Event()
    daemon = Daemon("test", began.set, 60, lambda _: False)
    thread = threading.Thread(target=daemon.run)
    thread.start()
    assert began.wait(5)
    daemon.stop()
    thread.join(5)
    assert not thread.is_alive()


HOLDER = """
import sys, time
from pathlib import Path
from tensorbond.daemon import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_exclusive__another_process_holds_the_folder__is_refused_until_it_dies(tmp_path: Path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "state")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateBusy), exclusive(tmp_path / "state"):
            pass
        holder.kill()
    with exclusive(tmp_path / "state"):
        pass
