"""The files of a home under the doctor's eyes: permissions, leftovers, unreadable logs, and damaged caches and backups."""

import gzip
import json
import os
import shlex
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.settings import Settings
from core.upkeep.contents import IS_DRAFT, SQLITE_ENDINGS
from core.upkeep.findings import Finding, counted

STALE_SECONDS = 3600.0
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def permissions(home: Path, database: Path | None) -> Iterator[Finding]:
    """A home that others on the machine can enter, and private files that they can read."""
    if os.name != "posix":
        return
    if (mode := stat.S_IMODE(home.stat().st_mode)) & OTHERS:
        yield Finding(
            f"Other users of this machine can enter the home {home} (its mode is {mode:o}).",
            f"Run: chmod 700 {shlex.quote(str(home))}",
        )
    private = [*home.glob("*.key")]
    if database is not None:
        private += [database.with_name(database.name + ending) for ending in SQLITE_ENDINGS]
    wide = [path for path in private if path.is_file() and stat.S_IMODE(path.stat().st_mode) & OTHERS]
    if wide:
        yield Finding(
            f"Other users may read {counted([path.name for path in wide], 'private file')}.",
            f"Run: chmod 600 {shlex.join(map(str, wide))}",
        )


def shut_folders(home: Path) -> Iterator[Finding]:
    """Folders of the home that this user cannot list: no backup can be made with them."""
    shut = [
        Path(folder, name)
        for folder, names, _ in os.walk(home)
        for name in names
        if not os.access(Path(folder, name), os.R_OK | os.X_OK)
    ]
    if shut:
        yield Finding(
            f"{counted([str(path.relative_to(home)) for path in shut], 'folder')} of the home cannot be read, so no backup can be made.",
            f"Run: chmod u+rwx {shlex.join(map(str, shut[:5]))}",
        )


def leftovers(home: Path, *, now: float) -> Iterator[Finding]:
    """Files and folders that a stopped write, backup or restore has left behind."""
    found = [path for path in home.rglob(".*") if IS_DRAFT.match(path.name) or path.name.startswith(".backup.")]
    found += home.parent.glob(f".{home.name}.restore.*")
    stale = [path for path in found if _age(path, now) > STALE_SECONDS]
    if stale:
        yield Finding(
            f"{counted([path.name for path in stale], 'unfinished file')} was left behind by a write that was stopped.",
            f"Delete: {shlex.join(map(str, stale[:5]))}",
        )
    halves = [*(home / "backups").glob("litmus-*.db-journal")]
    broken = [path for path in (home / "backups").glob("litmus-*") if _is_broken_backup(path)]
    if halves or broken:
        yield Finding(
            f"A migration was interrupted while it made its backup: {counted([path.name for path in broken or halves], 'file')}.",
            "Delete these files once `litmus doctor` finds nothing wrong with the database itself.",
        )


def damaged(settings: Settings) -> Iterator[Finding]:
    """Logs that cannot be read, and caches and tables of prices that are damaged."""
    logs = [path.name for path in settings.logs.glob("*") if not _can_read(path)]
    if logs:
        yield Finding(
            f"{counted(logs, 'log')} cannot be read.",
            f"Delete what is no file in {settings.logs}, or give this user the right to read it.",
        )
    caches = [path for path in (settings.home / "embeddings").glob("*.db") if not _is_whole_sqlite(path)]
    caches += [path for path in [*(settings.home / "measures").glob("*.json")] if not _is_json(path)]
    if caches:
        yield Finding(
            f"{counted([path.name for path in caches], 'cache file')} cannot be used.",
            f"Delete: {shlex.join(map(str, caches[:5]))}; the content is computed again.",
        )
    tables = [path for path in settings.home.glob("*.json") if not _is_json(path)]
    if tables:
        yield Finding(
            f"{counted([path.name for path in tables], 'table')} of this home is damaged.",
            f"Mend or delete: {shlex.join(map(str, tables[:5]))}",
        )


def _age(path: Path, now: float) -> float:
    try:
        return now - path.lstat().st_mtime
    except OSError:
        return 0.0


def _can_read(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def _is_whole_sqlite(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False


def _is_broken_backup(path: Path) -> bool:
    if path.suffix == ".db":
        return path.stat().st_size == 0 or not _is_whole_sqlite(path)
    if path.name.endswith(".jsonl.gz"):
        try:
            with gzip.open(path) as file:
                while file.read(1 << 20):
                    pass
        except (OSError, EOFError, zlib.error):
            return True
    return False
