"""The kernels among processes and threads: workers, many callers, and rest when idle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from tests.ops.test_native_recurrent import NAMES, SHAPES, everything, example

from sequela.ops import native_recurrent as native
from sequela.ops.native import _candidates, library

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


FORKS = """
import os, signal, sys, torch
from tests.ops.test_native_recurrent import SHAPES, everything, example, native, native_call

torch.set_num_threads(2)
call = example("lstm", *SHAPES["many rows"], dtype=torch.float32)
given = [part.detach() for part in (call.data, *call.initial, *call.weights[:4])]
layer = native_call.checked("lstm", torch.tensor(call.sizes), False, *given)
late = [torch.ones(len(call.data), 48), torch.ones(36, 48), torch.ones(36, 48)]

def kernels():
    output, h, c, saved = native_call.forward(layer, keep=True)
    return [output, h, c, *native_call.backward(layer, output, saved, late, [True] * 7)]

def torch_too():
    many = torch.ones(100_000, requires_grad=True)  # torch shares this among its threads
    (many * many).sum().backward()
    return [*everything(native, call), many.grad]

wanted = kernels(), torch_too()

def same(found, wanted):
    return all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))

def child(deeper):
    signal.alarm(60)
    good = same(kernels(), wanted[0])
    torch.set_num_threads(1)  # torch's own threads do not live on after a fork
    good = good and same(torch_too(), wanted[1])
    torch.set_num_threads(2)
    return good and same(kernels(), wanted[0]) and (not deeper or forked(False))

def forked(deeper):
    pid = os.fork()
    if not pid:
        good = False
        try:
            good = child(deeper)
        finally:
            os._exit(0 if good else 1)
    mine = same(kernels(), wanted[0])
    return os.waitpid(pid, 0)[1] == 0 and mine

for number in range(int(sys.argv[1])):
    assert forked(number % 8 == 0), number
    assert same(torch_too(), wanted[1])
print("forks", number + 1)
"""


@pytest.mark.parametrize("forks", [20, pytest.param(1000, marks=pytest.mark.long)])
def test_forks_with_work_before_and_after(forks):
    """In children torch itself has one thread: its own do not survive (docs/engine-notes.md)."""
    assert f"forks {forks}" in child(FORKS, forks)


@pytest.mark.parametrize("forks", [20, pytest.param(1000, marks=pytest.mark.long)])
def test_forks_from_cpp(forks, tmp_path):
    """No torch at all; half of them while another thread is inside a call."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    found = next(path for path in _candidates() if path.is_file())
    program, include = tmp_path / "test_forks", f"-I{ROOT / 'cpp/include'}"
    source = ROOT / "cpp/tests/test_forks.cpp"
    flags = ["-std=c++17", "-O2", include, f"-Wl,-rpath,{found.parent}"]
    subprocess.run(["g++", *flags, source, found, "-lpthread", "-o", program], check=True)
    done = subprocess.run([program, str(forks)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout == f"{forks} forks, 0 failures\n"


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
