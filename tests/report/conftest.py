"""Run folders as `sequela train` writes them: a yes-or-no outcome, and five classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sequela.evaluate import Part, Scores, evaluate_binary, evaluate_multiclass
from sequela.seeds import generator

CLASSES = ("seizure", "tumour area", "healthy area", "eyes closed", "eyes open")
SIMULATED = "Simulated patients: the true risk is known, the figures say nothing about real care."


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _binary_evaluation(random: np.random.Generator) -> dict:
    n = 3000
    logit = random.normal(-2.6, 1.35, 2 * n)
    labels = (random.random(2 * n) < _sigmoid(logit)).astype(int)
    tuning = Part(labels[:n], np.arange(n))
    ages = np.clip(random.normal(66, 14, n), 19, 99)
    sexes = random.choice(np.array(["female", "male"]), n)
    held_out = Part(labels[n:], np.arange(n, 2 * n), ages, sexes)
    entries = []
    for name, noise, role in (
        ("GRU", 0.35, "model"),
        ("logistic regression", 0.85, "baseline"),
        ("gradient boosting", 0.75, "baseline"),
        ("best possible", 0.0, "best possible"),
    ):
        shrunk = -2.6 + (logit + 2.6 + random.normal(0, noise, 2 * n)) / (1 + noise**2 / 1.8)
        risk = _sigmoid(shrunk)
        entries.append(Scores(name, risk[:n], risk[n:], role))
    constant = np.full(n, labels.mean())
    entries.insert(1, Scores("majority", constant, constant, "baseline"))
    return evaluate_binary(entries, tuning, held_out, replicates=200, notes=[SIMULATED])


def _multiclass_evaluation(random: np.random.Generator) -> dict:
    labels, groups = random.integers(0, 5, 4600), np.arange(4600) // 23
    near = np.array(
        [
            [4, 0, 0, 0, 0],
            [0, 2, 1.4, 0, 0],
            [0, 1.4, 2, 0, 0],
            [0, 0.5, 0.2, 3, 0.5],
            [0] * 4 + [3],
        ]
    )
    entries = []
    for name, skill, role in (
        ("bidirectional LSTM", 1.3, "model"),
        ("gradient boosting", 1.1, "baseline"),
        ("standard deviation alone", 0.4, "baseline"),
    ):
        logits = skill * near[labels] + random.gumbel(size=(4600, 5))
        risk = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        entries.append(Scores(name, risk[:2300], risk[2300:], role))
    shares = np.full((2300, 5), 0.2)
    entries.insert(1, Scores("majority", shares, shares, "baseline"))
    parts = Part(labels[:2300], groups[:2300]), Part(labels[2300:], groups[2300:])
    return evaluate_multiclass(entries, *parts, CLASSES, group_name="recordings", replicates=200)


def _epochs(random: np.random.Generator, count: int, metric: str) -> list[dict]:
    lines = []
    for epoch in range(1, count + 1):
        lines.append({"kind": "step", "epoch": epoch, "step": 55 * epoch, "loss": 0.3, "lr": 0.005})
        fall = float(np.exp(-epoch / 2.5))
        lines.append(
            {
                "kind": "epoch",
                "epoch": epoch,
                "step": 55 * epoch,
                "train_loss": 0.24 + 0.2 * fall - 0.003 * epoch,
                "tuning_loss": 0.27 + 0.16 * fall + 0.0012 * epoch + float(random.normal(0, 0.002)),
                "tuning_metric": 0.86 - 0.2 * fall + float(random.normal(0, 0.002)),
                "metric_name": metric,
                "best": epoch <= count - 2,
                "seconds": 3.1 * epoch,
            }
        )
    return lines


def _experiment(name: str, title: str, kind: str, classes: list[str], recipe: str) -> dict:
    return {
        "name": name,
        "title": title,
        "command": f"sequela train {name} data=DATA out=runs/{name}",
        "created": "2026-11-21T02:30:00+00:00",
        "seed": 0,
        "kind": kind,
        "classes": classes,
        "settings": {
            "source": "meds",
            "task": {"name": "onset", "outcome": "heart_failure"},
            "encoding": {"min_subjects": 11},
            "model": {"recipe": recipe, "embedding_size": 64, "hidden_size": 64},
            "training": {
                "epochs": 10,
                "batch_size": 256,
                "learning_rate": 0.005,
                "clip_norm": None,
                "betas": [0.9, 0.999],
                "amsgrad": False,
            },
        },
        "versions": {"sequela": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.6"},
        "machine": {"system": "Linux x86_64", "processor": "Some Processor 3000", "cores": 2},
        "commit": "0123456789ab",
        "data_note": "",
    }


def write_binary_run(folder: Path) -> Path:
    random = generator(0, "binary run")
    evaluation = _binary_evaluation(random)
    positives = evaluation["positives"]
    cohort = {
        "description": (
            "First diagnosis of heart failure within 365 days of the index date, from the codes of "
            "the 730 days before it, with a gap of 30 days."
        ),
        "attrition": [
            {"step": "patients in the data set", "subjects": 41210, "excluded": 0},
            {"step": "with an index date", "subjects": 36418, "excluded": 4792},
            {"step": "18 years or older at the index date", "subjects": 31894, "excluded": 4524},
            {"step": "no heart failure before it", "subjects": 25377, "excluded": 6517},
            {"step": "followed up to the end of the window", "subjects": 20000, "excluded": 5377},
        ],
        "parts": {
            "train": {"rows": 14000, "groups": 14000, "positives": 1533},
            "tuning": {"rows": 3000, "groups": 3000, "positives": 331},
            "held_out": {"rows": 3000, "groups": 3000, "positives": positives},
        },
        "group_name": "patients",
        "notes": [
            "Simulated patients: the true risk is known, the figures say nothing about real care."
        ],
    }
    title = "Early detection of heart failure"
    experiment = _experiment("heart_failure", title, "binary", ["no", "yes"], "onset_gru")
    seconds = {"reading": 9.4, "training": 41.0, "judging": 75.3}
    return _write(folder, experiment, cohort, evaluation, _epochs(random, 10, "auroc"), seconds)


def write_multiclass_run(folder: Path) -> Path:
    random = generator(0, "multiclass run")
    part = {"rows": 2300, "groups": 100, "class_counts": [460] * 5}
    cohort = {
        "description": "Pieces of one second of EEG, one channel at 178 Hz.",
        "parts": {"train": {**part, "rows": 6900, "groups": 300}, "tuning": part, "held_out": part},
        "group_name": "recordings",
        "notes": ["Recordings are apart in the three parts; patients cannot be told apart."],
    }
    title = "Epileptic seizure recognition"
    experiment = _experiment("seizure", title, "multiclass", list(CLASSES), "seizure_bilstm")
    evaluation = _multiclass_evaluation(random)
    return _write(folder, experiment, cohort, evaluation, _epochs(random, 30, "macro_f1"), {})


def _write(folder, experiment, cohort, evaluation, lines, seconds) -> Path:
    folder.mkdir(parents=True)
    contents = {"experiment": experiment, "cohort": cohort, "evaluation": evaluation}
    if seconds:
        contents["seconds"] = seconds
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content, allow_nan=False))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="session")
def binary_files(tmp_path_factory) -> dict[str, str]:
    """The text of each file of the run with a yes-or-no outcome."""
    return _texts(write_binary_run(tmp_path_factory.mktemp("runs") / "binary"))


@pytest.fixture(scope="session")
def multiclass_files(tmp_path_factory) -> dict[str, str]:
    """The text of each file of the run with five classes."""
    return _texts(write_multiclass_run(tmp_path_factory.mktemp("runs") / "multiclass"))


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def _place(files: dict[str, str], folder: Path) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def binary_run(binary_files, tmp_path) -> Path:
    """A fresh copy of the run with a yes-or-no outcome."""
    return _place(binary_files, tmp_path / "binary")


@pytest.fixture
def multiclass_run(multiclass_files, tmp_path) -> Path:
    """A fresh copy of the run with five classes."""
    return _place(multiclass_files, tmp_path / "multiclass")
