"""The file of an export: a zip archive with a file of JSON lines for each table, and a manifest.

`manifest.json` comes last and says which revision the tables are of, their columns, how many rows
each has, and the SHA-256 of its file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import stat
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from airflow_lite.errors import UserError
from airflow_lite.private_files import FILE_MODE, open_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMAT, FORMAT_VERSION = "airflow-lite export", 1
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1 << 20
#: Bytes of the longest line that is read: the largest value that a database holds.
_LONGEST_LINE = 1 << 30
#: Higher levels take twice the time for a tenth less.
_COMPRESSION = 3
_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError)


class TableEntry(NamedTuple):
    """What the manifest says of a table."""

    columns: tuple[str, ...]
    rows: int
    sha256: str

    @classmethod
    def of_json(cls, document: Any) -> TableEntry:
        """Read one; raise ValueError, TypeError or KeyError if it is none."""
        columns, rows, sha256 = (document[name] for name in cls._fields)
        if type(rows) is not int or rows < 0 or not isinstance(sha256, str):
            raise TypeError
        return cls(tuple(columns), rows, sha256)


class Manifest(NamedTuple):
    """What an export holds; `digest` tells one export from all others."""

    revision: str
    tables: dict[str, TableEntry]
    digest: str = ""

    @classmethod
    def of_json(cls, text: bytes) -> Manifest:
        """Read one; raise ValueError, TypeError, KeyError or AttributeError if it is none."""
        document = json.loads(text)
        if (document["format"], document["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise ValueError(FORMAT)
        tables = {name: TableEntry.of_json(entry) for name, entry in document["tables"].items()}
        return cls(str(document["revision"]), tables, hashlib.sha256(text).hexdigest())

    def to_json(self) -> bytes:
        """Return the manifest's file."""
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "revision": self.revision,
            "tables": {name: entry._asdict() for name, entry in self.tables.items()},
        }
        return json.dumps(document, indent=1).encode()


class ArchiveWriter:
    """An export that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(
            file, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION, allowZip64=True
        )
        self._tables: dict[str, TableEntry] = {}

    def add_table(self, name: str, columns: Iterable[str], lines: Iterable[bytes]) -> int:
        """Write the lines of a table; return how many there are."""
        count, digest, chunk = 0, hashlib.sha256(), bytearray()
        with self._zip.open(_file_of(name), "w", force_zip64=True) as member:
            for line in lines:
                count += 1
                chunk += line
                if len(chunk) >= _CHUNK:
                    digest.update(chunk)
                    member.write(chunk)
                    chunk.clear()
            digest.update(chunk)
            member.write(chunk)
        self._tables[name] = TableEntry(tuple(columns), count, digest.hexdigest())
        return count

    def finish(self, revision: str) -> None:
        """Write the manifest and the end of the archive."""
        self._zip.writestr(_MANIFEST, Manifest(revision, self._tables).to_json())
        self._zip.close()

    def abandon(self) -> None:
        """Let the archive be as it is; else its end would be written once more, late."""
        self._zip.fp = None


class ArchiveReader:
    """An export that is there. Its methods raise `UserError` where the file is damaged."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._zip = archive
        self.manifest = self._manifest()

    def _manifest(self) -> Manifest:
        if _MANIFEST not in self._zip.namelist():
            raise UserError(f"{self.path} is no export: it has no {_MANIFEST}.")
        with self._told(), self._zip.open(_MANIFEST) as file:
            text = file.read(_LARGEST_MANIFEST)
        try:
            return Manifest.of_json(text)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise UserError(
                f"{self.path} is no export that this airflow-lite can read: its {_MANIFEST} is of"
                " another kind, or of a later version."
            ) from None

    def verify(self) -> None:
        """Compare every table with the manifest."""
        for name, entry in self.manifest.tables.items():
            count, digest = 0, hashlib.sha256()
            with self._told(), self._zip.open(_file_of(name)) as member:
                while chunk := member.read(_CHUNK):
                    digest.update(chunk)
                    count += chunk.count(b"\n")
            if (count, digest.hexdigest()) != (entry.rows, entry.sha256):
                raise UserError(
                    f"{self.path} is damaged: {_file_of(name)} is not what {_MANIFEST} says."
                    " Make the export anew."
                )

    def lines(self, name: str) -> Iterator[bytes]:
        """Give the lines of a table, in their order."""
        with self._told(), self._zip.open(_file_of(name)) as member:
            buffered = io.BufferedReader(member, _CHUNK)  # type: ignore[type-var]
            while line := buffered.readline(_LONGEST_LINE):
                yield line

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGED as error:
            raise UserError(
                f"{self.path} is damaged: {error or type(error).__name__}. Make the export anew."
            ) from None
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror or error}.") from None


def _file_of(table: str) -> str:
    return f"{table}.jsonl"


@contextmanager
def read_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open an export. Raises `UserError` if it is none."""
    try:
        with _opened(path) as file, zipfile.ZipFile(file) as archive:
            yield ArchiveReader(path, archive)
    except zipfile.BadZipFile:
        raise UserError(
            f"{path} is no export, or was cut off: name a whole one that `db export` has written."
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None


def _opened(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(f"{path} is no file. Name one that `db export` has written.")
    return open(descriptor, "rb")


def is_archive(path: Path) -> bool:
    """Tell whether a file is an export, whatever state it is in."""
    try:
        with read_archive(path):
            return True
    except UserError:
        return False


@contextmanager
def write_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Give a writer of an export that is at `path` only once it is whole and on the disk.

    What is there before is replaced if it is an export. Raises `UserError` where it cannot be
    written; what was begun is then taken away.
    """
    _check_target(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with _begun(partial, path) as file:
            writer = ArchiveWriter(file)
            try:
                yield writer
                file.flush()
                os.fsync(file.fileno())
                os.replace(partial, path)
            except BaseException:
                writer.abandon()
                with suppress(OSError):
                    partial.unlink()
                raise
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from None


def _check_target(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder. Name a file, such as {path / 'airflow-lite.zip'}.")
    if path.exists() and not is_archive(path):
        raise UserError(f"{path} exists and is no export. Name another file.")


@contextmanager
def _begun(partial: Path, path: Path) -> Iterator[IO[bytes]]:
    descriptor = open_private(partial, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours, named = os.fstat(descriptor), os.stat(partial)
            is_taken = (ours.st_dev, ours.st_ino) != (named.st_dev, named.st_ino)
        except (BlockingIOError, FileNotFoundError):
            is_taken = True
        if is_taken:
            raise UserError(f"Another export to {path} is running. Wait for it.")
        os.fchmod(descriptor, FILE_MODE)
        os.ftruncate(descriptor, 0)
        yield file


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EROFS}:  # not every file system can
            raise
    finally:
        os.close(descriptor)
