"""Ctrl-C while several processes work: they end at once, and one alone speaks of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import as_completed
from pathlib import Path

import pytest

from sequela.errors import DataError
from sequela.pool import pool_of

# polars has a handler of its own for this signal.
SCRIPT = """
import multiprocessing, pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import polars
from sequela.pool import pool_of

def work(folder, number):
    pathlib.Path(folder, str(number)).touch()
    time.sleep(60)

if __name__ == "__main__":
    with pool_of(2, "sleeping") as pool:
        futures = [pool.submit(work, sys.argv[1], number) for number in range(6)]
        told = [str(one.pid) for one in multiprocessing.active_children()]
        pathlib.Path(sys.argv[1], ".begun").write_text(" ".join(told))
        pathlib.Path(sys.argv[1], "begun").touch()
        [one.result() for one in futures]
"""


def wait_for(*files: Path) -> None:
    deadline = time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline, "it does not begin"
        time.sleep(0.01)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals of a group are POSIX")
@pytest.mark.parametrize("working", [False, True], ids=["while they begin", "while they work"])
def test_ctrl_c_ends_all_processes_and_one_speaks(tmp_path, working):
    (tmp_path / "script.py").write_text(SCRIPT)
    main = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(tmp_path / "begun", *([tmp_path / "0", tmp_path / "1"] if working else []))
        children = [int(one) for one in (tmp_path / ".begun").read_text().split()]
        os.killpg(main.pid, signal.SIGINT)
        told, said = main.communicate(timeout=30)  # their work takes 60 seconds
    finally:
        main.kill()
        main.communicate()
    assert children
    assert not any(map(is_there, children))
    assert not (tmp_path / "2").exists()
    assert told == ""
    assert said.count("Traceback") == 1, said
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert main.returncode not in (0, None)


def test_a_process_that_ends_is_named(tmp_path):
    wanted = "the work: got a process that ended by itself"
    with pytest.raises(DataError, match=wanted), pool_of(2, "the work") as pool:
        [one.result() for one in as_completed([pool.submit(os._exit, 3)])]
