"""Bring a database to the newest schema, with a backup file first whenever it already holds something."""

import gzip
import json
import sqlite3
import threading
import time
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Engine, MetaData

from core.errors import StudyError

MIGRATIONS = Path(__file__).parent / "migrations"
IN_TURN = threading.Lock()  # Alembic keeps the migration that runs in the module `alembic.context`, one for all threads


def upgrade(engine: Engine, *, lock: Path, backups: Path) -> Path | None:
    """Migrate to the newest revision and return the backup's path, or None when nothing was backed up.

    Several processes may start at once: a file lock lets one of them migrate while the others wait. Threads of one process
    take turns whatever their databases.
    """
    if current(engine) == newest():
        return None
    with IN_TURN, FileLock(lock):
        found = current(engine)
        if found == newest():
            return None
        if found is not None and found not in _known():
            raise StudyError(
                f"The database is at revision {found}, which this version of Litmus does not know: it was made by another "
                "version. Use that one, or another LITMUS_HOME."
            )
        saved = backup(engine, backups) if found else None
        with engine.begin() as connection:
            command.upgrade(config_for(connection), "head")
    return saved


def current(engine: Engine) -> str | None:
    """The revision a database is at; None when it is new."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The newest revision that this version of Litmus knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def config_for(connection: sqlalchemy.Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = _config()
    config.attributes["connection"] = connection
    return config


def backup(engine: Engine, folder: Path) -> Path:
    """A copy of the whole database: an SQLite file, or every table as JSON lines when it lives on a server."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    if engine.dialect.name == "sqlite":
        target = folder / f"litmus-{stamp}.db"
        with engine.connect() as connection, sqlite3.connect(target) as copy:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(copy)
        return target
    target = folder / f"litmus-{stamp}.jsonl.gz"
    _dump(engine, target)
    return target


def _dump(engine: Engine, target: Path) -> None:
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection, gzip.open(target, "wt", encoding="utf-8") as file:
        for table in tables.sorted_tables:
            for row in connection.execute(sqlalchemy.select(table)).mappings():
                file.write(json.dumps({"table": table.name, "row": dict(row)}, default=str, ensure_ascii=False) + "\n")


def _known() -> set[str]:
    return {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
