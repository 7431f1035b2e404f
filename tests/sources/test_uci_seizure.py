from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import sequela
from sequela.errors import DataError, LabelError, LeakageError, SchemaError
from sequela.signals import standard_deviation
from sequela.sources.uci_seizure import read

EXAMPLE = Path(sequela.__file__).parent / "sources" / "uci_seizure" / "example"


def test_the_example_reads_as_expected():
    signals = read(EXAMPLE)
    with (EXAMPLE / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(signals) == len(expected)
    assert signals.recording.tolist() == [row["recording"] for row in expected]
    assert signals.label is not None
    assert signals.label.tolist() == [int(row["label"]) for row in expected]
    assert signals.lengths.tolist() == [int(row["samples"]) for row in expected]
    deviations = [float(row["standard_deviation"]) for row in expected]
    np.testing.assert_allclose(standard_deviation(signals), deviations, atol=1e-3)
    assert signals.sampling_rate == 173.61
    assert "recovered" in signals.group_note


# --- a table to damage -------------------------------------------------------------------------


@pytest.fixture
def table() -> list[list[str]]:
    """Header and rows of the example, as text."""
    with (EXAMPLE / "data.csv").open() as file:
        return [line.rstrip("\n").split(",") for line in file]


@pytest.fixture
def save(tmp_path):
    """Writes a table as data.csv and gives its path."""

    def write(table: list[list[str]], end: str = "\n", name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes("".join(",".join(row) + end for row in table).encode())
        return path

    return write


def listing(table):
    """A recordings.csv that fits the table."""
    rows = [[row[0], f"rec{row[0].split('.')[2]}-{row[-1]}", row[-1]] for row in table[1:]]
    return [["id", "recording", "y"], *rows]


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- what is tolerated -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Unnamed", "Unnamed: 0", "id", '""', '"Unnamed"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_of_the_first_column_and_line_ends(table, save, name, end):
    table[0][0] = name
    signals = read(save(table, end))
    np.testing.assert_array_equal(signals.values, read(EXAMPLE).values)


def test_quotes_a_byte_order_mark_and_no_final_newline(table, tmp_path):
    text = "\n".join(",".join(f'"{field}"' for field in row) for row in table)
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    np.testing.assert_array_equal(read(path).values, read(EXAMPLE).values)
    assert read(path).recording.tolist() == read(tmp_path).recording.tolist()


def test_columns_in_another_order(table, save):
    table = [[row[0], row[-1], *row[1:-1][::-1]] for row in table]
    np.testing.assert_array_equal(read(save(table)).values, read(EXAMPLE).values)


def test_a_recordings_file_beside_it_is_used(table, save):
    save(listing(table), name="recordings.csv")
    signals = read(save(table))
    assert signals.recording.tolist() == [row[1] for row in listing(table)[1:]]
    assert signals.group_note == "recordings as listed in recordings.csv"


def test_a_recordings_file_from_elsewhere(table, save):
    listed = save(listing(table), name="other.csv")
    assert read(EXAMPLE, recordings=listed).recording[0] == "rec0-5"


# --- groups ------------------------------------------------------------------------------------


def test_one_number_under_two_classes_is_two_recordings(table, save):
    # "41" is place 41 of class 5 and place 4 of class 4.
    assert [row[0] for row in table[3:5]] == ["X1.V1.41", "X1.V1.41"]
    assert read(save(table)).recording.tolist()[2:4] == ["Z042", "O005"]


@pytest.mark.parametrize("odd", ["X1.V1.7777", "X1.V2.5", "X1.V1", "X1.V1.009"])
def test_an_id_that_does_not_fit_its_class_makes_the_number_the_group(table, save, odd):
    table[1][0] = odd
    signals = read(save(table))
    assert signals.recording[2] == signals.recording[3]
    assert signals.recording[6] == signals.recording[7]
    assert "none cuts one" in signals.group_note


@pytest.mark.parametrize("odd", ["1", "X1", "patient", "X1.V1.5.6", "X.V1.5", "X1.V1.5 x"])
def test_an_id_of_another_form_is_refused(table, save, odd):
    table[2][0] = odd
    with pytest.raises(DataError, match="id of unknown form in row 2") as caught:
        read(save(table))
    assert (
        odd not in one_line(caught).replace("row 2", "").replace("X<chunk>.V1", "") or len(odd) < 3
    )


# --- what is refused ---------------------------------------------------------------------------


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "other.csv")
    with pytest.raises(DataError, match="no such file"):
        read(EXAMPLE, recordings=tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\n\n", "cannot be read as a table|an empty file|no 'X1'|without rows"),
        (b"id,X1,y\n", "a header without rows"),
        (b"id;X1;y\na;1;1\n", "no 'id', 'X1', 'X2' and 177 more"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "cannot be read as a table|columns of|without rows"),
        (b"PK\x03\x04\x00\x00\n\x00,\xff\n", "cannot be read as a table|columns of"),
    ],
)
def test_files_that_are_no_such_table(tmp_path, content, words):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    one_line(caught)


def test_missing_columns_are_named(table, save):
    with pytest.raises(SchemaError, match="no 'X178', 'y'"):
        read(save([row[:-2] for row in table]))
    with pytest.raises(SchemaError, match="no 'id'"):
        read(save([row[1:] for row in table]))
    with pytest.raises(SchemaError, match="no 'X7'"):
        read(save([row[:7] + row[8:] for row in table]))


def test_extra_columns_are_told_by_their_place(table, save):
    with pytest.raises(SchemaError, match="1 extra, the first is column 180") as caught:
        read(save([[*row[:-1], "SECRET" if row is table[0] else "0", row[-1]] for row in table]))
    assert "SECRET" not in str(caught.value)


def test_a_table_without_header_shows_no_cell(table, save):
    for cells in (["-9753", " -9753"], ["-9753", "8642"]):
        table[1][7:9] = cells
        with pytest.raises(SchemaError) as caught:
            read(save(table[1:]))
        assert not re.search("9753|8642", str(caught.value))
    table[1][7:9] = ["-9753", " -9753"]
    with pytest.raises(SchemaError, match="a name twice, in columns 8 and 9"):
        read(save(table[1:]))


def test_a_column_name_twice_is_refused(table, save):
    table[0][5] = "X4 "
    with pytest.raises(SchemaError, match="'X4' twice"):
        read(save(table))
    table[0][5] = "id"
    with pytest.raises(SchemaError, match="'id' twice"):
        read(save(table))


@pytest.mark.parametrize(
    ("field", "error", "words"),
    [
        ("secret", SchemaError, "column 'X17' of data.csv: got text in row 4, wanted a number"),
        ("12,5", DataError, "too many fields"),
        ("", DataError, "nothing in row 4"),
        (" ", DataError, "nothing in row 4"),
        ("NaN", DataError, "NaN or an infinite value in row 4"),
        ("-inf", DataError, "NaN or an infinite value in row 4"),
        ("1e999", DataError, "in row 4"),
        ("99999", DataError, "beyond any 16-bit recorder in row 4"),
        ("-1e30", DataError, "beyond any 16-bit recorder in row 4"),
        ("NULL", SchemaError, "text in row 4"),
        ("12µV", SchemaError, "text in row 4"),
    ],
)
def test_fields_that_are_no_numbers(table, save, field, error, words):
    table[4][17] = field
    with pytest.raises(error, match=words) as caught:
        read(save(table))
    text = one_line(caught)
    assert len(field.strip()) < 5 or field not in text


@pytest.mark.parametrize("label", ["0", "6", "-1", "1.5"])
def test_wrong_labels(table, save, label):
    table[3][-1] = label
    table[5][-1] = label
    with pytest.raises(LabelError, match="in 2 rows, the first is row 3, wanted 1, 2, 3, 4 or 5"):
        read(save(table))


def test_a_label_that_is_text(table, save):
    table[3][-1] = "seizure"
    with pytest.raises(SchemaError, match=r"column 'y' of data\.csv: got text in row 3"):
        read(save(table))


@pytest.mark.parametrize("keep", [1, 2, 90, 178, 179])
def test_a_cut_off_file(table, save, keep):
    table[-1] = table[-1][:keep]
    path = save(table)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"row 8: got {keep} of 180 fields.*cut off"):
        read(path)


def test_a_cut_within_the_id_of_the_last_row(table, save):
    table[-1] = ["X2"]
    with pytest.raises(DataError, match="row 8: got 1 of 180 fields"):
        read(save(table))


def test_a_row_without_an_id(table, save):
    table[2][0] = ""
    with pytest.raises(DataError, match="no id in row 2"):
        read(save(table))


def test_a_repeated_row(table, save):
    table.append(table[2])
    with pytest.raises(DataError, match="same 178 samples in rows 2 and 9"):
        read(save(table))


def test_the_same_samples_in_two_recordings(table, save):
    table[5][1:-1] = table[1][1:-1]
    with pytest.raises(LeakageError, match="rows 1 and 5, of different recordings"):
        read(save(table))


def test_flat_seconds_of_one_recording_are_no_repetition(table, save):
    for row in (1, 2):
        table[row][1:-1] = ["0"] * 178
    assert len(read(save(table))) == 8


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda rows: rows[:-1], "7 rows, wanted 8, as many as data.csv"),
        (lambda rows: [rows[0], rows[2], rows[1], *rows[3:]], "than data.csv in row 1"),
        (lambda rows: [*rows[:-1], [*rows[-1][:2], "3"]], "than data.csv in row 8"),
        (lambda rows: [row[:1] + row[2:] for row in rows], "no 'recording'"),
        (lambda rows: [*rows[:-1], [rows[-1][0], "", "1"]], "'recording'.*no id in row 8"),
        (lambda rows: [*rows[:-1], [*rows[-1][:2], "one"]], "column 'y' of recordings.csv"),
        (lambda rows: rows[:1], "header without rows"),
    ],
)
def test_a_recordings_file_that_does_not_fit(table, save, damage, words):
    save(damage(listing(table)), name="recordings.csv")
    with pytest.raises(DataError, match=words) as caught:
        read(save(table))
    one_line(caught)


# --- the real file -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(data_root):
    folder = data_root / "epileptic_seizure"
    if not (folder / "data.csv").is_file():
        pytest.skip("real data absent: epileptic_seizure")
    return folder


@pytest.mark.data
def test_the_real_file_has_the_published_shape(real):
    signals = read(real)
    assert len(signals) == 11_500
    assert signals.label is not None
    assert np.unique(signals.label, return_counts=True)[1].tolist() == [2300] * 5
    _, counts = np.unique(signals.recording, return_counts=True)
    assert counts.tolist() == [23] * 500
    assert (signals.values.min(), signals.values.max()) == (-1885, 2047)


@pytest.mark.data
def test_recovered_groups_never_cut_a_true_recording(real, tmp_path):
    shutil.copy(real / "data.csv", tmp_path)
    recovered, true = read(tmp_path), read(real)
    assert "recovered" in recovered.group_note
    assert recovered.recording.tolist() == true.recording.tolist()
    np.testing.assert_array_equal(recovered.values, true.values)


@pytest.mark.data
def test_groups_by_number_alone_join_but_never_cut(real, tmp_path):
    # One id that fits no class takes the class away as evidence for all of them.
    lines = (real / "data.csv").read_text().splitlines(keepends=True)
    identity, _, rest = lines[1].partition(",")
    lines[1] = f"{identity[:-1]}7,{rest}"
    (tmp_path / "data.csv").write_text("".join(lines))
    groups, true = read(tmp_path).recording[1:], read(real).recording[1:]
    assert len(np.unique(groups)) == 464
    pairs = {(recording, group) for recording, group in zip(true, groups, strict=True)}
    assert len(pairs) == 500
