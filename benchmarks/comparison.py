"""What recurrence adds: recurrent models and models without memory on the same three tasks.

    python benchmarks/comparison.py [heart_failure] [mortality] [seizure] [--seeds K] [--minutes M]

Every model reads the same training part in the same way, with the optimiser, epochs and sizes of
the built-in experiment; the epoch is chosen on the tuning part. Nothing is tuned to a model, and
the experiments' settings were chosen for a GRU (for the seizures a bidirectional LSTM). One thread.
Tasks are merged into benchmarks/results/comparison.json one by one; `make docs` makes
docs/comparison.md. The pairs below are compared on the same resamples; which recurrent model and
which model without memory are compared as the best ones is decided on the tuning parts.
Real data must lie under SEQUELA_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from stored import mean_estimate

from sequela import evaluate, experiments, simulate, train
from sequela.batches import RaggedSamples
from sequela.evaluate.baselines import Standardiser
from sequela.evaluate.metrics import Ranking
from sequela.experiments import Experiment
from sequela.files import atomic_write
from sequela.train.deterministic import limited_threads
from sequela.train.experiment import build_model, prepare
from sequela.train.prepared import Prepared
from sequela.train.provenance import commit, machine, versions

RESULT = Path(__file__).parent / "results" / "comparison.json"
REPLICATES = 1000
#: Flattened sequences hold as many of the last steps as nine of ten training histories have.
COVERED = 0.9

RECURRENT: dict[str, dict[str, Any]] = {
    "RNN": {"cell": "rnn"},
    "GRU, reset after": {"cell": "gru"},
    "GRU, reset before": {"cell": "gru_before"},
    "LSTM": {"cell": "lstm"},
    "bidirectional LSTM": {"cell": "lstm", "bidirectional": True},
    "LSTM with attention": {"cell": "lstm", "pooling": "attention"},
}
FLAT, POOLED, VECTOR = "MLP on flattened steps", "MLP on pooled steps", "MLP on aggregates"
#: What is added to the second by the first.
PAIRS = (
    ("LSTM", "RNN", "gates"),
    ("GRU, reset before", "GRU, reset after", "the reset before the product"),
    ("LSTM", "GRU, reset after", "a memory cell"),
    ("bidirectional LSTM", "LSTM", "a second direction"),
    ("LSTM with attention", "LSTM", "attention"),
)


@dataclass(frozen=True)
class Task:
    """An experiment, and how wide its models are."""

    title: str
    data: str
    words: tuple[str, ...]
    sizes: dict[str, Any]
    seeds: int = 2
    path: str = ""
    subjects: int = 0


TASKS = {
    "heart_failure": Task(
        "Onset of heart failure",
        "20,000 simulated patients, codes of visits over two years",
        (),
        {"embedding_size": 32, "hidden_size": 48},
        subjects=20_000,
    ),
    "mortality": Task(
        "In-hospital mortality",
        "PhysioNet 2012, 4,000 stays, values of 48 hours on a grid of four hours, 8 epochs",
        ("split.source=assign", "encoding.grid=4h", "training.epochs=8"),
        {"hidden_size": 64, "input_dropout": 0.2, "dropout": 0.3},
        path="physionet2012",
    ),
    "seizure": Task(
        "Epileptic seizure",
        "UCI, 11,500 seconds of EEG from 500 recordings, parts share no recording",
        (),
        {"hidden_size": 64, "dropout": 0.3},
        path="epileptic_seizure",
    ),
}


@dataclass(frozen=True)
class Found:
    """What one model came to with one seed; ``seconds`` of the processor, for fitting alone."""

    name: str
    family: str
    scores: evaluate.Scores
    seconds: float
    parameters: int | None = None
    size: str = ""


def experiment_of(name: str, task: Task, seed: int, folder: Path) -> Experiment:
    """The experiment with its data, which are simulated once into the folder."""
    if task.subjects:
        data = folder / "records"
        if not data.exists():
            simulate.cohort(data, subjects=task.subjects, seed=0)
    else:
        root = os.environ.get("SEQUELA_DATA")
        if not root:
            raise SystemExit("SEQUELA_DATA is not set: to the folder of data sets.")
        data = Path(root) / task.path
    return experiments.load(name, [f"data={data}", f"seed={seed}", *task.words])


def vectors(prepared: Prepared) -> Prepared:
    """The same parts with the rivals' aggregates as static features, and no steps."""
    standardise = Standardiser(prepared.parts["train"].features)
    parts = {}
    for name, part in prepared.parts.items():
        static = standardise(part.features).astype(np.float32)
        samples = RaggedSamples.from_flat(
            np.zeros((0, 0)),
            np.zeros(len(static) + 1),
            static=static,
            target=part.samples.target,
            groups=part.samples.groups,
        )
        parts[name] = replace(part, samples=samples)
    return replace(prepared, parts=parts)


def network(
    loaded: Experiment, prepared: Prepared, name: str, family: str, model: dict[str, Any]
) -> Found:
    """One network, trained and asked."""
    chosen = loaded.model_copy(update={"model": model})
    settings = train.TrainingSettings(**{**loaded.training, "seed": loaded.seed, "progress": False})
    built = build_model(chosen, prepared.sizes)
    parts = {part: one.samples for part, one in prepared.parts.items()}
    begun = time.process_time()
    history = train.fit(built, parts["train"], parts["tuning"], settings)
    spent = time.process_time() - begun
    told = {"logit_shift": history.logit_shift, "kind": history.kind}
    risks = [train.predict(built, parts[part], **told) for part in ("tuning", "held_out")]
    count = sum(parameter.numel() for parameter in built.parameters())
    return Found(name, family, evaluate.Scores(name, *risks), spent, count)


def networks(loaded: Experiment, prepared: Prepared, sizes: dict[str, Any]) -> Iterator[Found]:
    """All networks, the recurrent ones first."""
    for name, options in RECURRENT.items():
        model = {"recipe": "values_gru", "pooling": "last", **sizes, **options}
        yield network(loaded, prepared, name, "recurrent", model)
    most = int(np.quantile(prepared.parts["train"].samples.lengths, COVERED))
    pooled = {"recipe": "mlp", **sizes}
    yield network(loaded, prepared, FLAT, "memoryless", {**pooled, "steps": most})
    yield network(loaded, prepared, POOLED, "memoryless", pooled)
    yield network(loaded, vectors(prepared), VECTOR, "memoryless", pooled)


def rivals(prepared: Prepared, seed: int) -> Iterator[Found]:
    """Logistic regression and boosting on aggregates, and the best possible where it is known."""
    learnt, tuned, held = (prepared.parts[name] for name in ("train", "tuning", "held_out"))
    given = (learnt.features, learnt.target, tuned.features, tuned.target)
    fits: dict[str, Callable[[], evaluate.Baseline]] = {
        "logistic regression on aggregates": lambda: evaluate.logistic_regression(*given),
        "gradient boosting on aggregates": lambda: evaluate.gradient_boosting(*given, seed=seed),
    }
    for name, fit in fits.items():
        begun = time.process_time()
        rival = fit()
        spent = time.process_time() - begun
        risks = [rival.predict(part.features) for part in (tuned, held)]
        chosen = rival.chosen
        size = f"{chosen['trees']} trees of {chosen['leaves']} leaves" if "trees" in chosen else ""
        count = None if size else learnt.features.shape[1] + 1
        yield Found(name, "memoryless", evaluate.Scores(name, *risks), spent, count, size)
    if tuned.best_possible is not None and held.best_possible is not None:
        risks = [tuned.best_possible, held.best_possible]
        scores = evaluate.Scores("best possible", *risks, "best possible")
        yield Found("best possible", "best possible", scores, 0.0)


def _ranked(labels: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], dict[str, Any]]:
    ranking = Ranking(labels, scores)
    return lambda weights: dict(zip(("auroc", "auprc"), ranking(weights), strict=True))


def replicates(found: list[Found], prepared: Prepared, seed: int) -> dict[str, Any]:
    """Figures and resampled AUROC of every model, on the same resamples."""
    tuned, held = (prepared.parts[name] for name in ("tuning", "held_out"))
    statistics = {one.name: _ranked(held.target, one.scores.held_out) for one in found}
    drawn = evaluate.replicate(statistics, held.samples.groups, REPLICATES, seed)
    ones = np.ones((1, len(held.target)))
    result = {}
    for one in found:
        mine = drawn[one.name]
        point = {key: float(value[0]) for key, value in statistics[one.name](ones).items()}
        result[one.name] = {
            "about": one,
            "tuning_auroc": float(evaluate.auroc(tuned.target, one.scores.tuning)),
            "point": point["auroc"],
            "drawn": mine["auroc"],
            **{key: evaluate.estimate(value, mine[key]) for key, value in point.items()},
        }
    return result


def one_seed(name: str, task: Task, seed: int, folder: Path) -> dict[str, Any]:
    """All models with one seed."""
    loaded = experiment_of(name, task, seed, folder)
    with limited_threads(1):
        prepared = prepare(loaded)
        found = []
        for one in (*networks(loaded, prepared, task.sizes), *rivals(prepared, seed)):
            found.append(one)
            print(f"{name}, seed {seed}: {one.name}, {one.seconds:.1f} s", flush=True)
        figures = replicates(found, prepared, seed)
    held = prepared.parts["held_out"]
    counts = {
        "seed": seed,
        "train": len(prepared.parts["train"].samples),
        "n": len(held.target),
        "positives": int(held.target.sum()),
        "groups": len(np.unique(held.samples.groups)),
    }
    return {"counts": counts, "group_name": prepared.group_name, "models": figures}


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _row(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    same = [run["models"][name] for run in runs]
    about: Found = same[0]["about"]
    return {
        "name": name,
        "family": about.family,
        "parameters": about.parameters,
        "size": about.size,
        "seconds": round(_mean([one["about"].seconds for one in same]), 1),
        "tuning_auroc": _mean([one["tuning_auroc"] for one in same]),
        "auroc": mean_estimate([one["auroc"] for one in same]),
        "auprc": mean_estimate([one["auprc"] for one in same]),
        "by_seed": [one["point"] for one in same],
    }


def _pair(model: str, other: str, what: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    gaps = []
    for run in runs:
        one, two = run["models"][model], run["models"][other]
        gaps.append(evaluate.estimate(one["point"] - two["point"], one["drawn"] - two["drawn"]))
    return {"what": what, "model": model, "other": other, **mean_estimate(gaps)}


def _best(rows: list[dict[str, Any]], family: str) -> str:
    among = [row for row in rows if row["family"] == family]
    return max(among, key=lambda row: row["tuning_auroc"])["name"]


def summary(task: Task, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What is stored of a task: means over its seeds."""
    rows = [_row(name, runs) for name in runs[0]["models"]]
    best = _best(rows, "recurrent"), _best(rows, "memoryless")
    pairs = [_pair(*best, "recurrence", runs), *(_pair(*pair, runs) for pair in PAIRS)]
    return {
        "title": task.title,
        "data": task.data,
        "group_name": runs[0]["group_name"],
        "runs": [run["counts"] for run in runs],
        "models": rows,
        "pairs": pairs,
        "replicates": REPLICATES,
        "seconds_of": "the processor",
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def run(name: str, seeds: int | None, minutes: float, out: Path = RESULT) -> None:
    """Runs a task and puts it into the stored result."""
    task, runs = TASKS[name], []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        for seed in range(seeds or task.seeds):
            if seed and time.monotonic() - begun > 60 * minutes:
                break
            runs.append(one_seed(name, task, seed, Path(place)))
    known = json.loads(out.read_text()) if out.exists() else {}
    known[name] = summary(task, runs)
    ordered = {key: known[key] for key in TASKS if key in known}
    atomic_write(out, json.dumps(ordered, indent=1, allow_nan=False) + "\n")
    for row in known[name]["models"]:
        print(f"{row['name']:36} {row['auroc']['value']:.4f} {row['seconds']:8.1f} s")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What recurrence adds on three tasks.")
    parser.add_argument("names", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--seeds", type=int)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(TASKS):
        parser.error(f"no task {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    for name in arguments.names or TASKS:
        run(name, arguments.seeds, arguments.minutes)


if __name__ == "__main__":
    main()
