"""Few patients: what stands in their records is found, and what does not is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sequela import experiments, simulate
from sequela.evaluate import auroc
from sequela.train.experiment import build_model, check_settings, prepare
from sequela.train.loop import fit
from sequela.train.predict import outputs
from sequela.train.prepared import Prepared

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Prepared]:
    root = tmp_path_factory.mktemp("small") / "records"
    simulate.cohort(root, subjects=700, seed=3)
    return f"data={root}", prepare(experiments.load("heart_failure", [f"data={root}"]))


def found(small: tuple[str, Prepared], *words: str, chance: int | None = None) -> float:
    """The AUROC on the held-out part of the built-in experiment with another outcome.

    It is a code that about every fourth patient has; dealt to other patients where a seed says so.
    """
    data, prepared = small
    experiment = experiments.load("heart_failure", [data, "training.progress=false", *words])
    features = {name: part.features for name, part in prepared.parts.items()}
    share = (features["train"][:, : len(prepared.feature_names) // 2] > 0).mean(axis=0)
    column = int(np.abs(share - 0.25).argmin())
    samples = {}
    for name, part in prepared.parts.items():
        held = features[name][:, column] > 0
        if chance is not None:
            held = np.random.default_rng([chance, len(held)]).permutation(held)
        samples[name] = replace(part.samples, target=held)
    model = build_model(experiment, prepared.sizes)
    fit(model, samples["train"], samples["tuning"], check_settings(experiment))
    held_out = samples["held_out"]
    return float(auroc(held_out.target.astype(np.int64), outputs(model, held_out)))


def test_a_planted_outcome_is_found_in_a_few_hundred_patients(small):
    assert found(small) > 0.95
    # As many epochs as suit many patients leave the weights close to where they began.
    assert found(small, "training.epochs=6") < 0.95


def test_an_outcome_dealt_at_random_is_not_found(small):
    values = [found(small, "training.epochs=20", chance=seed) for seed in range(4)]
    assert abs(np.mean(values) - 0.5) < 0.12
