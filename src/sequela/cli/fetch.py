"""`sequela fetch`: public data sets from their publishers, checked; the only use of the network.

What is known of each data set stands in ``datasets.yaml``. A file is taken only when its checksum
fits, and a data set appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import stat
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from sequela import __version__
from sequela.errors import ConfigError, DataError
from sequela.files import publish_directory, sha256
from sequela.settings import checked, nearest, read_yaml

__all__ = [
    "DataSet",
    "RemoteFile",
    "catalogue",
    "check_archive",
    "content_sha256",
    "data_folder",
    "fetch",
    "run",
]

_TIMEOUT = 30.0
_PACKAGE = "package:"
_BLOCK = 1 << 16
# An OSError that is none of these comes from the disk, and is not the publisher's fault.
_NETWORK = (
    urllib.error.URLError,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
    http.client.HTTPException,
)


class RemoteFile(BaseModel):
    """One file of a data set.

    Args:
        name: what it is called in the data set's folder.
        addresses: where it is, tried in turn; ``package:NAME/PATH`` is a file that an installed
            package brings along.
        sha256: of the file as published.
        content_sha256: instead, of the rows in any order (:func:`content_sha256`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    addresses: tuple[str, ...]
    sha256: str | None = None
    content_sha256: str | None = None


class DataSet(BaseModel):
    """What is known of a public data set.

    Args:
        title: one line for the list.
        licence: the terms.
        cite: what a paper has to name.
        page: the publisher's own page, for people.
        limit_megabytes: no file may be larger; more is not what was promised.
        files: its files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    licence: str
    cite: str
    page: str
    limit_megabytes: int
    files: tuple[RemoteFile, ...]


def catalogue() -> dict[str, DataSet]:
    """The data sets that can be fetched, by name."""
    table = read_yaml(Path(__file__).with_name("datasets.yaml"))
    return {name: checked(DataSet, values, name) for name, values in sorted(table.items())}


def data_folder() -> Path:
    """Where data sets lie: ``SEQUELA_DATA``, else ``sequela`` in the user's cache folder."""
    chosen = os.environ.get("SEQUELA_DATA")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "sequela"


def content_sha256(path: Path | str) -> str:
    """SHA-256 of a CSV file's rows in any order, without the header and the first column.

    For a file that is published in several orders and with several forms of ids. Quotes and
    carriage returns do not count.
    """
    lines = Path(path).read_bytes().replace(b"\r", b"").replace(b'"', b"").split(b"\n")
    rows = sorted(line.partition(b",")[2] for line in lines[1:] if line)
    return hashlib.sha256(b"\n".join(rows)).hexdigest()


def check_archive(path: Path | str) -> None:
    """Refuses an archive that would write outside the folder it is unpacked in.

    A file that is no archive (tar, possibly compressed, or zip) passes.

    Raises:
        DataError: an absolute name, a name with '..', a link or a device inside.
    """
    path = Path(path)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [
                    (info.filename, not stat.S_ISLNK(info.external_attr >> 16))
                    for info in archive.infolist()
                ]
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                members = [(member.name, member.isfile() or member.isdir()) for member in archive]
        else:
            return
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(f"archive {path.name}", got="an unreadable archive") from error
    for number, (name, plain) in enumerate(members, start=1):
        parts = PurePosixPath(name.replace("\\", "/"))
        if not plain or parts.is_absolute() or ".." in parts.parts or ":" in name[:2]:
            raise DataError(
                f"archive {path.name}",
                got=f"a link, a device or a name that leads outside as member {number}",
                wanted="plain files and folders below the archive's own",
            )


def _verify(file: RemoteFile, path: Path) -> None:
    found, wanted = (
        (sha256(path), file.sha256) if file.sha256 else (content_sha256(path), file.content_sha256)
    )
    if found != wanted:
        raise DataError(
            f"file {file.name}",
            got=f"SHA-256 {found[:16]}...",
            wanted=f"{(wanted or 'none')[:16]}...",
            todo="The publisher's file has changed or was damaged on its way; it is not used.",
        )
    check_archive(path)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return "no connection" if isinstance(cause, OSError) else "a broken answer"


def _from_package(address: str, target: Path) -> None:
    name, _, path = address.removeprefix(_PACKAGE).partition("/")
    try:
        content = (resources.files(name) / path).read_bytes()
    except (ModuleNotFoundError, OSError):
        raise DataError(f"address {address}", got="no such file in that package") from None
    target.write_bytes(content)


def _copy(address: str, target: Path, limit: int, timeout: float) -> None:
    if address.startswith(_PACKAGE):
        _from_package(address, target)
        return
    if not address.startswith(("https://", "http://")):
        raise ConfigError(f"address {address}", wanted="http or https")
    request = urllib.request.Request(address, headers={"User-Agent": f"sequela/{__version__}"})
    received = 0
    with urllib.request.urlopen(request, timeout=timeout) as answer, open(target, "wb") as file:
        while block := answer.read(_BLOCK):
            received += len(block)
            if received > limit:
                raise DataError(
                    f"address {address}",
                    got=f"more than {limit / 1e6:g} MB",
                    todo="It is not the file that was promised; nothing was kept.",
                )
            file.write(block)
        promised = answer.headers.get("Content-Length")
    # http.client reports a short body only for reads without a size.
    if promised is not None and promised.isdigit() and received < int(promised):
        raise http.client.IncompleteRead(b"", int(promised) - received)


def _download(file: RemoteFile, data: DataSet, folder: Path, timeout: float) -> None:
    target = folder / file.name
    failures = []
    for address in file.addresses:
        try:
            _copy(address, target, data.limit_megabytes * 1_000_000, timeout)
        except _NETWORK as error:
            failures.append((address, _reason(error)))
            continue
        _verify(file, target)
        return
    address, reason = failures[-1]
    raise DataError(
        f"address {address}",
        got=reason,
        todo=f"Check the network, or see {data.page} and put the files there by hand.",
    )


def fetch(
    name: str,
    root: Path | str | None = None,
    *,
    known: Mapping[str, DataSet] | None = None,
    timeout: float = _TIMEOUT,
) -> Path:
    """Downloads a data set, checks it and puts it into its place.

    What is there already is checked and not downloaded again.

    Args:
        name: a name of :func:`catalogue`.
        root: the folder of all data sets; :func:`data_folder` by default.
        known: the table to look in; :func:`catalogue` by default.
        timeout: seconds without an answer after which an address is given up.

    Returns:
        The data set's folder.

    Raises:
        ConfigError: an unknown name.
        DataError: no answer, too large an answer, a checksum that does not fit, or an archive with
            names that lead outside.
        OutputError: the place cannot be written.
    """
    known = catalogue() if known is None else known
    if name not in known:
        raise ConfigError(f"data set '{name}'", got="an unknown name", todo=nearest(name, known))
    data = known[name]
    final = Path(root if root is not None else data_folder()) / name
    if final.exists():
        for file in data.files:
            if not (final / file.name).is_file():
                raise DataError(
                    f"file {file.name} of {final}",
                    got="nothing",
                    todo="Move the folder away and fetch again.",
                )
            _verify(file, final / file.name)
        return final
    with publish_directory(final) as folder:
        for number, file in enumerate(data.files, start=1):
            print(f"{name}: {file.name} ({number} of {len(data.files)})", file=sys.stderr)
            _download(file, data, folder, timeout)
    return final


def run(name: str | None) -> None:
    """Lists the data sets, or fetches one and says where it is and on which terms."""
    known = catalogue()
    if name is None:
        from rich.console import Console
        from rich.table import Table

        table = Table("name", "what", "terms", title=f"Into {data_folder()}", title_justify="left")
        for key, data in known.items():
            table.add_row(key, data.title, data.licence)
        Console().print(table)
        return
    folder = fetch(name, known=known)
    data = known[name]
    print(f"{folder}\nterms: {data.licence}\ncite:  {data.cite}\nsee:   {data.page}")
