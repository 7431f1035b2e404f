from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tiny_training import tiny_model, tiny_samples, weights_digest

from sequela import bundle
from sequela.errors import OutputError
from sequela.train import TrainingSettings, fit


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with room for little."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path):
    train, tuning = tiny_samples(60, 0), tiny_samples(40, 1)
    settings = TrainingSettings(epochs=30, batch_size=16, patience=None, progress=False)
    whole = tiny_model()
    fit(whole, train, tuning, settings)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(16 * 1024))
    with pytest.raises(OutputError, match="no space left"):
        fit(tiny_model(), train, tuning, settings, small_disk)
    names = sorted(os.listdir(small_disk / "checkpoints"))
    assert names
    assert not [name for name in names if name.startswith(".")]
    big = {"w": tiny_model(hidden=200).gru.weight_hh_l0}
    with pytest.raises(OutputError, match="no space left"):
        bundle.save(small_disk / "model", "tiny", {}, big, {}, {})
    assert sorted(os.listdir(small_disk)) == ["ballast", "checkpoints", "metrics.jsonl"]
    ballast.unlink()
    subprocess.run(
        ["mount", "-o", "remount,size=4m", str(small_disk)], check=True, capture_output=True
    )
    resumed = tiny_model()
    assert fit(resumed, train, tuning, settings, small_disk).resumed_from > 0
    assert weights_digest(resumed) == weights_digest(whole)
