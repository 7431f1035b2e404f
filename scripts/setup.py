"""Prepares `.venv` for one purpose: `python3 scripts/setup.py demo|test|dev`.

Needs nothing but Python >= 3.10 with pip. Does only what is missing; a finished set-up is
recognised by a stamp that holds a hash of everything it depends on.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
EXTRAS = {"demo": "report", "test": "test", "dev": "dev"}
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def fingerprint() -> str:
    """A hash of what the environment is made from."""
    digest = hashlib.sha256(sys.version.encode())
    native = sorted(path for path in (ROOT / "cpp").rglob("*") if path.is_file())
    modules = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("__init__.py"))
    names = ["pyproject.toml", "constraints.txt", "CMakeLists.txt", "scripts/setup.py"]
    for path in [*(ROOT / name for name in names), *native]:
        digest.update(path.read_bytes())
    digest.update("\n".join(modules).encode())
    return digest.hexdigest()


def run(*arguments: object, check: bool = True) -> bool:
    done = subprocess.run([str(argument) for argument in arguments], cwd=ROOT)
    if check and done.returncode:
        sys.exit(f"set-up stopped: '{' '.join(map(str, arguments))}' failed (see above)")
    return done.returncode == 0


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def has_pip() -> bool:
    probe = subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True)
    return probe.returncode == 0


def make_environment() -> None:
    """The virtual environment, also where `ensurepip` was taken out of Python."""
    if PYTHON.exists() and has_pip():
        return
    say("making .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    # --without-pip everywhere: Debian's python3 lacks ensurepip unless python3-venv is installed.
    run(sys.executable, "-m", "venv", "--without-pip", VENV)
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run([str(PYTHON), "-c", query], capture_output=True, text=True, check=True)
    target = folder.stdout.strip()
    run(sys.executable, "-m", "pip", "install", "--quiet", "--target", target, "pip")


def pip(*arguments: object, check: bool = True) -> bool:
    return run(PYTHON, "-m", "pip", "install", "--quiet", *arguments, check=check)


def has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def install_torch() -> None:
    """torch first and alone: asked for later, or as a range, it brings gigabytes of CUDA."""
    text = (ROOT / "constraints.txt").read_text()
    pin = next(line for line in text.splitlines() if line.startswith("torch=="))
    query = "import importlib.metadata as m; print(m.version('torch').split('+')[0])"
    found = subprocess.run([str(PYTHON), "-c", query], capture_output=True, text=True)
    if found.stdout.strip() == pin.partition("==")[2]:
        return
    say(f"installing {pin}")
    if platform.system() == "Linux" and not has_gpu():
        cpu = ["--no-deps", "--index-url", TORCH_CPU_INDEX, "--timeout", "5", "--retries", "0"]
        pip(*cpu, pin, check=False)
    pip(pin)


def main(purpose: str) -> None:
    if sys.version_info < (3, 10):  # noqa: UP036 - this file runs on whatever Python is there
        sys.exit(f"set-up: Python 3.10 or newer is needed, this is {platform.python_version()}")
    stamp = VENV / f".sequela-{purpose}"
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    make_environment()
    install_torch()
    say(f"installing sequela for {purpose}")
    strict = ["-C", "cmake.define.SEQUELA_STRICT=ON"] if purpose == "dev" else []
    pip("-c", "constraints.txt", *strict, "-e", f".[{EXTRAS[purpose]}]")
    stamp.write_text(wanted)
    # Each extra contains the ones before it, so a richer set-up serves the poorer purposes too.
    for poorer in list(EXTRAS)[: list(EXTRAS).index(purpose)]:
        (VENV / f".sequela-{poorer}").write_text(wanted)
    say("done")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        sys.exit(f"usage: python3 scripts/setup.py {'|'.join(EXTRAS)}")
    main(sys.argv[1])
