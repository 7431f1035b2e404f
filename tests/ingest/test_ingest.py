"""Tables become MEDS: the same bytes whatever the way, and nothing half-done."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import meds
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from made_tables import START, digests, extract, random_frame

from sequela.errors import ConfigError, DataError, OutputError
from sequela.events import Drops, EventData, Extract, Table, align
from sequela.ingest import Summary, ingest
from sequela.ingest import run as run_file
from sequela.ingest.deal import bucket_of

FRAMES = (random_frame(700, 60, 0, "a"), random_frame(900, 60, 1, "b"))


def test_what_is_written_is_every_event_in_order(tmp_path: Path):
    summary = ingest(extract(*FRAMES), tmp_path / "out", shard_events=200)
    data = EventData.open(tmp_path / "out")
    # One stable sort of all tables, one after the other, is what the parts must add up to.
    assert data.read().equals(align(pl.concat(FRAMES), "all"))
    assert summary.events == 1600
    assert summary.subjects == len(data.subject_ids()) == 60
    assert summary.codes == 60
    assert summary.tables == {"t0": 700, "t1": 900}
    assert summary.years == (2020, 2020)
    heights = [shard.height for shard in data.shards()]
    assert summary.shards == len(heights) > 5
    assert max(heights) <= 200
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_files_are_meds(tmp_path: Path):
    codes = pl.DataFrame(
        {
            "code": ["a//1", "grandparent", "parent", "unused", "a//1"],
            "description": ["one", "g", "p", "u", "again"],
            "parent_codes": [["parent"], None, ["grandparent"], None, None],
        }
    )
    splits = pl.DataFrame({"subject_id": [1, 2], "split": ["train", "held_out"]})
    ingest(
        extract(*FRAMES, codes=lambda: codes, splits=splits, dataset={"dataset_name": "made"}),
        tmp_path / "out",
    )
    for path in (tmp_path / "out" / "data").iterdir():
        meds.DataSchema.validate(pq.read_table(path))
    table = pq.read_table(tmp_path / "out" / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(table)
    described = {row["code"]: row for row in table.to_pylist()}
    assert described["a//1"]["description"] == "one"
    assert {"parent", "grandparent", "b//7"} <= described.keys()
    assert "unused" not in described
    meds.SubjectSplitSchema.validate(pq.read_table(tmp_path / "out" / meds.subject_splits_filepath))
    facts = json.loads((tmp_path / "out" / meds.dataset_metadata_filepath).read_text())
    assert facts["dataset_name"] == "made"


def test_the_bytes_do_not_depend_on_chunks_pieces_or_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ingest(extract(*FRAMES), tmp_path / "one", shard_events=300)
    monkeypatch.setattr("sequela.ingest.deal._PIECE_ROWS", 64)
    ingest(extract(*FRAMES, chunk=17), tmp_path / "two", shard_events=300, processes=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_bucket_that_is_too_large_is_dealt_again(tmp_path: Path):
    # Subjects of one bucket, so that only the next bits can part them.
    subjects = np.arange(20_000)
    subjects = subjects[bucket_of(subjects) == 3][:40]
    frame = pl.DataFrame({"subject_id": np.repeat(subjects, 10)}).with_columns(
        time=pl.lit(START), code=pl.lit("x")
    )
    ingest(extract(frame), tmp_path / "out", shard_events=50)
    data = EventData.open(tmp_path / "out")
    assert max(shard.height for shard in data.shards()) <= 50
    assert data.read().equals(align(frame, "all"))
    ingest(extract(frame), tmp_path / "small", shard_events=1)
    heights = [shard.height for shard in EventData.open(tmp_path / "small").shards()]
    # A subject is never cut in two, and a few of forty share all sixteen bits.
    assert sum(heights) == 400
    assert set(heights) <= {10, 20, 30}


def test_subjects_are_spread_evenly_and_for_ever():
    counts = np.bincount(bucket_of(np.arange(256_000)), minlength=256)
    assert counts.min() > 850
    assert counts.max() < 1150
    # Written down once: data sets of different days must be dealt alike.
    ids = np.array([0, 1, 10_006, -5, 2**63 - 1], np.int64)
    assert bucket_of(ids).tolist() == [0, 86, 199, 71, 90]
    assert bucket_of(ids, 1).tolist() == [0, 146, 7, 245, 104]


def test_when_events_became_known_is_written_only_if_later(tmp_path: Path):
    events = pl.DataFrame({"subject_id": [1, 1], "time": [START, START], "code": ["a", "b"]})
    day = pl.lit(START) + pl.duration(days=1)
    later = events.with_columns(available_time=pl.when(pl.col("code") == "b").then(day))
    ingest(extract(events, later), tmp_path / "out")
    found = EventData.open(tmp_path / "out").read()
    assert found["code"].to_list() == ["a", "b", "a", "b"]
    assert (found["available_time"] > found["time"]).to_list() == [False, False, False, True]
    same = events.with_columns(available_time=pl.col("time"))
    ingest(extract(same), tmp_path / "same")
    (path,) = (tmp_path / "same" / "data").iterdir()
    assert "available_time" not in pq.read_table(path).column_names


def test_what_is_dropped_is_counted(tmp_path: Path):
    frame = FRAMES[0].with_columns(
        code=pl.when(pl.col("subject_id") == 7).then(pl.lit("DROP")).otherwise("code")
    )
    lost = frame.filter(pl.col("code") == "DROP").height
    source = extract(frame, FRAMES[1], missing=("t9",), notes=("Made by hand.",))
    summary = ingest(source, tmp_path / "out")
    assert summary.dropped == {("t0", "not wanted"): lost}
    assert summary.tables["t0"] == 700 - lost
    assert summary.missing == ("t9",)
    assert Summary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary


def test_the_same_input_is_not_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "raw.csv"
    file.write_text("raw")
    out = tmp_path / "out"
    first = ingest(extract(*FRAMES, files=(file,)), out)
    before = digests(out)
    assert not first.unchanged

    def never(*_):
        raise AssertionError("the work was done again")

    monkeypatch.setattr(run_file, "deal_table", never)
    second = ingest(extract(*FRAMES, files=(file,)), out)
    assert second.unchanged
    assert second.to_dict() == first.to_dict()
    assert digests(out) == before
    monkeypatch.undo()
    for text in ("another", "war"):  # of the same size too
        file.write_text(text)
        with pytest.raises(OutputError, match="exists already and is not made from this input"):
            ingest(extract(*FRAMES, files=(file,)), out)
    assert digests(out) == before
    ingest(extract(FRAMES[0], files=(file,)), out, replace=True)
    assert EventData.open(out).read().height == 700


def test_an_existing_folder_is_never_touched(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="exists already"):
        ingest(extract(*FRAMES), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_source_that_fails_leaves_nothing_but_its_work(tmp_path: Path):
    def broken():
        yield FRAMES[0]
        raise DataError("row 7 of t.csv", got="nonsense")

    tables = (Table("good", lambda: iter([FRAMES[0]])), Table("broken", broken))
    with pytest.raises(DataError, match=r"row 7 of t\.csv"):
        ingest(Extract(tables=tables), tmp_path / "out")
    (work,) = tmp_path.iterdir()
    assert work.name == ".out.ingest"
    # It holds patients' events, so no one else may look into it.
    assert stat.S_IMODE(work.stat().st_mode) == 0o700


@pytest.mark.parametrize("frames", [(), (FRAMES[0].clear(),)])
def test_no_events_at_all(tmp_path: Path, frames: tuple[pl.DataFrame, ...]):
    with pytest.raises(DataError, match="the source: got no events"):
        ingest(extract(*frames), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frames_that_are_no_events_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="column 'code' of table t0: got no such column"):
        ingest(Extract((Table("t0", lambda: iter([FRAMES[0].drop("code")])),)), tmp_path / "out")
    with pytest.raises(ConfigError, match="wanted 1 or more"):
        ingest(extract(*FRAMES), tmp_path / "out", processes=0)


def test_ids_of_the_source_are_kept_only_on_request(tmp_path: Path):
    ids = pl.DataFrame({"subject_id": [1], "source_id": ["p-1"]})
    ingest(extract(*FRAMES, subjects=lambda: ids), tmp_path / "without")
    assert not (tmp_path / "without" / "metadata" / "subject_ids.parquet").exists()
    ingest(extract(*FRAMES, subjects=lambda: ids), tmp_path / "with", keep_ids=True)
    found = pl.read_parquet(tmp_path / "with" / "metadata" / "subject_ids.parquet")
    assert found.equals(ids)


def test_progress_is_told(tmp_path: Path):
    told: list[tuple[str, int, int]] = []
    ingest(extract(*FRAMES), tmp_path / "out", shard_events=900, say=lambda *a: told.append(a))
    assert told[:2] == [("reading t0", 0, 2), ("reading t0: 100 events", 0, 2)]
    assert ("reading t1: 900 events", 1, 2) in told
    assert told[-3:] == [("writing shards", n, 2) for n in range(3)]


def test_drops_of_an_earlier_reading_do_not_count(tmp_path: Path):
    source = extract(FRAMES[0].with_columns(code=pl.lit("DROP")), FRAMES[1])
    assert sum(frame.height for frame in source.tables[0].frames()) == 0
    assert isinstance(source.drops, Drops)
    assert ingest(source, tmp_path / "out").dropped == {("t0", "not wanted"): 700}


def test_parts_on_demand(tmp_path: Path):
    ingest(extract(*FRAMES), tmp_path / "without")
    assert EventData.open(tmp_path / "without").splits() is None
    ingest(extract(*FRAMES), tmp_path / "with", parts=(0.5, 0.25, 0.25), shard_events=300)
    ingest(extract(*FRAMES, chunk=17), tmp_path / "again", parts=(0.5, 0.25, 0.25))
    data = EventData.open(tmp_path / "with")
    splits = data.splits()
    assert splits is not None
    assert splits["subject_id"].to_list() == data.subject_ids().tolist()
    assert set(splits["split"]) == {"train", "tuning", "held_out"}
    assert splits.equals(EventData.open(tmp_path / "again").splits())
    meds.SubjectSplitSchema.validate(
        pq.read_table(tmp_path / "with" / meds.subject_splits_filepath)
    )
