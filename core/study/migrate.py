"""Migrate a database to the newest schema, after a backup of a database that already has a schema."""

import functools
import gzip
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from filelock import FileLock
from sqlalchemy import Engine, MetaData

from core.errors import StudyError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = sqlalchemy.table("alembic_version", sqlalchemy.column("version_num"))
IN_TURN = threading.Lock()  # the module `alembic.context` holds the running migration, so only one thread may migrate


def upgrade(engine: Engine, *, lock: Path, backups: Path) -> Path | None:
    """Migrate a database to the newest revision; return the path of the backup, None if no backup was needed.

    Of several processes that start at once, a file lock lets one migrate while the others wait; threads of one process
    migrate one after the other, even different databases. Raises `StudyError` if the database is at a revision that this
    version of Litmus does not know.
    """
    if current(engine) == newest():
        return None
    with IN_TURN, FileLock(lock):
        found = current(engine)
        if found == newest():
            return None
        if found is not None and found not in known():
            raise StudyError(
                f"The database is at revision {found}, which this version of Litmus does not know: another version made "
                "the database. Use that version, or set another LITMUS_HOME."
            )
        from alembic import command  # 0.3 s: loaded only to migrate

        saved = backup(engine, backups) if found else None
        with engine.begin() as connection:
            command.upgrade(config_for(connection), "head")
    return saved


def current(engine: Engine) -> str | None:
    """The revision of a database; None if the database is new."""
    with engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table(VERSIONS.name):
            return None
        return connection.execute(sqlalchemy.select(VERSIONS.c.version_num)).scalar()


def newest() -> str:
    """The newest revision known to this version of Litmus."""
    return max(known())


@functools.cache
def known() -> frozenset[str]:
    """All revisions known to this version of Litmus: the first four characters of the migrations' file names, in order."""
    return frozenset(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def config_for(connection: sqlalchemy.Connection) -> "Config":
    """The configuration of Alembic for an open connection."""
    config = _config()
    config.attributes["connection"] = connection
    return config


def backup(engine: Engine, folder: Path) -> Path:
    """Copy the whole database into a folder and return the path: a file of SQLite, or JSON lines of all tables of a server."""
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
                file.write(
                    json.dumps({"table": table.name, "row": dict(row)}, default=_plain, ensure_ascii=False) + "\n"
                )


def _plain(value: object) -> str:
    """A value that JSON has no form for, as text; bytes as PostgreSQL writes and reads them."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
