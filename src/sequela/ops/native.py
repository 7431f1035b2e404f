"""Finding and loading the native library: plain C through ctypes, absent without harm.

This is the only file that touches the library. It is looked for beside this file (a wheel), in the
environment's own package folder (an editable install keeps sources and compiled files apart), and
nowhere else.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sysconfig
import threading
from pathlib import Path

import torch

__all__ = ["INTERFACE_VERSION", "library", "status"]

INTERFACE_VERSION = 10
_NAME = "libsequela.so"


def _candidates() -> list[Path]:
    folders = [Path(__file__).parent]
    folders += [Path(sysconfig.get_path(key), "sequela", "ops") for key in ("platlib", "purelib")]
    return list(dict.fromkeys(folder / _NAME for folder in folders))


@functools.cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    path = next((path for path in _candidates() if path.is_file()), None)
    if path is None:
        return None, (
            "not built: no C++ compiler was found when sequela was installed; "
            "install one (g++) and install sequela again"
        )
    try:
        loaded = ctypes.CDLL(str(path))
        loaded.sequela_interface_version.restype = ctypes.c_int32
        loaded.sequela_interface_version.argtypes = []
        found = loaded.sequela_interface_version()
    except (OSError, AttributeError) as error:
        return None, f"found but not usable ({type(error).__name__}); install sequela again"
    if found != INTERFACE_VERSION:
        return None, (
            f"found with interface version {found}, wanted {INTERFACE_VERSION}; "
            "install sequela again"
        )
    _share_threads(loaded)
    return loaded, f"loaded, interface version {found}"


class _OpenMP(ctypes.Structure):
    """``struct sequela_openmp``."""

    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in ("parallel", "thread_number", "team_size", "most_threads")
    )


_OPENMP = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads", "omp_get_max_threads")

_FORKED_WITHOUT_EXEC = 0x40  # PF_FORKNOEXEC of linux/sched.h
_process = os.getpid()
_sharing, _shared = threading.Lock(), set()


def _is_forked() -> bool:
    """Whether this process is a copy of another one, in which OpenMP's threads do not live on."""
    try:
        flags = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[6])
    except (OSError, ValueError, IndexError):
        return True
    return os.getpid() != _process or bool(flags & _FORKED_WITHOUT_EXEC)


def _torchs_openmp() -> list[int] | None:
    """The addresses of :data:`_OPENMP` in the runtime that torch computes with."""
    torchs = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    if "OpenMP" not in torch.__config__.parallel_info():
        return None
    try:
        # What is looked for in a library is looked for in those that it was linked with, too.
        linked = ctypes.CDLL(str(torchs), mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        found = [ctypes.cast(getattr(linked, name), ctypes.c_void_p).value for name in _OPENMP]
    except (OSError, AttributeError):
        return None
    return [address or 0 for address in found]


def _share_threads(loaded: ctypes.CDLL) -> None:
    """Lends torch's OpenMP team to the library: a second pool would fight its spinning threads."""
    # Once, and before anyone computes, whichever thread of Python was the first to load it.
    with _sharing:
        if loaded._handle in _shared:
            return
        _shared.add(loaded._handle)
        loaded.sequela_share_threads.argtypes = [ctypes.c_void_p]
        loaded.sequela_share_threads.restype = None
        functions = None if _is_forked() else _torchs_openmp()
        if functions is not None:
            lent = _OpenMP(*functions)
            loaded.sequela_share_threads(ctypes.addressof(lent))


def library() -> ctypes.CDLL | None:
    """The loaded library, or None when it is absent or does not fit; :func:`status` says why."""
    return _load()[0]


def status() -> str:
    """One line for ``sequela doctor``: loaded, or why not and what to do."""
    return _load()[1]
