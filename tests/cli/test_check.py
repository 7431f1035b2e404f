"""`sequela check`: its table, its file, its exit status, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from tests.cli.command import call

from sequela import simulate, tasks

EXAMPLE = Path(tasks.__file__).parent / "mortality" / "example" / "events.csv"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check") / "patients"
    simulate.cohort(root, 300, seed=1)
    return root


@pytest.fixture
def leaking(simulated: Path, tmp_path: Path) -> Path:
    """The simulated patients, each with a site that tells who will have the outcome."""
    truth = pl.read_parquet(simulated / "truth" / "risk.parquet")
    site = pl.when(pl.col("outcome_time").is_null()).then(pl.lit("SITE//A"))
    static = truth.select(
        "subject_id",
        pl.lit(None, pl.Datetime("us")).alias("time"),
        site.otherwise(pl.lit("SITE//B")).alias("code"),
        pl.lit(None, pl.Float32).alias("numeric_value"),
    )
    events = pl.concat([pl.read_parquet(file) for file in simulated.glob("data/*.parquet")])
    events = pl.concat([static, events.select(static.columns)])
    path = tmp_path / "leaking.parquet"
    events.sort("subject_id", "time", nulls_last=False, maintain_order=True).write_parquet(path)
    return path


def test_a_sound_data_set(simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "found.json"
    words = ["check", "onset", simulated, "pairs=30", "--strict", "--out", out]
    assert call(*words) == 0
    text = capsys.readouterr().out
    assert "observation truncated" in text
    assert "fitted on training" in text
    assert "0 suspect, 0 fail" in text
    written = json.loads(out.read_text())
    assert written["sound"]
    assert written["task"] == "onset"
    assert {one["status"] for one in written["findings"]} == {"pass"}
    assert {"check", "status", "found", "todo", "details"} == set(written["findings"][0])


def test_a_suspect_is_refused_where_that_is_asked(
    leaking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert call("check", "heart_failure", leaking, "pairs=10") == 0
    assert "SITE//B" in capsys.readouterr().out
    out = tmp_path / "found.json"
    assert call("check", "heart_failure", leaking, "pairs=10", "--strict", "--out", out) == 1
    written = json.loads(out.read_text())
    assert not written["sound"]
    (single,) = [one for one in written["findings"] if one["check"] == "single_features"]
    assert single["status"] == "suspect"
    assert {row["feature"] for row in single["details"]} >= {"SITE//A (present)"}


def test_a_task_file_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content = (Path(tasks.__file__).parent / "mortality" / "task.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(content.replace("name: mortality", "name: mine"))
    call("check", tmp_path / "mine.yaml", EXAMPLE, "pairs=5")
    assert "observation truncated" in capsys.readouterr().out


def test_labels_and_encodings_of_one_s_own(simulated: Path, tmp_path: Path, capsys):
    events = pl.concat([pl.read_parquet(file) for file in simulated.glob("data/*.parquet")])
    dated = events.filter(pl.col("time").is_not_null() & (pl.col("code") != "MEDS_BIRTH"))
    labels = dated.group_by("subject_id").agg(prediction_time=pl.col("time").median())
    labels = labels.with_columns(boolean_value=pl.col("subject_id") % 3 == 0)
    labels.write_parquet(tmp_path / "labels.parquet")
    words = ["pairs=10", f"labels={tmp_path / 'labels.parquet'}", "encoding.kind=values"]
    call("check", "onset", simulated, *words, "task.outcome.exact=[NOTHING]")
    text = capsys.readouterr().out
    assert "observation truncated" in text
    assert "label settled" not in text


def test_other_sources_and_other_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert call("check", "length_of_stay", EXAMPLE, "min_subjects=2", "source=meds") == 0
    assert "prediction times truncated" in capsys.readouterr().out
    assert call("check", "next_visit", EXAMPLE, "pairs=5", "source=meds") == 0


def test_a_subject_in_two_files(simulated: Path, tmp_path: Path, capsys):
    (tmp_path / "data").mkdir()
    events = pl.read_parquet(next(simulated.glob("data/*.parquet")))
    events[:1000].write_parquet(tmp_path / "data" / "0.parquet")
    events[900:].write_parquet(tmp_path / "data" / "1.parquet")
    assert call("check", "onset", tmp_path) == 1
    text = capsys.readouterr().out
    assert "readable" in text
    assert "1 fail" in text


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["onsett"], 2, "task 'onsett': got no such task. Did you mean 'onset'?"),
        (["onset", "pears=3"], 2, "setting 'pears' of check: got an unknown key"),
        (["onset", "auroc=2"], 2, "setting 'auroc' of check"),
        (["onset", "task.index.dayz=3"], 2, "setting 'index.dayz' of task onset"),
        (["seizure"], 2, "task seizure: got a task on signals"),
        (["onset", "source=nowhere"], 2, "nowhere"),
        (["onset", "encoding.kind=tea"], 2, "encoding"),
        (["onset", "task.outcome.exact=[NOTHING]", "task.min_age=130"], 1, "no subject is left"),
    ],
)
def test_mistakes(words: list[str], status: int, message: str, simulated: Path, capsys):
    assert call("check", words[0], simulated, *words[1:]) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert call("check", "onset", tmp_path / "nowhere") == 1
    assert "no such" in capsys.readouterr().err


DEAD = {"events_after_death"}


@pytest.mark.data
@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "source", "folder", "suspects"),
    [
        (["onset", "task.outcome=hypertension"], "synthea", "synthea_1000", set()),
        (["onset", "task.outcome=coronary"], "synthea", "synthea_1000", set()),
        # A visit for the death certificate follows each death, up to 13 days later.
        (["onset", "task.outcome=hypertension"], "synthea", "synthea_111", DEAD),
        (["onset"], "omop", "omop_synthea_28/Synthea27Nj_5.4.zip", set()),
        (["onset", "task.outcome=heart_failure"], "mimic4", "mimic4_demo", set()),
        (["mortality", "task.after=24h"], "mimic4", "mimic4_demo", set()),
        (["readmission"], "mimic4", "mimic4_demo", set()),
        (["length_of_stay"], "mimic4", "mimic4_demo", set()),
        (["phenotype"], "mimic4", "mimic4_demo", set()),
        (["prescription"], "mimic4", "mimic4_demo", set()),
        (["mortality", "task.after=24h"], "meds", "mimic4_demo_meds", set()),
        # Two of the hundred have a drug or an output that is dated after their death, and a quarter
        # of CareVue's intakes were written down before the time that they are charted for.
        (["mortality", "task.after=24h"], "mimic3", "mimic3_demo", {*DEAD, "availability"}),
        (["onset", "task.outcome=coronary"], "mimic3", "mimic3_demo", {*DEAD, "availability"}),
        (["mortality"], "physionet2012", "physionet2012", set()),
        (["mortality", "task.after=24h"], "yaib", "yaib_mortality24/eicu_demo", set()),
        (["mortality", "task.after=24h"], "yaib", "yaib_mortality24/mimic_demo", set()),
        (["next_visit"], "uci_diabetes", "uci_diabetes", set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_real_data_hold_is_known(
    words: list[str], source: str, folder: str, suspects: set[str], data_root: Path, tmp_path: Path
):
    """Every finding on real data was looked at; docs/guides/leakage.md says what came of it."""
    task, *settings = words
    out = tmp_path / "findings.json"
    path = data_root / folder
    assert call("check", task, path, f"source={source}", *settings, "pairs=60", "--out", out) == 0
    found = json.loads(out.read_text())["findings"]
    assert {one["check"] for one in found if one["status"] != "pass"} == suspects
