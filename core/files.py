"""Write a file so that a reader never meets half of it: whole in place of the old one, or only where there is none; digest it."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OWNER_ONLY = 0o600
AS_USUAL = 0o666  # less what the umask takes away


def replace(path: Path, content: bytes) -> None:
    """Write `content` to `path` in place of any earlier file there; makes the folder if it is missing.

    A process that reads `path` meanwhile gets either the old file or the new one. Raises `OSError` as `Path.write_bytes`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path, content, mode=AS_USUAL) as draft:
        draft.replace(path)


@contextmanager
def prepared(path: Path, content: bytes) -> Iterator[Callable[[], object]]:
    """Write `content` beside `path`, and give the call that puts it in place of any earlier file there, at once.

    Without that call nothing is left behind. A pipe or a device at `path` is written to by the call itself. Raises `OSError`
    as `Path.write_bytes`.
    """
    if path.exists() and not path.is_file():
        yield lambda: path.write_bytes(content)
        return
    place = path.resolve()
    with _draft(place, content, mode=AS_USUAL) as draft:
        yield lambda: draft.replace(place)


def create(path: Path, content: bytes) -> None:
    """Write `content` to `path`, readable by its owner alone, unless a file is there already; makes the folder.

    Of several processes that create one path at once, the first decides its content, and each finds a whole file.
    Raises `OSError` as `Path.write_bytes`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path, content, mode=OWNER_ONLY) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)


def digest(path: Path) -> str:
    """The SHA-256 of the bytes of a file, in hexadecimal. Raises `OSError` as `Path.open`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _draft(path: Path, content: bytes, *, mode: int) -> Iterator[Path]:
    """A new file with `content` in the folder of `path`, removed afterwards if it still has its own name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """Whether a path is an existing file; False for a name that no file can have."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a path is an existing folder; False for a name that no folder can have."""
    try:
        return path.is_dir()
    except OSError:
        return False
