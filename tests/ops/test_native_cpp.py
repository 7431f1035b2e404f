"""The C++ side: its own tests on every instruction set, sanitizers, and no stray symbols."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from sequela.ops import native

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"],
}
PARTS = ("dispatch.cpp", "padded.cpp", "score.cpp", "stack.cpp", "threads.cpp")
FLAGS = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off", "-fPIC", "-Wno-psabi"]

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None or os.uname().machine != "x86_64",
    reason="needs g++ on x86-64",
)


def _run(*command: object, **environment: str) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def _kernels(folder: Path, *flags: str, sets: Iterable[str] = SETS) -> list[Path]:
    objects = []
    for name in sets:
        options = SETS[name]
        for precision in ("float", "double"):
            table = f"sequela_{name}_{precision}"
            defines = [f"-DSEQUELA_TABLE={table}"]
            defines += ["-DSEQUELA_DOUBLE"] if precision == "double" else []
            objects.append(folder / f"{table}.o")
            source = ROOT / "cpp/kernels.cpp"
            _run("g++", *FLAGS, *flags, *options, *defines, "-c", source, "-o", objects[-1])
    if "avx512" not in sets:
        return objects
    table = "sequela_avx512_bfloat"
    options = [*SETS["avx512"], "-mavx512bf16", f"-DSEQUELA_TABLE={table}"]
    objects.append(folder / f"{table}.o")
    _run("g++", *FLAGS, *flags, *options, "-c", ROOT / "cpp/bfloat.cpp", "-o", objects[-1])
    return objects


def _library() -> Path:
    return next(path for path in native._candidates() if path.is_file())


def _program(folder: Path, name: str, *flags: str) -> Path:
    if native.library() is None:
        pytest.skip("the native library is not built here")
    program, source = folder / name, ROOT / f"cpp/tests/{name}.cpp"
    include = f"-I{ROOT / 'cpp/include'}"
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", *flags, include]
    _run("g++", *options, source, _library(), "-lpthread", "-o", program)
    return program


@pytest.fixture(scope="module")
def tester(tmp_path_factory) -> Path:
    return _program(tmp_path_factory.mktemp("cpp"), "test_engine", "-O2")


@pytest.fixture(scope="module")
def functions_tester(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cpp")
    return _program(folder, "test_functions", "-O3", "-march=native", "-fno-math-errno")


def _computed(output: str, name: str) -> list[str]:
    """The lines with the hash of all results; a set that the processor lacks printed none."""
    if f"instruction set {name}\n" not in output:
        pytest.skip(f"this processor has no {name}")
    lines = [line for line in output.splitlines() if line.startswith("bits of")]
    assert len(lines) == 2
    return lines


@functools.cache
def _on(tester: Path, name: str) -> list[str]:
    output = _run(tester, SEQUELA_ISA=name, LD_LIBRARY_PATH=str(_library().parent))
    return _computed(output, name)


def _sweep(tester: Path, name: str, step: int, samples: int) -> None:
    """Every ``step``-th float32 number, and ``samples`` float64 numbers, of each function."""
    folder = str(_library().parent)
    output = _run(tester, step, samples, SEQUELA_ISA=name, LD_LIBRARY_PATH=folder)
    if f"instruction set {name}\n" not in output:
        pytest.skip(f"this processor has no {name}")
    print(output)
    for precision in ("float32", "float64"):
        for function in ("exp", "sigmoid", "tanh"):
            assert len(re.findall(f"{name} {precision} {function}: .* ulp at", output)) == 1


@pytest.mark.parametrize("name", SETS)
def test_every_instruction_set(tester, name):
    _on(tester, name)


@pytest.mark.parametrize("name", SETS)
def test_functions_within_two_ulp(functions_tester, name):
    _sweep(functions_tester, name, 997, 200_000)


@pytest.mark.long
@pytest.mark.parametrize("name", SETS)
def test_functions_within_two_ulp_at_every_float32(functions_tester, name):
    _sweep(functions_tester, name, 1, 5_000_000)


def test_the_same_bits_from_both_that_fuse(tester):
    assert _on(tester, "avx2") == _on(tester, "avx512")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_neon_under_an_emulator_has_the_bits_of_avx2(tester, tmp_path):
    compiler = shutil.which("aarch64-linux-gnu-g++")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: qemu-user)")
    objects = []
    for precision, defines in (("float", []), ("double", ["-DSEQUELA_DOUBLE"])):
        table = f"sequela_native_{precision}"
        objects.append(tmp_path / f"{table}.o")
        options = [*FLAGS, "-O2", "-Wno-maybe-uninitialized", *defines, f"-DSEQUELA_TABLE={table}"]
        _run(compiler, *options, "-c", ROOT / "cpp/kernels.cpp", "-o", objects[-1])
    listing = _run("aarch64-linux-gnu-objdump", "-d", *objects)
    # Vectors of four floats and of two doubles are multiplied and added in one instruction.
    widths = re.findall(r"fmla\s+v\d+(\.\w+)", listing)
    assert len(widths) > 500
    assert set(widths) == {".4s", ".2d"}
    sources = ROOT / "cpp"
    parts, include = [sources / name for name in PARTS], f"-I{sources / 'include'}"
    for name, arguments in (("test_engine", []), ("test_functions", [99991, 20_000])):
        program, source = tmp_path / name, sources / f"tests/{name}.cpp"
        options = ["-std=c++17", "-O2", "-static", include]
        _run(compiler, *options, *parts, source, *objects, "-o", program)
        output = _run(emulator, program, *arguments)
        assert "instruction set neon\n" in output
        if name == "test_engine":
            assert _computed(output, "neon") == _on(tester, "avx2")


LATE = pytest.mark.long  # one source makes them all: the newest set has every intrinsic's header


@pytest.mark.parametrize(
    "name", ["avx512", pytest.param("avx2", marks=LATE), pytest.param("baseline", marks=LATE)]
)
def test_no_symbol_of_a_kernel_can_answer_for_another(tmp_path, name):
    """A weak function compiled for AVX-512 would be taken for all, and crash older processors."""
    for unit in _kernels(tmp_path, "-O0", sets=[name]):
        listing = _run("nm", unit).splitlines()
        defined = [line.split()[-2:] for line in listing if line.split()[-2] not in "Utrdb"]
        assert [name for _, name in defined] == [unit.stem], defined


@pytest.mark.long
@pytest.mark.parametrize("kind", ["address,undefined", "thread"])
def test_sanitizers(tmp_path, kind):
    sanitize = [f"-fsanitize={kind}", "-fno-sanitize-recover=all", "-O1", "-g"]
    objects = _kernels(tmp_path, *sanitize)
    include, sources = f"-I{ROOT / 'cpp/include'}", ROOT / "cpp"
    parts = [sources / name for name in (*PARTS, "tests/test_engine.cpp")]
    program = tmp_path / "test_engine"
    options = ["-std=c++17", "-DSEQUELA_BFLOAT", *sanitize]
    _run("g++", *options, include, *parts, *objects, "-lpthread", "-o", program)
    for name in SETS:
        _run(program, SEQUELA_ISA=name)
