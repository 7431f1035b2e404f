"""What inspect says, and above all what it never says."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sequela import sources
from sequela.cli.inspect import describe_events, describe_signals, run
from sequela.errors import ConfigError, DataError
from sequela.events import EventData
from sequela.signals import SignalSet

SECRET = "SECRET//ONE//PATIENT"


def moment(day: int, year: int = 2020) -> dt.datetime:
    return dt.datetime(year, 1, 1) + dt.timedelta(days=day)


@pytest.fixture
def folder(tmp_path):
    """Thirty subjects in two shards; one has a code, a year and a value of its own."""
    rows = []
    for subject in range(1001, 1031):
        rows.append((subject, None, "SEX//F", None, None))
        for visit in range(4):
            rows.append((subject, moment(10 * visit), "DX//A", None, None))
            rows.append((subject, moment(10 * visit), "LAB//B", 5.0, None))
        rows.append((subject, moment(35), "NOTE", None, "words"))
    rows.append((1001, moment(0, 1931), SECRET, 987654.5, None))
    schema = {
        "subject_id": pl.Int64,
        "time": pl.Datetime("us"),
        "code": pl.String,
        "numeric_value": pl.Float32,
        "text_value": pl.String,
    }
    table = pl.DataFrame(rows, schema=schema, orient="row")
    (tmp_path / "data").mkdir()
    (tmp_path / "metadata").mkdir()
    for number, shard in enumerate((pl.col("subject_id") <= 1010, pl.col("subject_id") > 1010)):
        table.filter(shard).sort("subject_id", "time", nulls_last=False).write_parquet(
            tmp_path / "data" / f"{number}.parquet"
        )
    parts = ["train"] * 20 + ["tuning"] * 5 + ["held_out"] * 4
    pl.DataFrame({"subject_id": range(1001, 1030), "split": parts}).write_parquet(
        tmp_path / "metadata" / "subject_splits.parquet"
    )
    pl.DataFrame({"code": ["DX//A"], "description": ["a disease"]}).write_parquet(
        tmp_path / "metadata" / "codes.parquet"
    )
    return tmp_path


def test_one_subject_of_many_visits_sets_no_quantile(tmp_path):
    rows = [(1, moment(0) + dt.timedelta(hours=hour), "A") for hour in range(5000)]
    rows += [(s, moment(30 * visit), "A") for s in range(2, 402) for visit in range(3)]
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String}
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(tmp_path / "events.parquet")
    found = describe_events(EventData.open(tmp_path / "events.parquet"))
    assert set(found["median_days_between_visits_per_subject"].values()) == {30}


def test_counts(folder):
    found = describe_events(EventData.open(folder), min_subjects=5)
    assert found["subjects"] == 30
    assert found["events"] == 30 * 10 + 1
    assert found["static_events"] == 30
    assert found["share_with_number"] == round(121 / 301, 4)
    assert found["share_with_text"] == round(30 / 301, 4)
    assert found["parts"] == {"held_out": 4, "train": 20, "tuning": 5, "without a part": 1}
    assert found["events_per_subject"]["50%"] == 9
    assert found["visits_per_subject"]["50%"] == 5
    assert found["median_days_between_visits_per_subject"]["50%"] == 10
    codes = {row["code"]: row for row in found["codes"]["top"]}
    assert codes["DX//A"] == {
        "code": "DX//A",
        "events": 120,
        "subjects": 30,
        "description": "a disease",
    }
    assert codes["SEX//F"]["subjects"] == 30
    assert found["codes"]["distinct"] == 5


def test_one_patient_is_never_seen(folder, capsys):
    data = EventData.open(folder)
    found = describe_events(data)
    assert found["codes"]["rare"] == {"codes": 1, "events": 1}
    assert found["years"] == {"first": 2020, "last": 2020}
    for as_json in (True, False):
        run(folder, "meds", [], as_json=as_json)
        shown = capsys.readouterr().out
        for secret in (SECRET, "1931", "987654", "1001", "words"):
            assert secret not in shown
    wide = describe_events(data, min_subjects=1)
    assert wide["years"]["first"] == 1931
    assert any(row["code"] == SECRET for row in wide["codes"]["top"])


def test_quantiles_need_subjects_on_both_sides(folder):
    data = EventData.open(folder)
    shown = describe_events(data, min_subjects=11)["events_per_subject"]
    assert [key for key, value in shown.items() if value is not None] == ["50%"]
    shown = describe_events(data, min_subjects=7)["events_per_subject"]
    assert [key for key, value in shown.items() if value is not None] == ["25%", "50%", "75%"]
    assert not any(
        describe_events(data, min_subjects=16)["median_days_between_visits_per_subject"].values()
    )


def test_many_codes_are_cut_off(tmp_path):
    rows = [(s, moment(0), f"C{c:02}", None) for s in range(12) for c in range(25)]
    file = tmp_path / "events.parquet"
    schema = ["subject_id", "time", "code", "numeric_value"]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    frame.with_columns(pl.col("numeric_value").cast(pl.Float32)).write_parquet(file)
    found = describe_events(EventData.open(file))
    assert found["codes"]["not_shown"] == 5
    assert [row["code"] for row in found["codes"]["top"]] == [f"C{c:02}" for c in range(20)]
    # One visit each: no gap, and no failure for the lack of one.
    assert set(found["median_days_between_visits_per_subject"].values()) == {None}
    assert found["parts"] is None


def test_only_static_events(tmp_path):
    file = tmp_path / "events.parquet"
    pl.DataFrame(
        {
            "subject_id": [1, 2],
            "time": [None, None],
            "code": ["A", "B"],
            "numeric_value": [None] * 2,
        },
        schema_overrides={"time": pl.Datetime("us"), "numeric_value": pl.Float32},
    ).write_parquet(file)
    found = describe_events(EventData.open(file), min_subjects=1)
    assert found["years"] is None
    assert found["visits_per_subject"]["50%"] == 0
    run(file, "meds", [])


def signals(**options) -> SignalSet:
    rng = np.random.default_rng(0)
    return SignalSet(
        values=rng.normal(size=(60, 2)).astype(np.float32),
        offsets=np.array([0, 10, 10, 60]),
        recording=np.array(["rec-secret-a", "rec-secret-a", "rec-secret-b"]),
        sampling_rate=128.0,
        channels=("C3", "C4"),
        **options,
    )


def test_signals():
    found = describe_signals(signals(label=np.array([1, 1, 2]), group_note="a note"))
    assert found["records"] == 3
    assert found["recordings"] == 2
    assert found["subjects"] is None
    assert found["samples"] == 60
    assert found["samples_per_record"] == {"least": 0, "most": 50}
    assert found["classes"] == {"1": 2, "2": 1}
    assert set(found["amplitude"]) == {"C3", "C4"}
    assert found["amplitude"]["C3"]["sd"] == pytest.approx(1, abs=0.3)
    assert found["groups"] == "a note"
    assert "secret" not in json.dumps(found)
    named = describe_signals(signals(subject=np.array(["s1", "s1", "s2"])))
    assert named["subjects"] == 2
    assert named["classes"] is None


def test_no_signal_at_all():
    empty = signals().subset(np.zeros(0, np.int64))
    found = describe_signals(empty)
    assert found["records"] == 0
    assert found["samples_per_record"] is None


def test_json_and_tables_of_events(folder, capsys):
    run(folder, "meds", ["min_subjects=5"], as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["min_subjects"] == 5
    run(folder, "meds", ["min_subjects=5"])
    shown = capsys.readouterr().out
    assert re.search(r"subjects +│ +30", shown)
    assert "DX//A" in shown
    assert "2020" in shown


def test_signals_through_their_source(capsys):
    example = Path(sources.__file__).parent / "uci_seizure" / "example"
    run(example, "uci_seizure", [])
    shown = capsys.readouterr().out
    assert "recordings" in shown
    assert "173.61" in shown


def test_mistakes(folder, tmp_path):
    with pytest.raises(ConfigError, match="source 'medz'"):
        run(folder, "medz", [])
    with pytest.raises(ConfigError, match="min_subjects"):
        run(folder, "meds", ["min_subjects=few"])
    with pytest.raises(ConfigError, match="key=value"):
        run(folder, "meds", ["min_subjects"])
    with pytest.raises(DataError, match="no such"):
        run(tmp_path / "absent", "meds", [])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError):
        run(tmp_path / "broken.parquet", "meds", [])


@pytest.mark.data
def test_the_demo_of_mimic(data_root):
    path = data_root / "mimic4_demo_meds"
    if not path.is_dir():
        pytest.skip("real data absent: mimic4_demo_meds")
    found = describe_events(EventData.open(path))
    assert (found["subjects"], found["events"]) == (100, 916_166)
    assert found["static_events"] == 100
    assert found["codes"]["distinct"] == 7_035
