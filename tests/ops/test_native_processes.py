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
from sequela.ops.native import _candidates, _torchs_openmp, library

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
from sequela.ops import native_call, native_layer
from tests.ops.test_native_recurrent import SHAPES, everything, example, native

torch.set_num_threads(2)
call = example("lstm", *SHAPES["many rows"], dtype=torch.float32)
given = [part.detach() for part in (call.data, *call.initial, *call.weights[:4])]
layer = native_layer.checked("lstm", torch.tensor(call.sizes), False, *given)
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
        while not wrong and (time.monotonic() < end or not counts[caller]):
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
    return sum(counts)


def test_thirty_two_threads():
    together(1)


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


LENT = """
import ctypes, os, signal, threading, torch
from sequela.ops import native as found
from sequela.ops import native_call, native_layer
from tests.ops.test_native_recurrent import SHAPES, example

call = example("lstm", *SHAPES["many rows"], dtype=torch.float32)
given = [part.detach() for part in (call.data, *call.initial, *call.weights[:4])]
late = [torch.ones(len(call.data), 48), torch.ones(36, 48), torch.ones(36, 48)]

def kernels():
    layer = native_layer.checked("lstm", torch.tensor(call.sizes), False, *given)
    output, h, c, saved = native_call.forward(layer, keep=True)
    return [output, h, c, *native_call.backward(layer, output, saved, late, [True] * 7)]

parallel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
addresses = found._torchs_openmp()
real, teams = parallel(addresses[0]), []

@parallel
def counted(*words):
    teams.append(words[2])
    real(*words)

def lend(function):
    lent = found._OpenMP(ctypes.cast(function, ctypes.c_void_p).value, *addresses[1:])
    found.library().sequela_share_threads(ctypes.addressof(lent))

def asks(wanted, count):
    before = len(teams)
    good = all(torch.equal(*pair) for pair in zip(kernels(), wanted, strict=True))
    assert good and len(teams) - before == count, (good, len(teams) - before, count)

def elsewhere():
    torch.set_num_threads(2)  # the number is each thread's own
    asks(wanted, 0)
    done.append(1)

torch.set_num_threads(1)
wanted, done = kernels(), []
lend(counted)
asks(wanted, 0)
torch.set_num_threads(2)
asks(wanted, 2)  # forward and backward
other = threading.Thread(target=elsewhere)
other.start()
other.join()
assert done
pid = os.fork()
if not pid:
    signal.alarm(60)
    try:
        asks(wanted, 0)
        done = 0
    finally:
        os._exit(0 if done == 0 else 1)
asks(wanted, 2)
assert os.waitpid(pid, 0)[1] == 0
found.library().sequela_share_threads(None)
asks(wanted, 0)
"""


def has_a_lent_team() -> bool:
    return _torchs_openmp() is not None


@pytest.mark.skipif(not has_a_lent_team(), reason="torch does not compute with OpenMP here")
def test_the_main_thread_works_on_torchs_team():
    """Not so another thread, a forked child, or anyone once it is taken back: the same bits."""
    child(LENT)


LATE = """
import os, signal, torch
import sequela.nn
from sequela.ops import native

torch.set_num_threads(2)
(torch.ones(1_000_000) * 2).sum()  # torch's own threads are there
layer, x = sequela.nn.LSTM(3, 64), torch.randn(9, 24, 3)
assert not native._load.cache_info().currsize, "the library is loaded already"
pid = os.fork()
if not pid:
    signal.alarm(20)  # on a team whose threads did not live on it would wait for ever
    with torch.no_grad():
        layer(x)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


def test_found_a_child_that_was_the_first_to_load_the_library():
    child(LATE)
