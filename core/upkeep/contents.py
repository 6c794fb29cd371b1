"""The files of a home: which belong into a backup, which are left out and why, and which hold secrets."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from core.settings import Settings

CACHES = {
    "checkpoints": "checkpoints of unfinished trainings",
    "embeddings": "stored embeddings, which are computed again",
    "hub": "downloads from the hub",
    "backups": "older backups",
}
LOCK, DRAFT, LINK = "locks", "unfinished files", "links and files of another kind"
NO_TEXT = "files whose name is no text (UTF-8)"
IS_DRAFT = re.compile(r"^\..+\.([0-9a-f]{16}|part)$")
SQLITE_ENDINGS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Contents:
    """The files of a home that belong into a backup, relative to the home, and the number of the other files by reason."""

    files: list[str]
    left_out: dict[str, int]

    @property
    def secrets(self) -> list[str]:
        """The names of the files that hold a key."""
        return [name for name in self.files if name.endswith(".key")]


def database_file(settings: Settings) -> Path | None:
    """The path of the SQLite database; None if the studies are in PostgreSQL."""
    if not settings.database_url.startswith("sqlite"):
        return None
    return Path(str(make_url(settings.database_url).database)).absolute()


def of(settings: Settings, *, without: Path) -> Contents:
    """The files of the home except the database, which is copied in its own way, and except the file `without`.

    Raises `OSError` for a folder that cannot be listed.
    """
    files: list[str] = []
    left_out: Counter[str] = Counter()
    database = database_file(settings)
    skipped = {without.absolute()}
    if database is not None:
        skipped |= {database.with_name(database.name + ending) for ending in SQLITE_ENDINGS}
    for folder, folders, names in os.walk(settings.home, onerror=_refuse):
        folders.sort()
        here = Path(folder)
        left_out[LINK] += sum((here / name).is_symlink() for name in folders)
        for name in sorted(names):
            path = here / name
            relative = path.relative_to(settings.home)
            if path in skipped:
                continue
            if (reason := _reason(path, relative)) is not None:
                left_out[reason] += 1
            else:
                files.append(relative.as_posix())
    return Contents(files, {reason: n for reason, n in left_out.items() if n})


def is_text(path: Path) -> bool:
    """Whether a name can be written as text: a file system takes any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(error: OSError) -> None:
    raise error


def _reason(path: Path, relative: Path) -> str | None:
    """Why a file is left out of a backup; None if the file belongs into a backup."""
    if path.is_symlink() or not path.is_file():
        return LINK
    if len(relative.parts) > 1 and relative.parts[0] in CACHES:
        return CACHES[relative.parts[0]]
    if not is_text(relative):
        return NO_TEXT
    if path.suffix in {".lock", ".pid"}:
        return LOCK
    return DRAFT if IS_DRAFT.match(path.name) else None
