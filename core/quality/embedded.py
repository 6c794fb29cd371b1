"""Embeddings that were made before, kept per encoder in a file under the home folder; read without torch."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import StudyError
from core.study.chunks import chunks

FOLDER = "embeddings"
KEYS_AT_ONCE = 500
WAIT_SECONDS = 60.0


def recall(texts: Sequence[str], *, encoder: str, home: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What is kept of these texts: vectors (n, d) float32, and a mask (n,) of the rows that are.

    Other rows are nan; d is 0 when nothing is kept.
    """
    keys = [key(text) for text in texts]
    kept = _read(set(keys), file(encoder, home))
    width = len(next(iter(kept.values()))) if kept else 0
    vectors = np.full((len(keys), width), np.nan, dtype=np.float32)
    held = np.array([one in kept for one in keys], dtype=bool)
    for place in np.flatnonzero(held):
        vectors[place] = kept[keys[place]]
    return vectors, held


def remember(texts: Sequence[str], vectors: NDArray[np.float32], *, encoder: str, home: Path) -> None:
    """Keep these vectors (n, d). Several processes may do so at once; what is kept already stays."""
    rows = [(key(text), vector.astype("<f4").tobytes()) for text, vector in zip(texts, vectors, strict=True)]
    path = file(encoder, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")
        connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)


def file(encoder: str, home: Path) -> Path:
    """The file of an encoder's vectors. Encoders whose names differ in any character have different files."""
    name = re.sub(r"[^\w.-]+", "_", encoder)[-40:]
    return home / FOLDER / f"{name}-{hashlib.sha256(encoder.encode()).hexdigest()[:8]}.db"


def key(text: str) -> bytes:
    """16 bytes that stand for a text, letter by letter: some encoders tell capitals apart."""
    return hashlib.sha256(text.encode()).digest()[:16]


def _read(keys: set[bytes], path: Path) -> dict[bytes, NDArray[np.float32]]:
    if not path.is_file():
        return {}
    asked, found = list(keys), {}
    with _opened(path) as connection:
        for chunk in chunks(asked, KEYS_AT_ONCE):
            marks = ", ".join("?" * len(chunk))
            rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", chunk)
            found.update({digest: np.frombuffer(blob, dtype="<f4") for digest, blob in rows})
    return found


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise StudyError(f"The kept embeddings in {path} cannot be used ({error}). Delete the file.") from error
