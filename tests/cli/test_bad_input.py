"""Bad input from the command line: one clear line, nothing left behind, no value of a patient.

Every damaged file holds a canary where it is damaged; it must not be seen anywhere.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

import sequela
from sequela import seeds

CANARY = "canary4711"
COLUMNS = ["Unnamed", *(f"X{k}" for k in range(1, 179)), "y"]
QUICK = ["training.epochs=1", "evaluation.replicates=100", "evaluation.baselines=false"]


def seizure_rows(classes=(1, 2, 3, 4, 5), each: int = 12) -> list[list[str]]:
    random = seeds.generator(0, "rows")
    rows = []
    for label in classes:
        for number in range(each):
            values = random.normal(0, 500 if label == 1 else 50, 178).astype(int)
            rows.append([f"X1.V1.{100 * label + number}", *map(str, values), str(label)])
    return rows


def write_csv(path: Path, rows: list[list[str]], columns: list[str] = COLUMNS) -> Path:
    path.write_text("\n".join(",".join(row) for row in [columns, *rows]) + "\n")
    return path


def refused(words: list[object], out: Path, message: str, capsys) -> None:
    """The call fails with this message in one line; no canary, no run folder, nothing beside it."""
    before = sorted(out.parent.iterdir())
    assert call(*words, f"out={out}") == 1
    captured = capsys.readouterr()
    said = captured.err.strip()
    assert message in said
    assert "internal error" not in said
    assert "\n" not in said
    assert CANARY not in captured.out + captured.err
    assert sorted(out.parent.iterdir()) == before


def test_the_good_table_trains(tmp_path):
    data = write_csv(tmp_path / "data.csv", seizure_rows())
    assert call("train", "seizure", f"data={data}", f"out={tmp_path / 'run'}", *QUICK) == 0


def _without_a_column(rows):
    return [row[:5] + row[6:] for row in rows], COLUMNS[:5] + COLUMNS[6:]


def _with_a_column(rows):
    return [[*row, CANARY] for row in rows], [*COLUMNS, "note"]


def _changed(place: int, column: int, text: str):
    def change(rows):
        rows[place][column] = text
        return rows, COLUMNS

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_a_column, "X5"),
        (_with_a_column, "1 extra, the first is column 181"),
        (_changed(7, 3, CANARY), "X3"),
        (_changed(7, 3, ""), "X3"),
        (_changed(7, 3, "nan"), "X3"),
        (_changed(7, 3, "inf"), "X3"),
        (_changed(7, 3, "1e999"), "X3"),
        (_changed(7, 179, "6"), "y"),
        (_changed(7, 179, CANARY), "y"),
        (_changed(7, 179, ""), "y"),
        (lambda rows: ([], COLUMNS), "data.csv"),
        (lambda rows: (seizure_rows((2, 3, 4, 5)), COLUMNS), "seizure"),
    ],
)
def test_seizure_tables(damage, message, tmp_path, capsys):
    rows, columns = damage(seizure_rows())
    data = write_csv(tmp_path / "data.csv", rows, columns)
    refused(["train", "seizure", f"data={data}"], tmp_path / "run", message, capsys)


def test_a_truncated_csv(tmp_path, capsys):
    data = write_csv(tmp_path / "data.csv", seizure_rows())
    data.write_bytes(data.read_bytes()[:-300])
    refused(["train", "seizure", f"data={data}"], tmp_path / "run", "data.csv", capsys)


@pytest.mark.parametrize("content", [b"", b"\x00" * 1000, b"\xff\xfe" + b"a" * 99, b"PAR1" * 50])
def test_files_that_are_no_csv(content, tmp_path, capsys):
    (tmp_path / "data.csv").write_bytes(content)
    refused(
        ["train", "seizure", f"data={tmp_path / 'data.csv'}"], tmp_path / "run", "data.csv", capsys
    )


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    from sequela import simulate

    root = tmp_path_factory.mktemp("data") / "records"
    simulate.cohort(root, subjects=700, seed=5, shard_subjects=350)
    return root


@pytest.fixture
def damaged(records, tmp_path):
    """A copy of the data set whose first file a test may rewrite."""

    def copy(change) -> Path:
        root = tmp_path / "records"
        for path in sorted(records.rglob("*.parquet")):
            place = root / path.relative_to(records)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
        change(sorted((root / "data").rglob("*.parquet")))
        return root

    return copy


def _rewrite(change):
    def apply(files: list[Path]) -> None:
        change(pl.read_parquet(files[0])).write_parquet(files[0])

    return apply


def _shared_subject(files: list[Path]) -> None:
    first, second = (pl.read_parquet(path) for path in files[:2])
    pl.concat([second, first.head(3)]).write_parquet(files[1])


def _infinite(frame: pl.DataFrame) -> pl.DataFrame:
    row = pl.int_range(pl.len())
    value = pl.when(row == 3).then(np.inf).otherwise(pl.col("numeric_value"))
    return frame.with_columns(value.cast(pl.Float32).alias("numeric_value"))


EVENTS = {
    "a column is missing": (_rewrite(lambda frame: frame.drop("code")), "code"),
    "text in a number column": (
        _rewrite(lambda frame: frame.with_columns(pl.lit(CANARY).alias("numeric_value"))),
        "numeric_value",
    ),
    "text for subjects": (
        _rewrite(lambda frame: frame.with_columns(pl.lit(CANARY).alias("subject_id"))),
        "subject_id",
    ),
    "an infinite value": (_rewrite(_infinite), "numeric_value"),
    "a null subject": (
        _rewrite(lambda frame: frame.with_columns(pl.lit(None, pl.Int64).alias("subject_id"))),
        "subject_id",
    ),
    "unreadable parquet": (lambda files: files[0].write_bytes(CANARY.encode() * 9), ".parquet"),
    "truncated parquet": (
        lambda files: files[0].write_bytes(files[0].read_bytes()[:-200]),
        ".parquet",
    ),
    "no events": (lambda files: [_rewrite(lambda f: f.head(0))([path]) for path in files], ""),
    "a subject in two files": (_shared_subject, "subject"),
    "no outcome": (
        lambda files: [
            _rewrite(lambda f: f.filter(~pl.col("code").cast(pl.String).str.contains("I50")))([p])
            for p in files
        ],
        "too few cases",
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_event_tables(name, damaged, tmp_path, capsys):
    change, message = EVENTS[name]
    data = damaged(change)
    words = ["train", "heart_failure", f"data={data}"]
    refused(words, tmp_path / "run", message, capsys)


def test_a_subject_in_two_splits(damaged, tmp_path, capsys):
    def split_twice(files: list[Path]) -> None:
        ids = pl.concat([pl.read_parquet(p, columns=["subject_id"]) for p in files]).unique()
        parts = pl.Series(["train", "tuning", "held_out"] * ids.height)[: ids.height]
        splits = ids.with_columns(parts.alias("split"))
        twice = splits.head(1).with_columns(pl.lit("held_out").alias("split"))
        other = splits.head(1).with_columns(pl.lit("train").alias("split"))
        folder = files[0].parents[1] / "metadata"
        folder.mkdir(exist_ok=True)
        both = pl.concat([splits.tail(-1), twice, other])
        both.write_parquet(folder / "subject_splits.parquet")

    data = damaged(split_twice)
    words = ["train", "heart_failure", f"data={data}"]
    refused(words, tmp_path / "run", "subject_splits", capsys)


def test_an_empty_folder(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    words = ["train", "heart_failure", f"data={tmp_path / 'empty'}"]
    refused(words, tmp_path / "run", "empty", capsys)


def test_an_output_folder_that_exists(records, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    words = ["train", "heart_failure", f"data={records}", *QUICK]
    refused(words, tmp_path / "run", "exists already", capsys)
    assert (tmp_path / "run" / "mine.txt").read_text() == "keep"


def test_an_output_folder_that_cannot_be_made(records, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = ["train", "heart_failure", f"data={records}", *QUICK]
    assert call(*words, f"out={tmp_path / 'file' / 'run'}") == 1
    assert "Choose another place" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_and_then_room_again(records, tmp_path, capsys, monkeypatch):
    """The disk fills up during training; with room again the run goes on to its end."""
    out = tmp_path / "run"
    words = ["train", "heart_failure", f"data={records}", f"out={out}", *QUICK]
    synchronise, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 25:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synchronise(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert call(*words) == 1
    said = capsys.readouterr().err.strip()
    assert "no space left on the disk" in said
    assert "\n" not in said
    assert (out / "checkpoints").exists(), "the disk was full before the first step"
    assert not (out / "model").exists()
    assert not [path for path in out.rglob(".*") if path.is_dir()], "half-written folders are left"
    assert call(*words, "--resume") == 0
    assert (out / "report.html").exists()


def test_a_bundle_with_a_flipped_byte(records, tmp_path, capsys):
    out = tmp_path / "run"
    assert call("train", "heart_failure", f"data={records}", f"out={out}", *QUICK) == 0
    capsys.readouterr()
    for path in sorted((out / "model").iterdir()):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        whole = path.read_bytes()
        path.write_bytes(bytes(content))
        words = [out / "model", f"data={records}", f"out={tmp_path / 'scores.parquet'}"]
        assert call("predict", *words) == 1, path.name
        assert "model" in capsys.readouterr().err
        path.write_bytes(whole)
    assert not (tmp_path / "scores.parquet").exists()


LONG = "x" * 300
DEEP = "/".join(["deep"] * 1500)


@pytest.mark.parametrize("long", [LONG, DEEP], ids=["name", "path"])
@pytest.mark.parametrize(
    "words",
    [
        ["train", "onset", "data=EVENTS", "out=LONG"],
        ["train", "onset", "data=LONG"],
        ["train", "onset", "data=EVENTS", "labels=LONG"],
        ["train", "LONG.yaml"],
        ["train", "onset", "data=EVENTS", "out=LONG", "--resume"],
        ["label", "mortality", "data=EVENTS", "out=LONG"],
        ["label", "LONG.yaml", "data=EVENTS"],
        ["check", "mortality", "EVENTS", "--out", "LONG"],
        ["check", "mortality", "LONG"],
        ["ingest", "synthea", "SYNTHEA", "--out", "LONG"],
        ["ingest", "synthea", "LONG"],
        ["simulate", "LONG", "--subjects", "1"],
        ["predict", "LONG", "data=EVENTS", "out=a.parquet"],
        ["predict", "LONG", "data=EVENTS", "out=LONG.parquet"],
        ["evaluate", "LONG", "data=EVENTS"],
        ["inspect", "LONG"],
        ["report", "LONG"],
        ["demo", "--out", "LONG"],
    ],
    ids=" ".join,
)
def test_a_path_that_is_too_long(words, long, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rooms = Path(sequela.__file__).parent
    events = str(rooms / "tasks" / "mortality" / "example" / "events.csv")
    raw = str(rooms / "sources" / "synthea" / "example")
    given = [
        word.replace("EVENTS", events).replace("SYNTHEA", raw).replace("LONG", long)
        for word in words
    ]
    assert call(*given) in (1, 2)
    said = capsys.readouterr().err
    assert said.startswith("sequela: ")
    assert "internal error" not in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
