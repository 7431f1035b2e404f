"""The mapping of `csv_events`: what it may say, and what is said of a mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sequela import ingest, sources
from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import subject_number

TABLE = "patient,when,code,value\n1,2020-01-01,a,5\n2,2020-01-02,b,\n"
MAPPING = """
tables:
  - file: t.csv
    subject: patient
    events: [{code: "X//{code}", time: when, number: value}]
"""


def folder(tmp_path: Path, mapping: str = MAPPING, table: str | bytes = TABLE) -> Path:
    (tmp_path / "events.yaml").write_text(mapping)
    content = table if isinstance(table, bytes) else table.encode()
    (tmp_path / "t.csv").write_bytes(content)
    return tmp_path


def test_a_mapping_by_its_own_name_or_in_a_folder(tmp_path: Path):
    root = folder(tmp_path)
    expected = [(1, "X//a", 5.0), (2, "X//b", None)]
    for path in (root, root / "events.yaml"):
        events = ingest.opened("csv_events", path).read()
        assert events.select("subject_id", "code", "numeric_value").rows() == expected


def test_ids_that_are_texts(tmp_path: Path):
    mapping = MAPPING.replace("subject: patient", "subject: PATIENT\n    ids: text")
    extract = sources.read("csv_events", folder(tmp_path, mapping))
    (frame,) = extract.tables[0].frames()
    assert frame["subject_id"].to_list() == [subject_number("1"), subject_number("2")]
    assert extract.subjects is not None
    assert extract.subjects().rows() == [(subject_number(text), text) for text in "12"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("file: t.csv", "file: absent.csv"), r"table .*absent\.csv: got no such file"),
        (("subject: patient", "subject: person"), r"column 'person' of t\.csv: got no such column"),
        (("time: when", "time: moment"), r"column 'moment' of t\.csv: got no such column"),
        (("{code}", "{kode}"), r"column 'kode' of t\.csv: got no such column.*'code'"),
        (("time: when", "tiem: when"), r"'tables\.0\.events\.0\.tiem' .* unknown key.*'time'"),
        (("subject: patient", ""), r"'tables\.0\.subject' .* got nothing"),
        (('code: "X//{code}", ', ""), r"'tables\.0\.events\.0\.code' .* got nothing"),
        (("subject: patient", "subject: patient\n    ids: words"), r"'tables\.0\.ids'"),
        (("subject: patient", "subject: [patient]"), r"'tables\.0\.subject' .* wanted text"),
        (("tables:", "tables: 5\nmore:"), r"events\.yaml"),
        (("tables:", "tables: ["), r"events\.yaml: got not YAML at line"),
        ((MAPPING, ""), r"events\.yaml: got NoneType"),
        ((MAPPING, "tables: []"), r"'tables'"),
        (("subject: patient", "subject: patient\n    separator: ab"), r"'tables\.0\.separator'"),
    ],
)
def test_mistakes_in_the_mapping(tmp_path: Path, change: tuple[str, str], message: str):
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        sources.read("csv_events", folder(tmp_path, MAPPING.replace(*change)))
    assert "\n" not in str(caught.value)


def test_a_table_in_place_of_the_mapping(tmp_path: Path):
    with pytest.raises(ConfigError, match="got no YAML file"):
        sources.read("csv_events", folder(tmp_path) / "t.csv")


def test_a_bad_form_of_times_says_what_was_left_out(tmp_path: Path):
    mapping = MAPPING.replace("subject: patient", 'subject: patient\n    times: ["%d.%m.%Y"]')
    with pytest.raises(DataError, match=r"no events.*t\.csv: when unreadable \(2\)"):
        ingest.opened("csv_events", folder(tmp_path, mapping))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "nothing in it"),
        ("patient,when,code\n1,2020-01-01,a\n", "column 'value' of t.csv"),
        (TABLE + "3,2020-01-01\n", "row 3 of t.csv: got 2 cells"),
        (TABLE + '3,2020-01-01,"CANARY,1\n', "row 3 of t.csv"),
        (TABLE.encode() + b"3,2020-01-01,\xffCANARY,1\n", "column 'code' of t.csv: .* row 3"),
        (TABLE.replace("patient", "when", 1), "column 'patient' of t.csv"),
    ],
)
def test_broken_tables(tmp_path: Path, table: str | bytes, message: str):
    with pytest.raises(DataError, match=message) as caught:
        ingest.opened("csv_events", folder(tmp_path, table=table))
    assert "CANARY" not in str(caught.value)


def test_hostile_cells_are_data(tmp_path: Path):
    rows = '1,2020-01-01,"=1+1",1e999\n1,2020-01-02,"{code}",-1e300\n1,9999-12-31,"a//b",nan\n'
    table = (
        TABLE + rows + "1,10000-01-01,x,1\n1,0000-01-01,x,1\n99999999999999999999,2020-01-01,x,\n"
    )
    root = folder(tmp_path, table=table)
    summary = ingest.ingest(sources.read("csv_events", root), tmp_path / "out")
    events = ingest.opened("meds", tmp_path / "out").read([1])
    assert events["code"].to_list() == ["X//a", "X//=1+1", "X//{code}", "X//a//b"]
    assert events["numeric_value"].to_list() == [5.0, None, None, None]
    assert events["text_value"].to_list() == [None, "1e999", "-1e300", "nan"]
    assert summary.dropped == {("t.csv", "no such subject"): 1, ("t.csv", "when unreadable"): 2}


def test_a_missing_file_between_reading_and_opening(tmp_path: Path):
    extract = sources.read("csv_events", folder(tmp_path))
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError, match="no longer there"):
        ingest.ingest(extract, tmp_path / "out")
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(SchemaError, match="no such column"):
        sources.read("csv_events", tmp_path)


def test_an_error_in_another_process_is_the_same_error(tmp_path: Path):
    root = folder(tmp_path, MAPPING + MAPPING.replace("tables:", "").replace("t.csv", "u.csv"))
    (root / "u.csv").write_text(TABLE + "3,2020-01-01,CANARY\n")
    extract = sources.read("csv_events", root)
    with pytest.raises(DataError, match=r"^row 3 of u\.csv: got 3 cells, wanted 4") as caught:
        ingest.ingest(extract, tmp_path / "out", processes=2, origin=("csv_events", root, {}))
    assert "CANARY" not in str(caught.value)
