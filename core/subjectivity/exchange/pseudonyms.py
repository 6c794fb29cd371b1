"""Replace personal names of raters (e-mail addresses, ids of panels) by pseudonyms."""

import hashlib
import hmac
import re
import secrets
from pathlib import Path

import pandas as pd

from core import files
from core.errors import StudyError
from core.subjectivity.exchange import distinct

KEY_FILE = "pseudonyms.key"
PERSONAL = re.compile(
    r"""(?<![^@\s])[^@\s]++@[^@\s]+\.[^@\s]+      # e-mail address; `++` and the start keep the search linear
      | (?<![0-9a-zA-Z])[0-9a-fA-F]{24}(?![0-9a-zA-Z])  # Prolific id
      | ^A(?=[A-Z0-9]*[0-9])[A-Z0-9]{11,20}$      # Mechanical Turk worker id
    """,
    re.VERBOSE,
)


def is_personal(name: str) -> bool:
    """Whether a rater's name contains an e-mail address or looks like the permanent id of a person on a panel."""
    return PERSONAL.search(name) is not None


def replaced(names: "pd.Series[str]", *, key: bytes | None) -> tuple["pd.Series[str]", frozenset[str]]:
    """Replace every personal name by a pseudonym; also return the pseudonyms in use.

    With the same key a person has the same pseudonym in every file (upper and lower case are equal). Without a key a
    random key is used once, so that nobody can match the people of two files or find a person by trying addresses.
    """
    secret = secrets.token_bytes(32) if key is None else key
    pseudonyms = {name: _pseudonym(name, secret) for name in distinct.values(names) if is_personal(name)}
    return (distinct.mapped(names, pseudonyms) if pseudonyms else names), frozenset(pseudonyms.values())


def key_in(home: Path) -> bytes:
    """Read the secret key of the pseudonyms in a home folder; create the key if it is missing.

    Only the owner can read the file. Raises `StudyError` if the file cannot be read or created, or is empty: without a
    secret, anybody could find the person behind a pseudonym.
    """
    path = home / KEY_FILE
    try:
        if not path.exists():
            files.create(path, secrets.token_hex(32).encode())
        key = path.read_bytes().strip()
    except OSError as error:
        raise StudyError(f"The key of the pseudonyms in {path} cannot be read or made: {error.strerror}.") from error
    if not key:
        raise StudyError(f"{path} is empty: delete it, and a new key is made. People then get other pseudonyms.")
    return key


def _pseudonym(name: str, key: bytes) -> str:
    """A pseudonym from the HMAC-SHA-256 of the name in lower case."""
    return f"rater-{hmac.new(key, name.casefold().encode(), hashlib.sha256).hexdigest()[:12]}"
