from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from sequela.errors import ConfigError, DataError
from sequela.folders import files_below, recording_id, subject_of, text_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b.TXT", "a.txt", "p1/c.txt", ".hidden.txt", ".git/d.txt", "p1/e.csv"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def names(folder: Path) -> list[str]:
    root, files = files_below(folder, (".txt",), "a text")
    return [recording_id(root, file) for file in files]


def test_files_come_in_order_and_hidden_ones_not_at_all(folder):
    assert names(folder) == ["a", "b", "p1/c"]


def test_one_file_is_taken_whatever_its_ending(folder):
    root, files = files_below(folder / "p1" / "e.csv", (".txt",), "a text")
    assert (root, files) == (folder / "p1", [folder / "p1" / "e.csv"])


def test_links_inside_are_fine_and_links_out_are_not(folder, tmp_path):
    (folder / "z.txt").symlink_to("a.txt")
    (folder / "again").symlink_to("p1")
    assert names(folder) == ["a", "b", "p1/c", "z"]
    (tmp_path / "others").mkdir()
    (folder / "more").symlink_to(tmp_path / "others")
    with pytest.raises(DataError, match=r"data/more: got a link that leads out of the folder"):
        names(folder)


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert names(tmp_path / "link") == ["a", "b", "p1/c"]


def test_nothing_there(folder, tmp_path):
    with pytest.raises(DataError, match=r"no \.wav or \.mp3 file, wanted music"):
        files_below(folder, (".wav", ".mp3"), "music")
    with pytest.raises(DataError, match="no such file or folder"):
        files_below(tmp_path / "none", (".txt",), "a text")


def test_subjects(folder):
    file = folder / "p1" / "c.txt"
    assert subject_of(folder, file, None) is None
    assert subject_of(folder, file, "folder") == "p1"
    assert subject_of(folder, file, "p([0-9])/") == "1"
    assert subject_of(folder, file, "q([0-9])/") is None
    assert subject_of(folder, file, "p1(x?)") is None
    with pytest.raises(ConfigError, match="a regular expression with one group"):
        subject_of(folder, file, "p1")


def test_a_packed_text_is_bounded_by_what_it_unpacks_to(tmp_path):
    path = tmp_path / "a.txt.GZ"
    path.write_bytes(gzip.compress("a\r\né".encode()) + gzip.compress(b"b"))
    assert text_of(path) == "a\r\néb"
    bomb = gzip.compress(bytes(1 << 24))
    assert len(bomb) < 1 << 16
    path.write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(DataError, match="more than 1 MiB"):
        text_of(path, largest=1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()
    whole = gzip.compress(b"a text")
    altered = whole[:12] + bytes([whole[12] ^ 255]) + whole[13:]
    for damaged in (whole[:-4], b"no archive", altered, whole + b"more"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="a damaged archive"):
            text_of(path)


def test_a_file_too_long_is_not_read(tmp_path):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="more than 256 MiB"):
        text_of(path)


def test_text_is_unchanged(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffa\r\nb\rc\u2028é\x00".encode())
    assert text_of(path) == "\ufeffa\r\nb\rc\u2028é\x00"
    path.write_bytes(b"a\nb\n\xe9t\xe9")
    with pytest.raises(DataError, match="line 3 of"):
        text_of(path)
    with pytest.raises(DataError, match="FileNotFoundError"):
        text_of(tmp_path / "none")
