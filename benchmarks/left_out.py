"""Signals with each recording held out once, and what is said of all of them together.

    python benchmarks/left_out.py [beats] [imagery] [--seeds K]

Few recordings cannot be dealt to three parts. Here each is held out in turn: a model and its rivals
learn from the others, whose last parts choose the epoch, and are judged on it. The answers of all
turns are pooled, and intervals are over recordings. Writes benchmarks/results/NAME.json in the
shape of benchmarks/stored.py. The data must lie under SEQUELA_DATA.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import stored

from sequela import evaluate, experiments
from sequela.evaluate import Part, Scores
from sequela.experiments import Experiment
from sequela.settings import checked
from sequela.train import TrainingSettings, fit, predict
from sequela.train.experiment import build_model, prepare
from sequela.train.prepared import Prepared
from sequela.train.rivals import fit_baselines

REPLICATES = 1000
PLANS: dict[str, dict[str, Any]] = {
    "beats": {
        "title": "Heartbeat classification",
        "path": "mitdb",
        "recordings": ["100", "106", "119", "208", "213", "233"],
        "cases": {"MIT-BIH, six records, each held out once": ["task.classes=4"]},
        # A record has few fused beats: half-way between as many as there are and equal shares.
        "words": ["training.balance=roots", "training.recalibrate=false"],
        "notes": [
            "An interval over six records is far too narrow. Classes N, S, V and F of "
            "AAMI EC57; Q is left out (two beats in one record)."
        ],
        "published": [
            "de Chazal et al., IEEE TBME 51 (2004) 1196, 22 records of MIT-BIH held "
            "out: sensitivity .759 for S and .777 for V, positive predictivity .385 and .819"
        ],
    },
    "imagery": {
        "title": "Rest and motor imagery",
        "path": "eegmmidb",
        "recordings": ["S001R04", "S001R08"],
        "cases": {"EEG Motor Movement/Imagery, two runs of one person, each held out once": []},
        "words": ["task.unit=recording"],
        "notes": ["Two runs of one person say nothing about other people."],
        "published": [],
    },
}


def _words(plan: dict[str, Any], words: list[str], held_out: str, seed: int) -> list[str]:
    root = os.environ.get("SEQUELA_DATA")
    if not root:
        raise SystemExit("SEQUELA_DATA is not set: to the folder of data sets (`sequela fetch`).")
    return [
        f"data={Path(root) / plan['path']}",
        f"split.held_out=['{held_out}']",
        "split.tuning=ends",
        "split.fractions=[0.7, 0.15, 0.15]",
        f"seed={seed}",
        "training.progress=false",
        *plan.get("words", []),
        *words,
    ]


def turn(experiment: Experiment) -> tuple[Prepared, list[Scores]]:
    """The model and its rivals of one turn, trained and asked."""
    prepared = prepare(experiment)
    model = build_model(experiment, prepared.sizes)
    samples = {name: part.samples for name, part in prepared.parts.items()}
    values = {**experiment.training, "seed": experiment.seed}
    settings = checked(TrainingSettings, values, "training")
    history = fit(model, samples["train"], samples["tuning"], settings)
    said = {"logit_shift": history.logit_shift, "kind": prepared.kind}
    answers = [predict(model, samples[name], **said) for name in ("tuning", "held_out")]
    title = experiment.model.get("title", experiment.model["recipe"])
    return prepared, [Scores(title, *answers), *fit_baselines(prepared, experiment.seed)]


def pooled(turns: list[tuple[Prepared, list[Scores]]], seed: int) -> dict[str, Any]:
    """What ``evaluation.json`` holds, of all turns together."""
    first = turns[0][0]
    parts = []
    for name in ("tuning", "held_out"):
        labels = np.concatenate([prepared.labels(name) for prepared, _ in turns])
        # The end of a recording that one turn is tuned on is held out in another.
        groups = [
            np.char.add(f"{place} " if name == "tuning" else "", one.parts[name].samples.groups)
            for place, (one, _) in enumerate(turns)
        ]
        parts.append(Part(labels, np.concatenate(groups)))
    scores = []
    for place, one in enumerate(turns[0][1]):
        same = [answers[place] for _, answers in turns]
        tuning, held_out = (
            np.concatenate([getattr(answer, name) for answer in same])
            for name in ("tuning", "held_out")
        )
        scores.append(Scores(one.name, tuning, held_out, one.role))
    common = {"group_name": first.group_name, "replicates": REPLICATES, "seed": seed}
    if first.kind == "binary":
        return evaluate.evaluate_binary(scores, *parts, **common)
    return evaluate.evaluate_multiclass(scores, *parts, first.classes, **common)


def one_case(name: str, words: list[str], seed: int) -> dict[str, Any]:
    """All turns of a case with one seed, ready for ``stored.case_of``."""
    plan, start, processor = PLANS[name], time.perf_counter(), time.process_time()
    turns = []
    for recording in plan["recordings"]:
        turns.append(turn(experiments.load(name, _words(plan, words, recording, seed))))
        print(f"{name}, seed {seed}: {recording}, {time.perf_counter() - start:.0f} s", flush=True)
    found = pooled(turns, seed)
    spent = {"whole": time.perf_counter() - start, "processor": time.process_time() - processor}
    return {
        **found,
        "seed": seed,
        "seconds": {key: round(value, 1) for key, value in spent.items()},
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def run(name: str, seeds: int) -> Path:
    """Runs all cases and stores the result."""
    plan, cases = PLANS[name], []
    for data, words in plan["cases"].items():
        runs = [one_case(name, words, seed) for seed in range(seeds)]
        case = stored.case_of(data, runs)
        cases.append(case)
        for row in case["table"]:
            figures = {key: row[key]["value"] for key in case["measures"]}
            print(row["name"], {key: round(value, 3) for key, value in figures.items()})
    return stored.write(
        name,
        experiment=name,
        title=plan["title"],
        command=f"python benchmarks/left_out.py {name} --seeds {seeds}",
        cases=cases,
        published=plan["published"],
        notes=plan["notes"],
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Holds each recording out once.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PLANS))
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(PLANS):
        parser.error(f"no plan {', '.join(sorted(unknown))}; there are {', '.join(PLANS)}")
    for name in arguments.names or PLANS:
        run(name, arguments.seeds)


if __name__ == "__main__":
    main()
