"""OMOP in each of its forms; what a hostile or broken one does."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl
import pytest

from sequela import ingest, sources
from sequela.errors import DataError, SchemaError
from sequela.events import EventData

EXAMPLE = Path(sources.__file__).parent / "omop" / "example"
EXPECTED = (EXAMPLE / "expected.csv").read_text()


def tables() -> dict[str, pl.DataFrame]:
    """The example with types, as databases have it."""
    found = {}
    for file in EXAMPLE.glob("*.csv"):
        if file.name != "expected.csv":
            separator, quote = ("\t", None) if file.name == "CONCEPT.csv" else (",", '"')
            found[file.stem.lower()] = pl.read_csv(
                file, separator=separator, quote_char=quote, try_parse_dates=True
            )
    return found


def zipped(tmp_path: Path, **more: bytes) -> Path:
    path = tmp_path / "cdm.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in EXAMPLE.glob("*.csv"):
            if file.name != "expected.csv":
                archive.write(file, f"inner/{file.name.upper()}")
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def test_the_zip(tmp_path: Path):
    assert ingest.opened("omop", zipped(tmp_path)).read().write_csv() == EXPECTED


def test_parquet_files_and_folders_of_them(tmp_path: Path):
    for name, table in tables().items():
        if name == "measurement":
            (tmp_path / "MEASUREMENT").mkdir()
            for n in range(table.height):
                table[n : n + 1].write_parquet(tmp_path / "MEASUREMENT" / f"part-{n}.parquet")
            continue
        # pandas writes whole numbers with gaps as floats.
        floats = [pl.col(c).cast(pl.Float64) for c in table.columns if table[c].dtype.is_integer()]
        table.with_columns(floats).rename(str.upper).write_parquet(tmp_path / f"{name}.parquet")
    assert ingest.opened("omop", tmp_path).read().write_csv() == EXPECTED


def test_a_database(tmp_path: Path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "cdm.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("create schema cdm")
        for name, table in tables().items():
            table.write_parquet(tmp_path / "one.parquet")
            file = str(tmp_path / "one.parquet")
            database.execute(f"create table cdm.cdm.{name} as select * from read_parquet('{file}')")
    assert ingest.opened("omop", path).read().write_csv() == EXPECTED
    with duckdb.connect(str(path)) as database:
        database.execute("create schema other")
        database.execute("create table other.person as select * from cdm.cdm.person")
    with pytest.raises(SchemaError, match=r"table person of cdm\.duckdb: got two schemas"):
        sources.read("omop", path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"database cdm\.duckdb: got not readable"):
        sources.read("omop", path)


def test_codes_have_names_and_parents(tmp_path: Path):
    summary = ingest.ingest(sources.read("omop", EXAMPLE), tmp_path / "meds")
    data = EventData.open(tmp_path / "meds")
    words = data.code_descriptions()
    assert words["SNOMED//59621000"] == "Essential hypertension"
    assert words["SNOMED//38341003"] == "Hypertensive disorder"
    assert words["ICD10CM//J06.9"] == 'Acute upper "respiratory" infection'
    assert words["LOINC//29463-7//kg"] == "Body weight"
    assert words["VISIT//IP"] == "Inpatient Visit"
    codes = pl.read_parquet(tmp_path / "meds" / "metadata" / "codes.parquet")
    parents = dict(codes.select("code", "parent_codes").iter_rows())
    assert parents["SNOMED//59621000"] == ["SNOMED//38341003"]
    assert summary.dropped == {
        ("condition_occurrence", "condition_start_datetime or condition_start_date empty"): 1,
        ("condition_occurrence", "no code for {code}"): 1,
    }


def test_without_a_vocabulary(tmp_path: Path):
    for file in EXAMPLE.glob("*.csv"):
        if not file.name.startswith(("CONCEPT", "expected")):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    extract = sources.read("omop", tmp_path)
    assert extract.notes
    codes = set(ingest.opened("omop", tmp_path).read()["code"])
    assert {"OMOP//320128", "OMOP//45591454", "UNMAPPED//Z99.x", "VISIT//IP", "VISIT"} <= codes
    assert {"OMOP//3025315//kilo", "OMOP//3025315"} <= codes


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"b/person.csv": b"person_id\n1\n"}, r"person\.csv: got two tables of this name"),
        ({"b/DEATH.CSV": b"x,y\n"}, "two tables of this name"),
    ],
)
def test_zips_with_odd_names(tmp_path: Path, members: dict[str, bytes], message: str):
    with pytest.raises(DataError, match=message):
        sources.read("omop", zipped(tmp_path, **members))


def test_a_name_that_leads_out_of_a_zip_leads_nowhere(tmp_path: Path):
    path = zipped(tmp_path, **{"../../escaped.csv": b"CANARY", "/etc/specimen.csv": b"CANARY"})
    before = set(tmp_path.parent.iterdir())
    assert ingest.opened("omop", path).read().write_csv() == EXPECTED
    assert set(tmp_path.parent.iterdir()) == before


def test_broken_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = zipped(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"archive cdm\.zip: got not readable"):
        sources.read("omop", path)
    place = whole.index(b"PERSON.CSV") + 40
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(DataError, match=r"archive cdm\.zip: got not readable"):
        sources.read("omop", path)
    path.write_bytes(whole)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Room", (), {"free": 10})())
    with pytest.raises(DataError, match="of tables inside, 0 MiB of room"):
        sources.read("omop", path)


def test_what_is_no_omop(tmp_path: Path):
    with pytest.raises(DataError, match="got no table 'person'"):
        sources.read("omop", tmp_path)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(DataError, match="got a file of another kind"):
        sources.read("omop", tmp_path / "x.txt")
    (tmp_path / "person.csv").write_text("person_id,gender_concept_id\n1,8507\n")
    with pytest.raises(SchemaError, match="column 'year_of_birth' of table person"):
        sources.read("omop", tmp_path)
    (tmp_path / "person.csv").unlink()
    (tmp_path / "person.parquet").write_bytes(b"PAR1 CANARY PAR1")
    with pytest.raises(DataError, match="not readable") as caught:
        sources.read("omop", tmp_path)
    assert "CANARY" not in str(caught.value)


@pytest.mark.data
def test_the_published_extract(data_root: Path, tmp_path: Path):
    path = data_root / "omop_synthea_28" / "Synthea27Nj_5.4.zip"
    summary = ingest.ingest(sources.read("omop", path), tmp_path / "meds")
    assert summary.subjects == 28
    assert summary.tables["condition_occurrence"] == 470
    assert summary.tables["measurement"] == 10_040
    assert summary.tables["drug_exposure"] == 883
    assert summary.tables["death"] == 3
    assert summary.tables["visit_occurrence"] == 2 * 1_791
    data = EventData.open(tmp_path / "meds")
    words, codes = data.code_descriptions(), set(data.read()["code"])
    conditions = {code for code in codes if code.startswith("SNOMED//")}
    assert conditions
    assert len(conditions & words.keys()) > 0.9 * len(conditions)
