"""Restore a home from a backup: everything is checked and unpacked beside the home before the home is touched."""

import os
import secrets
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy import Connection, inspect

from core.errors import StudyError
from core.settings import SIGNED_OUT, VIEW_LINKS, Settings
from core.study import migrate
from core.upkeep import archive, contents, database

STOP_FIRST = "Stop the dashboard and its jobs first, then restore again."


@dataclass(frozen=True)
class Restored:
    """A home that was restored: its files, the checksum of the backup, where the old home went, and the jobs now paused.

    `shut_links`: read-only links of the backup that had been ended since, and stay so.
    """

    files: list[str]
    checksum: str
    made: float
    moved_aside: list[str]
    paused_jobs: int
    shut_links: int


def check(file: Path) -> archive.Manifest:
    """The manifest of a backup, after the check of every byte. Raises `StudyError` if the backup is damaged or newer."""
    with archive.reading(file) as (manifest, zipped):
        _check_revision(manifest, file.name)
        archive.compare(zipped, manifest)
    return manifest


def restore(settings: Settings, file: Path, *, replace: bool = False) -> Restored:
    """Restore a home; with `replace`, an existing home and its database are moved aside first.

    Raises `StudyError`, with nothing changed, if the backup is damaged or of another kind of database, if there is a home
    already, if its database is in use, or if the disk has no room.
    """
    home = settings.home
    with archive.reading(file) as (manifest, zipped):
        _check_revision(manifest, file.name)
        _check_target(settings, manifest, replace=replace)
        _check_room(settings, manifest)
        checksum = archive.checksum(file)
        stage = home.with_name(f".{home.name}.restore.{secrets.token_hex(8)}")
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            stage.mkdir(mode=0o700)
            (stage / archive.HOME).mkdir(mode=0o700)
            archive.unpack(zipped, manifest, stage)
            shut = _keep_shut(stage / archive.HOME, home)
            moved, paused = _put(settings, manifest, stage)
        except OSError as error:
            place = error.filename2 or error.filename or home
            raise StudyError(
                f"The home could not be restored: {error.strerror or error}, at {place}. Nothing was changed."
            ) from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return Restored(list(manifest.members), checksum, manifest.made, moved, paused, shut)


def _keep_shut(new: Path, old: Path) -> int:
    """Let what was ended at the old home's door since the backup stay ended in the new one; return the number of read-only links."""
    if not old.is_dir() or not any(old.iterdir()):
        return 0
    for ended in (old / SIGNED_OUT).glob("*"):
        (new / SIGNED_OUT).mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(ended, new / SIGNED_OUT / ended.name)
    shut = [link for link in (new / VIEW_LINKS).glob("*") if not (old / VIEW_LINKS / link.name).exists()]
    for link in shut:
        link.unlink()
    return len(shut)


class _Moves:
    """Renames of files and folders that are undone, the last first, if the work that they are part of fails."""

    def __init__(self) -> None:
        self.done: list[tuple[Path, Path]] = []

    def __enter__(self) -> "_Moves":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        for path, to in reversed(self.done):
            try:
                to.rename(path)
            except OSError as error:
                raise StudyError(
                    f"The restore failed, and {path} could not be moved back: {error.strerror or error}. Rename {to} to {path}."
                ) from error

    def rename(self, path: Path, to: Path) -> None:
        """Rename a file or folder, and remember its old name."""
        path.rename(to)
        self.done.append((path, to))


def _put(settings: Settings, manifest: archive.Manifest, stage: Path) -> tuple[list[str], int]:
    """Put the unpacked files and the database into their places; all that takes room is done before the first rename."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = contents.database_file(settings)
    if target is None:
        return _put_with_rows(settings, manifest, stage, stamp=stamp)
    unpacked = stage / database.FILE
    paused = _prepare(unpacked)
    if target.is_relative_to(settings.home):
        inner = stage / archive.HOME / target.relative_to(settings.home)
        inner.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unpacked.replace(inner)
        with _Moves() as moves:
            return _put_home(moves, stage, settings.home, stamp), paused
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        _copy(unpacked, draft)
        with _Moves() as moves:
            aside = _put_database(moves, draft, target, stamp)
            return [*_put_home(moves, stage, settings.home, stamp), *aside], paused
    finally:
        with suppress(OSError):
            draft.unlink()


def _put_with_rows(settings: Settings, manifest: archive.Manifest, stage: Path, *, stamp: str) -> tuple[list[str], int]:
    """Fill the database, which is undone if the files cannot be put into their place, and the other way round."""
    with (
        database.engine_of(settings.database_url) as engine,
        _Moves() as moves,
        engine.begin() as connection,
    ):
        moved = _move_tables_aside(connection, stamp)
        database.restore_rows(connection, manifest, stage)
        paused = database.pause_jobs(connection)
        homes = _put_home(moves, stage, settings.home, stamp)
    return [*moved, *homes], paused


def _prepare(file: Path) -> int:
    """Check an unpacked SQLite database, pause its jobs, and return their number."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            problems = database.integrity(connection)
    except sqlite3.Error as error:
        raise StudyError(f"The database in the backup cannot be read: {error}. {archive.AGAIN}") from error
    if problems:
        raise StudyError(f"The database in the backup is damaged: {problems[0]}. {archive.AGAIN}")
    engine = sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=str(file)))
    try:
        with engine.begin() as connection:
            return database.pause_jobs(connection)
    finally:
        engine.dispose()


def _put_home(moves: _Moves, stage: Path, home: Path, stamp: str) -> list[str]:
    """Put the new home to its place, after an older home there was moved aside; return where to."""
    moved = []
    if home.exists() and any(home.iterdir()):
        aside = _free_name(home, stamp)
        moves.rename(home, aside)
        moved.append(str(aside))
    elif home.exists():
        home.rmdir()
    moves.rename(stage / archive.HOME, home)
    archive.sync_folder(home.parent)
    return moved


def _copy(unpacked: Path, draft: Path) -> None:
    """Copy the database to the disk on which it will be, down to the disk itself."""
    draft.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(unpacked, draft)
    draft.chmod(0o600)
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _put_database(moves: _Moves, draft: Path, target: Path, stamp: str) -> list[str]:
    """Put the database to a place outside of the home, after an older file there was moved aside; return where to."""
    moved, aside = [], _free_name(target, stamp)
    for ending in contents.SQLITE_ENDINGS:
        old = target.with_name(target.name + ending)
        if old.exists():
            moves.rename(old, aside.with_name(aside.name + ending))
            moved.append(f"{aside}{ending}")
    moves.rename(draft, target)
    archive.sync_folder(target.parent)
    return moved


def _move_tables_aside(connection: Connection, stamp: str) -> list[str]:
    """Rename the schema with the old tables, if there are tables, and make a new schema of its name."""
    if not inspect(connection).get_table_names():
        return []
    schema = connection.scalar(sqlalchemy.text("SELECT current_schema()"))
    aside = f"{schema}_before_restore_{stamp.replace('-', '_')}"
    connection.execute(sqlalchemy.text(f'ALTER SCHEMA "{schema}" RENAME TO "{aside}"'))
    connection.execute(sqlalchemy.text(f'CREATE SCHEMA "{schema}"'))
    return [f"schema {aside} of the database"]


def _free_name(path: Path, stamp: str) -> Path:
    aside = path.with_name(f"{path.name}.before-restore-{stamp}")
    return aside if not aside.exists() else path.with_name(f"{aside.name}-{secrets.token_hex(2)}")


def _check_revision(manifest: archive.Manifest, name: str) -> None:
    if manifest.schema_revision not in migrate.known():
        raise StudyError(
            f"{name} comes from a database at revision {manifest.schema_revision[:40]!r}, which this version of Litmus does "
            "not know. Use the newer version of Litmus that made the backup."
        )
    is_file = manifest.database == "sqlite"
    if is_file != (database.FILE in manifest.members):
        raise StudyError(f"{name} holds no database of the kind that its manifest names. {archive.AGAIN}")


def _check_target(settings: Settings, manifest: archive.Manifest, *, replace: bool) -> None:
    home, file = settings.home, contents.database_file(settings)
    here = "sqlite" if file is not None else "postgresql"
    if manifest.database != here:
        raise StudyError(
            f"The backup is of a home with {_called(manifest.database)}, and LITMUS_DATABASE here names {_called(here)}. "
            "Restore the backup where LITMUS_DATABASE is of the same kind."
        )
    if home.exists() and not home.is_dir():
        raise StudyError(f"{home} is a file. Set LITMUS_HOME to a folder.")
    if home.is_mount():
        raise StudyError(f"{home} is the top of a disk, which cannot be renamed. Set LITMUS_HOME to a folder below it.")
    is_empty = not home.exists() or not any(home.iterdir())
    if not replace and not is_empty:
        raise StudyError(
            f"The folder {home} is not empty, and a restore must not mix two homes. Set LITMUS_HOME to a new folder, or add "
            "--replace, which moves the folder aside."
        )
    if file is not None and file.exists():
        if not replace:
            raise StudyError(f"There is a database at {file} already. Add --replace, which moves the file aside.")
        _check_unused(file)
    if not is_empty:
        _check_no_runner(home)
    if file is None:
        _check_server(settings.database_url, replace=replace)


def _check_no_runner(home: Path) -> None:
    try:
        with FileLock(home / "runner.lock", timeout=0):
            pass
    except Timeout as error:
        raise StudyError(f"The runner of jobs works in {home}. {STOP_FIRST}") from error


def _check_unused(file: Path) -> None:
    """Raise `StudyError` if another process has the SQLite database open; a database that cannot be read is not in use."""
    try:
        with closing(sqlite3.connect(file, timeout=1)) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.rollback()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StudyError(f"The database {file} is in use. {STOP_FIRST}") from error
    except sqlite3.DatabaseError:
        return


def _check_server(url: str, *, replace: bool) -> None:
    with database.engine_of(url) as engine, engine.connect() as connection:
        if not inspect(connection).get_table_names():
            return
        if not replace:
            raise StudyError(
                "The database of LITMUS_DATABASE holds tables already. Set LITMUS_DATABASE to an empty database, or add "
                "--replace, which keeps the old tables under another schema."
            )
        others = connection.scalar(
            sqlalchemy.text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    if others:
        raise StudyError(f"The database of LITMUS_DATABASE is in use by {others} other connections. {STOP_FIRST}")


def _check_room(settings: Settings, manifest: archive.Manifest) -> None:
    """Raise `StudyError` if the disk of the home, or that of a database outside of the home, has too little room."""
    needed = {settings.home: sum(member.size for member in manifest.members.values())}
    target = contents.database_file(settings)
    if target is not None and not target.is_relative_to(settings.home):
        needed[target] = manifest.members[database.FILE].size
    of_disks: dict[int, int] = {}
    for path, size in needed.items():
        folder = next(parent for parent in path.parents if parent.is_dir())
        disk = folder.stat().st_dev
        of_disks[disk] = of_disks.get(disk, 0) + size
        free = shutil.disk_usage(folder).free
        if of_disks[disk] > free:
            raise StudyError(
                f"The backup unpacks to {of_disks[disk]:,} bytes, and the disk of {path} has {free:,} free. Free some disk space."
            )


def _called(kind: str) -> str:
    return "SQLite" if kind == "sqlite" else "PostgreSQL"
