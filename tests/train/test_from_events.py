"""Tasks on events from raw files to figures: values, several labels a patient, several classes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sequela import experiments
from sequela.errors import ConfigError, LabelError
from sequela.events import write_events
from sequela.train.apply import apply
from sequela.train.experiment import prepare, run

QUICK = ["training.epochs=1", "evaluation.replicates=100", "training.progress=false"]
SMALL = ["encoding.min_subjects=2", "model.hidden_size=4"]
START = datetime(2020, 1, 1)


@pytest.fixture(scope="module")
def stays(tmp_path_factory) -> Path:
    """Made-up stays in the challenge's form, up to hour 48: who dies has a fast heart."""
    root, random = tmp_path_factory.mktemp("stays"), np.random.default_rng(0)
    (root / "set-a").mkdir()
    outcomes = ["RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death"]
    for stay in range(1, 81):
        died = stay % 4 == 0
        rows = [
            "Time,Parameter,Value",
            f"00:00,RecordID,{stay}",
            f"00:00,Age,{40 + stay % 40}",
            f"00:00,Gender,{stay % 2}",
            "00:00,Height,-1",
            f"00:00,ICUType,{1 + stay % 4}",
        ]
        rates = 70 + 30 * died + random.normal(0, 8, 9)
        rows += [f"{6 * n:02d}:{stay % 60:02d},HR,{rate:.1f}" for n, rate in enumerate(rates)]
        (root / "set-a" / f"{stay}.txt").write_text("\n".join(rows) + "\n")
        outcomes.append(f"{stay},5,5,{5 + stay % 6},{7 if died else -1},{int(died)}")
    (root / "Outcomes-a.txt").write_text("\n".join(outcomes) + "\n")
    return root


@pytest.fixture(scope="module")
def visits(tmp_path_factory) -> Path:
    """120 patients with two stays each at one of four sites; a third is readmitted at once."""
    rows = []
    for subject in range(120):
        rows.append((subject, None, f"SITE//{subject % 4}"))
        rows.append((subject, -12_000, "MEDS_BIRTH"))
        day = 0
        for stay in range(2):
            soon = subject % 3 == 0
            rows += [
                (subject, day, "HOSPITAL_ADMISSION//EMERGENCY"),
                (subject, day + 1, "DRUG//A" if soon else "DRUG//B"),
                (subject, day + 1 + 2 * stay + subject % 5, "HOSPITAL_DISCHARGE//HOME"),
            ]
            day += 15 if soon else 200
        rows.append((subject, 900, "CHECK"))
    frame = pl.DataFrame(
        {
            "subject_id": [row[0] for row in rows],
            "time": [None if row[1] is None else START + timedelta(days=row[1]) for row in rows],
            "code": [row[2] for row in rows],
        },
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String},
    ).sort("subject_id", "time", maintain_order=True)
    root = tmp_path_factory.mktemp("visits") / "meds"
    write_events(root, [frame])
    return root


def _experiment(name: str, data: Path, out: Path | None, *words: str):
    given = [f"data={data}", *QUICK, *SMALL, *words]
    return experiments.load(name, given if out is None else [*given, f"out={out}"])


def test_mortality_from_text_files_to_predictions(stays: Path, tmp_path: Path):
    experiment = _experiment(
        "mortality", stays, tmp_path / "run", "evaluation.predictions=true", "training.epochs=2"
    )
    folder = run(experiment, say=lambda line: None)
    found = pl.read_parquet(folder / "predictions.parquet")
    assert dict(found.schema) == {
        "subject_id": pl.Int64,
        "prediction_time": pl.Datetime("us"),
        "boolean_value": pl.Boolean,
        "predicted_boolean_value": pl.Boolean,
        "predicted_boolean_probability": pl.Float64,
    }
    assert found.height == 16
    assert found["boolean_value"].sum() == 4
    assert found["prediction_time"].unique().to_list() == [datetime(2000, 1, 3)]
    table = json.loads((folder / "evaluation.json").read_text())
    names = [row["name"] for row in table["table"]]
    assert names == ["GRU", "majority", "logistic regression", "gradient boosting"]
    assert table["table"][2]["auroc"]["value"] > 0.9
    notes = " ".join(table["notes"])
    assert "2000-01-01" in notes
    assert "80 of set-a (value missing (-1))" in notes
    assert "Undated facts among the features: ICU_TYPE//CARDIAC" in notes
    # The finished model says the same of the same stays, to the last bit.
    applied = apply(folder / "model", stays)
    again = applied.keys.with_columns(score=pl.Series(applied.scores))
    both = found.join(again, on=["subject_id", "prediction_time"])
    assert both.height == 16
    assert (both["score"] == both["predicted_boolean_probability"]).all()
    assert run(experiment, resume=True, say=lambda line: None) == folder


def test_a_missing_outcome_file_is_enough_to_score(stays: Path, tmp_path: Path):
    folder = run(_experiment("mortality", stays, tmp_path / "run"), say=lambda line: None)
    assert not (folder / "predictions.parquet").exists()
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "set-a").symlink_to(stays / "set-a")
    applied = apply(folder / "model", bare, known_outcome=False)
    assert applied.target is None
    whole = apply(folder / "model", stays)
    np.testing.assert_array_equal(applied.scores, whole.scores)


def test_two_labels_of_a_patient_are_judged_as_one_patient(visits: Path):
    experiment = experiments.load(
        "readmission",
        [f"data={visits}", "source=meds", *SMALL, "split.by=site", "split.site=SITE//"],
    )
    prepared = prepare(experiment)
    groups = {name: set(part.samples.groups.tolist()) for name, part in prepared.parts.items()}
    assert sum(len(part.samples) for part in prepared.parts.values()) == 240
    assert not groups["train"] & groups["tuning"]
    assert not groups["train"] & groups["held_out"]
    sites = {name: {subject % 4 for subject in found} for name, found in groups.items()}
    assert sum(len(found) for found in sites.values()) == 4
    assert any("240 predictions of 120 patients" in note for note in prepared.notes)


def test_several_classes(visits: Path, tmp_path: Path):
    (tmp_path / "stay.yaml").write_text(
        "title: Stay\nsource: meds\ntask: {name: length_of_stay, bins: [2, 4]}\n"
        "encoding: {min_subjects: 2}\nmodel: {recipe: onset_gru, hidden_size: 4}\n"
    )
    words = [f"data={visits}", f"out={tmp_path / 'run'}", *QUICK, "evaluation.baselines=false"]
    folder = run(experiments.load(str(tmp_path / "stay.yaml"), words), say=lambda line: None)
    found = json.loads((folder / "evaluation.json").read_text())
    assert found["classes"] == ["below 2 days", "2 to 4 days", "4 or more days"]
    applied = apply(folder / "model", visits)
    assert applied.scores.shape[1] == 3
    assert set(applied.target) == {0, 1, 2}


def test_a_recipe_of_classes_alone_refuses_other_outcomes(visits: Path, tmp_path: Path):
    words = ["task.name=length_of_stay", "task.bins=[]", "model={recipe: seizure_bilstm}"]
    out = tmp_path / "run"
    experiment = experiments.load(
        "readmission", [f"data={visits}", "source=meds", f"out={out}", *words]
    )
    with pytest.raises(ConfigError, match="all it answers"):
        run(experiment, say=lambda line: None)
    assert not out.exists()


def test_labels_from_a_file_need_a_window_of_their_own(stays: Path, tmp_path: Path):
    labels = pl.DataFrame(
        {
            "subject_id": list(range(1, 81)),
            "prediction_time": [datetime(2000, 1, 2)] * 80,
            "boolean_value": [stay % 4 == 0 for stay in range(1, 81)],
        }
    )
    labels.write_parquet(tmp_path / "labels.parquet")
    words = [f"labels={tmp_path / 'labels.parquet'}"]
    # Every stay begins with its first day, so that none is asked about after one day.
    with pytest.raises(LabelError, match=r"80 of 80 at times.*task\.observation=null"):
        prepare(_experiment("mortality", stays, None, *words))
    steps = {}
    for observation in ("null", "6h"):
        experiment = _experiment(
            "mortality", stays, None, *words, f"task.observation={observation}"
        )
        prepared = prepare(experiment)
        assert sum(len(part.samples) for part in prepared.parts.values()) == 80
        steps[observation] = int(prepared.parts["train"].samples.lengths.sum())
    assert 0 < steps["6h"] < steps["null"]


def test_labels_at_the_prediction_times_of_the_task_have_its_windows(stays: Path, tmp_path: Path):
    words = ["task.after=24h", "task.exclude=[{age: {max: 60}}]"]
    plain = prepare(_experiment("mortality", stays, None, *words))
    keys = pl.concat([part.keys for part in plain.parts.values()])
    target = np.concatenate([part.samples.target for part in plain.parts.values()])
    labels = keys.with_columns(boolean_value=pl.Series(target == 1)).sample(keys.height, seed=1)
    labels.write_parquet(tmp_path / "labels.parquet")
    # Whoever the task would leave out has a window too, if a label asks for him.
    given = [f"labels={tmp_path / 'labels.parquet'}", "task.after=24h"]
    again = prepare(_experiment("mortality", stays, None, *given, "task.exclude=[{age: {min: 0}}]"))
    lengths = [
        sorted(np.concatenate([part.samples.lengths for part in one.parts.values()]))
        for one in (plain, again)
    ]
    assert lengths[0] == lengths[1]


def test_predictions_are_refused_where_there_can_be_none(visits: Path, tmp_path: Path):
    experiment = _experiment(
        "readmission",
        visits,
        tmp_path / "run",
        "source=meds",
        "task.name=length_of_stay",
        "task.bins=[2, 4]",
        "evaluation.predictions=true",
    )
    with pytest.raises(ConfigError, match=r"evaluation\.predictions"):
        run(experiment, say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_the_path_of_a_map_stays_out_of_the_run(visits: Path, tmp_path: Path):
    (tmp_path / "secret-folder").mkdir()
    path = tmp_path / "secret-folder" / "map.csv"
    path.write_text("code,group\nDRUG//A,DRUG\nDRUG//B,DRUG\n")
    words = ["source=meds", f"encoding.map={path}", "evaluation.baselines=false"]
    folder = run(
        _experiment("readmission", visits, tmp_path / "run", *words), say=lambda line: None
    )
    for file in folder.rglob("*.json"):
        assert "secret-folder" not in file.read_text(), file
    applied = apply(folder / "model", visits)
    assert len(applied.scores) == 240


@pytest.mark.parametrize(
    ("word", "said"),
    [("model.recipe=retian", "Did you mean 'retain'"), ("model.cel=lstm", "Did you mean 'cell'")],
)
def test_a_slip_of_the_pen_is_told_before_the_data_are_read(tmp_path, word, said):
    there = experiments.load("heart_failure", [f"data={tmp_path / 'nowhere'}", word])
    with pytest.raises(ConfigError, match=said):
        run(there, say=lambda _: None)
