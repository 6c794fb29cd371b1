"""Write a verified copy of a whole home into one file while the home is in use."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from core.errors import StudyError
from core.settings import Settings
from core.upkeep import archive, contents, database


@dataclass(frozen=True)
class Backup:
    """A backup that was written: its members, its SHA-256, the number of other files by reason, and members with a key."""

    file: Path
    files: list[str]
    checksum: str
    size: int
    left_out: dict[str, int]
    secrets: list[str]


def write(settings: Settings, file: Path) -> Backup:
    """Write the database and the files of a home into the new file `file`, and read the whole file again.

    Raises `StudyError` if the file exists, the database is missing or damaged, or the disk has no room.
    """
    if file.exists():
        raise StudyError(f"There is a file {file} already. Give the backup another name, or remove that file.")
    if not settings.home.is_dir():
        raise StudyError(f"There is no home at {settings.home}, so there is nothing to back up. Check LITMUS_HOME.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _check_room(settings, file)
        with archive.writing(file) as writer:
            manifest = _add_all(settings, file, writer)
            writer.finish(manifest)
        _verify(file)
        found = archive.checksum(file)
    except OSError as error:
        raise StudyError(
            f"The backup {file} could not be written: {error.strerror or error}. Free some disk space, or use another folder."
        ) from error
    files = list(manifest.members)
    secrets = [name for name in files if name.endswith(".key")]
    return Backup(file, files, found, file.stat().st_size, manifest.left_out, secrets)


def _add_all(settings: Settings, file: Path, writer: archive.Writer) -> archive.Manifest:
    """Add the database, then the files, which are thereby never older than the rows that name them."""
    source = contents.database_file(settings)
    tables: dict[str, archive.TableRows] = {}
    left_out: dict[str, int] = {}
    if source is not None:
        with tempfile.TemporaryDirectory(prefix=".backup.", dir=file.parent) as spare:
            revision = database.copy_sqlite(source, Path(spare) / "copy.db")
            writer.add_file(database.FILE, Path(spare) / "copy.db")
    else:
        with database.engine_of(settings.database_url) as engine:
            revision, tables, left_out = database.copy_rows(engine, writer)
    found = contents.of(settings, without=file)
    gone = sum(not writer.add_file(f"{archive.HOME}{name}", settings.home / name) for name in found.files)
    left_out |= found.left_out | ({"files removed meanwhile": gone} if gone else {})
    return archive.Manifest(
        version=archive.VERSION,
        litmus=_version(),
        schema_revision=revision,
        made=time.time(),
        database="sqlite" if source is not None else "postgresql",
        members=writer.members,
        tables=tables,
        left_out=left_out,
    )


def _check_room(settings: Settings, file: Path) -> None:
    """Raise `StudyError` if the disk surely has no room for the copy of the database and its packed form."""
    source = contents.database_file(settings)
    needed = source.stat().st_size if source is not None and source.is_file() else 0
    free = shutil.disk_usage(file.parent).free
    if free < needed:
        raise StudyError(
            f"The disk of {file.parent} has {free:,} bytes free, and the backup needs {needed:,} for a copy of the database. "
            "Free some disk space, or use another folder."
        )


def _verify(file: Path) -> None:
    """Read every member again and compare its digest; remove the file if a member differs."""
    try:
        with archive.reading(file) as (manifest, zipped):
            archive.compare(zipped, manifest)
    except StudyError:
        file.unlink(missing_ok=True)
        raise


def _version() -> str:
    try:
        return metadata.version("litmus")
    except metadata.PackageNotFoundError:
        return "not installed"
