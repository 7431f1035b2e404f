"""The native library: compiled, found, loaded; absent without harm."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sequela.ops import native

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def _forgotten():
    native._load.cache_clear()
    yield
    native._load.cache_clear()


def test_the_interface_version_is_one_number():
    header = (ROOT / "cpp/include/sequela/recurrent.h").read_text()
    number = re.search(r"SEQUELA_INTERFACE_VERSION (\d+)", header)
    assert number is not None
    assert int(number[1]) == native.INTERFACE_VERSION


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler on this machine")
def test_the_library_is_loaded():
    library = native.library()
    assert library is not None, native.status()
    assert library.sequela_interface_version() == native.INTERFACE_VERSION
    assert "loaded" in native.status()


@pytest.mark.usefixtures("_forgotten")
def test_absent_without_harm(monkeypatch, tmp_path):
    monkeypatch.setattr(native, "_candidates", lambda: [tmp_path / "libsequela.so"])
    assert native.library() is None
    assert "not built" in native.status()


@pytest.mark.usefixtures("_forgotten")
def test_a_damaged_library_is_not_used(monkeypatch, tmp_path):
    broken = tmp_path / "libsequela.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(native, "_candidates", lambda: [broken])
    assert native.library() is None
    assert "not usable" in native.status()


@pytest.mark.usefixtures("_forgotten")
def test_another_interface_version_is_refused(monkeypatch):
    if native.library() is None:
        pytest.skip("the library is not built here")
    native._load.cache_clear()
    monkeypatch.setattr(native, "INTERFACE_VERSION", 999)
    assert native.library() is None
    assert "wanted 999" in native.status()


@pytest.mark.long
def test_wheel_install_finds_the_library(tmp_path):
    """A wheel built from the tree holds the library, and the installed package loads it."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), "."]
    subprocess.run(build, cwd=ROOT, check=True)
    wheel = next(tmp_path.glob("*.whl"))
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(target), str(wheel)], check=True)
    # Loaded by its path: the editable install of this checkout must not answer in its place.
    code = (
        "import importlib.util as u, sys;"
        "s = u.spec_from_file_location('native', sys.argv[1] + '/sequela/ops/native.py');"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "assert m._candidates()[0].is_file(); print(m.status())"
    )
    command = [sys.executable, "-c", code, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "loaded" in done.stdout


@pytest.mark.long
def test_install_without_a_compiler(tmp_path):
    """Without a C++ compiler the build succeeds, says so, and holds no library."""
    for tool in ("cmake", "ninja", "make"):
        if found := shutil.which(tool):
            (tmp_path / "bin").mkdir(exist_ok=True)
            (tmp_path / "bin" / tool).symlink_to(found)
    command = ["cmake", "-S", str(ROOT), "-B", str(tmp_path / "build")]
    environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "CXX": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "plain PyTorch is used" in done.stderr
