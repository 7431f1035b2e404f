"""A training run for the test that kills it.

``killable.py DIRECTORY`` runs once. ``killable.py`` alone reads directories from stdin and forks a
process for each, before torch has computed anything: the same as a new one, without the seconds
that importing torch takes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from tiny_training import tiny_model, tiny_samples, weights_digest

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


def main(directory: str) -> None:
    torch.set_num_threads(1)
    model = tiny_model(dropout=0.3)
    fit(model, tiny_samples(160, rare=0.3), tiny_samples(seed=1), SETTINGS, directory)
    Path(directory, "digest.txt").write_text(weights_digest(model))


def nursery() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            main(line.strip())
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) > 1 else nursery()
