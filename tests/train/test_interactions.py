"""A user's list of interactions: read, refused, imposed on a search, told beside the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

from sequela import bundle, recipes, simulate
from sequela.errors import ConfigError, DataError, SchemaError
from sequela.experiments import InteractionSettings
from sequela.train.interactions import impose, interacting
from sequela.train.outcomes import Outcome

DRUGS = Outcome("sets", ("A", "B", "C"))


def settings(place: Path, text: str) -> InteractionSettings:
    path = place / "pairs.csv"
    path.write_text(text)
    return InteractionSettings(pairs=str(path))


def test_pairs_count_in_either_order_and_others_not(tmp_path):
    found = interacting(settings(tmp_path, "First,second,x\nA,C,1\nC,A,2\nB,B,3\nB,Q,4\n"), DRUGS)
    assert found.tolist() == [[False, False, True], [False] * 3, [True, False, False]]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("first,other\nA,B\n", SchemaError, "second"),
        ("first,second\nQ,R\n", DataError, "no pair"),
        ("first,second\nA,\n", DataError, "row 1"),
        ("first,second\n", DataError, "no pair"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, text, error, said):
    with pytest.raises(error, match=said):
        interacting(settings(tmp_path, text), DRUGS)


def test_other_outcomes_and_models_are_refused(tmp_path):
    listed = settings(tmp_path, "first,second\nA,B\n")
    with pytest.raises(ConfigError, match="sets of codes"):
        interacting(listed, Outcome("multilabel", ("A", "B")))
    sizes = {"vocabulary_size": 4, "step_size": 2, "static_size": 1, "classes": 3}
    pairs = interacting(listed, DRUGS)
    plain = recipes.build("onset_gru", **sizes, answer="multilabel")
    impose(plain, pairs, 0.0)
    with pytest.raises(ConfigError, match="leap"):
        impose(plain, pairs, 2.0)
    searching = recipes.build("leap", **sizes)
    impose(searching, pairs, 2.0)
    assert searching.pair_costs.tolist() == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]


@pytest.mark.long
def test_a_list_is_kept_by_the_model_and_told_in_the_report(tmp_path):
    data = simulate.cohort(tmp_path / "data", 300, seed=1)
    listed = data.root / simulate.INTERACTIONS_FILE
    assert pl.read_csv(listed).columns == ["first", "second"]
    words = [
        f"data={data.root}",
        "source=meds",
        f"interactions.pairs={listed}",
        "training.epochs=1",
    ]
    words += ["model.recipe=leap", "model.most=6", "model.beam=2", "model.hidden_size=16"]
    words += ["model.dropout=0.0", f"out={tmp_path / 'run'}", "evaluation.replicates=100"]
    assert call("train", "next_visit", *words) == 0
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    rates = {row["name"]: row["value"] for row in evaluation["interactions"]["rates"]}
    # After one epoch it names hardly anything; None where no set has two codes.
    assert rates["leap"] in (None, 0)
    assert rates["truth"] > 0
    costs = bundle.load(tmp_path / "run" / "model").model.pair_costs
    assert np.count_nonzero(costs) == 2 * evaluation["interactions"]["pairs"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert 'id="interactions"' in page
    described = json.loads((tmp_path / "run" / "experiment.json").read_text())
    assert described["settings"]["interactions"]["pairs"] == "interactions.csv"
