"""What the built-in experiments must show, through the command line, from raw data to figures."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.acceptance.command import read, rows, sequela

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def evaluation(folder: Path) -> dict:
    return read(folder / "evaluation.json")


def differences(found: dict, metric: str) -> dict[str, dict]:
    return {row["other"]: row for row in found["differences"] if row["metric"] == metric}


def test_the_demo(tmp_path):
    start = time.perf_counter()
    sequela("demo", "--out", tmp_path / "demo")
    seconds = time.perf_counter() - start
    found = evaluation(tmp_path / "demo")
    gaps = differences(found, "auroc")
    assert gaps["logistic regression"]["low"] > 0
    assert gaps["gradient boosting"]["low"] > 0
    table = rows(found)
    assert table["best possible"]["auroc"]["value"] - table["GRU"]["auroc"]["value"] <= 0.02
    assert (tmp_path / "demo" / "report.html").exists()
    assert seconds < 120


@pytest.mark.data
def test_seizure_against_the_rest(data_root, tmp_path):
    data, start = data_root / "epileptic_seizure", time.perf_counter()
    sequela("train", "seizure", f"data={data}", f"out={tmp_path / 'run'}")
    seconds = time.perf_counter() - start
    found = rows(evaluation(tmp_path / "run"))
    assert found["bidirectional LSTM"]["auroc"]["value"] >= 0.995
    assert found["bidirectional LSTM"]["auprc"]["value"] >= 0.98
    assert found["standard deviation alone"]["auroc"]["value"] > 0.97
    assert seconds < 300


@pytest.mark.data
def test_seizure_five_classes(data_root, tmp_path):
    data = data_root / "epileptic_seizure"
    sequela("train", "seizure", f"data={data}", f"out={tmp_path / 'run'}", "task.classes=5")
    found = evaluation(tmp_path / "run")
    assert len(found["classes"]) == 5
    # Above the boosted trees on hand-made features, or not clearly below them.
    assert differences(found, "macro_f1")["gradient boosting"]["high"] >= 0
    assert differences(found, "accuracy")["gradient boosting"]["high"] >= 0


def test_ten_kills_of_the_command_line(tmp_path):
    """Killed ten times at random moments, reading and judging included: the same bits at the end.

    A run that ends before its kill is compared and begun anew, until ten kills have been dealt.
    Times come from a printed seed; SEQUELA_KILL_SEED repeats them.
    """
    from sequela import seeds
    from sequela.files import sha256

    number = int(os.environ.get("SEQUELA_KILL_SEED", time.time_ns() % 100_000))
    print(f"SEQUELA_KILL_SEED={number}")
    random = seeds.generator(number, "kills")
    sequela("simulate", tmp_path / "records", "--subjects", 6000)
    words = ["train", "heart_failure", f"data={tmp_path / 'records'}", "training.epochs=4"]
    words += ["training.checkpoint_every_steps=5", "evaluation.replicates=200"]
    start = time.perf_counter()
    sequela(*words, f"out={tmp_path / 'whole'}")
    whole = time.perf_counter() - start
    weights = sha256(tmp_path / "whole" / "model" / "model.safetensors")
    killed, finished, out = 0, 0, tmp_path / "killed"
    while killed < 10 or not finished:
        extra = ["--resume"] if out.exists() else []
        command = [sys.executable, "-m", "sequela", *words, f"out={out}", *extra]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(random.uniform(0.3, 0.95) * whole if killed < 10 else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            continue
        assert process.returncode == 0
        finished += 1
        assert sha256(out / "model" / "model.safetensors") == weights
        assert evaluation(out) == evaluation(tmp_path / "whole")
        out = tmp_path / f"killed-{finished}"
    print(f"{killed} kills, {finished} finished runs")


@pytest.mark.data
def test_heartbeats(data_root, tmp_path):
    start = time.perf_counter()
    sequela("train", "beats", f"data={data_root / 'mitdb'}", f"out={tmp_path / 'run'}")
    seconds = time.perf_counter() - start
    # Two records to learn from and two to be judged on: better than chance is what can be asked.
    found = rows(evaluation(tmp_path / "run"))["bidirectional LSTM"]
    assert found["auroc"]["value"] > 0.6
    assert "far too narrow" in (tmp_path / "run" / "report.html").read_text()
    assert seconds < 200
