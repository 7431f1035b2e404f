"""The C++ side: its own tests on every instruction set, sanitizers, and no stray symbols."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sequela.ops import native

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"],
}
PARTS = ("dispatch.cpp", "padded.cpp", "score.cpp", "threads.cpp", "tests/test_engine.cpp")
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


def _kernels(folder: Path, *flags: str) -> list[Path]:
    objects = []
    for name, options in SETS.items():
        for precision in ("float", "double"):
            table = f"sequela_{name}_{precision}"
            defines = [f"-DSEQUELA_TABLE={table}"]
            defines += ["-DSEQUELA_DOUBLE"] if precision == "double" else []
            objects.append(folder / f"{table}.o")
            source = ROOT / "cpp/kernels.cpp"
            _run("g++", *FLAGS, *flags, *options, *defines, "-c", source, "-o", objects[-1])
    table = "sequela_avx512_bfloat"
    options = [*SETS["avx512"], "-mavx512bf16", f"-DSEQUELA_TABLE={table}"]
    objects.append(folder / f"{table}.o")
    _run("g++", *FLAGS, *flags, *options, "-c", ROOT / "cpp/bfloat.cpp", "-o", objects[-1])
    return objects


@pytest.fixture(scope="module")
def tester(tmp_path_factory) -> Path:
    if native.library() is None:
        pytest.skip("the native library is not built here")
    library = next(path for path in native._candidates() if path.is_file())
    program = tmp_path_factory.mktemp("cpp") / "test_engine"
    include, source = f"-I{ROOT / 'cpp/include'}", ROOT / "cpp/tests/test_engine.cpp"
    _run("g++", "-std=c++17", "-O2", include, source, library, "-lpthread", "-o", program)
    return program


def _computed(output: str, name: str) -> list[str]:
    """The lines with the hash of all results; a set that the processor lacks printed none."""
    if f"instruction set {name}\n" not in output:
        pytest.skip(f"this processor has no {name}")
    lines = [line for line in output.splitlines() if line.startswith("bits of")]
    assert len(lines) == 2
    return lines


def _on(tester: Path, name: str) -> list[str]:
    folder = next(path for path in native._candidates() if path.is_file()).parent
    return _computed(_run(tester, SEQUELA_ISA=name, LD_LIBRARY_PATH=str(folder)), name)


@pytest.mark.parametrize("name", SETS)
def test_every_instruction_set(tester, name):
    _on(tester, name)


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
    parts = [sources / name for name in PARTS]
    program, include = tmp_path / "test_engine", f"-I{sources / 'include'}"
    _run(compiler, "-std=c++17", "-O2", "-static", include, *parts, *objects, "-o", program)
    output = _run(emulator, program, "99991")
    assert _computed(output, "neon") == _on(tester, "avx2")


def test_no_symbol_of_a_kernel_can_answer_for_another(tmp_path):
    """A weak function compiled for AVX-512 would be taken for all, and crash older processors."""
    for unit in _kernels(tmp_path, "-O0"):
        listing = _run("nm", unit).splitlines()
        defined = [line.split()[-2:] for line in listing if line.split()[-2] not in "Utrdb"]
        assert [name for _, name in defined] == [unit.stem], defined


@pytest.mark.long
@pytest.mark.parametrize("kind", ["address,undefined", "thread"])
def test_sanitizers(tmp_path, kind):
    sanitize = [f"-fsanitize={kind}", "-fno-sanitize-recover=all", "-O1", "-g"]
    objects = _kernels(tmp_path, *sanitize)
    include, sources = f"-I{ROOT / 'cpp/include'}", ROOT / "cpp"
    parts = [sources / name for name in PARTS]
    program = tmp_path / "test_engine"
    options = ["-std=c++17", "-DSEQUELA_BFLOAT", *sanitize]
    _run("g++", *options, include, *parts, *objects, "-lpthread", "-o", program)
    for name in SETS:
        _run(program, "99991", SEQUELA_ISA=name)
