"""What every test may use: the real data folder, when there is one."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# A busy machine is no fault of a law; a failing example prints what reproduces it. The default tier
# draws the same examples each time; the long tier explores.
hypothesis.settings.register_profile("fixed", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("SEQUELA_LAWS", "fixed"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets, from SEQUELA_DATA; the test is skipped without it."""
    root = os.environ.get("SEQUELA_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("real data absent: set SEQUELA_DATA to the folder that holds them")
    return Path(root)


@pytest.fixture(autouse=True, scope="session")
def _one_thread_per_worker():
    # Several workers with several threads each fight over the cores and run slower than one thread.
    if "PYTEST_XDIST_WORKER" in os.environ:
        import torch

        torch.set_num_threads(1)
