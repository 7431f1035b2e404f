"""Nothing half-written is ever left."""

from __future__ import annotations

import errno
import os

import pytest

from sequela import files
from sequela.errors import OutputError


def test_a_file_is_written_whole(tmp_path):
    path = files.atomic_write(tmp_path / "a" / "b.txt", "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["b.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, code):
    path = files.atomic_write(tmp_path / "a.txt", "old")

    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"a\.txt"):
        files.atomic_write(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "x")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="no space left"):
        files.atomic_write(tmp_path / "a", "x")


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        files.atomic_write(tmp_path / "taken" / "x", "x")


def test_a_folder_appears_whole(tmp_path):
    with files.publish_directory(tmp_path / "run") as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run" / "x").read_text() == "1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_failed_folder_leaves_nothing(tmp_path):
    def fill() -> None:
        with files.publish_directory(tmp_path / "run") as folder:
            (folder / "x").write_text("1")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_reading_is_not_called_one_of_writing(tmp_path):
    def fill() -> None:
        with files.publish_directory(tmp_path / "run"):
            (tmp_path / "absent").read_bytes()

    with pytest.raises(FileNotFoundError):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_in_the_block_is_named(tmp_path):
    def fill() -> None:
        with files.publish_directory(tmp_path / "run"):
            raise OSError(errno.ENOSPC, "x")

    with pytest.raises(OutputError, match="no space left"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept_unless_replaced(tmp_path):
    def fill(text: str, *, replace: bool) -> None:
        with files.publish_directory(tmp_path / "run", replace=replace) as folder:
            (folder / "x").write_text(text)

    fill("old", replace=False)
    with pytest.raises(OutputError, match="exists already"):
        fill("new", replace=False)
    assert (tmp_path / "run" / "x").read_text() == "old"
    fill("new", replace=True)
    assert (tmp_path / "run" / "x").read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_sha256(tmp_path):
    path = files.atomic_write(tmp_path / "a", b"abc")
    assert files.sha256(path).startswith("ba7816bf8f01cfea")
