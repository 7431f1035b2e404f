"""What the package costs before it computes: wheel, compilation of the library, import.

    python benchmarks/build.py [--out FILE]

- wheel: the bytes of the file that `pip wheel` makes
- compilation: from an empty folder to the library, configuration included, on all processors that
  the process may use (at most two, which the target is about)
- import: `import sequela.nn` after `import torch`, the median of fresh processes, once the files
  have been read

Needs cmake and a C++ compiler, beside scikit-build-core. Writes benchmarks/results/build.json;
`make docs` puts it into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sequela.files import atomic_write
from sequela.train.provenance import commit, machine, versions

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "build.json"
PROCESSORS, IMPORTS = 2, 9
# What the specification allows.
MOST_MEGABYTES, MOST_COMPILING, MOST_IMPORTING = 5.0, 60.0, 0.3
IMPORT = """
import time
import torch
start = time.perf_counter()
import sequela.nn
print(time.perf_counter() - start)
"""
# The build system's own entry, which needs no pip; what it prints is not the answer.
WHEEL = """
import sys
from scikit_build_core.build import build_wheel
build_wheel(sys.argv[1], {"build-dir": sys.argv[2]})
"""


def tool(name: str) -> str:
    """A program beside this Python or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name


def run(*words: str) -> str:
    """What a program printed, which must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "CMAKE_BUILD_PARALLEL_LEVEL": str(PROCESSORS)}
    return subprocess.run(
        words, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout


def compiling(folder: Path) -> float:
    """Seconds from nothing to the library."""
    start = time.perf_counter()
    release = "-DCMAKE_BUILD_TYPE=Release"
    generator = ["-G", "Ninja"] if shutil.which(tool("ninja")) else []
    run(tool("cmake"), "-S", str(ROOT), "-B", str(folder), release, *generator)
    run(tool("cmake"), "--build", str(folder), "--parallel", str(PROCESSORS))
    return time.perf_counter() - start


def wheel(folder: Path) -> tuple[int, int]:
    """Bytes of the wheel, and of the library in it as it is unpacked."""
    run(sys.executable, "-c", WHEEL, str(folder), str(folder / "build"))
    made = next(folder.glob("*.whl"))
    shutil.unpack_archive(made, folder / "unpacked", "zip")
    library = next((folder / "unpacked").rglob("libsequela.so"))
    return made.stat().st_size, library.stat().st_size


def importing() -> list[float]:
    """Seconds of each import; the first, which reads the files, is left out."""
    return [float(run(sys.executable, "-c", IMPORT)) for _ in range(IMPORTS + 1)][1:]


def targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The specification's limits, judged."""
    rows: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("wheel", found["wheel_bytes"] / 1e6, MOST_MEGABYTES, lambda value: f"{value:.2g} MB"),
        (
            "compilation of the library on two processors",
            found["compile_seconds"],
            MOST_COMPILING,
            lambda value: f"{value:.2g} s",
        ),
        (
            "import of sequela.nn beyond torch",
            found["import_seconds"]["median"],
            MOST_IMPORTING,
            lambda value: f"{value:.2g} s",
        ),
    ]
    return [
        {"target": name, "wanted": f"below {say(most)}", "figure": say(value), "met": value < most}
        for name, value, most, say in rows
    ]


def measure() -> dict[str, Any]:
    """All three."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = compiling(Path(folder, "library"))
        size, library = wheel(Path(folder))
    times = importing()
    return {
        "wheel_bytes": size,
        "library_bytes": library,
        "compile_seconds": round(seconds, 1),
        "compiler": run("c++", "--version").splitlines()[0],
        "import_seconds": {
            "median": round(statistics.median(times), 3),
            "least": round(min(times), 3),
            "most": round(max(times), 3),
        },
    }


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--note", help="what else the machine was doing, for the JSON")
    arguments = parser.parse_args()
    found = measure()
    found |= {"targets": targets(found), "note": arguments.note}
    found |= {"commit": commit(), "machine": machine(), "versions": versions()}
    for row in found["targets"]:
        print(f"{row['target']}: {row['figure']} (wanted {row['wanted']})")
    atomic_write(arguments.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
