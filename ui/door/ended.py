"""Remember which sign-ins have ended before their time, for every dashboard on the same home and after a restart.

An ended sign-in is an empty file in the folder `signed-out` of the home, named after the time at which the sign-in would have
expired and a digest of its token. Files of expired sign-ins are removed.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

from core import files
from core.settings import SIGNED_OUT


def end(home: Path, token: str, *, expires: int, now: float) -> None:
    """Remember that this sign-in has ended. Raises `OSError` if the home cannot be written."""
    folder = home / SIGNED_OUT
    for path in folder.glob("*.*") if folder.exists() else []:
        until = path.name.partition(".")[0]
        if until.isdecimal() and int(until) <= now:
            path.unlink(missing_ok=True)
    files.create(folder / _name(token, expires), b"")


def has_ended(home: Path, token: str, *, expires: int) -> bool:
    """Whether this sign-in was ended by any dashboard on this home. A folder that cannot be read counts as ended."""
    with suppress(PermissionError):
        return (home / SIGNED_OUT / _name(token, expires)).exists()
    return True


def _name(token: str, expires: int) -> str:
    return f"{expires}.{hashlib.sha256(token.encode()).hexdigest()[:40]}"
