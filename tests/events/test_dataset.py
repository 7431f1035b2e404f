"""Data sets on disk: written, read shard by shard, and refused when damaged."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import meds
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sequela.errors import DataError, LeakageError, OutputError, SchemaError
from sequela.events import EventData, write_events

DAY = dt.datetime(2020, 1, 1)


def frame(*subjects: int) -> pl.DataFrame:
    rows = [
        (subject, DAY + dt.timedelta(days=day), f"c{day}", float(day))
        for subject in subjects
        for day in range(3)
    ]
    names = ["subject_id", "time", "code", "numeric_value"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    codes = pl.DataFrame({"code": ["c0", "other"], "description": ["the first", "unused"]})
    splits = pl.DataFrame({"subject_id": [1, 2, 3], "split": ["train", "tuning", "held_out"]})
    return write_events(
        tmp_path / "meds", [frame(1, 3), frame(2)], codes, splits, {"dataset_name": "test"}
    )


def test_what_is_written_is_meds(root: Path):
    for file in (root / "data").iterdir():
        meds.DataSchema.validate(pq.read_table(file))
    splits = pq.read_table(root / meds.subject_splits_filepath)
    meds.SubjectSplitSchema.validate(splits)
    codes = pq.read_table(root / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(codes)
    assert codes["code"].to_pylist() == ["c0", "c1", "c2", "other"]
    facts = json.loads((root / meds.dataset_metadata_filepath).read_text())
    meds.DatasetMetadataSchema.validate(facts)
    assert facts["dataset_name"] == "test"


def test_writing_twice_gives_the_same_bytes(root: Path, tmp_path: Path):
    again = write_events(tmp_path / "again", [frame(1, 3), frame(2)])
    for name in ("data/0000.parquet", "data/0001.parquet"):
        assert (again / name).read_bytes() == (root / name).read_bytes()


def test_what_became_known_later_survives_on_disk(tmp_path: Path):
    later = pl.Series("available_time", [None, None, DAY + dt.timedelta(days=9)], pl.Datetime("us"))
    events = frame(1).with_columns(later)
    root = write_events(tmp_path / "meds", [events, frame(2).with_columns(later)])
    table = pq.read_table(root / "data" / "0000.parquet")
    meds.DataSchema.validate(table)
    assert table["available_time"].null_count == 2  # only what is later is written
    assert table["available_time"].type == pa.timestamp("us")
    shards = list(EventData.open(root).shards())
    times = frame(1)["time"].to_list()
    assert shards[0]["available_time"].to_list() == [*times[:2], DAY + dt.timedelta(days=9)]
    again = write_events(tmp_path / "again", shards)
    for name in ("data/0000.parquet", "data/0001.parquet"):
        assert (again / name).read_bytes() == (root / name).read_bytes()
    with pytest.raises(SchemaError, match="'available_time': got some shards with it and some"):
        write_events(tmp_path / "mixed", [events, frame(2)])
    assert (
        "available_time"
        not in pq.read_table(
            write_events(tmp_path / "plain", [frame(1)]) / "data" / "0000.parquet"
        ).column_names
    )


def test_reading(root: Path):
    data = EventData.open(root)
    assert [shard["subject_id"].unique().to_list() for shard in data.shards()] == [[1, 3], [2]]
    assert data.subject_ids().tolist() == [1, 2, 3]
    assert (
        data.read()
        .drop("text_value", "available_time")
        .equals(frame(1, 2, 3).cast({"numeric_value": pl.Float32}).sort("subject_id"))
    )
    assert data.read([3])["subject_id"].unique().to_list() == [3]
    assert data.read(np.array([], np.int64)).height == 0
    assert data.read([99]).schema == data.read().schema
    splits = data.splits()
    assert splits is not None
    assert splits["split"].to_list() == ["train", "tuning", "held_out"]
    assert data.code_descriptions() == {"c0": "the first", "other": "unused"}


def test_shards_without_a_wanted_subject_are_not_read(root: Path):
    data = EventData.open(root)
    assert data.subject_ids().tolist() == [1, 2, 3]
    (root / "data" / "0000.parquet").unlink()
    assert data.read([2]).height == 3


def test_the_layouts_of_0_3_and_of_a_bare_folder(tmp_path: Path):
    nested = tmp_path / "nested" / "data" / "train"
    nested.mkdir(parents=True)
    (nested / ".hidden").mkdir()
    (nested / ".hidden" / "0.parquet").write_bytes(b"half written")
    for folder in (nested, tmp_path):
        pq.write_table(pa.table(frame(1, 2).to_arrow()), folder / "0.parquet")
    expected = EventData.open(tmp_path / "0.parquet").read()
    assert expected.height == 6
    for path in (tmp_path / "nested", tmp_path):
        data = EventData.open(path)
        assert data.read().equals(expected)
        assert data.splits() is None
        assert data.code_descriptions() == {}


def test_a_csv_file(tmp_path: Path):
    path = tmp_path / "events.csv"
    path.write_text("subject_id,time,code,numeric_value\n1,2020-01-01,a,1.5\n1,,sex,\n")
    assert EventData.open(path).read().rows() == [
        (1, None, "sex", None, None, None),
        (1, DAY, "a", 1.5, None, DAY),
    ]
    path.write_text("subject_id,time,code,numeric_value\n1,2020-01-01,a,1.5\n1,2020-01-01,a,SEC\n")
    with pytest.raises(SchemaError, match=r"'numeric_value' of events.csv: got text.* row 2"):
        EventData.open(path).read()
    path.write_text("subject_id,time,code\n1,2020-01-01,a\n1,2020-01-01,b,extra,cells\n")
    with pytest.raises(DataError, match="not readable"):
        EventData.open(path).read()


def test_a_csv_file_with_a_doubled_column(tmp_path: Path):
    path = tmp_path / "events.csv"
    path.write_text("subject_id,time,code,note,note,code\n1,2020-01-01,A,x,y,B\n")
    with pytest.raises(SchemaError, match=r"column 'code' of events.csv: got 2 columns"):
        EventData.open(path).read()
    path.write_text("subject_id,time,code,note,note\n1,2020-01-01,A,x,y\n")
    assert EventData.open(path).read().height == 1


def test_a_subject_in_two_files(tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir()
    frame(1, 2).write_parquet(folder / "a.parquet")
    frame(2, 3).write_parquet(folder / "b.parquet")
    message = r"1 subject\(s\) in several files, such as data/a.parquet and data/b.parquet"
    for call in (EventData.subject_ids, EventData.read):
        with pytest.raises(LeakageError, match=message):
            call(EventData.open(tmp_path))
    with pytest.raises(LeakageError, match="shard 1: got 1 subject"):
        write_events(tmp_path / "out", [frame(1, 2), frame(2, 3)])
    assert not (tmp_path / "out").exists()


def test_what_is_no_data(tmp_path: Path):
    with pytest.raises(DataError, match="got no such file or folder"):
        EventData.open(tmp_path / "absent")
    with pytest.raises(DataError, match="got not MEDS data"):
        EventData.open(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="got not MEDS data"):
        EventData.open(tmp_path / "notes.txt")
    frame().cast({"subject_id": pl.Int64}).write_parquet(tmp_path / "0.parquet")
    with pytest.raises(DataError, match="got no events"):
        EventData.open(tmp_path).subject_ids()
    (tmp_path / "0.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"0\.parquet: got nothing in it"):
        EventData.open(tmp_path).read()
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"0\.parquet: got not readable"):
        EventData.open(tmp_path).read()


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, keep: float):
    path = tmp_path / "0.parquet"
    frame(*range(500)).write_parquet(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataError, match="wanted a whole Parquet file"):
        EventData.open(path).read()


def test_flipped_bytes_never_kill(tmp_path: Path):
    path = tmp_path / "0.parquet"
    frame(*range(100)).write_parquet(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            EventData.open(path).read()
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_unknown_or_doubled_parts(root: Path):
    path = root / meds.subject_splits_filepath
    pl.DataFrame({"subject_id": [1, 1], "split": ["train", "held_out"]}).write_parquet(path)
    with pytest.raises(LeakageError, match=r"1 subject\(s\) in more than one part"):
        EventData.open(root).splits()
    pl.DataFrame({"subject_id": [1, 2], "split": ["train", "test"]}).write_parquet(path)
    with pytest.raises(DataError, match="wanted train, tuning, held_out"):
        EventData.open(root).splits()
    pl.DataFrame({"subject_id": ["x"], "split": ["train"]}).write_parquet(path)
    with pytest.raises(SchemaError, match=r"splits\.parquet: got subject_id of type Str"):
        EventData.open(root).splits()
    pl.DataFrame({"subject_id": [1, 2]}).write_parquet(path)
    with pytest.raises(SchemaError, match=r"column 'split' of metadata/subject_splits\.parquet"):
        EventData.open(root).splits()


def test_nothing_half_written(tmp_path: Path):
    def failing():
        yield frame(1)
        raise DataError("the second shard")

    with pytest.raises(DataError, match="second"):
        write_events(tmp_path / "out", failing())
    with pytest.raises(DataError, match="got none"):
        write_events(tmp_path / "out", [frame(), frame()])
    assert not list(tmp_path.iterdir())
    write_events(tmp_path / "out", [frame(1)])
    with pytest.raises(OutputError, match="exists"):
        write_events(tmp_path / "out", [frame(2)])
    write_events(tmp_path / "out", [frame(2)], replace=True)
    assert EventData.open(tmp_path / "out").subject_ids().tolist() == [2]


def test_refused_metadata(tmp_path: Path):
    with pytest.raises(SchemaError, match="a code twice"):
        write_events(tmp_path / "out", [frame(1)], codes=pl.DataFrame({"code": ["a", "a"]}))
    splits = pl.DataFrame({"subject_id": [1], "split": ["test"]})
    with pytest.raises(DataError, match="another name"):
        write_events(tmp_path / "out", [frame(1)], splits=splits)
    splits = pl.DataFrame({"subject_id": [1, 1], "split": ["train", "tuning"]})
    with pytest.raises(LeakageError, match="a subject twice"):
        write_events(tmp_path / "out", [frame(1)], splits=splits)
    assert not list(tmp_path.iterdir())


@pytest.mark.data
def test_the_demo_of_mimic4(data_root: Path):
    data = EventData.open(data_root / "mimic4_demo_meds")
    events = data.read()
    assert events.height == 916_166
    assert events["code"].n_unique() == 7_035
    assert events["time"].null_count() == 100
    assert events["numeric_value"].count() == 405_236
    assert len(data.subject_ids()) == 100
    assert data.splits() is None
    assert EventData.open(data.root, value_column="value").read().equals(events)
