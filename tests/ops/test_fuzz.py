"""Wrong and unusual calls by the thousand: a Python error or the right numbers, never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.ops import fuzz
from tests.ops.test_native_cpp import FLAGS, PARTS, ROOT, SETS

from sequela.ops import native_call, native_layer
from sequela.ops.native import library

CALLS, CALLS_BY_DEFAULT, PROCESSES = 100_000, 2_000, 2

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")


def test_two_thousand_calls():
    right = sum(fuzz.one(number) for number in range(CALLS_BY_DEFAULT))
    # Both kinds must be there in numbers, or the test says nothing.
    assert CALLS_BY_DEFAULT / 4 < right < CALLS_BY_DEFAULT * 3 / 4


def test_found_a_workspace_or_an_output_that_does_not_fit():
    # The kernels wrote behind the end of a workspace that was too short.
    given = [torch.zeros(3, 2), torch.zeros(2, 4), torch.zeros(2, 4)]
    given += [torch.zeros(16, 2), torch.zeros(16, 4), None, None]
    layer = native_layer.checked("lstm", torch.tensor([2, 1]), False, *given)
    output, _, _, saved = native_call.forward(layer, keep=True)
    late, wanted = [output, None, None], [True] * 5 + [False] * 2
    for wrong in (output[:2], output.double(), output.to("meta"), output[:, :3]):
        with pytest.raises(RuntimeError, match="native: output must"):
            native_call.backward(layer, wrong, saved, late, wanted)
    for wrong in (saved[:2], saved.double(), saved.to("meta"), saved[:0], saved[:, ::2]):
        with pytest.raises(RuntimeError, match="native: saved"):
            native_call.backward(layer, output, wrong, late, wanted)
    rest = (*given, *[None] * 9, 0.0, 0.0, False, 0)
    for wrong in (saved[:2], saved[:1], saved.double()):
        with pytest.raises(RuntimeError, match="native: saved"):
            torch.ops.sequela.recurrent_backward(
                "lstm", layer.sizes, False, wanted, *rest, output, wrong, output, None, None, None
            )


@pytest.mark.parametrize("place", range(5))
def test_found_a_meta_tensor_among_real_ones(place):
    # torch then asks the fake implementation, whose memory nobody has written.
    given = [torch.zeros(3, 2), torch.zeros(2, 4), torch.zeros(2, 4)]
    given += [torch.zeros(16, 2), torch.zeros(16, 4), None, None]
    given[place] = given[place].to("meta")
    with pytest.raises(RuntimeError, match="same device"):
        torch.ops.sequela.recurrent("lstm", torch.tensor([2, 1]), False, True, *given)


def _compile(folder: Path) -> Iterator[list[str]]:
    """The commands that build the library with both sanitizers, the longest first."""
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g1"]
    include = f"-I{ROOT / 'cpp/include'}"
    for name, options in reversed(SETS.items()):
        for precision in ("float", "double"):
            table = f"sequela_{name}_{precision}"
            defines = [f"-DSEQUELA_TABLE={table}"]
            defines += ["-DSEQUELA_DOUBLE"] if precision == "double" else []
            source = str(ROOT / "cpp/kernels.cpp")
            target = ["-o", str(folder / f"{table}.o")]
            yield ["g++", *FLAGS, *flags, *options, *defines, "-c", source, *target]
    options = [*SETS["avx512"], "-mavx512bf16", "-DSEQUELA_TABLE=sequela_avx512_bfloat"]
    target = ["-o", str(folder / "bfloat.o")]
    yield ["g++", *FLAGS, *flags, *options, "-c", str(ROOT / "cpp/bfloat.cpp"), *target]
    for name in PARTS:
        target = ["-o", str(folder / f"{name}.o")]
        source = str(ROOT / f"cpp/{name}")
        yield ["g++", *FLAGS, *flags, "-DSEQUELA_BFLOAT", include, "-c", source, *target]


def _build(folder: Path) -> Path:
    waiting, running = list(_compile(folder)), []
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            running.append(subprocess.Popen(waiting.pop(0)))
        assert running.pop(0).wait() == 0
    library = folder / "libsequela.so"
    objects = [str(path) for path in sorted(folder.glob("*.o"))]
    link = ["g++", "-shared", "-fsanitize=address,undefined", *objects, "-lpthread"]
    subprocess.run([*link, "-o", str(library)], check=True)
    return library


def _runtime(name: str) -> str:
    """The sanitizer's own library, which must be loaded before Python's."""
    command = ["g++", f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the instruction sets of x86-64")
def test_a_hundred_thousand_calls_under_the_sanitizers(tmp_path):
    built = _build(tmp_path)
    environment = os.environ | {
        "LD_PRELOAD": f"{_runtime('libasan.so')} {_runtime('libubsan.so')}",
        # Python keeps what it needs until its end, and refuses what cannot be had.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    share, children = CALLS // PROCESSES, []
    for index in range(PROCESSES):
        words = [sys.executable, "-m", "tests.ops.fuzz", index * share, share, built]
        with (tmp_path / f"{index}.txt").open("wb") as told:
            command = [str(word) for word in words]
            children.append(subprocess.Popen(command, stdout=told, stderr=told, env=environment))
    for index, child in enumerate(children):
        code = child.wait()
        told = (tmp_path / f"{index}.txt").read_text(errors="replace")
        # The last number before the report is the call; `python -m tests.ops.fuzz NUMBER 1`.
        assert code == 0, told[-6000:]
        right, wrong = map(int, told.split("\n")[-2].split())
        assert right + wrong == share
        assert min(right, wrong) > share / 4
