"""Sign-in tokens, signed with the organiser's key of the home and the password, so that the server stores no sign-ins."""

import hmac
import secrets
from pathlib import Path

from core import files
from core.errors import StudyError
from ui.door import ended, passwords


def sign(home: Path, password: str, *, expires: float, purpose: str = "sign-in") -> str:
    """A sign-in token, valid until `expires` (Unix seconds), for this home and this password only.

    `password`: the password or its hash. `purpose`: a token for one purpose is not valid for another.
    """
    payload = f"{int(expires)}.{secrets.token_hex(8)}"
    return f"{payload}.{_signature(home, password, payload, purpose)}"


def is_signed(home: Path, password: str, token: str, *, now: float, purpose: str = "sign-in") -> bool:
    """Whether `sign` made this token for this home and password, it has not expired, and nobody has signed out of it.

    `now`: Unix seconds.
    """
    payload, _, signature = token.rpartition(".")
    expires = payload.partition(".")[0]
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 12) or int(expires) <= now:
        return False
    if not passwords.same(signature, _signature(home, password, payload, purpose)):
        return False
    return not ended.has_ended(home, token, expires=int(expires))


def key_file(home: Path) -> Path:
    """The file that holds the organiser's key."""
    return home / "organiser.key"


def organiser_key(home: Path) -> str:
    """Get or create the organiser's key of this home, in a file that only its owner can read.

    Raises `StudyError` if the file cannot be read or written, or is empty.
    """
    path = key_file(home)
    try:
        if not path.exists():
            files.create(path, ("-".join(secrets.token_hex(2) for _ in range(8)) + "\n").encode())
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"The organiser's key in {path} cannot be read or made: {error}.") from error
    if not key:
        raise StudyError(f"{path} is empty: delete it, and a new organiser's key is made.")
    return key


def _signature(home: Path, password: str, payload: str, purpose: str) -> str:
    secret = hmac.digest(organiser_key(home).encode(), purpose.encode() + b"\0" + password.encode(), "sha256")
    return hmac.digest(secret, payload.encode(), "sha256").hex()
