"""Stays of the challenge: what is read, what is counted, what is refused; the published facts."""

from __future__ import annotations

import io
import tarfile
import traceback
from pathlib import Path

import polars as pl
import pytest

from sequela import ingest, sources
from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import DEATH_CODE, Extract
from sequela.sources.physionet2012 import read

EXAMPLE = Path(sources.__file__).parent / "physionet2012" / "example"
HEADER = "Time,Parameter,Value\n"
STAY = HEADER + "00:00,RecordID,7\n00:00,Age,60\n00:07,HR,73\n"
OUTCOMES = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n"
CANARY = "zq9canary"


def _frame(extract: Extract) -> pl.DataFrame:
    return pl.concat(frame for table in extract.tables for frame in table.frames())


def _folder(root: Path, files: dict[str, str | bytes], outcomes: str | None = None) -> Path:
    (root / "set-a").mkdir(exist_ok=True)
    for name, content in files.items():
        content = content.encode() if isinstance(content, str) else content
        (root / "set-a" / name).write_bytes(content)
    if outcomes is not None:
        (root / "Outcomes-a.txt").write_text(OUTCOMES + outcomes)
    return root


def _archive(root: Path, members: dict[str, str | tarfile.TarInfo]) -> Path:
    with tarfile.open(root / "set-a.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return root


def test_the_example():
    found = ingest.opened("physionet2012", EXAMPLE).read()
    assert found.write_csv() == (EXAMPLE / "expected.csv").read_text()
    extract = read(EXAMPLE)
    rows = _frame(extract).height
    counts = {reason: count for (_, reason), count in extract.drops.counts().items()}
    assert counts == {
        "outcomes of stays that are not there": 1,
        "time unreadable": 1,
        "value is no number": 1,
        "value missing (-1)": 2,
    }
    assert rows == found.height


def test_an_archive_is_read_as_its_folder(tmp_path: Path):
    texts = {path.name: path.read_text() for path in (EXAMPLE / "set-a").iterdir()}
    _archive(tmp_path, {f"set-a/{name}": text for name, text in sorted(texts.items())})
    (tmp_path / "Outcomes-a.txt").write_text((EXAMPLE / "Outcomes-a.txt").read_text())
    found = ingest.opened("physionet2012", tmp_path).read()
    assert found.write_csv() == (EXAMPLE / "expected.csv").read_text()


def test_without_outcomes_no_stay_has_an_end(tmp_path: Path):
    extract = read(_folder(tmp_path, {"7.txt": STAY}))
    assert extract.missing == ("Outcomes-a.txt",)
    codes = _frame(extract)["code"].to_list()
    assert not any(code.startswith("HOSPITAL_DISCHARGE") for code in codes)


def test_the_end_is_never_within_48_hours(tmp_path: Path):
    outcomes = "7,1,1,1,1,1\n8,1,1,2,-1,0\n9,1,1,-1,-1,0\n10,1,1,3,900,0\n11,1,1,9,4,0\n"
    numbers = (7, 8, 9, 10, 11)
    stays = {f"{n}.txt": STAY.replace("RecordID,7", f"RecordID,{n}") for n in numbers}
    found = _frame(read(_folder(tmp_path, stays, outcomes)))
    start = found.filter(pl.col("code") == "HOSPITAL_ADMISSION//ICU")["time"][0]
    hours = (pl.col("time") - start).dt.total_minutes() / 60
    ends = found.filter(pl.col("code").str.contains("DISCHARGE|DEATH")).with_columns(hours=hours)
    assert ends["hours"].min() > 48
    by_stay = dict(
        ends.filter(pl.col("code") != DEATH_CODE).select("subject_id", "code").iter_rows()
    )
    assert by_stay[7] == "HOSPITAL_DISCHARGE//DIED"
    assert {by_stay[n] for n in (8, 9, 10, 11)} == {"HOSPITAL_DISCHARGE//ALIVE"}
    deaths = dict(ends.filter(pl.col("code") == DEATH_CODE).select("subject_id", "hours").rows())
    # Stay 11 is said to have died before it was discharged alive: such a date is no death.
    assert deaths == {7: 48 + 1 / 60, 10: 900 * 24}


def test_links_and_paths_out_of_the_archive_are_never_followed(tmp_path: Path):
    link = tarfile.TarInfo("set-a/8.txt")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    members = {"link": link, "../../7.txt": STAY, "/9.txt": STAY.replace(",7\n", ",9\n")}
    before = sorted(tmp_path.iterdir())
    found = _frame(read(_archive(tmp_path, members)))
    assert sorted(found["subject_id"].unique()) == [7, 9]
    assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "set-a.tar.gz"]


@pytest.mark.parametrize("share", [0.2, 0.7, 0.98])
def test_a_cut_archive_is_refused(tmp_path: Path, share: float):
    path = _archive(tmp_path, {f"{n}.txt": STAY.replace(",7\n", f",{n}\n") for n in range(300)})
    whole = (path / "set-a.tar.gz").read_bytes()
    (path / "set-a.tar.gz").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=r"archive set-a\.tar\.gz: .*not readable"):
        _frame(read(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Time;{CANARY};Value\n00:00;HR;1\n", r"file 7\.txt.*another header"),
        ("", r"file 7\.txt.*another header"),
        (HEADER + f"00:00,RecordID,7\n00:01,HR,{CANARY},1\n", r"row 2 of 7\.txt.*three cells"),
        (HEADER + f"00:00,RecordID,7\n{CANARY}\n", r"row 2 of 7\.txt.*three cells"),
        (HEADER + f"00:00,RecordID,{CANARY}\n", r"row 1 of 7\.txt.*another RecordID"),
        (HEADER + "00:00,RecordID,8\n", r"row 1 of 7\.txt.*another RecordID"),
        (
            HEADER.encode() + b"00:00,HR,1\n00:01,\xff\xfe" + CANARY.encode(),
            r"row 2 of 7\.txt.*UTF",
        ),
    ],
)
def test_a_broken_stay_is_refused_with_its_row(tmp_path: Path, text: str | bytes, said: str):
    with pytest.raises(DataError, match=said) as caught:
        _frame(read(_folder(tmp_path, {"7.txt": text})))
    whole = "".join(traceback.format_exception(caught.value))
    assert CANARY not in whole.replace(repr(text), "")


def test_what_is_odd_is_counted_and_never_shown(tmp_path: Path):
    rows = [
        f"00:10,{CANARY},5",
        f"00:10,HR,{CANARY}",
        "00:10,HR,1e300",
        "00:10,HR,nan",
        f"{CANARY},HR,80",
        "-1:00,HR,80",
        "00:61,HR,80",
        "00:10,HR,-1",
        "00:10,,4",
        "00:00,Age,999",
        "00:00,Gender,2",
        "00:00,ICUType,9",
        "",
    ]
    extract = read(_folder(tmp_path, {"7.txt": STAY + "\r\n".join(rows)}, ""))
    found = _frame(extract)
    counts = {reason: count for (_, reason), count in extract.drops.counts().items()}
    assert counts == {
        "parameter not known": 2,
        "value is no number": 3,
        "time unreadable": 3,
        "value missing (-1)": 1,
        "age out of range": 1,
        "gender neither 0 nor 1": 1,
        "ICU type not known": 1,
        "stays without an outcome": 1,
    }
    assert found["code"].to_list() == ["HOSPITAL_ADMISSION//ICU", "MEDS_BIRTH", "PHYSIONET2012//HR"]
    assert CANARY not in str(counts)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"7,1,1,{CANARY},1,1\n", r"row 1 of Outcomes-a\.txt"),
        ("7,1,1,5,1,2\n", r"row 1 of Outcomes-a\.txt"),
        ("7,1,1,5,99999999,0\n", r"row 1 of Outcomes-a\.txt"),
        ("7,1,1,5,1,1\n7,1,1,5,1,1\n", "a RecordID twice"),
        ("7,1,1\n", r"row 1 of Outcomes-a\.txt"),
    ],
)
def test_broken_outcomes_are_refused(tmp_path: Path, row: str, said: str):
    with pytest.raises(DataError, match=said) as caught:
        read(_folder(tmp_path, {"7.txt": STAY}, row))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_what_is_not_there(tmp_path: Path):
    with pytest.raises(DataError, match=r"no set-a\.tar\.gz"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"no set-b\.tar\.gz"):
        sources.read("physionet2012", EXAMPLE, part="b")
    with pytest.raises(ConfigError, match="part"):
        read(EXAMPLE, part="../x")
    with pytest.raises(DataError, match="no file of a stay"):
        _frame(read(_folder(tmp_path, {"note.txt": "x"})))
    (tmp_path / "Outcomes-a.txt").write_text("RecordID,Survival\n")
    with pytest.raises(SchemaError, match="length_of_stay"):
        read(tmp_path)


def test_a_second_file_of_a_stay_is_refused(tmp_path: Path):
    _archive(tmp_path, {"a/7.txt": STAY, "b/7.txt": STAY})
    with pytest.raises(DataError, match=r"file 7\.txt: got a second file"):
        _frame(read(tmp_path))


@pytest.mark.data
@pytest.mark.long
def test_the_facts_of_set_a(data_root: Path):
    extract = read(data_root / "physionet2012")
    found = _frame(extract)
    dropped = sum(extract.drops.counts().values())
    codes = found["code"].value_counts()
    count = dict(codes.iter_rows())
    added = [
        rows
        for code, rows in count.items()
        if code.startswith(("HOSPITAL", "ICU_ADM", "MEDS_DEATH"))
    ]
    # Each row is an event, a RecordID or a drop.
    assert found.height - sum(added) + 4000 + dropped == 1_757_980
    assert count["HOSPITAL_DISCHARGE//DIED"] == 554
    assert count["HOSPITAL_ADMISSION//ICU"] == found["subject_id"].n_unique() == 4000
    assert sum(code.startswith("PHYSIONET2012//") for code in count) == 38
    later = found.filter(
        pl.col("code").str.starts_with("PHYSIONET2012//")
        & (pl.col("time") > pl.datetime(2000, 1, 1))
    )
    assert later["subject_id"].n_unique() == 3997
    assert extract.drops.counts() == {("set-a", "value missing (-1)"): 2223}
