"""Fetching against a server on this machine; never the internet."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sequela.cli import fetch as verb
from sequela.cli.fetch import DataSet, RemoteFile, catalogue, check_archive, content_sha256, fetch
from sequela.errors import ConfigError, DataError, OutputError

CONTENT = b"id,a,b\nx,1,2\ny,3,4\n"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        if self.path == "/slow":
            self.server.released.wait(5)
            return
        self.send_response(200)
        if self.path == "/short":
            self.send_header("Content-Length", "1000")
        self.end_headers()
        body = b"x" * 1_100_000 if self.path == "/large" else CONTENT
        self.wfile.write(self.server.bodies.get(self.path, body))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.bodies, server.released = [], {}, threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def data_set(server, *paths: str, **options) -> dict[str, DataSet]:
    if not options:
        options = {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    base = f"http://127.0.0.1:{server.server_address[1]}"
    file = RemoteFile(name="data.csv", addresses=[base + path for path in paths], **options)
    values = {"title": "t", "licence": "l", "cite": "c", "page": "https://page", "files": [file]}
    return {"one": DataSet(**values, limit_megabytes=1)}


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_is_fetched_checked_and_published(server, tmp_path):
    folder = fetch("one", tmp_path / "deep", known=data_set(server, "/good"))
    assert folder == tmp_path / "deep" / "one"
    assert (folder / "data.csv").read_bytes() == CONTENT
    assert left_in(tmp_path / "deep") == ["one", "one/data.csv"]


def test_what_is_there_is_checked_and_not_fetched_again(server, tmp_path):
    known = data_set(server, "/good")
    folder = fetch("one", tmp_path, known=known)
    server.seen.clear()
    assert fetch("one", tmp_path, known=known) == folder
    assert not server.seen
    (folder / "data.csv").write_bytes(b"other")
    with pytest.raises(DataError, match="SHA-256"):
        fetch("one", tmp_path, known=known)
    (folder / "data.csv").unlink()
    with pytest.raises(DataError, match="fetch again"):
        fetch("one", tmp_path, known=known)


def test_the_next_address_is_tried(server, tmp_path):
    fetch("one", tmp_path, known=data_set(server, "/missing", "/short", "/moved"))
    assert left_in(tmp_path) == ["one", "one/data.csv"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/missing", "HTTP status 404.*https://page"),
        ("/slow", "no answer in time"),
        ("/short", "a broken answer"),
        ("/large", r"more than 1 MB"),
    ],
)
def test_failures_are_named_and_leave_nothing(server, tmp_path, path, words):
    begin = time.monotonic()
    with pytest.raises(DataError, match=words):
        fetch("one", tmp_path, known=data_set(server, path), timeout=0.3)
    assert time.monotonic() - begin < 3
    assert left_in(tmp_path) == []


def test_nobody_answers(server, tmp_path):
    known = data_set(server, "/good")
    file = known["one"].files[0].model_copy(update={"addresses": ("http://127.0.0.1:9/x",)})
    known = {"one": known["one"].model_copy(update={"files": (file,)})}
    with pytest.raises(DataError, match="no connection"):
        fetch("one", tmp_path, known=known, timeout=1)


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(DataError, match=r"data\.csv: got SHA-256"):
        fetch("one", tmp_path, known=data_set(server, "/good", sha256="0" * 64))
    assert left_in(tmp_path) == []


def test_a_file_without_checksum_is_refused(server, tmp_path):
    with pytest.raises(DataError, match="wanted none"):
        fetch("one", tmp_path, known=data_set(server, "/good", sha256=None))


def test_other_schemes_are_refused(server, tmp_path):
    file = RemoteFile(name="x", addresses=["file:///etc/hostname"], sha256="0" * 64)
    known = {"one": data_set(server, "/")["one"].model_copy(update={"files": (file,)})}
    with pytest.raises(ConfigError, match="http or https"):
        fetch("one", tmp_path, known=known)


def test_a_place_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        fetch("one", tmp_path / "file", known=data_set(server, "/good"))


def test_content_in_any_order(server, tmp_path):
    server.bodies["/turned"] = b'"other id","a","b"\r\n"q",3,4\r\n"p",1,2\r\n'
    first = tmp_path / "first.csv"
    first.write_bytes(CONTENT)
    known = data_set(server, "/turned", content_sha256=content_sha256(first))
    assert (fetch("one", tmp_path, known=known) / "data.csv").exists()
    first.write_bytes(CONTENT.replace(b"4", b"5"))
    known = data_set(server, "/turned", content_sha256=content_sha256(first))
    with pytest.raises(DataError, match="SHA-256"):
        fetch("one", tmp_path / "again", known=known)


def tar_of(name: str, **fields) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        for key, value in fields.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b""))
    return buffer.getvalue()


def zip_of(name: str, mode: int = 0o100644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        tar_of("../outside"),
        tar_of("/etc/passwd"),
        tar_of("a/../../b"),
        tar_of("link", type=tarfile.SYMTYPE, linkname="/etc"),
        tar_of("link", type=tarfile.LNKTYPE, linkname="x"),
        tar_of("pipe", type=tarfile.FIFOTYPE),
        zip_of("../outside"),
        zip_of("/etc/passwd"),
        zip_of("..\\outside"),
        zip_of("C:\\outside"),
        zip_of("link", 0o120777),
    ],
    # Never the bytes: a gzip header holds the time, and test workers must agree on the names.
    ids=range(11),
)
def test_archives_with_tricks_are_refused(archive, server, tmp_path):
    server.bodies["/archive"] = archive
    known = data_set(server, "/archive", sha256=hashlib.sha256(archive).hexdigest())
    with pytest.raises(DataError, match="as member 1"):
        fetch("one", tmp_path, known=known)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "content", [tar_of("a/b.txt"), zip_of("a/b.txt"), b"", b"text"], ids=range(4)
)
def test_honest_archives_and_other_files_pass(content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    check_archive(path)


def test_a_truncated_archive(tmp_path):
    path = tmp_path / "cut.tar.gz"
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for number in range(50):
            archive.addfile(tarfile.TarInfo(f"{number}{'x' * number}"))
    path.write_bytes(whole.getvalue()[:-200])
    with pytest.raises(DataError, match="unreadable"):
        check_archive(path)


def test_the_catalogue_is_whole():
    known = catalogue()
    assert len(known) >= 5
    for name, data in known.items():
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert data.licence
        assert data.page.startswith("https://")
        assert len({file.name for file in data.files}) == len(data.files)
        for file in data.files:
            assert Path(file.name).name == file.name
            # One checksum each, and never none.
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256 or file.content_sha256)
            assert not (file.sha256 and file.content_sha256)
            assert all(address.startswith(("https://", "package:")) for address in file.addresses)


def test_an_unknown_name():
    with pytest.raises(ConfigError, match="Did you mean 'mitdb'"):
        fetch("mitbd")


def test_the_list(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SEQUELA_DATA", str(tmp_path))
    verb.run(None)
    shown = capsys.readouterr().out
    assert all(name in shown for name in catalogue())
    assert "ODbL" in shown


def test_running_says_where_and_on_which_terms(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verb, "catalogue", lambda: data_set(server, "/good"))
    monkeypatch.setenv("SEQUELA_DATA", str(tmp_path))
    verb.run("one")
    shown = capsys.readouterr().out
    assert str(tmp_path / "one") in shown
    assert "terms: l" in shown


def test_the_default_place(monkeypatch, tmp_path):
    monkeypatch.delenv("SEQUELA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert verb.data_folder() == tmp_path / "sequela"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert verb.data_folder() == tmp_path / ".cache" / "sequela"


@pytest.mark.data
@pytest.mark.parametrize("name", ["epileptic_seizure", "mitdb", "eegmmidb", "ett"])
def test_the_checksums_fit_the_real_files(name, data_root):
    if not (data_root / name).is_dir():
        pytest.skip(f"real data absent: {name}")
    assert fetch(name, data_root) == data_root / name
