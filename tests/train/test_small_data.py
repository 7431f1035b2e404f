"""Few patients: what stands in their records is found, and what does not is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sequela import experiments, simulate
from sequela.evaluate import auroc
from sequela.train.experiment import build_model, check_settings, prepare
from sequela.train.loop import fit
from sequela.train.predict import outputs

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small") / "records"
    simulate.cohort(root, subjects=700, seed=3)
    return root


def found(small: Path, outcome: str, seed: int, *words: str) -> float:
    """The AUROC on the held-out part of the built-in experiment with another outcome."""
    words = (f"data={small}", f"seed={seed}", "training.progress=false", *words)
    experiment = experiments.load("heart_failure", words)
    prepared = prepare(experiment)
    chance = np.random.default_rng(seed)
    # One of the codes that about every fourth patient has.
    features = {name: part.features for name, part in prepared.parts.items()}
    share = (features["train"][:, : len(prepared.feature_names) // 2] > 0).mean(axis=0)
    column = int(np.abs(share - 0.25).argmin())
    samples = {}
    for name, part in prepared.parts.items():
        held = features[name][:, column] > 0
        target = held if outcome == "planted" else chance.permutation(held)
        samples[name] = replace(part.samples, target=target)
    model = build_model(experiment, prepared.sizes)
    fit(model, samples["train"], samples["tuning"], check_settings(experiment))
    held_out = samples["held_out"]
    return float(auroc(held_out.target.astype(np.int64), outputs(model, held_out)))


def test_a_planted_outcome_is_found_in_a_few_hundred_patients(small):
    assert found(small, "planted", 0) > 0.95
    # As many epochs as suit many patients leave the weights close to where they began.
    assert found(small, "planted", 0, "training.epochs=6") < 0.95


def test_an_outcome_dealt_at_random_is_not_found(small):
    values = [found(small, "random", seed) for seed in range(4)]
    assert abs(np.mean(values) - 0.5) < 0.12
