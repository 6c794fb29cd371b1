"""Whether a server can work: its database and its disk can be written."""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path

import sqlalchemy

from core.errors import StudyError
from core.study.store import Store

PATIENCE_S = 3.0
LEAST_FREE = 64 << 20


def database(store: Store) -> bool:
    """Whether the database can be written: a row is written as it is, and committed."""
    with suppress(StudyError, sqlalchemy.exc.SQLAlchemyError, OSError):
        with store.write(patience_s=PATIENCE_S) as session:
            session.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = version_num"))
        return True
    return False


def disk(home: Path) -> bool:
    """Whether a file can be written to the home, and at least 64 MB are free there."""
    path = home / f".health.{secrets.token_hex(8)}"
    try:
        path.write_bytes(b"health")
        return shutil.disk_usage(home).free >= LEAST_FREE
    except OSError:
        return False
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
