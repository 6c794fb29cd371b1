"""Read-only links: an organiser makes a link that opens the showing pages until a date, and may end the link before.

A link is a file in the folder `view-links` of the home, named after a digest of the link's token, so that every dashboard on the
home knows the link and nobody who reads the home can use it.
"""

import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.errors import StudyError
from core.settings import VIEW_LINKS

MOST = 100


@dataclass(frozen=True)
class ViewLink:
    """A read-only link. `id`: the digest of its token. `made`, `ends`: Unix seconds."""

    id: str
    name: str
    made: float
    ends: float


def make(home: Path, *, name: str, now: float, days: float) -> str:
    """Make a link that holds for some days, and give its token, which is stored nowhere. Links that have ended are removed.

    Raises `StudyError` for an empty or long name, more than `MOST` links, or a home that cannot be written.
    """
    name = name.strip()
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise StudyError("Say in at most 100 characters whom the link is for, such as: the reading group.")
    for ended in [link for link in links(home) if link.ends <= now]:
        end(home, ended.id)
    if len(links(home)) >= MOST:
        raise StudyError(f"There are {MOST} read-only links: end one before another is made.")
    token = secrets.token_urlsafe(24)
    content = json.dumps({"name": name, "made": now, "ends": now + days * 86_400})
    try:
        files.create(home / VIEW_LINKS / f"{_digest(token)}.json", content.encode())
    except OSError as error:
        raise StudyError(f"The link could not be stored in {home / VIEW_LINKS}: {error.strerror}.") from error
    return token


def is_open(home: Path, token: str, *, now: float) -> bool:
    """Whether a token is that of a link that holds: neither ended by an organiser nor past its date."""
    found = _read(home / VIEW_LINKS / f"{_digest(token)}.json")
    return found is not None and now < found.ends


def links(home: Path) -> list[ViewLink]:
    """The links that nobody has ended, the newest first. A file that cannot be read is left out, and opens nothing."""
    paths = (home / VIEW_LINKS).glob("*.json") if (home / VIEW_LINKS).is_dir() else []
    return sorted((link for path in paths if (link := _read(path)) is not None), key=lambda link: -link.made)


def end(home: Path, id: str) -> None:
    """End a link, for every dashboard on the home. Raises `StudyError` if the home cannot be written."""
    try:
        (home / VIEW_LINKS / f"{id}.json").unlink(missing_ok=True)
    except OSError as error:
        raise StudyError(
            f"The link could not be ended: {error.strerror}. Delete {home / VIEW_LINKS} to end it."
        ) from error


def _read(path: Path) -> ViewLink | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        read = json.loads(path.read_text(encoding="utf-8"))
        return ViewLink(path.stem, str(read["name"]), float(read["made"]), float(read["ends"]))
    return None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
