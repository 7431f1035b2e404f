"""A training run for the test that kills it.

``killable.py DIRECTORY`` runs once. ``killable.py`` alone reads lines from stdin (a directory, or
the arguments of :func:`patient` as JSON) and forks a process for each, before torch has computed
anything: the same as a new one, without the seconds that importing torch takes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from tiny_training import tiny_model, tiny_samples, weights_digest

from sequela.errors import Interrupted
from sequela.train import TrainingSettings, fit

SETTINGS = TrainingSettings(
    seed=3,
    epochs=6,
    batch_size=8,
    optimiser="adamw",
    weight_decay=0.01,
    learning_rate=0.02,
    schedule="warmup_cosine",
    clip_norm=0.5,
    clip_value=0.3,
    balance="sampler",
    patience=None,
    checkpoint_every_steps=3,
    progress=False,
)

# Four steps an epoch; the large rate makes the tuning metric fall, and the patience ends the run.
PATIENT = TrainingSettings(
    seed=3,
    epochs=12,
    batch_size=40,
    optimiser="adamw",
    learning_rate=0.5,
    patience=2,
    checkpoint_every_steps=3,
    progress=False,
)
OPERATIONS = [
    (os, "replace"),
    (os, "rename"),
    (os, "fsync"),
    (os, "chmod"),
    (os, "unlink"),
    (os, "rmdir"),
    (os, "mkdir"),
    (tempfile, "mkdtemp"),
    (tempfile, "mkstemp"),
    (shutil, "rmtree"),
    (Path, "write_bytes"),
]


def main(directory: str) -> None:
    torch.set_num_threads(1)
    model = tiny_model(dropout=0.3)
    fit(model, tiny_samples(160, rare=0.3), tiny_samples(seed=1), SETTINGS, directory)
    Path(directory, "digest.txt").write_text(weights_digest(model))


def die_at(number: int, only: str) -> None:
    """This process ends instead of the so-manieth operation on files."""
    done = 0

    def deadly(operation):
        def call(*arguments, **options):
            nonlocal done
            done += 1
            if done == number:
                os._exit(9)
            return operation(*arguments, **options)

        return call

    for owner, name in OPERATIONS:
        if only in ("", name):
            setattr(owner, name, deadly(getattr(owner, name)))


def patient(directory: str, stop_at: int = 0, number: int = 0, only: str = "") -> None:
    """The run with patience; stopped after a step, or dead at an operation on files."""
    torch.set_num_threads(1)
    if number:
        die_at(number, only)

    def stop(line):
        if line["kind"] == "step" and line["step"] == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)

    model = tiny_model(dropout=0.3)
    try:
        history = fit(
            model, tiny_samples(160), tiny_samples(seed=1), PATIENT, directory, callback=stop
        )
    except Interrupted:
        os._exit(3)
    assert history.stopped_early
    # Outside the folder and not by pathlib: no operation of the run.
    with open(f"{directory}.digest", "w") as file:
        file.write(weights_digest(model))


def nursery() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            if line.startswith("{"):
                patient(**json.loads(line))
            else:
                main(line.strip())
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) > 1 else nursery()
