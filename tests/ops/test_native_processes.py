"""The kernels among processes and threads: workers, many callers, and rest when idle."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from tests.ops.test_native_recurrent import NAMES, SHAPES, everything, example

from sequela.ops import native_recurrent as native
from sequela.ops.native import library

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.skipif(library() is None, reason="the native library is not built here"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]
CALLERS = 32


def child(code: str, *words: object) -> str:
    """Runs a program that may fork as it likes; here torch warns of a fork beside threads."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


WORKERS = """
import sys, torch
from torch.utils.data import DataLoader, Dataset
import sequela.nn

torch.manual_seed(1)
layer = sequela.nn.LSTM(8, 64, batch_first=True)
x = torch.randn(24, 4, 20, 8)
torch.set_num_threads(2)

class Rows(Dataset):
    def __len__(self):
        return len(x)
    def __getitem__(self, index):
        torch.set_num_threads(2)  # workers begin with one
        with torch.no_grad():
            return layer(x[index])[0]

with torch.no_grad():
    wanted = layer(x.flatten(0, 1))[0].view(24, 4, 20, 64)
for epoch in range(2):
    loader = DataLoader(Rows(), batch_size=None, num_workers=2, multiprocessing_context="fork")
    for index, found in enumerate(loader):
        assert torch.equal(found, wanted[index]), index
        with torch.no_grad():  # the parent works in between
            assert torch.equal(layer(x[index])[0], wanted[index])
    layer(x[0])[0].sum().backward()
"""


def test_data_loader_workers():
    child(WORKERS)


def together(seconds: float) -> int:
    """How many training steps all callers made; each is compared with one thread's bits."""
    calls = [
        example(name, *SHAPES[shape], dtype=dtype)
        for name in NAMES
        for shape in ("ragged", "many rows", "one row")
        for dtype in (torch.float32, torch.float64)
    ]
    torch.set_num_threads(1)
    wanted = [everything(native, call) for call in calls]
    end, wrong, counts = time.monotonic() + seconds, [], [0] * CALLERS

    def work(caller):
        torch.set_num_threads(1 + caller % 4)  # the number is each thread's own in some builds
        number = caller
        while time.monotonic() < end and not wrong:
            number = (number + 7) % len(calls)
            found = everything(native, calls[number])
            if not all(torch.equal(*pair) for pair in zip(found, wanted[number], strict=True)):
                wrong.append(number)
            counts[caller] += 1

    before = torch.get_num_threads()
    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    torch.set_num_threads(before)
    assert not wrong
    assert min(counts) > 0
    return sum(counts)


def test_thirty_two_threads():
    assert together(3) > CALLERS


@pytest.mark.long
def test_thirty_two_threads_for_a_minute():
    assert together(60) > 20 * CALLERS


IDLE = """
import time, torch
from tests.ops.test_native_recurrent import SHAPES, everything, example, native
torch.set_num_threads(2)
call = example("lstm", *SHAPES["many rows"], dtype=torch.float32)
for _ in range(50):
    everything(native, call)
begin = time.process_time()
time.sleep(1)
print(time.process_time() - begin)
"""


def test_the_pool_rests_when_nothing_is_asked():
    assert float(child(IDLE)) < 0.02
