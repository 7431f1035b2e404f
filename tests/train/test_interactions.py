"""A user's list of interactions: read, refused, imposed on a search, told beside the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

from sequela import bundle, recipes, simulate
from sequela.cli.predict import columns_of
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


@pytest.fixture(scope="module")
def stays(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("stays")
    simulate.prescriptions(place / "data", 600, seed=1)
    return place


def judged(place: Path, name: str, cost: str) -> tuple[Path, dict]:
    """A short run of LEAP with the simulator's list."""
    words = [f"data={place / 'data'}", "source=meds", f"out={place / name}", cost]
    words += [f"interactions.pairs={place / 'data' / simulate.INTERACTIONS_FILE}"]
    words += ["model.recipe=leap", "model.hidden_size=32", "model.beam=2", "training.epochs=8"]
    assert call("train", "prescription", *words, "evaluation.replicates=200") == 0
    return place / name, json.loads((place / name / "evaluation.json").read_text())


@pytest.mark.long
def test_a_list_is_kept_by_the_model_and_told_in_the_report(stays):
    run, evaluation = judged(stays, "forbidden", "interactions.cost=1e6")
    rates = {row["name"]: row["value"] for row in evaluation["interactions"]["rates"]}
    assert rates["leap"] == 0
    assert rates["truth"] > 0.01
    assert evaluation["interactions"]["difference"]["high"] < 0
    assert evaluation["table"][0]["codes"]["value"] > 2
    costs = bundle.load(run / "model").model.pair_costs
    assert np.count_nonzero(costs) == 2 * evaluation["interactions"]["pairs"] == 8
    page = (run / "report.html").read_text()
    assert 'id="interactions"' in page
    described = json.loads((run / "experiment.json").read_text())
    assert described["settings"]["interactions"]["pairs"] == "interactions.csv"
    # Who uses the model later is not told either what the list forbids.
    scored = stays / "scores.parquet"
    assert call("predict", run / "model", f"data={stays / 'data'}", f"out={scored}") == 0
    names = bundle.load(run / "model").preparation["outcome"]["names"]
    said = dict(zip(names, columns_of(names), strict=True))
    for pair in pl.read_csv(stays / "data" / simulate.INTERACTIONS_FILE).iter_rows():
        first, second = (pl.read_parquet(scored)[said[code]].to_numpy() > 0.5 for code in pair)
        assert first.any() or second.any()
        assert not (first & second).any()


@pytest.mark.long
def test_a_cost_of_nothing_counts_and_the_rivals_stand_beside_the_truth(stays):
    _, evaluation = judged(stays, "counted", "interactions.cost=0")
    rates = {row["name"]: row["value"] for row in evaluation["interactions"]["rates"]}
    assert rates["leap"] > 0
    rivals = {"most frequent", "logistic regression", "nearest neighbours", "best possible"}
    assert set(rates) == {"leap", "truth", "seen last"} | rivals
    table = {row["name"]: row["jaccard"]["value"] for row in evaluation["table"]}
    assert table["best possible"] == max(table.values())
    assert table["most frequent"] == min(table.values())
