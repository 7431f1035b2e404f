"""Raw sources of events: each room's example, each option of a file, each real data set."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import polars as pl
import pytest

from sequela import ingest, sources, tasks
from sequela.cohort import build_cohort
from sequela.errors import DataError, SchemaError
from sequela.events import Extract

ROOMS = Path(sources.__file__).parent
RAW = ["csv_events", "mimic3", "mimic4", "synthea"]


def example(source: str) -> Path:
    return ROOMS / source / "example"


@pytest.mark.parametrize("source", RAW)
def test_the_example(source: str):
    expected = (example(source) / "expected.csv").read_text()
    assert ingest.opened(source, example(source)).read().write_csv() == expected


@pytest.mark.parametrize("source", [name for name in RAW if name != "csv_events"])
def test_the_example_gzipped_and_in_capitals(source: str, tmp_path: Path):
    for file in example(source).rglob("*.csv"):
        if file.name == "expected.csv":
            continue
        inner = file.relative_to(example(source))
        target = tmp_path / str(inner.parent).upper() / file.stem.upper()
        target.parent.mkdir(parents=True, exist_ok=True)
        header, _, rows = file.read_bytes().partition(b"\n")
        content = header.upper() + b"\r\n" + rows.replace(b"\n", b"\r\n")
        target.with_suffix(".csv.gz").write_bytes(gzip.compress(content))
    expected = (example(source) / "expected.csv").read_text()
    assert ingest.opened(source, tmp_path).read().write_csv() == expected


@pytest.mark.parametrize("source", RAW)
def test_the_example_is_read_twice_alike_and_dropped_rows_are_counted(source: str):
    extract = sources.read(source, example(source))
    assert isinstance(extract, Extract)

    def once() -> list[pl.DataFrame]:
        return [frame for table in extract.tables for frame in table.frames()]

    first = once()
    counted = extract.drops.counts()
    assert counted, "the example shows what is dropped"
    second = once()
    assert all(a.equals(b) for a, b in zip(first, second, strict=True))
    assert extract.drops.counts() == {key: 2 * rows for key, rows in counted.items()}


@pytest.mark.parametrize("source", RAW)
def test_nothing_there(source: str, tmp_path: Path):
    with pytest.raises(Exception, match=r"events\.yaml|patients|person") as caught:
        sources.read(source, tmp_path)
    assert "\n" not in str(caught.value)


def test_synthea_without_what_is_needed(tmp_path: Path):
    shutil.copytree(example("synthea"), tmp_path / "in")
    (tmp_path / "in" / "CONDITIONS.csv").write_text("START,PATIENT\n2020-01-01,p-1\n")
    with pytest.raises(SchemaError, match=r"column 'code' of CONDITIONS\.csv: got no such column"):
        sources.read("synthea", tmp_path / "in")
    (tmp_path / "in" / "CONDITIONS.csv").write_text("START,PATIENT,CODE\n2020-01-01,p-1,1,CANARY\n")
    with pytest.raises(DataError, match=r"row 1 of CONDITIONS\.csv: got 4 cells") as caught:
        ingest.opened("synthea", tmp_path / "in")
    assert "CANARY" not in str(caught.value)


def test_an_age_below_zero_gives_no_birth_and_is_counted(tmp_path: Path):
    shutil.copytree(example("mimic4"), tmp_path / "in")
    before = ingest.ingest(sources.read("mimic4", tmp_path / "in"), tmp_path / "before")
    path = tmp_path / "in" / "hosp" / "patients.csv"
    path.write_text(path.read_text().replace("101,F,21,", "101,F,-4711,"))
    summary = ingest.ingest(sources.read("mimic4", tmp_path / "in"), tmp_path / "out")
    assert summary.dropped == {**before.dropped, ("patients", "born empty"): 1}
    assert summary.events == before.events - 1
    births = ingest.opened("meds", tmp_path / "out").read().filter(pl.col("code") == "MEDS_BIRTH")
    assert 101 not in births["subject_id"]


def changed(source: str, folder: Path, **cells: tuple[str, str]) -> Path:
    """The example with one text in place of another in some tables."""
    shutil.copytree(example(source), folder)
    for name, (old, new) in cells.items():
        (file,) = (one for one in folder.rglob("*.csv") if one.stem.lower() == name)
        content = file.read_text()
        assert old in content
        file.write_text(content.replace(old, new))
    return folder


# The day of death becomes that of an earlier discharge; the later stay is somebody else's.
AT_HOME = {
    "mimic3": {
        "patients": ("2165-08-12 00:00:00,2165-08-12", "2164-11-01 00:00:00,2164-11-01"),
        "admissions": ("2,101,9002", "2,103,9002"),
    },
    "mimic4": {"patients": ("2126-02-01", "2125-03-04")},
}


@pytest.mark.parametrize("source", AT_HOME)
def test_a_death_at_home_on_the_day_of_the_discharge_is_none_in_hospital(
    source: str, tmp_path: Path
):
    data = ingest.opened(source, changed(source, tmp_path / "in", **AT_HOME[source]))
    found = build_cohort(data, tasks.declaration("mortality", after="24h"))
    assert not found.labels.filter(pl.col("subject_id") == 101)["boolean_value"].any()
    # And somebody who leaves the hospital alive can be asked about.
    alive = build_cohort(data, tasks.declaration("readmission")).labels["subject_id"]
    assert 101 in alive.to_list()


def test_what_is_billed_for_a_stay_without_an_end_is_not_known_at_its_start(tmp_path: Path):
    for source, stay, codes in (
        ("mimic3", ",2164-11-01 17:15:00", 2),
        ("mimic4", ",2125-03-04 12:00:00", 2),
    ):
        folder = changed(source, tmp_path / source, admissions=(stay, ","))
        extract = sources.read(source, folder)
        summary = ingest.ingest(extract, tmp_path / f"{source}.meds")
        events = ingest.opened("meds", tmp_path / f"{source}.meds").read()
        assert with_code(events, "ICD9CM//") + with_code(events, "ICD10CM//") == 0
        assert summary.dropped[("diagnoses_icd", "stay_end empty")] == codes


# --- real data -----------------------------------------------------------------------------------


def with_code(events: pl.DataFrame, beginning: str) -> int:
    return int(events["code"].str.starts_with(beginning).sum())


def several_admissions(events: pl.DataFrame) -> int:
    stays = events.filter(pl.col("code").str.starts_with("HOSPITAL_ADMISSION"))
    return stays.group_by("subject_id").len().filter(pl.col("len") > 1).height


def subjects_with(events: pl.DataFrame, *codes: str) -> int:
    return events.filter(pl.col("code").is_in(codes))["subject_id"].n_unique()


def rows_of(summary: ingest.Summary, table: str) -> int:
    """Rows of an input table whose rows hold one event each."""
    return summary.tables[table] + sum(
        rows for (name, _), rows in summary.dropped.items() if name == table
    )


@pytest.mark.data
def test_synthea_of_a_thousand_patients(data_root: Path, tmp_path: Path):
    extract = sources.read("synthea", data_root / "synthea_1000")
    summary = ingest.ingest(extract, tmp_path / "meds")
    assert summary.subjects == 1000
    assert summary.tables["conditions"] == 20_512
    assert summary.tables["medications"] == 17_922
    assert "encounters" in summary.missing
    # The published extract holds allergies of people who are not among its patients.
    assert summary.dropped == {("allergies", "no such subject"): 781}
    events = ingest.opened("meds", tmp_path / "meds").read()
    assert subjects_with(events, "SNOMED//38341003", "SNOMED//59621000") == 246
    assert subjects_with(events, "SNOMED//53741008") == 65
    assert subjects_with(events, "SNOMED//88805009") == 3


@pytest.mark.data
def test_synthea_with_encounters(data_root: Path, tmp_path: Path):
    extract = sources.read("synthea", data_root / "synthea_111")
    summary = ingest.ingest(extract, tmp_path / "meds")
    assert summary.subjects == 111
    assert summary.tables["encounters"] == 2 * 7_584
    assert not summary.dropped
    events = ingest.opened("meds", tmp_path / "meds").read()
    assert events["code"].str.starts_with("ENCOUNTER//").sum() == 7_584
    assert extract.missing == ("observations", "devices")


@pytest.mark.data
def test_mimic3_demo(data_root: Path, tmp_path: Path):
    extract = sources.read("mimic3", data_root / "mimic3_demo")
    summary = ingest.ingest(extract, tmp_path / "meds")
    assert summary.subjects == 100
    assert summary.tables["diagnoses_icd"] == 1_761
    assert summary.tables["prescriptions"] == 10_398
    assert summary.tables["labevents"] == 76_074
    assert summary.missing == ("chartevents",)
    assert summary.dropped == {("inputevents_mv", "rewritten later"): 2_910}
    data = ingest.opened("meds", tmp_path / "meds")
    events = data.read()
    assert with_code(events, "HOSPITAL_ADMISSION//") == 129
    assert with_code(events, "HOSPITAL_DISCHARGE//DEAD/EXPIRED") == 40
    assert several_admissions(events) == 14
    coded = events.filter(pl.col("code").str.starts_with("ICD9CM//"))
    assert (coded["available_time"] > coded["time"]).all()
    words = data.code_descriptions()
    assert words["ICD9CM//4280"] == "Congestive heart failure, unspecified"
    labs = {code for code in events["code"].unique() if code.startswith("LAB//")}
    assert labs <= words.keys()


@pytest.mark.data
def test_mimic4_demo(data_root: Path, tmp_path: Path):
    extract = sources.read("mimic4", data_root / "mimic4_demo")
    summary = ingest.ingest(extract, tmp_path / "meds")
    assert summary.subjects == 100
    assert not summary.dropped
    assert {"labevents", "chartevents"} <= set(summary.missing)
    events = ingest.opened("meds", tmp_path / "meds").read()
    assert with_code(events, "HOSPITAL_ADMISSION//") == 275
    assert with_code(events, "HOSPITAL_DISCHARGE//DIED") == 15
    assert several_admissions(events) == 48
    assert with_code(events, "ICD9CM//") + with_code(events, "ICD10CM//") == 4_506
    coded = events.filter(pl.col("code").str.contains(r"^ICD\d+CM//"))
    assert (coded["available_time"] > coded["time"]).all()


@pytest.mark.data
def test_the_meds_of_mimic4(data_root: Path):
    data = ingest.opened("meds", data_root / "mimic4_demo_meds", value_column="value")
    events = data.read()
    assert events.height == 916_166
    assert events["code"].n_unique() == 7_035
    assert events["time"].null_count() == 100
    assert events["available_time"].null_count() == 100


@pytest.mark.parametrize("source", ["mimic3", "mimic4"])
def test_a_table_in_place_of_its_folder_is_said_to_be_a_file(source, tmp_path):
    (tmp_path / "patients.csv").write_text("subject_id\n1\n")
    with pytest.raises(DataError, match=r"patients\.csv: got a file, wanted the folder"):
        sources.read(source, tmp_path / "patients.csv")
