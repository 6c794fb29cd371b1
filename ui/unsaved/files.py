"""The unsaved words of each browser as a JSON file in the home, capped in number and length, and deleted after two weeks."""

import hashlib
import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import files

FOLDER = "unsaved"
KEPT_DAYS = 14
MOST_FIELDS = 200
MOST_CHARACTERS = 20_000
MOST_BROWSERS = 200
WRITING = threading.Lock()

Value = str | int | float


@dataclass(frozen=True)
class Typed:
    """The value typed into a field, the saved value that the field showed before, and the Unix time of typing."""

    value: Value
    over: Value
    at: float


def read(home: Path, browser: str, *, now: float) -> dict[str, Typed]:
    """The unsaved values of a browser by field; values older than two weeks and unreadable files are left out."""
    try:
        rows = json.loads(_path(home, browser).read_bytes())
        typed = {str(field): Typed(value, over, float(at)) for field, (value, over, at) in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {field: row for field, row in typed.items() if now - row.at < KEPT_DAYS * 86_400}


def write(home: Path, browser: str, changes: dict[str, Typed | None], *, now: float) -> None:
    """Store values of a browser's fields, and remove the fields whose value is None; the newest fields are kept.

    A text over 20,000 characters is not stored. Raises `OSError` if the home cannot be written.
    """
    with WRITING:
        rows = read(home, browser, now=now)
        for field, typed in changes.items():
            rows.pop(field, None)
            if typed is not None and len(str(typed.value)) <= MOST_CHARACTERS:
                rows[field] = typed
        newest = sorted(rows.items(), key=lambda pair: pair[1].at)[-MOST_FIELDS:]
        if newest:
            content = {field: [row.value, row.over, row.at] for field, row in newest}
            files.replace(_path(home, browser), json.dumps(content).encode())
        else:
            _path(home, browser).unlink(missing_ok=True)


def prune(home: Path, *, now: float) -> None:
    """Delete the files of browsers that typed nothing for two weeks, and the oldest files over 200."""
    aged = sorted(((path.stat().st_mtime, path) for path in (home / FOLDER).glob("*.json")), reverse=True)
    for place, (at, path) in enumerate(aged):
        if place >= MOST_BROWSERS or now - at > KEPT_DAYS * 86_400:
            with suppress(OSError):
                path.unlink()


def _path(home: Path, browser: str) -> Path:
    return home / FOLDER / f"{hashlib.sha256(browser.encode()).hexdigest()[:32]}.json"
