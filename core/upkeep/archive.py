"""The file of a backup: a zip with a manifest of the SHA-256 of every member, and a seal over the whole file at its end.

The seal is the comment of the zip, the SHA-256 of all bytes before its digits, so that a flipped or missing byte anywhere
is noticed; any other program can still read the zip.
"""

import hashlib
import json
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from core.errors import StudyError

MANIFEST = "manifest.json"
VERSION = 1
SEAL = b"sha256:"
DIGITS = 64
PIECE = 1 << 20
LARGEST_MANIFEST = 256 << 20
HOME, DATABASE = "home/", "database/"
AGAIN = "Make the backup again, or use another one."
HEX = Field(pattern="^[0-9a-f]{64}$")


class Member(BaseModel):
    """A file in the archive: its number of bytes and its SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(ge=0)
    sha256: str = HEX


class TableRows(BaseModel):
    """The rows of a table of PostgreSQL: the columns in the order of the rows, and the last number of its sequence, if any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: list[str]
    last_number: int | None = None


class Manifest(BaseModel):
    """The contents of a backup. `made` is its time in seconds since 1970; `left_out` counts the other files by reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["litmus-backup"] = "litmus-backup"
    version: int
    litmus: str
    schema_revision: str
    made: float
    database: Literal["sqlite", "postgresql"]
    members: dict[str, Member]
    tables: dict[str, TableRows]
    left_out: dict[str, int]


class Writer:
    """Adds members to an archive that is being written, and keeps the size and the digest of each."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zipped = zipped
        self.members: dict[str, Member] = {}

    def add(self, name: str, pieces: Iterable[bytes | memoryview]) -> None:
        """Add a member from pieces of bytes."""
        digest, size = hashlib.sha256(), 0
        with self._zipped.open(_entry(name), "w", force_zip64=True) as target:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                target.write(piece)
        self.members[name] = Member(size=size, sha256=digest.hexdigest())

    def add_file(self, name: str, path: Path) -> bool:
        """Add a file as it is now; False if the file is gone meanwhile."""
        try:
            source = path.open("rb")
        except FileNotFoundError:
            return False
        with source:
            self.add(name, iter(lambda: source.read(PIECE), b""))
        return True

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, which ends the backup: nothing can be added after it."""
        self._zipped.writestr(_entry(MANIFEST), json.dumps(manifest.model_dump(), indent=1))


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """A writer of a new archive, which has its name only once it is whole, sealed and on the disk; readable by its owner alone.

    Raises `OSError` if the disk refuses.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as zipped:
                zipped.comment = SEAL + b"0" * DIGITS
                yield Writer(zipped)
            seal = _digest(file, upto=file.seek(0, os.SEEK_END) - DIGITS)
            file.seek(-DIGITS, os.SEEK_END)
            file.write(seal.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """The SHA-256 of the file of a backup, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[tuple[Manifest, zipfile.ZipFile]]:
    """The manifest and the zip of a backup, after the check of the seal, of all names and of all sizes.

    Raises `StudyError` if the file is missing, is no backup, is damaged, or was made by a newer version of Litmus.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise StudyError(
            f"The backup {path} cannot be opened: {error.strerror}. Check the name of the file."
        ) from error
    with file:
        _check_seal(file, path.name)
        try:
            with zipfile.ZipFile(file) as zipped:
                yield _manifest(zipped, path.name), zipped
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
            EOFError,
            zipfile.LargeZipFile,
        ) as error:
            raise StudyError(f"{path.name} is not a readable backup: {str(error)[:100]}. {AGAIN}") from error


def compare(zipped: zipfile.ZipFile, manifest: Manifest) -> None:
    """Read all members and compare each with its digest. Raises `StudyError` if a member differs from the manifest."""
    for name in manifest.members:
        for _ in _pieces(zipped, manifest, name):
            pass


def unpack(zipped: zipfile.ZipFile, manifest: Manifest, folder: Path) -> None:
    """Unpack all members below a new folder and compare each with its digest.

    Raises `StudyError` if a member differs from the manifest, `OSError` if the disk refuses.
    """
    for name in manifest.members:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in _pieces(zipped, manifest, name):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())


def _pieces(zipped: zipfile.ZipFile, manifest: Manifest, name: str) -> Iterator[bytes]:
    """The content of a member in pieces, never more than the manifest says."""
    digest, left = hashlib.sha256(), manifest.members[name].size
    with zipped.open(name) as source:
        while piece := source.read(min(PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                break
            digest.update(piece)
            yield piece
    if left != 0 or digest.hexdigest() != manifest.members[name].sha256:
        raise StudyError(f"The backup is damaged: its member {name[:80]!r} differs from its SHA-256. {AGAIN}")


def sync_folder(folder: Path) -> None:
    """Bring the names of the files of a folder onto the disk, where the system knows how to."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def _digest(file: BinaryIO, *, upto: int) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while upto > 0 and (piece := file.read(min(PIECE, upto))):
        digest.update(piece)
        upto -= len(piece)
    return digest.hexdigest()


def _check_seal(file: BinaryIO, name: str) -> None:
    size = file.seek(0, os.SEEK_END)
    tail = SEAL.ljust(len(SEAL) + DIGITS)
    if size > len(tail):
        file.seek(-len(tail), os.SEEK_END)
        tail = file.read()
    if size <= len(tail) or not re.fullmatch(SEAL + rb"[0-9a-f]{64}", tail):
        raise StudyError(f"{name} is no whole backup: the seal at its end is missing or damaged. {AGAIN}")
    if _digest(file, upto=size - DIGITS) != tail[-DIGITS:].decode():
        raise StudyError(f"{name} is damaged: its SHA-256 differs from the seal at its end. {AGAIN}")


def _manifest(zipped: zipfile.ZipFile, name: str) -> Manifest:
    entries = zipped.infolist()
    manifest = next((entry for entry in entries if entry.filename == MANIFEST), None)
    if manifest is None or manifest.file_size > LARGEST_MANIFEST:
        raise StudyError(f"{name} holds no {MANIFEST} of a backup. Choose a file that `backup` made.")
    try:
        content = json.loads(zipped.read(manifest))
        version = content.get("version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise StudyError(
                f"{name} was made by a newer version of Litmus, in version {version} of the format, and this version reads "
                f"version {VERSION}. Use the version of Litmus that made the backup."
            )
        found = Manifest.model_validate(content)
    except (pydantic.ValidationError, ValueError, RecursionError) as error:
        raise StudyError(f"The {MANIFEST} of {name} is damaged. {AGAIN}") from error
    sizes = {entry.filename: entry.file_size for entry in entries if entry is not manifest}
    if len(sizes) != len(entries) - 1 or sizes != {key: member.size for key, member in found.members.items()}:
        raise StudyError(f"{name} holds other files than its {MANIFEST} says. {AGAIN}")
    if strange := next((key for key in sizes if not _is_safe(key)), None):
        raise StudyError(
            f"{name} holds a file that would lie outside of the home, {strange[:60]!r}. Nothing was restored."
        )
    return found


def _is_safe(name: str) -> bool:
    """Whether a member lies below `home/` or `database/`, by a path without parts that lead elsewhere."""
    parts = name.split("/")
    return (
        name.startswith((HOME, DATABASE))
        and len(parts) > 1
        and not any(
            part in ("", ".", "..") or "\0" in part or (os.name != "posix" and set(part) & set(":\\")) for part in parts
        )
        and str(PurePosixPath(name)) == name
    )
