"""Names of raters that say who a person is, such as an e-mail address or a panel's id, and pseudonyms to stand in."""

import hashlib
import hmac
import re
import secrets
from pathlib import Path

import pandas as pd

from core import files
from core.errors import StudyError

KEY_FILE = "pseudonyms.key"
PERSONAL = re.compile(
    r"""[^@\s]+@[^@\s]+\.[^@\s]+                 # e-mail address
      | (?<![0-9a-zA-Z])[0-9a-fA-F]{24}(?![0-9a-zA-Z])  # Prolific id
      | ^A(?=[A-Z0-9]*[0-9])[A-Z0-9]{11,20}$      # Mechanical Turk worker id
    """,
    re.VERBOSE,
)


def is_personal(name: str) -> bool:
    """Whether a rater's name holds an e-mail address or looks like the id that a panel gives one person for good."""
    return PERSONAL.search(name) is not None


def replaced(names: "pd.Series[str]", *, key: bytes | None) -> tuple["pd.Series[str]", int]:
    """The names with a pseudonym for each personal one, and how many raters got one.

    With the same key a person has the same pseudonym in every file (case does not count); without a key nobody can
    tell two imports' people together, and nobody can find out a person by trying addresses.
    """
    secret = secrets.token_bytes(32) if key is None else key
    given = {name: _pseudonym(name, secret) for name in names.unique().tolist() if is_personal(name)}
    return (names.replace(given) if given else names), len(set(given.values()))


def key_in(home: Path) -> bytes:
    """The secret of this home's pseudonyms, made at first need and readable by its owner only.

    Raises `StudyError` when the file cannot be read or made, or is empty: without a secret anybody could find a person.
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
    return f"rater-{hmac.new(key, name.casefold().encode(), hashlib.sha256).hexdigest()[:12]}"
