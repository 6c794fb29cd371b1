"""Zip a folder of files, and unpack such a zip without ever writing outside a folder."""

import secrets
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from core.errors import StorageError, StudyError
from core.study.archive import manifest

LARGEST = 8 << 30  # bytes, unpacked
TIGHTEST = 500  # times that a file may shrink in a zip
MOST_FILES = 200  # a study has a file for each kind of row, and a few beside them
PIECE = 1 << 20


def pack(paths: Sequence[Path], folder: Path, target: Path) -> Path:
    """Zip files under their paths within `folder`, and return `target`. Raises `StorageError` if it cannot be written."""
    draft = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
            for path in paths:
                zipped.write(path, path.relative_to(folder).as_posix())
        return draft.replace(target)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"The file {target} cannot be written: {reason}. Name another file, or free some disk space."
        ) from error
    finally:
        with suppress(OSError):  # the folder may be none
            draft.unlink(missing_ok=True)


def unpack_study(file: Path, folder: Path) -> Path:
    """Unpack the zip of an exported study into a folder, and return the folder.

    Only the manifest and files named like those of a study are unpacked. Raises `StudyError` if the file is no zip, holds no
    manifest at its top, holds other names, or would unpack to more than `LARGEST` bytes.
    """
    try:
        with zipfile.ZipFile(file) as zipped:
            entries = zipped.infolist()
            _check(entries, file.name)
            for entry in entries:
                left = entry.file_size
                with zipped.open(entry) as source, (folder / entry.filename).open("wb") as target:
                    while piece := source.read(min(PIECE, left + 1)):
                        left -= len(piece)
                        if left < 0:
                            raise StudyError(f"{file.name} holds more than it says it does. Export the study again.")
                        target.write(piece)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise StudyError(
            f"{file.name} is not a readable zip file: {str(error)[:100]}. Export the study again."
        ) from error
    return folder


def _check(entries: Sequence[zipfile.ZipInfo], name: str) -> None:
    names = {entry.filename for entry in entries}
    if manifest.NAME not in names:
        raise StudyError(
            f"{name} holds no {manifest.NAME} at its top, so it is no exported study. Choose the zip that `export` made."
        )
    if len(names) < len(entries) or len(names) > MOST_FILES:
        raise StudyError(
            f"{name} holds a name twice, or {len(names):,} files, which no study has. Nothing was unpacked."
        )
    for entry in entries:
        is_plain = entry.filename in manifest.BESIDE or manifest.PLAIN_NAME.fullmatch(entry.filename)
        if not is_plain or PurePosixPath(entry.filename).name != entry.filename:
            raise StudyError(f"{name} holds a file that no study has, {entry.filename[:60]!r}. Nothing was unpacked.")
    size, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    if size > LARGEST or size > TIGHTEST * max(packed, 1) + PIECE:
        raise StudyError(
            f"{name} would unpack to {size:,} bytes, which no study of its size needs. Nothing was unpacked."
        )
