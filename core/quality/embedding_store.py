"""Store and read embeddings of texts, in one SQLite file per encoder under the home folder; needs no torch."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import encoders
from core.errors import StudyError
from core.study.chunks import chunks

FOLDER = "embeddings"
KEYS_AT_ONCE = 500
WAIT_SECONDS = 60.0


def read(texts: Sequence[str], *, encoder: str, home: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The stored vectors of texts, shape (n, d), float32, and a mask, shape (n,), of the texts with a stored vector.

    Rows of other texts are nan; d is 0 if no text has a stored vector. Raises `StudyError` if the file cannot be read.
    """
    keys = [key(text) for text in texts]
    stored = _read(set(keys), path(encoder, home))
    width = len(next(iter(stored.values()))) if stored else 0
    vectors = np.full((len(keys), width), np.nan, dtype=np.float32)
    is_stored = np.array([digest in stored for digest in keys], dtype=bool)
    for place in np.flatnonzero(is_stored):
        vectors[place] = stored[keys[place]]
    return vectors, is_stored


def write(texts: Sequence[str], vectors: NDArray[np.float32], *, encoder: str, home: Path) -> None:
    """Store the vectors of texts, shape (n, d). Vectors stored before stay as they are; several processes may write at once.

    Raises `StudyError` if the file cannot be used.
    """
    rows = [(key(text), vector.astype("<f4").tobytes()) for text, vector in zip(texts, vectors, strict=True)]
    file = path(encoder, home)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _opened(file) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")
        connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)


def path(encoder: str, home: Path) -> Path:
    """The path of an encoder's vectors; encoders whose names differ in any character have different paths, and so have other weights
    in the same folder."""
    name = re.sub(r"[^\w.-]+", "_", encoder)[-40:]
    whose = hashlib.sha256((encoder + encoders.weights_digest(encoder)).encode()).hexdigest()
    return home / FOLDER / f"{name}-{whose[:8]}.db"


def key(text: str) -> bytes:
    """A digest of the exact text, 16 bytes; case counts, as some encoders read capitals differently."""
    return hashlib.sha256(text.encode()).digest()[:16]


def _read(keys: set[bytes], file: Path) -> dict[bytes, NDArray[np.float32]]:
    if not file.is_file():
        return {}
    found: dict[bytes, NDArray[np.float32]] = {}
    with _opened(file) as connection:
        for chunk in chunks(list(keys), KEYS_AT_ONCE):
            marks = ", ".join("?" * len(chunk))
            rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", chunk)
            found.update({digest: np.frombuffer(blob, dtype="<f4") for digest, blob in rows})
    return found


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise StudyError(f"The stored embeddings in {file} cannot be used ({error}). Delete the file.") from error
