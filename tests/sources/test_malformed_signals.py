"""Damaged WFDB records, .ts files and tables of samples, a canary where they are damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from tests.sources.malformed import CANARY, refused

HEADER = f"a 2 100 50\na.dat 16 200 16 0 0 0 0 II\na.dat 16 200 16 0 0 0 0 V5\n# {CANARY}\n"


def record(folder: Path, header: str = HEADER, samples: int = 100) -> Path:
    (folder / "a.hea").write_text(header)
    (folder / "a.dat").write_bytes(np.arange(samples, dtype="<i2").tobytes())
    return folder / "a.hea"


def line(old: str, new: str) -> str:
    assert old in HEADER
    return HEADER.replace(old, new)


HEADERS = {
    "empty": ("", "an empty header"),
    "comments alone": (f"# {CANARY}\n", "an empty header"),
    "not a header": (f"{CANARY}\n", "line 1 of .*a.hea: got no record line"),
    "binary": ("\x00\x01" + CANARY, "no text of a header"),
    "no signals announced": (line("a 2 100 50", f"a {CANARY}"), "no record line"),
    "signals missing": (line("a 2 ", "a 3 "), "3 signals announced, wanted 2"),
    "signals unannounced": (line("a 2 ", "a 1 "), "1 signals announced, wanted 2"),
    "a million signals": (line("a 2 ", "a 999999 "), "999999 signals announced"),
    "rate of zero": (line("100 50", "0 50"), "a sampling rate out of range"),
    "rate without end": (line("100 50", "1e300 50"), "a sampling rate out of range"),
    "rate is text": (line("100 50", f"{CANARY} 50"), "no record line"),
    "endless samples": (line("100 50", "100 999999999999"), "25|50 samples of each signal"),
    "one sample too many": (line("100 50", "100 52"), "50 samples of each signal, wanted 52"),
    "segments missing": (line("a 2 ", "a/3 2 "), "3 segments announced, wanted 2"),
    "segments without length": (f"a/1 2 100 50\n{CANARY}\n", "line 2 .*no segment line"),
    "a segment elsewhere": (f"a/1 2 100 50\n../{CANARY} 50\n", "line 2 .*a segment elsewhere"),
    "a segment that is missing": (f"a/1 2 100 50\n{CANARY} 50\n", "whose header is missing"),
    "a segment of itself": ("a/1 2 100 50\na 50\n", "the record itself"),
    "a segment too short": ("a/1 2 100 50\n~ 49\n", "49 samples in the segments"),
    "gaps alone": ("a/1 2 100 50\n~ 50\n", "no segment with samples"),
    "a line of one word": (line("a.dat 16 200 16 0 0 0 0 V5", CANARY), "line 3 .*no signal line"),
    "a path above": (line("a.dat 16 200 16 0 0 0 0 V5", f"../{CANARY} 16"), "a file elsewhere"),
    "an absolute path": (line("a.dat 16 200 16 0 0 0 0 V5", f"/{CANARY} 16"), "a file elsewhere"),
    "an address": (line("a.dat 16 200 16 0 0 0 0 V5", f"https://{CANARY}/ 16"), "elsewhere"),
    "dots": (line("a.dat 16 200 16 0 0 0 0 V5", ".. 16"), "line 3 .*a file elsewhere"),
    "a missing file": (line("a.dat 16 200 16 0 0 0 0 V5", f"{CANARY} 16"), "is missing"),
    "an unknown format": (line("a.dat 16 200 16 0 0 0 0 V5", "a.dat 999"), "not read here"),
    "a compressed format": (line("a.dat 16 200 16 0 0 0 0 V5", "a.dat 516"), "not read here"),
    "a skew": (line("a.dat 16 200 16 0 0 0 0 V5", "a.dat 16:9 200"), "or a skew"),
    "an empty frame": (line("a.dat 16 200 16 0 0 0 0 V5", "a.dat 16x0 200"), "a frame of no"),
    "two formats in a file": (line("a.dat 16 200 16 0 0 0 0 V5", "a.dat 80"), "in two formats"),
    "an offset beyond the file": (HEADER.replace("16 200", "16+9999 200"), "0 samples of each"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_damaged_wfdb_headers(name, tmp_path, capfd, caplog):
    header, words = HEADERS[name]
    refused("wfdb", record(tmp_path, header), words, capfd, caplog)


def test_a_cut_off_sample_file(tmp_path, capfd, caplog):
    words = "a.dat: got 49 samples of each signal, wanted 50, as a.hea says"
    refused("wfdb", record(tmp_path, samples=98), words, capfd, caplog)


@pytest.mark.parametrize("name", ["a.dat", "a.atr", "a.hea"])
def test_links_out_of_the_folder(name, tmp_path, capfd, caplog):
    (tmp_path / "others").mkdir()
    (tmp_path / "mine").mkdir()
    record(tmp_path / "mine")
    record(tmp_path / "others")
    (tmp_path / "others" / "a.atr").write_bytes(b"\x00\x04\x00\x00")
    (tmp_path / "mine" / name).unlink(missing_ok=True)
    (tmp_path / "mine" / name).symlink_to(Path("..", "others", name))
    refused("wfdb", tmp_path / "mine", "link.* out of the folder", capfd, caplog)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "a.atr: got an empty file"),
        (b"\x01", "an empty file"),
        (CANARY.encode() * 3, "a file that does not end as it must"),
        (b"\x0a\x04\x0a\x04", "a file that does not end as it must"),
        # A skip of -9 samples (code 59, then the distance in two words).
        (b"\x0a\x04\x00\xec\xff\xff\xf7\xff\x01\x04\x00\x00", "annotation 2 of .*a time before"),
        (b"\x0a\x04\xff\xfc\x00\x00", "breaks off within an annotation"),
    ],
    ids=["empty", "a byte", "text", "cut", "out of order", "a long note"],
)
def test_damaged_annotations(raw, words, tmp_path, capfd, caplog):
    path = record(tmp_path)
    (tmp_path / "a.atr").write_bytes(raw)
    refused("wfdb", path, words, capfd, caplog)


TS = "@classLabel true a b\n@dimensions 2\n@data\n1,2:3,4:a\n"
SERIES = {
    "empty": ("", "no line @data"),
    "a header alone": ("@data\n", "got no cases"),
    "data before the header": (f"{CANARY}\n@data\n", "line 1 of .*data before @data"),
    "text": (TS.replace("3,4", f"3,{CANARY}"), "line 4 .*no number in dimension 2"),
    "a missing value": (TS.replace("1,2", "1,?"), "line 4 .*no number in dimension 1"),
    "an empty value": (TS.replace("1,2", "1,"), "no number in dimension 1"),
    "NaN": (TS.replace("1,2", "1,NaN"), "missing or not finite in dimension 1"),
    "too large": (TS.replace("1,2", "1,1e99"), "missing or not finite"),
    "a dimension missing": (TS.replace(":3,4", ""), "1 dimensions, wanted 2"),
    "a dimension too many": (TS.replace(":a", ":5,6:a"), "3 dimensions, wanted 2"),
    "dimensions of two lengths": (TS.replace("3,4", "3"), "dimensions of different lengths"),
    "an unknown label": (TS.replace(":a", f":{CANARY}"), "@classLabel does not list"),
    "no label": (TS.replace(":a", ":"), "got no label"),
    "time stamps": ("@timeStamps true\n" + TS, "line 1 .*time stamps"),
    "targets": ("@targetLabel true\n" + TS, "targets that are numbers"),
    "a flag that is none": (f"@timeStamps {CANARY}\n" + TS, "without true or false"),
    "dimensions of text": (f"@dimensions {CANARY}\n@data\n", "@dimensions without a number"),
    "a billion dimensions": (
        TS.replace("dimensions 2", "dimensions 999999999"),
        "wanted 999999999",
    ),
    "a length that is not kept": ("@seriesLength 3\n" + TS, "2 samples, wanted 3"),
}


@pytest.mark.parametrize("name", SERIES)
def test_damaged_series(name, tmp_path, capfd, caplog):
    text, words = SERIES[name]
    (tmp_path / "a.ts").write_text(text)
    refused("ts", tmp_path, words, capfd, caplog)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"1 2 3\n1 2\n", "line 2 of .*2 fields, wanted 3"),
        (b"1 2 3\n1 2 3 4\n", "4 fields, wanted 3"),
        (b"1\n", "one field"),
        (f"{CANARY} 2 3\n".encode(), "in the place of the label"),
        (f"1 2 {CANARY}\n".encode(), "line 1 .*no number"),
        (b"1 2 nan\n", "not finite"),
        (b"1 2 \xff\xfe\n", "not UTF-8"),
        (b"\n\n", "got no cases"),
    ],
    ids=["short", "long", "label", "text in the label", "text", "nan", "bytes", "blank"],
)
def test_damaged_tables_of_series(raw, words, tmp_path, capfd, caplog):
    (tmp_path / "a.txt").write_bytes(raw)
    refused("ts", tmp_path, words, capfd, caplog)


YAML = "record: r\nchannels: [x]\ntime: t\nlabel: y\n"
TABLE = "r,t,x,y\na,0,1,u\na,1,2,u\nb,0,3,u\nb,1,4,u\n"
TABLES = {
    "empty": ("", "samples.csv"),
    "a header alone": ("r,t,x,y\n", "a header without rows"),
    "a column missing": (TABLE.replace("r,t,x,y", "r,t,z,y"), "column 'x'"),
    "text": (TABLE.replace("a,1,2", f"a,1,{CANARY}"), "column 'x' of .*the first is row 2"),
    "an empty sample": (TABLE.replace("a,1,2", "a,1,"), "column 'x' of .*nothing in row 2"),
    "an infinite sample": (TABLE.replace("a,1,2", "a,1,inf"), "the first is row 2"),
    "a sample too large": (TABLE.replace("a,1,2", "a,1,1e99"), "row 2 of .*too large"),
    "no record": (TABLE.replace("a,1,2", ",1,2"), "column 'r' of .*nothing in row 2"),
    "a cell too many": (TABLE.replace("a,1,2", f"a,1,2,{CANARY}"), "row 2"),
    "a cut row": (TABLE[:-3], "row 4"),
    "a record in two places": (TABLE + "a,2,5,u\n", "row 5 of .*a record that ended above"),
    "a label that changes": (TABLE.replace("a,1,2,u", f"a,1,2,{CANARY}"), "row 2 .*another label"),
    "a time that falls": (TABLE.replace("a,1,2", "a,-1,2"), "row 2 of .*not after the one above"),
    "a step unlike the others": (TABLE + "b,5,5,u\n", "row 5 of .*unlike the others"),
    "an open quote": (TABLE + f'b,2,5,"{CANARY}\n', "samples.csv"),
}


@pytest.mark.parametrize("name", TABLES)
def test_damaged_tables_of_samples(name, tmp_path, capfd, caplog):
    text, words = TABLES[name]
    (tmp_path / "columns.yaml").write_text(YAML)
    (tmp_path / "samples.csv").write_text(text)
    refused("csv_signals", tmp_path, words, capfd, caplog)


def test_tables_that_are_no_text(tmp_path, capfd, caplog):
    (tmp_path / "columns.yaml").write_text(YAML)
    path = tmp_path / "samples.csv"
    path.write_bytes(TABLE.encode().replace(b",u", b",\xff\xfe" + CANARY.encode()))
    refused("csv_signals", path, "UTF-8", capfd, caplog)
    packed = gzip.compress((TABLE * 200).encode())
    (tmp_path / "samples.csv.gz").write_bytes(packed[: len(packed) // 2])
    refused("csv_signals", tmp_path / "samples.csv.gz", "samples.csv.gz", capfd, caplog)
